/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * EIS RTMS G4: a radar over up to twelve zones. It says each vehicle unasked (in its event mode),
 * and what it has counted when asked for it, or by itself.
 *
 *   FF AA qualifier len sensor(16) data... sum(16)      len: data and 2; sum: of sensor and data
 *
 * Statistics are a header, a frame for each kind of number (two bytes a zone), and a footer. The
 * sum does not cover the qualifier, so a hit could make speeds of counts: a message is told only
 * when it is whole, with exactly the kinds that its header announces, each once, and the same
 * classes as the one before.
 *
 * Source: driver "g4" of the IRIS traffic management system.
 */
#include <stdio.h>
#include <string.h>

#include "family.h"

enum { HEAD_LEN = 6, SUM_LEN = 2, ZONES_MOST = 12, STAMP_LEN = 7 };
enum { HEADER_LEN = 22, EVENT_LEN = 15, CLOCK_LEN = 14 };
enum {
    NAK = 0x1A,
    ACK = 0x1C,
    CLOCK = 0x49,
    POLL = 0x53,
    EVENT = 0x5E,
    HEADER = 0x80,
    FOOTER = 0x81,
    CLOCK_QUERY = 0xF9
};
enum { COUNT, OCCUPANCY, SPEED, GAP, CLASS_1, HEADWAY = 9, SPEED_85, KINDS, CLASSES = 5 };
enum { HAS_MPH = 1, SPEED_MOST = 200, COUNT_MOST = 0xFE00, SHARE_MOST = 1000, TENTHS_MOST = 36000 };
enum stage { IDLE, ASK_CLOCK, SET_CLOCK, ASK_DATA };

#define CLOCK_EVERY_NS (600 * TRAFFIC_NS_PER_S)
#define CLOCK_OFF_NS   (5 * TRAFFIC_NS_PER_S)

struct g4 {
    uint8_t stage, open; /* open: between header and footer */
    uint8_t zones, composition, flags, number;
    uint8_t told; /* last_number and last_stamp_ns are known */
    uint8_t last_number;
    uint16_t have, classes; /* kinds of this message; classes of the one before */
    uint16_t period_s;
    uint16_t numbers[KINDS][ZONES_MOST];
    int64_t stamp_ns, last_stamp_ns;
    int64_t clock_due_ns, clock_off_ns;
};

static uint16_t sum_of(const uint8_t *bytes, size_t len)
{
    uint16_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = (uint16_t)(sum + bytes[i]);
    }
    return sum;
}

static int g4_frame(const uint8_t *bytes, size_t len)
{
    if (bytes[0] != 0xFF || (len > 1 && bytes[1] != 0xAA) || (len > 3 && bytes[3] < 2)) {
        return -1;
    }
    return len > 3 ? bytes[3] + HEAD_LEN : 0;
}

/* ---- times: seconds, minutes, hours, day of the week, day, month, year, two digits in a byte */

static int bcd(uint8_t byte)
{
    return (byte >> 4) > 9 || (byte & 15) > 9 ? -1 : (byte >> 4) * 10 + (byte & 15);
}

static bool get_stamp(const uint8_t *at, int64_t *ret_ns)
{
    int64_t seconds;
    if (bcd(at[6]) < 0 || !date_seconds(2000 + bcd(at[6]), bcd(at[5]), bcd(at[4]), bcd(at[2]),
                                        bcd(at[1]), bcd(at[0]), &seconds)) {
        return false;
    }
    *ret_ns = seconds * TRAFFIC_NS_PER_S;
    return true;
}

static void put_stamp(uint8_t *at, int64_t wall_ns)
{
    struct civil c = civil_from_seconds(wall_ns / TRAFFIC_NS_PER_S);
    const int parts[STAMP_LEN] = { c.second, c.minute, c.hour,      c.weekday + 1,
                                   c.day,    c.month,  c.year % 100 };
    for (size_t i = 0; i < STAMP_LEN; i++) {
        at[i] = (uint8_t)(parts[i] / 10 << 4 | parts[i] % 10);
    }
}

/* ---- requests */

static size_t wrap(struct traffic *t, size_t device, uint8_t qualifier, const uint8_t *data,
                   size_t len, uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    int64_t sensor = traffic_address(t, device);
    buf[0] = 0xFF;
    buf[1] = 0xAA;
    buf[2] = qualifier;
    buf[3] = (uint8_t)(len + 2);
    buf[4] = (uint8_t)(sensor >> 8);
    buf[5] = (uint8_t)sensor;
    memcpy(buf + HEAD_LEN, data, len);
    uint16_t sum = sum_of(buf + 4, len + 2);
    buf[HEAD_LEN + len] = (uint8_t)(sum >> 8);
    buf[HEAD_LEN + len + 1] = (uint8_t)sum;
    return HEAD_LEN + len + SUM_LEN;
}

