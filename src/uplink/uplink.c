/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The uplink process: set-up and the loop. As a child of core it has a link (descriptor 3), its
 * configuration (4) and its page (5); by hand it reads the file and looks at the queues twenty
 * times a second.
 */
#include "uplink/uplink.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/say.h"
#include "log/folder.h"
#include "uplink/private.h"

/* Blocks of this size go back to the system at once: the heap stays what it is with nothing to do,
 * however great a backlog was. */
enum { LARGE_BYTES = 32 * 1024, PAD_BYTES = 8 * 1024 };

#define ROUND_NS   NS_PER_S /* the loop turns at least this often */
#define BY_HAND_NS (50 * NS_PER_MS)
#define BUSY_NS    (20 * NS_PER_S) /* what one round may take at most */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
}

static void on_more(void *context, const struct link_message *message)
{
    struct uplink *up = context;
    struct stream *stream = stream_find(up, message->bus);
    if (!stream && stream_add(up, message->bus, &stream) < 0) {
        return;
    }
    stream->seen_epoch = message->a;
    stream->seen_seq = message->b;
}

static void on_persisted(void *context, const struct link_message *message)
{
    struct stream *stream = stream_find(context, message->bus);
    if (stream) {
        stream->allowed = (struct place){ message->a >> 32, message->a, message->b };
    }
}

static void on_stop(void *context, const struct link_message *message)
{
    struct uplink *up = context;
    up->stopping = true;
    up->stop_deadline_ns = (int64_t)message->a;
}

static link_handler *const handlers[LINK_KIND_END] = {
    [LINK_MORE] = on_more, [LINK_STOP] = on_stop, [LINK_PERSISTED] = on_persisted
};

/* Buses of which only flash has something: after a boot, or when they have left the configuration.
 */
static void find_stored_streams(struct uplink *up)
{
    char path[FOLDER_PATH_MAX];
    struct stat st;
    struct account *account;
    snprintf(path, sizeof path, "%s/store/account", up->settings.ram);
    if (stat(path, &st) != 0 || (st.st_mtim.tv_sec == up->account_seen.tv_sec &&
                                 st.st_mtim.tv_nsec == up->account_seen.tv_nsec)) {
        return;
    }
    if (account_load(up->settings.ram, &account) < 0) {
        return;
    }
    up->account_seen = st.st_mtim;
    for (size_t i = 0; i < account->epoch_count; i++) {
        struct stream *stream;
        if (!stream_find(up, account->epochs[i].bus)) {
            stream_add(up, account->epochs[i].bus, &stream);
        }
    }
    account_destroy(account);
}

