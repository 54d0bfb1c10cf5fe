/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The chain of epochs: what a record says in `after` about the epochs before its own. Called by
 * verify.c before the record's own number counts. Epochs are ordered by this, not by their value.
 */
#include "receive/verify.h"

#include <errno.h>
#include <inttypes.h>

#define NUMBER_MAX ((uint64_t)1 << 53)

/* The epoch an entry speaks of; made if it is new, right before that of the record. NULL in
 * ret_epoch: the entry is refused. 0 or -ENOMEM. */
static int find_named(struct verify *verify, struct stream *stream, const struct record *record,
                      uint64_t id, int64_t now_ms, struct epoch **ret_epoch)
{
    size_t own = 0;
    size_t anchor = 0;
    size_t index = 0;
    struct epoch *carrier = stream_epoch(stream, record->epoch, &own);
    struct epoch *epoch = stream_epoch(stream, id, &index);

    *ret_epoch = NULL;
    if (epoch != NULL && index >= own) {
        verify_fault(verify, stream, carrier, FAULT_CHAIN, now_ms,
                     "the \"after\" of record %" PRIu64 " names epoch %" PRIu64 ", %s", record->seq,
                     id, index == own ? "its own" : "which came later");
        return 0;
    }
    if (epoch == NULL) {
        bool has_anchor = stream_epoch(stream, stream->anchor_epoch, &anchor) != NULL;

        if (own == 0 && stream->epoch_count == VERIFY_EPOCHS_MAX) {
            return 0; /* no room before the oldest */
        }
        epoch = stream_insert(stream, own, id);
        if (epoch == NULL) {
            return -ENOMEM;
        }
        epoch->outside = has_anchor && own <= anchor;
        epoch->start = epoch->outside ? 0 : 1;
    }
    *ret_epoch = epoch;
    return 0;
}

static int take_entry(struct verify *verify, struct stream *stream, const struct record *record,
                      const struct ended *ended, int64_t now_ms)
{
    struct epoch *epoch;
    int error;

    if (ended->epoch == 0) {
        return 0; /* garbled, which was said */
    }
    error = find_named(verify, stream, record, ended->epoch, now_ms, &epoch);
    if (error < 0 || epoch == NULL) {
        return error;
    }
    epoch->named = true;
    epoch->clean = ended->clean;
    epoch->damage = epoch->damage || ended->damage;
    if (ended->last_known) {
        epoch->last_known = true;
        epoch->last = ended->last > epoch->last ? ended->last : epoch->last;
    }
    if (epoch->clean && epoch->last_known && epoch->high > epoch->last) {
        verify_fault(verify, stream, epoch, FAULT_END, now_ms,
                     "a clean end at %" PRIu64 ", but %" PRIu64 " was there", epoch->last,
                     epoch->high);
    }
    if (epoch->outside && !epoch->seen) {
        return 0; /* nothing of it is to be proved */
    }
    for (size_t i = 0; error == 0 && i < ended->before.count; i++) {
        error = verify_range(verify, stream, epoch, &ended->before.list[i],
                             ended->last_known ? ended->last : NUMBER_MAX, record, now_ms);
    }
    return error < 0 ? error : epoch_trim(epoch);
}

/* The first new record after an absence is in a new epoch: what came between is not known, from
 * the newest epoch that was seen before up to this one. */
static int doubt_between(struct stream *stream, const struct record *record)
{
    size_t own = 0;
    size_t index;

    stream_epoch(stream, record->epoch, &own);
    index = own;
    while (index > 0 && !stream->epochs[index - 1]->seen) {
        index--;
    }
    for (index = index > 0 ? index - 1 : 0; index < own; index++) {
        struct epoch *epoch = stream->epochs[index];
        int error = 0;

        if (!epoch->named) {
            epoch->end_unsure = true;
        } else if (epoch->last_known && (epoch->seen || !epoch->outside)) {
            error = epoch_doubt(epoch, epoch->high + 1, epoch->last);
        }
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

static bool is_listed_twice(const struct record *record, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (record->after[i].epoch == record->after[index].epoch) {
            return true;
        }
    }
    return false;
}

int chain_take(struct verify *verify, struct stream *stream, const struct record *record,
               bool fresh, int64_t now_ms)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < record->after_count; i++) {
        if (is_listed_twice(record, i)) {
            verify_fault(verify, stream, stream_epoch(stream, record->epoch, NULL), FAULT_CHAIN,
                         now_ms,
                         "the \"after\" of record %" PRIu64 " names epoch %" PRIu64 " twice",
                         record->seq, record->after[i].epoch);
            continue;
        }
        error = take_entry(verify, stream, record, &record->after[i], now_ms);
    }
    if (error == 0 && fresh && stream->doubt) {
        error = doubt_between(stream, record);
    }
    return error;
}
