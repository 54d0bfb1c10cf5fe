/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Wavetronix SmartSensor 105: a radar over some lanes that counts into intervals, text lines.
 *
 *   request   Z0DDDD CC args CR         DDDD: drop, CC: command
 *   answer    Z0DDDD CC data ~ CR       data: what was asked, or Failure, Invalid, Empty
 *
 *   XD        the newest interval; XDhhhh: the one that is so many intervals old. Data: end of the
 *             interval (8 hex digits), 29 hex digits a lane, their sum (4 hex digits)
 *   SB, S4    get and set the clock: seconds since 2000-01-01T00:00:00Z, 8 hex digits
 *
 * Intervals that ended while nobody asked are fetched by their age, oldest first. While that goes
 * on another one may end, and all ages move by one: the stamp of each answer says which it is.
 *
 * Source: driver "ss105" of the IRIS traffic management system.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family.h"

enum { LINE_MOST = 300, HEAD_LEN = 6, COMMAND_LEN = 2, STAMP_LEN = 8, LANE_LEN = 29, SUM_LEN = 4 };
enum { FETCH_MOST = 0xFFFF, TRIES_MOST = 3, LATE_MOST = 2 };
enum stage { IDLE, ASK_CLOCK, SET_CLOCK, ASK_NEWEST, ASK_PERIOD, ASK_AGE };

#define EPOCH_S        946684800LL /* 2000-01-01 */
#define CLOCK_EVERY_NS (600 * TRAFFIC_NS_PER_S)
#define CLOCK_OFF_NS   (5 * TRAFFIC_NS_PER_S)

struct ss105 {
    uint8_t stage, tries;
    uint16_t late;             /* answers in a row that lay behind */
    uint32_t last_s, newest_s; /* ends of intervals, 0: none yet */
    uint32_t period_s;         /* 0: not known yet */
    uint32_t again;            /* up to the newest they may have been told before a power cut */
    int64_t clock_due_ns, clock_off_ns;
};

static const char *const commands[] = {
    [IDLE] = "",         [ASK_CLOCK] = "SB",  [SET_CLOCK] = "S4",
    [ASK_NEWEST] = "XD", [ASK_PERIOD] = "XD", [ASK_AGE] = "XD"
};

static int ss105_frame(const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len, LINE_MOST);
}

static enum stage next_stage(const struct ss105 *d, int64_t now_ns, bool first)
{
    if (first) {
        return now_ns >= d->clock_due_ns ? ASK_CLOCK : ASK_NEWEST;
    }
    if (d->stage == ASK_CLOCK) {
        return d->clock_off_ns ? SET_CLOCK : ASK_NEWEST;
    }
    return d->stage == SET_CLOCK ? ASK_NEWEST : (enum stage)d->stage;
}

/* Its end and the period, without which nobody knows what to ask for. */
static uint64_t ss105_resume_point(struct traffic *t, size_t device)
{
    const struct ss105 *d = traffic_device_state(t, device);
    return d->period_s && d->period_s < 1 << 24 ? (uint64_t)d->period_s << 32 | d->last_s : 0;
}

static void ss105_resume(struct traffic *t, size_t device, uint64_t point, bool exact)
{
    struct ss105 *d = traffic_device_state(t, device);
    d->last_s = (uint32_t)point;
    d->period_s = (uint32_t)(point >> 32);
    d->again = !exact;
}

/* Of the interval that follows the last one taken. */
static unsigned next_age(const struct ss105 *d)
{
    return (d->newest_s - d->last_s) / d->period_s - 1;
}

