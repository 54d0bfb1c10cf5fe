/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Wavetronix SmartSensor 125 (HD): a radar at the roadside, asked for the vehicles in its FIFO and
 * for the intervals that it has counted.
 *
 *   head  'Z' '1' dest-sub dest(16) source-sub source(16) sequence len CRC8
 *   body  id sub type data... CRC8           len counts id to data; CRC8: polynomial 1C, from 0
 *
 * An answer has source and dest exchanged and the sequence of the request plus one. Asked are, in
 * this order: now and then the clock (0E), events (67) until there are none, the newest interval
 * (71), and those between the last one taken and that, so that nothing is missing after an outage
 * of the gateway. One request for an interval is answered by a body for each lane and approach.
 *
 * Source: driver and tests "ss125" of the IRIS traffic management system.
 */
#include <stdio.h>
#include <string.h>

#include "family.h"

enum { HEAD_LEN = 11, LEN_AT = 9, SEQUENCE_AT = 8, BODY_MOST = 244 };
enum { READ = 0, WRITE = 1, RESULT = 2 };
enum { CLOCK = 0x0E, EVENT = 0x67, INTERVAL = 0x71 };
enum { RESULT_LEN = 5, CLOCK_LEN = 11, EVENT_LEN = 23, INTERVAL_LEN = 45 }; /* without CRC */
enum { NUMBER_MASK = 0xFFFFFF, FETCH_MOST = 20000, LANES_MOST = 32 };

#define CLOCK_EVERY_NS (600 * TRAFFIC_NS_PER_S)
#define CLOCK_OFF_NS   (2 * TRAFFIC_NS_PER_S)

/* The newest interval of many lanes takes a second at 9600 baud: beside vehicles it is asked for
 * that often, alone as often as `every` says. */
#define INTERVAL_LEAST_NS (5 * TRAFFIC_NS_PER_S)
#define INTERVAL_MOST_NS  (60 * TRAFFIC_NS_PER_S)

enum stage { IDLE, ASK_CLOCK, SET_CLOCK, ASK_EVENT, ASK_NEWEST, ASK_NUMBER };

struct ss125 {
    uint8_t sequence, stage;
    uint8_t next_sub; /* body that comes next */
    uint8_t
        taken_sub;    /* of the one behind `last` (known), or part_number, these bodies were told */
    uint8_t known;    /* `last` is */
    uint8_t fetching; /* the bodies that come are to be told */
    uint8_t again;    /* up to the newest they may have been told before a power cut */
    uint32_t last, newest, part_number;
    int64_t clock_due_ns, clock_off_ns, interval_due_ns;
    int64_t last_stamp_ns; /* end of interval `last` */
    int64_t period_ns;     /* of asking for the newest one */
};

static uint8_t crc8(const uint8_t *bytes, size_t len)
{
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 0x80 ? (crc << 1 ^ 0x1C) & 0xFF : crc << 1;
        }
    }
    return (uint8_t)crc;
}

static int ss125_frame(const uint8_t *bytes, size_t len)
{
    if (bytes[0] != 'Z' || (len > 1 && bytes[1] != '1')) {
        return -1;
    }
    if (len < HEAD_LEN) {
        return 0;
    }
    if (bytes[LEN_AT] > BODY_MOST || bytes[LEN_AT] < 3 || crc8(bytes, HEAD_LEN) != 0) {
        return -1;
    }
    return HEAD_LEN + bytes[LEN_AT] + 1;
}

/* ---- requests */

static void put_be(uint8_t *at, uint64_t number, int count)
{
    for (int i = count; i-- > 0; number >>= 8) {
        at[i] = (uint8_t)number;
    }
}

static size_t wrap(struct traffic *t, size_t device, const uint8_t *body, size_t len,
                   uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    struct ss125 *d = traffic_device_state(t, device);
    d->sequence++;
    memset(buf, 0, HEAD_LEN);
    memcpy(buf, "Z1", 2);
    put_be(buf + 3, (uint64_t)traffic_address(t, device), 2);
    buf[SEQUENCE_AT] = d->sequence;
    buf[LEN_AT] = (uint8_t)len;
    buf[HEAD_LEN - 1] = crc8(buf, HEAD_LEN - 1);
    memcpy(buf + HEAD_LEN, body, len);
    buf[HEAD_LEN + len] = crc8(body, len);
    return HEAD_LEN + len + 1;
}

