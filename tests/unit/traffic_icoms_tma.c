/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Icoms TMA-3B3: its message, counts that jump, what no radar says, and hits on the way. No message
 * of a real radar is public: these are put together from the table of fields.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup tma = { .family = "icoms-tma" };

enum {
    LEN = 19,
    BCD_FROM = 4,
    DAY_AT = 8,
    COUNT_AT = 10,
    RANGE_AT = 13,
    TYPE_AT = 15,
    CENTURY_AT = 16
};

/* 63 km/h, 4.5 m, 17:50:28.37 on the 22nd going away, November, number 421, 12.34 m, 2026.
 */
static const uint8_t passage[LEN] = { 0x02, 0x99, 0x3f, 0x2d, 0x37, 0x28, 0x50, 0x17, 0xa2, 0x11,
                                      0xa5, 0x01, 0x00, 0xd2, 0x04, 0x02, 0x20, 0x26, 0x03 };

#define RECORD(time)                                                                               \
    "{\"time\":" time ",\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"                        \
    "\"direction\":\"departing\",\"speed\":63,\"length\":4.5,"                                     \
    "\"range\":12.34,\"device_count\":421,\"missed\":0,"                                           \
    "\"device_time\":\"2026-11-22T17:50:28.370Z\"}}\n"

static void vector(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&tma);
    traffic_rig_until(rig, 2);
    traffic_rig_bytes(rig, passage, LEN);
    assert_string_equal(traffic_rig_records(rig), RECORD("2"));
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_close(rig);
}

/* The passage with another byte at `at`. */
static const char *with(struct traffic_rig *rig, size_t at, uint8_t byte)
{
    uint8_t copy[LEN];
    memcpy(copy, passage, LEN);
    copy[at] = byte;
    traffic_rig_bytes(rig, copy, LEN);
    return traffic_rig_records(rig);
}

static void fields(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&tma);
    assert_non_null(strstr(with(rig, 2, 0), "\"speed\":null"));
    assert_non_null(strstr(with(rig, 2, 255), "\"speed\":255"));
    assert_non_null(strstr(with(rig, 3, 0), "\"length\":null"));
    assert_non_null(strstr(with(rig, 3, 255), "\"length\":25.5"));
    assert_non_null(strstr(with(rig, DAY_AT, 0x22), "\"direction\":\"approaching\""));
    assert_non_null(strstr(with(rig, RANGE_AT + 1, 0x0e), "\"range\":37.94"));
    assert_non_null(strstr(with(rig, 7, 0x24), "\"device_time\":null"));
    assert_true(with(rig, TYPE_AT, 0)[0]);
    assert_true(with(rig, TYPE_AT, 0x30)[0]);
    assert_true(with(rig, TYPE_AT, 30)[0]);
    assert_non_null(strstr(with(rig, 17, 0x00), "\"device_time\":\"2000-11-22"));
    assert_int_equal(traffic_rig_noise(rig), 0);
    traffic_rig_close(rig);
}

static void refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } wrong[] = {
        { 0, 0x03 },          { 1, 0x98 },
        { BCD_FROM, 0x9a },   { BCD_FROM, 0xa0 },
        { 5, 0x61 },          { 6, 0x60 },
        { 7, 0x25 },          { DAY_AT, 0x31 },
        { DAY_AT, 0x00 },     { DAY_AT, 0x80 },
        { 9, 0x13 },          { 9, 0x00 },
        { TYPE_AT, 4 },       { RANGE_AT + 1, 0x0f },
        { TYPE_AT, 0x31 },    { CENTURY_AT, 20 },
        { CENTURY_AT, 0x21 }, { 17, 0x2a },
        { LEN - 1, 0x02 },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct traffic_rig *rig = traffic_rig_open(&tma);
        if (with(rig, wrong[i].at, wrong[i].byte)[0]) {
            fail_msg("taken: %02x at %zu", wrong[i].byte, wrong[i].at);
        }
        traffic_rig_bytes(rig, passage, LEN);
        assert_string_equal(traffic_rig_records(rig), RECORD("0"));
        traffic_rig_close(rig);
    }
}

/* A passage with this number. */
static const char *numbered(struct traffic_rig *rig, uint32_t number)
{
    uint8_t copy[LEN];
    memcpy(copy, passage, LEN);
    copy[COUNT_AT] = (uint8_t)number;
    copy[COUNT_AT + 1] = (uint8_t)(number >> 8);
    copy[COUNT_AT + 2] = (uint8_t)(number >> 16);
    traffic_rig_bytes(rig, copy, LEN);
    return traffic_rig_records(rig);
}

