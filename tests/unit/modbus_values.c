/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Registers to values: every type and order against bytes written out by hand, answers of real
 * meters' maps, and scaled values that print as the device shows them.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "decode.h"

static struct weir_value decode(struct point point, const char *bytes)
{
    static uint8_t text[256];
    struct weir_value value;
    point_decode(&point, (const uint8_t *)bytes, text, &value);
    return value;
}

static struct point plain(enum kind kind, enum order order)
{
    return (struct point){ .kind = (int)kind, .order = (int)order, .scale = 1, .bit = -1 };
}

static void integers(void **state)
{
    assert_int_equal(decode(plain(KIND_UINT16, ORDER_ABCD), "\x12\x34").uint64, 0x1234);
    assert_int_equal(decode(plain(KIND_UINT16, ORDER_CDAB), "\x12\x34").uint64, 0x1234);
    assert_int_equal(decode(plain(KIND_UINT16, ORDER_BADC), "\x12\x34").uint64, 0x3412);
    assert_int_equal(decode(plain(KIND_UINT16, ORDER_DCBA), "\x12\x34").uint64, 0x3412);
    assert_int_equal(decode(plain(KIND_INT16, ORDER_ABCD), "\xff\xfe").int64, -2);
    assert_int_equal(decode(plain(KIND_INT16, ORDER_CDAB), "\x80\x00").int64, -32768);
    assert_int_equal(decode(plain(KIND_INT16, ORDER_BADC), "\xff\x7f").int64, 32767);
    assert_int_equal(decode(plain(KIND_INT16, ORDER_DCBA), "\xfe\xff").int64, -2);
    static const struct {
        enum order order;
        const char *bytes;
    } orders[] = { { ORDER_ABCD, "\x80\x02\x03\x04" },
                   { ORDER_CDAB, "\x03\x04\x80\x02" },
                   { ORDER_BADC, "\x02\x80\x04\x03" },
                   { ORDER_DCBA, "\x04\x03\x02\x80" } };
    for (int i = 0; i < 4; i++) {
        assert_true(decode(plain(KIND_UINT32, orders[i].order), orders[i].bytes).uint64 ==
                    0x80020304u);
        assert_true(decode(plain(KIND_INT32, orders[i].order), orders[i].bytes).int64 ==
                    -0x7ffdfcfcLL);
    }
}

static void wide(void **state)
{
    static const struct {
        enum order order;
        const char *bytes;
    } orders[] = { { ORDER_ABCD, "\x80\x02\x03\x04\x05\x06\x07\x08" },
                   { ORDER_CDAB, "\x07\x08\x05\x06\x03\x04\x80\x02" },
                   { ORDER_BADC, "\x02\x80\x04\x03\x06\x05\x08\x07" },
                   { ORDER_DCBA, "\x08\x07\x06\x05\x04\x03\x02\x80" } };
    for (int i = 0; i < 4; i++) {
        struct weir_value u = decode(plain(KIND_UINT64, orders[i].order), orders[i].bytes);
        struct weir_value s = decode(plain(KIND_INT64, orders[i].order), orders[i].bytes);
        assert_true(u.uint64 == 0x8002030405060708u);
        assert_true((uint64_t)s.int64 == 0x8002030405060708u);
    }
}

static void floats(void **state)
{
    /* Eastron: 230.2, 229.75, -1234.5 and no number; a low word first meter; a double */
    assert_true(decode(plain(KIND_FLOAT32, ORDER_ABCD), "\x43\x66\x33\x33").float32 == 230.2f);
    assert_true(decode(plain(KIND_FLOAT32, ORDER_ABCD), "\x43\x65\xC0\x00").float32 == 229.75f);
    assert_true(decode(plain(KIND_FLOAT32, ORDER_ABCD), "\xC4\x9A\x50\x00").float32 == -1234.5f);
    assert_int_equal(decode(plain(KIND_FLOAT32, ORDER_ABCD), "\x7F\xC0\x00\x00").quality,
                     WEIR_R_ABSENT);
    assert_int_equal(decode(plain(KIND_FLOAT32, ORDER_ABCD), "\x7F\x80\x00\x00").quality,
                     WEIR_R_ABSENT);
    assert_true(decode(plain(KIND_FLOAT32, ORDER_CDAB), "\x33\x33\x43\x66").float32 == 230.2f);
    assert_true(decode(plain(KIND_FLOAT32, ORDER_BADC), "\x66\x43\x33\x33").float32 == 230.2f);
    assert_true(decode(plain(KIND_FLOAT32, ORDER_DCBA), "\x33\x33\x66\x43").float32 == 230.2f);
}

