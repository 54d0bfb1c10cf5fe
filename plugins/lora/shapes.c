/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a record of a packet looks like: bytes, signal, sender, and then the values of the packet. A
 * device without points has as many shapes as its packets differ, up to a limit: who can send a
 * packet must not be able to fill our memory. Which ones there are stands in bus->state, so that a
 * step that is done again makes the same records.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lora.h"

/* Names that a value of a packet may not have, and what it is called instead. */
static const struct {
    const char *name, *instead;
} taken[] = {
    { "payload_hex", "payload.payload_hex" },
    { "rssi", "payload.rssi" },
    { "snr", "payload.snr" },
    { "sender", "payload.sender" },
    { "port", "payload.port" },
    { "missed", "payload.missed" },
    { "gateway", "payload.gateway" },
    { "bus", "payload.bus" },
    { "epoch", "payload.epoch" },
    { "seq", "payload.seq" },
    { "device", "payload.device" },
    { "kind", "payload.kind" },
    { "time", "payload.time" },
    { "values", "payload.values" },
    { "before", "payload.before" },
    { "after", "payload.after" },
    { "errors", "payload.errors" },
    { "suspect", "payload.suspect" },
    { "clock", "payload.clock" },
    { "clock_error_s", "payload.clock_error_s" },
    { "uptime", "payload.uptime" },
};

bool prefix_has(const char *name)
{
    for (size_t i = 0; i < PREFIX_MAX; i++) {
        if (!strcmp(taken[i].name, name)) {
            return true;
        }
    }
    return false;
}

static const char *free_name(const char *name)
{
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (!strcmp(taken[i].name, name)) {
            return taken[i].instead;
        }
    }
    return name;
}

size_t prefix_points(const struct lora *l, size_t device, struct weir_point points[PREFIX_MAX])
{
    size_t n = 0;
    points[n++] = (struct weir_point){ "payload_hex", "", WEIR_TEXT };
    if (l->has & HAS_RSSI) {
        points[n++] = (struct weir_point){ "rssi", "dBm", WEIR_FLOAT64 };
    }
    if (l->has & HAS_SNR) {
        points[n++] = (struct weir_point){ "snr", "dB", WEIR_FLOAT64 };
    }
    if (l->has & HAS_SENDER) {
        points[n++] = (struct weir_point){ "sender", "", WEIR_UINT64 };
    }
    if (l->has & HAS_PORT) {
        points[n++] = (struct weir_point){ "port", "", WEIR_INT64 };
    }
    if (l->devices[device].counts) {
        points[n++] = (struct weir_point){ "missed", "{count}", WEIR_UINT64 };
    }
    return n;
}

static int declare(struct lora *l, size_t device, const struct weir_point *more, size_t count)
{
    struct weir_point points[PREFIX_MAX + PAYLOAD_VALUES_MAX];
    size_t n = prefix_points(l, device, points);
    for (size_t i = 0; i < count; i++) {
        points[n] = more[i];
        points[n++].name = free_name(more[i].name);
    }
    return l->bus->host->declare(l->bus, device, "packet", points, n);
}

int shapes_declare(struct lora *l, size_t device)
{
    const struct weir_point *points = NULL;
    size_t count = payload_points(l->devices[device].plan, &points);
    l->devices[device].bare = declare(l, device, points, count);
    return l->devices[device].bare;
}

static uint64_t hash_points(const struct weir_point *points, size_t count)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++) {
        hash = hash_bytes(hash, points[i].name, strlen(points[i].name) + 1);
        hash = hash_bytes(hash, points[i].unit, strlen(points[i].unit) + 1);
        hash = hash_bytes(hash, &points[i].type, sizeof points[i].type);
    }
    return hash;
}

/* Is there room for one more of these; noted in the state. */
static bool admit(struct lora *l, size_t device, uint64_t hash)
{
    struct device_head *kept = &l->kept[device];
    for (size_t i = 0; i < kept->shape_count; i++) {
        if (kept->shapes[i] == hash) {
            return true;
        }
    }
    if (kept->shape_count < SHAPES_MAX) {
        kept->shapes[kept->shape_count++] = hash;
        return true;
    }
    if (!kept->told_full) {
        kept->told_full = 1;
        lora_log(l, WEIR_LOG_WARNING,
                 "%s: packets of more than %d different shapes; the values of further ones are not "
                 "decoded: name the points",
                 l->bus->devices[device].name, SHAPES_MAX);
    }
    return false;
}

/* The points with their strings in one block. */
static struct weir_point *copy_points(const struct weir_point *points, size_t count)
{
    size_t size = count * sizeof *points;
    for (size_t i = 0; i < count; i++) {
        size += strlen(points[i].name) + strlen(points[i].unit) + 2;
    }
    struct weir_point *copy = malloc(size);
    char *text = copy ? (char *)(copy + count) : NULL;
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = points[i];
        copy[i].name = memcpy(text, points[i].name, strlen(points[i].name) + 1);
        text += strlen(text) + 1;
        copy[i].unit = memcpy(text, points[i].unit, strlen(points[i].unit) + 1);
        text += strlen(text) + 1;
    }
    return copy;
}

static int add(struct lora *l, size_t device, const struct payload_values *values)
{
    struct device_run *d = &l->devices[device];
    struct weir_point *copy = copy_points(values->points, values->count);
    int number = copy ? declare(l, device, values->points, values->count) : -ENOMEM;
    if (number < 0) {
        free(copy);
        return number;
    }
    d->shapes[d->shape_count++] = (struct shape){ number, values->count, copy };
    return number;
}

int shapes_find(struct lora *l, size_t device, const struct payload_values *values, bool *ret_bare)
{
    struct device_run *d = &l->devices[device];
    const struct weir_point *fixed;
    *ret_bare = values->count == 0;
    if (values->count == 0 || payload_points(d->plan, &fixed) > 0) {
        return d->bare;
    }
    for (size_t i = 0; i < d->shape_count; i++) {
        if (payload_same_points(d->shapes[i].points, d->shapes[i].count, values->points,
                                values->count)) {
            return d->shapes[i].number;
        }
    }
    if (d->shape_count < SHAPES_MAX &&
        admit(l, device, hash_points(values->points, values->count))) {
        return add(l, device, values);
    }
    *ret_bare = true;
    return d->bare;
}

void shapes_free(struct device_run *device)
{
    for (size_t i = 0; i < device->shape_count; i++) {
        free(device->shapes[i].points);
    }
    device->shape_count = 0;
}
