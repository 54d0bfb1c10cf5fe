/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Natch: an open protocol for vehicle detectors, text lines; ID is four hex digits.
 *
 *   from the device   ds,ID,DETECTOR,DURATION,HEADWAY,HH:MM:SS     a passage; a few a second
 *   to the device     DS,ID                                        "have it": the device forgets it
 *   to the device     CS,ID[,RFC 3339]                             asks for its clock, or sets it
 *   from the device   cs,ID,RFC 3339                               the answer, in its own time zone
 *
 * A passage's ID is one more each time. Times in ms; a field without digits is not known. Without
 * the acknowledgement the device keeps the passage and says it again, so nothing is lost while
 * nobody listens; a passage that is said again after it was taken is acknowledged and left out.
 *
 * There is no checksum; a number that was hit shows by what comes next.
 *
 * Source: docs/natch.md of the IRIS traffic management system.
 */
#include <stdio.h>
#include <string.h>

#include "family.h"

enum { LINE_MOST = 80, DETECTOR_MOST = 31, ANSWER_MOST = 48 };

/* The device says up to 16 in one go, or 24 a second. */
enum { RECENT = 64 };

#define CLOCK_EVERY_NS (600 * TRAFFIC_NS_PER_S)
#define CLOCK_SOON_NS  (30 * TRAFFIC_NS_PER_S) /* ours is not synchronised yet */
#define CLOCK_OFF_NS   (2 * TRAFFIC_NS_PER_S)  /* it tells whole seconds */
#define AGAIN_NS       (5 * TRAFFIC_NS_PER_S)  /* by then it has said again what it has */
#define LIVE_NS        (5 * TRAFFIC_NS_PER_S)  /* later than so: it was kept */
#define AHEAD_NS       (60 * TRAFFIC_NS_PER_S) /* nothing has passed in the future */
#define DAY_NS         (86400 * TRAFFIC_NS_PER_S)

/* A second question before the clock is set: a digit may have been hit. */
enum clock_step { CLOCK_IDLE, CLOCK_ASKED, CLOCK_DOUBTED, CLOCK_SET };

enum verdict { TAKEN, HAD, WAITS };

/* VOID: a line behind it was damaged, it has to be said once more. */
enum hearing { WAITING, VOID, DONE };

/* What tells a passage from others, 0 for what is not known. */
struct heard {
    uint32_t duration_ms, headway_ms;
    int32_t second; /* of the day; -1: not known */
    uint16_t id;
    uint8_t detector;
    uint8_t state; /* enum hearing */
};