static void doubles(void **state)
{
    static const struct {
        enum order order;
        const char *bytes;
    } orders[] = { { ORDER_ABCD, "\x41\xCD\x6F\x34\x58\x80\x00\x00" },
                   { ORDER_CDAB, "\x00\x00\x58\x80\x6F\x34\x41\xCD" },
                   { ORDER_BADC, "\xCD\x41\x34\x6F\x80\x58\x00\x00" },
                   { ORDER_DCBA, "\x00\x00\x80\x58\x34\x6F\xCD\x41" } };
    for (int i = 0; i < 4; i++) {
        assert_true(decode(plain(KIND_FLOAT64, orders[i].order), orders[i].bytes).float64 ==
                    987654321.0);
    }
    assert_int_equal(
        decode(plain(KIND_FLOAT64, ORDER_ABCD), "\x7F\xF8\x00\x00\x00\x00\x00\x00").quality,
        WEIR_R_ABSENT);
    assert_int_equal(
        decode(plain(KIND_FLOAT64, ORDER_ABCD), "\xFF\xF0\x00\x00\x00\x00\x00\x00").quality,
        WEIR_R_ABSENT);
}

static const char *shown(struct point point, const char *bytes)
{
    static char text[NUMBER_MAX + 1];
    struct weir_value value = decode(point, bytes);
    assert_int_equal(point_weir_type(&point), WEIR_FLOAT64);
    text[number_f64(value.float64, text)] = 0;
    return text;
}

static void as_the_device_shows(void **state)
{
    struct point p = plain(KIND_UINT16, ORDER_ABCD);
    p.scale = 0.1;
    assert_string_equal(shown(p, "\x08\xFD"), "230.1");
    p.scale = 0.01;
    assert_string_equal(shown(p, "\x59\xE4"), "230.12");
    p.scale = 0.001;
    assert_string_equal(shown(p, "\x00\x6C"), "0.108");
    p.scale = 0.25;
    assert_string_equal(shown(p, "\x00\x03"), "0.75");
    p = plain(KIND_INT16, ORDER_ABCD);
    p.scale = 0.001; /* a power factor of -0.998 */
    assert_string_equal(shown(p, "\xFC\x1A"), "-0.998");
    p.scale = 0.1;
    p.offset = -40;
    assert_string_equal(shown(p, "\x01\x51"), "-6.3");
    p = plain(KIND_INT32, ORDER_CDAB); /* low word first, tenths of a watt */
    p.scale = 0.1;
    assert_string_equal(shown(p, "\xC4\x7E\xFF\xFF"), "-1523.4");
    p = plain(KIND_INT32, ORDER_ABCD);
    p.scale = 0.01;
    assert_string_equal(shown(p, "\xFF\xFC\x2F\x70"), "-2500");
    p = plain(KIND_UINT64, ORDER_ABCD);
    p.scale = 0.01;
    assert_string_equal(shown(p, "\x00\x00\x00\x00\x00\xBC\x61\x4E"), "123456.78");
}

