/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See rows.h. What stands beside the arrays is copied once ("base"); a row shares all of it but
 * the objects on the way to its array.
 */
#include "receive/rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define DEPTH_MAX  8 /* objects in which an array of objects is looked for, as in text.c */
#define NESTED_MAX 4 /* arrays of objects in one another */

/* An array of objects, and the keys that lead to it. */
struct table {
    const char *path[DEPTH_MAX];
    size_t depth;
    const json_t *array;
};

struct tables {
    struct table *list;
    size_t count;
};

struct split {
    rows_each *each;
    void *context;
    size_t rows_left;
    size_t bytes_left;
};

static bool is_table(const json_t *value)
{
    if (json_array_size(value) == 0) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!json_is_object(json_array_get(value, i))) {
            return false;
        }
    }
    return true;
}

static bool has_table(json_t *object, size_t depth)
{
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        json_t *value = json_object_iter_value(i);

        if (is_table(value) ||
            (json_is_object(value) && depth + 1 < DEPTH_MAX && has_table(value, depth + 1))) {
            return true;
        }
    }
    return false;
}

static int note_table(struct tables *tables, const struct table *way, const char *key,
                      const json_t *array)
{
    struct table *list = realloc(tables->list, (tables->count + 1) * sizeof(*list));

    if (list == NULL) {
        return -ENOMEM;
    }
    tables->list = list;
    list[tables->count] = *way;
    list[tables->count].path[list[tables->count].depth++] = key;
    list[tables->count].array = array;
    tables->count++;
    return 0;
}

/* A copy without the arrays of objects, which are noted; `way` leads to `object`. NULL: no memory.
 */
static json_t *strip(json_t *object, struct tables *tables, const struct table *way)
{
    json_t *base = json_object();

    for (void *i = json_object_iter(object); base != NULL && i != NULL;
         i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);
        json_t *value = json_object_iter_value(i);
        int error = 0;

        if (is_table(value)) {
            error = note_table(tables, way, key, value);
        } else if (json_is_object(value) && way->depth + 1 < DEPTH_MAX &&
                   has_table(value, way->depth + 1)) {
            struct table inner_way = *way;
            json_t *inner;

            inner_way.path[inner_way.depth++] = key;
            inner = strip(value, tables, &inner_way);
            error = inner == NULL ? -ENOMEM : 0;
            if (json_object_size(inner) > 0) {
                error = json_object_set_new_nocheck(base, key, inner);
            } else {
                json_decref(inner);
            }
        } else {
            error = json_object_set_nocheck(base, key, value);
        }
        if (error < 0) {
            json_decref(base);
            base = NULL;
        }
    }
    return base;
}

/* A copy of `base` with `element` at the end of the path. NULL: no memory. */
static json_t *place(json_t *base, const struct table *table, size_t level, json_t *element)
{
    json_t *row = base == NULL ? json_object() : json_copy(base);
    const char *key = table->path[level];
    json_t *inner;

    if (row == NULL) {
        return NULL;
    }
    inner = level + 1 == table->depth ? json_incref(element)
                                      : place(json_object_get(row, key), table, level + 1, element);
    if (inner == NULL || json_object_set_new_nocheck(row, key, inner) < 0) {
        json_decref(row);
        return NULL;
    }
    return row;
}

/* Are that many rows within the limits? Then they are counted. */
static bool afford(struct split *split, const struct tables *tables, const json_t *base)
{
    size_t bytes = json_dumpb(base, NULL, 0, JSON_COMPACT) + 1;
    size_t rows = 0;

    for (size_t i = 0; i < tables->count; i++) {
        rows += json_array_size(tables->list[i].array);
    }
    if (rows > split->rows_left || rows > split->bytes_left / bytes) {
        return false;
    }
    split->rows_left -= rows;
    split->bytes_left -= rows * bytes;
    return true;
}

static int split_object(struct split *split, json_t *object, int nested);

static int split_table(struct split *split, json_t *base, const struct table *table, int nested)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < json_array_size(table->array); i++) {
        json_t *row = place(base, table, 0, json_array_get(table->array, i));

        error = row == NULL ? -ENOMEM : split_object(split, row, nested + 1);
        json_decref(row);
    }
    return error;
}

static int split_object(struct split *split, json_t *object, int nested)
{
    struct tables tables = { 0 };
    struct table way = { 0 };
    json_t *base;
    int error = 0;

    if (nested == NESTED_MAX || !has_table(object, 0)) {
        return split->each(split->context, object);
    }
    base = strip(object, &tables, &way);
    if (base == NULL) {
        error = -ENOMEM;
    } else if (tables.count == 0 || !afford(split, &tables, base)) {
        error = split->each(split->context, object);
    } else {
        for (size_t i = 0; error == 0 && i < tables.count; i++) {
            error = split_table(split, base, &tables.list[i], nested);
        }
    }
    free(tables.list);
    json_decref(base);
    return error;
}

int rows_split(json_t *object, rows_each *each, void *context)
{
    struct split split = { each, context, ROWS_MAX, ROWS_BYTES_MAX };

    return split_object(&split, object, 0);
}
