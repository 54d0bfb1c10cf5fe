/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The store process: set-up and the loop. As a child of core it has a link (descriptor 3), its
 * configuration (4) and its page (5); by hand it reads the file and ends with Ctrl-C.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/say.h"
#include "base/step.h"
#include "config/config.h"
#include "link/link.h"
#include "link/stats.h"
#include "store/books.h"

#define BUSY_NS   (120 * NS_PER_S) /* a card may stall this long before we are ended */
#define REOPEN_NS (5 * NS_PER_S)
#define DAY_NS    (86400 * NS_PER_S)
/* Blocks of this size go back to the system at once: the heap stays what it is with nothing to do,
 * however great a backlog was. */
enum { LARGE_BYTES = 32 * 1024, PAD_BYTES = 8 * 1024 };

enum { BATCH_BYTES = SPOOL_SEGMENT_BYTES / 8, OPENS_MAX = 64 };

struct store {
    const char *file;
    bool child;
    struct config *config;
    struct settings settings;
    struct books_uplink *uplinks;
    struct link *link; /* NULL: by hand */
    struct stats_store *stats;
    struct disk *disk;
    struct statx spool; /* the folder behind it */
    struct books *books;
    struct writer_counts counted; /* what of the writer's counts is in the page */
    int64_t reopen_at_ns;

    /* Asked for since the last round. */
    char opens[OPENS_MAX][WEIR_NAME_MAX + 1];
    size_t open_count;
    bool more, sync, stop, orphan;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
}

/* ---- messages */

static void on_open(void *context, const struct link_message *message)
{
    struct store *s = context;
    if (s->open_count < OPENS_MAX) {
        memcpy(s->opens[s->open_count++], message->bus, sizeof message->bus);
    }
}

static void on_more(void *context, const struct link_message *message)
{
    ((struct store *)context)->more = true;
}

static void on_sync(void *context, const struct link_message *message)
{
    ((struct store *)context)->sync = true;
}

static void on_stop(void *context, const struct link_message *message)
{
    ((struct store *)context)->stop = true;
}

static link_handler *const handlers[LINK_KIND_END] = {
    [LINK_OPEN] = on_open, [LINK_MORE] = on_more, [LINK_SYNC] = on_sync, [LINK_STOP] = on_stop
};

static void send_message(struct store *s, struct link_message message)
{
    if (s->link && link_send(s->link, &message) == -EPIPE) {
        s->orphan = true;
    }
}

/* ---- the page */

static void show_why(struct store *s)
{
    static const char *const words[] = { "records",    "epochs",  "cursors",
                                         "checkpoint", "the end", "gone" };
    char text[STATS_TEXT] = "";
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (s->books->last_why & (1u << i)) {
            size_t n = strlen(text);
            snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "", words[i]);
        }
    }
    stats_text(s->stats->why, STATS_TEXT, text);
}

static void show(struct store *s)
{
    struct stats_store *page = s->stats;
    struct books *books = s->books;
    if (strcmp(page->trouble, books->why) != 0) {
        stats_text(page->trouble, STATS_TEXT, books->why);
        send_message(s, (struct link_message){ .kind = LINK_TROUBLE });
    }
    if (!books->writer) {
        return;
    }
    const uint64_t *used;
    struct writer_counts counts = writer_counts(books->writer);
    int64_t day = wall_from_boot(boot_now(), books->clock).ns / DAY_NS;
    if (day != page->day) {
        page->day = day;
        page->bytes_today = 0;
    }
    page->bytes_today += counts.bytes - s->counted.bytes;
    s->counted = counts;
    page->segments = writer_segments(books->writer, &used);
    page->free_segments = writer_free_count(books->writer);
    page->limit_segments = books->flash_limit;
    page->segment_bytes = books->options.segment_bytes;
    page->set_aside = books->set_aside;
    page->groups = counts.groups;
    page->bytes = counts.bytes;
    page->syncs = counts.syncs;
    page->group_ns = books->group_at_ns;
    page->behind = books->behind;
    show_why(s);
}

/* ---- work */

static struct clock_offset now_clock(const struct store *s)
{
    return clock_read((enum clock_source)s->settings.clock, s->settings.clock_file);
}

/* The newest number of a bus from its process' page: cheap, and only a hint of when. */
static struct place last_of(void *context, const char *bus)
{
    struct store *s = context;
    struct place place = { 0 };
    bool own = !strcmp(bus, "weir");
    uint32_t size = own ? sizeof(struct stats_core) : sizeof(struct stats_bus);
    const void *page = stats_open(s->settings.ram, own ? "core" : "bus", own ? "" : bus, size);
    if (!page) {
        return place;
    }
    place.epoch =
        own ? ((const struct stats_core *)page)->epoch : ((const struct stats_bus *)page)->epoch;
    place.seq = own ? ((const struct stats_core *)page)->last_seq
                    : ((const struct stats_bus *)page)->last_seq;
    place.order = place.epoch >> 32;
    stats_unmap(page, size);
    return place;
}

