/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What may be removed from RAM: what all uplinks have confirmed, never the newest segment, never an
 * epoch whose end somebody still has to tell, and at the limit the oldest, after it was noted.
 */
#include "log_rig.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/private.h"
#include "log/cursor.h"
#include "log/folder.h"
#include "log/gone.h"

static struct core core;
static struct stats_core stats;
static struct child bus, a, b;
static struct child *children[] = { &bus, &a, &b };
static struct queue *queue;
static struct shape *shape;
static const char *ram;

static int set_up(void **state)
{
    ram = rig_make();
    shape = rig_shape("d1", 100);
    queue = rig_open(ram);
    memset(&stats, 0, sizeof stats);
    core = (struct core){ .stats = &stats, .children = children, .child_count = 3 };
    core.settings.ram = ram;
    core.settings.ram_limit_bytes = 64 << 20;
    bus = (struct child){ .role = ROLE_BUS, .name = "meters" };
    a = (struct child){ .role = ROLE_UPLINK, .name = "a" };
    b = (struct child){ .role = ROLE_UPLINK, .name = "b" };
    for (int i = 1; i <= 6000; i++) { /* about ten segments */
        assert_int_equal(rig_append(queue, shape, (float)i), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    queue_destroy(queue);
    shape_destroy(shape);
    rig_remove(ram);
    return 0;
}

static size_t segments(uint64_t order, uint64_t epoch)
{
    char bus_path[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    uint64_t *numbers;
    size_t count;
    folder_bus(ram, "meters", bus_path);
    folder_epoch(bus_path, (struct epoch_name){ order, epoch }, path);
    assert_int_equal(folder_segments(path, &numbers, &count), 0);
    free(numbers);
    return count;
}

static void confirm(const char *uplink, struct place confirmed, struct place base)
{
    struct cursor_file *file;
    struct cursor_entry entry;
    int pid;
    assert_int_equal(cursor_open(ram, uplink, &file, &pid), 0);
    cursor_get(file, "meters", &entry);
    entry.confirmed = confirmed;
    entry.base = base;
    entry.started = (struct place){ 1, confirmed.epoch, 0 };
    assert_int_equal(cursor_put(file, &entry), 0);
    cursor_close(file);
}

static void all_must_have_confirmed(void **state)
{
    uint64_t epoch = queue_epoch(queue);
    size_t whole = segments(1, epoch);
    assert_true(whole > 5);
    trim_all(&core);
    assert_int_equal(segments(1, epoch), whole); /* nobody has a cursor: everything is held */
    confirm("a", (struct place){ 1, epoch, 6000 }, (struct place){ 1, epoch, 6000 });
    trim_all(&core);
    assert_int_equal(segments(1, epoch), whole); /* b has none */
    confirm("b", (struct place){ 1, epoch, 3000 }, (struct place){ 1, epoch, 3000 });
    trim_all(&core);
    size_t half = segments(1, epoch);
    assert_true(half < whole && half > 1);
    struct reader *reader;
    struct item item;
    assert_int_equal(reader_create(ram, "meters", &reader), 0);
    assert_int_equal(reader_seek(reader, 1, epoch, 3000), 0);
    assert_int_equal(reader_next(reader, &item), 1); /* b's next is still there */
    assert_int_equal(item.kind, ITEM_RECORD);
    assert_int_equal(item.first, 3001);
    reader_destroy(reader);
    confirm("b", (struct place){ 1, epoch, 6000 }, (struct place){ 1, epoch, 6000 });
    trim_all(&core);
    assert_int_equal(segments(1, epoch), 1); /* the newest stays: it proves the last number */
}

static void old_epochs_until_passed(void **state)
{
    uint64_t first = queue_epoch(queue);
    assert_int_equal(queue_close(queue), 0);
    queue_destroy(queue);
    queue = rig_open(ram);
    uint64_t second = queue_epoch(queue);
    rig_append(queue, shape, 1);
    confirm("a", (struct place){ 2, second, 1 }, (struct place){ 2, second, 1 });
    /* b has passed all of the first epoch, but no record of the second is confirmed that could
     * have told how the first ended. */
    confirm("b", (struct place){ 2, second, 1 }, (struct place){ 1, first, 6000 });
    trim_all(&core);
    assert_int_equal(segments(1, first), 1);
    confirm("b", (struct place){ 2, second, 1 }, (struct place){ 2, second, 1 });
    trim_all(&core);
    assert_int_equal(segments(1, first), 0);
    assert_int_equal(segments(2, second), 1);
}

static void limit(void **state)
{
    char bus_path[FOLDER_PATH_MAX];
    struct ranges gone;
    uint64_t epoch = queue_epoch(queue);
    size_t whole = segments(1, epoch);
    core.settings.ram_limit_bytes = 2 * 5 * QUEUE_SEGMENT_BYTES; /* shared by the bus and `weir` */
    trim_all(&core);
    assert_int_equal(segments(1, epoch), 5);
    assert_true(whole > 5);
    folder_bus(ram, "meters", bus_path);
    assert_int_equal(gone_load(bus_path, &gone), 0);
    assert_int_equal(gone.count, 1); /* neighbours have merged */
    assert_int_equal(gone.range[0].first, 1);
    assert_int_equal(gone.range[0].why, WHY_LIMIT);
    assert_int_equal(stats.trimmed_limit, gone.range[0].last);
    struct reader *reader;
    struct item item;
    assert_int_equal(reader_create(ram, "meters", &reader), 0);
    assert_int_equal(reader_seek(reader, 1, epoch, 10), 0);
    assert_int_equal(reader_next(reader, &item), 1);
    assert_int_equal(item.kind, ITEM_HOLE);
    assert_int_equal(item.first, 11);
    assert_int_equal(item.last, gone.range[0].last);
    assert_int_equal(item.why, WHY_LIMIT);
    assert_int_equal(reader_next(reader, &item), 1);
    assert_int_equal(item.first, gone.range[0].last + 1);
    reader_destroy(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_must_have_confirmed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_epochs_until_passed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
