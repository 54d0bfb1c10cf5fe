/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a start finds in the spool. After a boot the newest group that can be read tells the state,
 * and what lies behind it tells whether there was more. In the same boot tmpfs tells the state, and
 * the files only say where to go on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "log/spool_state.h"
#include "store/private.h"

/* Gives an unreadable segment, or one of a newer format, another name. */
static void set_aside(struct writer *w, uint64_t generation, int error, struct recovery *ret)
{
    char from[SPOOL_NAME_MAX], to[SPOOL_NAME_MAX];
    spool_name(SPOOL_SEGMENT, generation, from);
    spool_name(error == -EPROTO ? SPOOL_NEWER : SPOOL_BAD, generation, to);
    int r = w->disk->ops->rename(w->disk, from, to);
    if (r == 0) {
        ret->set_aside++;
        say(SAY_ERROR, "spool: %s is set aside as %s: %s", from, to,
            error == -EPROTO ? "of a format this version does not know"
                             : "neither of its headers can be read");
    }
}

static int list_free(struct writer *w)
{
    int r = spool_list(w->disk, SPOOL_FREE, &w->free, &w->free_count);
    for (size_t i = 0; r == 0 && i < w->free_count; i++) {
        w->generation = w->free[i] > w->generation ? w->free[i] : w->generation;
    }
    return r;
}

/* The segments in use; those that are not what they claim are set aside. */
static int list_used(struct writer *w, struct recovery *ret)
{
    uint64_t *all, newest_bad = 0;
    size_t count;
    int error, r = spool_list(w->disk, SPOOL_SEGMENT, &all, &count);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        w->generation = all[i] > w->generation ? all[i] : w->generation;
        error = segment_check(w->disk, all[i], w->options.segment_bytes);
        if (error == 0) {
            r = generations_add(&w->used, &w->used_count, all[i]);
        } else if (error == -EBADMSG || error == -EPROTO || error == -ENOENT) {
            set_aside(w, all[i], error == -ENOENT ? -EBADMSG : error, ret);
            newest_bad = all[i];
        } else if (error == -EIO) {
            newest_bad = all[i]; /* it may be read again another time */
        } else {
            r = error;
        }
    }
    free(all);
    ret->damage = newest_bad && (w->used_count == 0 || newest_bad > w->used[w->used_count - 1]);
    return r;
}

/* Goes on writing behind the newest group that counts, after making sure that what was read there
 * is on flash: a page cache that outlives a killed process proves nothing. */
static int go_on_in(struct writer *w, uint64_t generation, uint64_t at)
{
    char name[SPOOL_NAME_MAX];
    spool_name(SPOOL_SEGMENT, generation, name);
    int handle = w->disk->ops->open(w->disk, name, DISK_WRITE);
    int r = handle < 0 ? handle : w->disk->ops->sync(w->disk, handle);
    if (r < 0) {
        if (handle >= 0) {
            w->disk->ops->close(w->disk, handle);
        }
        return r;
    }
    w->handle = handle;
    w->at = at;
    w->seed = frame_seed(generation);
    return 0;
}

/* What is there is never written over, whoever it counts for: the next group goes behind it and has
 * a higher number. Not even what cannot be read, if it was acknowledged or may be read another
 * time. */
static int find_newest(struct writer *w, const struct account *known, struct recovery *ret)
{
    struct spool_state state = { .used = w->used, .used_count = w->used_count };
    int r = spool_state_newest(w->disk, w->options.segment_bytes, &state);
    ret->account = state.account;
    ret->damage |= state.damage;
    w->group = ret->account ? ret->account->group : 0;
    bool lost = known && w->group < known->group;
    if (lost) {
        w->group = known->group;
    }
    if (r < 0 || lost || state.bad) {
        return r;
    }
    return w->used_count ? go_on_in(w, w->used[w->used_count - 1], state.end) : 0;
}

int writer_recover(struct writer *writer, const struct account *known, struct recovery *ret)
{
    struct writer *w = writer;
    int r = list_free(w);
    if (r == 0) {
        r = list_used(w, ret);
    }
    if (r < 0) {
        return r;
    }
    w->disk->ops->remove(w->disk, "new");
    r = find_newest(w, known, ret);
    if (known) {
        account_destroy(ret->account);
        ret->account = NULL;
        ret->damage = false;
    }
    if (r == -EROFS || r == -EACCES || r == -EIO) {
        w->handle = -1;
        r = 0; /* what is there can still be read and delivered */
    }
    /* Renames of a process that was killed before it synced them. */
    int synced = w->disk->ops->sync_folder(w->disk);
    return r < 0 ? r : synced == -EIO || synced == -EROFS ? 0 : synced;
}
