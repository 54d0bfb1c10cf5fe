/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What writer.c, batch.c and recover.c share.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "store/writer.h"

struct declared {
    uint64_t hash;
    unsigned times;
};

struct batch_section {
    char bus[WEIR_NAME_MAX + 1];
    uint64_t epoch, after, first, last;
    uint32_t bytes, records;
    struct clock_offset clock; /* as the records before noted it */
};

struct batch {
    uint8_t *data;
    size_t size, len;
    struct batch_section *sections;
    size_t section_count, section_capacity;
    const struct shape **shapes;
    size_t shape_count, shape_capacity;
    size_t shape_bytes; /* of all of them as frames */
};

struct writer {
    struct writer_options options;
    struct disk *disk;
    uint64_t *used, *free;
    size_t used_count, free_count;
    uint64_t generation; /* the highest ever used */
    uint64_t group;      /* the newest that counts */

    int handle; /* of the segment being written, the last in `used`; -1: take another */
    uint64_t at;
    uint32_t seed;
    struct declared *declared;
    size_t declared_count, declared_capacity;
    uint8_t boot_id[16];

    uint8_t *out; /* a group as it is written */
    size_t out_size;
    struct writer_counts counts;
};

/* recover.c */
int writer_recover(struct writer *writer, const struct account *known, struct recovery *ret);

/* writer.c */
int generations_add(uint64_t **list, size_t *count, uint64_t generation);

#endif
