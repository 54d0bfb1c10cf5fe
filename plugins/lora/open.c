/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What is configured, and whether it can be.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lora.h"

static const char *const coding_rates[] = { "module", "4/5", "4/6", "4/7", "4/8", NULL };
static const char *const switches[] = { "module", "off", "on", NULL };
static const char *const modes[] = { "transparent", "fixed", NULL };
static const char *const rssi_forms[] = { "off", "offset", "half", NULL };
static const char *const orders[] = { "little", "big", NULL };

#define BUS(field) offsetof(struct bus_settings, field)

const struct weir_option lora_bus_rows[] = {
    { .name = "module",
      .type = WEIR_OPTION_TEXT,
      .offset = BUS(module),
      .help = "kind of radio module; comes with the model" },
    { .name = "frequency_hz",
      .type = WEIR_OPTION_INT,
      .offset = BUS(frequency_hz),
      .min = 0,
      .max = 3e9,
      .unit = "Hz",
      .help = "868100000; what is allowed depends on the country. 0: as the module has it" },
    { .name = "sf",
      .type = WEIR_OPTION_INT,
      .offset = BUS(sf),
      .min = 0,
      .max = 12,
      .help = "spreading factor, 5 to 12; 0: as the module has it" },
    { .name = "bandwidth_khz",
      .type = WEIR_OPTION_FLOAT,
      .offset = BUS(bandwidth_khz),
      .min = 0,
      .max = 500,
      .unit = "kHz",
      .help = "7.8 to 500; 0: as the module has it" },
    { .name = "coding_rate",
      .type = WEIR_OPTION_CHOICE,
      .offset = BUS(coding_rate),
      .choices = coding_rates,
      .fallback = "module",
      .help = "error correction; module: as the module has it" },
    { .name = "preamble",
      .type = WEIR_OPTION_INT,
      .offset = BUS(preamble),
      .min = 0,
      .max = 65535,
      .unit = "symbols",
      .help = "length of the preamble; 0: as the module has it" },
    { .name = "network",
      .type = WEIR_OPTION_INT,
      .offset = BUS(network),
      .fallback = "-1",
      .min = -1,
      .max = 255,
      .help = "network id of REYAX and Ebyte; -1: as the module has it" },
    { .name = "own_address",
      .type = WEIR_OPTION_INT,
      .offset = BUS(address),
      .fallback = "-1",
      .min = -1,
      .max = 65535,
      .help = "the module's own; an Ebyte with 65535 hears every address. -1: as it has it" },
    { .name = "power_dbm",
      .type = WEIR_OPTION_INT,
      .offset = BUS(power_dbm),
      .fallback = "-100",
      .min = -100,
      .max = 33,
      .unit = "dBm",
      .help = "of what it sends; -100: as the module has it" },
    { .name = "crc",
      .type = WEIR_OPTION_CHOICE,
      .offset = BUS(crc),
      .choices = switches,
      .fallback = "module",
      .help = "packets have a checksum; module: as the module has it" },
    { .name = "sync",
      .type = WEIR_OPTION_INT,
      .offset = BUS(sync),
      .fallback = "-1",
      .min = -1,
      .max = 255,
      .help = "sync word, 18 (0x12) private, 52 (0x34) LoRaWAN; -1: as the module has it" },
    { .name = "m0",
      .type = WEIR_OPTION_TEXT,
      .offset = BUS(m0),
      .help = "GPIO line of the pin M0, \"gpiochip0:17\"; \"\": not wired" },
    { .name = "m1",
      .type = WEIR_OPTION_TEXT,
      .offset = BUS(m1),
      .help = "GPIO line of the pin M1" },
    { .name = "reset",
      .type = WEIR_OPTION_TEXT,
      .offset = BUS(reset),
      .help = "GPIO line of the pin reset: pulled low when the module does not answer" },
    { .name = "alive",
      .type = WEIR_OPTION_DURATION,
      .offset = BUS(alive_ns),
      .fallback = "60s",
      .min = 0,
      .max = 86400,
      .help = "the module is asked whether it is there when it was quiet for so long; 0s: never" },
    { .name = "duplicate_window",
      .type = WEIR_OPTION_DURATION,
      .offset = BUS(duplicate_ns),
      .fallback = "10s",
      .min = 0,
      .max = 3600,
      .help = "the same bytes of the same sender within this time are left out; 0s: never" },
    { .name = "lorawan",
      .type = WEIR_OPTION_BOOL,
      .offset = BUS(lorawan),
      .fallback = "false",
      .help = "the module is in a LoRaWAN and stays as it is; its downlinks are the packets" },
    { .name = "sender_bytes",
      .type = WEIR_OPTION_INT,
      .offset = BUS(sender_bytes),
      .min = 0,
      .max = 7,
      .unit = "bytes",
      .flags = WEIR_OPTION_RANGE,
      .help = "packets begin with so many bytes of sender, for modules that do not tell it" },
    { .name = "sender_order",
      .type = WEIR_OPTION_CHOICE,
      .offset = BUS(sender_order),
      .choices = orders,
      .fallback = "little",
      .help = "order of these bytes" },
    { .name = "receive",
      .type = WEIR_OPTION_INT,
      .offset = BUS(receive),
      .fallback = "65534",
      .min = 65533,
      .max = 65535,
      .help = "RAK: how it receives; 65534 all the time, 65533 the same and it may send, 65535 one "
              "packet after the other" },
    { .name = "mode",
      .type = WEIR_OPTION_CHOICE,
      .offset = BUS(mode),
      .choices = modes,
      .fallback = "transparent",
      .help = "Ebyte: whether senders name an address, which is not told" },
    { .name = "rssi_byte",
      .type = WEIR_OPTION_CHOICE,
      .offset = BUS(rssi_byte),
      .choices = rssi_forms,
      .fallback = "off",
      .help = "Ebyte: a byte behind each packet says how it was heard; offset: dBm is that less "
              "256, half: its half, negative" },
    { .name = "air_rate",
      .type = WEIR_OPTION_INT,
      .offset = BUS(air_rate),
      .min = 0,
      .max = 62500,
      .unit = "bit/s",
      .help = "Ebyte: speed by radio; 0: as the module has it" },
    { .name = "packet_gap",
      .type = WEIR_OPTION_DURATION,
      .offset = BUS(gap_ns),
      .fallback = "50ms",
      .min = 0.005,
      .max = 10,
      .help = "Ebyte: a pause of this length ends a packet" },
    { 0 },
};

