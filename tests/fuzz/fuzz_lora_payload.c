/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any packet under any description that the plan takes, and any sealed packet: no crash, no reading
 * outside, finite numbers, good names, nothing that points into the packet; the same again when
 * decoded again.
 *
 *   input   kind | device, 1 byte | number of points n | n * (type | flags | bit | bits | at | key)
 *           | packet
 *
 * Flags: 1 scale 0.1, 2 offset -40, 4 own order, 8 a length, 16 no key. The packet is also opened
 * as a sealed one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "sealed.h"

enum { HEAD = 3, POINT = 6, KINDS = PAYLOAD_JSON + 1, TYPES = PAYLOAD_BYTES + 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = { "t",
                                    "h",
                                    "n",
                                    "a.b",
                                    "a.0",
                                    "field_1",
                                    "temperature_3",
                                    "humidity_2",
                                    "accelerometer_6_x",
                                    "gps_1_altitude",
                                    "digital_in_1",
                                    "switch_7",
                                    "polyline_1",
                                    "",
                                    "warmth_1",
                                    "unix_time_1" };
static const char *const separators[] = { ",", ";|", "", "\n" }, *const assigns[] = { "=", ":=", "",
                                                                                      "," };

static void count_finding(void *user, int point, const char *key, const char *what)
{
    ++*(int *)user;
    if (point < -1 || !key[0] || !what[0]) {
        abort();
    }
}

static struct payload_point point_of(const uint8_t *from)
{
    unsigned flags = from[1];
    return (struct payload_point){ .type = from[0] % TYPES,
                                   .order = flags & 4 ? 1 + (flags >> 7) : 0,
                                   .at = from[4] == 255 ? -1 : from[4],
                                   .id = from[4] == 254 ? 1000 : from[4],
                                   .length = flags & 8 ? flags >> 5 : 0,
                                   .bit = from[2] % 66 - 1,
                                   .bits = 1 + from[3] % 64,
                                   .key = flags & 16 ? "" : keys[from[5] % 16],
                                   .scale = flags & 1        ? 0.1
                                            : from[5] == 200 ? 0
                                                             : 1,
                                   .offset = flags & 2 ? -40 : 0 };
}

static void check_text(const struct payload_values *v, const struct weir_value *value)
{
    const char *at = (const char *)value->bytes.data;
    if (at < v->room || value->bytes.len > sizeof v->room - (size_t)(at - v->room)) {
        abort();
    }
}

static void check_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > WEIR_NAME_MAX || strspn(name, "._-") > 0 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len) {
        abort();
    }
}

static void check(const struct payload_values *v)
{
    char words[128];
    if (v->count > PAYLOAD_VALUES_MAX || v->used > sizeof v->room ||
        payload_error(v, words, sizeof words) != strlen(words)) {
        abort();
    }
    for (size_t i = 0; i < v->count; i++) {
        const struct weir_value *value = &v->values[i];
        enum weir_type type = v->points[i].type;
        check_name(v->points[i].name);
        if (value->quality != WEIR_QUALITY_GOOD) {
            if (value->quality >= WEIR_RESULT_COUNT) {
                abort();
            }
        } else if ((type == WEIR_BOOL && value->boolean > 1) ||
                   (type == WEIR_FLOAT32 && !isfinite(value->float32)) ||
                   (type == WEIR_FLOAT64 && !isfinite(value->float64))) {
            abort();
        } else if (type == WEIR_TEXT || type == WEIR_BYTES) {
            check_text(v, value);
        }
    }
}

/* Names that come twice would be no shape. */
static void check_unique(const struct payload_values *v)
{
    for (size_t i = 0; i < v->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (!strcmp(v->points[i].name, v->points[k].name)) {
                abort();
            }
        }
    }
}

