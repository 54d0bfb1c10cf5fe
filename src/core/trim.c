/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Removes segments from RAM: what every configured uplink has confirmed or store has persisted,
 * and, at the limit, the oldest, which is then told in `gone` first. Never the newest segment of an
 * epoch while an uplink still needs to know where that epoch ended; an uplink that has no cursor
 * yet holds everything.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/step.h"

#include "base/say.h"
#include "core/private.h"
#include "log/account.h"
#include "log/cursor.h"
#include "log/folder.h"
#include "log/gone.h"
#include "log/scan.h"

enum { EPOCHS_MAX = 64, SEGMENTS_MIN = 4 };

/* What all uplinks together allow for one bus. */
struct floor {
    const char *bus;
    size_t uplinks; /* that have a cursor for it */
    struct place confirmed;
    uint64_t keep_order;
};

/* What store has on flash, as of this round; NULL: nothing known. */
struct stored {
    const struct account *account;
    const char *bus;
};

struct bus_files {
    char path[FOLDER_PATH_MAX];
    struct epoch_name *epochs;
    size_t epoch_count;
};

static void lower(void *context, const struct cursor_entry *entry)
{
    struct floor *floor = context;
    if (strcmp(entry->bus, floor->bus) != 0 || !entry->confirmed.epoch) {
        return;
    }
    bool first = floor->uplinks++ == 0;
    const struct place *c = &entry->confirmed, *f = &floor->confirmed;
    if (first || c->order < f->order || (c->order == f->order && c->seq < f->seq)) {
        floor->confirmed = *c;
    }
    if (first || cursor_keep_order(entry) < floor->keep_order) {
        floor->keep_order = cursor_keep_order(entry);
    }
}

static bool find_floor(struct core *core, struct floor *floor)
{
    size_t uplinks = 0;
    for (size_t i = 0; i < core->child_count; i++) {
        if (core->children[i]->role == ROLE_UPLINK) {
            uplinks++;
            cursor_visit(core->settings.ram, core->children[i]->name, lower, floor);
        }
    }
    return uplinks > 0 && floor->uplinks == uplinks;
}

static int header_of(const char *epoch_path, uint64_t number, struct segment_header *header)
{
    char path[FOLDER_PATH_MAX];
    int r = folder_segment(epoch_path, number, path);
    int fd = r < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return r < 0 ? r : -errno;
    }
    r = folder_header(fd, header);
    close(fd);
    return r;
}

/* Numbers of an epoch up to here are on flash, confirmed by all, or told gone. */
static uint64_t persisted(const struct stored *stored, uint64_t epoch)
{
    const struct account_epoch *e =
        stored->account ? account_find(stored->account, stored->bus, epoch) : NULL;
    return e ? e->last : 0;
}

/* Is an epoch that has ended in the account to its end? Then nothing of it need stay in RAM. */
static bool is_stored(const struct stored *stored, const struct bus_files *files,
                      struct epoch_name name)
{
    char path[FOLDER_PATH_MAX];
    struct scan scan;
    const struct account_epoch *e =
        stored->account ? account_find(stored->account, stored->bus, name.epoch) : NULL;
    return e && !(e->flags & ACCOUNT_OPEN) && folder_epoch(files->path, name, path) == 0 &&
           scan_newest(path, &scan) == 0 && scan.last <= e->last;
}

static void remove_segment(const char *epoch_path, uint64_t number)
{
    char path[FOLDER_PATH_MAX];
    STEP("trim-before");
    if (folder_segment(epoch_path, number, path) == 0 && unlink(path) != 0 && errno != ENOENT) {
        say(SAY_ERROR, "cannot remove %s: %s", path, strerror(errno));
    }
    STEP("trim-after");
}