const struct weir_option lora_device_rows[] = {
    { .name = "address",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct device_settings, address),
      .fallback = "-1",
      .min = -1,
      .max = 72057594037927936.0,
      .help = "sender whose packets these are; -1: everything else" },
    PAYLOAD_DEVICE_ROWS(struct device_settings, payload),
    SEALED_ROWS(struct device_settings, seal),
    { 0 },
};

/* ---- findings */

static void tell(struct lora *l, int device, int point, const char *key, const char *format,
                 va_list args) __attribute__((format(printf, 5, 0)));
static void tell(struct lora *l, int device, int point, const char *key, const char *format,
                 va_list args)
{
    char text[256];
    vsnprintf(text, sizeof text, format, args);
    l->bus->host->finding(l->bus, device, point, key, WEIR_LOG_ERROR, "%s", text);
}

void lora_device_finding(struct lora *l, int device, int point, const char *key, const char *format,
                         ...)
{
    va_list args;
    va_start(args, format);
    tell(l, device, point, key, format, args);
    va_end(args);
}

void lora_finding(struct lora *l, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(l, -1, -1, key, format, args);
    va_end(args);
}

/* ---- the bus */

static const struct module *find_module(const struct weir_bus *bus)
{
    const struct bus_settings *settings = bus->options;
    for (size_t i = 0; settings && modules[i]; i++) {
        if (!strcmp(modules[i]->name, settings->module)) {
            return modules[i];
        }
    }
    return NULL;
}

enum { LEAST_HZ = 100000000 }; /* below it there is no LoRa */

