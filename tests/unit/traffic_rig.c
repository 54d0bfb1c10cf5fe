/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See traffic_rig.h.
 */
#include "traffic_rig.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#include "base/number.h"
#include "traffic.h"

enum { SHAPES_MAX = 64, TEXT_BYTES = 1 << 20 };

extern const struct weir_adapter weir_adapter;

struct shape_copy {
    size_t device, count;
    char kind[16];
    struct weir_point points[POINTS_MAX];
    char names[POINTS_MAX][CLASS_NAME_MAX];
};

struct text {
    char buf[TEXT_BYTES];
    size_t len;
    size_t read; /* up to here it was handed out */
};

struct traffic_rig {
    struct weir_bus bus; /* first */
    struct bus_settings settings;
    struct device_settings device_settings[8];
    struct weir_device devices[8];
    char names[8][2];
    void *self, *state, *saved;
    size_t state_size;
    int64_t now_ns, tick_ns;
    bool synchronised;
    struct shape_copy shapes[SHAPES_MAX];
    size_t shape_count;
    struct text records, sent, findings;
    size_t fed, noise, answers[WEIR_RESULT_COUNT], strays[WEIR_RESULT_COUNT];
    uint64_t missed;
};

static struct traffic_rig *of(struct weir_bus *bus)
{
    return (struct traffic_rig *)bus;
}

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->buf + text->len, sizeof text->buf - text->len, format, args);
    va_end(args);
    assert_true(n >= 0 && text->len + (size_t)n < sizeof text->buf);
    text->len += (size_t)n;
}

/* What came since the last time. */
static const char *hand_out(struct text *text)
{
    const char *new = text->buf + text->read;
    text->buf[text->len] = 0;
    if (text->read == text->len && text->len) {
        return "";
    }
    text->read = text->len;
    return new;
}

/* ---- the host */

static void rig_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void rig_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
{
}

static void rig_finding(struct weir_bus *bus, int device, int point, const char *key,
                        enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static void rig_finding(struct weir_bus *bus, int device, int point, const char *key,
                        enum weir_level level, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(&of(bus)->findings, "%s: %s\n", key ? key : "", text);
}

static int64_t rig_now(void)
{
    return 0;
}

static enum weir_result rig_write(struct weir_bus *bus, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        put(&of(bus)->sent, "%s%02x", i ? " " : "", data[i]);
    }
    put(&of(bus)->sent, "\n");
    return WEIR_R_OK;
}

static int rig_declare(struct weir_bus *bus, size_t device, const char *kind,
                       const struct weir_point *points, size_t count)
{
    struct traffic_rig *rig = of(bus);
    assert_true(rig->shape_count < SHAPES_MAX && count <= POINTS_MAX);
    struct shape_copy *shape = &rig->shapes[rig->shape_count];
    shape->device = device;
    shape->count = count;
    snprintf(shape->kind, sizeof shape->kind, "%s", kind);
    for (size_t i = 0; i < count; i++) {
        snprintf(shape->names[i], sizeof shape->names[i], "%s", points[i].name);
        shape->points[i] = points[i];
    }
    return (int)rig->shape_count++;
}

static void put_value(struct text *out, enum weir_type type, const struct weir_value *value)
{
    char number[NUMBER_MAX];
    if (value->quality != WEIR_QUALITY_GOOD) {
        put(out, "null");
    } else if (type == WEIR_TEXT) {
        put(out, "\"%.*s\"", (int)value->bytes.len, (const char *)value->bytes.data);
    } else if (type == WEIR_BOOL) {
        put(out, value->boolean ? "true" : "false");
    } else if (type == WEIR_INT64) {
        put(out, "%" PRId64, value->int64);
    } else if (type == WEIR_UINT64) {
        put(out, "%" PRIu64, value->uint64);
    } else {
        assert_int_equal(type, WEIR_FLOAT64);
        put(out, "%.*s", (int)number_f64(value->float64, number), number);
    }
}

