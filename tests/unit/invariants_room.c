/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * docs/invariants.md, traces 10, 13, 14, 16 and 17: what leaves flash, and what is known after
 * damage.
 */
#include "invariants_rig.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;
enum { MANY = 4 * GATE_GROUPS };

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

/* 10: what only tmpfs knows to be confirmed stays on flash. */
static void nothing_is_freed_on_cursors_in_tmpfs(void **state)
{
    gate_epoch();
    gate_add_persisted(MANY);
    size_t segments = gate_flash_segments();
    gate_connect(A);
    gate_deliver(A);
    gate_break_flash();
    for (int i = 0; i < 5; i++) {
        gate_tick(60 * 1000);
    }
    assert_int_equal(gate_flash_segments(), segments);
    gate_cut(CUT_DROP_ALL);
    assert_int_equal(gate_flash_segments(), segments);
    gate_connect(A);
    gate_deliver(A);
    assert_int_equal(gate_sent(A), 2 * MANY); /* again, and nothing is claimed */
    for (size_t i = MANY; i < gate_sent(A); i++) {
        assert_null(strstr(gate_text(A, i), "\"why\""));
    }
    gate_proof(A);
}

/* 10: at the limit it is told on flash before it leaves. */
static void what_leaves_at_the_limit_is_told_first(void **state)
{
    gate.limit_segments = 4;
    gate_restart_store();
    uint64_t epoch = gate_epoch();
    int count = 0;
    while (account_find(gate.books->account, gate_bus, epoch)->gone_count == 0) {
        assert_in_range(++count, 1, 2 * MANY);
        gate_add_persisted(1);
    }
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    const char *text = gate_text(A, 0);
    assert_non_null(strstr(text, "\"before\":[{\"first\":1,\"last\":"));
    assert_non_null(strstr(text, "\"why\":\"limit\"}]"));
    gate_verdict(A, "epoch %llu: 1..%d accounted for", (ull)epoch, count);
    gate_proof(A);
}

/* 13: what is known of an epoch outlives the segments that had it. */
static void an_epoch_is_told_when_its_segments_have_left(void **state)
{
    gate.limit_segments = 4;
    gate_restart_store();
    gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_checkpoint();
    gate_cut(CUT_DROP_ALL);
    uint64_t first = gate_epoch();
    gate_add_persisted(2);
    gate_cut(CUT_DROP_ALL);
    uint64_t second = gate_epoch();
    gate_add_persisted(MANY);
    gate_cut(CUT_DROP_ALL);
    gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    const char *text = gate_text(A, 1);
    char wanted[160];
    snprintf(wanted, sizeof wanted, "{\"epoch\":%llu,\"last\":2,\"clean\":false", (ull)first);
    assert_non_null(strstr(text, wanted));
    assert_non_null(strstr(text, "\"before\":[{\"first\":1,\"last\":2,\"why\":\"limit\"}]}]"));
    gate_verdict(A, "epoch %llu: 1..2 accounted for", (ull)first);
    gate_verdict(A, "epoch %llu: 1..%d accounted for", (ull)second, (int)MANY);
    gate_proof(A);
}

/* 14: the only group of an epoch cannot be read. */
static void an_epoch_whose_opening_is_damaged_is_told(void **state)
{
    uint64_t first = gate_epoch();
    uint64_t opening = gate_group();
    gate_add(1);
    gate_damage(opening, opening);
    gate_cut(CUT_DROP_ALL);
    gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":0,\"clean\":false,\"damage\":true",
              (ull)first);
    gate_proof(A);
}

/* 14: the opening is there, what was persisted after it is not. */
static void damage_behind_the_newest_account_is_told(void **state)
{
    uint64_t first = gate_epoch();
    gate_add_persisted(1);
    gate_damage(gate_group(), gate_group());
    gate_cut(CUT_DROP_ALL);
    gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deliver(A);
    gate_says(A, "\"after\":[{\"epoch\":%llu,\"last\":0,\"clean\":false,\"damage\":true",
              (ull)first);
    gate_proof(A);
}

/* 16: when a backlog has drained a group says so, and its segments are free. */
static void a_drained_backlog_is_free(void **state)
{
    gate_epoch();
    gate_add_persisted(MANY);
    gate_connect(A);
    gate_deliver(A);
    gate_tick(1000);
    assert_true(gate_flash_segments() <= 2);
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    assert_int_equal(gate_sent(A), MANY);
}

/* 16: also if that frees nothing: it is not sent again. */
static void a_short_backlog_is_noted(void **state)
{
    gate_epoch();
    gate_add_persisted(2);
    assert_int_equal(gate_flash_segments(), 1);
    gate_connect(A);
    gate_deliver(A);
    gate_tick(1000);
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    assert_int_equal(gate_sent(A), 2);
}

/* 16: and while it drains, as soon as that frees a segment. */
static void a_draining_backlog_gets_free(void **state)
{
    gate_epoch();
    gate_add_persisted(MANY);
    size_t segments = gate_flash_segments();
    gate_connect(A);
    gate_window(A, MANY / 2);
    gate_deliver(A);
    assert_int_equal(gate_sent(A), MANY / 2);
    gate_tick(1000);
    assert_true(gate_flash_segments() < segments);
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    assert_int_equal(gate_sent(A), MANY);
    gate_proof(A);
}

/* 17: an unreadable stretch at the end of an old epoch holds nothing back, though no record comes
 * that could carry it; and it is told by the next that does. */
static void an_unreadable_end_holds_nothing_back(void **state)
{
    enum { BAD = 2 * GATE_GROUPS + 2 };
    uint64_t first = gate_epoch();
    gate_add_persisted(MANY);
    uint64_t newest = gate_group();
    gate_checkpoint();
    gate_damage(newest - BAD + 1, newest);
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    assert_int_equal(gate_sent(A), MANY - BAD);
    gate_deliver(A);
    gate_tick(1000);
    assert_true(gate_flash_segments() <= 2);
    gate_epoch();
    gate_add(1);
    gate_deliver(A);
    gate_says(A, "\"epoch\":%llu,\"last\":%d,", (ull)first, (int)MANY);
    gate_says(A, "\"before\":[{\"first\":%d,\"last\":%d,\"why\":\"damage\"}]", MANY - BAD + 1,
              (int)MANY);
    gate_proof(A);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_freed_on_cursors_in_tmpfs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_leaves_at_the_limit_is_told_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_epoch_is_told_when_its_segments_have_left, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_epoch_whose_opening_is_damaged_is_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(damage_behind_the_newest_account_is_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_drained_backlog_is_free, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_short_backlog_is_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_draining_backlog_gets_free, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unreadable_end_holds_nothing_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
