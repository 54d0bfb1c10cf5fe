/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Numbers as a device shows them: a scale of 0.1 is a division by 10, which rounds once, where a
 * multiplication with the nearest double of 0.1 would round twice (2301 * 0.1 is
 * 230.10000000000002).
 */
#include "payload_part.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT_MAX = 63 };

/* A scale that is a short decimal is n / 10^d with small n and d: one multiplication without
 * rounding, one division with. */
static double multiply(double raw, double scale)
{
    double power = 1;
    for (int d = 0; d <= 9; d++, power *= 10) {
        double n = round(scale * power);
        if (fabs(n) < 1e6 && n / power == scale && fabs(raw * n) < 9007199254740992.0) {
            return raw * n / power;
        }
    }
    return raw * scale;
}

double number_scale(double raw, double scale, double offset)
{
    double value = scale == 1 ? raw : multiply(raw, scale);
    if (offset == 0) {
        return value;
    }
    /* The sum of two decimals is rounded to the digits they have: what is left over is no more
     * than the rounding of the summands. */
    double sum = value + offset, power = 1;
    double blur = fmax(fabs(value), fabs(offset)) * 4e-16;
    for (int d = 0; d <= 9; d++, power *= 10) {
        double n = round(sum * power);
        if (fabs(n) < 1e15 && fabs(n / power - sum) <= blur) {
            return n / power;
        }
    }
    return sum;
}

double number_shown(float value)
{
    char text[32];
    double decimal = (double)value;
    for (int digits = FLT_DIG; isfinite(value) && digits <= FLT_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        decimal = strtod(text, NULL);
        if ((float)decimal == value) {
            break;
        }
    }
    return decimal;
}

static size_t digits_at(const char *text)
{
    return strspn(text, "0123456789");
}

/* Is all of it [+-] digits [. digits] [e [+-] digits]? Says whether it is whole. */
static bool is_decimal(const char *text, bool *ret_whole)
{
    text += *text == '+' || *text == '-';
    size_t before = digits_at(text), behind = 0;
    text += before;
    *ret_whole = !*text;
    if (*text == '.') {
        behind = digits_at(text + 1);
        text += 1 + behind;
    }
    if (before + behind == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text += text[1] == '+' || text[1] == '-' ? 2 : 1;
        size_t digits = digits_at(text);
        return digits > 0 && !text[digits];
    }
    return !*text;
}

bool number_parse(const char *text, size_t len, struct raw *ret_raw)
{
    char copy[NUMBER_TEXT_MAX + 1];
    bool whole;
    if (len > NUMBER_TEXT_MAX || memchr(text, 0, len)) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = 0;
    if (!is_decimal(copy, &whole)) {
        return false;
    }
    if (whole) {
        errno = 0;
        long long number = strtoll(copy, NULL, 10);
        if (errno == 0) {
            *ret_raw = (struct raw){ .kind = RAW_INT, .i = number };
            return true;
        }
        errno = 0;
        unsigned long long large = strtoull(copy, NULL, 10);
        if (errno == 0 && copy[0] != '-') {
            *ret_raw = (struct raw){ .kind = RAW_UINT, .u = large };
            return true;
        }
    }
    *ret_raw = (struct raw){ .kind = RAW_DOUBLE, .d = strtod(copy, NULL) };
    return true;
}

struct raw number_loose(struct raw raw)
{
    const int64_t most = 9007199254740992; /* 2^53 */
    if (raw.kind == RAW_INT && raw.i >= -most && raw.i <= most) {
        return (struct raw){ .kind = RAW_DOUBLE, .d = (double)raw.i };
    }
    return raw;
}
