/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What is configured, whether it can be, and where the parts of the state lie.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "traffic.h"

#define SHORTEST_INTERVAL_NS 1000000000LL

static const char *const speed_units[] = { "km/h", "m/s", NULL };

static const char *const raw_speed_units[] = { "m/s", "km/h", "mph", "ft/s", "cm/s", NULL };

const struct weir_option traffic_bus_rows[] = {
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

const struct weir_option traffic_device_rows[] = {
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

size_t traffic_state_size(const struct weir_bus *bus)
{
    static uint8_t nowhere[1];
    struct traffic t = { .bus = (struct weir_bus *)(uintptr_t)bus,
                         .settings = bus->options,
                         .family = find_family(bus) };
    return t.family ? lay_out(&t, nowhere) : sizeof(struct head);
}

static void check_interval(struct traffic *t)
{
    int64_t interval_ns = t->settings->interval_ns;
    if (interval_ns > 0 && interval_ns < SHORTEST_INTERVAL_NS) {
        traffic_finding(t, -1, "interval", "must be at least 1s, or 0s for no intervals");
    }
}

static void check_addresses(struct traffic *t)
{
    const struct family *f = t->family;
    size_t count = t->bus->device_count;
    if (!f->addressed && count > 1) {
        traffic_finding(t, 1, NULL, "%s is alone on its line: one device a bus", f->name);
    }
    for (size_t i = 0; !f->addressed && i < count; i++) {
        if (traffic_settings(t, i)->address >= 0) {
            traffic_finding(t, (int)i, "address", "%s has no address", f->name);
        }
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

void traffic_close(void *self)
{
    struct traffic *t = self;
    if (t->family && t->family->unplan) {
        t->family->unplan(t->plan);
    }
    free(t->shapes);
    free(t);
}

int traffic_open(struct weir_bus *bus, void **ret_self)
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
    check_interval(t);
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
