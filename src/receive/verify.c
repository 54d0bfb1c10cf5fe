/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See verify.h. One record passes three steps: its epoch (new or known), what it says about
 * earlier epochs (chain.c), then its number and ranges.
 */
#include "receive/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- one record ---- */

/* The lowest number that the record accounts for. */
static uint64_t lowest(const struct record *record)
{
    return record->has_after ? 1 : ranges_lowest(record);
}

/* Where a new epoch belongs: at the end, or right behind the newest of those that `after` lists, if
 * what stands there now has no sure place itself. */
static size_t place(const struct stream *stream, const struct record *record)
{
    for (size_t i = record->after_count; i-- > 0;) {
        size_t anchor = 0;
        size_t index;

        if (stream_epoch(stream, record->after[i].epoch, &index) == NULL) {
            continue;
        }
        stream_epoch(stream, stream->anchor_epoch, &anchor);
        if (index + 1 < stream->epoch_count &&
            (index < anchor || stream->epochs[index]->away || stream->epochs[index + 1]->loose)) {
            return index + 1;
        }
        break;
    }
    return stream->epoch_count;
}

/* The first record of an epoch: where does the epoch begin, and may it begin like this? */
static int enter(struct stream *stream, const struct record *record, int64_t now_ms,
                 bool *ret_fresh)
{
    struct epoch *epoch = stream_epoch(stream, record->epoch, NULL);
    bool known = epoch != NULL;
    int error = 0;

    if (known && epoch->seen) {
        *ret_fresh = false;
        return 0;
    }
    if (!known) {
        epoch = stream_insert(stream, place(stream, record), record->epoch);
        if (epoch == NULL) {
            return -ENOMEM;
        }
    }
    epoch->start = 1;
    if (stream->anchor_epoch == 0) {
        stream->anchor_epoch = record->epoch;
        stream->anchor_seq = record->seq;
        epoch->start = lowest(record);
    } else if (epoch->outside) {
        epoch->start = 0; /* begin_earlier() sees to it */
    } else if (!known && !record->has_after) {
        if (stream->doubt) {
            error = epoch_doubt(epoch, 1, lowest(record) - 1);
        } else {
            epoch->unannounced = true; /* unless it turns out to be an earlier one: chain.c */
            epoch->start = lowest(record);
        }
    }
    epoch->seen = true;
    epoch->seen_ms = now_ms;
    *ret_fresh = true;
    return error;
}

/* A sender may repeat records from before the beginning: then it began earlier. */
static bool is_before_anchor(const struct stream *stream, size_t index, uint64_t seq)
{
    size_t anchor = 0;

    if (stream_epoch(stream, stream->anchor_epoch, &anchor) == NULL) {
        return false; /* long ago */
    }
    return index < anchor || (index == anchor && seq < stream->anchor_seq);
}

static uint64_t lower(uint64_t start, uint64_t low)
{
    return start == 0 || low < start ? low : start;
}

/* Before the beginning nothing is to be proved until the sender has come all the way back to it. */
static void begin_earlier(struct stream *stream, size_t index, const struct record *record)
{
    struct epoch *epoch = stream->epochs[index];

    if (is_before_anchor(stream, index, record->seq)) {
        epoch->early = lower(epoch->early, lowest(record));
        stream->early = true;
        return;
    }
    if (epoch->id == stream->anchor_epoch) {
        epoch->start = lower(epoch->start, lowest(record));
    }
    for (size_t i = 0; stream->early && i < stream->epoch_count; i++) {
        if (stream->epochs[i]->early != 0) {
            stream->epochs[i]->start = lower(stream->epochs[i]->start, stream->epochs[i]->early);
            stream->epochs[i]->early = 0;
        }
    }
    stream->early = false;
}

