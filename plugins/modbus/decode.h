/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Registers to values. Pure: no port, no clock.
 *
 * The order of the bytes on the wire; a is the highest byte of the value:
 *
 *          16 bits   32 bits   64 bits
 *   abcd   a b       a b c d   a b c d e f g h   as Modbus has it, high word first
 *   cdab   a b       c d a b   g h e f c d a b   low word first
 *   badc   b a       b a d c   b a d c f e h g   bytes swapped in each word
 *   dcba   b a       d c b a   h g f e d c b a   both
 */
#ifndef MODBUS_DECODE_H
#define MODBUS_DECODE_H

#include <weir/adapter.h>

enum table { TABLE_HOLDING, TABLE_INPUT, TABLE_COIL, TABLE_DISCRETE };
enum kind {
    KIND_UINT16,
    KIND_INT16,
    KIND_UINT32,
    KIND_INT32,
    KIND_UINT64,
    KIND_INT64,
    KIND_FLOAT32,
    KIND_FLOAT64,
    KIND_BOOL,
    KIND_TEXT
};
enum order { ORDER_ABCD, ORDER_BADC, ORDER_CDAB, ORDER_DCBA };

/* One point as configured. */
struct point {
    int64_t address; /* the number on the wire, from 0 */
    int table, kind, order;
    double scale, offset;
    int64_t mask, bit; /* mask 0, bit -1: none */
    int64_t length;    /* registers, KIND_TEXT */
};

/* Registers (or bits) that the point takes. */
unsigned point_width(const struct point *point);
bool point_is_bits(const struct point *point);
enum weir_type point_weir_type(const struct point *point);

/* The point's value from `data`, its registers as they came (bits: one byte, 0 or 1). Text is put
 * into `text`, which must have room for 2 * length bytes. */
void point_decode(const struct point *point, const uint8_t *data, uint8_t *text,
                  struct weir_value *ret_value);

#endif