/* Year, month and day; hour, minute, second and ms: 32 bits each. */
static void put_date(uint8_t at[8], int64_t wall_ns)
{
    int64_t seconds = wall_ns / TRAFFIC_NS_PER_S;
    struct civil c = civil_from_seconds(seconds);
    uint64_t ms = (uint64_t)(wall_ns % TRAFFIC_NS_PER_S / TRAFFIC_NS_PER_MS);
    put_be(at, (uint64_t)(c.year << 9 | c.month << 5 | c.day), 4);
    put_be(at + 4, (uint64_t)(c.hour << 22 | c.minute << 16 | c.second << 10) | ms, 4);
}

static bool get_date(const uint8_t at[8], int64_t *ret_ns)
{
    uint32_t date = get_be(at, 4), time = get_be(at + 4, 4);
    int64_t seconds;
    if ((time & 0x3FF) > 999 ||
        !date_seconds((int)(date >> 9 & 0xFFF), (int)(date >> 5 & 15), (int)(date & 31),
                      (int)(time >> 22 & 31), (int)(time >> 16 & 63), (int)(time >> 10 & 63),
                      &seconds)) {
        return false;
    }
    *ret_ns = seconds * TRAFFIC_NS_PER_S + (int64_t)(time & 0x3FF) * TRAFFIC_NS_PER_MS;
    return true;
}

static enum stage ask_interval(struct traffic *t, const struct ss125 *d, int64_t now_ns)
{
    return now_ns >= d->interval_due_ns || !traffic_wants_vehicles(t) ? ASK_NEWEST : IDLE;
}

static enum stage ask_data(struct traffic *t, const struct ss125 *d, int64_t now_ns)
{
    return traffic_wants_vehicles(t) ? ASK_EVENT : ask_interval(t, d, now_ns);
}

/* What to ask after that. */
static enum stage next_stage(struct traffic *t, const struct ss125 *d, int64_t now_ns, bool first)
{
    if (first) {
        return now_ns >= d->clock_due_ns ? ASK_CLOCK : ask_data(t, d, now_ns);
    }
    switch (d->stage) {
    case ASK_CLOCK:
        return d->clock_off_ns ? SET_CLOCK : ask_data(t, d, now_ns);
    case SET_CLOCK:
        return ask_data(t, d, now_ns);
    case ASK_NEWEST: /* set when there are no more events */
        return ask_interval(t, d, now_ns);
    default:
        return (enum stage)d->stage; /* set by the answer */
    }
}

static size_t ss125_request(struct traffic *t, size_t device, bool first, int64_t now_ns,
                            uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    struct ss125 *d = traffic_device_state(t, device);
    uint8_t body[16] = { 0 };
    size_t len = 3;
    int64_t wall_ns;
    d->stage = (uint8_t)next_stage(t, d, now_ns, first);
    d->next_sub = 0;
    switch (d->stage) {
    case ASK_CLOCK:
        d->clock_due_ns = now_ns + CLOCK_EVERY_NS;
        d->clock_off_ns = 0;
        body[0] = CLOCK;
        break;
    case SET_CLOCK:
        traffic_wall(t, now_ns, &wall_ns);
        d->clock_off_ns = 0;
        body[0] = CLOCK;
        body[2] = WRITE;
        put_date(body + 3, wall_ns);
        len = CLOCK_LEN;
        break;
    case ASK_EVENT:
        body[0] = EVENT;
        break;
    case ASK_NEWEST:
        d->interval_due_ns = now_ns + d->period_ns;
        /* fall through */
    case ASK_NUMBER:
        body[0] = INTERVAL;
        put_be(body + 3, d->stage == ASK_NUMBER ? (d->last + 1) & NUMBER_MASK : 0, 3);
        len = 6;
        break;
    default:
        return 0;
    }
    return wrap(t, device, body, len, buf);
}

/* ---- answers; body begins with id, sub, type */

/* 24 bits: valid, 15 bits signed, 8 bits behind the point with the same sign. In mph. */
static bool get_speed(const uint8_t *at, double *ret_kmh, bool *ret_backwards)
{
    uint32_t raw = get_be(at, 3);
    int whole = (int)(raw >> 8 & 0x7FFF);
    whole -= whole & 0x4000 ? 0x8000 : 0;
    double part = (raw & 0xFF) / 256.0, mph = whole < 0 ? whole - part : whole + part;
    *ret_backwards = mph < 0;
    *ret_kmh = kmh_from_mph(mph < 0 ? -mph : mph);
    return raw & 0x800000;
}

