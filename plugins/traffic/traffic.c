/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Traffic counters and radars: devices that speak by themselves, and those that are asked for what
 * they have counted. Which one is on the line says the model (`weir models`); what its bytes mean,
 * its family (family.h). The contract is <weir/adapter.h>.
 */
#include "traffic.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_IDLE_NS (2 * TRAFFIC_NS_PER_S)
#define WEEK_NS         (7 * 86400 * TRAFFIC_NS_PER_S)

static const char *const speed_units[] = { "km/h", "m/s", NULL };

static const char *const raw_speed_units[] = { "m/s", "km/h", "mph", "ft/s", "cm/s", NULL };

static const struct weir_option bus_rows[] = {
    { .name = "family",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct bus_settings, family),
      .help = "wire format; comes with the model" },
    { .name = "speed_unit",
      .type = WEIR_OPTION_CHOICE,
      .choices = speed_units,
      .fallback = "km/h",
      .offset = offsetof(struct bus_settings, speed_unit),
      .help = "what speeds are given in" },
    { .name = "raw_speed_unit",
      .type = WEIR_OPTION_CHOICE,
      .choices = raw_speed_units,
      .fallback = "m/s",
      .offset = offsetof(struct bus_settings, raw_speed_unit),
      .help = "what the device is set to, where its messages do not say" },
    { .name = "interval",
      .type = WEIR_OPTION_DURATION,
      .fallback = "0s",
      .min = 0,
      .max = 86400,
      .offset = offsetof(struct bus_settings, interval_ns),
      .help = "vehicles are counted into intervals of this length by the clock; 0s: not" },
    { .name = "vehicles",
      .type = WEIR_OPTION_BOOL,
      .fallback = "true",
      .offset = offsetof(struct bus_settings, vehicles),
      .help = "a record of each vehicle; false: only intervals" },
    { .name = "set_clock",
      .type = WEIR_OPTION_BOOL,
      .fallback = "true",
      .offset = offsetof(struct bus_settings, set_clock),
      .help = "the device's clock is set when it is wrong and ours is synchronised" },
    LINE_BUS_ROWS(struct bus_settings, line),
    { 0 },
};

static const struct weir_option device_rows[] = {
    { .name = "address",
      .type = WEIR_OPTION_INT,
      .fallback = "-1",
      .min = -1,
      .max = 65535,
      .offset = offsetof(struct device_settings, address),
      .help = "drop or sensor id on a line with several" },
    { .name = "spacing",
      .type = WEIR_OPTION_FLOAT,
      .min = 0,
      .max = 100,
      .unit = "m",
      .offset = offsetof(struct device_settings, spacing_m),
      .help = "distance between the two loops of a lane" },
    { .name = "pairs",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct device_settings, pairs),
      .help = "detectors that are two loops of one lane: \"1-2 3-4\"" },
    { 0 },
};

/* ---- for families */

size_t traffic_devices(const struct traffic *t)
{
    return t->bus->device_count;
}

const struct weir_device *traffic_device(const struct traffic *t, size_t device)
{
    return &t->bus->devices[device];
}

const struct device_settings *traffic_settings(const struct traffic *t, size_t device)
{
    return t->bus->devices[device].options;
}

int64_t traffic_address(const struct traffic *t, size_t device)
{
    int64_t address = traffic_settings(t, device)->address;
    return address >= 0 ? address : t->family->default_address;
}

int traffic_find(const struct traffic *t, int64_t address)
{
    if (!t->family->addressed) {
        return 0;
    }
    for (size_t i = 0; i < t->bus->device_count; i++) {
        if (traffic_address(t, i) == address) {
            return (int)i;
        }
    }
    return -1;
}

void *traffic_bus_state(struct traffic *t)
{
    return t->family_bus;
}

void *traffic_device_state(struct traffic *t, size_t device)
{
    return t->family_devices + device * t->device_stride;
}

void traffic_send(struct traffic *t, const void *bytes, size_t len)
{
    if (t->bus->host->write(t->bus, bytes, len) == WEIR_R_PORT && !t->no_port) {
        t->head->ask.open = 0;
    }
}

void traffic_vehicle(struct traffic *t, size_t device, const struct vehicle *vehicle)
{
    if ((vehicle->has & HAS_MISSED) && vehicle->missed) {
        t->bus->host->missed(t->bus, device, vehicle->missed);
    }
    if (t->settings->vehicles) {
        records_vehicle(t, device, vehicle);
    }
    if (t->settings->interval_ns > 0) {
        intervals_add(t, device, vehicle);
    }
}

