/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * rate_limit under a fake clock; days and months; the file of the counters; when a backlog will be
 * gone.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uplink/drain.h"
#include "uplink/meter.h"

#define DAY_NS (86400 * NS_PER_S)

/* ---- how fast */

/* 1000 bytes a second, messages of `len` as fast as the bucket lets them: never more than a
 * second's worth (or a message) above the line, and never less than the line once it runs. */
static void paced(int64_t rate, uint64_t len, int64_t idle_ns)
{
    struct bucket b;
    int64_t start = 77 * NS_PER_S, now = start;
    uint64_t sent = 0, burst = (uint64_t)rate > len ? (uint64_t)rate : len;
    bucket_init(&b, rate, now);
    bucket_take(&b, len, now);
    now += idle_ns; /* what is saved up meanwhile is limited */
    start = now;
    while (now - start < 100 * NS_PER_S) {
        if (bucket_open(&b, now)) {
            bucket_take(&b, len, now);
            sent += len;
        } else {
            now = b.open_ns; /* as the loop does */
        }
        uint64_t line = (uint64_t)((now - start) / NS_PER_MS * rate / 1000);
        assert_true(sent <= line + burst + 1);
        assert_true(sent + len >= line);
    }
}

static void rate(void **state)
{
    paced(1000, 100, 0);
    paced(1000, 100, 3600 * NS_PER_S);
    paced(1000, 333, 3600 * NS_PER_S);
    paced(1000, 1000, 3600 * NS_PER_S);
    paced(1000, 7000, 3600 * NS_PER_S);
    paced(1, 300, 0);
    paced(1 << 30, 1 << 24, 0);
}

/* Another length now and then: over any stretch of time the bound holds. */
static void any_window(void **state)
{
    enum { COUNT = 2000, RATE = 10000, LONGEST = 4000 };
    static struct {
        int64_t ns;
        uint64_t bytes;
    } sent[COUNT];
    struct bucket b;
    int64_t now = NS_PER_S;
    unsigned seed = 1;
    bucket_init(&b, RATE, now);
    bucket_take(&b, LONGEST, now); /* from now on the longest is known */
    for (int i = 0; i < COUNT; i++) {
        seed = seed * 1103515245 + 12345;
        now += seed >> 16 & 7 ? 0 : (seed >> 20) % 3000 * NS_PER_MS;
        now = b.open_ns > now ? b.open_ns : now;
        sent[i].ns = now;
        sent[i].bytes = 1 + (seed >> 8) % LONGEST;
        bucket_take(&b, sent[i].bytes, now);
    }
    for (int i = 0; i < COUNT; i++) {
        uint64_t sum = 0;
        for (int k = i; k < COUNT && k < i + 200; k++) {
            sum += sent[k].bytes;
            int64_t may = (sent[k].ns - sent[i].ns) / NS_PER_US * RATE / 1000000 + RATE + 1;
            assert_true((int64_t)sum <= may);
        }
    }
}

static void no_limit(void **state)
{
    struct bucket b;
    bucket_init(&b, 0, 5);
    bucket_take(&b, UINT64_MAX, 5);
    assert_true(bucket_open(&b, 5));
}

/* ---- how many */

static struct wall_time date(int64_t day, int64_t second)
{
    return (struct wall_time){ day * DAY_NS + second * NS_PER_S };
}

enum { NOV_22 = 20779, NOV_30 = 20787, DEC_1 = 20788, DEC_31 = 20818, JAN_1 = 20819 };

static void assert_usage(const struct usage *u, uint64_t today, uint64_t month)
{
    assert_int_equal(u->today, today);
    assert_int_equal(u->month, month);
}

static void days_and_months(void **state)
{
    struct usage u = { 0 };
    usage_turn(&u, date(NOV_22, 43200), true);
    usage_add(&u, 100, true);
    usage_turn(&u, date(NOV_22, 86399), true);
    usage_add(&u, 10, true);
    assert_usage(&u, 110, 110);
    usage_turn(&u, date(NOV_22 + 1, 0), true);
    assert_usage(&u, 0, 110);
    usage_add(&u, 5, true);
    usage_turn(&u, date(NOV_30, 86399), true);
    assert_usage(&u, 0, 115);
    usage_add(&u, 1, true);
    usage_turn(&u, date(DEC_1, 0), true);
    assert_usage(&u, 0, 0);
    usage_add(&u, 7, true);
    usage_turn(&u, date(DEC_31, 0), true);
    assert_usage(&u, 0, 7);
    usage_turn(&u, date(JAN_1, 0), true);
    assert_usage(&u, 0, 0);
    usage_add(&u, 3, true);
    usage_turn(&u, date(JAN_1 + 365, 0), true); /* the same month of another year */
    assert_usage(&u, 0, 0);
}

