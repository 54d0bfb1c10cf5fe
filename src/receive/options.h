/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The command line of `weir receive`, checked. Called by main.c.
 */
#ifndef RECEIVE_OPTIONS_H
#define RECEIVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_OK = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_CANNOT = 3 };

enum output { OUTPUT_TABLE, OUTPUT_LIVE, OUTPUT_CSV, OUTPUT_JSON, OUTPUT_NONE };

struct options {
    const char *url;
    char host[256];
    int port;
    char *const *topics; /* point into argv */
    int topic_count;
    enum output output;
    const char *columns; /* NULL: learned */
    const char *kinds;   /* only these, separated by commas; NULL: all */
    int64_t learn_ms;    /* how long rows wait for the header */
    bool verify;
    const char *report;
    int64_t hold_ms;    /* how long a record may wait for its time before it is printed */
    int64_t seconds_ms; /* 0: no end */
    int64_t idle_ms;    /* the same */
    const char *username;
    const char *password_file;
    char password[1024];
    char client_id[128];
};

/* 0: go on; else end with *ret_exit, everything has been said. Sorts argv. */
int options_read(struct options *options, int argc, char **argv, int *ret_exit);

/* mqtt://host[:port] or mqtt://[v6]:port. NULL, or what is wrong with it. */
const char *options_url(const char *url, char *host, size_t host_size, int *port);

#endif