void traffic_interval(struct traffic *t, size_t device, const struct interval *interval)
{
    if ((interval->has & HAS_MISSED) && interval->missed) {
        t->bus->host->missed(t->bus, device, interval->missed);
    }
    /* Made here from its vehicles, or told by the device: never both, or somebody adds them up. */
    if (t->settings->interval_ns == 0 || !t->family->vehicle) {
        records_interval(t, device, interval, NAN, 0);
    }
}

void traffic_stray(struct traffic *t, enum weir_result what)
{
    t->bus->host->stray(t->bus, what);
}

bool traffic_wall(const struct traffic *t, int64_t at_ns, int64_t *ret_wall_ns)
{
    int64_t offset_ns = 0;
    bool synchronised = t->bus->host->wall(t->bus, &offset_ns);
    *ret_wall_ns = at_ns + offset_ns;
    return synchronised;
}

int64_t traffic_time(const struct traffic *t, int64_t device_ns, int64_t now_ns)
{
    int64_t wall_ns;
    if (!traffic_wall(t, now_ns, &wall_ns)) {
        return now_ns;
    }
    int64_t at_ns = now_ns - (wall_ns - device_ns);
    return at_ns <= now_ns && now_ns - at_ns < WEEK_NS ? at_ns : now_ns;
}

bool traffic_wants_vehicles(const struct traffic *t)
{
    return t->settings->vehicles || t->settings->interval_ns > 0;
}

int64_t traffic_clock(struct traffic *t, size_t device, int64_t device_ns, int64_t most_ns,
                      int64_t now_ns)
{
    struct device_head *d = &t->devices[device];
    int64_t wall_ns;
    if (!traffic_wall(t, now_ns, &wall_ns)) {
        return 0;
    }
    int64_t off_ns = wall_ns - device_ns;
    bool off = off_ns > most_ns || off_ns < -most_ns;
    if (off != d->clock_off) {
        traffic_log(t, off ? WEIR_LOG_WARNING : WEIR_LOG_NOTICE,
                    off ? "the clock of %s is off by %.3f s"
                        : "the clock of %s is right again (%.3f s)",
                    traffic_device(t, device)->name, -(double)off_ns / 1e9);
    }
    d->clock_off = off;
    return off && t->settings->set_clock ? off_ns : 0;
}

bool traffic_sets_clock(const struct traffic *t)
{
    return t->settings->set_clock;
}

void traffic_log(struct traffic *t, enum weir_level level, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->bus->host->log(t->bus, level, "%s", text);
}

void traffic_finding(struct traffic *t, int device, const char *key, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->bus->host->finding(t->bus, device, -1, key, WEIR_LOG_ERROR, "%s", text);
}

void traffic_point_finding(struct traffic *t, int device, int point, const char *key,
                           const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->bus->host->finding(t->bus, device, point, key, WEIR_LOG_ERROR, "%s", text);
}

void *traffic_plan(const struct traffic *t)
{
    return t->plan;
}

double traffic_kmh(const struct traffic *t, double raw)
{
    switch (t->settings->raw_speed_unit) {
    case RAW_KMH:
        return raw;
    case RAW_MPH:
        return kmh_from_mph(raw);
    case RAW_FTS:
        return rounded3(raw * 1.09728);
    case RAW_CMS:
        return rounded3(raw * 0.036);
    default:
        return rounded3(raw * 3.6);
    }
}

/* ---- bytes to messages */

static int64_t first_ns(const struct bytes *b)
{
    return b->new_at > 0 ? b->old_ns : b->new_ns;
}

static void drop_front(struct bytes *b, size_t count)
{
    b->len -= (uint32_t)count;
    memmove(b->data, b->data + count, b->len);
    b->new_at = b->new_at > count ? b->new_at - (uint32_t)count : 0;
}

static int frame_of(const struct traffic *t, const struct bytes *b)
{
    return t->family->frame_by ? t->family->frame_by(t->plan, b->data, b->len)
                               : t->family->frame(b->data, b->len);
}

/* Takes one message or some noise off the front. False: more bytes are needed. */
static bool take_one(struct traffic *t, size_t *noise)
{
    struct bytes *b = &t->head->bytes;
    int n = b->len ? frame_of(t, b) : 0;
    if (n == 0 && b->len >= TRAFFIC_MESSAGE_MAX) {
        n = -1; /* whatever it says: no message is so long */
    }
    if (n == 0 || (n > 0 && (size_t)n > b->len)) {
        return false;
    }
    if (n < 0) {
        size_t count = (size_t)-n < b->len ? (size_t)-n : b->len;
        *noise += count;
        drop_front(b, count);
        return true;
    }
    uint8_t message[2 * TRAFFIC_MESSAGE_MAX];
    int64_t time_ns = first_ns(b);
    memcpy(message, b->data, (size_t)n);
    enum weir_result r = t->family->message(t, message, (size_t)n, time_ns);
    size_t done = r == WEIR_R_OK || r == WEIR_R_FOREIGN || t->family->lines ? (size_t)n : 1;
    drop_front(b, done);
    *noise += r == WEIR_R_OK || r == WEIR_R_FOREIGN ? 0 : done;
    if (r != WEIR_R_OK) {
        t->bus->host->stray(t->bus, r);
    }
    ask_on(t, b->new_ns);
    return true;
}

