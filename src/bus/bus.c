/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir bus NAME`: sets everything up, runs the loop, ends in order. As a child of core it has
 * link, configuration and stats page as open descriptors and leaves signals to core; by hand it
 * reads the file itself, and Ctrl-C ends it.
 */
#include "bus/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/say.h"
#include "bus/host.h"
#include "config/plugin.h"

#define OPEN_BUSY_NS     (15 * NS_PER_S)
#define LOCK_PATIENCE_NS (5 * NS_PER_S)
#define LOCK_PAUSE_NS    (100 * NS_PER_MS)

struct process {
    struct host host;
    const char *name, *file;
    bool child;
    char who[WEIR_NAME_MAX + 8];
    struct config *config;
    struct settings settings;
    struct bus_config *bus;
    struct plugin plugin;
    struct findings *findings;
};

static struct host *signalled;

static void on_signal(int signal_number)
{
    signalled->stop = true;
}

static int give_up(struct process *p, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int give_up(struct process *p, int status, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(SAY_ERROR, "%s", text);
    if (p->host.stats) {
        stats_text(p->host.stats->trouble, sizeof p->host.stats->trouble, text);
    }
    return status;
}

static void usage(FILE *out)
{
    fputs("usage: weir bus NAME [-c FILE]\n"
          "\n"
          "Runs one bus of the configuration in the foreground: polls its devices and appends the\n"
          "records to its queue. `weir run` does this for every bus; by hand it is for looking "
          "closer\n"
          "(a debugger, strace). Ctrl-C ends it in order.\n"
          "\n"
          "  -c FILE   configuration (default: " WEIR_SYSCONF_DIR "/weir.conf)\n",
          out);
}

/* -1: go on, else the exit status. */
static int parse_arguments(struct process *p, int argc, char **argv)
{
    static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    int option;
    p->file = WEIR_SYSCONF_DIR "/weir.conf";
    optind = 1;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return 0;
        }
        if (option != 'c') {
            usage(stderr);
            return EXIT_USAGE;
        }
        p->file = optarg;
    }
    if (optind != argc - 1) {
        usage(stderr);
        return EXIT_USAGE;
    }
    p->name = argv[optind];
    snprintf(p->who, sizeof p->who, "bus %s", p->name);
    say_who(p->who);
    return -1;
}

/* A child leaves signals to core and ends with it. */
static int become_child(struct process *p)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGTERM, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    sigprocmask(SIG_SETMASK, NULL, &p->host.wait_mask);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fcntl(LINK_FD, F_SETFD, FD_CLOEXEC);
    fcntl(CONFIG_FD, F_SETFD, FD_CLOEXEC);
    /* Did core die before the line above? Then its end of the link is closed. */
    struct pollfd link = { .fd = LINK_FD };
    if (poll(&link, 1, 0) != 0) {
        return give_up(p, EXIT_AGAIN, "no link to core");
    }
    p->host.stats = stats_map(STATS_FD, sizeof *p->host.stats, 1);
    if (!p->host.stats || link_create(LINK_FD, &p->host.link) < 0) {
        return give_up(p, EXIT_AGAIN, "no stats page: %s", strerror(errno));
    }
    close(STATS_FD);
    return 0;
}

/* By hand: signals are held back but while the loop waits, so that none is overlooked. */
static int become_foreground(struct process *p)
{
    const struct sigaction stop = { .sa_handler = on_signal };
    sigset_t held;
    signalled = &p->host;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, &p->host.wait_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    p->host.stats = calloc(1, sizeof *p->host.stats);
    return p->host.stats ? 0 : give_up(p, EXIT_AGAIN, "no memory");
}

static int load_config(struct process *p)
{
    struct bus_config *bus = NULL;
    char why[512];
    int r = p->child ? config_load_fd(CONFIG_FD, "configuration", p->findings, &p->config)
                     : config_load(p->file, p->findings, &p->config);
    if (p->child) {
        close(CONFIG_FD);
    }
    if (r == 0) {
        r = config_settings(p->config, p->findings, &p->settings);
    }
    if (r < 0) {
        return give_up(p, EXIT_CONFIG, "configuration refused");
    }
    const char *adapter = config_bus_adapter(p->config, p->name);
    if (!adapter) {
        return give_up(p, EXIT_CONFIG, "the configuration has no such bus");
    }
    stats_text(p->host.stats->adapter, sizeof p->host.stats->adapter, adapter);
    r = plugin_load(PLUGIN_ADAPTER, adapter, &p->plugin, why, sizeof why);
    if (r < 0) {
        return give_up(p, EXIT_PERMANENT, "adapter %s: %s", adapter, why);
    }
    p->host.adapter = p->plugin.adapter;
    r = config_bus(p->config, p->name, p->host.adapter, p->findings, &bus);
    if (r < 0 || findings_errors(p->findings)) {
        return give_up(p, EXIT_CONFIG, "configuration refused");
    }
    p->bus = bus;
    return 0;
}

static int64_t silence_ns(const struct bus_config *bus)
{
    if (!bus->bus.serial) {
        return 0;
    }
    /* Three and a half characters; above 19200 baud they would be too short for any timer. */
    return bus->port.baud > 19200 ? 1750 * NS_PER_US : bus->bus.character_ns * 7 / 2;
}

static bool is_complete(const struct weir_adapter *a)
{
    bool polls = a->poll && a->parts && a->fail && a->point_type;
    return a->open && a->close && (polls || (a->receive && !a->poll));
}

static int open_adapter(struct process *p)
{
    struct host *host = &p->host;
    if (!is_complete(host->adapter)) {
        return give_up(p, EXIT_PERMANENT, "adapter %s lacks callbacks", host->adapter->name);
    }
    host->settings = &p->settings;
    host->config = p->bus;
    host->bus = p->bus->bus;
    host->bus.host = &host_services;
    host->silence_ns = silence_ns(p->bus);
    host->findings = p->findings;
    host_busy(host, "open adapter", OPEN_BUSY_NS);
    int r = listen_create(host);
    if (r < 0) {
        return give_up(p, EXIT_AGAIN, "state of adapter %s: %s", host->adapter->name, strerror(-r));
    }
    r = host->adapter->open(&host->bus, &host->self);
    if (findings_errors(p->findings)) {
        return give_up(p, EXIT_CONFIG, "adapter %s refuses the configuration", host->adapter->name);
    }
    if (r < 0) {
        return give_up(p, r == -ENOMEM ? EXIT_AGAIN : EXIT_CONFIG, "adapter %s did not open: %s",
                       host->adapter->name, strerror(-r));
    }
    r = devices_create(host);
    host->findings = NULL;
    return r < 0
               ? give_up(p, r == -ENOMEM ? EXIT_AGAIN : EXIT_PERMANENT, "devices: %s", strerror(-r))
               : 0;
}

/* The process before us may still be on its way out. */
static int open_queue(struct process *p)
{
    struct host *host = &p->host;
    const struct queue_place place = { .ram = p->settings.ram,
                                       .gateway = p->settings.gateway,
                                       .bus = p->name,
                                       .new_epoch = loop_ask_epoch,
                                       .context = host };
    int64_t until_ns = boot_now().ns + LOCK_PATIENCE_NS;
    for (;;) {
        int pid = 0;
        host_busy(host, "open queue", OPEN_BUSY_NS);
        int r = queue_open(&place, host_clock(host), &host->queue, &pid);
        if (r == 0) {
            return 0;
        }
        if (r != -EWOULDBLOCK) {
            return give_up(p, EXIT_AGAIN, "queue in %s: %s", p->settings.ram, strerror(-r));
        }
        if (boot_now().ns >= until_ns) {
            return give_up(p, EXIT_AGAIN, "queue is held by pid %d", pid);
        }
        nanosleep(&(struct timespec){ 0, LOCK_PAUSE_NS }, NULL);
    }
}

static int open_rest(struct process *p)
{
    struct host *host = &p->host;
    struct stats_bus *stats = host->stats;
    size_t count = host->bus.device_count;
    int r =
        trace_create(p->settings.ram, p->name, host->adapter->name, host->bus.serial, &host->trace);
    if (r < 0) {
        say(SAY_WARNING, "no trace: %s", strerror(-r));
    }
    struct schedule_device *devices = calloc(count + 1, sizeof *devices);
    for (size_t i = 0; devices && i < count; i++) {
        devices[i].every_ns = host->config->devices[i].every_ns;
        devices[i].timeout_ns = host->bus.devices[i].timeout_ns;
    }
    r = devices ? schedule_create(devices, count, boot_now().ns, &host->schedule) : -ENOMEM;
    free(devices);
    if (r == 0) {
        r = port_create(&p->bus->port, host->adapter->default_tcp_port,
                        host->adapter->receive != NULL, &host->port);
    }
    if (r < 0) {
        return give_up(p, EXIT_AGAIN, "%s", strerror(-r));
    }
    stats->started_ns = boot_now().ns;
    stats->busy_ns = 0;
    stats->epoch = queue_epoch(host->queue);
    stats->last_seq = queue_last(host->queue);
    host->lost_before = stats->lost;
    stats_text(stats->port, sizeof stats->port, port_note(host->port));
    stats_text(stats->trouble, sizeof stats->trouble, "");
    return 0;
}

/* Back to back over TCP there is no wire to wait for, so this process could keep a small box so
 * busy that nothing carries the records away. It takes the processor last then. */
static void be_modest(const struct host *host)
{
    for (size_t i = 0; i < host->bus.device_count && !host->bus.serial; i++) {
        if (host->config->devices[i].every_ns == 0 && setpriority(PRIO_PROCESS, 0, 5) == 0) {
            return;
        }
    }
}

static int run(struct process *p)
{
    struct host *host = &p->host;
    be_modest(host);
    say(SAY_NOTICE, "%s devices=%zu adapter=%s port=%s epoch=%llu",
        host->adapter->receive ? "listens" : "polls", host->bus.device_count, host->adapter->name,
        port_note(host->port), (unsigned long long)queue_epoch(host->queue));
    int status = loop_run(host);
    if (host->orphan) {
        return give_up(p, status, "core is gone");
    }
    int r = queue_close(host->queue);
    if (r < 0) {
        say(SAY_WARNING, "queue not closed: %s", strerror(-r));
    }
    return status;
}

static void finish(struct process *p)
{
    host_free(&p->host);
    if (p->child) {
        stats_unmap(p->host.stats, sizeof *p->host.stats);
    } else {
        free(p->host.stats);
    }
    if (p->plugin.handle) {
        plugin_unload(&p->plugin);
    }
    config_unload(p->config);
    findings_destroy(p->findings);
}

int bus_main(int argc, char **argv)
{
    struct process p = { .host.wait_mask = { { 0 } } };
    int status = parse_arguments(&p, argc, argv);
    if (status >= 0) {
        return status;
    }
    const char *mark = getenv("WEIR_CHILD");
    p.child = mark && fcntl(LINK_FD, F_GETFD) >= 0;
    prctl(PR_SET_TIMERSLACK, 1);
    signal(SIGPIPE, SIG_IGN);
    p.findings = findings_create();
    status = !p.findings ? EXIT_AGAIN : p.child ? become_child(&p) : become_foreground(&p);
    if (status == 0) {
        status = load_config(&p);
    }
    if (status == 0) {
        status = open_adapter(&p);
    }
    /* Core has printed the warnings of a child's configuration. */
    if (p.findings && (!p.child || findings_errors(p.findings))) {
        findings_print(p.findings, stderr);
    }
    if (status == 0) {
        status = open_queue(&p);
    }
    if (status == 0) {
        status = open_rest(&p);
    }
    if (status == 0) {
        status = run(&p);
    }
    finish(&p);
    return status;
}
