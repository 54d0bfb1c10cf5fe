/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * SmartSensor 125: published vectors, the FIFO, intervals fetched after an outage, the clock, hits.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "traffic_rig.h"

enum { HEAD = 11, MESSAGE_MOST = 300 };

static const struct traffic_rig_setup one = { .family = "wavetronix-ss125" };
static const struct traffic_rig_setup intervals_only = { .family = "wavetronix-ss125",
                                                         .no_vehicles = true };

/* 2016-12-18T22:17:32.718, lane 0, range 77.03125 ft, 254 ms, no speed, class 2, 24.3125 ft */
static const uint8_t event[] = { 0x67, 0x01, 0x00, 0x00, 0x0F, 0xC1, 0x92, 0x05,
                                 0x91, 0x82, 0xCE, 0x00, 0x4D, 0x08, 0x00, 0x00,
                                 0xFE, 0x00, 0x51, 0x23, 0x02, 0x18, 0x50 };
static const uint8_t no_event[23] = { 0x67 };

static uint8_t crc8(const uint8_t *bytes, size_t len)
{
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 0x80 ? (crc << 1 ^ 0x1C) & 0xFF : crc << 1;
        }
    }
    return (uint8_t)crc;
}

/* An answer of sensor 1 to the request with this sequence. */
static size_t answer_bytes(uint8_t *buf, unsigned sequence, const uint8_t *body, size_t len)
{
    memset(buf, 0, HEAD);
    memcpy(buf, "Z1", 2);
    buf[7] = 1;
    buf[8] = (uint8_t)(sequence + 1);
    buf[9] = (uint8_t)len;
    buf[10] = crc8(buf, 10);
    memcpy(buf + HEAD, body, len);
    buf[HEAD + len] = crc8(body, len);
    return HEAD + len + 1;
}

static void answer(struct traffic_rig *rig, unsigned sequence, const uint8_t *body, size_t len)
{
    uint8_t buf[MESSAGE_MOST];
    traffic_rig_bytes(rig, buf, answer_bytes(buf, sequence, body, len));
}

/* 2026-11-22 12:00:00 and so many seconds */
static void put_stamp(uint8_t *at, unsigned second)
{
    uint32_t date = 2026U << 9 | 11 << 5 | 22,
             time = 12U << 22 | second / 60 << 16 | second % 60 << 10;
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(date >> (24 - 8 * i));
        at[4 + i] = (uint8_t)(time >> (24 - 8 * i));
    }
}

static void clock_answer(struct traffic_rig *rig, unsigned sequence, unsigned second)
{
    uint8_t body[11] = { 0x0E };
    put_stamp(body + 3, second);
    answer(rig, sequence, body, sizeof body);
}

static void interval_body(uint8_t body[45], unsigned number, unsigned sub, unsigned second,
                          unsigned count)
{
    memset(body, 0, 45);
    body[0] = 0x71;
    body[1] = (uint8_t)sub;
    body[3] = (uint8_t)(number >> 16);
    body[4] = (uint8_t)(number >> 8);
    body[5] = (uint8_t)number;
    put_stamp(body + 6, second);
    memcpy(body + 14, "\x80\x20\x80", 3); /* 32.5 mph */
    body[19] = (uint8_t)count;
    memcpy(body + 20, "\x05\x80", 2); /* 5.5 % */
    body[24] = (uint8_t)count;
    memcpy(body + 34, "\0\0\0", 3);
    memcpy(body + 37, "\0\x0f\xa0\0\x0b\xb8", 6); /* 4 s, 3 s */
    body[43] = 2;
    body[44] = 1;
}

static void interval(struct traffic_rig *rig, unsigned sequence, unsigned number, unsigned second)
{
    uint8_t body[45];
    for (unsigned sub = 0; sub < 3; sub++) {
        interval_body(body, number, sub, second, 10 * (number % 100) + sub);
        answer(rig, sequence, body, sizeof body);
    }
}

static void vectors(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    assert_string_equal(traffic_rig_sent(rig), "5a 31 00 00 01 00 00 00 01 03 64 0e 00 00 c8\n");
    clock_answer(rig, 1, 0);
    assert_non_null(strstr(traffic_rig_sent(rig), "5a 31 00 00 01 00 00 00 02 03 b0 67 00 00 "));
    traffic_rig_until(rig, 0.5);
    answer(rig, 2, event, sizeof event);
    assert_int_equal(crc8(event, sizeof event), 0xBC);
    assert_string_equal(
        traffic_rig_records(rig),
        "{\"time\":0.5,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":0,"
        "\"direction\":null,\"speed\":null,\"length\":7.41,\"vehicle_class\":\"2\","
        "\"duration\":0.254,\"range\":23.479,\"device_time\":\"2016-12-18T22:17:32.718Z\"}}\n");
    traffic_rig_close(rig);
}

