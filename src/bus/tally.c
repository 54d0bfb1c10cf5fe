/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Sums and extremes: see tally.h.
 */
#include "bus/tally.h"

#include <math.h>
#include <stdlib.h>

#include "base/number.h"

#define OF_SUM (1u << TALLY_SUM | 1u << TALLY_MEAN)

static void add_whole(struct tally *t, uint64_t low, int64_t high)
{
    t->whole.low += low;
    /* Not to be had: 2^64 readings would have to come before the upper half overflows. */
    t->whole.high += high + (t->whole.low < low);
}

/* What is lost of the smaller one of two when they are added is added up by itself. */
static void add_real(struct tally *t, double value)
{
    double sum = t->real.sum + value;
    t->real.rest += fabs(t->real.sum) >= fabs(value) ? (t->real.sum - sum) + value
                                                     : (value - sum) + t->real.sum;
    t->real.sum = sum;
}

static double as_shown(float value)
{
    char text[NUMBER_MAX + 1];
    if (value == floorf(value) && fabsf(value) < 1e7f) {
        return (double)value;
    }
    text[number_f32(value, text)] = 0;
    return strtod(text, NULL);
}

#define EXTREMES(field)                                                                            \
    do {                                                                                           \
        bool first = t->count == 1;                                                                \
        t->last.field = value->field;                                                              \
        t->min.field = first || value->field < t->min.field ? value->field : t->min.field;         \
        t->max.field = first || value->field > t->max.field ? value->field : t->max.field;         \
    } while (0)

bool tally_add(struct tally *t, enum weir_type type, unsigned functions,
               const struct weir_value *value)
{
    if (value->quality != WEIR_QUALITY_GOOD && value->quality != WEIR_QUALITY_SUSPECT) {
        t->why = value->quality;
        return false;
    }
    bool summed = (functions & OF_SUM) != 0;
    t->count++;
    t->why = 0;
    t->doubted |= value->quality == WEIR_QUALITY_SUSPECT;
    switch (type) {
    case WEIR_BOOL:
        t->last.boolean = value->boolean;
        break;
    case WEIR_INT64:
        EXTREMES(int64);
        add_whole(t, (uint64_t)value->int64, value->int64 < 0 ? -1 : 0);
        break;
    case WEIR_UINT64:
        EXTREMES(uint64);
        add_whole(t, value->uint64, 0);
        break;
    case WEIR_FLOAT32:
        EXTREMES(float32);
        if (summed) {
            add_real(t, as_shown(value->float32));
        }
        break;
    case WEIR_FLOAT64:
        EXTREMES(float64);
        add_real(t, value->float64);
        break;
    case WEIR_TEXT:
    case WEIR_BYTES:
        break;
    }
    return true;
}

/* ---- what comes of it */

/* Does the sum fit into 64 bits with this sign? */
static bool is_short(const struct tally *t, enum weir_type type)
{
    return type == WEIR_UINT64 ? t->whole.high == 0
                               : t->whole.high == ((int64_t)t->whole.low < 0 ? -1 : 0);
}

static double mean_of_whole(const struct tally *t, enum weir_type type)
{
    uint64_t n = t->count;
    if (is_short(t, type) && type == WEIR_UINT64) {
        return (double)(t->whole.low / n) + (double)(t->whole.low % n) / (double)n;
    }
    if (is_short(t, type) && n <= INT64_MAX) {
        int64_t sum = (int64_t)t->whole.low;
        return (double)(sum / (int64_t)n) + (double)(sum % (int64_t)n) / (double)n;
    }
    return (ldexp((double)t->whole.high, 64) + (double)t->whole.low) / (double)n;
}

static struct weir_value missing(uint8_t why)
{
    return (struct weir_value){ .quality = why };
}

static struct weir_value sum_value(const struct tally *t, enum weir_type type)
{
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD };
    if (type == WEIR_INT64 || type == WEIR_UINT64) {
        v.uint64 = t->whole.low; /* the same bits */
        return is_short(t, type) ? v : missing(WEIR_R_RANGE);
    }
    v.float64 = t->real.sum + t->real.rest;
    return isfinite(v.float64) ? v : missing(WEIR_R_RANGE);
}

static struct weir_value mean_value(const struct tally *t, enum weir_type type)
{
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD };
    if (type == WEIR_INT64 || type == WEIR_UINT64) {
        v.float64 = mean_of_whole(t, type);
        return v;
    }
    double mean = (t->real.sum + t->real.rest) / (double)t->count;
    if (type == WEIR_FLOAT32) {
        v.float32 = (float)mean;
        return isfinite(v.float32) ? v : missing(WEIR_R_RANGE);
    }
    v.float64 = mean;
    return isfinite(mean) ? v : missing(WEIR_R_RANGE);
}

static struct weir_value plain(union tally_number number, enum weir_type type)
{
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD };
    switch (type) {
    case WEIR_BOOL:
        v.boolean = number.boolean;
        break;
    case WEIR_FLOAT32:
        v.float32 = number.float32;
        break;
    default:
        v.uint64 = number.uint64; /* the bits of any of the other three */
        break;
    }
    return v;
}

struct weir_value tally_value(const struct tally *t, enum weir_type type,
                              enum window_function function)
{
    struct weir_value v;
    if (function == TALLY_COUNT) {
        return (struct weir_value){ .quality = WEIR_QUALITY_GOOD, .uint64 = t->count };
    }
    if (!t->count) {
        return missing(t->why ? t->why : WEIR_R_SKIPPED);
    }
    switch (function) {
    case TALLY_MIN:
        v = plain(t->min, type);
        break;
    case TALLY_MAX:
        v = plain(t->max, type);
        break;
    case TALLY_MEAN:
        v = mean_value(t, type);
        break;
    case TALLY_SUM:
        v = sum_value(t, type);
        break;
    default:
        v = plain(t->last, type);
        break;
    }
    if (v.quality == WEIR_QUALITY_GOOD && t->doubted) {
        v.quality = WEIR_QUALITY_SUSPECT;
    }
    return v;
}
