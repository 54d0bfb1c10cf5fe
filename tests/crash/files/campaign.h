/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A campaign: several processes that try seeds one after the other, count what they tried, and stop
 * when it is enough. Prints a line every two seconds and a summary.
 */
#ifndef FILES_CAMPAIGN_H
#define FILES_CAMPAIGN_H

#include <stdbool.h>
#include <stdint.h>

struct campaign_options {
    const char *name; /* "files" */
    uint64_t seed;    /* of the first round */
    uint64_t rounds;  /* 0: any number */
    uint64_t states;  /* distinct ones; 0: any number */
    double seconds;   /* 0: any */
    unsigned jobs;    /* processes */
    bool first;       /* stop at the first violation */
    int64_t step;     /* only this one is judged, in one round, loudly; -1: all */
};

/* --states --seconds --seed --step --jobs --slice --first; what is not given stays. False: `usage`
 * was printed. */
bool campaign_parse(int argc, char **argv, const char *usage, struct campaign_options *options);

/* In a process of the campaign. */
void campaign_state(uint64_t hash); /* one more state, with this hash */
/* True the first time it is asked for this key in any process: what was judged need not be again.
 */
bool campaign_is_new(uint64_t key);
void campaign_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool campaign_over(void);

/* Runs round(seed) for rising seeds. Returns the exit status: 0 if there is no violation. */
int campaign_run(const struct campaign_options *options, void (*round)(uint64_t seed));

#endif
