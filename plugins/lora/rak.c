/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * RAK modules with RUI3 (RAK3172, RAK4631-R, RAK3272): AT commands, CR LF.
 *
 *   AT+P2P=?           AT+P2P=868100000:7:125:0:8:14, then an empty line and OK
 *   AT+PRECV=65534     OK; receives until PRECV=0. While it does, settings are refused as busy
 *   AT+PRECV=?         P2P_RX_ON, P2P_RX_OFF
 *   +EVT:RXP2P:RSSI:SNR:HEX                        a packet; with PRECV=65535 it then stops
 *   +EVT:RX_1:RSSI:SNR:UNICAST:PORT:HEX            LoRaWAN; also RX_2, RX_B, RX_C
 *   Current Work Mode: LoRa P2P.                   the end of what it says when it has started
 *
 * It is asked before it is told anything, so that one that is set up goes on hearing.
 *
 * Source: RAK-STM32-RUI, cores/STM32WLE/component/service: mode/cli, lora.
 */
#include <stdio.h>
#include <string.h>

#include "module.h"

enum {
    STEP_AT,
    STEP_MODE,
    STEP_LOOK,
    STEP_STOP,
    STEP_RADIO,
    STEP_RECEIVE,
    STEP_COUNT,
    STEP_AGAIN = STEP_COUNT,
    STEP_ALL
};

struct rak {
    uint32_t differs; /* the radio settings are not the wanted ones */
};

/* ---- set-up */

static bool mode(const struct lora *l, char *buf, size_t size)
{
    snprintf(buf, size, "0");
    return !lora_settings(l)->lorawan;
}

static bool radio(const struct lora *l, char *buf, size_t size)
{
    const struct bus_settings *s = lora_settings(l);
    int index = bandwidth_index(s->bandwidth_khz);
    snprintf(buf, size, "%lld:%lld:%s:%d:%lld:%lld", (long long)s->frequency_hz, (long long)s->sf,
             index < 0 ? "" : bandwidth_names[index], s->coding_rate - 1, (long long)s->preamble,
             (long long)s->power_dbm);
    return !s->lorawan;
}

/* Some versions show the bandwidth as 0, 1, 2 instead of 125, 250, 500; and more fields. */
static bool same_radio(const char *has, const char *wanted)
{
    static const char *const khz[] = { "125", "250", "500" };
    char text[LORA_VALUE_MAX];
    int64_t frequency, sf, bandwidth;
    const char *rest = take_whole(has, ':', 0, INT32_MAX, &frequency);
    rest = rest ? take_whole(rest, ':', 0, 12, &sf) : NULL;
    rest = rest ? take_whole(rest, ':', 0, 500, &bandwidth) : NULL;
    if (!rest) {
        return false;
    }
    if (bandwidth < 3) {
        snprintf(text, sizeof text, "%lld:%lld:%s:%s", (long long)frequency, (long long)sf,
                 khz[bandwidth], rest);
        has = text;
    }
    rest = after(has, wanted);
    return rest && (!*rest || *rest == ':');
}

static bool look(const struct lora *l, char *buf, size_t size)
{
    return !lora_settings(l)->lorawan;
}

static bool stop(const struct lora *l, char *buf, size_t size)
{
    const struct rak *rak = lora_family_const(l);
    snprintf(buf, size, "0");
    return rak->differs && !lora_settings(l)->lorawan;
}

static bool radio_if_other(const struct lora *l, char *buf, size_t size)
{
    const struct rak *rak = lora_family_const(l);
    return radio(l, buf, size) && rak->differs;
}

static bool receive(const struct lora *l, char *buf, size_t size)
{
    whole_value(lora_settings(l)->receive, 0, buf, size);
    return !lora_settings(l)->lorawan;
}

static bool is_on(const char *has, const char *wanted)
{
    return strstr(has, "P2P_RX_ON") != NULL;
}

static bool looked(const char *has, const char *wanted)
{
    return true;
}

static const struct step steps[STEP_ALL] = {
    [STEP_AT] = { .name = "AT", .set = "AT" },
    [STEP_MODE] = { .name = "mode (AT+NWM)",
                    .ask = "AT+NWM=?",
                    .shown = "AT+NWM=",
                    .set = "AT+NWM=",
                    .value = mode,
                    .closes = true },
    [STEP_LOOK] = { .name = "radio settings (AT+P2P)",
                    .ask = "AT+P2P=?",
                    .shown = "AT+P2P=",
                    .value = look,
                    .same = looked,
                    .closes = true },
    [STEP_STOP] = { .name = "stop (AT+PRECV=0)", .set = "AT+PRECV=", .value = stop },
    [STEP_RADIO] = { .name = "radio settings (AT+P2P)",
                     .ask = "AT+P2P=?",
                     .shown = "AT+P2P=",
                     .set = "AT+P2P=",
                     .value = radio_if_other,
                     .same = same_radio,
                     .closes = true },
    [STEP_RECEIVE] = { .name = "reception (AT+PRECV)",
                       .ask = "AT+PRECV=?",
                       .shown = "",
                       .set = "AT+PRECV=",
                       .value = receive,
                       .same = is_on,
                       .closes = true },
    [STEP_AGAIN] = { .name = "reception (AT+PRECV)", .set = "AT+PRECV=", .value = receive },
};