static void check_takes(struct lora *l)
{
    const struct bus_settings *s = l->settings;
    const struct {
        unsigned what;
        bool set;
        const char *key;
    } rows[] = {
        { TAKES_FREQUENCY, s->frequency_hz > 0, "frequency_hz" },
        { TAKES_SPREADING, s->sf > 0, "sf" },
        { TAKES_SPREADING, s->bandwidth_khz > 0, "bandwidth_khz" },
        { TAKES_SPREADING, s->coding_rate > 0, "coding_rate" },
        { TAKES_SPREADING, s->preamble > 0, "preamble" },
        { TAKES_NETWORK, s->network >= 0, "network" },
        { TAKES_ADDRESS, s->address >= 0, "own_address" },
        { TAKES_POWER, s->power_dbm > POWER_LEFT, "power_dbm" },
        { TAKES_CRC, s->crc != SWITCH_LEFT, "crc" },
        { TAKES_SYNC, s->sync >= 0, "sync" },
        { TAKES_PINS, s->m0[0] != 0, "m0" },
        { TAKES_PINS, s->m1[0] != 0, "m1" },
        { TAKES_AIR_RATE, s->air_rate > 0, "air_rate" },
        { TAKES_LORAWAN, s->lorawan, "lorawan" },
    };
    if (s->frequency_hz > 0 && s->frequency_hz < LEAST_HZ) {
        lora_finding(l, "frequency_hz", "is in Hz: 868100000");
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].set && !(l->module->takes & rows[i].what)) {
            lora_finding(l, rows[i].key, "is no setting of %s", l->module->name);
        }
    }
}

/* They are one command: some of them alone cannot be set. */
static void check_spreading(struct lora *l)
{
    const struct bus_settings *s = l->settings;
    unsigned takes = l->module->takes;
    bool rate = (takes & NO_CODING_RATE) || s->coding_rate > 0;
    bool any = s->sf > 0 || s->bandwidth_khz > 0 || s->coding_rate > 0 || s->preamble > 0;
    bool all = s->sf > 0 && s->bandwidth_khz > 0 && rate && s->preamble > 0;
    if (s->bandwidth_khz > 0 && bandwidth_index(s->bandwidth_khz) < 0) {
        lora_finding(l, "bandwidth_khz",
                     "is none of LoRa's: 7.8, 10.4, 15.6, 20.8, 31.25, 41.7, "
                     "62.5, 125, 250, 500");
    }
    if ((takes & NO_CODING_RATE) && s->coding_rate > 0) {
        lora_finding(l, "coding_rate", "is no setting of %s", l->module->name);
    }
    if (s->sf > 0 && s->sf < 5) {
        lora_finding(l, "sf", "must lie between 5 and 12");
    }
    if (s->lorawan) {
        return; /* the network says it */
    }
    if ((takes & WANTS_RADIO) && (s->frequency_hz == 0 || s->power_dbm == POWER_LEFT)) {
        lora_finding(l, s->frequency_hz == 0 ? "frequency_hz" : "power_dbm",
                     "must be set: %s takes its radio settings in one command", l->module->name);
    }
    if ((any || (takes & WANTS_RADIO)) && !all) {
        lora_finding(l, "sf", "sf, bandwidth_khz, %spreamble: set all of them or none",
                     takes & NO_CODING_RATE ? "" : "coding_rate, ");
    }
}

static void check_pins(struct lora *l)
{
    const struct bus_settings *s = l->settings;
    const char *keys[] = { "m0", "m1", "reset" }, *texts[] = { s->m0, s->m1, s->reset };
    char chip[64];
    unsigned line;
    for (size_t i = 0; i < 3; i++) {
        if (texts[i][0] && !pin_parse(texts[i], chip, sizeof chip, &line)) {
            lora_finding(l, keys[i], "\"%s\" is no GPIO line: write \"gpiochip0:17\"", texts[i]);
        }
    }
    if (!s->m0[0] != !s->m1[0]) {
        lora_finding(l, s->m0[0] ? "m1" : "m0", "m0 and m1 are needed both");
    }
}

/* ---- devices */

