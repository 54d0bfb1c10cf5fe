/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The file layer over a real folder: what it is asked to sync, the system is asked to sync. The
 * campaigns in memory cannot see that.
 */
#include "log_rig.h"

#include "cmocka_all.h"

#include <sys/stat.h>

#include "log/disk.h"

static unsigned file_syncs, folder_syncs;
static int error;

/* In place of the system's: counts what is synced. */
static int note_sync(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    *(S_ISDIR(st.st_mode) ? &folder_syncs : &file_syncs) += 1;
    errno = error;
    return error ? -1 : 0;
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    return note_sync(fd);
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return note_sync(fd);
}

static void a_sync_reaches_the_system(void **state)
{
    struct disk *disk;
    const char *folder = rig_make();
    assert_int_equal(disk_folder(folder, &disk), 0);
    int handle = disk->ops->open(disk, "a", DISK_CREATE);
    assert_true(handle >= 0);
    assert_int_equal(disk->ops->write(disk, handle, "1234", 4, 0), 0);
    assert_int_equal(file_syncs, 0);
    assert_int_equal(disk->ops->sync(disk, handle), 0);
    assert_int_equal(file_syncs, 1);
    assert_int_equal(disk->ops->sync_folder(disk), 0);
    assert_int_equal(folder_syncs, 1);
    error = EIO;
    assert_int_equal(disk->ops->sync(disk, handle), -EIO);
    assert_int_equal(disk->ops->sync_folder(disk), -EIO);
    error = 0;
    disk->ops->close(disk, handle);
    disk_destroy(disk);
    rig_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_sync_reaches_the_system) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
