/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A port's life: see port.h. port_serial.c and port_tcp.c know how to open one.
 */
#include "bus/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

#define RETRY_FIRST_NS (250 * NS_PER_MS)
#define RETRY_MAX_NS   (5 * NS_PER_S)
#define RETRY_PACE_NS  (50 * NS_PER_MS) /* however often the folder changes */
#define STEADY_NS      (2 * NS_PER_S)   /* open for so long: the next failure is a new one */

enum port_state { CLOSED, CONNECTING, OPEN };

struct port {
    const struct port_config *config;
    bool serial, tcp, listen;
    uint16_t default_tcp_port;
    enum port_state state;
    int watch_fd; /* inotify, while a serial port is closed */
    int64_t retry_ns, backoff_ns, tried_ns, opened_ns, connect_until_ns;
    struct port_address where;
    struct port_opened now;    /* fd -1: none */
    struct port_counts counts; /* of the driver, at the last look */
    bool counted;              /* it has any */
};

int port_create(const struct port_config *config, uint16_t default_tcp_port, bool listen,
                struct port **ret_port)
{
    struct port *port = calloc(1, sizeof *port);
    if (!port) {
        return -ENOMEM;
    }
    port->config = config;
    port->serial = config->path && config->path[0];
    port->tcp = !port->serial && config->address && config->address[0];
    port->listen = listen;
    port->default_tcp_port = default_tcp_port;
    port->watch_fd = -1;
    port->now.fd = -1;
    port->backoff_ns = RETRY_FIRST_NS;
    snprintf(port->now.note, sizeof port->now.note, "%s",
             port->serial ? config->path
             : port->tcp  ? config->address
                          : "none");
    snprintf(port->now.words, sizeof port->now.words, "not open yet");
    *ret_port = port;
    return 0;
}

static void close_fd(struct port *port)
{
    if (port->now.fd >= 0 && port->serial) {
        port_serial_close(port->now.fd);
    } else if (port->now.fd >= 0) {
        close(port->now.fd);
    }
    port->now.fd = -1;
}

static void close_watch(struct port *port)
{
    if (port->watch_fd >= 0) {
        close(port->watch_fd);
    }
    port->watch_fd = -1;
}

void port_destroy(struct port *port)
{
    if (!port) {
        return;
    }
    close_fd(port);
    close_watch(port);
    port_tcp_forget(&port->where);
    free(port);
}

bool port_needed(const struct port *port)
{
    return port->serial || port->tcp;
}

int port_fd(const struct port *port)
{
    return port->state == OPEN ? port->now.fd : -1;
}

const char *port_note(const struct port *port)
{
    return port->now.note;
}

bool port_warned(const struct port *port)
{
    return port->now.warned;
}

const char *port_words(const struct port *port)
{
    return port->now.words;
}

bool port_may_block(const struct port *port, int64_t now_ns)
{
    return port->tcp && port->state == CLOSED && now_ns >= port->retry_ns;
}

unsigned port_prepare(const struct port *port, struct pollfd *fds, int64_t *deadline_ns)
{
    int64_t deadline = INT64_MAX;
    struct pollfd want = { .fd = -1 };
    switch (port->state) {
    case OPEN:
        want.fd = port->now.fd;
        want.events = (short)(POLLRDHUP | (port->listen ? POLLIN : 0));
        break;
    case CONNECTING:
        want.fd = port->now.fd;
        want.events = POLLOUT;
        deadline = port->connect_until_ns;
        break;
    case CLOSED:
        want.fd = port->watch_fd;
        want.events = POLLIN;
        deadline = port_needed(port) ? port->retry_ns : INT64_MAX;
        break;
    }
    *deadline_ns = deadline < *deadline_ns ? deadline : *deadline_ns;
    fds[0] = want;
    return want.fd >= 0 ? 1 : 0;
}

static enum port_event opened(struct port *port, int64_t now_ns)
{
    port->state = OPEN;
    port->opened_ns = now_ns;
    port->now.words[0] = 0;
    port_tcp_forget(&port->where);
    close_watch(port);
    port->counted = port->serial && port_lines_count(port->now.fd, &port->counts);
    return PORT_OPENED;
}

static enum port_event failed(struct port *port, int64_t now_ns)
{
    close_fd(port);
    port->state = CLOSED;
    if (port->where.next) {
        port->retry_ns = now_ns; /* a name with several addresses: the next one at once */
        return PORT_NOTHING;
    }
    port_tcp_forget(&port->where);
    port->retry_ns = now_ns + port->backoff_ns;
    port->backoff_ns = port->backoff_ns > RETRY_MAX_NS / 2 ? RETRY_MAX_NS : 2 * port->backoff_ns;
    return PORT_FAILED;
}

