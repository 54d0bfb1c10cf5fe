/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The host's own option tables, for those who print them.
 */
#ifndef CONFIG_ROWS_H
#define CONFIG_ROWS_H

#include <weir/option.h>

extern const struct weir_option gateway_rows[], spool_rows[], bus_rows[], device_rows[],
    point_rows[], uplink_rows[];

#endif
