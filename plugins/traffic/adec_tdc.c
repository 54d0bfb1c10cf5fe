/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * ADEC TDC: detectors over a lane, asked for the vehicles since the last time. Frames as in IEC
 * 60870-5-1 FT1.2:
 *
 *   E5                                       nothing (new), or: done
 *   10 CTRL ADR SUM 16                       short, what is sent
 *   68 LEN LEN 68 CTRL ADR DATA... SUM 16    long; LEN counts CTRL to DATA, SUM adds them up
 *
 * CTRL of a request: 40, the frame count bit 20 if 10 says that it counts, and a code. The device
 * repeats its last answer until that bit changes, so an answer that was lost on the way comes
 * again; reset (code 0) begins anew: at first, and when it stays silent, for one that was switched
 * off may wait for it. DATA of vehicles: status, vehicles ever counted (32 bits),
 * then one to four records of 6, 7 or 11 bytes.
 *
 * Source: the driver "adectdc" of the IRIS traffic management system.
 */
#include <stdio.h>

#include "family.h"

enum { SINGLE = 0xE5, SHORT = 0x10, LONG = 0x68, END = 0x16 };
enum { REQUEST = 0x40, COUNT_BIT = 0x20, COUNT_VALID = 0x10, RESET = 0, VEHICLES = 8 };
enum { SILENCES_MOST = 3 }; /* an answer that was lost is asked for so often before a reset */
enum { LEAST_LEN = 3, VEHICLES_AT = 7, VEHICLES_MOST = 4, SHORT_LEN = 5, AROUND = 6 };

struct tdc {
    uint8_t begun;     /* the frame count bit has been reset */
    uint8_t count_bit; /* of the next request */
    uint8_t counted;   /* `count` is known */
    uint8_t more;      /* the last answer was not the end of the round */
    uint32_t count;    /* vehicles ever */
    uint32_t status;   /* and whether it is known */
    uint32_t silences; /* rounds without an answer, one after the other */
};

static uint8_t sum(const uint8_t *bytes, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum;
}

/* E5 stands alone: one that others follow at once is of a frame whose head was hit. */
static int tdc_frame(const uint8_t *bytes, size_t len)
{
    if (bytes[0] == SINGLE) {
        return len == 1 ? 1 : -1;
    }
    if (bytes[0] != LONG || (len > 1 && bytes[1] < LEAST_LEN) ||
        (len > 2 && bytes[2] != bytes[1]) || (len > 3 && bytes[3] != LONG)) {
        return -1;
    }
    return len > 3 ? bytes[1] + AROUND : 0;
}

static size_t tdc_request(struct traffic *t, size_t device, bool first, int64_t now_ns,
                          uint8_t buf[TRAFFIC_REQUEST_MAX])
{
    struct tdc *d = traffic_device_state(t, device);
    unsigned ctrl = REQUEST | COUNT_VALID | VEHICLES | (d->count_bit ? COUNT_BIT : 0);
    if (!first && !d->more) {
        return 0;
    }
    buf[0] = SHORT;
    buf[1] = d->begun ? (uint8_t)ctrl : REQUEST | RESET;
    buf[2] = (uint8_t)traffic_address(t, device);
    buf[3] = sum(buf + 1, 2);
    buf[4] = END;
    d->more = 0;
    return SHORT_LEN;
}

static bool tdc_silent(struct traffic *t, size_t device, int64_t now_ns)
{
    struct tdc *d = traffic_device_state(t, device);
    if (++d->silences >= SILENCES_MOST) {
        d->begun = 0;
        d->silences = 0;
    }
    return false;
}

/* The device that was asked has answered. */
static void answered(struct traffic *t, size_t device)
{
    struct tdc *d = traffic_device_state(t, device);
    d->silences = 0;
    traffic_answered(t, device);
}

/* Times: the last one passed just now, each other one earlier by the headways that follow. */
static void vehicles(struct traffic *t, size_t device, const uint8_t *at, size_t count, size_t size,
                     uint64_t missed, int64_t time_ns)
{
    struct tdc *d = traffic_device_state(t, device);
    for (size_t i = 1; i < count; i++) {
        time_ns -= (get_be(at + i * size + 2, 2) + get_be(at + i * size + 4, 2)) *
                   (10 * TRAFFIC_NS_PER_MS);
    }
    for (size_t i = 0; i < count; i++, at += size) {
        uint32_t duration = get_be(at + 2, 2), gap = get_be(at + 4, 2);
        struct vehicle v = { .has = HAS_LANE | HAS_SPEED | HAS_CLASS | HAS_DURATION | HAS_GAP |
                                    HAS_HEADWAY | HAS_DEVICE_COUNT | HAS_MISSED,
                             .time_ns = time_ns < 0 ? 0 : time_ns,
                             .lane = at[1] & 0x0F,
                             .speed_kmh = at[0],
                             .duration_s = duration / 100.0,
                             .gap_s = gap / 100.0,
                             .headway_s = (duration + gap) / 100.0,
                             .device_count = d->count - (uint32_t)(count - 1 - i),
                             .missed = i == 0 ? missed : 0 };
        snprintf(v.vehicle_class, sizeof v.vehicle_class, "%d", at[1] >> 4);
        if (gap == 0) { /* not known */
            v.has &= ~(unsigned)(HAS_GAP | HAS_HEADWAY);
        }
        if (size > 6) {
            v.has |= HAS_LENGTH;
            v.length_m = at[6] / 10.0;
        }
        traffic_vehicle(t, device, &v);
        if (i + 1 < count) {
            time_ns +=
                (get_be(at + size + 2, 2) + get_be(at + size + 4, 2)) * (10 * TRAFFIC_NS_PER_MS);
        }
    }
}

