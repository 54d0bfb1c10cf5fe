/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `./dev crash files`: the store over a file layer that forgets, tears and reorders.
 */
#include <stdio.h>

#include "campaign.h"
#include "content.h"
#include "drive.h"
#include "sim.h"

static int64_t only_step = -1;

static void one_round(uint64_t seed)
{
    drive_round(seed, only_step);
}

static const char usage[] =
    "usage: files [--states N] [--seconds S] [--seed N [--step K]] [--jobs N] [--slice]\n"
    "  --states   stop after so many distinct states (1200000)\n"
    "  --seconds  stop after so long\n"
    "  --seed     of the first round; rounds are numbered from there\n"
    "  --step     play one round, and judge this step alone, as a violation names it\n"
    "  --slice    ten seconds\n"
    "  --first    stop at the first violation\n";

int main(int argc, char **argv)
{
    struct campaign_options o = { .name = "files", .seed = 1, .states = 1200000 };
    if (!campaign_parse(argc, argv, usage, &o)) {
        return 2;
    }
    only_step = o.step;
    if (only_step >= 0) {
        sim_loud();
    }
    content_init(false);
    return campaign_run(&o, one_round);
}