/* Set back over midnight, and over again: the day does not begin anew each time. */
static void clock_set_back(void **state)
{
    struct usage u = { 0 };
    usage_turn(&u, date(DEC_1, 1), true);
    usage_add(&u, 50, true);
    for (int i = 0; i < 3; i++) {
        usage_turn(&u, date(NOV_30, 86399), true);
        usage_add(&u, 1, true);
        usage_turn(&u, date(DEC_1, 0), true);
    }
    assert_usage(&u, 53, 53);
    usage_turn(&u, date(NOV_22, 0), true); /* it was wrong all the time */
    assert_usage(&u, 0, 0);
    assert_int_equal(u.day, NOV_22);
}

/* Before the clock is right, bytes belong to the day on which it is. */
static void without_date(void **state)
{
    struct usage u = { 0 };
    usage_turn(&u, date(3, 0), false);
    usage_add(&u, 20, false);
    usage_turn(&u, date(4, 0), false);
    usage_add(&u, 30, false);
    assert_usage(&u, 0, 0);
    assert_int_equal(u.undated, 50);
    usage_turn(&u, date(NOV_22, 0), true);
    assert_usage(&u, 50, 50);
    assert_int_equal(u.undated, 0);
    usage_add(&u, 4, false); /* lost again, over midnight */
    usage_turn(&u, date(NOV_22 + 1, 9), false);
    assert_usage(&u, 50, 50);
    usage_turn(&u, date(NOV_22 + 1, 10), true);
    assert_usage(&u, 4, 54);
}

/* ---- the file */

static const struct clock_offset right = { 0, CLOCK_SYNCED };
static char ram[] = "/dev/shm/weir-meter-XXXXXX";
static char path[64];

static void count_and_save(struct meter *meter, uint64_t bytes)
{
    usage_turn(&meter->usage, date(NOV_22, 5), true);
    meter_count(meter, bytes, right);
    assert_int_equal(meter_save(meter), 0);
}

static void kept(void **state)
{
    struct meter a, b;
    assert_int_equal(meter_open(&a, ram, "city", 0), 0);
    count_and_save(&a, 100);
    count_and_save(&a, 20);
    assert_int_equal(meter_open(&b, ram, "city", 0), 0); /* as after a kill */
    assert_usage(&b.usage, 120, 120);
    assert_int_equal(b.usage.day, NOV_22);
    meter_close(&b);
    meter_count(&a, 3, right); /* not saved by hand: closing does */
    meter_close(&a);
    assert_int_equal(meter_open(&b, ram, "city", 0), 0);
    assert_usage(&b.usage, 123, 123);
    meter_close(&b);
}