static size_t g4_request(struct traffic *t, size_t device, bool first, int64_t now_ns,
                         uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    struct g4 *d = traffic_device_state(t, device);
    uint8_t data[CLOCK_LEN] = { 0 };
    int64_t wall_ns;
    if (first) {
        d->stage = now_ns >= d->clock_due_ns ? ASK_CLOCK : ASK_DATA;
    } else {
        d->stage = d->stage == ASK_DATA                       ? IDLE
                   : d->stage == ASK_CLOCK && d->clock_off_ns ? SET_CLOCK
                                                              : ASK_DATA;
    }
    switch (d->stage) {
    case ASK_CLOCK:
        d->clock_due_ns = now_ns + CLOCK_EVERY_NS;
        d->clock_off_ns = 0;
        return wrap(t, device, CLOCK_QUERY, data, 0, buf);
    case SET_CLOCK: /* the time, and that of the last reset; there without day of the week */
        traffic_wall(t, now_ns, &wall_ns);
        put_stamp(data, wall_ns);
        put_stamp(data + STAMP_LEN, wall_ns);
        data[STAMP_LEN + 3] = 0;
        return wrap(t, device, CLOCK, data, CLOCK_LEN, buf);
    case ASK_DATA:
        return wrap(t, device, POLL, data, 1, buf);
    default:
        return 0;
    }
}

/* ---- statistics */

static unsigned class_frames(uint8_t composition)
{
    switch (composition & 0x3B) {
    case 0x08:
        return 1;
    case 0x38:
        return 3;
    case 0x3B:
        return 5;
    default:
        return 0;
    }
}

static unsigned bits(unsigned mask)
{
    return mask ? (mask & 1) + bits(mask >> 1) : 0;
}

/* Exactly the kinds that the header has announced, and the classes of the message before. */
static bool is_whole(struct g4 *d)
{
    unsigned all = 1 << COUNT | 1 << OCCUPANCY | 1 << SPEED;
    unsigned class_mask = ((1U << CLASSES) - 1) << CLASS_1;
    unsigned classes = d->have & class_mask;
    all |= d->composition & 0x80 ? 1 << GAP : 0;
    all |= d->composition & 0x40 ? 1 << HEADWAY : 0;
    all |= d->composition & 0x04 ? 1 << SPEED_85 : 0;
    bool whole = (d->have & ~class_mask) == all && bits(classes) == class_frames(d->composition);
    if (!whole) {
        return false;
    }
    whole = !d->told || classes == d->classes;
    d->classes = (uint16_t)classes; /* if they stay so, they have been set anew */
    return whole;
}

static double speed_kmh(unsigned raw, bool mph)
{
    return mph ? kmh_from_mph(raw) : raw;
}

static void tell_zone(struct traffic *t, size_t device, size_t zone, uint64_t missed,
                      int64_t time_ns)
{
    const struct g4 *d = traffic_device_state(t, device);
    struct interval i = { .has = HAS_LANE | HAS_PERIOD | HAS_DEVICE_TIME | HAS_MISSED,
                          .time_ns = traffic_time(t, d->stamp_ns, time_ns),
                          .lane = (int64_t)zone,
                          .period_s = d->period_s,
                          .device_time_ns = d->stamp_ns,
                          .missed = missed };
    bool mph = d->flags & HAS_MPH;
    unsigned count = d->numbers[COUNT][zone], rest = count;
    if (count <= COUNT_MOST) {
        i.has |= HAS_COUNT | HAS_CLASS;
        i.vehicle_count = count;
    }
    for (size_t k = 0; k < CLASSES; k++) {
        unsigned of_class = d->have & 1U << (CLASS_1 + k) ? d->numbers[CLASS_1 + k][zone] : 0;
        of_class = of_class > rest ? rest : of_class;
        i.class_counts[k + 1] = of_class;
        rest -= of_class;
    }
    i.class_counts[0] = rest;
    if (d->numbers[OCCUPANCY][zone] <= SHARE_MOST) {
        i.has |= HAS_OCCUPANCY;
        i.occupancy_percent = d->numbers[OCCUPANCY][zone] / 10.0;
    }
    if (d->numbers[SPEED][zone] <= SPEED_MOST && count) {
        i.has |= HAS_SPEED;
        i.speed_kmh = speed_kmh(d->numbers[SPEED][zone], mph);
    }
    if ((d->have & 1 << SPEED_85) && d->numbers[SPEED_85][zone] <= SPEED_MOST && count) {
        i.has |= HAS_SPEED_85;
        i.speed_85_kmh = speed_kmh(d->numbers[SPEED_85][zone], mph);
    }
    if ((d->have & 1 << GAP) && d->numbers[GAP][zone] <= TENTHS_MOST) {
        i.has |= HAS_GAP;
        i.gap_s = d->numbers[GAP][zone] / 10.0;
    }
    if ((d->have & 1 << HEADWAY) && d->numbers[HEADWAY][zone] <= TENTHS_MOST) {
        i.has |= HAS_HEADWAY;
        i.headway_s = d->numbers[HEADWAY][zone] / 10.0;
    }
    traffic_interval(t, device, &i);
}

