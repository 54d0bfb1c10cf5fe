/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a receiver takes from a broker: each line is one message, or `away`, `kept`, `lost` for its
 * own connection. All of it goes through decoder, proof, repair of times and outputs; then the
 * proof must survive being saved and restored, with the same sums.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "receive/csv.h"
#include "receive/decode.h"
#include "receive/labels.h"
#include "receive/rows.h"
#include "receive/state.h"
#include "receive/table.h"
#include "receive/text.h"
#include "receive/told.h"
#include "receive/verdict.h"
#include "receive/verify.h"
#include "receive/waiting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sinks {
    FILE *out;
    struct csv *learned;
    struct csv *chosen;
    struct labels labels;
    struct told told;
    const struct item *item; /* whose rows are being written */
    int64_t now_ms;
    struct table table;
    struct waiting *waiting;
    int64_t offset_us;
};

/* A record that waited for its time, and one that has to stop waiting. */
static int print_repaired(void *context, const struct item *item, bool written)
{
    struct sinks *sinks = context;
    struct item again = *item;
    int64_t us = 0;

    if (!stamp_repair(&item->record->stamp, sinks->offset_us, &us)) {
        return 0;
    }
    again.object = stamp_repaired(item->object, us);
    again.again = written;
    if (again.object != NULL) {
        csv_write(sinks->learned, &again, sinks->now_ms);
        json_decref(again.object);
    }
    return 0;
}

static void wait_for_clock(struct sinks *sinks, const struct item *item, int64_t now_ms)
{
    const struct record *record = item->record;
    bool is_new = false;

    if (record->stamp.trust != TRUST_FULL) {
        waiting_add(sinks->waiting, item, record->seq % 2 == 0, now_ms + 2, print_repaired, sinks,
                    &is_new);
    } else {
        waiting_drop(sinks->waiting, record);
    }
    if (record->clock_word.is_one) {
        sinks->offset_us = record->clock_word.offset_us;
        waiting_release(sinks->waiting, record->gateway, record->clock_word.of_bus,
                        record->clock_word.of_epoch, print_repaired, sinks);
    }
    waiting_due(sinks->waiting, now_ms, print_repaired, sinks);
}

static int take_row(void *context, json_t *row)
{
    struct sinks *sinks = context;
    struct item item = *sinks->item;

    if (!json_is_object(row)) {
        abort();
    }
    item.object = row;
    csv_write(sinks->learned, &item, sinks->now_ms);
    csv_write(sinks->chosen, &item, sinks->now_ms);
    table_write(&sinks->table, sinks->out, &item);
    return 0;
}

static void take_object(struct verify *verify, struct sinks *sinks, json_t *object, int64_t now_ms)
{
    struct decode_error error = { "", "" };
    struct record record = { 0 };
    struct item item = { .topic = "t", .object = object, .at_ms = now_ms };
    int result = decode_record(object, &record, &error);

    if (result == 1) {
        item.record = &record;
        verify_record(verify, &record, now_ms);
        wait_for_clock(sinks, &item, now_ms);
    } else if (result < 0) {
        verify_broken(verify, "t", error.place, error.text, now_ms);
        told_note(&sinks->told, error.text, error.text);
    }
    text_json(sinks->out, object);
    labels_learn(&sinks->labels, object);
    sinks->item = &item;
    if (item.record != NULL) {
        take_row(sinks, object);
    } else if (json_is_object(object)) {
        rows_split(object, take_row, sinks);
    }
    record_finish(&record);
}

static void take_line(struct verify *verify, struct sinks *sinks, const char *line, size_t length,
                      int64_t now_ms)
{
    struct decode_error error;
    json_t *items = NULL;

    sinks->now_ms = now_ms;
    if (length == 4 && memcmp(line, "away", 4) == 0) {
        verify_away(verify, now_ms);
    } else if (length == 4 && memcmp(line, "kept", 4) == 0) {
        verify_back(verify, true, now_ms);
    } else if (length == 4 && memcmp(line, "lost", 4) == 0) {
        verify_back(verify, false, now_ms);
    } else if (decode_message(line, length, &items, &error) == 0) {
        for (size_t i = 0; i < json_array_size(items); i++) {
            take_object(verify, sinks, json_array_get(items, i), now_ms);
        }
        json_decref(items);
    }
    csv_tick(sinks->learned, now_ms);
}

static struct csv *make_csv(const struct sinks *sinks, const char *columns)
{
    const struct csv_settings settings = { .columns = columns,
                                           .learn_ms = columns == NULL ? 3 : 0,
                                           .labels = &sinks->labels,
                                           .out = sinks->out,
                                           .words = sinks->out };

    return csv_create(&settings);
}

static void finish(struct sinks *sinks)
{
    csv_tick(sinks->learned, INT64_MAX);
    csv_sum(sinks->learned);
    told_sum(&sinks->told, sinks->out);
    waiting_destroy(sinks->waiting);
    csv_destroy(sinks->learned);
    csv_destroy(sinks->chosen);
    labels_finish(&sinks->labels);
    told_finish(&sinks->told);
}

static void check_state(const struct verify *verify)
{
    json_t *state = state_save(verify, true, 1);
    struct verify *again = verify_create();
    struct sum before = verify_sum(verify);
    struct sum after;
    bool ended = false;
    int64_t saved_ms = 0;

    if (state_restore(again, state, &ended, &saved_ms) < 0 || !ended || saved_ms != 1) {
        abort();
    }
    after = verify_sum(again);
    if (memcmp(&before, &after, sizeof(before)) != 0) {
        abort();
    }
    verify_destroy(again);
    json_decref(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct verify *verify = verify_create();
    static FILE *null; /* opened once, never closed */
    struct sinks sinks = { .waiting = waiting_create(2000) };
    struct others others = { 0 };
    int64_t now_ms = 1;

    if (null == NULL) {
        null = fopen("/dev/null", "w");
    }
    sinks.out = null;
    sinks.told.out = null;
    sinks.learned = make_csv(&sinks, NULL);
    sinks.chosen = make_csv(&sinks, "location,label.a,x=v,v,a.b,topic,@received,more");
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end == NULL ? size : (size_t)(end - text);

        take_line(verify, &sinks, text, length, now_ms++);
        text += end == NULL ? length : length + 1;
        size -= end == NULL ? length : length + 1;
    }
    verdict_write(sinks.out, verify, &others);
    check_state(verify);
    finish(&sinks);
    verify_destroy(verify);
    return 0;
}