static size_t traffic_receive(void *self, const uint8_t *data, size_t len, int64_t time_ns)
{
    struct traffic *t = self;
    struct bytes *b = &t->head->bytes;
    size_t noise = (size_t)b->noise;
    b->noise = 0;
    while (len > 0) {
        size_t room = sizeof b->data - b->len, count = len < room ? len : room;
        b->old_ns = b->len ? first_ns(b) : time_ns;
        b->new_at = b->len;
        b->new_ns = b->idle_from_ns = time_ns;
        memcpy(b->data + b->len, data, count);
        b->len += (uint32_t)count;
        data += count;
        len -= count;
        while (take_one(t, &noise)) {
        }
    }
    return noise;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Half a message that does not go on is none. */
static int64_t idle_tick(struct traffic *t, int64_t now_ns)
{
    struct bytes *b = &t->head->bytes;
    int64_t idle_ns = t->family->idle_ns ? t->family->idle_ns : DEFAULT_IDLE_NS;
    if (b->len == 0 || t->no_port) {
        return INT64_MAX;
    }
    if (now_ns < b->idle_from_ns + idle_ns) {
        return b->idle_from_ns + idle_ns;
    }
    b->noise += b->len;
    b->len = 0;
    b->new_at = 0;
    t->bus->host->stray(t->bus, WEIR_R_FRAME);
    return INT64_MAX;
}

static int64_t traffic_tick(void *self, int64_t now_ns)
{
    struct traffic *t = self;
    int64_t next_ns = idle_tick(t, now_ns);
    if (t->settings->interval_ns > 0) {
        next_ns = earlier(next_ns, intervals_tick(t, now_ns));
    }
    if (t->family->tick) {
        next_ns = earlier(next_ns, t->family->tick(t, now_ns));
    }
    if (t->family->request) {
        next_ns = earlier(next_ns, ask_tick(t, now_ns));
    }
    return next_ns;
}

static void traffic_opened(void *self, int64_t now_ns)
{
    struct traffic *t = self;
    t->no_port = false;
    if (t->bus->resumed && t->head->ask.open) {
        t->head->bytes.idle_from_ns = now_ns; /* the rest, or an answer, may lie there unread */
        ask_resumed(t, now_ns);
        return;
    }
    t->head->bytes.noise += t->head->bytes.len;
    t->head->bytes.len = 0;
    t->head->bytes.new_at = 0;
    ask_opened(t, now_ns);
    if (t->family->opened) {
        t->family->opened(t, now_ns);
    }
}

/* ---- where to go on */

#define RESUME_KIND                                                                                \
    62 /* bits below it are the family's: nobody takes a number for another kind                   \
        */

static uint64_t traffic_resume_point(void *self, size_t device)
{
    struct traffic *t = self;
    uint64_t point = t->family->resume_point ? t->family->resume_point(t, device) : 0;
    return point ? (uint64_t)t->family->resume_kind << RESUME_KIND | point : 0;
}

static void traffic_resume(void *self, size_t device, uint64_t point, bool exact)
{
    struct traffic *t = self;
    if (t->family->resume && point >> RESUME_KIND == t->family->resume_kind) {
        t->family->resume(t, device, point & ~(3ULL << RESUME_KIND), exact);
    }
}

/* ---- open */

static size_t rounded(size_t n)
{
    return (n + 15) / 16 * 16;
}

static const struct family *find_family(const struct weir_bus *bus)
{
    const struct bus_settings *settings = bus->options;
    for (size_t i = 0; settings && families[i]; i++) {
        if (!strcmp(families[i]->name, settings->family)) {
            return families[i];
        }
    }
    return NULL;
}

/* Where the parts of the state block lie. Returns its size. */
static size_t lay_out(struct traffic *t, uint8_t *base)
{
    size_t count = t->bus->device_count, at = rounded(sizeof(struct head));
    t->interval_stride = t->settings->interval_ns > 0 ? rounded(intervals_size()) : 0;
    t->device_stride = rounded(t->family->device_state);
    t->head = (struct head *)base;
    t->devices = (struct device_head *)(base + at);
    at += rounded(count * sizeof(struct device_head));
    t->intervals = base + at;
    at += count * t->interval_stride;
    t->family_bus = base + at;
    at += rounded(t->family->bus_state);
    t->family_devices = base + at;
    return at + count * t->device_stride;
}

static size_t traffic_state_size(const struct weir_bus *bus)
{
    static uint8_t nowhere[1];
    struct traffic t = { .bus = (struct weir_bus *)(uintptr_t)bus,
                         .settings = bus->options,
                         .family = find_family(bus) };
    return t.family ? lay_out(&t, nowhere) : sizeof(struct head);
}

static void check_addresses(struct traffic *t)
{
    const struct family *f = t->family;
    size_t count = t->bus->device_count;
    if (!f->addressed && count > 1) {
        traffic_finding(t, 1, NULL, "%s is alone on its line: one device a bus", f->name);
    }
    for (size_t i = 0; f->addressed && i < count; i++) {
        int64_t address = traffic_address(t, i);
        if (address < f->least_address || address > f->most_address) {
            traffic_finding(t, (int)i, "address", "must lie between %lld and %lld for %s",
                            (long long)f->least_address, (long long)f->most_address, f->name);
        }
        if (traffic_find(t, address) != (int)i) {
            traffic_finding(t, (int)i, "address", "two devices have address %lld",
                            (long long)address);
        }
    }
}

/* Points, and what a line looks like, are for a family that has plan(). */
static bool check_plan(struct traffic *t)
{
    const struct family *f = t->family;
    if (f->plan) {
        t->own = *f;
        t->family = &t->own;
        t->plan = f->plan(t, &t->own);
        return t->plan != NULL;
    }
    if (t->settings->line.format != LINE_FORMAT_NONE) {
        traffic_finding(t, -1, "format", "is for the family line, not for %s", f->name);
    }
    for (size_t i = 0; i < t->bus->device_count; i++) {
        if (t->bus->devices[i].point_count) {
            traffic_point_finding(t, (int)i, 0, NULL,
                                  "points are for the family line; %s knows its own", f->name);
        }
    }
    return true;
}

static void traffic_close(void *self)
{
    struct traffic *t = self;
    if (t->family && t->family->unplan) {
        t->family->unplan(t->plan);
    }
    free(t->shapes);
    free(t);
}

static int traffic_open(struct weir_bus *bus, void **ret_self)
{
    const struct bus_settings *settings = bus->options;
    struct traffic *t = calloc(1, sizeof *t);
    if (!t) {
        return -ENOMEM;
    }
    t->bus = bus;
    t->settings = settings;
    t->family = find_family(bus);
    t->shapes = calloc(bus->device_count + 1, sizeof *t->shapes);
    if (!t->family) {
        traffic_finding(t, -1, settings->family[0] ? "family" : "model",
                        settings->family[0] ? "there is no family \"%s\""
                                            : "%s must name a model; weir models lists them",
                        settings->family[0] ? settings->family : "the bus");
        traffic_close(t);
        return -EINVAL;
    }
    if (bus->state) { /* weir check opens without */
        lay_out(t, bus->state);
    }
    if (bus->state && !bus->state_kept) {
        t->head->ask.asked = t->head->ask.go_on = -1;
    }
    t->no_port = bus->state_kept;
    check_addresses(t);
    if (t->family->check) {
        t->family->check(t);
    }
    int r = !t->shapes ? -ENOMEM : !check_plan(t) ? -EINVAL : records_declare(t);
    if (r < 0) {
        traffic_close(t);
        return r;
    }
    *ret_self = t;
    return 0;
}

/* Without a bus nobody knows the family: the first that has something to say. */
static size_t traffic_explain(bool serial, enum weir_direction direction, const uint8_t *data,
                              size_t len, char *buf, size_t size)
{
    for (size_t i = 0; families[i]; i++) {
        size_t n = families[i]->explain ? families[i]->explain(direction, data, len, buf, size) : 0;
        if (n > 0) {
            return n;
        }
    }
    return 0;
}

__attribute__((visibility("default"))) const struct weir_adapter weir_adapter = {
    .abi = WEIR_ADAPTER_ABI,
    .size = sizeof(struct weir_adapter),
    .name = "traffic",
    .summary = "traffic counters and radars: vehicles and intervals",
    .ports = WEIR_PORT_SERIAL | WEIR_PORT_TCP,
    .bus_options = bus_rows,
    .device_options = device_rows,
    .point_options = line_point_rows,
    .bus_size = sizeof(struct bus_settings),
    .device_size = sizeof(struct device_settings),
    .point_size = sizeof(struct line_point),
    .open = traffic_open,
    .close = traffic_close,
    .receive = traffic_receive,
    .explain = traffic_explain,
    .state_size = traffic_state_size,
    .state_version = 2,
    .opened = traffic_opened,
    .tick = traffic_tick,
    .resume_point = traffic_resume_point,
    .resume = traffic_resume,
};
