/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Pure helpers for families: lines, numbers, dates. See family.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "family.h"

#define UNDER_WAY_NS (20 * TRAFFIC_NS_PER_MS) /* more than a pause within a line */

void under_way_opened(struct under_way *u, int64_t now_ns)
{
    u->opened = 1;
    u->opened_ns = now_ns;
}

bool under_way_cut(struct under_way *u, int64_t time_ns)
{
    bool first = u->opened != 0;
    u->opened = 0;
    return first && time_ns - u->opened_ns < UNDER_WAY_NS;
}

static bool is_end(uint8_t c)
{
    return c == '\r' || c == '\n';
}

int frame_line(const uint8_t *bytes, size_t len, size_t most)
{
    size_t n = 0;
    while (n < len && !is_end(bytes[n])) {
        n++;
    }
    if (n > most) {
        return -(int)n;
    }
    if (n == len) {
        return 0;
    }
    while (n < len && is_end(bytes[n])) {
        n++;
    }
    return (int)n;
}

bool line_text(const uint8_t *bytes, size_t len, char *buf, size_t size)
{
    while (len > 0 && is_end(bytes[len - 1])) {
        len--;
    }
    if (len >= size || memchr(bytes, 0, len)) {
        return false;
    }
    memcpy(buf, bytes, len);
    buf[len] = 0;
    return true;
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

bool text_number(const char *text, double *ret_number)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t n = digits(at);
    at += n;
    if (n == 0 || n > 18) {
        return false;
    }
    if (*at == '.') {
        size_t behind = digits(at + 1);
        if (behind == 0) {
            return false;
        }
        at += 1 + behind;
    }
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '-' || at[1] == '+');
        n = digits(at);
        if (n == 0) {
            return false;
        }
        at += n;
    }
    double number = *at ? NAN : strtod(text, NULL);
    if (!isfinite(number)) {
        return false;
    }
    *ret_number = number;
    return true;
}

bool text_whole(const char *text, int64_t least, int64_t most, int64_t *ret_number)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t n = digits(at);
    if (n == 0 || n > 18 || at[n]) {
        return false;
    }
    int64_t number = strtoll(text, NULL, 10);
    if (number < least || number > most) {
        return false;
    }
    *ret_number = number;
    return true;
}

bool text_hex(const char *text, size_t len, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (len > 16) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        static const char all[] = "0123456789abcdef0123456789ABCDEF";
        const char *at = text[i] ? strchr(all, text[i]) : NULL;
        if (!at) {
            return false;
        }
        number = number << 4 | (uint64_t)((at - all) & 15);
    }
    *ret_number = number;
    return true;
}

/* Days of the civil calendar, by eras of 400 years. */
static int64_t days_from_civil(int year, int month, int day)
{
    int y = year - (month <= 2);
    int era = y / 400, of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

bool date_seconds(int year, int month, int day, int hour, int minute, int second,
                  int64_t *ret_seconds)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 ||
        day > days[month - 1] + (month == 2 && leap) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60) {
        return false;
    }
    *ret_seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

struct civil civil_from_seconds(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm tm = { 0 };
    gmtime_r(&when, &tm);
    return (struct civil){ tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                           tm.tm_min,         tm.tm_sec,     tm.tm_wday };
}

uint32_t get_be(const uint8_t *bytes, unsigned count)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < count; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

uint32_t get_le(const uint8_t *bytes, unsigned count)
{
    uint32_t number = 0;
    for (unsigned i = count; i-- > 0;) {
        number = number << 8 | bytes[i];
    }
    return number;
}

double rounded3(double number)
{
    return round(number * 1000) / 1000;
}

double kmh_from_mph(double mph)
{
    return rounded3(mph * 1.609344);
}

double m_from_feet(double feet)
{
    return rounded3(feet * 0.3048);
}
