/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See csv.h. Lines end with LF.
 */
#include "receive/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "receive/columns.h"
#include "receive/text.h"

#define NAME_WIDTH_MAX 60 /* of a key in words for people */
#define SUM_NAMES_MAX  20

/* An object that waits for the header. */
struct held {
    char *topic;
    json_t *object;
    bool is_record;
    int64_t at_ms;
};

struct csv {
    struct csv_settings settings;
    struct columns columns;
    bool has_more; /* a last column for the rest */
    bool begun;    /* the header is written */
    int64_t due_ms;
    struct held *held;
    size_t held_count;
    size_t held_room;
    size_t held_bytes;
    json_t *missed; /* key to how often */
    uint64_t missed_rows;
    bool missed_full;
};

struct csv *csv_create(const struct csv_settings *settings)
{
    struct csv *csv = calloc(1, sizeof(*csv));

    if (csv == NULL) {
        return NULL;
    }
    csv->settings = *settings;
    csv->missed = json_object();
    csv->has_more = settings->columns == NULL;
    if (csv->missed == NULL ||
        (settings->columns != NULL && columns_parse(&csv->columns, settings->columns) < 0)) {
        csv_destroy(csv);
        return NULL;
    }
    return csv;
}

static void drop_held(struct csv *csv)
{
    for (size_t i = 0; i < csv->held_count; i++) {
        free(csv->held[i].topic);
        json_decref(csv->held[i].object);
    }
    free(csv->held);
    csv->held = NULL;
    csv->held_count = 0;
    csv->held_room = 0;
    csv->held_bytes = 0;
}

void csv_destroy(struct csv *csv)
{
    if (csv == NULL) {
        return;
    }
    drop_held(csv);
    columns_finish(&csv->columns);
    json_decref(csv->missed);
    free(csv);
}

/* ---- cells ---- */

