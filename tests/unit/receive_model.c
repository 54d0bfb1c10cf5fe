/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A model of an honest sender, driven at random: connections break, records are filtered, recycled
 * before or after they arrived, epochs end clean and unclean. Whatever it does must verify; and if
 * one record is taken out of what it sent, that must show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receive/state.h"
#include "receive/verify.h"

#define EPOCHS  6
#define NUMBERS 24
#define SENT    2000
#define WORLDS  3000

enum fate { FATE_HERE, FATE_FILTER, FATE_LIMIT, FATE_CUT };

struct place {
    int epoch; /* 0: nothing */
    uint64_t seq;
};

struct world {
    enum fate fate[EPOCHS + 1][NUMBERS + 1];
    uint64_t made[EPOCHS + 1]; /* numbers used */
    uint64_t last[EPOCHS + 1]; /* as stated later */
    bool clean[EPOCHS + 1];
    int newest;
    struct place base; /* the last confirmed */
    struct place sent; /* the last sent on this connection */
    struct record out[SENT];
    size_t out_count;
};

static uint64_t pick(uint64_t count)
{
    return (uint64_t)random() % count;
}

static bool is_before(struct place a, struct place b)
{
    return a.epoch < b.epoch || (a.epoch == b.epoch && a.seq < b.seq);
}

/* The next number that can be sent. False: none left. */
static bool next_place(const struct world *w, struct place *place)
{
    struct place p = *place;

    if (p.epoch == 0) {
        p = (struct place){ 1, 0 };
    }
    for (;;) {
        if (p.seq < w->made[p.epoch]) {
            p.seq++;
        } else if (p.epoch < w->newest) {
            p = (struct place){ p.epoch + 1, 0 };
            continue;
        } else {
            return false;
        }
        if (w->fate[p.epoch][p.seq] == FATE_HERE) {
            *place = p;
            return true;
        }
    }
}

static struct ranges ranges_of(const struct world *w, int epoch, uint64_t from, uint64_t to)
{
    static const enum why why[] = { [FATE_FILTER] = WHY_FILTER, [FATE_LIMIT] = WHY_LIMIT };
    struct ranges ranges = { calloc(NUMBERS, sizeof(struct range)), 0 };

    for (uint64_t i = from; i <= to; i++) {
        enum fate fate = w->fate[epoch][i];
        struct range *top = ranges.count > 0 ? &ranges.list[ranges.count - 1] : NULL;

        if (fate == FATE_HERE || fate == FATE_CUT) {
            continue;
        }
        if (top != NULL && top->last == i - 1 && top->why == why[fate]) {
            top->last = i;
        } else {
            ranges.list[ranges.count++] = (struct range){ i, i, why[fate] };
        }
    }
    return ranges;
}

static void send_one(struct world *w)
{
    struct place prior = w->sent;
    struct record *record;

    if (w->out_count == SENT || !next_place(w, &w->sent)) {
        return;
    }
    record = &w->out[w->out_count++];
    *record = (struct record){
        .gateway = "g", .bus = "b", .epoch = 100 - (uint64_t)w->sent.epoch, .seq = w->sent.seq
    };
    record->content.whole = record->epoch * 1000 + record->seq;
    if (w->sent.epoch == prior.epoch) {
        record->before = ranges_of(w, prior.epoch, prior.seq + 1, w->sent.seq - 1);
        return;
    }
    record->before = ranges_of(w, w->sent.epoch, 1, w->sent.seq - 1);
    record->has_after = true;
    record->after = calloc(EPOCHS, sizeof(struct ended));
    for (int e = prior.epoch == 0 ? 1 : prior.epoch; e < w->sent.epoch; e++) {
        record->after[record->after_count++] = (struct ended){
            .epoch = 100 - (uint64_t)e,
            .last = w->last[e],
            .last_known = true,
            .clean = w->clean[e],
            .before = ranges_of(w, e, e == prior.epoch ? prior.seq + 1 : 1, w->last[e]),
        };
    }
}

/* The newest epoch ends, by a stop or by a cut that loses what was not persisted. */
static void end_epoch(struct world *w)
{
    int e = w->newest;

    if (e == EPOCHS) {
        return;
    }
    w->last[e] = w->made[e];
    w->clean[e] = pick(2) == 0;
    if (!w->clean[e] && w->made[e] > 0) {
        w->last[e] = pick(w->made[e] + 1);
        for (uint64_t i = w->last[e] + 1; i <= w->made[e]; i++) {
            w->fate[e][i] = FATE_CUT;
        }
    }
    w->sent = w->base; /* the gateway starts again */
    w->newest++;
}

static void make_one(struct world *w)
{
    int e = w->newest;

    if (w->made[e] < NUMBERS) {
        w->fate[e][++w->made[e]] = pick(5) == 0 ? FATE_FILTER : FATE_HERE;
    }
}

/* What is not confirmed is recycled at the limit, whether it arrived or not. */
static void recycle_one(struct world *w)
{
    struct place p = w->base;

    if (next_place(w, &p)) {
        w->fate[p.epoch][p.seq] = FATE_LIMIT;
    }
}

static void confirm_one(struct world *w)
{
    struct place p = w->base;

    if (next_place(w, &p) && !is_before(w->sent, p)) {
        w->base = p;
    }
}

static struct world *world_run(void)
{
    struct world *w = calloc(1, sizeof(*w));

    w->newest = 1;
    for (int step = 0; step < 400; step++) {
        uint64_t what = pick(100);

        if (what < 40) {
            send_one(w);
        } else if (what < 65) {
            make_one(w);
        } else if (what < 85) {
            confirm_one(w);
        } else if (what < 90) {
            recycle_one(w);
        } else if (what < 97) {
            w->sent = w->base;
        } else {
            end_epoch(w);
        }
    }
    for (int i = 0; i < EPOCHS * NUMBERS; i++) {
        send_one(w);
    }
    return w;
}

