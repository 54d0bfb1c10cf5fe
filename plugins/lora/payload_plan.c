/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The settings of a device's payload, checked once. What passes here the decoders take for granted:
 * widths, bits and lengths that fit.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lpp.h"

struct check {
    const struct payload_options *options;
    struct payload_findings findings;
    bool failed;
};

static void tell(struct check *check, int point, const char *key, const char *what)
{
    check->failed = true;
    check->findings.tell(check->findings.user, point, key, what);
}

static bool is_binary(int kind)
{
    return kind == PAYLOAD_TLV || kind == PAYLOAD_STRUCT;
}

static bool is_whole(int type)
{
    return type >= PAYLOAD_UINT8 && type <= PAYLOAD_INT64;
}

static enum weir_type weir_type_of(const struct payload_point *point)
{
    switch (point->type) {
    case PAYLOAD_BOOL:
        return WEIR_BOOL;
    case PAYLOAD_TEXTS:
        return WEIR_TEXT;
    case PAYLOAD_BYTES:
        return WEIR_BYTES;
    case PAYLOAD_NUMBER:
    case PAYLOAD_FLOAT64:
        return WEIR_FLOAT64;
    default:
        break;
    }
    if (point->scale != 1 || point->offset != 0) {
        return WEIR_FLOAT64;
    }
    if (point->type == PAYLOAD_FLOAT32) {
        return WEIR_FLOAT32;
    }
    return field_is_signed(point->type) ? WEIR_INT64 : WEIR_UINT64;
}

static void check_bits(struct check *check, int p, const struct payload_point *point)
{
    if (point->bit < 0) {
        if (point->bits != 1) {
            tell(check, p, "bits", "of which bit on? bit is missing");
        }
    } else if (!is_binary(check->options->kind) ||
               (!is_whole(point->type) && point->type != PAYLOAD_BOOL)) {
        tell(check, p, "bit", "bits are taken from whole numbers and bool in struct and tlv");
    } else if (point->bit + point->bits > 8 * (int64_t)field_width(point->type)) {
        tell(check, p, "bits", "has bits that the type does not have");
    } else if (point->type == PAYLOAD_BOOL && point->bits != 1) {
        tell(check, p, "bits", "true or false is one bit");
    }
}

static void check_scale(struct check *check, int p, const struct payload_point *point)
{
    enum weir_type type = weir_type_of(point);
    bool number = type != WEIR_BOOL && type != WEIR_TEXT && type != WEIR_BYTES;
    if (!isfinite(point->scale) || point->scale == 0) {
        tell(check, p, "scale", "a scale of 0 makes every value 0");
    } else if (!number && point->scale != 1) {
        tell(check, p, "scale", "only numbers are scaled");
    }
    if (!isfinite(point->offset) || (!number && point->offset != 0)) {
        tell(check, p, "offset", "only numbers have an offset");
    }
}

static void check_struct(struct check *check, int p, const struct payload_point *point)
{
    unsigned width = field_width(point->type);
    if (point->at < 0) {
        tell(check, p, "at", "a value of a struct needs the number of its first byte");
    } else if (point->at + (width ? width : point->length) > PAYLOAD_BYTES_MAX) {
        tell(check, p, "at", "reaches beyond the longest packet");
    }
}

static void check_tlv(struct check *check, int p, const struct payload_point *point)
{
    if (point->id < 0) {
        tell(check, p, "id", "a value of a tlv needs its id");
    } else if (check->options->id_bytes == 1 && point->id > 255) {
        tell(check, p, "id", "does not fit into one byte; id_bytes = 2");
    }
    if (check->options->length_bytes == 0 && field_width(point->type) == 0 && point->length == 0) {
        tell(check, p, "length", "no length is sent (length_bytes = 0): it must be given");
    }
}

static void check_point(struct check *check, int p, const struct payload_point *point,
                        const char *key)
{
    int kind = check->options->kind;
    check_bits(check, p, point);
    check_scale(check, p, point);
    if (is_binary(kind) && point->type == PAYLOAD_NUMBER) {
        tell(check, p, "type", "needs a type with a width, such as uint16");
    } else if (kind == PAYLOAD_STRUCT) {
        check_struct(check, p, point);
    } else if (kind == PAYLOAD_TLV) {
        check_tlv(check, p, point);
    } else if (kind == PAYLOAD_LPP && !lpp_unit(key)) {
        tell(check, p, "key", "Cayenne LPP has no such value; they are like temperature_3");
    }
}

static bool has_name(const struct payload_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (!strcmp(plan->points[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void check_device(struct check *check, const struct payload_plan *plan)
{
    const struct payload_options *options = check->options;
    if (options->kind == PAYLOAD_RAW && plan->count > 0) {
        tell(check, -1, "payload", "raw bytes have no points; say what they hold");
    }
    if (is_binary(options->kind) && plan->count == 0) {
        tell(check, -1, "points", "a struct or tlv must be described, point by point");
    }
    if (options->kind == PAYLOAD_TEXT && strpbrk(options->separator, options->assign)) {
        tell(check, -1, "assign", "has a character that is a separator too");
    }
    if (options->counter[0] && options->kind == PAYLOAD_RAW) {
        tell(check, -1, "counter", "raw bytes have no values, so none that counts");
    } else if (options->counter[0] && plan->count > 0 && !has_name(plan, options->counter)) {
        tell(check, -1, "counter", "no point has this name");
    }
}

static void add_point(struct payload_plan *plan, const struct weir_device_point *from)
{
    const struct payload_point *point = from->options;
    size_t i = plan->count++;
    const char *key = point->key[0] ? point->key : from->name, *unit = from->unit;
    if (!unit[0] && plan->options.kind == PAYLOAD_LPP && point->scale == 1 && lpp_unit(key)) {
        unit = lpp_unit(key);
    }
    plan->described[i] = point;
    plan->keys[i] = key;
    plan->points[i] = (struct weir_point){ from->name, unit, weir_type_of(point) };
}

int payload_plan_create(const struct payload_options *options,
                        const struct weir_device_point *points, size_t count,
                        struct payload_findings findings, struct payload_plan **ret_plan)
{
    struct check check = { .options = options, .findings = findings };
    struct payload_plan *plan = calloc(1, sizeof *plan);
    if (!plan) {
        return -ENOMEM;
    }
    plan->options = *options;
    if (count > PAYLOAD_VALUES_MAX) {
        tell(&check, -1, "points", "a packet has at most 64 values");
        count = PAYLOAD_VALUES_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        add_point(plan, &points[i]);
        check_point(&check, (int)i, plan->described[i], plan->keys[i]);
    }
    check_device(&check, plan);
    if (check.failed) {
        free(plan);
        return -EINVAL;
    }
    if (options->kind == PAYLOAD_JSON) {
        json_object_seed(0); /* jansson would do it at the first packet */
    }
    *ret_plan = plan;
    return 0;
}

void payload_plan_destroy(struct payload_plan *plan)
{
    free(plan);
}
