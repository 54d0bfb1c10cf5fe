/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any bytes from any module, in any pieces and pauses, over restarts of the process: no crash, no
 * endless tick, every byte part of a message or noise, records of a declared shape.
 *
 *   input   module | flags | bytes from the line; 0xFE P: a pause of P * P * 4 ms, P = 0: 0xFE
 *           itself, P = 255: the process is begun anew, P = 254: the port is opened again
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lora.h"

enum {
    FLAG_WIRED = 1,
    FLAG_LORAWAN = 2,
    FLAG_SET = 4,
    FLAG_ONE = 8,
    FLAG_RSSI = 16,
    FLAG_TEXT = 32
};
enum { ESCAPE = 0xFE, TICKS_MAX = 2000, SHAPES = 64 };

extern const struct weir_adapter weir_adapter;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct weir_bus bus; /* first */
    struct bus_settings settings;
    struct device_settings device_settings;
    struct weir_device device;
    void *self;
    int64_t now_ns;
    int shape_count;
    size_t counts[SHAPES];
    enum weir_type types[SHAPES][PREFIX_MAX + PAYLOAD_VALUES_MAX];
};

int gpio_take(const char *chip, unsigned line, bool level)
{
    return -2;
}

int gpio_drive(int fd, bool level)
{
    return 0;
}

static void fuzz_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fuzz_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
{
}

static void fuzz_finding(struct weir_bus *bus, int device, int point, const char *key,
                         enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static void fuzz_finding(struct weir_bus *bus, int device, int point, const char *key,
                         enum weir_level level, const char *format, ...)
{
    if (level == WEIR_LOG_ERROR) {
        abort();
    }
}

static enum weir_result fuzz_write(struct weir_bus *bus, const uint8_t *data, size_t len)
{
    if (len == 0 || len > LORA_COMMAND_MAX) {
        abort();
    }
    return WEIR_R_OK;
}

static int fuzz_declare(struct weir_bus *bus, size_t device, const char *kind,
                        const struct weir_point *points, size_t count)
{
    struct fuzz *f = (struct fuzz *)bus;
    if (f->shape_count == SHAPES || count > PREFIX_MAX + PAYLOAD_VALUES_MAX) {
        abort();
    }
    f->counts[f->shape_count] = count;
    for (size_t i = 0; i < count; i++) {
        f->types[f->shape_count][i] = points[i].type;
    }
    return f->shape_count++;
}

static int fuzz_emit(struct weir_bus *bus, int shape, int64_t time_ns,
                     const struct weir_value *values)
{
    struct fuzz *f = (struct fuzz *)bus;
    volatile uint8_t seen = 0;
    if (shape < 0 || shape >= f->shape_count || time_ns < 0 || time_ns > f->now_ns) {
        abort();
    }
    for (size_t i = 0; i < f->counts[shape]; i++) {
        if (f->types[shape][i] == WEIR_TEXT && values[i].quality == WEIR_QUALITY_GOOD) {
            for (size_t k = 0; k < values[i].bytes.len; k++) {
                seen = seen ^ values[i].bytes.data[k];
            }
        }
    }
    return 0;
}

static void fuzz_stray(struct weir_bus *bus, enum weir_result what)
{
}

static bool fuzz_wall(struct weir_bus *bus, int64_t *ret_offset_ns)
{
    *ret_offset_ns = 0;
    return true;
}

static void fuzz_device(struct weir_bus *bus, size_t device, enum weir_result result)
{
}

static void fuzz_missed(struct weir_bus *bus, size_t device, uint64_t count)
{
}

static int fuzz_baud(struct weir_bus *bus, int64_t baud)
{
    return 0;
}

static const struct weir_adapter_host host = { .size = sizeof host,
                                               .log = fuzz_log,
                                               .finding = fuzz_finding,
                                               .write = fuzz_write,
                                               .declare = fuzz_declare,
                                               .emit = fuzz_emit,
                                               .stray = fuzz_stray,
                                               .wall = fuzz_wall,
                                               .device = fuzz_device,
                                               .missed = fuzz_missed,
                                               .baud = fuzz_baud };

static void set_radio(struct bus_settings *s, const struct module *module)
{
    s->frequency_hz = !strncmp(module->name, "ebyte", 5) ? 0 : 868000000;
    s->power_dbm = 14;
    if (module->takes & TAKES_SPREADING) {
        s->sf = 9;
        s->bandwidth_khz = 125;
        s->coding_rate = module->takes & NO_CODING_RATE ? 0 : 1;
        s->preamble = 12;
    } else {
        s->power_dbm = POWER_LEFT;
        s->address = 1;
    }
}

static void set_up(struct fuzz *f, const struct module *module, unsigned flags)
{
    f->settings = (struct bus_settings){ .module = module->name,
                                         .network = -1,
                                         .address = -1,
                                         .power_dbm = POWER_LEFT,
                                         .sync = -1,
                                         .m0 = "",
                                         .m1 = "",
                                         .reset = "",
                                         .alive_ns = 60 * LORA_NS_PER_S,
                                         .duplicate_ns = 10 * LORA_NS_PER_S,
                                         .receive = flags & FLAG_ONE ? 65535 : 65534,
                                         .gap_ns = 50 * LORA_NS_PER_MS };
    f->settings.lorawan = (flags & FLAG_LORAWAN) && (module->takes & TAKES_LORAWAN);
    if ((flags & FLAG_SET) || (module->takes & WANTS_RADIO)) {
        set_radio(&f->settings, module);
    }
    if ((flags & FLAG_RSSI) && module->gap_ns && (module->has & HAS_RSSI)) {
        f->settings.rssi_byte = flags & FLAG_ONE ? RSSI_HALF : RSSI_OFFSET;
    }
    if ((flags & FLAG_WIRED) && (module->takes & TAKES_PINS)) {
        f->settings.m0 = "gpiochip0:1";
        f->settings.m1 = "gpiochip0:2";
    }
    f->device_settings =
        (struct device_settings){ .address = -1,
                                  .payload = { .kind =
                                                   flags & FLAG_TEXT ? PAYLOAD_TEXT : PAYLOAD_LPP,
                                               .id_bytes = 1,
                                               .length_bytes = 1,
                                               .separator = ",",
                                               .assign = "=",
                                               .counter = flags & FLAG_TEXT ? "n" : "" },
                                  .seal = { .key = "" } };
    f->device = (struct weir_device){ .name = "d", .options = &f->device_settings };
    f->bus = (struct weir_bus){ .host = &host,
                                .name = "b",
                                .options = &f->settings,
                                .devices = &f->device,
                                .device_count = 1,
                                .serial = true,
                                .character_ns = 1145833 };
}

static void tick_until(struct fuzz *f, int64_t until_ns)
{
    int64_t next_ns = weir_adapter.tick(f->self, f->now_ns);
    for (int i = 0; next_ns <= until_ns; i++) {
        if (i > TICKS_MAX) {
            abort();
        }
        f->now_ns = next_ns > f->now_ns ? next_ns : f->now_ns;
        next_ns = weir_adapter.tick(f->self, f->now_ns);
    }
    f->now_ns = until_ns;
}

static void give(struct fuzz *f, const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len + !len);
    if (exact && len > 0) {
        memcpy(exact, bytes, len);
        weir_adapter.receive(f->self, exact, len, f->now_ns);
        tick_until(f, f->now_ns);
    }
    free(exact);
}

