/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What `weir status` shows. status_read.c takes a copy of everybody's pages; status_judge.c says
 * what is wrong; status_text.c and status_json.c print. Only the first one touches the outside.
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "link/stats.h"

/* Copies, so nothing changes while it is printed; every text in them ends. */
struct status {
    int64_t now_ns; /* boot time of the copy */
    struct stats_core *core;
    /* Parallel to core->children; NULL where there is no page. */
    struct stats_bus *buses[STATS_CHILDREN];
    struct stats_uplink *uplinks[STATS_CHILDREN];
    struct stats_store *store; /* NULL: no page */
    const struct stats_child *store_child;
};

/* -ENOENT or -ECONNREFUSED if nobody runs there, -EPROTO if it is a weir of another build. */
int status_read(const char *ram, struct status *ret_status);
void status_finish(struct status *status);

enum { STATUS_REASONS = 32, STATUS_REASON_TEXT = 320 };

struct status_reasons {
    unsigned count; /* of all there are; the first STATUS_REASONS are kept */
    char text[STATUS_REASONS][STATUS_REASON_TEXT];
};

/* Everything that is wrong; count 0 means ok. */
void status_judge(const struct status *status, struct status_reasons *ret_reasons);
bool status_configured(const struct status *status); /* is there any bus? */
/* Flash has not answered for this long; 0: it has. */
int64_t status_stalled_ns(const struct status *status);
uint64_t status_backlog(const struct stats_uplink *uplink);
/* How much of a backlog has been worked off, 0 to 100, and how long the rest will take; -1 while
 * nothing drains. */
int status_drained_percent(const struct stats_uplink *uplink);
int64_t status_eta_ns(const struct stats_uplink *uplink, int64_t now_ns);

void status_print_text(FILE *out, const struct status *status);
/* 0 or -ENOMEM. */
int status_print_json(FILE *out, const struct status *status);

const char *status_child_state(const struct stats_child *child);
const char *status_device_state(const struct stats_device *device);
const char *status_result_name(unsigned result);

#endif
