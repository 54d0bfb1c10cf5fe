/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Windows of devices: what the settings say, and the columns that come of it once the adapter has
 * told the types. A point has the functions that it names; else those of the device that its type
 * can have (text and bool: count and last, and at least last).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "config/private.h"

#define DEFAULT_FUNCTIONS (1u << TALLY_MIN | 1u << TALLY_MEAN | 1u << TALLY_MAX)
#define OF_ANY_TYPE       (1u << TALLY_COUNT | 1u << TALLY_LAST)

enum { COLUMNS_MAX = WEIR_POINTS_MAX, OWN_COLUMNS = 2 };

static const char *const names[TALLY_FUNCTIONS] = {
    [TALLY_MIN] = "min", [TALLY_MEAN] = "mean",   [TALLY_MAX] = "max",
    [TALLY_SUM] = "sum", [TALLY_COUNT] = "count", [TALLY_LAST] = "last",
};

unsigned window_functions(struct findings *findings, const config_setting_t *setting,
                          const struct weir_names *list)
{
    unsigned bits = 0;
    for (size_t i = 0; i < list->count; i++) {
        unsigned f = 0;
        while (f < TALLY_FUNCTIONS && strcmp(names[f], list->names[i]) != 0) {
            f++;
        }
        if (f == TALLY_FUNCTIONS) {
            tree_find(findings, setting, WEIR_LOG_ERROR,
                      "\"%s\" is none of min, mean, max, sum, count, last", list->names[i]);
        } else if (bits & 1u << f) {
            tree_find(findings, setting, WEIR_LOG_ERROR, "\"%s\" stands here twice", names[f]);
        } else {
            bits |= 1u << f;
        }
    }
    return bits;
}

void window_read(struct findings *findings, config_setting_t *setting,
                 const struct window_options *options, const struct weir_adapter *adapter,
                 struct device_config *device)
{
    char every[32];
    if (!setting || !config_setting_is_group(setting)) {
        return;
    }
    config_setting_t *list = config_setting_get_member(setting, "functions");
    device->window = (struct window_config){ .period_ns = options->period_ns,
                                             .align = options->align,
                                             .functions = DEFAULT_FUNCTIONS };
    if (list) {
        device->window.functions = window_functions(findings, list, &options->functions);
    }
    if (adapter->receive && !adapter->poll) {
        tree_find(findings, setting, WEIR_LOG_ERROR,
                  "adapter %s listens: what its devices say is not summed up", adapter->name);
    } else if (options->period_ns && options->period_ns < device->every_ns) {
        duration_format(device->every_ns, every, sizeof every);
        tree_find(findings, config_setting_get_member(setting, "period"), WEIR_LOG_ERROR,
                  "is shorter than every (%s)", every);
    }
}

/* ---- columns */

struct planner {
    const struct bus_config *bus;
    size_t device;
    struct findings *findings;
    struct window_plan plan; /* first run: only counts */
    struct weir_point *points;
    struct window_column *columns;
    char *text;
    size_t text_bytes;
    bool wrong;
};

