/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a frame on the wire means, in one line, for `weir trace`. Pure.
 */
#ifndef MODBUS_EXPLAIN_H
#define MODBUS_EXPLAIN_H

#include <weir/adapter.h>

size_t explain(bool serial, enum weir_direction direction, const uint8_t *data, size_t len,
               char *buf, size_t size);

#endif
