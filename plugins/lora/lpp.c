/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Cayenne LPP: see lpp.h. The table is the data sheet. A type that is not in it ends the packet:
 * how long its value is cannot be known.
 */
#include "lpp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS_MAX = 3, POLYLINE = 240, POLYLINE_BYTES_MIN = 8 };

/* One number of a value: raw / divisor. */
struct part {
    const char *suffix; /* "": the value has only this one */
    const char *unit;
    unsigned bytes;
    int divisor;
};

struct type {
    uint8_t number;
    bool is_signed, is_bool;
    const char *name;
    struct part parts[PARTS_MAX];
};

static const struct type types[] = {
    { 0, false, false, "digital_in", { { "", "", 1, 1 } } },
    { 1, false, false, "digital_out", { { "", "", 1, 1 } } },
    { 2, true, false, "analog_in", { { "", "", 2, 100 } } },
    { 3, true, false, "analog_out", { { "", "", 2, 100 } } },
    { 100, false, false, "generic", { { "", "", 4, 1 } } },
    { 101, false, false, "luminosity", { { "", "lx", 2, 1 } } },
    { 102, false, true, "presence", { { "", "", 1, 1 } } },
    { 103, true, false, "temperature", { { "", "Cel", 2, 10 } } },
    { 104, false, false, "humidity", { { "", "%", 1, 2 } } },
    { 113,
      true,
      false,
      "accelerometer",
      { { "_x", "[g]", 2, 1000 }, { "_y", "[g]", 2, 1000 }, { "_z", "[g]", 2, 1000 } } },
    { 115, false, false, "pressure", { { "", "hPa", 2, 10 } } },
    { 116, false, false, "voltage", { { "", "V", 2, 100 } } },
    { 117, false, false, "current", { { "", "A", 2, 1000 } } },
    { 118, false, false, "frequency", { { "", "Hz", 4, 1 } } },
    { 120, false, false, "percentage", { { "", "%", 1, 1 } } },
    { 121, true, false, "altitude", { { "", "m", 2, 1 } } },
    { 125, false, false, "concentration", { { "", "[ppm]", 2, 1 } } },
    { 128, false, false, "power", { { "", "W", 2, 1 } } },
    { 130, false, false, "distance", { { "", "m", 4, 1000 } } },
    { 131, false, false, "energy", { { "", "kW.h", 4, 1000 } } },
    { 132, false, false, "direction", { { "", "deg", 2, 1 } } },
    { 133, false, false, "unix_time", { { "", "s", 4, 1 } } },
    { 134,
      true,
      false,
      "gyrometer",
      { { "_x", "deg/s", 2, 100 }, { "_y", "deg/s", 2, 100 }, { "_z", "deg/s", 2, 100 } } },
    { 135,
      false,
      false,
      "colour",
      { { "_red", "", 1, 1 }, { "_green", "", 1, 1 }, { "_blue", "", 1, 1 } } },
    { 136,
      true,
      false,
      "gps",
      { { "_latitude", "deg", 3, 10000 },
        { "_longitude", "deg", 3, 10000 },
        { "_altitude", "m", 3, 100 } } },
    { 142, false, true, "switch", { { "", "", 1, 1 } } },
};

static const struct type *type_find(uint8_t number)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].number == number) {
            return &types[i];
        }
    }
    return NULL;
}

static size_t type_bytes(const struct type *type)
{
    size_t bytes = 0;
    for (int i = 0; i < PARTS_MAX && type->parts[i].bytes; i++) {
        bytes += type->parts[i].bytes;
    }
    return bytes;
}

