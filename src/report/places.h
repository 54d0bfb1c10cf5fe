/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What is kept of the rows: for each location, hour of the day and kind of day a sum and how many.
 */
#ifndef REPORT_PLACES_H
#define REPORT_PLACES_H

#include <stddef.h>
#include <stdint.h>

#define PLACES_MAX 65536
#define HOURS      24

enum day_kind { DAY_WEEKDAY, DAY_WEEKEND, DAY_KINDS };

struct tally {
    double sum;
    uint64_t rows;
};

struct place {
    char *name; /* UTF-8 without NUL, terminated */
    uint32_t name_size;
    uint32_t hash;
    struct tally tallies[DAY_KINDS][HOURS];
};

struct places {
    struct place **blocks; /* of PLACES_BLOCK */
    size_t count;
    uint32_t *slots; /* index + 1, by hash; 0: free */
    size_t slot_count;
};

/* All zero is empty. */
void places_finish(struct places *places);
/* The place of that name, new if need be. NULL: no memory, or (errno ENOSPC) PLACES_MAX are there.
 */
struct place *places_get(struct places *places, const char *name, size_t size);
struct place *places_at(const struct places *places, size_t index);

#endif
