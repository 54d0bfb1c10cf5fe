/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * disk_look(): nothing can be changed, and a block that the medium cannot read comes as zeros.
 * pread() is ours here, and fails where the test says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "log/disk.h"

enum { BLOCK = 4096, BYTES = 5 * BLOCK + 100, BAD = 2 /* the block that cannot be read */ };

static bool failing;

ssize_t pread(int fd, void *buf, size_t len, off_t at)
{
    if (failing && at < (BAD + 1) * BLOCK && at + (off_t)len > BAD * BLOCK) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, fd, buf, len, at);
}

static char folder[] = "/tmp/weir-look-XXXXXX";

static int make_file(void **state)
{
    char path[64], data[BYTES];
    memset(data, 'x', sizeof data);
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/file", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ssize_t n = fd < 0 ? -1 : write(fd, data, sizeof data);
    close(fd);
    return n == BYTES ? 0 : -1;
}

static int remove_file(void **state)
{
    char path[64];
    snprintf(path, sizeof path, "%s/file", folder);
    unlink(path);
    return rmdir(folder);
}

static void a_bad_block_is_zeros(void **state)
{
    struct disk *disk;
    char data[BYTES + BLOCK];
    assert_int_equal(disk_look(folder, &disk), 0);
    int handle = disk->ops->open(disk, "file", DISK_READ);
    assert_true(handle >= 0);
    failing = true;
    for (uint64_t at = 0; at < BYTES; at += 1000) {
        assert_int_equal(disk->ops->read(disk, handle, data, sizeof data, at), BYTES - at);
        for (uint64_t i = at; i < BYTES; i++) {
            assert_int_equal(data[i - at], i / BLOCK == BAD ? 0 : 'x');
        }
    }
    assert_int_equal(disk->ops->read(disk, handle, data, 10, BYTES), 0);
    failing = false;
    disk->ops->close(disk, handle);
    disk_destroy(disk);
}

static void nothing_changes(void **state)
{
    struct disk *disk;
    char byte = 'y';
    assert_int_equal(disk_look(folder, &disk), 0);
    assert_int_equal(disk->ops->open(disk, "file", DISK_WRITE), -EROFS);
    assert_int_equal(disk->ops->open(disk, "new", DISK_CREATE), -EROFS);
    assert_int_equal(disk->ops->rename(disk, "file", "other"), -EROFS);
    assert_int_equal(disk->ops->remove(disk, "file"), -EROFS);
    int handle = disk->ops->open(disk, "file", DISK_READ);
    assert_int_equal(disk->ops->write(disk, handle, &byte, 1, 0), -EROFS);
    assert_int_equal(disk->ops->sync(disk, handle), -EROFS);
    assert_int_equal(disk->ops->sync_folder(disk), -EROFS);
    assert_int_equal(disk->ops->read(disk, handle, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    disk->ops->close(disk, handle);
    disk_destroy(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_bad_block_is_zeros),
                                        cmocka_unit_test(nothing_changes) };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