static void tell_status(struct traffic *t, size_t device, uint8_t status)
{
    struct tdc *d = traffic_device_state(t, device);
    if (status != (uint8_t)d->status || (!d->status && status)) {
        traffic_log(t, WEIR_LOG_NOTICE, "status of %s is now 0x%02x",
                    traffic_device(t, device)->name, status);
    }
    d->status = status;
}

/* How long a record is shows in the length of all of them: 7 n never is 6 m or 11 k here. */
static size_t record_size(size_t len)
{
    static const size_t sizes[] = { 6, 7, 11 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (len % sizes[i] == 0 && len / sizes[i] <= VEHICLES_MOST) {
            return sizes[i];
        }
    }
    return 0;
}

/* from CTRL on */
static enum weir_result answer(struct traffic *t, size_t device, const uint8_t *bytes, size_t len,
                               int64_t time_ns)
{
    struct tdc *d = traffic_device_state(t, device);
    if (len <= VEHICLES_AT) {
        tell_status(t, device, bytes[2]);
        return WEIR_R_OK;
    }
    size_t size = record_size(len - VEHICLES_AT), count = size ? (len - VEHICLES_AT) / size : 0;
    if (count == 0) {
        return WEIR_R_DECODE;
    }
    uint32_t total = get_be(bytes + 3, 4), fresh = total - d->count;
    uint32_t ahead = fresh - (uint32_t)count;
    uint64_t missed = d->counted && ahead < 0x80000000 ? ahead : 0; /* less: it was reset */
    size_t had = d->counted && fresh < count ? count - fresh : 0;   /* said again */
    tell_status(t, device, bytes[2]);
    d->count = total;
    d->counted = 1;
    d->more = 1;
    vehicles(t, device, bytes + VEHICLES_AT + had * size, count - had, size, missed, time_ns);
    return WEIR_R_OK;
}

/* Nothing new, or the answer to a reset. */
static enum weir_result single(struct traffic *t)
{
    int device = traffic_asked(t);
    if (device < 0) {
        return WEIR_R_FOREIGN;
    }
    struct tdc *d = traffic_device_state(t, (size_t)device);
    if (d->begun) {
        d->count_bit ^= 1;
    } else {
        d->begun = d->count_bit = d->more = 1;
    }
    answered(t, (size_t)device);
    return WEIR_R_OK;
}

static enum weir_result tdc_message(struct traffic *t, const uint8_t *bytes, size_t len,
                                    int64_t time_ns)
{
    if (len == 1) {
        return single(t);
    }
    size_t inner = len - AROUND;
    if (bytes[len - 1] != END) {
        return WEIR_R_FRAME;
    }
    if (sum(bytes + 4, inner) != bytes[len - 2]) {
        return WEIR_R_CRC;
    }
    int device = traffic_find(t, bytes[5]);
    if (bytes[4] != VEHICLES || device < 0) {
        return WEIR_R_FOREIGN;
    }
    /* One that comes late is taken too: a late "nothing" may have been taken for the answer in its
     * place, and then it is not said again. If it is, the count tells. */
    bool late = device != traffic_asked(t);
    struct tdc *d = traffic_device_state(t, (size_t)device);
    enum weir_result r = answer(t, (size_t)device, bytes + 4, inner, time_ns);
    if (r == WEIR_R_OK && !late) {
        d->count_bit ^= 1;
        answered(t, (size_t)device);
    }
    return r;
}

static size_t tdc_explain(enum weir_direction direction, const uint8_t *bytes, size_t len,
                          char *buf, size_t size)
{
    int n = 0;
    if (len == SHORT_LEN && bytes[0] == SHORT && bytes[4] == END && sum(bytes + 1, 2) == bytes[3]) {
        n = snprintf(buf, size, "ADEC address %d: %s", bytes[2],
                     (bytes[1] & 0x0F) == VEHICLES ? "vehicles?" : "reset");
    } else if (len > AROUND + LEAST_LEN && bytes[0] == LONG && bytes[3] == LONG &&
               bytes[1] + AROUND == (int)len && sum(bytes + 4, len - AROUND) == bytes[len - 2]) {
        n = snprintf(buf, size, "ADEC address %d: status 0x%02x, %zu bytes of vehicles", bytes[5],
                     bytes[6], len > AROUND + VEHICLES_AT ? len - AROUND - VEHICLES_AT : 0);
    }
    return n > 0 ? (size_t)n : 0;
}

const struct family family_adec_tdc = {
    .name = "adec-tdc",
    .vehicle = HAS_LANE | HAS_SPEED | HAS_CLASS | HAS_LENGTH | HAS_DURATION | HAS_GAP |
               HAS_HEADWAY | HAS_DEVICE_COUNT | HAS_MISSED,
    .device_state = sizeof(struct tdc),
    .addressed = true,
    .least_address = 1,
    .most_address = 255,
    .default_address = 1,
    .idle_ns = 200 * TRAFFIC_NS_PER_MS,
    .frame = tdc_frame,
    .message = tdc_message,
    .request = tdc_request,
    .silent = tdc_silent,
    .explain = tdc_explain,
};
