/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Counts reads that arrived, exactly, with intervals of what is missing. See points.h.
 * Invariant: a point's gaps are sorted, do not touch, and lie between its first and last.
 */
#include "points.h"

#include "rig.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct gap {
    uint64_t first, last;
};

struct point {
    uint64_t first, last; /* lowest and highest read that arrived */
    uint64_t newest;      /* the read that arrived most recently */
    struct gap *gaps;
    size_t gap_count, gap_room;
};

static struct point *points[POINTS_UNIT_MAX + 1][POINTS_REGISTER_MAX + 1];
static struct points_totals totals;

static void gap_insert(struct point *p, size_t at, struct gap gap)
{
    if (p->gap_count == p->gap_room) {
        p->gap_room = p->gap_room ? 2 * p->gap_room : 4;
        p->gaps = realloc(p->gaps, p->gap_room * sizeof *p->gaps);
        if (!p->gaps) {
            rig_fail("mqtt-sink: out of memory");
        }
    }
    memmove(p->gaps + at + 1, p->gaps + at, (p->gap_count - at) * sizeof *p->gaps);
    p->gaps[at] = gap;
    p->gap_count++;
}

/* A read between first and last: true if it was missing until now. */
static bool gap_fill(struct point *p, uint64_t read)
{
    size_t i = 0;
    while (i < p->gap_count && p->gaps[i].last < read) {
        i++;
    }
    if (i == p->gap_count || read < p->gaps[i].first) {
        return false;
    }
    struct gap *g = &p->gaps[i];
    if (g->first == g->last) {
        memmove(g, g + 1, (--p->gap_count - i) * sizeof *g);
    } else if (read == g->first) {
        g->first++;
    } else if (read == g->last) {
        g->last--;
    } else {
        struct gap upper = { read + 1, g->last };
        g->last = read - 1;
        gap_insert(p, i + 1, upper);
    }
    return true;
}

static void point_begin(unsigned unit, unsigned reg, uint16_t value)
{
    struct point *p = calloc(1, sizeof *p);
    if (!p) {
        rig_fail("mqtt-sink: out of memory");
    }
    p->first = p->last = p->newest = 65536 + (uint64_t)value; /* room to unroll downwards */
    points[unit][reg] = p;
    totals.unique++;
    totals.ids++;
}

/* A read that is not the next: false if it came before. */
static bool take_odd(struct point *p, uint64_t read)
{
    if (read > p->last) {
        gap_insert(p, p->gap_count, (struct gap){ p->last + 1, read - 1 });
        totals.missing += read - p->last - 1;
        p->last = read;
    } else if (read < p->first) {
        if (read + 1 < p->first) {
            gap_insert(p, 0, (struct gap){ read + 1, p->first - 1 });
            totals.missing += p->first - read - 1;
        }
        p->first = read;
    } else if (gap_fill(p, read)) {
        totals.missing--;
    } else {
        return false;
    }
    return true;
}

void points_take(unsigned unit, unsigned reg, uint16_t value)
{
    if (unit > POINTS_UNIT_MAX || reg > POINTS_REGISTER_MAX) {
        return;
    }
    struct point *p = points[unit][reg];
    if (!p) {
        point_begin(unit, reg, value);
        return;
    }
    int16_t ahead = (int16_t)(uint16_t)(value - (uint16_t)p->last);
    uint64_t read = p->last + (uint64_t)(int64_t)ahead;
    if (ahead == 1) {
        p->last = read;
    } else if (!take_odd(p, read)) {
        totals.repeated++;
        return;
    }
    totals.unique++;
    totals.out_of_order += read < p->newest;
    p->newest = read;
}

struct points_totals points_total(void)
{
    totals.ids_from_first = 0;
    for (unsigned u = 0; u <= POINTS_UNIT_MAX; u++) {
        for (unsigned r = 0; r <= POINTS_REGISTER_MAX; r++) {
            totals.ids_from_first += points[u][r] && points[u][r]->first == 65536 + 1;
        }
    }
    return totals;
}

void points_finish(void)
{
    for (unsigned u = 0; u <= POINTS_UNIT_MAX; u++) {
        for (unsigned r = 0; r <= POINTS_REGISTER_MAX; r++) {
            if (points[u][r]) {
                free(points[u][r]->gaps);
                free(points[u][r]);
            }
        }
    }
}
