/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Contents of records: see content.h.
 */
#include "content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

enum { SHAPES = 6, TEXT_BYTES = 400 };

static struct shape *shapes[SHAPES];
static bool long_texts;
static uint8_t text[TEXT_BYTES];

/* Shape i has 2 i + 1 points, of all types in turn, and the last a long list of labels. */
static struct shape *make_shape(unsigned index)
{
    static const enum weir_type types[] = { WEIR_UINT64, WEIR_TEXT,    WEIR_FLOAT32, WEIR_BOOL,
                                            WEIR_INT64,  WEIR_FLOAT64, WEIR_BYTES };
    static const struct weir_label label = { "where", "a place with a rather long description, "
                                                      "so that its declaration fills sectors" };
    static struct weir_label labels[8];
    char device[16], names[CONTENT_POINTS][8];
    struct weir_point points[CONTENT_POINTS];
    struct weir_shape view = { .device = device, .kind = "reading", .model = "m" };
    snprintf(device, sizeof device, "device-%u", index);
    view.points = points;
    view.point_count = 2 * index + 1;
    for (unsigned i = 0; i < view.point_count; i++) {
        snprintf(names[i], sizeof names[i], "p%u", i);
        points[i] = (struct weir_point){ names[i], "V", types[i % 7] };
    }
    for (unsigned i = 0; i < 8; i++) {
        labels[i] = label;
    }
    view.labels = labels;
    view.label_count = index == SHAPES - 1 ? 8 : 0;
    struct shape *shape;
    if (shape_create(&view, &shape) < 0) {
        fputs("content: shape\n", stderr);
        exit(2);
    }
    return shape;
}

void content_init(bool longer)
{
    long_texts = longer;
    for (unsigned i = 0; i < SHAPES; i++) {
        shapes[i] = make_shape(i);
    }
    for (unsigned i = 0; i < TEXT_BYTES; i++) {
        text[i] = (uint8_t)('a' + mix(i) % 26);
    }
}

static uint64_t number(uint64_t epoch, uint64_t seq)
{
    return mix(epoch * 0x9e3779b97f4a7c15ULL ^ mix(seq));
}

bool content_is_hole(uint64_t epoch, uint64_t seq)
{
    return number(epoch, seq / 8 + 7000000) % 40 == 0 && seq % 8 > 2 && seq % 8 < 6;
}

static struct weir_value value(enum weir_type type, uint64_t n)
{
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD };
    switch (type) {
    case WEIR_BOOL:
        v.boolean = n & 1;
        break;
    case WEIR_FLOAT32:
        v.float32 = (float)(n % 100000);
        break;
    case WEIR_FLOAT64:
        v.float64 = (double)(n % 1000000007);
        break;
    case WEIR_TEXT:
    case WEIR_BYTES:
        v.bytes.data = text + n % 100;
        v.bytes.len = n / 128 % 16 && !long_texts ? n / 256 % 12 : n / 256 % 300;
        break;
    default:
        v.uint64 = n >> 1;
        break;
    }
    return v;
}

struct item content_item(uint64_t order, uint64_t epoch, uint64_t seq,
                         struct weir_value values[CONTENT_POINTS])
{
    uint64_t n = number(epoch, seq);
    const struct shape *shape = shapes[n % 16 < 10 ? n % 16 % 2 : n % SHAPES];
    for (size_t i = 0; i < shape->view.point_count; i++) {
        values[i] = value(shape->view.points[i].type, mix(n + i));
        if (mix(n + i) % 17 == 0) {
            values[i] = (struct weir_value){ .quality = WEIR_R_TIMEOUT };
        }
    }
    uint64_t clock = number(epoch, seq / 6);
    return (struct item){ .kind = ITEM_RECORD,
                          .epoch = epoch,
                          .order = order,
                          .first = seq,
                          .last = seq,
                          .time = { (int64_t)(n % 1000000007) },
                          .clock = { (int64_t)(clock % 1000003), clock & 1 },
                          .shape = shape,
                          .values = values };
}

static bool same_value(enum weir_type type, const struct weir_value *a, const struct weir_value *b)
{
    if (a->quality != b->quality) {
        return false;
    }
    if (a->quality != WEIR_QUALITY_GOOD) {
        return true;
    }
    switch (type) {
    case WEIR_BOOL:
        return a->boolean == b->boolean;
    case WEIR_FLOAT32:
        return memcmp(&a->float32, &b->float32, sizeof a->float32) == 0;
    case WEIR_TEXT:
    case WEIR_BYTES:
        return a->bytes.len == b->bytes.len &&
               memcmp(a->bytes.data, b->bytes.data, a->bytes.len) == 0;
    default:
        return a->uint64 == b->uint64;
    }
}

bool content_matches(const struct item *item)
{
    struct weir_value values[CONTENT_POINTS];
    struct item wanted = content_item(item->order, item->epoch, item->first, values);
    if (content_is_hole(item->epoch, item->first) || item->kind != ITEM_RECORD ||
        item->first != item->last || item->time.ns != wanted.time.ns ||
        item->clock.ns != wanted.clock.ns || item->clock.state != wanted.clock.state ||
        item->shape->hash != wanted.shape->hash) {
        return false;
    }
    for (size_t i = 0; i < wanted.shape->view.point_count; i++) {
        if (!same_value(wanted.shape->view.points[i].type, &item->values[i], &wanted.values[i])) {
            return false;
        }
    }
    return true;
}
