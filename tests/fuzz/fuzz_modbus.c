/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any registers under any point, and any frame in words: no crash, finite numbers only, no more
 * text than there is room for.
 *
 *   input   table | type | order | bit | length | scale, 8 bytes | offset, 8 bytes | registers
 *
 * The registers are also taken for a frame.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "explain.h"

enum { HEAD = 21 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct point *point, const struct weir_value *value)
{
    if (value->quality != WEIR_QUALITY_GOOD) {
        return;
    }
    switch (point_weir_type(point)) {
    case WEIR_BOOL:
        if (value->boolean > 1) {
            abort();
        }
        break;
    case WEIR_FLOAT32:
        if (!isfinite(value->float32)) {
            abort();
        }
        break;
    case WEIR_FLOAT64:
        if (!isfinite(value->float64)) {
            abort();
        }
        break;
    case WEIR_TEXT:
        if (value->bytes.len > 2 * (size_t)point->length) {
            abort();
        }
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char words[128];
    uint8_t text[256];
    struct weir_value value;
    if (size < HEAD) {
        return 0;
    }
    struct point point = { .table = data[0] % 4,
                           .kind = data[1] % (KIND_TEXT + 1),
                           .order = data[2] % 4,
                           .bit = data[3] % 17 - 1,
                           .length = 1 + data[4] % 125 };
    if (point.kind > KIND_INT16 || point_is_bits(&point)) {
        point.bit = -1; /* open() refuses the others */
    }
    memcpy(&point.scale, data + 5, sizeof point.scale);
    memcpy(&point.offset, data + 13, sizeof point.offset);
    size -= HEAD;
    uint8_t *registers = malloc(size + 1); /* just so much, for the sanitizer to see */
    memcpy(registers, data + HEAD, size);
    if (size >= 2 * (size_t)point_width(&point)) {
        point_decode(&point, registers, text, &value);
        check(&point, &value);
    }
    for (int serial = 0; serial < 2; serial++) {
        explain(serial, WEIR_TX, registers, size, words, sizeof words);
        explain(serial, WEIR_RX, registers, size, words, sizeof words);
    }
    free(registers);
    return 0;
}
