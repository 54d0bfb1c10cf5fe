/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One bus with its devices and points, ready for the adapter. A device may take its points and
 * defaults from a model file; what it says itself wins. A bus may name a model too: for its own
 * settings (a radio's baud rate), and for all its devices that name none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/plugin.h"
#include "config/private.h"

/* What the public structs do not show: the settings, for file and line. */
struct device_source {
    config_setting_t *setting, *model;
    config_setting_t **points; /* own, else of the model */
};

struct bus_source {
    struct bus_config public; /* first */
    config_setting_t *setting, *model;
    struct device_source *devices;
};

struct build {
    struct config *config;
    struct findings *findings;
    const struct weir_adapter *adapter;
    struct bus_source *bus;
    config_setting_t *model; /* of the bus; NULL: none */
    const char *model_name;
};

/* Keys that are no options: groups and lists with an own reader. */
static const char *const bus_others[] = { "devices", NULL };
static const char *const device_others[] = { "labels", "points", NULL };
static const char *const model_others[] = { "labels",       "points", "description",
                                            "manufacturer", "source", NULL };
static const char *const point_others[] = { NULL };

/* Keys of what arrives at the broker: no point may be called so. */
static const char *const reserved_points[] = { "gateway", "bus",           "epoch",  "seq",
                                               "device",  "kind",          "time",   "values",
                                               "before",  "after",         "errors", "suspect",
                                               "clock",   "clock_error_s", "uptime", NULL };
static const char *const reserved_names[] = { "weir", "state", "health", NULL };

static bool listed(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name) != 0) {
        list++;
    }
    return *list != NULL;
}

static void check_reserved(struct build *b, const config_setting_t *setting, const char *name)
{
    if (listed(reserved_names, name) || !strcmp(settings_gateway(b->config), name)) {
        tree_find(b->findings, setting, WEIR_LOG_ERROR, "\"%s\" is taken: choose another name",
                  name);
    }
}

/* Reads a model file and keeps it for the next device that has it; NULL with a finding. */
static struct model_file *read_model(struct build *b, const char *path, int fd)
{
    struct config *config = b->config;
    struct model_file *file = calloc(1, sizeof *file);
    struct model_file **more =
        realloc(config->models, (config->model_count + 1) * sizeof(struct model_file *));
    char *text = NULL;
    size_t len;
    if (more) {
        config->models = more;
    }
    int r = file && more ? tree_read_file(fd, &text, &len) : -ENOMEM;
    if (r < 0) {
        findings_add(b->findings, path, 0, WEIR_LOG_ERROR, "cannot be read: %s", strerror(-r));
    } else {
        snprintf(file->path, sizeof file->path, "%s", path);
        if (tree_parse(&config->arena, text, len, path, b->findings, &file->tree) == 0) {
            free(text);
            return config->models[config->model_count++] = file;
        }
    }
    free(text);
    free(file);
    return NULL;
}

static void open_model(struct build *b, config_setting_t *at, const char *name,
                       config_setting_t **ret_model)
{
    struct config *config = b->config;
    struct model_file *file = NULL;
    char path[sizeof file->path];
    int fd = plugin_model_path(b->adapter->name, name, path, sizeof path) < 0
                 ? -1
                 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        tree_find(b->findings, at, WEIR_LOG_ERROR,
                  "there is no model \"%s\" for adapter %s; weir models lists them", name,
                  b->adapter->name);
        return;
    }
    for (size_t i = 0; i < config->model_count && !file; i++) {
        file = !strcmp(config->models[i]->path, path) ? config->models[i] : NULL;
    }
    file = file ? file : read_model(b, path, fd);
    close(fd);
    if (file) {
        *ret_model = config_root_setting(&file->tree);
    }
}

static config_setting_t *list_of(struct build *b, config_setting_t *group, const char *name)
{
    config_setting_t *list = group ? config_setting_get_member(group, name) : NULL;
    if (list && !config_setting_is_list(list)) {
        tree_find(b->findings, list, WEIR_LOG_ERROR, "must be a list, as ( { ... }, { ... } )");
        return NULL;
    }
    return list;
}

static const char *name_of(config_setting_t *group)
{
    const char *name = NULL;
    if (config_setting_is_group(group)) {
        config_setting_lookup_string(group, "name", &name);
    }
    return name;
}

static config_setting_t *find_named(config_setting_t *list, const char *name)
{
    for (int i = 0; list && name && i < config_setting_length(list); i++) {
        config_setting_t *one = config_setting_get_elem(list, (unsigned)i);
        const char *other = name_of(one);
        if (other && !strcmp(other, name)) {
            return one;
        }
    }
    return NULL;
}

