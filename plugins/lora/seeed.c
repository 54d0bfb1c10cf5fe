/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Seeed Wio-E5, LoRa-E5: AT commands, CR LF; point to point is its test mode.
 *
 *   AT+MODE=TEST           +MODE: TEST
 *   AT+TEST=RFCFG,868.1,SF7,125,8,8,14,ON,OFF,OFF
 *                          +TEST: RFCFG F:868100000, SF7, BW125K, TXPR:8, RXPR:8, POW:14dBm, ...
 *   AT+TEST=RXLRPKT        +TEST: RXLRPKT; receives from here on
 *   +TEST: LEN:4, RSSI:-49, SNR:12                 a packet: two lines, and others between
 *   +TEST: RX "54455854"
 *   +CMSGHEX: PORT: 15; RX: "48656C6C6F"           LoRaWAN; its signal comes later and is left out
 *
 * It says nothing when it has started; but then it is not in its test mode any more, and that is
 * asked. Radio settings cannot be asked for: what it says when they are set is compared.
 *
 * Source: lora-e5 (Rust) of Novalabs; Seeed's AT command specification.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

enum { STEP_AT, STEP_MODE, STEP_RADIO, STEP_RECEIVE, STEP_COUNT };

enum { ANNOUNCED_MAX = 8 };

#define ANNOUNCED_NS LORA_NS_PER_S

/* First lines of packets whose second has not come, oldest first. */
struct seeed {
    uint32_t count, unused;
    struct announced {
        int64_t len, time_ns;
        double rssi, snr;
    } announced[ANNOUNCED_MAX];
};

_Static_assert(sizeof(struct seeed) <= LORA_FAMILY_BYTES, "more state than there is room");

/* ---- set-up */

static bool mode(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "TEST");
    return !lora_settings(l)->lorawan;
}

/* "868.1" */
static void megahertz(int64_t hz, char buf[24])
{
    snprintf(buf, 24, "%lld.%06lld", (long long)(hz / 1000000), (long long)(hz % 1000000));
    size_t n = strlen(buf);
    while (buf[n - 1] == '0') {
        buf[--n] = 0;
    }
    if (buf[n - 1] == '.') {
        buf[n - 1] = 0;
    }
}

static bool radio(const struct lora *l, char *buf, size_t size)
{
    const struct bus_settings *s = lora_settings(l);
    char mhz[24];
    int index = bandwidth_index(s->bandwidth_khz);
    megahertz(s->frequency_hz, mhz);
    snprintf(buf, size, "%s,SF%lld,%s,%lld,%lld,%lld,%s,OFF,%s", mhz, (long long)s->sf,
             index < 0 ? "" : bandwidth_names[index], (long long)s->preamble,
             (long long)s->preamble, (long long)s->power_dbm, s->crc == SWITCH_OFF ? "OFF" : "ON",
             s->sync == 0x34 ? "ON" : "OFF");
    return !s->lorawan;
}

/* Its own words for what was set. */
static bool same_radio(const char *has, const char *wanted)
{
    char copy[LORA_VALUE_MAX], text[LORA_VALUE_MAX], *fields[9], *rest = copy;
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", wanted);
    while (count < 9 && (fields[count] = strsep(&rest, ","))) {
        count++;
    }
    if (count < 9) {
        return false;
    }
    snprintf(text, sizeof text,
             "F:%.0f, %s, BW%sK, TXPR:%s, RXPR:%s, POW:%sdBm, CRC:%s, IQ:%s, NET:%s",
             strtod(fields[0], NULL) * 1e6, fields[1], fields[2], fields[3], fields[4], fields[5],
             fields[6], fields[7], fields[8]);
    return !strcmp(has, text);
}

static bool receive(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "RXLRPKT");
    return !lora_settings(l)->lorawan;
}

static const struct step steps[STEP_COUNT] = {
    [STEP_AT] = { .name = "AT", .set = "AT" },
    [STEP_MODE] = { .name = "mode",
                    .ask = "AT+MODE",
                    .shown = "+MODE: ",
                    .set = "AT+MODE=",
                    .value = mode,
                    .anew = true },
    [STEP_RADIO] = { .name = "radio settings (AT+TEST=RFCFG)",
                     .shown = "+TEST: RFCFG ",
                     .set = "AT+TEST=RFCFG,",
                     .value = radio,
                     .same = same_radio },
    [STEP_RECEIVE] = { .name = "reception (AT+TEST=RXLRPKT)",
                       .shown = "+TEST: ",
                       .set = "AT+TEST=",
                       .value = receive },
};

static void check(struct lora *l)
{
    const struct bus_settings *s = lora_settings(l);
    if (s->sync >= 0 && s->sync != 0x12 && s->sync != 0x34) {
        lora_finding(l, "sync", "must be 18 (private) or 52 (LoRaWAN)");
    }
    if (s->bandwidth_khz > 0 && s->bandwidth_khz < 125) {
        lora_finding(l, "bandwidth_khz", "must be 125, 250 or 500");
    }
    if (s->power_dbm > 22) {
        lora_finding(l, "power_dbm", "must be 22 or less");
    }
}

/* ---- packets */

