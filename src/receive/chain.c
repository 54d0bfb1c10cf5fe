/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The chain of epochs: what a record says in `after` about the epochs before its own. Called by
 * verify.c before the record's own number counts. Epochs are ordered by this, not by their value.
 */
#include "receive/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NUMBER_MAX ((uint64_t)1 << 53)

/* We were away at the end of the epoch: what we do not have of it may have come then. */
static int doubt_end(struct epoch *epoch)
{
    if (!epoch->away || !epoch->last_known || (epoch->outside && !epoch->seen)) {
        return 0;
    }
    return epoch_doubt(epoch, epoch->high + 1, epoch->last);
}

/* One epoch of a row goes to its new place. */
static int move_epoch(struct stream *stream, size_t from, size_t to, bool outside)
{
    struct epoch *epoch = stream->epochs[from];

    memmove(&stream->epochs[to + 1], &stream->epochs[to], (from - to) * sizeof(struct epoch *));
    stream->epochs[to] = epoch;
    epoch->outside = outside;
    if (outside) {
        epoch->early = epoch->seen ? epoch->start : 0;
        epoch->start = 0;
        stream->early = true;
        return 0;
    }
    epoch->away = to > 0 && stream->epochs[to - 1]->away;
    return doubt_end(epoch);
}

/* Where an epoch stands is only a guess as long as nothing ties it to those before: a receiver that
 * begins in the middle, or was away, may see the sender go back to older ones. Such a row of
 * epochs begins with one marked `loose`. Now an `after` lists the one at `index` before the one at
 * `next`: if the row lies behind, it moves there. 1, 0: it does not, or -ENOMEM. */
static int move_row(struct stream *stream, size_t next, size_t index)
{
    size_t anchor = 0;
    size_t begin = index;
    bool outside;

    while (begin > next && !stream->epochs[begin]->loose) {
        begin--;
    }
    if (begin == next) {
        return 0;
    }
    outside = stream_epoch(stream, stream->anchor_epoch, &anchor) != NULL && next <= anchor;
    stream->epochs[begin]->loose = false;
    stream->epochs[begin]->unannounced = false;
    for (size_t i = begin; i <= index; i++) {
        int error = move_epoch(stream, i, next++, outside);

        if (error < 0) {
            return error;
        }
    }
    return 1;
}

/* The epoch an entry speaks of, which stands before the one with `next_id`; made if it is new.
 * NULL in ret_epoch: the entry is refused. 0 or -ENOMEM. */
static int find_named(struct verify *verify, struct stream *stream, const struct record *record,
                      uint64_t id, uint64_t next_id, int64_t now_ms, struct epoch **ret_epoch)
{
    size_t next = 0;
    size_t index = 0;
    struct epoch *epoch = stream_epoch(stream, id, &index);

    *ret_epoch = NULL;
    if (stream_epoch(stream, next_id, &next) == NULL) {
        return 0; /* forgotten, it is so long ago */
    }
    if (epoch != NULL) {
        int moved = index > next ? move_row(stream, next, index) : 0;

        if (index < next || moved != 0) {
            *ret_epoch = epoch;
            return moved < 0 ? moved : 0;
        }
        verify_fault(verify, stream, stream_epoch(stream, record->epoch, NULL), FAULT_CHAIN, now_ms,
                     "the \"after\" of record %" PRIu64 " names epoch %" PRIu64 ", %s", record->seq,
                     id,
                     id == record->epoch        ? "its own"
                     : next_id == record->epoch ? "which came later"
                                                : "out of order");
        if (stream_epoch(stream, record->epoch, &next) != NULL && index < next) {
            *ret_epoch = epoch; /* how it ended is said all the same */
        }
        return 0;
    }
    if (next == 0 && stream->epoch_count == VERIFY_EPOCHS_MAX) {
        return 0; /* no room before the oldest */
    }
    epoch = stream_insert(stream, next, id);
    if (epoch == NULL) {
        return -ENOMEM;
    }
    *ret_epoch = epoch;
    return 0;
}

/* What an entry says must fit together, and with what was said before: nothing is ever above a
 * clean end. */
static void check_end(struct verify *verify, const struct stream *stream, const struct epoch *epoch,
                      const struct ended *ended, const struct record *record, int64_t now_ms)
{
    if (ended->clean && (ended->damage || (!ended->last_known && !record->after_garbled))) {
        verify_fault(verify, stream, epoch, FAULT_END, now_ms,
                     "clean %s, says record %" PRIu64 " of epoch %" PRIu64,
                     ended->damage ? "and damaged at once" : "without a last number", record->seq,
                     record->epoch);
    }
    if (!ended->last_known) {
        return;
    }
    if (epoch->ever_clean &&
        (ended->clean ? ended->last != epoch->clean_last : ended->last > epoch->clean_last)) {
        verify_fault(verify, stream, epoch, FAULT_END, now_ms,
                     "a clean end at %" PRIu64 ", but now it ends at %" PRIu64, epoch->clean_last,
                     ended->last);
    } else if (ended->clean && epoch->last_known && ended->last < epoch->last) {
        verify_fault(verify, stream, epoch, FAULT_END, now_ms,
                     "a clean end at %" PRIu64 ", but it was known up to %" PRIu64, ended->last,
                     epoch->last);
    }
}

