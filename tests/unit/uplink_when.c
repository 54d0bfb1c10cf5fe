/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Every row of the table in when.h.
 */
#include "cmocka_all.h"

#include "uplink/when.h"

#define DAY_NS (86400 * NS_PER_S)

static const struct boot_time at = { 100 * NS_PER_S };
static struct clock_offset wrong = { 5 * NS_PER_S, CLOCK_UNSYNCED }; /* 1970 */

static int64_t built(void)
{
    return clock_built().ns;
}

static struct clock_offset right(int64_t days)
{
    return (struct clock_offset){ built() + days * DAY_NS, CLOCK_SYNCED };
}

static void check(struct when when, int64_t time_ns, enum json_clock clock, double error_s)
{
    assert_int_equal(when.time.ns, time_ns);
    assert_int_equal(when.clock, clock);
    assert_float_equal(when.error_s, error_s, 1e-6);
}

static void exact(void **state)
{
    struct when_boot ours = { .this_boot = true, .clock = wrong, .floor_ns = built() };
    struct when_boot other = { .clock = right(3), .floor_ns = built(), .until = at };
    (void)state;
    check(when_of(at, right(1), &ours, right(2)), at.ns + right(1).ns, JSON_CLOCK_SYNCED, 0);
    check(when_of(at, right(1), &other, wrong), at.ns + right(1).ns, JSON_CLOCK_SYNCED, 0);
    check(when_of(at, wrong, &ours, right(2)), at.ns + right(2).ns, JSON_CLOCK_SYNCED, 0);
    check(when_of(at, wrong, &other, right(9)), at.ns + right(3).ns, JSON_CLOCK_SYNCED, 0);
}

static void unsynced(void **state)
{
    struct when_boot boot = { .this_boot = true, .clock = wrong, .floor_ns = built() };
    struct clock_offset ahead = { built() + 7 * DAY_NS, CLOCK_UNSYNCED };
    (void)state;
    check(when_of(at, wrong, &boot, wrong), at.ns + built(), JSON_CLOCK_UNSYNCED, 0);
    check(when_of(at, ahead, &boot, ahead), at.ns + ahead.ns, JSON_CLOCK_UNSYNCED, 0);
    struct clock_offset noted = { ahead.ns + 1500000, CLOCK_UNSYNCED }; /* not a step */
    check(when_of(at, noted, &boot, ahead), at.ns + noted.ns, JSON_CLOCK_UNSYNCED, 0);
    boot.clock = right(4); /* lost again */
    check(when_of(at, wrong, &boot, wrong), at.ns + right(4).ns, JSON_CLOCK_UNSYNCED, 0);
    boot = (struct when_boot){ .clock = wrong, .floor_ns = built() + DAY_NS, .until = at };
    check(when_of(at, wrong, &boot, wrong), at.ns + built() + DAY_NS, JSON_CLOCK_UNSYNCED, 0);
}

/* A boot that began a day after the build and lasted 250 s; this one began on day 2. */
static void estimated(void **state)
{
    struct when_boot boot = { .clock = wrong,
                              .floor_ns = built() + DAY_NS,
                              .until = { 250 * NS_PER_S } };
    struct clock_offset likely = { built() + DAY_NS + 3600 * NS_PER_S, CLOCK_UNSYNCED };
    struct clock_offset beyond = { built() + 9 * DAY_NS, CLOCK_UNSYNCED };
    int64_t least = at.ns + built() + DAY_NS, most = built() + 2 * DAY_NS - 150 * NS_PER_S;
    double width_s = (double)(most - least) / (double)NS_PER_S;
    (void)state;
    check(when_of(at, wrong, &boot, right(2)), least, JSON_CLOCK_ESTIMATED, width_s);
    boot.clock = beyond;
    check(when_of(at, beyond, &boot, right(2)), most, JSON_CLOCK_ESTIMATED, width_s);
    boot.clock = likely;
    check(when_of(at, likely, &boot, right(2)), at.ns + likely.ns, JSON_CLOCK_ESTIMATED,
          width_s - 3600);
}

/* The floor was set by a clock in 2038: all that is left is the build. */
static void contradicted(void **state)
{
    struct when_boot boot = { .clock = wrong, .floor_ns = built() + 4000 * DAY_NS, .until = at };
    (void)state;
    check(when_of(at, wrong, &boot, right(2)), right(2).ns, JSON_CLOCK_ESTIMATED, 2 * 86400.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),
        cmocka_unit_test(unsynced),
        cmocka_unit_test(estimated),
        cmocka_unit_test(contradicted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
