/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What can go wrong on a wire: turns the bytes of one frame into the bytes that come out at the
 * other end and when. Pure but for its counters and its random numbers, which come from a seed.
 *
 *     in   | 01 | 03 | 02 | 00 | 2a | crc | crc |
 *     out  | 01 | 03 |.....gap.....| 02 | 40 | 2a | 2a | crc |      flipped, repeated, dropped
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum fault_direction { FAULTS_REQUESTS = 1, FAULTS_REPLIES = 2 };

/* X(name in reports): one counter for each kind of fault. */
#define FAULTS_KINDS(X)                                                                            \
    X(flipped)                                                                                     \
    X(dropped)                                                                                     \
    X(repeated)                                                                                    \
    X(gaps)                                                                                        \
    X(noise)                                                                                       \
    X(silenced)                                                                                    \
    X(late)                                                                                        \
    X(foreign)                                                                                     \
    X(echoed)                                                                                      \
    X(vanished)

struct faults {
    uint64_t seed;
    int directions;            /* which frames flip, drop, repeat, gap and noise strike */
    double flip, drop, repeat; /* chance for each byte */
    double gap, noise;         /* chance for each frame */
    int64_t gap_ns;
    bool silent, echo;
    int silent_count, late_count, foreign_count; /* the next so many replies */
    int64_t late_ns;
    struct {
#define FAULTS_COUNTER(name) uint64_t name;
        FAULTS_KINDS(FAULTS_COUNTER)
#undef FAULTS_COUNTER
    } count;
};

struct fault_byte {
    uint8_t value;
    int64_t pause_ns; /* before it, beyond the time that the wire needs */
};

enum { FAULTS_OUT_MAX = 640 };

/* Puts the frame through the faults. `out` has room for FAULTS_OUT_MAX; the number of bytes that
 * come out is returned, 0 when the frame is swallowed. `length` is at most FRAME_MAX. */
size_t faults_apply(struct faults *faults, enum fault_direction direction, const uint8_t *frame,
                    size_t length, struct fault_byte *out);

/* Prints the counters as members of a JSON object, without braces. */
void faults_print(const struct faults *faults, FILE *out);

#endif