/* FFED40: valid, -19.25 mph. */
static void speeds(void **state)
{
    uint8_t copy[sizeof event];
    struct traffic_rig *rig = traffic_rig_open(&one);
    clock_answer(rig, 1, 0);
    memcpy(copy, event, sizeof copy);
    memcpy(copy + 17, "\xff\xed\x40", 3);
    answer(rig, 2, copy, sizeof copy);
    assert_non_null(
        strstr(traffic_rig_records(rig), "\"direction\":\"backwards\",\"speed\":30.98,"));
    memcpy(copy + 17, "\x80\x13\x40", 3);
    answer(rig, 3, copy, sizeof copy);
    assert_non_null(
        strstr(traffic_rig_records(rig), "\"direction\":\"forwards\",\"speed\":30.98,"));
    traffic_rig_close(rig);
}

/* Kept while the gateway was away: its time is that of the passage. */
static void kept(void **state)
{
    uint8_t copy[sizeof event];
    struct traffic_rig *rig = traffic_rig_open(&one);
    traffic_rig_until(rig, 100);
    traffic_rig_reopen(rig);
    traffic_rig_sent(rig);
    memcpy(copy, event, sizeof copy);
    put_stamp(copy + 3, 40);
    clock_answer(rig, 11, 100); /* ten rounds without an answer */
    answer(rig, 12, copy, sizeof copy);
    assert_non_null(strstr(traffic_rig_records(rig), "{\"time\":40,"));
    traffic_rig_close(rig);
}

/* Up to the point where the newest interval has been asked for. */
static void newest_asked(struct traffic_rig *rig)
{
    clock_answer(rig, 1, 0);
    traffic_rig_sent(rig);
}

static void intervals(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&intervals_only);
    newest_asked(rig);
    interval(rig, 2, 700, 60);
    assert_string_equal(
        traffic_rig_records(rig),
        "{\"time\":0,\"device\":\"a\",\"kind\":\"interval\",\"values\":{\"lane\":0,\"period\":null,"
        "\"vehicle_count\":0,"
        "\"speed_mean\":52.304,\"speed_85\":null,\"occupancy\":5.5,"
        "\"headway\":4,\"gap\":3,\"device_time\":\"2026-11-22T12:01:00.000Z\",\"again\":false,"
        "\"vehicle_count_1\":"
        "0,"
        "\"vehicle_count_2\":0,\"vehicle_count_3\":0,\"vehicle_count_4\":0}}\n"
        "{\"time\":0,\"device\":\"a\",\"kind\":\"interval\",\"values\":{\"lane\":1,\"period\":null,"
        "\"vehicle_count\":1,"
        "\"speed_mean\":52.304,\"speed_85\":null,\"occupancy\":5.5,"
        "\"headway\":4,\"gap\":3,\"device_time\":\"2026-11-22T12:01:00.000Z\",\"again\":false,"
        "\"vehicle_count_1\":"
        "1,"
        "\"vehicle_count_2\":0,\"vehicle_count_3\":0,\"vehicle_count_4\":0}}\n");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_until(rig, 10); /* the same one still */
    interval(rig, 3, 700, 60);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_until(rig, 20);
    interval(rig, 4, 701, 120);
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"lane\":1,\"period\":60,\"vehicle_count\":11,"));
    traffic_rig_close(rig);
}

/* Three intervals ended meanwhile: fetched by number, in order, each once; one is gone. */
static void outage(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&intervals_only);
    newest_asked(rig);
    interval(rig, 2, 700, 60);
    traffic_rig_records(rig);
    traffic_rig_until(rig, 10);
    interval(rig, 3, 703, 240);
    assert_string_equal(traffic_rig_records(rig), "");
    assert_non_null(strstr(traffic_rig_sent(rig), "71 00 00 00 02 bd"));
    interval(rig, 4, 701, 120);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":11,"));
    answer(rig, 5, (const uint8_t[]){ 0x71, 0, 2, 0, 15 }, 5); /* no such interval */
    interval(rig, 6, 703, 240);
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"lane\":1,\"period\":120,\"vehicle_count\":31,"));
    assert_null(strstr(records, "\"vehicle_count\":21,"));
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 19);
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_close(rig);
}

/* Torn off in the middle, and when the sensor is back it has newer ones. */
static void torn_before_an_outage(void **state)
{
    uint8_t body[45];
    struct traffic_rig *rig = traffic_rig_open(&intervals_only);
    newest_asked(rig);
    interval(rig, 2, 700, 60);
    traffic_rig_until(rig, 10);
    interval_body(body, 701, 0, 120, 7);
    answer(rig, 3, body, sizeof body);
    traffic_rig_records(rig);
    traffic_rig_until(rig, 20);
    interval(rig, 4, 703, 240);
    assert_string_equal(traffic_rig_records(rig), "");
    interval(rig, 5, 701, 120);
    const char *records = traffic_rig_records(rig);
    assert_null(strstr(records, "\"lane\":0,"));
    assert_non_null(strstr(records, "\"lane\":1,"));
    interval(rig, 6, 702, 180);
    assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":0,"));
    traffic_rig_close(rig);
}

