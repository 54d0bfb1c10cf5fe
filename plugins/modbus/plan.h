/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Which points are read with one request: neighbours in one table, across gaps of unused
 * registers up to a limit, never more than the device takes at once, no point in two requests. A
 * request that the device refuses for an address is split, so that one wrong register costs itself
 * only. Pure.
 */
#ifndef MODBUS_PLAN_H
#define MODBUS_PLAN_H

#include "decode.h"

struct part {
    int table;
    uint16_t first, count; /* registers or bits */
    size_t at, points;     /* in plan.order */
};

struct plan {
    size_t *order; /* indices of the device's points, by table and register */
    size_t point_count;
    struct part *parts; /* room for one a point */
    size_t part_count;
};

struct plan_limits {
    unsigned registers, bits; /* of one request */
    unsigned gap;             /* unused ones in between */
};

/* points[i] is the i-th point of the device. 0 or -ENOMEM. */
int plan_init(struct plan *plan, const struct point *const *points, size_t count,
              struct plan_limits limits);
void plan_finish(struct plan *plan);
/* Makes two of a part with several points; the second half goes to the end, so that no other part
 * changes its index. False if it has only one point. */
bool plan_split(struct plan *plan, size_t part, const struct point *const *points);

#endif
