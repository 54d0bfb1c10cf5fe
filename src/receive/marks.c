/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See marks.h.
 */
#include "receive/marks.h"

#include <errno.h>
#include <stdlib.h>

void marks_finish(struct marks *marks)
{
    free(marks->ring);
    *marks = (struct marks){ 0 };
}

static struct mark *place(const struct marks *marks, uint64_t seq)
{
    return &marks->ring[seq & (marks->room - 1)];
}

static int grow(struct marks *marks)
{
    struct marks larger = { .room = marks->room == 0 ? 64 : marks->room * 2 };

    larger.ring = calloc(larger.room, sizeof(*larger.ring));
    if (larger.ring == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < marks->room; i++) {
        if (marks->ring[i].seq != 0) {
            *place(&larger, marks->ring[i].seq) = marks->ring[i];
        }
    }
    free(marks->ring);
    *marks = larger;
    return 0;
}

int marks_put(struct marks *marks, uint64_t seq, const struct content *content)
{
    struct mark *mark;

    while (marks->room == 0 || (marks->room < MARKS_LIMIT && place(marks, seq)->seq != 0 &&
                                place(marks, seq)->seq != seq)) {
        int error = grow(marks);

        if (error < 0) {
            return error;
        }
    }
    mark = place(marks, seq);
    if (mark->seq <= seq) { /* an old record that comes late does not push out a newer one */
        mark->seq = seq;
        mark->hash = content->unsynced ? content->timeless : content->whole;
        mark->uptime = content->uptime;
        mark->timeless = content->unsynced;
    }
    return 0;
}

enum marks_answer marks_compare(const struct marks *marks, uint64_t seq,
                                const struct content *content)
{
    const struct mark *mark;
    uint64_t hash;

    if (marks->room == 0) {
        return MARKS_FORGOTTEN;
    }
    mark = place(marks, seq);
    if (mark->seq != seq) {
        return MARKS_FORGOTTEN;
    }
    if (mark->timeless && mark->uptime != 0 && content->uptime != 0 &&
        mark->uptime != content->uptime) {
        return MARKS_OTHER;
    }
    hash = mark->timeless ? content->timeless : content->whole;
    return mark->hash == hash ? MARKS_SAME : MARKS_OTHER;
}
