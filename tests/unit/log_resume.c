/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Where to go on with devices: the file, damaged in any bit and cut anywhere; what replaces what.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log/resume.h"

static struct resume_point points[] = { { "north", 4711 }, { "south", UINT64_MAX } };
static const struct resume_bus road = { "road", "traffic", { 7, 7ULL << 32 | 5, 99 },
                                        true,   points,    2 };
static const struct resume_bus bare = { .bus = "bare", .adapter = "lora" };

static void make(struct resume *all)
{
    *all = (struct resume){ 0 };
    assert_int_equal(resume_put(all, &road), 0);
    assert_int_equal(resume_put(all, &bare), 0);
}

static void there_and_back(void **state)
{
    struct resume all, back;
    uint8_t *data;
    size_t len;
    make(&all);
    assert_int_equal(resume_encode(&all, &data, &len), 0);
    assert_int_equal(resume_decode(data, len, &back), 0);
    assert_int_equal(back.count, 2);
    const struct resume_bus *b = resume_find(&back, "road");
    assert_non_null(b);
    assert_string_equal(b->adapter, "traffic");
    assert_int_equal(b->at.order, 7);
    assert_int_equal(b->at.epoch, 7ULL << 32 | 5);
    assert_int_equal(b->at.seq, 99);
    assert_true(b->exact);
    assert_int_equal(b->count, 2);
    assert_string_equal(b->points[1].device, "south");
    assert_true(b->points[1].point == UINT64_MAX);
    assert_null(resume_find(&back, "roads"));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        struct resume none;
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(resume_decode(data, len, &none), -EBADMSG);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < len; n++) {
        struct resume none;
        assert_int_equal(resume_decode(data, n, &none), -EBADMSG);
    }
    free(data);
    resume_free(&all);
    resume_free(&back);
}

static void the_later_one_counts(void **state)
{
    struct resume all;
    struct resume_point one[] = { { "north", 4712 } };
    struct resume_bus later = { "road", "traffic", { 8, 8ULL << 32, 3 }, false, one, 1 };
    make(&all);
    assert_int_equal(resume_put(&all, &later), 0);
    assert_int_equal(all.count, 2);
    assert_int_equal(resume_find(&all, "road")->count, 1);
    assert_int_equal(resume_find(&all, "road")->points[0].point, 4712);
    resume_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(the_later_one_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
