/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * docs/invariants.md, traces 11 and 19 and rules 5, 9 and 19: cursors and the order of sending.
 */
#include "invariants_rig.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

static int set_up(void **state)
{
    gate_begin();
    return 0;
}

static int set_up_one(void **state)
{
    gate.uplink_count = 1;
    return set_up(state);
}

static int tear_down(void **state)
{
    gate_end();
    return 0;
}

/* 11: a new uplink is on flash before it runs. */
static void a_new_uplink_is_on_flash_before_it_sends(void **state)
{
    struct cursor_entry entry;
    uint64_t epoch = gate_epoch();
    gate_add_persisted(3);
    assert_false(gate_durable(B, &entry));
    gate.uplink_count = 2;
    gate_restart_store(); /* which comes before B's process */
    gate_dark(CUT_DROP_ALL);
    assert_true(gate_durable(B, &entry));
    assert_int_equal(entry.confirmed.epoch, epoch);
    assert_int_equal(entry.confirmed.seq, 0);
    gate_open_store();
}

/* 11: and so is where it began: what was gone by then is `earlier`, whatever happens later. */
static void where_it_began_is_on_flash(void **state)
{
    uint64_t epoch = gate_epoch();
    gate_add(2);
    gate_connect(A);
    gate_deliver(A);
    gate_add_apart(1);
    gate_trim();
    gate.uplink_count = 2;
    gate_restart_store();
    gate_persist();
    gate_cut(CUT_DROP_ALL);
    gate_connect(B);
    gate_deliver(B);
    gate_newest(B, epoch, 3);
    gate_says(B, "\"before\":[{\"first\":1,\"last\":2,\"why\":\"earlier\"}]");
    gate_proof(B);
}

/* 19: an uplink that does not start for a whole boot keeps its cursor. */
static void an_absent_uplink_keeps_its_cursor(void **state)
{
    struct cursor_entry entry;
    uint64_t first = gate_epoch();
    gate_add_persisted(3);
    gate_connect(A);
    gate_deliver(A);
    gate_checkpoint();
    assert_int_equal(gate_sent(A), 3);
    gate_cut(CUT_DROP_ALL); /* A does not start */
    uint64_t second = gate_epoch();
    gate_add_persisted(1);
    assert_true(gate_durable(A, &entry));
    assert_int_equal(entry.confirmed.epoch, first);
    assert_int_equal(entry.confirmed.seq, 3);
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    assert_int_equal(gate_sent(A), 4); /* nothing again */
    gate_newest(A, second, 1);
    gate_proof(A);
}

/* Rule 5: one that was never there holds back from the start: nothing is freed on the others. */
static void an_uplink_without_cursor_holds_everything(void **state)
{
    gate_epoch();
    gate_add_persisted(4 * GATE_GROUPS);
    size_t segments = gate_flash_segments();
    assert_true(segments > 3);
    gate_connect(A);
    gate_deliver(A);
    gate_checkpoint();
    gate_tick(1000);
    assert_true(gate_flash_segments() >= segments);
    gate_connect(B);
    gate_deliver(B);
    assert_int_equal(gate_sent(B), 4 * GATE_GROUPS);
    gate_checkpoint();
    assert_true(gate_flash_segments() < 3);
}

/* Rule 9: epochs in the order they were made, each to its end, from flash and from RAM. */
static void epochs_are_sent_in_order(void **state)
{
    uint64_t epochs[4];
    for (int i = 0; i < 4; i++) {
        epochs[i] = gate_epoch();
        gate_add_persisted(3);
        if (i < 2) {
            gate_cut(CUT_DROP_ALL);
        } else {
            gate_add(2); /* these are in RAM only */
            gate_close_bus();
        }
    }
    gate_connect(A);
    gate_deliver(A);
    assert_int_equal(gate_sent(A), 16);
    for (size_t i = 0; i < 16; i++) {
        char wanted[64];
        size_t of = i < 6 ? i / 3 : i < 11 ? 2 : 3;
        size_t seq = i < 6 ? i % 3 + 1 : i < 11 ? i - 5 : i - 10;
        snprintf(wanted, sizeof wanted, "\"epoch\":%llu,\"seq\":%zu,", (ull)epochs[of], seq);
        assert_non_null(strstr(gate_text(A, i), wanted));
    }
    gate_proof(A);
}

/* Rule 19: what one uplink does not take is no matter to the other. */
static void an_absent_uplink_holds_no_other_back(void **state)
{
    gate_epoch();
    gate_add_persisted(2 * GATE_GROUPS);
    gate_connect(B);
    gate_connect(A);
    gate_pump(A); /* gets no answer */
    gate_deliver(B);
    assert_int_equal(gate_sent(B), 2 * GATE_GROUPS);
    gate_add(5);
    gate_deliver(B);
    assert_int_equal(gate_sent(B), 2 * GATE_GROUPS + 5);
    gate_proof(B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_uplink_is_on_flash_before_it_sends, set_up_one,
                                        tear_down),
        cmocka_unit_test_setup_teardown(where_it_began_is_on_flash, set_up_one, tear_down),
        cmocka_unit_test_setup_teardown(an_absent_uplink_keeps_its_cursor, set_up_one, tear_down),
        cmocka_unit_test_setup_teardown(an_uplink_without_cursor_holds_everything, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(epochs_are_sent_in_order, set_up_one, tear_down),
        cmocka_unit_test_setup_teardown(an_absent_uplink_holds_no_other_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
