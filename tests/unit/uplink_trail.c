/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * before and after: each way in which a record can follow the one sent before.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "uplink/trail.h"

static struct trail trail;
static struct trail_view view;
static struct ranges none;

static struct json_record fill(uint64_t epoch, uint64_t seq)
{
    struct json_record record = { .epoch = epoch, .seq = seq };
    trail_fill(&trail, &view, &record);
    trail_sent(&trail, epoch);
    return record;
}

static void in_a_row(void **state)
{
    trail_start(&trail, 7, &none);
    struct json_record r = fill(7, 42);
    assert_true(r.proof);
    assert_false(r.first_of_epoch);
    assert_int_equal(r.before_count, 0);
}

static void filtered(void **state)
{
    trail_start(&trail, 7, &none);
    trail_hole(&trail, (struct range){ 7, 41, 41, WHY_FILTER });
    trail_hole(&trail, (struct range){ 7, 42, 44, WHY_FILTER });
    trail_hole(&trail, (struct range){ 7, 45, 45, WHY_LIMIT });
    struct json_record r = fill(7, 46);
    assert_int_equal(r.before_count, 2);
    assert_int_equal(r.before[0].first, 41);
    assert_int_equal(r.before[0].last, 44);
    assert_string_equal(r.before[1].why, "limit");
    r = fill(7, 47); /* the ranges went with 46 */
    assert_int_equal(r.before_count, 0);
}

/* The very first record of an uplink says that there is nothing before. */
static void very_first(void **state)
{
    trail_start(&trail, 0, &none);
    struct json_record r = fill(7, 1);
    assert_true(r.first_of_epoch);
    assert_int_equal(r.after_count, 0);
}

/* The end of an old epoch has no record of its own to carry its ranges (trace 2), and a whole epoch
 * may have none that is sent (trace 3). */
static void epochs_between(void **state)
{
    trail_start(&trail, 7, &none);
    trail_hole(&trail, (struct range){ 7, 481, 490, WHY_FILTER });
    trail_epoch_end(&trail, (struct trail_epoch){ .epoch = 7, .last = 490, .clean = true });
    trail_hole(&trail, (struct range){ 8, 1, 5, WHY_AGE });
    trail_epoch_end(&trail, (struct trail_epoch){ .epoch = 8, .last = 5 });
    trail_hole(&trail, (struct range){ 9, 1, 2, WHY_FILTER });
    struct json_record r = fill(9, 3); /* not number 1: it is the first that is sent (trace 4) */
    assert_true(r.first_of_epoch);
    assert_int_equal(r.after_count, 2);
    assert_int_equal(r.after[0].epoch, 7);
    assert_true(r.after[0].clean);
    assert_int_equal(r.after[0].before_count, 1);
    assert_int_equal(r.after[0].before[0].first, 481);
    assert_false(r.after[1].clean);
    assert_int_equal(r.after[1].last, 5);
    assert_string_equal(r.after[1].before[0].why, "age");
    assert_int_equal(r.before_count, 1);
    assert_int_equal(r.before[0].last, 2);
    r = fill(9, 4);
    assert_false(r.first_of_epoch);
}

/* A range between base and confirmed comes back with the cursor (trace 6). */
static void from_cursor(void **state)
{
    struct ranges kept = { 0 };
    ranges_add(&kept, (struct range){ 7, 43, 50, WHY_FILTER });
    trail_start(&trail, 7, &kept);
    struct json_record r = fill(7, 51);
    assert_int_equal(r.before_count, 1);
    assert_int_equal(r.before[0].first, 43);
}

static void many_epochs(void **state)
{
    trail_start(&trail, 1, &none);
    for (uint64_t e = 1; e <= 3 * TRAIL_EPOCHS; e++) {
        trail_epoch_end(&trail, (struct trail_epoch){ .epoch = e, .last = 1 });
    }
    struct json_record r = fill(1000, 1);
    assert_int_equal(r.after_count, TRAIL_EPOCHS);
    assert_int_equal(r.after[TRAIL_EPOCHS - 1].epoch, 3 * TRAIL_EPOCHS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_row),    cmocka_unit_test(filtered),
        cmocka_unit_test(very_first),  cmocka_unit_test(epochs_between),
        cmocka_unit_test(from_cursor), cmocka_unit_test(many_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
