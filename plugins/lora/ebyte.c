/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Ebyte E22 (SX126x), E220 (LLCC68), E32 (SX127x): what is heard comes out as it is, without any
 * frame; a pause ends a packet. With the RSSI byte on, its last byte is how it was heard.
 *
 * Settings are registers, in a mode of their own that the pins M0 and M1 choose and that speaks
 * 9600 baud:
 *
 *   E22, E220   C1 START LEN           C1 START LEN DATA...     read
 *               C0 START LEN DATA...   C1 START LEN DATA...     write and keep
 *   E32         C1 C1 C1               C0 ADDH ADDL SPED CHAN OPTION
 *               C0 ADDH ... OPTION     the same
 *   all         anything else          FF FF FF
 *
 * Source: xreef's EByte_LoRa_E22/E220/E32 libraries; Ebyte's manuals.
 */
#include <stdlib.h>
#include <string.h>

#include "lora.h"

enum { STEP_ENTER, STEP_REGISTERS, STEP_LEAVE, STEP_COUNT };

enum { REGISTERS_MAX = 7, HEAD_BYTES = 3 };

#define MODE_NS (100 * LORA_NS_PER_MS) /* the pin AUX, which says it exactly, is not wired */

/* In the family's state. */
struct ebyte {
    uint32_t configuring; /* it is in its configuration mode */
    uint8_t has[8];       /* registers that it was asked for */
};

/* Where its settings are. */
struct chip {
    size_t count;                 /* registers */
    int network, speed;           /* number of the register; -1: none */
    int power, channel, transfer; /* transfer: fixed mode and RSSI byte */
    uint8_t fixed_bit, rssi_bit;  /* in transfer; 0: none */
    bool m0_in_configuration;
    unsigned speed_baud_shift, speed_parity_shift;
    struct {
        int64_t above_hz, base_hz, channels;
    } bands[2];
    int64_t air_rates[8];
    int64_t powers[2][4]; /* small and large kind */
};

static const struct chip e22 = {
    .count = 7,
    .network = 2,
    .speed = 3,
    .power = 4,
    .channel = 5,
    .transfer = 6,
    .fixed_bit = 0x40,
    .rssi_bit = 0x80,
    .speed_baud_shift = 5,
    .speed_parity_shift = 3,
    .bands = { { 850000000, 850125000, 81 }, { 400000000, 410125000, 84 } },
    .air_rates = { 300, 1200, 2400, 4800, 9600, 19200, 38400, 62500 },
    .powers = { { 22, 17, 13, 10 }, { 30, 27, 24, 21 } },
};

static const struct chip e220 = {
    .count = 6,
    .network = -1,
    .speed = 2,
    .power = 3,
    .channel = 4,
    .transfer = 5,
    .fixed_bit = 0x40,
    .rssi_bit = 0x80,
    .m0_in_configuration = true,
    .speed_baud_shift = 5,
    .speed_parity_shift = 3,
    .bands = { { 850000000, 850125000, 81 }, { 400000000, 410125000, 84 } },
    .air_rates = { -1, -1, 2400, 4800, 9600, 19200, 38400, 62500 },
    .powers = { { 22, 17, 13, 10 }, { 30, 27, 24, 21 } },
};

static const struct chip e32 = {
    .count = 5,
    .network = -1,
    .speed = 2,
    .power = 4,
    .channel = 3,
    .transfer = 4,
    .fixed_bit = 0x80,
    .m0_in_configuration = true,
    .speed_baud_shift = 3,
    .speed_parity_shift = 6,
    .bands = { { 862000000, 862000000, 32 }, { 400000000, 410000000, 32 } },
    .air_rates = { 300, 1200, 2400, 4800, 9600, 19200, -1, -1 },
    .powers = { { 20, 17, 14, 10 }, { 30, 27, 24, 21 } },
};

static bool wired(const struct lora *l)
{
    return l->settings->m0[0] && l->settings->m1[0];
}

static const struct chip *chip_of(const struct lora *l)
{
    return !strcmp(l->module->name, "ebyte-e22")    ? &e22
           : !strcmp(l->module->name, "ebyte-e220") ? &e220
                                                    : &e32;
}

/* ---- what the registers should be */

static int channel_of(const struct chip *chip, int64_t hz)
{
    for (size_t i = 0; i < 2; i++) {
        int64_t from_base = hz - chip->bands[i].base_hz;
        if (hz >= chip->bands[i].above_hz) {
            bool good = from_base >= 0 && from_base % 1000000 == 0 &&
                        from_base / 1000000 < chip->bands[i].channels;
            return good ? (int)(from_base / 1000000) : -1;
        }
    }
    return -1;
}

static int power_of(const struct chip *chip, int64_t dbm)
{
    for (int i = 0; i < 8; i++) {
        if (chip->powers[i / 4][i % 4] == dbm) {
            return i % 4;
        }
    }
    return -1;
}

static int air_rate_of(const struct chip *chip, int64_t rate)
{
    for (int i = 0; i < 8; i++) {
        if (chip->air_rates[i] == rate) {
            return i;
        }
    }
    return -1;
}