static int rig_emit(struct weir_bus *bus, int shape, int64_t time_ns,
                    const struct weir_value *values)
{
    struct traffic_rig *rig = of(bus);
    assert_true(shape >= 0 && (size_t)shape < rig->shape_count);
    const struct shape_copy *s = &rig->shapes[shape];
    put(&rig->records, "{\"time\":%g,\"device\":\"%s\",\"kind\":\"%s\",\"values\":{",
        (double)time_ns / 1e9, rig->names[s->device], s->kind);
    for (size_t i = 0; i < s->count; i++) {
        put(&rig->records, "%s\"%s\":", i ? "," : "", s->names[i]);
        put_value(&rig->records, s->points[i].type, &values[i]);
    }
    put(&rig->records, "}}\n");
    return 0;
}

static void rig_stray(struct weir_bus *bus, enum weir_result what)
{
    of(bus)->strays[what]++;
}

static bool rig_wall(struct weir_bus *bus, int64_t *ret_offset_ns)
{
    *ret_offset_ns = TRAFFIC_RIG_WALL_NS;
    return of(bus)->synchronised;
}

static void rig_device(struct weir_bus *bus, size_t device, enum weir_result result)
{
    of(bus)->answers[result]++;
}

static void rig_missed(struct weir_bus *bus, size_t device, uint64_t count)
{
    of(bus)->missed += count;
}

static int rig_baud(struct weir_bus *bus, int64_t baud)
{
    return 0;
}

static const struct weir_adapter_host rig_host = { .size = sizeof rig_host,
                                                   .log = rig_log,
                                                   .finding = rig_finding,
                                                   .now_ns = rig_now,
                                                   .write = rig_write,
                                                   .declare = rig_declare,
                                                   .emit = rig_emit,
                                                   .stray = rig_stray,
                                                   .wall = rig_wall,
                                                   .device = rig_device,
                                                   .missed = rig_missed,
                                                   .baud = rig_baud };

/* ---- */

static void set_devices(struct traffic_rig *rig, const struct traffic_rig_setup *setup)
{
    size_t count = setup->devices ? setup->devices : 1;
    for (size_t i = 0; i < count; i++) {
        rig->device_settings[i] =
            (struct device_settings){ .address = setup->devices ? setup->addresses[i] : -1,
                                      .spacing_m = setup->spacing_m,
                                      .pairs = setup->pairs ? setup->pairs : "" };
        rig->names[i][0] = (char)('a' + i);
        double every_s = setup->every_s > 0 ? setup->every_s : 10;
        double timeout_s = setup->timeout_s > 0 ? setup->timeout_s : 1;
        rig->devices[i] = (struct weir_device){ .name = rig->names[i],
                                                .options = &rig->device_settings[i],
                                                .timeout_ns = (int64_t)(timeout_s * 1e9),
                                                .every_ns = (int64_t)(every_s * 1e9) };
    }
    rig->bus.devices = rig->devices;
    rig->bus.device_count = count;
}

static void open_adapter(struct traffic_rig *rig)
{
    int r = weir_adapter.open(&rig->bus, &rig->self);
    if (r < 0 || rig->findings.len) {
        fail_msg("the adapter refuses (%d): %s", r, rig->findings.buf);
    }
}

struct traffic_rig *traffic_rig_open(const struct traffic_rig_setup *setup)
{
    struct traffic_rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->settings = (struct bus_settings){ .family = setup->family,
                                           .speed_unit = setup->metres_per_second,
                                           .interval_ns = (int64_t)(setup->interval_s * 1e9),
                                           .vehicles = !setup->no_vehicles,
                                           .set_clock = !setup->no_clock_set };
    rig->synchronised = !setup->unsynchronised;
    rig->bus.host = &rig_host;
    rig->bus.name = "bus";
    rig->bus.options = &rig->settings;
    rig->bus.serial = true;
    rig->bus.character_ns = 1145833;
    set_devices(rig, setup);
    if (setup->bus) {
        rig->bus.options = setup->bus->options;
        rig->bus.devices = setup->bus->devices;
        rig->bus.device_count = setup->bus->device_count;
    }
    rig->state_size = weir_adapter.state_size(&rig->bus);
    rig->bus.state = rig->state = calloc(1, rig->state_size);
    rig->saved = calloc(1, rig->state_size);
    assert_non_null(rig->state);
    assert_non_null(rig->saved);
    open_adapter(rig);
    traffic_rig_reopen(rig);
    return rig;
}