static void find_twice(struct build *b, const config_setting_t *point, const char *name)
{
    tree_find(b->findings, point, WEIR_LOG_ERROR, "a point \"%s\" stands here twice", name);
}

static void build_point(struct build *b, size_t device, size_t index, config_setting_t *own,
                        config_setting_t *base)
{
    struct weir_device *d = (struct weir_device *)(uintptr_t)&b->bus->public.bus.devices[device];
    struct weir_device_point *points = (struct weir_device_point *)(uintptr_t)d->points;
    struct point_config *configs =
        (struct point_config *)(uintptr_t)b->bus->public.devices[device].points;
    struct point_options options = { .name = "", .unit = "" };
    config_setting_t *where = own ? own : base;
    void *adapter_options = arena_take(&b->config->arena, b->adapter->point_size + 1);
    b->bus->devices[device].points[index] = where;
    if (!config_setting_is_group(where)) {
        tree_find(b->findings, where, WEIR_LOG_ERROR, "must be a group, as { ... }");
        return;
    }
    struct fill_from from = { own ? own : base, own ? base : NULL, where };
    struct fill fills[] = { { point_rows, &options },
                            { b->adapter->point_options, adapter_options } };
    fill_all(b->config, b->findings, &from, fills, 2, point_others);
    if (own && base) {
        struct fill_from unknown = { base, NULL, base };
        struct fill known[] = { { point_rows, NULL }, { b->adapter->point_options, NULL } };
        fill_all(b->config, b->findings, &unknown, known, 2, point_others);
    }
    if (listed(reserved_points, options.name)) {
        tree_find(b->findings, where, WEIR_LOG_ERROR,
                  "\"%s\" is a key of every record: choose another name", options.name);
    }
    for (size_t i = 0; i < index; i++) {
        if (points[i].name && !strcmp(points[i].name, options.name)) {
            find_twice(b, where, options.name);
        }
    }
    points[index] = (struct weir_device_point){ options.name, options.unit, adapter_options };
    configs[index] =
        (struct point_config){ .deadband = options.deadband,
                               .max_silence_ns = options.max_silence_ns,
                               .window_own = options.window.names != NULL,
                               .window = window_functions(b->findings, fill_member(&from, "window"),
                                                          &options.window) };
    if (own && config_setting_get_member(own, "window") &&
        !b->bus->public.devices[device].window.period_ns) {
        tree_find(b->findings, config_setting_get_member(own, "window"), WEIR_LOG_ERROR,
                  "the device has no window");
    }
}

/* The model's points, each with what the device overrides by name, then the device's others. */
static void build_points(struct build *b, size_t device, config_setting_t *setting,
                         config_setting_t *model)
{
    config_setting_t *own = list_of(b, setting, "points"), *base = list_of(b, model, "points");
    size_t own_count = own ? (size_t)config_setting_length(own) : 0;
    size_t base_count = base ? (size_t)config_setting_length(base) : 0;
    size_t most = own_count + base_count + 1, count = 0;
    struct weir_device *d = (struct weir_device *)(uintptr_t)&b->bus->public.bus.devices[device];
    struct device_config *dc = (struct device_config *)(uintptr_t)&b->bus->public.devices[device];
    d->points = arena_take(&b->config->arena, most * sizeof *d->points);
    dc->points = arena_take(&b->config->arena, most * sizeof *dc->points);
    b->bus->devices[device].points =
        arena_take(&b->config->arena, most * sizeof(config_setting_t *));
    for (size_t i = 0; i < base_count; i++) {
        config_setting_t *one = config_setting_get_elem(base, (unsigned)i);
        build_point(b, device, count++, find_named(own, name_of(one)), one);
    }
    for (size_t i = 0; i < own_count; i++) {
        config_setting_t *one = config_setting_get_elem(own, (unsigned)i);
        const char *name = name_of(one);
        if (!find_named(base, name)) {
            build_point(b, device, count++, one, NULL);
        } else if (find_named(own, name) != one) { /* only the first overrides */
            find_twice(b, one, name);
        }
    }
    d->point_count = count;
    if (count > WEIR_POINTS_MAX) {
        tree_find(b->findings, setting, WEIR_LOG_ERROR, "%zu points; a device has at most %d",
                  count, WEIR_POINTS_MAX);
    }
}