/* Removes the segments of one epoch that are confirmed. Returns how many stay. */
static size_t trim_epoch(const struct bus_files *files, size_t index, const struct floor *floor,
                         bool all_confirmed, const struct stored *stored)
{
    char path[FOLDER_PATH_MAX];
    uint64_t *numbers;
    size_t count, gone = 0;
    struct epoch_name name = files->epochs[index];
    if (folder_epoch(files->path, name, path) < 0 || folder_segments(path, &numbers, &count) < 0) {
        return 0;
    }
    bool newest_epoch = index + 1 == files->epoch_count;
    bool passed =
        !newest_epoch &&
        ((all_confirmed && name.order < floor->keep_order && name.order < floor->confirmed.order) ||
         is_stored(stored, files, name));
    uint64_t on_flash = persisted(stored, name.epoch);
    for (size_t i = 0; i < count; i++) {
        struct segment_header next;
        bool newest = i + 1 == count;
        bool older = all_confirmed && name.order < floor->confirmed.order;
        bool here = all_confirmed && name.order == floor->confirmed.order;
        bool confirmed =
            older ||
            (!newest && header_of(path, numbers[i + 1], &next) > 0 &&
             ((here && next.first <= floor->confirmed.seq + 1) || next.first <= on_flash + 1));
        if (newest ? !passed : !confirmed) {
            break;
        }
        remove_segment(path, numbers[i]);
        gone++;
    }
    free(numbers);
    if (passed || (count == 0 && !newest_epoch)) {
        rmdir(path);
    }
    return count - gone;
}

/* Takes the oldest segment that may go. False if there is none. */
static bool drop_oldest(struct core *core, const char *bus, const struct bus_files *files,
                        const struct stored *stored)
{
    for (size_t e = 0; e < files->epoch_count; e++) {
        char path[FOLDER_PATH_MAX];
        uint64_t *numbers;
        size_t count;
        struct segment_header oldest, next;
        if (folder_epoch(files->path, files->epochs[e], path) < 0 ||
            folder_segments(path, &numbers, &count) < 0) {
            continue;
        }
        bool may = count > 1 && header_of(path, numbers[0], &oldest) > 0 &&
                   header_of(path, numbers[1], &next) > 0;
        uint64_t number = count ? numbers[0] : 0;
        free(numbers);
        if (!may) {
            continue;
        }
        struct ranges gone;
        struct range range = { oldest.epoch, oldest.first, next.first - 1, WHY_LIMIT };
        uint64_t on_flash = persisted(stored, oldest.epoch);
        range.first = range.first <= on_flash ? on_flash + 1 : range.first;
        gone_load(files->path, &gone);
        if (range.last >= range.first) {
            ranges_add(&gone, range);
        }
        STEP("gone-before");
        int r = gone_save(files->path, &gone);
        STEP("gone-after");
        if (r < 0) {
            say(SAY_ERROR, "cannot note what leaves at the limit bus=%s: %s", bus, strerror(-r));
            return false;
        }
        remove_segment(path, number);
        core->stats->trimmed_limit += range.last + 1 - range.first;
        events_add(core, &(struct event){ .event = "limit",
                                          .of_bus = bus,
                                          .of_epoch = range.epoch,
                                          .first = range.first,
                                          .last = range.last });
        return true;
    }
    return false;
}

static uint64_t trim_bus(struct core *core, const char *bus, size_t limit,
                         const struct account *account)
{
    struct bus_files files;
    struct floor floor = { .bus = bus };
    struct stored stored = { account, bus };
    size_t left = 0;
    if (folder_bus(core->settings.ram, bus, files.path) < 0 ||
        folder_epochs(files.path, &files.epochs, &files.epoch_count) < 0) {
        return 0;
    }
    bool all = find_floor(core, &floor);
    for (size_t i = 0; i < files.epoch_count; i++) {
        left += trim_epoch(&files, i, &floor, all, &stored);
    }
    while (left > limit && drop_oldest(core, bus, &files, &stored)) {
        left--;
    }
    free(files.epochs);
    return left;
}

void trim_all(struct core *core)
{
    char path[FOLDER_PATH_MAX], name[256];
    struct account *account = NULL;
    uint64_t segments = 0;
    size_t buses = 1;
    for (size_t i = 0; i < core->child_count; i++) {
        buses += core->children[i]->role == ROLE_BUS;
    }
    size_t share = (size_t)core->settings.ram_limit_bytes / QUEUE_SEGMENT_BYTES / buses;
    snprintf(path, sizeof path, "%s/queue", core->settings.ram);
    account_load(core->settings.ram, &account);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.' && strlen(entry->d_name) <= WEIR_NAME_MAX) {
            snprintf(name, sizeof name, "%s", entry->d_name);
            segments += trim_bus(core, name, share < SEGMENTS_MIN ? SEGMENTS_MIN : share, account);
        }
    }
    if (dir) {
        closedir(dir);
    }
    account_destroy(account);
    core->stats->ram_bytes = segments * QUEUE_SEGMENT_BYTES;
    core->stats->ram_limit_bytes = (uint64_t)core->settings.ram_limit_bytes;
}