static void check_device(struct lora *l, size_t device)
{
    int64_t address = l->devices[device].settings->address;
    if (address >= 0 && !(l->has & HAS_SENDER) && l->bus->device_count > 1) {
        lora_device_finding(l, (int)device, -1, "address",
                            "%s does not tell who sent: see sender_bytes", l->module->name);
    }
    for (size_t i = 0; i < device; i++) {
        if (l->devices[i].settings->address == address) {
            lora_device_finding(l, (int)device, -1, "address", "%s has the same: %s",
                                l->bus->devices[i].name,
                                address < 0 ? "only one device is for everything else"
                                            : "one device for each sender");
        }
    }
    for (size_t i = 0; i < l->bus->devices[device].point_count; i++) {
        if (prefix_has(l->bus->devices[device].points[i].name)) {
            lora_device_finding(l, (int)device, (int)i, "name",
                                "is a point of every packet: choose another name");
        }
    }
}

struct told {
    struct lora *l;
    int device;
};

static void plan_finding(void *user, int point, const char *key, const char *what)
{
    struct told *told = user;
    lora_device_finding(told->l, told->device, point, key, "%s", what);
}

static int open_device(struct lora *l, size_t device)
{
    const struct weir_device *d = &l->bus->devices[device];
    struct device_run *run = &l->devices[device];
    struct told told = { l, (int)device };
    struct payload_findings findings = { plan_finding, &told };
    run->settings = d->options;
    run->counts = run->settings->payload.counter[0] || run->settings->seal.key[0];
    check_device(l, device);
    int r = payload_plan_create(&run->settings->payload, d->points, d->point_count, findings,
                                &run->plan);
    if (r < 0) {
        return r;
    }
    r = sealed_from(&run->settings->seal, &run->sealed);
    if (r == -EINVAL) {
        lora_device_finding(l, (int)device, -1, "seal_key", "must be 32 hexadecimal digits");
    }
    if (r == 0 && l->kept) {
        senders_check(l, device);
    }
    return r < 0 ? r : shapes_declare(l, device);
}

/* ---- */

static size_t rounded(size_t n)
{
    return (n + 15) / 16 * 16;
}

size_t lora_state_size(const struct weir_bus *bus)
{
    return rounded(sizeof(struct head)) + bus->device_count * sizeof(struct device_head);
}

void lora_close(void *self)
{
    struct lora *l = self;
    for (size_t i = 0; l->devices && i < l->bus->device_count; i++) {
        payload_plan_destroy(l->devices[i].plan);
        sealed_destroy(l->devices[i].sealed);
        shapes_free(&l->devices[i]);
    }
    pins_close(l);
    free(l->devices);
    free(l);
}

static int open_all(struct lora *l)
{
    int r = 0;
    check_takes(l);
    check_spreading(l);
    check_pins(l);
    if (l->module->check) {
        l->module->check(l);
    }
    l->has = (l->settings->lorawan ? l->module->has : l->module->has & ~(unsigned)HAS_PORT) |
             (l->settings->sender_bytes ? HAS_SENDER : 0);
    if (l->settings->sender_bytes && (l->module->has & HAS_SENDER)) {
        lora_finding(l, "sender_bytes", "%s tells who sent", l->module->name);
    }
    for (size_t i = 0; i < l->bus->device_count; i++) {
        int one = open_device(l, i);
        r = one < 0 ? one : r;
    }
    return r;
}

int lora_open(struct weir_bus *bus, void **ret_self)
{
    const struct bus_settings *settings = bus->options;
    struct lora *l = calloc(1, sizeof *l);
    if (!l) {
        return -ENOMEM;
    }
    l->bus = bus;
    l->settings = settings;
    l->pins[0] = l->pins[1] = l->pins[2] = -1;
    l->module = find_module(bus);
    l->devices = calloc(bus->device_count + 1, sizeof *l->devices);
    if (bus->state) { /* weir check opens without */
        l->head = bus->state;
        l->kept = (struct device_head *)((uint8_t *)bus->state + rounded(sizeof *l->head));
    }
    int r = -EINVAL;
    if (!l->devices) {
        r = -ENOMEM;
    } else if (!l->module) {
        lora_finding(l, settings->module[0] ? "module" : "model",
                     settings->module[0] ? "there is no module \"%s\""
                                         : "%s must name a model; weir models lists them",
                     settings->module[0] ? settings->module : "the bus");
    } else {
        r = open_all(l);
    }
    if (r < 0) {
        lora_close(l);
        return r;
    }
    *ret_self = l;
    return 0;
}
