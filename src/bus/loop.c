/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The main loop of a bus process: whose turn is it, else wait for link, port and time. While
 * devices are due back to back, link and port are looked at every few milliseconds only: a poll(2)
 * would cost as much as a poll.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/say.h"
#include "bus/host.h"

#define MINUTE_NS         (60 * NS_PER_S)
#define RESOLVE_BUSY_NS   (60 * NS_PER_S)
#define EPOCH_PATIENCE_NS (10 * NS_PER_S)
#define LINE_TOLD_NS      (10 * MINUTE_NS)

/* Parity and framing errors are the first sign of a line that is set wrong, or of its wires. */
static void count_line(struct host *host, int64_t now_ns)
{
    struct stats_bus *stats = host->stats;
    struct port_counts grown;
    if (!port_counts(host->port, &grown) ||
        !(grown.overruns | grown.framing | grown.parity | grown.breaks)) {
        return;
    }
    stats->overruns += grown.overruns;
    stats->framing += grown.framing;
    stats->parity += grown.parity;
    stats->breaks += grown.breaks;
    stats->line_ns = now_ns;
    trace_note(host->trace, now_ns,
               "line: +%llu framing, +%llu parity, +%llu overruns, +%llu breaks",
               (unsigned long long)grown.framing, (unsigned long long)grown.parity,
               (unsigned long long)grown.overruns, (unsigned long long)grown.breaks);
    if (!host->line_told_ns || now_ns - host->line_told_ns >= LINE_TOLD_NS) {
        host->line_told_ns = now_ns;
        say(SAY_WARNING, "errors on the line framing=%llu parity=%llu overruns=%llu breaks=%llu%s",
            (unsigned long long)stats->framing, (unsigned long long)stats->parity,
            (unsigned long long)stats->overruns, (unsigned long long)stats->breaks,
            grown.framing | grown.parity | grown.breaks ? ": wrong baud or parity, or the wires?"
                                                        : ": this machine was too slow");
    }
}

static void every_second(struct host *host, int64_t now_ns)
{
    host->second_ns = now_ns + NS_PER_S;
    queue_clock(host->queue, host_clock(host));
    host_states(host);
    host_trouble(host);
    count_line(host, now_ns);
    if (host->window_ns != INT64_MAX) {
        host->window_ns = now_ns; /* the clock may have been set */
    }
    if (now_ns >= host->minute_ns) {
        host->minute_ns = now_ns + MINUTE_NS;
        say_flush();
    }
}

/* ---- link */

static void on_stop(void *context, const struct link_message *message)
{
    struct host *host = context;
    host->stop = true;
}

static void on_epoch(void *context, const struct link_message *message)
{
    struct host *host = context;
    host->given_epoch = message->a;
    if (!message->b) {
        say(SAY_WARNING, "the epoch is not on flash: a power cut would leave no trace of it");
    }
}

static link_handler *const handlers[LINK_KIND_END] = {
    [LINK_STOP] = on_stop, [LINK_EPOCH] = on_epoch
};

static void serve_link(struct host *host, short revents)
{
    if (!revents) {
        return;
    }
    if ((revents & (POLLERR | POLLNVAL)) ||
        ((revents & POLLOUT) && link_flush(host->link) == -EPIPE) ||
        ((revents & (POLLIN | POLLHUP)) && link_receive(host->link, handlers, host) == -EPIPE)) {
        host->orphan = true;
    }
}

/* An epoch that nobody asked for: store has found a spool with higher ones. */
static void renew_epoch(struct host *host)
{
    uint64_t epoch = host->given_epoch;
    host->given_epoch = 0;
    int r = queue_renew(host->queue, epoch);
    if (r < 0) {
        say(SAY_ERROR, "cannot begin epoch %llu: %s", (unsigned long long)epoch, strerror(-r));
        host->orphan = true; /* the next process gets it right */
    }
    host->stats->epoch = queue_epoch(host->queue);
    host->stats->last_seq = queue_last(host->queue);
}

int loop_ask_epoch(void *context, uint64_t order, uint64_t *ret_epoch)
{
    struct host *host = context;
    struct link_message message = { .kind = LINK_OPEN };
    int64_t until_ns = boot_now().ns + EPOCH_PATIENCE_NS;
    snprintf(message.bus, sizeof message.bus, "%s", host->bus.name);
    if (host->link) {
        link_send(host->link, &message);
    }
    while (host->link && !host->given_epoch && !host->stop && !host->orphan) {
        int64_t now_ns = boot_now().ns;
        struct pollfd fd = { link_fd(host->link), POLLIN, 0 };
        if (now_ns >= until_ns) {
            say(SAY_WARNING, "store gives no epoch: going on without");
            break;
        }
        host_busy(host, "wait for an epoch", until_ns - now_ns);
        poll(&fd, 1, (int)((until_ns - now_ns) / NS_PER_MS) + 1);
        serve_link(host, fd.revents);
    }
    *ret_epoch = host->given_epoch;
    host->given_epoch = 0;
    return *ret_epoch ? 0 : queue_own_epoch(host->settings->ram, order, ret_epoch);
}

/* ---- port */

static void port_note_in_page(struct host *host)
{
    if (strcmp(host->stats->port, port_note(host->port)) != 0) {
        stats_text(host->stats->port, sizeof host->stats->port, port_note(host->port));
    }
}

