/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The two ways to reach the simulated meters: Modbus TCP and Modbus RTU. Both can vanish (close)
 * and return (open again), and each does in on_time what has become due.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "meters.h"

struct transport_counts {
    uint64_t bytes_in, bytes_out;
    uint64_t connections;          /* TCP */
    uint64_t bad_crc, noise_bytes; /* RTU: what was no request */
    uint64_t collisions;           /* RTU: the master spoke during a reply and was not heard */
    uint64_t short_gaps;           /* RTU: requests less than 3.5 characters after a frame */
    int64_t busy_ns;               /* RTU: how long the wire was in use */
};

extern struct transport_counts transport_counts;

/* Listens on 127.0.0.1 (port 0: any). 0 or negative errno. */
int transport_tcp_open(struct meters *meters, int port, int *ret_port);
void transport_tcp_close(void);
int64_t transport_tcp_on_time(void);

struct transport_line {
    int baud;    /* 0: as fast as it goes */
    int bits;    /* a character has on the wire */
    int turn_us; /* reaction time of every device */
};

/* Makes a pty whose slave is at `link`. The line settings may be changed at any time. */
int transport_rtu_open(struct meters *meters, const struct transport_line *line, const char *link);
void transport_rtu_close(void);
int64_t transport_rtu_on_time(void);

#endif
