/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Settings that contradict each other, shapes, counters in packets.
 */
#include "lora_payload_rig.h"

#include <math.h>
#include <string.h>

static struct rig_named point;
static struct payload_options options;

/* One point of this kind and type, to be spoilt. */
static void start(enum payload_kind kind, enum payload_type type)
{
    options = rig_options(kind);
    point = (struct rig_named){ "temperature_1", rig_point(type) };
    point.point.at = point.point.id = 0;
}

static const char *finding(void)
{
    return rig_finding(&options, &point, 1);
}

static void of_points(void **state)
{
    start(PAYLOAD_STRUCT, PAYLOAD_UINT16);
    assert_string_equal(finding(), "");
    point.point.at = -1;
    assert_string_equal(finding(), "0 at: a value of a struct needs the number of its first byte");
    point.point.at = 1023;
    assert_string_equal(finding(), "0 at: reaches beyond the longest packet");
    start(PAYLOAD_STRUCT, PAYLOAD_NUMBER);
    assert_string_equal(finding(), "0 type: needs a type with a width, such as uint16");
    start(PAYLOAD_TLV, PAYLOAD_UINT16);
    point.point.id = -1;
    assert_string_equal(finding(), "0 id: a value of a tlv needs its id");
    point.point.id = 256;
    assert_string_equal(finding(), "0 id: does not fit into one byte; id_bytes = 2");
    options.id_bytes = 2;
    assert_string_equal(finding(), "");
    start(PAYLOAD_TLV, PAYLOAD_TEXTS);
    options.length_bytes = 0;
    assert_string_equal(finding(),
                        "0 length: no length is sent (length_bytes = 0): it must be given");
    start(PAYLOAD_LPP, PAYLOAD_NUMBER);
    assert_string_equal(finding(), "");
    static const char *const unknown[] = { "temperature",   "temperature_",    "temperature_256",
                                           "temperature_x", "temperature_1_x", "gps_1",
                                           "polyline_1_x",  "warmth_1" };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        point.point.key = unknown[i];
        assert_string_equal(finding(),
                            "0 key: Cayenne LPP has no such value; they are like temperature_3");
    }
    point.point.key = "polyline_1";
    assert_string_equal(finding(), "");
}

static void of_bits_and_scale(void **state)
{
    start(PAYLOAD_STRUCT, PAYLOAD_UINT16);
    point.point.bits = 3;
    assert_string_equal(finding(), "0 bits: of which bit on? bit is missing");
    point.point.bit = 14;
    assert_string_equal(finding(), "0 bits: has bits that the type does not have");
    point.point.bit = 13;
    assert_string_equal(finding(), "");
    point.point.type = PAYLOAD_BOOL;
    point.point.bit = 0;
    assert_string_equal(finding(), "0 bits: true or false is one bit");
    point.point.type = PAYLOAD_FLOAT32;
    assert_string_equal(finding(),
                        "0 bit: bits are taken from whole numbers and bool in struct and tlv");
    start(PAYLOAD_JSON, PAYLOAD_UINT16);
    point.point.bit = 0;
    assert_string_equal(finding(),
                        "0 bit: bits are taken from whole numbers and bool in struct and tlv");
    start(PAYLOAD_STRUCT, PAYLOAD_UINT16);
    point.point.scale = 0;
    assert_string_equal(finding(), "0 scale: a scale of 0 makes every value 0");
    point.point.scale = 2;
    assert_string_equal(finding(), "");
    point.point.type = PAYLOAD_BOOL;
    assert_string_equal(finding(), "0 scale: only numbers are scaled");
    point.point.scale = 1;
    point.point.offset = 1;
    assert_string_equal(finding(), "0 offset: only numbers have an offset");
    point.point.type = PAYLOAD_UINT8;
    point.point.offset = (double)INFINITY;
    assert_string_equal(finding(), "0 offset: only numbers have an offset");
}

static void of_devices(void **state)
{
    start(PAYLOAD_RAW, PAYLOAD_NUMBER);
    assert_string_equal(finding(), "-1 payload: raw bytes have no points; say what they hold");
    options.counter = "n";
    assert_string_equal(rig_finding(&options, NULL, 0),
                        "-1 counter: raw bytes have no values, so none that counts");
    start(PAYLOAD_STRUCT, PAYLOAD_UINT8);
    assert_string_equal(rig_finding(&options, NULL, 0),
                        "-1 points: a struct or tlv must be described, point by point");
    options.counter = "n";
    assert_string_equal(finding(), "-1 counter: no point has this name");
    point.name = "n";
    assert_string_equal(finding(), "");
    start(PAYLOAD_TEXT, PAYLOAD_NUMBER);
    options.separator = ",=";
    assert_string_equal(finding(), "-1 assign: has a character that is a separator too");
    struct rig_named many[65];
    for (size_t i = 0; i < 65; i++) {
        many[i] = (struct rig_named){ "x", rig_point(PAYLOAD_NUMBER) };
    }
    start(PAYLOAD_JSON, PAYLOAD_NUMBER);
    assert_string_equal(rig_finding(&options, many, 65),
                        "-1 points: a packet has at most 64 values");
    assert_string_equal(rig_finding(&options, many, 64), "");
}

