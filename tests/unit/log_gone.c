/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Ranges with reasons: merging, the limit of 16 an epoch, the file.
 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/gone.h"

static void merge(void **state)
{
    struct ranges r = { 0 };
    ranges_add(&r, (struct range){ 5, 1, 3, WHY_LIMIT });
    ranges_add(&r, (struct range){ 5, 4, 9, WHY_LIMIT });
    ranges_add(&r, (struct range){ 5, 10, 12, WHY_FILTER });
    ranges_add(&r, (struct range){ 6, 13, 14, WHY_FILTER });
    assert_int_equal(r.count, 3);
    assert_int_equal(r.range[0].last, 9);
    assert_null(gone_find(&r, 5, 13));
    assert_int_equal(gone_find(&r, 5, 12)->why, WHY_FILTER);
}

static void many(void **state)
{
    struct ranges r = { 0 };
    for (uint64_t i = 0; i < 1000; i++) {
        ranges_add(&r, (struct range){ 5, 10 * i + 1, 10 * i + 5, WHY_FILTER });
    }
    assert_int_equal(r.count, RANGES_PER_EPOCH);
    assert_int_equal(r.range[0].why, WHY_UNKNOWN);
    assert_int_equal(r.range[0].first, 1);
    for (uint64_t i = 0; i < 1000; i++) { /* whatever was missing is still told */
        assert_non_null(gone_find(&r, 5, 10 * i + 3));
    }
    for (uint64_t epoch = 10; epoch < 1000; epoch++) {
        ranges_add(&r, (struct range){ epoch, 1, 5, WHY_FILTER });
    }
    assert_int_equal(r.count, RANGES_MAX);
    assert_non_null(gone_find(&r, 999, 5));
}

static void file(void **state)
{
    char folder[] = "/dev/shm/weir-gone-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    struct ranges r = { 0 }, back;
    assert_int_equal(gone_load(folder, &back), 0);
    assert_int_equal(back.count, 0);
    for (uint64_t i = 0; i < RANGES_MAX; i++) {
        ranges_add(&r, (struct range){ i, 1, i + 1, WHY_AGE });
    }
    assert_int_equal(gone_save(folder, &r), 0);
    assert_int_equal(gone_load(folder, &back), 0);
    assert_int_equal(back.count, RANGES_MAX);
    for (size_t i = 0; i < RANGES_MAX; i++) {
        assert_int_equal(back.range[i].epoch, r.range[i].epoch);
        assert_int_equal(back.range[i].first, r.range[i].first);
        assert_int_equal(back.range[i].last, r.range[i].last);
        assert_int_equal(back.range[i].why, r.range[i].why);
    }
    snprintf(path, sizeof path, "%s/gone", folder);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "x", 1, 40), 1);
    close(fd);
    assert_int_equal(gone_load(folder, &back), -EBADMSG);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge),
        cmocka_unit_test(many),
        cmocka_unit_test(file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
