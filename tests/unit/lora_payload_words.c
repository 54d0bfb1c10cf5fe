/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * text and JSON: with points and without, and packets that are none.
 */
#include "lora_payload_rig.h"

#include <stdio.h>
#include <string.h>

static struct payload_point scaled(double scale)
{
    struct payload_point point = rig_point(PAYLOAD_NUMBER);
    point.scale = scale;
    return point;
}

/* ---- text */

static void text(void **state)
{
    struct payload_options options = rig_options(PAYLOAD_TEXT);
    assert_string_equal(rig_words(options, NULL, 0, "t=21.5,h=54"), "t=21.5, h=54");
    assert_string_equal(
        rig_words(options, NULL, 0, " t = -0.5 ,, h=+54\t,mode=auto,e=1e3,d=.5\r\n"),
        "t=-0.5, h=54, mode=\"auto\", e=1000, d=0.5");
    assert_string_equal(
        rig_words(options, NULL, 0, "n=9007199254740993,m=18446744073709551615,x=1e999"),
        "n=9007199254740993, m=18446744073709551615, x=!range");
    assert_string_equal(rig_words(options, NULL, 0, "a=0x10,b=nan,c=1.5.2,d=1e,e=-,f=.,g="),
                        "a=\"0x10\", b=\"nan\", c=\"1.5.2\", d=\"1e\", e=\"-\", f=\".\", g=\"\"");
    assert_string_equal(rig_words(options, NULL, 0,
                                  "_Temp \xc2\xb0"
                                  "C=1,Temp___C=2,a/b=3,...=4"),
                        "Temp___C=1, Temp___C-2=2, a_b=3");
    assert_string_equal(rig_words(options, NULL, 0, "t=1,hello,h=2"),
                        "t=1 | is not of its kind: 0x68 at byte 4");
    assert_string_equal(rig_words(options, NULL, 0, "t=1,=2"),
                        "t=1 | is not of its kind: 0x3d at byte 4");
    assert_string_equal(rig_words(options, NULL, 0, ", ,"), "");
    assert_string_equal(rig_words(options, NULL, 0, "t-2=1,t=2,t=3"), "t-2=1, t=2, t-3=3");
    assert_string_equal(
        rig_words(options, NULL, 0, "n=-9223372036854775809,m=-9223372036854775808"),
        "n=-9.223372036854776e+18, m=-9223372036854775808");
    /* overlong, surrogate, beyond the last character, cut */
    assert_string_equal(rig_words(options, NULL, 0,
                                  "a=\xc1\x81,b=\xe0\x81\x81,c=\xed\xa0\x80,d=\xf4\x90\x80\x80,"
                                  "e=\xe2\x82,f=\xf0\x9f\x98\x80"),
                        "a=!decode, b=!decode, c=!decode, d=!decode, e=!decode, "
                        "f=\"\xf0\x9f\x98\x80\"");
    options.separator = ";|";
    options.assign = "";
    assert_string_equal(rig_words(options, NULL, 0, "21.5;x|;7"),
                        "field_1=21.5, field_2=\"x\", field_4=7");
    options.assign = ":";
    struct rig_named points[] = { { "inside", scaled(0.1) },
                                  { "count", rig_point(PAYLOAD_UINT8) },
                                  { "pump", rig_point(PAYLOAD_BOOL) },
                                  { "mode", rig_point(PAYLOAD_TEXTS) } };
    points[0].point.key = "t";
    assert_string_equal(rig_words(options, points, 4, "t:272;count:12;pump:on;mode:7;other:1"),
                        "inside=27.2, count=12, pump=true, mode=\"7\"");
    assert_string_equal(rig_words(options, points, 4, "t:x;count:256;pump:0;mode:\xff"),
                        "inside=!decode, count=!range, pump=false, mode=!decode");
    assert_string_equal(rig_words(options, points, 4, "count:-1;pump:off"),
                        "inside=!absent, count=!range, pump=false, mode=!absent");
    assert_string_equal(rig_words(options, points, 4, "count:2.5;pump:maybe"),
                        "inside=!absent, count=!range, pump=!decode, mode=!absent");
}

static void long_names(void **state)
{
    char packet[400];
    struct payload_options options = rig_options(PAYLOAD_TEXT);
    memset(packet, 'k', sizeof packet);
    memcpy(packet + 64, "=1,b=2", 7);
    assert_non_null(strstr(rig_words(options, NULL, 0, packet), "k=1, b=2"));
    memset(packet, 'k', sizeof packet);
    memcpy(packet + 65, "=1,b=2", 7);
    assert_string_equal(rig_words(options, NULL, 0, packet), "b=2");
    memset(packet, 'k', sizeof packet);
    memcpy(packet + 300, "=1,b=2", 7);
    assert_string_equal(rig_words(options, NULL, 0, packet), "b=2");
    for (size_t len = 254; len <= 257; len++) { /* around what a key may have */
        memset(packet, 'k', sizeof packet);
        memcpy(packet + len, "=1,b=2", 7);
        assert_string_equal(rig_words(options, NULL, 0, packet), "b=2");
    }
    /* twice, and no room for "-2" */
    memset(packet, 'k', sizeof packet);
    memcpy(packet + 63, "=1,", 3);
    memcpy(packet + 129, "=1,b=2", 7);
    assert_string_equal(strrchr(rig_words(options, NULL, 0, packet), ','), ", b=2");
}

/* ---- JSON */

