/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What verify.c keeps: faults, streams, their epochs in order, and the sums over all. See verify.h.
 */
#include "receive/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fault_names[FAULT_COUNT] = {
    [FAULT_DOUBLED] = "doubled",        [FAULT_REORDERED] = "reordered",
    [FAULT_RANGE] = "wrong range",      [FAULT_CHAIN] = "broken chain",
    [FAULT_END] = "wrong end",          [FAULT_BROKEN] = "broken record",
    [FAULT_CONTENT] = "broken content", [FAULT_STREAMS] = "not followed",
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
    clocks_finish(&verify->clocks);
    free(verify);
}

/* ---- faults ---- */

void verify_note(struct verify *verify, enum fault fault, int64_t now_ms, const char *text)
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
    verify_note(verify, fault, now_ms, text);
}

void verify_broken(struct verify *verify, const char *topic, const char *place, const char *what,
                   int64_t now_ms)
{
    char text[256];

    snprintf(text, sizeof(text), "%s%s%s: %s, on topic %.64s", place, place[0] == '\0' ? "" : ": ",
             fault_names[FAULT_BROKEN], what, topic);
    for (char *c = text; *c != '\0'; c++) { /* a topic is from outside */
        *c = (unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f ? '?' : *c;
    }
    verify_note(verify, FAULT_BROKEN, now_ms, text);
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
    memmove(&stream->epochs[0], &stream->epochs[1], stream->epoch_count * sizeof(struct epoch *));
}

/* What follows for a new epoch from its place among the others. */
static void place_epoch(struct stream *stream, size_t index)
{
    struct epoch *epoch = stream->epochs[index];
    size_t anchor;

    epoch->outside = stream_epoch(stream, stream->anchor_epoch, &anchor) != NULL && index < anchor;
    epoch->start = epoch->outside ? 0 : 1;
    epoch->away = index > 0 && index + 1 < stream->epoch_count && stream->epochs[index - 1]->away;
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
    place_epoch(stream, index);
    return epoch;
}

/* ---- sums ---- */

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
