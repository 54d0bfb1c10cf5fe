/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The Modbus adapter, RTU and TCP: options, plans of requests, polling. docs/modbus.md is for
 * users. Facts: MODBUS Application Protocol V1.1b3, MODBUS over Serial Line V1.02 (modbus.org).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "plan.h"
#include "transaction.h"

struct device_options {
    int64_t unit_id, max_registers, gap, turnaround_ns;
};

/* What a device has at run time. */
struct device {
    const struct device_options *options;
    const struct point **points;
    uint8_t **texts; /* room for text points, else NULL */
    struct plan plan;
};

struct modbus {
    struct weir_bus *bus;
    struct line line;
    struct device *devices;
};

static const char *const tables[] = { "holding", "input", "coil", "discrete", NULL };
static const char *const kinds[] = { "uint16",  "int16",   "uint32", "int32", "uint64", "int64",
                                     "float32", "float64", "bool",   "text",  NULL };
static const char *const orders[] = { "abcd", "badc", "cdab", "dcba", NULL };

static const struct weir_option device_rows[] = {
    { .name = "unit_id",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct device_options, unit_id),
      .min = 0,
      .max = 255,
      .flags = WEIR_OPTION_REQUIRED,
      .help = "Modbus unit id of the device" },
    { .name = "max_registers",
      .type = WEIR_OPTION_INT,
      .fallback = "125",
      .offset = offsetof(struct device_options, max_registers),
      .min = 1,
      .max = 125,
      .unit = "registers",
      .help = "most registers the device gives in one answer" },
    { .name = "gap",
      .type = WEIR_OPTION_INT,
      .fallback = "8",
      .offset = offsetof(struct device_options, gap),
      .min = 0,
      .max = 124,
      .unit = "registers",
      .flags = WEIR_OPTION_RANGE,
      .help = "unused registers that are read along rather than asking twice" },
    { .name = "turnaround",
      .type = WEIR_OPTION_DURATION,
      .fallback = "0s",
      .offset = offsetof(struct device_options, turnaround_ns),
      .min = 0,
      .max = 10,
      .help = "pause the device needs after an answer, beyond the line's silence" },
    { 0 },
};

static const struct weir_option point_rows[] = {
    { .name = "register",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct point, address),
      .min = 0,
      .max = 65535,
      .flags = WEIR_OPTION_REQUIRED,
      .help = "number on the wire, from 0 (manuals that count from 1, 30001 or 40001: subtract)" },
    { .name = "table",
      .type = WEIR_OPTION_CHOICE,
      .offset = offsetof(struct point, table),
      .fallback = "holding",
      .choices = tables,
      .help = "which table it stands in" },
    { .name = "type",
      .type = WEIR_OPTION_CHOICE,
      .offset = offsetof(struct point, kind),
      .fallback = "uint16",
      .choices = kinds,
      .help = "what the registers hold" },
    { .name = "order",
      .type = WEIR_OPTION_CHOICE,
      .offset = offsetof(struct point, order),
      .fallback = "abcd",
      .choices = orders,
      .help = "order of the bytes, a the highest" },
    { .name = "scale",
      .type = WEIR_OPTION_FLOAT,
      .offset = offsetof(struct point, scale),
      .fallback = "1",
      .help = "the raw value is multiplied by this" },
    { .name = "offset",
      .type = WEIR_OPTION_FLOAT,
      .offset = offsetof(struct point, offset),
      .fallback = "0",
      .help = "and this is added" },
    { .name = "mask",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct point, mask),
      .fallback = "0",
      .help = "bits of the raw value that count; 0: all" },
    { .name = "bit",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct point, bit),
      .fallback = "-1",
      .min = -1,
      .max = 15,
      .help = "this bit alone, as true or false" },
    { .name = "length",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct point, length),
      .fallback = "0",
      .min = 0,
      .max = 125,
      .unit = "registers",
      .help = "of a text" },
    { 0 },
};

/* ---- checking what does not fit together */

static void check_mask(struct weir_bus *bus, int d, int p, const struct point *point)
{
    unsigned width = 16 * point_width(point);
    const char *why = NULL;
    if (!point->mask) {
        return;
    }
    if (point_is_bits(point) || point->kind == KIND_FLOAT32 || point->kind == KIND_FLOAT64 ||
        point->kind == KIND_TEXT) {
        why = "only whole numbers can be masked";
    } else if (point->bit >= 0) {
        why = "a bit is taken alone: no mask beside it";
    } else if (width < 64 && point->mask > 0 && point->mask >> width) {
        why = "has bits that the type does not have";
    }
    if (why) {
        bus->host->finding(bus, d, p, "mask", WEIR_LOG_ERROR, "%s", why);
    }
}