/* The newest slot is damaged at each byte in turn: the one before it counts. */
static void torn(void **state)
{
    struct meter meter;
    for (off_t at = 0; at < USAGE_SLOT_BYTES; at++) {
        uint8_t byte;
        unlink(path);
        assert_int_equal(meter_open(&meter, ram, "city", 0), 0);
        count_and_save(&meter, 100);
        count_and_save(&meter, 20); /* the second: slot 0 */
        assert_int_equal(pread(meter.fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(meter.fd, &byte, 1, at), 1);
        meter_close(&meter);
        assert_int_equal(meter_open(&meter, ram, "city", 0), 0);
        assert_usage(&meter.usage, 100, 100);
        meter_close(&meter);
    }
}

/* No file, no folder for it: it counts all the same. */
static void no_file(void **state)
{
    struct meter meter;
    assert_true(meter_open(&meter, "/proc/nowhere", "city", 1000) < 0);
    meter_count(&meter, 500, right);
    assert_int_equal(meter_save(&meter), 0);
    assert_usage(&meter.usage, 500, 500);
    assert_false(bucket_open(&meter.bucket, boot_now().ns));
    meter_close(&meter);
}

static int make_folder(void **state)
{
    if (!mkdtemp(ram)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/meter/city", ram);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(path);
    *strrchr(path, '/') = 0;
    rmdir(path);
    return rmdir(ram);
}

/* ---- when the backlog will be gone */

struct line {
    struct drain drain;
    double backlog, out, in;
    int64_t now_ns;
};

static void see(struct line *line, bool connected)
{
    uint64_t backlog = (uint64_t)line->backlog, under_way = backlog < 20 ? backlog : 20;
    struct drain_look look = { backlog, connected ? under_way : 0, (uint64_t)line->out,
                               (uint64_t)line->in, connected };
    drain_see(&line->drain, &look, line->now_ns);
}

/* So many seconds in which so many records a second are confirmed and 100 a second come in. */
static void pass(struct line *line, int seconds, double out_per_s, bool connected)
{
    for (int i = 0; i < seconds * 10; i++) {
        double out = line->backlog + 10 < out_per_s / 10 ? line->backlog + 10 : out_per_s / 10;
        line->now_ns += NS_PER_S / 10;
        line->backlog += 10 - out;
        line->out += out;
        line->in += 10;
        see(line, connected);
    }
}

static void eta_is_near(const struct line *line, double seconds)
{
    double eta_s = (double)line->drain.eta_ns / 1e9;
    if (eta_s < seconds * 0.9 || eta_s > seconds * 1.1) {
        print_error("eta %.1f s, not %.1f s\n", eta_s, seconds);
        fail();
    }
}

static void drains(void **state)
{
    struct line line = { .now_ns = NS_PER_S };
    pass(&line, 100, 0, false);
    assert_in_range(line.drain.peak, 9900, 10000);
    assert_int_equal(line.drain.eta_ns, 0); /* not connected: nobody can tell */
    pass(&line, 1, 200, true);
    uint64_t peak = line.drain.peak;
    assert_int_equal(line.drain.eta_ns, 0); /* too early to tell */
    pass(&line, 4, 200, true);
    eta_is_near(&line, line.backlog / 100);
    int64_t before_ns = line.drain.eta_ns;
    pass(&line, 10, 200, true);
    eta_is_near(&line, line.backlog / 100);
    assert_true(line.drain.eta_ns < before_ns);
    assert_int_equal(line.drain.peak, peak);
    pass(&line, 20, 250, true); /* quicker: the mean follows */
    assert_true(line.drain.eta_ns < before_ns / 2);
    pass(&line, 3, 0, false); /* a pause: it begins anew */
    assert_int_equal(line.drain.eta_ns, 0);
    pass(&line, 10, 50, true); /* more comes in than goes out */
    assert_int_equal(line.drain.eta_ns, 0);
    assert_true(line.drain.per_s < 0);
    pass(&line, 60, 500, true);
    assert_int_equal(line.drain.peak, 0); /* done */
    assert_int_equal(line.drain.eta_ns, 0);
}

/* Every second a burst comes in and has left soon after: no backlog. */
static void bursts(void **state)
{
    struct line line = { .now_ns = NS_PER_S };
    for (int i = 0; i < 600; i++) {
        line.now_ns += NS_PER_S / 10;
        line.backlog = i % 10 ? 15 : 500;
        see(&line, true);
        assert_int_equal(line.drain.peak, 0);
        assert_int_equal(line.drain.eta_ns, 0);
    }
}

/* What was lost meanwhile leaves in one step, which is not the rate. */
static void step(void **state)
{
    struct line line = { .now_ns = NS_PER_S, .backlog = 1e6 };
    pass(&line, 5, 0, false);
    pass(&line, 2, 200, true);
    line.backlog = 10000;
    pass(&line, 3, 200, true);
    eta_is_near(&line, line.backlog / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate),           cmocka_unit_test(any_window),
        cmocka_unit_test(no_limit),       cmocka_unit_test(days_and_months),
        cmocka_unit_test(clock_set_back), cmocka_unit_test(without_date),
        cmocka_unit_test(kept),           cmocka_unit_test(torn),
        cmocka_unit_test(no_file),        cmocka_unit_test(drains),
        cmocka_unit_test(bursts),         cmocka_unit_test(step),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
