/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Microchip RN2483 (433 and 868 MHz) and RN2903 (915 MHz): lower case commands, CR LF.
 *
 *   mac pause              a number: LoRaWAN rests, the radio is ours
 *   radio rx 0             ok; receives until a packet came
 *   radio_rx  48656C6C6F   the packet (one blank or two); then the module rests until radio rx 0
 *   radio_err              it came damaged; the module rests too
 *   radio get rssi, snr    of the last packet; asked before the next radio rx 0
 *   mac_rx PORT HEX        LoRaWAN
 *   RN2483 1.0.5 ...       it has started, or sys get ver
 *
 * A packet is told when its signal is known, or when the module does not say.
 *
 * Source: RN2483, RN2903 command reference (DS40001784, DS40001811); rn2xx3.cpp.
 */
#include <stdio.h>
#include <string.h>

#include "module.h"

enum {
    STEP_VERSION,
    STEP_STOP,
    STEP_PAUSE,
    STEP_MOD,
    STEP_FREQUENCY,
    STEP_SF,
    STEP_BANDWIDTH,
    STEP_RATE,
    STEP_PREAMBLE,
    STEP_POWER,
    STEP_CRC,
    STEP_SYNC,
    STEP_WATCHDOG,
    STEP_RECEIVE,
    STEP_COUNT,
    STEP_RSSI = STEP_COUNT,
    STEP_SNR,
    STEP_AGAIN,
    STEP_ANEW_STOP,
    STEP_ANEW,
    STEP_ALL
};

/* Before the first packet: nothing waits. */
struct rn {
    uint32_t waits;
    struct packet packet;
};

_Static_assert(sizeof(struct rn) <= LORA_FAMILY_BYTES, "more state than there is room");

/* ---- set-up */

/* Also for commands that have no value: are they said? */
static bool ours(const struct lora *l, char *buf, size_t size)
{
    return !lora_settings(l)->lorawan;
}

static bool any(const char *has, const char *wanted)
{
    return true;
}

static bool mod(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "lora");
    return ours(l, buf, size);
}

static bool frequency(const struct lora *l, char *buf, size_t size)
{
    return whole_value(lora_settings(l)->frequency_hz, 0, buf, size) && ours(l, buf, size);
}

static bool sf(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "sf%lld", (long long)lora_settings(l)->sf);
    return lora_settings(l)->sf > 0 && ours(l, buf, size);
}

static bool bandwidth(const struct lora *l, char *buf, size_t size)
{
    int index = bandwidth_index(lora_settings(l)->bandwidth_khz);
    snprintf(buf, size, "%s", index < 0 ? "" : bandwidth_names[index]);
    return index >= 0 && ours(l, buf, size);
}

static bool rate(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "4/%d", lora_settings(l)->coding_rate + 4);
    return lora_settings(l)->coding_rate > 0 && ours(l, buf, size);
}

static bool preamble(const struct lora *l, char *buf, size_t size)
{
    return whole_value(lora_settings(l)->preamble, 0, buf, size) && ours(l, buf, size);
}

static bool power(const struct lora *l, char *buf, size_t size)
{
    return whole_value(lora_settings(l)->power_dbm, POWER_LEFT, buf, size) && ours(l, buf, size);
}

static bool crc(const struct lora *l, char *buf, size_t size)
{
    int wanted = lora_settings(l)->crc;
    snprintf(buf, size, "%s", wanted == SWITCH_ON ? "on" : "off");
    return wanted != SWITCH_LEFT && ours(l, buf, size);
}

static bool sync_word(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "%02x", (unsigned)lora_settings(l)->sync & 255);
    return lora_settings(l)->sync >= 0 && ours(l, buf, size);
}

/* Hex, with or without 0x, in either case. */
static bool same_hex(const char *has, const char *wanted)
{
    uint8_t a, b;
    const char *rest = after(has, "0x");
    return take_hex(rest ? rest : has, 0, &a, 1) == 1 && take_hex(wanted, 0, &b, 1) == 1 && a == b;
}

/* No end of reception by itself. */
static bool watchdog(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "0");
    return ours(l, buf, size);
}