static double fixed_8_8(const uint8_t *at)
{
    return get_be(at, 2) / 256.0;
}

static enum weir_result take_clock(struct traffic *t, size_t device, const uint8_t *body,
                                   size_t len, int64_t time_ns)
{
    struct ss125 *d = traffic_device_state(t, device);
    int64_t device_ns;
    if (body[2] == READ) {
        if (len != CLOCK_LEN || !get_date(body + 3, &device_ns)) {
            return WEIR_R_DECODE;
        }
        d->clock_off_ns = traffic_clock(t, device, device_ns, CLOCK_OFF_NS, time_ns);
    }
    traffic_answered(t, device);
    return WEIR_R_OK;
}

/* An event has left the FIFO with its answer, so one that comes late is taken as well. */
static enum weir_result take_event(struct traffic *t, size_t device, const uint8_t *body,
                                   size_t len, bool late, int64_t time_ns)
{
    struct ss125 *d = traffic_device_state(t, device);
    struct vehicle v = { .has = HAS_LANE | HAS_RANGE | HAS_DURATION | HAS_CLASS | HAS_LENGTH |
                                HAS_DEVICE_TIME };
    bool backwards;
    if (len != EVENT_LEN || body[1] > 1) {
        return WEIR_R_DECODE;
    }
    if (body[1] == 0 && late) {
        return WEIR_R_FOREIGN;
    }
    if (body[1] == 0) {
        d->stage = ASK_NEWEST;
        traffic_answered(t, device);
        return WEIR_R_OK;
    }
    v.lane = body[11];
    if (!get_date(body + 3, &v.device_time_ns) || v.lane >= LANES_MOST) {
        return WEIR_R_DECODE;
    }
    v.time_ns = traffic_time(t, v.device_time_ns, time_ns);
    v.range_m = m_from_feet(fixed_8_8(body + 12));
    v.duration_s = get_be(body + 14, 3) / 1000.0;
    v.length_m = m_from_feet(fixed_8_8(body + 21));
    snprintf(v.vehicle_class, sizeof v.vehicle_class, "%d", body[20]);
    if (get_speed(body + 17, &v.speed_kmh, &backwards)) {
        v.has |= HAS_SPEED | HAS_DIRECTION;
        snprintf(v.direction, sizeof v.direction, "%s", backwards ? "backwards" : "forwards");
    }
    traffic_vehicle(t, device, &v);
    if (!late) {
        d->stage = ASK_EVENT;
        traffic_answered(t, device);
    }
    return WEIR_R_OK;
}

static void tell_lane(struct traffic *t, size_t device, const uint8_t *body, int64_t stamp_ns,
                      int64_t time_ns, double period_s)
{
    struct interval i = { .has = HAS_LANE | HAS_COUNT | HAS_CLASS | HAS_HEADWAY | HAS_GAP |
                                 HAS_DEVICE_TIME | HAS_AGAIN,
                          .again = ((struct ss125 *)traffic_device_state(t, device))->again,
                          .time_ns = traffic_time(t, stamp_ns, time_ns),
                          .lane = body[1],
                          .vehicle_count = get_be(body + 17, 3),
                          .headway_s = get_be(body + 37, 3) / 1000.0,
                          .gap_s = get_be(body + 40, 3) / 1000.0,
                          .device_time_ns = stamp_ns };
    bool backwards;
    for (size_t k = 0; k < 4; k++) {
        i.class_counts[k] = get_be(body + 22 + 3 * k, 3);
    }
    if (period_s > 0) {
        i.has |= HAS_PERIOD;
        i.period_s = period_s;
    }
    if (get_be(body + 20, 2) < 0x7FFF) { /* above: codes of errors */
        i.has |= HAS_OCCUPANCY;
        i.occupancy_percent = rounded3(fixed_8_8(body + 20));
    }
    i.has |= get_speed(body + 14, &i.speed_kmh, &backwards) ? HAS_SPEED : 0;
    i.has |= get_speed(body + 34, &i.speed_85_kmh, &backwards) ? HAS_SPEED_85 : 0;
    traffic_interval(t, device, &i);
}

/* What was taken of the interval behind `last` counts until `last` moves, whatever other intervals
 * come meanwhile. */
static void pass_over(struct ss125 *d, uint32_t number)
{
    d->last = number;
    d->taken_sub = 0;
}

