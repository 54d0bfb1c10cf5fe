/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Natch: the vector of its own page, repeats, gaps, and what is no passage.
 */
#include "cmocka_all.h"

#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup natch = { .family = "natch" };

#define FIRST                                                                                      \
    "{\"time\":2,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":3,\"duration\":0.323," \
    "\"headway\":4.638,\"device_count\":421,\"missed\":0,"                                         \
    "\"device_time\":\"2026-11-22T17:50:28.000Z\"}}\n"

static void vector(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_until(rig, 2);
    traffic_rig_text(rig, "ds,01a5,3,323,4638,17:50:28\n");
    assert_string_equal(traffic_rig_records(rig), FIRST);
    assert_string_equal(traffic_rig_sent(rig), "44 53 2c 30 31 61 35 0a\n"); /* DS,01a5 */
    traffic_rig_close(rig);
}

/* The device did not hear the acknowledgement: the passage comes again, and is acknowledged again.
 */
static void repeat(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_text(rig, "ds,ffff,3,323,4638,17:50:28\n");
    traffic_rig_records(rig);
    traffic_rig_sent(rig);
    traffic_rig_text(rig, "ds,ffff,3,323,4638,17:50:28\n");
    assert_string_equal(traffic_rig_records(rig), "");
    assert_string_equal(traffic_rig_sent(rig), "44 53 2c 66 66 66 66 0a\n");
    traffic_rig_text(rig, "ds,0000,3,,,\n"); /* once round */
    assert_string_equal(traffic_rig_records(rig),
                        "{\"time\":0,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{\"lane\":3,"
                        "\"duration\":null,\"headway\":null,\"device_count\":0,\"missed\":0,"
                        "\"device_time\":null}}\n");
    traffic_rig_text(rig, "ds,0005,3,,,\n");
    assert_int_equal(traffic_rig_missed(rig), 4);
    traffic_rig_close(rig);
}

static void pieces(void **state)
{
    static const char line[] = "ds,01a5,3,323,4638,17:50:28\r\n";
    struct traffic_rig *rig = traffic_rig_open(&natch);
    for (size_t i = 0; i < sizeof line - 1; i++) {
        traffic_rig_bytes(rig, line + i, 1);
        traffic_rig_until(rig, 0.001 * (double)(i + 1));
    }
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"time\":0,"));
    assert_non_null(strstr(records, "\"device_count\":421"));
    assert_null(strstr(strchr(records, '\n') + 1, "vehicle"));
    traffic_rig_close(rig);
}

static void refused(void **state)
{
    static const char *const lines[] = {
        "ds,01a5,32,323,4638,17:50:28\n", "ds,1a5,3,323,4638,17:50:28\n",
        "ds,01a5,3,323,4638\n",           "ds,01a5,3,323,4638,17:50:28,\n",
        "ds,01a5,3,-1,4638,17:50:28\n",   "ds,01a5,3,323,4638,24:50:28\n",
        "ds,01a5,3,323,4638,17.50:28\n",  "ds\n",
        "garbage without any comma\n",    "ds,01a5,,323,4638,17:50:28\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct traffic_rig *rig = traffic_rig_open(&natch);
        traffic_rig_text(rig, lines[i]);
        if (traffic_rig_records(rig)[0] || traffic_rig_sent(rig)[0]) {
            fail_msg("taken: %s", lines[i]);
        }
        traffic_rig_text(rig, "\nds,01a5,3,323,4638,17:50:28\n");
        assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":3"));
        traffic_rig_close(rig);
    }
}

/* Noise without an end does not fill memory, and the next line is taken. */
static void endless(void **state)
{
    char noise[3000];
    struct traffic_rig *rig = traffic_rig_open(&natch);
    memset(noise, 'x', sizeof noise);
    traffic_rig_bytes(rig, noise, sizeof noise);
    traffic_rig_text(rig, "\nds,01a5,3,323,4638,17:50:28\n");
    assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":3"));
    assert_true(traffic_rig_noise(rig) >= sizeof noise);
    traffic_rig_close(rig);
}

/* A process killed in mid-line, and one killed after it had the line: neither lost nor doubled. */
static void killed(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&natch);
    traffic_rig_text(rig, "ds,0001,3,,,\nds,00");
    traffic_rig_records(rig);
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_text(rig, "02,4,,,\n");
    assert_non_null(strstr(traffic_rig_records(rig), "\"lane\":4"));
    assert_int_equal(traffic_rig_missed(rig), 0);
    traffic_rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector),  cmocka_unit_test(repeat),  cmocka_unit_test(pieces),
        cmocka_unit_test(refused), cmocka_unit_test(endless), cmocka_unit_test(killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
