/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See verify.h. One record passes three steps: its epoch (new or known), what it says about
 * earlier epochs (chain.c), then its number and ranges.
 */
#include "receive/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fault_names[FAULT_COUNT] = {
    [FAULT_DOUBLED] = "doubled",      [FAULT_REORDERED] = "reordered",
    [FAULT_RANGE] = "wrong range",    [FAULT_CHAIN] = "broken chain",
    [FAULT_END] = "wrong end",        [FAULT_BROKEN] = "broken record",
    [FAULT_STREAMS] = "not followed",
};

const char *fault_name(enum fault fault)
{
    return fault_names[fault];
}

struct verify *verify_create(void)
{
    return calloc(1, sizeof(struct verify));
}

static void stream_destroy(struct stream *stream)
{
    if (stream == NULL) {
        return;
    }
    for (size_t i = 0; i < stream->epoch_count; i++) {
        epoch_destroy(stream->epochs[i]);
    }
    free(stream->epochs);
    free(stream->gateway);
    free(stream->bus);
    free(stream);
}

void verify_destroy(struct verify *verify)
{
    if (verify == NULL) {
        return;
    }
    for (size_t i = 0; i < verify->stream_count; i++) {
        stream_destroy(verify->streams[i]);
    }
    free(verify->streams);
    free(verify);
}

/* ---- faults ---- */

static void note(struct verify *verify, enum fault fault, int64_t now_ms, const char *text)
{
    struct fault_note *new_note;

    for (size_t i = 0; i < verify->fault_count; i++) {
        if (strcmp(verify->faults[i].text, text) == 0) {
            return; /* a repeat of the faulty record */
        }
    }
    verify->fault_counts[fault]++;
    if (verify->fault_count == VERIFY_FAULTS_MAX) {
        return;
    }
    new_note = &verify->faults[verify->fault_count++];
    new_note->fault = fault;
    new_note->at_ms = now_ms;
    snprintf(new_note->text, sizeof(new_note->text), "%s", text);
}

void verify_fault(struct verify *verify, const struct stream *stream, const struct epoch *epoch,
                  enum fault fault, int64_t now_ms, const char *format, ...)
{
    char text[256];
    int length = snprintf(text, sizeof(text), "%s/%s epoch %" PRIu64 ": %s: ", stream->gateway,
                          stream->bus, epoch->id, fault_names[fault]);
    va_list args;

    va_start(args, format);
    vsnprintf(text + length, sizeof(text) - (size_t)length, format, args);
    va_end(args);
    note(verify, fault, now_ms, text);
}

void verify_broken(struct verify *verify, const char *topic, const char *what, int64_t now_ms)
{
    char text[256];

    snprintf(text, sizeof(text), "%s: on %.128s: %s", fault_names[FAULT_BROKEN], topic, what);
    note(verify, FAULT_BROKEN, now_ms, text);
}

/* ---- streams and epochs ---- */

static struct stream *stream_create(const char *gateway, const char *bus)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        return NULL;
    }
    stream->gateway = strdup(gateway);
    stream->bus = strdup(bus);
    if (stream->gateway == NULL || stream->bus == NULL) {
        stream_destroy(stream);
        return NULL;
    }
    return stream;
}

static bool is_stream(const struct stream *stream, const char *gateway, const char *bus)
{
    return strcmp(stream->bus, bus) == 0 && strcmp(stream->gateway, gateway) == 0;
}

static struct stream *find_stream(struct verify *verify, const char *gateway, const char *bus)
{
    if (verify->recent != NULL && is_stream(verify->recent, gateway, bus)) {
        return verify->recent;
    }
    for (size_t i = 0; i < verify->stream_count; i++) {
        if (is_stream(verify->streams[i], gateway, bus)) {
            verify->recent = verify->streams[i];
            return verify->recent;
        }
    }
    return NULL;
}

int verify_stream(struct verify *verify, const char *gateway, const char *bus,
                  struct stream **ret_stream)
{
    struct stream *stream = find_stream(verify, gateway, bus);
    struct stream **list;