static void put_cell(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('"', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

static int put_value(FILE *out, const json_t *value)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory;

    if (value == NULL) {
        return 0;
    }
    memory = open_memstream(&text, &size);
    if (memory == NULL) {
        return -ENOMEM;
    }
    text_plain(memory, value);
    if (fclose(memory) == EOF) {
        free(text);
        return -ENOMEM;
    }
    put_cell(out, text);
    free(text);
    return 0;
}

/* ---- the header ---- */

static int learn(struct csv *csv, const struct held *held)
{
    const struct record any = { 0 };
    const struct item item = { .topic = held->topic,
                               .object = held->object,
                               .record = held->is_record ? &any : NULL };
    json_t *cells = columns_cells(&item);
    int error = cells == NULL ? -ENOMEM : 0;

    for (void *i = json_object_iter(cells); error >= 0 && i != NULL;
         i = json_object_iter_next(cells, i)) {
        const char *key = json_object_iter_key(i);

        error = strcmp(key, "more") == 0 ? 0 : columns_add(&csv->columns, key, key);
    }
    json_decref(cells);
    return error < 0 ? error : 0;
}

/* From all that is held. Foreign objects do not say where they came from, so two columns do. */
static int make_columns(struct csv *csv)
{
    bool foreign = false;
    int error = 0;

    for (size_t i = 0; i < csv->held_count; i++) {
        foreign = foreign || !csv->held[i].is_record;
    }
    if (foreign && (columns_add(&csv->columns, "topic", "@topic") < 0 ||
                    columns_add(&csv->columns, "received", "@received") < 0)) {
        return -ENOMEM;
    }
    for (size_t i = 0; error == 0 && i < csv->held_count; i++) {
        error = learn(csv, &csv->held[i]);
    }
    return error;
}

static int begin(struct csv *csv)
{
    FILE *out = csv->settings.out;
    int error = csv->settings.columns == NULL ? make_columns(csv) : 0;

    if (error < 0) {
        return error;
    }
    for (size_t i = 0; i < csv->columns.count; i++) {
        fputs(i == 0 ? "" : ",", out);
        put_cell(out, csv->columns.list[i].title);
    }
    if (csv->has_more) {
        fputs(csv->columns.count == 0 ? "more" : ",more", out);
    }
    fputc('\n', out);
    csv->begun = true;
    return 0;
}

/* ---- what has no column ---- */

/* Counts it. True: this key is to be named, for the first time. */
static bool miss(struct csv *csv, const char *key)
{
    json_t *count = json_object_get(csv->missed, key);

    if (count != NULL) {
        json_integer_set(count, json_integer_value(count) + 1);
        return false;
    }
    if (json_object_size(csv->missed) >= CSV_MISSED_MAX) {
        bool first = !csv->missed_full;

        csv->missed_full = true;
        if (first && csv->settings.words != NULL) {
            fprintf(csv->settings.words,
                    "weir: more than %d keys have no column: no more are named\n", CSV_MISSED_MAX);
        }
        return false;
    }
    json_object_set_new_nocheck(csv->missed, key, json_integer(1));
    return true;
}

static void put_name(FILE *out, const char *name)
{
    size_t width = text_width(name);

    text_cell(out, name, width > NAME_WIDTH_MAX ? NAME_WIDTH_MAX : 0);
}

/* Names the keys of this row that never were without a column before, on one line. */
static void tell_missed(struct csv *csv, const char *topic, json_t *rest, bool kept)
{
    FILE *out = csv->settings.words;
    bool any = false;

    csv->missed_rows++;
    for (void *i = json_object_iter(rest); i != NULL; i = json_object_iter_next(rest, i)) {
        const char *key = json_object_iter_key(i);

        if (miss(csv, key) && out != NULL) {
            fputs(any ? ", " : "weir: no column for ", out);
            put_name(out, key);
            any = true;
        }
    }
    if (any) {
        fputs(" (first on topic ", out);
        put_name(out, topic);
        fputs(kept ? "): in the column more\n" : "): left out\n", out);
    }
}

void csv_sum(const struct csv *csv)
{
    FILE *out = csv->settings.words;
    size_t count = json_object_size(csv->missed);
    size_t named = 0;

    if (out == NULL || count == 0) {
        return;
    }
    fprintf(out, "weir: %s%zu key%s had no column, in %" PRIu64 " row%s:",
            csv->missed_full ? "more than " : "", count, count == 1 ? "" : "s", csv->missed_rows,
            csv->missed_rows == 1 ? "" : "s");
    for (void *i = json_object_iter(csv->missed); i != NULL && named < SUM_NAMES_MAX;
         i = json_object_iter_next(csv->missed, i), named++) {
        fputs(named == 0 ? " " : ", ", out);
        put_name(out, json_object_iter_key(i));
        fprintf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(json_object_iter_value(i)));
    }
    fputs(count > named ? ", ...\n" : "\n", out);
}

/* ---- a row ---- */

static bool is_column(const struct csv *csv, const char *key)
{
    return json_object_get(csv->columns.keys, key) != NULL;
}

/* What has no column: new, NULL: no memory. */
static json_t *rest_of(const struct csv *csv, const struct item *item, json_t *cells)
{
    json_t *rest = json_object();
    int error = rest == NULL ? -ENOMEM : 0;

    for (void *i = json_object_iter(cells); error == 0 && i != NULL;
         i = json_object_iter_next(cells, i)) {
        if (strcmp(json_object_iter_key(i), "more") == 0 ||
            !is_column(csv, json_object_iter_key(i))) {
            error =
                json_object_set_nocheck(rest, json_object_iter_key(i), json_object_iter_value(i));
        }
    }
    if (error == 0 && csv->settings.columns == NULL && item->record == NULL &&
        !is_column(csv, "@topic")) {
        error =
            json_object_set_new_nocheck(
                rest, "@topic", columns_value(item, cells, csv->settings.labels, "@topic")) +
            json_object_set_new_nocheck(
                rest, "@received", columns_value(item, cells, csv->settings.labels, "@received"));
    }
    if (error < 0) {
        json_decref(rest);
        rest = NULL;
    }
    return rest;
}

