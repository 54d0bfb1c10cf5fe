/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Decatur SI-2, SI-3: the forms of a line, directions, answers that are no readings, questions.
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

static const char reading[] = "*+045.3,123\r\n";
static const char uncovered[] =
    "xxxxxxxxxxxxx"; /* a flipped end of the line too: LF ends it as well */

static void forms(void **state)
{
    MAKES("model = \"decatur-si3\";", "*+045.3,123\r\n",
          "\"direction\":\"approaching\",\"speed\":72.903,\"duration\":0");
    MAKES("model = \"decatur-si3\";", "-045\r",
          "\"direction\":\"departing\",\"speed\":72.42,\"duration\":0");
    MAKES("model = \"decatur-si3\"; raw_speed_unit = \"km/h\";", "?45\r",
          "\"direction\":null,\"speed\":45,\"duration\":0");
    MAKES("model = \"decatur-si3\"; raw_speed_unit = \"km/h\";", "123.4\r\n",
          "\"direction\":null,\"speed\":123.4,\"duration\":0");
}

static void none(void **state)
{
    static const char *const lines[] = { "OK\n\r",  "12OK3.4\r", "+000\r",         "+045.\r",
                                         "+1045\r", "+045.31\r", "*+045.3,\r",     "*+045.3,1234\r",
                                         "++45\r",  "+45 \r",    "S45\r",          "*\r",
                                         "+\r",     "+187\r",    "*+045.3,123,1\r" };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        makes("model = \"decatur-si3\";", lines[i], strlen(lines[i]), "");
    }
}

/* A line that was under way when the port was opened has lost hundreds, or all of the speed. */
static void under_way(void **state)
{
    struct counter c;
    counter_load(&c, "model = \"decatur-si3\";", "");
    c.rig = traffic_rig_open(&c.setup);
    traffic_rig_text(c.rig, "123\r\n");
    traffic_rig_until(c.rig, 5);
    assert_string_equal(traffic_rig_records(c.rig), "");
    assert_int_equal(traffic_rig_noise(c.rig), 5);
    counter_end(&c);
}

/* Asked four times a second; a radar that does not answer is told. */
static void polled(void **state)
{
    struct counter c;
    counter_begin(&c, "model = \"decatur-si3-polled\"; raw_speed_unit = \"km/h\";", "");
    assert_string_equal(traffic_rig_sent(c.rig),
                        "2a 50 0d\n2a 50 0d\n2a 50 0d\n2a 50 0d\n2a 50 0d\n");
    assert_int_equal(traffic_rig_answers(c.rig, WEIR_R_TIMEOUT), 4);
    traffic_rig_text(c.rig, "+050\r");
    assert_int_equal(traffic_rig_answers(c.rig, WEIR_R_OK), 1);
    traffic_rig_until(c.rig, 1.25);
    traffic_rig_text(c.rig, "*P\r+052\r"); /* its echo, on two wires */
    traffic_rig_until(c.rig, 1.5);
    traffic_rig_text(c.rig, "+000\r");
    assert_int_equal(traffic_rig_answers(c.rig, WEIR_R_OK), 3);
    traffic_rig_until(c.rig, 3);
    assert_string_equal(traffic_rig_records(c.rig),
                        "{\"time\":1,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"direction\":\"approaching\",\"speed\":52,\"duration\":0.25}}\n");
    counter_end(&c);
}

/* One reading whose every byte but the end no checksum covers: what comes is one vehicle at most,
 * within limits. */
static void mangled(void **state)
{
    struct counter c;
    counter_load(&c, "model = \"decatur-si3\";", "");
    c.setup.settle_s = 10;
    traffic_rig_mangle(&c.setup, open_a_while, reading, sizeof reading - 1, uncovered);
    traffic_rig_random(&c.setup, NULL, 12, 3000);
    counter_end(&c);
    for (size_t bit = 0; bit < (sizeof reading - 1) * 8; bit++) {
        char copy[sizeof reading];
        counter_begin(&c, "model = \"decatur-si3\";", "");
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
    counter_begin(&c, "model = \"decatur-si3\";", "");
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
    counter_begin(&c, "model = \"decatur-si3\";", "");
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(forms),     cmocka_unit_test(none),
                                        cmocka_unit_test(under_way), cmocka_unit_test(polled),
                                        cmocka_unit_test(mangled),   cmocka_unit_test(again),
                                        cmocka_unit_test(killed) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
