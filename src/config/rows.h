/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The host's own option tables, for those who print them.
 */
#ifndef CONFIG_ROWS_H
#define CONFIG_ROWS_H

#include <stddef.h>

#include <weir/option.h>

extern const struct weir_option gateway_rows[], spool_rows[], bus_rows[], device_rows[],
    point_rows[], uplink_rows[];

/* A limit of a row as people would write it: 9600, "500ms", "64MiB"; at least 32 bytes. */
const char *option_number(const struct weir_option *row, double number, char *buf, size_t size);

#endif