/* A record above all others of its epoch: what lies between is told, in doubt, or a hole. */
static int check_below(struct verify *verify, struct stream *stream, struct epoch *epoch,
                       const struct record *record, int64_t now_ms)
{
    uint64_t from = epoch->high + 1 > epoch->start ? epoch->high + 1 : epoch->start;
    struct interval hole;

    if (epoch->start == 0 || from >= record->seq ||
        !intervals_gap(&epoch->have, from, record->seq - 1, &hole)) {
        return 0;
    }
    if ((stream->doubt || epoch->away) && !record->has_after) {
        return epoch_doubt(epoch, from, record->seq - 1);
    }
    if (record->before.count > 0 && !ranges_fit(record)) {
        verify_fault(verify, stream, epoch, FAULT_RANGE, now_ms,
                     "the ranges of record %" PRIu64 " leave %" PRIu64 "..%" PRIu64 " open",
                     record->seq, hole.first, hole.last);
    }
    do {
        epoch_notice(epoch, hole, now_ms);
        from = hole.last + 1;
    } while (from < record->seq && intervals_gap(&epoch->have, from, record->seq - 1, &hole));
    return 0;
}

/* Told as not meant to come, and here it is: another uplink of the gateway sends it, and each keeps
 * its order only for itself. */
static bool is_from_another(enum why why)
{
    return why == WHY_FILTER || why == WHY_EARLIER;
}

/* `why` the number was told not to come, if it was. */
static void check_order(struct verify *verify, const struct stream *stream, size_t index,
                        const struct record *record, enum why why, int64_t now_ms)
{
    const struct epoch *epoch = stream->epochs[index];
    bool in_newest = index + 1 == stream->epoch_count;

    if ((in_newest && record->seq > epoch->high) || is_before_anchor(stream, index, record->seq) ||
        intervals_has(&epoch->unsure, record->seq) || epoch->away || is_from_another(why) ||
        (epoch->named && !epoch->last_known)) {
        return; /* in order, or not for us to say */
    }
    if (record->seq < epoch->high) {
        verify_fault(verify, stream, epoch, FAULT_REORDERED, now_ms,
                     "%" PRIu64 " came after %" PRIu64, record->seq, epoch->high);
    } else {
        verify_fault(verify, stream, epoch, FAULT_REORDERED, now_ms,
                     "%" PRIu64 " came after a record of epoch %" PRIu64, record->seq,
                     stream->epochs[stream->epoch_count - 1]->id);
    }
}

static void repeat(struct verify *verify, const struct stream *stream, struct epoch *epoch,
                   const struct record *record, int64_t now_ms)
{
    switch (marks_compare(&epoch->marks, record->seq, &record->content)) {
    case MARKS_SAME:
        epoch->repeats++;
        break;
    case MARKS_FORGOTTEN:
        epoch->repeats++;
        epoch->not_compared++;
        break;
    case MARKS_OTHER:
        verify_fault(verify, stream, epoch, FAULT_DOUBLED, now_ms,
                     "%" PRIu64 " came again with other content", record->seq);
        break;
    }
}

/* A number that is here for the first time; `why` it was told not to come, if it was. */
static int arrive(struct verify *verify, struct stream *stream, size_t index,
                  const struct record *record, enum why why, int64_t now_ms)
{
    struct epoch *epoch = stream->epochs[index];
    int error = 0;

    check_order(verify, stream, index, record, why, now_ms);
    chain_check_clean(verify, stream, epoch, record->seq, now_ms);
    if (record->seq > epoch->high) {
        error = check_below(verify, stream, epoch, record, now_ms);
        epoch->high = record->seq;
        if (index + 1 == stream->epoch_count) {
            stream->doubt = false;
        }
    }
    epoch->records++;
    untrusted_count(&epoch->untrusted, &record->stamp);
    if (error == 0) {
        error = intervals_add(&epoch->have, record->seq, record->seq);
    }
    if (error == 0 && index + VERIFY_MARKED_MAX >= stream->epoch_count) {
        error = marks_put(&epoch->marks, record->seq, &record->content);
    }
    return error;
}

static int take_number(struct verify *verify, struct stream *stream, const struct record *record,
                       int64_t now_ms)
{
    size_t index = 0;
    struct epoch *epoch = stream_epoch(stream, record->epoch, &index);
    bool have = intervals_has(&epoch->have, record->seq);
    enum why why = have ? epoch_told(epoch, record->seq) : WHY_INVALID;
    int error = 0;

    begin_earlier(stream, index, record);
    error = ranges_take(verify, stream, epoch, &record->before, record->seq - 1, record, now_ms);
    if (error == 0 && why != WHY_INVALID) {
        error = epoch_untell(epoch, record->seq, why);
    }
    if (error < 0) {
        return error;
    }
    if (have && why == WHY_INVALID) {
        repeat(verify, stream, epoch, record, now_ms);
    } else {
        error = arrive(verify, stream, index, record, why, now_ms);
    }
    return error < 0 ? error : epoch_trim(epoch);
}

