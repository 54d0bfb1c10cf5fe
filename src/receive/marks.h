/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the newest records of one epoch contained, as hashes: tells an honest repeat from two
 * records under one number. Used by verify.c. A ring over the number: at most MARKS_LIMIT numbers
 * back from the newest, it grows to that only when needed.
 */
#ifndef RECEIVE_MARKS_H
#define RECEIVE_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARKS_LIMIT 8192

/* The content of one record, without `before` and `after`. */
struct content {
    uint64_t whole;
    uint64_t timeless; /* also without the keys that a sender corrects once it knows the time */
    bool unsynced;     /* the record's time was not trusted */
    uint64_t uptime;   /* of `uptime`, which is never corrected; 0: it has none */
};

struct mark {
    uint64_t seq; /* 0: empty */
    uint64_t hash;
    uint64_t uptime;
    bool timeless;
};

/* All zero is empty. */
struct marks {
    struct mark *ring;
    size_t room; /* a power of two */
};

enum marks_answer { MARKS_SAME, MARKS_OTHER, MARKS_FORGOTTEN };

void marks_finish(struct marks *marks);

/* 0 or -ENOMEM. */
int marks_put(struct marks *marks, uint64_t seq, const struct content *content);
enum marks_answer marks_compare(const struct marks *marks, uint64_t seq,
                                const struct content *content);

#endif
