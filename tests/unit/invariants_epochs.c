/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * docs/invariants.md, traces 1 to 4, 12 to 14 and 18: no epoch and no end of one goes untold.
 */
#include "invariants_rig.h"

#include "cmocka_all.h"

typedef unsigned long long ull;

static int set_up(void **state)
{
    gate.uplink_count = 1;
    gate_begin();
    return 0;
}

static int tear_down(void **state)
{
    gate_end();
    return 0;
}

/* 1: the first records of an epoch go with the power, before anything was sent. */
static void an_epoch_is_on_flash_before_its_first_record(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_cut(CUT_DROP_ALL);
    uint64_t second = gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, second, 1);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":0,\"clean\":false", (ull)first);
    gate_proof(A);
}

/* 2: what was left out at the end of an epoch is told by the first record of the next. */
static void the_end_of_an_epoch_is_told_by_the_next(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_add_other(1);
    gate_persist();
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    uint64_t second = gate_epoch();
    gate_add(1);
    gate_deliver(A);
    gate_newest(A, second, 1);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":2,\"clean\":false", (ull)first);
    gate_says(A, "\"before\":[{\"first\":2,\"last\":2,\"why\":\"filter\"}]}]");
    gate_verdict(A, "epoch %llu: 1..2 accounted for", (ull)first);
    gate_proof(A);
}

/* 3: an epoch without any record that this uplink sends stays in the chain. */
static void an_epoch_that_sends_nothing_is_told(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_persist();
    gate_connect(A);
    gate_deliver(A);
    gate_cut(CUT_DROP_ALL);
    uint64_t second = gate_epoch();
    gate_add_other(2);
    gate_connect(A);
    gate_deliver(A);
    gate_checkpoint(); /* the cursor has passed all of it */
    gate_cut(CUT_DROP_ALL);
    uint64_t third = gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, third, 1);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":1,", (ull)first);
    gate_says(A, "{\"epoch\":%llu,\"last\":2,", (ull)second);
    gate_verdict(A, "epoch %llu: 1..2 accounted for", (ull)second);
    gate_proof(A);
}

/* 4: the first record of an epoch that is sent says what lies before, not that of number 1. */
static void the_first_that_is_sent_says_after(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_persist();
    gate_connect(A);
    gate_deliver(A);
    gate_cut(CUT_DROP_ALL);
    uint64_t second = gate_epoch();
    gate_add_other(1);
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, second, 2);
    gate_says(A, "\"before\":[{\"first\":1,\"last\":1,\"why\":\"filter\"}]");
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":1,", (ull)first);
    gate_proof(A);
}

/* Rule 10: so it does when the uplink has passed the end before, sent nothing since, and begins
 * again. */
static void the_base_is_the_last_confirmed_record(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_close_bus();
    uint64_t second = gate_epoch();
    gate_add_other(1);
    gate_deliver(A);
    assert_true(gate_confirmed(A, second, 1));
    gate_kill(A);
    gate_connect(A);
    gate_add(1);
    gate_deliver(A);
    gate_newest(A, second, 2);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":1,\"clean\":true", (ull)first);
    gate_proof(A);
}

/* Rule 15: an epoch that nobody closed is not clean, whether store reads its end... */
static void what_was_not_closed_is_not_clean(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_new_kernel();
    gate_epoch();
    gate_add(1);
    gate_persist();
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    gate_says(A, "{\"epoch\":%llu,\"last\":1,\"clean\":false", (ull)first);
    gate_proof(A);
}

/* ... or need not, as everybody is behind it. */
static void what_was_passed_is_not_clean_for_that(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_kill(A);
    gate_new_kernel();
    gate_epoch();
    gate_add_other(1);
    gate_connect(A);
    gate_deliver(A);
    gate_checkpoint();
    gate_cut(CUT_DROP_ALL);
    gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_says(A, "{\"epoch\":%llu,\"last\":1,\"clean\":false", (ull)first);
    gate_proof(A);
}