static enum port_event try_to_open(struct port *port, int64_t now_ns)
{
    port->tried_ns = now_ns;
    if (port->serial) {
        /* First watch, then look: what appears in between is not overlooked. */
        close_watch(port);
        port->watch_fd = port_serial_watch(port->config->path);
        return port_serial_open(port->config, port->listen, &port->now) == 0 ? opened(port, now_ns)
                                                                             : failed(port, now_ns);
    }
    int r = port_tcp_begin(port->config->address, port->default_tcp_port, &port->where, &port->now);
    if (r == -EINPROGRESS) {
        port->state = CONNECTING;
        port->connect_until_ns = boot_now().ns + port->config->connect_timeout_ns;
        return PORT_NOTHING;
    }
    return r == 0 ? opened(port, now_ns) : failed(port, now_ns);
}

static enum port_event process_connecting(struct port *port, short revents, int64_t now_ns)
{
    if (revents) {
        return port_tcp_finish(&port->now) == 0 ? opened(port, now_ns) : failed(port, now_ns);
    }
    if (now_ns < port->connect_until_ns) {
        return PORT_NOTHING;
    }
    snprintf(port->now.words, sizeof port->now.words, "no connection within %lld ms",
             (long long)(port->config->connect_timeout_ns / NS_PER_MS));
    return failed(port, now_ns);
}

static enum port_event process_closed(struct port *port, short revents, int64_t now_ns)
{
    if (revents) {
        char events[4096]; /* what exactly happened does not matter: look again */
        while (read(port->watch_fd, events, sizeof events) > 0) {
        }
        int64_t soon_ns = port->tried_ns + RETRY_PACE_NS;
        port->retry_ns = soon_ns < port->retry_ns ? soon_ns : port->retry_ns;
    }
    return port_needed(port) && now_ns >= port->retry_ns ? try_to_open(port, now_ns) : PORT_NOTHING;
}

enum port_event port_process(struct port *port, const struct pollfd *fds, unsigned count,
                             int64_t now_ns)
{
    short revents = count ? fds[0].revents : 0;
    switch (port->state) {
    case CLOSED:
        return process_closed(port, revents, now_ns);
    case CONNECTING:
        return process_connecting(port, revents, now_ns);
    case OPEN:
        break;
    }
    short end = revents & (POLLHUP | POLLERR | POLLRDHUP | POLLNVAL);
    /* A listener reads what has still come, and finds the end itself. */
    if (!end || (port->listen && (revents & POLLIN))) {
        return PORT_NOTHING;
    }
    port_close(port, now_ns, port->tcp ? "closed by the other end" : "hung up");
    return PORT_LOST;
}

int port_baud(struct port *port, int64_t baud)
{
    return !port->serial || port->state != OPEN
               ? -ENOTTY
               : port_serial_baud(port->now.fd, baud ? baud : port->config->baud);
}

/* The driver counts in 32 bits. */
static uint64_t grown(uint64_t before, uint64_t now)
{
    return (uint32_t)(now - before);
}

bool port_counts(struct port *port, struct port_counts *ret_new)
{
    struct port_counts now, before = port->counts;
    if (port->state != OPEN || !port->counted || !port_lines_count(port->now.fd, &now)) {
        return false;
    }
    port->counts = now;
    *ret_new =
        (struct port_counts){ grown(before.overruns, now.overruns),
                              grown(before.framing, now.framing), grown(before.parity, now.parity),
                              grown(before.breaks, now.breaks) };
    return true;
}

void port_close(struct port *port, int64_t now_ns, const char *why)
{
    if (port->state == CLOSED) {
        return;
    }
    if (port->serial) {
        close_watch(port);
        port->watch_fd = port_serial_watch(port->config->path);
    }
    close_fd(port);
    bool steady = port->state == OPEN && now_ns - port->opened_ns >= STEADY_NS;
    port->backoff_ns = steady ? RETRY_FIRST_NS : port->backoff_ns;
    port->state = CLOSED;
    port->tried_ns = now_ns;
    /* Many servers end a connection that was idle, and take the next one at once. */
    port->retry_ns = now_ns + (steady && port->tcp ? 0 : port->backoff_ns);
    snprintf(port->now.words, sizeof port->now.words, "%s", why);
}
