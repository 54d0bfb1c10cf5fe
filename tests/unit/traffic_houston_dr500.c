/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Houston Radar DR500: packets with escapes, settings before speeds, units, the clock, silence.
 */
#include "cmocka_all.h"

#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup radar = { .family = "houston-dr500", .no_clock_set = true };
static const struct traffic_rig_setup with_clock = { .family = "houston-dr500" };

#define UNIT_Q    "f3 18 00 55 4e 24 c6 fc\n"
#define AVERAGE_Q "f3 18 00 54 41 fa 0a 04 fc\n" /* FA in its CRC */
#define SPEED_Q   "f3 31 72 26 fc\n"
#define TIME_Q    "f3 0d 00 00 00 0c 16 0a 7e 07 98 fc\n" /* 2026-11-22 12:00:00 */
#define MPH       "f3 19 00 55 4e 00 00 b4 9d fc"
#define KMH       "f3 19 00 55 4e 01 00 85 ae fc"
#define FT_S      "f3 19 00 55 4e 02 00 d6 fb fc"
#define M_S       "f3 19 00 55 4e 03 00 e7 c8 fc"
#define UNIT_4    "f3 19 00 55 4e 04 00 70 51 fc"
#define SECONDS   "f3 19 00 54 41 1e 00 4d e7 fc"    /* 30 */
#define SECONDS_2 "f3 19 00 54 41 fa 0a 00 3b 3b fc" /* 250, escaped */
#define SPEED_55  "f3 32 37 43 25 fc"
#define SPEED_0   "f3 32 00 f7 63 fc"
#define SPEED_243 "f3 32 fa 03 8b bc fc" /* escaped */
#define SPEED_252 "f3 32 fa 0c 64 4d fc"
#define OK        "f3 13 00 00 33 1a fc"
#define REFUSED   "f3 13 ff ff 3c 07 fc"

#define RECORD(time, period, speed)                                                                \
    "{\"time\":" time ",\"device\":\"a\",\"kind\":\"interval\",\"values\":{\"period\":" period     \
    ",\"speed_mean\":" speed "}}\n"

static void sends(struct traffic_rig *rig, const char *hex)
{
    assert_string_equal(traffic_rig_sent(rig), hex);
}

/* It has told unit and average, and is asked for the speed. */
static void asked_in(struct traffic_rig *rig, const char *unit)
{
    traffic_rig_hex(rig, unit);
    traffic_rig_hex(rig, SECONDS);
}

static void asked(struct traffic_rig *rig)
{
    asked_in(rig, KMH);
}

static void vectors(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    sends(rig, UNIT_Q);
    traffic_rig_hex(rig, KMH);
    sends(rig, AVERAGE_Q);
    traffic_rig_hex(rig, SECONDS);
    sends(rig, SPEED_Q);
    traffic_rig_until(rig, 0.5);
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("0.5", "30", "55"));
    sends(rig, "");
    traffic_rig_until(rig, 10);
    sends(rig, SPEED_Q);
    traffic_rig_hex(rig, SPEED_0);
    assert_string_equal(traffic_rig_records(rig), RECORD("10", "30", "null"));
    assert_int_equal(traffic_rig_noise(rig), 0);
    traffic_rig_close(rig);
}

/* Speeds in the unit that the radar is set to; what no vehicle drives is not told. */
static void units(void **state)
{
    static const struct {
        const char *unit, *speed, *record;
    } cases[] = {
        { KMH, SPEED_243, RECORD("0", "30", "243") },
        { MPH, SPEED_55, RECORD("0", "30", "88.514") },
        { FT_S, SPEED_55, RECORD("0", "30", "60.35") },
        { M_S, SPEED_55, RECORD("0", "30", "198") },
        { KMH, SPEED_252, RECORD("0", "30", "252") },
        { MPH, SPEED_252, "" },
        { M_S, SPEED_243, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct traffic_rig *rig = traffic_rig_open(&radar);
        asked_in(rig, cases[i].unit);
        traffic_rig_hex(rig, cases[i].speed);
        assert_string_equal(traffic_rig_records(rig), cases[i].record);
        traffic_rig_close(rig);
    }
}

static void escapes(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    traffic_rig_hex(rig, KMH);
    traffic_rig_hex(rig, SECONDS_2);
    traffic_rig_hex(rig, SPEED_243);
    assert_string_equal(traffic_rig_records(rig), RECORD("0", "250", "243"));
    traffic_rig_until(rig, 10);
    traffic_rig_hex(rig, "f3 32 fa 0b 8b bc fc"); /* FB is never escaped */
    traffic_rig_hex(rig, "f3 32 f3 8b bc fc");    /* and F3 always */
    traffic_rig_hex(rig, "f3 32 00 f7 fa fc");    /* nothing follows */
    traffic_rig_hex(rig, "f3 fc f3 00 00 fc");
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("10", "250", "55"));
    traffic_rig_close(rig);
}

/* It has no such variables: the unit is the one of raw_speed_unit (m/s). */
static void no_variables(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    traffic_rig_hex(rig, REFUSED);
    traffic_rig_hex(rig, REFUSED);
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("0", "null", "198"));
    traffic_rig_close(rig);
}

