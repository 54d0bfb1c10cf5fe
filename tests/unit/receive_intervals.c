/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Intervals against the plainest model there is: an array of flags.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "receive/intervals.h"

#define NUMBERS 64 /* 1..63 are used */
#define ROUNDS  20000

static void check_shape(const struct intervals *set)
{
    for (size_t i = 0; i < set->count; i++) {
        assert_true(set->list[i].first <= set->list[i].last);
        if (i > 0) {
            assert_true(set->list[i].first > set->list[i - 1].last + 1);
        }
    }
}

static void check_same(const struct intervals *set, const bool *flags)
{
    uint64_t total = 0;

    for (uint64_t i = 1; i < NUMBERS; i++) {
        assert_int_equal(intervals_has(set, i), flags[i]);
        total += flags[i] ? 1 : 0;
    }
    assert_int_equal(intervals_total(set), total);
}

/* The first run of numbers whose flag is `wanted`, the slow way. */
static bool model_run(const bool *flags, bool wanted, uint64_t first, uint64_t last,
                      struct interval *ret_run)
{
    while (first <= last && flags[first] != wanted) {
        first++;
    }
    if (first > last) {
        return false;
    }
    *ret_run = (struct interval){ first, first };
    while (ret_run->last < last && flags[ret_run->last + 1] == wanted) {
        ret_run->last++;
    }
    return true;
}

static void check_runs(const struct intervals *set, const bool *flags, uint64_t first,
                       uint64_t last)
{
    struct interval got;
    struct interval want;
    bool there = model_run(flags, false, first, last, &want);

    assert_int_equal(intervals_gap(set, first, last, &got), there);
    if (there) {
        assert_memory_equal(&got, &want, sizeof(got));
    }
    there = model_run(flags, true, first, last, &want);
    assert_int_equal(intervals_overlap(set, first, last, &got), there);
    if (there) {
        assert_memory_equal(&got, &want, sizeof(got));
    }
}

static uint64_t pick(uint64_t low, uint64_t high)
{
    return low + (uint64_t)random() % (high - low + 1);
}

static void test_against_model(void **state)
{
    struct intervals set = { 0 };
    bool flags[NUMBERS + 1] = { false };

    (void)state;
    srandom(1);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t first = pick(1, NUMBERS - 1);
        uint64_t last = pick(first, first + 8 < NUMBERS ? first + 8 : NUMBERS - 1);
        bool add = pick(0, 1) == 1;

        assert_int_equal(
            add ? intervals_add(&set, first, last) : intervals_remove(&set, first, last), 0);
        for (uint64_t i = first; i <= last; i++) {
            flags[i] = add;
        }
        check_shape(&set);
        check_same(&set, flags);
        first = pick(1, NUMBERS - 1);
        check_runs(&set, flags, first, pick(first, NUMBERS - 1));
    }
    intervals_finish(&set);
}

static void test_in_order_is_one(void **state)
{
    struct intervals set = { 0 };

    (void)state;
    for (uint64_t i = 1; i <= 100000; i++) {
        assert_int_equal(intervals_add(&set, i, i), 0);
    }
    assert_int_equal(set.count, 1);
    assert_int_equal(set.room, 4);
    assert_int_equal(intervals_total(&set), 100000);
    intervals_finish(&set);
}

static void test_large_numbers(void **state)
{
    const uint64_t top = (uint64_t)1 << 53;
    struct intervals set = { 0 };
    struct interval gap;

    (void)state;
    assert_int_equal(intervals_add(&set, top, top), 0);
    assert_true(intervals_gap(&set, 1, top, &gap));
    assert_int_equal(gap.first, 1);
    assert_int_equal(gap.last, top - 1);
    assert_int_equal(intervals_add(&set, 1, top - 1), 0);
    assert_int_equal(set.count, 1);
    assert_false(intervals_gap(&set, 1, top, &gap));
    intervals_finish(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_in_order_is_one),
        cmocka_unit_test(test_large_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
