/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Modbus TCP for meter-sim: any number of connections, several requests in flight on each.
 *
 *     | transaction, 2 | protocol 0, 2 | length, 2 | unit | PDU ... |
 *
 * A slow unit holds up nobody else: its reply waits in a list, and goes nowhere if the
 * connection has ended meanwhile. Nonsense in the header closes the connection.
 */
#include "rig.h"
#include "transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER_BYTES = 7, FRAME_MAX_BYTES = 260, BUFFER_BYTES = 4096 };

struct connection {
    struct connection *next;
    struct rig_watch watch;
    size_t length;
    uint8_t buffer[BUFFER_BYTES];
};

struct late_reply {
    struct late_reply *next;
    struct connection *connection;
    int64_t due_ns;
    size_t length;
    uint8_t frame[FRAME_MAX_BYTES];
};

static struct {
    struct meters *meters;
    struct rig_watch listener;
    struct connection *connections;
    struct late_reply *late;
} tcp = { .listener.fd = -1 };

struct transport_counts transport_counts;

static void forget_late(const struct connection *c)
{
    struct late_reply **at = &tcp.late;
    while (*at) {
        struct late_reply *late = *at;
        if (late->connection == c) {
            *at = late->next;
            free(late);
        } else {
            at = &late->next;
        }
    }
}

static void connection_close(struct connection *c)
{
    struct connection **at = &tcp.connections;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    forget_late(c);
    rig_unwatch(&c->watch);
    free(c);
}

/* 0, or negative errno when the connection is of no more use. */
static int send_frame(struct connection *c, const uint8_t *frame, size_t length)
{
    transport_counts.bytes_out += length;
    return rig_write_all(c->watch.fd, frame, length);
}

static int send_late(struct connection *c, const uint8_t *frame, size_t length, int64_t due_ns)
{
    struct late_reply *late = calloc(1, sizeof *late);
    if (!late) {
        return -ENOMEM;
    }
    late->connection = c;
    late->due_ns = due_ns;
    late->length = length;
    memcpy(late->frame, frame, length);
    late->next = tcp.late;
    tcp.late = late;
    return 0;
}

static int serve_request(struct connection *c, const uint8_t *request, size_t pdu_length)
{
    uint8_t frame[FRAME_MAX_BYTES];
    int unit = request[6];
    int64_t now_ns = rig_now_ns();
    int length = meters_answer(tcp.meters, unit, request + HEADER_BYTES, (int)pdu_length, now_ns,
                               frame + HEADER_BYTES);
    if (!length) {
        return 0;
    }
    memcpy(frame, request, 4);
    frame[4] = (uint8_t)((length + 1) >> 8);
    frame[5] = (uint8_t)((length + 1) & 255);
    frame[6] = request[6];
    int64_t delay_ns = meters_delay_ns(tcp.meters, unit);
    if (delay_ns) {
        return send_late(c, frame, HEADER_BYTES + (size_t)length, now_ns + delay_ns);
    }
    return send_frame(c, frame, HEADER_BYTES + (size_t)length);
}

static int serve_buffer(struct connection *c)
{
    size_t at = 0;
    while (c->length - at > HEADER_BYTES) {
        const uint8_t *request = c->buffer + at;
        size_t length = (size_t)(request[4] << 8 | request[5]);
        if (request[2] || request[3] || length < 2 || length > METERS_PDU_MAX + 1) {
            return -EPROTO;
        }
        if (c->length - at < 6 + length) {
            break;
        }
        int result = serve_request(c, request, length - 1);
        if (result) {
            return result;
        }
        at += 6 + length;
    }
    c->length -= at;
    memmove(c->buffer, c->buffer + at, c->length);
    return 0;
}

static void connection_ready(void *owner)
{
    struct connection *c = owner;
    ssize_t n = read(c->watch.fd, c->buffer + c->length, sizeof c->buffer - c->length);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        connection_close(c);
        return;
    }
    c->length += (size_t)n;
    transport_counts.bytes_in += (uint64_t)n;
    if (serve_buffer(c)) {
        connection_close(c);
    }
}

static void listener_ready(void *owner)
{
    int one = 1;
    int fd = accept4(tcp.listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct connection *c = fd < 0 ? NULL : calloc(1, sizeof *c);
    if (!c) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->watch = (struct rig_watch){ .fd = fd, .on_ready = connection_ready, .owner = c };
    c->next = tcp.connections;
    tcp.connections = c;
    transport_counts.connections++;
    if (rig_watch(&c->watch)) {
        connection_close(c);
    }
}

int transport_tcp_open(struct meters *meters, int port, int *ret_port)
{
    int fd = rig_listen(port, ret_port);
    if (fd < 0) {
        return fd;
    }
    tcp.meters = meters;
    tcp.listener = (struct rig_watch){ .fd = fd, .on_ready = listener_ready };
    return rig_watch(&tcp.listener);
}

void transport_tcp_close(void)
{
    rig_unwatch(&tcp.listener);
    while (tcp.connections) {
        connection_close(tcp.connections);
    }
}

int64_t transport_tcp_on_time(void)
{
    int64_t next_ns = RIG_NEVER, now_ns = tcp.late ? rig_now_ns() : 0;
    struct late_reply **at = &tcp.late;
    while (*at) {
        struct late_reply *late = *at;
        if (late->due_ns <= now_ns) {
            *at = late->next;
            /* A broken connection shows at its next read. */
            send_frame(late->connection, late->frame, late->length);
            free(late);
        } else {
            next_ns = late->due_ns < next_ns ? late->due_ns : next_ns;
            at = &late->next;
        }
    }
    return next_ns;
}
