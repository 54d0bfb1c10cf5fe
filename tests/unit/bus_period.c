/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Where windows end: by the clock, however it is slewed, at a step, and after an absence.
 */
#include "cmocka_all.h"

#include <stdlib.h>

#include "base/clock.h"
#include "bus/period.h"

static uint64_t luck = 88172645463325252u;

static int64_t next_random(int64_t most)
{
    luck ^= luck << 13;
    luck ^= luck >> 7;
    luck ^= luck << 17;
    return (int64_t)(luck % (uint64_t)(most + 1));
}

static void first_and_next(void **state)
{
    struct period p;
    int64_t length = 60 * NS_PER_S, offset = 1000 * NS_PER_S, begin = 20 * NS_PER_S + 1;
    period_begin(&p, length, true, begin, begin, offset);
    assert_int_equal(p.begin_ns, begin);
    assert_int_equal(period_end_ns(&p, length, true, begin, offset), 20 * NS_PER_S + length);
    /* On the very multiple the next one is meant. */
    period_begin(&p, length, true, 20 * NS_PER_S, 20 * NS_PER_S, offset);
    assert_int_equal(period_end_ns(&p, length, true, begin, offset), 80 * NS_PER_S);
    /* Just before it, too: a window of half a second says nothing. */
    period_begin(&p, length, true, 20 * NS_PER_S - NS_PER_S / 2, 20 * NS_PER_S - NS_PER_S / 2,
                 offset);
    assert_int_equal(period_end_ns(&p, length, true, begin, offset), 80 * NS_PER_S);
    /* Before 1970, too. */
    period_begin(&p, length, true, begin, begin, -100000 * NS_PER_S);
    int64_t end = period_end_ns(&p, length, true, begin, -100000 * NS_PER_S);
    assert_int_equal((end - 100000 * NS_PER_S) % length, 0);
    assert_in_range(end - begin, NS_PER_S, length);
}

static void not_aligned(void **state)
{
    struct period p;
    period_begin(&p, 7 * NS_PER_S, false, 100, 100, 55);
    assert_int_equal(period_end_ns(&p, 7 * NS_PER_S, false, 101, -99999 * NS_PER_S),
                     100 + 7 * NS_PER_S);
    /* Nobody ran for a while: on the same grid. */
    period_begin(&p, 7 * NS_PER_S, false, 100, 100 + 70 * NS_PER_S, 55);
    assert_int_equal(period_end_ns(&p, 7 * NS_PER_S, false, 101, 0), 100 + 77 * NS_PER_S);
}

static void steps(void **state)
{
    static const int64_t moves[] = { 3600, -3600, 2, -2, 1700000000 };
    int64_t length = 60 * NS_PER_S;
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        struct period p;
        int64_t now = 1030 * NS_PER_S, offset = moves[i] * NS_PER_S;
        period_begin(&p, length, true, 1020 * NS_PER_S, 1020 * NS_PER_S, 0);
        assert_int_equal(period_end_ns(&p, length, true, now, 0), 1080 * NS_PER_S);
        assert_int_equal(period_end_ns(&p, length, true, now, offset), now);
        period_begin(&p, length, true, now, now, offset);
        int64_t end = period_end_ns(&p, length, true, now, offset);
        assert_int_equal((end + offset) % length, 0);
        assert_in_range(end - now, NS_PER_S, length + NS_PER_S);
    }
}

/* A clock that is slewed all the time, up to 500 ppm: every end is a multiple by the clock as it is
 * then, and no window is shorter or longer than the slewing makes it. */
static void slewed(void **state)
{
    for (int round = 0; round < 200; round++) {
        struct period p;
        int64_t length = (1 + next_random(3600)) * NS_PER_S;
        int64_t now = next_random(1000000) * NS_PER_S + 1, offset = next_random(1LL << 60);
        int64_t rate = next_random(1000) - 500, windows = 0;
        period_begin(&p, length, true, now, now, offset);
        int64_t multiple = (now + length / 10 + offset) / length;
        while (windows < 20) {
            int64_t pass = 1 + next_random(length / 3);
            now += pass;
            offset += pass / 1000000 * rate;
            int64_t end = period_end_ns(&p, length, true, now, offset);
            if (end > now) {
                continue;
            }
            assert_true((end + offset) % length == 0);
            if (windows++ > 0) {
                assert_int_equal((end + offset) / length, multiple + 1);
            }
            multiple = (end + offset) / length;
            period_begin(&p, length, true, end, now, offset);
            assert_int_equal(p.begin_ns, end);
        }
    }
}

/* A process that was away begins where the one before ended, and ends behind now. */
static void absence(void **state)
{
    int64_t length = 60 * NS_PER_S;
    for (int64_t away = 0; away < 1000; away++) {
        struct period p;
        int64_t now = 1000 * NS_PER_S + away * NS_PER_S / 3;
        period_begin(&p, length, true, 1000 * NS_PER_S, now, 20 * NS_PER_S);
        int64_t end = period_end_ns(&p, length, true, now, 20 * NS_PER_S);
        assert_int_equal(p.begin_ns, 1000 * NS_PER_S);
        assert_int_equal((end + 20 * NS_PER_S) % length, 0);
        assert_in_range(end - now, 1, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_and_next), cmocka_unit_test(not_aligned), cmocka_unit_test(steps),
        cmocka_unit_test(slewed),         cmocka_unit_test(absence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