static void decode(const struct payload_plan *plan, const uint8_t *packet, size_t size)
{
    static struct payload_values one, two;
    const struct weir_point *fixed;
    uint32_t counter, missed;
    size_t count = payload_points(plan, &fixed);
    uint8_t *exact = malloc(size ? size : 1); /* just so much, for the sanitizer to see */
    memcpy(exact, packet, size);
    enum payload_result result = payload_decode(plan, exact, size, &one);
    payload_decode(plan, exact, size, &two);
    memset(exact, 0xee, size);
    free(exact);
    check(&one);
    if (result != one.result || (payload_reason(result) == WEIR_R_OK) != (result == 0) ||
        !payload_result_name(result)[0] ||
        !payload_same_points(one.points, one.count, two.points, two.count) ||
        (count && !payload_same_points(one.points, one.count, fixed, count))) {
        abort();
    }
    if (count == 0) {
        check_unique(&one);
    }
    if (payload_counter(plan, &one, &counter)) {
        unsigned bits = payload_counter_bits(plan);
        if (counter > UINT32_MAX >> (32 - bits) ||
            sequence_gap(counter, counter, bits, &missed) != SEQUENCE_DUPLICATE || missed) {
            abort();
        }
        sequence_gap((uint32_t)size & UINT32_MAX >> (32 - bits), counter, bits, &missed);
    }
}

/* The first byte chooses the tag; the key is one of two texts. */
static void open_sealed(const uint8_t *packet, size_t size)
{
    uint8_t key[SEALED_KEY_BYTES];
    char digits[33] = "00112233445566778899AABBCCDDEEFF";
    struct sealed_sender state = { 0 };
    struct sealed *sealed;
    if (size > 0 && packet[0] & 0x40) {
        memcpy(digits, packet, size < 32 ? size : 32);
    }
    if (sealed_key(digits, key) != 0) {
        return;
    }
    for (unsigned tag = 4; tag <= 8; tag += 4) {
        if (sealed_from(&(struct sealed_options){ digits, tag == 8 }, &sealed) != 0) {
            abort();
        }
        size_t len = 0;
        uint8_t *exact = malloc(size ? size : 1), *buf = malloc(size ? size : 1);
        memcpy(exact, packet, size);
        enum sealed_result result = sealed_open(sealed, 12, &state, exact, size, buf, &len);
        if (result == SEALED_OK &&
            (len + 4 + tag != size ||
             sealed_open(sealed, 12, &state, exact, size, buf, &len) != SEALED_REPLAY)) {
            abort();
        }
        if (!sealed_result_name(result)[0] || !sealed_result_help(result)[0]) {
            abort();
        }
        free(exact);
        free(buf);
        sealed_destroy(sealed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "a", "b", "c", "d", "n", "temperature_3", "t", "field_1" };
    struct payload_point points[70];
    struct weir_device_point configured[70];
    struct payload_plan *plan;
    int findings = 0;
    if (size < HEAD) {
        return 0;
    }
    size_t count = data[2] % 70;
    struct payload_options options = { .kind = data[0] % KINDS,
                                       .order = data[0] >> 7,
                                       .id_bytes = 1 + (data[1] & 1),
                                       .length_bytes = (data[1] >> 1) % 3,
                                       .separator = separators[data[1] >> 3 & 3],
                                       .assign = assigns[data[1] >> 5 & 3],
                                       .counter = data[1] & 0x80 ? "n" : "",
                                       .counter_width = data[0] / KINDS % 3 };
    data += HEAD;
    size -= HEAD;
    for (size_t i = 0; i < count; i++) {
        if (size < POINT) {
            return 0;
        }
        points[i] = point_of(data);
        configured[i] = (struct weir_device_point){ names[i % 8], i % 3 ? "" : "V", &points[i] };
        data += POINT;
        size -= POINT;
    }
    int status = payload_plan_create(&options, configured, count,
                                     (struct payload_findings){ count_finding, &findings }, &plan);
    if ((status == 0) != (findings == 0)) {
        abort();
    }
    if (status == 0) {
        decode(plan, data, size);
        payload_plan_destroy(plan);
    }
    open_sealed(data, size);
    return 0;
}
