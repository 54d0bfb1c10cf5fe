/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The port of a bus: a serial line or a TCP connection that is opened, watched, closed as soon as
 * it is lost (so that a USB adapter gets its old name back) and opened again. Never blocks but for
 * name resolution. Does not log: what happened comes back as an event, why as words.
 *
 *   CLOSED --retry time, or its folder changed--> (TCP: CONNECTING) --> OPEN --lost--> CLOSED
 */
#ifndef BUS_PORT_H
#define BUS_PORT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "config/config.h"

enum { PORT_POLL_FDS = 1, PORT_TEXT = 160 };

struct port;

/* The config must outlive the port. default_tcp_port: for an address without one. listen: wake up
 * for bytes too, not only for the end of the line. */
int port_create(const struct port_config *config, uint16_t default_tcp_port, bool listen,
                struct port **ret_port);
void port_destroy(struct port *port);

bool port_needed(const struct port *port); /* false: this bus has no port and needs none */
int port_fd(const struct port *port);      /* -1 while it is not open */
/* What it is, with a word about what the driver did not keep: "/dev/ttyUSB0 9600 8N1". */
const char *port_note(const struct port *port);
/* True if the note has such a word. */
bool port_warned(const struct port *port);
/* Why it is not open. */
const char *port_words(const struct port *port);
/* Opening may take long (a name to resolve): say so before port_process(). */
bool port_may_block(const struct port *port, int64_t now_ns);

enum port_event {
    PORT_NOTHING,
    PORT_OPENED,
    PORT_FAILED, /* tried to open, see port_words() */
    PORT_LOST,   /* was open, is closed now */
};

/* Fills at most PORT_POLL_FDS and lowers *deadline_ns to when port_process() is wanted. */
unsigned port_prepare(const struct port *port, struct pollfd *fds, int64_t *deadline_ns);
enum port_event port_process(struct port *port, const struct pollfd *fds, unsigned count,
                             int64_t now_ns);
/* Another speed on an open serial line; 0: the configured one. -ENOTTY: no serial line is open. */
int port_baud(struct port *port, int64_t baud);
/* What came in wrong on a serial line, as its driver counts it. */
struct port_counts {
    uint64_t overruns, framing, parity, breaks;
};
/* Since the last look, or since it was opened. False: it is closed, or its driver does not count.
 */
bool port_counts(struct port *port, struct port_counts *ret_new);
/* Somebody found out that it is lost. */
void port_close(struct port *port, int64_t now_ns, const char *why);

/* For port.c: the two kinds. */

struct port_opened {
    int fd;
    char note[PORT_TEXT];  /* also on failure: what it would be */
    char words[PORT_TEXT]; /* on failure */
    bool warned;
};

/* 0, or a negative errno with words. listen: what has come already is kept. */
int port_serial_open(const struct port_config *config, bool listen, struct port_opened *opened);
void port_serial_close(int fd);
int port_serial_baud(int fd, int64_t baud);
/* port_holder.c: who has this device, "pid 123 (minicom)". locked: somebody holds a lock on it.
 * False: nobody that this user may see. */
bool port_holder(const struct stat *st, bool locked, char *words, size_t size);
/* port_lines.c: RTS, DTR and RS-485 as configured; 0 or negative errno with words. */
int port_lines_set(int fd, const struct port_config *config, const char *driver,
                   struct port_opened *opened);
bool port_lines_count(int fd, struct port_counts *ret_counts);
/* Watches the folders in which `path` (and what it points to) will appear. -1 if that fails. */
int port_serial_watch(const char *path);

struct addrinfo;
struct port_address {
    struct addrinfo *list, *next;
};
/* Resolves if need be and begins to connect to the next address. 0: connected; -EINPROGRESS: wait
 * for the descriptor to become writable, then port_tcp_finish(); else failed, with words. */
int port_tcp_begin(const char *address, uint16_t default_port, struct port_address *where,
                   struct port_opened *opened);
int port_tcp_finish(struct port_opened *opened);
void port_tcp_forget(struct port_address *where);

#endif
