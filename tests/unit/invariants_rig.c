/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A gateway in one process: see invariants_rig.h. This file has bus, store and core.
 */
#include "invariants_rig.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/private.h"
#include "log/spool_state.h"
#include "log_rig.h"
#include "sim.h"
#include "store/books_private.h"

const char gate_bus[] = "meters";
struct gate gate;

/* What sim.c does not have. */
struct wall_time clock_built(void)
{
    return clock_floor();
}

static struct clock_offset clock_now(void)
{
    return clock_read((enum clock_source)0, NULL);
}

/* ---- life */

static struct shape *make_shape(const char *device)
{
    static const struct weir_point point = { "value", "1", WEIR_UINT64 };
    const struct weir_shape view = {
        .device = device, .kind = "reading", .model = "", .points = &point, .point_count = 1
    };
    struct shape *shape;
    assert_int_equal(shape_create(&view, &shape), 0);
    return shape;
}

void gate_begin(void)
{
    size_t uplinks = gate.uplink_count ? gate.uplink_count : UPLINKS;
    gate = (struct gate){ .uplink_count = uplinks,
                          .limit_segments = 64,
                          .ram_limit_bytes = 64 << 20,
                          .flash = memdisk_create(1),
                          .boot = 1,
                          .shape = make_shape("meter"),
                          .other = make_shape("noise") };
    snprintf(gate.ram, sizeof gate.ram, "%s", rig_make());
    sim_boot(gate.boot);
    gate_open_store();
}

static void stop_bus(void)
{
    queue_destroy(gate.queue);
    gate.queue = NULL;
}

static void stop_all(void)
{
    gate_kill(A);
    gate_kill(B);
    stop_bus();
    books_destroy(gate.books);
    gate.books = NULL;
    rig_remove(gate.ram);
}

void gate_forget_receivers(void);

void gate_end(void)
{
    stop_all();
    gate_forget_receivers();
    memdisk_destroy(gate.flash);
    shape_destroy(gate.shape);
    shape_destroy(gate.other);
    gate_before_look = NULL;
    gate.uplink_count = 0;
}

void gate_dark(unsigned cut)
{
    struct memdisk *left = memdisk_cut(gate.flash, cut, 1);
    stop_all();
    memdisk_destroy(gate.flash);
    gate.flash = left;
    assert_int_equal(folder_make(gate.ram), 0);
    sim_boot(++gate.boot);
}

void gate_cut(unsigned cut)
{
    gate_dark(cut);
    gate_open_store();
}

static void open_store(bool with_flash)
{
    static const struct books_uplink uplinks[UPLINKS] = { { "a", false }, { "b", false } };
    char path[FOLDER_PATH_MAX];
    const struct books_options options = { .ram = gate.ram,
                                           .gateway = "gw",
                                           .disk = with_flash ? memdisk_disk(gate.flash) : NULL,
                                           .disk_error = with_flash ? 0 : -EIO,
                                           .segment_bytes = GATE_SEGMENT,
                                           .batch_bytes = GATE_BATCH,
                                           .limit_bytes = gate.limit_segments * GATE_SEGMENT,
                                           .persist_after_ns = 5 * NS_PER_S,
                                           .max_age_ns = 365LL * 86400 * NS_PER_S,
                                           .ram_share_bytes = 64 << 20,
                                           .uplinks = uplinks,
                                           .uplink_count = gate.uplink_count };
    snprintf(path, sizeof path, "%s/spool", gate.ram); /* a folder to open; never read */
    assert_int_equal(folder_make(path), 0);
    assert_int_equal(books_open(&options, clock_now(), &gate.books), 0);
}

void gate_open_store(void)
{
    open_store(true);
}

void gate_open_store_without_flash(void)
{
    open_store(false);
}

void gate_restart_store(void)
{
    books_destroy(gate.books);
    gate_open_store();
}

/* ---- the bus */

static int new_epoch(void *context, uint64_t order, uint64_t *ret_epoch)
{
    *ret_epoch = books_epoch(gate.books, gate_bus);
    books_commit_epochs(gate.books);
    return 0;
}

uint64_t gate_epoch(void)
{
    const struct queue_place place = {
        .ram = gate.ram, .gateway = "gw", .bus = gate_bus, .new_epoch = new_epoch
    };
    int pid;
    assert_null(gate.queue);
    assert_int_equal(queue_open(&place, clock_now(), &gate.queue, &pid), 0);
    return queue_epoch(gate.queue);
}

uint64_t gate_renew_overtaken(void)
{
    uint64_t epoch;
    assert_true(books_bus(gate.books, gate_bus)->overtaken);
    new_epoch(NULL, 0, &epoch);
    assert_int_equal(queue_renew(gate.queue, epoch), 0);
    return epoch;
}

void gate_kill_bus(void)
{
    stop_bus();
    gate_epoch();
}

void gate_new_kernel(void)
{
    stop_bus();
    books_destroy(gate.books);
    sim_boot(++gate.boot);
    gate_open_store();
}

void gate_close_bus(void)
{
    assert_int_equal(queue_close(gate.queue), 0);
    stop_bus();
}

static void add(const struct shape *shape, int count)
{
    for (int i = 0; i < count; i++) {
        const struct weir_value value = { .uint64 = queue_last(gate.queue) + 1 };
        assert_int_equal(queue_append(gate.queue, shape, boot_now(), &value, NULL), 0);
    }
}

void gate_add(int count)
{
    add(gate.shape, count);
}

