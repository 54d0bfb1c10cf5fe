/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * OmniPreSense OPS241, OPS242, OPS243: Doppler radars that print lines, in the form they are set
 * to.
 *
 *   13.4                                            a speed, in the unit the radar is set to
 *   "137.429,13.4"                                  with seconds since it was switched on (OT)
 *   {"speed":0.58,"direction":"inbound",...}        the same as JSON (OJ)
 *   {..."velocity_max":..,"object_length":..}       an object that has passed (OC)
 *   {..."count":12,"average":44.1,...}              counts of an interval (@O)
 *   {"DetectedObjectCount":3}, {"Clock":"50"}       other answers: read over
 *
 * An object is a vehicle. A radar that only prints speeds prints many for each passage: speeds of
 * one direction with less than a second between them are one vehicle, its speed the highest. Speeds
 * above 0 come nearer. There is no checksum; what is no such line, or out of limits, is not taken.
 *
 * Source: OmniPreSense AN-010 (API), examples of the glossyio traffic-monitor.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family.h"

enum { LINE_MOST = 500 };
#define KMH_MOST     300.0
#define LENGTH_MOST  60.0
#define SECONDS_MOST 3600.0

struct ops {
    struct passage passage;
    struct under_way under_way;
};

static int ops_frame(const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len, LINE_MOST);
}

static void set_direction(char word[TRAFFIC_WORD_MAX], bool nearer)
{
    snprintf(word, TRAFFIC_WORD_MAX, "%s", nearer ? "approaching" : "departing");
}

/* ---- speeds */

static enum weir_result speed_seen(struct traffic *t, double raw, int sign, int64_t time_ns)
{
    char direction[TRAFFIC_WORD_MAX];
    double kmh = traffic_kmh(t, fabs(raw));
    if (!(kmh <= KMH_MOST)) {
        return WEIR_R_DECODE;
    }
    set_direction(direction, sign > 0);
    passage_reading(t, &((struct ops *)traffic_bus_state(t))->passage, kmh, direction, time_ns);
    return WEIR_R_OK;
}

static int64_t ops_tick(struct traffic *t, int64_t now_ns)
{
    return passage_tick(t, &((struct ops *)traffic_bus_state(t))->passage, now_ns);
}

/* ---- JSON */

/* A number, also one in quotes, as some firmware writes it. */
static bool number_of(const json_t *object, const char *key, double *ret_number)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value)) {
        return text_number(json_string_value(value), ret_number);
    }
    *ret_number = json_number_value(value);
    return json_is_number(value) && isfinite(*ret_number);
}

/* "in", "inbound", "out", "outbound"; false: neither. */
static bool nearer_of(const json_t *object, bool *ret_nearer)
{
    const char *word = json_string_value(json_object_get(object, "direction"));
    if (!word || (strncmp(word, "in", 2) != 0 && strncmp(word, "out", 3) != 0)) {
        return false;
    }
    *ret_nearer = word[0] == 'i';
    return true;
}

/* A speed in the unit that this message names, else in the one that the radar is set to. */
static bool kmh_of(const struct traffic *t, const json_t *object, const char *key, double *ret_kmh)
{
    static const struct {
        const char *word;
        double kmh;
    } units[] = {
        { "mps", 3.6 }, { "kmph", 1 }, { "mph", 1.609344 }, { "fps", 1.09728 }, { "cmps", 0.036 }
    };
    const char *unit = json_string_value(json_object_get(object, "units"));
    double raw;
    if (!number_of(object, key, &raw)) {
        return false;
    }
    raw = fabs(raw);
    *ret_kmh = traffic_kmh(t, raw);
    for (size_t i = 0; unit && i < sizeof units / sizeof *units; i++) {
        if (!strcmp(unit, units[i].word)) {
            *ret_kmh = units[i].kmh == 1 ? raw : rounded3(raw * units[i].kmh);
        }
    }
    return *ret_kmh <= KMH_MOST;
}

