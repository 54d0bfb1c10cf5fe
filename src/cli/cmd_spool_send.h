/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of `weir spool send` share.
 *
 *   cmd_spool_send.c     arguments; runs the uplink, says how far it is
 *   cmd_spool_prepare.c  the folder in RAM that the uplink works in
 */
#ifndef CLI_CMD_SPOOL_SEND_H
#define CLI_CMD_SPOOL_SEND_H

#include "cli/cmd_spool.h"

#define SEND_UPLINK "spool-send" /* its name in client ids */
enum { SEND_SETTINGS = 32, SEND_PATH_MAX = 256 };

struct send_options {
    const char *url;
    const char *settings[SEND_SETTINGS]; /* "KEY=VALUE" of the uplink */
    size_t setting_count;
    const char *as;   /* begin where this uplink was; NULL: with the oldest */
    int64_t since_ns; /* begin with the first record of this wall time; 0: no */
    int64_t wait_ns;  /* without an answer, then it gives up */
};

/* What the uplink works in instead of {ram}: removed again by send_clean(). */
struct send_work {
    char path[SEND_PATH_MAX]; /* "": none yet */
    int config_fd;            /* -1: none yet */
    uint64_t numbers;         /* that are to be sent, at most */
    bool foreign;             /* not of this boot of this machine */
};

/* EXIT_CANNOT, told on stderr, or 0. */
int send_prepare(const struct send_options *options, struct spool_store *store,
                 struct send_work *ret_work);
void send_clean(struct send_work *work);

#endif