static bool is_empty(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0);
}

static int put_row(struct csv *csv, const struct item *item, json_t *cells, const json_t *rest)
{
    FILE *out = csv->settings.out;
    const json_t *more = json_object_size(rest) > 0 ? rest : NULL;
    bool alone = csv->columns.count + (csv->has_more ? 1 : 0) == 1;
    int error = 0;

    for (size_t i = 0; error == 0 && i < csv->columns.count; i++) {
        const char *key = csv->columns.list[i].key;
        bool is_more = strcmp(key, "more") == 0;
        json_t *value = is_more ? NULL : columns_value(item, cells, csv->settings.labels, key);

        fputs(i == 0 ? "" : ",", out);
        if (alone && !is_more && is_empty(value)) {
            fputs("\"\"", out); /* an empty line is no row to many readers */
        }
        error = put_value(out, is_more ? more : value);
        json_decref(value);
    }
    if (csv->has_more) {
        fputs(csv->columns.count == 0 ? "" : ",", out);
        error = error == 0 ? put_value(out, more) : error;
    }
    fputc('\n', out);
    return error;
}

static int write_row(struct csv *csv, const struct item *item)
{
    json_t *cells = columns_cells(item);
    json_t *rest = cells == NULL ? NULL : rest_of(csv, item, cells);
    int error = rest == NULL ? -ENOMEM : put_row(csv, item, cells, rest);

    if (error == 0 && json_object_size(rest) > 0) {
        tell_missed(csv, item->topic, rest, csv->has_more || is_column(csv, "more"));
    }
    json_decref(rest);
    json_decref(cells);
    return error;
}

/* ---- until there is a header ---- */

static int hold(struct csv *csv, const struct item *item)
{
    struct held *held;

    if (csv->held_count == csv->held_room) {
        size_t room = csv->held_room == 0 ? 16 : csv->held_room * 2;
        struct held *list = realloc(csv->held, room * sizeof(*list));

        if (list == NULL) {
            return -ENOMEM;
        }
        csv->held = list;
        csv->held_room = room;
    }
    held = &csv->held[csv->held_count];
    *held = (struct held){ .topic = strdup(item->topic),
                           .is_record = item->record != NULL,
                           .at_ms = item->at_ms };
    if (held->topic == NULL) {
        return -ENOMEM;
    }
    held->object = json_incref(item->object);
    csv->held_count++;
    csv->held_bytes += json_dumpb(item->object, NULL, 0, JSON_COMPACT);
    return 0;
}

static int release(struct csv *csv)
{
    const struct record any = { 0 };
    int error = begin(csv);

    for (size_t i = 0; error == 0 && i < csv->held_count; i++) {
        const struct held *held = &csv->held[i];
        const struct item item = { .topic = held->topic,
                                   .object = held->object,
                                   .record = held->is_record ? &any : NULL,
                                   .at_ms = held->at_ms };

        error = write_row(csv, &item);
    }
    drop_held(csv);
    return error;
}

int csv_write(struct csv *csv, const struct item *item, int64_t now_ms)
{
    int error;

    if (csv->begun) {
        return write_row(csv, item);
    }
    if (csv->held_count == 0) {
        csv->due_ms = now_ms + csv->settings.learn_ms;
    }
    error = hold(csv, item);
    if (error == 0 && (csv->due_ms <= now_ms || csv->held_count >= CSV_HELD_MAX ||
                       csv->held_bytes >= CSV_HELD_BYTES_MAX)) {
        error = release(csv);
    }
    return error;
}

int csv_tick(struct csv *csv, int64_t now_ms)
{
    return csv->held_count > 0 && csv->due_ms <= now_ms ? release(csv) : 0;
}