void gate_add_failing(void)
{
    enum { POINTS = QUEUE_SEGMENT_BYTES / WEIR_TEXT_MAX + 1 };
    static const uint8_t text[WEIR_TEXT_MAX];
    static char names[POINTS][8];
    struct weir_point points[POINTS];
    struct weir_value values[POINTS];
    struct shape *shape;
    for (size_t i = 0; i < POINTS; i++) {
        snprintf(names[i], sizeof names[i], "p%zu", i);
        points[i] = (struct weir_point){ names[i], "", WEIR_BYTES };
        values[i] = (struct weir_value){ .bytes = { text, sizeof text } };
    }
    const struct weir_shape view = {
        .device = "meter", .kind = "picture", .model = "", .points = points, .point_count = POINTS
    };
    assert_int_equal(shape_create(&view, &shape), 0);
    assert_int_equal(queue_append(gate.queue, shape, boot_now(), values, NULL), -E2BIG);
    shape_destroy(shape);
}

void gate_add_other(int count)
{
    add(gate.other, count);
}

void gate_add_apart(int count)
{
    for (int i = 0; i < count; i++) {
        gate_kill_bus();
        gate_add(1);
    }
}

/* ---- store */

void gate_persist(void)
{
    assert_int_equal(books_persist(gate.books, 0), 0);
}

void gate_checkpoint(void)
{
    assert_int_equal(books_persist(gate.books, GROUP_CURSORS), 0);
}

void gate_add_persisted(int count)
{
    for (int i = 0; i < count; i++) {
        gate_add_apart(1);
        gate_persist();
    }
}

void gate_tick(int64_t ms)
{
    sim_pass_ms(ms);
    books_tick(gate.books, clock_now(), NULL, NULL);
}

size_t gate_flash_segments(void)
{
    const uint64_t *used;
    return writer_segments(gate.books->writer, &used);
}

bool gate_durable(int uplink, struct cursor_entry *ret_entry)
{
    struct spool_state state;
    bool there = false;
    assert_int_equal(spool_state_read(memdisk_disk(gate.flash), GATE_SEGMENT, &state), 0);
    for (size_t i = 0; state.account && i < state.account->uplink_count; i++) {
        const struct account_uplink *u = &state.account->uplinks[i];
        if (strcmp(u->name, uplink == A ? "a" : "b") == 0 && u->cursor_count) {
            assert_int_equal(cursor_decode(u->cursors[0].slot, u->cursors[0].len, ret_entry), 0);
            there = true;
        }
    }
    spool_state_finish(&state);
    return there;
}

uint64_t gate_group(void)
{
    return gate.books->account->group;
}

/* What tells that there was a group stays: one that is wiped out looks as if it had never been
 * written. */
static void flip(const struct group *group)
{
    char name[SPOOL_NAME_MAX];
    spool_name(SPOOL_SEGMENT, group->generation, name);
    for (uint64_t i = FRAME_HEAD_BYTES + 16; i < group->length; i++) {
        memdisk_flip(gate.flash, name, (group->at + i) * 8);
    }
}

void gate_damage(uint64_t first, uint64_t last)
{
    uint64_t *generations, damaged = 0;
    size_t count;
    struct segment segment;
    struct group group;
    bool skipped;
    assert_int_equal(spool_list(memdisk_disk(gate.flash), SPOOL_SEGMENT, &generations, &count), 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = SPOOL_BLOCK, above = 0;
        assert_int_equal(
            segment_open(memdisk_disk(gate.flash), generations[i], GATE_SEGMENT, &segment), 0);
        while (group_next(&segment, at, above, &group, &skipped) == 1) {
            at = group_end(&group);
            above = group.number;
            if (group.number >= first && group.number <= last) {
                flip(&group);
                damaged++;
            }
            group_finish(&group);
        }
        segment_close(&segment);
    }
    free(generations);
    assert_int_equal(damaged, last - first + 1);
}

void gate_break_flash(void)
{
    memdisk_fail(gate.flash,
                 (struct memdisk_fault){ OP_WRITE | OP_CREATE | OP_SYNC, 0, UINT32_MAX, ENOSPC });
}

void gate_mend_flash(void)
{
    memdisk_fail(gate.flash, (struct memdisk_fault){ 0 });
    gate_persist();
}

/* ---- core */

void gate_trim(void)
{
    static struct stats_core stats;
    static struct child bus, ups[UPLINKS];
    static struct child *children[] = { &bus, &ups[A], &ups[B] };
    struct core core = { .stats = &stats, .children = children };
    bus = (struct child){ .role = ROLE_BUS, .name = "meters" };
    ups[A] = (struct child){ .role = ROLE_UPLINK, .name = "a" };
    ups[B] = (struct child){ .role = ROLE_UPLINK, .name = "b" };
    core.child_count = 1 + gate.uplink_count;
    core.settings.ram = gate.ram;
    core.settings.ram_limit_bytes = gate.ram_limit_bytes;
    trim_all(&core);
}

size_t gate_ram_segments(void)
{
    char bus_path[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    struct epoch_name *names;
    uint64_t *numbers;
    size_t count, segments = 0;
    assert_int_equal(folder_bus(gate.ram, gate_bus, bus_path), 0);
    assert_int_equal(folder_epochs(bus_path, &names, &count), 0);
    if (count && folder_epoch(bus_path, names[count - 1], path) == 0 &&
        folder_segments(path, &numbers, &segments) == 0) {
        free(numbers);
    }
    free(names);
    return segments;
}
