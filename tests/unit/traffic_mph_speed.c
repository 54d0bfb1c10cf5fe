/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * MPH speed packets, those of the DS4 too: the examples of the maker, what is no target, damage.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic_rig_counter.h"

static void open_a_while(struct traffic_rig *rig)
{
    traffic_rig_until(rig, 1);
}

static void makes(const char *bus, const char *bytes, size_t len, const char *values)
{
    struct counter c;
    char wanted[300];
    counter_begin(&c, bus, "");
    traffic_rig_bytes(c.rig, bytes, len);
    traffic_rig_until(c.rig, 10);
    snprintf(wanted, sizeof wanted,
             "{\"time\":1,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{%s}}\n", values);
    assert_string_equal(traffic_rig_records(c.rig), *values ? wanted : "");
    counter_end(&c);
}

#define MAKES(bus, bytes, values) makes(bus, bytes, sizeof bytes - 1, values)

static const char reading[] = "\x02\xF4\x32\x63\x4B\x01\x03";
/* Nothing covers the status but its top bit, and the speeds. */
static const char uncovered[] = ".xxxxx.";

static void vectors(void **state)
{
    MAKES("model = \"mph-speed\";", "\x02\xF4\x32\x63\x4B\x01\x03",
          "\"speed\":159.325,\"duration\":0"); /* 99 mph; the car's own 50, locked 75 */
    MAKES("model = \"mph-speed\"; raw_speed_unit = \"km/h\";", "\x02\xF4\x32\x63\x4B\x01\x03",
          "\"speed\":99,\"duration\":0");
    MAKES("model = \"mph-ds4\";", "\x02\x80\x01\x41\x01\x37\x03",
          "\"direction\":\"approaching\",\"speed\":104.607,\"duration\":0,\"range\":167.64");
}

/* Below 4, standby, self-test, interference, too fast, no packet. */
static void none(void **state)
{
    MAKES("model = \"mph-speed\";", "\x02\x84\x00\x03\x00\x00\x03", "");
    MAKES("model = \"mph-speed\";", "\x02\x80\x00\x41\x00\x00\x03", "");
    MAKES("model = \"mph-speed\";", "\x02\x8C\x00\x41\x00\x00\x03", "");
    MAKES("model = \"mph-speed\";", "\x02\x86\x00\x41\x00\x00\x03", "");
    MAKES("model = \"mph-speed\";", "\x02\x84\x00\xC0\x00\x00\x03", "");
    MAKES("model = \"mph-speed\";", "\x02\x04\x00\x41\x00\x00\x03", "");
    MAKES("model = \"mph-speed\";", "\x02\x84\x00\x41\x00\x00\x04", "");
    MAKES("model = \"mph-ds4\";", "\x02\xA0\x01\x41\x01\x37\x03", "");
    MAKES("model = \"mph-ds4\";", "\x02\x80\x01\x41\x01\x03\x03",
          "\"direction\":\"approaching\",\"speed\":104.607,\"duration\":0,\"range\":null");
}

/* A packet each 250 ms; a second without a target is the end of a vehicle. Begun in mid-packet:
 * half a packet does not outlive the pause. */
static void passages(void **state)
{
    static const uint8_t speeds[] = { 0, 40, 45, 47, 0, 0, 44, 0, 0, 0, 0, 30, 31, 0, 0, 0, 0, 0 };
    struct counter c;
    counter_begin(&c, "model = \"mph-speed\"; raw_speed_unit = \"km/h\";", "");
    traffic_rig_bytes(c.rig, "\x01\x02\x84\x03", 4);
    for (size_t i = 0; i < sizeof speeds; i++) {
        const uint8_t packet[] = { 2, 0x84, 0, speeds[i], 0, 0, 3 };
        traffic_rig_until(c.rig, 1.25 + 0.25 * (double)i);
        traffic_rig_bytes(c.rig, packet, sizeof packet);
    }
    assert_string_equal(traffic_rig_records(c.rig),
                        "{\"time\":1.5,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"speed\":47,\"duration\":1.25}}\n"
                        "{\"time\":4,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"speed\":31,\"duration\":0.25}}\n");
    assert_int_equal(traffic_rig_noise(c.rig), 4);
    counter_end(&c);
}

/* One reading whose every byte but the first and the last no checksum covers: what comes is one
 * vehicle at most, within limits. */
static void mangled(void **state)
{
    struct counter c;
    counter_load(&c, "model = \"mph-speed\";", "");
    c.setup.settle_s = 10;
    traffic_rig_mangle(&c.setup, open_a_while, reading, sizeof reading - 1, uncovered);
    traffic_rig_random(&c.setup, NULL, 11, 3000);
    counter_end(&c);
    for (size_t bit = 0; bit < (sizeof reading - 1) * 8; bit++) {
        char copy[sizeof reading];
        counter_begin(&c, "model = \"mph-speed\";", "");
        memcpy(copy, reading, sizeof copy);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        traffic_rig_bytes(c.rig, copy, sizeof reading - 1);
        traffic_rig_until(c.rig, 10);
        const char *records = traffic_rig_records(c.rig), *speed = strstr(records, "\"speed\":");
        if (speed) {
            double kmh = strtod(speed + 8, NULL);
            assert_true(kmh > 0 && kmh <= 300);
            assert_null(strstr(speed + 8, "\"speed\":"));
        }
        counter_end(&c);
    }
}

/* Rubbish, a pause, and a reading. */
static void again(void **state)
{
    struct counter c;
    char rubbish[2001];
    memset(rubbish, 0x02, sizeof rubbish);
    counter_begin(&c, "model = \"mph-speed\";", "");
    traffic_rig_bytes(c.rig, rubbish, sizeof rubbish);
    traffic_rig_until(c.rig, 4);
    traffic_rig_text(c.rig, "\r");
    traffic_rig_bytes(c.rig, reading, sizeof reading - 1);
    traffic_rig_until(c.rig, 10);
    assert_non_null(strstr(traffic_rig_records(c.rig), "\"speed\":159.325,"));
    assert_true(traffic_rig_noise(c.rig) >= sizeof rubbish - 6);
    counter_end(&c);
}

/* Killed in the middle of a passage and of a reading: one vehicle. */
static void killed(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"mph-speed\";", "");
    traffic_rig_bytes(c.rig, reading, sizeof reading - 1);
    traffic_rig_bytes(c.rig, reading, 3);
    traffic_rig_save(c.rig);
    traffic_rig_bytes(c.rig, reading + 3, 1);
    traffic_rig_restore(c.rig);
    traffic_rig_until(c.rig, 1.05);
    traffic_rig_bytes(c.rig, reading + 3, sizeof reading - 1 - 3);
    traffic_rig_until(c.rig, 10);
    const char *records = traffic_rig_records(c.rig),
               *speed = strstr(records, "\"speed\":159.325,");
    assert_non_null(speed);
    assert_null(strstr(speed + 1, "\"speed\":"));
    assert_int_equal(traffic_rig_noise(c.rig), 0);
    counter_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(vectors),  cmocka_unit_test(none),
                                        cmocka_unit_test(passages), cmocka_unit_test(mangled),
                                        cmocka_unit_test(again),    cmocka_unit_test(killed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
