/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * LoRa modules on a serial line: packets that sensors send by radio, without a network server.
 * Which module is on the line says the model (`weir models`); how it speaks, its family (module.h).
 * Here: bytes to messages, and time. The contract is <weir/adapter.h>.
 */
#include "lora.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define IDLE_NS (500 * LORA_NS_PER_MS) /* no module pauses so long in a line */

/* ---- for families */

const struct bus_settings *lora_settings(const struct lora *l)
{
    return l->settings;
}

void *lora_family(struct lora *l)
{
    return l->head->family;
}

const void *lora_family_const(const struct lora *l)
{
    return l->head->family;
}

int lora_baud(struct lora *l, int64_t baud)
{
    return l->bus->host->baud(l->bus, baud);
}

void lora_log(struct lora *l, enum weir_level level, const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    l->bus->host->log(l->bus, level, "%s", text);
}

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

static void strange(struct lora *l, int64_t now_ns)
{
    if (l->module->strange && l->head->talk.phase == TALK_IDLE) {
        l->module->strange(l, now_ns);
    }
}

static void take_message(struct lora *l, size_t len, size_t *noise)
{
    struct bytes *b = &l->head->bytes;
    uint8_t message[2 * LORA_MESSAGE_MAX];
    int64_t time_ns = first_ns(b);
    memcpy(message, b->data, len);
    drop_front(b, len);
    enum weir_result r = l->module->message(l, message, len, time_ns);
    if (r != WEIR_R_OK) {
        *noise += r == WEIR_R_FOREIGN ? 0 : len;
        l->bus->host->stray(l->bus, r);
        strange(l, b->new_ns);
    }
}

/* Takes one message or some noise off the front. False: more bytes are needed. */
static bool take_one(struct lora *l, size_t *noise)
{
    struct bytes *b = &l->head->bytes;
    int n = b->len ? l->module->frame(l, b->data, b->len) : 0;
    if (n == 0 && b->len >= LORA_MESSAGE_MAX && !l->module->gap_ns) {
        n = -1; /* whatever it says: no message is so long */
    }
    if (n == 0 || (n > 0 && (size_t)n > b->len)) {
        return false;
    }
    if (n > 0) {
        take_message(l, (size_t)n, noise);
        return true;
    }
    size_t count = (size_t)-n < b->len ? (size_t)-n : b->len;
    *noise += count;
    drop_front(b, count);
    return true;
}

static int64_t gap_ns(const struct lora *l)
{
    return l->module->gap_ns ? l->module->gap_ns(l) : 0;
}

/* What nothing has followed for a while: a packet of a module without framing, or all that will
 * ever come of a message. */
static void hand_over_gap(struct lora *l, size_t *noise)
{
    struct bytes *b = &l->head->bytes;
    uint8_t message[2 * LORA_MESSAGE_MAX];
    size_t len = b->len;
    int64_t time_ns = first_ns(b);
    memcpy(message, b->data, len);
    drop_front(b, len);
    if (len > LORA_MESSAGE_MAX) {
        *noise += len;
        l->bus->host->stray(l->bus, WEIR_R_FRAME);
    } else {
        l->module->gap(l, message, len, time_ns);
    }
}

static size_t receive(void *self, const uint8_t *data, size_t len, int64_t time_ns)
{
    struct lora *l = self;
    struct bytes *b = &l->head->bytes;
    size_t noise = (size_t)b->noise;
    b->noise = 0;
    pins_restore(l);
    if (b->len && gap_ns(l) > 0 && time_ns >= b->new_ns + gap_ns(l)) {
        hand_over_gap(l, &noise); /* the tick between was late */
    }
    while (len > 0) {
        size_t room = sizeof b->data - b->len, count = len < room ? len : room;
        if (room == 0) { /* longer than any packet: whatever it is, it is none */
            noise += b->len;
            drop_front(b, b->len);
            continue;
        }
        b->old_ns = b->len ? first_ns(b) : time_ns;
        b->new_at = b->len;
        b->new_ns = time_ns;
        memcpy(b->data + b->len, data, count);
        b->len += (uint32_t)count;
        data += count;
        len -= count;
        while (take_one(l, &noise)) {
        }
    }
    return noise;
}

/* Half a message that does not go on is none; what stands behind its first byte may be one. */
static int64_t idle_tick(struct lora *l, int64_t now_ns)
{
    struct bytes *b = &l->head->bytes;
    size_t noise = 0;
    int64_t wait_ns = gap_ns(l) > 0 ? gap_ns(l) : IDLE_NS;
    if (b->len == 0) {
        return INT64_MAX;
    }
    if (now_ns < b->new_ns + wait_ns) {
        return b->new_ns + wait_ns;
    }
    if (gap_ns(l) > 0) {
        hand_over_gap(l, &noise);
    } else {
        l->bus->host->stray(l->bus, WEIR_R_FRAME);
        while (b->len) {
            drop_front(b, 1);
            noise++;
            while (take_one(l, &noise)) {
            }
        }
        strange(l, now_ns);
    }
    b->noise += noise;
    return INT64_MAX;
}

static int64_t tick(void *self, int64_t now_ns)
{
    struct lora *l = self;
    pins_restore(l);
    int64_t a = idle_tick(l, now_ns), b = talk_tick(l, now_ns);
    return a < b ? a : b;
}

static void opened(void *self, int64_t now_ns)
{
    struct lora *l = self;
    struct bytes *b = &l->head->bytes;
    b->noise += b->len;
    b->len = b->new_at = 0;
    talk_opened(l, now_ns);
}

/* Lines as they are; the host shows the rest as hex. */
static size_t explain(bool serial, enum weir_direction direction, const uint8_t *data, size_t len,
                      char *buf, size_t size)
{
    size_t n = 0;
    while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r')) {
        len--;
    }
    while (len > 0 && (*data == '\n' || *data == '\r')) {
        data++;
        len--;
    }
    if (len < 2 || len >= size) {
        return 0;
    }
    for (; n < len; n++) {
        bool end = data[n] == '\r' || data[n] == '\n';
        if (!end && (data[n] < 0x20 || data[n] > 0x7e)) {
            return 0;
        }
        buf[n] = end ? ' ' : (char)data[n];
    }
    buf[n] = 0;
    return n;
}

__attribute__((visibility("default"))) const struct weir_adapter weir_adapter = {
    .abi = WEIR_ADAPTER_ABI,
    .size = sizeof(struct weir_adapter),
    .name = "lora",
    .summary = "LoRa modules on a serial line: packets of sensors, without a network server",
    .ports = WEIR_PORT_SERIAL | WEIR_PORT_TCP,
    .bus_options = lora_bus_rows,
    .device_options = lora_device_rows,
    .point_options = payload_point_rows,
    .bus_size = sizeof(struct bus_settings),
    .device_size = sizeof(struct device_settings),
    .point_size = sizeof(struct payload_point),
    .open = lora_open,
    .close = lora_close,
    .receive = receive,
    .explain = explain,
    .state_size = lora_state_size,
    .state_version = 2,
    .opened = opened,
    .tick = tick,
    .resume_point = sender_resume_point,
    .resume = sender_resume,
};
