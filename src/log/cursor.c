/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The cursor file: see cursor.h. Two slots a bus, written in turn, so that a writer killed in the
 * middle leaves the older one whole; that costs repeats, never records.
 */
#include "log/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include "log/folder.h"

enum { SLOT_HEAD = 8, BUSES_MAX = 1024, SLOT_RANGES = 64 };

struct cursor_file {
    int fd;
    struct cursor_entry *entries;
    size_t count;
};

static void put_place(struct put *out, struct place place)
{
    put_u64(out, place.order);
    put_u64(out, place.epoch);
    put_u64(out, place.seq);
}

static struct place get_place(struct get *in)
{
    struct place place = { .order = get_u64(in) };
    place.epoch = get_u64(in);
    place.seq = get_u64(in);
    return place;
}

/* The oldest ranges become one when there are more than a slot holds. */
static void shorten(struct ranges *ranges)
{
    while (ranges->count > SLOT_RANGES) {
        struct ranges shorter = { 0 };
        size_t skip = ranges->count - SLOT_RANGES + 1;
        for (size_t i = 0; i < ranges->count; i++) {
            struct range *last = shorter.count ? &shorter.range[shorter.count - 1] : NULL;
            if (last && i < skip && last->epoch == ranges->range[i].epoch) {
                last->last = ranges->range[i].last;
                last->why = WHY_UNKNOWN;
            } else {
                shorter.range[shorter.count++] = ranges->range[i];
            }
        }
        if (shorter.count == ranges->count) {
            memmove(shorter.range, shorter.range + 1, --shorter.count * sizeof *shorter.range);
        }
        *ranges = shorter;
    }
}

size_t cursor_encode(const struct cursor_entry *entry, uint8_t buf[CURSOR_SLOT_BYTES])
{
    struct ranges ranges = entry->ranges;
    shorten(&ranges);
    struct put out = put_init(buf + SLOT_HEAD, CURSOR_SLOT_BYTES - SLOT_HEAD);
    put_u64(&out, entry->version);
    put_text(&out, entry->bus);
    put_place(&out, entry->confirmed);
    put_place(&out, entry->base);
    put_place(&out, entry->started);
    put_u8(&out, (uint8_t)ranges.count);
    ranges_put(&out, &ranges);
    size_t len = put_len(&out);
    struct put head = put_init(buf, SLOT_HEAD);
    put_u32(&head, 0);
    put_u32(&head, (uint32_t)len);
    head = put_init(buf, 4);
    put_u32(&head, (uint32_t)crc32(0, buf + 4, (uInt)(len + 4)));
    return out.failed ? 0 : SLOT_HEAD + len;
}

int cursor_decode(const uint8_t *buf, size_t size, struct cursor_entry *ret_entry)
{
    struct get in = get_init(buf, size);
    uint32_t sum = get_u32(&in);
    size_t len = get_u32(&in);
    if (in.failed || len > get_left(&in) || len == 0 ||
        (uint32_t)crc32(0, buf + 4, (uInt)(len + 4)) != sum) {
        return -EBADMSG;
    }
    in = get_init(buf + SLOT_HEAD, len);
    ret_entry->version = get_u64(&in);
    get_string(&in, ret_entry->bus, sizeof ret_entry->bus);
    ret_entry->confirmed = get_place(&in);
    ret_entry->base = get_place(&in);
    ret_entry->started = get_place(&in);
    ranges_get(&in, get_u8(&in), &ret_entry->ranges);
    return in.failed ? -EBADMSG : 0;
}

