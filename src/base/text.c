/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Durations, sizes, names: see text.h.
 */
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/record.h>

struct unit {
    const char *name;
    int64_t value;
};

static const struct unit durations[] = {
    { "d", 86400000000000 }, { "h", 3600000000000 }, { "m", 60000000000 },
    { "s", 1000000000 },     { "ms", 1000000 },      { "us", 1000 },
};
static const struct unit sizes[] = {
    { "GiB", 1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 }, { "B", 1 }, { "", 1 },
};

/* A plain decimal number, then one of the units. */
static int parse(const char *text, const struct unit *units, size_t count, int64_t *ret_value)
{
    char *end;
    if (text[0] < '0' || text[0] > '9') {
        return -EINVAL;
    }
    double number = strtod(text, &end);
    if (strspn(text, "0123456789.") != (size_t)(end - text)) {
        return -EINVAL; /* no exponents, no hexadecimal */
    }
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(end, units[i].name)) {
            double value = number * (double)units[i].value;
            if (!(value < 9e18)) {
                return -EINVAL;
            }
            *ret_value = llround(value);
            return 0;
        }
    }
    return -EINVAL;
}

int duration_parse(const char *text, int64_t *ret_ns)
{
    if (!strcmp(text, "0")) { /* the same in every unit */
        *ret_ns = 0;
        return 0;
    }
    return parse(text, durations, sizeof durations / sizeof *durations, ret_ns);
}

int size_parse(const char *text, int64_t *ret_bytes)
{
    return parse(text, sizes, sizeof sizes / sizeof *sizes, ret_bytes);
}

const char *duration_format(int64_t ns, char *buf, size_t size)
{
    size_t last = sizeof durations / sizeof *durations - 1, i = 0;
    while (i < last && ns % durations[i].value != 0) {
        i++;
    }
    if (ns == 0) {
        i = 3; /* "0s" */
    }
    snprintf(buf, size, "%" PRId64 "%s", ns / durations[i].value, durations[i].name);
    return buf;
}

const char *size_format(int64_t bytes, char *buf, size_t size)
{
    size_t last = 3, i = 0; /* bytes */
    while (i < last && (bytes == 0 || bytes % sizes[i].value != 0)) {
        i++;
    }
    snprintf(buf, size, "%" PRId64 "%s", bytes / sizes[i].value, sizes[i].name);
    return buf;
}

static bool letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool name_valid(const char *name)
{
    size_t len = strlen(name);
    if (len < 1 || len > WEIR_NAME_MAX || !letter_or_digit(name[0])) {
        return false;
    }
    for (const char *p = name; *p; p++) {
        if (!letter_or_digit(*p) && !strchr("._-", *p)) {
            return false;
        }
    }
    return true;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

unsigned text_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    unsigned row[LONGEST + 1];
    size_t n = strlen(b);
    if (n > LONGEST || strlen(a) > LONGEST) {
        return LONGEST;
    }
    for (size_t j = 0; j <= n; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n];
}
