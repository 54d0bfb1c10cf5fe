/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Records as JSON text, docs/json.md. On the hot path, so our own; checked in the tests against a
 * JSON library. What is the same for all records of a shape is prepared once.
 */
#ifndef RECORD_JSON_H
#define RECORD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "record/shape.h"

/* Text being written; fails short. */
struct json {
    char *start, *at, *end;
    bool failed;
};

struct json json_init(char *buf, size_t size);
size_t json_len(const struct json *json);
void json_raw(struct json *json, const char *text, size_t len);
void json_word(struct json *json, const char *text); /* as it is, no quotes */
/* In quotes, escaped; bytes that are no UTF-8 become U+FFFD. */
void json_text(struct json *json, const char *text, size_t len);
void json_u64(struct json *json, uint64_t value);

struct json_shape;

/* gateway, bus and shape must outlive it. flat: "values" stand beside the other keys. */
int json_shape_create(const char *gateway, const char *bus, const struct weir_shape *shape,
                      bool flat, struct json_shape **ret_json_shape);
void json_shape_destroy(struct json_shape *json_shape);

struct json_range {
    uint64_t first, last;
    const char *why;
};

/* One entry of `after`: an epoch that ended between the last record and this one. */
struct json_epoch {
    uint64_t epoch, last;
    bool clean, damage, has_until;
    struct wall_time until;
    const struct json_range *before;
    size_t before_count;
};

/* How far a time can be trusted. Other than SYNCED: "clock" says so, and uptime is added. */
enum json_clock { JSON_CLOCK_SYNCED, JSON_CLOCK_UNSYNCED, JSON_CLOCK_ESTIMATED };

struct json_record {
    uint64_t epoch, seq;
    struct wall_time time;
    enum json_clock clock;
    double clock_error_s; /* of JSON_CLOCK_ESTIMATED */
    int64_t uptime_ns;
    const struct weir_value *values;
    bool proof; /* an uplink's record: before (if any) and after (if first_of_epoch) are written */
    bool first_of_epoch;
    const struct json_range *before;
    size_t before_count;
    const struct json_epoch *after;
    size_t after_count;
    bool omit_gateway, omit_bus, omit_epoch, omit_device,
        omit_kind; /* equal to the array's first */
};

void json_record(struct json *json, const struct json_shape *shape,
                 const struct json_record *record);

/* {"points":{"voltage_l1":{"type":"float32","unit":"V"}, ...}}, for `meta`. */
void json_points(struct json *json, const struct weir_shape *shape);
/* {"site":"Harbour St"} */
void json_labels(struct json *json, const struct weir_shape *shape);

#endif
