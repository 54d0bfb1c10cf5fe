/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Packets to records. In this order: whose is it, was it heard before, can it be unsealed, what was
 * missed before it, what does it say. What is left out is counted, and told once a sender.
 */
#include <stdio.h>
#include <string.h>

#include "lora.h"

static void stray(struct lora *l, enum weir_result why)
{
    l->bus->host->stray(l->bus, why);
}

static const char *device_name(const struct lora *l, size_t device)
{
    return l->bus->devices[device].name;
}

/* Modules that do not say who sent: the first bytes of the packet may. */
static bool take_sender(const struct lora *l, struct packet *packet)
{
    size_t n = (size_t)l->settings->sender_bytes;
    if (n == 0) {
        return true;
    }
    if (packet->len < n) {
        return false;
    }
    packet->sender = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = l->settings->sender_order ? i : n - 1 - i;
        packet->sender = packet->sender << 8 | packet->data[at];
    }
    packet->has |= HAS_SENDER;
    packet->len -= (uint32_t)n;
    memmove(packet->data, packet->data + n, packet->len);
    return true;
}

static int find_device(const struct lora *l, const struct packet *packet)
{
    int others = -1;
    for (size_t i = 0; i < l->bus->device_count; i++) {
        int64_t address = l->devices[i].settings->address;
        if (address < 0) {
            others = (int)i;
        } else if ((packet->has & HAS_SENDER) && (uint64_t)address == packet->sender) {
            return (int)i;
        }
    }
    return others;
}

static void nobody(struct lora *l, const struct packet *packet)
{
    if (unknown_first(l, packet->sender)) {
        lora_log(l, WEIR_LOG_WARNING,
                 "packet of %u bytes from %llu: no device has this address, and none is for "
                 "everything else; counted as foreign from now on",
                 packet->len, (unsigned long long)packet->sender);
    }
    stray(l, WEIR_R_FOREIGN);
}

/* ---- what is sealed */

/* What the nonce takes for the sender. */
static uint64_t sealed_sender_of(const struct lora *l, size_t device, const struct packet *packet)
{
    int64_t address = l->devices[device].settings->address;
    return packet->has & HAS_SENDER ? packet->sender : address >= 0 ? (uint64_t)address : 0;
}

static bool unseal(struct lora *l, size_t device, struct packet *packet, struct sender **ret_sender)
{
    struct sealed_sender fresh = { 0 };
    struct sender *known = *ret_sender;
    uint8_t open[LORA_PACKET_MAX + 1];
    size_t len = 0;
    enum sealed_result r =
        sealed_open(l->devices[device].sealed, sealed_sender_of(l, device, packet),
                    known ? &known->sealed : &fresh, packet->data, packet->len, open, &len);
    if (r != SEALED_OK) {
        lora_log(l, WEIR_LOG_WARNING, "%s: packet not taken, %s: %s", device_name(l, device),
                 sealed_result_name(r), sealed_result_help(r));
        stray(l, r == SEALED_REPLAY ? WEIR_R_FOREIGN : WEIR_R_CRC);
        return false;
    }
    if (!known) {
        known = sender_add(l, device, packet->sender, packet->time_ns);
        if (!known) {
            lora_log(l, WEIR_LOG_ERROR, "%s: more than %d sealed senders: packet not taken",
                     device_name(l, device), SENDERS_MAX);
            stray(l, WEIR_R_DECODE);
            return false;
        }
        known->sealed = fresh;
    }
    memcpy(packet->data, open, len);
    packet->len = (uint32_t)len;
    *ret_sender = known;
    return true;
}

/* ---- what was missed */

/* The number that this packet has. */
static bool counter_of(const struct lora *l, size_t device, const struct sender *sender,
                       uint32_t *ret_counter, unsigned *ret_bits)
{
    const struct device_run *d = &l->devices[device];
    if (d->settings->payload.counter[0]) {
        *ret_bits = payload_counter_bits(d->plan);
        return payload_counter(d->plan, &l->values, ret_counter);
    }
    *ret_bits = 32;
    *ret_counter = sender ? sender->sealed.counter : 0;
    return d->sealed != NULL;
}

/* False: the same packet again. */
static bool count(struct lora *l, size_t device, const struct packet *packet, uint64_t hash,
                  struct sender *sender, uint32_t *ret_missed)
{
    uint32_t counter;
    unsigned bits;
    *ret_missed = 0;
    if (!counter_of(l, device, sender, &counter, &bits)) {
        return true;
    }
    sender = sender ? sender : sender_add(l, device, packet->sender, packet->time_ns);
    if (!sender) {
        return true;
    }
    if (sender->counted) {
        enum sequence s = sequence_gap(sender->counter, counter, bits, ret_missed);
        if (s == SEQUENCE_DUPLICATE && sender->hash == hash) {
            return false;
        }
    }
    sender->counted = 1;
    sender->counter = counter;
    sender->hash = hash;
    return true;
}

