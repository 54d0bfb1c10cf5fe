/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * REYAX RYLR896 and RYLR998: lines that begin with AT, answers that begin with a plus, CR LF.
 *
 *   AT+BAND?           +BAND=868100000
 *   AT+BAND=868100000  +OK, or +ERR=n
 *   +RCV=ADDRESS,LENGTH,DATA,RSSI,SNR         a packet; DATA may hold anything, CR LF too
 *   +READY             it has started
 *   +ERR=12, +ERR=19   unasked: a packet whose checksum or header was wrong
 *
 * Source: REYAX AT command guides of both modules.
 */
#include <stdio.h>
#include <string.h>

#include "module.h"

enum { DATA_MOST = 240, TAIL_MOST = 16 };

static const char start[] = "+RCV=";

/* ---- framing */

/* The digits of a number and the comma behind. Where that ends; 0: more is needed; -1: it is none.
 */
static int take_field(const uint8_t *bytes, size_t len, size_t at, int64_t most, int64_t *ret)
{
    int64_t number = 0;
    size_t i = at;
    for (; i < len && bytes[i] >= '0' && bytes[i] <= '9'; i++) {
        number = 10 * number + (bytes[i] - '0');
        if (number > most) {
            return -1;
        }
    }
    if (i == len) {
        return 0;
    }
    *ret = number;
    return bytes[i] == ',' && i > at ? (int)i + 1 : -1;
}

/* ",-61,9\r\n" */
static bool take_tail(const uint8_t *bytes, size_t len, int64_t *ret_rssi, int64_t *ret_snr)
{
    char text[TAIL_MOST + 1];
    const char *rest = text + 1;
    if (!line_text(bytes, len, text, sizeof text) || text[0] != ',') {
        return false;
    }
    rest = take_whole(rest, ',', -300, 300, ret_rssi);
    return rest && take_whole(rest, 0, -128, 128, ret_snr);
}

/* A packet at the front: its length; 0: more is needed; -1: it is none. */
static int take_packet(const uint8_t *bytes, size_t len, struct packet *ret_packet)
{
    int64_t address = 0, count = 0, rssi = 0, snr = 0;
    int at = take_field(bytes, len, sizeof start - 1, 65535, &address);
    at = at > 0 ? take_field(bytes, len, (size_t)at, DATA_MOST, &count) : at;
    if (at <= 0) {
        return at;
    }
    size_t tail = (size_t)at + (size_t)count;
    if (tail >= len) {
        return 0;
    }
    const uint8_t *end = memchr(bytes + tail, '\n', len - tail);
    size_t tail_len = end ? (size_t)(end - bytes) + 1 - tail : len - tail;
    if (bytes[tail] != ',' || tail_len > TAIL_MOST) {
        return -1;
    }
    if (!end) {
        return 0;
    }
    if (!take_tail(bytes + tail, tail_len, &rssi, &snr)) {
        return -1;
    }
    *ret_packet = (struct packet){ .has = HAS_RSSI | HAS_SNR | HAS_SENDER,
                                   .len = (uint32_t)count,
                                   .sender = (uint64_t)address,
                                   .rssi = (double)rssi,
                                   .snr = (double)snr };
    memcpy(ret_packet->data, bytes + at, (size_t)count);
    return (int)(tail + tail_len);
}

/* Never by the line's end alone: a packet has its own. */
static int frame(const struct lora *l, const uint8_t *bytes, size_t len)
{
    struct packet packet;
    size_t n = len < sizeof start - 1 ? len : sizeof start - 1;
    if (memcmp(bytes, start, n) != 0) {
        return frame_line(bytes, len);
    }
    return n < sizeof start - 1 ? 0 : take_packet(bytes, len, &packet);
}

static enum weir_result message(struct lora *l, const uint8_t *bytes, size_t len, int64_t time_ns)
{
    struct packet packet;
    char line[LORA_MESSAGE_MAX];
    if (len >= sizeof start && !memcmp(bytes, start, sizeof start - 1)) {
        if (take_packet(bytes, len, &packet) <= 0) {
            return WEIR_R_FRAME;
        }
        packet.time_ns = time_ns;
        lora_packet(l, &packet);
        return WEIR_R_OK;
    }
    if (!line_text(bytes, len, line, sizeof line)) {
        return WEIR_R_FRAME;
    }
    if (!strcmp(line, "+READY")) {
        talk_restarted(l, time_ns);
        return WEIR_R_OK;
    }
    if (talk_line(l, line, time_ns) || !line[0]) {
        return WEIR_R_OK;
    }
    if (!strcmp(line, "+ERR=12") || !strcmp(line, "+ERR=19")) {
        lora_damaged(l);
        return WEIR_R_OK;
    }
    return line[0] == '+' ? WEIR_R_FOREIGN : WEIR_R_FRAME; /* a late answer; no line of a REYAX */
}

