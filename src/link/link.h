/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The link between core and a child: one SOCK_SEQPACKET pair, descriptor 3 of the child, that
 * carries short messages only; data lies in files, counters in stats pages. Sending never blocks:
 * what does not fit is kept as the newest of its kind and bus, and sent when there is room.
 *
 *   u8 kind, u8 zero, text bus, u64 a, u64 b        (docs/links.md)
 */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/record.h>

/* X(number, NAME, what) */
#define LINK_KINDS(X)                                                                              \
    X(1, MORE, "bus -> core -> uplink: records of `bus` up to a=epoch, b=seq are there")           \
    X(2, READY, "child -> core: set up, working")                                                  \
    X(3, STOP, "core -> child: end in order; a=deadline, boot time in ns")                         \
    X(4, TROUBLE, "child -> core: look at my page, my trouble changed")                            \
    X(5, REFUSED, "uplink -> core: record of `bus`, a=epoch, b=seq, was set aside")                \
    X(6, OPEN, "bus -> core -> store: `bus` wants a new epoch")                                    \
    X(7, EPOCH, "store -> core -> bus: use a=epoch; b=1 it is on flash, 0 it cannot be")           \
    X(8, PERSISTED, "store -> core -> uplinks: `bus` is on flash up to a=epoch, b=seq")            \
    X(9, SYNC, "core -> store: persist all there is; store -> core: done")

enum link_kind {
#define LINK_ENUM(number, name, what) LINK_##name = (number),
    LINK_KINDS(LINK_ENUM)
#undef LINK_ENUM
        LINK_KIND_END
};

struct link_message {
    enum link_kind kind;
    char bus[WEIR_NAME_MAX + 1]; /* "" if it is not about one */
    uint64_t a, b;
};

enum { LINK_MESSAGE_MAX = 2 + 1 + WEIR_NAME_MAX + 16, LINK_FD = 3, CONFIG_FD = 4, STATS_FD = 5 };

/* Bytes to message: pure. 0 or -EBADMSG. The length of the encoded message is returned by encode.
 */
int link_decode(const uint8_t *data, size_t len, struct link_message *ret_message);
size_t link_encode(const struct link_message *message, uint8_t buf[LINK_MESSAGE_MAX]);

struct link;

int link_create(int fd, struct link **ret_link);
void link_destroy(struct link *link); /* closes the descriptor */
int link_fd(const struct link *link);

/* Never blocks. 0 sent or kept; -EPIPE: the other side is gone. */
int link_send(struct link *link, const struct link_message *message);
/* True while something is kept: poll for POLLOUT and call link_flush(). */
bool link_pending(const struct link *link);
int link_flush(struct link *link);

/* What to do with a message, by kind; a kind without an entry is counted as bad. */
typedef void link_handler(void *context, const struct link_message *message);

/* Reads all that is there and calls the handlers. Returns the number of bad messages (0 or more),
 * or -EPIPE at the end of the other side. */
int link_receive(struct link *link, link_handler *const handlers[LINK_KIND_END], void *context);

#endif
