/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The simulated meters themselves, without a transport: what each unit answers, and its books.
 *
 * Every coil, discrete input, input register and holding register counts its own reads: the n-th
 * read answers n (a bit: n modulo 2), modulo 65536. A receiver can so tell exactly which reads
 * were lost on the way and which came twice. The time register holds the wall clock in
 * milliseconds modulo 65536 instead; with the profile sdm630 the input registers hold plausible
 * values of a three-phase meter.
 */
#ifndef METERS_H
#define METERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { METERS_UNIT_MAX = 247, METERS_TABLES = 4, METERS_PDU_MAX = 253 };

struct meters_unit {
    uint16_t *reads[METERS_TABLES]; /* by function code - 1 */
    uint64_t request_count, answered_count, interval_count;
    int64_t last_ns; /* when the previous request came; 0: none yet */
    int64_t interval_min_ns, interval_max_ns, interval_sum_ns;
    int64_t interval_max_wall_ns; /* when the longest interval ended */
    bool dead;
    int64_t delay_ns;
    int illegal_first, illegal_last, illegal_code; /* code 0: everything is legal */
};

struct meters {
    int unit_count, reg_count;
    int time_reg;  /* -1: none */
    int max_count; /* registers in one request */
    bool sdm630, quiet;
    int64_t start_wall_ns;
    struct meters_unit unit[METERS_UNIT_MAX + 1]; /* [0] is not used */
    uint64_t request_count, answered_count, unanswered_count, exception_count, point_count;
    int64_t first_ns, last_ns;
};

/* Allocates the counters once unit_count and reg_count are set. Ends the program without memory. */
void meters_init(struct meters *meters);
void meters_finish(struct meters *meters);

/* Answers one request PDU (function code first) that arrives at `at_ns`. `reply` has room for
 * METERS_PDU_MAX. The length of the reply, or 0 if the unit keeps silent. */
int meters_answer(struct meters *meters, int unit, const uint8_t *pdu, int length, int64_t at_ns,
                  uint8_t *reply);

/* How long this unit takes before it answers. */
int64_t meters_delay_ns(const struct meters *meters, int unit);

void meters_reset_intervals(struct meters *meters);

/* Prints the members of the JSON report that belong to the meters, without braces. */
void meters_print(const struct meters *meters, FILE *out);

/* sdm630.c: the input register at `address` of an Eastron SDM630 at this time. */
uint16_t sdm630_register(int unit, int address, double wall_s, double start_s);

#endif
