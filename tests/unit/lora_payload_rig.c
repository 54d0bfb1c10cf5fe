/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See lora_payload_rig.h.
 */
#include "lora_payload_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

enum { POINTS_MAX = 100 };

static void fill(const struct weir_option *rows, void *to)
{
    for (; rows->name; rows++) {
        char *at = (char *)to + rows->offset;
        const char *text = rows->fallback ? rows->fallback : "";
        int choice = 0;
        switch (rows->type) {
        case WEIR_OPTION_INT:
            *(int64_t *)(void *)at = strtoll(text, NULL, 10);
            break;
        case WEIR_OPTION_FLOAT:
            *(double *)(void *)at = strtod(text, NULL);
            break;
        case WEIR_OPTION_TEXT:
            *(const char **)(void *)at = text;
            break;
        case WEIR_OPTION_CHOICE:
            while (strcmp(rows->choices[choice], text) != 0) {
                choice++;
                assert_non_null(rows->choices[choice]);
            }
            *(int *)(void *)at = choice;
            break;
        default:
            fail_msg("row %s has a type that the rig does not know", rows->name);
        }
    }
}

struct payload_options rig_options(enum payload_kind kind)
{
    struct payload_options options;
    fill(payload_rows, &options);
    options.kind = (int)kind;
    return options;
}

struct payload_point rig_point(enum payload_type type)
{
    struct payload_point point;
    fill(payload_point_rows, &point);
    point.type = (int)type;
    return point;
}

static void note(void *user, int point, const char *key, const char *what)
{
    char *text = user;
    if (!text[0]) {
        snprintf(text, 200, "%d %s: %s", point, key, what);
    }
}

static int create(const struct payload_options *options, const struct rig_named *points,
                  size_t count, char *finding, struct payload_plan **ret_plan)
{
    struct weir_device_point configured[POINTS_MAX];
    for (size_t i = 0; i < count; i++) {
        configured[i] = (struct weir_device_point){ points[i].name, "", &points[i].point };
    }
    finding[0] = 0;
    return payload_plan_create(options, configured, count,
                               (struct payload_findings){ note, finding }, ret_plan);
}

struct payload_plan *rig_plan(const struct payload_options *options, const struct rig_named *points,
                              size_t count)
{
    char finding[200];
    struct payload_plan *plan = NULL;
    if (create(options, points, count, finding, &plan) != 0) {
        fail_msg("%s", finding);
    }
    assert_string_equal(finding, "");
    return plan;
}

const char *rig_finding(const struct payload_options *options, const struct rig_named *points,
                        size_t count)
{
    static char finding[200];
    struct payload_plan *plan = NULL;
    int status = create(options, points, count, finding, &plan);
    assert_int_equal(status, finding[0] ? -EINVAL : 0);
    payload_plan_destroy(plan);
    return finding;
}

size_t rig_hex(const char *hex, uint8_t *buf, size_t size)
{
    size_t len = 0;
    char *end;
    for (;; hex = end) {
        unsigned long byte = strtoul(hex, &end, 16);
        if (end == hex) {
            break;
        }
        assert_true(byte < 256 && len < size);
        buf[len++] = (uint8_t)byte;
    }
    assert_int_equal(*hex, 0);
    return len;
}

static void show_value(FILE *out, enum weir_type type, const struct weir_value *value)
{
    char digits[NUMBER_MAX];
    if (value->quality != WEIR_QUALITY_GOOD) {
        static const char *const names[] = {
#define NAME(number, name, text, help) [number] = text,
            WEIR_RESULTS(NAME)
#undef NAME
        };
        fprintf(out, "!%s", names[value->quality]);
    } else if (type == WEIR_BOOL) {
        fprintf(out, "%s", value->boolean ? "true" : "false");
    } else if (type == WEIR_TEXT) {
        fprintf(out, "\"%.*s\"", (int)value->bytes.len, (const char *)value->bytes.data);
    } else if (type == WEIR_BYTES) {
        fprintf(out, "<");
        for (size_t i = 0; i < value->bytes.len; i++) {
            fprintf(out, "%02x", value->bytes.data[i]);
        }
        fprintf(out, ">");
    } else {
        unsigned len = type == WEIR_INT64     ? number_i64(value->int64, digits)
                       : type == WEIR_UINT64  ? number_u64(value->uint64, digits)
                       : type == WEIR_FLOAT32 ? number_f32(value->float32, digits)
                                              : number_f64(value->float64, digits);
        fprintf(out, "%.*s", (int)len, digits);
    }
}

const char *rig_show(const struct payload_values *values)
{
    static char text[8192];
    char error[200];
    memset(text, 0, sizeof text);
    FILE *out = fmemopen(text, sizeof text, "w");
    for (size_t i = 0; i < values->count; i++) {
        const struct weir_point *point = &values->points[i];
        fprintf(out, "%s%s=", i ? ", " : "", point->name);
        show_value(out, point->type, &values->values[i]);
        fprintf(out, "%s%s", point->unit[0] ? " " : "", point->unit);
    }
    if (values->result != PAYLOAD_R_OK) {
        payload_error(values, error, sizeof error);
        fprintf(out, " | %s", error);
    }
    fclose(out);
    return text;
}

const char *rig_decode(const struct payload_plan *plan, const void *data, size_t len)
{
    static struct payload_values values;
    uint8_t *exact = malloc(len + 1); /* for the sanitizer to see what is read beyond */
    memcpy(exact, data, len);
    exact = realloc(exact, len ? len : 1);
    enum payload_result result = payload_decode(plan, exact, len, &values);
    assert_int_equal(result, values.result);
    memset(exact, 0xee, len); /* nothing points into the packet */
    free(exact);
    return rig_show(&values);
}

const char *rig_by(struct payload_options options, const struct rig_named *points, size_t count,
                   const char *hex)
{
    uint8_t packet[PAYLOAD_BYTES_MAX];
    struct payload_plan *plan = rig_plan(&options, points, count);
    const char *text = rig_decode(plan, packet, rig_hex(hex, packet, sizeof packet));
    payload_plan_destroy(plan);
    return text;
}

const char *rig_words(struct payload_options options, const struct rig_named *points, size_t count,
                      const char *packet)
{
    struct payload_plan *plan = rig_plan(&options, points, count);
    const char *text = rig_decode(plan, packet, strlen(packet));
    payload_plan_destroy(plan);
    return text;
}