/* The code of the speed that the line has; -1: it has none for that. */
static int baud_of(const struct lora *l)
{
    static const int64_t bauds[] = { 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200 };
    for (int i = 0; i < 8 && l->bus->character_ns > 0; i++) {
        int64_t character_ns = 11 * LORA_NS_PER_S / bauds[i];
        if (llabs(character_ns - l->bus->character_ns) < character_ns / 20) {
            return i;
        }
    }
    return -1;
}

static void put_bits(uint8_t *byte, unsigned shift, unsigned width, int value)
{
    unsigned mask = ((1u << width) - 1) << shift;
    if (value >= 0) {
        *byte = (uint8_t)((*byte & ~mask) | ((unsigned)value << shift & mask));
    }
}

static void put_bit(uint8_t *byte, uint8_t bit, bool on)
{
    *byte = (uint8_t)(on ? *byte | bit : *byte & ~bit);
}

/* What it has, changed where something else is configured. */
static void wanted(const struct lora *l, const uint8_t *has, uint8_t out[REGISTERS_MAX])
{
    const struct bus_settings *s = l->settings;
    const struct chip *chip = chip_of(l);
    memcpy(out, has, chip->count);
    if (s->address >= 0) {
        out[0] = (uint8_t)(s->address >> 8);
        out[1] = (uint8_t)s->address;
    }
    if (s->network >= 0 && chip->network >= 0) {
        out[chip->network] = (uint8_t)s->network;
    }
    put_bits(&out[chip->speed], chip->speed_baud_shift, 3, baud_of(l));
    put_bits(&out[chip->speed], chip->speed_parity_shift, 2, 0);
    if (s->air_rate > 0) {
        put_bits(&out[chip->speed], 0, 3, air_rate_of(chip, s->air_rate));
    }
    if (s->power_dbm > POWER_LEFT) {
        put_bits(&out[chip->power], 0, 2, power_of(chip, s->power_dbm));
    }
    if (s->frequency_hz > 0) {
        out[chip->channel] = (uint8_t)channel_of(chip, s->frequency_hz);
    }
    put_bit(&out[chip->transfer], chip->fixed_bit, s->mode == EBYTE_FIXED);
    if (chip->rssi_bit) {
        put_bit(&out[chip->transfer], chip->rssi_bit, s->rssi_byte != RSSI_OFF);
    }
}

/* ---- the mode, and the dialogue in it */

static int64_t enter(struct lora *l, int64_t now_ns)
{
    struct ebyte *e = lora_family(l);
    if (!wired(l)) {
        return 0;
    }
    if (pin_set(l, PIN_M0, chip_of(l)->m0_in_configuration) < 0 || pin_set(l, PIN_M1, true) < 0) {
        l->head->talk.failed++;
        return 0;
    }
    lora_baud(l, 9600);
    e->configuring = 1;
    return MODE_NS;
}

static int64_t leave(struct lora *l, int64_t now_ns)
{
    struct ebyte *e = lora_family(l);
    if (!wired(l)) {
        return 0;
    }
    pin_set(l, PIN_M0, false);
    pin_set(l, PIN_M1, false);
    if (e->configuring) {
        lora_baud(l, 0);
    }
    e->configuring = 0;
    return MODE_NS;
}

static size_t say(struct lora *l, enum said what, uint8_t buf[LORA_COMMAND_MAX])
{
    struct ebyte *e = lora_family(l);
    const struct chip *chip = chip_of(l);
    bool old = chip == &e32;
    if (!e->configuring) {
        return 0;
    }
    if (what != SAID_SET) {
        memset(buf, 0xC1, HEAD_BYTES);
        if (!old) {
            buf[1] = 0;
            buf[2] = (uint8_t)chip->count;
        }
        return HEAD_BYTES;
    }
    size_t head = old ? 1 : HEAD_BYTES;
    buf[0] = 0xC0;
    if (!old) {
        buf[1] = 0;
        buf[2] = (uint8_t)chip->count;
    }
    wanted(l, e->has, buf + head);
    return head + chip->count;
}

static const struct step steps[STEP_COUNT] = {
    [STEP_ENTER] = { .name = "configuration mode", .act = enter },
    [STEP_REGISTERS] = { .name = "registers", .say = say },
    [STEP_LEAVE] = { .name = "normal mode", .act = leave },
};

static void ran(struct lora *l, unsigned from, int64_t now_ns)
{
    const struct ebyte *e = lora_family_const(l);
    if (from == TALK_BROKEN && e->configuring) {
        leave(l, now_ns); /* what it has will do: it must not stay deaf */
    }
}

/* ---- bytes */

static int frame(const struct lora *l, const uint8_t *bytes, size_t len)
{
    static const uint8_t error[HEAD_BYTES] = { 0xff, 0xff, 0xff };
    const struct ebyte *e = lora_family_const(l);
    const struct chip *chip = chip_of(l);
    bool old = chip == &e32;
    size_t n = len < HEAD_BYTES ? len : HEAD_BYTES;
    if (!e->configuring) {
        return 0; /* only a pause ends it */
    }
    if (!memcmp(bytes, error, n)) {
        return n < HEAD_BYTES ? 0 : HEAD_BYTES;
    }
    if (bytes[0] != (old ? 0xC0 : 0xC1)) {
        return -1;
    }
    size_t whole = (old ? 1 : HEAD_BYTES) + chip->count;
    return len < whole ? 0 : (int)whole;
}

