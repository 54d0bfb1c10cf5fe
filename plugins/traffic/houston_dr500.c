/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Houston Radar DR500 (and DC310, Armadillo): radars that are asked for the mean speed of the last
 * seconds. Packets:
 *
 *   F3 CODE DATA... CRC_LOW CRC_HIGH FC
 *
 * The CRC (XMODEM) covers code and data. F3, FA and FC between the ends are sent as FA and their
 * lower half.
 *
 *   18 00 A B           variable AB?           19 00 A B LOW HIGH   its value; 13: it has none such
 *   31                  mean speed?            32 SPEED             0: nothing has passed
 *   0D 00 s m h D M Y   the time is, UTC       13 LOW HIGH          0: done
 *
 * D from 1, M from 0, Y since 1900. Variables: UN, the unit (0 mph, 1 km/h, 2 ft/s, 3 m/s); TA, the
 * seconds that the mean is taken over. Both are asked for before the first speed and every ten
 * minutes: somebody may change them. Settings lie in flash that wears out: none is written.
 *
 * The radar knows no vehicles in this mode: a mean speed is an interval without a count. As text it
 * prints speeds: a model of the family line.
 *
 * Source: the driver "dr500" of the IRIS traffic management system.
 */
#include <stdio.h>
#include <string.h>

#include "family.h"

enum { BEGIN = 0xF3, ESCAPE = 0xFA, END = 0xFC, LOWER_HALF = 0x0F };
enum { SET_TIME = 0x0D, STATUS = 0x13, GET = 0x18, VALUE = 0x19, GET_SPEED = 0x31, SPEED = 0x32 };
enum {
    PACKET_MOST = 600,
    BODY_MOST = 64,
    CRC_LEN = 2,
    VALUE_LEN = 6,
    STATUS_LEN = 3,
    SPEED_LEN = 2
};
enum { UNIT_MPH, UNIT_KM_H, UNIT_FT_S, UNIT_M_S, UNIT_UNKNOWN };
#define SETTINGS_NS (600 * TRAFFIC_NS_PER_S)
#define CLOCK_NS    (86400 * TRAFFIC_NS_PER_S)
#define KMH_MOST    300.0

/* What a round asks, in this order; all but the speed not in every round. */
enum step { NOTHING, ASK_UNIT, ASK_AVERAGE, TELL_TIME, ASK_SPEED, STEPS };

struct dr500 {
    int64_t settings_ns; /* when unit and average are wanted again; 0: not known */
    int64_t clock_ns;    /* when the time is told again */
    uint32_t step;       /* what was asked last */
    uint32_t unit;
    uint32_t average_s; /* 0: not known */
    uint32_t unused;
};

static uint16_t crc_xmodem(const uint8_t *bytes, size_t len)
{
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xFFFF : crc << 1;
        }
    }
    return (uint16_t)crc;
}

/* ---- packets */

static size_t escaped(uint8_t byte, uint8_t *at)
{
    if (byte == BEGIN || byte == ESCAPE || byte == END) {
        at[0] = ESCAPE;
        at[1] = byte & LOWER_HALF;
        return 2;
    }
    at[0] = byte;
    return 1;
}

static size_t wrap(const uint8_t *body, size_t len, uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    uint16_t crc = crc_xmodem(body, len);
    size_t n = 0;
    buf[n++] = BEGIN;
    for (size_t i = 0; i < len; i++) {
        n += escaped(body[i], buf + n);
    }
    n += escaped((uint8_t)crc, buf + n);
    n += escaped((uint8_t)(crc >> 8), buf + n);
    buf[n++] = END;
    return n;
}

static int dr500_frame(const uint8_t *bytes, size_t len)
{
    if (bytes[0] != BEGIN) {
        return -1;
    }
    for (size_t i = 1; i < len; i++) {
        if (bytes[i] == BEGIN || i == PACKET_MOST) {
            return -(int)i;
        }
        if (bytes[i] == END) {
            return (int)i + 1;
        }
    }
    return 0;
}

