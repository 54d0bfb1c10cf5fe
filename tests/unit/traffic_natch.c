/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Natch: the vector of its own page, repeats, gaps, and what is no passage.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup natch = { .family = "natch" };

#define FIRST                                                                                      \
    "{\"time\":2,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":3,\"duration\":0.323," \
    "\"headway\":4.638,\"device_count\":421,\"missed\":0,"                                         \
    "\"device_time\":\"2026-11-22T12:00:28.000Z\"}}\n"

/* "44 53\n" to "DS", until the next call. */
static const char *text_of(const char *hex)
{
    static char text[256];
    size_t n = 0;
    unsigned byte;
    int used;
    while (n < sizeof text - 1 && sscanf(hex, " %2x%n", &byte, &used) == 1) {
        text[n++] = (char)byte;
        hex += used;
    }
    text[n] = 0;
    return text;
}

static const char *lower(const char *line)
{
    static char text[256];
    snprintf(text, sizeof text, "cs%s", line + 2);
    return text;
}

static void vector(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_until(rig, 2);
    traffic_rig_text(rig, "cs,0001,2026-11-22T17:50:02+05:50\n");
    traffic_rig_sent(rig);
    traffic_rig_text(rig, "ds,01a5,3,323,4638,17:50:28\n");
    assert_string_equal(traffic_rig_records(rig), FIRST);
    assert_string_equal(traffic_rig_sent(rig), "44 53 2c 30 31 61 35 0a\n"); /* DS,01a5 */
    traffic_rig_close(rig);
}

/* It lives six hours behind UTC; the rig's wall clock is 12:00:00 UTC at 0. */
static void clock_is(struct traffic_rig *rig, const char *when)
{
    char line[64], id[5] = "";
    assert_int_equal(sscanf(text_of(traffic_rig_sent(rig)), "CS,%4[0-9a-f]", id), 1);
    snprintf(line, sizeof line, "cs,%s,%s\n", id, when);
    traffic_rig_text(rig, line);
}

static void zone(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_until(rig, 1);
    clock_is(rig, "2026-11-22T06:00:01-06:00");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_text(rig, "ds,01a5,3,323,4638,06:00:00\n");
    assert_non_null(
        strstr(traffic_rig_records(rig), "\"device_time\":\"2026-11-22T12:00:00.000Z\""));
    /* nothing passes in the future: that was yesterday evening */
    traffic_rig_text(rig, "ds,01a6,3,323,4638,18:00:00\n");
    assert_non_null(
        strstr(traffic_rig_records(rig), "\"device_time\":\"2026-11-22T00:00:00.000Z\""));
    traffic_rig_text(rig, "ds,01a7,3,323,4638,06:00:30\n");
    assert_non_null(
        strstr(traffic_rig_records(rig), "\"device_time\":\"2026-11-22T12:00:30.000Z\""));
    traffic_rig_close(rig);
}

/* Asked twice, for a digit may have been hit; then set, in its own zone; then it is left alone. */
static void clock_set(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_until(rig, 1);
    clock_is(rig, "2026-11-22T05:00:00-06:00");
    clock_is(rig, "2026-11-22T05:00:00-06:00");
    const char *set = text_of(traffic_rig_sent(rig));
    assert_non_null(strstr(set, ",2026-11-22T06:00:01-06:00\n"));
    traffic_rig_text(rig, lower(set));
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_until(rig, 601);
    clock_is(rig, "2026-11-22T06:10:01-06:00");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_close(rig);
}

/* One that takes no time is not told it over and over; one that was hit once is not set. */
static void clock_not_set(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_until(rig, 1);
    clock_is(rig, "2026-11-22T16:00:00+05:00");
    clock_is(rig, "2026-11-22T17:00:01+05:00");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_until(rig, 601);
    clock_is(rig, "2036-11-22T17:10:01+05:00");
    clock_is(rig, "2036-11-22T17:10:01+05:00");
    clock_is(rig, "2036-11-22T17:10:01+05:00");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_close(rig);

    static const struct traffic_rig_setup left_alone = { .family = "natch", .no_clock_set = true };
    rig = traffic_rig_open(&left_alone);
    traffic_rig_until(rig, 1);
    clock_is(rig, "2036-11-22T12:00:01Z");
    clock_is(rig, "2036-11-22T12:00:01Z");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_close(rig);
}

static void clock_refused(void **state)
{
    static const char *const answers[] = {
        "2026-13-22T12:00:01Z", "2026-11-22T12:00:01",       "2026-11-22T12:00:01+15:00",
        "2026-11-22 12:00:01Z", "2026-11-22T12:00:01+06:60", "2026-11-22T12:00:01Z,",
        "2026-11-22T12:00:0aZ", "2026-11-22T24:00:01Z",      "",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct traffic_rig *rig = traffic_rig_open(&natch);
        traffic_rig_until(rig, 1);
        clock_is(rig, answers[i]);
        if (traffic_rig_sent(rig)[0] || traffic_rig_noise(rig) == 0) {
            fail_msg("taken: %s", answers[i]);
        }
        traffic_rig_close(rig);
    }
}

