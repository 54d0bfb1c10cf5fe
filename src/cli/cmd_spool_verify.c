/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool verify`: is a store whole? Every header pair, group head, checksum, frame and number
 * is looked at; each damage is one line. A store that runs may be verified: what it is writing at
 * the moment is waited for, what it recycles is left out.
 */
#include "cli/cmd_spool_verify.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "cli/load.h"

enum { PATIENCE = 20, PATIENCE_MS = 50 };

static void usage(FILE *out)
{
    fputs("usage: weir spool verify [-c FILE] [--quiet] [DIR...]\n\n"
          "Reads all of a store and tells damage, one line each:\n"
          "    FILE:OFFSET: what it is, with group, bus, epoch and numbers\n"
          "The last line is \"whole\" or \"damaged\", with counts.\n\n"
          "  -c, --config FILE  whose store (default " LOAD_DEFAULT_FILE ")\n"
          "  -q, --quiet        only damage is told\n\n"
          "Exit status: 0 whole, 1 damage, 2 wrong usage, 3 it could not be read.\n",
          out);
}

void verify_tell(struct verify *verify, const char *file, uint64_t at, const char *format, ...)
{
    va_list args;
    if (verify->progress.shown) {
        spool_progress_end(&verify->progress);
    }
    printf("%s/%s:%llu: ", verify->store->path, file, (unsigned long long)at);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    verify->damaged++;
}

/* ---- headers */

static const char *header_fault(int error)
{
    return error == -ENODATA  ? "is cut off"
           : error == -EEXIST ? "is of another use of the file"
           : error == -EPROTO ? "is of a newer format"
                              : "does not pass its checksum";
}

static void check_headers(struct verify *v)
{
    struct spool_walk *w = v->walk;
    uint64_t places[] = { 0, w->segment.header.size - SPOOL_BLOCK };
    static const char *const names[] = { "the header at the front", "the header at the end" };
    bool both = w->headers[0] != 0 && w->headers[1] != 0;
    for (int i = 0; i < 2; i++) {
        if (w->headers[i] != 0) {
            verify_tell(v, w->name, places[i], "%s %s; %s", names[i], header_fault(w->headers[i]),
                        both ? "so does not the other: a start would set this segment aside"
                             : "the other one is whole");
        }
    }
    if (w->size < w->segment.header.size) {
        verify_tell(v, w->name, w->size, "the file ends here, %llu bytes are missing",
                    (unsigned long long)(w->segment.header.size - w->size));
    }
}

static bool beheaded(const struct spool_walk *w)
{
    return w->headers[0] != 0 && w->headers[1] != 0;
}

/* ---- groups */

/* Groups between the newest so far and the walk's that are nowhere, and places without a head. */
static void check_number(struct verify *v)
{
    struct spool_walk *w = v->walk;
    uint64_t first = v->group + 1, n = w->group.number;
    bool start = w->above == 0; /* the first group of its segment */
    if (start && !beheaded(w)) {
        uint64_t begins = w->segment.header.first_group;
        if (v->group && begins > first) { /* they were behind the tail of the one before */
            verify_lost_groups(v, v->tail, v->tail_at, first, begins - 1);
        }
        first = begins;
    } else if (start && v->group == 0) {
        first = n; /* it cannot be known */
    }
    if (w->skipped) {
        verify_lost_groups(v, w->name, w->expected, first, n > first ? n - 1 : first);
    } else if (n != first) {
        bool before = start && beheaded(w) && n > first;
        if (before) {
            verify_lost_groups(v, v->tail, v->tail_at, first, n - 1);
        } else {
            verify_tell(v, w->name, w->group.at, "group %llu stands where %llu was expected",
                        (unsigned long long)n, (unsigned long long)first);
        }
    }
}

/* Does something that began as a group of this segment stand at this place? */
static bool trace(struct spool_walk *w, uint64_t at)
{
    uint8_t raw[FRAME_HEAD_BYTES + 8];
    struct segment *s = &w->segment;
    if (at + SPOOL_BLOCK > s->header.size - SPOOL_BLOCK ||
        s->disk->ops->read(s->disk, s->handle, raw, sizeof raw, at) != sizeof raw) {
        return false;
    }
    struct get in = get_init(raw + FRAME_HEAD_BYTES - 1, 9);
    return get_u8(&in) == FRAME_GROUP && get_u64(&in) == s->header.generation;
}

/* A group that is being written is whole a moment later. */
static int wait_whole(struct verify *v)
{
    int r = 1;
    for (int i = 0; r == 1 && !v->walk->whole && i < PATIENCE; i++) {
        poll(NULL, 0, PATIENCE_MS);
        r = spool_walk_again(v->walk);
    }
    return r;
}

static int check_group(struct verify *v)
{
    struct spool_walk *w = v->walk;
    bool newest = w->index == w->count && !trace(w, group_end(&w->group));
    int r = newest ? wait_whole(v) : 1;
    if (r < 0) {
        return r;
    }
    if (!w->whole && spool_walk_recycled(w)) {
        return 0;
    }
    if (w->written_again) {
        return 1;
    }
    check_number(v);
    r = beheaded(w) ? verify_hold(v) : 0;
    spool_records_shapes(&v->records, w);
    r = r < 0 ? r : verify_sections(v);
    v->groups++;
    verify_pass(v);
    return r < 0 ? r : 1;
}

/* ---- the ends of segments */

/* Behind the last group of the newest segment: it may be about to be written. 1: there is one more
 * by now. */
static int check_tail(struct verify *v)
{
    struct spool_walk *w = v->walk;
    int r = 0;
    verify_tell_held(v);
    memcpy(v->tail, w->name, sizeof v->tail);
    v->tail_at = w->expected;
    if (w->index < w->count) {
        return 0; /* the next segment says with which number it began */
    }
    for (int i = 0; r == 0 && trace(w, w->expected) && i < PATIENCE; i++) {
        poll(NULL, 0, PATIENCE_MS);
        r = spool_walk_group(w);
    }
    if (r == 0 && trace(w, w->expected)) {
        verify_tell(v, w->name, w->expected,
                    "group %llu, the newest: its head does not pass; a write that was cut off, or "
                    "damage; what it had is not known",
                    (unsigned long long)v->group + 1);
    }
    return r;
}

static int check_segment(struct verify *v)
{
    struct spool_walk *w = v->walk;
    if ((w->headers[0] || w->headers[1]) && spool_walk_recycled(w)) {
        verify_forget(v);
        return 0;
    }
    check_headers(v);
    v->segments++;
    uint64_t begins = w->segment.header.first_group;
    v->written_again = !beheaded(w) && v->group && begins <= v->group;
    if (v->written_again) {
        v->group = begins - 1;
    }
    int r;
    do {
        while ((r = spool_walk_group(w)) == 1) {
            spool_progress_share(&v->progress, w);
            r = check_group(v);
            if (r != 1) {
                break;
            }
        }
        if (r == 0 && spool_walk_recycled(w)) {
            verify_forget(v);
            return 0;
        }
        r = r == 0 ? check_tail(v) : r;
        if (r == 1) {
            r = check_group(v);
        }
    } while (r == 1);
    return r;
}

static int check_segments(struct verify *v)
{
    int r;
    while ((r = spool_walk_segment(v->walk)) != 0) {
        if (r == -EPROTO) {
            fprintf(stderr, "weir: %s/%s: not looked at: of a newer format\n", v->store->path,
                    v->walk->name);
            v->cannot = true;
            verify_forget(v);
            continue;
        }
        r = r == 1 ? check_segment(v) : r;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ---- the other files */

static void check_set_aside(void *context, const char *name)
{
    struct verify *v = context;
    uint64_t generation;
    enum spool_file kind = spool_parse(name, &generation);
    if (kind == SPOOL_BAD) {
        verify_tell(v, name, 0,
                    "set aside by an earlier start: neither of its headers could be read");
    } else if (kind == SPOOL_NEWER) {
        fprintf(stderr, "weir: %s/%s: not looked at: of a newer format\n", v->store->path, name);
        v->cannot = true;
    }
}

static void check_counters(struct verify *v)
{
    for (int i = 0; i < 2; i++) {
        struct counter counter;
        int r = v->store->counters[i] ? -EBADMSG : 0;
        for (int k = 0; r == -EBADMSG && k < 3; k++) { /* it may be being written */
            poll(NULL, 0, k ? PATIENCE_MS : 0);
            r = counter_read(v->store->disk, i, &counter);
        }
        if (r < 0 && r != -ENOENT) {
            char name[16];
            snprintf(name, sizeof name, "counter-%d", i + 1);
            verify_tell(v, name, 0, "the counter of epochs does not pass its checksum");
        }
    }
}

/* ---- */

struct verify_options {
    bool quiet;
};

static int verdict(const struct verify *v, bool quiet)
{
    if (!quiet) {
        printf("%s: %s: ", v->store->path,
               v->damaged  ? "damaged"
               : v->cannot ? "unknown"
                           : "whole");
        if (v->damaged) {
            printf("%llu lines above; ", (unsigned long long)v->damaged);
        }
        printf("%llu segments, %llu groups, %llu records can be read\n",
               (unsigned long long)v->segments, (unsigned long long)v->groups,
               (unsigned long long)v->counted);
    }
    return v->damaged ? EXIT_DEGRADED : v->cannot ? EXIT_CANNOT : 0;
}

static int verify_store(void *context, struct spool_store *store)
{
    const struct verify_options *options = context;
    struct verify v = { .store = store };
    int r = spool_records_init(&v.records, store, NULL);
    r = r < 0 ? r : spool_walk_create(store->disk, &v.walk);
    spool_progress_start(&v.progress);
    r = r < 0 ? r : check_segments(&v);
    if (r == 0) {
        check_counters(&v);
        r = store->disk->ops->list(store->disk, check_set_aside, &v);
    }
    spool_progress_end(&v.progress);
    free(v.held);
    int status = r < 0 ? spool_cannot(store, r, NULL) : verdict(&v, options->quiet);
    verify_forget(&v);
    spool_walk_destroy(v.walk);
    spool_records_finish(&v.records);
    return status;
}

int spool_verify_main(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "quiet", no_argument, NULL, 'q' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct spool_options common = { 0 };
    struct verify_options verify = { 0 };
    for (int o; (o = getopt_long(argc, argv, "c:qh", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            common.file = optarg;
            break;
        case 'q':
            verify.quiet = true;
            break;
        default:
            usage(o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : EXIT_USAGE;
        }
    }
    common.dirs = argv + optind;
    common.dir_count = argc - optind;
    return spool_each(&common, verify_store, &verify);
}