/* Without a unit no speed is asked for. */
static void unknown_unit(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    traffic_rig_hex(rig, UNIT_4);
    sends(rig, UNIT_Q);
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_until(rig, 10);
    assert_int_equal(traffic_rig_answers(rig, WEIR_R_TIMEOUT), 1);
    sends(rig, UNIT_Q);
    traffic_rig_hex(rig, KMH);
    traffic_rig_until(rig, 20); /* the average has not come: both again */
    sends(rig, AVERAGE_Q UNIT_Q);
    traffic_rig_close(rig);
}

/* Settings are asked for again after ten minutes, and when the port was opened again. */
static void set_again(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    asked(rig);
    traffic_rig_hex(rig, SPEED_55);
    for (int i = 1; i < 60; i++) {
        traffic_rig_until(rig, 10 * i);
        traffic_rig_hex(rig, SPEED_55);
    }
    traffic_rig_records(rig);
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 600);
    sends(rig, UNIT_Q);
    traffic_rig_hex(rig, MPH);
    sends(rig, AVERAGE_Q);
    traffic_rig_hex(rig, SECONDS);
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("600", "30", "88.514"));
    traffic_rig_sent(rig);
    traffic_rig_reopen(rig);
    sends(rig, UNIT_Q);
    traffic_rig_close(rig);
}

static void clock_set(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&with_clock);
    asked(rig);
    sends(rig, UNIT_Q AVERAGE_Q TIME_Q);
    traffic_rig_hex(rig, OK);
    sends(rig, SPEED_Q);
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("0", "30", "55"));
    traffic_rig_until(rig, 10);
    sends(rig, SPEED_Q); /* once a day */
    traffic_rig_close(rig);
}

/* One that does not take the time is asked for speeds all the same. */
static void clock_refused(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&with_clock);
    asked(rig);
    traffic_rig_hex(rig, REFUSED);
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("0", "30", "55"));
    traffic_rig_close(rig);
    rig = traffic_rig_open(&with_clock);
    asked(rig);
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 1.5);
    sends(rig, SPEED_Q);
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("1.5", "30", "55"));
    traffic_rig_close(rig);
}

static void not_our_time(void **state)
{
    static const struct traffic_rig_setup unsure = { .family = "houston-dr500",
                                                     .unsynchronised = true };
    struct traffic_rig *rig = traffic_rig_open(&unsure);
    asked(rig);
    sends(rig, UNIT_Q AVERAGE_Q SPEED_Q);
    traffic_rig_close(rig);
}

/* Answers that nobody asked for, and to another question. */
static void unasked(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    traffic_rig_hex(rig, SECONDS); /* the unit was asked */
    traffic_rig_hex(rig, SPEED_55);
    sends(rig, UNIT_Q);
    asked(rig);
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("0", "30", "55"));
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), "");
    assert_int_equal(traffic_rig_strays(rig, WEIR_R_FOREIGN), 3);
    traffic_rig_close(rig);
}

/* Garbage around, a packet without its end. */
static void between(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    asked(rig);
    traffic_rig_hex(rig, "fc 32 37 f3 32 37 00 fa f3 32 37 43 25 fc f3");
    assert_string_equal(traffic_rig_records(rig), RECORD("0", "30", "55"));
    assert_int_equal(traffic_rig_noise(rig), 8);
    traffic_rig_until(rig, 10); /* the last F3 led to nothing */
    traffic_rig_hex(rig, SPEED_55);
    assert_string_equal(traffic_rig_records(rig), RECORD("10", "30", "55"));
    assert_int_equal(traffic_rig_noise(rig), 9);
    traffic_rig_close(rig);
}

static void killed(void **state)
{
    static const uint8_t answer[] = { 0xf3, 0x32, 0xfa, 0x03, 0x8b, 0xbc, 0xfc };
    for (size_t cut = 0; cut < sizeof answer; cut++) {
        struct traffic_rig *rig = traffic_rig_open(&radar);
        asked(rig);
        traffic_rig_bytes(rig, answer, cut);
        traffic_rig_save(rig);
        traffic_rig_bytes(rig, answer + cut, sizeof answer - cut);
        traffic_rig_restore(rig);
        traffic_rig_records(rig);
        traffic_rig_bytes(rig, answer + cut, sizeof answer - cut);
        assert_string_equal(traffic_rig_records(rig), RECORD("0", "30", "243"));
        traffic_rig_close(rig);
    }
}

/* The CRC covers all but the ends, and these are fixed. */
static void hits(void **state)
{
    static const uint8_t plain[] = { 0xf3, 0x32, 0x37, 0x43, 0x25, 0xfc };
    static const uint8_t escaped[] = { 0xf3, 0x32, 0xfa, 0x03, 0x8b, 0xbc, 0xfc };
    traffic_rig_mangle(&radar, asked, plain, sizeof plain, NULL);
    traffic_rig_mangle(&radar, asked, escaped, sizeof escaped, NULL);
    traffic_rig_random(&radar, asked, 3, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),      cmocka_unit_test(units),
        cmocka_unit_test(escapes),      cmocka_unit_test(no_variables),
        cmocka_unit_test(unknown_unit), cmocka_unit_test(set_again),
        cmocka_unit_test(clock_set),    cmocka_unit_test(clock_refused),
        cmocka_unit_test(not_our_time), cmocka_unit_test(unasked),
        cmocka_unit_test(between),      cmocka_unit_test(killed),
        cmocka_unit_test(hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
