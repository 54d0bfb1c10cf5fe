/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See config_rig.h.
 */
#include "config_rig.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/dev/shm/weir-config-XXXXXX";

#define ROW(kind, owner, field, ...)                                                               \
    {                                                                                              \
        .type = WEIR_OPTION_##kind, .offset = offsetof(struct owner, field), __VA_ARGS__           \
    }

static const char *const orders[] = { "first", "last", NULL };
static const char *const types[] = { "bool", "int", "float", NULL };

static const struct weir_option echo_rows[] = {
    { .name = "on", .type = WEIR_OPTION_BOOL, .fallback = "false" },
    { .name = "factor",
      .type = WEIR_OPTION_FLOAT,
      .offset = offsetof(struct tiny_bus, echo.factor) - offsetof(struct tiny_bus, echo),
      .fallback = "0.5",
      .min = 0,
      .max = 1 },
    { 0 },
};
static const struct weir_option tiny_bus_rows[] = {
    ROW(SIZE, tiny_bus, size_bytes, .name = "size", .fallback = "4KiB", .min = 1, .max = 1 << 20),
    ROW(GROUP, tiny_bus, echo, .name = "echo", .rows = echo_rows),
    { 0 },
};
static const struct weir_option tiny_device_rows[] = {
    ROW(INT, tiny_device, unit_id, .name = "unit_id", .min = 1, .max = 247,
        .flags = WEIR_OPTION_REQUIRED, .help = "number of the unit"),
    ROW(CHOICE, tiny_device, order, .name = "order", .fallback = "first", .choices = orders),
    ROW(TEXT, tiny_device, note, .name = "note"),
    { 0 },
};
static const struct weir_option tiny_point_rows[] = {
    ROW(INT, tiny_point, at, .name = "at", .flags = WEIR_OPTION_REQUIRED),
    ROW(FLOAT, tiny_point, scale, .name = "scale", .fallback = "1"),
    ROW(CHOICE, tiny_point, type, .name = "type", .fallback = "int", .choices = types),
    { 0 },
};
static const struct weir_option drop_rows[] = {
    ROW(TEXT, drop, url, .name = "url", .flags = WEIR_OPTION_REQUIRED, .help = "where to"),
    ROW(SECRET, drop, password, .name = "password"),
    ROW(TEXT, drop, topic, .name = "topic", .fallback = "weir/{gateway}"),
    ROW(NAME, drop, client, .name = "client"),
    ROW(INT, drop, qos, .name = "qos", .fallback = "1", .min = 0, .max = 2),
    ROW(DURATION, drop, pause_ns, .name = "pause", .fallback = "1.5s", .min = 0.5, .max = 60),
    ROW(NAMES, drop, tags, .name = "tags"),
    { 0 },
};

const struct weir_adapter tiny = { .abi = WEIR_ADAPTER_ABI,
                                   .size = sizeof(struct weir_adapter),
                                   .name = "tiny",
                                   .ports = WEIR_PORT_NONE | WEIR_PORT_SERIAL | WEIR_PORT_TCP,
                                   .bus_options = tiny_bus_rows,
                                   .device_options = tiny_device_rows,
                                   .point_options = tiny_point_rows,
                                   .bus_size = sizeof(struct tiny_bus),
                                   .device_size = sizeof(struct tiny_device),
                                   .point_size = sizeof(struct tiny_point) };
const struct weir_uplink drop = { .abi = WEIR_UPLINK_ABI,
                                  .size = sizeof(struct weir_uplink),
                                  .name = "drop",
                                  .options = drop_rows,
                                  .options_size = sizeof(struct drop) };

int rig_setup(void **state)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    return remove(path);
}

int rig_teardown(void **state)
{
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *rig_path(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void rig_write(const char *name, const char *text)
{
    char part[128];
    const char *path = rig_path(name);
    snprintf(part, sizeof part, "%.*s", (int)(strrchr(path, '/') - path), path);
    mkdir(part, 0700);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, 0640), 0);
}

struct loaded rig_load(void)
{
    struct loaded l = { .findings = findings_create() };
    if (config_load(rig_path("weir.conf"), l.findings, &l.config) < 0) {
        return l;
    }
    config_settings(l.config, l.findings, &l.settings);
    if (config_bus_adapter(l.config, "b")) {
        config_bus(l.config, "b", &tiny, l.findings, &l.bus);
    }
    if (config_uplink_plugin(l.config, "u")) {
        config_uplink(l.config, "u", &drop, l.findings, &l.uplink);
    }
    return l;
}

struct loaded rig_load_good(const char *text)
{
    rig_write("weir.conf", text);
    struct loaded l = rig_load();
    if (findings_errors(l.findings)) {
        findings_print(l.findings, stderr);
    }
    assert_int_equal(findings_errors(l.findings), 0);
    return l;
}

void rig_unload(struct loaded *loaded)
{
    config_unload(loaded->config);
    findings_destroy(loaded->findings);
    *loaded = (struct loaded){ 0 };
}

char *rig_findings(const struct findings *findings)
{
    char *text;
    size_t len, name = strlen(folder) + 1;
    FILE *out = open_memstream(&text, &len);
    findings_print(findings, out);
    fclose(out);
    for (char *at; (at = strstr(text, folder)) != NULL;) {
        memmove(at, at + name, strlen(at + name) + 1);
    }
    return text;
}
