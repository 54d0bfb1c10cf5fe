/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The answer of the device, as bytes, to its two values. Pure: no port, no clock, so that tests and
 * fuzzers can call it. The data sheet stands in template.c.
 */
#ifndef TEMPLATE_DECODE_H
#define TEMPLATE_DECODE_H

#include <weir/adapter.h>

enum { POINT_TEMPERATURE, POINT_HUMIDITY, POINT_COUNT };

/* One line without its end. WEIR_R_OK and ret_values[POINT_COUNT], or WEIR_R_FRAME: not such a
 * line. */
enum weir_result decode_line(const char *line, size_t len, struct weir_value *ret_values);

#endif
