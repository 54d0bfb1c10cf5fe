/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What must be found: see truth.h.
 */
#include "truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const char *const bus_names[BUSES] = { "meters", "water" };
const char *const uplink_names[UPLINKS] = { "city", "plant" };

struct truth_epoch *truth_epoch(struct truth *truth, uint64_t epoch)
{
    for (size_t i = truth->epoch_count; i-- > 0;) {
        if (truth->epochs[i].epoch == epoch) {
            return &truth->epochs[i];
        }
    }
    return NULL;
}

uint64_t account_hash(const struct account *account)
{
    static uint8_t bytes[GROUP_HEAD_MAX];
    struct put out = put_init(bytes, sizeof bytes);
    if (!account) {
        return 0;
    }
    account_put(&out, account);
    if (out.failed) {
        fputs("an account is too long\n", stderr);
        exit(2);
    }
    return XXH3_64bits(bytes, put_len(&out)) | 1;
}

void truth_attempt(struct truth *truth, const struct account *account)
{
    uint64_t hash = account_hash(account);
    for (size_t i = 0; i < truth->attempt_count; i++) {
        if (truth->attempts[i] == hash) {
            return;
        }
    }
    if (truth->attempt_count == ATTEMPTS_MAX) {
        memmove(truth->attempts, truth->attempts + 1, sizeof truth->attempts - sizeof hash);
        truth->attempt_count--;
    }
    truth->attempts[truth->attempt_count++] = hash;
}

void truth_acked(struct truth *truth, const struct account *account)
{
    truth->acked = account_hash(account);
    truth->attempt_count = 0;
    for (size_t i = 0; i < UPLINKS; i++) {
        for (size_t k = 0; k < BUSES; k++) {
            truth->passed[i][k] = account
                                      ? account_confirmed(account, uplink_names[i], bus_names[k])
                                      : (struct place){ 0 };
        }
    }
}

bool truth_allows(const struct truth *truth, const struct account *account)
{
    uint64_t hash = account_hash(account);
    for (size_t i = 0; i < truth->attempt_count; i++) {
        if (truth->attempts[i] == hash) {
            return true;
        }
    }
    return hash == truth->acked;
}

uint64_t truth_version(const struct truth *truth)
{
    uint64_t version = mix(truth->acked) ^ mix(truth->used_order);
    for (size_t i = 0; i < truth->attempt_count; i++) {
        version = mix(version ^ truth->attempts[i]);
    }
    return version;
}

struct place account_confirmed(const struct account *account, const char *uplink, const char *bus)
{
    for (size_t i = 0; i < account->uplink_count; i++) {
        const struct account_uplink *u = &account->uplinks[i];
        for (size_t k = 0; !strcmp(u->name, uplink) && k < u->cursor_count; k++) {
            struct cursor_entry entry;
            if (cursor_decode(u->cursors[k].slot, u->cursors[k].len, &entry) == 0 &&
                !strcmp(entry.bus, bus)) {
                return entry.confirmed;
            }
        }
    }
    return (struct place){ 0 };
}

struct place account_lowest(const struct account *account, const char *bus)
{
    struct place lowest = account_confirmed(account, uplink_names[0], bus);
    for (size_t i = 1; i < UPLINKS; i++) {
        struct place p = account_confirmed(account, uplink_names[i], bus);
        if (p.order < lowest.order || (p.order == lowest.order && p.seq < lowest.seq)) {
            lowest = p;
        }
    }
    return lowest;
}