struct natch {
    int64_t clock_ns; /* when it is wanted next */
    int64_t wait_ns;  /* since when something waits to be said again; 0: nothing does */
    int32_t zone_s;   /* what the device's clock adds to UTC */
    uint32_t clock_step;
    uint16_t question; /* its id */
    uint16_t last;     /* id */
    uint8_t opened, met;
    uint8_t zoned;  /* zone_s is known */
    uint8_t right;  /* its clock agrees with ours */
    uint8_t behind; /* it may be telling what passed while nobody listened */
    uint32_t count; /* of `recent`, all in all */
    struct heard recent[RECENT];
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
static bool milliseconds(const char *text, unsigned what, struct vehicle *v, double *ret_s,
                         uint32_t *ret_ms)
{
    int64_t ms;
    if (!*text) {
        return true;
    }
    if (!text_whole(text, 0, 86400000, &ms)) {
        return false;
    }
    *ret_s = (double)ms / 1000;
    *ret_ms = (uint32_t)ms;
    v->has |= what;
    return true;
}

/* 0 stands for any digit. */
static bool has_form(const char *text, const char *form)
{
    for (; *form && *text; form++, text++) {
        bool digit = *text >= '0' && *text <= '9';
        if (*form == '0' ? !digit : *form != *text) {
            return false;
        }
    }
    return *form == *text;
}

/* HH:MM:SS, or nothing. */
static bool clock_second(const char *text, int32_t *ret_second)
{
    int h, m, s;
    if (!*text) {
        return true;
    }
    if (!has_form(text, "00:00:00") || sscanf(text, "%d:%d:%d", &h, &m, &s) != 3 || h > 23 ||
        m > 59 || s > 60) {
        return false;
    }
    *ret_second = h * 3600 + m * 60 + s;
    return true;
}

/* The device tells no day: the one nearest to our clock, but none that is still to come if its
 * clock is right. */
static void date_passage(const struct traffic *t, const struct natch *n, int32_t second,
                         struct vehicle *v)
{
    int64_t wall_ns, zone_ns = n->zone_s * TRAFFIC_NS_PER_S;
    traffic_wall(t, v->time_ns, &wall_ns);
    int64_t off_ns = (second * TRAFFIC_NS_PER_S - (wall_ns + zone_ns) % DAY_NS) % DAY_NS;
    int64_t most_ns = n->right ? AHEAD_NS : DAY_NS / 2;
    off_ns += off_ns > most_ns ? -DAY_NS : off_ns <= most_ns - DAY_NS ? DAY_NS : 0;
    v->device_time_ns = wall_ns + off_ns;
    v->device_time_ns -= v->device_time_ns % TRAFFIC_NS_PER_S;
    v->has |= HAS_DEVICE_TIME;
}

/* One that the device has kept gets the time of its passage, if the clocks agree. */
static void time_passage(const struct traffic *t, struct natch *n, struct vehicle *v)
{
    if (!n->behind || !n->right || !(v->has & HAS_DEVICE_TIME)) {
        return;
    }
    int64_t at_ns = traffic_time(t, v->device_time_ns, v->time_ns);
    if (v->time_ns - at_ns > LIVE_NS) {
        v->time_ns = at_ns;
    } else {
        n->behind = 0;
    }
}

static int natch_frame(const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len, LINE_MOST);
}

static struct heard *find_heard(struct natch *n, const struct heard *heard)
{
    for (uint32_t i = 0; i < RECENT && i < n->count; i++) {
        struct heard *r = &n->recent[i];
        if (r->state != VOID && r->id == heard->id && r->duration_ms == heard->duration_ms &&
            r->headway_ms == heard->headway_ms && r->second == heard->second &&
            r->detector == heard->detector) {
            return r;
        }
    }
    return NULL;
}

static struct heard *remember(struct natch *n, const struct heard *heard)
{
    struct heard *r = &n->recent[n->count % RECENT];
    *r = *heard;
    n->count++;
    return r;
}

/* A line was damaged: whatever it was may be what the others wait for. */
static void wait_once_more(struct natch *n)
{
    for (uint32_t i = 0; i < RECENT && i < n->count; i++) {
        n->recent[i].state = n->recent[i].state == DONE ? DONE : VOID;
    }
}

/* What becomes of a passage. The device begins with the oldest that it has: a number that is not
 * the next one waits until it is said again and no line was damaged in between. Then it was not
 * hit, and what is before it does not come any more. A device that says nothing again is taken as
 * it talks. Numbers run round at 16 bits: up to half of that ahead, so many were missed; a little
 * behind, one is late; farther, the device counts anew. */
static enum verdict judge(struct traffic *t, struct natch *n, const struct heard *heard,
                          int64_t time_ns, uint64_t *ret_missed)
{
    uint16_t ahead = (uint16_t)(heard->id - n->last - 1), behind = (uint16_t)(n->last - heard->id);
    struct heard *r = find_heard(n, heard);
    if (r && r->state == DONE) {
        return HAD;
    }
    if (n->met && ahead != 0 && !r && (!n->wait_ns || time_ns - n->wait_ns < AGAIN_NS)) {
        n->wait_ns = n->wait_ns ? n->wait_ns : time_ns;
        remember(n, heard);
        return WAITS;
    }
    bool late = n->met && behind < RECENT, anew = n->met && ahead >= 0x8000 && !late;
    if (anew) {
        traffic_log(t, WEIR_LOG_NOTICE, "%s counts anew id=%04x after=%04x",
                    traffic_device(t, 0)->name, heard->id, n->last);
    }
    *ret_missed = n->met && !late && !anew ? ahead : 0;
    r = r ? r : remember(n, heard);
    r->state = DONE;
    n->last = late ? n->last : heard->id;
    n->met = 1;
    n->wait_ns = 0;
    return TAKEN;
}

