/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * tlv, struct and raw: what docs/payloads.md shows, every type, and packets that are none; every
 * cut and flipped bit of each kind.
 */
#include "lora_payload_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct payload_point typed(enum payload_type type, int64_t at)
{
    struct payload_point point = rig_point(type);
    point.at = at;
    point.id = at;
    return point;
}

static struct payload_point scaled(enum payload_type type, int64_t at, double scale, double offset)
{
    struct payload_point point = typed(type, at);
    point.scale = scale;
    point.offset = offset;
    return point;
}

static struct payload_point bits(enum payload_type type, int64_t at, int64_t bit, int64_t count)
{
    struct payload_point point = typed(type, at);
    point.bit = bit;
    point.bits = count;
    return point;
}

/* ---- struct */

static void of_the_page(void **state)
{
    const struct rig_named layout[] = { { "t", scaled(PAYLOAD_INT16, 0, 0.01, 0) },
                                        { "battery", scaled(PAYLOAD_UINT8, 2, 0.02, 2) },
                                        { "mode", bits(PAYLOAD_UINT8, 3, 4, 3) } };
    struct payload_options options = rig_options(PAYLOAD_STRUCT);
    assert_string_equal(rig_by(options, layout, 3, "2E FB 41 25"), "t=-12.34, battery=3.3, mode=2");
    const struct rig_named items[] = { { "level", scaled(PAYLOAD_UINT16, 1, 0.1, 0) },
                                       { "open", bits(PAYLOAD_BOOL, 2, 0, 1) },
                                       { "tilted", bits(PAYLOAD_BOOL, 2, 1, 1) } };
    options = rig_options(PAYLOAD_TLV);
    options.order = PAYLOAD_BIG;
    assert_string_equal(rig_by(options, items, 3, "01 02 04 D2 02 01 03"),
                        "level=123.4, open=true, tilted=true");
    assert_string_equal(rig_by(options, items, 3, "02 01 02"),
                        "level=!absent, open=false, tilted=true");
}

static void integers(void **state)
{
    const struct rig_named points[] = {
        { "u8", typed(PAYLOAD_UINT8, 0) },   { "i8", typed(PAYLOAD_INT8, 0) },
        { "u16", typed(PAYLOAD_UINT16, 0) }, { "i16", typed(PAYLOAD_INT16, 0) },
        { "u24", typed(PAYLOAD_UINT24, 0) }, { "i24", typed(PAYLOAD_INT24, 0) },
        { "u32", typed(PAYLOAD_UINT32, 0) }, { "i32", typed(PAYLOAD_INT32, 0) },
        { "u64", typed(PAYLOAD_UINT64, 0) }, { "i64", typed(PAYLOAD_INT64, 0) },
    };
    struct payload_options options = rig_options(PAYLOAD_STRUCT);
    assert_string_equal(rig_by(options, points, COUNT(points), "FE 02 83 84 05 06 07 88"),
                        "u8=254, i8=-2, u16=766, i16=766, u24=8585982, i24=-8191234, "
                        "u32=2223178494, i32=-2071788802, u64=9801809734762955518, "
                        "i64=-8644934338946596098");
    options.order = PAYLOAD_BIG;
    assert_string_equal(rig_by(options, points, COUNT(points), "FE 02 83 84 05 06 07 88"),
                        "u8=254, i8=-2, u16=65026, i16=-510, u24=16646787, i24=-130429, "
                        "u32=4261577604, i32=-33389692, u64=18303336438630320008, "
                        "i64=-143407635079231608");
}

