/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The schedule under simulated time: a line with devices that answer, or not, for so long; hours
 * pass in milliseconds. What is measured is what a user would: who is asked when, and how long
 * others wait.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/schedule.h"

enum { DEVICES = 32 };

/* A simulated device: answers from .. until, and takes so long for it. */
struct sim_device {
    struct schedule_device config;
    int64_t cost_ns, dead_from_ns, dead_until_ns;
    int64_t last_ns, longest_ns; /* between two answers */
    uint64_t answers, probes, silences, late, left_out;
};

struct sim {
    struct sim_device devices[DEVICES];
    size_t count;
    int retries;
    bool port_closed;
    int64_t start_ns, now_ns;
    struct schedule *schedule;
    bool probe_before;      /* the turn before was a probe without an answer */
    uint64_t probes_in_row; /* while somebody alive was due */
};

static void sim_start(struct sim *sim, size_t count, int64_t every_ns, int64_t cost_ns)
{
    struct schedule_device configs[DEVICES];
    memset(sim, 0, sizeof *sim);
    sim->start_ns = sim->now_ns = 1000 * NS_PER_S + 12345;
    sim->count = count;
    for (size_t i = 0; i < count; i++) {
        sim->devices[i].config = (struct schedule_device){ every_ns, NS_PER_S / 2 };
        sim->devices[i].cost_ns = cost_ns;
        configs[i] = sim->devices[i].config;
    }
    assert_int_equal(schedule_create(configs, count, sim->now_ns, &sim->schedule), 0);
}

static void sim_stop(struct sim *sim)
{
    schedule_destroy(sim->schedule);
}

static bool is_dead(const struct sim *sim, const struct sim_device *d)
{
    int64_t t = sim->now_ns - sim->start_ns;
    return t >= d->dead_from_ns && t < d->dead_until_ns;
}

static void dead(struct sim *sim, size_t device, double from_s, double until_s)
{
    sim->devices[device].dead_from_ns = (int64_t)(from_s * 1e9);
    sim->devices[device].dead_until_ns = (int64_t)(until_s * 1e9);
}

static enum schedule_outcome talk(struct sim *sim, const struct turn *turn)
{
    struct sim_device *d = &sim->devices[turn->device];
    if (sim->port_closed) {
        return SCHEDULE_UNASKED;
    }
    if (is_dead(sim, d)) {
        d->silences++;
        sim->now_ns += d->config.timeout_ns * (turn->probe ? 1 : 1 + sim->retries);
        return SCHEDULE_SILENT;
    }
    int64_t begin_ns = sim->now_ns;
    sim->now_ns += d->cost_ns;
    if (d->answers++ && begin_ns - d->last_ns > d->longest_ns) {
        d->longest_ns = begin_ns - d->last_ns;
    }
    d->last_ns = begin_ns;
    return SCHEDULE_ANSWERED;
}

static void sim_run(struct sim *sim, double until_s)
{
    int64_t until_ns = sim->start_ns + (int64_t)(until_s * 1e9);
    while (sim->now_ns < until_ns) {
        struct turn turn;
        if (!schedule_take(sim->schedule, sim->now_ns, &turn)) {
            int64_t wake_ns = schedule_wake_ns(sim->schedule);
            assert_true(wake_ns > sim->now_ns);
            sim->now_ns = wake_ns;
            sim->probe_before = false;
            continue;
        }
        struct sim_device *d = &sim->devices[turn.device];
        d->probes += turn.probe;
        d->late += turn.late;
        d->left_out += turn.left_out;
        enum schedule_outcome outcome = talk(sim, &turn);
        schedule_done(sim->schedule, turn.device, sim->now_ns, outcome);
        bool probe = turn.probe && outcome == SCHEDULE_SILENT;
        sim->probes_in_row += probe && sim->probe_before;
        sim->probe_before = probe;
    }
}

static void forget(struct sim *sim)
{
    for (size_t i = 0; i < sim->count; i++) {
        struct sim_device *d = &sim->devices[i];
        d->answers = d->probes = d->silences = d->late = d->left_out = 0;
        d->longest_ns = 0;
    }
}

static void in_phase(void **state)
{
    struct sim sim;
    sim_start(&sim, 10, NS_PER_S, NS_PER_MS);
    sim_run(&sim, 3599.5);
    for (size_t i = 0; i < sim.count; i++) {
        assert_int_equal(sim.devices[i].answers, 3600);
        assert_int_equal(sim.devices[i].longest_ns, NS_PER_S);
        assert_int_equal(sim.devices[i].late + sim.devices[i].left_out, 0);
    }
    sim_stop(&sim);
}

