/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any bytes from any counter, in any pieces and pauses, over restarts of the process: no crash, no
 * endless tick, no more noise than bytes, records of a declared shape with times that have been.
 *
 *   input   length of the family's name | name | flags | bytes from the line; 0xFE P: a pause of
 *           P * P * 4 ms, P = 0: 0xFE itself, P = 255: the process is begun anew, P = 254: the port
 *           is opened again, P = 253: until a request has been sent, 10 s at most, P = 252: the
 *           state is lost, and only the resume point is left
 *
 * A name that is none is taken as a number, so that mutation moves from family to family.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "traffic.h"

enum {
    FLAG_INTERVALS = 1,
    FLAG_METRES = 2,
    FLAG_UNSYNCED = 4,
    FLAG_PAIRS = 8,
    FLAG_TWO = 16,
    FLAG_NO_VEHICLES = 32,
    LINE_INTERVALS = 64, /* of the family line: the format is in the two bits below */
    LINE_CHECKSUM = 128
};
enum {
    ESCAPE = 0xFE,
    AGAIN = 255,
    REOPEN = 254,
    ASKED = 253,
    LOST = 252,
    TICKS_MAX = 20000,
    SHAPES = 64,
    NAME_MAX_ = 24
};

#define WALL_NS (1795348800LL * TRAFFIC_NS_PER_S)
#define LAST_NS (12 * TRAFFIC_NS_PER_S)

extern const struct weir_adapter weir_adapter;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct weir_bus bus; /* first */
    struct bus_settings settings;
    struct device_settings device_settings[2];
    struct weir_device devices[2];
    struct weir_device_point points[4];
    void *self;
    int64_t now_ns;
    bool synced, asked;
    int shape_count;
    size_t counts[SHAPES];
    enum weir_type types[SHAPES][POINTS_MAX];
};

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

static void explain(enum weir_direction direction, const uint8_t *data, size_t len)
{
    char line[200];
    if (weir_adapter.explain(true, direction, data, len, line, sizeof line) >= sizeof line) {
        abort();
    }
}

static enum weir_result fuzz_write(struct weir_bus *bus, const uint8_t *data, size_t len)
{
    if (len == 0 || len > TRAFFIC_REQUEST_MAX) {
        abort();
    }
    ((struct fuzz *)bus)->asked = true;
    explain(WEIR_TX, data, len);
    return WEIR_R_OK;
}