static size_t ss105_request(struct traffic *t, size_t device, bool first, int64_t now_ns,
                            uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    struct ss105 *d = traffic_device_state(t, device);
    char args[16] = "", line[64];
    int64_t wall_ns;
    d->stage = (uint8_t)next_stage(d, now_ns, first);
    switch (d->stage) {
    case IDLE:
        return 0;
    case ASK_CLOCK:
        d->clock_due_ns = now_ns + CLOCK_EVERY_NS;
        d->clock_off_ns = 0;
        break;
    case SET_CLOCK:
        traffic_wall(t, now_ns, &wall_ns);
        d->clock_off_ns = 0;
        snprintf(args, sizeof args, "%08X", (unsigned)(wall_ns / TRAFFIC_NS_PER_S - EPOCH_S));
        break;
    case ASK_PERIOD:
        snprintf(args, sizeof args, "0001");
        break;
    case ASK_AGE:
        snprintf(args, sizeof args, "%04X", next_age(d) & 0xFFFF);
        break;
    default:
        break;
    }
    int n = snprintf(line, sizeof line, "Z0%04d%s%s\r", (int)traffic_address(t, device),
                     commands[d->stage], args);
    memcpy(buf, line, (size_t)n);
    return (size_t)n;
}

/* ---- answers */

static unsigned hex_at(const char *text, size_t len)
{
    uint64_t number = 0;
    text_hex(text, len, &number);
    return (unsigned)number;
}

static bool all_hex(const char *text, size_t len)
{
    uint64_t number;
    for (size_t i = 0; i < len; i++) {
        if (!text_hex(text + i, 1, &number)) {
            return false;
        }
    }
    return true;
}

static void tell_lane(struct traffic *t, size_t device, const char *lane, int64_t stamp_ns,
                      int64_t time_ns)
{
    const struct ss105 *d = traffic_device_state(t, device);
    struct interval i = { .has = HAS_LANE | HAS_COUNT | HAS_CLASS | HAS_OCCUPANCY |
                                 HAS_DEVICE_TIME | HAS_AGAIN,
                          .again = d->again,
                          .time_ns = traffic_time(t, stamp_ns, time_ns),
                          .lane = hex_at(lane, 1),
                          .vehicle_count = hex_at(lane + 1, 8),
                          .occupancy_percent = rounded3(hex_at(lane + 13, 4) / 10.24),
                          .device_time_ns = stamp_ns };
    uint64_t rest = i.vehicle_count;
    for (size_t k = 0; k < 3; k++) { /* shares of 1024: small, medium, large; the rest is smaller */
        double share = hex_at(lane + 17 + 4 * k, 4) / 1024.0;
        uint64_t count = (uint64_t)llround(share * (double)i.vehicle_count);
        count = count < rest ? count : rest;
        i.class_counts[k + 1] = count;
        rest -= count;
    }
    i.class_counts[0] = rest;
    if (i.vehicle_count) {
        i.has |= HAS_SPEED;
        i.speed_kmh = kmh_from_mph(hex_at(lane + 9, 4));
    }
    if (d->period_s) {
        i.has |= HAS_PERIOD;
        i.period_s = d->period_s;
    }
    traffic_interval(t, device, &i);
}

static void tell_all(struct traffic *t, size_t device, const char *data, size_t lanes,
                     uint32_t stamp_s, int64_t time_ns)
{
    struct ss105 *d = traffic_device_state(t, device);
    int64_t stamp_ns = (EPOCH_S + stamp_s) * TRAFFIC_NS_PER_S;
    for (size_t i = 0; i < lanes; i++) {
        tell_lane(t, device, data + STAMP_LEN + i * LANE_LEN, stamp_ns, time_ns);
    }
    d->last_s = stamp_s;
    d->tries = 0;
}

/* A period is the time between the newest interval and the one before, or the shortest between two
 * ends that were seen. */
static void learn_period(struct ss105 *d, uint32_t stamp_s)
{
    if (d->last_s && stamp_s > d->last_s && (!d->period_s || stamp_s - d->last_s < d->period_s)) {
        d->period_s = stamp_s - d->last_s;
    }
}

