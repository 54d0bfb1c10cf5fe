/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The plan of a device and one packet by it: see payload.h. Each kind is decoded in a file of its
 * own.
 */
#include "payload.h"

#include <stdio.h>
#include <string.h>

#include "lpp.h"

const char *const payload_kinds[] = { "raw", "cayenne-lpp", "tlv", "struct", "text", "json", NULL };
const char *const payload_orders[] = { "big", "little", NULL };
const char *const payload_point_orders[] = { "device", "big", "little", NULL };
const char *const payload_types[] = { "number",  "uint8",  "int8",  "uint16", "int16", "uint24",
                                      "int24",   "uint32", "int32", "uint64", "int64", "float32",
                                      "float64", "bool",   "text",  "bytes",  NULL };
const char *const payload_counter_widths[] = { "8", "16", "32", NULL };

struct device_alone {
    struct payload_options options;
};
struct point_alone {
    struct payload_point point;
};
const struct weir_option payload_rows[] = { PAYLOAD_DEVICE_ROWS(struct device_alone, options),
                                            { 0 } };
const struct weir_option payload_point_rows[] = { PAYLOAD_POINT_ROWS(struct point_alone, point),
                                                  { 0 } };

/* ---- one packet */

static const struct {
    const char *name, *help;
} results[] = {
#define ROW(code, word, text) [PAYLOAD_R_##code] = { word, text },
    PAYLOAD_RESULTS(ROW)
#undef ROW
};

const char *payload_result_name(enum payload_result result)
{
    return results[result].name;
}

const char *payload_result_help(enum payload_result result)
{
    return results[result].help;
}

enum weir_result payload_reason(enum payload_result result)
{
    if (result == PAYLOAD_R_OK) {
        return WEIR_R_OK;
    }
    return result == PAYLOAD_R_TRUNCATED ? WEIR_R_FRAME : WEIR_R_DECODE;
}

size_t payload_error(const struct payload_values *values, char *buf, size_t size)
{
    int len;
    const char *help = payload_result_help(values->result);
    if (values->result == PAYLOAD_R_OK) {
        len = snprintf(buf, size, "%s", help);
    } else if (values->byte >= 0) {
        len =
            snprintf(buf, size, "%s: 0x%02x at byte %zu", help, (unsigned)values->byte, values->at);
    } else {
        len = snprintf(buf, size, "%s, at byte %zu", help, values->at);
    }
    return size == 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

static void decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                   struct payload_values *out)
{
    switch (plan->options.kind) {
    case PAYLOAD_LPP:
        lpp_decode(plan, data, len, out);
        break;
    case PAYLOAD_TLV:
        tlv_decode(plan, data, len, out);
        break;
    case PAYLOAD_STRUCT:
        struct_decode(plan, data, len, out);
        break;
    case PAYLOAD_TEXT:
    case PAYLOAD_JSON:
        while (len > 0 && data[len - 1] == 0) { /* senders that send a C string whole */
            len--;
        }
        (plan->options.kind == PAYLOAD_TEXT ? text_decode : json_decode)(plan, (const char *)data,
                                                                         len, out);
        break;
    default:
        break;
    }
}

enum payload_result payload_decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                                   struct payload_values *values)
{
    values->result = PAYLOAD_R_OK;
    values->byte = -1;
    values->at = values->skipped = values->used = 0;
    values->set = 0;
    values->count = plan->count;
    for (size_t i = 0; i < plan->count; i++) {
        values->points[i] = plan->points[i];
        values->values[i] = (struct weir_value){ .quality = WEIR_R_ABSENT };
    }
    if (len > PAYLOAD_BYTES_MAX) {
        payload_stop(values, PAYLOAD_R_TOO_LONG, PAYLOAD_BYTES_MAX, -1);
    } else if (len > 0) {
        decode(plan, data, len, values);
    } else if (plan->options.kind != PAYLOAD_RAW) {
        payload_stop(values, PAYLOAD_R_TRUNCATED, 0, -1);
    }
    for (size_t i = 0; values->result != PAYLOAD_R_OK && i < values->count; i++) {
        if (!(values->set >> i & 1)) {
            values->values[i].quality = (uint8_t)payload_reason(values->result);
        }
    }
    return values->result;
}

size_t payload_points(const struct payload_plan *plan, const struct weir_point **ret_points)
{
    *ret_points = plan->points;
    return plan->count;
}

bool payload_same_points(const struct weir_point *a, size_t a_count, const struct weir_point *b,
                         size_t b_count)
{
    if (a_count != b_count) {
        return false;
    }
    for (size_t i = 0; i < a_count; i++) {
        if (a[i].type != b[i].type || strcmp(a[i].name, b[i].name) != 0 ||
            strcmp(a[i].unit, b[i].unit) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- packets that count themselves */

unsigned payload_counter_bits(const struct payload_plan *plan)
{
    return 8u << plan->options.counter_width;
}

static bool whole_number(enum weir_type type, const struct weir_value *value, uint64_t *ret_number)
{
    if (value->quality != WEIR_QUALITY_GOOD) {
        return false;
    }
    if (type == WEIR_UINT64 || (type == WEIR_INT64 && value->int64 >= 0)) {
        *ret_number = value->uint64;
        return true;
    }
    if (type == WEIR_FLOAT64 && value->float64 >= 0 && value->float64 <= UINT32_MAX &&
        value->float64 == (double)(uint32_t)value->float64) {
        *ret_number = (uint64_t)value->float64;
        return true;
    }
    return false;
}

bool payload_counter(const struct payload_plan *plan, const struct payload_values *values,
                     uint32_t *ret_counter)
{
    uint64_t number;
    for (size_t i = 0; plan->options.counter[0] && i < values->count; i++) {
        if (!strcmp(values->points[i].name, plan->options.counter) &&
            whole_number(values->points[i].type, &values->values[i], &number) &&
            number >> payload_counter_bits(plan) == 0) {
            *ret_counter = (uint32_t)number;
            return true;
        }
    }
    return false;
}

enum sequence sequence_gap(uint32_t before, uint32_t now, unsigned bits, uint32_t *ret_missed)
{
    uint32_t mask = UINT32_MAX >> (32 - bits), step = (now - before) & mask;
    *ret_missed = 0;
    if (step == 0) {
        return SEQUENCE_DUPLICATE;
    }
    if (step > mask / 2 + 1) {
        return SEQUENCE_RESTART;
    }
    *ret_missed = step - 1;
    return step == 1 ? SEQUENCE_NEXT : SEQUENCE_MISSED;
}