static void shapes(void **state)
{
    const struct weir_point a[] = { { "t", "Cel", WEIR_FLOAT64 }, { "h", "%", WEIR_FLOAT64 } };
    struct weir_point b[2];
    memcpy(b, a, sizeof b);
    assert_true(payload_same_points(a, 2, b, 2));
    assert_true(payload_same_points(a, 0, b, 0));
    assert_false(payload_same_points(a, 2, b, 1));
    b[1].type = WEIR_UINT64;
    assert_false(payload_same_points(a, 2, b, 2));
    b[1] = (struct weir_point){ "h", "1", WEIR_FLOAT64 };
    assert_false(payload_same_points(a, 2, b, 2));
    b[1] = (struct weir_point){ "H", "%", WEIR_FLOAT64 };
    assert_false(payload_same_points(a, 2, b, 2));
}

/* The counter of a JSON packet with counter_bits 8. */
static long counted(const char *packet)
{
    static struct payload_values values;
    uint32_t counter;
    options = rig_options(PAYLOAD_JSON);
    options.counter = "n";
    options.counter_width = 0;
    struct payload_plan *plan = rig_plan(&options, NULL, 0);
    payload_decode(plan, (const uint8_t *)packet, strlen(packet), &values);
    bool found = payload_counter(plan, &values, &counter);
    assert_int_equal(payload_counter_bits(plan), 8);
    payload_plan_destroy(plan);
    return found ? (long)counter : -1;
}

static void counters(void **state)
{
    assert_int_equal(counted("{\"a\":1,\"n\":255}"), 255);
    assert_int_equal(counted("{\"n\":0}"), 0);
    assert_int_equal(counted("{\"n\":256}"), -1);
    assert_int_equal(counted("{\"n\":9007199254740993}"), -1);
    assert_int_equal(counted("{\"n\":-1}"), -1);
    assert_int_equal(counted("{\"n\":1.5}"), -1);
    assert_int_equal(counted("{\"n\":\"x\"}"), -1);
    assert_int_equal(counted("{\"m\":1}"), -1);
    struct payload_values values;
    uint32_t counter = 0;
    start(PAYLOAD_STRUCT, PAYLOAD_UINT16);
    point.name = options.counter = "n";
    struct payload_plan *plan = rig_plan(&options, &point, 1);
    assert_int_equal(payload_counter_bits(plan), 16);
    payload_decode(plan, (const uint8_t *)"\xff\xfe", 2, &values);
    assert_true(payload_counter(plan, &values, &counter));
    assert_int_equal(counter, 0xfeff);
    payload_decode(plan, (const uint8_t *)"\xff", 1, &values);
    assert_false(payload_counter(plan, &values, &counter));
    payload_plan_destroy(plan);
}

static void gaps(void **state)
{
    static const struct {
        uint32_t before, now;
        unsigned bits;
        enum sequence expected;
        uint32_t missed;
    } steps[] = {
        { 1, 2, 8, SEQUENCE_NEXT, 0 },
        { 255, 0, 8, SEQUENCE_NEXT, 0 },
        { 7, 7, 8, SEQUENCE_DUPLICATE, 0 },
        { 1, 5, 8, SEQUENCE_MISSED, 3 },
        { 250, 2, 8, SEQUENCE_MISSED, 7 },
        { 0, 128, 8, SEQUENCE_MISSED, 127 },
        { 0, 129, 8, SEQUENCE_RESTART, 0 },
        { 100, 0, 8, SEQUENCE_RESTART, 0 },
        { 100, 99, 8, SEQUENCE_RESTART, 0 },
        { 65535, 0, 16, SEQUENCE_NEXT, 0 },
        { 65535, 1, 16, SEQUENCE_MISSED, 1 },
        { 30000, 0, 16, SEQUENCE_RESTART, 0 },
        { 0, 32768, 16, SEQUENCE_MISSED, 32767 },
        { UINT32_MAX, 0, 32, SEQUENCE_NEXT, 0 },
        { 0, UINT32_MAX, 32, SEQUENCE_RESTART, 0 },
        { 5, 2000005, 32, SEQUENCE_MISSED, 1999999 },
        { UINT32_MAX, UINT32_MAX, 32, SEQUENCE_DUPLICATE, 0 },
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        uint32_t missed = 99;
        assert_int_equal(sequence_gap(steps[i].before, steps[i].now, steps[i].bits, &missed),
                         steps[i].expected);
        assert_int_equal(missed, steps[i].missed);
    }
}

static void words(void **state)
{
    struct payload_values values = { .result = PAYLOAD_R_UNKNOWN, .at = 4, .byte = 0x2a };
    char text[200];
    static const char whole[] = "has a type or id that nobody described: 0x2a at byte 4";
    assert_int_equal(payload_error(&values, text, sizeof text), sizeof whole - 1);
    assert_string_equal(text, whole);
    assert_int_equal(payload_error(&values, text, 8), 7);
    assert_string_equal(text, "has a t");
    assert_int_equal(payload_error(&values, text, 0), 0);
    values.result = PAYLOAD_R_OK;
    payload_error(&values, text, sizeof text);
    assert_string_equal(text, "decoded");
    assert_string_equal(payload_result_name(PAYLOAD_R_TOO_MANY), "too_many");
    assert_int_equal(payload_reason(PAYLOAD_R_OK), WEIR_R_OK);
    assert_int_equal(payload_reason(PAYLOAD_R_TRUNCATED), WEIR_R_FRAME);
    assert_int_equal(payload_reason(PAYLOAD_R_LENGTH), WEIR_R_DECODE);
    payload_plan_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_points),  cmocka_unit_test(of_bits_and_scale),
        cmocka_unit_test(of_devices), cmocka_unit_test(shapes),
        cmocka_unit_test(counters),   cmocka_unit_test(gaps),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
