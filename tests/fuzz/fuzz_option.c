/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any text as a configuration: the tree, the settings, a bus and an uplink through tables that have
 * every type of option, and the section for a child, which must read back as itself. In an input,
 * what stands behind a line "---" is a file in conf.d. libconfig parses; what it cannot be trusted
 * with is looked for before (scan.c), and memory that it loses itself after a syntax error is not
 * counted as ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* Of libconfig's own, when it gives up in the middle of a text. */
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_\nleak:libconfig_yy\n";
}

struct inner {
    bool on;
    double share;
    const char *word;
};
struct every {
    bool flag;
    int64_t whole, delay_ns, room_bytes;
    double number;
    const char *text, *name, *secret;
    int choice;
    struct weir_names list;
    struct inner group;
};

static const char *const choices[] = { "one", "two", "three", NULL };
static const struct weir_option inner_rows[] = {
    { .name = "on", .type = WEIR_OPTION_BOOL, .offset = offsetof(struct inner, on) },
    { .name = "share",
      .type = WEIR_OPTION_FLOAT,
      .offset = offsetof(struct inner, share),
      .max = 1 },
    { .name = "word",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct inner, word),
      .flags = WEIR_OPTION_REQUIRED },
    { 0 },
};
#define ROW(kind, field, ...)                                                                      \
    {                                                                                              \
        .type = WEIR_OPTION_##kind, .offset = offsetof(struct every, field), __VA_ARGS__           \
    }
static const struct weir_option rows[] = {
    ROW(BOOL, flag, .name = "flag", .fallback = "true"),
    ROW(INT, whole, .name = "whole", .min = -5, .max = 1e15),
    ROW(FLOAT, number, .name = "number", .fallback = "0.5"),
    ROW(TEXT, text, .name = "text"),
    ROW(NAME, name, .name = "called"),
    ROW(CHOICE, choice, .name = "choice", .choices = choices),
    ROW(DURATION, delay_ns, .name = "delay", .fallback = "1s", .max = 60),
    ROW(SIZE, room_bytes, .name = "room", .min = 1, .max = 1 << 30, .fallback = "4KiB"),
    ROW(SECRET, secret, .name = "secret"),
    ROW(NAMES, list, .name = "list"),
    ROW(GROUP, group, .name = "group", .rows = inner_rows),
    { 0 },
};
static const struct weir_adapter adapter = { .name = "every",
                                             .ports = WEIR_PORT_SERIAL | WEIR_PORT_TCP,
                                             .bus_options = rows,
                                             .device_options = rows,
                                             .point_options = rows,
                                             .bus_size = sizeof(struct every),
                                             .device_size = sizeof(struct every),
                                             .point_size = sizeof(struct every) };
static const struct weir_uplink uplink = { .name = "every",
                                           .options = rows,
                                           .options_size = sizeof(struct every) };

static void put_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *out = fopen(path, "w");
    if (!out || fwrite(data, 1, size, out) != size || fclose(out) != 0) {
        abort();
    }
}

/* Whoever gets a struct must find no text that is NULL. */
static void check_every(const struct every *e)
{
    if (!e->text || !e->name || !e->secret || !e->group.word || e->choice < 0 || e->choice > 2) {
        abort();
    }
    for (size_t i = 0; i < e->list.count; i++) {
        if (!e->list.names[i]) {
            abort();
        }
    }
}

static void check_bus(const struct bus_config *bus)
{
    const char *file;
    int line;
    check_every(bus->bus.options);
    config_where(bus, -1, -1, "whole", &file, &line);
    for (size_t i = 0; i < bus->bus.device_count; i++) {
        const struct weir_device *d = &bus->bus.devices[i];
        check_every(d->options);
        config_where(bus, (int)i, -1, "text", &file, &line);
        for (size_t k = 0; k < d->point_count; k++) {
            check_every(d->points[k].options);
            config_where(bus, (int)i, (int)k, "list", &file, &line);
        }
    }
}

static struct config *read_text(const char *text, size_t len)
{
    struct findings *findings = findings_create();
    struct config *config = NULL;
    int fd = memfd_create("section", MFD_CLOEXEC);
    if (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0) {
        abort();
    }
    config_load_fd(fd, "section", findings, &config);
    findings_destroy(findings);
    close(fd);
    return config;
}

/* The section of a bus and an uplink: the same again when read again. */
static void check_section(struct config *config, const char *bus, const char *up)
{
    struct findings *findings = findings_create();
    char *one = NULL, *two = NULL;
    size_t one_len = 0, two_len = 0;
    if (config_section(config, bus, up, findings, &one, &one_len) < 0) {
        abort();
    }
    struct config *again = read_text(one, one_len);
    if (!again || config_section(again, bus, up, findings, &two, &two_len) < 0 ||
        one_len != two_len || memcmp(one, two, one_len) != 0) {
        fprintf(stderr, "%s\n%s\n", one, two ? two : "does not read again");
        abort();
    }
    config_unload(again);
    findings_destroy(findings);
    free(one);
    free(two);
}

static void walk(struct config *config, struct findings *findings)
{
    struct settings settings;
    struct bus_config *bus;
    struct uplink_config *up;
    if (config_settings(config, findings, &settings) == 0 &&
        (!settings.gateway || !settings.directory || !settings.ram)) {
        abort();
    }
    bool has_bus = config_bus_adapter(config, "b") != NULL;
    bool has_uplink = config_uplink_plugin(config, "u") != NULL;
    if (config_bus(config, "b", &adapter, findings, &bus) == 0) {
        check_bus(bus);
    }
    if (config_uplink(config, "u", &uplink, findings, &up) == 0) {
        check_every(up->options);
    }
    check_section(config, has_bus ? "b" : NULL, has_uplink ? "u" : NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char folder[64], conf[96], more[96], secret[96];
    static FILE *nowhere;
    if (!folder[0]) {
        const char *place = getenv("TMPDIR"); /* run.py makes one and removes it */
        snprintf(folder, sizeof folder, "%.32s/weir-fuzz-%d", place ? place : "/tmp",
                 (int)getpid());
        snprintf(conf, sizeof conf, "%s/conf.d", folder);
        snprintf(more, sizeof more, "%s/conf.d/more.conf", folder);
        if (mkdir(folder, 0700) != 0 || mkdir(conf, 0700) != 0) {
            abort();
        }
        snprintf(conf, sizeof conf, "%s/weir.conf", folder);
        snprintf(secret, sizeof secret, "%s/secret", folder);
        put_file(secret, (const uint8_t *)"secret\n", 7);
        setenv("CREDENTIALS_DIRECTORY", folder, 1);
        nowhere = fopen("/dev/null", "w");
    }
    const uint8_t *cut = memmem(data, size, "\n---\n", 5);
    size_t first = cut ? (size_t)(cut - data) + 1 : size;
    put_file(conf, data, first);
    put_file(more, cut ? cut + 5 : data, cut ? size - first - 4 : 0);
    struct findings *findings = findings_create();
    struct config *config;
    if (config_load(conf, findings, &config) == 0) {
        walk(config, findings);
        config_unload(config);
    }
    findings_print(findings, getenv("FUZZ_SHOW") ? stderr : nowhere);
    findings_destroy(findings);
    return 0;
}