static void told(struct lora *l, unsigned step, const char *value, int64_t now_ns)
{
    char wanted[LORA_VALUE_MAX];
    struct rak *rak = lora_family(l);
    if (step == STEP_LOOK) {
        radio(l, wanted, sizeof wanted);
        rak->differs = !same_radio(value, wanted);
    }
}

static void check(struct lora *l)
{
    const struct bus_settings *s = lora_settings(l);
    if (s->bandwidth_khz > 0 && s->bandwidth_khz < 125) {
        lora_finding(l, "bandwidth_khz", "must be 125, 250 or 500");
    }
    if (s->power_dbm > POWER_LEFT && (s->power_dbm < 5 || s->power_dbm > 22)) {
        lora_finding(l, "power_dbm", "must lie between 5 and 22");
    }
}

/* ---- what it says */

static enum answer answer(const struct lora *l, const char *line)
{
    if (!strcmp(line, "OK")) {
        return ANSWER_OK;
    }
    if (!strcmp(line, "AT_BUSY_ERROR")) {
        return ANSWER_BUSY;
    }
    return after(line, "AT_") ? ANSWER_ERROR : ANSWER_NONE;
}

/* "-37:12:03670110" */
static bool take_p2p(const char *text, struct packet *packet)
{
    text = take_number(text, ':', &packet->rssi);
    text = text ? take_number(text, ':', &packet->snr) : NULL;
    int n = text ? take_hex(text, 0, packet->data, LORA_PACKET_MAX) : -1;
    packet->has = HAS_RSSI | HAS_SNR;
    packet->len = n < 0 ? 0 : (uint32_t)n;
    return n >= 0;
}

/* "1:-37:12:UNICAST:2:0367" */
static bool take_lorawan(const char *text, struct packet *packet)
{
    text = *text && text[1] == ':' ? take_number(text + 2, ':', &packet->rssi) : NULL;
    text = text ? take_number(text, ':', &packet->snr) : NULL;
    text = text ? strchr(text, ':') : NULL;
    text = text ? take_whole(text + 1, ':', 0, 255, &packet->port) : NULL;
    int n = text ? take_hex(text, 0, packet->data, LORA_PACKET_MAX) : -1;
    packet->has = HAS_RSSI | HAS_SNR | HAS_PORT;
    packet->len = n < 0 ? 0 : (uint32_t)n;
    return n >= 0;
}

static enum weir_result event(struct lora *l, const char *text, int64_t time_ns)
{
    struct packet packet = { .time_ns = time_ns };
    const char *p2p = after(text, "RXP2P:"), *lorawan = after(text, "RX_");
    const char *state = after(text, "RXP2P RECEIVE ");
    if (p2p || lorawan) {
        if (p2p ? !take_p2p(p2p, &packet) : !take_lorawan(lorawan, &packet)) {
            return WEIR_R_FRAME;
        }
        lora_packet(l, &packet);
    }
    if (state && !strcmp(state, "ERROR")) {
        lora_damaged(l);
    }
    if (p2p && lora_settings(l)->receive == 65535) {
        talk_run(l, STEP_AGAIN, STEP_AGAIN + 1, time_ns);
    } else if (state) {
        talk_run(l, STEP_RECEIVE, STEP_RECEIVE + 1, time_ns);
    }
    return WEIR_R_OK;
}

/* One packet at a time: was that it? */
static void strange(struct lora *l, int64_t now_ns)
{
    if (lora_settings(l)->receive == 65535) {
        talk_run(l, STEP_AGAIN, STEP_AGAIN + 1, now_ns);
    }
}

/* What it says beside answers. */
static bool is_chatter(const char *line)
{
    static const char *const starts[] = { "RAKwireless", "Version:", "------", "P2P_RX_ON already",
                                          "Restricted" };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (after(line, starts[i])) {
            return true;
        }
    }
    return line[0] == 0;
}

static enum weir_result message(struct lora *l, const uint8_t *bytes, size_t len, int64_t time_ns)
{
    char line[LORA_MESSAGE_MAX];
    if (!line_text(bytes, len, line, sizeof line)) {
        return WEIR_R_FRAME;
    }
    const char *text = after(line, "+EVT:");
    if (text) {
        return event(l, text, time_ns);
    }
    if (after(line, "Current Work Mode:")) {
        talk_restarted(l, time_ns);
        return WEIR_R_OK;
    }
    return is_chatter(line) || talk_line(l, line, time_ns) ? WEIR_R_OK : WEIR_R_FOREIGN;
}

static int frame(const struct lora *l, const uint8_t *bytes, size_t len)
{
    return frame_line(bytes, len);
}

extern const struct module rak_rui3;
const struct module rak_rui3 = {
    .name = "rak-rui3",
    .has = HAS_RSSI | HAS_SNR | HAS_PORT,
    .takes = TAKES_FREQUENCY | TAKES_SPREADING | TAKES_POWER | WANTS_RADIO | TAKES_LORAWAN,
    .line_end = "\r\n",
    .steps = steps,
    .step_count = STEP_COUNT,
    .alive_step = STEP_RECEIVE,
    .reset = "ATZ",
    .frame = frame,
    .message = message,
    .answer = answer,
    .told = told,
    .strange = strange,
    .check = check,
};
