/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The plan of requests: see plan.h.
 */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool comes_before(const struct point *a, const struct point *b)
{
    return a->table != b->table ? a->table < b->table : a->address < b->address;
}

/* Insertion sort: stable, and devices have few points, mostly in order already. */
static void sort(size_t *order, size_t count, const struct point *const *points)
{
    for (size_t i = 0; i < count; i++) {
        size_t k = i;
        for (; k > 0 && comes_before(points[i], points[order[k - 1]]); k--) {
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
}

/* The part that points at .. at + count - 1 of the order need. */
static struct part cover(const struct plan *plan, const struct point *const *points, size_t at,
                         size_t count)
{
    const struct point *first = points[plan->order[at]];
    struct part part = {
        .table = first->table, .first = (uint16_t)first->address, .at = at, .points = count
    };
    for (size_t i = at; i < at + count; i++) {
        const struct point *p = points[plan->order[i]];
        unsigned end = (unsigned)(p->address - first->address) + point_width(p);
        part.count = end > part.count ? (uint16_t)end : part.count;
    }
    return part;
}

static bool joins(const struct plan *plan, const struct point *const *points,
                  const struct part *part, size_t next, struct plan_limits limits)
{
    const struct point *p = points[plan->order[next]];
    unsigned limit = point_is_bits(p) ? limits.bits : limits.registers;
    if (p->table != part->table || p->address > part->first + part->count + (int64_t)limits.gap) {
        return false;
    }
    return cover(plan, points, part->at, part->points + 1).count <= limit;
}

int plan_init(struct plan *plan, const struct point *const *points, size_t count,
              struct plan_limits limits)
{
    *plan = (struct plan){ .point_count = count };
    plan->order = calloc(count + 1, sizeof *plan->order);
    plan->parts = calloc(count + 1, sizeof *plan->parts);
    if (!plan->order || !plan->parts) {
        plan_finish(plan);
        return -ENOMEM;
    }
    sort(plan->order, count, points);
    for (size_t i = 0; i < count; i++) {
        struct part *last = plan->part_count ? &plan->parts[plan->part_count - 1] : NULL;
        if (last && joins(plan, points, last, i, limits)) {
            *last = cover(plan, points, last->at, last->points + 1);
        } else {
            plan->parts[plan->part_count++] = cover(plan, points, i, 1);
        }
    }
    return 0;
}

void plan_finish(struct plan *plan)
{
    free(plan->order);
    free(plan->parts);
    *plan = (struct plan){ 0 };
}

bool plan_split(struct plan *plan, size_t part, const struct point *const *points)
{
    struct part whole = plan->parts[part];
    if (whole.points < 2) {
        return false;
    }
    size_t half = whole.points / 2;
    plan->parts[part] = cover(plan, points, whole.at, half);
    plan->parts[plan->part_count++] = cover(plan, points, whole.at + half, whole.points - half);
    return true;
}
