/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * docs/invariants.md, traces 5 to 9 and 15: what is said of a number that is not sent.
 */
#include "invariants_rig.h"

#include "cmocka_all.h"

#include <string.h>

enum { RAM_SEGMENTS = 4 }; /* core leaves a bus at least so many */

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

/* The oldest segment in RAM goes at the limit. */
static void lose_oldest(void)
{
    gate.ram_limit_bytes = 1;
    while (gate_ram_segments() <= RAM_SEGMENTS) {
        gate_add_apart(1);
    }
    gate_trim();
    assert_int_equal(gate_ram_segments(), RAM_SEGMENTS);
}

/* 5: sent, lost on the way, recycled: the connection begins again at what is confirmed. */
static void a_new_connection_begins_at_what_is_confirmed(void **state)
{
    uint64_t epoch = gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_deaf(A, true);
    gate_pump(A);
    gate_newest(A, epoch, 1);
    lose_oldest();
    gate_lose(A);
    gate_deaf(A, false);
    size_t before = gate_sent(A);
    gate_deliver(A);
    assert_non_null(strstr(gate_text(A, before), "\"seq\":2,"));
    assert_non_null(
        strstr(gate_text(A, before), "\"before\":[{\"first\":1,\"last\":1,\"why\":\"limit\"}]"));
    gate_verdict(A, "epoch %llu: 1..5 accounted for", (unsigned long long)epoch);
    gate_proof(A);
}

/* 6: what the cursor has passed without sending it is told by the next record, whatever comes in
 * between: nothing, a kill, a power cut. */
static void a_passed_number_stays_in_the_cursor(void **state)
{
    uint64_t epoch = gate_epoch();
    gate_connect(A);
    for (uint64_t seq = 1; seq <= 9; seq += 3) {
        gate_add(1);
        gate_deliver(A);
        gate_newest(A, epoch, seq);
        gate_add_other(2);
        gate_deliver(A);
        assert_true(gate_confirmed(A, epoch, seq + 2));
        if (seq == 4) {
            gate_kill(A);
            gate_connect(A);
        }
    }
    gate_add(1);
    gate_persist();
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, epoch, 10);
    gate_says(A, "\"before\":[{\"first\":8,\"last\":9,\"why\":\"filter\"}]");
    gate_verdict(A, "epoch %llu: 1..10 accounted for", (unsigned long long)epoch);
    gate_proof(A);
}

/* 7: it arrived, its acknowledgement did not, and it is gone: a record beats a range. */
static void a_record_that_arrived_beats_a_range(void **state)
{
    uint64_t epoch = gate_epoch();
    gate_add(1);
    gate_connect(A);
    gate_pump(A); /* arrives; no answer */
    lose_oldest();
    gate_kill(A);
    gate_connect(A);
    size_t before = gate_sent(A);
    gate_deliver(A);
    assert_non_null(strstr(gate_text(A, before), "\"first\":1,\"last\":1,\"why\":\"limit\""));
    gate_verdict(A, "epoch %llu: 1..5 complete", (unsigned long long)epoch);
    gate_proof(A);
}

/* 8: the same over a power cut, with damage, and over a second one. */
static void it_does_so_over_power_cuts(void **state)
{
    uint64_t epoch = gate_epoch();
    gate_add(1);
    gate_persist();
    uint64_t group = gate_group();
    gate_add(1);
    gate_persist();
    gate_connect(A);
    gate_deliver(A); /* the cursor is in tmpfs only */
    gate_damage(group, group);
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_pump(A);
    gate_newest(A, epoch, 2);
    gate_says(A, "\"first\":1,\"last\":1,\"why\":\"damage\"");
    gate_cut(CUT_DROP_ALL);
    gate_connect(A);
    gate_deliver(A);
    gate_newest(A, epoch, 2);
    gate_verdict(A, "epoch %llu: 1..2 complete", (unsigned long long)epoch);
    gate_proof(A);
}

static void move_to_flash(void)
{
    gate_add_apart(1);
    gate_persist();
    size_t before = gate_ram_segments();
    gate_trim();
    assert_true(gate_ram_segments() < before);
}

/* 9: between two looks the record moves from the queue to the spool. */
static void what_moves_between_two_looks_is_found(void **state)
{
    uint64_t epoch = gate_epoch();
    gate_connect(A);
    gate_deliver(A);
    gate_add_apart(1);
    gate_before_look = move_to_flash;
    gate_deliver(A);
    assert_null(gate_before_look);
    assert_int_equal(gate_sent(A), 2);
    gate_newest(A, epoch, 2);
    gate_says_not(A, "\"before\"");
    gate_verdict(A, "epoch %llu: 1..2 complete", (unsigned long long)epoch);
}

/* 15: each stretch keeps its own reason. */
static void every_stretch_has_its_own_reason(void **state)
{
    static const char reasons[] = "\"before\":[{\"first\":1,\"last\":1,\"why\":\"damage\"},"
                                  "{\"first\":2,\"last\":2,\"why\":\"limit\"}]";
    uint64_t epoch = gate_epoch();
    gate_add(1);
    gate_persist();
    uint64_t group = gate_group();
    gate_break_flash();
    gate_add_apart(2);
    gate_trim(); /* 1 is on flash */
    lose_oldest();
    gate_mend_flash();
    gate_damage(group, group);
    gate_connect(A);
    gate_deliver(A);
    assert_non_null(strstr(gate_text(A, 0), reasons));
    gate_cut(CUT_DROP_ALL); /* and from the account alone: the cursor of the group is at 0 */
    size_t before = gate_sent(A);
    gate_connect(A);
    gate_deliver(A);
    assert_true(gate_sent(A) > before);
    assert_non_null(strstr(gate_text(A, before), reasons));
    gate_verdict(A, "epoch %llu: 1..6 accounted for", (unsigned long long)epoch);
    gate_proof(A);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_connection_begins_at_what_is_confirmed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_passed_number_stays_in_the_cursor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_arrived_beats_a_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_does_so_over_power_cuts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_moves_between_two_looks_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_stretch_has_its_own_reason, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
