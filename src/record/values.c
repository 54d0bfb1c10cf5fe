/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Values to bytes and back: see values.h. One put and one get a type.
 */
#include "record/values.h"

#include <stdbool.h>

static bool present(const struct weir_value *value)
{
    return value->quality == WEIR_QUALITY_GOOD || value->quality == WEIR_QUALITY_SUSPECT;
}

static void put_value(struct put *out, enum weir_type type, const struct weir_value *value)
{
    uint32_t f32;
    uint64_t f64;
    switch (type) {
    case WEIR_BOOL:
        put_u8(out, value->boolean != 0);
        break;
    case WEIR_INT64:
        put_varint(out, zigzag(value->int64));
        break;
    case WEIR_UINT64:
        put_varint(out, value->uint64);
        break;
    case WEIR_FLOAT32:
        memcpy(&f32, &value->float32, sizeof f32);
        put_u32(out, f32);
        break;
    case WEIR_FLOAT64:
        memcpy(&f64, &value->float64, sizeof f64);
        put_u64(out, f64);
        break;
    case WEIR_TEXT:
    case WEIR_BYTES:
        put_varint(out, value->bytes.len);
        put_raw(out, value->bytes.data, value->bytes.len);
        break;
    }
}

void values_put(struct put *out, const struct weir_shape *shape, const struct weir_value *values)
{
    uint8_t flags = 0;
    for (size_t i = 0; i < shape->point_count; i++) {
        flags |= values[i].quality != WEIR_QUALITY_GOOD;
    }
    put_u8(out, flags);
    for (size_t i = 0; flags && i < shape->point_count; i++) {
        put_u8(out, values[i].quality);
    }
    for (size_t i = 0; i < shape->point_count; i++) {
        if (present(&values[i])) {
            put_value(out, shape->points[i].type, &values[i]);
        }
    }
}

static void get_value(struct get *in, enum weir_type type, struct weir_value *value)
{
    uint32_t f32;
    uint64_t f64;
    switch (type) {
    case WEIR_BOOL:
        value->boolean = get_u8(in);
        in->failed |= value->boolean > 1;
        break;
    case WEIR_INT64:
        value->int64 = unzigzag(get_varint(in));
        break;
    case WEIR_UINT64:
        value->uint64 = get_varint(in);
        break;
    case WEIR_FLOAT32:
        f32 = get_u32(in);
        memcpy(&value->float32, &f32, sizeof f32);
        break;
    case WEIR_FLOAT64:
        f64 = get_u64(in);
        memcpy(&value->float64, &f64, sizeof f64);
        break;
    case WEIR_TEXT:
    case WEIR_BYTES:
        value->bytes.len = (size_t)get_varint(in);
        value->bytes.data = get_raw(in, value->bytes.len);
        break;
    }
}

void values_get(struct get *in, const struct weir_shape *shape, struct weir_value *ret_values)
{
    uint8_t flags = get_u8(in);
    for (size_t i = 0; i < shape->point_count; i++) {
        ret_values[i] = (struct weir_value){ .quality = WEIR_QUALITY_GOOD };
        if (flags & 1) {
            ret_values[i].quality = get_u8(in);
        }
    }
    for (size_t i = 0; i < shape->point_count; i++) {
        if (present(&ret_values[i])) {
            get_value(in, shape->points[i].type, &ret_values[i]);
        }
    }
}

static const struct {
    const char *name, *help;
} results[] = {
#define RESULT_ROW(number, id, text, help) [number] = { text, help },
    WEIR_RESULTS(RESULT_ROW)
#undef RESULT_ROW
};

const char *result_name(unsigned result)
{
    return result < WEIR_RESULT_COUNT ? results[result].name : "unknown";
}

const char *result_help(unsigned result)
{
    return result < WEIR_RESULT_COUNT ? results[result].help : "unknown";
}
