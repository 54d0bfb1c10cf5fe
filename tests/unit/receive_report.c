/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The receiver's state on disk: synced under another name, then renamed, then the folder synced; a
 * state that cannot be synced leaves the old one in its place.
 */
#include "receive/report.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char steps[32]; /* f: a file was synced, r: renamed, d: a folder was synced */
static int error;

static void note(char step)
{
    size_t len = strlen(steps);
    assert_true(len + 1 < sizeof steps);
    steps[len] = step;
}

/* In place of the system's. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    note(S_ISDIR(st.st_mode) ? 'd' : 'f');
    errno = error;
    return error ? -1 : 0;
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    note('r');
    return __real_rename(from, to);
}

static void a_state_is_safe_before_it_has_its_name(void **state)
{
    char folder[] = "/tmp/weir-report-XXXXXX", path[64], lock[80];
    struct verify *verify = verify_create();
    struct report report;
    struct stat before, after;
    bool continued;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state", folder);
    snprintf(lock, sizeof lock, "%s.lock", path);
    assert_int_equal(report_open(&report, path, verify, &continued), 0);
    memset(steps, 0, sizeof steps);
    assert_int_equal(report_write(&report, verify, true, 1000), 0);
    assert_string_equal(steps, "frd");
    assert_int_equal(stat(path, &before), 0);
    memset(steps, 0, sizeof steps);
    error = EIO;
    assert_int_equal(report_write(&report, verify, true, 2000), -EIO);
    error = 0;
    assert_string_equal(steps, "f");
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    report_close(&report);
    verify_destroy(verify);
    unlink(path);
    unlink(lock);
    assert_int_equal(rmdir(folder), 0); /* nothing else is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_state_is_safe_before_it_has_its_name) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
