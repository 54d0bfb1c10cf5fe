/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A queue written and read: order over segments and epochs, what a reopening does, holes.
 */
#include "log_rig.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/folder.h"
#include "log/gone.h"

static struct reader *open_reader(const char *ram)
{
    struct reader *reader;
    assert_int_equal(reader_create(ram, "meters", &reader), 0);
    return reader;
}

static void expect_record(struct reader *reader, uint64_t epoch, uint64_t seq, float number)
{
    struct item item;
    assert_int_equal(reader_next(reader, &item), 1);
    assert_int_equal(item.kind, ITEM_RECORD);
    assert_true(item.epoch == epoch);
    assert_int_equal(item.first, seq);
    assert_true(item.values[0].float32 == number);
    assert_int_equal(item.time.ns, (int64_t)number * 1000);
    assert_int_equal(item.clock.state, CLOCK_SYNCED);
    assert_true(item.this_boot);
}

static void expect_nothing(struct reader *reader)
{
    struct item item;
    assert_int_equal(reader_next(reader, &item), 0);
}

static void expect_end(struct reader *reader, uint64_t epoch, uint64_t last, bool clean)
{
    struct item item;
    assert_int_equal(reader_next(reader, &item), 1);
    assert_int_equal(item.kind, ITEM_END);
    assert_true(item.epoch == epoch);
    assert_int_equal(item.last, last);
    assert_int_equal(item.clean, clean);
}

static void expect_hole(struct reader *reader, uint64_t first, uint64_t last, enum why why)
{
    struct item item;
    assert_int_equal(reader_next(reader, &item), 1);
    assert_int_equal(item.kind, ITEM_HOLE);
    assert_int_equal(item.first, first);
    assert_int_equal(item.last, last);
    assert_int_equal(item.why, why);
}

static void written_and_read(void **state)
{
    const char *ram = rig_make();
    struct reader *reader = open_reader(ram);
    expect_nothing(reader);
    struct queue *queue = rig_open(ram);
    struct shape *shape = rig_shape("d1", 20);
    expect_nothing(reader);
    uint64_t epoch = queue_epoch(queue);
    for (int i = 1; i <= 10000; i++) {
        assert_int_equal(rig_append(queue, shape, (float)i), 0);
        expect_record(reader, epoch, (uint64_t)i, (float)i);
        if (i % 7 == 0) {
            expect_nothing(reader);
        }
    }
    expect_nothing(reader);
    reader_destroy(reader);
    /* And once more from the oldest, from the middle, from the end. */
    reader = open_reader(ram);
    for (int i = 1; i <= 10000; i++) {
        expect_record(reader, epoch, (uint64_t)i, (float)i);
    }
    uint64_t order, at_epoch, seq;
    reader_position(reader, &order, &at_epoch, &seq);
    assert_int_equal(seq, 10000);
    assert_int_equal(reader_seek(reader, order, epoch, 6000), 0);
    expect_record(reader, epoch, 6001, 6001);
    assert_int_equal(reader_seek_end(reader), 0);
    expect_nothing(reader);
    rig_append(queue, shape, 10001);
    expect_record(reader, epoch, 10001, 10001);
    reader_destroy(reader);
    shape_destroy(shape);
    queue_destroy(queue);
    rig_remove(ram);
}

/* A killed writer's queue goes on in the same epoch with the next number; a closed one does not. */
static void reopened(void **state)
{
    const char *ram = rig_make();
    struct shape *shape = rig_shape("d1", 3);
    struct queue *queue = rig_open(ram);
    uint64_t first = queue_epoch(queue);
    rig_append(queue, shape, 1);
    queue_destroy(queue); /* as a kill: not closed */
    queue = rig_open(ram);
    assert_true(queue_epoch(queue) == first);
    assert_int_equal(queue_last(queue), 1);
    rig_append(queue, shape, 2);
    assert_int_equal(queue_close(queue), 0);
    queue_destroy(queue);
    queue = rig_open(ram);
    uint64_t second = queue_epoch(queue);
    assert_true(second != first);
    assert_int_equal(queue_last(queue), 0);
    queue_destroy(queue); /* an epoch without a record, not closed: used again */
    queue = rig_open(ram);
    assert_true(queue_epoch(queue) == second);
    rig_append(queue, shape, 7);
    struct reader *reader = open_reader(ram);
    expect_record(reader, first, 1, 1);
    expect_record(reader, first, 2, 2);
    expect_end(reader, first, 2, true);
    expect_record(reader, second, 1, 7);
    expect_nothing(reader);
    reader_destroy(reader);
    queue_destroy(queue);
    shape_destroy(shape);
    rig_remove(ram);
}

static void locked(void **state)
{
    const char *ram = rig_make();
    struct queue *queue = rig_open(ram), *second;
    struct queue_place place = { .ram = ram, .gateway = "gw", .bus = "meters" };
    int pid = 0;
    assert_int_equal(queue_open(&place, (struct clock_offset){ 0 }, &second, &pid), -EWOULDBLOCK);
    assert_int_equal(pid, getpid());
    queue_destroy(queue);
    rig_remove(ram);
}