static void others(void **state)
{
    struct rig_named points[] = {
        { "f32", typed(PAYLOAD_FLOAT32, 0) },    { "f32s", scaled(PAYLOAD_FLOAT32, 0, 10, 0) },
        { "f64", typed(PAYLOAD_FLOAT64, 4) },    { "flag", typed(PAYLOAD_BOOL, 12) },
        { "word", typed(PAYLOAD_TEXTS, 13) },    { "rest", typed(PAYLOAD_BYTES, 13) },
        { "swapped", typed(PAYLOAD_UINT16, 0) },
    };
    points[4].point.length = 4;
    points[6].point.order = 1 + PAYLOAD_LITTLE;
    struct payload_options options = rig_options(PAYLOAD_STRUCT);
    options.order = PAYLOAD_BIG;
    assert_string_equal(
        rig_by(options, points, COUNT(points),
               "43 66 33 33  41 CD 6F 34 58 80 00 00  02  4F 6B 00 41 42 43"),
        "f32=230.2, f32s=2302, f64=987654321, flag=true, word=\"Ok\", rest=<4f6b00414243>, "
        "swapped=26179");
    /* no numbers; no UTF-8 */
    assert_string_equal(rig_by(options, points, COUNT(points),
                               "7F C0 00 00  FF F0 00 00 00 00 00 00  00  C3 28 41 42"),
                        "f32=!absent, f32s=!absent, f64=!absent, flag=false, word=!decode, "
                        "rest=<c3284142>, swapped=49279");
    /* short: what fits is there */
    assert_string_equal(rig_by(options, points, 4, "43 66 33 33 00"),
                        "f32=230.2, f32s=2302, f64=!frame, flag=!frame | ends in the middle of a "
                        "value, at byte 5");
    assert_string_equal(rig_by(options, points, 1, ""),
                        "f32=!frame | ends in the middle of a value, at byte 0");
}

static void bit_fields(void **state)
{
    const struct rig_named points[] = {
        { "low", bits(PAYLOAD_UINT16, 0, 0, 4) },     { "middle", bits(PAYLOAD_INT16, 0, 4, 8) },
        { "top", bits(PAYLOAD_INT16, 0, 15, 1) },     { "all", bits(PAYLOAD_UINT64, 0, 0, 64) },
        { "high", bits(PAYLOAD_UINT64, 0, 63, 1) },   { "flag", bits(PAYLOAD_BOOL, 1, 7, 1) },
        { "signed", bits(PAYLOAD_INT64, 0, 32, 32) },
    };
    struct payload_options options = rig_options(PAYLOAD_STRUCT);
    assert_string_equal(rig_by(options, points, COUNT(points), "F5 8F 00 00 FE FF FF FF"),
                        "low=5, middle=-1, top=-1, all=18446744065119653877, high=1, flag=true, "
                        "signed=-2");
}

/* As the device shows it, not as a double of 0.1 would have it. */
static void as_shown(void **state)
{
    const struct rig_named points[] = { { "t", scaled(PAYLOAD_INT16, 0, 0.1, 0) },
                                        { "k", scaled(PAYLOAD_INT16, 0, 0.1, 273.15) },
                                        { "odd", scaled(PAYLOAD_INT16, 0, 1e-12, 0) } };
    struct payload_options options = rig_options(PAYLOAD_STRUCT);
    assert_string_equal(rig_by(options, points, 2, "10 01"), "t=27.2, k=300.35");
    assert_string_equal(rig_by(options, points, 2, "FD 08"), "t=230.1, k=503.25");
    assert_string_equal(rig_by(options, points, 2, "D1 FF"), "t=-4.7, k=268.45");
    assert_string_equal(rig_by(options, points + 2, 1, "01 00"), "odd=1e-12");
    for (int raw = -32768; raw < 32768; raw++) {
        char hex[8], expected[32];
        snprintf(hex, sizeof hex, "%02X %02X", (unsigned)raw & 255, (unsigned)raw >> 8 & 255);
        int tenths = abs(raw) % 10;
        snprintf(expected, sizeof expected, tenths ? "t=%s%d.%d" : "t=%s%d", raw < 0 ? "-" : "",
                 abs(raw) / 10, tenths);
        if (raw % 37 == 0 || abs(raw) < 300) {
            assert_string_equal(rig_by(options, points, 1, hex), expected);
        }
    }
}

/* Fields may overlap; texts that do not fit into the room are missing, and nothing else is. */
static void overlap(void **state)
{
    static struct payload_values values;
    static uint8_t packet[PAYLOAD_BYTES_MAX + 1];
    struct rig_named points[PAYLOAD_VALUES_MAX];
    struct payload_options options = rig_options(PAYLOAD_STRUCT);
    for (size_t i = 0; i < COUNT(points); i++) {
        points[i] = (struct rig_named){ i % 2 ? "n" : "b",
                                        typed(i % 2 ? PAYLOAD_UINT8 : PAYLOAD_BYTES, 0) };
    }
    struct payload_plan *plan = rig_plan(&options, points, COUNT(points));
    packet[0] = 7;
    assert_int_equal(payload_decode(plan, packet, PAYLOAD_BYTES_MAX, &values), PAYLOAD_R_OK);
    assert_int_equal(values.values[0].bytes.len, PAYLOAD_BYTES_MAX);
    assert_int_equal(values.values[62].quality, WEIR_R_RANGE);
    assert_int_equal(values.values[63].uint64, 7);
    assert_int_equal(payload_decode(plan, packet, sizeof packet, &values), PAYLOAD_R_TOO_LONG);
    assert_int_equal(values.values[63].quality, WEIR_R_DECODE);
    payload_plan_destroy(plan);
}