static struct raw part_read(const struct type *type, const struct part *part, const uint8_t *data)
{
    uint64_t value = 0, sign = 1ULL << (8 * part->bytes - 1);
    for (unsigned i = 0; i < part->bytes; i++) {
        value = value << 8 | data[i];
    }
    int64_t number = type->is_signed ? (int64_t)((value ^ sign) - sign) : (int64_t)value;
    if (type->is_bool) {
        return (struct raw){ .kind = RAW_BOOL, .u = number != 0 };
    }
    if (part->divisor != 1) { /* a division rounds once: 272 / 10 is 27.2 */
        return (struct raw){ .kind = RAW_DOUBLE, .d = (double)number / part->divisor };
    }
    return type->is_signed ? (struct raw){ .kind = RAW_INT, .i = number }
                           : (struct raw){ .kind = RAW_UINT, .u = value };
}

static bool take_value(const struct payload_plan *plan, const struct type *type, uint8_t channel,
                       const uint8_t *data, struct payload_values *out)
{
    char key[WEIR_NAME_MAX];
    for (int i = 0; i < PARTS_MAX && type->parts[i].bytes; i++) {
        const struct part *part = &type->parts[i];
        struct raw raw = part_read(type, part, data);
        snprintf(key, sizeof key, "%s_%u%s", type->name, channel, part->suffix);
        if (!payload_offer(plan, key, part->unit, &raw, out)) {
            return false;
        }
        data += part->bytes;
    }
    return true;
}

/* A line on the map: size (of all from here on) | factor | first place | steps. Kept as bytes. */
static bool take_polyline(const struct payload_plan *plan, uint8_t channel, const uint8_t *data,
                          struct payload_values *out)
{
    char key[WEIR_NAME_MAX];
    struct raw raw = { .kind = RAW_BYTES, .text = { (const char *)data, data[0] } };
    snprintf(key, sizeof key, "polyline_%u", channel);
    return payload_offer(plan, key, "", &raw, out);
}

/* Length of the value at data; 0 and an error if there is none. */
static size_t value_bytes(const struct type *type, const uint8_t *data, size_t at, size_t len,
                          struct payload_values *out)
{
    size_t bytes = type ? type_bytes(type) : POLYLINE_BYTES_MIN;
    if (!type && at < len) {
        bytes = data[at];
        if (bytes < POLYLINE_BYTES_MIN) {
            return payload_stop(out, PAYLOAD_R_MALFORMED, at, data[at]);
        }
    }
    return bytes <= len - at ? bytes : payload_stop(out, PAYLOAD_R_TRUNCATED, len, -1);
}

bool lpp_decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                struct payload_values *out)
{
    size_t at = 0;
    while (at < len) {
        if (len - at < 2) {
            return payload_stop(out, PAYLOAD_R_TRUNCATED, len, -1);
        }
        uint8_t channel = data[at], number = data[at + 1];
        const struct type *type = type_find(number);
        if (!type && number != POLYLINE) {
            return payload_stop(out, PAYLOAD_R_UNKNOWN, at + 1, number);
        }
        at += 2;
        size_t bytes = value_bytes(type, data, at, len, out);
        if (bytes == 0) {
            return false;
        }
        if (type ? !take_value(plan, type, channel, data + at, out)
                 : !take_polyline(plan, channel, data + at, out)) {
            return payload_stop(out, PAYLOAD_R_TOO_MANY, at - 1, number);
        }
        at += bytes;
    }
    return true;
}

/* "_3" and what stands behind it; NULL: no channel. */
static const char *skip_channel(const char *key)
{
    char *end;
    if (key[0] != '_' || key[1] < '0' || key[1] > '9') {
        return NULL;
    }
    return strtoul(key + 1, &end, 10) <= 255 ? end : NULL;
}

const char *lpp_unit(const char *key)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t len = strlen(types[i].name);
        const char *rest = strncmp(key, types[i].name, len) ? NULL : skip_channel(key + len);
        for (int k = 0; rest && k < PARTS_MAX && types[i].parts[k].bytes; k++) {
            if (!strcmp(rest, types[i].parts[k].suffix)) {
                return types[i].parts[k].unit;
            }
        }
    }
    const char *rest = strncmp(key, "polyline", 8) ? NULL : skip_channel(key + 8);
    return rest && !*rest ? "" : NULL;
}