static void world_destroy(struct world *w)
{
    for (size_t i = 0; i < w->out_count; i++) {
        for (size_t j = 0; j < w->out[i].after_count; j++) {
            free(w->out[i].after[j].before.list);
        }
        free(w->out[i].after);
        free(w->out[i].before.list);
    }
    free(w);
}

static enum verdict judge(const struct world *w, size_t from, const struct record *without,
                          struct sum *ret_sum)
{
    struct verify *verify = verify_create();
    enum verdict verdict;

    for (size_t i = from; i < w->out_count; i++) {
        const struct record *record = &w->out[i];

        if (without != NULL && record->epoch == without->epoch && record->seq == without->seq) {
            continue;
        }
        assert_int_equal(verify_record(verify, record, 1), 0);
    }
    *ret_sum = verify_sum(verify);
    verdict = verify_verdict(verify, ret_sum);
    if (verdict == VERDICT_FAILED && without == NULL && verify->fault_count > 0) {
        print_message("%s\n", verify->faults[0].text);
    }
    verify_destroy(verify);
    return verdict;
}

static void test_honest_senders_pass(void **state)
{
    (void)state;
    srandom(2);
    for (int i = 0; i < WORLDS; i++) {
        struct world *w = world_run();
        struct sum sum;

        if (w->out_count > 0) {
            assert_int_equal(judge(w, 0, NULL, &sum), VERDICT_OK);
            assert_int_equal(judge(w, pick(w->out_count), NULL, &sum), VERDICT_OK);
        }
        world_destroy(w);
    }
}

/* Is the record's number said to be lost by what was sent later? */
static bool is_told(const struct world *w, const struct record *record)
{
    int e = 100 - (int)record->epoch;

    return w->fate[e][record->seq] != FATE_HERE;
}

static void test_one_taken_out_shows(void **state)
{
    int shown = 0;

    (void)state;
    srandom(3);
    for (int i = 0; i < WORLDS; i++) {
        struct world *w = world_run();
        size_t index = w->out_count < 3 ? 0 : 1 + pick(w->out_count - 2);
        const struct record *record = &w->out[index];
        const struct record *newest = &w->out[w->out_count > 0 ? w->out_count - 1 : 0];
        bool is_first = record->epoch == w->out[0].epoch && record->seq == w->out[0].seq;
        bool is_last = record->epoch == newest->epoch && record->seq == newest->seq;
        struct sum sum;

        if (index > 0 && !is_first && !is_last && !is_told(w, record)) {
            assert_int_equal(judge(w, 0, record, &sum), VERDICT_FAILED);
            assert_true(sum.missing + sum.unannounced >= 1);
            shown++;
        }
        world_destroy(w);
    }
    print_message("%d records taken out\n", shown);
    assert_true(shown > WORLDS / 2);
}

/* Away for a while, and the broker keeps nothing: it may not know, but it accuses nobody. */
static void test_an_absence_is_no_loss(void **state)
{
    int unsure = 0;

    (void)state;
    srandom(5);
    for (int i = 0; i < WORLDS; i++) {
        struct world *w = world_run();
        size_t from = w->out_count == 0 ? 0 : 1 + pick(w->out_count);
        size_t to = from + pick(30);
        struct verify *verify = verify_create();
        struct sum sum;

        for (size_t j = 0; j < w->out_count; j++) {
            if (j == from) {
                verify_away(verify, 1);
                verify_back(verify, false, 2);
            }
            if (j < from || j >= to) {
                assert_int_equal(verify_record(verify, &w->out[j], 1), 0);
            }
        }
        sum = verify_sum(verify);
        if (w->out_count > 0) {
            enum verdict verdict = verify_verdict(verify, &sum);

            assert_int_not_equal(verdict, VERDICT_FAILED);
            unsure += verdict == VERDICT_CANNOT_KNOW ? 1 : 0;
        }
        verify_destroy(verify);
        world_destroy(w);
    }
    print_message("%d absences with doubt\n", unsure);
    assert_true(unsure > WORLDS / 10);
}

/* A run that is saved and continued anywhere comes to the same end. */
static void test_a_continued_run(void **state)
{
    (void)state;
    srandom(4);
    for (int i = 0; i < WORLDS / 10; i++) {
        struct world *w = world_run();
        size_t stop = w->out_count == 0 ? 0 : pick(w->out_count);
        struct verify *verify = verify_create();
        struct sum whole;
        struct sum parts;

        for (size_t j = 0; j < w->out_count; j++) {
            if (j == stop) {
                json_t *saved = state_save(verify, true, 5);
                bool ended = false;
                int64_t saved_ms = 0;

                verify_destroy(verify);
                verify = verify_create();
                assert_int_equal(state_restore(verify, saved, &ended, &saved_ms), 0);
                assert_true(ended);
                assert_int_equal(saved_ms, 5);
                json_decref(saved);
            }
            assert_int_equal(verify_record(verify, &w->out[j], 1), 0);
        }
        parts = verify_sum(verify);
        parts.not_compared = 0; /* contents are not saved */
        judge(w, 0, NULL, &whole);
        whole.not_compared = 0;
        assert_memory_equal(&parts, &whole, sizeof(whole));
        verify_destroy(verify);
        world_destroy(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_senders_pass),
        cmocka_unit_test(test_one_taken_out_shows),
        cmocka_unit_test(test_an_absence_is_no_loss),
        cmocka_unit_test(test_a_continued_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