static void begin(struct fuzz *f)
{
    f->shape_count = 0;
    if (weir_adapter.open(&f->bus, &f->self) < 0) {
        abort();
    }
}

static void escape(struct fuzz *f, unsigned what)
{
    if (what == 0) {
        give(f, (const uint8_t[]){ ESCAPE }, 1);
    } else if (what == 255) {
        weir_adapter.close(f->self);
        begin(f);
    } else if (what == 254) {
        weir_adapter.opened(f->self, f->now_ns);
    }
    tick_until(f, f->now_ns + (what < 254 ? (int64_t)what * what * 4 * LORA_NS_PER_MS : 0));
}

static void play(struct fuzz *f, const uint8_t *data, size_t size)
{
    size_t from = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        if (data[i] == ESCAPE) {
            give(f, data + from, i - from);
            escape(f, data[i + 1]);
            from = i + 2;
            i++;
        }
    }
    give(f, data + from, size - from);
}

/* WEIR_FUZZ_MODULE=PREFIX: nothing but those whose names begin so, for long runs. */
static const struct module *choose(uint8_t number)
{
    static const char *only;
    const struct module *chosen[16];
    size_t count = 0;
    if (!only) {
        const char *given = getenv("WEIR_FUZZ_MODULE");
        only = given ? given : "";
    }
    for (size_t i = 0; modules[i] && count < 16; i++) {
        if (!strncmp(modules[i]->name, only, strlen(only))) {
            chosen[count++] = modules[i];
        }
    }
    if (!count) {
        abort();
    }
    return chosen[number % count];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz f;
    if (size < 2) {
        return 0;
    }
    set_up(&f, choose(data[0]), data[1]);
    f.now_ns = 0;
    f.bus.state = calloc(1, weir_adapter.state_size(&f.bus));
    if (!f.bus.state) {
        return 0;
    }
    begin(&f);
    weir_adapter.opened(f.self, 0);
    tick_until(&f, 0);
    play(&f, data + 2, size - 2);
    tick_until(&f, f.now_ns + 120 * LORA_NS_PER_S);
    weir_adapter.close(f.self);
    free(f.bus.state);
    return 0;
}
