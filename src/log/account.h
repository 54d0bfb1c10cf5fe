/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The account: what is known of every epoch and every cursor at the moment of a commit group. Each
 * group on flash carries one, so the newest group that can be read is the state after a boot; the
 * same bytes stand in tmpfs ({ram}/store/account) once the group is synced, where `last` means
 * "persisted up to". docs/format.md "Account".
 *
 * Written by store alone; read by uplinks (what earlier epochs were, why a number is gone), by core
 * (what RAM need not hold any more) and by the tools.
 */
#ifndef LOG_ACCOUNT_H
#define LOG_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/record.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "log/cursor.h"
#include "log/gone.h"

enum account_flag { ACCOUNT_OPEN = 1, ACCOUNT_CLEAN = 2, ACCOUNT_DAMAGE = 4 };

struct account_epoch {
    char bus[WEIR_NAME_MAX + 1];
    uint64_t order, epoch;
    uint64_t last; /* up to here: on flash, confirmed by all, or gone for a reason */
    uint8_t flags;
    uint8_t boot_id[16];
    struct boot_time until;    /* of the end, or of the newest record */
    struct clock_offset clock; /* the newest known of that boot */
    int64_t floor_ns;          /* wall time that this boot cannot have been before; 0: unknown */
    size_t gone_count;
    struct range gone[RANGES_PER_EPOCH];
};

struct account_cursor {
    uint8_t *slot; /* cursor_encode() */
    size_t len;
};

struct account_uplink {
    char name[WEIR_NAME_MAX + 1];
    int64_t seen_ns; /* wall time when it was last in the configuration */
    size_t cursor_count;
    struct account_cursor *cursors;
};

struct account {
    uint64_t group;   /* number of the group that carries it; 0: none yet */
    uint64_t counter; /* of epochs */
    uint8_t boot_id[16];
    struct boot_time made;
    struct clock_offset clock;
    int64_t newest_synced_ns; /* wall time that has passed for certain: the newest synchronised one,
                                 and how long boots without it have lasted since; 0: unknown */
    size_t epoch_count;
    struct account_epoch *epochs; /* by bus name, then order */
    size_t uplink_count;
    struct account_uplink *uplinks;
};

struct account *account_create(void);
void account_destroy(struct account *account);

void account_put(struct put *out, const struct account *account);
/* -EBADMSG, -ENOMEM. */
int account_get(struct get *in, struct account **ret_account);

/* NULL if it is not in there. */
struct account_epoch *account_find(const struct account *account, const char *bus, uint64_t epoch);
/* Finds or inserts. NULL: no memory. */
struct account_epoch *account_epoch(struct account *account, const char *bus, uint64_t order,
                                    uint64_t epoch);
void account_remove(struct account *account, struct account_epoch *epoch);
/* Adds a range in its place; what of it is there already keeps its reason. Beyond 16 the two oldest
 * become one, `unknown`. */
void account_gone(struct account_epoch *epoch, struct range range);
/* The range that has this number, or NULL. */
const struct range *account_gone_find(const struct account_epoch *epoch, uint64_t seq);

struct account_uplink *account_uplink(struct account *account, const char *name);
/* Replaces its cursors by none. */
void account_uplink_clear(struct account_uplink *uplink);
int account_uplink_add(struct account_uplink *uplink, const struct cursor_entry *entry);
void account_uplink_remove(struct account *account, struct account_uplink *uplink);

/* In tmpfs. load: -ENOENT if there is none. */
int account_load(const char *ram, struct account **ret_account);
int account_save(const char *ram, const struct account *account);

#endif
