/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `./dev crash files`: the store over a file layer that forgets, tears and reorders.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "campaign.h"
#include "content.h"
#include "drive.h"
#include "sim.h"

static int64_t only_step = -1;

static void one_round(uint64_t seed)
{
    drive_round(seed, only_step);
}

static int usage(void)
{
    fputs("usage: files [--states N] [--seconds S] [--seed N [--step K]] [--jobs N] [--slice]\n"
          "  --states   stop after so many distinct states (1,200,000)\n"
          "  --seconds  stop after so long\n"
          "  --seed     of the first round; rounds are numbered from there\n"
          "  --step     play one round, and judge this step alone, as a violation names it\n"
          "  --slice    ten seconds\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = { { "states", 1, NULL, 'n' },
                                           { "seconds", 1, NULL, 't' },
                                           { "seed", 1, NULL, 's' },
                                           { "step", 1, NULL, 'k' },
                                           { "jobs", 1, NULL, 'j' },
                                           { "slice", 0, NULL, 'q' },
                                           { 0 } };
    struct campaign_options o = { .name = "files", .seed = 1, .states = 1200000, .step = -1 };
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    o.jobs = cpus > 0 ? (unsigned)cpus : 1;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) >= 0;) {
        switch (c) {
        case 'n':
            o.states = strtoull(optarg, NULL, 10);
            break;
        case 't':
            o.seconds = strtod(optarg, NULL);
            o.states = 0;
            break;
        case 's':
            o.seed = strtoull(optarg, NULL, 10);
            break;
        case 'k':
            o.step = only_step = strtoll(optarg, NULL, 10);
            sim_loud();
            break;
        case 'j':
            o.jobs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'q':
            o.seconds = 10;
            o.states = 0;
            break;
        default:
            return usage();
        }
    }
    if (optind != argc) {
        return usage();
    }
    content_init();
    return campaign_run(&o, one_round);
}
