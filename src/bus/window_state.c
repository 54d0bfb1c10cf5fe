/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Open windows as plain data: see window_state.h.
 */
#include "bus/window_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

static const char magic[8] = "window 1";

enum { KEY_HEAD_BYTES = 64 };

bool window_state_keeps_text(const struct window_frame *f, size_t column)
{
    enum weir_type type = f->types[f->columns[column].point];
    return f->columns[column].function == TALLY_LAST && (type == WEIR_TEXT || type == WEIR_BYTES);
}

size_t window_state_size(const struct window_frame *f)
{
    size_t texts = 0;
    for (size_t i = 0; i < f->column_count; i++) {
        texts += window_state_keeps_text(f, i);
    }
    return sizeof(struct window_state) + f->point_count * sizeof(struct tally) +
           texts * sizeof(struct window_text);
}

struct window_text *window_state_texts(const struct window_frame *f, struct window_state *state)
{
    return (struct window_text *)(state->tallies + f->point_count);
}

void window_state_begin(const struct window_frame *f, struct window_state *state)
{
    memset(state, 0, sizeof *state);
    for (size_t i = 0; i < f->point_count; i++) {
        state->tallies[i] = (struct tally){ .why = state->tallies[i].why };
    }
}

/* To the millisecond, as times are told. */
static double period_s(int64_t ns)
{
    return (double)((ns + NS_PER_MS / 2) / NS_PER_MS) / 1000;
}

static struct weir_value column_value(const struct window_frame *f,
                                      const struct window_state *state, size_t i)
{
    const struct window_column *column = &f->columns[i];
    struct weir_value v = { .quality = WEIR_QUALITY_GOOD };
    switch (column->function) {
    case TALLY_RAW:
        v.quality = WEIR_QUALITY_OMITTED;
        return v;
    case TALLY_PERIOD:
        v.float64 = period_s(state->closing_ns - state->period.begin_ns);
        return v;
    case TALLY_POLLS:
        v.uint64 = state->polls;
        return v;
    default:
        break;
    }
    return tally_value(&state->tallies[column->point], f->types[column->point], column->function);
}

void window_state_values(const struct window_frame *f, struct window_state *state,
                         struct weir_value *ret_values)
{
    const struct window_text *text = window_state_texts(f, state);
    for (size_t i = 0; i < f->column_count; i++) {
        ret_values[i] = column_value(f, state, i);
        if (window_state_keeps_text(f, i)) {
            ret_values[i].bytes.data = text->data;
            ret_values[i].bytes.len = text->len;
            text++;
        }
    }
}

/* ---- key */

static void put_head(struct put *out)
{
    uint8_t boot[16] = { 0 };
    boot_id(boot);
    put_raw(out, magic, sizeof magic);
    put_u16(out, sizeof(struct window_state));
    put_u16(out, sizeof(struct tally));
    put_raw(out, boot, sizeof boot);
}

int window_key_make(const struct window_frame *f, int64_t period_ns, bool align,
                    const struct shape *shape, void **ret_key, size_t *ret_len)
{
    size_t size = KEY_HEAD_BYTES + f->point_count + 3 * f->column_count + shape->declaration_len;
    void *key = malloc(size);
    if (!key) {
        return -ENOMEM;
    }
    struct put out = put_init(key, size);
    put_head(&out);
    put_i64(&out, period_ns);
    put_u8(&out, align);
    put_u16(&out, (uint16_t)f->point_count);
    for (size_t i = 0; i < f->point_count; i++) {
        put_u8(&out, (uint8_t)f->types[i]);
    }
    put_u16(&out, (uint16_t)f->column_count);
    for (size_t i = 0; i < f->column_count; i++) {
        put_u16(&out, (uint16_t)f->columns[i].point);
        put_u8(&out, (uint8_t)f->columns[i].function);
    }
    put_raw(&out, shape->declaration, shape->declaration_len);
    *ret_key = key;
    *ret_len = put_len(&out);
    return 0;
}

static void read_frame(struct get *in, struct window_frame *f, enum weir_type *types,
                       struct window_column *columns)
{
    f->point_count = get_u16(in);
    f->point_count = f->point_count <= WEIR_POINTS_MAX ? f->point_count : 0;
    for (size_t i = 0; i < f->point_count; i++) {
        types[i] = (enum weir_type)get_u8(in);
        in->failed |= types[i] < WEIR_BOOL || types[i] > WEIR_BYTES;
    }
    f->column_count = get_u16(in);
    f->column_count = f->column_count <= WEIR_POINTS_MAX ? f->column_count : 0;
    for (size_t i = 0; i < f->column_count; i++) {
        columns[i].point = get_u16(in);
        columns[i].function = (enum window_function)get_u8(in);
        in->failed |= columns[i].point >= f->point_count || columns[i].function > TALLY_POLLS;
    }
    f->types = types;
    f->columns = columns;
}

int window_key_read(const void *key, size_t len, struct window_frame *ret_frame, void **ret_memory,
                    struct shape **ret_shape)
{
    uint8_t head[KEY_HEAD_BYTES];
    struct put mine = put_init(head, sizeof head);
    struct get in = get_init(key, len);
    put_head(&mine);
    const uint8_t *its = get_raw(&in, put_len(&mine));
    if (!its || memcmp(its, head, put_len(&mine)) != 0) {
        return -EINVAL;
    }
    get_raw(&in, 8 + 1); /* period, aligned */
    struct window_column *columns =
        malloc(WEIR_POINTS_MAX * (sizeof *columns + sizeof(enum weir_type)));
    if (!columns) {
        return -ENOMEM;
    }
    read_frame(&in, ret_frame, (enum weir_type *)(columns + WEIR_POINTS_MAX), columns);
    size_t left = get_left(&in);
    const uint8_t *declaration = get_raw(&in, left);
    int r = in.failed || !declaration ? -EINVAL : shape_decode(declaration, left, ret_shape);
    if (r == 0 && (*ret_shape)->view.point_count != ret_frame->column_count) {
        shape_destroy(*ret_shape);
        r = -EINVAL;
    }
    if (r < 0) {
        free(columns);
        return r;
    }
    *ret_memory = columns;
    return 0;
}
