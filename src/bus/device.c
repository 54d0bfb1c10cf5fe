/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The devices of a bus at run time: shapes, deadbands, room for values, and their place in the
 * stats page, where counters of a process before this one go on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "bus/host.h"

static struct weir_shape shape_view(const struct device *device, const char *kind,
                                    const struct weir_point *points, size_t count)
{
    return (struct weir_shape){ .device = device->view->name,
                                .kind = kind,
                                .model = device->config->model,
                                .labels = device->config->labels,
                                .label_count = device->config->label_count,
                                .points = points,
                                .point_count = count };
}

static bool is_type(enum weir_type type)
{
    return type >= WEIR_BOOL && type <= WEIR_BYTES;
}

/* What a reading looks like: names and units from the configuration, types from the adapter. */
static int make_reading(struct host *host, struct device *device, size_t index)
{
    size_t count = device->view->point_count;
    struct weir_point *points = calloc(count + 1, sizeof *points);
    struct point_rule *rules = calloc(count + 1, sizeof *rules);
    struct window_plan *plan = NULL;
    device->values = calloc(count + 1, sizeof *device->values);
    device->texts = calloc(count + 1, sizeof *device->texts);
    device->types = calloc(count + 1, sizeof *device->types);
    int r = points && rules && device->values && device->texts && device->types ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && r == 0; i++) {
        const struct weir_device_point *point = &device->view->points[i];
        enum weir_type type = host->adapter->point_type(host->self, index, i);
        if (!is_type(type)) {
            r = -EINVAL;
            break;
        }
        device->types[i] = type;
        points[i] = (struct weir_point){ point->name, point->unit ? point->unit : "", type };
        rules[i] = (struct point_rule){ type, device->config->points[i].deadband,
                                        device->config->points[i].max_silence_ns };
        if (type == WEIR_TEXT || type == WEIR_BYTES) {
            device->texts[device->text_count++] = i;
        }
    }
    if (r == 0) {
        r = window_plan(host->config, index, device->types, host->findings, &plan);
    }
    if (r == 0) {
        struct weir_shape view =
            shape_view(device, "reading", plan ? plan->points : points, plan ? plan->count : count);
        r = shape_create(&view, &device->reading);
    }
    if (r == 0) {
        r = points_create(rules, count, device->config->every_ns, &device->points);
    }
    free(points);
    free(rules);
    if (r < 0 || !plan) {
        free(plan);
        return r;
    }
    return windows_create(host, device, plan);
}

static int make_device(struct host *host, size_t index)
{
    struct device *device = &host->devices[index];
    device->view = &host->bus.devices[index];
    device->config = &host->config->devices[index];
    snprintf(device->doing, sizeof device->doing, "poll %s", device->view->name);
    struct weir_shape view = shape_view(device, "state", state_points, 3);
    int r = shape_create(&view, &device->change);
    if (r == 0 && host->adapter->poll) {
        r = make_reading(host, device, index);
    }
    if (r < 0) {
        say(SAY_ERROR, "device %s: %s", device->view->name,
            r == -EINVAL ? "its points make no record" : strerror(-r));
    }
    return r;
}

/* Devices keep their counters when the order in the configuration changes. Devices beyond the page
 * count into a place that nobody sees. */
static int lay_stats(struct host *host)
{
    static struct stats_device beyond;
    struct stats_bus *page = host->stats;
    size_t before = page->device_count < STATS_DEVICES ? page->device_count : STATS_DEVICES;
    struct stats_device *old = calloc(before + 1, sizeof *old);
    if (!old) {
        return -ENOMEM;
    }
    memcpy(old, page->devices, before * sizeof *old);
    memset(page->devices, 0, before * sizeof *old);
    size_t count = host->bus.device_count;
    page->device_count = (uint32_t)(count < STATS_DEVICES ? count : STATS_DEVICES);
    for (size_t i = 0; i < count; i++) {
        struct device *device = &host->devices[i];
        device->stats = i < STATS_DEVICES ? &page->devices[i] : &beyond;
        for (size_t k = 0; k < before; k++) {
            if (strncmp(old[k].name, device->view->name, sizeof old[k].name) == 0) {
                *device->stats = old[k];
            }
        }
        stats_text(device->stats->name, sizeof device->stats->name, device->view->name);
        /* A device that was gone before a restart comes back with a record. */
        device->state.gone = device->stats->state == DEVICE_GONE;
        device->met = device->stats->state == DEVICE_LIVE;
    }
    free(old);
    return 0;
}

int devices_create(struct host *host)
{
    size_t count = host->bus.device_count;
    host->devices = calloc(count + 1, sizeof *host->devices);
    host->texts = malloc(HOST_TEXTS_BYTES);
    if (!host->devices || !host->texts) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int r = make_device(host, i);
        if (r < 0) {
            return r;
        }
    }
    return lay_stats(host);
}

void devices_destroy(struct host *host)
{
    for (size_t i = 0; host->devices && i < host->bus.device_count; i++) {
        struct device *device = &host->devices[i];
        shape_destroy(device->reading);
        shape_destroy(device->change);
        points_destroy(device->points);
        free(device->values);
        free(device->texts);
        free(device->types);
        windows_destroy(device);
    }
    free(host->devices);
    host->devices = NULL;
    free(host->texts);
    host->texts = NULL;
}
