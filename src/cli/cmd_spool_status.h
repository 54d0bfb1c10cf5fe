/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What `weir spool status` has found, for its text and its JSON.
 */
#ifndef CLI_CMD_SPOOL_STATUS_H
#define CLI_CMD_SPOOL_STATUS_H

#include "cli/cmd_spool.h"

struct spool_summary {
    const struct spool_store *store;
    struct spool_state state;
    uint64_t used_bytes;
    bool has_oldest, has_newest;
    struct when oldest, newest;
};

/* "open" "clean" "unclean" "damage" */
const char *spool_epoch_state(const struct account_epoch *epoch);
/* When it ended, or when its newest record was taken. */
struct when spool_epoch_until(const struct spool_summary *summary,
                              const struct account_epoch *epoch);
/* When the newest group was written. */
struct when spool_group_made(const struct spool_summary *summary);
/* How many numbers of a bus lie behind a cursor and are not told gone. */
uint64_t spool_waiting(const struct account *account, const struct cursor_entry *cursor);

/* Prints it as one object in one line. 0 or -ENOMEM. */
int spool_status_json(const struct spool_summary *summary);

#endif
