/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The newest group that counts: see spool_state.h.
 */
#include "log/spool_state.h"

#include <errno.h>
#include <stdlib.h>

int segment_check(struct disk *disk, uint64_t generation, uint32_t size)
{
    struct segment segment;
    int r = segment_open(disk, generation, size, &segment);
    if (r == 0) {
        r = segment.header.size == size ? 0 : -EBADMSG;
        segment_close(&segment);
    }
    return r;
}

/* Is there a trace of a group of this segment where the next one would begin? Its generation or its
 * number is enough: no older use of the place has either. */
static bool traces_behind(struct segment *s, uint64_t at, uint64_t number)
{
    uint8_t raw[FRAME_HEAD_BYTES + 16];
    if (at + SPOOL_BLOCK > s->header.size - SPOOL_BLOCK ||
        s->disk->ops->read(s->disk, s->handle, raw, sizeof raw, at) != sizeof raw) {
        return false;
    }
    struct get in = get_init(raw + FRAME_HEAD_BYTES, 16);
    uint64_t generation = get_u64(&in);
    return generation == s->header.generation || get_u64(&in) == number;
}

/* Walks the groups of one segment. Leaves the account of the last one that is whole in *account,
 * and where it ends in *ret_end. */
static int walk(struct segment *s, struct account **account, uint64_t *ret_end, bool *ret_damage)
{
    uint64_t above = 0, at = SPOOL_BLOCK, next = s->header.first_group;
    struct group group;
    bool skipped;
    int r;
    *ret_end = SPOOL_BLOCK;
    *ret_damage = false;
    while ((r = group_next(s, at, above, &group, &skipped)) == 1) {
        above = group.number;
        at = group_end(&group);
        int whole = group_whole(s, &group);
        *ret_damage = whole != 1;
        if (whole == 1) {
            account_destroy(*account);
            *account = group.account;
            group.account = NULL;
            *ret_end = at;
            next = group.number + 1;
        }
        group_finish(&group);
        s->bad |= whole == -EIO;
        if (whole < 0 && whole != -EIO) {
            return whole;
        }
    }
    *ret_damage |= s->bad || traces_behind(s, *ret_end, next);
    return r;
}

int spool_state_newest(struct disk *disk, uint32_t size, struct spool_state *state)
{
    state->end = SPOOL_BLOCK;
    for (size_t i = state->used_count; i-- > 0 && !state->account;) {
        struct segment s;
        uint64_t end;
        bool damage;
        int r = segment_open(disk, state->used[i], size, &s);
        if (r == -EIO) {
            state->damage = true;
            continue;
        }
        if (r < 0) {
            return r;
        }
        r = walk(&s, &state->account, &end, &damage);
        segment_close(&s);
        if (r < 0) {
            return r;
        }
        state->damage |= damage;
        state->bad |= s.bad;
        state->end = i + 1 == state->used_count ? end : state->end;
    }
    return 0;
}

int spool_state_read(struct disk *disk, uint32_t size, struct spool_state *ret_state)
{
    struct spool_state *s = ret_state;
    uint64_t newest_bad = 0;
    size_t count, kept = 0;
    *s = (struct spool_state){ 0 };
    int r = spool_list(disk, SPOOL_SEGMENT, &s->used, &count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        int check = segment_check(disk, s->used[i], size);
        if (check == 0) {
            s->used[kept++] = s->used[i];
        } else if (check == -EPROTO || check == -EBADMSG) {
            s->newer += check == -EPROTO;
            s->unreadable += check == -EBADMSG;
            newest_bad = s->used[i];
        } else if (check != -ENOENT) { /* recycled meanwhile: of no interest any more */
            r = check;
        }
    }
    s->used_count = kept;
    s->damage = newest_bad && (kept == 0 || newest_bad > s->used[kept - 1]);
    return r < 0 ? r : spool_state_newest(disk, size, s);
}

void spool_state_finish(struct spool_state *state)
{
    free(state->used);
    account_destroy(state->account);
    *state = (struct spool_state){ 0 };
}

void spool_state_settle(struct account *account, uint64_t counter, bool damage)
{
    for (size_t i = 0; i < account->epoch_count; i++) {
        struct account_epoch *e = &account->epochs[i];
        if (e->flags & ACCOUNT_OPEN) {
            e->flags = damage || counter > account->counter ? ACCOUNT_DAMAGE : 0;
        }
    }
}
