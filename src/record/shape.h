/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A shape on the heap: the public struct weir_shape, its declaration as it stands in the log, and
 * the 64-bit hash of that declaration, which is its identity. See docs/format.md "Shape".
 */
#ifndef RECORD_SHAPE_H
#define RECORD_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#include <weir/record.h>

struct shape {
    struct weir_shape view; /* strings and arrays live in the same block */
    uint64_t hash;
    size_t declaration_len;
    const uint8_t *declaration;
};

/* A declaration is at most this long. */
enum { SHAPE_DECLARATION_MAX = 120 * 1024 };

/* Makes a copy of everything in `view`. -EINVAL: too many points, a text too long, a bad type. */
int shape_create(const struct weir_shape *view, struct shape **ret_shape);
/* From the bytes of a declaration; -EINVAL if they are not one. */
int shape_decode(const uint8_t *declaration, size_t len, struct shape **ret_shape);
void shape_destroy(struct shape *shape);

/* The shapes known to one process, by hash. */
struct shape_table {
    struct shape **slots;
    size_t capacity, count;
};

void shape_table_finish(struct shape_table *table);
struct shape *shape_find(const struct shape_table *table, uint64_t hash);
/* Takes the shape over, on success only. */
int shape_insert(struct shape_table *table, struct shape *shape);

#endif
