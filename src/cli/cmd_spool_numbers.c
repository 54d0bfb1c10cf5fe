/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool verify`: which numbers of which bus and epoch are missing. A number needs a record,
 * or a reason in the account, or a section that says that every uplink had confirmed it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_spool_verify.h"

/* ---- what is known */

static struct verify_seen *seen_of(struct verify *v, const struct account_epoch *e)
{
    for (size_t i = v->seen_count; i-- > 0;) {
        if (v->seen[i].epoch == e->epoch && !strcmp(v->seen[i].bus, e->bus)) {
            return &v->seen[i];
        }
    }
    return NULL;
}

static int see(struct verify *v, const struct account_epoch *e, uint64_t last)
{
    struct verify_seen *seen = seen_of(v, e);
    if (!seen) {
        struct verify_seen *more = realloc(v->seen, (v->seen_count + 1) * sizeof *more);
        if (!more) {
            return -ENOMEM;
        }
        v->seen = more;
        seen = &more[v->seen_count++];
        *seen = (struct verify_seen){ .epoch = e->epoch };
        memcpy(seen->bus, e->bus, sizeof seen->bus);
    }
    seen->last = last > seen->last ? last : seen->last;
    return 0;
}

/* Epochs that the account has no more never come back. */
static void drop_old(struct verify *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->seen_count; i++) {
        if (account_find(v->account, v->seen[i].bus, v->seen[i].epoch)) {
            v->seen[kept++] = v->seen[i];
        }
    }
    v->seen_count = kept;
}

void verify_pass(struct verify *verify)
{
    struct group *g = &verify->walk->group;
    verify->group = g->number;
    account_destroy(verify->account);
    verify->account = g->account;
    g->account = NULL; /* the walk needs it no more */
    drop_old(verify);
}

void verify_forget(struct verify *verify)
{
    account_destroy(verify->account);
    verify->account = NULL;
    free(verify->seen);
    verify->seen = NULL;
    verify->seen_count = 0;
    verify->group = 0;
}

/* ---- what is missing */

/* Numbers `first` to `last` have no record. Tells those without a reason. True if there were any.
 */
static bool tell_missing(struct verify *v, const char *file, uint64_t at,
                         const struct account_epoch *e, uint64_t first, uint64_t last,
                         const char *what)
{
    bool any = false;
    while (first <= last) {
        const struct range *known = account_gone_find(e, first);
        if (known) {
            first = known->last + 1;
            continue;
        }
        uint64_t upto = last;
        for (size_t i = 0; i < e->gone_count; i++) {
            if (e->gone[i].first > first && e->gone[i].first <= upto) {
                upto = e->gone[i].first - 1;
            }
        }
        verify_tell(v, file, at, "%s bus %s epoch %" PRIu64 " numbers %" PRIu64 " to %" PRIu64,
                    what, e->bus, e->epoch, first, upto);
        any = true;
        first = upto + 1;
    }
    return any;
}

/* Up to which number of a bus and epoch all uplinks of the account have confirmed. */
static uint64_t confirmed_by_all(const struct account *a, const struct account_epoch *e)
{
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < a->uplink_count; i++) {
        bool has = false;
        for (size_t k = 0; k < a->uplinks[i].cursor_count; k++) {
            const struct account_cursor *slot = &a->uplinks[i].cursors[k];
            struct cursor_entry c;
            if (cursor_decode(slot->slot, slot->len, &c) < 0 || strcmp(c.bus, e->bus) != 0) {
                continue;
            }
            uint64_t upto = c.confirmed.order > e->order    ? UINT64_MAX
                            : c.confirmed.order == e->order ? c.confirmed.seq
                                                            : 0;
            lowest = upto < lowest ? upto : lowest;
            has = true;
        }
        lowest = has ? lowest : 0;
    }
    return a->uplink_count ? lowest : 0;
}

static const struct group_section *section_of(const struct group *g, size_t epoch)
{
    for (size_t i = 0; i < g->section_count; i++) {
        if (g->sections[i].epoch == epoch) {
            return &g->sections[i];
        }
    }
    return NULL;
}

void verify_lost_groups(struct verify *verify, const char *file, uint64_t at, uint64_t first,
                        uint64_t last)
{
    const struct group *g = &verify->walk->group;
    char what[128];
    bool any = false;
    if (first == last) {
        snprintf(what, sizeof what, "group %" PRIu64 " cannot be read; it had at most", first);
    } else {
        snprintf(what, sizeof what,
                 "groups %" PRIu64 " to %" PRIu64 " cannot be read; they had at most", first, last);
    }
    for (size_t i = 0; verify->account && i < g->account->epoch_count; i++) {
        const struct account_epoch *e = &g->account->epochs[i];
        const struct account_epoch *old = account_find(verify->account, e->bus, e->epoch);
        const struct group_section *section = section_of(g, i);
        uint64_t upto = section ? section->first - 1 : e->last;
        uint64_t from = old ? old->last : 0;
        uint64_t spared = confirmed_by_all(g->account, e);
        from = spared > from ? spared : from;
        if (from < upto) {
            any |= tell_missing(verify, file, at, e, from + 1, upto, what);
        }
        see(verify, e, upto);
    }
    if (!any) {
        *strchr(what, ';') = 0;
        verify_tell(verify, file, at, "%s; %s", what,
                    verify->account ? "no uplink still needs what it had"
                                    : "what it had is not known");
    }
}

static struct verify_held *held_of(struct verify *v, const struct account_epoch *e)
{
    for (size_t i = 0; i < v->held_count; i++) {
        if (v->held[i].epoch == e->epoch && !strcmp(v->held[i].bus, e->bus)) {
            return &v->held[i];
        }
    }
    struct verify_held *more = realloc(v->held, (v->held_count + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    v->held = more;
    struct verify_held *held = &more[v->held_count++];
    *held = (struct verify_held){ .epoch = e->epoch, .first = UINT64_MAX };
    memcpy(held->bus, e->bus, sizeof held->bus);
    return held;
}

int verify_hold(struct verify *verify)
{
    const struct group *g = &verify->walk->group;
    for (size_t i = 0; i < g->section_count; i++) {
        const struct group_section *s = &g->sections[i];
        struct verify_held *held = held_of(verify, &g->account->epochs[s->epoch]);
        if (!held) {
            return -ENOMEM;
        }
        held->first = s->first < held->first ? s->first : held->first;
        held->last = s->last > held->last ? s->last : held->last;
    }
    return 0;
}

void verify_tell_held(struct verify *verify)
{
    for (size_t i = 0; i < verify->held_count; i++) {
        const struct verify_held *held = &verify->held[i];
        verify_tell(verify, verify->walk->name, 0,
                    "with this segment go bus %s epoch %" PRIu64 " numbers %" PRIu64 " to %" PRIu64,
                    held->bus, held->epoch, held->first, held->last);
    }
    free(verify->held);
    verify->held = NULL;
    verify->held_count = 0;
}

/* ---- sections */

/* What lies between what was seen of the epoch and the beginning of the section. */
static void check_beginning(struct verify *v, const struct account_epoch *e,
                            const struct group_section *s)
{
    const struct group *g = &v->walk->group;
    const struct verify_seen *seen = seen_of(v, e);
    char what[64];
    if (!seen) {
        return; /* what was before may have left with its segment */
    }
    uint64_t from = seen->last > s->after ? seen->last : s->after;
    if (from + 1 < s->first) {
        snprintf(what, sizeof what, "group %" PRIu64 " leaves out", g->number);
        tell_missing(v, v->walk->name, g->at, e, from + 1, s->first - 1, what);
    } else if (seen->last >= s->first && !v->written_again) {
        verify_tell(v, v->walk->name, g->at,
                    "group %" PRIu64 " begins again: bus %s epoch %" PRIu64 " numbers %" PRIu64
                    " to %" PRIu64,
                    g->number, e->bus, e->epoch, s->first, seen->last);
    }
}

static int check_section(struct verify *v, size_t index)
{
    struct spool_walk *w = v->walk;
    const struct group_section *s = &w->group.sections[index];
    const struct account_epoch *e = &w->group.account->epochs[s->epoch];
    uint64_t next = s->first, records = 0;
    bool missing = false;
    char what[96];
    snprintf(what, sizeof what, "group %" PRIu64 "%s", w->group.number,
             w->whole ? " is whole but lacks" : " does not pass its checksum and lacks");
    check_beginning(v, e, s);
    struct spool_frames frames = spool_records_section(&v->records, w, index);
    while (spool_records_next(&v->records, w, index, &frames) == 1) {
        uint64_t seq = v->records.item.first;
        if (seq < next) {
            continue;
        }
        if (seq > next) {
            missing |= tell_missing(v, w->name, w->group.at, e, next, seq - 1, what);
        }
        next = seq + 1;
        records++;
    }
    if (next <= s->last) {
        missing |= tell_missing(v, w->name, w->group.at, e, next, s->last, what);
    }
    v->counted += records;
    if (!missing && records != s->records) {
        verify_tell(v, w->name, w->group.at,
                    "group %" PRIu64 " has %" PRIu64 " records and says %u: bus %s epoch %" PRIu64
                    " numbers %" PRIu64 " to %" PRIu64,
                    w->group.number, records, s->records, e->bus, e->epoch, s->first, s->last);
    }
    return see(v, e, s->last);
}

int verify_sections(struct verify *verify)
{
    const struct spool_walk *w = verify->walk;
    uint64_t told = verify->damaged;
    for (size_t i = 0; i < w->group.section_count; i++) {
        int r = check_section(verify, i);
        if (r < 0) {
            return r;
        }
    }
    if (!w->whole && verify->damaged == told) {
        verify_tell(verify, w->name, w->group.at,
                    "group %" PRIu64 " does not pass its checksum; all of its records do",
                    w->group.number);
    }
    return 0;
}
