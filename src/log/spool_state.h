/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a spool says of itself, without changing it: which segments can be read, and the account of
 * the newest group that counts. Store recovers with it after a boot, `weir spool` looks with it.
 */
#ifndef LOG_SPOOL_STATE_H
#define LOG_SPOOL_STATE_H

#include "log/account.h"
#include "log/spool.h"

/* Can this segment in use be read? 0; -EBADMSG: no header of its own passes (also -ENOENT then);
 * -EPROTO: of a newer format; another negative errno. */
int segment_check(struct disk *disk, uint64_t generation, uint32_t size);

struct spool_state {
    uint64_t *used; /* generations of segments that can be read, rising; malloc()ed */
    size_t used_count;
    size_t unreadable, newer; /* segments that a start would set aside */
    struct account *account;  /* of the newest group that is whole; NULL: none */
    uint64_t end;             /* where that group ends, if it is in the newest segment */
    bool damage;              /* something behind that group cannot be read */
    bool bad;                 /* not for its content: the medium failed. It may be there yet */
};

/* The newest whole group in the segments of state->used. */
int spool_state_newest(struct disk *disk, uint32_t size, struct spool_state *state);
/* All of it. Ends with spool_state_finish() also after a failure. */
int spool_state_read(struct disk *disk, uint32_t size, struct spool_state *ret_state);
void spool_state_finish(struct spool_state *state);

/* What has become of epochs that the account has as open, after a cut: they ended unclean. With
 * damage, or if the account itself is older than `counter`, more of them may have been there than
 * is known. */
void spool_state_settle(struct account *account, uint64_t counter, bool damage);

#endif
