/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A writer killed in the middle of a write: the newest segment is cut at every byte (the rest
 * zeros, as the kernel leaves it), and must be recovered to a prefix of what was written, go on
 * with the next number in a new segment, and read back without a hole.
 */
#include "log_rig.h"

#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/folder.h"
#include "log/scan.h"

enum { RECORDS = 12 };

static void read_all(const char *ram, uint64_t epoch, uint64_t kept)
{
    struct reader *reader;
    struct item item;
    assert_int_equal(reader_create(ram, "meters", &reader), 0);
    for (uint64_t seq = 1; seq <= kept + 1; seq++) {
        assert_int_equal(reader_next(reader, &item), 1);
        assert_int_equal(item.kind, ITEM_RECORD);
        assert_true(item.epoch == epoch);
        assert_int_equal(item.first, seq);
        assert_true(item.values[0].float32 == (float)(seq <= kept ? seq : 99));
    }
    assert_int_equal(reader_next(reader, &item), 0);
    reader_destroy(reader);
}

static void every_cut(void **state)
{
    const char *ram = rig_make();
    struct shape *shape = rig_shape("d1", 2);
    struct queue *queue = rig_open(ram);
    uint64_t epoch = queue_epoch(queue);
    for (int i = 1; i <= RECORDS; i++) {
        rig_append(queue, shape, (float)i);
    }
    queue_destroy(queue);
    char bus[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    char next[FOLDER_PATH_MAX];
    folder_bus(ram, "meters", bus);
    folder_epoch(bus, (struct epoch_name){ 1, epoch }, folder);
    folder_segment(folder, 1, path);
    folder_segment(folder, 2, next);
    static uint8_t whole[QUEUE_SEGMENT_BYTES], cut[QUEUE_SEGMENT_BYTES];
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, whole, sizeof whole, 0), sizeof whole);
    struct segment_header header;
    int head = folder_header(fd, &header);
    size_t used = sizeof whole;
    while (!whole[used - 1]) {
        used--;
    }
    uint64_t kept_before = 0;
    for (size_t at = (size_t)head; at <= used; at++) {
        memset(cut, 0, sizeof cut);
        memcpy(cut, whole, at);
        assert_int_equal(pwrite(fd, cut, sizeof cut, 0), sizeof cut);
        queue = rig_open(ram);
        assert_true(queue_epoch(queue) == epoch);
        uint64_t kept = queue_last(queue);
        assert_true(kept >= kept_before && kept <= RECORDS);
        kept_before = kept;
        assert_int_equal(rig_append(queue, shape, 99), 0);
        assert_int_equal(queue_last(queue), kept + 1);
        queue_destroy(queue);
        read_all(ram, epoch, kept);
        assert_int_equal(unlink(next), 0);
    }
    assert_int_equal(kept_before, RECORDS);
    close(fd);
    shape_destroy(shape);
    rig_remove(ram);
}

/* Any one byte of the frames changed: a shorter prefix, never another content. */
static void every_flip(void **state)
{
    const char *ram = rig_make();
    struct shape *shape = rig_shape("d1", 2);
    struct queue *queue = rig_open(ram);
    for (int i = 1; i <= RECORDS; i++) {
        rig_append(queue, shape, (float)i);
    }
    char bus[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    folder_bus(ram, "meters", bus);
    folder_epoch(bus, (struct epoch_name){ 1, queue_epoch(queue) }, folder);
    folder_segment(folder, 1, path);
    queue_destroy(queue);
    static uint8_t bytes[QUEUE_SEGMENT_BYTES];
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), sizeof bytes);
    close(fd);
    size_t used = sizeof bytes;
    while (!bytes[used - 1]) {
        used--;
    }
    struct scan scan;
    for (size_t bit = 0; bit < used * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int r = scan_bytes(bytes, sizeof bytes, &scan);
        assert_true(r < 0 || scan.last < RECORDS);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(scan_bytes(bytes, sizeof bytes, &scan), 0);
    assert_int_equal(scan.last, RECORDS);
    shape_destroy(shape);
    rig_remove(ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut),
        cmocka_unit_test(every_flip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