static void check_shape(struct verify *verify, const struct stream *stream,
                        const struct record *record, int64_t now_ms)
{
    const struct epoch *epoch = stream_epoch(stream, record->epoch, NULL);

    if (record->before_garbled) {
        verify_fault(verify, stream, epoch, FAULT_RANGE, now_ms,
                     "the \"before\" of record %" PRIu64 " cannot be read", record->seq);
    }
    if (record->after_garbled) {
        verify_fault(verify, stream, epoch, FAULT_CHAIN, now_ms,
                     "the \"after\" of record %" PRIu64 " cannot be read", record->seq);
    }
    if (record->complaint[0] != '\0') {
        verify_fault(verify, stream, epoch, FAULT_CONTENT, now_ms, "record %" PRIu64 " %s",
                     record->seq, record->complaint);
    }
}

/* The event's own epoch is of the same start of the gateway as the one it speaks of: the offset is
 * the same, which repairs the events that came before it. */
static int note_clock(struct verify *verify, const struct record *record)
{
    const struct clock_word *word = &record->clock_word;
    int error;

    if (!word->is_one) {
        return 0;
    }
    error = clocks_note(&verify->clocks, record->gateway, word->of_bus == NULL ? "" : word->of_bus,
                        word->of_epoch, word->offset_us);
    return error < 0 ? error
                     : clocks_note(&verify->clocks, record->gateway, record->bus, record->epoch,
                                   word->offset_us);
}

int verify_record(struct verify *verify, const struct record *record, int64_t now_ms)
{
    struct stream *stream;
    bool fresh = false;
    int error = verify_stream(verify, record->gateway, record->bus, &stream);

    if (error == -ENOSPC) {
        verify_note(verify, FAULT_STREAMS, now_ms, "not followed: too many gateways and buses");
        return 0;
    }
    if (error == 0) {
        error = note_clock(verify, record);
    }
    if (error < 0) {
        return error;
    }
    error = enter(stream, record, now_ms, &fresh);
    if (error == 0) {
        verify->begun += fresh ? 1 : 0;
        check_shape(verify, stream, record, now_ms);
        error = chain_take(verify, stream, record, fresh, now_ms);
    }
    return error < 0 ? error : take_number(verify, stream, record, now_ms);
}

/* ---- absences and the verdict ---- */

void verify_away(struct verify *verify, int64_t now_ms)
{
    if (verify->away_since_ms == 0) {
        verify->away_since_ms = now_ms;
        verify->absences.count++;
    }
}

void verify_doubt(struct verify *verify)
{
    for (size_t i = 0; i < verify->stream_count; i++) {
        verify->streams[i]->doubt = true;
    }
}

void verify_back(struct verify *verify, bool kept, int64_t now_ms)
{
    int64_t away_ms = now_ms - verify->away_since_ms;

    if (verify->away_since_ms == 0) {
        return;
    }
    verify->away_since_ms = 0;
    if (away_ms > 0) {
        verify->absences.total_ms += away_ms;
        if (away_ms > verify->absences.longest_ms) {
            verify->absences.longest_ms = away_ms;
        }
    }
    if (kept) {
        verify->absences.kept++;
    } else {
        verify_doubt(verify);
    }
}

enum verdict verify_verdict(const struct verify *verify, const struct sum *sum)
{
    if (sum->missing > 0 || sum->unknown_ends > 0 || sum->unannounced > 0 ||
        verify_fault_total(verify) > 0) {
        return VERDICT_FAILED;
    }
    if (sum->unsure > 0 || sum->unsure_ends > 0) {
        return VERDICT_CANNOT_KNOW;
    }
    return sum->records == 0 ? VERDICT_EMPTY : VERDICT_OK;
}
