/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Decatur SI-2 and SI-3: Doppler radars that print lines, by themselves or when they are asked.
 *
 *   *+045.3,123      "time-tagged" form: direction, speed, signal strength in dB
 *   +045             direction and speed; with or without decimals; also without the direction
 *   *P               the question (update rate "poll")
 *   OK               the answer to a setting
 *
 * Direction: + comes nearer, - goes away, ? not known. In the unit that the radar is set to. There
 * is no checksum; the form that has one (Washington State, "Stt" and 7 bits behind the end of the
 * line, how they are made is not public) is not taken. Readings to vehicles: passage.c.
 *
 * Source: Decatur SI-2 technical manual, SI-3 user's manual (commands).
 */
#include <string.h>

#include "family.h"

enum { LINE_MOST = 24 };
#define KMH_MOST 300.0

struct decatur {
    struct passage passage;
    struct under_way under_way;
};

static int decatur_frame(const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len, LINE_MOST);
}

/* Digits, at least one and at most `most`; NULL: not so. */
static const char *digits(const char *at, size_t most)
{
    size_t n = strspn(at, "0123456789");
    return n >= 1 && n <= most ? at + n : NULL;
}

/* "045.3,123": the speed's text in `speed`; false: not of this form. */
static bool take_speed(const char *at, double *ret_speed)
{
    char speed[8];
    const char *end = digits(at, 3);
    if (end && *end == '.') {
        end = digits(end + 1, 1);
    }
    if (!end || (size_t)(end - at) >= sizeof speed) {
        return false;
    }
    memcpy(speed, at, (size_t)(end - at));
    speed[end - at] = 0;
    if (*end == ',') {
        end = digits(end + 1, 3);
    }
    return end && !*end && text_number(speed, ret_speed);
}

static enum weir_result take_reading(struct traffic *t, const char *line, int64_t time_ns)
{
    const char *direction = "";
    double speed;
    line += *line == '*';
    if (*line && strchr("+-?", *line)) {
        direction = *line == '+' ? "approaching" : *line == '-' ? "departing" : "";
        line++;
    }
    if (!take_speed(line, &speed)) {
        return WEIR_R_FRAME;
    }
    double kmh = traffic_kmh(t, speed);
    if (kmh > KMH_MOST) {
        return WEIR_R_DECODE;
    }
    struct decatur *d = traffic_bus_state(t);
    passage_reading(t, &d->passage, kmh, direction, time_ns);
    return WEIR_R_OK;
}

static enum weir_result decatur_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                        int64_t time_ns)
{
    char line[LINE_MOST + 1];
    struct decatur *d = traffic_bus_state(t);
    if (under_way_cut(&d->under_way, time_ns)) {
        return WEIR_R_FRAME;
    }
    if (!line_text(bytes, len, line, sizeof line)) {
        return WEIR_R_FRAME;
    }
    if (!line[0]) {
        return WEIR_R_OK;
    }
    if (!strcmp(line, "OK") || !strcmp(line, "*P")) {
        return WEIR_R_FOREIGN;
    }
    return take_reading(t, line, time_ns);
}

/* A late answer is a reading like any other. */
static enum weir_result polled_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                       int64_t time_ns)
{
    enum weir_result r = decatur_message(t, bytes, len, time_ns);
    if (r == WEIR_R_OK && len > 2) {
        traffic_answered(t, 0);
    }
    return r;
}

static size_t polled_request(struct traffic *t, size_t device, bool first, int64_t now_ns,
                             uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    memcpy(buf, "*P\r", 3);
    return first ? 3 : 0;
}

static int64_t decatur_tick(struct traffic *t, int64_t now_ns)
{
    struct decatur *d = traffic_bus_state(t);
    return passage_tick(t, &d->passage, now_ns);
}

/* One that is asked says nothing before. */
static void decatur_opened(struct traffic *t, int64_t now_ns)
{
    struct decatur *d = traffic_bus_state(t);
    under_way_opened(&d->under_way, now_ns);
}

const struct family family_decatur_si3 = {
    .name = "decatur-si3",
    .vehicle = HAS_SPEED | HAS_DIRECTION | HAS_DURATION,
    .bus_state = sizeof(struct decatur),
    .lines = true,
    .frame = decatur_frame,
    .message = decatur_message,
    .opened = decatur_opened,
    .tick = decatur_tick,
};

const struct family family_decatur_si3_polled = {
    .name = "decatur-si3-polled",
    .vehicle = HAS_SPEED | HAS_DIRECTION | HAS_DURATION,
    .bus_state = sizeof(struct decatur),
    .lines = true,
    .frame = decatur_frame,
    .message = polled_message,
    .request = polled_request,
    .tick = decatur_tick,
};