static void build_device(struct build *b, size_t index, config_setting_t *setting)
{
    struct weir_device *d = (struct weir_device *)(uintptr_t)&b->bus->public.bus.devices[index];
    struct device_config *dc = (struct device_config *)(uintptr_t)&b->bus->public.devices[index];
    struct device_options options = { .name = "", .model = "" };
    config_setting_t *model_setting = config_setting_get_member(setting, "model");
    config_setting_t *model = model_setting ? NULL : b->model;
    void *adapter_options = arena_take(&b->config->arena, b->adapter->device_size + 1);
    if (model_setting && config_setting_get_string(model_setting)) {
        open_model(b, model_setting, config_setting_get_string(model_setting), &model);
    }
    struct fill_from from = { setting, model, setting };
    struct fill fills[] = { { device_rows, &options },
                            { b->adapter->device_options, adapter_options } };
    fill_all(b->config, b->findings, &from, fills, 2, device_others);
    if (model && model != b->model) {
        struct fill_from unknown = { model, NULL, model };
        struct fill known[] = { { device_rows, NULL }, { b->adapter->device_options, NULL } };
        fill_all(b->config, b->findings, &unknown, known, 2, model_others);
    }
    check_reserved(b, setting, options.name);
    *d = (struct weir_device){ .name = options.name,
                               .options = adapter_options,
                               .timeout_ns = options.timeout_ns,
                               .every_ns = options.every_ns };
    *dc = (struct device_config){ .model = model_setting ? options.model : b->model_name,
                                  .every_ns = options.every_ns,
                                  .retries = options.retries,
                                  .line = tree_line(setting),
                                  .file = tree_file(setting) };
    window_read(b->findings, fill_member(&from, "window"), &options.window, b->adapter, dc);
    dc->labels =
        fill_labels(b->config, b->findings, fill_member(&from, "labels"), &dc->label_count);
    b->bus->devices[index].setting = setting;
    b->bus->devices[index].model = model;
    build_points(b, index, setting, model);
}

static bool is_enabled(config_setting_t *device)
{
    int enabled = 1;
    if (config_setting_is_group(device)) {
        config_setting_lookup_bool(device, "enabled", &enabled);
    }
    return enabled != 0;
}

static void build_devices(struct build *b)
{
    struct bus_config *bus = &b->bus->public;
    config_setting_t *list = list_of(b, b->bus->setting, "devices");
    size_t length = list ? (size_t)config_setting_length(list) : 0, count = 0;
    bus->bus.devices = arena_take(&b->config->arena, (length + 1) * sizeof *bus->bus.devices);
    bus->devices = arena_take(&b->config->arena, (length + 1) * sizeof *bus->devices);
    b->bus->devices = arena_take(&b->config->arena, (length + 1) * sizeof *b->bus->devices);
    for (size_t i = 0; i < length; i++) {
        config_setting_t *one = config_setting_get_elem(list, (unsigned)i);
        if (!config_setting_is_group(one)) {
            tree_find(b->findings, one, WEIR_LOG_ERROR, "must be a group, as { ... }");
        } else if (is_enabled(one)) {
            build_device(b, count++, one);
        }
    }
    bus->bus.device_count = count;
    if (count == 0) {
        tree_find(b->findings, b->bus->setting, WEIR_LOG_WARNING, "has no devices");
    }
}

/* A colon that is no part of an IPv6 address ("::1", "[::1]:502"), and digits behind it. */
static bool has_tcp_port(const char *address)
{
    const char *colon = strrchr(address, ':');
    bool six = address[0] != '[' && strchr(address, ':') != colon;
    if (!colon || six || strchr(colon, ']')) {
        return false;
    }
    size_t digits = strspn(colon + 1, "0123456789");
    return digits > 0 && digits <= 5 && !colon[1 + digits];
}

static void check_port(struct build *b, const struct port_config *port)
{
    config_setting_t *at = b->bus->setting;
    unsigned ports = b->adapter->ports;
    bool path = port->path[0] != 0, address = port->address[0] != 0;
    if (path && address) {
        tree_find(b->findings, at, WEIR_LOG_ERROR, "has a port and an address: one of them");
    } else if (path && !(ports & WEIR_PORT_SERIAL)) {
        tree_find(b->findings, at, WEIR_LOG_ERROR, "adapter %s uses no serial port",
                  b->adapter->name);
    } else if (address && !has_tcp_port(port->address) && !b->adapter->default_tcp_port) {
        tree_find(b->findings, config_setting_get_member(at, "address"), WEIR_LOG_ERROR,
                  "needs a port number, as \"10.0.0.5:502\"");
    } else if (address && !(ports & WEIR_PORT_TCP)) {
        tree_find(b->findings, at, WEIR_LOG_ERROR, "adapter %s uses no address", b->adapter->name);
    } else if (!path && !address && !(ports & WEIR_PORT_NONE)) {
        tree_find(b->findings, at, WEIR_LOG_ERROR, "needs %s",
                  ports == WEIR_PORT_TCP ? "an address, as \"10.0.0.5:502\""
                  : ports == WEIR_PORT_SERIAL
                      ? "a port, as \"/dev/ttyUSB0\""
                      : "a port (\"/dev/ttyUSB0\") or an address (\"10.0.0.5:502\")");
    }
}

