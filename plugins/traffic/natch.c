/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Natch: an open protocol for vehicle detectors, text lines.
 *
 *   from the device   ds,ID,DETECTOR,DURATION,HEADWAY,HH:MM:SS     a passage; at most 24 a second
 *   to the device     DS,ID                                        "have it": the device forgets it
 *
 * ID: 4 hex digits, one more each time. Times in ms; a field without digits is not known. Without
 * the acknowledgement the device keeps the passage and says it again, so nothing is lost while
 * nobody listens; a passage that is said again after it was taken is acknowledged and left out.
 *
 * Source: docs/natch.md of the IRIS traffic management system.
 */
#include <stdio.h>
#include <string.h>

#include "family.h"

enum { LINE_MOST = 80, DETECTOR_MOST = 31 };

struct natch {
    uint32_t met;
    uint16_t last; /* id */
};

/* One field, ended by a comma or the end; NULL at the end of the line. */
static char *take(char **line)
{
    char *field = *line;
    if (field) {
        char *comma = strchr(field, ',');
        if (comma) {
            *comma = 0;
        }
        *line = comma ? comma + 1 : NULL;
    }
    return field;
}

/* An empty field is one that the device does not know. False: it is there and no number. */
static bool milliseconds(const char *text, unsigned what, struct vehicle *v, double *ret_s)
{
    int64_t ms;
    if (!*text) {
        return true;
    }
    if (!text_whole(text, 0, 86400000, &ms)) {
        return false;
    }
    *ret_s = (double)ms / 1000;
    v->has |= what;
    return true;
}

/* HH:MM:SS without a day: the one nearest to our clock. */
static bool clock_time(const struct traffic *t, const char *text, struct vehicle *v)
{
    int64_t wall_ns, day_ns = 86400 * TRAFFIC_NS_PER_S, h, m, s;
    char part[3][3] = { "" };
    if (!*text) {
        return true;
    }
    if (strlen(text) != 8 || text[2] != ':' || text[5] != ':') {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        memcpy(part[i], text + 3 * i, 2);
    }
    if (!text_whole(part[0], 0, 23, &h) || !text_whole(part[1], 0, 59, &m) ||
        !text_whole(part[2], 0, 60, &s)) {
        return false;
    }
    traffic_wall(t, v->time_ns, &wall_ns);
    int64_t at_ns = (h * 3600 + m * 60 + s) * TRAFFIC_NS_PER_S;
    int64_t off_ns = (at_ns - wall_ns % day_ns) % day_ns;
    off_ns += off_ns < -day_ns / 2 ? day_ns : off_ns > day_ns / 2 ? -day_ns : 0;
    v->device_time_ns = wall_ns + off_ns;
    v->device_time_ns -= v->device_time_ns % TRAFFIC_NS_PER_S;
    v->has |= HAS_DEVICE_TIME;
    return true;
}

static int natch_frame(const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len, LINE_MOST);
}

/* Ids run round at 16 bits. What is up to half of that behind has been had. */
static bool had_before(struct natch *n, uint16_t id, uint64_t *ret_missed)
{
    uint16_t ahead = (uint16_t)(id - n->last - 1);
    if (n->met && ahead >= 0x8000) {
        return true;
    }
    *ret_missed = n->met ? ahead : 0;
    n->met = 1;
    n->last = id;
    return false;
}

static enum weir_result passage(struct traffic *t, char *rest, int64_t time_ns)
{
    struct vehicle v = { .time_ns = time_ns };
    const char *id = take(&rest), *detector = take(&rest), *duration = take(&rest);
    const char *headway = take(&rest), *clock = take(&rest);
    char answer[16];
    uint64_t number;
    if (!clock || rest || strlen(id) != 4 || !text_hex(id, 4, &number) ||
        !text_whole(detector, 0, DETECTOR_MOST, &v.lane) ||
        !milliseconds(duration, HAS_DURATION, &v, &v.duration_s) ||
        !milliseconds(headway, HAS_HEADWAY, &v, &v.headway_s) || !clock_time(t, clock, &v)) {
        return WEIR_R_DECODE;
    }
    v.has |= HAS_LANE | HAS_DEVICE_COUNT | HAS_MISSED;
    v.device_count = number;
    if (!had_before(traffic_bus_state(t), (uint16_t)number, &v.missed)) {
        traffic_vehicle(t, 0, &v);
    }
    int n = snprintf(answer, sizeof answer, "DS,%s\n", id);
    traffic_send(t, answer, (size_t)n);
    return WEIR_R_OK;
}

static enum weir_result natch_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                      int64_t time_ns)
{
    char line[LINE_MOST + 1], *rest = line;
    if (!line_text(bytes, len, line, sizeof line)) {
        return WEIR_R_FRAME;
    }
    if (!line[0]) {
        return WEIR_R_OK;
    }
    const char *word = take(&rest);
    if (!strcmp(word, "ds") && rest) {
        return passage(t, rest, time_ns);
    }
    return strlen(word) == 2 ? WEIR_R_FOREIGN : WEIR_R_FRAME;
}

const struct family family_natch = {
    .name = "natch",
    .vehicle =
        HAS_LANE | HAS_DURATION | HAS_HEADWAY | HAS_DEVICE_TIME | HAS_DEVICE_COUNT | HAS_MISSED,
    .bus_state = sizeof(struct natch),
    .lines = true,
    .frame = natch_frame,
    .message = natch_message,
};