/* ---- the record */

static void to_hex(const uint8_t *data, size_t len, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *text++ = digits[data[i] >> 4];
        *text++ = digits[data[i] & 15];
    }
}

static struct weir_value number_of(const struct packet *packet, unsigned what, double number)
{
    return (struct weir_value){ .quality = packet->has & what ? WEIR_QUALITY_GOOD : WEIR_R_ABSENT,
                                .float64 = number };
}

static size_t prefix_values(const struct lora *l, size_t device, const struct packet *packet,
                            uint32_t missed, const char *hex, struct weir_value *values)
{
    size_t n = 0;
    values[n++] = (struct weir_value){ .bytes = { (const uint8_t *)hex, 2 * packet->len } };
    if (l->has & HAS_RSSI) {
        values[n++] = number_of(packet, HAS_RSSI, packet->rssi);
    }
    if (l->has & HAS_SNR) {
        values[n++] = number_of(packet, HAS_SNR, packet->snr);
    }
    if (l->has & HAS_SENDER) {
        values[n] = number_of(packet, HAS_SENDER, 0);
        values[n++].uint64 = packet->sender;
    }
    if (l->has & HAS_PORT) {
        values[n] = number_of(packet, HAS_PORT, 0);
        values[n++].int64 = packet->port;
    }
    if (l->devices[device].counts) {
        values[n++] = (struct weir_value){ .uint64 = missed };
    }
    return n;
}

static void emit(struct lora *l, size_t device, const struct packet *packet, uint32_t missed)
{
    struct weir_value values[PREFIX_MAX + PAYLOAD_VALUES_MAX];
    char hex[2 * (LORA_PACKET_MAX + 1)];
    bool bare;
    int shape = shapes_find(l, device, &l->values, &bare);
    to_hex(packet->data, packet->len, hex);
    size_t n = prefix_values(l, device, packet, missed, hex, values);
    for (size_t i = 0; !bare && i < l->values.count; i++) {
        values[n++] = l->values.values[i];
    }
    if (missed) {
        l->bus->host->missed(l->bus, device, missed);
    }
    int r = l->bus->host->emit(l->bus, shape, packet->time_ns, values);
    if (r < 0) {
        lora_log(l, WEIR_LOG_ERROR, "%s: packet lost: %s", device_name(l, device), strerror(-r));
    }
}

static void decode(struct lora *l, size_t device, const struct packet *packet)
{
    char text[160];
    if (payload_decode(l->devices[device].plan, packet->data, packet->len, &l->values) !=
        PAYLOAD_R_OK) {
        payload_error(&l->values, text, sizeof text);
        lora_log(l, WEIR_LOG_WARNING, "%s: packet of %u bytes %s", device_name(l, device),
                 packet->len, text);
        stray(l, WEIR_R_DECODE);
    }
}

static void take(struct lora *l, size_t device, struct packet *packet, uint64_t hash)
{
    struct sender *sender = sender_find(l, device, packet->sender);
    uint32_t missed;
    if (l->devices[device].sealed && !unseal(l, device, packet, &sender)) {
        return;
    }
    decode(l, device, packet);
    if (sender) {
        sender->heard_ns = packet->time_ns;
    }
    if (count(l, device, packet, hash, sender, &missed)) {
        emit(l, device, packet, missed);
        sender_note(l, device, sender_find(l, device, packet->sender));
    } else {
        stray(l, WEIR_R_FOREIGN);
    }
}

void lora_packet(struct lora *l, const struct packet *heard)
{
    struct packet packet = *heard;
    talk_heard(l, packet.time_ns);
    if (!take_sender(l, &packet)) {
        lora_log(l, WEIR_LOG_WARNING, "a packet of %u bytes is too short for its sender",
                 packet.len);
        stray(l, WEIR_R_DECODE);
        return;
    }
    uint64_t hash = hash_bytes(0, &packet.sender, sizeof packet.sender);
    hash = hash_bytes(hash, packet.data, packet.len);
    int device = find_device(l, &packet);
    if (device < 0) {
        nobody(l, &packet);
    } else if (l->settings->duplicate_ns > 0 && window_has(l, hash, packet.time_ns)) {
        stray(l, WEIR_R_FOREIGN);
    } else {
        take(l, (size_t)device, &packet, hash);
    }
}

void lora_damaged(struct lora *l)
{
    stray(l, WEIR_R_CRC);
}