static void segment_path(const char *ram, struct queue *queue, unsigned number, char path[512])
{
    char bus[FOLDER_PATH_MAX], epoch[FOLDER_PATH_MAX];
    struct epoch_name name = { 1, queue_epoch(queue) };
    assert_int_equal(folder_bus(ram, "meters", bus), 0);
    assert_int_equal(folder_epoch(bus, name, epoch), 0);
    assert_int_equal(folder_segment(epoch, number, path), 0);
}

/* Segments that were removed unread are a hole; its reason stands in `gone`. */
static void removed(void **state)
{
    const char *ram = rig_make();
    char path[FOLDER_PATH_MAX], bus[FOLDER_PATH_MAX];
    struct shape *shape = rig_shape("d1", 100);
    struct queue *queue = rig_open(ram);
    uint64_t epoch = queue_epoch(queue);
    struct reader *late = open_reader(ram);
    for (int i = 1; i <= 3000; i++) {
        rig_append(queue, shape, (float)i);
    }
    struct segment_header second, third;
    segment_path(ram, queue, 2, path);
    int fd = open(path, O_RDONLY);
    assert_true(folder_header(fd, &second) > 0);
    close(fd);
    segment_path(ram, queue, 3, path);
    fd = open(path, O_RDONLY);
    assert_true(folder_header(fd, &third) > 0);
    close(fd);
    expect_record(late, epoch, 1, 1); /* it has the first segment open */
    for (unsigned number = 1; number <= 2; number++) {
        segment_path(ram, queue, number, path);
        assert_int_equal(unlink(path), 0);
    }
    struct ranges ranges = { 0 };
    assert_int_equal(folder_bus(ram, "meters", bus), 0);
    ranges_add(&ranges, (struct range){ epoch, 1, 100, WHY_AGE });
    ranges_add(&ranges, (struct range){ epoch, 101, third.first - 1, WHY_LIMIT });
    assert_int_equal(gone_save(bus, &ranges), 0);
    for (uint64_t i = 2; i < second.first; i++) {
        expect_record(late, epoch, i, (float)i);
    }
    expect_hole(late, second.first, third.first - 1, WHY_LIMIT);
    expect_record(late, epoch, third.first, (float)third.first);
    struct reader *resumed = open_reader(ram);
    assert_int_equal(reader_seek(resumed, 1, epoch, 50), 0);
    expect_hole(resumed, 51, 100, WHY_AGE);
    expect_hole(resumed, 101, third.first - 1, WHY_LIMIT);
    expect_record(resumed, epoch, third.first, (float)third.first);
    struct reader *fresh = open_reader(ram); /* begins with the oldest: no hole */
    expect_record(fresh, epoch, third.first, (float)third.first);
    reader_destroy(late);
    reader_destroy(resumed);
    reader_destroy(fresh);
    queue_destroy(queue);
    shape_destroy(shape);
    rig_remove(ram);
}

static void expect_silence(struct reader *reader, const char *bus)
{
    static const struct timespec long_ago[2] = { { 1000, 0 }, { 1000, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, bus, long_ago, 0), 0);
    expect_nothing(reader);
    expect_nothing(reader);
}

/* An epoch that is known, or has its folder, before it has a segment: nobody may overlook the first
 * one when it comes, and the folder above it does not change then. */
static void before_the_first_segment(void **state)
{
    const char *ram = rig_make();
    char path[512], hidden[512], bus[FOLDER_PATH_MAX];
    struct shape *shape = rig_shape("d1", 1);
    struct queue *queue = rig_open(ram);
    uint64_t epoch = queue_epoch(queue);
    for (int i = 1; i <= 3; i++) {
        rig_append(queue, shape, (float)i);
    }
    segment_path(ram, queue, 1, path);
    snprintf(hidden, sizeof hidden, "%s/hidden", ram);
    assert_int_equal(folder_bus(ram, "meters", bus), 0);
    assert_int_equal(rename(path, hidden), 0);
    struct reader *fresh = open_reader(ram), *resumed = open_reader(ram);
    assert_int_equal(reader_seek(resumed, 1, epoch, 2), 0);
    expect_silence(fresh, bus);
    expect_silence(resumed, bus);
    assert_int_equal(rename(hidden, path), 0);
    expect_record(fresh, epoch, 1, 1);
    expect_record(resumed, epoch, 3, 3);
    reader_destroy(fresh);
    reader_destroy(resumed);
    queue_destroy(queue);
    shape_destroy(shape);
    rig_remove(ram);
}

/* Seeking again and again behind an epoch that is gone finds the next one each time, although the
 * folder has not changed since the last look. */