#define RADIO(what, function)                                                                      \
    {                                                                                              \
        .name = what, .ask = "radio get " what, .shown = "", .set = "radio set " what " ",         \
        .value = function                                                                          \
    }

static const struct step steps[STEP_ALL] = {
    [STEP_VERSION] = { .name = "sys get ver", .ask = "sys get ver", .shown = "RN" },
    [STEP_STOP] = { .name = "rxstop", .set = "radio rxstop", .value = ours, .may_fail = true },
    [STEP_PAUSE] = { .name = "mac pause",
                     .shown = "",
                     .set = "mac pause",
                     .value = ours,
                     .same = any },
    [STEP_MOD] = RADIO("mod", mod),
    [STEP_FREQUENCY] = RADIO("freq", frequency),
    [STEP_SF] = RADIO("sf", sf),
    [STEP_BANDWIDTH] = RADIO("bw", bandwidth),
    [STEP_RATE] = RADIO("cr", rate),
    [STEP_PREAMBLE] = RADIO("prlen", preamble),
    [STEP_POWER] = RADIO("pwr", power),
    [STEP_CRC] = RADIO("crc", crc),
    [STEP_SYNC] = { .name = "sync",
                    .ask = "radio get sync",
                    .shown = "",
                    .set = "radio set sync ",
                    .value = sync_word,
                    .same = same_hex },
    [STEP_WATCHDOG] = RADIO("wdt", watchdog),
    [STEP_RECEIVE] = { .name = "rx", .set = "radio rx 0", .value = ours },
    [STEP_RSSI] = { .name = "rssi", .ask = "radio get rssi", .shown = "", .may_fail = true },
    [STEP_SNR] = { .name = "snr", .ask = "radio get snr", .shown = "", .may_fail = true },
    [STEP_AGAIN] = { .name = "rx", .set = "radio rx 0", .value = ours },
    [STEP_ANEW_STOP] = { .name = "rxstop", .set = "radio rxstop", .value = ours, .may_fail = true },
    [STEP_ANEW] = { .name = "rx", .set = "radio rx 0", .value = ours },
};

/* ---- packets */

static void emit(struct lora *l)
{
    struct rn *rn = lora_family(l);
    if (rn->waits) {
        struct packet packet = rn->packet;
        rn->waits = 0;
        lora_packet(l, &packet);
    }
}

static void told(struct lora *l, unsigned step, const char *value, int64_t now_ns)
{
    struct rn *rn = lora_family(l);
    double number;
    if ((step == STEP_RSSI || step == STEP_SNR) && rn->waits && take_number(value, 0, &number)) {
        rn->packet.has |= step == STEP_RSSI ? HAS_RSSI : HAS_SNR;
        *(step == STEP_RSSI ? &rn->packet.rssi : &rn->packet.snr) = number;
    }
}

/* What the module did not tell until now it will not tell any more. */
static void ran(struct lora *l, unsigned from, int64_t now_ns)
{
    if (from == STEP_RSSI || from == TALK_BROKEN) {
        emit(l);
    }
}

/* Does it rest? That cannot be asked; a stop makes sure that it may be told to go on. */
static void strange(struct lora *l, int64_t now_ns)
{
    talk_run(l, STEP_ANEW_STOP, STEP_ANEW + 1, now_ns);
}

static bool set_bytes(struct packet *packet, const char *hex)
{
    int n = take_hex(hex + strspn(hex, " "), 0, packet->data, LORA_PACKET_MAX);
    packet->len = n < 0 ? 0 : (uint32_t)n;
    return n >= 0;
}

static enum weir_result radio_packet(struct lora *l, const char *hex, int64_t time_ns)
{
    struct rn *rn = lora_family(l);
    struct packet packet = { .time_ns = time_ns };
    if (!set_bytes(&packet, hex)) {
        return WEIR_R_FRAME;
    }
    emit(l); /* one before that still waits */
    rn->packet = packet;
    rn->waits = 1;
    talk_run(l, STEP_RSSI, STEP_AGAIN + 1, time_ns);
    return WEIR_R_OK;
}