static enum weir_result take_header(struct g4 *d, const uint8_t *data, size_t len)
{
    int64_t stamp_ns;
    if (len != HEADER_LEN || !get_stamp(data + 4, &stamp_ns) || (data[11] & 15) > ZONES_MOST ||
        class_frames(data[12]) == 0) {
        return WEIR_R_DECODE;
    }
    d->open = 1;
    d->have = 0;
    d->number = data[0];
    d->flags = data[3];
    d->zones = data[11] & 15;
    d->composition = data[12];
    d->period_s = (uint16_t)get_be(data + 13, 2);
    d->stamp_ns = stamp_ns;
    return WEIR_R_OK;
}

static enum weir_result take_kind(struct g4 *d, int kind, const uint8_t *data, size_t len)
{
    if (!d->open) {
        return WEIR_R_FOREIGN;
    }
    if (len != 2U * d->zones || (d->have & 1 << kind)) {
        d->open = 0;
        return WEIR_R_DECODE;
    }
    for (size_t i = 0; i < d->zones; i++) {
        d->numbers[kind][i] = (uint16_t)get_be(data + 2 * i, 2);
    }
    d->have |= (uint16_t)(1U << kind);
    return WEIR_R_OK;
}

static enum weir_result take_footer(struct traffic *t, size_t device, const uint8_t *data,
                                    size_t len, int64_t time_ns)
{
    struct g4 *d = traffic_device_state(t, device);
    bool open = d->open && len == 1 && data[0] == d->number;
    d->open = 0;
    if (!open || !is_whole(d)) {
        return WEIR_R_DECODE;
    }
    bool again = d->told && d->number == d->last_number && d->stamp_ns == d->last_stamp_ns;
    uint64_t missed = d->told ? (uint8_t)(d->number - d->last_number - 1) : 0;
    for (size_t i = 0; !again && i < d->zones; i++) {
        tell_zone(t, device, i, i == 0 ? missed : 0, time_ns);
    }
    d->told = 1;
    d->last_number = d->number;
    d->last_stamp_ns = d->stamp_ns;
    if (d->stage == ASK_DATA) {
        traffic_answered(t, device);
    }
    return WEIR_R_OK;
}

/* ---- the rest */

static enum weir_result take_event(struct traffic *t, size_t device, const uint8_t *data,
                                   size_t len, int64_t time_ns)
{
    struct vehicle v = { .has =
                             HAS_LANE | HAS_CLASS | HAS_LENGTH | HAS_DURATION | HAS_DEVICE_TIME };
    if (len != EVENT_LEN || data[0] >= ZONES_MOST || data[14] > 1 || bcd(data[6]) < 0 ||
        !get_stamp(data + 7, &v.device_time_ns)) {
        return WEIR_R_DECODE;
    }
    v.lane = data[0];
    v.device_time_ns += bcd(data[6]) * (10 * TRAFFIC_NS_PER_MS);
    v.time_ns = traffic_time(t, v.device_time_ns, time_ns);
    v.length_m = data[2] / 10.0;
    v.duration_s = get_be(data + 4, 2) / 1000.0;
    snprintf(v.vehicle_class, sizeof v.vehicle_class, "%d", data[1]);
    if (data[3] <= SPEED_MOST) {
        v.has |= HAS_SPEED;
        v.speed_kmh = speed_kmh(data[3], data[14] == 1);
    }
    traffic_vehicle(t, device, &v);
    return WEIR_R_OK;
}

static enum weir_result take_clock(struct traffic *t, size_t device, const uint8_t *data,
                                   size_t len, int64_t time_ns)
{
    struct g4 *d = traffic_device_state(t, device);
    int64_t device_ns;
    if (len != CLOCK_LEN || !get_stamp(data, &device_ns)) {
        return WEIR_R_DECODE;
    }
    if (d->stage == ASK_CLOCK) {
        d->clock_off_ns = traffic_clock(t, device, device_ns, CLOCK_OFF_NS, time_ns);
        traffic_answered(t, device);
    }
    return WEIR_R_OK;
}

