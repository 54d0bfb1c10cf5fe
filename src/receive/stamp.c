/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See stamp.h.
 */
#include "receive/stamp.h"

#include <math.h>
#include <string.h>

#include "receive/utc.h"

#define US_PER_S     1e6
#define SECONDS_MAX  1e11 /* the year 5138 */
#define EPOCH_ID_MAX ((json_int_t)1 << 53)

/* Seconds as microseconds. False: no number, or none that can be a time. */
static bool read_seconds(const json_t *value, int64_t *ret_us)
{
    double seconds = json_number_value(value);

    if (!json_is_number(value) || !(fabs(seconds) <= SECONDS_MAX)) {
        return false;
    }
    *ret_us = (int64_t)llround(seconds * US_PER_S);
    return true;
}

static bool is_word(const json_t *value, const char *word)
{
    return json_is_string(value) && strcmp(json_string_value(value), word) == 0;
}

struct stamp stamp_read(const json_t *object)
{
    const json_t *clock = json_object_get(object, "clock");
    struct stamp stamp = { 0 };

    if (clock == NULL) {
        return stamp;
    }
    stamp.trust = is_word(clock, "estimated") ? TRUST_ESTIMATED : TRUST_UNSYNCED;
    stamp.has_uptime = read_seconds(json_object_get(object, "uptime"), &stamp.uptime_us);
    if (!read_seconds(json_object_get(object, "clock_error_s"), &stamp.error_us)) {
        stamp.error_us = 0;
    }
    return stamp;
}

struct clock_word stamp_clock_word(const json_t *object)
{
    const json_t *values = json_object_get(object, "values");
    const json_t *epoch;
    struct clock_word word = { 0 };

    if (!is_word(json_object_get(object, "kind"), "event") ||
        !is_word(json_object_get(object, "bus"), "weir")) {
        return word;
    }
    values = json_is_object(values) ? values : object;
    epoch = json_object_get(values, "of_epoch");
    if (!is_word(json_object_get(values, "event"), "clock") || !json_is_integer(epoch) ||
        json_integer_value(epoch) < 1 || json_integer_value(epoch) > EPOCH_ID_MAX ||
        !read_seconds(json_object_get(values, "offset_s"), &word.offset_us)) {
        return word;
    }
    word.is_one = true;
    word.of_bus = json_string_value(json_object_get(values, "of_bus"));
    word.of_epoch = (uint64_t)json_integer_value(epoch);
    return word;
}

bool stamp_repair(const struct stamp *stamp, int64_t offset_us, int64_t *ret_us)
{
    if (stamp->trust == TRUST_FULL || !stamp->has_uptime) {
        return false;
    }
    *ret_us = stamp->uptime_us + offset_us;
    return true;
}

json_t *stamp_repaired(json_t *object, int64_t us)
{
    char text[UTC_SIZE];
    json_t *copy = utc_write(us, text) ? json_copy(object) : NULL;

    if (copy == NULL) {
        return NULL;
    }
    json_object_del(copy, "clock_error_s");
    if (json_object_set_new(copy, "time", json_string(text)) < 0 ||
        json_object_set_new(copy, "clock", json_string("repaired")) < 0) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}