static enum weir_result object_passed(struct traffic *t, const json_t *object, int64_t time_ns)
{
    struct vehicle v = { .has = HAS_SPEED, .time_ns = time_ns };
    double number;
    bool nearer;
    if (!kmh_of(t, object, "velocity_max", &v.speed_kmh)) {
        return WEIR_R_DECODE;
    }
    if (nearer_of(object, &nearer)) {
        v.has |= HAS_DIRECTION;
        set_direction(v.direction, nearer);
    }
    if (number_of(object, "delta_time_msec", &number) && number >= 0 &&
        number <= SECONDS_MOST * 1000) {
        v.has |= HAS_DURATION;
        v.duration_s = number / 1000;
    }
    if (number_of(object, "object_length", &number) && number >= 0 && number <= LENGTH_MOST) {
        v.has |= HAS_LENGTH;
        v.length_m = number;
    }
    traffic_vehicle(t, 0, &v);
    return WEIR_R_OK;
}

static enum weir_result interval_counted(struct traffic *t, const json_t *object, int64_t time_ns)
{
    struct interval i = { .has = HAS_COUNT, .time_ns = time_ns };
    double count;
    bool nearer;
    if (!number_of(object, "count", &count) || count < 0 || count > 1e6 || count != floor(count)) {
        return WEIR_R_DECODE;
    }
    i.vehicle_count = (uint64_t)count;
    if (kmh_of(t, object, "average", &i.speed_kmh) && count > 0) {
        i.has |= HAS_SPEED;
    }
    if (nearer_of(object, &nearer)) {
        i.has |= HAS_DIRECTION;
        set_direction(i.direction, nearer);
    }
    traffic_interval(t, 0, &i);
    return WEIR_R_OK;
}

static enum weir_result take_json(struct traffic *t, const char *line, int64_t time_ns)
{
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    enum weir_result r = WEIR_R_FOREIGN; /* an answer to a setting, a clock */
    double raw;
    bool nearer;
    if (!json_is_object(object)) {
        r = WEIR_R_FRAME;
    } else if (json_object_get(object, "velocity_max")) {
        r = object_passed(t, object, time_ns);
    } else if (json_object_get(object, "count") && json_object_get(object, "average")) {
        r = interval_counted(t, object, time_ns);
    } else if (json_object_get(object, "speed")) {
        r = !number_of(object, "speed", &raw)
                ? WEIR_R_DECODE
                : speed_seen(t, raw,
                             nearer_of(object, &nearer) ? nearer ? 1 : -1
                             : raw > 0                  ? 1
                                                        : -1,
                             time_ns);
    }
    json_decref(object);
    return r;
}

/* ---- lines */

/* 13.4 or 137.429,13.4, also in quotes. */
static enum weir_result take_text(struct traffic *t, char *line, int64_t time_ns)
{
    size_t len = strlen(line);
    double seconds, raw;
    if (len >= 2 && line[0] == '"' && line[len - 1] == '"') {
        line[len - 1] = 0;
        line++;
    }
    char *comma = strchr(line, ',');
    if (comma) {
        *comma = 0;
        if (!text_number(line, &seconds) || seconds < 0) {
            return WEIR_R_FRAME;
        }
        line = comma + 1;
    }
    return text_number(line, &raw) ? speed_seen(t, raw, raw > 0 ? 1 : -1, time_ns) : WEIR_R_FRAME;
}

static enum weir_result ops_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                    int64_t time_ns)
{
    char line[LINE_MOST + 1];
    struct ops *o = traffic_bus_state(t);
    bool cut = under_way_cut(&o->under_way, time_ns);
    if (!line_text(bytes, len, line, sizeof line) || (cut && line[0] != '{')) {
        return WEIR_R_FRAME; /* "3.4" may be the end of "13.4" */
    }
    if (!line[0]) {
        return WEIR_R_OK;
    }
    return line[0] == '{' ? take_json(t, line, time_ns) : take_text(t, line, time_ns);
}

static void ops_opened(struct traffic *t, int64_t now_ns)
{
    struct ops *o = traffic_bus_state(t);
    under_way_opened(&o->under_way, now_ns);
}

const struct family family_omnipresense_ops24x = {
    .name = "omnipresense-ops24x",
    .vehicle = HAS_SPEED | HAS_DIRECTION | HAS_DURATION | HAS_LENGTH,
    .interval = HAS_COUNT | HAS_SPEED | HAS_DIRECTION,
    .bus_state = sizeof(struct ops),
    .lines = true,
    .frame = ops_frame,
    .message = ops_message,
    .opened = ops_opened,
    .tick = ops_tick,
};
