/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Cayenne Low Power Payload: any number of
 *
 *     channel (1 byte) | type (1 byte) | value, its length given by the type, high byte first
 *
 * Names are the type and the channel: temperature_3, accelerometer_6_x. Facts: the CayenneLPP
 * library of Electronic Cats; IPSO object ids less 3200.
 */
#ifndef LORA_LPP_H
#define LORA_LPP_H

#include "payload_part.h"

bool lpp_decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                struct payload_values *out);

/* The unit of the value that a packet would call so, NULL if there is no such value. */
const char *lpp_unit(const char *key);

#endif
