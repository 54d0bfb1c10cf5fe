/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool status`: what a store says of itself. Cheap: it reads the headers, the newest segment
 * and the beginning of the oldest.
 */
#include "cli/cmd_spool_status.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "cli/load.h"

static void usage(FILE *out)
{
    fputs("usage: weir spool status [-c FILE] [--json] [DIR...]\n\n"
          "What a store on flash has: segments, epochs of each bus, why numbers are gone, how far\n"
          "each uplink was. It is the state of the newest group on flash; a gateway that runs is\n"
          "ahead of it by at most persist_after.\n\n"
          "  -c, --config FILE  whose store (default " LOAD_DEFAULT_FILE ")\n"
          "      --json         one JSON object a store\n\n"
          "Exit status: 0 done, 2 wrong usage, 3 it could not be read.\n",
          out);
}

/* ---- the oldest and the newest record */

static void take_time(struct spool_summary *summary, const struct spool_records *records,
                      bool oldest)
{
    struct when when = spool_records_when(records);
    struct when *kept = oldest ? &summary->oldest : &summary->newest;
    bool *has = oldest ? &summary->has_oldest : &summary->has_newest;
    if (!*has || (oldest ? when.time.ns < kept->time.ns : when.time.ns > kept->time.ns)) {
        *kept = when;
        *has = true;
    }
}

/* The first record of each section of the first group that has any, or the last ones of the last.
 * 1: found, 0: this segment has none. */
static int look_in_segment(struct spool_summary *summary, struct spool_walk *walk,
                           struct spool_records *records, bool oldest)
{
    bool found = false;
    int r = 0;
    while (!(oldest && found) && (r = spool_walk_group(walk)) == 1) {
        spool_records_shapes(records, walk);
        for (size_t i = 0; i < walk->group.section_count; i++) {
            struct spool_frames frames = spool_records_section(records, walk, i);
            while (spool_records_next(records, walk, i, &frames) == 1) {
                take_time(summary, records, oldest);
                found = true;
                if (oldest) {
                    break;
                }
            }
        }
    }
    return r < 0 ? r : found;
}

static int find_times(struct spool_summary *summary)
{
    struct spool_walk *walk = NULL;
    struct spool_records records = { 0 };
    int r = spool_records_init(&records, summary->store, summary->state.account);
    r = r < 0 ? r : spool_walk_create(summary->store->disk, &walk);
    int found = 0;
    while (r == 0 && found == 0 && (found = spool_walk_segment(walk)) != 0) {
        found = found == 1         ? look_in_segment(summary, walk, &records, true)
                : found == -EPROTO ? 0
                                   : found;
    }
    r = r == 0 && found < 0 ? found : r;
    for (size_t i = r == 0 ? walk->count : 0; i-- > 0 && r == 0;) {
        walk->index = i;
        int opened = spool_walk_segment(walk);
        found = opened == 1 ? look_in_segment(summary, walk, &records, false) : 0;
        r = found < 0 ? found : 0;
        if (found == 1) {
            break;
        }
    }
    spool_walk_destroy(walk);
    spool_records_finish(&records);
    return r;
}

/* ---- words that text and JSON share */

const char *spool_epoch_state(const struct account_epoch *epoch)
{
    return epoch->flags & ACCOUNT_OPEN     ? "open"
           : epoch->flags & ACCOUNT_CLEAN  ? "clean"
           : epoch->flags & ACCOUNT_DAMAGE ? "damage"
                                           : "unclean";
}

struct when spool_epoch_until(const struct spool_summary *summary,
                              const struct account_epoch *epoch)
{
    const struct account *account = summary->state.account;
    struct when_boot boot = {
        .this_boot = !memcmp(epoch->boot_id, summary->store->boot_id, sizeof epoch->boot_id),
        .clock = epoch->clock,
        .floor_ns = epoch->floor_ns,
        .until = epoch->until,
    };
    return when_of(epoch->until, epoch->clock, &boot, spool_clock(summary->store, account));
}

struct when spool_group_made(const struct spool_summary *summary)
{
    const struct account *a = summary->state.account;
    return (struct when){ wall_from_boot(a->made, a->clock),
                          a->clock.state == CLOCK_SYNCED ? JSON_CLOCK_SYNCED : JSON_CLOCK_UNSYNCED,
                          0 };
}

uint64_t spool_waiting(const struct account *account, const struct cursor_entry *cursor)
{
    uint64_t count = 0;
    for (size_t i = 0; i < account->epoch_count; i++) {
        const struct account_epoch *e = &account->epochs[i];
        uint64_t from = e->order == cursor->confirmed.order ? cursor->confirmed.seq : 0;
        if (strcmp(e->bus, cursor->bus) != 0 || e->order < cursor->confirmed.order ||
            e->last <= from) {
            continue;
        }
        count += e->last - from;
        for (size_t k = 0; k < e->gone_count; k++) {
            uint64_t first = e->gone[k].first > from ? e->gone[k].first : from + 1;
            count -= e->gone[k].last >= first ? e->gone[k].last - first + 1 : 0;
        }
    }
    return count;
}

/* ---- text */

static void print_epochs(const struct spool_summary *summary)
{
    const struct account *a = summary->state.account;
    char time[32];
    printf("\n  %-16s %20s %12s %-8s %s\n", "bus", "epoch", "up to", "state", "until");
    for (size_t i = 0; i < a->epoch_count; i++) {
        const struct account_epoch *e = &a->epochs[i];
        printf("  %-16s %20llu %12llu %-8s %s\n", e->bus, (unsigned long long)e->epoch,
               (unsigned long long)e->last, spool_epoch_state(e),
               spool_time(spool_epoch_until(summary, e), time));
        for (size_t k = 0; k < e->gone_count; k++) {
            printf("  %-16s gone: %llu to %llu, %s\n", "", (unsigned long long)e->gone[k].first,
                   (unsigned long long)e->gone[k].last, why_name(e->gone[k].why));
        }
    }
}

static void print_cursors(const struct spool_summary *summary)
{
    const struct account *a = summary->state.account;
    for (size_t i = 0; i < a->uplink_count; i++) {
        const struct account_uplink *u = &a->uplinks[i];
        char time[32];
        wall_format((struct wall_time){ u->seen_ns }, time);
        printf("\n  uplink %s, in the configuration until %s\n", u->name, time);
        for (size_t k = 0; k < u->cursor_count; k++) {
            struct cursor_entry c;
            if (cursor_decode(u->cursors[k].slot, u->cursors[k].len, &c) == 0) {
                printf("    %-14s %20llu %12llu confirmed; %llu behind it\n", c.bus,
                       (unsigned long long)c.confirmed.epoch, (unsigned long long)c.confirmed.seq,
                       (unsigned long long)spool_waiting(a, &c));
            }
        }
    }
}

static void print_text(const struct spool_summary *summary)
{
    const struct spool_store *store = summary->store;
    const struct spool_state *state = &summary->state;
    char from[32], to[32];
    size_t files = store->segments + store->free + store->bad + store->newer;
    printf("%s: %s%s\n", store->path, store->gateway[0] ? "gateway " : "no segment with a header",
           store->gateway);
    printf("  segments  %zu in use, %zu free, %zu set aside; %.1f MiB of %.1f MiB used\n",
           store->segments, store->free, store->bad + store->newer,
           (double)summary->used_bytes / 1048576, (double)files * SPOOL_SEGMENT_BYTES / 1048576);
    if (state->unreadable || state->newer) {
        printf("            %zu without a readable header, %zu of a newer format\n",
               state->unreadable, state->newer);
    }
    if (state->account) {
        printf("  groups    up to %llu, written %s\n", (unsigned long long)state->account->group,
               spool_time(spool_group_made(summary), to));
    } else {
        printf("  groups    none%s\n", store->segments ? " that can be read" : "");
    }
    if (summary->has_oldest && summary->has_newest) {
        printf("  records   %s to %s\n", spool_time(summary->oldest, from),
               spool_time(summary->newest, to));
    } else {
        printf("  records   none\n");
    }
    if (state->damage) {
        printf("  damage    behind the newest group that is whole; weir spool verify says where\n");
    }
    if (state->account) {
        print_epochs(summary);
        print_cursors(summary);
    }
}

/* ---- */

static int show(void *context, struct spool_store *store)
{
    const bool *json = context;
    struct spool_summary summary = { .store = store };
    int r = spool_state_read(store->disk, SPOOL_SEGMENT_BYTES, &summary.state);
    r = r < 0 ? r : find_times(&summary);
    if (summary.state.used_count) {
        summary.used_bytes =
            (summary.state.used_count - 1) * (uint64_t)SPOOL_SEGMENT_BYTES + summary.state.end;
    }
    if (r == 0 && *json) {
        r = spool_status_json(&summary);
    } else if (r == 0) {
        print_text(&summary);
    }
    spool_state_finish(&summary.state);
    return r < 0 ? spool_cannot(store, r, NULL) : 0;
}

int spool_status_main(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct spool_options common = { 0 };
    bool json = false;
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            common.file = optarg;
            break;
        case 'j':
            json = true;
            break;
        default:
            usage(o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : EXIT_USAGE;
        }
    }
    common.dirs = argv + optind;
    common.dir_count = argc - optind;
    return spool_each(&common, show, &json);
}
