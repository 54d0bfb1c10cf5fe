/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See lora_rig.h.
 */
#include "lora_rig.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

#include "base/number.h"

enum { RIG_SHAPES_MAX = 64, POINTS_MAX = PREFIX_MAX + PAYLOAD_VALUES_MAX, TEXT_BYTES = 1 << 18 };

extern const struct weir_adapter weir_adapter;

struct shape_copy {
    size_t device, count;
    enum weir_type types[POINTS_MAX];
    char names[POINTS_MAX][WEIR_NAME_MAX + 1];
};

struct text {
    char buf[TEXT_BYTES];
    size_t len, read;
};

struct lora_rig {
    struct weir_bus bus; /* first */
    struct lora_rig_setup setup;
    struct weir_device devices[LORA_RIG_DEVICES];
    char names[LORA_RIG_DEVICES][2];
    void *self, *state, *saved;
    size_t state_size;
    int64_t now_ns, tick_ns;
    struct shape_copy shapes[RIG_SHAPES_MAX];
    size_t shape_count;
    struct text records, sent, log, done, findings;
    size_t noise, strays[WEIR_RESULT_COUNT];
    uint64_t missed;
};

static struct lora_rig *active; /* for the lines of GPIO, which know no bus */

static struct lora_rig *of(struct weir_bus *bus)
{
    return (struct lora_rig *)bus;
}

static void put_args(struct text *text, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void put_args(struct text *text, const char *format, va_list args)
{
    int n = vsnprintf(text->buf + text->len, sizeof text->buf - text->len, format, args);
    assert_true(n >= 0 && text->len + (size_t)n < sizeof text->buf);
    text->len += (size_t)n;
}

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_args(text, format, args);
    va_end(args);
}

/* What came since the last time. */
static const char *hand_out(struct text *text)
{
    const char *new = text->buf + text->read;
    text->buf[text->len] = 0;
    text->read = text->len;
    return new;
}

/* ---- the host */

static void rig_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void rig_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_args(&of(bus)->log, format, args);
    va_end(args);
    put(&of(bus)->log, "\n");
}

static void rig_finding(struct weir_bus *bus, int device, int point, const char *key,
                        enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static void rig_finding(struct weir_bus *bus, int device, int point, const char *key,
                        enum weir_level level, const char *format, ...)
{
    va_list args;
    put(&of(bus)->findings, "%s: ", key ? key : "");
    va_start(args, format);
    put_args(&of(bus)->findings, format, args);
    va_end(args);
    put(&of(bus)->findings, "\n");
}

static int64_t rig_now(void)
{
    return 0;
}

static bool is_text(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isprint(data[i]) && data[i] != '\r' && data[i] != '\n') {
            return false;
        }
    }
    return true;
}

static enum weir_result rig_write(struct weir_bus *bus, const uint8_t *data, size_t len)
{
    struct text *sent = &of(bus)->sent;
    if (is_text(data, len)) {
        while (len > 0 && (data[len - 1] == '\r' || data[len - 1] == '\n')) {
            len--;
        }
        put(sent, "%.*s\n", (int)len, (const char *)data);
        return WEIR_R_OK;
    }
    for (size_t i = 0; i < len; i++) {
        put(sent, "%s%02x", i ? " " : "", data[i]);
    }
    put(sent, "\n");
    return WEIR_R_OK;
}

static int rig_declare(struct weir_bus *bus, size_t device, const char *kind,
                       const struct weir_point *points, size_t count)
{
    struct lora_rig *rig = of(bus);
    assert_string_equal(kind, "packet");
    assert_true(rig->shape_count < RIG_SHAPES_MAX && count <= POINTS_MAX);
    struct shape_copy *shape = &rig->shapes[rig->shape_count];
    shape->device = device;
    shape->count = count;
    for (size_t i = 0; i < count; i++) {
        snprintf(shape->names[i], sizeof shape->names[i], "%s", points[i].name);
        shape->types[i] = points[i].type;
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(shape->names[i], shape->names[k]);
        }
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
    } else if (type == WEIR_INT64) {
        put(out, "%" PRId64, value->int64);
    } else if (type == WEIR_UINT64) {
        put(out, "%" PRIu64, value->uint64);
    } else if (type == WEIR_BOOL) {
        put(out, "%s", value->boolean ? "true" : "false");
    } else {
        assert_int_equal(type, WEIR_FLOAT64);
        put(out, "%.*s", (int)number_f64(value->float64, number), number);
    }
}