static enum weir_result passage(struct traffic *t, char *rest, int64_t time_ns)
{
    struct natch *n = traffic_bus_state(t);
    struct vehicle v = { .time_ns = time_ns };
    struct heard heard = { .second = -1 };
    const char *id = take(&rest), *detector = take(&rest), *duration = take(&rest);
    const char *headway = take(&rest), *clock = take(&rest);
    char answer[16];
    uint64_t number;
    if (!clock || rest || strlen(id) != 4 || !text_hex(id, 4, &number) ||
        !text_whole(detector, 0, DETECTOR_MOST, &v.lane) ||
        !milliseconds(duration, HAS_DURATION, &v, &v.duration_s, &heard.duration_ms) ||
        !milliseconds(headway, HAS_HEADWAY, &v, &v.headway_s, &heard.headway_ms) ||
        !clock_second(clock, &heard.second)) {
        return WEIR_R_DECODE;
    }
    heard.id = (uint16_t)number;
    heard.detector = (uint8_t)v.lane;
    v.has |= HAS_LANE | HAS_DEVICE_COUNT | HAS_MISSED;
    v.device_count = number;
    if (heard.second >= 0 && n->zoned) {
        date_passage(t, n, heard.second, &v);
    }
    enum verdict verdict = judge(t, n, &heard, time_ns, &v.missed);
    if (verdict == WAITS) {
        return WEIR_R_OK;
    }
    if (verdict == TAKEN) {
        time_passage(t, n, &v);
        traffic_vehicle(t, 0, &v);
    }
    int size = snprintf(answer, sizeof answer, "DS,%s\n", id);
    traffic_send(t, answer, (size_t)size);
    return WEIR_R_OK;
}

/* ---- its clock */

/* RFC 3339 in whole seconds. */
static bool date_time(const char *text, int64_t *ret_ns, int32_t *ret_zone_s)
{
    int year, month, day, h, m, s, zone_h = 0, zone_m = 0;
    char sign = 'Z';
    int64_t seconds;
    if (!has_form(text, "0000-00-00T00:00:00Z") && !has_form(text, "0000-00-00T00:00:00+00:00") &&
        !has_form(text, "0000-00-00T00:00:00-00:00")) {
        return false;
    }
    sscanf(text, "%d-%d-%dT%d:%d:%d%c%d:%d", &year, &month, &day, &h, &m, &s, &sign, &zone_h,
           &zone_m);
    if (!date_seconds(year, month, day, h, m, s, &seconds) || zone_h > 14 || zone_m > 59) {
        return false;
    }
    *ret_zone_s = (zone_h * 3600 + zone_m * 60) * (sign == '-' ? -1 : 1);
    *ret_ns = (seconds - *ret_zone_s) * TRAFFIC_NS_PER_S;
    return true;
}

static void ask_clock(struct traffic *t, struct natch *n, enum clock_step step)
{
    char line[ANSWER_MOST];
    n->question++;
    n->clock_step = step;
    int size = snprintf(line, sizeof line, "CS,%04x\n", n->question);
    traffic_send(t, line, (size_t)size);
}

