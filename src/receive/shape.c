/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See shape.h. Keys that are not there are not asked for, except where another one needs them.
 */
#include "receive/shape.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "receive/utc.h"

static void complain(struct record *record, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void complain(struct record *record, const char *format, ...)
{
    va_list args;

    if (record->complaint[0] != '\0') {
        return;
    }
    va_start(args, format);
    vsnprintf(record->complaint, sizeof(record->complaint), format, args);
    va_end(args);
    for (char *c = record->complaint; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) {
            *c = '?';
        }
    }
}

static void complain_of(struct record *record, const char *key, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    complain(record, "has %s %.60s", key, text == NULL ? "?" : text);
    free(text);
}

static void check_clock(const json_t *object, struct record *record)
{
    const json_t *clock = json_object_get(object, "clock");
    const json_t *time = json_object_get(object, "time");
    bool estimated = clock != NULL && json_is_string(clock) &&
                     strcmp(json_string_value(clock), "estimated") == 0;
    int64_t us;

    if (time != NULL && (!json_is_string(time) || !utc_read(json_string_value(time), &us))) {
        complain_of(record, "time", time);
    }
    if (clock == NULL) {
        return;
    }
    if (!estimated &&
        (!json_is_string(clock) || strcmp(json_string_value(clock), "unsynced") != 0)) {
        complain_of(record, "clock", clock);
        return;
    }
    if (!json_is_number(json_object_get(object, "uptime"))) {
        complain(record, "is %s without uptime", json_string_value(clock));
    }
    if (estimated && !json_is_number(json_object_get(object, "clock_error_s"))) {
        complain(record, "is estimated without clock_error_s");
    }
}

/* The values stand in `values`, or beside the other keys. */
static json_t *values_of(json_t *object)
{
    json_t *values = json_object_get(object, "values");

    return json_is_object(values) ? values : object;
}

static void check_values(json_t *object, struct record *record)
{
    json_t *values = values_of(object);
    json_t *errors = json_object_get(object, "errors");
    const json_t *suspect = json_object_get(object, "suspect");

    for (void *i = json_object_iter(values); i != NULL; i = json_object_iter_next(values, i)) {
        const char *key = json_object_iter_key(i);

        if (json_is_null(json_object_iter_value(i)) &&
            !json_is_string(json_object_get(errors, key))) {
            complain(record, "has %.64s null without a reason", key);
        }
    }
    for (void *i = json_object_iter(errors); i != NULL; i = json_object_iter_next(errors, i)) {
        const char *key = json_object_iter_key(i);

        if (!json_is_null(json_object_get(values, key))) {
            complain(record, "has a reason for %.64s, which is not null", key);
        }
    }
    for (size_t i = 0; i < json_array_size(suspect); i++) {
        const char *key = json_string_value(json_array_get(suspect, i));
        const json_t *value = key == NULL ? NULL : json_object_get(values, key);

        if (value == NULL || json_is_null(value)) {
            complain(record, "has %.64s suspect, which is no value of it", key == NULL ? "?" : key);
        }
    }
}

static bool says_clock(json_t *object)
{
    const json_t *event = json_object_get(values_of(object), "event");

    return json_is_string(event) && strcmp(json_string_value(event), "clock") == 0;
}

static void check_event(json_t *object, struct record *record)
{
    if (record->kind == NULL || strcmp(record->kind, "event") != 0) {
        return;
    }
    if (strcmp(record->bus, "weir") != 0) {
        complain(record, "is an event of another bus than weir");
    } else if (record->device != NULL && strcmp(record->device, record->gateway) != 0) {
        complain(record, "is an event of device %.64s, not of the gateway", record->device);
    } else if (!record->clock_word.is_one && says_clock(object)) {
        complain(record, "is a clock event without of_epoch or offset_s");
    }
}

void shape_check(json_t *object, struct record *record)
{
    record->complaint[0] = '\0';
    check_clock(object, record);
    check_values(object, record);
    check_event(object, record);
}
