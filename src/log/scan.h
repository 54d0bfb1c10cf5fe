/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the newest segment of an epoch proves: its last number, and whether the epoch was closed.
 * Used at start by the writer, and by core to know where an epoch ended.
 */
#ifndef LOG_SCAN_H
#define LOG_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "log/frame.h"

struct scan {
    struct segment_header header;
    uint64_t last; /* number of the last record or gap; header.first - 1 if there is none */
    bool closed;
    struct boot_time time; /* of the close, else of the last record, else of the header */
};

/* -ENOENT: no segment; -EBADMSG, -EPROTO: header unreadable. */
int scan_newest(const char *epoch_path, struct scan *ret_scan);
/* The same on the bytes of a segment. Pure. */
int scan_bytes(const uint8_t *data, size_t len, struct scan *ret_scan);

#endif
