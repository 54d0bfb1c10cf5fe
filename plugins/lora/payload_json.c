/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A JSON object, flat or nested; jansson reads it. What stands deeper is called by its path: "b" in
 * {"a":{"b":1}} is a.b, the first of {"a":[1,2]} is a.0.
 */
#include "payload_part.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8 };

struct walk {
    const struct payload_plan *plan;
    struct payload_values *out;
    char path[KEY_MAX + 1];
};

static bool walk_value(struct walk *walk, size_t path_len, const json_t *value, int depth);

static struct raw raw_of(const struct walk *walk, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return (struct raw){ .kind = RAW_TEXT,
                             .text = { json_string_value(value), json_string_length(value) } };
    case JSON_INTEGER: {
        struct raw raw = { .kind = RAW_INT, .i = json_integer_value(value) };
        return walk->plan->count ? raw : number_loose(raw);
    }
    case JSON_REAL:
        return (struct raw){ .kind = RAW_DOUBLE, .d = json_real_value(value) };
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct raw){ .kind = RAW_BOOL, .u = json_is_true(value) };
    default:
        return (struct raw){ .kind = RAW_NONE };
    }
}

/* One step down. */
static bool walk_child(struct walk *walk, size_t path_len, const char *name, const json_t *value,
                       int depth)
{
    int more = snprintf(walk->path + path_len, sizeof walk->path - path_len, "%s%s",
                        path_len ? "." : "", name);
    if (path_len + (size_t)more >= sizeof walk->path) {
        walk->out->skipped++;
        return true;
    }
    return walk_value(walk, path_len + (size_t)more, value, depth + 1);
}

static bool walk_value(struct walk *walk, size_t path_len, const json_t *value, int depth)
{
    const char *name;
    json_t *child;
    size_t i;
    if (depth > DEPTH_MAX) {
        return payload_stop(walk->out, PAYLOAD_R_MALFORMED, 0, -1);
    }
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, name, child)
        {
            if (!walk_child(walk, path_len, name, child, depth)) {
                return false;
            }
        }
        return true;
    }
    if (json_is_array(value)) {
        json_array_foreach(value, i, child)
        {
            char number[24];
            snprintf(number, sizeof number, "%zu", i);
            if (!walk_child(walk, path_len, number, child, depth)) {
                return false;
            }
        }
        return true;
    }
    walk->path[path_len] = 0;
    struct raw raw = raw_of(walk, value);
    return payload_offer(walk->plan, walk->path, "", &raw, walk->out) ||
           payload_stop(walk->out, PAYLOAD_R_TOO_MANY, 0, -1);
}

bool json_decode(const struct payload_plan *plan, const char *data, size_t len,
                 struct payload_values *out)
{
    struct walk walk = { .plan = plan, .out = out };
    json_error_t error;
    json_t *root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        size_t at = error.position > 0 ? (size_t)error.position : 0;
        bool cut = json_error_code(&error) == json_error_premature_end_of_input;
        return payload_stop(out, cut ? PAYLOAD_R_TRUNCATED : PAYLOAD_R_MALFORMED, at, -1);
    }
    bool good = json_is_object(root) ? walk_value(&walk, 0, root, 0)
                                     : payload_stop(out, PAYLOAD_R_MALFORMED, 0, -1);
    json_decref(root);
    return good;
}