static void take_newest(struct traffic *t, size_t device, const char *data, size_t lanes,
                        uint32_t stamp_s, int64_t time_ns)
{
    struct ss105 *d = traffic_device_state(t, device);
    learn_period(d, stamp_s);
    uint32_t ahead = stamp_s - d->last_s;
    bool between = d->last_s && d->period_s && stamp_s > d->last_s && ahead >= 2 * d->period_s &&
                   ahead / d->period_s <= FETCH_MOST;
    d->newest_s = stamp_s;
    d->tries = 0;
    d->stage = between ? ASK_AGE : d->period_s ? IDLE : ASK_PERIOD;
    if (!between && stamp_s != d->last_s) {
        tell_all(t, device, data, lanes, stamp_s, time_ns);
    }
    d->again = d->again && between;
}

/* One that is later than the one that was meant: so many have ended meanwhile, and all are older.
 */
static void take_aged(struct traffic *t, size_t device, const char *data, size_t lanes,
                      uint32_t stamp_s, int64_t time_ns)
{
    struct ss105 *d = traffic_device_state(t, device);
    uint32_t meant_s = d->last_s + d->period_s;
    if (stamp_s > meant_s && d->tries < TRIES_MOST) {
        d->newest_s += stamp_s - meant_s;
        d->tries++;
        return;
    }
    if (stamp_s > d->last_s) {
        tell_all(t, device, data, lanes, stamp_s, time_ns);
    } else {
        d->last_s += d->period_s; /* not what was asked for: passed over */
    }
    d->stage = d->last_s < d->newest_s ? ASK_AGE : IDLE;
    d->again = d->again && d->stage == ASK_AGE;
}

/* Answers do not say to which request: one that lies behind what was asked for came late, and the
 * right one is still to come. If it lies behind again and again, the clock was set back. */
static bool is_late(struct ss105 *d, uint32_t stamp_s)
{
    bool late = d->stage == ASK_NEWEST   ? stamp_s < d->last_s
                : d->stage == ASK_PERIOD ? stamp_s >= d->newest_s
                                         : stamp_s <= d->last_s;
    d->late = late ? (uint16_t)(d->late + 1) : 0;
    return late && d->late <= LATE_MOST;
}

static enum weir_result take_interval(struct traffic *t, size_t device, char *data, int64_t time_ns)
{
    struct ss105 *d = traffic_device_state(t, device);
    size_t len = strlen(data);
    if (len < STAMP_LEN + SUM_LEN || (len - STAMP_LEN - SUM_LEN) % LANE_LEN != 0 ||
        !all_hex(data, len)) {
        return WEIR_R_DECODE;
    }
    unsigned sum = 0;
    len -= SUM_LEN;
    for (size_t i = 0; i < len; i++) {
        sum += (unsigned char)data[i];
    }
    if ((sum & 0xFFFF) != hex_at(data + len, SUM_LEN)) {
        return WEIR_R_CRC;
    }
    uint32_t stamp_s = hex_at(data, STAMP_LEN);
    size_t lanes = (len - STAMP_LEN) / LANE_LEN;
    if (is_late(d, stamp_s)) {
        return WEIR_R_FOREIGN;
    }
    if (d->stage == ASK_NEWEST) {
        take_newest(t, device, data, lanes, stamp_s, time_ns);
    } else if (d->stage == ASK_PERIOD) {
        d->period_s = d->newest_s > stamp_s ? d->newest_s - stamp_s : 0;
        d->stage = IDLE;
    } else {
        take_aged(t, device, data, lanes, stamp_s, time_ns);
    }
    traffic_answered(t, device);
    return WEIR_R_OK;
}

static enum weir_result take_error(struct traffic *t, size_t device, const char *word)
{
    struct ss105 *d = traffic_device_state(t, device);
    if (d->stage == ASK_AGE) { /* it does not have that one any more */
        d->last_s += d->period_s;
        d->tries = 0;
        d->stage = d->last_s < d->newest_s ? ASK_AGE : IDLE;
    } else if (d->stage == ASK_NEWEST || d->stage == ASK_PERIOD) {
        d->stage = IDLE; /* no interval has ended yet, or only one */
    } else {
        traffic_log(t, WEIR_LOG_WARNING, "%s answers %s with %s", traffic_device(t, device)->name,
                    commands[d->stage], word);
        d->clock_off_ns = 0;
    }
    traffic_answered(t, device);
    return WEIR_R_OK;
}