/* The first body of an interval says which it is. Is it one to tell? */
static void meet_interval(struct traffic *t, size_t device, uint32_t number)
{
    struct ss125 *d = traffic_device_state(t, device);
    uint32_t ahead = (number - d->last) & NUMBER_MASK;
    if (d->stage == ASK_NEWEST) {
        d->newest = number;
        if (d->known && ahead > FETCH_MOST) { /* the sensor began anew, or too much was missed */
            traffic_log(t, WEIR_LOG_WARNING, "%s: interval %u follows %u, those between are lost",
                        traffic_device(t, device)->name, number, d->last);
            pass_over(d, (number - 1) & NUMBER_MASK);
            ahead = 1;
        }
    }
    d->fetching = !d->known || ahead == 1;
    if (!d->known && d->part_number != number) {
        d->taken_sub = 0;
    }
    d->part_number = number;
}

static void end_interval(struct traffic *t, size_t device, const uint8_t *body, int64_t stamp_ns)
{
    struct ss125 *d = traffic_device_state(t, device);
    if (d->fetching) {
        int64_t quarter_ns = d->known ? (stamp_ns - d->last_stamp_ns) / 4 : 0;
        d->period_ns = quarter_ns < INTERVAL_LEAST_NS  ? INTERVAL_LEAST_NS
                       : quarter_ns > INTERVAL_MOST_NS ? INTERVAL_MOST_NS
                                                       : quarter_ns;
        pass_over(d, get_be(body + 3, 3));
        d->last_stamp_ns = stamp_ns;
        d->known = 1;
    } else if (d->stage == ASK_NUMBER) {
        pass_over(d, (d->last + 1) & NUMBER_MASK); /* it gave another one */
    }
    d->stage = d->last != d->newest ? ASK_NUMBER : IDLE;
    d->again = d->again && d->stage == ASK_NUMBER;
    traffic_answered(t, device);
}

static enum weir_result take_interval(struct traffic *t, size_t device, const uint8_t *body,
                                      size_t len, int64_t time_ns)
{
    struct ss125 *d = traffic_device_state(t, device);
    int64_t stamp_ns;
    if (len != INTERVAL_LEN || body[43] > LANES_MOST || !get_date(body + 6, &stamp_ns)) {
        return WEIR_R_DECODE;
    }
    unsigned lanes = body[43], bodies = lanes + body[44];
    uint32_t number = get_be(body + 3, 3);
    if (body[1] != d->next_sub || body[1] >= bodies) {
        return WEIR_R_FOREIGN;
    }
    if (body[1] == 0) {
        meet_interval(t, device, number);
    } else if (number != d->part_number) {
        return WEIR_R_FOREIGN;
    }
    d->next_sub++;
    if (d->fetching && body[1] >= d->taken_sub) {
        double period_s = d->known && stamp_ns > d->last_stamp_ns
                              ? (double)(stamp_ns - d->last_stamp_ns) / 1e9
                              : 0;
        if (body[1] < lanes) {
            tell_lane(t, device, body, stamp_ns, time_ns, period_s);
        }
        d->taken_sub = d->next_sub;
    }
    if (d->next_sub >= bodies) {
        end_interval(t, device, body, stamp_ns);
    } else {
        traffic_goes_on(t, time_ns);
    }
    return WEIR_R_OK;
}

/* It says no. An interval that it does not have any more is passed over. */
static enum weir_result take_result(struct traffic *t, size_t device, const uint8_t *body)
{
    struct ss125 *d = traffic_device_state(t, device);
    unsigned code = get_be(body + 3, 2);
    if (code) {
        traffic_log(t, WEIR_LOG_WARNING, "%s answers request %02x with error %u",
                    traffic_device(t, device)->name, body[0], code);
    }
    if (d->stage == ASK_NUMBER) {
        pass_over(d, (d->last + 1) & NUMBER_MASK);
        d->stage = d->last != d->newest ? ASK_NUMBER : IDLE;
    } else if (d->stage == ASK_EVENT) {
        d->stage = ASK_NEWEST;
    } else if (d->stage == ASK_NEWEST) {
        d->stage = IDLE;
    }
    traffic_answered(t, device);
    return WEIR_R_OK;
}

/* Its end in seconds, how many lanes of the next one have been told, its number. */
static uint64_t ss125_resume_point(struct traffic *t, size_t device)
{
    const struct ss125 *d = traffic_device_state(t, device);
    uint64_t stamp_s = (uint64_t)(d->last_stamp_ns / TRAFFIC_NS_PER_S) & UINT32_MAX;
    uint64_t lanes = d->taken_sub < LANES_MOST ? d->taken_sub : LANES_MOST;
    return d->known ? stamp_s << 30 | lanes << 24 | d->last : 0;
}

