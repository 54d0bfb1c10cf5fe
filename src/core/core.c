/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir run`: set-up, the loop, and the order of stopping (buses, the gateway's own queue,
 * uplinks). See core.h for what core is and is not.
 */
#include "core/core.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/say.h"
#include "core/private.h"
#include "log/folder.h"

#define STOP_BUSES_NS     (5 * NS_PER_S)
#define STOP_UPLINKS_NS   (5 * NS_PER_S)
#define STOP_STORE_NS     (5 * NS_PER_S)
#define SYNC_PATIENCE_NS  (5 * NS_PER_S)
#define EPOCH_PATIENCE_NS (10 * NS_PER_S)
#define CONNECT_GRACE_NS  (10 * NS_PER_S) /* an uplink not connected for longer is trouble */
#define STALLED_NS        (3 * NS_PER_S)  /* store turns at least twice a second */
#define DAY_NS            (86400 * NS_PER_S)

void core_more(struct core *core, const struct link_message *message)
{
    for (size_t i = 0; i < core->child_count; i++) {
        struct child *child = core->children[i];
        if (child->role == ROLE_UPLINK && child->link) {
            link_send(child->link, message);
        }
    }
}

bool core_to_store(struct core *core, const struct link_message *message)
{
    struct child *store = child_find(core, ROLE_STORE, STORE_NAME);
    return store && store->link && link_send(store->link, message) == 0;
}

static bool is_ready(const struct child *child)
{
    return child && child->pid && child->ready && !child->stopping;
}

bool core_store_pending(struct core *core, int64_t now_ns)
{
    const struct child *store = child_find(core, ROLE_STORE, STORE_NAME);
    return store && !is_ready(store) && (store->next_section || now_ns < core->store_patience_ns);
}

/* ---- set-up */

static int open_page(struct core *core)
{
    char path[FOLDER_PATH_MAX];
    snprintf(path, sizeof path, "%s/stats", core->settings.ram);
    int r = folder_make(path);
    if (r == 0) {
        r = stats_create(core->settings.ram, "core", "", sizeof *core->stats, &core->stats_fd);
    }
    core->stats = r == 0 ? stats_map(core->stats_fd, sizeof *core->stats, 1) : NULL;
    if (!core->stats) {
        say(SAY_ERROR, "cannot make %s/core: %s", path, strerror(r < 0 ? -r : errno));
        return -EIO;
    }
    memset((char *)core->stats + sizeof core->stats->head, 0,
           sizeof *core->stats - sizeof core->stats->head);
    stats_text(core->stats->gateway, sizeof core->stats->gateway, core->settings.gateway);
    stats_text(core->stats->version, sizeof core->stats->version, WEIR_VERSION);
    core->stats->pid = getpid();
    core->stats->started_ns = boot_now().ns;
    return 0;
}

static int open_signals(struct core *core)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    core->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return core->signal_fd < 0 ? -errno : 0;
}

static void read_clock(struct core *core)
{
    core->clock = clock_read((enum clock_source)core->settings.clock, core->settings.clock_file);
    core->stats->clock_synced = core->clock.state == CLOCK_SYNCED;
}

static int set_up(struct core *core)
{
    struct findings *findings = findings_create();
    int r = core_check(core->file) < 0 ? -EINVAL : 0;
    if (r == 0) {
        r = config_load(core->file, findings, &core->config);
    }
    if (r == 0) {
        r = config_settings(core->config, findings, &core->settings);
    }
    if (r < 0) {
        findings_print(findings, stderr);
    }
    findings_destroy(findings);
    if (r < 0) {
        return EXIT_DEGRADED;
    }
    if (lock_ram(core->settings.ram, &core->ram_lock_fd) < 0 ||
        lock_flash(core->settings.directory, &core->flash_lock_fd) == -EWOULDBLOCK ||
        open_page(core) < 0 || (r = open_signals(core)) < 0) {
        return EXIT_CANNOT; /* without a card weir runs from RAM, and store says so */
    }
    read_clock(core);
    core->was_synced = core->clock.state == CLOCK_SYNCED;
    clocks_load(core);
    return 0;
}

/* ---- what happens once a second */

/* What is wrong with a child, "" if nothing. */
static void find_trouble(const struct child *child, int64_t now_ns, char *buf, size_t size)
{
    char text[STATS_TEXT];
    const char *role = child_role_name(child->role);
    bool away = false;
    if (child_in_trouble(child, now_ns)) {
        stats_text(text, sizeof text, child->page->why);
    } else if (child->role == ROLE_BUS) {
        stats_text(text, sizeof text, ((const struct stats_bus *)child->head)->trouble);
    } else if (child->role == ROLE_STORE) {
        bool stalled = child->ready && now_ns - child->head->alive_ns > STALLED_NS;
        stats_text(text, sizeof text,
                   stalled ? "flash does not answer"
                           : ((const struct stats_store *)child->head)->trouble);
    } else {
        const struct stats_uplink *page = (const struct stats_uplink *)child->head;
        away = !page->connected && now_ns - page->since_ns > CONNECT_GRACE_NS &&
               now_ns - child->started_ns > CONNECT_GRACE_NS;
        stats_text(text, sizeof text, away ? page->words : page->trouble);
    }
    buf[0] = 0;
    if (away || text[0]) {
        snprintf(buf, size, "%s %s: %s%s", role, child->name, away ? "not connected: " : "", text);
    }
}

/* One child's trouble has come or gone; while it lasts, its words may change. */
static void watch_child(struct core *core, struct child *child, int64_t now_ns)
{
    char trouble[TROUBLE_TEXT];
    find_trouble(child, now_ns, trouble, sizeof trouble);
    bool was = child->trouble[0] != 0, is = trouble[0] != 0;
    if (is && !was) {
        child->trouble_since_ns = now_ns;
        say(SAY_WARNING, "degraded: %s", trouble);
        events_add(core, &(struct event){ .event = "degraded", .why = trouble });
    } else if (was && !is) {
        say(SAY_NOTICE, "recovered after_s=%lld from: %s",
            (long long)((now_ns - child->trouble_since_ns) / NS_PER_S), child->trouble);
        events_add(core, &(struct event){ .event = "recovered", .why = child->trouble });
    }
    memcpy(child->trouble, trouble, sizeof trouble);
}

static void watch_trouble(struct core *core, int64_t now_ns)
{
    const char *first = "";
    for (size_t i = 0; i < core->child_count; i++) {
        struct child *child = core->children[i];
        watch_child(core, child, now_ns);
        first = first[0] ? first : child->trouble;
    }
    stats_text(core->stats->trouble, STATS_TEXT, first);
}

/* Once a day: what was polled, missed, left out. */
static void write_account(struct core *core)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < core->child_count; i++) {
        if (core->children[i]->role == ROLE_UPLINK) {
            bytes += ((const struct stats_uplink *)core->children[i]->head)->bytes;
        }
    }
    for (size_t i = 0; i < core->child_count; i++) {
        const struct stats_bus *bus = (const struct stats_bus *)core->children[i]->head;
        uint32_t count = core->children[i]->role == ROLE_BUS ? bus->device_count : 0;
        for (uint32_t k = 0; k < count && k < STATS_DEVICES; k++) {
            char name[WEIR_NAME_MAX + 1];
            stats_text(name, sizeof name, bus->devices[k].name);
            events_add(core, &(struct event){ .event = "account",
                                              .of_bus = core->children[i]->name,
                                              .of_device = name,
                                              .has_counts = true,
                                              .polls = bus->devices[k].polls,
                                              .missed = bus->devices[k].missed,
                                              .suppressed = bus->devices[k].suppressed,
                                              .bytes_sent = bytes });
        }
    }
}

static void every_second(struct core *core, int64_t now_ns)
{
    if (now_ns - core->second_ns < NS_PER_S) {
        return;
    }
    core->second_ns = now_ns;
    read_clock(core);
    clocks_watch(core);
    watch_trouble(core, now_ns);
    trim_all(core);
    say_flush();
    if (now_ns - core->day_ns >= DAY_NS) {
        core->day_ns = now_ns;
        write_account(core);
    }
}

/* ---- the loop */

static void reap(struct core *core)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (size_t i = 0; i < core->child_count; i++) {
            if (core->children[i]->pid == pid) {
                child_reaped(core->children[i], status, boot_now().ns);
            }
        }
    }
}

/* What a reload has asked for, once the old process has ended. */
static void replace_ended(struct core *core)
{
    for (size_t i = core->child_count; i-- > 0;) {
        struct child *child = core->children[i];
        if (child->pid || !child->next_section || core->stop) {
            continue;
        }
        if (!child->next_section[0]) {
            if (child->trouble[0]) {
                events_add(core, &(struct event){ .event = "recovered", .why = child->trouble });
            }
            child_remove(core, child);
            continue;
        }
        free(child->section);
        child->section = child->next_section;
        child->section_len = strlen(child->section);
        child->next_section = NULL;
        child->delay_ns = 0;
        child->page->restarts = 0; /* what was wrong with the old configuration is over */
        stats_text(child->page->why, sizeof child->page->why, "");
        child_start(child, boot_now().ns);
    }
}

static void take_signals(struct core *core)
{
    struct signalfd_siginfo info;
    while (read(core->signal_fd, &info, sizeof info) == sizeof info) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap(core);
            break;
        case SIGHUP:
            core->reload = true;
            break;
        default:
            core->hurry = core->stop;
            core->stop = true;
            break;
        }
    }
}

static int wait_ms(const struct core *core, int64_t now_ns)
{
    int64_t at = core->second_ns + NS_PER_S;
    for (size_t i = 0; i < core->child_count; i++) {
        const struct child *child = core->children[i];
        if (child->page->state == CHILD_WAITING && child->start_at_ns < at) {
            at = child->start_at_ns;
        }
    }
    int64_t ms = (at - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return ms < 0 ? 0 : ms > 1000 ? 1000 : (int)ms;
}

static void turn(struct core *core)
{
    struct pollfd fds[2 + STATS_CHILDREN];
    struct child *served[STATS_CHILDREN];
    nfds_t count = 2;
    fds[0] = (struct pollfd){ core->signal_fd, POLLIN, 0 };
    fds[1] = (struct pollfd){ core->control_fd, POLLIN, 0 };
    for (size_t i = 0; i < core->child_count; i++) {
        struct child *child = core->children[i];
        if (child->link) {
            short events = (short)(POLLIN | (link_pending(child->link) ? POLLOUT : 0));
            served[count - 2] = child;
            fds[count++] = (struct pollfd){ link_fd(child->link), events, 0 };
        }
    }
    int n = poll(fds, count, wait_ms(core, boot_now().ns));
    for (nfds_t i = 2; n > 0 && i < count; i++) {
        if (fds[i].revents) {
            child_serve(served[i - 2], fds[i].revents);
        }
    }
    if (n > 0 && fds[1].revents) {
        control_serve(core);
    }
    if (n > 0 && fds[0].revents) {
        take_signals(core);
    }
    int64_t now = boot_now().ns;
    core->stats->head.alive_ns = now;
    for (size_t i = 0; i < core->child_count; i++) {
        child_tend(core->children[i], now);
    }
}

static bool all_ended(const struct core *core, enum child_role role)
{
    for (size_t i = 0; i < core->child_count; i++) {
        const struct child *child = core->children[i];
        if (child->role == role && child->pid && child->page->state != CHILD_STUCK) {
            return false;
        }
    }
    return true;
}

static void stop_role(struct core *core, enum child_role role, int64_t time_ns)
{
    int64_t deadline = boot_now().ns + time_ns;
    for (size_t i = 0; i < core->child_count; i++) {
        if (core->children[i]->role == role && core->children[i]->pid) {
            child_stop(core->children[i], deadline);
        }
    }
    while (!all_ended(core, role)) {
        turn(core);
        for (size_t i = 0; i < core->child_count && core->hurry; i++) {
            if (core->children[i]->role == role) {
                child_kill(core->children[i], "stopped in a hurry");
            }
        }
    }
}

int core_ask_epoch(void *context, uint64_t order, uint64_t *ret_epoch)
{
    struct core *core = context;
    struct link_message message = { .kind = LINK_OPEN, .bus = "weir" };
    int64_t until_ns = boot_now().ns + EPOCH_PATIENCE_NS;
    core->given_epoch = 0;
    core->wants_epoch = true;
    if (is_ready(child_find(core, ROLE_STORE, STORE_NAME))) {
        core_to_store(core, &message); /* else when it is */
    }
    bool late = boot_now().ns >= core->store_patience_ns; /* the start has waited for it enough */
    while (!core->given_epoch && !core->stop && boot_now().ns < until_ns &&
           (!late || is_ready(child_find(core, ROLE_STORE, STORE_NAME)))) {
        turn(core);
    }
    core->wants_epoch = false;
    if (!core->given_epoch && !core->stop) {
        say(SAY_WARNING, "store gives no epoch: events go on without");
    }
    *ret_epoch = core->given_epoch;
    core->given_epoch = 0;
    return *ret_epoch ? 0 : queue_own_epoch(core->settings.ram, order, ret_epoch);
}

/* Store comes first: it restores the cursors and gives out the epochs. */
static int start_store(struct core *core)
{
    char *text;
    size_t len;
    int pid = 0, r = config_section_store(core->config, &text, &len);
    struct child *store = r < 0 ? NULL : child_add(core, ROLE_STORE, STORE_NAME, text, len);
    if (!store) {
        say(SAY_ERROR, "cannot run store: %s", strerror(r < 0 ? -r : ENOMEM));
        return -ENOMEM;
    }
    child_start(store, boot_now().ns);
    while (core_store_pending(core, boot_now().ns) && !core->stop) {
        turn(core);
    }
    r = events_open(core, &pid);
    if (r < 0) {
        say(SAY_ERROR, "cannot open the queue of events in %s: %s", core->settings.ram,
            strerror(-r));
    }
    return r;
}

/* Store found a spool with higher epochs than ours. */
static void renew_events(struct core *core)
{
    if (core->given_epoch) {
        int r = queue_renew(core->events, core->given_epoch);
        core->given_epoch = 0;
        if (r < 0) {
            say(SAY_ERROR, "cannot begin an epoch of events: %s", strerror(-r));
        }
    }
}

/* Everything that no uplink has confirmed goes to flash before the uplinks end. */
static void sync_store(struct core *core)
{
    int64_t until_ns = boot_now().ns + SYNC_PATIENCE_NS;
    core->synced = false;
    if (!core_to_store(core, &(struct link_message){ .kind = LINK_SYNC })) {
        return;
    }
    while (!core->synced && !core->hurry && boot_now().ns < until_ns) {
        turn(core);
    }
}

static void run(struct core *core)
{
    core->day_ns = boot_now().ns;
    events_add(core, &(struct event){ .event = "start", .version = WEIR_VERSION });
    core_reload(core);
    int r = control_open(core);
    if (r < 0) {
        say(SAY_ERROR, "no control socket in %s: %s", core->settings.ram, strerror(-r));
    }
    notify("READY=1");
    say(SAY_NOTICE, "running gateway=%s buses=%zu uplinks=%zu ram=%s", core->settings.gateway,
        core->settings.buses.count, core->settings.uplinks.count, core->settings.ram);
    while (!core->stop) {
        turn(core);
        every_second(core, boot_now().ns);
        replace_ended(core);
        renew_events(core);
        if (core->reload) {
            core->reload = false;
            core_reload(core);
        }
    }
    notify("STOPPING=1");
    say(SAY_NOTICE, "stopping");
    stop_role(core, ROLE_BUS, STOP_BUSES_NS);
    events_add(core, &(struct event){ .event = "stop" });
    queue_close(core->events);
    sync_store(core);
    stop_role(core, ROLE_UPLINK, STOP_UPLINKS_NS);
    stop_role(core, ROLE_STORE, STOP_STORE_NS);
    say(SAY_NOTICE, "stopped");
}

static void tear_down(struct core *core)
{
    while (core->child_count) {
        child_remove(core, core->children[core->child_count - 1]);
    }
    free(core->children);
    free(core->unsure);
    queue_destroy(core->events);
    shape_destroy(core->event_shape);
    stats_unmap(core->stats, sizeof *core->stats);
    config_unload(core->config);
    int fds[] = { core->stats_fd, core->signal_fd, core->control_fd, core->ram_lock_fd,
                  core->flash_lock_fd };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static void usage(FILE *out)
{
    fputs(
        "usage: weir run [-c FILE]\n\n"
        "Runs the gateway in the foreground and logs to standard error.\n\n"
        "  -c, --config FILE   default " WEIR_SYSCONF_DIR "/weir.conf\n\n"
        "SIGHUP applies a changed configuration; SIGTERM or Ctrl-C stops in order, a second one at "
        "once.\n",
        out);
}

int core_main(int argc, char **argv)
{
    struct core core = { .file = WEIR_SYSCONF_DIR "/weir.conf",
                         .stats_fd = -1,
                         .signal_fd = -1,
                         .control_fd = -1,
                         .ram_lock_fd = -1,
                         .flash_lock_fd = -1 };
    static const struct option options[] = { { "config", 1, 0, 'c' },
                                             { "help", 0, 0, 'h' },
                                             { 0 } };
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (o == 'c') {
            core.file = optarg;
        } else {
            usage(o == 'h' ? stdout : stderr);
            return o == 'h' ? 0 : EXIT_USAGE;
        }
    }
    if (optind != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    say_who("core");
    int status = set_up(&core);
    if (status == 0) {
        status = start_store(&core) < 0 ? EXIT_CANNOT : 0;
    }
    if (status == 0) {
        run(&core);
    }
    tear_down(&core);
    return status;
}