static void forget(struct seeed *seeed, size_t index)
{
    memmove(&seeed->announced[index], &seeed->announced[index + 1],
            (seeed->count - index - 1) * sizeof seeed->announced[0]);
    seeed->count--;
}

/* "4, RSSI:-49, SNR:12" */
static bool take_first(const char *text, struct announced *a)
{
    text = take_whole(text, ',', 0, LORA_PACKET_MAX, &a->len);
    text = text ? after(text, " RSSI:") : NULL;
    text = text ? take_number(text, ',', &a->rssi) : NULL;
    text = text ? after(text, " SNR:") : NULL;
    return text && take_number(text, 0, &a->snr);
}

static enum weir_result first_line(struct lora *l, const char *text, int64_t time_ns)
{
    struct seeed *seeed = lora_family(l);
    struct announced a = { .time_ns = time_ns };
    if (!take_first(text, &a)) {
        return WEIR_R_FRAME;
    }
    if (seeed->count == ANNOUNCED_MAX) {
        forget(seeed, 0);
        lora_damaged(l);
    }
    seeed->announced[seeed->count++] = a;
    return WEIR_R_OK;
}

/* The oldest first line of this length belongs to it. */
static void join(struct lora *l, struct packet *packet)
{
    struct seeed *seeed = lora_family(l);
    while (seeed->count && packet->time_ns - seeed->announced[0].time_ns > ANNOUNCED_NS) {
        forget(seeed, 0);
        lora_damaged(l);
    }
    for (size_t i = 0; i < seeed->count; i++) {
        const struct announced *a = &seeed->announced[i];
        if (a->len == packet->len) {
            packet->time_ns = a->time_ns;
            packet->rssi = a->rssi;
            packet->snr = a->snr;
            packet->has |= HAS_RSSI | HAS_SNR;
            forget(seeed, i);
            return;
        }
    }
}

/* "54455854" in quotes, the first of them taken. */
static bool take_bytes(const char *text, struct packet *packet)
{
    int n = take_hex(text, '"', packet->data, LORA_PACKET_MAX);
    const char *end = strchr(text, '"');
    packet->len = n < 0 ? 0 : (uint32_t)n;
    return n >= 0 && end && !end[1];
}

static enum weir_result second_line(struct lora *l, const char *text, int64_t time_ns)
{
    struct packet packet = { .time_ns = time_ns };
    if (!take_bytes(text, &packet)) {
        return WEIR_R_FRAME;
    }
    join(l, &packet);
    lora_packet(l, &packet);
    return WEIR_R_OK;
}

/* "15; RX: "48656C6C6F"" */
static enum weir_result lorawan_line(struct lora *l, const char *text, int64_t time_ns)
{
    struct packet packet = { .time_ns = time_ns, .has = HAS_PORT };
    text = take_whole(text, ';', 0, 255, &packet.port);
    text = text ? after(text, " RX: \"") : NULL;
    if (!text || !take_bytes(text, &packet)) {
        return WEIR_R_FRAME;
    }
    lora_packet(l, &packet);
    return WEIR_R_OK;
}

/* ---- what it says */

static enum answer answer(const struct lora *l, const char *line)
{
    if (!strcmp(line, "+AT: OK")) {
        return ANSWER_OK;
    }
    if (strstr(line, "busy")) {
        return ANSWER_BUSY;
    }
    return line[0] == '+' && strstr(line, ": ERROR(") ? ANSWER_ERROR : ANSWER_NONE;
}

static enum weir_result message(struct lora *l, const uint8_t *bytes, size_t len, int64_t time_ns)
{
    static const char *const ports[] = { "+CMSGHEX: PORT: ", "+MSGHEX: PORT: ", "+CMSG: PORT: ",
                                         "+MSG: PORT: " };
    char line[LORA_MESSAGE_MAX];
    if (!line_text(bytes, len, line, sizeof line)) {
        return WEIR_R_FRAME;
    }
    const char *first = after(line, "+TEST: LEN:"), *second = after(line, "+TEST: RX \"");
    if (first) {
        return first_line(l, first, time_ns);
    }
    if (second) {
        return second_line(l, second, time_ns);
    }
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        const char *text = after(line, ports[i]);
        if (text) {
            return lorawan_line(l, text, time_ns);
        }
    }
    if (!strcmp(line, "+RESET: OK")) {
        talk_restarted(l, time_ns);
        return WEIR_R_OK;
    }
    return !line[0] || talk_line(l, line, time_ns) ? WEIR_R_OK : WEIR_R_FOREIGN;
}

static int frame(const struct lora *l, const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len);
}

extern const struct module seeed_wio_e5;
const struct module seeed_wio_e5 = {
    .name = "seeed-wio-e5",
    .has = HAS_RSSI | HAS_SNR | HAS_PORT,
    .takes = TAKES_FREQUENCY | TAKES_SPREADING | TAKES_POWER | TAKES_CRC | TAKES_SYNC |
             NO_CODING_RATE | WANTS_RADIO | TAKES_LORAWAN,
    .line_end = "\r\n",
    .steps = steps,
    .step_count = STEP_COUNT,
    .alive_step = STEP_MODE,
    .reset = "AT+RESET",
    .frame = frame,
    .message = message,
    .answer = answer,
    .check = check,
};
