/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The whole configuration, plugins and models included, without opening a port: what `weir check`
 * says and what a start or reload asks first. A plugin that does not load is a warning, as the rest
 * runs.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/text.h"
#include "config/plugin.h"
#include "config/private.h"

static config_setting_t *device_list(const config_setting_t *bus)
{
    config_setting_t *list =
        config_setting_is_group(bus) ? config_setting_get_member(bus, "devices") : NULL;
    return list && config_setting_is_list(list) ? list : NULL;
}

/* A group's text under this key, NULL if it has none. */
static const char *text_of(const config_setting_t *group, const char *key)
{
    const char *text = NULL;
    if (config_setting_is_group(group)) {
        config_setting_lookup_string(group, key, &text);
    }
    return text;
}

/* Something named that only one may have: a device's name in the gateway, a port's on the machine.
 */
struct owner {
    const char *name;
    const config_setting_t *setting;
};
struct owners {
    struct owner *list;
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    int lines = tree_line(x->setting) - tree_line(y->setting);
    return order ? order : lines;
}

static void add_owner(struct owners *owners, const char *name, const config_setting_t *setting)
{
    struct owner *more =
        name && name[0] ? realloc(owners->list, (owners->count + 1) * sizeof *owners->list) : NULL;
    if (more) {
        owners->list = more;
        more[owners->count++] = (struct owner){ name, setting };
    }
}

/* Sorts, finds what stands there twice, and keeps the list for look-ups. */
static void find_twice(struct findings *findings, struct owners *owners, const char *what)
{
    if (owners->count > 1) {
        qsort(owners->list, owners->count, sizeof *owners->list, by_name);
    }
    const struct owner *first = owners->list;
    for (size_t i = 1; i < owners->count; i++) {
        const struct owner *one = &owners->list[i];
        if (strcmp(first->name, one->name) != 0) {
            first = one;
            continue;
        }
        tree_find(findings, one->setting, WEIR_LOG_ERROR, "%s \"%s\" stands in %s:%d already", what,
                  one->name, tree_file(first->setting), tree_line(first->setting));
    }
}

static bool is_owner(const struct owners *owners, const char *name)
{
    for (size_t i = 0; i < owners->count; i++) {
        if (!strcmp(owners->list[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* An uplink that asks for a device which no bus has would wait for it for ever. */
static void check_filters(struct config *config, struct findings *findings,
                          const struct owners *devices)
{
    config_setting_t *uplinks = config_group(config, "uplinks", NULL);
    int count = uplinks && config_setting_is_group(uplinks) ? config_setting_length(uplinks) : 0;
    for (int i = 0; i < count; i++) {
        config_setting_t *one = config_setting_get_elem(uplinks, (unsigned)i);
        config_setting_t *list =
            config_setting_is_group(one) ? config_setting_get_member(one, "devices") : NULL;
        int length = list && config_setting_is_aggregate(list) ? config_setting_length(list) : 0;
        for (int k = 0; k < length; k++) {
            const char *name = config_setting_get_string_elem(list, k);
            if (name && !is_owner(devices, name)) {
                tree_find(findings, list, WEIR_LOG_ERROR, "there is no device \"%s\"", name);
            }
        }
    }
}

/* What crosses the borders of buses: names of devices, serial ports, filters of uplinks. */
static void check_across(struct config *config, struct findings *findings)
{
    config_setting_t *buses = config_group(config, "buses", NULL);
    int count = buses && config_setting_is_group(buses) ? config_setting_length(buses) : 0;
    struct owners devices = { 0 }, ports = { 0 };
    for (int i = 0; i < count; i++) {
        config_setting_t *bus = config_setting_get_elem(buses, (unsigned)i);
        config_setting_t *list = device_list(bus);
        int enabled = 1;
        if (config_setting_is_group(bus)) {
            config_setting_lookup_bool(bus, "enabled", &enabled);
        }
        if (enabled) {
            add_owner(&ports, text_of(bus, "port"), bus);
        }
        for (int k = 0; list && k < config_setting_length(list); k++) {
            config_setting_t *device = config_setting_get_elem(list, (unsigned)k);
            add_owner(&devices, text_of(device, "name"), device);
        }
    }
    find_twice(findings, &devices, "device");
    find_twice(findings, &ports, "port");
    check_filters(config, findings, &devices);
    free(devices.list);
    free(ports.list);
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
                        const struct config_names *names, struct flash_plan *plan)
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
                check_flash_bus(plan, bus);
            }
            plugin_unload(&plugin);
        }
    }
}

/* A record that waits for others must not be due for flash meanwhile. */
static void check_patience(struct findings *findings, config_setting_t *setting,
                           const struct settings *settings, const struct uplink_config *uplink)
{
    char after[32];
    if (settings->persist_after_ns > 0 && settings->persist_after_ns < 2 * uplink->batch_delay_ns) {
        duration_format(settings->persist_after_ns, after, sizeof after);
        tree_find(
            findings, config_setting_get_member(setting, "batch"), WEIR_LOG_WARNING,
            "delay: spool.persist_after (%s) is under twice of it: records go to flash although "
            "the link is up",
            after);
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
                check_uplink(findings, settings->gateway, plugin.uplink, uplink);
                check_patience(findings, setting, settings, uplink);
            }
            plugin_unload(&plugin);
        }
    }
}

/* The nearest folder that exists decides on which file system a path will lie. */
bool config_in_ram(const char *path)
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
                         const struct settings *settings, bool look_at_flash)
{
    config_setting_t *spool = config_group(config, "spool", NULL);
    spool = spool ? spool : config_root_setting(&config->tree);
    if (!config_in_ram(settings->ram)) {
        tree_find(findings, spool, WEIR_LOG_WARNING, "ram: %s is not in RAM (tmpfs)",
                  settings->ram);
    }
    if (look_at_flash && config_in_ram(settings->directory)) {
        tree_find(findings, spool, WEIR_LOG_WARNING,
                  "directory: %s is in RAM and does not outlive a boot", settings->directory);
    }
}

int config_check(const char *path, struct findings *findings, bool look_at_flash)
{
    struct config *config;
    struct settings settings;
    struct flash_plan plan = { 0 };
    int r = config_load(path, findings, &config);
    if (r < 0) {
        return r;
    }
    settings_read(config, findings, &settings);
    check_across(config, findings);
    check_places(config, findings, &settings, look_at_flash);
    check_buses(config, findings, &settings.buses, &plan);
    check_uplinks(config, findings, &settings);
    check_flash(config, findings, &settings, &plan);
    config_unload(config);
    return findings_errors(findings) ? -EINVAL : 0;
}