/* "1 48656C6C6F" */
static enum weir_result mac_packet(struct lora *l, const char *text, int64_t time_ns)
{
    struct packet packet = { .time_ns = time_ns, .has = HAS_PORT };
    text = take_whole(text, ' ', 0, 255, &packet.port);
    if (!text || !set_bytes(&packet, text)) {
        return WEIR_R_FRAME;
    }
    lora_packet(l, &packet);
    return WEIR_R_OK;
}

/* ---- what it says */

static enum answer answer(const struct lora *l, const char *line)
{
    static const char *const errors[] = { "invalid_param",
                                          "invalid_data_len",
                                          "not_joined",
                                          "no_free_ch",
                                          "silent",
                                          "mac_paused",
                                          "frame_counter_err_rejoin_needed" };
    if (!strcmp(line, "ok")) {
        return ANSWER_OK;
    }
    if (!strcmp(line, "busy")) {
        return ANSWER_BUSY;
    }
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (!strcmp(line, errors[i])) {
            return ANSWER_ERROR;
        }
    }
    return ANSWER_NONE;
}

static bool is_banner(const struct lora *l, const char *line)
{
    unsigned step;
    enum said what;
    bool asked = talk_waits(l, &step, &what) && step == STEP_VERSION;
    return (after(line, "RN2483") || after(line, "RN2903")) && !asked;
}

static enum weir_result message(struct lora *l, const uint8_t *bytes, size_t len, int64_t time_ns)
{
    char line[LORA_MESSAGE_MAX];
    if (!line_text(bytes, len, line, sizeof line)) {
        return WEIR_R_FRAME;
    }
    const char *packet = after(line, "radio_rx "), *mac = after(line, "mac_rx ");
    if (packet) {
        return radio_packet(l, packet, time_ns);
    }
    if (mac) {
        return mac_packet(l, mac, time_ns);
    }
    if (!strcmp(line, "radio_err")) {
        lora_damaged(l);
        talk_run(l, STEP_AGAIN, STEP_AGAIN + 1, time_ns);
        return WEIR_R_OK;
    }
    if (is_banner(l, line)) {
        talk_restarted(l, time_ns);
        return WEIR_R_OK;
    }
    return !line[0] || talk_line(l, line, time_ns) ? WEIR_R_OK : WEIR_R_FOREIGN;
}

static int frame(const struct lora *l, const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len);
}

static void check_power(struct lora *l, int64_t least, int64_t most)
{
    const struct bus_settings *s = lora_settings(l);
    if (s->power_dbm > POWER_LEFT && (s->power_dbm < least || s->power_dbm > most)) {
        lora_finding(l, "power_dbm", "must lie between %lld and %lld", (long long)least,
                     (long long)most);
    }
    if (s->bandwidth_khz > 0 && s->bandwidth_khz < 125) {
        lora_finding(l, "bandwidth_khz", "must be 125, 250 or 500");
    }
    if (s->sf > 0 && s->sf < 7) {
        lora_finding(l, "sf", "must lie between 7 and 12");
    }
}

static void check_2483(struct lora *l)
{
    check_power(l, -3, 15);
}

static void check_2903(struct lora *l)
{
    check_power(l, 2, 20);
}

#define MICROCHIP                                                                                  \
    .has = HAS_RSSI | HAS_SNR | HAS_PORT,                                                          \
    .takes =                                                                                       \
        TAKES_FREQUENCY | TAKES_SPREADING | TAKES_POWER | TAKES_CRC | TAKES_SYNC | TAKES_LORAWAN,  \
    .line_end = "\r\n", .steps = steps, .step_count = STEP_COUNT, .alive_step = STEP_VERSION,      \
    .reset = "sys reset", .frame = frame, .message = message, .answer = answer, .told = told,      \
    .ran = ran, .strange = strange

extern const struct module microchip_rn2483, microchip_rn2903;
const struct module microchip_rn2483 = { .name = "microchip-rn2483",
                                         MICROCHIP,
                                         .check = check_2483 };
const struct module microchip_rn2903 = { .name = "microchip-rn2903",
                                         MICROCHIP,
                                         .check = check_2903 };
