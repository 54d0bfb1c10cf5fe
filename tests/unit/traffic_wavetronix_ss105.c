/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * SmartSensor 105: vectors, intervals fetched by age while ages move, the clock, hits.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "traffic_rig.h"

static const struct traffic_rig_setup one = { .family = "wavetronix-ss105" };

/* Our clock says 2026-11-22T12:00:00Z, 0x3296FB40 seconds after 2000. */
enum { NOW_2000 = 1795348800 - 946684800 };

static void answer(struct traffic_rig *rig, const char *command, const char *data)
{
    char line[400];
    snprintf(line, sizeof line, "Z00001%s%s~\r", command, data);
    traffic_rig_text(rig, line);
}

static void clock_right(struct traffic_rig *rig)
{
    char data[16];
    snprintf(data, sizeof data, "%08X", NOW_2000);
    answer(rig, "SB", data);
    traffic_rig_sent(rig);
}

static void interval(struct traffic_rig *rig, unsigned end, unsigned count)
{
    char data[128];
    unsigned sum = 0;
    snprintf(data, sizeof data, "%08X1%08X00370067000A03E8000E", end, count);
    for (size_t i = 0; data[i]; i++) {
        sum += (unsigned char)data[i];
    }
    snprintf(data + strlen(data), 8, "%04X", sum & 0xFFFF);
    answer(rig, "XD", data);
}

static void vectors(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    assert_string_equal(traffic_rig_sent(rig), "5a 30 30 30 30 31 53 42 0d\n"); /* Z00001SB */
    clock_right(rig);
    traffic_rig_text(rig, "Z00001XD0D2C3A4010000000C00370067000A03E8000E07A2~\r");
    assert_string_equal(
        traffic_rig_records(rig),
        "{\"time\":0,\"device\":\"a\",\"kind\":\"interval\",\"values\":{\"lane\":1,\"period\":null,"
        "\"vehicle_count\":12,\"speed_mean\":88.514,\"occupancy\":10.059,"
        "\"device_time\":\"2007-01-01T21:31:44.000Z\",\"again\":false,\"vehicle_count_motorcycle\":"
        "0,"
        "\"vehicle_count_small\":0,\"vehicle_count_medium\":12,\"vehicle_count_large\":0}}\n");
    traffic_rig_close(rig);
}

static void asked_newest(struct traffic_rig *rig)
{
    clock_right(rig);
    interval(rig, 1000, 1);
    traffic_rig_until(rig, 10);
    interval(rig, 1060, 2); /* a minute */
    traffic_rig_records(rig);
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 20);
}

static void same_again(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked_newest(rig);
    interval(rig, 1060, 2);
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_until(rig, 30);
    interval(rig, 1120, 3);
    assert_non_null(strstr(traffic_rig_records(rig), "\"period\":60,\"vehicle_count\":3,"));
    traffic_rig_close(rig);
}

/* How long an interval is, the one before the newest says: an outage right after the start. */
static void period_asked(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    clock_right(rig);
    interval(rig, 1060, 2);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":2,"));
    assert_non_null(strstr(traffic_rig_sent(rig), "58 44 30 30 30 31 0d")); /* XD0001 */
    interval(rig, 1000, 1);
    assert_string_equal(traffic_rig_records(rig), "");
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_until(rig, 10);
    interval(rig, 1180, 4);
    assert_string_equal(traffic_rig_records(rig), "");
    interval(rig, 1120, 3);
    assert_non_null(strstr(traffic_rig_records(rig), "\"period\":60,\"vehicle_count\":3,"));
    traffic_rig_close(rig);
}

/* An answer to an earlier question, of an older interval: not told (again); the right one is. */
static void late_answer(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked_newest(rig);
    interval(rig, 1000, 1);
    assert_string_equal(traffic_rig_records(rig), "");
    interval(rig, 1120, 3);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":3,"));
    traffic_rig_until(rig, 30);
    interval(rig, 1300, 6);
    interval(rig, 1120, 3); /* asked is 1180 */
    assert_string_equal(traffic_rig_records(rig), "");
    interval(rig, 1180, 4);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":4,"));
    traffic_rig_close(rig);
}

/* Its clock was set back by a day: believed when it says so three times. */
static void set_back(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked_newest(rig);
    for (unsigned i = 0; i < 2; i++) {
        interval(rig, 500 + 60 * i, 9);
        assert_string_equal(traffic_rig_records(rig), "");
        traffic_rig_until(rig, 30 + 10 * i);
    }
    interval(rig, 620, 9);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":9,"));
    traffic_rig_until(rig, 60);
    interval(rig, 680, 8);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":8,"));
    traffic_rig_close(rig);
}