void traffic_rig_close(struct traffic_rig *rig)
{
    weir_adapter.close(rig->self);
    free(rig->state);
    free(rig->saved);
    free(rig);
}

static void tick(struct traffic_rig *rig)
{
    rig->tick_ns = weir_adapter.tick(rig->self, rig->now_ns);
}

void traffic_rig_until(struct traffic_rig *rig, double seconds)
{
    int64_t until_ns = (int64_t)(seconds * 1e9);
    for (int i = 0; rig->tick_ns <= until_ns; i++) {
        assert_true(i < 1000000); /* a tick that wants itself at once, for ever */
        rig->now_ns = rig->tick_ns > rig->now_ns ? rig->tick_ns : rig->now_ns;
        tick(rig);
    }
    rig->now_ns = until_ns;
}

void traffic_rig_bytes(struct traffic_rig *rig, const void *bytes, size_t len)
{
    uint8_t *exact = malloc(len + !len); /* so that a read behind the end is seen */
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    rig->fed += len;
    rig->noise += weir_adapter.receive(rig->self, exact, len, rig->now_ns);
    free(exact);
    tick(rig);
}

void traffic_rig_text(struct traffic_rig *rig, const char *text)
{
    traffic_rig_bytes(rig, text, strlen(text));
}

void traffic_rig_hex(struct traffic_rig *rig, const char *hex)
{
    uint8_t bytes[4096];
    size_t len = 0;
    char *end;
    for (; *hex; hex = end) {
        bytes[len++] = (uint8_t)strtoul(hex, &end, 16);
        assert_true(end != hex && len < sizeof bytes);
        end += strspn(end, " \n");
    }
    traffic_rig_bytes(rig, bytes, len);
}

void traffic_rig_reopen(struct traffic_rig *rig)
{
    weir_adapter.opened(rig->self, rig->now_ns);
    tick(rig);
}

const char *traffic_rig_records(struct traffic_rig *rig)
{
    return hand_out(&rig->records);
}

const char *traffic_rig_sent(struct traffic_rig *rig)
{
    return hand_out(&rig->sent);
}

size_t traffic_rig_fed(const struct traffic_rig *rig)
{
    return rig->fed;
}

size_t traffic_rig_noise(const struct traffic_rig *rig)
{
    return rig->noise;
}

uint64_t traffic_rig_missed(const struct traffic_rig *rig)
{
    return rig->missed;
}

size_t traffic_rig_answers(const struct traffic_rig *rig, enum weir_result result)
{
    return rig->answers[result];
}

size_t traffic_rig_strays(const struct traffic_rig *rig, enum weir_result result)
{
    return rig->strays[result];
}

void traffic_rig_save(struct traffic_rig *rig)
{
    memcpy(rig->saved, rig->state, rig->state_size);
}

void traffic_rig_restore(struct traffic_rig *rig)
{
    weir_adapter.close(rig->self);
    memcpy(rig->state, rig->saved, rig->state_size);
    rig->bus.state_kept = true;
    open_adapter(rig);
    rig->bus.resumed = true;
    traffic_rig_reopen(rig);
    rig->bus.resumed = false;
}

void traffic_rig_resume(struct traffic_rig *rig, bool exact)
{
    uint64_t point = weir_adapter.resume_point(rig->self, 0);
    weir_adapter.close(rig->self);
    memset(rig->state, 0, rig->state_size);
    rig->bus.state_kept = false;
    open_adapter(rig);
    if (point) {
        weir_adapter.resume(rig->self, 0, point, exact);
    }
    traffic_rig_reopen(rig);
}

void traffic_rig_change(struct traffic_rig *rig, const struct weir_bus *bus)
{
    rig->bus.options = bus->options;
    rig->bus.devices = bus->devices;
    traffic_rig_restore(rig);
}
