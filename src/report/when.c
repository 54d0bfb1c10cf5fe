/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See when.h: reading times. Dates are of the Gregorian calendar, years 1 to 9999.
 */
#include "report/when.h"

#include <stdio.h>

#define EPOCH_MAX INT64_C(100000000000)
#define DAY_S     86400

struct text {
    const char *at;
    const char *end;
};

/* Days since 1970-01-01. A year begins in March here, so that the leap day is its last. */
static int64_t day_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t cycle = (y >= 0 ? y : y - 399) / 400; /* of 146,097 days */
    int64_t of_cycle = y - cycle * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return cycle * 146097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719468;
}

static int month_days(int year, int month)
{
    static const signed char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

static bool digits(struct text *text, int count, int *ret)
{
    int value = 0;

    if (text->end - text->at < count) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        char c = text->at[i];

        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    text->at += count;
    *ret = value;
    return true;
}

static bool one_of(struct text *text, char a, char b)
{
    if (text->at == text->end || (*text->at != a && *text->at != b)) {
        return false;
    }
    text->at++;
    return true;
}

static bool skip_fraction(struct text *text)
{
    int dropped;

    if (!one_of(text, '.', ',')) {
        return true;
    }
    if (!digits(text, 1, &dropped)) {
        return false;
    }
    while (digits(text, 1, &dropped)) {
    }
    return true;
}

/* "13:00" or "13:00:59.5" */
static bool clock_read(struct text *text, int *ret_s)
{
    int hour;
    int minute;
    int second = 0;

    if (!digits(text, 2, &hour) || !one_of(text, ':', ':') || !digits(text, 2, &minute)) {
        return false;
    }
    if (one_of(text, ':', ':') && (!digits(text, 2, &second) || !skip_fraction(text))) {
        return false;
    }
    *ret_s = hour * 3600 + minute * 60 + (second == 60 ? 59 : second); /* a leap second */
    return hour <= 23 && minute <= 59 && second <= 60;
}

/* What stands behind: "", "Z", "+01:00", "+0100". The offset counts in the last two. */
static bool offset_read(struct text *text, bool *ret_zoned, int *ret_s)
{
    int hour;
    int minute = 0;
    int sign;

    *ret_s = 0;
    *ret_zoned = text->at < text->end;
    if (!*ret_zoned) {
        return true;
    }
    if (one_of(text, 'Z', 'z')) {
        return text->at == text->end;
    }
    sign = text->at < text->end && *text->at == '-' ? -1 : 1;
    if (!one_of(text, '+', '-') || !digits(text, 2, &hour)) {
        return false;
    }
    one_of(text, ':', ':');
    if (!digits(text, 2, &minute) || text->at != text->end || hour > 23 || minute > 59) {
        return false;
    }
    *ret_s = sign * (hour * 3600 + minute * 60);
    return true;
}

static enum when_form date_read(struct text text, int64_t *ret_s)
{
    int year;
    int month;
    int day;
    int of_day;
    int offset;
    bool zoned;

    if (!digits(&text, 4, &year) || !one_of(&text, '-', '-') || !digits(&text, 2, &month) ||
        !one_of(&text, '-', '-') || !digits(&text, 2, &day) || year < 1 || month < 1 ||
        month > 12 || day < 1 || day > month_days(year, month)) {
        return WHEN_BAD;
    }
    if ((!one_of(&text, 'T', 't') && !one_of(&text, ' ', ' ')) || !clock_read(&text, &of_day)) {
        return WHEN_BAD;
    }
    one_of(&text, ' ', ' ');
    if (!offset_read(&text, &zoned, &offset)) {
        return WHEN_BAD;
    }
    *ret_s = day_of(year, month, day) * DAY_S + of_day - offset;
    return zoned ? WHEN_UTC : WHEN_LOCAL;
}

static enum when_form seconds_read(struct text text, int64_t *ret_s)
{
    bool negative = one_of(&text, '-', '-');
    const char *begin = text.at;
    const char *fraction;
    int64_t value = 0;
    int digit;

    while (digits(&text, 1, &digit)) {
        value = value < EPOCH_MAX ? value * 10 + digit : EPOCH_MAX;
    }
    fraction = text.at;
    if (fraction == begin || !skip_fraction(&text) || text.at != text.end) {
        return WHEN_BAD;
    }
    if (value >= EPOCH_MAX) {
        return WHEN_LARGE;
    }
    for (const char *c = fraction; negative && c < text.end; c++) {
        if (*c > '0') {
            value++; /* -0.5 is in the second before 0 */
            break;
        }
    }
    *ret_s = negative ? -value : value;
    return WHEN_UTC;
}

enum when_form when_read(const char *text, size_t size, int64_t *ret_s)
{
    struct text whole = { text, text + size };

    if (size > 4 && text[4] == '-') {
        return date_read(whole, ret_s);
    }
    return seconds_read(whole, ret_s);
}

/* ---- parts of local seconds ---- */

int64_t when_day(int64_t local_s)
{
    return (local_s >= 0 ? local_s : local_s - (DAY_S - 1)) / DAY_S;
}

unsigned when_hour(int64_t local_s)
{
    return (unsigned)(local_s - when_day(local_s) * DAY_S) / 3600;
}

unsigned when_weekday(int64_t local_s)
{
    int64_t rest = (when_day(local_s) + 3) % 7; /* 1970-01-01 was a Thursday */

    return (unsigned)(rest < 0 ? rest + 7 : rest);
}

const char *when_date(int64_t day, char buf[WHEN_DATE_SIZE])
{
    int64_t shifted = day + 719468;
    int64_t cycle = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t rest = shifted - cycle * 146097;
    int64_t of_cycle = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    int64_t of_year = rest - (365 * of_cycle + of_cycle / 4 - of_cycle / 100);
    int64_t from_march = (5 * of_year + 2) / 153;
    int month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
    int date = (int)(of_year - (153 * from_march + 2) / 5 + 1);
    int year = (int)(cycle * 400 + of_cycle + (month <= 2));

    snprintf(buf, WHEN_DATE_SIZE, "%04d-%02d-%02d", year, month, date);
    return buf;
}