static int fuzz_declare(struct weir_bus *bus, size_t device, const char *kind,
                        const struct weir_point *points, size_t count)
{
    struct fuzz *f = (struct fuzz *)bus;
    if (f->shape_count == SHAPES) {
        f->shape_count = 0; /* classes may be any number of words over time */
    }
    if (count > POINTS_MAX) {
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
    if (shape < 0 || shape >= f->shape_count || time_ns > f->now_ns) {
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
    *ret_offset_ns = WALL_NS;
    return ((struct fuzz *)bus)->synced;
}

static void fuzz_device(struct weir_bus *bus, size_t device, enum weir_result what)
{
    if (device >= bus->device_count) {
        abort();
    }
}

static void fuzz_missed(struct weir_bus *bus, size_t device, uint64_t count)
{
    if (device >= bus->device_count || count == 0) {
        abort();
    }
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

/* Models of the family line, two a format: flags choose. */
#define POINT(name, ...)                                                                           \
    {                                                                                              \
        .key = name, .group = name, .scale = 1, .join = 1, __VA_ARGS__                             \
    }
#define NAMES(...)                                                                                 \
    {                                                                                              \
        (const char *const[]){ __VA_ARGS__ },                                                      \
            sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)                          \
    }
static const struct line_point point_options[] = {
    { .field = 1,
      .join = 2,
      .key = "a.b[0]",
      .group = "time",
      .form = "%y%m%d %H:%M:%S.%f",
      .scale = 1,
      .base = 10 },
    POINT("speed", .form = "iso", .field = 3, .base = 10, .magnitude = true),
    POINT("speed", .form = "iso", .field = 3, .base = 10,
          .map = NAMES("<0=departing", ">0=approaching", "*=none")),
    POINT("count", .form = "iso", .field = 4, .base = 10, .modulo = 65536, .optional = true),
    POINT("count", .form = "iso", .field = 4, .base = 16, .modulo = 65536, .optional = true),
};
static const struct line_point other_options[] = {
    POINT("speed", .form = "iso", .base = 10, .absent = NAMES("-", "--"), .least = 1, .most = 50),
    POINT("way", .form = "iso", .base = 10, .map = NAMES("A=approaching", "-1.5=departing")),
    POINT("count", .form = "iso", .base = 10),
    { .field = 5,
      .join = 1,
      .key = "a[1].b",
      .group = "a",
      .form = "iso",
      .scale = 1,
      .base = 10,
      .optional = true },
};
static const struct line_point times[] = {
    POINT("time", .form = "iso", .base = 10, .utc_offset = 60),
    POINT("time", .form = "%H:%M:%S.%f", .base = 10),
    POINT("time", .form = "%s", .base = 10),
    POINT("time", .form = "%d.%m.%Y %%%H:%M:%S", .base = 10),
};

static const struct weir_device_point vehicle_points[] = {
    { "device_time", "", &point_options[0] },
    { "speed", "mph", &point_options[1] },
    { "direction", "", &point_options[2] },
    { "missed", "", &point_options[3] },
};
static const struct weir_device_point interval_points[] = {
    { "device_time", "", &point_options[0] },
    { "vehicle_count", "", &point_options[3] },
    { "vehicle_count_car", "", &point_options[4] },
};
static const struct weir_device_point reading_points[] = {
    { "speed", "m/s", &other_options[0] },
    { "direction", "", &other_options[1] },
};
static const struct weir_device_point other_points[] = {
    { "vehicle_count", "", &other_options[2] },
    { "lane", "", &other_options[3] },
};

static const struct line_settings line_settings = {
    .separator = ",;",
    .assign = "=:",
    .decimal = ".",
    .header = "a,b",
    .line_end = "\r\n",
    .line_begin = "\x02",
    .checksum_mark = "*",
    .match_limit = 10000,
    .depth_limit = 100,
    .pattern = "(?<time>\\S+ \\S+) (?<speed>[-+.\\d]+)( (?<count>\\w+)| (?:.*)*x)?",
    .ignore = NAMES("#"),
};
static const struct line_settings other_settings = {
    .separator = ";",
    .assign = "=",
    .decimal = ",",
    .header = "time; speed ;way;count",
    .fields = 5,
    .line_end = "\r\n",
    .line_begin = "",
    .checksum_mark = "",
    .match_limit = 10000,
    .depth_limit = 100,
    .pattern = "(?<time>[^;]*);(?<speed>[^;]*);(?<way>\\w*);(?<count>\\d+)(?:;(?<a>\\d))?",
    .only = NAMES("{", "2", "t", "1", "0"),
};

static void put_points(struct fuzz *f, const struct weir_device_point *points, size_t count)
{
    memcpy(f->points + f->devices[0].point_count, points, count * sizeof *points);
    f->devices[0].points = f->points;
    f->devices[0].point_count += count;
}

#define PUT_POINTS(f, array) put_points(f, array, sizeof array / sizeof array[0])

static void set_line(struct fuzz *f, unsigned flags)
{
    bool other = flags & FLAG_PAIRS, interval = flags & (FLAG_INTERVALS | LINE_INTERVALS);
    struct line_settings *line = &f->settings.line;
    *line = other ? other_settings : line_settings;
    line->format = LINE_CSV + (int)(flags >> 4 & 3);
    line->kind = interval ? LINE_KIND_INTERVAL : other ? LINE_KIND_READING : LINE_KIND_VEHICLE;
    line->checksum = !(flags & (FLAG_METRES | LINE_CHECKSUM)) ? LINE_SUM_NONE
                     : !other                                 ? LINE_SUM_NMEA
                     : interval                               ? LINE_SUM_XOR
                                                              : LINE_SUM_SUM;
    f->devices[0].point_count = 0;
    if (!other && interval) {
        PUT_POINTS(f, interval_points);
    } else if (!other) {
        PUT_POINTS(f, vehicle_points);
    } else if (interval) {
        size_t form = (flags & FLAG_UNSYNCED ? 1 : 0) + (flags & FLAG_NO_VEHICLES ? 2 : 0);
        put_points(f, &(struct weir_device_point){ "device_time", "", &times[form] }, 1);
        PUT_POINTS(f, other_points);
    } else {
        PUT_POINTS(f, reading_points);
    }
}

static void set_up(struct fuzz *f, const struct family *family, unsigned flags)
{
    bool two = (flags & FLAG_TWO) && family->addressed;
    f->settings = (struct bus_settings){
        .family = family->name,
        .speed_unit = flags & FLAG_METRES ? UNIT_MS : UNIT_KMH,
        .raw_speed_unit = RAW_KMH,
        .interval_ns = flags & FLAG_INTERVALS ? 4 * TRAFFIC_NS_PER_S : 0,
        .vehicles = !(flags & FLAG_NO_VEHICLES),
        .set_clock = true,
    };
    for (int i = 0; i < 2; i++) {
        f->device_settings[i] = (struct device_settings){
            .address = family->addressed ? family->default_address + i : -1,
            .spacing_m = flags & FLAG_PAIRS ? 4.5 : 0,
            .pairs = flags & FLAG_PAIRS ? "1-2 3-4" : "",
        };
        f->devices[i] = (struct weir_device){ .name = i ? "e" : "d",
                                              .options = &f->device_settings[i],
                                              .every_ns = TRAFFIC_NS_PER_S / 2,
                                              .timeout_ns = TRAFFIC_NS_PER_S };
    }
    if (family->plan) {
        set_line(f, flags);
    }
    f->synced = !(flags & FLAG_UNSYNCED);
    f->bus = (struct weir_bus){ .host = &host,
                                .name = "b",
                                .options = &f->settings,
                                .devices = f->devices,
                                .device_count = two ? 2 : 1,
                                .serial = true,
                                .character_ns = 1145833 };
}

/* An input lasts no longer than LAST_NS: of polled devices each pause is many requests. */
static void tick_until(struct fuzz *f, int64_t until_ns)
{
    until_ns = until_ns < LAST_NS ? until_ns : LAST_NS;
    int64_t next_ns = weir_adapter.tick(f->self, f->now_ns);
    for (int i = 0; next_ns <= until_ns; i++) {
        if (i > TICKS_MAX) {
            abort();
        }
        f->now_ns = next_ns > f->now_ns ? next_ns : f->now_ns;
        next_ns = weir_adapter.tick(f->self, f->now_ns);
    }
    f->now_ns = until_ns > f->now_ns ? until_ns : f->now_ns;
}

static void give(struct fuzz *f, const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len + !len);
    if (exact && len > 0) {
        memcpy(exact, bytes, len);
        explain(WEIR_RX, exact, len);
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
    } else if (what == AGAIN) {
        weir_adapter.close(f->self);
        f->bus.state_kept = true;
        begin(f);
    } else if (what == LOST) {
        uint64_t point = weir_adapter.resume_point(f->self, 0);
        weir_adapter.close(f->self);
        memset(f->bus.state, 0, weir_adapter.state_size(&f->bus));
        f->bus.state_kept = false;
        begin(f);
        weir_adapter.resume(f->self, 0, point, point & 1);
        weir_adapter.opened(f->self, f->now_ns);
    } else if (what == REOPEN) {
        weir_adapter.opened(f->self, f->now_ns);
    } else if (what == ASKED) {
        for (int i = 0; i < 100 && !f->asked; i++) {
            tick_until(f, f->now_ns + 100 * TRAFFIC_NS_PER_MS);
        }
        f->asked = false;
    }
    tick_until(f, f->now_ns + (what < LOST ? (int64_t)what * what * 4 * TRAFFIC_NS_PER_MS : 0));
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

/* WEIR_FUZZ_FAMILY=NAME: nothing but that one, for long runs. */
static const struct family *choose(const uint8_t *name, size_t len)
{
    static const char *only;
    size_t count = 0;
    if (!only) {
        const char *given = getenv("WEIR_FUZZ_FAMILY");
        only = given ? given : "";
    }
    if (*only) {
        name = (const uint8_t *)only;
        len = strlen(only);
    }
    for (; families[count]; count++) {
        if (strlen(families[count]->name) == len && !memcmp(families[count]->name, name, len)) {
            return families[count];
        }
    }
    return families[(len ? name[0] : 0) % count];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz f;
    if (size < 2 || (size_t)data[0] % NAME_MAX_ + 2 > size) {
        return 0;
    }
    size_t name = data[0] % NAME_MAX_;
    set_up(&f, choose(data + 1, name), data[1 + name]);
    f.now_ns = 0;
    f.bus.state = calloc(1, weir_adapter.state_size(&f.bus));
    if (!f.bus.state) {
        return 0;
    }
    begin(&f);
    weir_adapter.opened(f.self, 0);
    tick_until(&f, 0);
    play(&f, data + 2 + name, size - 2 - name);
    tick_until(&f, f.now_ns + 2 * TRAFFIC_NS_PER_S);
    weir_adapter.close(f.self);
    free(f.bus.state);
    return 0;
}