/* What it kept while nobody listened has passed then, not now; what passes now passes now. */
static void kept(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_until(rig, 100);
    clock_is(rig, "2026-11-22T12:01:40Z");
    traffic_rig_text(rig, "ds,01a5,3,323,4638,12:00:07\n");
    assert_non_null(strstr(traffic_rig_records(rig), "\"time\":7,"));
    traffic_rig_text(rig, "ds,01a6,3,323,4638,12:01:39\n");
    assert_non_null(strstr(traffic_rig_records(rig), "\"time\":100,"));
    traffic_rig_text(
        rig, "ds,01a7,3,323,4638,12:00:39\n"); /* a summer time that we do not know of yet */
    assert_non_null(strstr(traffic_rig_records(rig), "\"time\":100,"));
    traffic_rig_close(rig);
}

/* The device was switched off: it counts from 0, and nothing of that was had. */
static void counts_anew(void **state)
{
    static const char burst[] = "ds,0000,3,323,4638,\nds,0001,3,323,4638,\n";
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_text(rig, "ds,4000,3,323,4638,\n");
    traffic_rig_records(rig);
    traffic_rig_text(rig, burst);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_until(rig, 1);
    traffic_rig_text(rig, burst);
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"device_count\":0,\"missed\":0"));
    assert_non_null(strstr(records, "\"device_count\":1,\"missed\":0"));
    traffic_rig_text(rig, burst);
    assert_string_equal(traffic_rig_records(rig), "");
    assert_int_equal(traffic_rig_missed(rig), 0);
    traffic_rig_close(rig);
}

/* One that says nothing again: what it says is taken as it comes, and what was lost is told. */
static void never_again(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_until(rig, 0.5);
    traffic_rig_text(rig, "ds,4000,3,323,4638,\n");
    traffic_rig_text(rig, "ds,4002,3,323,4638,\n");
    traffic_rig_until(rig, 6);
    traffic_rig_records(rig);
    traffic_rig_text(rig, "ds,4003,3,323,4638,\nds,4004,3,323,4638,\n");
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"device_count\":16387,\"missed\":2"));
    assert_non_null(strstr(records, "\"device_count\":16388,\"missed\":0"));
    traffic_rig_close(rig);
}

/* The oldest comes damaged each time but the last, and those behind it whole: they wait for it. */
static void hit_again(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_text(rig, "ds,4000,3,323,4638,\n");
    traffic_rig_records(rig);
    for (int i = 0; i < 3; i++) {
        traffic_rig_text(rig, "ds,4001,3,4x4,4638,\nds,4002,3,325,4638,\n");
        assert_string_equal(traffic_rig_records(rig), "");
        traffic_rig_until(rig, 1 + i);
    }
    traffic_rig_text(rig, "ds,4001,3,324,4638,\nds,4002,3,325,4638,\nds,4003,3,326,4638,\n");
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"device_count\":16385"));
    assert_non_null(strstr(records, "\"device_count\":16386"));
    assert_non_null(strstr(records, "\"device_count\":16387"));
    assert_int_equal(traffic_rig_missed(rig), 0);
    traffic_rig_close(rig);
}

/* A line is gone without a trace, and what follows is said twice before it: it is late, no more. */
static void late(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_text(rig, "ds,4000,3,323,4638,\n");
    traffic_rig_text(rig, "ds,4002,3,325,4638,\nds,4002,3,325,4638,\n");
    traffic_rig_records(rig);
    traffic_rig_text(rig, "ds,4001,3,324,4638,\n");
    traffic_rig_text(rig, "ds,4001,3,324,4638,\nds,4002,3,325,4638,\nds,4003,3,326,4638,\n");
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"device_count\":16385,\"missed\":0"));
    assert_null(strstr(records, "\"device_count\":16386"));
    assert_non_null(strstr(records, "\"device_count\":16387,\"missed\":0"));
    traffic_rig_close(rig);
}

/* Any bit of any byte is hit: the device does not hear the number it waits for, and says that
 * passage and those behind it again. Each of them is told once, and none as missed. */
static void number_hit(void **state)
{
    static const char *const lines[] = { "ds,41a5,3,323,4638,\n", "ds,41a6,4,324,,\n",
                                         "ds,41a7,3,325,1638,\n" };
    for (size_t i = 0; i < 2 * 8 * 8; i++) {
        char hit[32];
        size_t bit = i / 2;
        struct traffic_rig *rig = traffic_rig_open(&natch);
        traffic_rig_text(rig, "ds,41a4,3,323,4638,\n");
        traffic_rig_records(rig);
        snprintf(hit, sizeof hit, "%s", lines[0]);
        hit[bit / 8] = (char)(hit[bit / 8] ^ 1 << bit % 8);
        traffic_rig_text(rig, hit);
        traffic_rig_text(rig, i % 2 ? lines[1] : "");
        traffic_rig_until(rig, 1);
        for (size_t k = 0; k < 3; k++) {
            traffic_rig_text(rig, lines[k]);
        }
        const char *records = traffic_rig_records(rig);
        size_t count = 0;
        for (const char *at = records; (at = strstr(at, "\"missed\":0")); at++) {
            count++;
        }
        if (count != 3 || traffic_rig_missed(rig)) {
            fail_msg("bit %zu, %s: %zu records: %s", bit, hit, count, records);
        }
        traffic_rig_close(rig);
    }
}