/* Code and data of a whole packet. Their length in ret_len. */
static enum weir_result unwrap(const uint8_t *bytes, size_t len, uint8_t body[BODY_MOST],
                               size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 1; i + 1 < len; i++) {
        uint8_t byte = bytes[i];
        if (byte == ESCAPE) {
            byte = bytes[++i] | (uint8_t)~LOWER_HALF;
            if (bytes[i] > LOWER_HALF || i + 1 >= len ||
                (byte != BEGIN && byte != ESCAPE && byte != END)) {
                return WEIR_R_FRAME;
            }
        }
        if (n == BODY_MOST) {
            return WEIR_R_FRAME;
        }
        body[n++] = byte;
    }
    if (n <= CRC_LEN) {
        return WEIR_R_FRAME;
    }
    *ret_len = n - CRC_LEN;
    return crc_xmodem(body, n - CRC_LEN) == get_le(body + n - CRC_LEN, 2) ? WEIR_R_OK : WEIR_R_CRC;
}

/* ---- asking */

static bool is_due(struct traffic *t, const struct dr500 *d, enum step step, int64_t now_ns)
{
    int64_t wall_ns;
    switch (step) {
    case ASK_UNIT:
        return d->settings_ns == 0 || now_ns >= d->settings_ns;
    case ASK_AVERAGE:
        return d->settings_ns == 0;
    case TELL_TIME:
        return now_ns >= d->clock_ns && traffic_sets_clock(t) && traffic_wall(t, now_ns, &wall_ns);
    default:
        return true;
    }
}

static size_t ask_variable(const char *name, uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    const uint8_t body[] = { GET, 0, (uint8_t)name[0], (uint8_t)name[1] };
    return wrap(body, sizeof body, buf);
}

static size_t tell_time(const struct traffic *t, int64_t now_ns, uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    int64_t wall_ns;
    traffic_wall(t, now_ns, &wall_ns);
    struct civil c = civil_from_seconds(wall_ns / TRAFFIC_NS_PER_S);
    const uint8_t body[] = { SET_TIME,
                             0,
                             (uint8_t)c.second,
                             (uint8_t)c.minute,
                             (uint8_t)c.hour,
                             (uint8_t)c.day,
                             (uint8_t)(c.month - 1),
                             (uint8_t)(c.year - 1900) };
    return wrap(body, sizeof body, buf);
}

static size_t dr500_request(struct traffic *t, size_t device, bool first, int64_t now_ns,
                            uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    static const uint8_t get_speed[] = { GET_SPEED };
    struct dr500 *d = traffic_device_state(t, device);
    d->step = first ? NOTHING : d->step;
    do {
        d->step++;
    } while (d->step < STEPS && !is_due(t, d, d->step, now_ns));
    switch (d->step) {
    case ASK_UNIT:
        return ask_variable("UN", buf);
    case ASK_AVERAGE:
        return ask_variable("TA", buf);
    case TELL_TIME:
        return tell_time(t, now_ns, buf);
    case ASK_SPEED:
        return wrap(get_speed, sizeof get_speed, buf);
    default:
        return 0;
    }
}

/* A radar that takes no time is asked for speeds all the same; one that does not tell its unit is
 * not, for nobody would know what they are. */
static bool dr500_silent(struct traffic *t, size_t device, int64_t now_ns)
{
    struct dr500 *d = traffic_device_state(t, device);
    if (d->step != TELL_TIME) {
        return false;
    }
    d->clock_ns = now_ns + CLOCK_NS;
    return true;
}

/* Another radar may have been plugged in. */
static void dr500_opened(struct traffic *t, int64_t now_ns)
{
    struct dr500 *d = traffic_device_state(t, 0);
    d->settings_ns = 0;
    d->clock_ns = now_ns;
}

/* ---- answers */

static double kmh_of(const struct traffic *t, uint32_t unit, double raw)
{
    switch (unit) {
    case UNIT_MPH:
        return kmh_from_mph(raw);
    case UNIT_KM_H:
        return raw;
    case UNIT_FT_S:
        return rounded3(raw * 1.09728);
    case UNIT_M_S:
        return rounded3(raw * 3.6);
    default:
        return traffic_kmh(t, raw);
    }
}

static enum weir_result speed(struct traffic *t, const struct dr500 *d, uint8_t raw,
                              int64_t time_ns)
{
    struct interval i = { .time_ns = time_ns, .period_s = d->average_s };
    i.speed_kmh = kmh_of(t, d->unit, raw);
    if (i.speed_kmh > KMH_MOST) {
        return WEIR_R_DECODE;
    }
    i.has = (d->average_s ? HAS_PERIOD : 0) | (raw ? HAS_SPEED : 0);
    traffic_interval(t, 0, &i);
    return WEIR_R_OK;
}

