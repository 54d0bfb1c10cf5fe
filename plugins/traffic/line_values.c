/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Family `line`: texts to values. See line.h.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"

/* With the decimal character of the settings. */
static bool decimal_number(const struct line_plan *plan, const char *text, double *ret_number)
{
    char copy[LINE_TEXT_MAX], decimal = plan->settings->decimal[0];
    size_t len = strlen(text);
    if (len >= sizeof copy) {
        return false; /* out of a map */
    }
    for (size_t i = 0; i <= len; i++) {
        copy[i] = text[i] == decimal ? '.' : text[i];
        if (text[i] == '.' && decimal != '.') {
            return false;
        }
    }
    return text_number(copy, ret_number);
}

/* ---- maps */

/* "<0" and ">0" are any number below, above. */
static bool key_fits(const struct line_plan *plan, const char *key, size_t len, const char *text)
{
    double number;
    if (len == 2 && key[1] == '0' && (key[0] == '<' || key[0] == '>')) {
        return decimal_number(plan, text, &number) && (key[0] == '<' ? number < 0 : number > 0);
    }
    return (len == 1 && key[0] == '*') || (strlen(text) == len && !memcmp(text, key, len));
}

const char *line_mapped(const struct line_plan *plan, const struct line_plan_point *point,
                        const char *text, char *buf, size_t size)
{
    const struct weir_names *map = &point->options->map;
    for (size_t i = 0; i < map->count; i++) {
        const char *equals = strchr(map->names[i], '=');
        if (key_fits(plan, map->names[i], (size_t)(equals - map->names[i]), text)) {
            return equals + 1;
        }
    }
    if (map->count) {
        return NULL;
    }
    snprintf(buf, size, "%s", text);
    return buf;
}

/* ---- numbers */

static bool plain_number(const struct line_plan *plan, const struct line_plan_point *point,
                         const char *text, double *ret_number)
{
    size_t len = strlen(text);
    uint64_t bits;
    if (point->options->base == 16) {
        bool fits = len > 0 && len <= 12 && text_hex(text, len, &bits);
        *ret_number = fits ? (double)bits : 0;
        return fits;
    }
    return decimal_number(plan, text, ret_number);
}

bool line_number(const struct line_plan *plan, const struct line_plan_point *point,
                 const char *text, double *ret_number)
{
    const struct line_point *o = point->options;
    double number, before;
    if (!plain_number(plan, point, text, &number)) {
        return false;
    }
    before = number;
    number = o->magnitude ? fabs(number) : number;
    number = (number * o->scale + o->offset) * point->factor;
    if (number != before) { /* three decimals of what people measure, six of a time */
        double digits = point->word->dimension == LINE_SECONDS ? 1e6 : 1e3;
        number = round(number * digits) / digits;
    }
    *ret_number = number;
    return number >= point->least && number <= point->most &&
           (point->word->type == LINE_NUMBER || number == floor(number));
}

/* ---- times */

struct date {
    int64_t year, month, day, hour, minute, second, ns, epoch;
    bool has_day, has_epoch;
};

/* Up to `most` digits, at least `least`. */
static bool take_digits(const char **at, int least, int most, int64_t *ret_number)
{
    int n = 0;
    *ret_number = 0;
    while (n < most && isdigit((unsigned char)**at)) {
        *ret_number = *ret_number * 10 + (*(*at)++ - '0');
        n++;
    }
    return n >= least;
}

static bool take_decimals(const char **at, int64_t *ret_ns)
{
    const char *begin = *at;
    if (!take_digits(at, 1, 9, ret_ns)) {
        return false;
    }
    for (ptrdiff_t n = *at - begin; n < 9; n++) {
        *ret_ns *= 10;
    }
    return true;
}

static bool take_part(char what, const char **at, struct date *d)
{
    switch (what) {
    case 'Y':
        d->has_day = true;
        return take_digits(at, 4, 4, &d->year);
    case 'y':
        d->has_day = true;
        return take_digits(at, 2, 2, &d->year) && (d->year += 2000);
    case 'm':
        return take_digits(at, 1, 2, &d->month);
    case 'd':
        return take_digits(at, 1, 2, &d->day);
    case 'H':
        return take_digits(at, 1, 2, &d->hour);
    case 'M':
        return take_digits(at, 1, 2, &d->minute);
    case 'S':
        return take_digits(at, 1, 2, &d->second);
    case 'f':
        return take_decimals(at, &d->ns);
    case 's':
        d->has_epoch = true;
        return take_digits(at, 1, 10, &d->epoch);
    default:
        return *(*at)++ == '%';
    }
}

/* Decimals may be missing with their point: writers leave out those that are zero. */
static bool take_date(const char *form, const char *at, struct date *d)
{
    for (; *form; form++) {
        if (!strncmp(form, ".%f", 3) && *at != '.') {
            form += 2;
        } else if (*form == '%') {
            if (!take_part(*++form, &at, d)) {
                return false;
            }
        } else if (*at++ != *form) {
            return false;
        }
    }
    return !*at;
}

static bool take_iso(const char *text, struct date *d)
{
    static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%fZ",
                                         "%Y-%m-%d %H:%M:%S.%f" };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        *d = (struct date){ .month = 1, .day = 1 };
        if (take_date(forms[i], text, d)) {
            return true;
        }
    }
    return false;
}

const char *line_time_check(const char *form)
{
    bool year = false, month = false, day = false, hour = false, epoch = false;
    if (!strcmp(form, "iso")) {
        return NULL;
    }
    for (const char *at = form; *at; at++) {
        if (*at != '%') {
            continue;
        }
        at++;
        if (!*at || !strchr("YymdHMSfs%", *at)) {
            return "knows %Y %y %m %d %H %M %S %f %s and %%";
        }
        year |= *at == 'Y' || *at == 'y';
        month |= *at == 'm';
        day |= *at == 'd';
        hour |= *at == 'H';
        epoch |= *at == 's';
    }
    if (year != month || month != day || !(hour || epoch)) {
        return "must have a time of day (%H), and year, month and day or none of them; or %s";
    }
    return NULL;
}

/* The time of day nearest to our clock. */
static int64_t nearest_day(int64_t of_day_ns, int64_t wall_ns)
{
    const int64_t day_ns = 86400 * TRAFFIC_NS_PER_S;
    int64_t off_ns = (of_day_ns - wall_ns % day_ns) % day_ns;
    off_ns += off_ns < -day_ns / 2 ? day_ns : off_ns > day_ns / 2 ? -day_ns : 0;
    return wall_ns + off_ns;
}

bool line_time(const struct line_plan_point *point, const char *text, int64_t wall_ns,
               int64_t *ret_ns)
{
    const char *form = point->options->form;
    const int64_t offset_ns = point->options->utc_offset * 60 * TRAFFIC_NS_PER_S;
    struct date d = { .month = 1, .day = 1 };
    int64_t seconds;
    if (!strcmp(form, "iso") ? !take_iso(text, &d) : !take_date(form, text, &d)) {
        return false;
    }
    if (d.has_epoch) {
        *ret_ns = d.epoch * TRAFFIC_NS_PER_S + d.ns - offset_ns;
        return true;
    }
    if (!date_seconds(d.has_day ? (int)d.year : 1970, (int)d.month, (int)d.day, (int)d.hour,
                      (int)d.minute, (int)d.second, &seconds)) {
        return false;
    }
    *ret_ns = seconds * TRAFFIC_NS_PER_S + d.ns - offset_ns;
    if (!d.has_day) {
        *ret_ns = nearest_day(*ret_ns, wall_ns);
    }
    return true;
}
