/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The cursor file: what is put comes back; a torn slot gives the one before; a second holder is
 * kept out.
 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/cursor.h"

static char ram[] = "/dev/shm/weir-cursor-XXXXXX";
static char path[64];

static void put_and_get(void **state)
{
    struct cursor_file *file, *second;
    struct cursor_entry a, b, back;
    int pid;
    assert_int_equal(cursor_open(ram, "city", &file, &pid), 0);
    assert_int_equal(cursor_open(ram, "city", &second, &pid), -EWOULDBLOCK);
    cursor_get(file, "meters", &a);
    cursor_get(file, "yard", &b);
    assert_int_equal(a.confirmed.epoch, 0);
    assert_true(a.slot != b.slot);
    a.confirmed = (struct place){ 1, 77, 480 };
    a.base = (struct place){ 1, 77, 470 };
    for (uint64_t i = 0; i < 100; i++) { /* more ranges than a slot holds */
        ranges_add(&a.ranges, (struct range){ 77 + i, 1, 5, WHY_FILTER });
    }
    assert_int_equal(cursor_put(file, &a), 0);
    b.confirmed = (struct place){ 3, 99, 1 };
    assert_int_equal(cursor_put(file, &b), 0);
    a.confirmed.seq = 481;
    assert_int_equal(cursor_put(file, &a), 0);
    cursor_close(file);
    assert_int_equal(cursor_open(ram, "city", &file, &pid), 0);
    cursor_get(file, "meters", &back);
    assert_int_equal(back.confirmed.seq, 481);
    assert_int_equal(back.base.seq, 470);
    assert_true(back.ranges.count <= 64 && back.ranges.count > 32);
    assert_int_equal(back.ranges.range[back.ranges.count - 1].epoch, 176);
    cursor_get(file, "yard", &back);
    assert_int_equal(back.confirmed.epoch, 99);
    cursor_close(file);
}

/* The newest slot is damaged at each byte in turn: the one before it counts. */
static void torn(void **state)
{
    struct cursor_file *file;
    struct cursor_entry entry;
    int pid;
    for (off_t at = 0; at < 120; at++) {
        uint8_t byte;
        assert_int_equal(cursor_open(ram, "torn", &file, &pid), 0);
        cursor_get(file, "meters", &entry);
        for (uint64_t seq = 1; seq <= 2; seq++) {
            entry.confirmed = (struct place){ 1, 5, 100 + seq };
            assert_int_equal(cursor_put(file, &entry), 0);
        }
        off_t newest = (off_t)(entry.version & 1) * 2048 + at;
        cursor_close(file);
        int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, &byte, 1, newest), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, newest), 1);
        close(fd);
        assert_int_equal(cursor_open(ram, "torn", &file, &pid), 0);
        cursor_get(file, "meters", &entry);
        if (entry.confirmed.seq != 101 && entry.confirmed.seq != 102) {
            fail_msg("byte %d", (int)at);
        }
        cursor_close(file);
    }
}

static int set_up(void **state)
{
    assert_non_null(mkdtemp(ram));
    snprintf(path, sizeof path, "%s/cursor/torn", ram);
    return 0;
}

static int tear_down(void **state)
{
    char other[64];
    unlink(path);
    snprintf(other, sizeof other, "%s/cursor/city", ram);
    unlink(other);
    snprintf(other, sizeof other, "%s/cursor", ram);
    rmdir(other);
    rmdir(ram);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_and_get),
        cmocka_unit_test(torn),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
