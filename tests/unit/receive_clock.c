/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Times that are not trusted: reading and writing times, repairing them, and waiting for it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receive/clocks.h"
#include "receive/decode.h"
#include "receive/utc.h"
#include "receive/waiting.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOON_US      1795348800000000 /* 2026-11-22T12:00:00Z */

/* ---- times ---- */

static void test_reading_times(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } cases[] = {
        { "2026-11-22T12:00:00.123Z", NOON_US + 123000 },
        { "2026-11-22T12:00:00Z", NOON_US },
        { "2026-11-22T12:00:00.1234567Z", NOON_US + 123456 },
        { "1970-01-01T00:00:00.001Z", 1000 },
        { "2024-02-29T00:00:00Z", 1709164800000000 },
        { "2016-12-31T23:59:60Z", 1483228800000000 }, /* a leap second */
        { "2026-02-29T00:00:00Z", -1 },
        { "2026-13-01T00:00:00Z", -1 },
        { "2026-00-01T00:00:00Z", -1 },
        { "2026-11-22T24:00:00Z", -1 },
        { "2026-11-22T12:60:00Z", -1 },
        { "2026-11-22T12:00:61Z", -1 },
        { "2026-11-22T12:00:00.Z", -1 },
        { "2026-11-22T12:00:00", -1 },
        { "2026-11-22T12:00:00+01:00", -1 },
        { "2026-11-22 12:00:00Z", -1 },
        { "2026-11-22T12:00:00Zulu", -1 },
        { "2026-11-22", -1 },
        { "", -1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t us = -1;

        print_message("%s\n", cases[i].text);
        assert_int_equal(utc_read(cases[i].text, &us), cases[i].us != -1);
        assert_int_equal(us, cases[i].us);
    }
}

