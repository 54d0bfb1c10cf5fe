/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Steps of the wall clock. For an hour after one nothing counts as too old. When the last one was
 * stands in {ram}/store/stepped, for a store that is started again within that hour; a boot counts
 * as a step, since the clock may have been set to anything before it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "store/books_private.h"

#define STEP_NS  (5 * NS_PER_S)
#define QUIET_NS (3600 * NS_PER_S)

static void step_path(const struct books *books, char *path)
{
    snprintf(path, FOLDER_PATH_MAX, "%s/store/stepped", books->options.ram);
}

void steps_note(struct books *books, struct clock_offset before, int64_t now_ns)
{
    int64_t moved = books->clock.ns - before.ns;
    if (moved <= STEP_NS && moved >= -STEP_NS) {
        return;
    }
    char path[FOLDER_PATH_MAX];
    books->stepped_ns = now_ns;
    snprintf(path, sizeof path, "%s/store", books->options.ram);
    int r = folder_make(path);
    step_path(books, path);
    FILE *f = r < 0 ? NULL : fopen(path, "we");
    bool good = f && fprintf(f, "%" PRId64 "\n", now_ns) > 0;
    if ((f && fclose(f) != 0) || !good) {
        say(SAY_WARNING, "cannot write %s: %s", path, strerror(r < 0 ? -r : errno));
    }
}

void steps_load(struct books *books)
{
    char path[FOLDER_PATH_MAX];
    const struct account *a = books->account;
    int64_t now_ns = boot_now().ns, stepped_ns;
    step_path(books, path);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%" SCNd64, &stepped_ns) == 1 && stepped_ns <= now_ns) {
        books->stepped_ns = stepped_ns;
    }
    if (f) {
        fclose(f);
    }
    if (!memcmp(a->boot_id, books->boot_id, sizeof books->boot_id)) {
        steps_note(books, a->clock, now_ns);
    }
}

bool books_calm(const struct books *books, int64_t now_ns)
{
    return books->clock.state == CLOCK_SYNCED && now_ns - books->stepped_ns >= QUIET_NS;
}
