/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * An adapter to copy: ./dev new-adapter NAME. A thermometer that answers a line when it is asked.
 *
 *   to the device     '?' CR LF
 *   from the device   temperature in Cel, blank, relative humidity in %, CR LF      "23.5 48\r\n"
 *                     "--" instead of a number: sensor not fitted
 *
 * Source: made up; write here where your facts are from. The contract is <weir/adapter.h>.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

enum { QUESTION_MAX = 32, ANSWER_MAX = 64 };

/* What is set for one device: filled by the host from the rows below. */
struct device_options {
    const char *question;
};
static const struct weir_option device_rows[] = {
    { .name = "question",
      .type = WEIR_OPTION_TEXT,
      .fallback = "?",
      .offset = offsetof(struct device_options, question),
      .help = "what the device is asked" },
    { 0 },
};

/* What is set for one point. */
struct point_options {
    int value;
};
static const char *const value_names[] = { "temperature", "humidity", NULL };
static const struct weir_option point_rows[] = {
    { .name = "value",
      .type = WEIR_OPTION_CHOICE,
      .choices = value_names,
      .offset = offsetof(struct point_options, value),
      .flags = WEIR_OPTION_REQUIRED,
      .help = "which value of the answer" },
    { 0 },
};

/* One bus. No file-global state: all of it hangs here. */
struct adapter {
    struct weir_bus *bus;
};

static int template_open(struct weir_bus *bus, void **ret_self)
{
    struct adapter *self = calloc(1, sizeof *self);
    if (!self) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < bus->device_count; i++) { /* what the rows cannot say is checked here */
        size_t len = strlen(((const struct device_options *)bus->devices[i].options)->question);
        if (len < 1 || len > QUESTION_MAX) {
            bus->host->finding(bus, (int)i, -1, "question", WEIR_LOG_ERROR,
                               "must have 1 to %d characters", QUESTION_MAX);
        }
    }
    self->bus = bus;
    *ret_self = self;
    return 0;
}

static enum weir_type template_point_type(void *self, size_t device, size_t point)
{
    return WEIR_FLOAT64;
}

/* One question gives all values. */
static size_t template_parts(void *self, size_t device)
{
    return 1;
}

/* Bytes come in pieces: collected until the line ends, within one deadline for all. */
static enum weir_result read_answer(struct weir_bus *bus, int64_t deadline_ns,
                                    struct weir_value *ret_values)
{
    char line[ANSWER_MAX];
    for (size_t len = 0, n; len < sizeof line;) {
        int64_t left_ns = deadline_ns - bus->host->now_ns();
        enum weir_result r = bus->host->read(bus, (uint8_t *)line + len, sizeof line - len,
                                             left_ns > 0 ? left_ns : 0, &n);
        if (r != WEIR_R_OK) {
            return r;
        }
        len += n;
        if (len >= 2 && !memcmp(line + len - 2, "\r\n", 2)) {
            return decode_line(line, len - 2, ret_values);
        }
    }
    return WEIR_R_FRAME; /* longer than any answer */
}

static enum weir_result template_poll(void *self, size_t device, size_t part,
                                      struct weir_value *values)
{
    struct weir_bus *bus = ((struct adapter *)self)->bus;
    const struct weir_device *d = &bus->devices[device];
    struct weir_value decoded[POINT_COUNT];
    char question[QUESTION_MAX + 3];
    int len = snprintf(question, sizeof question, "%s\r\n",
                       ((const struct device_options *)d->options)->question);
    bus->host->flush(bus); /* a late answer must not be taken for this one */
    enum weir_result r = bus->host->write(bus, (const uint8_t *)question, (size_t)len);
    if (r == WEIR_R_OK) {
        r = read_answer(bus, bus->host->now_ns() + d->timeout_ns, decoded);
    }
    for (size_t i = 0; r == WEIR_R_OK && i < d->point_count; i++) {
        values[i] = decoded[((const struct point_options *)d->points[i].options)->value];
    }
    return r;
}

static void template_fail(void *self, size_t device, size_t part, enum weir_result why,
                          struct weir_value *values)
{
    const struct weir_bus *bus = ((struct adapter *)self)->bus;
    for (size_t i = 0; i < bus->devices[device].point_count; i++) {
        values[i].quality = (uint8_t)why;
    }
}

__attribute__((visibility("default"))) const struct weir_adapter weir_adapter = {
    .abi = WEIR_ADAPTER_ABI,
    .size = sizeof(struct weir_adapter),
    .name = "template",
    .summary = "an example to copy: asks a line, gets a line",
    .ports = WEIR_PORT_SERIAL | WEIR_PORT_TCP,
    .device_options = device_rows,
    .point_options = point_rows,
    .device_size = sizeof(struct device_options),
    .point_size = sizeof(struct point_options),
    .open = template_open,
    .close = free, /* nothing else hangs on it */
    .point_type = template_point_type,
    .parts = template_parts,
    .poll = template_poll,
    .fail = template_fail,
};