/* To setting the clock, or to a question that it does not like. */
static enum weir_result take_word(struct traffic *t, size_t device, bool yes)
{
    const struct g4 *d = traffic_device_state(t, device);
    if (!yes) {
        traffic_log(t, WEIR_LOG_WARNING, "%s refuses %s", traffic_device(t, device)->name,
                    d->stage == ASK_DATA ? "to tell its counts" : "to talk of its clock");
    }
    if (!yes || d->stage == SET_CLOCK) {
        traffic_answered(t, device);
    }
    return WEIR_R_OK;
}

static int kind_of(uint8_t qualifier)
{
    if (qualifier >= 0x10 && qualifier <= 0x18) {
        return qualifier - 0x10;
    }
    return qualifier == 0x1E ? HEADWAY : qualifier == 0x1F ? SPEED_85 : -1;
}

static enum weir_result g4_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                   int64_t time_ns)
{
    const uint8_t *data = bytes + HEAD_LEN;
    size_t inner = len - HEAD_LEN - SUM_LEN;
    if (sum_of(bytes + 4, inner + 2) != get_be(bytes + len - SUM_LEN, 2)) {
        return WEIR_R_CRC;
    }
    int device = traffic_find(t, get_be(bytes + 4, 2)), kind = kind_of(bytes[2]);
    if (device < 0) {
        return WEIR_R_FOREIGN;
    }
    struct g4 *d = traffic_device_state(t, (size_t)device);
    if (kind >= 0) {
        return take_kind(d, kind, data, inner);
    }
    switch (bytes[2]) {
    case HEADER:
        return take_header(d, data, inner);
    case FOOTER:
        return take_footer(t, (size_t)device, data, inner, time_ns);
    case EVENT:
        return take_event(t, (size_t)device, data, inner, time_ns);
    case CLOCK:
    case CLOCK_QUERY:
        return take_clock(t, (size_t)device, data, inner, time_ns);
    case ACK:
    case NAK:
        return take_word(t, (size_t)device, bytes[2] == ACK);
    default:
        return WEIR_R_FOREIGN; /* it lives (5F), and what nobody asked for */
    }
}

static size_t g4_explain(enum weir_direction direction, const uint8_t *bytes, size_t len, char *buf,
                         size_t size)
{
    static const char *const kinds[] = { "counts",  "occupancy", "speeds",         "gaps",
                                         "class 1", "class 2",   "class 3",        "class 4",
                                         "class 5", "headways",  "85th percentile" };
    if (len < HEAD_LEN + SUM_LEN || bytes[0] != 0xFF || bytes[1] != 0xAA ||
        (size_t)bytes[3] + HEAD_LEN != len) {
        return 0;
    }
    int kind = kind_of(bytes[2]);
    const char *what = kind >= 0            ? kinds[kind]
                       : bytes[2] == HEADER ? "statistics begin"
                       : bytes[2] == FOOTER ? "statistics end"
                       : bytes[2] == EVENT  ? "vehicle"
                       : bytes[2] == POLL   ? "statistics?"
                                            : "message";
    int n =
        snprintf(buf, size, "RTMS G4 sensor %u: %s (0x%02x)", get_be(bytes + 4, 2), what, bytes[2]);
    return n > 0 ? (size_t)n : 0;
}

static const char *const classes[] = { "small", "regular",     "medium", "large",
                                       "truck", "extra_large", NULL };

const struct family family_eis_rtms_g4 = {
    .name = "eis-rtms-g4",
    .vehicle = HAS_LANE | HAS_SPEED | HAS_LENGTH | HAS_CLASS | HAS_DURATION | HAS_DEVICE_TIME,
    .interval = HAS_LANE | HAS_COUNT | HAS_CLASS | HAS_SPEED | HAS_SPEED_85 | HAS_OCCUPANCY |
                HAS_HEADWAY | HAS_GAP | HAS_PERIOD | HAS_DEVICE_TIME | HAS_MISSED,
    .classes = classes,
    .device_state = sizeof(struct g4),
    .addressed = true,
    .least_address = 1,
    .most_address = 65535,
    .default_address = 1,
    .idle_ns = 200 * TRAFFIC_NS_PER_MS,
    .frame = g4_frame,
    .message = g4_message,
    .request = g4_request,
    .explain = g4_explain,
};