static void answer_opens(struct store *s)
{
    uint64_t epochs[OPENS_MAX];
    size_t count = s->open_count;
    if (!count) {
        return;
    }
    s->open_count = 0;
    for (size_t i = 0; i < count; i++) {
        epochs[i] = books_epoch(s->books, s->opens[i]);
    }
    bool persisted = books_commit_epochs(s->books);
    for (size_t i = 0; i < count; i++) {
        struct link_message message = { .kind = LINK_EPOCH, .a = epochs[i], .b = persisted };
        memcpy(message.bus, s->opens[i], sizeof message.bus);
        send_message(s, message);
    }
}

/* persist_after = "0": what is there is persisted now, or cannot be, and may be sent. */
static void answer_more(struct store *s)
{
    if (!s->more || s->settings.persist_after_ns) {
        return;
    }
    s->more = false;
    bool good = s->books->state == BOOKS_GOOD && books_persist(s->books, 0) == 0;
    for (size_t i = 0; i < s->books->bus_count; i++) {
        const struct books_bus *bus = s->books->buses[i];
        struct place place = good ? bus->persisted : last_of(s, bus->name);
        struct link_message message = { .kind = LINK_PERSISTED, .a = place.epoch, .b = place.seq };
        memcpy(message.bus, bus->name, sizeof message.bus);
        send_message(s, message);
    }
}

static void answer_sync(struct store *s)
{
    if (s->sync) {
        s->sync = false;
        books_persist(s->books, GROUP_CURSORS);
        send_message(s, (struct link_message){ .kind = LINK_SYNC });
    }
}

/* Which folder is it, in which mount? The same card mounted once more is another one to us: what we
 * have open leads to the old. */
static bool identify(const struct store *s, struct statx *ret_spool)
{
    char path[FOLDER_PATH_MAX];
    snprintf(path, sizeof path, "%s/spool", s->settings.directory);
    memset(ret_spool, 0, sizeof *ret_spool);
    return statx(AT_FDCWD, path, 0, STATX_INO | STATX_MNT_ID, ret_spool) == 0;
}

static int open_disk(struct store *s)
{
    char path[FOLDER_PATH_MAX];
    snprintf(path, sizeof path, "%s/spool", s->settings.directory);
    int r = folder_make(path);
    if (r == 0 || r == -EROFS || r == -EACCES) {
        int opened = disk_folder(path, &s->disk);
        r = opened < 0 && r < 0 ? r : opened;
    }
    if (r == 0) {
        identify(s, &s->spool);
    }
    if (r == 0 && config_in_ram(path)) {
        say(SAY_WARNING, "%s is in RAM and does not outlive a boot", path);
    }
    return r;
}

/* Has the folder that cannot be written any more been replaced, as by a card that was put back? */
static bool spool_replaced(struct store *s)
{
    struct statx now;
    return s->books->state != BOOKS_GOOD && identify(s, &now) &&
           (now.stx_dev_major != s->spool.stx_dev_major ||
            now.stx_dev_minor != s->spool.stx_dev_minor || now.stx_ino != s->spool.stx_ino ||
            now.stx_mnt_id != s->spool.stx_mnt_id);
}

/* A spool that was not there at the start and is now: begin again, with what it has. */
static bool spool_turned_up(struct store *s, int64_t now_ns)
{
    if (now_ns < s->reopen_at_ns) {
        return false;
    }
    char path[FOLDER_PATH_MAX];
    snprintf(path, sizeof path, "%s/spool", s->settings.directory);
    s->reopen_at_ns = now_ns + REOPEN_NS;
    if (s->books->writer) {
        return spool_replaced(s);
    }
    disk_destroy(s->disk);
    s->disk = NULL;
    int answers = open_disk(s) == 0 ? disk_answers(path) : 0;
    return answers == 1 || answers == -ENOENT;
}

static void wait_round(struct store *s, int64_t until_ns)
{
    struct pollfd fd = { .fd = -1 };
    int64_t now = boot_now().ns;
    if (s->link) {
        fd.fd = link_fd(s->link);
        fd.events = (short)(POLLIN | (link_pending(s->link) ? POLLOUT : 0));
    }
    int64_t wait = until_ns > now ? until_ns - now : 0;
    struct timespec timeout = { wait / NS_PER_S, wait % NS_PER_S };
    s->stats->head.busy_until_ns = 0;
    ppoll(&fd, 1, &timeout, NULL);
    now = boot_now().ns;
    s->stats->head.alive_ns = now;
    s->stats->head.busy_until_ns = now + BUSY_NS;
    if (s->link && fd.revents) {
        s->orphan |= link_flush(s->link) == -EPIPE;
        s->orphan |= link_receive(s->link, handlers, s) == -EPIPE;
    }
}