static void port_happened(struct host *host, enum port_event event, int64_t now_ns)
{
    bool again = event == PORT_FAILED && !host->settling;
    switch (event) {
    case PORT_NOTHING:
        return;
    case PORT_OPENED:
        host->settling = false;
        host->quiet_until_ns = now_ns + host->silence_ns;
        port_note_in_page(host);
        say(port_warned(host->port) ? SAY_WARNING : SAY_NOTICE, "port open port=%s",
            port_note(host->port));
        schedule_rush(host->schedule, now_ns);
        break;
    case PORT_FAILED:
        host->settling = false;
        port_note_in_page(host);
        say(SAY_WARNING, "port not open port=%s why=%s", port_note(host->port),
            port_words(host->port));
        break;
    case PORT_LOST:
        host->settling = true;
        say(SAY_WARNING, "port lost port=%s why=%s", port_note(host->port), port_words(host->port));
        break;
    }
    host_trouble(host);
    listen_port(host, event == PORT_OPENED);
    if (again) {
        return; /* a port that stays away would fill the ring with itself */
    }
    trace_note(host->trace, now_ns, "port %s%s%s",
               event == PORT_OPENED ? "open"
               : event == PORT_LOST ? "lost"
                                    : "not open",
               event == PORT_OPENED ? "" : ": ", port_words(host->port));
}

/* A callback found the port lost; now that it has returned, close it. */
static void close_lost_port(struct host *host)
{
    if (host->port_lost) {
        int64_t now_ns = boot_now().ns;
        host->port_lost = false;
        port_close(host->port, now_ns, host->port_words);
        port_happened(host, PORT_LOST, now_ns);
    }
}

static void serve_port(struct host *host, const struct pollfd *fds, unsigned count, int64_t now_ns)
{
    if (port_may_block(host->port, now_ns)) {
        host_busy(host, "open port", RESOLVE_BUSY_NS);
    }
    enum port_event event = port_process(host->port, fds, count, now_ns);
    port_happened(host, event, now_ns);
    if (event == PORT_OPENED) {
        listen_opened(host);
        host->stats->opens++; /* from here on it is heard: who waits for that may speak */
    }
    if (host->adapter->receive && count && (fds[0].revents & POLLIN) &&
        fds[0].fd == port_fd(host->port)) {
        listen_bytes(host);
    }
    listen_tick(host, now_ns);
    close_lost_port(host);
}

/* ---- waiting */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* next_ns: when somebody is due; in the past if somebody is. */
static void wait_round(struct host *host, int64_t next_ns)
{
    struct pollfd fds[1 + PORT_POLL_FDS] = { { .fd = -1 } };
    int64_t now_ns = boot_now().ns;
    int64_t until_ns = earlier(earlier(next_ns, listen_next_ns(host)), host->second_ns);
    until_ns = earlier(until_ns, host->window_ns);
    if (host->link) {
        fds[0].fd = link_fd(host->link);
        fds[0].events = (short)(POLLIN | (link_pending(host->link) ? POLLOUT : 0));
    }
    unsigned count = port_prepare(host->port, fds + 1, &until_ns);
    int64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    if (wait_ns > 0 || (host->untold_ns && now_ns - host->untold_ns >= NOTICE_NS)) {
        host_notify(host);
    }
    struct timespec t = { wait_ns / NS_PER_S, wait_ns % NS_PER_S };
    int n = ppoll(fds, 1 + count, &t, &host->wait_mask);
    now_ns = boot_now().ns;
    host->waited_ns = now_ns;
    __atomic_store_n(&host->stats->head.alive_ns, now_ns, __ATOMIC_RELAXED);
    if (n <= 0) {
        fds[0].revents = 0;
        count = 0;
    }
    serve_link(host, fds[0].revents);
    serve_port(host, fds + 1, count, now_ns);
}

/* Polls one device if one is due. */
static bool take_turn(struct host *host, int64_t now_ns)
{
    struct turn turn;
    if (host->settling || !host->adapter->poll || !schedule_take(host->schedule, now_ns, &turn)) {
        return false;
    }
    enum schedule_outcome outcome = cycle_run(host, &turn);
    schedule_done(host->schedule, turn.device, boot_now().ns, outcome);
    close_lost_port(host);
    return true;
}

static int64_t next_turn_ns(const struct host *host)
{
    return host->settling || !host->adapter->poll ? INT64_MAX : schedule_wake_ns(host->schedule);
}

int loop_run(struct host *host)
{
    if (host->link && link_send(host->link, &(struct link_message){ .kind = LINK_READY }) < 0) {
        host->orphan = true;
    }
    host->settling = port_needed(host->port);
    listen_resume(host);
    int r = windows_resume(host);
    if (r < 0) {
        say(SAY_ERROR, "windows: %s", strerror(-r));
        return EXIT_AGAIN;
    }
    while (!host->stop && !host->orphan) {
        int64_t now_ns = boot_now().ns;
        __atomic_store_n(&host->stats->head.alive_ns, now_ns, __ATOMIC_RELAXED);
        if (now_ns >= host->second_ns) {
            every_second(host, now_ns);
        }
        if (host->given_epoch) {
            renew_epoch(host);
        }
        windows_due(host, now_ns);
        bool took = take_turn(host, now_ns);
        if (!took || now_ns - host->waited_ns >= NOTICE_NS) {
            wait_round(host, took ? now_ns : next_turn_ns(host));
        }
    }
    if (!host->orphan) {
        listen_finish(host);
        windows_finish(host);
    }
    host_notify(host);
    return host->orphan ? EXIT_AGAIN : 0;
}
