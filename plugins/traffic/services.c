/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What families are given: see family.h.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "traffic.h"

#define WEEK_NS (7 * 86400 * TRAFFIC_NS_PER_S)

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
