/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * For the tests of payloads: plans in few words, packets in hex, values as one line of text.
 */
#ifndef LORA_PAYLOAD_RIG_H
#define LORA_PAYLOAD_RIG_H

#include "cmocka_all.h"

#include "payload.h"

/* The defaults of the option rows, read from the rows themselves. */
struct payload_options rig_options(enum payload_kind kind);
struct payload_point rig_point(enum payload_type type);

/* A point under a name; no unit. */
struct rig_named {
    const char *name;
    struct payload_point point;
};

/* Fails the test if a setting is wrong. */
struct payload_plan *rig_plan(const struct payload_options *options, const struct rig_named *points,
                              size_t count);
/* The first finding as "POINT KEY: WHAT"; "" if there is none. */
const char *rig_finding(const struct payload_options *options, const struct rig_named *points,
                        size_t count);

size_t rig_hex(const char *hex, uint8_t *buf, size_t size);

/* "temperature_3=27.2 Cel, door=true, text=\"on\", bytes=<0a0b>, missing=!absent"; after an error
 * " | " and payload_error(). Valid until the next call. */
const char *rig_show(const struct payload_values *values);
const char *rig_decode(const struct payload_plan *plan, const void *data, size_t len);
/* The same of a plan that lives as long as the call; the packet in hex, or as characters. */
const char *rig_by(struct payload_options options, const struct rig_named *points, size_t count,
                   const char *hex);
const char *rig_words(struct payload_options options, const struct rig_named *points, size_t count,
                      const char *packet);

#endif