/* Three have ended; while they are fetched a fourth does, and the ages move. One is gone. */
static void outage(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    asked_newest(rig);
    traffic_rig_sent(rig);
    interval(rig, 1300, 6);
    assert_string_equal(traffic_rig_records(rig), "");
    assert_non_null(strstr(traffic_rig_sent(rig), "58 44 30 30 30 33 0d")); /* XD0003: 1120 */
    interval(rig, 1180, 4);                                                 /* moved */
    assert_string_equal(traffic_rig_records(rig), "");
    assert_non_null(strstr(traffic_rig_sent(rig), "58 44 30 30 30 34 0d"));
    interval(rig, 1120, 3);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":3,"));
    interval(rig, 1180, 4);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":4,"));
    traffic_rig_sent(rig);
    answer(rig, "XD", "Empty"); /* 1240 */
    interval(rig, 1300, 6);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":6,"));
    interval(rig, 1360, 7);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":7,"));
    traffic_rig_sent(rig);
    traffic_rig_until(rig, 29);
    assert_string_equal(traffic_rig_sent(rig), "");
    traffic_rig_close(rig);
}

/* The state is lost with the power: the intervals since are fetched; those that may have been
 * delivered before say so, and only those. */
static void power_cut(void **state)
{
    for (int exact = 0; exact < 2; exact++) {
        struct traffic_rig *rig = traffic_rig_open(&one);
        asked_newest(rig);
        traffic_rig_resume(rig, exact);
        clock_right(rig); /* 20 s behind by now */
        answer(rig, "S4", "Success");
        traffic_rig_sent(rig);
        interval(rig, 1180, 4);
        assert_string_equal(traffic_rig_records(rig), "");
        assert_non_null(strstr(traffic_rig_sent(rig), "58 44 30 30 30 31 0d")); /* XD0001 */
        interval(rig, 1120, 3);
        const char *again = exact ? "\"again\":false" : "\"again\":true";
        const char *records = traffic_rig_records(rig);
        assert_non_null(strstr(records, "\"period\":60,\"vehicle_count\":3,"));
        assert_non_null(strstr(records, again));
        interval(rig, 1180, 4);
        assert_non_null(strstr(traffic_rig_records(rig), again));
        traffic_rig_until(rig, 30);
        interval(rig, 1240, 5);
        records = traffic_rig_records(rig);
        assert_non_null(strstr(records, "\"vehicle_count\":5,"));
        assert_non_null(strstr(records, "\"again\":false"));
        traffic_rig_close(rig);
    }
}

/* Before an interval has been told, or while the period is not known, there is nothing to go on
 * from. */
static void nothing_to_go_on_from(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    clock_right(rig);
    interval(rig, 1060, 2);
    traffic_rig_records(rig);
    traffic_rig_resume(rig, true);
    clock_right(rig);
    interval(rig, 1240, 5);
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":5,"));
    traffic_rig_close(rig);
}

static void clock_set(void **state)
{
    char wrong[16], set[64] = "";
    struct traffic_rig *rig = traffic_rig_open(&one);
    traffic_rig_sent(rig);
    snprintf(wrong, sizeof wrong, "%08X", NOW_2000 - 60);
    answer(rig, "SB", wrong);
    snprintf(wrong, sizeof wrong, "%08X", NOW_2000);
    for (size_t i = 0; i < 8; i++) {
        snprintf(set + strlen(set), 4, " %02x", (unsigned char)wrong[i]);
    }
    const char *sent = traffic_rig_sent(rig);
    assert_non_null(strstr(sent, "53 34"));
    assert_non_null(strstr(sent, set));
    answer(rig, "S4", "Success");
    assert_non_null(strstr(traffic_rig_sent(rig), "58 44 0d"));
    answer(rig, "XD", "Empty");
    assert_string_equal(traffic_rig_records(rig), "");
    traffic_rig_close(rig);
}

static void killed(void **state)
{
    struct traffic_rig *rig = traffic_rig_open(&one);
    clock_right(rig);
    traffic_rig_text(rig, "Z00001XD0D2C3A401000000");
    traffic_rig_save(rig);
    traffic_rig_restore(rig);
    traffic_rig_text(rig, "0C00370067000A03E8000E07A2~\r");
    assert_non_null(strstr(traffic_rig_records(rig), "\"vehicle_count\":12,"));
    traffic_rig_close(rig);
}

static void hits(void **state)
{
    static const char line[] = "Z00001XD0D2C3A4010000000C00370067000A03E8000E07A2~\r";
    traffic_rig_mangle(&one, clock_right, line, sizeof line - 1, NULL);
    traffic_rig_random(&one, clock_right, 4, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(same_again),
        cmocka_unit_test(outage),
        cmocka_unit_test(late_answer),
        cmocka_unit_test(set_back),
        cmocka_unit_test(period_asked),
        cmocka_unit_test(clock_set),
        cmocka_unit_test(killed),
        cmocka_unit_test(hits),
        cmocka_unit_test(power_cut),
        cmocka_unit_test(nothing_to_go_on_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
