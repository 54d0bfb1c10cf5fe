/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Traffic counters and radars: devices that speak by themselves, and those that are asked for what
 * they have counted. Which one is on the line says the model (`weir models`); what its bytes mean,
 * its family (family.h). The contract is <weir/adapter.h>.
 */
#include "traffic.h"

#include <string.h>

#define DEFAULT_IDLE_NS (2 * TRAFFIC_NS_PER_S)

/* ---- bytes to messages */

static int64_t first_ns(const struct bytes *b)
{
    return b->new_at > 0 ? b->old_ns : b->new_ns;
}

static void drop_front(struct bytes *b, size_t count)
{
    b->len -= (uint32_t)count;
    memmove(b->data, b->data + count, b->len);
    b->new_at = b->new_at > count ? b->new_at - (uint32_t)count : 0;
}

static int frame_of(const struct traffic *t, const struct bytes *b)
{
    return t->family->frame_by ? t->family->frame_by(t->plan, b->data, b->len)
                               : t->family->frame(b->data, b->len);
}

/* Takes one message or some noise off the front. False: more bytes are needed. */
static bool take_one(struct traffic *t, size_t *noise)
{
    struct bytes *b = &t->head->bytes;
    int n = b->len ? frame_of(t, b) : 0;
    if (n == 0 && b->len >= TRAFFIC_MESSAGE_MAX) {
        n = -1; /* whatever it says: no message is so long */
    }
    if (n == 0 || (n > 0 && (size_t)n > b->len)) {
        return false;
    }
    if (n < 0) {
        size_t count = (size_t)-n < b->len ? (size_t)-n : b->len;
        *noise += count;
        drop_front(b, count);
        return true;
    }
    uint8_t message[2 * TRAFFIC_MESSAGE_MAX];
    int64_t time_ns = first_ns(b);
    memcpy(message, b->data, (size_t)n);
    enum weir_result r = t->family->message(t, message, (size_t)n, time_ns);
    size_t done = r == WEIR_R_OK || r == WEIR_R_FOREIGN || t->family->lines ? (size_t)n : 1;
    drop_front(b, done);
    *noise += r == WEIR_R_OK || r == WEIR_R_FOREIGN ? 0 : done;
    if (r != WEIR_R_OK) {
        t->bus->host->stray(t->bus, r);
    }
    ask_on(t, b->new_ns);
    return true;
}

static size_t traffic_receive(void *self, const uint8_t *data, size_t len, int64_t time_ns)
{
    struct traffic *t = self;
    struct bytes *b = &t->head->bytes;
    size_t noise = (size_t)b->noise;
    b->noise = 0;
    while (len > 0) {
        size_t room = sizeof b->data - b->len, count = len < room ? len : room;
        b->old_ns = b->len ? first_ns(b) : time_ns;
        b->new_at = b->len;
        b->new_ns = b->idle_from_ns = time_ns;
        memcpy(b->data + b->len, data, count);
        b->len += (uint32_t)count;
        data += count;
        len -= count;
        while (take_one(t, &noise)) {
        }
    }
    return noise;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Half a message that does not go on is none. */
static int64_t idle_tick(struct traffic *t, int64_t now_ns)
{
    struct bytes *b = &t->head->bytes;
    int64_t idle_ns = t->family->idle_ns ? t->family->idle_ns : DEFAULT_IDLE_NS;
    if (b->len == 0 || t->no_port) {
        return INT64_MAX;
    }
    if (now_ns < b->idle_from_ns + idle_ns) {
        return b->idle_from_ns + idle_ns;
    }
    b->noise += b->len;
    b->len = 0;
    b->new_at = 0;
    t->bus->host->stray(t->bus, WEIR_R_FRAME);
    return INT64_MAX;
}

static int64_t traffic_tick(void *self, int64_t now_ns)
{
    struct traffic *t = self;
    int64_t next_ns = idle_tick(t, now_ns);
    if (t->settings->interval_ns > 0) {
        next_ns = earlier(next_ns, intervals_tick(t, now_ns));
    }
    if (t->family->tick) {
        next_ns = earlier(next_ns, t->family->tick(t, now_ns));
    }
    if (t->family->request) {
        next_ns = earlier(next_ns, ask_tick(t, now_ns));
    }
    return next_ns;
}

static void traffic_opened(void *self, int64_t now_ns)
{
    struct traffic *t = self;
    t->no_port = false;
    if (t->bus->resumed && t->head->ask.open) {
        t->head->bytes.idle_from_ns = now_ns; /* the rest, or an answer, may lie there unread */
        ask_resumed(t, now_ns);
        return;
    }
    t->head->bytes.noise += t->head->bytes.len;
    t->head->bytes.len = 0;
    t->head->bytes.new_at = 0;
    ask_opened(t, now_ns);
    if (t->family->opened) {
        t->family->opened(t, now_ns);
    }
}

static void traffic_finish(void *self, int64_t now_ns)
{
    struct traffic *t = self;
    if (t->settings->interval_ns > 0) {
        intervals_finish(t, now_ns);
    }
}

/* ---- where to go on */

/* Bits below it are the family's: nobody takes a number for another kind. */
enum { RESUME_KIND = 62 };

static uint64_t traffic_resume_point(void *self, size_t device)
{
    struct traffic *t = self;
    uint64_t point = t->family->resume_point ? t->family->resume_point(t, device) : 0;
    return point ? (uint64_t)t->family->resume_kind << RESUME_KIND | point : 0;
}

static void traffic_resume(void *self, size_t device, uint64_t point, bool exact)
{
    struct traffic *t = self;
    if (t->family->resume && point >> RESUME_KIND == t->family->resume_kind) {
        t->family->resume(t, device, point & ~(3ULL << RESUME_KIND), exact);
    }
}

/* ---- the adapter */

/* Without a bus nobody knows the family: the first that has something to say. */
static size_t traffic_explain(bool serial, enum weir_direction direction, const uint8_t *data,
                              size_t len, char *buf, size_t size)
{
    for (size_t i = 0; families[i]; i++) {
        size_t n = families[i]->explain ? families[i]->explain(direction, data, len, buf, size) : 0;
        if (n > 0) {
            return n;
        }
    }
    return 0;
}

__attribute__((visibility("default"))) const struct weir_adapter weir_adapter = {
    .abi = WEIR_ADAPTER_ABI,
    .size = sizeof(struct weir_adapter),
    .name = "traffic",
    .summary = "traffic counters and radars: vehicles and intervals",
    .ports = WEIR_PORT_SERIAL | WEIR_PORT_TCP,
    .bus_options = traffic_bus_rows,
    .device_options = traffic_device_rows,
    .point_options = line_point_rows,
    .bus_size = sizeof(struct bus_settings),
    .device_size = sizeof(struct device_settings),
    .point_size = sizeof(struct line_point),
    .open = traffic_open,
    .close = traffic_close,
    .receive = traffic_receive,
    .explain = traffic_explain,
    .state_size = traffic_state_size,
    .state_version = 2,
    .opened = traffic_opened,
    .tick = traffic_tick,
    .resume_point = traffic_resume_point,
    .resume = traffic_resume,
    .finish = traffic_finish,
};
