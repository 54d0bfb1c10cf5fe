/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What everyone needs to know: the gateway, where things lie, which buses and uplinks there are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/private.h"

#define MIB (1024LL * 1024)

static const char *join(struct config *config, const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 1;
    char *text = arena_take(&config->arena, size);
    snprintf(text, size, "%s%s", a, b);
    return text;
}

/* Without root a first try needs no privileges. */
static const char *default_directory(struct config *config)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (geteuid() == 0) {
        return "/var/lib/weir";
    }
    return state ? join(config, state, "/weir")
                 : join(config, home ? home : "/tmp", "/.local/state/weir");
}

static const char *default_ram(struct config *config)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    char path[48];
    if (geteuid() == 0) {
        return "/run/weir";
    }
    snprintf(path, sizeof path, "/dev/shm/weir-%u", (unsigned)geteuid());
    return run ? join(config, run, "/weir") : arena_text(&config->arena, path);
}

static int64_t default_ram_limit(void)
{
    int64_t memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t limit = memory / 20;
    return limit < 16 * MIB ? 16 * MIB : limit > 64 * MIB ? 64 * MIB : limit;
}

static void settings_clock(struct findings *findings, config_setting_t *group, const char *text,
                           struct settings *ret)
{
    static const char *const words[] = { "auto", "system" };
    for (int i = 0; i < 2; i++) {
        if (!strcmp(text, words[i])) {
            ret->clock = (enum config_clock)i;
            return;
        }
    }
    ret->clock = CONFIG_CLOCK_FILE;
    ret->clock_file = text + (strncmp(text, "file:", 5) == 0 ? 5 : 0);
    if (strncmp(text, "file:/", 6) != 0) {
        tree_find(findings, config_setting_get_member(group, "clock"), WEIR_LOG_ERROR,
                  "\"%s\" is none of auto, system, file:/path", text);
    }
}

static struct config_names enabled_names(struct config *config, struct findings *findings,
                                         const char *kind)
{
    struct config_names names = { 0 };
    config_setting_t *all = config_setting_get_member(config_root_setting(&config->tree), kind);
    if (all && !config_setting_is_group(all)) {
        tree_find(findings, all, WEIR_LOG_ERROR, "must be a group, as { NAME = { ... }; }");
        all = NULL;
    }
    size_t count = all ? (size_t)config_setting_length(all) : 0;
    names.names = arena_take(&config->arena, (count + 1) * sizeof *names.names);
    for (size_t i = 0; i < count; i++) {
        config_setting_t *one = config_setting_get_elem(all, (unsigned)i);
        int enabled = 1;
        fill_name_check(findings, one, config_setting_name(one), "name");
        if (!config_setting_is_group(one)) {
            tree_find(findings, one, WEIR_LOG_ERROR, "must be a group, as { ... }");
            continue;
        }
        config_setting_lookup_bool(one, "enabled", &enabled);
        if (enabled) {
            names.names[names.count++] = config_setting_name(one);
        }
    }
    return names;
}

static void check_root(struct config *config, struct findings *findings)
{
    static const char *const groups[] = { "gateway", "spool" };
    static const char *const known[] = { "gateway", "spool", "buses", "uplinks", "commands", NULL };
    struct fill_from from = { config_root_setting(&config->tree), NULL, NULL };
    fill_all(config, findings, &from, NULL, 0, known);
    for (int i = 0; i < 2; i++) {
        config_setting_t *group = config_setting_get_member(from.own, groups[i]);
        if (group && !config_setting_is_group(group)) {
            tree_find(findings, group, WEIR_LOG_ERROR, "must be a group, as { ... }");
        }
    }
    config_setting_t *commands = config_setting_get_member(from.own, "commands");
    if (commands) {
        tree_find(findings, commands, WEIR_LOG_WARNING, "has no effect in this version");
    }
}

const char *settings_gateway(struct config *config)
{
    char host[65] = "";
    const char *name = NULL;
    config_setting_t *gateway = config_group(config, "gateway", NULL);
    if (gateway && config_setting_lookup_string(gateway, "name", &name) && name[0]) {
        return name;
    }
    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = 0;
    return arena_text(&config->arena, host[0] ? host : "weir");
}

void settings_read(struct config *config, struct findings *findings, struct settings *ret_settings)
{
    config_setting_t *gateway = config_group(config, "gateway", NULL);
    config_setting_t *spool = config_group(config, "spool", NULL);
    static const char *const gateway_others[] = { "labels", NULL };
    static const char *const none[] = { NULL };
    struct gateway_options g = { 0 };
    struct spool_options s = { 0 };
    struct fill_from from_gateway = { gateway, NULL, gateway }, from_spool = { spool, NULL, spool };
    struct fill gateway_fill[] = { { gateway_rows, &g } };
    struct fill spool_fill[] = { { spool_rows, &s } };
    check_root(config, findings);
    fill_all(config, findings, &from_gateway, gateway_fill, 1, gateway_others);
    fill_all(config, findings, &from_spool, spool_fill, 1, none);
    struct settings r = { .gateway = settings_gateway(config),
                          .directory = s.directory[0] ? s.directory : default_directory(config),
                          .ram = s.ram[0] ? s.ram : default_ram(config),
                          .ram_limit_bytes =
                              s.ram_limit_bytes ? s.ram_limit_bytes : default_ram_limit(),
                          .persist_after_ns = s.persist_after_ns,
                          .checkpoint_ns = s.checkpoint_ns,
                          .limit_bytes = s.limit_bytes,
                          .max_age_ns = s.max_age_ns,
                          .memory_limit_bytes = g.memory_limit_bytes };
    settings_clock(findings, gateway, g.clock, &r);
    r.labels =
        fill_labels(config, findings, gateway ? config_setting_get_member(gateway, "labels") : NULL,
                    &r.label_count);
    r.buses = enabled_names(config, findings, "buses");
    r.uplinks = enabled_names(config, findings, "uplinks");
    *ret_settings = r;
}

int config_settings(struct config *config, struct findings *findings, struct settings *ret_settings)
{
    struct settings settings;
    size_t errors = findings_errors(findings);
    settings_read(config, findings, &settings);
    if (findings_errors(findings) > errors) {
        return -EINVAL;
    }
    *ret_settings = settings;
    return 0;
}

static const char *plugin_of(struct config *config, const char *kind, const char *name,
                             const char *key)
{
    const char *plugin = NULL;
    config_setting_t *group = config_group(config, kind, name);
    if (group) {
        config_setting_lookup_string(group, key, &plugin);
    }
    return plugin;
}

const char *config_bus_adapter(struct config *config, const char *bus)
{
    return plugin_of(config, "buses", bus, "adapter");
}

const char *config_uplink_plugin(struct config *config, const char *uplink)
{
    return plugin_of(config, "uplinks", uplink, "uplink");
}

bool config_uplink_from_now(struct config *config, const char *uplink)
{
    const char *start = plugin_of(config, "uplinks", uplink, "start");
    return start && !strcmp(start, "now");
}