static void note_end(struct epoch *epoch, const struct ended *ended)
{
    epoch->named = true;
    epoch->clean = ended->clean;
    epoch->damage = epoch->damage || ended->damage;
    if (!ended->last_known) {
        return;
    }
    epoch->last_known = true;
    epoch->last = ended->last > epoch->last ? ended->last : epoch->last;
    if (ended->clean && !epoch->ever_clean) {
        epoch->ever_clean = true;
        epoch->clean_last = ended->last;
    }
}

void chain_check_clean(struct verify *verify, const struct stream *stream,
                       const struct epoch *epoch, uint64_t number, int64_t now_ms)
{
    if (epoch->ever_clean && number > epoch->clean_last) {
        verify_fault(verify, stream, epoch, FAULT_END, now_ms,
                     "a clean end at %" PRIu64 ", but %" PRIu64 " came", epoch->clean_last, number);
    }
}

/* Every time that it is sent, the first record of an epoch carries `after`. That it comes without
 * one when it comes first is seen elsewhere. */
static void check_first(struct verify *verify, const struct stream *stream,
                        const struct record *record, bool fresh, int64_t now_ms)
{
    size_t index = 0;
    const struct epoch *epoch = stream_epoch(stream, record->epoch, &index);

    if (!fresh && !record->has_after && index > 0 && ranges_lowest(record) == 1) {
        verify_fault(verify, stream, epoch, FAULT_CHAIN, now_ms,
                     "record %" PRIu64 " is the first of its epoch and came without an \"after\"",
                     record->seq);
    }
}

/* The one that stands before the other. */
static uint64_t older(const struct stream *stream, uint64_t one, uint64_t other)
{
    size_t one_index = 0;
    size_t other_index = 0;

    stream_epoch(stream, one, &one_index);
    stream_epoch(stream, other, &other_index);
    return one_index < other_index ? one : other;
}

static int take_entry(struct verify *verify, struct stream *stream, const struct record *record,
                      const struct ended *ended, uint64_t *next_id, int64_t now_ms)
{
    struct epoch *epoch;
    int error;

    if (ended->epoch == 0) {
        return 0; /* garbled, which was said */
    }
    error = find_named(verify, stream, record, ended->epoch, *next_id, now_ms, &epoch);
    if (error < 0 || epoch == NULL) {
        return error;
    }
    *next_id = older(stream, ended->epoch, *next_id);
    check_end(verify, stream, epoch, ended, record, now_ms);
    note_end(epoch, ended);
    chain_check_clean(verify, stream, epoch, epoch->high, now_ms);
    if (epoch->outside && !epoch->seen) {
        return 0; /* nothing of it is to be proved */
    }
    error = ranges_take(verify, stream, epoch, &ended->before,
                        ended->last_known ? ended->last : NUMBER_MAX, record, now_ms);
    if (error == 0) {
        error = doubt_end(epoch);
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
        int error;

        stream->epochs[index]->away = true;
        error = doubt_end(stream->epochs[index]);
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

/* Nothing ties a new epoch to the ones before it: neither it nor what its `after` listed was known.
 */
static void mark_loose(struct stream *stream, const struct record *record, uint64_t oldest_id)
{
    struct epoch *oldest = stream_epoch(stream, oldest_id, NULL);

    if (oldest != NULL && !oldest->outside && record->epoch != stream->anchor_epoch) {
        oldest->loose = true;
    }
}

int chain_take(struct verify *verify, struct stream *stream, const struct record *record,
               bool fresh, int64_t now_ms)
{
    uint64_t next_id = record->epoch;
    bool tied = false;
    int error = 0;

    check_first(verify, stream, record, fresh, now_ms);
    for (size_t i = record->after_count; error == 0 && i-- > 0;) { /* from the newest back */
        const struct ended *ended = &record->after[i];

        if (is_listed_twice(record, i)) {
            verify_fault(verify, stream, stream_epoch(stream, record->epoch, NULL), FAULT_CHAIN,
                         now_ms,
                         "the \"after\" of record %" PRIu64 " names epoch %" PRIu64 " twice",
                         record->seq, ended->epoch);
            continue;
        }
        tied = tied || stream_epoch(stream, ended->epoch, NULL) != NULL;
        error = take_entry(verify, stream, record, ended, &next_id, now_ms);
    }
    if (error == 0 && fresh && !tied) {
        mark_loose(stream, record, next_id);
    }
    if (error == 0 && fresh && stream->doubt) {
        error = doubt_between(stream, record);
    }
    return error;
}