/* A float32 of 230.2 is a little less than 230.2: its own digits are scaled, not that little. */
static void scaled_floats(void **state)
{
    struct point p = plain(KIND_FLOAT32, ORDER_ABCD);
    p.scale = 0.001;
    assert_string_equal(shown(p, "\x43\x66\x33\x33"), "0.2302");
    assert_string_equal(shown(p, "\x46\x40\xE6\xB6"), "12.345678");
    p.scale = 1000;
    assert_string_equal(shown(p, "\x43\x66\x33\x33"), "230200");
    assert_string_equal(shown(p, "\x3F\x80\xA3\xD7"), "1005"); /* 1.005 */
    p.scale = 1;
    p.offset = -40;
    assert_string_equal(shown(p, "\x43\x66\x33\x33"), "190.2");
    p.offset = 0;
    p.scale = 0.1;
    assert_int_equal(decode(p, "\x7F\xC0\x00\x00").quality, WEIR_R_ABSENT);
    p.scale = 1e300; /* beyond the largest number */
    p.kind = KIND_FLOAT64;
    assert_int_equal(decode(p, "\x7F\xE0\x00\x00\x00\x00\x00\x00").quality, WEIR_R_ABSENT);
}

/* Every raw value of 16 bits with a decimal scale is the double nearest to the decimal. */
static void nearest(void **state)
{
    static const struct {
        double scale;
        int digits;
    } scales[] = { { 0.1, 1 }, { 0.01, 2 }, { 0.001, 3 }, { 0.0001, 4 }, { 0.5, 1 }, { 0.02, 2 } };
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        for (unsigned raw = 0; raw < 65536; raw++) {
            char bytes[2] = { (char)(raw >> 8), (char)raw }, text[40];
            struct point p = plain(KIND_UINT16, ORDER_ABCD);
            p.scale = scales[s].scale;
            snprintf(text, sizeof text, "%.*f", scales[s].digits, (double)raw * scales[s].scale);
            assert_true(decode(p, bytes).float64 == strtod(text, NULL));
        }
    }
}

static void bits_and_text(void **state)
{
    struct point p = plain(KIND_UINT16, ORDER_ABCD);
    p.bit = 9;
    assert_int_equal(point_weir_type(&p), WEIR_BOOL);
    assert_int_equal(decode(p, "\x02\x00").boolean, 1);
    assert_int_equal(decode(p, "\xFD\xFF").boolean, 0);
    p.order = ORDER_DCBA;
    assert_int_equal(decode(p, "\x00\x02").boolean, 1);
    p = plain(KIND_UINT16, ORDER_ABCD);
    p.mask = 0x00f0;
    assert_int_equal(decode(p, "\xAB\xCD").uint64, 0xC0);
    p = plain(KIND_UINT32, ORDER_CDAB);
    p.mask = 0x00ffffff;
    assert_int_equal(decode(p, "\x56\x78\x12\x34").uint64, 0x345678);
    p = plain(KIND_BOOL, ORDER_ABCD);
    assert_int_equal(decode(p, "\x00\x01").boolean, 1);
    assert_int_equal(decode(p, "\x00\x00").boolean, 0);
    p.mask = 0x0010;
    assert_int_equal(decode(p, "\x00\x10").boolean, 1);
    assert_int_equal(decode(p, "\xFF\xEF").boolean, 0);
    p.mask = 0;
    p.table = TABLE_COIL;
    assert_int_equal(decode(p, "\x01").boolean, 1);
    assert_int_equal(decode(p, "\x00").boolean, 0);
    p = plain(KIND_TEXT, ORDER_ABCD);
    p.length = 4;
    struct weir_value v = decode(p, "SOCO  \0\0");
    assert_int_equal(v.bytes.len, 4);
    assert_memory_equal(v.bytes.data, "SOCO", 4);
    p.order = ORDER_CDAB; /* has no meaning for text: registers stand in reading order */
    v = decode(p, "SOCOMEC7");
    assert_int_equal(v.bytes.len, 8);
    assert_memory_equal(v.bytes.data, "SOCOMEC7", 8);
    p.order = ORDER_BADC;
    v = decode(p, "OSOC\0\0\0\0");
    assert_memory_equal(v.bytes.data, "SOCO", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers), cmocka_unit_test(wide),
        cmocka_unit_test(doubles),  cmocka_unit_test(scaled_floats),
        cmocka_unit_test(floats),   cmocka_unit_test(as_the_device_shows),
        cmocka_unit_test(nearest),  cmocka_unit_test(bits_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
