/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * OPS24x: speeds that belong together are one vehicle, objects and counts, units, and what is none.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup ops = { .family = "omnipresense-ops24x" };

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what)) {
        n++;
    }
    return n;
}

/* Two cars, one after the other, and one the other way: three vehicles, each with its highest
 * speed. */
static void speeds(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&ops);
    traffic_rig_until(rig, 1);
    traffic_rig_text(rig, "10.0\r\n");
    traffic_rig_until(rig, 1.5);
    traffic_rig_text(rig, "12.5\r\n");
    traffic_rig_until(rig, 2);
    traffic_rig_text(rig, "11.0\r\n-8.0\r\n");
    const char *first = traffic_rig_records(rig);
    assert_string_equal(first, "{\"time\":1,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                               "\"direction\":\"approaching\",\"speed\":45,\"length\":null,"
                               "\"duration\":1}}\n");
    traffic_rig_until(rig, 3.2);
    const char *second = traffic_rig_records(rig);
    assert_non_null(strstr(second, "\"direction\":\"departing\",\"speed\":28.8"));
    traffic_rig_text(rig, "\"137.429,3.6\"\r\n{\"speed\":4.0,\"direction\":\"inbound\"}\r\n");
    traffic_rig_until(rig, 5);
    assert_string_equal(traffic_rig_records(rig),
                        "{\"time\":3.2,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"direction\":\"approaching\",\"speed\":14.4,\"length\":null,"
                        "\"duration\":0}}\n");
    assert_int_equal(traffic_rig_noise(rig), 0);
    traffic_rig_close(rig);
}

static void objects(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&ops);
    traffic_rig_text(rig,
                     "{\"start_time\":1.0,\"end_time\":2.2,\"delta_time_msec\":1200,\"direction\":"
                     "\"outbound\",\"frames_count\":20,\"velocity_max\":-50.5,\"velocity_min\":48,"
                     "\"magnitude_max\":900,\"units\":\"kmph\",\"object_length\":4.5}\n");
    assert_string_equal(traffic_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"direction\":\"departing\",\"speed\":50.5,\"length\":4.5,"
                        "\"duration\":1.2}}\n");
    traffic_rig_text(rig, "{\"time\":\"305\",\"direction\":\"inbound\",\"units\":\"mph\","
                          "\"count\":12,\"average\":30}\n");
    assert_string_equal(traffic_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"kind\":\"interval\",\"values\":{"
                        "\"direction\":\"approaching\",\"vehicle_count\":12,"
                        "\"speed_mean\":48.28}}\n");
    traffic_rig_text(rig, "{\"DetectedObjectCount\":3}\n{\"Clock\":\"50\"}\n");
    assert_int_equal(traffic_rig_strays(rig, WEIR_R_FOREIGN), 2);
    traffic_rig_close(rig);
}

static void refused(void **state)
{
    static const char *const lines[] = { "nonsense\n",
                                         "12.5.1\n",
                                         "{\"speed\":\n",
                                         "{\"speed\":\"fast\"}\n",
                                         "{\"velocity_max\":1e300}\n",
                                         "{\"count\":-1,\"average\":3}\n",
                                         "{\"count\":1.5,\"average\":3}\n",
                                         "[1,2]\n",
                                         "500\n",
                                         "1,2,3\n",
                                         "0.0\n",
                                         "{\"speed\":1,\"speed\":2}\n" };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct traffic_rig *rig = traffic_rig_open(&ops);
        traffic_rig_text(rig, lines[i]);
        traffic_rig_until(rig, 5);
        if (traffic_rig_records(rig)[0]) {
            fail_msg("taken: %s", lines[i]);
        }
        traffic_rig_close(rig);
    }
}

/* A passage that is going on outlives the process. */
static void killed(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&ops);
    traffic_rig_text(rig, "0.0\n"); /* under way when the port was opened */
    assert_int_equal(traffic_rig_noise(rig), 4);
    traffic_rig_text(rig, "10.0\n");
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_until(rig, 3);
    assert_int_equal(count(traffic_rig_records(rig), "vehicle"), 1);
    traffic_rig_close(rig);
}

/* Every cut of every line, and every bit of it turned over: whatever comes is one vehicle at most,
 * within limits. There is no checksum: a digit that became another digit is taken. */
static void damaged(void **state)
{
    static const char line[] = "\n{\"speed\":12.5,\"direction\":\"inbound\",\"time\":105}\n";
    for (size_t bit = 0; bit < (sizeof line - 1) * 8; bit++) {
        char copy[sizeof line];
        struct traffic_rig *rig = traffic_rig_open(&ops);
        memcpy(copy, line, sizeof line);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        traffic_rig_bytes(rig, copy, sizeof line - 1);
        traffic_rig_until(rig, 5);
        const char *records = traffic_rig_records(rig), *speed = strstr(records, "\"speed\":");
        assert_true(count(records, "vehicle") <= 1);
        double kmh = speed ? strtod(speed + 8, NULL) : 1;
        assert_true(kmh > 0 && kmh <= 300);
        traffic_rig_close(rig);
    }
    for (size_t len = 0; len < sizeof line - 1; len++) {
        struct traffic_rig *rig = traffic_rig_open(&ops);
        traffic_rig_bytes(rig, line, len);
        traffic_rig_until(rig, 5);
        assert_string_equal(traffic_rig_records(rig), "");
        traffic_rig_close(rig);
    }
}

static void noise(void **state)
{
    uint8_t bytes[512];
    uint32_t x = 20261123;
    struct traffic_rig *rig = traffic_rig_open(&ops);
    for (int round = 0; round < 400; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            x = x * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(x >> 24);
        }
        traffic_rig_bytes(rig, bytes, sizeof bytes);
    }
    traffic_rig_records(rig);
    traffic_rig_text(rig, "\n10.0\n");
    traffic_rig_until(rig, 5);
    assert_non_null(strstr(traffic_rig_records(rig), "\"speed\":36"));
    traffic_rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speeds), cmocka_unit_test(objects), cmocka_unit_test(refused),
        cmocka_unit_test(killed), cmocka_unit_test(damaged), cmocka_unit_test(noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