static void find_wrong(struct planner *p, size_t point, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void find_wrong(struct planner *p, size_t point, const char *key, const char *format, ...)
{
    const struct weir_device *device = &p->bus->bus.devices[p->device];
    char text[256];
    const char *file;
    int line;
    va_list args;
    p->wrong = true;
    if (!p->findings || !p->points) { /* told in the second run only */
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    config_where(p->bus, (int)p->device, (int)point, key, &file, &line);
    findings_add(p->findings, file, line, WEIR_LOG_ERROR, "%s.%s: window: %s", device->name,
                 device->points[point].name, text);
}

static enum weir_type column_type(enum window_function function, enum weir_type type)
{
    bool real = type == WEIR_FLOAT32 || type == WEIR_FLOAT64;
    switch (function) {
    case TALLY_MEAN:
        return type == WEIR_FLOAT32 ? WEIR_FLOAT32 : WEIR_FLOAT64;
    case TALLY_SUM:
        return real ? WEIR_FLOAT64 : type;
    case TALLY_COUNT:
    case TALLY_POLLS:
        return WEIR_UINT64;
    case TALLY_PERIOD:
        return WEIR_FLOAT64;
    default:
        return type;
    }
}

static bool is_taken(const struct planner *p, const char *name)
{
    for (size_t i = 0; i < p->plan.count; i++) {
        if (!strcmp(p->points[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void add_column(struct planner *p, size_t point, enum window_function function,
                       enum weir_type type)
{
    const struct weir_device_point *of = &p->bus->bus.devices[p->device].points[point];
    bool whole = function == TALLY_PERIOD || function == TALLY_POLLS;
    char name[2 * WEIR_NAME_MAX];
    size_t i = p->plan.count;
    snprintf(name, sizeof name, "%s%s%s",
             whole ? function == TALLY_PERIOD ? "period" : "polls" : of->name,
             function < TALLY_FUNCTIONS ? "_" : "",
             function < TALLY_FUNCTIONS ? names[function] : "");
    size_t len = strlen(name);
    if (p->points) {
        if (len > WEIR_NAME_MAX) {
            find_wrong(p, point, "name", "\"%s\" is longer than %d characters", name,
                       WEIR_NAME_MAX);
        } else if (is_taken(p, name)) {
            find_wrong(p, point, "name", "there would be two values \"%s\" in a record", name);
        }
        const char *unit = function == TALLY_PERIOD                        ? "s"
                           : whole || function == TALLY_COUNT || !of->unit ? ""
                                                                           : of->unit;
        memcpy(p->text, name, len + 1);
        p->points[i] = (struct weir_point){ p->text, unit, column_type(function, type) };
        p->columns[i] = (struct window_column){ point, function };
        p->text += len + 1;
    }
    p->text_bytes += len + 1;
    p->plan.count++;
}

static unsigned functions_of(struct planner *p, size_t point, enum weir_type type)
{
    const struct device_config *device = &p->bus->devices[p->device];
    const struct point_config *config = &device->points[point];
    bool number = type >= WEIR_INT64 && type <= WEIR_FLOAT64;
    if (!config->window_own) {
        unsigned bits = device->window.functions & (number ? ~0u : OF_ANY_TYPE);
        return bits || !device->window.functions ? bits : 1u << TALLY_LAST;
    }
    if (!number && (config->window & ~OF_ANY_TYPE)) {
        find_wrong(p, point, "window", "a %s has count and last only",
                   type == WEIR_BOOL ? "bool" : "text");
    }
    return config->window;
}

static bool has_window(const struct planner *p)
{
    for (size_t i = 0; i < p->plan.count; i++) {
        if (p->columns[i].function != TALLY_RAW) {
            return true;
        }
    }
    return false;
}

static void lay_columns(struct planner *p, const enum weir_type *types)
{
    size_t count = p->bus->bus.devices[p->device].point_count;
    p->plan.count = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned bits = functions_of(p, i, types[i]);
        for (unsigned f = 0; f < TALLY_FUNCTIONS; f++) {
            if (bits & 1u << f) {
                add_column(p, i, (enum window_function)f, types[i]);
            }
        }
        if (!bits) {
            add_column(p, i, TALLY_RAW, types[i]);
        }
    }
}

int window_plan(const struct bus_config *bus, size_t device, const enum weir_type *types,
                struct findings *findings, struct window_plan **ret_plan)
{
    struct planner p = { .bus = bus, .device = device, .findings = findings };
    *ret_plan = NULL;
    if (!bus->devices[device].window.period_ns || !bus->bus.devices[device].point_count) {
        return 0;
    }
    size_t count = bus->bus.devices[device].point_count;
    lay_columns(&p, types);
    size_t columns = p.plan.count + OWN_COLUMNS;
    size_t text_bytes = p.text_bytes + OWN_COLUMNS * (WEIR_NAME_MAX + 1);
    struct window_plan *plan =
        calloc(1, sizeof *plan + columns * (sizeof *p.points + sizeof *p.columns) + text_bytes);
    if (!plan) {
        return -ENOMEM;
    }
    p.wrong = false;
    p.points = (struct weir_point *)(plan + 1);
    p.columns = (struct window_column *)(p.points + columns);
    p.text = (char *)(p.columns + columns);
    lay_columns(&p, types);
    if (!has_window(&p)) {
        free(plan);
        return p.wrong ? -EINVAL : 0;
    }
    add_column(&p, count - 1, TALLY_PERIOD, WEIR_FLOAT64);
    add_column(&p, count - 1, TALLY_POLLS, WEIR_UINT64);
    if (p.plan.count > COLUMNS_MAX) {
        find_wrong(&p, 0, NULL, "%zu values in a record; it has at most %d", p.plan.count,
                   COLUMNS_MAX);
    }
    if (p.wrong) {
        free(plan);
        return -EINVAL;
    }
    *plan = (struct window_plan){ p.points, p.columns, p.plan.count };
    *ret_plan = plan;
    return 0;
}
