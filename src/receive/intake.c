/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See intake.h.
 */
#include "receive/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "receive/columns.h"
#include "receive/decode.h"
#include "receive/rows.h"
#include "receive/text.h"

#define LABELS_WAIT_MS 2000 /* rows that need labels wait for so long after the first one */

/* The labels come from the broker's retained messages, often after the first records. */
static bool needs_labels(const char *columns)
{
    struct columns list = { 0 };
    bool needs = columns_parse(&list, columns) == 0 && list.labelled;

    columns_finish(&list);
    return needs;
}

static struct csv *make_csv(const struct intake *intake, const struct options *options)
{
    bool waits = options->columns != NULL && needs_labels(options->columns);
    const struct csv_settings settings = {
        .columns = options->columns,
        .learn_ms = waits ? LABELS_WAIT_MS : options->learn_ms,
        .labels = &intake->labels,
        .out = stdout,
        .words = stderr,
    };

    return csv_create(&settings);
}

int intake_init(struct intake *intake, const struct options *options)
{
    bool color = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;

    bool repairs = options->output != OUTPUT_JSON && options->output != OUTPUT_NONE;

    *intake = (struct intake){ .output = options->output,
                               .told = { .out = options->output == OUTPUT_LIVE ? NULL : stderr },
                               .kinds = options->kinds,
                               .hold_ms = options->hold_ms,
                               .verify = verify_create() };
    intake->waiting = repairs ? waiting_create(WAITING_BYTES_MAX) : NULL;
    intake->csv = options->output == OUTPUT_CSV ? make_csv(intake, options) : NULL;
    intake->live = options->output == OUTPUT_LIVE ? live_create(color) : NULL;
    if (intake->verify == NULL || (repairs && intake->waiting == NULL) ||
        (options->output == OUTPUT_CSV && intake->csv == NULL) ||
        (options->output == OUTPUT_LIVE && intake->live == NULL)) {
        return -ENOMEM;
    }
    return 0;
}

void intake_finish(struct intake *intake)
{
    waiting_destroy(intake->waiting);
    live_destroy(intake->live);
    csv_destroy(intake->csv);
    verify_destroy(intake->verify);
    labels_finish(&intake->labels);
    told_finish(&intake->told);
}

static bool ends_in(const char *topic, const char *level)
{
    const char *slash = strrchr(topic, '/');

    return strcmp(slash == NULL ? topic : slash + 1, level) == 0;
}

/* What weir itself puts beside its records, which is no observation. Others use the same topics, so
 * it has to look like it too. */
static bool is_aside(const char *topic, const json_t *object)
{
    const char *status = json_string_value(json_object_get(object, "status"));
    size_t size = json_object_size(object);

    if (ends_in(topic, "meta")) {
        return json_is_string(json_object_get(object, "gateway"));
    }
    if (ends_in(topic, "health")) {
        return status != NULL && size == (json_object_get(object, "why") == NULL ? 1 : 2) &&
               (strcmp(status, "ok") == 0 || strcmp(status, "degraded") == 0);
    }
    return (ends_in(topic, "set") || ends_in(topic, "result")) &&
           json_is_string(json_object_get(object, "point"));
}

static bool is_online_word(const char *topic, const void *payload, size_t length)
{
    return ends_in(topic, "state") && ((length == 6 && memcmp(payload, "online", 6) == 0) ||
                                       (length == 7 && memcmp(payload, "offline", 7) == 0));
}

/* Is it one of the kinds that were asked for? */
static bool is_wanted(const struct intake *intake, const json_t *object)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *one = intake->kinds;

    while (one != NULL && kind != NULL) {
        size_t length = strcspn(one, ",");

        if (length == strlen(kind) && strncmp(one, kind, length) == 0) {
            return true;
        }
        one = one[length] == ',' ? one + length + 1 : NULL;
    }
    return intake->kinds == NULL;
}

static int print_row(struct intake *intake, const struct item *item)
{
    return intake->output == OUTPUT_CSV ? csv_write(intake->csv, item, intake->now_ms)
                                        : table_write(&intake->table, stdout, item);
}