    if (stream != NULL) {
        *ret_stream = stream;
        return 0;
    }
    if (verify->stream_count == VERIFY_STREAMS_MAX) {
        return -ENOSPC;
    }
    list = realloc(verify->streams, (verify->stream_count + 1) * sizeof(struct stream *));
    if (list == NULL) {
        return -ENOMEM;
    }
    verify->streams = list;
    stream = stream_create(gateway, bus);
    if (stream == NULL) {
        return -ENOMEM;
    }
    verify->streams[verify->stream_count++] = stream;
    verify->recent = stream;
    *ret_stream = stream;
    return 0;
}

struct epoch *stream_epoch(const struct stream *stream, uint64_t id, size_t *ret_index)
{
    for (size_t i = stream->epoch_count; i > 0; i--) {
        if (stream->epochs[i - 1]->id == id) {
            if (ret_index != NULL) {
                *ret_index = i - 1;
            }
            return stream->epochs[i - 1];
        }
    }
    return NULL;
}

/* Forgets the oldest epoch, but not its sums. */
static void fold(struct stream *stream)
{
    epoch_sum(stream->epochs[0], stream->epoch_count == 1, &stream->folded);
    stream->folded_count++;
    epoch_destroy(stream->epochs[0]);
    stream->epoch_count--;
    memmove(&stream->epochs[0], &stream->epochs[1],
            stream->epoch_count * sizeof(struct epoch *));
}

struct epoch *stream_insert(struct stream *stream, size_t index, uint64_t id)
{
    struct epoch *epoch = epoch_create(id);
    struct epoch **list;

    if (epoch == NULL) {
        return NULL;
    }
    if (stream->epoch_count == VERIFY_EPOCHS_MAX) {
        fold(stream);
        index = index > 0 ? index - 1 : 0;
    }
    list = realloc(stream->epochs, (stream->epoch_count + 1) * sizeof(struct epoch *));
    if (list == NULL) {
        epoch_destroy(epoch);
        return NULL;
    }
    stream->epochs = list;
    memmove(&list[index + 1], &list[index], (stream->epoch_count - index) * sizeof(struct epoch *));
    list[index] = epoch;
    stream->epoch_count++;
    if (stream->epoch_count > VERIFY_MARKED_MAX) {
        marks_finish(&list[stream->epoch_count - VERIFY_MARKED_MAX - 1]->marks);
    }
    return epoch;
}

/* ---- one record ---- */

static bool range_is_valid(const struct range *range, uint64_t limit)
{
    return range->why != WHY_INVALID && range->first >= 1 && range->first <= range->last &&
           range->last <= limit;
}

/* The lowest number that the record accounts for: itself or the first of its ranges. */
static uint64_t lowest(const struct record *record)
{
    uint64_t low = record->has_after ? 1 : record->seq;

    for (size_t i = 0; i < record->before.count; i++) {
        const struct range *range = &record->before.list[i];

        if (range_is_valid(range, record->seq - 1) && range->first < low) {
            low = range->first;
        }
    }
    return low;
}