/* It was ended in the middle of an interval: the lanes that had been told do not come again. */
static void ended_in_between(void **state)
{
    uint8_t body[45];
    struct traffic_rig *rig = traffic_rig_open(&intervals_only);
    newest_asked(rig);
    interval(rig, 2, 700, 60);
    traffic_rig_until(rig, 10);
    traffic_rig_records(rig);
    interval_body(body, 701, 0, 120, 7);
    answer(rig, 3, body, sizeof body);
    assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":0,"));
    traffic_rig_resume(rig, true);
    clock_answer(rig, 1, 10);
    interval(rig, 2, 701, 120);
    const char *records = traffic_rig_records(rig);
    assert_null(strstr(records, "\"lane\":0,"));
    assert_non_null(strstr(records, "\"lane\":1,\"period\":60,"));
    traffic_rig_close(rig);
}

/* The state is lost with the power, the number is not. */
static void power_cut(void **state)
{
    for (int exact = 0; exact < 2; exact++) {
        const char *again = exact ? "\"again\":false" : "\"again\":true";
        struct traffic_rig *rig = traffic_rig_open(&intervals_only);
        newest_asked(rig);
        interval(rig, 2, 700, 60);
        traffic_rig_records(rig);
        traffic_rig_resume(rig, exact);
        newest_asked(rig);
        interval(rig, 2, 702, 180);
        assert_string_equal(traffic_rig_records(rig), "");
        assert_non_null(strstr(traffic_rig_sent(rig), "71 00 00 00 02 bd"));
        interval(rig, 3, 701, 120);
        const char *records = traffic_rig_records(rig);
        assert_non_null(strstr(records, "\"lane\":1,\"period\":60,"));
        assert_non_null(strstr(records, again));
        interval(rig, 4, 702, 180);
        assert_non_null(strstr(traffic_rig_records(rig), again));
        traffic_rig_until(rig, 10);
        interval(rig, 5, 703, 240);
        assert_non_null(strstr(traffic_rig_records(rig), "\"again\":false"));
        traffic_rig_close(rig);
    }
}

/* The second lane is lost on the way; asked again, the first is not told twice. Killed in between.
 */
static void torn(void **state)
{
    uint8_t body[45];
    struct traffic_rig *rig = traffic_rig_open(&intervals_only);
    newest_asked(rig);
    interval_body(body, 700, 0, 60, 7);
    answer(rig, 2, body, sizeof body);
    assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":0,"));
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_until(rig, 10);
    interval(rig, 3, 700, 60);
    const char *records = traffic_rig_records(rig);
    assert_null(strstr(records, "\"lane\":0,"));
    assert_null(strstr(records, "\"lane\":0,"));
    assert_non_null(strstr(records, "\"lane\":1,"));
    traffic_rig_close(rig);
}

/* Off by 30 s: told the time. */
static void clock_set(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    traffic_rig_sent(rig);
    clock_answer(rig, 1, 30);
    assert_non_null(strstr(traffic_rig_sent(rig), "0e 00 01 00 0f d5 76 03 00 00 00"));
    answer(rig, 2, (const uint8_t[]){ 0x0E, 0, 2, 0, 0 }, 5);
    assert_non_null(strstr(traffic_rig_sent(rig), " 67 00 00 "));
    traffic_rig_close(rig);
}

static void foreign(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    clock_answer(rig, 1, 0);
    answer(rig, 9, no_event, sizeof no_event); /* the answer to another request */
    assert_int_equal(traffic_rig_strays(rig, WEIR_R_FOREIGN), 1);
    answer(rig, 1, event, sizeof event); /* late, and gone from the FIFO */
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_class\":\"2\""));
    answer(rig, 2, no_event, sizeof no_event);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_close(rig);
}

static void ready(struct traffic_rig *rig)
{
    clock_answer(rig, 1, 0);
}

/* Head and body have a CRC each: no byte is without. */
static void hits(void **state)
{
    uint8_t buf[MESSAGE_MOST];
    size_t len = answer_bytes(buf, 2, event, sizeof event);
    traffic_rig_mangle(&one, ready, buf, len, NULL);
    uint8_t body[45];
    interval_body(body, 700, 0, 60, 7);
    len = answer_bytes(buf, 2, body, sizeof body);
    traffic_rig_mangle(&intervals_only, ready, buf, len, NULL);
    traffic_rig_random(&one, ready, 3, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(speeds),
        cmocka_unit_test(kept),
        cmocka_unit_test(intervals),
        cmocka_unit_test(outage),
        cmocka_unit_test(torn),
        cmocka_unit_test(power_cut),
        cmocka_unit_test(torn_before_an_outage),
        cmocka_unit_test(ended_in_between),
        cmocka_unit_test(clock_set),
        cmocka_unit_test(foreign),
        cmocka_unit_test(hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