/* Every bus that has a queue has a stream, also one that has left the configuration. */
static void find_streams(struct uplink *up)
{
    char path[FOLDER_PATH_MAX];
    find_stored_streams(up);
    snprintf(path, sizeof path, "%s/queue", up->settings.ram);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct stream *stream;
        if (entry->d_name[0] != '.' && strlen(entry->d_name) <= WEIR_NAME_MAX &&
            !stream_find(up, entry->d_name)) {
            stream_add(up, entry->d_name, &stream);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static bool pump(struct uplink *up, int64_t now_ns)
{
    bool moved = false;
    size_t first = up->turn; /* changes as they send */
    for (size_t i = 0; i < up->stream_count && up->state == CARRIER_UP && !up->lost; i++) {
        moved |= stream_pump(up->streams[(first + i) % up->stream_count], now_ns);
    }
    return moved;
}

static int64_t wake_at(struct uplink *up, int64_t now_ns)
{
    int64_t at = now_ns + (up->link ? ROUND_NS : BY_HAND_NS);
    if (up->state == CARRIER_DOWN && up->connect_at_ns < at && !up->stopping) {
        at = up->connect_at_ns;
    }
    int64_t limit = carrier_wait(up, now_ns);
    at = limit < at ? limit : at;
    for (size_t i = 0; i < up->stream_count && up->state == CARRIER_UP; i++) {
        int64_t deadline = stream_deadline(up->streams[i]);
        bool room = carrier_room(up);
        at = room && deadline < at ? deadline : at;
    }
    return at;
}

/* Waits for the link, the plugin's descriptors or the time; lets both work. */
static void wait_and_serve(struct uplink *up, bool idle)
{
    struct pollfd fds[1 + WEIR_UPLINK_FDS] = { { .fd = -1 } };
    int64_t now = boot_now().ns;
    int64_t deadline = wake_at(up, now);
    if (up->link) {
        fds[0].fd = link_fd(up->link);
        fds[0].events = (short)(POLLIN | (link_pending(up->link) ? POLLOUT : 0));
    }
    unsigned count = up->plugin.uplink->prepare(up->self, fds + 1, &deadline);
    int64_t wait = idle && deadline > now ? deadline - now : 0;
    struct timespec timeout = { wait / NS_PER_S, wait % NS_PER_S };
    up->stats->head.busy_until_ns = 0;
    ppoll(fds, 1 + count, &timeout, NULL);
    now = boot_now().ns;
    up->stats->head.alive_ns = now;
    up->stats->head.busy_until_ns = now + BUSY_NS;
    up->plugin.uplink->process(up->self, fds + 1, count);
    if (up->link && fds[0].revents) {
        up->link_gone |= link_flush(up->link) == -EPIPE;
        up->link_gone |= link_receive(up->link, handlers, up) == -EPIPE;
    }
}

static bool all_drained(struct uplink *up)
{
    for (size_t i = 0; i < up->stream_count; i++) {
        if (!stream_drained(up->streams[i])) {
            return false;
        }
    }
    return true;
}

static bool finished(struct uplink *up)
{
    if (up->link_gone || interrupted) {
        return true;
    }
    if (!up->stopping) {
        return false;
    }
    if (up->state != CARRIER_UP || boot_now().ns >= up->stop_deadline_ns) {
        return true;
    }
    return all_drained(up);
}

static bool errand_over(struct uplink *up, bool moved)
{
    bool done = !moved && up->state == CARRIER_UP && !up->lost && all_drained(up);
    for (size_t i = 0; i < up->stream_count; i++) {
        done &= up->streams[i]->at_end;
    }
    return up->errand && up->errand->watch(up->errand->context, up->stats, done, up->hopeless);
}

static void every_second(struct uplink *up, int64_t now_ns)
{
    if (up->clock_read_ns && now_ns - up->clock_read_ns < NS_PER_S) {
        return;
    }
    up->clock_read_ns = now_ns;
    up->clock = clock_read((enum clock_source)up->settings.clock, up->settings.clock_file);
    if (up->errand && up->errand->rescued) {
        up->clock.ns += now_ns; /* what is known of other boots is that they ended before now */
    }
    up->synced = up->clock.state == CLOCK_SYNCED ? up->clock : up->synced;
    find_streams(up);
    say_flush();
}

static void loop(struct uplink *up)
{
    bool moved = false;
    while (!finished(up) || moved) {
        wait_and_serve(up, !moved);
        int64_t now = boot_now().ns;
        every_second(up, now);
        carrier_tend(up, now);
        health_tend(up, now);
        moved = pump(up, now);
        for (size_t i = 0; i < up->stream_count; i++) {
            stream_settle(up->streams[i]);
        }
        backlog_tell(up, now);
        up->stats->in_flight = up->window.under_way;
        if (errand_over(up, moved)) {
            break;
        }
        if (up->link_gone || interrupted || (up->stopping && now >= up->stop_deadline_ns)) {
            break;
        }
    }
}

static int load_config(struct uplink *up, const char *file, bool child)
{
    struct findings *findings = findings_create();
    int fd = up->errand ? up->errand->config_fd : CONFIG_FD;
    int r = child || up->errand ? config_load_fd(fd, "configuration", findings, &up->config)
                                : config_load(file, findings, &up->config);
    if (r == 0) {
        r = config_settings(up->config, findings, &up->settings);
    }
    const char *name = r == 0 ? config_uplink_plugin(up->config, up->name) : NULL;
    if (r == 0 && !name) {
        findings_add(findings, file, 0, WEIR_LOG_ERROR, "no uplink is named \"%s\"", up->name);
        r = -EINVAL;
    }
    if (r < 0) {
        findings_print(findings, stderr);
        findings_destroy(findings);
        return EXIT_CONFIG;
    }
    char err[512];
    if (plugin_load(PLUGIN_UPLINK, name, &up->plugin, err, sizeof err) < 0) {
        say(SAY_ERROR, "%s", err);
        stats_text(up->stats->trouble, STATS_TEXT, err);
        findings_destroy(findings);
        return EXIT_PERMANENT;
    }
    stats_text(up->stats->plugin, sizeof up->stats->plugin, name);
    r = config_uplink(up->config, up->name, up->plugin.uplink, findings, &up->options);
    findings_print(findings, stderr);
    findings_destroy(findings);
    return r < 0 ? EXIT_CONFIG : 0;
}

static int open_cursor(struct uplink *up)
{
    int pid = 0, r = -EWOULDBLOCK;
    for (int i = 0; i < 50 && r == -EWOULDBLOCK; i++) {
        r = cursor_open(up->settings.ram, up->name, &up->cursors, &pid);
        if (r == -EWOULDBLOCK) {
            poll(NULL, 0, 100);
        }
    }
    if (r < 0) {
        say(SAY_ERROR,
            r == -EWOULDBLOCK ? "another process runs this uplink: %s"
                              : "cannot open the cursor: %s",
            strerror(-r));
    }
    return r < 0 ? EXIT_AGAIN : 0;
}

static int run(struct uplink *up, const char *file, bool child)
{
    char err[512] = "";
    int status = load_config(up, file, child);
    if (status == 0) {
        status = open_cursor(up);
    }
    if (status == 0 && carrier_open(up, err, sizeof err) < 0) {
        say(SAY_ERROR, "%s", err);
        stats_text(up->stats->trouble, STATS_TEXT, err);
        status = EXIT_CONFIG;
    }
    if (status == 0) {
        if (up->link) {
            link_send(up->link, &(struct link_message){ .kind = LINK_READY });
        }
        every_second(up, boot_now().ns);
        loop(up);
    }
    carrier_close(up);
    for (size_t i = 0; i < up->stream_count; i++) {
        stream_destroy(up->streams[i]);
    }
    free(up->streams);
    stats_unmap(up->core, sizeof *up->core);
    cursor_close(up->cursors);
    plugin_unload(&up->plugin);
    config_unload(up->config);
    return status;
}

static void be_child(struct uplink *up)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (link_create(LINK_FD, &up->link) < 0 ||
        !(up->stats = stats_map(STATS_FD, sizeof *up->stats, 1))) {
        fatal(EXIT_AGAIN, "no memory");
    }
}

static void take_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int uplink_run_errand(const struct uplink_errand *errand)
{
    struct uplink *up = calloc(1, sizeof *up);
    int status = EXIT_AGAIN;
    if (up && (up->stats = calloc(1, sizeof *up->stats))) {
        up->name = errand->name;
        up->errand = errand;
        take_signals();
        status = run(up, NULL, false);
        free(up->stats);
    }
    free(up);
    return status == 0 && interrupted ? EXIT_AGAIN : status;
}

static void usage(FILE *out)
{
    fputs("usage: weir uplink NAME [-c FILE]\n\n"
          "Runs one uplink in the foreground, for debugging; weir run must not run it too.\n",
          out);
}

int uplink_main(int argc, char **argv)
{
    static struct uplink up; /* one a process; large, and mostly untouched */
    static char who[80];
    const char *file = WEIR_SYSCONF_DIR "/weir.conf";
    bool child = getenv("WEIR_CHILD") != NULL;
    static const struct option options[] = { { "config", 1, 0, 'c' },
                                             { "help", 0, 0, 'h' },
                                             { 0 } };
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o == 'c') {
            file = optarg;
        } else {
            usage(o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : EXIT_USAGE;
        }
    }
    if (optind + 1 != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    up.name = argv[optind];
    snprintf(who, sizeof who, "uplink %s", up.name);
    say_who(who);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    mallopt(M_TOP_PAD, PAD_BYTES);
    signal(SIGPIPE, SIG_IGN);
    if (child) {
        be_child(&up);
    } else {
        up.stats = calloc(1, sizeof *up.stats);
        take_signals();
    }
    int status = up.stats ? run(&up, file, child) : EXIT_AGAIN;
    link_destroy(up.link);
    if (!child) {
        free(up.stats);
    }
    return status;
}
