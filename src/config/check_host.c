/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Plugins' own look at their settings: open() and close(), with a host that has every function and
 * does nothing.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/private.h"

/* The adapter's host while only its settings are looked at. The bus struct stands first in
 * bus_config, so the findings of an adapter find their way back. */
struct check_bus {
    struct weir_bus bus; /* first: what the adapter holds */
    const struct bus_config *config;
    struct findings *findings;
};

static void check_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
{
}

static void check_finding(struct weir_bus *bus, int device, int point, const char *key,
                          enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static void check_finding(struct weir_bus *bus, int device, int point, const char *key,
                          enum weir_level level, const char *format, ...)
{
    const struct check_bus *check = (const struct check_bus *)bus;
    char text[512], what[200] = "";
    const char *file;
    int line;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    config_where(check->config, device, point, key, &file, &line);
    if (device >= 0 && (size_t)device < bus->device_count) {
        const struct weir_device *d = &bus->devices[device];
        bool has_point = point >= 0 && (size_t)point < d->point_count;
        snprintf(what, sizeof what, "%s%s%s: ", d->name, has_point ? "." : "",
                 has_point ? d->points[point].name : "");
    }
    findings_add(check->findings, file, line, level, "%s%s%s%s", what, key ? key : "",
                 key ? ": " : "", text);
}

static int64_t check_now(void)
{
    return boot_now().ns;
}

static int check_port(struct weir_bus *bus)
{
    return -1;
}

static enum weir_result check_wait(struct weir_bus *bus, int64_t timeout_ns)
{
    return WEIR_R_PORT;
}

static enum weir_result check_write(struct weir_bus *bus, const uint8_t *data, size_t len)
{
    return WEIR_R_PORT;
}

static enum weir_result check_read(struct weir_bus *bus, uint8_t *buf, size_t size,
                                   int64_t timeout_ns, size_t *ret_len)
{
    return WEIR_R_PORT;
}

static size_t check_flush(struct weir_bus *bus)
{
    return 0;
}

static void check_trace(struct weir_bus *bus, enum weir_direction direction, const uint8_t *data,
                        size_t len)
{
}

static int check_declare(struct weir_bus *bus, size_t device, const char *kind,
                         const struct weir_point *points, size_t point_count)
{
    return 0;
}

static int check_emit(struct weir_bus *bus, int shape, int64_t time_ns,
                      const struct weir_value *values)
{
    return 0;
}

static void check_stray(struct weir_bus *bus, enum weir_result what)
{
}

static const struct weir_adapter_host check_host = {
    .size = sizeof check_host,
    .log = check_log,
    .finding = check_finding,
    .now_ns = check_now,
    .port = check_port,
    .wait = check_wait,
    .write = check_write,
    .read = check_read,
    .flush = check_flush,
    .trace = check_trace,
    .declare = check_declare,
    .emit = check_emit,
    .stray = check_stray,
};

/* Which functions a point can have hangs on its type, which only the adapter knows. */
static void check_windows(struct findings *findings, const struct weir_adapter *adapter,
                          const struct bus_config *config, void *self)
{
    enum weir_type types[WEIR_POINTS_MAX];
    for (size_t i = 0; adapter->poll && i < config->bus.device_count; i++) {
        size_t count = config->bus.devices[i].point_count;
        struct window_plan *plan = NULL;
        for (size_t k = 0; k < count && k < WEIR_POINTS_MAX; k++) {
            types[k] = adapter->point_type(self, i, k);
        }
        if (count <= WEIR_POINTS_MAX && window_plan(config, i, types, findings, &plan) == 0) {
            free(plan);
        }
    }
}

void check_adapter(struct findings *findings, const struct weir_adapter *adapter,
                   const struct bus_config *config)
{
    struct check_bus check = { config->bus, config, findings };
    void *self = NULL;
    size_t errors = findings_errors(findings);
    check.bus.host = &check_host;
    int r = adapter->open(&check.bus, &self);
    if (r == 0) {
        check_windows(findings, adapter, config, self);
        adapter->close(self);
    } else if (findings_errors(findings) == errors) {
        findings_add(findings, config->file, config->line, WEIR_LOG_ERROR, "%s: adapter %s: %s",
                     config->bus.name, adapter->name, strerror(-r));
    }
}

static void uplink_log(struct weir_uplink_link *link, enum weir_level level, const char *format,
                       ...)
{
}

static void uplink_connected(struct weir_uplink_link *link, const char *note)
{
}

static void uplink_disconnected(struct weir_uplink_link *link, const char *why, bool permanent)
{
}

static void uplink_accepted(struct weir_uplink_link *link, uint64_t token)
{
}

static void uplink_refused(struct weir_uplink_link *link, uint64_t token, const char *why)
{
}

static const struct weir_uplink_host uplink_host = { .size = sizeof uplink_host,
                                                     .log = uplink_log,
                                                     .now_ns = check_now,
                                                     .connected = uplink_connected,
                                                     .disconnected = uplink_disconnected,
                                                     .accepted = uplink_accepted,
                                                     .refused = uplink_refused };

void check_uplink(struct findings *findings, const char *gateway, const struct weir_uplink *plugin,
                  const struct uplink_config *uplink)
{
    char err[512] = "";
    void *self = NULL;
    struct weir_uplink_env env = {
        .host = &uplink_host, .gateway = gateway, .name = uplink->name, .options = uplink->options
    };
    if (plugin->open(&env, &self, err, sizeof err) == 0) {
        plugin->close(self);
    } else {
        findings_add(findings, uplink->file, uplink->line, WEIR_LOG_ERROR, "uplinks.%s: %s",
                     uplink->name, err);
    }
}
