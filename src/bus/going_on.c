/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Where devices that keep their data are asked on from when the adapter's state is lost. See
 * log/resume.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "bus/host.h"
#include "log/resume.h"

struct going_on {
    struct resume_bus bus; /* as the file has it */
    bool told;             /* that it cannot be written */
};

struct going_on *going_on_create(const struct host *host)
{
    struct going_on *g = host->adapter->resume_point ? calloc(1, sizeof *g) : NULL;
    if (!g) {
        return NULL;
    }
    g->bus.points = calloc(host->bus.device_count + 1, sizeof *g->bus.points);
    if (!g->bus.points) {
        free(g);
        return NULL;
    }
    g->bus.count = host->bus.device_count;
    snprintf(g->bus.bus, sizeof g->bus.bus, "%s", host->bus.name);
    snprintf(g->bus.adapter, sizeof g->bus.adapter, "%s", host->adapter->name);
    for (size_t i = 0; i < g->bus.count; i++) {
        snprintf(g->bus.points[i].device, sizeof g->bus.points[i].device, "%s",
                 host->bus.devices[i].name);
    }
    return g;
}

void going_on_destroy(struct going_on *going_on)
{
    if (going_on) {
        free(going_on->bus.points);
        free(going_on);
    }
}

static int save(const struct host *host, const struct going_on *g)
{
    char path[FOLDER_PATH_MAX];
    const struct resume all = { (struct resume_bus *)(uintptr_t)&g->bus, 1 };
    int r = resume_path(host->settings->ram, "", path);
    r = r < 0 ? r : folder_make(path);
    r = r < 0 ? r : resume_path(host->settings->ram, host->bus.name, path);
    return r < 0 ? r : resume_save(path, &all);
}

void going_on_note(struct host *host, struct going_on *g, struct place at)
{
    bool changed = false;
    for (size_t i = 0; g && i < g->bus.count; i++) {
        uint64_t point = host->adapter->resume_point(host->self, i);
        changed |= point != g->bus.points[i].point;
        g->bus.points[i].point = point;
    }
    if (!changed) {
        return;
    }
    g->bus.at = at;
    int r = save(host, g);
    if (r < 0 && !g->told) {
        say(SAY_WARNING, "where to go on after a power cut cannot be noted: %s", strerror(-r));
    }
    g->told = r < 0;
}

/* Of one device; false: nothing is known of it. */
static bool give(struct host *host, const struct resume_bus *left, size_t device)
{
    for (size_t i = 0; i < left->count; i++) {
        if (left->points[i].point &&
            !strcmp(left->points[i].device, host->bus.devices[device].name)) {
            host->adapter->resume(host->self, device, left->points[i].point, left->exact);
            return true;
        }
    }
    return false;
}

void going_on_start(struct host *host)
{
    char path[FOLDER_PATH_MAX];
    struct resume all;
    if (!host->adapter->resume) {
        return;
    }
    int r = resume_path(host->settings->ram, host->bus.name, path);
    bool of_boot = r == 0 && resume_load(path, &all) == 0;
    if (!of_boot &&
        (resume_boot_path(host->settings->ram, path) < 0 || (r = resume_load(path, &all)) < 0)) {
        if (r != -ENOENT) {
            say(SAY_WARNING, "%s: %s", path, strerror(-r));
        }
        return;
    }
    struct resume_bus *left = resume_find(&all, host->bus.name);
    size_t count = 0;
    if (left && !strcmp(left->adapter, host->adapter->name)) {
        left->exact |= of_boot; /* the process before noted it after each step */
        for (size_t i = 0; i < host->bus.device_count; i++) {
            count += give(host, left, i);
        }
    }
    if (count) {
        say(SAY_NOTICE, "goes on where it ended devices=%zu exact=%s", count,
            left->exact ? "yes" : "no");
    }
    resume_free(&all);
}
