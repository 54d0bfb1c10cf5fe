/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Readings to vehicles, for radars that print speeds and know no vehicles. See family.h.
 */
#include <stdio.h>
#include <string.h>

#include "family.h"

#define PAUSE_NS TRAFFIC_NS_PER_S

static void close_passage(struct traffic *t, struct passage *p)
{
    struct vehicle v = { .has = HAS_SPEED | HAS_DURATION,
                         .time_ns = p->first_ns,
                         .speed_kmh = p->highest_kmh,
                         .duration_s = rounded3((double)(p->last_ns - p->first_ns) / 1e9) };
    v.has |= p->direction[0] ? HAS_DIRECTION : 0;
    v.has |= p->range_m > 0 ? HAS_RANGE : 0;
    v.range_m = p->range_m;
    memcpy(v.direction, p->direction, sizeof v.direction);
    p->open = 0;
    traffic_vehicle(t, 0, &v);
}

void passage_reading(struct traffic *t, struct passage *p, double kmh, const char *direction,
                     int64_t time_ns)
{
    if (kmh == 0) {
        return; /* nothing moves */
    }
    if (p->open && (strcmp(p->direction, direction) != 0 || time_ns - p->last_ns >= PAUSE_NS)) {
        close_passage(t, p);
    }
    if (!p->open) {
        *p = (struct passage){ .open = 1, .first_ns = time_ns };
        snprintf(p->direction, sizeof p->direction, "%s", direction);
    }
    p->last_ns = time_ns;
    p->highest_kmh = kmh > p->highest_kmh ? kmh : p->highest_kmh;
}

void passage_range(struct passage *p, double range_m)
{
    if (p->open && p->range_m == 0) {
        p->range_m = range_m;
    }
}

void passage_end(struct traffic *t, struct passage *p)
{
    if (p->open) {
        close_passage(t, p);
    }
}

int64_t passage_tick(struct traffic *t, struct passage *p, int64_t now_ns)
{
    if (p->open && now_ns - p->last_ns >= PAUSE_NS) {
        close_passage(t, p);
    }
    return p->open ? p->last_ns + PAUSE_NS : INT64_MAX;
}
