/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See columns.h.
 */
#include "receive/columns.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "receive/text.h"
#include "receive/utc.h"

#define SAME_MAX 300 /* keys that are the same when joined */

void columns_finish(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        free(columns->list[i].title);
        free(columns->list[i].key);
    }
    free(columns->list);
    json_decref(columns->keys);
    json_decref(columns->titles);
    *columns = (struct columns){ 0 };
}

static int make_sets(struct columns *columns)
{
    if (columns->keys == NULL) {
        columns->keys = json_object();
    }
    if (columns->titles == NULL) {
        columns->titles = json_object();
    }
    return columns->keys == NULL || columns->titles == NULL ? -ENOMEM : 0;
}

int columns_add(struct columns *columns, const char *title, const char *key)
{
    struct column column;
    struct column *list;

    if (make_sets(columns) < 0) {
        return -ENOMEM;
    }
    if (columns->count == COLUMNS_MAX || json_object_get(columns->titles, title) != NULL) {
        return 1;
    }
    list = realloc(columns->list, (columns->count + 1) * sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    columns->list = list;
    column = (struct column){ .title = strdup(title), .key = strdup(key) };
    if (column.title == NULL || column.key == NULL ||
        json_object_set_new_nocheck(columns->keys, key, json_true()) < 0 ||
        json_object_set_new_nocheck(columns->titles, title, json_true()) < 0) {
        free(column.title);
        free(column.key);
        return -ENOMEM;
    }
    columns->labelled =
        columns->labelled || strcmp(key, "location") == 0 || strncmp(key, "label.", 6) == 0;
    list[columns->count++] = column;
    return 0;
}

int columns_parse(struct columns *columns, const char *text)
{
    char *copy = strdup(text);
    char *save = NULL;
    int error = copy == NULL ? -ENOMEM : 0;

    for (char *one = error < 0 ? NULL : strtok_r(copy, ",", &save); error == 0 && one != NULL;
         one = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(one, '=');

        if (equals != NULL) {
            *equals = '\0';
        }
        error = columns_add(columns, one, equals == NULL ? one : equals + 1);
    }
    free(copy);
    return error > 0 || (error == 0 && columns->count == 0) ? -EINVAL : error;
}

/* ---- one object ---- */

struct cells {
    json_t *object;
    bool failed;
};

static void take_cell(void *context, const char *name, const json_t *value)
{
    struct cells *cells = context;
    json_t *cell = json_incref((json_t *)(uintptr_t)value); /* counted, not changed */
    char *other = NULL;

    for (int i = 2; i < SAME_MAX; i++) {
        if (json_object_get(cells->object, other == NULL ? name : other) == NULL) {
            break;
        }
        free(other);
        if (asprintf(&other, "%s#%d", name, i) < 0) {
            other = NULL;
            cells->failed = true;
            break;
        }
    }
    if (json_object_set_new_nocheck(cells->object, other == NULL ? name : other, cell) < 0) {
        cells->failed = true;
    }
    free(other);
}

json_t *columns_cells(const struct item *item)
{
    struct cells cells = { .object = json_object() };

    if (cells.object == NULL) {
        return NULL;
    }
    text_flatten(item->object, item->record != NULL, take_cell, &cells);
    if (cells.failed) {
        json_decref(cells.object);
        return NULL;
    }
    return cells.object;
}

static json_t *label_of(const struct item *item, const struct labels *labels, const char *label)
{
    return json_incref(
        labels_find(labels, json_string_value(json_object_get(item->object, "gateway")),
                    json_string_value(json_object_get(item->object, "device")), label));
}

static json_t *record_value(const struct item *item, const struct labels *labels, const char *key)
{
    const char *kind = json_string_value(json_object_get(item->object, "kind"));

    if (strcmp(key, "location") == 0) {
        json_t *label = label_of(item, labels, "location");

        return label != NULL ? label : json_incref(json_object_get(item->object, "device"));
    }
    if (strncmp(key, "label.", 6) == 0) {
        return label_of(item, labels, key + 6);
    }
    if (strcmp(key, "vehicle_count") == 0 && kind != NULL && strcmp(kind, "vehicle") == 0) {
        return json_integer(1);
    }
    return NULL;
}

json_t *columns_value(const struct item *item, const json_t *cells, const struct labels *labels,
                      const char *key)
{
    const char *plain = key[0] == '@' ? key + 1 : key;
    json_t *own = json_object_get(cells, key);

    if (own != NULL) {
        return json_incref(own);
    }
    if (strcmp(plain, "topic") == 0) {
        return json_string_nocheck(item->topic);
    }
    if (strcmp(plain, "received") == 0) {
        char text[UTC_SIZE] = "";

        return utc_write(item->at_ms * 1000, text) ? json_string(text) : NULL;
    }
    return item->record != NULL ? record_value(item, labels, key) : NULL;
}