struct rows {
    struct intake *intake;
    const struct item *item;
};

static int print_part(void *context, json_t *row)
{
    struct rows *rows = context;
    struct item item = *rows->item;

    item.object = row;
    return print_row(rows->intake, &item);
}

/* Records have one row, others as many as they have objects in arrays. */
static int print_rows(struct intake *intake, const struct item *item)
{
    struct rows rows = { intake, item };

    return item->record != NULL ? print_row(intake, item)
                                : rows_split(item->object, print_part, &rows);
}

static int print(struct intake *intake, const struct item *item)
{
    if (!is_wanted(intake, item->object)) {
        return 0;
    }
    intake->output_used = true;
    switch (intake->output) {
    case OUTPUT_TABLE:
    case OUTPUT_CSV:
        return print_rows(intake, item);
    case OUTPUT_LIVE:
        return live_take(intake->live, item);
    case OUTPUT_JSON:
        text_json(stdout, item->object);
        putchar('\n');
        return 0;
    case OUTPUT_NONE:
        return 0;
    }
    return 0;
}

/* ---- times that are not trusted ---- */

/* As it came: its time did not become known in time, or not at all. */
static int print_as_it_is(void *context, const struct item *item, bool written)
{
    (void)written;
    return print(context, item);
}

static int print_repaired(struct intake *intake, const struct item *item, int64_t offset_us,
                          bool written)
{
    struct item again = *item;
    int64_t us;
    int error;

    if (!stamp_repair(&item->record->stamp, offset_us, &us)) {
        return written ? 0 : print(intake, item);
    }
    again.object = stamp_repaired(item->object, us);
    again.again = written;
    if (again.object == NULL) { /* no such time, or no memory */
        return written ? 0 : print(intake, item);
    }
    error = print(intake, &again);
    json_decref(again.object);
    return error;
}

/* Its epoch's clock event came. */
static int print_released(void *context, const struct item *item, bool written)
{
    struct intake *intake = context;
    const struct record *record = item->record;
    int64_t offset_us = 0;

    if (!clocks_find(&intake->verify->clocks, record->gateway, record->bus, record->epoch,
                     &offset_us)) {
        return written ? 0 : print(intake, item);
    }
    return print_repaired(intake, item, offset_us, written);
}

/* A record whose time is not trusted: repaired at once, if that is possible, else it waits. */
static int print_untrusted(struct intake *intake, const struct item *item, int64_t now_ms)
{
    const struct record *record = item->record;
    bool hold = intake->hold_ms > 0;
    bool is_new = false;
    int64_t offset_us;
    int error;

    if (clocks_find(&intake->verify->clocks, record->gateway, record->bus, record->epoch,
                    &offset_us)) {
        return print_repaired(intake, item, offset_us, false);
    }
    error = waiting_add(intake->waiting, item, !hold, now_ms + intake->hold_ms, print_as_it_is,
                        intake, &is_new);
    return error < 0 || hold ? error : print(intake, item);
}

static int print_record(struct intake *intake, const struct item *item, int64_t now_ms)
{
    const struct record *record = item->record;
    const struct clock_word *word = &record->clock_word;
    int error;

    if (record->stamp.trust != TRUST_FULL && record->stamp.has_uptime) {
        return print_untrusted(intake, item, now_ms);
    }
    waiting_drop(intake->waiting, record);
    error = print(intake, item);
    if (error == 0 && word->is_one) {
        error = waiting_release(intake->waiting, record->gateway, word->of_bus, word->of_epoch,
                                print_released, intake);
    }
    if (error == 0 && word->is_one) {
        error = waiting_release(intake->waiting, record->gateway, record->bus, record->epoch,
                                print_released, intake);
    }
    return error;
}

void intake_tick(struct intake *intake, int64_t now_ms)
{
    int error = 0;

    intake->now_ms = now_ms;
    if (intake->waiting != NULL && waiting_held(intake->waiting) > 0) {
        error = waiting_due(intake->waiting, now_ms, print_as_it_is, intake);
    }
    if (error == 0 && intake->csv != NULL) {
        error = csv_tick(intake->csv, now_ms);
        intake->output_used = true;
    }
    if (error < 0) {
        intake->failure = -error;
    }
}

