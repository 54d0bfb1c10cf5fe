/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The report file: state.h on disk. Written as FILE.new, synced and renamed, so that FILE is always
 * whole; FILE.lock is held so that only one receiver uses it. Called by receive.c.
 */
#ifndef RECEIVE_REPORT_H
#define RECEIVE_REPORT_H

#include "receive/verify.h"

struct report {
    const char *path;
    int lock_fd;
};

/* Locks the file and, if it exists, continues it into the empty verify: *ret_continued, and if the
 * last run did not end in order, doubt about everything. 0 or a negative errno: -EBADMSG (no such
 * report), -EWOULDBLOCK (in use), others from the system. */
int report_open(struct report *report, const char *path, struct verify *verify,
                bool *ret_continued);

/* 0 or a negative errno; the old file then still stands. */
int report_write(const struct report *report, const struct verify *verify, bool ended,
                 int64_t now_ms);

void report_close(struct report *report);

#endif
