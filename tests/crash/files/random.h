/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Random numbers that a seed gives again: splitmix64.
 */
#ifndef FILES_RANDOM_H
#define FILES_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static inline uint64_t random_next(struct random *random)
{
    random->state += 0x9e3779b97f4a7c15ULL;
    return mix(random->state);
}

/* 0 to below `limit`. */
static inline uint64_t random_below(struct random *random, uint64_t limit)
{
    return limit ? random_next(random) % limit : 0;
}

static inline bool random_one_in(struct random *random, uint64_t n)
{
    return random_below(random, n) == 0;
}

#endif
