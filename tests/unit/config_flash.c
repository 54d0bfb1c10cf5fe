/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a plan costs the card, against what was measured (docs/durability.md): an estimate must be
 * of the right size, and must rise with what makes it rise.
 */
#include "cmocka_all.h"

#include "base/clock.h"
#include "config/private.h"

enum { DEVICES = 50 };

/* So many devices of 20 values. */
static double megabytes(size_t devices, int64_t every_ns, int64_t persist_after_ns)
{
    struct weir_device views[DEVICES];
    struct device_config configs[DEVICES];
    struct bus_config bus = { .bus = { .devices = views, .device_count = devices },
                              .devices = configs };
    struct flash_plan plan = { 0 };
    for (size_t i = 0; i < devices; i++) {
        views[i] = (struct weir_device){ .name = "d", .point_count = 20 };
        configs[i] = (struct device_config){ .every_ns = every_ns };
    }
    check_flash_bus(&plan, &bus);
    return check_flash_mb_a_day(&plan, persist_after_ns);
}

/* 1,000 values a second took 679 MB a day, 6.55 bytes a value of them the log's own: 566 MB. */
static void as_measured(void **state)
{
    double thousand = megabytes(50, NS_PER_S, 5 * NS_PER_S);
    assert_true(thousand > 400 && thousand < 680);
    /* 20 values a second: a block of 4 KiB every 4 s. */
    double twenty = megabytes(1, NS_PER_S, 5 * NS_PER_S);
    assert_true(twenty > 80 && twenty < 100);
}

static void what_makes_it_less(void **state)
{
    double base = megabytes(1, NS_PER_S, 5 * NS_PER_S);
    assert_true(megabytes(1, NS_PER_S, 60 * NS_PER_S) < base / 4);
    assert_true(megabytes(1, 60 * NS_PER_S, 5 * NS_PER_S) < base / 4);
    assert_true(megabytes(1, NS_PER_S, 0) > base);
    assert_true(megabytes(1, 0, 5 * NS_PER_S) > 4 * base); /* back to back */
    assert_true(megabytes(0, NS_PER_S, 5 * NS_PER_S) < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_measured),
        cmocka_unit_test(what_makes_it_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
