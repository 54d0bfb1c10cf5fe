/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Shortest decimals. A value v with few decimals is n / 10^d with an integer n below 2^53; both n
 * and 10^d (d <= 22) are exact doubles, so their quotient is the correctly rounded value of the
 * decimal, and comparing it with v proves that the decimal reads back as v. What has no such n goes
 * the slow way through the C library.
 */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53 */

static const double powers[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
enum { DECIMALS_MAX = sizeof powers / sizeof *powers };

unsigned number_u64(uint64_t value, char *buf)
{
    char digits[20];
    unsigned n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (unsigned i = 0; i < n; i++) {
        buf[i] = digits[n - 1 - i];
    }
    return n;
}

unsigned number_i64(int64_t value, char *buf)
{
    if (value >= 0) {
        return number_u64((uint64_t)value, buf);
    }
    buf[0] = '-';
    return 1 + number_u64(0 - (uint64_t)value, buf + 1);
}

/* n / 10^decimals. The last digit is not a zero, as one decimal less would have done then. */
static unsigned put_decimal(uint64_t n, unsigned decimals, char *buf)
{
    char digits[NUMBER_MAX];
    unsigned len = number_u64(n, digits), at = 0;
    if (!decimals) {
        memcpy(buf, digits, len);
        return len;
    }
    if (len <= decimals) {
        buf[at++] = '0';
        buf[at++] = '.';
        for (unsigned i = len; i < decimals; i++) {
            buf[at++] = '0';
        }
        memcpy(buf + at, digits, len);
        return at + len;
    }
    memcpy(buf, digits, len - decimals);
    buf[len - decimals] = '.';
    memcpy(buf + len - decimals + 1, digits + len - decimals, decimals);
    return len + 1;
}

static bool same(double decimal, double value, bool single)
{
    return single ? (float)decimal == (float)value : decimal == value;
}

static unsigned slow(double value, bool single, char *buf)
{
    char text[NUMBER_MAX + 8];
    /* Six (fifteen) digits always survive a float (double), and %g drops zeros behind them: fewer
     * need not be tried. */
    int first = !single ? 15 : fabs(value) < (double)FLT_MIN ? 1 : 6; /* subnormals have fewer */
    for (int digits = first; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) {
            break;
        }
    }
    size_t len = strlen(text);
    memcpy(buf, text, len);
    return (unsigned)len;
}

static unsigned shortest(double value, bool single, char *buf)
{
    double a = fabs(value);
    unsigned at = 0;
    if (a != 0 && (a < 1e-5 || a >= 1e15)) {
        return slow(value, single, buf);
    }
    for (unsigned d = 0; d < DECIMALS_MAX; d++) {
        double scaled = a * powers[d];
        if (scaled >= EXACT_MAX) {
            break;
        }
        uint64_t n = (uint64_t)(scaled + 0.5);
        if (same((double)n / powers[d], a, single)) {
            if (signbit(value)) {
                buf[at++] = '-';
            }
            return at + put_decimal(n, d, buf + at);
        }
    }
    return slow(value, single, buf);
}

unsigned number_f32(float value, char *buf)
{
    return shortest((double)value, true, buf);
}

unsigned number_f64(double value, char *buf)
{
    return shortest(value, false, buf);
}
