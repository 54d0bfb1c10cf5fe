/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Open windows that a process left which was killed, and whose device the configuration does not
 * have any more, or not so: it went, or its points or its window changed before somebody ran again.
 * Their records are made as they would have been, up to the newest reading.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "base/step.h"
#include "bus/host.h"
#include "bus/keep.h"
#include "bus/window_state.h"
#include "log/folder.h"
#include "log/reader.h"

int windows_find_made(const struct host *host, struct keep_mark mark, uint64_t shape,
                      int64_t time_ns)
{
    struct reader *reader = NULL;
    struct item item;
    int found = 0, r = reader_create(host->settings->ram, host->bus.name, &reader);
    if (r == 0) {
        r = reader_seek(reader, mark.epoch >> 32, mark.epoch, mark.seq);
    }
    while (r >= 0 && !found && (r = reader_next(reader, &item)) > 0) {
        found = item.kind == ITEM_RECORD && item.shape->hash == shape && item.time.ns == time_ns;
    }
    reader_destroy(reader);
    return r < 0 ? r : found;
}

static struct keep_mark mark_now(const struct host *host)
{
    return (struct keep_mark){ queue_epoch(host->queue), queue_last(host->queue) };
}

static int make_record(struct host *host, struct keep *keep, const struct window_frame *frame,
                       const struct shape *shape)
{
    struct window_state *state = keep_state(keep);
    struct weir_value *values = calloc(frame->column_count + 1, sizeof *values);
    if (!values) {
        return -ENOMEM;
    }
    if (!state->closing_ns) {
        state->closing_ns = state->newest_ns;
        keep_commit(keep, mark_now(host));
    }
    int r = windows_find_made(host, keep_mark(keep), shape->hash, state->closing_ns);
    if (r <= 0) {
        window_state_values(frame, state, values);
        STEP("window-left");
        r = host_append(host, NULL, shape, state->closing_ns, values);
        say(SAY_NOTICE, "device %s is not as it was: the window that was left open is closed",
            shape->view.device);
    }
    free(values);
    return r;
}

/* The file is removed whatever it holds: nobody else would ever want it. */
static int settle(struct host *host, const char *name)
{
    struct keep *keep = NULL;
    struct window_frame frame;
    struct shape *shape = NULL;
    void *memory = NULL;
    size_t len;
    int r = keep_open_left(host->settings->ram, name, &keep);
    if (r < 0) {
        return r;
    }
    const void *key = keep_key(keep, &len);
    if (window_key_read(key, len, &frame, &memory, &shape) == 0) {
        const struct window_state *state = keep_state(keep);
        if (keep_state_size(keep) == window_state_size(&frame) &&
            (state->closing_ns || state->polls)) {
            r = make_record(host, keep, &frame, shape);
        }
        shape_destroy(shape);
        free(memory);
    }
    STEP("window-settled");
    if (r >= 0) {
        keep_remove(keep);
    }
    keep_destroy(keep);
    return r;
}

int windows_settle(struct host *host, const char *name, const void *key, size_t len)
{
    struct keep *keep = NULL;
    size_t its_len = 0;
    int r = keep_open_left(host->settings->ram, name, &keep);
    if (r < 0) {
        return r == -ENOENT ? 0 : r;
    }
    const void *its = keep_key(keep, &its_len);
    bool ours = its_len == len && !memcmp(its, key, len);
    keep_destroy(keep);
    return ours ? 0 : settle(host, name);
}

static bool is_windowed(const struct host *host, const char *device)
{
    for (size_t i = 0; i < host->bus.device_count; i++) {
        if (host->devices[i].window && !strcmp(host->devices[i].view->name, device)) {
            return true;
        }
    }
    return false;
}

void windows_settle_gone(struct host *host)
{
    char path[FOLDER_PATH_MAX];
    size_t len = strlen(host->bus.name);
    int n = snprintf(path, sizeof path, "%s/keep", host->settings->ram);
    DIR *d = n > 0 && (size_t)n < sizeof path ? opendir(path) : NULL;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        const char *name = entry->d_name;
        if (strncmp(name, host->bus.name, len) != 0 || name[len] != '+' ||
            is_windowed(host, name + len + 1)) {
            continue;
        }
        int r = settle(host, name);
        if (r < 0) {
            say(SAY_WARNING, "%s/%s: %s", path, name, strerror(-r));
        }
    }
    if (d) {
        closedir(d);
    }
}