static enum answer answer(const struct lora *l, const char *line)
{
    if (!strcmp(line, "+OK")) {
        return ANSWER_OK;
    }
    if (!strcmp(line, "+ERR=17")) {
        return ANSWER_BUSY;
    }
    return after(line, "+ERR=") && strcmp(line, "+ERR=12") && strcmp(line, "+ERR=19") ? ANSWER_ERROR
                                                                                      : ANSWER_NONE;
}

/* ---- set-up */

static bool address(const struct lora *l, char *buf, size_t size)
{
    return whole_value(lora_settings(l)->address, -1, buf, size);
}

static bool network(const struct lora *l, char *buf, size_t size)
{
    return whole_value(lora_settings(l)->network, -1, buf, size);
}

static bool frequency(const struct lora *l, char *buf, size_t size)
{
    return whole_value(lora_settings(l)->frequency_hz, 0, buf, size);
}

static bool power(const struct lora *l, char *buf, size_t size)
{
    return whole_value(lora_settings(l)->power_dbm, POWER_LEFT, buf, size);
}

static bool spreading(const struct lora *l, char *buf, size_t size)
{
    const struct bus_settings *s = lora_settings(l);
    snprintf(buf, size, "%lld,%d,%d,%lld", (long long)s->sf, bandwidth_index(s->bandwidth_khz),
             s->coding_rate, (long long)s->preamble);
    return s->sf > 0;
}

static bool receiving(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "0");
    return true;
}

static const struct step steps[] = {
    { .name = "AT", .set = "AT" },
    { .name = "mode", .ask = "AT+MODE?", .shown = "+MODE=", .set = "AT+MODE=", .value = receiving },
    { .name = "own_address",
      .ask = "AT+ADDRESS?",
      .shown = "+ADDRESS=",
      .set = "AT+ADDRESS=",
      .value = address },
    { .name = "network",
      .ask = "AT+NETWORKID?",
      .shown = "+NETWORKID=",
      .set = "AT+NETWORKID=",
      .value = network },
    { .name = "frequency_hz",
      .ask = "AT+BAND?",
      .shown = "+BAND=",
      .set = "AT+BAND=",
      .value = frequency },
    { .name = "sf, bandwidth_khz, coding_rate, preamble",
      .ask = "AT+PARAMETER?",
      .shown = "+PARAMETER=",
      .set = "AT+PARAMETER=",
      .value = spreading },
    { .name = "power_dbm",
      .ask = "AT+CRFOP?",
      .shown = "+CRFOP=",
      .set = "AT+CRFOP=",
      .value = power },
};

enum { STEP_COUNT = sizeof steps / sizeof *steps };

static void check_ranges(struct lora *l, int64_t network_least, int64_t network_most,
                         int64_t power_most)
{
    const struct bus_settings *s = lora_settings(l);
    if (s->network >= 0 && s->network != 18 &&
        (s->network < network_least || s->network > network_most)) {
        lora_finding(l, "network", "must lie between %lld and %lld, or be 18",
                     (long long)network_least, (long long)network_most);
    }
    if (s->power_dbm > POWER_LEFT && (s->power_dbm < 0 || s->power_dbm > power_most)) {
        lora_finding(l, "power_dbm", "must lie between 0 and %lld", (long long)power_most);
    }
}

static void check_896(struct lora *l)
{
    check_ranges(l, 0, 16, 15);
}

/* Another preamble than 12 only in network 18; it knows three bandwidths. */
static void check_998(struct lora *l)
{
    const struct bus_settings *s = lora_settings(l);
    check_ranges(l, 3, 15, 22);
    if (s->preamble > 0 && s->preamble != 12 && s->network != 18) {
        lora_finding(l, "preamble", "must be 12 unless network is 18");
    }
    if (s->bandwidth_khz > 0 && s->bandwidth_khz < 125) {
        lora_finding(l, "bandwidth_khz", "must be 125, 250 or 500");
    }
}

#define REYAX                                                                                      \
    .has = HAS_RSSI | HAS_SNR | HAS_SENDER,                                                        \
    .takes = TAKES_FREQUENCY | TAKES_SPREADING | TAKES_NETWORK | TAKES_ADDRESS | TAKES_POWER,      \
    .line_end = "\r\n", .steps = steps, .step_count = STEP_COUNT, .alive_step = 0,                 \
    .reset = "AT+RESET", .frame = frame, .message = message, .answer = answer

extern const struct module reyax_rylr896, reyax_rylr998;
const struct module reyax_rylr896 = { .name = "reyax-rylr896", REYAX, .check = check_896 };
const struct module reyax_rylr998 = { .name = "reyax-rylr998", REYAX, .check = check_998 };
