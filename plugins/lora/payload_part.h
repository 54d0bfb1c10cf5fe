/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the decoders of the kinds share: a value as it stands in the packet, and how it becomes one
 * of the record's. Only for the files of the payload decoders.
 */
#ifndef LORA_PAYLOAD_PART_H
#define LORA_PAYLOAD_PART_H

#include "payload.h"

enum { KEY_MAX = 255 };

struct payload_plan {
    struct payload_options options;
    size_t count;
    const struct payload_point *described[PAYLOAD_VALUES_MAX];
    const char *keys[PAYLOAD_VALUES_MAX];
    struct weir_point points[PAYLOAD_VALUES_MAX];
};

struct raw {
    enum { RAW_UINT, RAW_INT, RAW_FLOAT, RAW_DOUBLE, RAW_BOOL, RAW_TEXT, RAW_BYTES, RAW_NONE } kind;
    union {
        uint64_t u; /* RAW_UINT, RAW_BOOL */
        int64_t i;
        float f;
        double d;
        struct {
            const char *data; /* RAW_TEXT, RAW_BYTES */
            size_t len;
        } text;
    };
};

/* Notes the first error. Always false, so that a decoder can end with it. */
bool payload_stop(struct payload_values *out, enum payload_result result, size_t at, int byte);

/* Point `index` of the plan has this value. */
void payload_set(const struct payload_plan *plan, size_t index, const struct raw *raw,
                 struct payload_values *out);
/* The packet holds a value that it calls `key`. False: there is no room for one more. */
bool payload_offer(const struct payload_plan *plan, const char *key, const char *unit,
                   const struct raw *raw, struct payload_values *out);

/* A number in decimal digits, as JSON writes it, with an optional plus: RAW_INT if it is whole and
 * fits, else RAW_DOUBLE. False: it is none. */
bool number_parse(const char *text, size_t len, struct raw *ret_raw);
/* A whole number becomes RAW_DOUBLE, unless it is too large for one. Without a description nobody
 * knows whether 21 will be 21.5 in the next packet, and the point's type should not change. */
struct raw number_loose(struct raw raw);
/* raw * scale + offset, rounded as the device shows it. */
double number_scale(double raw, double scale, double offset);
/* The shortest decimal that gives this float back. */
double number_shown(float value);

/* Width in bytes of a type, 0 if it has none of its own. */
unsigned field_width(int type);
bool field_is_signed(int type);
/* The value that `len` bytes hold, len being the width if there is one. */
struct raw field_read(const struct payload_plan *plan, const struct payload_point *point,
                      const uint8_t *data, size_t len);

/* The decoders. False after payload_stop(). */
bool struct_decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                   struct payload_values *out);
bool tlv_decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                struct payload_values *out);
bool text_decode(const struct payload_plan *plan, const char *data, size_t len,
                 struct payload_values *out);
bool json_decode(const struct payload_plan *plan, const char *data, size_t len,
                 struct payload_values *out);

#endif
