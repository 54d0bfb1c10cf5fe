/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Opening a TCP connection to a device or a serial server. Resolving a name may block, connecting
 * does not.
 */
#include "bus/port.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A silent other end is noticed by the polls; these find it also while nothing is asked, and make a
 * write that nobody acknowledges end. */
enum { IDLE_S = 30, INTERVAL_S = 10, PROBES = 3, UNACKNOWLEDGED_MS = 15000 };

/* "host:port", "host", "[::1]:port", "::1" */
static int split_address(const char *address, uint16_t default_port, char *host, size_t host_size,
                         char port[8])
{
    const char *colon = strrchr(address, ':');
    const char *begin = address, *end = address + strlen(address);
    if (address[0] == '[') {
        begin = address + 1;
        end = strchr(address, ']');
        if (!end || (end[1] && end[1] != ':')) {
            return -EINVAL;
        }
        colon = end[1] ? end + 1 : NULL;
    } else if (colon && strchr(address, ':') != colon) {
        colon = NULL; /* an IPv6 address without a port */
    } else if (colon) {
        end = colon;
    }
    size_t len = (size_t)(end - begin);
    if (len == 0 || len >= host_size || (!colon && !default_port) ||
        (colon && (strlen(colon + 1) == 0 || strlen(colon + 1) > 5))) {
        return -EINVAL;
    }
    memcpy(host, begin, len);
    host[len] = 0;
    if (colon) {
        snprintf(port, 8, "%s", colon + 1);
    } else {
        snprintf(port, 8, "%u", default_port);
    }
    return 0;
}

static int resolve(const char *address, uint16_t default_port, struct port_address *where,
                   struct port_opened *opened)
{
    char host[256], port[8];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    if (split_address(address, default_port, host, sizeof host, port) < 0) {
        snprintf(opened->words, sizeof opened->words, "not an address with a port");
        return -EINVAL;
    }
    int r = getaddrinfo(host, port, &hints, &where->list);
    if (r != 0) {
        where->list = NULL;
        snprintf(opened->words, sizeof opened->words, "%.80s: %.70s", host, gai_strerror(r));
        return -EHOSTUNREACH;
    }
    where->next = where->list;
    return 0;
}

void port_tcp_forget(struct port_address *where)
{
    if (where->list) {
        freeaddrinfo(where->list);
    }
    *where = (struct port_address){ 0 };
}

static void set_option(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof value);
}

int port_tcp_begin(const char *address, uint16_t default_port, struct port_address *where,
                   struct port_opened *opened)
{
    snprintf(opened->note, sizeof opened->note, "%s", address);
    if (!where->next) {
        port_tcp_forget(where);
        int r = resolve(address, default_port, where, opened);
        if (r < 0) {
            return r;
        }
    }
    const struct addrinfo *a = where->next;
    where->next = a->ai_next;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        snprintf(opened->words, sizeof opened->words, "%s", strerror(errno));
        return -errno;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    opened->fd = fd;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
        return 0;
    }
    int r = -errno;
    if (r != -EINPROGRESS) {
        snprintf(opened->words, sizeof opened->words, "%s", strerror(-r));
    }
    return r;
}

int port_tcp_finish(struct port_opened *opened)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(opened->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error) {
        snprintf(opened->words, sizeof opened->words, "%s", strerror(error));
    }
    return -error;
}
