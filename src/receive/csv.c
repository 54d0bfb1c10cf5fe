/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See csv.h.
 */
#include "receive/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "receive/text.h"

struct column {
    char *title;
    char *key;
    const json_t *value; /* of the row being written */
};

struct csv {
    struct column *columns;
    size_t column_count;
    bool fixed; /* asked for: no column `more` */
    bool begun; /* the header is written */
};

static int add_column(struct csv *csv, const char *title, size_t title_size, const char *key)
{
    struct column *columns = realloc(csv->columns, (csv->column_count + 1) * sizeof(*csv->columns));
    struct column *column;

    if (columns == NULL) {
        return -ENOMEM;
    }
    csv->columns = columns;
    column = &columns[csv->column_count];
    *column = (struct column){ .title = strndup(title, title_size), .key = strdup(key) };
    if (column->title == NULL || column->key == NULL) {
        free(column->title);
        free(column->key);
        return -ENOMEM;
    }
    csv->column_count++;
    return 0;
}

static int add_columns(struct csv *csv, const char *columns)
{
    char *copy = strdup(columns);
    char *save = NULL;
    int error = copy == NULL ? -ENOMEM : 0;

    for (char *one = error < 0 ? NULL : strtok_r(copy, ",", &save); error == 0 && one != NULL;
         one = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(one, '=');

        error = equals == NULL ? add_column(csv, one, strlen(one), one)
                               : add_column(csv, one, (size_t)(equals - one), equals + 1);
    }
    free(copy);
    return error;
}

struct csv *csv_create(const char *columns)
{
    struct csv *csv = calloc(1, sizeof(*csv));

    if (csv != NULL && columns != NULL) {
        csv->fixed = true;
        if (add_columns(csv, columns) < 0) {
            csv_destroy(csv);
            return NULL;
        }
    }
    return csv;
}

void csv_destroy(struct csv *csv)
{
    if (csv == NULL) {
        return;
    }
    for (size_t i = 0; i < csv->column_count; i++) {
        free(csv->columns[i].title);
        free(csv->columns[i].key);
    }
    free(csv->columns);
    free(csv);
}

/* ---- a row ---- */

/* Collects the values of one object, in the columns or beside them. */
struct row {
    struct csv *csv;
    json_t *more;
    size_t next; /* where the next key probably is: rows mostly have the order of the header */
    int error;
};

static struct column *find(struct csv *csv, const char *key, size_t *next)
{
    for (size_t i = 0; i < csv->column_count; i++) {
        size_t at = (*next + i) % csv->column_count;

        if (strcmp(csv->columns[at].key, key) == 0) {
            *next = at + 1;
            return &csv->columns[at];
        }
    }
    return NULL;
}

static void take_key(void *context, const char *name, const json_t *value)
{
    struct row *row = context;
    (void)value;

    if (row->error == 0) {
        row->error = add_column(row->csv, name, strlen(name), name);
    }
}

static void take_value(void *context, const char *name, const json_t *value)
{
    struct row *row = context;
    struct column *column = find(row->csv, name, &row->next);

    if (column != NULL) {
        column->value = value;
    } else if (!row->csv->fixed) {
        if (row->more == NULL) {
            row->more = json_object();
        }
        if (json_object_set(row->more, name, (json_t *)(uintptr_t)value) < 0) {
            row->error = -ENOMEM;
        }
    }
}

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

static void put_header(const struct csv *csv, FILE *out)
{
    for (size_t i = 0; i < csv->column_count; i++) {
        fputs(i == 0 ? "" : ",", out);
        put_cell(out, csv->columns[i].title);
    }
    fputs(csv->fixed ? "\n" : ",more\n", out);
}

static int put_row(struct csv *csv, FILE *out, const struct item *item, const json_t *more)
{
    int error = 0;

    for (size_t i = 0; i < csv->column_count; i++) {
        struct column *column = &csv->columns[i];
        int failed = 0;

        fputs(i == 0 ? "" : ",", out);
        if (column->value == NULL && csv->fixed && strcmp(column->key, "topic") == 0) {
            put_cell(out, item->topic);
        } else {
            failed = put_value(out, column->value);
        }
        error = failed < 0 ? failed : error;
        column->value = NULL;
    }
    if (!csv->fixed) {
        int failed;

        fputc(',', out);
        failed = put_value(out, more);
        error = failed < 0 ? failed : error;
    }
    fputc('\n', out);
    return error;
}

int csv_write(struct csv *csv, FILE *out, const struct item *item)
{
    struct row row = { .csv = csv };

    if (!csv->begun && !csv->fixed) {
        text_flatten(item->object, item->record != NULL, take_key, &row);
    }
    if (!csv->begun) {
        put_header(csv, out);
        csv->begun = true;
    }
    text_flatten(item->object, item->record != NULL, take_value, &row);
    if (row.error == 0) {
        row.error = put_row(csv, out, item, row.more);
    }
    json_decref(row.more);
    return row.error;
}