static void json(void **state)
{
    struct payload_options options = rig_options(PAYLOAD_JSON);
    assert_string_equal(
        rig_words(options, NULL, 0,
                  "{\"t\":21,\"on\":true,\"off\":false,\"s\":\"\xc3\xa9\",\"n\":null,"
                  "\"a\":{\"b\":[1.5,{\"c\":-2}]},\"big\":9007199254740993}\r\n"),
        "t=21, on=true, off=false, s=\"\xc3\xa9\", a.b.0=1.5, a.b.1.c=-2, "
        "big=9007199254740993");
    assert_string_equal(rig_words(options, NULL, 0, "{\"temp out\":1,\"temp/out\":2}"),
                        "temp_out=1, temp_out-2=2");
    assert_string_equal(rig_words(options, NULL, 0, "{}"), "");
    struct rig_named points[] = { { "t", scaled(0.1) },
                                  { "count", rig_point(PAYLOAD_INT64) },
                                  { "door", rig_point(PAYLOAD_BOOL) },
                                  { "f", rig_point(PAYLOAD_FLOAT32) } };
    points[1].point.key = "a.0";
    assert_string_equal(
        rig_words(options, points, 4, "{\"t\":272,\"a\":[-9007199254740995],\"door\":1,\"f\":0.1}"),
        "t=27.2, count=-9007199254740995, door=true, f=0.1");
    assert_string_equal(
        rig_words(options, points, 4, "{\"t\":\"272\",\"a\":[\"12\"],\"door\":\"x\",\"f\":1e39}"),
        "t=27.2, count=12, door=!decode, f=!range");
    assert_string_equal(
        rig_words(options, points, 4, "{\"t\":null,\"a\":[1e3],\"door\":1.5,\"f\":[]}"),
        "t=!absent, count=1000, door=!decode, f=!absent");
    points[1].point.type = PAYLOAD_INT8;
    assert_string_equal(rig_words(options, points, 2, "{\"a\":[127]}"), "t=!absent, count=127");
    assert_string_equal(rig_words(options, points, 2, "{\"a\":[128]}"), "t=!absent, count=!range");
    assert_string_equal(rig_words(options, points, 2, "{\"a\":[-128]}"), "t=!absent, count=-128");
    assert_string_equal(rig_words(options, points, 2, "{\"a\":[-129]}"), "t=!absent, count=!range");
    assert_string_equal(rig_words(options, points, 4, "{\"t\":true,\"a\":[true]}"),
                        "t=0.1, count=1, door=!absent, f=!absent");
}

static void json_none(void **state)
{
    struct payload_options options = rig_options(PAYLOAD_JSON);
    assert_string_equal(rig_words(options, NULL, 0, "{\"t\":21,"),
                        " | ends in the middle of a value, at byte 8");
    assert_string_equal(rig_words(options, NULL, 0, "{\"t\":21,\"t\":22}"),
                        " | is not of its kind, at byte 11");
    assert_string_equal(rig_words(options, NULL, 0, "[1]"), " | is not of its kind, at byte 0");
    assert_string_equal(rig_words(options, NULL, 0, "{\"a\":1} x"),
                        " | is not of its kind, at byte 9");
    assert_string_equal(rig_words(options, NULL, 0, "{\"a\":\"\\u0000\"}"),
                        " | is not of its kind, at byte 13");
    assert_string_equal(
        rig_words(options, NULL, 0,
                  "{\"a\":1,\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{"
                  "\"b\":1}}}}}}}}}"),
        "a=1 | is not of its kind, at byte 0");
    char packet[PAYLOAD_BYTES_MAX];
    int len = snprintf(packet, sizeof packet, "{\"a\":[0");
    for (int i = 0; i < 64; i++) {
        len += snprintf(packet + len, sizeof packet - (size_t)len, ",%d", i);
    }
    snprintf(packet + len, sizeof packet - (size_t)len, "]}");
    assert_non_null(strstr(rig_words(options, NULL, 0, packet),
                           "a.63=62 | has more values than a packet may have"));
}

/* Around what a path may have; the value is left out, the others stay. */
static void json_paths(void **state)
{
    char packet[PAYLOAD_BYTES_MAX];
    struct payload_options options = rig_options(PAYLOAD_JSON);
    for (size_t size = 253; size <= 258; size++) {
        size_t len = (size_t)snprintf(packet, sizeof packet, "{\"b\":1,\"");
        memset(packet + len, 'k', size);
        len += size;
        snprintf(packet + len, sizeof packet - len, "\":{\"c\":1},\"d\":2}");
        assert_string_equal(rig_words(options, NULL, 0, packet), "b=1, d=2");
        snprintf(packet + len, sizeof packet - len, "\":1,\"d\":2}");
        assert_string_equal(rig_words(options, NULL, 0, packet), "b=1, d=2");
    }
}

/* A C string that is sent whole ends with a zero. */
static void with_zeros(void **state)
{
    struct payload_options options = rig_options(PAYLOAD_JSON);
    struct payload_plan *plan = rig_plan(&options, NULL, 0);
    assert_string_equal(rig_decode(plan, "{\"a\":1}\0\0", 9), "a=1");
    payload_plan_destroy(plan);
    options = rig_options(PAYLOAD_TEXT);
    plan = rig_plan(&options, NULL, 0);
    assert_string_equal(rig_decode(plan, "a=1\0", 4), "a=1");
    assert_string_equal(rig_decode(plan, "a=1\0,b=2", 8),
                        "a=\"1\", b=2"); /* printed up to the zero */
    assert_string_equal(rig_decode(plan, "a\0=1", 4), " | is not of its kind: 0x61 at byte 0");
    assert_string_equal(rig_decode(plan, "\0\0", 2), "");
    payload_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),      cmocka_unit_test(long_names), cmocka_unit_test(json),
        cmocka_unit_test(json_none), cmocka_unit_test(json_paths), cmocka_unit_test(with_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