/* known: false if the radar has no such variable. */
static enum weir_result setting(struct dr500 *d, const uint8_t *body, bool known, int64_t time_ns)
{
    bool unit = d->step == ASK_UNIT;
    uint32_t value = known ? get_le(body + 4, 2) : unit ? UNIT_UNKNOWN : 0;
    if (known && (body[1] != 0 || memcmp(body + 2, unit ? "UN" : "TA", 2) != 0)) {
        return WEIR_R_FOREIGN;
    }
    if (unit && known && value >= UNIT_UNKNOWN) {
        return WEIR_R_DECODE;
    }
    if (unit) {
        d->unit = value;
        d->settings_ns = 0;
    } else {
        d->average_s = value;
        d->settings_ns = time_ns + SETTINGS_NS;
    }
    return WEIR_R_OK;
}

static enum weir_result answer(struct traffic *t, struct dr500 *d, const uint8_t *body, size_t len,
                               int64_t time_ns)
{
    bool is_status = body[0] == STATUS && len == STATUS_LEN;
    if (d->step == ASK_SPEED && body[0] == SPEED && len == SPEED_LEN) {
        return speed(t, d, body[1], time_ns);
    }
    if (d->step == TELL_TIME && is_status) {
        if (get_le(body + 1, 2) != 0) {
            traffic_log(t, WEIR_LOG_NOTICE, "%s does not take the time (status %u)",
                        traffic_device(t, 0)->name, (unsigned)get_le(body + 1, 2));
        }
        d->clock_ns = time_ns + CLOCK_NS;
        return WEIR_R_OK;
    }
    if ((d->step == ASK_UNIT || d->step == ASK_AVERAGE) &&
        (is_status || (body[0] == VALUE && len == VALUE_LEN))) {
        return setting(d, body, !is_status, time_ns);
    }
    return WEIR_R_FOREIGN;
}

static enum weir_result dr500_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                      int64_t time_ns)
{
    uint8_t body[BODY_MOST];
    size_t body_len = 0;
    enum weir_result r = unwrap(bytes, len, body, &body_len);
    if (r != WEIR_R_OK) {
        return r;
    }
    if (traffic_asked(t) < 0) {
        return WEIR_R_FOREIGN;
    }
    r = answer(t, traffic_device_state(t, 0), body, body_len, time_ns);
    if (r == WEIR_R_OK) {
        traffic_answered(t, 0);
    }
    return r;
}

static size_t dr500_explain(enum weir_direction direction, const uint8_t *bytes, size_t len,
                            char *buf, size_t size)
{
    uint8_t body[BODY_MOST];
    size_t n = 0;
    if (len == 0 || dr500_frame(bytes, len) != (int)len ||
        unwrap(bytes, len, body, &n) != WEIR_R_OK) {
        return 0;
    }
    int wrote = 0;
    if (body[0] == GET_SPEED && n == 1) {
        wrote = snprintf(buf, size, "DR500: mean speed?");
    } else if (body[0] == SPEED && n == SPEED_LEN) {
        wrote = snprintf(buf, size, "DR500: mean speed %d", body[1]);
    } else if (body[0] == GET && n == 4) {
        wrote = snprintf(buf, size, "DR500: variable %02x %02x?", body[2], body[3]);
    } else if (body[0] == VALUE && n == VALUE_LEN) {
        wrote = snprintf(buf, size, "DR500: variable %02x %02x is %u", body[2], body[3],
                         (unsigned)get_le(body + 4, 2));
    } else if (body[0] == SET_TIME && n == 8) {
        wrote = snprintf(buf, size, "DR500: the time is %02d:%02d:%02d", body[4], body[3], body[2]);
    } else if (body[0] == STATUS && n == STATUS_LEN) {
        wrote = snprintf(buf, size, "DR500: status %u", (unsigned)get_le(body + 1, 2));
    }
    return wrote > 0 ? (size_t)wrote : 0;
}

const struct family family_houston_dr500 = {
    .name = "houston-dr500",
    .interval = HAS_PERIOD | HAS_SPEED,
    .device_state = sizeof(struct dr500),
    .frame = dr500_frame,
    .message = dr500_message,
    .request = dr500_request,
    .silent = dr500_silent,
    .opened = dr500_opened,
    .explain = dr500_explain,
};
