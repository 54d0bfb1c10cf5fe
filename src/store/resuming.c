/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The copy on flash of where the buses go on with devices that keep their data: log/resume.h. It is
 * of no use to the log, so nothing here is trouble for the books: at worst more is fetched again.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "base/step.h"
#include "store/books_private.h"

#define FIRST_NS (60 * NS_PER_S) /* soon: what is fetched in the first hour counts as well */

static const char name[] = "resume", new_name[] = "resume.new";

static int load(struct disk *disk, struct resume *ret_resume)
{
    *ret_resume = (struct resume){ 0 };
    int handle = disk->ops->open(disk, name, DISK_READ);
    if (handle < 0) {
        return handle;
    }
    uint8_t *data = malloc(RESUME_FILE_MAX);
    int64_t n = data ? disk->ops->read(disk, handle, data, RESUME_FILE_MAX, 0) : -ENOMEM;
    disk->ops->close(disk, handle);
    int r = n < 0 ? (int)n : resume_decode(data, (size_t)n, ret_resume);
    free(data);
    return r;
}

static int save(struct disk *disk, const struct resume *resume)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int r = resume_encode(resume, &data, &len);
    if (r < 0) {
        return r;
    }
    int handle = disk->ops->open(disk, new_name, DISK_CREATE);
    r = handle < 0 ? handle : disk->ops->write(disk, handle, data, len, 0);
    r = r < 0 ? r : disk->ops->sync(disk, handle);
    if (handle >= 0) {
        disk->ops->close(disk, handle);
    }
    STEP("resume-written");
    r = r < 0 ? r : disk->ops->rename(disk, new_name, name);
    r = r < 0 ? r : disk->ops->sync_folder(disk);
    free(data);
    return r;
}

static void tell(const char *what, int error)
{
    say(SAY_WARNING,
        "%s: %s; after a power cut, what devices have in their memory may not be fetched", what,
        strerror(-error));
}

/* A point that is taken for exact once must not be so again after the next power cut. */
static void spend(struct books *books)
{
    bool any = false;
    for (size_t i = 0; i < books->resume.count; i++) {
        any |= books->resume.buses[i].exact;
    }
    if (!any) {
        return;
    }
    struct resume spent = { 0 };
    int r = 0;
    for (size_t i = 0; i < books->resume.count && r == 0; i++) {
        struct resume_bus bus = books->resume.buses[i];
        bus.exact = false;
        r = resume_put(&spent, &bus);
    }
    r = r < 0 ? r : save(books->options.disk, &spent);
    for (size_t i = 0; i < books->resume.count && r < 0; i++) {
        books->resume.buses[i].exact = false;
    }
    if (r < 0) {
        tell("resume points cannot be written", r);
    }
    resume_free(&spent);
}

void resuming_start(struct books *books)
{
    char path[FOLDER_PATH_MAX];
    int r = load(books->options.disk, &books->resume);
    books->resume_due_ns = boot_now().ns + FIRST_NS;
    if (books->options.checkpoint_ns < FIRST_NS) {
        books->resume_due_ns = boot_now().ns + books->options.checkpoint_ns;
    }
    if (r < 0) {
        if (r != -ENOENT) {
            tell("resume points cannot be read", r);
        }
        return;
    }
    if (!books->known) {
        spend(books);
        r = resume_boot_path(books->options.ram, path);
        r = r < 0 ? r : resume_save(path, &books->resume);
        if (r < 0) {
            tell("resume points cannot be given to the buses", r);
        }
    }
    for (size_t i = 0; i < books->resume.count; i++) {
        books->resume.buses[i].exact = false;
    }
}

/* What the bus has written, if the records that go with it cannot be lost any more. True: it is
 * other than what flash has. */
static bool take(struct books *books, const struct books_bus *bus, bool exact)
{
    char path[FOLDER_PATH_MAX];
    struct resume found;
    struct place safe = place_later(bus->persisted, bus->confirmed);
    if (resume_path(books->options.ram, bus->name, path) < 0 || resume_load(path, &found) < 0) {
        return false;
    }
    struct resume_bus *now = resume_find(&found, bus->name);
    const struct resume_bus *before = resume_find(&books->resume, bus->name);
    bool changed = false;
    if (now && !place_before(safe, now->at)) {
        now->exact = exact;
        changed = !before || before->exact != exact || before->count != now->count ||
                  memcmp(before->points, now->points, now->count * sizeof *now->points) != 0;
        changed = changed && resume_put(&books->resume, now) == 0;
    }
    resume_free(&found);
    return changed;
}

void resuming_save(struct books *books, bool exact)
{
    books->resume_due_ns = boot_now().ns + books->options.checkpoint_ns;
    for (size_t i = 0; i < books->bus_count; i++) {
        books->resume_unsaved |= take(books, books->buses[i], exact);
    }
    int r = books->resume_unsaved ? save(books->options.disk, &books->resume) : 0;
    books->resume_unsaved = r < 0;
    if (r < 0) {
        tell("resume points cannot be written", r);
    }
}