/* Settings of serial lines that contradict each other, or have no line. */
static void check_lines(struct build *b, const struct port_config *port)
{
    static const char *const keys[] = { "rts",       "dtr",
                                        "rs485",     "rs485_delay_before",
                                        "rs485_rts", "rs485_delay_after" };
    config_setting_t *at = b->bus->setting;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        config_setting_t *set = config_setting_get_member(at, keys[i]);
        if (set && !port->path[0]) {
            tree_find(b->findings, set, WEIR_LOG_ERROR, "is for serial ports");
        } else if (set && !port->rs485 && !strncmp(keys[i], "rs485_", 6)) {
            tree_find(b->findings, set, WEIR_LOG_ERROR, "is of no use without rs485 = true");
        }
    }
    if (port->rs485 && port->rts != CONFIG_LINE_DRIVER) {
        tree_find(b->findings, config_setting_get_member(at, "rts"), WEIR_LOG_ERROR,
                  "rs485 uses this line");
    }
    if (port->rs485_delay_before_ns % NS_PER_MS || port->rs485_delay_after_ns % NS_PER_MS) {
        tree_find(b->findings, at, WEIR_LOG_ERROR, "delays of RS-485 are whole milliseconds");
    }
}

/* A model that is named for the whole bus may have settings of all three: bus, device, points. */
static void find_bus_model(struct build *b)
{
    config_setting_t *named = config_setting_get_member(b->bus->setting, "model");
    const char *name = named ? config_setting_get_string(named) : NULL;
    if (name) {
        open_model(b, named, name, &b->model);
        b->model_name = arena_text(&b->config->arena, name);
    }
    if (b->model) {
        struct fill_from unknown = { b->model, NULL, b->model };
        struct fill known[] = { { bus_rows, NULL },
                                { b->adapter->bus_options, NULL },
                                { device_rows, NULL },
                                { b->adapter->device_options, NULL } };
        fill_all(b->config, b->findings, &unknown, known, 4, model_others);
    }
}

int config_bus(struct config *config, const char *name, const struct weir_adapter *adapter,
               struct findings *findings, struct bus_config **ret_bus)
{
    config_setting_t *setting = config_group(config, "buses", name);
    if (!setting) {
        findings_add(findings, "", 0, WEIR_LOG_ERROR, "there is no bus \"%s\"", name);
        return -EINVAL;
    }
    size_t errors = findings_errors(findings);
    struct bus_source *bus = arena_take(&config->arena, sizeof *bus);
    struct build build = { config, findings, adapter, bus, NULL, "" };
    struct bus_options options = { .adapter = "" };
    void *adapter_options = arena_take(&config->arena, adapter->bus_size + 1);
    struct fill fills[] = { { bus_rows, &options }, { adapter->bus_options, adapter_options } };
    bus->setting = setting;
    find_bus_model(&build);
    bus->model = build.model;
    struct fill_from from = { setting, build.model, setting };
    fill_all(config, findings, &from, fills, 2, bus_others);
    check_reserved(&build, setting, name);
    check_port(&build, &options.port);
    check_lines(&build, &options.port);
    bus->public.port = options.port;
    bus->public.file = tree_file(setting);
    bus->public.line = tree_line(setting);
    bus->public.bus.name = config_setting_name(setting);
    bus->public.bus.options = adapter_options;
    bus->public.bus.serial = options.port.path && options.port.path[0];
    if (bus->public.bus.serial && options.port.baud > 0) {
        bus->public.bus.character_ns = 11 * 1000000000LL / options.port.baud;
    }
    build_devices(&build);
    if (findings_errors(findings) > errors) {
        return -EINVAL;
    }
    *ret_bus = &bus->public;
    return 0;
}

void config_where(const struct bus_config *bus, int device, int point, const char *key,
                  const char **ret_file, int *ret_line)
{
    const struct bus_source *source = (const struct bus_source *)bus;
    struct fill_from from = { source->setting, source->model, NULL };
    if (device >= 0 && (size_t)device < bus->bus.device_count) {
        const struct device_source *d = &source->devices[device];
        const struct weir_device *public = &bus->bus.devices[device];
        from = (struct fill_from){ d->setting, d->model, NULL };
        if (point >= 0 && (size_t)point < public->point_count) {
            config_setting_t *list =
                d->model ? config_setting_get_member(d->model, "points") : NULL;
            from = (struct fill_from){ d->points[point],
                                       find_named(list, public->points[point].name), NULL };
        }
    }
    const config_setting_t *member = key ? fill_member(&from, key) : NULL;
    *ret_file = tree_file(member ? member : from.own);
    *ret_line = tree_line(member ? member : from.own);
}
