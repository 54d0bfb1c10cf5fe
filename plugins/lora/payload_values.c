/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From a value as it stands in the packet to one of the record's: type, scale, name.
 */
#include "payload_part.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whole numbers beyond this are not all doubles. */
#define DOUBLE_WHOLE_MAX 9007199254740992.0

bool payload_stop(struct payload_values *out, enum payload_result result, size_t at, int byte)
{
    if (out->result == PAYLOAD_R_OK) {
        out->result = result;
        out->at = at;
        out->byte = byte;
    }
    return false;
}

/* A copy in the packet's room; NULL if that is full. */
static char *keep(struct payload_values *out, const char *data, size_t len)
{
    char *copy = out->room + out->used;
    if (len > sizeof out->room - out->used) {
        return NULL;
    }
    if (len) {
        memcpy(copy, data, len);
    }
    out->used += len;
    return copy;
}

/* ---- text */

/* Length of the valid UTF-8 sequence at p, 0 if there is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n > left || (n > 1 && (p[0] < 0xc2 || p[0] > 0xf4))) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    bool too_high = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : n;
}

static bool is_utf8(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t n; len > 0; p += n, len -= n) {
        n = utf8_len(p, len);
        if (n == 0) {
            return false;
        }
    }
    return true;
}

static bool is_word(const struct raw *raw, const char *const words[2])
{
    for (int i = 0; i < 2; i++) {
        if (strlen(words[i]) == raw->text.len && !memcmp(words[i], raw->text.data, raw->text.len)) {
            return true;
        }
    }
    return false;
}

/* ---- one value to a type. Each returns a quality. */

static uint8_t to_text(const struct raw *raw, enum weir_type type, struct weir_value *value,
                       struct payload_values *out)
{
    bool is_text = raw->kind == RAW_TEXT;
    if ((!is_text && (raw->kind != RAW_BYTES || type == WEIR_TEXT)) ||
        (type == WEIR_TEXT && !is_utf8(raw->text.data, raw->text.len))) {
        return WEIR_R_DECODE;
    }
    char *copy = keep(out, raw->text.data, raw->text.len);
    value->bytes.data = (const uint8_t *)copy;
    value->bytes.len = copy ? raw->text.len : 0;
    return copy ? WEIR_QUALITY_GOOD : WEIR_R_RANGE;
}

static uint8_t to_bool(const struct raw *raw, struct weir_value *value)
{
    static const char *const yes[] = { "true", "on" }, *const no[] = { "false", "off" };
    switch (raw->kind) {
    case RAW_BOOL:
    case RAW_UINT:
    case RAW_INT: /* the same bits */
        value->boolean = raw->u != 0;
        return WEIR_QUALITY_GOOD;
    case RAW_TEXT:
        value->boolean = is_word(raw, yes);
        return value->boolean || is_word(raw, no) ? WEIR_QUALITY_GOOD : WEIR_R_DECODE;
    default:
        return WEIR_R_DECODE;
    }
}

static bool to_double(const struct raw *raw, double *ret_number)
{
    switch (raw->kind) {
    case RAW_BOOL:
    case RAW_UINT:
        *ret_number = (double)raw->u;
        return true;
    case RAW_INT:
        *ret_number = (double)raw->i;
        return true;
    case RAW_FLOAT:
        *ret_number = number_shown(raw->f);
        return true;
    case RAW_DOUBLE:
        *ret_number = raw->d;
        return true;
    default:
        return false;
    }
}

static uint8_t to_float(const struct raw *raw, const struct payload_point *point,
                        enum weir_type type, struct weir_value *value)
{
    double number;
    if (!to_double(raw, &number)) {
        return WEIR_R_DECODE;
    }
    if (type == WEIR_FLOAT64) {
        value->float64 = number_scale(number, point->scale, point->offset);
        return isfinite(value->float64) ? WEIR_QUALITY_GOOD : WEIR_R_ABSENT;
    }
    if (isfinite(number) && fabs(number) > (double)3.4028234e38f) {
        return WEIR_R_RANGE;
    }
    value->float32 = raw->kind == RAW_FLOAT ? raw->f : (float)number;
    return isfinite(value->float32) ? WEIR_QUALITY_GOOD : WEIR_R_ABSENT;
}

/* A whole number of the width that the point has. */
static uint8_t to_whole(const struct raw *raw, const struct payload_point *point,
                        struct weir_value *value)
{
    unsigned bits = 8 * field_width(point->type);
    struct raw whole = *raw;
    if (raw->kind == RAW_FLOAT || raw->kind == RAW_DOUBLE) {
        double number = 0;
        to_double(raw, &number);
        if (!(fabs(number) <= DOUBLE_WHOLE_MAX) || number != trunc(number)) {
            return WEIR_R_RANGE;
        }
        whole = (struct raw){ .kind = RAW_INT, .i = (int64_t)number };
    }
    if (whole.kind != RAW_UINT && whole.kind != RAW_INT && whole.kind != RAW_BOOL) {
        return WEIR_R_DECODE;
    }
    bool negative = whole.kind == RAW_INT && whole.i < 0;
    if (!field_is_signed(point->type)) {
        value->uint64 = whole.u;
        return !negative && whole.u <= UINT64_MAX >> (64 - bits) ? WEIR_QUALITY_GOOD : WEIR_R_RANGE;
    }
    uint64_t most = UINT64_MAX >> (65 - bits);
    value->int64 = whole.i;
    return (negative ? ~whole.u : whole.u) <= most ? WEIR_QUALITY_GOOD : WEIR_R_RANGE;
}