static enum weir_result message(struct lora *l, const uint8_t *bytes, size_t len, int64_t time_ns)
{
    struct ebyte *e = lora_family(l);
    const struct chip *chip = chip_of(l);
    uint8_t should[REGISTERS_MAX] = { 0 };
    unsigned step;
    enum said what;
    if (!talk_waits(l, &step, &what) || step != STEP_REGISTERS) {
        return WEIR_R_FOREIGN;
    }
    if (len == HEAD_BYTES) {
        talk_answer(l, VERDICT_REFUSED, time_ns);
        return WEIR_R_OK;
    }
    if (chip != &e32 && (bytes[1] != 0 || bytes[2] != chip->count)) {
        return WEIR_R_FRAME;
    }
    memcpy(e->has, bytes + len - chip->count, chip->count);
    wanted(l, e->has, should);
    bool same = !memcmp(e->has, should, chip->count);
    talk_heard(l, time_ns);
    talk_answer(l, same ? VERDICT_SAME : VERDICT_OTHER, time_ns);
    return WEIR_R_OK;
}

static int64_t gap_ns(const struct lora *l)
{
    const struct ebyte *e = lora_family_const(l);
    return e->configuring ? 0 : l->settings->gap_ns;
}

static void gap(struct lora *l, const uint8_t *bytes, size_t len, int64_t time_ns)
{
    struct packet packet = { .time_ns = time_ns };
    int form = l->settings->rssi_byte;
    if (len > LORA_PACKET_MAX + (form != RSSI_OFF)) {
        lora_log(l, WEIR_LOG_WARNING, "%zu bytes without a pause are no packet", len);
        lora_damaged(l);
        return;
    }
    if (form != RSSI_OFF) {
        int byte = bytes[--len];
        packet.rssi = form == RSSI_HALF ? -byte / 2.0 : byte - 256;
        packet.has = HAS_RSSI;
    }
    packet.len = (uint32_t)len;
    memcpy(packet.data, bytes, len);
    lora_packet(l, &packet);
}

/* ---- settings */

static void check(struct lora *l)
{
    const struct bus_settings *s = l->settings;
    const struct chip *chip = chip_of(l);
    bool any = s->frequency_hz > 0 || s->address >= 0 || s->network >= 0 || s->air_rate > 0 ||
               s->power_dbm > POWER_LEFT;
    if (s->frequency_hz > 0 && channel_of(chip, s->frequency_hz) < 0) {
        lora_finding(l, "frequency_hz",
                     "is no channel of %s: %lld, and steps of 1000000 from there", l->module->name,
                     (long long)chip->bands[0].base_hz);
    }
    if (s->power_dbm > POWER_LEFT && power_of(chip, s->power_dbm) < 0) {
        lora_finding(l, "power_dbm", "must be %lld, %lld, %lld, %lld or 30, 27, 24, 21",
                     (long long)chip->powers[0][0], (long long)chip->powers[0][1],
                     (long long)chip->powers[0][2], (long long)chip->powers[0][3]);
    }
    if (s->air_rate > 0 && air_rate_of(chip, s->air_rate) < 0) {
        lora_finding(l, "air_rate", "is no rate of %s", l->module->name);
    }
    if (s->network >= 0 && chip->network < 0) {
        lora_finding(l, "network", "is no setting of %s", l->module->name);
    }
    if (s->rssi_byte != RSSI_OFF && !chip->rssi_bit) {
        lora_finding(l, "rssi_byte", "%s has none", l->module->name);
    }
    if (wired(l) && l->bus->state && baud_of(l) < 0) {
        lora_finding(l, "baud", "is no speed of %s", l->module->name);
    }
    if (any && !wired(l)) {
        l->bus->host->finding(
            l->bus, -1, -1, "m0", WEIR_LOG_WARNING,
            "without m0 and m1 the module cannot be set up: it is taken as it is");
    }
}

#define EBYTE                                                                                      \
    .takes = TAKES_FREQUENCY | TAKES_NETWORK | TAKES_ADDRESS | TAKES_POWER | TAKES_PINS |          \
             TAKES_AIR_RATE,                                                                       \
    .line_end = "", .steps = steps, .step_count = STEP_COUNT, .alive_step = -1, .frame = frame,    \
    .message = message, .gap_ns = gap_ns, .gap = gap, .ran = ran, .check = check

extern const struct module ebyte_e22, ebyte_e220, ebyte_e32;
const struct module ebyte_e22 = { .name = "ebyte-e22", .has = HAS_RSSI, EBYTE };
const struct module ebyte_e220 = { .name = "ebyte-e220", .has = HAS_RSSI, EBYTE };
const struct module ebyte_e32 = { .name = "ebyte-e32", EBYTE };
