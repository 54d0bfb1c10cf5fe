/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The MQTT uplink's ring of messages that wait for an answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pending.h"

static struct pending pending;

static int setup(void **state)
{
    pending_reset(&pending);
    return 0;
}

static void hand_over(uint64_t token, uint16_t mid)
{
    struct pending_entry *entry = pending_add(&pending, token, false, (int64_t)token);
    assert_non_null(entry);
    pending_sent(&pending, entry, mid);
}

static void assert_taken(uint64_t token, uint8_t reason)
{
    struct pending_entry entry;
    assert_true(pending_take(&pending, &entry));
    assert_int_equal(entry.token, token);
    assert_int_equal(entry.reason, reason);
}

static void assert_nothing_to_take(void)
{
    struct pending_entry entry;
    assert_false(pending_take(&pending, &entry));
}

static void test_in_order(void **state)
{
    for (unsigned i = 0; i < 10 * PENDING_MAX; i++) {
        hand_over(i, (uint16_t)(i + 1));
        assert_int_equal(pending_oldest_ns(&pending), i);
        assert_true(pending_answer(&pending, (uint16_t)(i + 1), 0));
        assert_taken(i, 0);
    }
    assert_nothing_to_take();
    assert_int_equal(pending.count, 0);
    assert_true(pending_oldest_ns(&pending) == INT64_MAX);
}

static void test_out_of_order(void **state)
{
    hand_over(100, 1);
    hand_over(101, 2);
    hand_over(102, 3);
    assert_true(pending_answer(&pending, 3, 0x87));
    assert_true(pending_answer(&pending, 2, 0));
    assert_int_equal(pending.waiting, 1);
    assert_taken(101, 0);
    assert_taken(102, 0x87);
    assert_nothing_to_take();
    assert_int_equal(pending_oldest_ns(&pending), 100);
    assert_int_equal(pending.count, 3); /* room comes back in order */
    assert_true(pending_answer(&pending, 1, 0));
    assert_taken(100, 0);
    assert_int_equal(pending.count, 0);
}

static void test_unknown_and_repeated(void **state)
{
    struct pending_entry entry;
    assert_false(pending_answer(&pending, 1, 0));
    hand_over(7, 9);
    assert_false(pending_answer(&pending, 8, 0));
    assert_true(pending_answer(&pending, 9, 0));
    assert_false(pending_answer(&pending, 9, 0));
    assert_true(pending_take(&pending, &entry));
    assert_false(pending_answer(&pending, 9, 0));
}

/* Identifiers go round after 65,535; an old one may come again while the first is taken. */
static void test_identifier_again(void **state)
{
    hand_over(1, 500);
    hand_over(2, 501);
    assert_true(pending_answer(&pending, 501, 0));
    hand_over(3, 501);
    assert_true(pending_answer(&pending, 501, 0x10));
    assert_taken(2, 0);
    assert_taken(3, 0x10);
    assert_int_equal(pending.waiting, 1);
}

/* QoS 0: the library answers while it is still being asked. */
static void test_answer_while_handing_over(void **state)
{
    hand_over(1, 41); /* did not fit the socket before */
    struct pending_entry *entry = pending_add(&pending, 2, false, 2);
    assert_true(pending_answer(&pending, 41, 0));
    assert_true(pending_answer(&pending, 42, 0));
    pending_sent(&pending, entry, 42);
    assert_int_equal(pending.waiting, 0);
    assert_taken(1, 0);
    assert_taken(2, 0);
}

static void test_cancel(void **state)
{
    hand_over(1, 1);
    pending_cancel(&pending, pending_add(&pending, 2, true, 2));
    assert_int_equal(pending.count, 1);
    assert_int_equal(pending.own, 0);
    assert_int_equal(pending.waiting, 1);
}

static void test_own(void **state)
{
    struct pending_entry entry, *own = pending_add(&pending, 0, true, 1);
    pending_sent(&pending, own, 5);
    hand_over(1, 6);
    assert_int_equal(pending.own, 1);
    assert_int_equal(pending.waiting, 2);
    assert_true(pending_answer(&pending, 5, 0));
    assert_int_equal(pending.own, 0);
    assert_true(pending_take(&pending, &entry));
    assert_true(entry.own);
}

static void test_full(void **state)
{
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        hand_over(i, (uint16_t)(i + 1));
    }
    assert_null(pending_add(&pending, 0, false, 0));
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        assert_true(pending_answer(&pending, (uint16_t)(PENDING_MAX - i), 0));
    }
    assert_int_equal(pending.answered, PENDING_MAX);
    for (unsigned i = 0; i < PENDING_MAX; i++) {
        assert_taken(i, 0);
    }
    assert_int_equal(pending.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_in_order, setup),
        cmocka_unit_test_setup(test_out_of_order, setup),
        cmocka_unit_test_setup(test_unknown_and_repeated, setup),
        cmocka_unit_test_setup(test_identifier_again, setup),
        cmocka_unit_test_setup(test_answer_while_handing_over, setup),
        cmocka_unit_test_setup(test_cancel, setup),
        cmocka_unit_test_setup(test_own, setup),
        cmocka_unit_test_setup(test_full, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
