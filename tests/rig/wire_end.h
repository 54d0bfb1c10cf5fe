/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One end of the wire: where bytes come in and go out. Five ways to be connected:
 *
 *     pty:LINK    a new pty, LINK is its name        both ends
 *     tcp:PORT    listens on 127.0.0.1               master's end: one client at a time
 *     tty:PATH    opens a terminal that exists       slave's end, opened again when lost
 *     tcp:PORT    connects to 127.0.0.1              slave's end, connected again when lost
 */
#ifndef WIRE_END_H
#define WIRE_END_H

#include "rig.h"

#include <limits.h>

enum wire_end_kind { WIRE_PTY, WIRE_TTY, WIRE_LISTEN, WIRE_CONNECT };

struct wire_end {
    enum wire_end_kind kind;
    char path[PATH_MAX];
    int port;
    struct rig_pty pty;
    struct rig_watch listener;
    struct rig_watch data; /* fd -1: nobody there */
    int64_t retry_ns;      /* TTY, CONNECT: when to try again */
    void (*on_bytes)(const uint8_t *bytes, size_t length);
};

/* Understands the text; opens nothing yet. 0 or -EINVAL. */
int wire_end_parse(const char *text, bool is_master, struct wire_end *end);

/* Opens the end. A tty or a server that is not there yet is tried again in on_time. */
int wire_end_open(struct wire_end *end);
void wire_end_close(struct wire_end *end);
int64_t wire_end_on_time(struct wire_end *end);

/* Writes what can be written at once; a wire does not wait. The number of bytes that went. */
size_t wire_end_write(struct wire_end *end, const uint8_t *bytes, size_t length);

#endif
