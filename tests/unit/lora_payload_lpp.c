/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Cayenne LPP: vectors of the CayenneLPP library's own tests, every type, every cut, every flipped
 * bit.
 */
#include "lora_payload_rig.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *hex, *expected;
} vectors[] = {
    /* the radio's line +EVT:RXP2P:-37:12:03670110 */
    { "03 67 01 10", "temperature_3=27.2 Cel" },
    /* CayenneLPP, test/aunit */
    { "03 67 01 10 02 68 6C", "temperature_3=27.2 Cel, humidity_2=54 %" },
    { "05 67 FF D1", "temperature_5=-4.7 Cel" },
    { "06 71 04 D2 FB 2E 00 00",
      "accelerometer_6_x=1.234 [g], accelerometer_6_y=-1.234 [g], accelerometer_6_z=0 [g]" },
    { "03 74 57 B8", "voltage_3=224.56 V" },
    { "01 75 00 ED", "current_1=0.237 A" },
    { "01 76 33 BE 27 A0", "frequency_1=868100000 Hz" },
    { "05 79 FF EF", "altitude_5=-17 m" },
    { "05 7D 0F EF", "concentration_5=4079 [ppm]" },
    { "01 88 06 76 5E F2 96 0A 00 03 E8",
      "gps_1_latitude=42.3518 deg, gps_1_longitude=-87.9094 deg, gps_1_altitude=10 m" },
    { "01 80 FF FF", "power_1=65535 W" },
    { "01 64 00 00 03 E6", "generic_1=998" },
    /* by hand, from the table */
    { "01 00 01 02 01 FF", "digital_in_1=1, digital_out_2=255" },
    { "01 02 FF FF 02 03 04 D2", "analog_in_1=-0.01, analog_out_2=12.34" },
    { "00 65 FF FE", "luminosity_0=65534 lx" },
    { "09 66 00 0A 66 01", "presence_9=false, presence_10=true" },
    { "FF 68 01", "humidity_255=0.5 %" },
    { "01 73 27 94", "pressure_1=1013.2 hPa" },
    { "01 78 64", "percentage_1=100 %" },
    { "01 82 00 00 04 D2", "distance_1=1.234 m" },
    { "01 83 00 01 E2 40", "energy_1=123.456 kW.h" },
    { "01 84 01 67", "direction_1=359 deg" },
    { "01 85 6A 00 00 00", "unix_time_1=1778384896 s" },
    { "02 86 00 64 FF 9C 00 01",
      "gyrometer_2_x=1 deg/s, gyrometer_2_y=-1 deg/s, gyrometer_2_z=0.01 deg/s" },
    { "02 87 01 80 FF", "colour_2_red=1, colour_2_green=128, colour_2_blue=255" },
    { "07 8E 01", "switch_7=true" },
    { "01 F0 09 E3 01 02 03 04 05 06 1F 07 8E 00",
      "polyline_1=<09e30102030405061f>, switch_7=false" },
    /* one name twice */
    { "01 67 00 01 01 67 00 02 01 67 00 03",
      "temperature_1=0.1 Cel, temperature_1-2=0.2 Cel, temperature_1-3=0.3 Cel" },
};

static const char *lpp(const char *hex)
{
    return rig_by(rig_options(PAYLOAD_LPP), NULL, 0, hex);
}

static void good(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        assert_string_equal(lpp(vectors[i].hex), vectors[i].expected);
    }
}

static void bad(void **state)
{
    static const char cut[] = "ends in the middle of a value, at byte ";
    char expected[200];
    snprintf(expected, sizeof expected, " | %s3", cut);
    assert_string_equal(lpp("05 67 FF"), expected);
    snprintf(expected, sizeof expected, "temperature_3=27.2 Cel | %s5", cut);
    assert_string_equal(lpp("03 67 01 10 02"), expected);
    snprintf(expected, sizeof expected, "temperature_3=27.2 Cel | %s6", cut);
    assert_string_equal(lpp("03 67 01 10 02 68"), expected);
    snprintf(expected, sizeof expected, " | %s0", cut);
    assert_string_equal(lpp(""), expected);
    snprintf(expected, sizeof expected, " | %s10", cut); /* no half accelerometer */
    assert_string_equal(lpp("01 88 06 76 5E F2 96 0A 00 03"), expected);
    assert_string_equal(lpp("03 67 01 10 02 2A 6C"),
                        "temperature_3=27.2 Cel | has a type or id that nobody described: 0x2a at "
                        "byte 5");
    assert_string_equal(lpp("01 F0 07 E3 01 02 03 04 05"), " | is not of its kind: 0x07 at byte 2");
    snprintf(expected, sizeof expected, " | %s11", cut);
    assert_string_equal(lpp("01 F0 0A E3 01 02 03 04 05 06 1F"), expected);
    snprintf(expected, sizeof expected, " | %s2", cut);
    assert_string_equal(lpp("01 F0"), expected);
}

