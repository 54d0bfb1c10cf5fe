/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Times as files have them, and local hours: summer time, odd offsets, dates against the C library.
 */
#include "cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "report/when.h"

static enum when_form read_text(const char *text, int64_t *ret)
{
    return when_read(text, strlen(text), ret);
}

static void test_forms(void **state)
{
    static const struct {
        const char *text;
        enum when_form form;
        int64_t seconds;
    } cases[] = {
        { "1970-01-01T00:00:00Z", WHEN_UTC, 0 },
        { "2026-11-22T12:00:00Z", WHEN_UTC, 1795348800 },
        { "2026-11-22t12:00:00.999z", WHEN_UTC, 1795348800 },
        { "2026-11-22 13:00:00.5+01:00", WHEN_UTC, 1795348800 },
        { "2026-11-22T08:30-0330", WHEN_UTC, 1795348800 },
        { "2026-11-22 12:00 Z", WHEN_UTC, 1795348800 },
        { "2000-02-29T23:59:60Z", WHEN_UTC, 951868799 },
        { "2026-11-22 12:00", WHEN_LOCAL, 1795348800 },
        { "2026-11-22T12:00:00", WHEN_LOCAL, 1795348800 },
        { "1795348800", WHEN_UTC, 1795348800 },
        { "1795348800.75", WHEN_UTC, 1795348800 },
        { "0", WHEN_UTC, 0 },
        { "-1", WHEN_UTC, -1 },
        { "-0.5", WHEN_UTC, -1 },
        { "-0.0", WHEN_UTC, 0 },
        { "99999999999", WHEN_UTC, INT64_C(99999999999) },
        { "100000000000", WHEN_LARGE, 0 },
        { "1795348800000", WHEN_LARGE, 0 },
        { "99999999999999999999999999", WHEN_LARGE, 0 },
        { "0001-01-01T00:00:00Z", WHEN_UTC, INT64_C(-62135596800) },
        { "9999-12-31T23:59:59Z", WHEN_UTC, INT64_C(253402300799) },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds = 0;

        if (read_text(cases[i].text, &seconds) != cases[i].form || seconds != cases[i].seconds) {
            fail_msg("%s: %lld", cases[i].text, (long long)seconds);
        }
    }
}

static void test_none(void **state)
{
    static const char *const cases[] = {
        "",
        "-",
        ".5",
        "1.",
        "12:00",
        "now",
        "1e9",
        " 1",
        "0x10",
        "2026-11-22",
        "2026-11-22T",
        "2026-11-22T12",
        "2026-11-22T12:0",
        "2026-11-22T12:00:",
        "2026-11-22T12:00:00.",
        "2026-11-22T12:00:00ZZ",
        "2026-11-22T12:00:00Z+01:00",
        "2026-11-22T12:00:00+",
        "2026-11-22T12:00:00+1",
        "2026-11-22T12:00:00+01:",
        "2026-11-22T12:00:00+24:00",
        "2026-11-22T12:00:00+01:60",
        "2026-11-22T12:00:00+01:00x",
        "2026-11-22_12:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T12:60:00Z",
        "2026-11-22T12:00:61Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-11-00T12:00:00Z",
        "2026-11-31T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "22/11/2026 12:00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds;

        if (read_text(cases[i], &seconds) != WHEN_BAD) {
            fail_msg("%s is taken for a time", cases[i]);
        }
    }
}

/* Every day of 500 years, against the C library. */
static void test_dates(void **state)
{
    (void)state;
    for (int64_t day = -100000; day < 100000; day++) {
        time_t seconds = (time_t)(day * 86400 + 43210);
        struct tm parts;
        char expected[64];
        char date[WHEN_DATE_SIZE];
        int64_t back;

        assert_non_null(gmtime_r(&seconds, &parts));
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &parts);
        assert_int_equal(read_text(expected, &back), WHEN_UTC);
        assert_int_equal(back, seconds);
        assert_int_equal(when_day(back), day);
        assert_int_equal(when_hour(back), 12);
        assert_int_equal(when_weekday(back), (parts.tm_wday + 6) % 7);
        expected[10] = '\0';
        assert_string_equal(when_date(day, date), expected);
    }
}

static void expect_hour(struct zone *zone, const char *time, unsigned hour, unsigned weekday)
{
    int64_t seconds;
    int64_t local;

    assert_int_equal(read_text(time, &seconds), WHEN_UTC);
    local = zone_local(zone, seconds);
    if (when_hour(local) != hour || when_weekday(local) != weekday) {
        fail_msg("%s is hour %u of day %u there", time, when_hour(local), when_weekday(local));
    }
}

static void test_fixed_offset(void **state)
{
    struct zone *zone;

    (void)state;
    assert_int_equal(zone_create("+05:30", &zone), 0);
    assert_string_equal(zone_name(zone), "+05:30");
    expect_hour(zone, "2026-11-22T18:29:59Z", 23, 6);
    expect_hour(zone, "2026-11-22T18:30:00Z", 0, 0);
    zone_destroy(zone);
    assert_int_equal(zone_create("-03:00", &zone), 0);
    expect_hour(zone, "2026-11-22T02:00:00Z", 23, 5);
    zone_destroy(zone);
}

static void test_unknown_zones(void **state)
{
    static const char *const cases[] = { "",       "Berlin",      "Europe/Atlantis", "Europe",
                                         "+25:00", "/etc/passwd", "../localtime",    "CET-1CEST" };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct zone *zone;

        assert_int_equal(zone_create(cases[i], &zone), -ENOENT);
    }
}

/* 2025-03-30 01:00Z clocks go forward, 2025-10-26 01:00Z back. */
static void test_summer_time(void **state)
{
    struct zone *zone;
    struct stat info;

    (void)state;
    if (stat("/usr/share/zoneinfo/Europe/Berlin", &info) < 0) {
        print_message("there is no tzdata here\n");
        skip();
    }
    assert_int_equal(zone_create("Europe/Berlin", &zone), 0);
    expect_hour(zone, "2025-03-30T00:59:59Z", 1, 6);
    expect_hour(zone, "2025-03-30T01:00:00Z", 3, 6);
    expect_hour(zone, "2025-10-26T00:00:00Z", 2, 6);
    expect_hour(zone, "2025-10-26T00:59:59Z", 2, 6);
    expect_hour(zone, "2025-10-26T01:00:00Z", 2, 6);
    expect_hour(zone, "2025-10-26T02:00:00Z", 3, 6);
    expect_hour(zone, "2025-07-01T22:00:00Z", 0, 2);
    zone_destroy(zone);
}

/* What is kept for six hours is what the C library says of each second. */
static void test_equals_the_library(void **state)
{
    static const char *const names[] = { "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu",
                                         "America/St_Johns", "Africa/Casablanca" };
    struct stat info;

    (void)state;
    if (stat("/usr/share/zoneinfo/Asia/Kathmandu", &info) < 0) {
        print_message("there is no tzdata here\n");
        skip();
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct zone *zone;

        assert_int_equal(zone_create(names[i], &zone), 0);
        for (int64_t s = -86400 * 365; s < INT64_C(86400) * 365 * 60; s += 10007) {
            time_t time = (time_t)s;
            struct tm parts;

            assert_non_null(localtime_r(&time, &parts));
            assert_int_equal(zone_local(zone, s) - s, parts.tm_gmtoff);
        }
        zone_destroy(zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_fixed_offset),
        cmocka_unit_test(test_unknown_zones),
        cmocka_unit_test(test_summer_time),
        cmocka_unit_test(test_equals_the_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
