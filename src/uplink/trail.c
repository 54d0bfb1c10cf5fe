/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * before and after: see trail.h.
 */
#include "uplink/trail.h"

#include <string.h>

void trail_start(struct trail *trail, uint64_t sent_epoch, const struct ranges *ranges)
{
    trail->ranges = *ranges;
    trail->epoch_count = 0;
    trail->sent_epoch = sent_epoch;
}

void trail_hole(struct trail *trail, struct range range)
{
    ranges_add(&trail->ranges, range);
}

void trail_epoch_end(struct trail *trail, struct trail_epoch epoch)
{
    if (trail->epoch_count == TRAIL_EPOCHS) {
        memmove(trail->epochs, trail->epochs + 1, (TRAIL_EPOCHS - 1) * sizeof *trail->epochs);
        trail->epoch_count--;
    }
    trail->epochs[trail->epoch_count++] = epoch;
}

/* The ranges of one epoch, from *at on in the view. */
static size_t collect(const struct trail *trail, uint64_t epoch, struct json_range *to)
{
    size_t n = 0;
    for (size_t i = 0; i < trail->ranges.count; i++) {
        const struct range *r = &trail->ranges.range[i];
        if (r->epoch == epoch) {
            to[n++] = (struct json_range){ r->first, r->last, why_name(r->why) };
        }
    }
    return n;
}

void trail_fill(const struct trail *trail, struct trail_view *view, struct json_record *record)
{
    size_t used = collect(trail, record->epoch, view->ranges);
    record->proof = true;
    record->before = view->ranges;
    record->before_count = used;
    record->first_of_epoch = record->epoch != trail->sent_epoch;
    record->after = view->epochs;
    record->after_count = 0;
    for (size_t i = 0; record->first_of_epoch && i < trail->epoch_count; i++) {
        const struct trail_epoch *e = &trail->epochs[i];
        struct json_epoch *to = &view->epochs[record->after_count++];
        *to = (struct json_epoch){ .epoch = e->epoch,
                                   .last = e->last,
                                   .clean = e->clean,
                                   .damage = e->damage,
                                   .has_until = e->has_until,
                                   .until = e->until,
                                   .before = view->ranges + used };
        to->before_count = collect(trail, e->epoch, view->ranges + used);
        used += to->before_count;
    }
}

void trail_sent(struct trail *trail, uint64_t epoch)
{
    trail->ranges.count = 0;
    trail->epoch_count = 0;
    trail->sent_epoch = epoch;
}