/* The device did not hear the acknowledgement: the passage comes again, and is acknowledged again.
 */
static void repeat(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_text(rig, "ds,ffff,3,323,4638,17:50:28\n");
    traffic_rig_records(rig);
    traffic_rig_sent(rig);
    traffic_rig_text(rig, "ds,ffff,3,323,4638,17:50:28\n");
    assert_string_equal(traffic_rig_records(rig), "");
    assert_string_equal(traffic_rig_sent(rig), "44 53 2c 66 66 66 66 0a\n");
    traffic_rig_text(rig, "ds,0000,3,,,\n"); /* once round */
    assert_string_equal(traffic_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":3,"
                        "\"duration\":null,\"headway\":null,\"device_count\":0,\"missed\":0,"
                        "\"device_time\":null}}\n");
    traffic_rig_sent(rig);
    traffic_rig_text(rig, "ds,0005,3,,,\n");
    assert_string_equal(traffic_rig_sent(rig), ""); /* is 0001 still to come? */
    traffic_rig_text(rig, "ds,0005,3,,,\n");
    assert_int_equal(traffic_rig_missed(rig), 4);
    traffic_rig_close(rig);
}

static void pieces(void **state)
{
    static const char line[] = "ds,01a5,3,323,4638,17:50:28\r\n";
    struct traffic_rig *rig = traffic_rig_open(&natch);
    for (size_t i = 0; i < sizeof line - 1; i++) {
        traffic_rig_bytes(rig, line + i, 1);
        traffic_rig_until(rig, 0.001 * (double)(i + 1));
    }
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"time\":0,"));
    assert_non_null(strstr(records, "\"device_count\":421"));
    assert_null(strstr(strchr(records, '\n') + 1, "vehicle"));
    traffic_rig_close(rig);
}

static void refused(void **state)
{
    static const char *const lines[] = {
        "ds,01a5,32,323,4638,17:50:28\n", "ds,1a5,3,323,4638,17:50:28\n",
        "ds,01a5,3,323,4638\n",           "ds,01a5,3,323,4638,17:50:28,\n",
        "ds,01a5,3,-1,4638,17:50:28\n",   "ds,01a5,3,323,4638,24:50:28\n",
        "ds,01a5,3,323,4638,17.50:28\n",  "ds\n",
        "garbage without any comma\n",    "ds,01a5,,323,4638,17:50:28\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct traffic_rig *rig = traffic_rig_open(&natch);
        traffic_rig_sent(rig); /* the question for its clock */
        traffic_rig_text(rig, lines[i]);
        if (traffic_rig_records(rig)[0] || traffic_rig_sent(rig)[0]) {
            fail_msg("taken: %s", lines[i]);
        }
        traffic_rig_text(rig, "\nds,01a5,3,323,4638,17:50:28\n");
        assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":3"));
        traffic_rig_close(rig);
    }
}

/* Noise without an end does not fill memory, and the next line is taken. */
static void endless(void **state)
{
    char noise[3000];
    struct traffic_rig *rig = traffic_rig_open(&natch);
    memset(noise, 'x', sizeof noise);
    traffic_rig_bytes(rig, noise, sizeof noise);
    traffic_rig_text(rig, "\nds,01a5,3,323,4638,17:50:28\n");
    assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":3"));
    assert_true(traffic_rig_noise(rig) >= sizeof noise);
    traffic_rig_close(rig);
}

/* A process killed in mid-line, and one killed after it had the line: neither lost nor doubled. */
static void killed(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_text(rig, "ds,0001,3,,,\nds,00");
    traffic_rig_records(rig);
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_text(rig, "02,4,,,\n");
    assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":4"));
    assert_int_equal(traffic_rig_missed(rig), 0);
    traffic_rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector),        cmocka_unit_test(repeat),
        cmocka_unit_test(pieces),        cmocka_unit_test(refused),
        cmocka_unit_test(endless),       cmocka_unit_test(killed),
        cmocka_unit_test(zone),          cmocka_unit_test(clock_set),
        cmocka_unit_test(clock_not_set), cmocka_unit_test(clock_refused),
        cmocka_unit_test(kept),          cmocka_unit_test(counts_anew),
        cmocka_unit_test(never_again),   cmocka_unit_test(hit_again),
        cmocka_unit_test(late),          cmocka_unit_test(number_hit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
