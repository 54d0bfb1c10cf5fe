/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Records on their way to flash: see writer.h. Frames are laid out with start value 0 and get the
 * checksums of their segment when it is known which one that is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/values.h"
#include "store/private.h"

int batch_create(uint32_t bytes, struct batch **ret_batch)
{
    struct batch *b = calloc(1, sizeof *b);
    if (!b || !(b->data = malloc(bytes))) {
        free(b);
        return -ENOMEM;
    }
    b->size = bytes;
    *ret_batch = b;
    return 0;
}

void batch_destroy(struct batch *batch)
{
    if (batch) {
        free(batch->data);
        free(batch->sections);
        free(batch->shapes);
        free(batch);
    }
}

void batch_reset(struct batch *batch)
{
    batch->len = batch->section_count = batch->shape_count = batch->shape_bytes = 0;
}

bool batch_empty(const struct batch *batch)
{
    return batch->section_count == 0;
}

uint32_t batch_records(const struct batch *batch)
{
    uint32_t records = 0;
    for (size_t i = 0; i < batch->section_count; i++) {
        records += batch->sections[i].records;
    }
    return records;
}

/* Room for one more; the list may move. */
static int grow(void **list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return 0;
    }
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *more = realloc(*list, wanted * size);
    if (!more) {
        return -ENOMEM;
    }
    *list = more;
    *capacity = wanted;
    return 0;
}

int batch_section(struct batch *batch, const char *bus, uint64_t epoch, uint64_t after)
{
    struct batch_section *last =
        batch->section_count ? &batch->sections[batch->section_count - 1] : NULL;
    if (last && last->records == 0) {
        batch->section_count--; /* the one before stayed empty */
    }
    int r = grow((void **)&batch->sections, batch->section_count, &batch->section_capacity,
                 sizeof *batch->sections);
    if (r < 0) {
        return r;
    }
    struct batch_section *s = &batch->sections[batch->section_count++];
    *s = (struct batch_section){ .epoch = epoch, .after = after };
    snprintf(s->bus, sizeof s->bus, "%s", bus);
    return 0;
}

/* Notes that the group uses a shape. */
static int use_shape(struct batch *batch, const struct shape *shape)
{
    for (size_t i = batch->shape_count; i-- > 0;) {
        if (batch->shapes[i]->hash == shape->hash) {
            return 0;
        }
    }
    int r = grow((void **)&batch->shapes, batch->shape_count, &batch->shape_capacity,
                 sizeof *batch->shapes);
    if (r == 0) {
        batch->shapes[batch->shape_count++] = shape;
        batch->shape_bytes += FRAME_HEAD_BYTES + 8 + shape->declaration_len;
    }
    return r;
}

static void put_clock(struct put *out, struct boot_time time, struct clock_offset clock)
{
    uint8_t *frame = frame_begin(out);
    put_i64(out, time.ns);
    put_i64(out, clock.ns);
    put_u8(out, (uint8_t)clock.state);
    frame_end(out, frame, FRAME_CLOCK, 0);
}

int batch_add(struct batch *batch, const struct item *item)
{
    struct batch_section *s = &batch->sections[batch->section_count - 1];
    struct put out = put_init(batch->data + batch->len, batch->size - batch->len);
    bool clock_told =
        s->records && s->clock.ns == item->clock.ns && s->clock.state == item->clock.state;
    if (!clock_told) {
        put_clock(&out, item->time, item->clock);
    }
    uint8_t *frame = frame_begin(&out);
    put_u64(&out, item->first);
    put_i64(&out, item->time.ns);
    put_u64(&out, item->shape->hash);
    values_put(&out, &item->shape->view, item->values);
    frame_end(&out, frame, FRAME_RECORD, 0);
    bool fits = !out.failed && batch->len + put_len(&out) + batch->shape_bytes +
                                       item->shape->declaration_len + FRAME_HEAD_BYTES + 8 <=
                                   batch->size;
    if (!fits) {
        return batch_records(batch) ? -ENOBUFS : -E2BIG;
    }
    int r = use_shape(batch, item->shape);
    if (r < 0) {
        return r;
    }
    s->clock = item->clock;
    s->first = s->records ? s->first : item->first;
    s->last = item->first;
    s->records++;
    s->bytes += (uint32_t)put_len(&out);
    batch->len += put_len(&out);
    return 0;
}