static void missed(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&tma);
    assert_non_null(strstr(numbered(rig, 0xfffffe), "\"device_count\":16777214,\"missed\":0"));
    assert_non_null(strstr(numbered(rig, 0xffffff), "\"missed\":0"));
    assert_non_null(strstr(numbered(rig, 3), "\"device_count\":3,\"missed\":3")); /* once round */
    traffic_rig_until(rig, 100);
    assert_non_null(strstr(numbered(rig, 904), "\"missed\":900"));
    assert_int_equal(traffic_rig_missed(rig), 903);
    traffic_rig_close(rig);
}

/* A number that was hit tells nothing of what was missed, before or after it. */
static void hit_number(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&tma);
    numbered(rig, 100);
    assert_non_null(strstr(numbered(rig, 101 | 1 << 16), "\"missed\":null"));
    assert_non_null(strstr(numbered(rig, 102), "\"missed\":0"));
    assert_non_null(strstr(numbered(rig, 7), "\"missed\":null"));
    assert_non_null(strstr(numbered(rig, 106), "\"missed\":2"));
    assert_int_equal(traffic_rig_missed(rig), 2);
    traffic_rig_close(rig);
}

/* The radar was switched off and counts from the start again. */
static void anew(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&tma);
    numbered(rig, 5000);
    assert_non_null(strstr(numbered(rig, 1), "\"missed\":null"));
    assert_non_null(strstr(numbered(rig, 2), "\"missed\":0"));
    assert_non_null(strstr(numbered(rig, 4), "\"missed\":1"));
    assert_int_equal(traffic_rig_missed(rig), 1);
    traffic_rig_close(rig);
}

/* Noise, a message that lost its end, one that lost its begin: the next whole one is taken. */
static void between(void **state)
{
    for (size_t cut = 1; cut < LEN; cut++) {
        struct traffic_rig *rig = traffic_rig_open(&tma);
        traffic_rig_bytes(rig, passage, cut);
        traffic_rig_bytes(rig, passage, LEN);
        assert_string_equal(traffic_rig_records(rig), RECORD("0"));
        traffic_rig_bytes(rig, passage + cut, LEN - cut);
        numbered(rig, 422);
        assert_int_equal(traffic_rig_noise(rig), LEN);
        traffic_rig_until(rig, 10);
        traffic_rig_bytes(rig, passage, cut); /* never gets its end */
        traffic_rig_until(rig, 20);
        assert_string_equal(traffic_rig_records(rig), "");
        assert_non_null(strstr(numbered(rig, 423), "{\"time\":20,"));
        traffic_rig_close(rig);
    }
}

/* The bytes of the head inside a message are no head. */
static void head_inside(void **state)
{
    uint8_t two[2 * LEN];
    struct traffic_rig *rig = traffic_rig_open(&tma);
    memcpy(two, passage, LEN);
    memcpy(two + LEN, passage, LEN);
    two[2] = two[LEN + 2] = 0x02;
    two[3] = two[LEN + 3] = 0x99;
    two[LEN + COUNT_AT] = 0xa6;
    traffic_rig_bytes(rig, two, sizeof two);
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"speed\":2,\"length\":15.3"));
    assert_non_null(strstr(records, "\"device_count\":421"));
    assert_non_null(strstr(records, "\"device_count\":422"));
    assert_int_equal(traffic_rig_noise(rig), 0);
    traffic_rig_close(rig);
}

static void killed(void **state)
{
    for (size_t cut = 0; cut <= LEN; cut++) {
        struct traffic_rig *rig = traffic_rig_open(&tma);
        numbered(rig, 419);
        traffic_rig_bytes(rig, passage, cut);
        char *first = strdup(traffic_rig_records(rig));
        assert_non_null(first);
        traffic_rig_save(rig);
        traffic_rig_bytes(rig, passage + cut, LEN - cut); /* forgotten with the process */
        traffic_rig_restore(rig);
        traffic_rig_records(rig);
        traffic_rig_bytes(rig, passage + cut, LEN - cut);
        const char *then = traffic_rig_records(rig);
        assert_int_equal(!!first[0], cut == LEN);
        assert_int_equal(!!then[0], cut < LEN);
        assert_non_null(strstr(cut < LEN ? then : first, "\"device_count\":421,\"missed\":1"));
        assert_non_null(strstr(numbered(rig, 422), "\"missed\":0"));
        free(first);
        traffic_rig_close(rig);
    }
}

/* No checksum. '.': a flip of any bit is seen; x: it may make another speed, length, day, ... */
static void hits(void **state)
{
    traffic_rig_mangle(&tma, NULL, passage, LEN, "..xxxxxxxxxxxxxx.x.");
    traffic_rig_random(&tma, NULL, 7, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector),  cmocka_unit_test(fields), cmocka_unit_test(refused),
        cmocka_unit_test(missed),  cmocka_unit_test(anew),   cmocka_unit_test(hit_number),
        cmocka_unit_test(between), cmocka_unit_test(killed), cmocka_unit_test(head_inside),
        cmocka_unit_test(hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