void intake_sum(const struct intake *intake)
{
    told_sum(&intake->told, stderr);
    if (intake->csv != NULL) {
        csv_sum(intake->csv);
    }
}

/* ---- messages ---- */

/* It wants to be a record and is none: a fault of the proof, and a row like any other. */
static int take_broken(struct intake *intake, struct item *item, const struct decode_error *wrong)
{
    char text[sizeof(wrong->text) + 40];

    verify_broken(intake->verify, item->topic, wrong->place, wrong->text, item->at_ms);
    if (!json_is_object(item->object)) {
        told_note(&intake->told, item->topic, wrong->text);
        return 0;
    }
    snprintf(text, sizeof(text), "a broken record: %s", wrong->text);
    told_note(&intake->told, item->topic, text);
    return print(intake, item);
}

/* Not to be printed: what is known of a device. */
static int take_aside(struct intake *intake, const struct item *item)
{
    int result = ends_in(item->topic, "meta") ? labels_learn(&intake->labels, item->object) : 0;

    if (result == -E2BIG) {
        told_note(&intake->told, item->topic, "labels beyond the limits are not learned");
    }
    return result == -ENOMEM ? result : 0;
}

static int take_item(struct intake *intake, struct item *item, bool retained, int64_t now_ms)
{
    struct record record = { 0 };
    struct decode_error wrong;
    int result = decode_record(item->object, &record, &wrong);
    int error = 0;

    if (result == -EBADMSG) {
        return take_broken(intake, item, &wrong);
    }
    if (result < 0) {
        return result;
    }
    if (retained) {
        intake->others.retained_count++;
    } else if (result == 0) {
        intake->others.plain_count++;
    } else {
        error = verify_record(intake->verify, &record, item->at_ms);
    }
    item->record = result == 1 ? &record : NULL;
    if (error == 0 && result == 0 && is_aside(item->topic, item->object)) {
        error = take_aside(intake, item);
    } else if (error == 0) {
        intake->record_ms = now_ms;
        error = result == 1 && !retained && intake->waiting != NULL
                    ? print_record(intake, item, now_ms)
                    : print(intake, item);
    }
    record_finish(&record);
    return error;
}

/* Strings from outside must not steer a terminal. */
static void note_garbage(struct others *others, const char *topic, const char *what)
{
    if (others->garbage_count++ > 0) {
        return;
    }
    snprintf(others->garbage_first, sizeof(others->garbage_first), "%.200s: %s", topic, what);
    for (char *c = others->garbage_first; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) {
            *c = '?';
        }
    }
}

static void take_garbage(struct intake *intake, const char *topic, bool is_aside, bool retained,
                         const char *what)
{
    char text[sizeof(((struct decode_error *)NULL)->text) + 40];

    if (retained) {
        intake->others.retained_count++;
    } else if (is_aside) {
        intake->others.plain_count++;
    } else {
        note_garbage(&intake->others, topic, what);
    }
    if (!is_aside) {
        snprintf(text, sizeof(text), "no row, not JSON or no object: %s", what);
        told_note(&intake->told, topic, text);
    }
}

void intake_message(struct intake *intake, const char *topic, const void *payload, size_t length,
                    bool retained, int64_t now_ms, int64_t at_ms)
{
    struct decode_error wrong;
    json_t *items = NULL;
    int error = decode_message(payload, length, &items, &wrong);

    intake->changed = true;
    intake->now_ms = now_ms;
    if (intake->live != NULL) {
        live_message(intake->live, now_ms);
    }
    if (error == -EBADMSG) {
        take_garbage(intake, topic, is_online_word(topic, payload, length), retained, wrong.text);
        return;
    }
    for (size_t i = 0; error == 0 && i < json_array_size(items); i++) {
        struct item item = { .topic = topic, .object = json_array_get(items, i), .at_ms = at_ms };

        error = take_item(intake, &item, retained, now_ms);
    }
    json_decref(items);
    if (error < 0) {
        intake->failure = -error;
    }
}
