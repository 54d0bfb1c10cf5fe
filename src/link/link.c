/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The link: see link.h. What does not fit into the socket waits in a small table, one entry a
 * kind and bus, where a newer message takes the place of the older one.
 */
#include "link/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

struct link {
    int fd;
    struct link_message *kept;
    size_t kept_count, kept_capacity;
};

size_t link_encode(const struct link_message *message, uint8_t buf[LINK_MESSAGE_MAX])
{
    struct put out = put_init(buf, LINK_MESSAGE_MAX);
    put_u8(&out, (uint8_t)message->kind);
    put_u8(&out, 0);
    put_text(&out, message->bus);
    put_u64(&out, message->a);
    put_u64(&out, message->b);
    return out.failed ? 0 : put_len(&out);
}

int link_decode(const uint8_t *data, size_t len, struct link_message *ret_message)
{
    struct link_message message;
    struct get in = get_init(data, len);
    unsigned kind = get_u8(&in);
    unsigned zero = get_u8(&in);
    get_string(&in, message.bus, sizeof message.bus);
    message.a = get_u64(&in);
    message.b = get_u64(&in);
    if (in.failed || get_left(&in) || zero || kind == 0 || kind >= LINK_KIND_END) {
        return -EBADMSG;
    }
    message.kind = (enum link_kind)kind;
    *ret_message = message;
    return 0;
}

int link_create(int fd, struct link **ret_link)
{
    struct link *link = calloc(1, sizeof *link);
    if (!link) {
        return -ENOMEM;
    }
    link->fd = fd;
    *ret_link = link;
    return 0;
}

void link_destroy(struct link *link)
{
    if (link) {
        close(link->fd);
        free(link->kept);
        free(link);
    }
}

int link_fd(const struct link *link)
{
    return link->fd;
}

bool link_pending(const struct link *link)
{
    return link->kept_count > 0;
}

static int send_now(struct link *link, const struct link_message *message)
{
    uint8_t buf[LINK_MESSAGE_MAX];
    size_t len = link_encode(message, buf);
    if (len == 0) {
        return -EINVAL;
    }
    ssize_t n = send(link->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
        return 0;
    }
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? -EAGAIN : -EPIPE;
}

static int keep(struct link *link, const struct link_message *message)
{
    for (size_t i = 0; i < link->kept_count; i++) {
        if (link->kept[i].kind == message->kind && !strcmp(link->kept[i].bus, message->bus)) {
            link->kept[i] = *message;
            return 0;
        }
    }
    if (link->kept_count == link->kept_capacity) {
        size_t capacity = link->kept_capacity ? link->kept_capacity * 2 : 8;
        struct link_message *more = realloc(link->kept, capacity * sizeof *more);
        if (!more) {
            return -ENOMEM;
        }
        link->kept = more;
        link->kept_capacity = capacity;
    }
    link->kept[link->kept_count++] = *message;
    return 0;
}

int link_send(struct link *link, const struct link_message *message)
{
    int r = link_pending(link) ? -EAGAIN : send_now(link, message);
    return r == -EAGAIN ? keep(link, message) : r;
}

int link_flush(struct link *link)
{
    size_t sent = 0;
    int r = 0;
    while (sent < link->kept_count && (r = send_now(link, &link->kept[sent])) == 0) {
        sent++;
    }
    link->kept_count -= sent;
    if (sent) {
        memmove(link->kept, link->kept + sent, link->kept_count * sizeof *link->kept);
    }
    return r == -EAGAIN ? 0 : r;
}

int link_receive(struct link *link, link_handler *const handlers[LINK_KIND_END], void *context)
{
    int bad = 0;
    for (;;) {
        uint8_t buf[LINK_MESSAGE_MAX + 1];
        struct link_message message;
        struct iovec part = { buf, sizeof buf };
        struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
        ssize_t n = recvmsg(link->fd, &head, MSG_DONTWAIT);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR ? bad : -EPIPE;
        }
        if (n == 0) {
            return -EPIPE; /* nobody sends empty messages */
        }
        if ((head.msg_flags & MSG_TRUNC) || link_decode(buf, (size_t)n, &message) < 0 ||
            !handlers[message.kind]) {
            bad++;
        } else {
            handlers[message.kind](context, &message);
        }
        if (bad > 1000) {
            return bad; /* let the caller do something about it */
        }
    }
}