static void back_to_back_is_fair(void **state)
{
    struct sim sim;
    sim_start(&sim, 8, 0, 10 * NS_PER_MS);
    sim_run(&sim, 60);
    for (size_t i = 0; i < sim.count; i++) {
        assert_int_equal(sim.devices[i].answers, 750);
        assert_int_equal(sim.devices[i].longest_ns, 80 * NS_PER_MS);
    }
    sim_stop(&sim);
}

/* One device every second among such that are asked all the time. */
static void mixed(void **state)
{
    struct sim sim;
    sim_start(&sim, 5, 0, 30 * NS_PER_MS);
    schedule_destroy(sim.schedule);
    struct schedule_device configs[5] = { { NS_PER_S, NS_PER_S / 2 } };
    assert_int_equal(schedule_create(configs, 5, sim.now_ns, &sim.schedule), 0);
    sim_run(&sim, 600);
    assert_int_equal(sim.devices[0].answers, 600);
    assert_true(sim.devices[0].longest_ns < NS_PER_S + 5 * 30 * NS_PER_MS);
    for (size_t i = 1; i < 5; i++) {
        assert_true(sim.devices[i].longest_ns <= 5 * 30 * NS_PER_MS);
    }
    sim_stop(&sim);
}

/* More than the line can carry: everybody gets a share, nobody a burst, and it is counted. */
static void overload(void **state)
{
    struct sim sim;
    sim_start(&sim, 3, NS_PER_S, 700 * NS_PER_MS);
    sim_run(&sim, 2100);
    uint64_t total = 0;
    for (size_t i = 0; i < sim.count; i++) {
        struct sim_device *d = &sim.devices[i];
        assert_in_range(d->answers, 900, 1100);
        assert_true(d->longest_ns <= 4 * NS_PER_S);
        assert_in_range(d->answers + d->left_out, 2098, 2101);
        total += d->answers;
    }
    assert_in_range(total, 2999, 3001); /* the line was never idle */
    sim_stop(&sim);
}

static void no_burst(void **state)
{
    struct sim sim;
    struct turn turn;
    sim_start(&sim, 1, NS_PER_S, 0);
    assert_true(schedule_take(sim.schedule, sim.now_ns, &turn));
    sim.now_ns += 5 * NS_PER_S + 300 * NS_PER_MS; /* it took very long */
    schedule_done(sim.schedule, 0, sim.now_ns, SCHEDULE_ANSWERED);
    assert_true(schedule_take(sim.schedule, sim.now_ns, &turn));
    assert_true(turn.late);
    assert_int_equal(turn.left_out, 4);
    schedule_done(sim.schedule, 0, sim.now_ns, SCHEDULE_ANSWERED);
    assert_false(schedule_take(sim.schedule, sim.now_ns, &turn));
    assert_int_equal(schedule_wake_ns(sim.schedule), sim.start_ns + 6 * NS_PER_S);
    sim_stop(&sim);
}

/* Six of eight devices answer, 9600 baud, 20 registers each: at most 0.47 s a round. */
static void two_of_eight_dead(void **state)
{
    for (int retries = 0; retries <= 2; retries++) {
        struct sim sim;
        sim_start(&sim, 8, 0, 69130 * NS_PER_US); /* 68.75 ms on the wire, and we are no wire */
        sim.retries = retries;
        dead(&sim, 2, 0, 1e6);
        dead(&sim, 5, 0, 1e6);
        sim_run(&sim, 15);
        forget(&sim);
        sim_run(&sim, 55);
        for (size_t i = 0; i < sim.count; i++) {
            if (i != 2 && i != 5) {
                assert_true(40.0 / (double)sim.devices[i].answers <= 0.47);
                /* at most one probe a round */
                assert_true(sim.devices[i].longest_ns <= 6 * 69130 * NS_PER_US + NS_PER_S / 2);
            }
        }
        assert_int_equal(sim.probes_in_row, 0);
        sim_stop(&sim);
    }
}

/* Whatever the number of dead ones: one probe a round, and back in time, for any moment of return.
 */
static void bound(void **state)
{
    for (size_t gone = 1; gone < 12; gone++) {
        for (int64_t every_ns = 0; every_ns <= 2 * NS_PER_S; every_ns += 2 * NS_PER_S) {
            for (int moment = 0; moment < 17; moment++) {
                struct sim sim;
                double returns_s = 100 + moment * 1.37;
                sim_start(&sim, 12, every_ns, 20 * NS_PER_MS);
                for (size_t i = 0; i < gone; i++) {
                    dead(&sim, i, 0, i ? 1e6 : returns_s);
                }
                sim.devices[0].cost_ns = 400 * NS_PER_MS; /* 80 % of its time-out */
                sim_run(&sim, 60);
                forget(&sim);
                int64_t round_ns = (int64_t)(12 - gone) * 20 * NS_PER_MS;
                int64_t latest_ns = 20 * NS_PER_S + (int64_t)gone * (NS_PER_S / 2 + round_ns);
                sim_run(&sim, returns_s + (double)latest_ns / 1e9);
                assert_true(sim.devices[0].answers > 0);
                assert_true(latest_ns < 30 * NS_PER_S);
                assert_int_equal(sim.probes_in_row * !every_ns, 0);
                int64_t worst_ns =
                    (every_ns ? every_ns : round_ns) + NS_PER_S / 2 + round_ns + 400 * NS_PER_MS;
                for (size_t i = gone; i < 12; i++) {
                    assert_true(sim.devices[i].longest_ns <= worst_ns);
                }
                sim_stop(&sim);
            }
        }
    }
}