static int rig_emit(struct weir_bus *bus, int shape, int64_t time_ns,
                    const struct weir_value *values)
{
    struct lora_rig *rig = of(bus);
    assert_true(shape >= 0 && (size_t)shape < rig->shape_count);
    const struct shape_copy *s = &rig->shapes[shape];
    put(&rig->records, "{\"time\":%g,\"device\":\"%s\",\"values\":{", (double)time_ns / 1e9,
        bus->devices[s->device].name);
    for (size_t i = 0; i < s->count; i++) {
        put(&rig->records, "%s\"%s\":", i ? "," : "", s->names[i]);
        put_value(&rig->records, s->types[i], &values[i]);
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
    *ret_offset_ns = 0;
    return true;
}

static void rig_device(struct weir_bus *bus, size_t device, enum weir_result result)
{
    put(&of(bus)->done, "device %s %s\n", bus->devices[device].name,
        result == WEIR_R_OK ? "ok" : "timeout");
}

static void rig_missed(struct weir_bus *bus, size_t device, uint64_t count)
{
    of(bus)->missed += count;
}

static int rig_baud(struct weir_bus *bus, int64_t baud)
{
    put(&of(bus)->done, "baud=%" PRId64 "\n", baud);
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

/* ---- in place of gpio.c. A descriptor here is one of a file, as the adapter closes it. */

static struct {
    char name[64];
    int fd;
} lines[8];

static size_t line_count;

int gpio_drive(int fd, bool level)
{
    for (size_t i = 0; i < line_count; i++) {
        if (lines[i].fd == fd) {
            put(&active->done, "%s=%d\n", lines[i].name, level);
        }
    }
    return 0;
}

int gpio_take(const char *chip, unsigned line, bool level)
{
    if (active->setup.gpio_error) {
        return active->setup.gpio_error;
    }
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(line_count < sizeof lines / sizeof *lines);
    snprintf(lines[line_count].name, sizeof lines[0].name, "%s:%u", chip, line);
    lines[line_count].fd = dup(fileno(file));
    fclose(file);
    line_count++;
    gpio_drive(lines[line_count - 1].fd, level);
    return lines[line_count - 1].fd;
}

/* ---- */

struct lora_rig_setup lora_rig_setup(const char *module)
{
    return (struct lora_rig_setup){ .settings = { .module = module,
                                                  .network = -1,
                                                  .address = -1,
                                                  .power_dbm = POWER_LEFT,
                                                  .sync = -1,
                                                  .m0 = "",
                                                  .m1 = "",
                                                  .reset = "",
                                                  .alive_ns = 60 * LORA_NS_PER_S,
                                                  .duplicate_ns = 10 * LORA_NS_PER_S },
                                    .devices = { { .address = -1,
                                                   .payload = { .kind = PAYLOAD_LPP,
                                                                .id_bytes = 1,
                                                                .length_bytes = 1,
                                                                .order = PAYLOAD_LITTLE,
                                                                .separator = ",",
                                                                .assign = "=",
                                                                .counter = "",
                                                                .counter_width = 1 },
                                                   .seal = { .key = "", .tag = 1 } } },
                                    .device_count = 1 };
}

static struct lora_rig *create(const struct lora_rig_setup *setup)
{
    struct lora_rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->setup = *setup;
    rig->bus.host = &rig_host;
    rig->bus.name = "bus";
    rig->bus.options = &rig->setup.settings;
    rig->bus.serial = true;
    rig->bus.character_ns = 1145833;
    rig->bus.devices = rig->devices;
    rig->bus.device_count = setup->device_count;
    for (size_t i = 0; i < setup->device_count; i++) {
        rig->names[i][0] = (char)('a' + i);
        rig->devices[i] = (struct weir_device){ .name = rig->names[i],
                                                .options = &rig->setup.devices[i],
                                                .points = rig->setup.points,
                                                .point_count = i ? 0 : setup->point_count };
    }
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
    active = rig;
    return rig;
}

static void destroy(struct lora_rig *rig)
{
    free(rig->state);
    free(rig->saved);
    free(rig);
    active = NULL;
    line_count = 0;
}

static void open_adapter(struct lora_rig *rig)
{
    int r = weir_adapter.open(&rig->bus, &rig->self);
    if (r < 0 || rig->findings.len) {
        fail_msg("the adapter refuses (%d): %s", r, rig->findings.buf);
    }
}

struct lora_rig *lora_rig_open(const struct lora_rig_setup *setup)
{
    struct lora_rig *rig = create(setup);
    open_adapter(rig);
    lora_rig_reopen(rig);
    return rig;
}

const char *lora_rig_findings(const struct lora_rig_setup *setup)
{
    static char text[4096];
    struct lora_rig *rig = create(setup);
    rig->bus.state = NULL; /* as `weir check` does */
    int r = weir_adapter.open(&rig->bus, &rig->self);
    if (r == 0) {
        weir_adapter.close(rig->self);
    }
    snprintf(text, sizeof text, "%s", hand_out(&rig->findings));
    destroy(rig);
    return text[0] ? text : NULL;
}

void lora_rig_close(struct lora_rig *rig)
{
    weir_adapter.close(rig->self);
    destroy(rig);
}

static void tick(struct lora_rig *rig)
{
    rig->tick_ns = weir_adapter.tick(rig->self, rig->now_ns);
}

void lora_rig_until(struct lora_rig *rig, double seconds)
{
    int64_t until_ns = (int64_t)(seconds * 1e9);
    for (int i = 0; rig->tick_ns <= until_ns; i++) {
        assert_true(i < 100000); /* a tick that wants itself at once, for ever */
        rig->now_ns = rig->tick_ns > rig->now_ns ? rig->tick_ns : rig->now_ns;
        tick(rig);
    }
    rig->now_ns = until_ns;
}

void lora_rig_bytes(struct lora_rig *rig, const void *bytes, size_t len)
{
    uint8_t *exact = malloc(len + !len); /* so that a read behind the end is seen */
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    rig->noise += weir_adapter.receive(rig->self, exact, len, rig->now_ns);
    free(exact);
    tick(rig);
}

void lora_rig_text(struct lora_rig *rig, const char *text)
{
    lora_rig_bytes(rig, text, strlen(text));
}

void lora_rig_hex(struct lora_rig *rig, const char *hex)
{
    uint8_t bytes[4096];
    size_t len = 0;
    char *end;
    for (; *hex; hex = end) {
        bytes[len++] = (uint8_t)strtoul(hex, &end, 16);
        assert_true(end != hex && len < sizeof bytes);
        end += strspn(end, " \n");
    }
    lora_rig_bytes(rig, bytes, len);
}

void lora_rig_reopen(struct lora_rig *rig)
{
    weir_adapter.opened(rig->self, rig->now_ns);
    tick(rig);
}

/* Time runs until there is a command, for at most a minute. */
static void await_command(struct lora_rig *rig, const char *command)
{
    double from = (double)rig->now_ns / 1e9;
    for (int i = 1; rig->sent.read == rig->sent.len && i < 600; i++) {
        lora_rig_until(rig, from + 0.1 * i);
    }
    char expected[LORA_COMMAND_MAX + 2];
    snprintf(expected, sizeof expected, "%s\n", command);
    assert_string_equal(lora_rig_sent(rig), expected);
}

void lora_rig_dialogue(struct lora_rig *rig, const char *const *all)
{
    for (size_t i = 0; all[i]; i += 2) {
        await_command(rig, all[i]);
        if (isxdigit((unsigned char)all[i][0]) && isxdigit((unsigned char)all[i][1]) &&
            all[i][2] == ' ') {
            lora_rig_hex(rig, all[i + 1]);
        } else if (all[i + 1][0]) {
            lora_rig_text(rig, all[i + 1]);
            lora_rig_text(rig, "\r\n");
        }
    }
}

const char *lora_rig_records(struct lora_rig *rig)
{
    return hand_out(&rig->records);
}

const char *lora_rig_sent(struct lora_rig *rig)
{
    return hand_out(&rig->sent);
}

const char *lora_rig_log(struct lora_rig *rig)
{
    return hand_out(&rig->log);
}

const char *lora_rig_done(struct lora_rig *rig)
{
    return hand_out(&rig->done);
}

size_t lora_rig_noise(const struct lora_rig *rig)
{
    return rig->noise;
}

uint64_t lora_rig_missed(const struct lora_rig *rig)
{
    return rig->missed;
}

size_t lora_rig_strays(const struct lora_rig *rig, enum weir_result result)
{
    return rig->strays[result];
}

void lora_rig_save(struct lora_rig *rig)
{
    memcpy(rig->saved, rig->state, rig->state_size);
}

void lora_rig_restore(struct lora_rig *rig)
{
    weir_adapter.close(rig->self);
    line_count = 0;
    memcpy(rig->state, rig->saved, rig->state_size);
    rig->bus.state_kept = true;
    rig->shape_count = 0;
    open_adapter(rig);
    tick(rig);
}

struct lora_rig_setup *lora_rig_settings(struct lora_rig *rig)
{
    return &rig->setup;
}

void lora_rig_resume(struct lora_rig *rig, bool exact)
{
    uint64_t points[LORA_RIG_DEVICES];
    for (size_t i = 0; i < rig->bus.device_count; i++) {
        points[i] = weir_adapter.resume_point(rig->self, i);
    }
    weir_adapter.close(rig->self);
    memset(rig->state, 0, rig->state_size);
    rig->bus.state_kept = false;
    rig->shape_count = 0;
    open_adapter(rig);
    for (size_t i = 0; i < rig->bus.device_count; i++) {
        if (points[i]) {
            weir_adapter.resume(rig->self, i, points[i], exact);
        }
    }
    weir_adapter.opened(rig->self, rig->now_ns);
    tick(rig);
}