/* 12: what comes after a clean stop belongs to another epoch. */
static void a_clean_epoch_has_no_more_records(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_close_bus();
    gate_connect(A);
    gate_deliver(A);
    gate_kill(A);
    assert_int_equal(books_end(gate.books), 0);
    gate_restart_store(); /* `weir run` again, in the same boot */
    uint64_t second = gate_epoch();
    gate_add(1);
    gate_cut(CUT_DROP_ALL);
    uint64_t third = gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, third, 1);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":1,\"clean\":true", (ull)first);
    assert_true(second != first);
    gate_says(A, "{\"epoch\":%llu,\"last\":0,\"clean\":false", (ull)second);
    gate_proof(A);
}

/* (b): a number that a failed append used up at the very end belongs to the epoch. */
static void a_failed_append_at_the_end_is_told(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_add_failing();
    gate_close_bus();
    gate_connect(A);
    gate_deliver(A);
    uint64_t second = gate_epoch();
    gate_add(1);
    gate_deliver(A);
    gate_newest(A, second, 1);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":2,\"clean\":true", (ull)first);
    gate_says(A, "\"before\":[{\"first\":2,\"last\":2,\"why\":\"limit\"}]}]");
    gate_proof(A);
}

/* 18: flash never saw the epoch. What the receiver has of it is enough to say so. */
static void an_epoch_that_flash_never_saw(void **state)
{
    uint64_t first = gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_checkpoint();
    gate_cut(CUT_DROP_ALL);
    gate_break_flash();
    uint64_t second = gate_epoch();
    gate_add(2);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, second, 2);
    gate_cut(CUT_DROP_ALL);
    uint64_t third = gate_epoch();
    assert_true(third != second);
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, third, 1);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":1,\"clean\":false", (ull)first);
    gate_verdict(A, "epoch %llu: 1..2 complete", (ull)second);
    gate_verdict(A, "epoch %llu: UNKNOWN END: no \"after\" names it", (ull)second);
}

/* (a): flash cannot be read for a boot. Nothing is claimed of what it has. */
static void flash_that_cannot_be_read_is_no_claim(void **state)
{
    uint64_t first = gate_epoch();
    gate_add_persisted(1);
    gate_connect(A);
    gate_deliver(A);
    gate_add_persisted(2);
    gate_dark(CUT_DROP_ALL);
    gate_open_store_without_flash();
    uint64_t second = gate_epoch();
    assert_true(first != second);
    gate_add(2);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, second, 2);
    gate_verdict(A, "epoch %llu: 1..2 complete", (ull)second);
    gate_verdict(A, "epoch %llu: UNKNOWN END", (ull)first);
}

/* (a): and when it can be read again, what is made from then on is on flash, in an epoch behind
 * those that flash has; and what it had comes late. */
static void flash_that_comes_back_is_used(void **state)
{
    gate_epoch();
    gate_add_persisted(1);
    gate_cut(CUT_DROP_ALL);
    uint64_t second = gate_epoch();
    gate_add_persisted(3);
    gate_dark(CUT_DROP_ALL);
    gate_open_store_without_flash();
    uint64_t without = gate_epoch();
    gate_add(2);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, without, 2);
    gate_restart_store();
    uint64_t third = gate_renew_overtaken();
    assert_true(third > second && second > without);
    gate_add(2);
    gate_persist();
    gate_deliver(A);
    gate_verdict(A, "epoch %llu: 1..3 complete", (ull)second);
    gate_verdict(A, "epoch %llu: 1..2 complete", (ull)third);
    gate_cut(CUT_DROP_ALL);
    gate_connect(B);
    gate_deliver(B);
    gate_verdict(B, "epoch %llu: 1..2 complete", (ull)third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_epoch_is_on_flash_before_its_first_record, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_an_epoch_is_told_by_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_epoch_that_sends_nothing_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_that_is_sent_says_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_base_is_the_last_confirmed_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_closed_is_not_clean, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_passed_is_not_clean_for_that, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clean_epoch_has_no_more_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_append_at_the_end_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_epoch_that_flash_never_saw, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flash_that_cannot_be_read_is_no_claim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flash_that_comes_back_is_used, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