static int cursor_path(const char *ram, const char *uplink, char path[FOLDER_PATH_MAX])
{
    int n = snprintf(path, FOLDER_PATH_MAX, "%s/cursor/%s", ram, uplink);
    return n < 0 || n >= FOLDER_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* The newer of the two slots of a pair that passes. */
static int read_pair(int fd, unsigned slot, struct cursor_entry *ret_entry)
{
    uint8_t buf[2 * CURSOR_SLOT_BYTES];
    struct cursor_entry found[2];
    ssize_t n = pread(fd, buf, sizeof buf, (off_t)slot * (off_t)sizeof buf);
    if (n <= 0) {
        return n < 0 ? -errno : -ENODATA;
    }
    size_t have = (size_t)n;
    int first = cursor_decode(buf, have < CURSOR_SLOT_BYTES ? have : CURSOR_SLOT_BYTES, &found[0]);
    int second = have > CURSOR_SLOT_BYTES
                     ? cursor_decode(buf + CURSOR_SLOT_BYTES, have - CURSOR_SLOT_BYTES, &found[1])
                     : -EBADMSG;
    if (first < 0 && second < 0) {
        return -EBADMSG;
    }
    bool newer = second == 0 && (first < 0 || found[1].version > found[0].version);
    *ret_entry = found[newer];
    ret_entry->slot = slot;
    return 0;
}

static int read_all(int fd, void (*visit)(void *, const struct cursor_entry *), void *context)
{
    for (unsigned slot = 0; slot < BUSES_MAX; slot++) {
        struct cursor_entry entry;
        int r = read_pair(fd, slot, &entry);
        if (r == -ENODATA) {
            return 0;
        }
        if (r == 0) {
            visit(context, &entry);
        }
    }
    return 0;
}

static void remember(void *context, const struct cursor_entry *entry)
{
    struct cursor_file *file = context;
    struct cursor_entry *more = realloc(file->entries, (file->count + 1) * sizeof *more);
    if (more) {
        file->entries = more;
        file->entries[file->count++] = *entry;
    }
}

int cursor_open(const char *ram, const char *uplink, struct cursor_file **ret_file, int *ret_pid)
{
    char path[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX];
    struct cursor_file *file = calloc(1, sizeof *file);
    if (!file) {
        return -ENOMEM;
    }
    file->fd = -1;
    int r = cursor_path(ram, uplink, path);
    snprintf(folder, sizeof folder, "%s/cursor", ram);
    if (r == 0) {
        r = folder_make(folder);
    }
    if (r == 0 && (file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)) < 0) {
        r = -errno;
    }
    if (r == 0 && flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        r = -errno;
        *ret_pid = 0;
    }
    if (r == 0) {
        r = read_all(file->fd, remember, file);
    }
    if (r < 0) {
        cursor_close(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

void cursor_close(struct cursor_file *file)
{
    if (file) {
        if (file->fd >= 0) {
            close(file->fd);
        }
        free(file->entries);
        free(file);
    }
}

void cursor_get(struct cursor_file *file, const char *bus, struct cursor_entry *ret_entry)
{
    unsigned next = 0;
    for (size_t i = 0; i < file->count; i++) {
        if (!strcmp(file->entries[i].bus, bus)) {
            *ret_entry = file->entries[i];
            return;
        }
        next = file->entries[i].slot >= next ? file->entries[i].slot + 1 : next;
    }
    *ret_entry = (struct cursor_entry){ .slot = next };
    snprintf(ret_entry->bus, sizeof ret_entry->bus, "%s", bus);
    remember(file, ret_entry); /* its slot is taken from now on */
}

int cursor_put(struct cursor_file *file, struct cursor_entry *entry)
{
    uint8_t buf[CURSOR_SLOT_BYTES];
    entry->version++;
    size_t len = cursor_encode(entry, buf);
    off_t at = ((off_t)entry->slot * 2 + (off_t)(entry->version & 1)) * CURSOR_SLOT_BYTES;
    if (len == 0) {
        return -EINVAL;
    }
    ssize_t n = pwrite(file->fd, buf, len, at);
    return n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
}

int cursor_visit(const char *ram, const char *uplink,
                 void (*visit)(void *context, const struct cursor_entry *entry), void *context)
{
    char path[FOLDER_PATH_MAX];
    int r = cursor_path(ram, uplink, path);
    int fd = r < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return r < 0 ? r : -errno;
    }
    r = read_all(fd, visit, context);
    close(fd);
    return r;
}

static int write_slots(int fd, const struct cursor_slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cursor_entry entry;
        int r = cursor_decode(slots[i].bytes, slots[i].len, &entry);
        if (r < 0) {
            return r;
        }
        off_t at = ((off_t)i * 2 + (off_t)(entry.version & 1)) * CURSOR_SLOT_BYTES;
        ssize_t n = pwrite(fd, slots[i].bytes, slots[i].len, at);
        if (n != (ssize_t)slots[i].len) {
            return n < 0 ? -errno : -ENOSPC;
        }
    }
    return 0;
}

int cursor_restore(const char *ram, const char *uplink, const struct cursor_slot *slots,
                   size_t count)
{
    char path[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX], temporary[FOLDER_PATH_MAX + 8];
    int r = cursor_path(ram, uplink, path);
    if (r == 0 && access(path, F_OK) == 0) {
        return -EEXIST;
    }
    snprintf(folder, sizeof folder, "%s/cursor", ram);
    if (r == 0) {
        r = folder_make(folder);
    }
    if (r < 0) {
        return r;
    }
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return -errno;
    }
    r = write_slots(fd, slots, count);
    close(fd);
    if (r == 0 && rename(temporary, path) != 0) {
        r = -errno;
    }
    if (r < 0) {
        unlink(temporary);
    }
    return r;
}