static void check_scale(struct weir_bus *bus, int d, int p, const struct point *point)
{
    enum weir_type type = point_weir_type(point);
    bool number = type != WEIR_BOOL && type != WEIR_TEXT;
    if (point->scale == 0) {
        bus->host->finding(bus, d, p, "scale", WEIR_LOG_ERROR, "a scale of 0 makes every value 0");
    } else if (!number && point->scale != 1) {
        bus->host->finding(bus, d, p, "scale", WEIR_LOG_ERROR, "only numbers are scaled");
    } else if (!number && point->offset != 0) {
        bus->host->finding(bus, d, p, "offset", WEIR_LOG_ERROR, "only numbers have an offset");
    }
}

static void check_point(struct weir_bus *bus, int d, int p, const struct point *point,
                        const struct device_options *device)
{
    const struct weir_adapter_host *host = bus->host;
    bool is_text = point->kind == KIND_TEXT, bits = point_is_bits(point);
    if (is_text && point->length < 1) {
        host->finding(bus, d, p, "length", WEIR_LOG_ERROR, "a text needs its length in registers");
    }
    if (bits && point->kind != KIND_BOOL && point->kind != KIND_UINT16) {
        host->finding(bus, d, p, "type", WEIR_LOG_ERROR, "a %s is true or false: type = \"bool\"",
                      tables[point->table]);
    }
    if (point->bit >= 0 && (bits || (point->kind != KIND_UINT16 && point->kind != KIND_INT16))) {
        host->finding(bus, d, p, "bit", WEIR_LOG_ERROR, "a bit is taken from one 16-bit register");
    }
    check_mask(bus, d, p, point);
    check_scale(bus, d, p, point);
    if (point->address + point_width(point) > 65536) {
        host->finding(bus, d, p, "register", WEIR_LOG_ERROR, "reaches beyond register 65535");
    }
    if (!bits && point_width(point) > device->max_registers) {
        host->finding(bus, d, p, "type", WEIR_LOG_ERROR,
                      "does not fit into one request of %d registers", (int)device->max_registers);
    }
}

static void check_unit(struct weir_bus *bus, int d, int64_t unit)
{
    if (bus->serial && unit == 0) {
        bus->host->finding(bus, d, -1, "unit_id", WEIR_LOG_ERROR,
                           "0 is the broadcast address: nobody answers");
    }
    if (bus->serial && unit > 247) {
        bus->host->finding(bus, d, -1, "unit_id", WEIR_LOG_ERROR,
                           "above 247 is reserved on a serial line");
    }
}

/* ---- open and close */

static void modbus_adapter_close(void *self)
{
    struct modbus *m = self;
    if (!m) {
        return;
    }
    for (size_t i = 0; m->devices && i < m->bus->device_count; i++) {
        struct device *d = &m->devices[i];
        for (size_t k = 0; d->texts && k < m->bus->devices[i].point_count; k++) {
            free(d->texts[k]);
        }
        free(d->texts);
        free(d->points);
        plan_finish(&d->plan);
    }
    free(m->devices);
    line_finish(&m->line);
    free(m);
}

static int open_device(struct modbus *m, size_t index)
{
    const struct weir_device *configured = &m->bus->devices[index];
    struct device *d = &m->devices[index];
    size_t count = configured->point_count;
    d->options = configured->options;
    d->points = calloc(count + 1, sizeof(struct point *));
    d->texts = calloc(count + 1, sizeof(uint8_t *));
    if (!d->points || !d->texts) {
        return -ENOMEM;
    }
    check_unit(m->bus, (int)index, d->options->unit_id);
    for (size_t i = 0; i < count; i++) {
        d->points[i] = configured->points[i].options;
        check_point(m->bus, (int)index, (int)i, d->points[i], d->options);
        if (d->points[i]->kind == KIND_TEXT &&
            !(d->texts[i] = malloc(2 * (size_t)d->points[i]->length + 1))) {
            return -ENOMEM;
        }
    }
    struct plan_limits limits = { .registers = (unsigned)d->options->max_registers,
                                  .bits = 2000,
                                  .gap = (unsigned)d->options->gap };
    return plan_init(&d->plan, d->points, count, limits);
}