static void many(void **state)
{
    static struct payload_values values;
    uint8_t packet[66 * 3];
    struct payload_options options = rig_options(PAYLOAD_LPP);
    struct payload_plan *plan = rig_plan(&options, NULL, 0);
    for (size_t i = 0; i < 66; i++) {
        memcpy(packet + 3 * i, (uint8_t[]){ (uint8_t)i, 0, (uint8_t)i }, 3);
    }
    assert_int_equal(payload_decode(plan, packet, 64 * 3, &values), PAYLOAD_R_OK);
    assert_int_equal(values.count, 64);
    assert_int_equal(payload_decode(plan, packet, sizeof packet, &values), PAYLOAD_R_TOO_MANY);
    assert_int_equal(values.count, 64);
    assert_int_equal(values.values[63].uint64, 63);
    /* all of one name */
    for (size_t i = 0; i < 64; i++) {
        packet[3 * i] = 7;
    }
    assert_int_equal(payload_decode(plan, packet, 64 * 3, &values), PAYLOAD_R_OK);
    assert_string_equal(values.points[63].name, "digital_in_7-64");
    payload_plan_destroy(plan);
}

/* Points choose, rename and scale; the shape stays the same whatever is in the packet. */
static void chosen(void **state)
{
    struct payload_options options = rig_options(PAYLOAD_LPP);
    struct rig_named points[] = { { "outside", rig_point(PAYLOAD_NUMBER) },
                                  { "humidity_2", rig_point(PAYLOAD_UINT8) },
                                  { "tilt", rig_point(PAYLOAD_NUMBER) },
                                  { "lid", rig_point(PAYLOAD_BOOL) } };
    points[0].point.key = "temperature_3";
    points[2].point.key = "accelerometer_6_z";
    points[2].point.scale = 1000;
    points[3].point.key = "digital_in_1";
    struct payload_plan *plan = rig_plan(&options, points, 4);
    assert_string_equal(rig_decode(plan, "\x03\x67\x01\x10\x02\x68\x6c", 7),
                        "outside=27.2 Cel, humidity_2=54 %, tilt=!absent, lid=!absent");
    assert_string_equal(rig_decode(plan, "\x06\x71\x04\xd2\xfb\x2e\x00\x11\x01\x00\x01", 11),
                        "outside=!absent Cel, humidity_2=!absent %, tilt=17, lid=true");
    /* half a percent is no whole number; an error says why the rest is missing */
    assert_string_equal(rig_decode(plan, "\x02\x68\x6d\x02\x2a", 5),
                        "outside=!decode Cel, humidity_2=!range %, tilt=!decode, lid=!decode | has "
                        "a type or id that nobody described: 0x2a at byte 4");
    assert_string_equal(rig_decode(plan, "\x02\x68\x6c\x02", 4),
                        "outside=!frame Cel, humidity_2=54 %, tilt=!frame, lid=!frame | ends in "
                        "the middle of a value, at byte 4");
    const struct weir_point *fixed;
    assert_int_equal(payload_points(plan, &fixed), 4);
    assert_int_equal(fixed[0].type, WEIR_FLOAT64);
    assert_int_equal(fixed[1].type, WEIR_UINT64);
    assert_int_equal(fixed[3].type, WEIR_BOOL);
    payload_plan_destroy(plan);
}

/* Every cut and every flipped bit of every vector: no crash, no reading outside (the rig's copy is
 * just as long), and what is still good before the cut stays. */
static void damaged(void **state)
{
    uint8_t packet[64];
    struct payload_options options = rig_options(PAYLOAD_LPP);
    struct payload_plan *plan = rig_plan(&options, NULL, 0);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t len = rig_hex(vectors[i].hex, packet, sizeof packet);
        bool truth = strstr(vectors[i].expected, "=true"); /* 3 is as true as 1 */
        for (size_t cut = 0; cut < len; cut++) {
            const char *text = rig_decode(plan, packet, cut), *bar = strstr(text, " | ");
            size_t same = bar ? (size_t)(bar - text) : strlen(text);
            assert_true(bar || same < strlen(vectors[i].expected));
            assert_memory_equal(text, vectors[i].expected, same);
        }
        for (size_t bit = 0; bit < 8 * len; bit++) {
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
            const char *text = rig_decode(plan, packet, len);
            assert_true(truth || strcmp(text, vectors[i].expected) != 0);
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    payload_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),   cmocka_unit_test(bad),     cmocka_unit_test(many),
        cmocka_unit_test(chosen), cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
