/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * RTMS G4: vectors, whole statistics only, vehicles, the clock, and hits where no sum looks.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup one = { .family = "eis-rtms-g4" };

#define CLOCK_RIGHT "ff aa 49 10 00 01 00 00 12 01 22 11 26 00 00 12 00 22 11 26 00 d8"
#define COUNTS      "ff aa 10 0a 00 01 00 0c 00 07 00 00 00 03 00 17"
#define SPEEDS      "ff aa 12 0a 00 01 00 3e 00 3a 00 00 00 47 00 c0"

/* Appends a frame of sensor 1. */
static size_t frame(uint8_t *at, uint8_t qualifier, const uint8_t *data, size_t len)
{
    unsigned sum = 1;
    const uint8_t head[] = { 0xFF, 0xAA, qualifier, (uint8_t)(len + 2), 0, 1 };
    memcpy(at, head, sizeof head);
    memcpy(at + 6, data, len);
    for (size_t i = 0; i < len; i++) {
        sum += data[i];
    }
    at[6 + len] = (uint8_t)(sum >> 8);
    at[7 + len] = (uint8_t)sum;
    return len + 8;
}

static size_t header(uint8_t *at, unsigned number, unsigned minute, unsigned composition)
{
    const uint8_t data[22] = {
        (uint8_t)number,      0, 0,  4,   0,   (uint8_t)minute, 0x12, 0x01, 0x22, 0x11, 0x26, 4,
        (uint8_t)composition, 0, 60, 120, 0x10
    };
    return frame(at, 0x80, data, sizeof data);
}

static size_t numbers(uint8_t *at, uint8_t qualifier, unsigned first)
{
    const uint8_t data[8] = { 0, (uint8_t)first, 0, 7, 0, 0, 0, 3 };
    return frame(at, qualifier, data, sizeof data);
}

/* Counts, occupancy, speeds and one class of four zones. */
static size_t statistics(uint8_t *at, unsigned number, unsigned minute)
{
    size_t len = header(at, number, minute, 0x08);
    len += numbers(at + len, 0x10, 12);
    len += numbers(at + len, 0x11, 55);
    len += numbers(at + len, 0x12, 62);
    len += numbers(at + len, 0x16, 4);
    return len + frame(at + len, 0x81, (uint8_t[]){ (uint8_t)number }, 1);
}

static void clock_right(struct traffic_rig *rig)
{
    traffic_rig_hex(rig, CLOCK_RIGHT);
}

static void vectors(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    assert_string_equal(traffic_rig_sent(rig), "ff aa f9 02 00 01 00 01\n");
    clock_right(rig);
    assert_string_equal(traffic_rig_sent(rig), "ff aa 53 03 00 01 00 00 01\n");
    uint8_t buf[512];
    size_t len = header(buf, 5, 0, 0x08);
    traffic_rig_bytes(rig, buf, len);
    traffic_rig_hex(rig, COUNTS);
    traffic_rig_bytes(rig, buf, numbers(buf, 0x11, 55));
    traffic_rig_hex(rig, SPEEDS);
    traffic_rig_bytes(rig, buf, numbers(buf, 0x16, 4));
    traffic_rig_bytes(rig, buf, frame(buf, 0x81, (uint8_t[]){ 5 }, 1));
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records,
                           "\"lane\":0,\"period\":60,\"vehicle_count\":12,\"speed_mean\":62,"
                           "\"speed_85\":null,\"occupancy\":5.5,\"headway\":null,\"gap\":null,"
                           "\"missed\":0,\"device_time\":\"2026-11-22T12:00:00.000Z\","
                           "\"vehicle_count_small\":8,\"vehicle_count_regular\":0,"
                           "\"vehicle_count_medium\":0,\"vehicle_count_large\":4,"));
    assert_non_null(
        strstr(records, "\"lane\":1,\"period\":60,\"vehicle_count\":7,\"speed_mean\":58,"));
    assert_non_null(
        strstr(records, "\"lane\":2,\"period\":60,\"vehicle_count\":0,\"speed_mean\":null,"));
    assert_non_null(
        strstr(records, "\"lane\":3,\"period\":60,\"vehicle_count\":3,\"speed_mean\":71,"));
    traffic_rig_close(rig);
}

