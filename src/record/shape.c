/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Shapes: see shape.h. Decoding runs twice over the declaration: once to check it and count, once
 * to fill a block of just the right size.
 */
#include "record/shape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/bytes.h"

/* Where the second run puts what it finds; the first run only counts. */
struct layout {
    struct weir_label *labels;
    struct weir_point *points;
    char *text; /* NULL in the first run */
    size_t label_count, point_count, text_bytes;
};

static const char *take_text(struct get *in, struct layout *to)
{
    size_t len;
    const char *from = get_text(in, &len);
    const char *copy = to->text;
    if (!from || memchr(from, 0, len)) {
        in->failed = true;
        return NULL;
    }
    to->text_bytes += len + 1;
    if (to->text) {
        memcpy(to->text, from, len);
        to->text[len] = 0;
        to->text += len + 1;
    }
    return copy;
}

static void take_labels(struct get *in, struct layout *to)
{
    to->label_count = get_u8(in);
    for (size_t i = 0; i < to->label_count && !in->failed; i++) {
        const char *key = take_text(in, to);
        const char *value = take_text(in, to);
        if (to->labels) {
            to->labels[i] = (struct weir_label){ key, value };
        }
    }
}

static void take_points(struct get *in, struct layout *to)
{
    to->point_count = get_u16(in);
    if (to->point_count > WEIR_POINTS_MAX) {
        in->failed = true;
    }
    for (size_t i = 0; i < to->point_count && !in->failed; i++) {
        unsigned type = get_u8(in);
        const char *name = take_text(in, to);
        const char *unit = take_text(in, to);
        if (type < WEIR_BOOL || type > WEIR_BYTES) {
            in->failed = true;
        }
        if (to->points) {
            to->points[i] = (struct weir_point){ name, unit, (enum weir_type)type };
        }
    }
}

static bool walk(const uint8_t *declaration, size_t len, struct layout *to, struct weir_shape *view)
{
    struct get in = get_init(declaration, len);
    view->device = take_text(&in, to);
    view->kind = take_text(&in, to);
    view->model = take_text(&in, to);
    take_labels(&in, to);
    take_points(&in, to);
    view->labels = to->labels;
    view->label_count = to->label_count;
    view->points = to->points;
    view->point_count = to->point_count;
    return !in.failed && get_left(&in) == 0;
}

int shape_decode(const uint8_t *declaration, size_t len, struct shape **ret_shape)
{
    struct layout size = { 0 };
    struct weir_shape view;
    if (len > SHAPE_DECLARATION_MAX || !walk(declaration, len, &size, &view)) {
        return -EINVAL;
    }
    size_t labels = size.label_count * sizeof(struct weir_label);
    size_t points = size.point_count * sizeof(struct weir_point);
    struct shape *shape = malloc(sizeof *shape + labels + points + size.text_bytes + len);
    if (!shape) {
        return -ENOMEM;
    }
    struct layout to = { .labels = (struct weir_label *)(shape + 1) };
    to.points = (struct weir_point *)(void *)((char *)to.labels + labels);
    to.text = (char *)to.points + points;
    uint8_t *copy = (uint8_t *)to.text + size.text_bytes;
    memcpy(copy, declaration, len);
    walk(copy, len, &to, &shape->view);
    shape->declaration = copy;
    shape->declaration_len = len;
    shape->hash = XXH64(copy, len, 0);
    *ret_shape = shape;
    return 0;
}

static void put_shape(struct put *out, const struct weir_shape *view)
{
    put_text(out, view->device);
    put_text(out, view->kind);
    put_text(out, view->model);
    put_u8(out, (uint8_t)view->label_count);
    for (size_t i = 0; i < view->label_count; i++) {
        put_text(out, view->labels[i].key);
        put_text(out, view->labels[i].value);
    }
    put_u16(out, (uint16_t)view->point_count);
    for (size_t i = 0; i < view->point_count; i++) {
        put_u8(out, (uint8_t)view->points[i].type);
        put_text(out, view->points[i].name);
        put_text(out, view->points[i].unit);
    }
}

int shape_create(const struct weir_shape *view, struct shape **ret_shape)
{
    if (view->label_count > 255 || view->point_count > WEIR_POINTS_MAX) {
        return -EINVAL;
    }
    uint8_t *buf = malloc(SHAPE_DECLARATION_MAX);
    if (!buf) {
        return -ENOMEM;
    }
    struct put out = put_init(buf, SHAPE_DECLARATION_MAX);
    put_shape(&out, view);
    int r = out.failed ? -EINVAL : shape_decode(buf, put_len(&out), ret_shape);
    free(buf);
    return r;
}

void shape_destroy(struct shape *shape)
{
    free(shape);
}

void shape_table_finish(struct shape_table *table)
{
    for (size_t i = 0; i < table->capacity; i++) {
        shape_destroy(table->slots[i]);
    }
    free(table->slots);
    *table = (struct shape_table){ 0 };
}

/* The slot that holds this hash or would. The table is never full. */
static size_t slot_of(struct shape *const *slots, size_t capacity, uint64_t hash)
{
    size_t i = (size_t)hash & (capacity - 1);
    while (slots[i] && slots[i]->hash != hash) {
        i = (i + 1) & (capacity - 1);
    }
    return i;
}

struct shape *shape_find(const struct shape_table *table, uint64_t hash)
{
    return table->capacity ? table->slots[slot_of(table->slots, table->capacity, hash)] : NULL;
}

static int grow(struct shape_table *table)
{
    size_t capacity = table->capacity ? table->capacity * 2 : 16;
    struct shape **slots = calloc(capacity, sizeof *slots);
    if (!slots) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i]) {
            slots[slot_of(slots, capacity, table->slots[i]->hash)] = table->slots[i];
        }
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return 0;
}

int shape_insert(struct shape_table *table, struct shape *shape)
{
    if (table->count * 2 >= table->capacity) {
        int r = grow(table);
        if (r < 0) {
            return r;
        }
    }
    size_t i = slot_of(table->slots, table->capacity, shape->hash);
    if (table->slots[i]) {
        return -EEXIST;
    }
    table->slots[i] = shape;
    table->count++;
    return 0;
}
