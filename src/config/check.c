/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The whole configuration, plugins and models included, without opening a port: what `weir check` says and
 * what a start or reload asks first. A plugin that does not load is a warning, as the rest runs.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "config/plugin.h"
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

static const struct weir_adapter_host check_host = {
    .size = sizeof check_host,
    .log = check_log,
    .finding = check_finding,
    .now_ns = check_now,
    .port = check_port,
};

static void check_adapter(struct findings *findings, const struct weir_adapter *adapter,
                          const struct bus_config *config)
{
    struct check_bus check = { config->bus, config, findings };
    void *self = NULL;
    size_t errors = findings_errors(findings);
    check.bus.host = &check_host;
    int r = adapter->open(&check.bus, &self);
    if (r == 0) {
        adapter->close(self);
    } else if (findings_errors(findings) == errors) {
        findings_add(findings, config->file, config->line, WEIR_LOG_ERROR, "%s: adapter %s: %s",
                     config->bus.name, adapter->name, strerror(-r));
    }
}

/* Device names are unique in the gateway; those of one bus are compared with all before it. */
static void check_device_names(struct config *config, struct findings *findings)
{
    config_setting_t *buses = config_group(config, "buses", NULL), *seen[4096];
    size_t count = 0;
    for (int i = 0; buses && i < config_setting_length(buses); i++) {
        config_setting_t *bus = config_setting_get_elem(buses, (unsigned)i);
        config_setting_t *list =
            config_setting_is_group(bus) ? config_setting_get_member(bus, "devices") : NULL;
        for (int k = 0; list && config_setting_is_list(list) && k < config_setting_length(list); k++) {
            config_setting_t *one = config_setting_get_elem(list, (unsigned)k);
            const char *name = NULL, *other = NULL;
            if (!config_setting_is_group(one) || !config_setting_lookup_string(one, "name", &name)) {
                continue;
            }
            for (size_t s = 0; s < count; s++) {
                config_setting_lookup_string(seen[s], "name", &other);
                if (!strcmp(other, name)) {
                    tree_find(findings, one, WEIR_LOG_ERROR, "device \"%s\" stands in %s:%d already",
                              name, tree_file(seen[s]), tree_line(seen[s]));
                    break;
                }
            }
            if (count < sizeof seen / sizeof *seen) {
                seen[count++] = one;
            }
        }
    }
}

/* The first row of both tables names the plugin. */
static void find_no_plugin(struct findings *findings, const config_setting_t *setting,
                           const struct weir_option *row)
{
    const config_setting_t *member = config_setting_get_member(setting, row->name);
    if (member) {
        tree_find(findings, member, WEIR_LOG_ERROR, "must be a name in quotes");
    } else {
        tree_find(findings, setting, WEIR_LOG_ERROR, "%s is missing (%s)", row->name, row->help);
    }
}

static void check_buses(struct config *config, struct findings *findings,
                        const struct config_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        config_setting_t *setting = config_group(config, "buses", names->names[i]);
        const char *name = config_bus_adapter(config, names->names[i]);
        struct plugin plugin;
        struct bus_config *bus;
        char err[1024];
        if (!name) {
            find_no_plugin(findings, setting, bus_rows);
        } else if (plugin_load(PLUGIN_ADAPTER, name, &plugin, err, sizeof err) < 0) {
            tree_find(findings, setting, WEIR_LOG_WARNING, "does not run: %s", err);
        } else {
            if (config_bus(config, names->names[i], plugin.adapter, findings, &bus) == 0) {
                check_adapter(findings, plugin.adapter, bus);
            }
            plugin_unload(&plugin);
        }
    }
}

static void check_uplink(struct findings *findings, const struct settings *settings,
                         const struct weir_uplink *plugin, const struct uplink_config *uplink)
{
    char err[512] = "";
    void *self = NULL;
    static const struct weir_uplink_host none = { .size = sizeof none, .now_ns = check_now };
    struct weir_uplink_env env = { .host = &none,
                                   .gateway = settings->gateway,
                                   .name = uplink->name,
                                   .options = uplink->options };
    if (plugin->open(&env, &self, err, sizeof err) == 0) {
        plugin->close(self);
    } else {
        findings_add(findings, uplink->file, uplink->line, WEIR_LOG_ERROR, "uplinks.%s: %s",
                     uplink->name, err);
    }
}

static void check_uplinks(struct config *config, struct findings *findings,
                          const struct settings *settings)
{
    for (size_t i = 0; i < settings->uplinks.count; i++) {
        const char *which = settings->uplinks.names[i];
        config_setting_t *setting = config_group(config, "uplinks", which);
        const char *name = config_uplink_plugin(config, which);
        struct plugin plugin;
        struct uplink_config *uplink;
        char err[1024];
        if (!name) {
            find_no_plugin(findings, setting, uplink_rows);
        } else if (plugin_load(PLUGIN_UPLINK, name, &plugin, err, sizeof err) < 0) {
            tree_find(findings, setting, WEIR_LOG_WARNING, "does not run: %s", err);
        } else {
            if (config_uplink(config, which, plugin.uplink, findings, &uplink) == 0) {
                check_uplink(findings, settings, plugin.uplink, uplink);
            }
            plugin_unload(&plugin);
        }
    }
}

/* The nearest folder that exists decides on which file system a path will lie. */
static bool on_tmpfs(const char *path)
{
    char part[512];
    struct statfs fs;
    snprintf(part, sizeof part, "%s", path);
    while (statfs(part, &fs) != 0) {
        char *slash = strrchr(part, '/');
        if (!slash || slash == part) {
            return statfs("/", &fs) == 0 && fs.f_type == TMPFS_MAGIC;
        }
        *slash = 0;
    }
    return fs.f_type == TMPFS_MAGIC;
}

static void check_places(struct config *config, struct findings *findings,
                         const struct settings *settings)
{
    config_setting_t *spool = config_group(config, "spool", NULL);
    if (!on_tmpfs(settings->ram)) {
        tree_find(findings, spool, WEIR_LOG_WARNING, "ram: %s is not in RAM (tmpfs)", settings->ram);
    }
    if (on_tmpfs(settings->directory)) {
        tree_find(findings, spool, WEIR_LOG_WARNING, "directory: %s is in RAM and does not outlive a boot",
                  settings->directory);
    }
}

int config_check(const char *path, struct findings *findings)
{
    struct config *config;
    struct settings settings;
    int r = config_load(path, findings, &config);
    if (r < 0) {
        return r;
    }
    r = config_settings(config, findings, &settings);
    check_device_names(config, findings);
    if (r == 0) {
        check_places(config, findings, &settings);
        check_buses(config, findings, &settings.buses);
        check_uplinks(config, findings, &settings);
    }
    config_unload(config);
    return findings_errors(findings) ? -EINVAL : 0;
}