/* ---- tlv */

static void tlv(void **state)
{
    struct rig_named points[] = { { "a", typed(PAYLOAD_UINT16, 1) },
                                  { "b", typed(PAYLOAD_TEXTS, 2) },
                                  { "c", typed(PAYLOAD_INT8, 0x0103) } };
    points[1].point.length = 2;
    struct payload_options options = rig_options(PAYLOAD_TLV);
    /* an unknown id is stepped over; an id twice; no bytes at all */
    assert_string_equal(rig_by(options, points, 2, "09 03 01 02 03 01 02 05 00 01 02 06 00 02 00"),
                        "a=6, b=\"\"");
    assert_string_equal(rig_by(options, points, 2, "01 01 05 02 02 4F 4B"),
                        "a=!decode, b=\"OK\" | has a value of another length than described: 0x01 "
                        "at byte 0");
    assert_string_equal(rig_by(options, points, 2, "01 02 05 00 02 03 4F 4B"),
                        "a=5, b=!frame | ends in the middle of a value, at byte 8");
    assert_string_equal(rig_by(options, points, 2, "01 02 05 00 02"),
                        "a=5, b=!frame | ends in the middle of a value, at byte 5");
    assert_string_equal(rig_by(options, points, 1, "01 03 05 00 00 01 02 06 00"),
                        "a=6 | has a value of another length than described: 0x01 at byte 0");
    options.id_bytes = options.length_bytes = 2;
    assert_string_equal(rig_by(options, points, 3, "03 01 01 00 FF 01 00 02 00 07 00"),
                        "a=7, b=!absent, c=-1");
    options.length_bytes = 0;
    assert_string_equal(rig_by(options, points, 3, "03 01 FF 02 00 4F 4B 01 00 07 00"),
                        "a=7, b=\"OK\", c=-1");
    assert_string_equal(rig_by(options, points, 3, "03 01 FF 04 05 4F 4B"),
                        "a=!decode, b=!decode, c=-1 | has a type or id that nobody described: "
                        "0x504 at byte 3");
}

/* ---- raw */

static void raw(void **state)
{
    struct payload_options options = rig_options(PAYLOAD_RAW);
    assert_string_equal(rig_by(options, NULL, 0, "01 02 03"), "");
    assert_string_equal(rig_by(options, NULL, 0, ""), "");
}

/* ---- anything cut short or with a bit flipped */

static void damage(struct payload_options options, const struct rig_named *points, size_t count,
                   const char *packet, size_t len)
{
    char copy[PAYLOAD_BYTES_MAX];
    struct payload_plan *plan = rig_plan(&options, points, count);
    memcpy(copy, packet, len);
    for (size_t cut = 0; cut < len; cut++) {
        rig_decode(plan, copy, cut);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        copy[bit / 8] ^= (char)(1 << bit % 8);
        rig_decode(plan, copy, len);
        copy[bit / 8] ^= (char)(1 << bit % 8);
    }
    payload_plan_destroy(plan);
}

static void damaged(void **state)
{
    static const char words_packet[] = "t=21.5,h=54,mode=auto",
                      object[] = "{\"t\":21.5,\"a\":{\"b\":[1,\"\xc3\xa9\",null]}}",
                      items[] = "\x01\x02\x05\x00\x02\x02OK\x09\x01\x00";
    const struct rig_named points[] = { { "a", typed(PAYLOAD_UINT16, 1) },
                                        { "b", typed(PAYLOAD_TEXTS, 2) } };
    damage(rig_options(PAYLOAD_TEXT), NULL, 0, words_packet, sizeof words_packet - 1);
    damage(rig_options(PAYLOAD_JSON), NULL, 0, object, sizeof object - 1);
    damage(rig_options(PAYLOAD_TLV), points, 2, items, sizeof items - 1);
    damage(rig_options(PAYLOAD_STRUCT), points, 2, items, sizeof items - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_the_page), cmocka_unit_test(integers), cmocka_unit_test(others),
        cmocka_unit_test(bit_fields),  cmocka_unit_test(as_shown), cmocka_unit_test(overlap),
        cmocka_unit_test(tlv),         cmocka_unit_test(raw),      cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