/* The same interval again is not told again; two that were not asked for in time are missed. */
static void missed(void **state)
{
    uint8_t buf[512];
    struct traffic_rig *rig = traffic_rig_open(&one);
    clock_right(rig);
    traffic_rig_bytes(rig, buf, statistics(buf, 254, 0));
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":12,"));
    traffic_rig_until(rig, 10);
    traffic_rig_bytes(rig, buf, statistics(buf, 254, 0));
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_until(rig, 20);
    traffic_rig_bytes(rig, buf, statistics(buf, 1, 3));
    assert_non_null(strstr(traffic_rig_records(rig), "\"missed\":2,"));
    traffic_rig_close(rig);
}

static void vehicles(void **state)
{
    static const uint8_t data[] = { 3,    2,    45,   61,   0x01, 0x40, 0x25, 0x07,
                                    0x00, 0x12, 0x01, 0x22, 0x11, 0x26, 0 };
    uint8_t buf[64], mph[sizeof data];
    struct traffic_rig *rig = traffic_rig_open(&one);
    traffic_rig_until(rig, 30);
    traffic_rig_bytes(rig, buf, frame(buf, 0x5E, data, sizeof data));
    assert_string_equal(
        traffic_rig_records(rig),
        "{\"time\":7.25,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":3,\"speed\":61,"
        "\"length\":4.5,\"vehicle_class\":\"2\",\"duration\":0.32,"
        "\"device_time\":\"2026-11-22T12:00:07.250Z\"}}\n");
    memcpy(mph, data, sizeof mph);
    mph[14] = 1;
    traffic_rig_bytes(rig, buf, frame(buf, 0x5E, mph, sizeof mph));
    assert_non_null(strstr(traffic_rig_records(rig), "\"speed\":98.17,"));
    traffic_rig_close(rig);
}

static void clock_set(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    traffic_rig_sent(rig);
    traffic_rig_hex(rig, "ff aa 49 10 00 01 00 30 11 01 22 11 26 00 00 12 00 22 11 26 01 07");
    assert_string_equal(traffic_rig_sent(rig),
                        "ff aa 49 10 00 01 00 00 12 01 22 11 26 00 00 12 00 22 11 26 00 d8\n");
    traffic_rig_hex(rig, "ff aa 1c 02 00 01 00 01");
    assert_string_equal(traffic_rig_sent(rig), "ff aa 53 03 00 01 00 00 01\n");
    traffic_rig_hex(rig, "ff aa 1a 02 00 01 00 01"); /* refused: the round ends */
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_close(rig);
}

static void killed(void **state)
{
    uint8_t buf[512];
    struct traffic_rig *rig = traffic_rig_open(&one);
    clock_right(rig);
    size_t len = statistics(buf, 9, 0);
    traffic_rig_bytes(rig, buf, 70);
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_bytes(rig, buf + 70, len - 70);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":12,"));
    traffic_rig_close(rig);
}

/* Asked for statistics, and has had some: which classes there are is known. */
static void ready(struct traffic_rig *rig)
{
    uint8_t buf[512];
    clock_right(rig);
    traffic_rig_bytes(rig, buf, statistics(buf, 8, 0));
    traffic_rig_until(rig, 10);
}

/* Qualifiers have no checksum; that a message is whole stands in, and no hit is taken. */
static void hits(void **state)
{
    static const uint8_t event[] = { 3,    2,    45,   61,   0x01, 0x40, 0x25, 0x07,
                                     0x00, 0x12, 0x01, 0x22, 0x11, 0x26, 0 };
    uint8_t buf[512];
    traffic_rig_mangle(&one, ready, buf, statistics(buf, 9, 1), NULL);
    traffic_rig_mangle(&one, ready, buf, frame(buf, 0x5E, event, sizeof event), NULL);
    traffic_rig_random(&one, clock_right, 5, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),   cmocka_unit_test(missed), cmocka_unit_test(vehicles),
        cmocka_unit_test(clock_set), cmocka_unit_test(killed), cmocka_unit_test(hits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
