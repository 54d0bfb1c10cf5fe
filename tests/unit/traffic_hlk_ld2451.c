/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * HLK-LD2451: reports to vehicles, pieces, a killed process, what is refused.
 */
#include "cmocka_all.h"

#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup radar = { .family = "hlk-ld2451" };

/* 20 m, 61 km/h; in BOTH also 40 m, 50 km/h, the other way */
#define NOTHING "f4 f3 f2 f1 00 00 f8 f7 f6 f5"
#define NEAR    "f4 f3 f2 f1 07 00 01 01 80 14 01 3d 1e f8 f7 f6 f5"
#define BOTH    "f4 f3 f2 f1 0c 00 02 01 80 12 01 3f 1e 85 28 00 32 14 f8 f7 f6 f5"

static void vehicles(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    traffic_rig_until(rig, 1);
    traffic_rig_hex(rig, NEAR);
    traffic_rig_until(rig, 1.1);
    traffic_rig_hex(rig, BOTH);
    traffic_rig_until(rig, 1.2);
    traffic_rig_hex(rig, NOTHING);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_until(rig, 4);
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "{\"time\":1,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                                    "\"direction\":\"approaching\",\"speed\":63,\"duration\":0.1,"
                                    "\"range\":20}}\n"));
    assert_non_null(strstr(records, "{\"time\":1.1,\"device\":\"a\",\"kind\":\"vehicle\","
                                    "\"values\":{\"direction\":\"departing\",\"speed\":50,"
                                    "\"duration\":0,\"range\":40}}\n"));
    traffic_rig_close(rig);
}

/* Heard late and all at once: the reports between two vehicles tell them apart. */
static void late(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    traffic_rig_hex(rig, NEAR);
    for (int i = 0; i < 9; i++) {
        traffic_rig_hex(rig, NOTHING);
    }
    traffic_rig_hex(rig, NEAR);
    assert_string_equal(traffic_rig_records(rig), "");
    for (int i = 0; i < 10; i++) {
        traffic_rig_hex(rig, NOTHING);
    }
    assert_non_null(strstr(traffic_rig_records(rig), "\"speed\":61,"));
    traffic_rig_hex(rig, NEAR);
    traffic_rig_until(rig, 3);
    assert_non_null(strstr(traffic_rig_records(rig), "\"speed\":61,"));
    traffic_rig_close(rig);
}

/* Killed in mid-message and in mid-passage: still one vehicle. */
static void killed(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&radar);
    traffic_rig_hex(rig, NEAR);
    traffic_rig_hex(rig, "f4 f3 f2 f1 07 00 01 01 80");
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_hex(rig, "13 01 40 1e f8 f7 f6 f5");
    traffic_rig_until(rig, 3);
    const char *records = traffic_rig_records(rig);
    assert_non_null(strstr(records, "\"speed\":64,"));
    assert_null(strstr(strchr(records, '\n') + 1, "vehicle"));
    traffic_rig_close(rig);
}

static void refused(void **state)
{
    static const char *const messages[] = {
        "f4 f3 f2 f1 07 00 02 01 80 14 01 3d 1e f8 f7 f6 f5", /* two targets in room for one */
        "f4 f3 f2 f1 07 00 01 01 80 14 02 3d 1e f8 f7 f6 f5", /* a third direction */
        "f4 f3 f2 f1 07 00 01 01 80 14 01 3d 1e f8 f7 f6 f4", /* no end */
        "f4 f3 f2 f1 01 00 01 f8 f7 f6 f5",
        "f4 f3 f2 f1 ff ff 01 01 80 14 01 3d 1e f8 f7 f6 f5",
    };
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        struct traffic_rig *rig = traffic_rig_open(&radar);
        traffic_rig_hex(rig, messages[i]);
        traffic_rig_until(rig, 5);
        assert_string_equal(traffic_rig_records(rig), "");
        assert_true(traffic_rig_noise(rig) > 0);
        traffic_rig_hex(rig, NEAR);
        traffic_rig_until(rig, 10);
        assert_non_null(strstr(traffic_rig_records(rig), "\"speed\":61,"));
        traffic_rig_close(rig);
    }
    traffic_rig_random(&radar, NULL, 7, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vehicles),
        cmocka_unit_test(late),
        cmocka_unit_test(killed),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