void payload_set(const struct payload_plan *plan, size_t index, const struct raw *raw,
                 struct payload_values *out)
{
    const struct payload_point *point = plan->described[index];
    enum weir_type type = plan->points[index].type;
    struct weir_value *value = &out->values[index];
    struct raw number;
    if (raw->kind == RAW_NONE) {
        return; /* stays absent */
    }
    if (raw->kind == RAW_TEXT && type != WEIR_TEXT && type != WEIR_BYTES &&
        number_parse(raw->text.data, raw->text.len, &number)) {
        raw = &number;
    }
    *value = (struct weir_value){ .quality = WEIR_QUALITY_GOOD };
    out->set |= 1ULL << index;
    switch (type) {
    case WEIR_BOOL:
        value->quality = to_bool(raw, value);
        break;
    case WEIR_TEXT:
    case WEIR_BYTES:
        value->quality = to_text(raw, type, value, out);
        break;
    case WEIR_FLOAT32:
    case WEIR_FLOAT64:
        value->quality = to_float(raw, point, type, value);
        break;
    default:
        value->quality = to_whole(raw, point, value);
    }
}

/* ---- packets whose points nobody described */

/* A name of what the packet calls its value: other characters than a name may have become "_".
 * NULL: nothing is left, or it is too long. */
static const char *name_for(const char *key, struct payload_values *out)
{
    char name[WEIR_NAME_MAX + 1], numbered[WEIR_NAME_MAX + 1];
    size_t len = 0;
    unsigned times = 1;
    for (; *key && len < sizeof name; key++) {
        bool letter = (*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') ||
                      (*key >= '0' && *key <= '9');
        if (letter || len > 0) {
            name[len++] = letter || *key == '.' || *key == '-' ? *key : '_';
        }
    }
    if (len == 0 || len >= sizeof name) {
        return NULL;
    }
    name[len] = 0;
    memcpy(numbered, name, len + 1);
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->points[i].name, numbered) != 0) {
            continue;
        }
        int size = snprintf(numbered, sizeof numbered, "%.*s-%u", (int)len, name, ++times);
        if (size >= (int)sizeof numbered) {
            return NULL;
        }
        i = (size_t)-1; /* from the start: the new name may be there already */
    }
    return keep(out, numbered, strlen(numbered) + 1);
}

/* Numbers are FLOAT64 whether the sender writes 21 or 21.5, so that the shape stays the same. */
static bool plain_value(const struct raw *raw, enum weir_type *ret_type, struct weir_value *value,
                        struct payload_values *out)
{
    *value = (struct weir_value){ .quality = WEIR_QUALITY_GOOD };
    switch (raw->kind) {
    case RAW_BOOL:
        *ret_type = WEIR_BOOL;
        value->boolean = raw->u != 0;
        return true;
    case RAW_UINT:
        *ret_type = WEIR_UINT64;
        value->uint64 = raw->u;
        return true;
    case RAW_INT:
        *ret_type = WEIR_INT64;
        value->int64 = raw->i;
        return true;
    case RAW_DOUBLE:
        *ret_type = WEIR_FLOAT64;
        value->float64 = raw->d;
        value->quality = isfinite(raw->d) ? WEIR_QUALITY_GOOD : WEIR_R_RANGE;
        return true;
    case RAW_TEXT:
    case RAW_BYTES:
        *ret_type = raw->kind == RAW_TEXT ? WEIR_TEXT : WEIR_BYTES;
        value->quality = to_text(raw, *ret_type, value, out);
        return true;
    default:
        return false; /* a null says nothing, not even its type */
    }
}

static bool append(const char *key, const char *unit, const struct raw *raw,
                   struct payload_values *out)
{
    size_t used = out->used;
    struct weir_point *point = &out->points[out->count];
    struct weir_value *value = &out->values[out->count];
    if (out->count == PAYLOAD_VALUES_MAX) {
        return false;
    }
    point->unit = unit;
    point->name = name_for(key, out);
    if (!point->name || !plain_value(raw, &point->type, value, out)) {
        out->used = used;
        out->skipped++;
        return true;
    }
    out->set |= 1ULL << out->count++;
    return true;
}

bool payload_offer(const struct payload_plan *plan, const char *key, const char *unit,
                   const struct raw *raw, struct payload_values *out)
{
    bool wanted = false;
    if (plan->count == 0) {
        return append(key, unit, raw, out);
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (!strcmp(plan->keys[i], key)) {
            payload_set(plan, i, raw, out);
            wanted = true;
        }
    }
    out->skipped += !wanted;
    return true;
}
