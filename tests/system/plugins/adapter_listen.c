/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A listening adapter for tests, as small as one can be. A device sends lines
 *
 *   DIGIT ':' number '\n'      "0:-17\n": the first device says -17
 *
 * each of which becomes a record of kind "packet" with the points `number` and `text`. Any other
 * line is noise.
 */
#include <weir/adapter.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES_MAX = 10, LINE_MAX_BYTES = 32 };

struct listen {
    struct weir_bus *bus;
    int shapes[DEVICES_MAX];
    char line[LINE_MAX_BYTES];
    size_t len;
    int64_t first_ns;
};

static int listen_open(struct weir_bus *bus, void **ret_self)
{
    static const struct weir_point points[] = { { "number", "1", WEIR_INT64 },
                                                { "text", "", WEIR_TEXT } };
    if (bus->device_count > DEVICES_MAX) {
        bus->host->finding(bus, DEVICES_MAX, -1, "name", WEIR_LOG_ERROR, "at most %d devices",
                           DEVICES_MAX);
        return 0;
    }
    struct listen *self = calloc(1, sizeof *self);
    if (!self) {
        return -ENOMEM;
    }
    self->bus = bus;
    for (size_t i = 0; i < bus->device_count; i++) {
        self->shapes[i] = bus->host->declare(bus, i, "packet", points, 2);
        if (self->shapes[i] < 0) {
            int r = self->shapes[i];
            free(self);
            return r;
        }
    }
    *ret_self = self;
    return 0;
}

static void listen_close(void *self)
{
    free(self);
}

/* The number of bytes that meant nothing. */
static size_t take_line(struct listen *self)
{
    size_t device = (size_t)(self->line[0] - '0');
    char *end;
    self->line[self->len] = 0;
    if (self->len < 3 || device >= self->bus->device_count || self->line[1] != ':') {
        return self->len + 1;
    }
    long number = strtol(self->line + 2, &end, 10);
    if (*end) {
        return self->len + 1;
    }
    const struct weir_value values[2] = {
        { .quality = WEIR_QUALITY_GOOD, .int64 = number },
        { .quality = WEIR_QUALITY_GOOD, .bytes = { (const uint8_t *)self->line, self->len } },
    };
    self->bus->host->emit(self->bus, self->shapes[device], self->first_ns, values);
    return 0;
}

static size_t receive(void *context, const uint8_t *data, size_t len, int64_t first_ns)
{
    struct listen *self = context;
    size_t noise = 0;
    for (size_t i = 0; i < len; i++) {
        if (self->len == 0) {
            self->first_ns = first_ns;
        }
        if (data[i] == '\n') {
            noise += take_line(self);
            self->len = 0;
        } else if (self->len + 1 < sizeof self->line) {
            self->line[self->len++] = (char)data[i];
        } else {
            noise += self->len + 1;
            self->len = 0;
        }
    }
    return noise;
}

static size_t explain(bool serial, enum weir_direction direction, const uint8_t *data, size_t len,
                      char *buf, size_t size)
{
    static const char text[] = "a line";
    if (len == 0 || data[len - 1] != '\n' || size < sizeof text) {
        return 0;
    }
    memcpy(buf, text, sizeof text);
    return sizeof text - 1;
}

__attribute__((visibility("default"))) extern const struct weir_adapter weir_adapter;
const struct weir_adapter weir_adapter = {
    .abi = WEIR_ADAPTER_ABI,
    .size = sizeof(struct weir_adapter),
    .name = "listen",
    .summary = "hears lines (for tests)",
    .ports = WEIR_PORT_SERIAL | WEIR_PORT_TCP,
    .open = listen_open,
    .close = listen_close,
    .receive = receive,
    .explain = explain,
};
