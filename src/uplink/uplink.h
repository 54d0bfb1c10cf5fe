/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The uplink process: delivers to one destination. Started by core as `weir uplink NAME`, or by
 * hand, in the foreground. Returns the exit status.
 */
#ifndef UPLINK_UPLINK_H
#define UPLINK_UPLINK_H

#include <stdbool.h>

#include "link/stats.h"

int uplink_main(int argc, char **argv);

/* One delivery that comes to an end: everything in a prepared {ram} (cursors, account, a folder for
 * each bus in queue/) and the spool of `directory`. For `weir spool send`. */
struct uplink_errand {
    const char *name; /* of the uplink, in the configuration */
    int config_fd;    /* the configuration as text */
    bool rescued;     /* perhaps of another machine: it ended before now, not before this boot */
    /* Called in every round. all_done: everything is acknowledged; hopeless: trying to connect
     * again makes no sense. True: end. */
    bool (*watch)(void *context, const struct stats_uplink *stats, bool all_done, bool hopeless);
    void *context;
};
/* 0; EXIT_AGAIN: ended by a signal; else why it could not begin, told on stderr. */
int uplink_run_errand(const struct uplink_errand *errand);

#endif