static enum weir_result take_clock(struct traffic *t, size_t device, const char *data,
                                   int64_t time_ns)
{
    struct ss105 *d = traffic_device_state(t, device);
    if (d->stage == ASK_CLOCK) {
        if (strlen(data) != STAMP_LEN || !all_hex(data, STAMP_LEN)) {
            return WEIR_R_DECODE;
        }
        int64_t device_ns = (EPOCH_S + hex_at(data, STAMP_LEN)) * TRAFFIC_NS_PER_S;
        d->clock_off_ns = traffic_clock(t, device, device_ns, CLOCK_OFF_NS, time_ns);
    } else if (strcmp(data, "Success") != 0) {
        return WEIR_R_DECODE;
    }
    traffic_answered(t, device);
    return WEIR_R_OK;
}

static bool is_error(const char *data)
{
    return !strcmp(data, "Failure") || !strcmp(data, "Invalid") || !strcmp(data, "Empty");
}

/* "Z00001XD...~" */
static enum weir_result ss105_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                      int64_t time_ns)
{
    char line[LINE_MOST + 1], drop[5] = "";
    int64_t address;
    if (!line_text(bytes, len, line, sizeof line)) {
        return WEIR_R_FRAME;
    }
    size_t n = strlen(line);
    if (n < HEAD_LEN + COMMAND_LEN + 1 || line[0] != 'Z' || line[1] != '0' || line[n - 1] != '~') {
        return n ? WEIR_R_FRAME : WEIR_R_OK;
    }
    line[n - 1] = 0;
    memcpy(drop, line + 2, 4);
    if (!text_whole(drop, 0, 9999, &address)) {
        return WEIR_R_FRAME;
    }
    int device = traffic_find(t, address);
    if (device < 0 || device != traffic_asked(t)) {
        return WEIR_R_FOREIGN;
    }
    const struct ss105 *d = traffic_device_state(t, (size_t)device);
    if (memcmp(line + HEAD_LEN, commands[d->stage], strlen(commands[d->stage])) != 0) {
        return WEIR_R_FOREIGN;
    }
    char *data = line + HEAD_LEN + COMMAND_LEN;
    if (is_error(data)) {
        return take_error(t, (size_t)device, data);
    }
    return d->stage == ASK_CLOCK || d->stage == SET_CLOCK
               ? take_clock(t, (size_t)device, data, time_ns)
               : take_interval(t, (size_t)device, data, time_ns);
}

static size_t ss105_explain(enum weir_direction direction, const uint8_t *bytes, size_t len,
                            char *buf, size_t size)
{
    if (len < HEAD_LEN + COMMAND_LEN || bytes[0] != 'Z' || bytes[1] != '0') {
        return 0;
    }
    int n = snprintf(buf, size, "SmartSensor 105 drop %.4s: %.2s", (const char *)bytes + 2,
                     (const char *)bytes + HEAD_LEN);
    return n > 0 ? (size_t)n : 0;
}

static const char *const classes[] = { "motorcycle", "small", "medium", "large", NULL };

const struct family family_wavetronix_ss105 = {
    .name = "wavetronix-ss105",
    .interval = HAS_LANE | HAS_COUNT | HAS_CLASS | HAS_SPEED | HAS_OCCUPANCY | HAS_PERIOD |
                HAS_DEVICE_TIME | HAS_AGAIN,
    .classes = classes,
    .device_state = sizeof(struct ss105),
    .lines = true,
    .addressed = true,
    .least_address = 0,
    .most_address = 9999,
    .default_address = 1,
    .frame = ss105_frame,
    .message = ss105_message,
    .request = ss105_request,
    .resume_kind = 2,
    .resume_point = ss105_resume_point,
    .resume = ss105_resume,
    .explain = ss105_explain,
};
