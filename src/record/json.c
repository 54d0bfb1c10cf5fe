/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Records as JSON: see json.h. Keys are written once a shape, with their punctuation, so that a
 * value costs one copy of its key and the digits.
 */
#include "record/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "record/values.h"

struct key {
    uint32_t at, len; /* `"voltage_l1":` in the block of keys */
};

struct json_shape {
    const struct weir_shape *shape;
    bool flat;
    char *text; /* all prepared pieces */
    struct key gateway, bus, device, kind;
    struct key *points;
};

struct json json_init(char *buf, size_t size)
{
    return (struct json){ buf, buf, buf + size, false };
}

size_t json_len(const struct json *json)
{
    return (size_t)(json->at - json->start);
}

void json_raw(struct json *json, const char *text, size_t len)
{
    if ((size_t)(json->end - json->at) < len) {
        json->failed = true;
        return;
    }
    memcpy(json->at, text, len);
    json->at += len;
}

void json_word(struct json *json, const char *text)
{
    json_raw(json, text, strlen(text));
}

/* Length of the valid UTF-8 sequence at p, 0 if there is none. */
static unsigned utf8_len(const unsigned char *p, size_t left)
{
    unsigned n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (p[0] >= 0x80 && (p[0] < 0xc2 || p[0] > 0xf4)) {
        return 0;
    }
    if (n > left) {
        return 0;
    }
    for (unsigned i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    bool too_high = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : n;
}

static void put_control(struct json *json, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    json_raw(json, text, sizeof text);
}

void json_text(struct json *json, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    json_raw(json, "\"", 1);
    while (p < end) {
        unsigned n = utf8_len(p, (size_t)(end - p));
        if (n == 0) {
            json_raw(json, "\xef\xbf\xbd", 3);
            n = 1;
        } else if (*p == '"' || *p == '\\') {
            json_raw(json, "\\", 1);
            json_raw(json, (const char *)p, 1);
        } else if (*p < ' ' || *p == 0x7f) {
            put_control(json, *p);
        } else {
            json_raw(json, (const char *)p, n);
        }
        p += n;
    }
    json_raw(json, "\"", 1);
}

void json_u64(struct json *json, uint64_t value)
{
    char digits[NUMBER_MAX];
    json_raw(json, digits, number_u64(value, digits));
}

/* `"name":` or, with a value, `"name":"value"`, into the block. */
static struct key prepare(struct json *block, const char *name, const char *value)
{
    struct key key = { .at = (uint32_t)json_len(block) };
    json_text(block, name, strlen(name));
    json_raw(block, ":", 1);
    if (value) {
        json_text(block, value, strlen(value));
    }
    key.len = (uint32_t)json_len(block) - key.at;
    return key;
}

int json_shape_create(const char *gateway, const char *bus, const struct weir_shape *shape,
                      bool flat, struct json_shape **ret_json_shape)
{
    struct json_shape *js = calloc(1, sizeof *js);
    size_t room = 64 * 1024 + shape->point_count * 8 * 64;
    char *scratch = malloc(room);
    if (!js || !scratch || !(js->points = calloc(shape->point_count + 1, sizeof *js->points))) {
        free(scratch);
        json_shape_destroy(js);
        return -ENOMEM;
    }
    struct json block = json_init(scratch, room);
    js->shape = shape;
    js->flat = flat;
    js->gateway = prepare(&block, "gateway", gateway);
    js->bus = prepare(&block, "bus", bus);
    js->device = prepare(&block, "device", shape->device);
    js->kind = prepare(&block, "kind", shape->kind);
    for (size_t i = 0; i < shape->point_count; i++) {
        js->points[i] = prepare(&block, shape->points[i].name, NULL);
    }
    js->text = block.failed ? NULL : realloc(scratch, json_len(&block) + 1);
    if (!js->text) {
        free(scratch);
        json_shape_destroy(js);
        return -ENOMEM;
    }
    *ret_json_shape = js;
    return 0;
}

void json_shape_destroy(struct json_shape *json_shape)
{
    if (json_shape) {
        free(json_shape->points);
        free(json_shape->text);
        free(json_shape);
    }
}

static void put_key(struct json *json, const struct json_shape *shape, struct key key)
{
    json_raw(json, shape->text + key.at, key.len);
}

static void put_hex(struct json *json, const uint8_t *data, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    json_raw(json, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        char two[2] = { hex[data[i] >> 4], hex[data[i] & 15] };
        json_raw(json, two, 2);
    }
    json_raw(json, "\"", 1);
}

static void put_value(struct json *json, enum weir_type type, const struct weir_value *value)
{
    char digits[NUMBER_MAX];
    switch (type) {
    case WEIR_BOOL:
        json_word(json, value->boolean ? "true" : "false");
        break;
    case WEIR_INT64:
        json_raw(json, digits, number_i64(value->int64, digits));
        break;
    case WEIR_UINT64:
        json_raw(json, digits, number_u64(value->uint64, digits));
        break;
    case WEIR_FLOAT32:
        if (isfinite(value->float32)) {
            json_raw(json, digits, number_f32(value->float32, digits));
        } else {
            json_word(json, "null");
        }
        break;
    case WEIR_FLOAT64:
        if (isfinite(value->float64)) {
            json_raw(json, digits, number_f64(value->float64, digits));
        } else {
            json_word(json, "null");
        }
        break;
    case WEIR_TEXT:
        json_text(json, (const char *)value->bytes.data, value->bytes.len);
        break;
    case WEIR_BYTES:
        put_hex(json, value->bytes.data, value->bytes.len);
        break;
    }
}

static bool is_missing(const struct weir_value *value)
{
    return value->quality != WEIR_QUALITY_GOOD && value->quality != WEIR_QUALITY_SUSPECT &&
           value->quality != WEIR_QUALITY_OMITTED;
}

/* Returns false if a value is missing or doubted. */
static bool put_values(struct json *json, const struct json_shape *js,
                       const struct weir_value *values)
{
    uint8_t odd = 0;
    const char *comma = js->flat ? "," : "";
    json_word(json, js->flat ? "" : ",\"values\":{");
    for (size_t i = 0; i < js->shape->point_count; i++) {
        if (values[i].quality == WEIR_QUALITY_OMITTED) {
            continue;
        }
        json_word(json, comma);
        comma = ",";
        odd |= values[i].quality;
        put_key(json, js, js->points[i]);
        if (is_missing(&values[i])) {
            json_raw(json, "null", 4);
        } else {
            put_value(json, js->shape->points[i].type, &values[i]);
        }
    }
    json_word(json, js->flat ? "" : "}");
    return odd == 0;
}

static void put_errors(struct json *json, const struct json_shape *js,
                       const struct weir_value *values)
{
    const char *before = ",\"errors\":{";
    for (size_t i = 0; i < js->shape->point_count; i++) {
        if (is_missing(&values[i])) {
            json_word(json, before);
            put_key(json, js, js->points[i]);
            json_text(json, result_name(values[i].quality), strlen(result_name(values[i].quality)));
            before = ",";
        }
    }
    if (before[1] == 0) {
        json_raw(json, "}", 1);
    }
    before = ",\"suspect\":[";
    for (size_t i = 0; i < js->shape->point_count; i++) {
        if (values[i].quality == WEIR_QUALITY_SUSPECT) {
            const char *name = js->shape->points[i].name;
            json_word(json, before);
            json_text(json, name, strlen(name));
            before = ",";
        }
    }
    if (before[1] == 0) {
        json_raw(json, "]", 1);
    }
}

static void put_ranges(struct json *json, const struct json_range *ranges, size_t count)
{
    json_raw(json, "[", 1);
    for (size_t i = 0; i < count; i++) {
        json_word(json, i ? ",{\"first\":" : "{\"first\":");
        json_u64(json, ranges[i].first);
        json_word(json, ",\"last\":");
        json_u64(json, ranges[i].last);
        json_word(json, ",\"why\":\"");
        json_word(json, ranges[i].why);
        json_word(json, "\"}");
    }
    json_raw(json, "]", 1);
}

static void put_after(struct json *json, const struct json_epoch *after, size_t count)
{
    char time[25];
    json_word(json, ",\"after\":[");
    for (size_t i = 0; i < count; i++) {
        json_word(json, i ? ",{\"epoch\":" : "{\"epoch\":");
        json_u64(json, after[i].epoch);
        json_word(json, ",\"last\":");
        json_u64(json, after[i].last);
        json_word(json, after[i].clean ? ",\"clean\":true" : ",\"clean\":false");
        json_word(json, after[i].damage ? ",\"damage\":true" : "");
        if (after[i].has_until) {
            json_word(json, ",\"until\":\"");
            json_raw(json, time, wall_format(after[i].until, time));
            json_word(json, "\"");
        }
        json_word(json, ",\"before\":");
        put_ranges(json, after[i].before, after[i].before_count);
        json_raw(json, "}", 1);
    }
    json_raw(json, "]", 1);
}

static void put_key_unless(struct json *json, const struct json_shape *shape, struct key key,
                           bool omit)
{
    if (!omit) {
        put_key(json, shape, key);
        json_raw(json, ",", 1);
    }
}

static void put_time(struct json *json, const struct json_record *record)
{
    char time[25], digits[NUMBER_MAX];
    json_word(json, "\"time\":\"");
    json_raw(json, time, wall_format(record->time, time));
    json_raw(json, "\"", 1);
    if (record->clock == JSON_CLOCK_ESTIMATED) {
        json_word(json, ",\"clock\":\"estimated\",\"clock_error_s\":");
        double error = (double)(int64_t)(record->clock_error_s * 1000.0 + 0.999) / 1000.0;
        json_raw(json, digits, number_f64(error, digits));
        json_word(json, ",\"uptime\":");
    } else if (record->clock == JSON_CLOCK_UNSYNCED) {
        json_word(json, ",\"clock\":\"unsynced\",\"uptime\":");
    }
    if (record->clock != JSON_CLOCK_SYNCED) {
        double uptime = (double)(record->uptime_ns / NS_PER_MS) / 1000.0;
        json_raw(json, digits, number_f64(uptime, digits));
    }
}

void json_record(struct json *json, const struct json_shape *js, const struct json_record *record)
{
    json_raw(json, "{", 1);
    put_key_unless(json, js, js->gateway, record->omit_gateway);
    put_key_unless(json, js, js->bus, record->omit_bus);
    if (!record->omit_epoch) {
        json_word(json, "\"epoch\":");
        json_u64(json, record->epoch);
        json_raw(json, ",", 1);
    }
    json_word(json, "\"seq\":");
    json_u64(json, record->seq);
    json_raw(json, ",", 1);
    put_key_unless(json, js, js->device, record->omit_device);
    put_key_unless(json, js, js->kind, record->omit_kind);
    put_time(json, record);
    if (record->proof && record->before_count) {
        json_word(json, ",\"before\":");
        put_ranges(json, record->before, record->before_count);
    }
    if (record->proof && record->first_of_epoch) {
        put_after(json, record->after, record->after_count);
    }
    if (!put_values(json, js, record->values)) {
        put_errors(json, js, record->values);
    }
    json_raw(json, "}", 1);
}

void json_points(struct json *json, const struct weir_shape *shape)
{
    static const char *const types[] = { "",        "bool",    "int64", "uint64",
                                         "float32", "float64", "text",  "bytes" };
    json_word(json, "{");
    for (size_t i = 0; i < shape->point_count; i++) {
        const struct weir_point *point = &shape->points[i];
        json_word(json, i ? "," : "");
        json_text(json, point->name, strlen(point->name));
        json_word(json, ":{\"type\":\"");
        json_word(json, types[point->type]);
        json_word(json, "\",\"unit\":");
        json_text(json, point->unit, strlen(point->unit));
        json_word(json, "}");
    }
    json_word(json, "}");
}

void json_labels(struct json *json, const struct weir_shape *shape)
{
    json_word(json, "{");
    for (size_t i = 0; i < shape->label_count; i++) {
        json_word(json, i ? "," : "");
        json_text(json, shape->labels[i].key, strlen(shape->labels[i].key));
        json_word(json, ":");
        json_text(json, shape->labels[i].value, strlen(shape->labels[i].value));
    }
    json_word(json, "}");
}