/* A dead device costs one time-out per back-off step. */
static void steps(void **state)
{
    struct sim sim;
    sim_start(&sim, 2, NS_PER_S, 5 * NS_PER_MS);
    sim.retries = 2;
    dead(&sim, 1, 0, 1e6);
    sim_run(&sim, 3600);
    assert_in_range(sim.devices[1].probes, 3600 / 21, 3600 / 20 + 5);
    assert_int_equal(sim.devices[1].silences, sim.devices[1].probes + 1);
    /* every period without a reading is known: asked, or left out */
    assert_in_range(sim.devices[1].silences + sim.devices[1].left_out, 3575, 3601);
    assert_in_range(sim.devices[0].answers, 3599, 3601);
    sim_stop(&sim);
}

static void slow_devices_keep_their_pace(void **state)
{
    struct sim sim;
    sim_start(&sim, 1, 60 * NS_PER_S, 5 * NS_PER_MS);
    dead(&sim, 0, 0, 1e6);
    sim_run(&sim, 3600);
    assert_in_range(sim.devices[0].silences, 58, 61); /* never more often than when alive */
    sim_stop(&sim);
}

/* The cable was out: when one is back, all are asked at once. */
static void line_returns(void **state)
{
    struct sim sim;
    sim_start(&sim, 8, NS_PER_S, 10 * NS_PER_MS);
    for (size_t i = 0; i < sim.count; i++) {
        dead(&sim, i, 10, 300);
    }
    sim_run(&sim, 300);
    forget(&sim);
    sim_run(&sim, 320);
    int64_t first_ns = INT64_MAX, last_ns = 0;
    for (size_t i = 0; i < sim.count; i++) {
        assert_true(sim.devices[i].answers > 0);
        int64_t ns = sim.devices[i].last_ns;
        first_ns = ns < first_ns ? ns : first_ns;
        last_ns = ns > last_ns ? ns : last_ns;
    }
    assert_true(last_ns - first_ns < NS_PER_S);
    sim_stop(&sim);
}

static void port_closed(void **state)
{
    struct sim sim;
    sim_start(&sim, 3, 0, 10 * NS_PER_MS);
    schedule_destroy(sim.schedule);
    struct schedule_device configs[3] = { { 2 * NS_PER_S, NS_PER_S },
                                          { 0, NS_PER_S },
                                          { 60 * NS_PER_S, 1 } };
    assert_int_equal(schedule_create(configs, 3, sim.now_ns, &sim.schedule), 0);
    sim.port_closed = true;
    sim_run(&sim, 100.5);
    sim.port_closed = false;
    struct turn turn;
    schedule_rush(sim.schedule, sim.now_ns);
    for (int i = 0; i < 3; i++) {
        assert_true(schedule_take(sim.schedule, sim.now_ns, &turn));
        assert_false(turn.probe);
        sim.now_ns += NS_PER_MS;
        schedule_done(sim.schedule, turn.device, sim.now_ns, SCHEDULE_ANSWERED);
    }
    sim_run(&sim, 200);
    assert_in_range(sim.devices[0].answers, 49, 50);
    sim_stop(&sim);
}

static void empty(void **state)
{
    struct schedule *schedule;
    struct turn turn;
    assert_int_equal(schedule_create(NULL, 0, 0, &schedule), 0);
    assert_false(schedule_take(schedule, INT64_MAX, &turn));
    assert_true(schedule_wake_ns(schedule) == INT64_MAX);
    schedule_destroy(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_phase),
        cmocka_unit_test(back_to_back_is_fair),
        cmocka_unit_test(mixed),
        cmocka_unit_test(overload),
        cmocka_unit_test(no_burst),
        cmocka_unit_test(two_of_eight_dead),
        cmocka_unit_test(bound),
        cmocka_unit_test(steps),
        cmocka_unit_test(slow_devices_keep_their_pace),
        cmocka_unit_test(line_returns),
        cmocka_unit_test(port_closed),
        cmocka_unit_test(empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
