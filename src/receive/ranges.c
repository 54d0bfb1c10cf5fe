/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a list of ranges says, and whether it may say so. See verify.h. Called by verify.c for
 * `before`, and by chain.c for those in `after`.
 */
#include "receive/verify.h"

#include <errno.h>
#include <inttypes.h>

static bool range_is_valid(const struct range *range, uint64_t limit)
{
    return range->why != WHY_INVALID && range->first >= 1 && range->first <= range->last &&
           range->last <= limit;
}

uint64_t ranges_lowest(const struct record *record)
{
    uint64_t low = record->seq;

    for (size_t i = 0; i < record->before.count; i++) {
        const struct range *range = &record->before.list[i];

        if (range_is_valid(range, record->seq - 1) && range->first < low) {
            low = range->first;
        }
    }
    return low;
}

static int take_range(struct verify *verify, const struct stream *stream, struct epoch *epoch,
                      const struct range *range, uint64_t limit, const struct record *carrier,
                      int64_t now_ms)
{
    if (!range_is_valid(range, limit)) {
        verify_fault(verify, stream, epoch, FAULT_RANGE, now_ms,
                     "record %" PRIu64 " of epoch %" PRIu64 " covers %" PRIu64 "..%" PRIu64 " (%s)",
                     carrier->seq, carrier->epoch, range->first, range->last, why_name(range->why));
        return 0;
    }
    return epoch_tell(epoch, range->first, range->last, range->why);
}

/* The first part that two ranges of the list cover. False: there is none. -ENOMEM in ret_error. */
static bool find_overlap(const struct ranges *ranges, uint64_t limit, struct interval *ret_part,
                         int *ret_error)
{
    struct intervals set = { 0 };
    bool found = false;

    *ret_error = 0;
    for (size_t i = 0; i < ranges->count && ranges->count > 1 && !found && *ret_error == 0; i++) {
        const struct range *range = &ranges->list[i];

        if (range_is_valid(range, limit)) {
            found = intervals_overlap(&set, range->first, range->last, ret_part);
            *ret_error = intervals_add(&set, range->first, range->last);
        }
    }
    intervals_finish(&set);
    return found;
}

int ranges_take(struct verify *verify, const struct stream *stream, struct epoch *epoch,
                const struct ranges *ranges, uint64_t limit, const struct record *carrier,
                int64_t now_ms)
{
    struct interval part;
    int error;

    if (find_overlap(ranges, limit, &part, &error)) {
        verify_fault(verify, stream, epoch, FAULT_RANGE, now_ms,
                     "record %" PRIu64 " of epoch %" PRIu64 " covers %" PRIu64 "..%" PRIu64
                     " twice",
                     carrier->seq, carrier->epoch, part.first, part.last);
    }
    for (size_t i = 0; error == 0 && i < ranges->count; i++) {
        error = take_range(verify, stream, epoch, &ranges->list[i], limit, carrier, now_ms);
    }
    return error;
}

bool ranges_fit(const struct record *record)
{
    struct intervals set = { 0 };
    bool fit;

    for (size_t i = 0; i < record->before.count; i++) {
        const struct range *range = &record->before.list[i];

        if (range_is_valid(range, record->seq - 1) &&
            intervals_add(&set, range->first, range->last) < 0) {
            break;
        }
    }
    fit = set.count == 0 || (set.count == 1 && set.list[0].last == record->seq - 1);
    intervals_finish(&set);
    return fit;
}