static void test_writing_times(void **state)
{
    static const struct {
        int64_t us;
        const char *text; /* NULL: refused */
    } cases[] = {
        { NOON_US + 123000, "2026-11-22T12:00:00.123Z" },
        { NOON_US + 123499, "2026-11-22T12:00:00.123Z" },
        { NOON_US + 123500, "2026-11-22T12:00:00.124Z" },
        { NOON_US + 999500, "2026-11-22T12:00:01.000Z" },
        { 0, "1970-01-01T00:00:00.000Z" },
        { -1000, "1969-12-31T23:59:59.999Z" },
        { -1000000, "1969-12-31T23:59:59.000Z" },
        { (int64_t)260000000000 * 1000000, NULL }, /* the year 10,000 */
        { (int64_t)-100000000000 * 1000000, NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[UTC_SIZE];

        assert_int_equal(utc_write(cases[i].us, text), cases[i].text != NULL);
        if (cases[i].text != NULL) {
            assert_string_equal(text, cases[i].text);
        }
    }
}

static void test_what_was_said_of_clocks(void **state)
{
    struct clocks clocks = { 0 };
    int64_t offset = 0;

    (void)state;
    assert_int_equal(clocks_note(&clocks, "g", "b", 7, 1), 0);
    assert_int_equal(clocks_note(&clocks, "g", "", 8, 2), 0);
    assert_false(clocks_find(&clocks, "g", "c", 7, &offset));
    assert_false(clocks_find(&clocks, "h", "b", 7, &offset));
    assert_true(clocks_find(&clocks, "g", "b", 7, &offset));
    assert_int_equal(offset, 1);
    assert_true(clocks_find(&clocks, "g", "any", 8, &offset)); /* the event named no bus */
    assert_int_equal(offset, 2);
    assert_int_equal(clocks_note(&clocks, "g", "b", 7, 3), 0);
    assert_true(clocks_find(&clocks, "g", "b", 7, &offset));
    assert_int_equal(offset, 3);
    for (uint64_t i = 100; i < 100 + CLOCKS_MAX; i++) {
        assert_int_equal(clocks_note(&clocks, "g", "b", i, 1), 0);
    }
    assert_int_equal(clocks.count, CLOCKS_MAX);
    assert_false(clocks_find(&clocks, "g", "b", 7, &offset));
    clocks_finish(&clocks);
}

/* ---- waiting ---- */

struct seen {
    char text[400]; /* "7.1 7.2w ": w if it was written */
    size_t count;
};

static int see(void *context, const struct item *item, bool written)
{
    struct seen *seen = context;
    size_t used = strlen(seen->text);

    seen->count++;
    snprintf(seen->text + used, sizeof(seen->text) - used, "%llu.%llu%s ",
             (unsigned long long)item->record->epoch, (unsigned long long)item->record->seq,
             written ? "w" : "");
    assert_string_equal(item->topic, "t");
    assert_int_equal(item->at_ms, 5);
    return 0;
}

static bool add(struct waiting *waiting, uint64_t epoch, uint64_t seq, bool written, int64_t due_ms,
                struct seen *seen)
{
    json_t *object = json_pack("{ss ss sI sI ss sf s{sf}}", "gateway", "g", "bus", "b", "epoch",
                               (json_int_t)epoch, "seq", (json_int_t)seq, "clock", "unsynced",
                               "uptime", 12.5, "values", "v", 230.1);
    struct record record = { 0 };
    struct decode_error error;
    struct item item = { .topic = "t", .object = object, .record = &record, .at_ms = 5 };
    bool is_new = false;

    assert_int_equal(decode_record(object, &record, &error), 1);
    assert_int_equal(waiting_add(waiting, &item, written, due_ms, see, seen, &is_new), 0);
    record_finish(&record);
    json_decref(object);
    return is_new;
}

static void test_waiting(void **state)
{
    struct waiting *waiting = waiting_create(WAITING_BYTES_MAX);
    struct record third = { .gateway = "g", .bus = "b", .epoch = 7, .seq = 3 };
    struct seen seen = { "", 0 };

    (void)state;
    assert_true(add(waiting, 7, 2, false, 100, &seen));
    assert_true(add(waiting, 7, 3, false, 110, &seen));
    assert_true(add(waiting, 7, 1, true, 0, &seen));
    assert_true(add(waiting, 8, 1, false, 120, &seen));
    assert_false(add(waiting, 7, 2, false, 100, &seen)); /* a repeat */
    assert_int_equal(waiting_held(waiting), 3);
    assert_int_equal(waiting_due(waiting, 99, see, &seen), 0);
    assert_string_equal(seen.text, "");
    assert_int_equal(waiting_due(waiting, 100, see, &seen), 0);
    assert_string_equal(seen.text, "7.2 ");
    assert_int_equal(waiting_held(waiting), 2);
    waiting_drop(waiting, &third);
    waiting_drop(waiting, &third);
    assert_int_equal(waiting_held(waiting), 1);
    seen = (struct seen){ "", 0 };
    assert_int_equal(waiting_release(waiting, "g", "c", 7, see, &seen), 0);
    assert_int_equal(waiting_release(waiting, "h", NULL, 7, see, &seen), 0);
    assert_int_equal(seen.count, 0);
    assert_int_equal(waiting_release(waiting, "g", "b", 7, see, &seen), 0);
    assert_string_equal(seen.text, "7.1w 7.2w ");
    assert_int_equal(waiting_release(waiting, "g", NULL, 8, see, &seen), 0);
    assert_string_equal(seen.text, "7.1w 7.2w 8.1 ");
    assert_int_equal(waiting_held(waiting), 0);
    waiting_destroy(waiting);
}

/* When there is no room the oldest is printed, if it was not, and forgotten. */
static void test_waiting_is_bounded(void **state)
{
    struct waiting *waiting = waiting_create(10000);
    struct seen seen = { "", 0 };
    size_t count = 0;

    (void)state;
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_true(add(waiting, 1 + i / 10, i, false, 1000, &seen));
        seen.text[0] = '\0';
    }
    count = seen.count;
    assert_in_range(count, 900, 990);
    assert_int_equal(waiting_held(waiting), 1000 - count);
    seen = (struct seen){ "", 0 };
    assert_int_equal(waiting_release(waiting, "g", "b", 1, see, &seen), 0);
    assert_int_equal(seen.count, 0); /* it was the oldest */
    waiting_destroy(waiting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading_times),           cmocka_unit_test(test_writing_times),
        cmocka_unit_test(test_what_was_said_of_clocks), cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_waiting_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
