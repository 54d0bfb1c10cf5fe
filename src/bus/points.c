/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Deadband: see points.h.
 */
#include "bus/points.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct point {
    struct point_rule rule;
    bool sent;
    int64_t sent_ns;
    struct weir_value value; /* as sent last */
};

struct points {
    bool idle; /* no point has a deadband: nothing to do */
    int64_t tolerance_ns;
    size_t count;
    struct point points[];
};

int points_create(const struct point_rule *rules, size_t count, int64_t every_ns,
                  struct points **ret_points)
{
    struct points *points = calloc(1, sizeof *points + count * sizeof points->points[0]);
    if (!points) {
        return -ENOMEM;
    }
    points->idle = true;
    points->tolerance_ns = every_ns / 2;
    points->count = count;
    for (size_t i = 0; i < count; i++) {
        struct point *p = &points->points[i];
        p->rule = rules[i];
        if (p->rule.type == WEIR_TEXT || p->rule.type == WEIR_BYTES) {
            p->rule.deadband = 0;
        }
        points->idle = points->idle && !(p->rule.deadband > 0);
    }
    *ret_points = points;
    return 0;
}

void points_destroy(struct points *points)
{
    free(points);
}

static double distance_u64(uint64_t a, uint64_t b)
{
    return (double)(a > b ? a - b : b - a);
}

static double distance_i64(int64_t a, int64_t b)
{
    return a > b ? (double)((uint64_t)a - (uint64_t)b) : (double)((uint64_t)b - (uint64_t)a);
}

static double distance(enum weir_type type, const struct weir_value *a, const struct weir_value *b)
{
    switch (type) {
    case WEIR_BOOL:
        return a->boolean == b->boolean ? 0 : INFINITY; /* on is never near to off */
    case WEIR_INT64:
        return distance_i64(a->int64, b->int64);
    case WEIR_UINT64:
        return distance_u64(a->uint64, b->uint64);
    case WEIR_FLOAT32:
        return fabs((double)a->float32 - (double)b->float32);
    case WEIR_FLOAT64:
        return fabs(a->float64 - b->float64);
    case WEIR_TEXT:
    case WEIR_BYTES:
        break;
    }
    return INFINITY;
}

static bool has_value(const struct weir_value *value)
{
    return value->quality == WEIR_QUALITY_GOOD || value->quality == WEIR_QUALITY_SUSPECT;
}

static bool may_be_omitted(const struct points *points, const struct point *p, int64_t now_ns,
                           const struct weir_value *value)
{
    if (!p->sent || !(p->rule.deadband > 0) || value->quality != p->value.quality) {
        return false;
    }
    if (p->rule.max_silence_ns > 0 &&
        now_ns - p->sent_ns >= p->rule.max_silence_ns - points->tolerance_ns) {
        return false;
    }
    return !has_value(value) || distance(p->rule.type, value, &p->value) <= p->rule.deadband;
}

size_t points_filter(const struct points *points, int64_t now_ns, struct weir_value *values)
{
    size_t left = points->count;
    if (points->idle) {
        return left;
    }
    for (size_t i = 0; i < points->count; i++) {
        if (may_be_omitted(points, &points->points[i], now_ns, &values[i])) {
            values[i].quality = WEIR_QUALITY_OMITTED;
            left--;
        }
    }
    return left;
}

void points_sent(struct points *points, int64_t now_ns, const struct weir_value *values)
{
    if (points->idle) {
        return;
    }
    for (size_t i = 0; i < points->count; i++) {
        struct point *p = &points->points[i];
        if (values[i].quality != WEIR_QUALITY_OMITTED && p->rule.deadband > 0) {
            p->sent = true;
            p->sent_ns = now_ns;
            p->value = values[i];
        }
    }
}
