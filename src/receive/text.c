/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See text.h.
 */
#include "receive/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8 /* deeper objects print as JSON */

static void put_real(FILE *out, double real)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, real);
        if (strtod(text, NULL) == real) {
            break;
        }
    }
    fputs(text, out);
    if (strpbrk(text, ".en") == NULL) {
        fputs(".0", out); /* it came as a real */
    }
}

static void put_string(FILE *out, const char *string)
{
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)string; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(out, "\\%c", *c);
        } else if (*c < 0x20 || *c == 0x7f) {
            fprintf(out, "\\u%04x", *c);
        } else {
            fputc(*c, out);
        }
    }
    fputc('"', out);
}

static void put_object(FILE *out, const json_t *value)
{
    json_t *object = (json_t *)(uintptr_t)value; /* iterating does not change it */
    const char *comma = "";

    fputc('{', out);
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        fputs(comma, out);
        put_string(out, json_object_iter_key(i));
        fputc(':', out);
        text_json(out, json_object_iter_value(i));
        comma = ",";
    }
    fputc('}', out);
}

static void put_array(FILE *out, const json_t *value)
{
    fputc('[', out);
    for (size_t i = 0; i < json_array_size(value); i++) {
        fputs(i == 0 ? "" : ",", out);
        text_json(out, json_array_get(value, i));
    }
    fputc(']', out);
}

void text_json(FILE *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(out, value);
        break;
    case JSON_ARRAY:
        put_array(out, value);
        break;
    case JSON_STRING:
        put_string(out, json_string_value(value));
        break;
    case JSON_INTEGER:
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        put_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        fputs("true", out);
        break;
    case JSON_FALSE:
        fputs("false", out);
        break;
    case JSON_NULL:
        fputs("null", out);
        break;
    }
}

void text_plain(FILE *out, const json_t *value)
{
    if (json_is_string(value)) {
        fputs(json_string_value(value), out);
    } else if (!json_is_null(value)) {
        text_json(out, value);
    }
}

/* The bytes of one character (jansson only lets valid UTF-8 through; topics are checked by MQTT).
 */
static size_t char_bytes(const unsigned char *c)
{
    size_t count = 1;

    while ((c[count] & 0xc0) == 0x80) {
        count++;
    }
    return count;
}

/* C0, DEL, and C1 as UTF-8 (U+0080 to U+009F). */
static bool is_control(const unsigned char *c)
{
    return c[0] < 0x20 || c[0] == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0);
}

size_t text_width(const char *string)
{
    size_t width = 0;

    for (const unsigned char *c = (const unsigned char *)string; *c != '\0'; c += char_bytes(c)) {
        width++;
    }
    return width;
}

void text_cell(FILE *out, const char *string, size_t width)
{
    const unsigned char *c = (const unsigned char *)string;
    size_t used = 0;

    while (*c != '\0' && (width == 0 || used < width)) {
        size_t bytes = char_bytes(c);

        if (is_control(c)) {
            fputc('?', out);
        } else {
            fwrite(c, 1, bytes, out);
        }
        c += bytes;
        used++;
    }
    for (; used < width; used++) {
        fputc(' ', out);
    }
}

static void flatten(const json_t *value, const char *prefix, bool is_record, int depth,
                    text_each *each, void *context)
{
    json_t *object = (json_t *)(uintptr_t)value;

    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        const char *key = json_object_iter_key(i);
        const json_t *inner = json_object_iter_value(i);
        char *joined = NULL;

        if (is_record && (strcmp(key, "before") == 0 || strcmp(key, "after") == 0)) {
            continue;
        }
        if (is_record && strcmp(key, "values") == 0 && json_is_object(inner)) {
            flatten(inner, "", false, depth + 1, each, context);
            continue;
        }
        if (asprintf(&joined, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", key) < 0) {
            return;
        }
        if (json_is_object(inner) && json_object_size(inner) > 0 && depth < DEPTH_MAX) {
            flatten(inner, joined, false, depth + 1, each, context);
        } else {
            each(context, joined, inner);
        }
        free(joined);
    }
}

void text_flatten(const json_t *object, bool is_record, text_each *each, void *context)
{
    flatten(object, "", is_record, 0, each, context);
}