/* To our time, in its own zone: what it calls HH:MM:SS stays that. */
static void set_clock(struct traffic *t, struct natch *n, int64_t now_ns)
{
    char line[ANSWER_MOST];
    int64_t wall_ns;
    int zone_min = n->zone_s / 60, size_min = zone_min < 0 ? -zone_min : zone_min;
    traffic_wall(t, now_ns, &wall_ns);
    struct civil c =
        civil_from_seconds((wall_ns + TRAFFIC_NS_PER_S / 2) / TRAFFIC_NS_PER_S + n->zone_s);
    n->question++;
    n->clock_step = CLOCK_SET;
    int size = snprintf(line, sizeof line, "CS,%04x,%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d\n",
                        n->question, c.year, c.month, c.day, c.hour, c.minute, c.second,
                        zone_min < 0 ? '-' : '+', size_min / 60, size_min % 60);
    traffic_send(t, line, (size_t)size);
}

static enum weir_result clock_status(struct traffic *t, char *rest, int64_t time_ns)
{
    struct natch *n = traffic_bus_state(t);
    const char *id = take(&rest), *when = take(&rest);
    uint64_t number;
    int64_t device_ns, wall_ns;
    int32_t zone_s;
    if (!when || rest || strlen(id) != 4 || !text_hex(id, 4, &number) ||
        !date_time(when, &device_ns, &zone_s)) {
        return WEIR_R_DECODE;
    }
    enum clock_step step = n->clock_step;
    if (step == CLOCK_IDLE || number != n->question) {
        return WEIR_R_FOREIGN;
    }
    n->clock_step = CLOCK_IDLE;
    bool sure = traffic_wall(t, time_ns, &wall_ns);
    int64_t off_ns = wall_ns - device_ns;
    n->right = sure && off_ns <= CLOCK_OFF_NS && off_ns >= -CLOCK_OFF_NS;
    if (step == CLOCK_ASKED && sure && !n->right) {
        ask_clock(t, n, CLOCK_DOUBTED);
        return WEIR_R_OK;
    }
    n->zone_s = zone_s;
    n->zoned = 1;
    n->clock_ns = sure ? n->clock_ns : time_ns + CLOCK_SOON_NS;
    if (traffic_clock(t, 0, device_ns, CLOCK_OFF_NS, time_ns) && step != CLOCK_SET) {
        set_clock(t, n, time_ns);
    }
    return WEIR_R_OK;
}

static void natch_opened(struct traffic *t, int64_t now_ns)
{
    struct natch *n = traffic_bus_state(t);
    n->opened = 1;
    n->clock_ns = now_ns;
    n->right = 0;
    n->behind = 1;
    wait_once_more(n);
}

static int64_t natch_tick(struct traffic *t, int64_t now_ns)
{
    struct natch *n = traffic_bus_state(t);
    if (!n->opened) {
        return INT64_MAX; /* no port yet */
    }
    if (now_ns >= n->clock_ns) {
        n->clock_ns = now_ns + CLOCK_EVERY_NS;
        ask_clock(t, n, CLOCK_ASKED);
    }
    return n->clock_ns;
}

static enum weir_result line_said(struct traffic *t, const uint8_t *bytes, size_t len,
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
    if (!strcmp(word, "cs") && rest) {
        return clock_status(t, rest, time_ns);
    }
    return strlen(word) == 2 ? WEIR_R_FOREIGN : WEIR_R_FRAME;
}

static enum weir_result natch_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                      int64_t time_ns)
{
    enum weir_result r = line_said(t, bytes, len, time_ns);
    if (r != WEIR_R_OK) {
        wait_once_more(traffic_bus_state(t));
    }
    return r;
}

const struct family family_natch = {
    .name = "natch",
    .vehicle =
        HAS_LANE | HAS_DURATION | HAS_HEADWAY | HAS_DEVICE_TIME | HAS_DEVICE_COUNT | HAS_MISSED,
    .bus_state = sizeof(struct natch),
    .lines = true,
    .frame = natch_frame,
    .message = natch_message,
    .opened = natch_opened,
    .tick = natch_tick,
};