int verify_range(struct verify *verify, const struct stream *stream, struct epoch *epoch,
                 const struct range *range, uint64_t limit, const struct record *carrier,
                 int64_t now_ms)
{
    if (!range_is_valid(range, limit)) {
        verify_fault(verify, stream, epoch, FAULT_RANGE, now_ms,
                     "record %" PRIu64 " of epoch %" PRIu64 " covers %" PRIu64 "..%" PRIu64
                     " (%s)",
                     carrier->seq, carrier->epoch, range->first, range->last,
                     why_name(range->why));
        return 0;
    }
    return epoch_tell(epoch, range->first, range->last, range->why);
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
        epoch = stream_insert(stream, stream->epoch_count, record->epoch);
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

/* Do the ranges fit the hole below the record: side by side, ending right below it? */
static bool ranges_fit(const struct record *record)
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

/* A record above all others of its epoch: what lies between is told, in doubt, or a hole. */
static int check_below(struct verify *verify, struct stream *stream, struct epoch *epoch,
                       const struct record *record, int64_t now_ms)
{
    uint64_t from = epoch->high + 1 > epoch->start ? epoch->high + 1 : epoch->start;
    struct interval hole;

    if (epoch->start == 0 || from >= record->seq || !intervals_gap(&epoch->have, from, record->seq - 1, &hole)) {
        return 0;
    }
    if (stream->doubt && !record->has_after) {
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
    } while (from < record->seq &&
             intervals_gap(&epoch->have, from, record->seq - 1, &hole));
    return 0;
}

static void check_order(struct verify *verify, const struct stream *stream, size_t index,
                        const struct record *record, int64_t now_ms)
{
    const struct epoch *epoch = stream->epochs[index];
    bool in_newest = index + 1 == stream->epoch_count;

    if ((in_newest && record->seq > epoch->high) ||
        is_before_anchor(stream, index, record->seq) ||
        intervals_has(&epoch->unsure, record->seq) || epoch->end_unsure ||
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

/* A number that is here for the first time. */
static int arrive(struct verify *verify, struct stream *stream, size_t index,
                  const struct record *record, int64_t now_ms)
{
    struct epoch *epoch = stream->epochs[index];
    int error = 0;

    check_order(verify, stream, index, record, now_ms);
    if (record->seq > epoch->high) {
        error = check_below(verify, stream, epoch, record, now_ms);
        epoch->high = record->seq;
        if (index + 1 == stream->epoch_count) {
            stream->doubt = false;
        }
    }
    epoch->records++;
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
    for (size_t i = 0; error == 0 && i < record->before.count; i++) {
        error = verify_range(verify, stream, epoch, &record->before.list[i], record->seq - 1,
                             record, now_ms);
    }
    if (error == 0 && why != WHY_INVALID) {
        error = epoch_untell(epoch, record->seq, why);
    }
    if (error < 0) {
        return error;
    }
    if (have && why == WHY_INVALID) {
        repeat(verify, stream, epoch, record, now_ms);
    } else {
        error = arrive(verify, stream, index, record, now_ms);
    }
    return error < 0 ? error : epoch_trim(epoch);
}

int verify_record(struct verify *verify, const struct record *record, int64_t now_ms)
{
    struct stream *stream;
    bool fresh = false;
    int error = verify_stream(verify, record->gateway, record->bus, &stream);

    if (error == -ENOSPC) {
        note(verify, FAULT_STREAMS, now_ms, "not followed: too many gateways and buses");
        return 0;
    }
    if (error < 0) {
        return error;
    }
    error = enter(stream, record, now_ms, &fresh);
    if (error == 0 && record->garbled) {
        verify_fault(verify, stream, stream_epoch(stream, record->epoch, NULL), FAULT_RANGE, now_ms,
                     "the \"before\" or \"after\" of record %" PRIu64 " cannot be read",
                     record->seq);
    }
    if (error == 0) {
        error = chain_take(verify, stream, record, fresh, now_ms);
    }
    return error < 0 ? error : take_number(verify, stream, record, now_ms);
}

/* ---- absences and sums ---- */

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

static void add_sum(struct sum *sum, const struct sum *more)
{
    sum->records += more->records;
    sum->repeats += more->repeats;
    sum->not_compared += more->not_compared;
    sum->missing += more->missing;
    sum->unsure += more->unsure;
    sum->lost += more->lost;
    sum->unknown_ends += more->unknown_ends;
    sum->unsure_ends += more->unsure_ends;
    sum->unclean_ends += more->unclean_ends;
    sum->unannounced += more->unannounced;
    for (int i = 0; i < WHY_COUNT; i++) {
        sum->told[i] += more->told[i];
    }
}

struct sum verify_sum(const struct verify *verify)
{
    struct sum sum = { .streams = verify->stream_count };

    for (size_t i = 0; i < verify->stream_count; i++) {
        const struct stream *stream = verify->streams[i];

        add_sum(&sum, &stream->folded);
        for (size_t j = 0; j < stream->epoch_count; j++) {
            epoch_sum(stream->epochs[j], j + 1 == stream->epoch_count, &sum);
        }
    }
    return sum;
}

uint64_t verify_fault_total(const struct verify *verify)
{
    uint64_t total = 0;

    for (int i = 0; i < FAULT_COUNT; i++) {
        total += verify->fault_counts[i];
    }
    return total;
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
