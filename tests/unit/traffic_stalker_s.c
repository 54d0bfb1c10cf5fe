/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Stalker sensors, format S: targets, blanks, damage.
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

/* Type, peak 48.2 coming, live 45.3 coming, strength 87, ratio 120, status. */
static const char reading[] = "\x83"
                              "C 482C 453 87120@\r";
static const char uncovered[] = "xxxxxxxxxxxxxxxxxxx";

static void forms(void **state)
{
    MAKES("model = \"stalker-s\";",
          "\x83"
          "C 482C 453 87120@\r",
          "\"direction\":\"approaching\",\"speed\":72.903,\"duration\":0");
    MAKES("model = \"stalker-s\"; raw_speed_unit = \"km/h\";", "A1005A 45  87120@\r\n",
          "\"direction\":\"departing\",\"speed\":45,\"duration\":0"); /* whole numbers, no type */
    MAKES("model = \"stalker-s\"; raw_speed_unit = \"km/h\";", "SC 482A   5 87120@\r",
          "\"direction\":\"departing\",\"speed\":0.5,\"duration\":0");
}

static void none(void **state)
{
    MAKES("model = \"stalker-s\";", "SC         87120@\r", "");
    MAKES("model = \"stalker-s\";", "S               @\r", "");
    MAKES("model = \"stalker-s\";", "S                @\r", "");
    MAKES("model = \"stalker-s\";", "SC 482C    0 87120@\r", "");
    MAKES("model = \"stalker-s\";", "SC 482B 453 87120@\r", "");
    MAKES("model = \"stalker-s\";", "SC 482  453 87120@\r", "");
    MAKES("model = \"stalker-s\";", "SC 4 2C 453 87120@\r", "");
    MAKES("model = \"stalker-s\";", "SC 482C 453 8 120@\r", "");
    MAKES("model = \"stalker-s\";", "SC 482C1870 87120@\r", "");
    MAKES("model = \"stalker-s\";", "SSC 482C 453 87120@\r", "");
    MAKES("model = \"stalker-s\";", " 482C 453 87120@\r", "");
}

/* Two vehicles, one each way. */
static void passages(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"stalker-s\"; raw_speed_unit = \"km/h\";", "");
    traffic_rig_text(c.rig, "SC 482C 453 87120@\r");
    traffic_rig_until(c.rig, 1.5);
    traffic_rig_text(c.rig, "SC 482C 482 87120@\rSA 300A 300 87120@\r");
    traffic_rig_until(c.rig, 4);
    assert_string_equal(traffic_rig_records(c.rig),
                        "{\"time\":1,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"direction\":\"approaching\",\"speed\":48.2,\"duration\":0.5}}\n"
                        "{\"time\":1.5,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"direction\":\"departing\",\"speed\":30,\"duration\":0}}\n");
    assert_int_equal(traffic_rig_noise(c.rig), 0);
    counter_end(&c);
}

/* One reading whose every byte but the end no checksum covers: what comes is one vehicle at most,
 * within limits. */
static void mangled(void **state)
{
    struct counter c;
    counter_load(&c, "model = \"stalker-s\";", "");
    c.setup.settle_s = 10;
    traffic_rig_mangle(&c.setup, open_a_while, reading, sizeof reading - 1, uncovered);
    traffic_rig_random(&c.setup, NULL, 13, 3000);
    counter_end(&c);
    for (size_t bit = 0; bit < (sizeof reading - 1) * 8; bit++) {
        char copy[sizeof reading];
        counter_begin(&c, "model = \"stalker-s\";", "");
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
    memset(rubbish, 'x', sizeof rubbish);
    counter_begin(&c, "model = \"stalker-s\";", "");
    traffic_rig_bytes(c.rig, rubbish, sizeof rubbish);
    traffic_rig_until(c.rig, 4);
    traffic_rig_text(c.rig, "\r");
    traffic_rig_bytes(c.rig, reading, sizeof reading - 1);
    traffic_rig_until(c.rig, 10);
    assert_non_null(strstr(traffic_rig_records(c.rig), "\"speed\":72.903,"));
    assert_true(traffic_rig_noise(c.rig) >= sizeof rubbish - 6);
    counter_end(&c);
}

/* Killed in the middle of a passage and of a reading: one vehicle. */
static void killed(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"stalker-s\";", "");
    traffic_rig_bytes(c.rig, reading, sizeof reading - 1);
    traffic_rig_bytes(c.rig, reading, 3);
    traffic_rig_save(c.rig);
    traffic_rig_bytes(c.rig, reading + 3, 1);
    traffic_rig_restore(c.rig);
    traffic_rig_until(c.rig, 1.05);
    traffic_rig_bytes(c.rig, reading + 3, sizeof reading - 1 - 3);
    traffic_rig_until(c.rig, 10);
    const char *records = traffic_rig_records(c.rig), *speed = strstr(records, "\"speed\":72.903,");
    assert_non_null(speed);
    assert_null(strstr(speed + 1, "\"speed\":"));
    assert_int_equal(traffic_rig_noise(c.rig), 0);
    counter_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(forms),    cmocka_unit_test(none),
                                        cmocka_unit_test(passages), cmocka_unit_test(mangled),
                                        cmocka_unit_test(again),    cmocka_unit_test(killed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