static int modbus_adapter_open(struct weir_bus *bus, void **ret_self)
{
    struct modbus *m = calloc(1, sizeof *m);
    if (!m) {
        return -ENOMEM;
    }
    m->bus = bus;
    m->devices = calloc(bus->device_count + 1, sizeof *m->devices);
    int r = m->devices ? line_init(&m->line, bus) : -ENOMEM;
    for (size_t i = 0; i < bus->device_count && r == 0; i++) {
        r = open_device(m, i);
    }
    if (r < 0) {
        modbus_adapter_close(m);
        return r;
    }
    *ret_self = m;
    return 0;
}

/* ---- polling */

static enum weir_type modbus_point_type(void *self, size_t device, size_t point)
{
    const struct modbus *m = self;
    return point_weir_type(m->devices[device].points[point]);
}

static size_t modbus_parts(void *self, size_t device)
{
    const struct modbus *m = self;
    return m->devices[device].plan.part_count;
}

/* A bit of a coil answer as a byte of its own, else the place of the registers. */
static const uint8_t *point_data(const struct point *point, const struct part *part,
                                 const uint8_t *data, uint8_t *bit)
{
    size_t at = (size_t)(point->address - part->first);
    if (!point_is_bits(point)) {
        return data + 2 * at;
    }
    *bit = data[at / 8] >> at % 8 & 1;
    return bit;
}

static enum weir_result modbus_poll(void *self, size_t device, size_t index,
                                    struct weir_value *values)
{
    static const uint8_t function_codes[] = {
        [TABLE_HOLDING] = 3, [TABLE_INPUT] = 4, [TABLE_COIL] = 1, [TABLE_DISCRETE] = 2
    };
    struct modbus *m = self;
    struct device *d = &m->devices[device];
    const struct part *part = &d->plan.parts[index];
    const uint8_t *data = NULL;
    uint8_t bit;
    enum weir_result r =
        line_read(&m->line, (uint8_t)d->options->unit_id, function_codes[part->table], part->first,
                  part->count, m->bus->devices[device].timeout_ns, &data);
    if (r == WEIR_R_OK) {
        for (size_t i = part->at; i < part->at + part->points; i++) {
            size_t p = d->plan.order[i];
            point_decode(d->points[p], point_data(d->points[p], part, data, &bit), d->texts[p],
                         &values[p]);
        }
    } else if ((r == WEIR_R_ILLEGAL_ADDRESS || r == WEIR_R_ILLEGAL_VALUE) &&
               plan_split(&d->plan, index, d->points)) {
        m->bus->host->log(m->bus, WEIR_LOG_NOTICE,
                          "%s refuses registers %u..%u in one request: asked in two",
                          m->bus->devices[device].name, part->first, part->first + part->count - 1);
    }
    return r;
}

static void modbus_fail(void *self, size_t device, size_t index, enum weir_result why,
                        struct weir_value *values)
{
    struct modbus *m = self;
    struct device *d = &m->devices[device];
    const struct part *part = &d->plan.parts[index];
    for (size_t i = part->at; i < part->at + part->points; i++) {
        values[d->plan.order[i]].quality = (uint8_t)why;
    }
}

static int64_t modbus_turnaround(void *self, size_t device)
{
    const struct modbus *m = self;
    return m->devices[device].options->turnaround_ns;
}

__attribute__((visibility("default"))) extern const struct weir_adapter weir_adapter;

const struct weir_adapter weir_adapter = {
    .abi = WEIR_ADAPTER_ABI,
    .size = sizeof(struct weir_adapter),
    .name = "modbus",
    .summary = "Modbus RTU and TCP meters, counters, sensors",
    .ports = WEIR_PORT_SERIAL | WEIR_PORT_TCP,
    .default_tcp_port = 502,
    .device_options = device_rows,
    .point_options = point_rows,
    .device_size = sizeof(struct device_options),
    .point_size = sizeof(struct point),
    .open = modbus_adapter_open,
    .close = modbus_adapter_close,
    .point_type = modbus_point_type,
    .parts = modbus_parts,
    .poll = modbus_poll,
    .fail = modbus_fail,
    .explain = explain,
    .turnaround_ns = modbus_turnaround,
};