static int loop(struct store *s)
{
    STEP("ready-before");
    send_message(s, (struct link_message){ .kind = LINK_READY });
    int64_t tick_at_ns = 0;
    while (!s->stop && !s->orphan && !interrupted) {
        int64_t now = boot_now().ns;
        if (now >= tick_at_ns) {
            books_tick(s->books, now_clock(s), last_of, s);
            tick_at_ns = books_wake_ns(s->books, now);
            if (spool_turned_up(s, now)) {
                say(SAY_NOTICE, "the spool is there now: starting again with it");
                return EXIT_AGAIN;
            }
            say_flush();
        }
        answer_opens(s);
        answer_more(s);
        answer_sync(s);
        show(s);
        wait_round(s, tick_at_ns);
    }
    if (!s->orphan && s->books->writer) {
        STEP("end-before");
        int r = books_end(s->books);
        STEP("end-after");
        if (r < 0) {
            say(SAY_ERROR, "the closing group was not written: %s", strerror(-r));
        }
        show(s);
    }
    return s->orphan ? EXIT_AGAIN : 0;
}

/* ---- set-up */

static int load_config(struct store *s)
{
    struct findings *findings = findings_create();
    int r = s->child ? config_load_fd(CONFIG_FD, "configuration", findings, &s->config)
                     : config_load(s->file, findings, &s->config);
    if (r == 0) {
        r = config_settings(s->config, findings, &s->settings);
    }
    if (r < 0) {
        findings_print(findings, stderr);
    }
    findings_destroy(findings);
    if (r < 0) {
        return EXIT_CONFIG;
    }
    s->uplinks = calloc(s->settings.uplinks.count + 1, sizeof *s->uplinks);
    for (size_t i = 0; s->uplinks && i < s->settings.uplinks.count; i++) {
        s->uplinks[i].name = s->settings.uplinks.names[i];
        s->uplinks[i].from_now = config_uplink_from_now(s->config, s->uplinks[i].name);
    }
    return s->uplinks ? 0 : EXIT_AGAIN;
}

/* As if they had asked. */
static void renew_overtaken(struct store *s)
{
    for (size_t i = 0; i < s->books->bus_count && s->open_count < OPENS_MAX; i++) {
        const struct books_bus *bus = s->books->buses[i];
        if (bus->overtaken) {
            memcpy(s->opens[s->open_count++], bus->name, sizeof bus->name);
        }
    }
}

static int open_books(struct store *s)
{
    int r = open_disk(s);
    if (r < 0) {
        say(SAY_ERROR, "%s/spool: %s", s->settings.directory, strerror(-r));
    }
    struct books_options options = {
        .ram = s->settings.ram,
        .gateway = s->settings.gateway,
        .disk = s->disk,
        .disk_error = r,
        .segment_bytes = SPOOL_SEGMENT_BYTES,
        .batch_bytes = BATCH_BYTES,
        .limit_bytes = (uint64_t)s->settings.limit_bytes,
        .persist_after_ns = s->settings.persist_after_ns,
        .checkpoint_ns = s->settings.checkpoint_ns,
        .max_age_ns = s->settings.max_age_ns,
        .ram_share_bytes = (uint64_t)s->settings.ram_limit_bytes / (s->settings.buses.count + 1),
        .uplinks = s->uplinks,
        .uplink_count = s->settings.uplinks.count,
    };
    r = books_open(&options, now_clock(s), &s->books);
    if (r < 0) {
        say(SAY_ERROR, "cannot start: %s", strerror(-r));
        return EXIT_AGAIN;
    }
    renew_overtaken(s);
    return 0;
}

static int be_child(struct store *s)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    s->stats = stats_map(STATS_FD, sizeof *s->stats, 1);
    if (!s->stats || link_create(LINK_FD, &s->link) < 0) {
        say(SAY_ERROR, "no link to core");
        return EXIT_AGAIN;
    }
    return 0;
}

static void usage(FILE *out)
{
    fputs("usage: weir store [-c FILE]\n\n"
          "Runs the process that writes the spool in the foreground, for debugging; weir run must "
          "not run it too.\n",
          out);
}

int store_main(int argc, char **argv)
{
    struct store s = { .file = WEIR_SYSCONF_DIR "/weir.conf",
                       .child = getenv("WEIR_CHILD") != NULL };
    static const struct option options[] = { { "config", 1, 0, 'c' },
                                             { "help", 0, 0, 'h' },
                                             { 0 } };
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o == 'c') {
            s.file = optarg;
        } else {
            usage(o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : EXIT_USAGE;
        }
    }
    say_who("store");
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    mallopt(M_TOP_PAD, PAD_BYTES);
    signal(SIGPIPE, SIG_IGN);
    int status = 0;
    if (s.child) {
        status = be_child(&s);
    } else {
        s.stats = calloc(1, sizeof *s.stats);
        struct sigaction action = { .sa_handler = on_signal };
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        status = s.stats ? 0 : EXIT_AGAIN;
    }
    status = status ? status : load_config(&s);
    status = status ? status : open_books(&s);
    status = status ? status : loop(&s);
    books_destroy(s.books);
    disk_destroy(s.disk);
    config_unload(s.config);
    free(s.uplinks);
    link_destroy(s.link);
    if (!s.child) {
        free(s.stats);
    }
    return status;
}