static void behind_what_is_gone(void **state)
{
    static const struct timespec long_ago[2] = { { 1000, 0 }, { 1000, 0 } };
    const char *ram = rig_make();
    char bus[FOLDER_PATH_MAX];
    struct shape *shape = rig_shape("d1", 1);
    struct queue *queue = rig_open(ram);
    rig_append(queue, shape, 1);
    struct reader *reader = open_reader(ram);
    assert_int_equal(folder_bus(ram, "meters", bus), 0);
    assert_int_equal(utimensat(AT_FDCWD, bus, long_ago, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(reader_seek(reader, 0, 77, 5), 0);
        expect_record(reader, queue_epoch(queue), 1, 1);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(reader_seek_start(reader), 0);
        expect_record(reader, queue_epoch(queue), 1, 1);
    }
    reader_destroy(reader);
    queue_destroy(queue);
    shape_destroy(shape);
    rig_remove(ram);
}

/* A record that cannot be stored uses up its number, and the stream says so. */
static void too_large(void **state)
{
    const char *ram = rig_make();
    static uint8_t bytes[WEIR_TEXT_MAX];
    static struct weir_point points[100];
    static struct weir_value values[100];
    struct shape *shape, *small = rig_shape("d1", 1);
    for (int i = 0; i < 100; i++) {
        points[i] = (struct weir_point){ "text", "", WEIR_BYTES };
        values[i].bytes.data = bytes;
        values[i].bytes.len = sizeof bytes;
    }
    struct weir_shape view = { "d1", "reading", "", NULL, 0, points, 100 };
    assert_int_equal(shape_create(&view, &shape), 0);
    struct queue *queue = rig_open(ram);
    uint64_t epoch = queue_epoch(queue);
    rig_append(queue, small, 1);
    assert_int_equal(queue_append(queue, shape, (struct boot_time){ 1 }, values, NULL), -E2BIG);
    assert_int_equal(queue_last(queue), 2);
    assert_int_equal(queue_lost(queue), 1);
    rig_append(queue, small, 3);
    struct reader *reader = open_reader(ram);
    expect_record(reader, epoch, 1, 1);
    expect_hole(reader, 2, 2, WHY_LIMIT);
    expect_record(reader, epoch, 3, 3);
    reader_destroy(reader);
    queue_destroy(queue);
    shape_destroy(shape);
    shape_destroy(small);
    rig_remove(ram);
}

static uint64_t used_bytes(const char *path)
{
    static uint8_t bytes[QUEUE_SEGMENT_BYTES];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : pread(fd, bytes, sizeof bytes, 0);
    while (n > 0 && !bytes[n - 1]) {
        n--;
    }
    close(fd);
    return (uint64_t)n;
}

/* 10,000 readings of 20 float32 values: whole segments, and what is used of the last. */
static void frugal(void **state)
{
    const char *ram = rig_make();
    struct shape *shape = rig_shape("feeder-1", 20);
    struct queue *queue = rig_open(ram);
    for (int i = 1; i <= 10000; i++) {
        assert_int_equal(rig_append(queue, shape, (float)i), 0);
    }
    char path[FOLDER_PATH_MAX];
    unsigned number = 1;
    segment_path(ram, queue, number, path);
    while (access(path, F_OK) == 0) {
        segment_path(ram, queue, ++number, path);
    }
    segment_path(ram, queue, number - 1, path);
    uint64_t bytes = (number - 2) * (uint64_t)QUEUE_SEGMENT_BYTES + used_bytes(path);
    print_message("bytes per 20-value reading: %.1f\n", (double)bytes / 10000);
    assert_true(bytes <= 130 * 10000);
    queue_destroy(queue);
    shape_destroy(shape);
    rig_remove(ram);
}

static void clock_changes(void **state)
{
    const char *ram = rig_make();
    struct shape *shape = rig_shape("d1", 1);
    struct queue *queue = rig_open(ram);
    struct reader *reader = open_reader(ram);
    struct item item;
    rig_append(queue, shape, 1);
    assert_int_equal(queue_clock(queue, (struct clock_offset){ 1500, CLOCK_SYNCED }), 0);
    assert_int_equal(queue_clock(queue, (struct clock_offset){ 5 * NS_PER_S, CLOCK_UNSYNCED }), 1);
    rig_append(queue, shape, 2);
    assert_int_equal(reader_next(reader, &item), 1);
    assert_int_equal(item.clock.ns, 1000);
    assert_int_equal(reader_next(reader, &item), 1);
    assert_int_equal(item.clock.ns, 5 * NS_PER_S);
    assert_int_equal(item.clock.state, CLOCK_UNSYNCED);
    reader_destroy(reader);
    queue_destroy(queue);
    shape_destroy(shape);
    rig_remove(ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(reopened),
        cmocka_unit_test(locked),
        cmocka_unit_test(removed),
        cmocka_unit_test(too_large),
        cmocka_unit_test(frugal),
        cmocka_unit_test(clock_changes),
        cmocka_unit_test(before_the_first_segment),
        cmocka_unit_test(behind_what_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