static void ss125_resume(struct traffic *t, size_t device, uint64_t point, bool exact)
{
    struct ss125 *d = traffic_device_state(t, device);
    d->last = point & NUMBER_MASK;
    d->taken_sub = point >> 24 & 0x3F;
    d->last_stamp_ns = (int64_t)(point >> 30) * TRAFFIC_NS_PER_S;
    d->known = 1;
    d->again = !exact;
}

static bool is_asked(const struct ss125 *d, const uint8_t *body)
{
    static const uint8_t ids[] = { [ASK_CLOCK] = CLOCK,
                                   [SET_CLOCK] = CLOCK,
                                   [ASK_EVENT] = EVENT,
                                   [ASK_NEWEST] = INTERVAL,
                                   [ASK_NUMBER] = INTERVAL };
    return d->stage != IDLE && body[0] == ids[d->stage];
}

static enum weir_result ss125_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                      int64_t time_ns)
{
    const uint8_t *body = bytes + HEAD_LEN;
    if (crc8(body, len - HEAD_LEN) != 0) {
        return WEIR_R_CRC;
    }
    int device = traffic_find(t, get_be(bytes + 6, 2));
    if (get_be(bytes + 2, 3) != 0 || bytes[5] != 0 || device < 0) {
        return WEIR_R_FOREIGN;
    }
    const struct ss125 *d = traffic_device_state(t, (size_t)device);
    bool late = device != traffic_asked(t) || bytes[SEQUENCE_AT] != (uint8_t)(d->sequence + 1) ||
                !is_asked(d, body);
    if (late && (body[0] != EVENT || len != HEAD_LEN + EVENT_LEN + 1)) {
        return WEIR_R_FOREIGN;
    }
    len -= HEAD_LEN + 1;
    if (len == RESULT_LEN) {
        return take_result(t, (size_t)device, body);
    }
    switch (body[0]) {
    case CLOCK:
        return take_clock(t, (size_t)device, body, len, time_ns);
    case EVENT:
        return take_event(t, (size_t)device, body, len, late, time_ns);
    default:
        return take_interval(t, (size_t)device, body, len, time_ns);
    }
}

static size_t ss125_explain(enum weir_direction direction, const uint8_t *bytes, size_t len,
                            char *buf, size_t size)
{
    if (len < HEAD_LEN + 4 || bytes[0] != 'Z' || bytes[1] != '1' || crc8(bytes, HEAD_LEN) != 0) {
        return 0;
    }
    const uint8_t *body = bytes + HEAD_LEN;
    const char *what = body[0] == CLOCK      ? "clock"
                       : body[0] == EVENT    ? "event"
                       : body[0] == INTERVAL ? "interval"
                                             : "message";
    int n = snprintf(buf, size, "SmartSensor 125 %s %u: %s 0x%02x/%u",
                     direction == WEIR_TX ? "to" : "of",
                     get_be(bytes + (direction == WEIR_TX ? 3 : 6), 2), what, body[0], body[1]);
    return n > 0 ? (size_t)n : 0;
}

static const char *const classes[] = { "1", "2", "3", "4", NULL };

const struct family family_wavetronix_ss125 = {
    .name = "wavetronix-ss125",
    .vehicle = HAS_LANE | HAS_DIRECTION | HAS_SPEED | HAS_LENGTH | HAS_CLASS | HAS_DURATION |
               HAS_RANGE | HAS_DEVICE_TIME,
    .interval = HAS_LANE | HAS_COUNT | HAS_CLASS | HAS_SPEED | HAS_SPEED_85 | HAS_OCCUPANCY |
                HAS_HEADWAY | HAS_GAP | HAS_PERIOD | HAS_DEVICE_TIME | HAS_AGAIN,
    .classes = classes,
    .device_state = sizeof(struct ss125),
    .addressed = true,
    .least_address = 1,
    .most_address = 65534,
    .default_address = 1,
    .idle_ns = 200 * TRAFFIC_NS_PER_MS,
    .frame = ss125_frame,
    .message = ss125_message,
    .request = ss125_request,
    .resume_kind = 1,
    .resume_point = ss125_resume_point,
    .resume = ss125_resume,
    .explain = ss125_explain,
};
