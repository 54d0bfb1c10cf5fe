/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Ranges and the file `gone`: see gone.h.
 */
#include "log/gone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "log/folder.h"

static const char magic[8] = { 'W', 'E', 'I', 'R', 'G', 'O', 'N', '1' };
enum { RANGE_BYTES = 25, FILE_MAX = 16 + RANGES_MAX * RANGE_BYTES };

/* Joins range i with i + 1 of the same epoch. */
static void merge_at(struct ranges *ranges, size_t i, enum why why)
{
    struct range *r = &ranges->range[i];
    r->last = r[1].last;
    r->why = why;
    memmove(r + 1, r + 2, (ranges->count - i - 2) * sizeof *r);
    ranges->count--;
}

/* The oldest two ranges of one epoch become one; if no epoch has two, the oldest range goes. */
static void make_room(struct ranges *ranges, uint64_t epoch)
{
    for (size_t i = 0; i + 1 < ranges->count; i++) {
        const struct range *r = &ranges->range[i];
        if (r[0].epoch == r[1].epoch && (!epoch || r[0].epoch == epoch)) {
            merge_at(ranges, i, WHY_UNKNOWN);
            return;
        }
    }
    if (!epoch) {
        memmove(ranges->range, ranges->range + 1, (ranges->count - 1) * sizeof *ranges->range);
        ranges->count--;
    }
}

void ranges_add(struct ranges *ranges, struct range range)
{
    struct range *last = ranges->count ? &ranges->range[ranges->count - 1] : NULL;
    if (last && last->epoch == range.epoch && last->why == range.why &&
        last->last + 1 == range.first) {
        last->last = range.last;
        return;
    }
    if (ranges->count == RANGES_MAX) {
        make_room(ranges, 0);
    }
    ranges->range[ranges->count++] = range;
    size_t of_epoch = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        of_epoch += ranges->range[i].epoch == range.epoch;
    }
    if (of_epoch > RANGES_PER_EPOCH) {
        make_room(ranges, range.epoch);
    }
}

void ranges_put(struct put *out, const struct ranges *ranges)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const struct range *r = &ranges->range[i];
        put_u64(out, r->epoch);
        put_u64(out, r->first);
        put_u64(out, r->last);
        put_u8(out, (uint8_t)r->why);
    }
}

void ranges_get(struct get *in, size_t count, struct ranges *ret_ranges)
{
    ret_ranges->count = 0;
    if (count > RANGES_MAX) {
        in->failed = true;
        return;
    }
    for (size_t i = 0; i < count && !in->failed; i++) {
        struct range *r = &ret_ranges->range[i];
        r->epoch = get_u64(in);
        r->first = get_u64(in);
        r->last = get_u64(in);
        unsigned why = get_u8(in);
        r->why = why >= WHY_FILTER && why <= WHY_UNKNOWN ? (enum why)why : WHY_UNKNOWN;
        in->failed |= r->first > r->last;
    }
    ret_ranges->count = in->failed ? 0 : count;
}

int gone_load(const char *bus_path, struct ranges *ret_ranges)
{
    char path[FOLDER_PATH_MAX + 8];
    uint8_t buf[FILE_MAX + 1];
    snprintf(path, sizeof path, "%s/gone", bus_path);
    ret_ranges->count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    ssize_t n = pread(fd, buf, sizeof buf, 0);
    close(fd);
    struct get in = get_init(buf, n < 0 ? 0 : (size_t)n);
    const uint8_t *mark = get_raw(&in, sizeof magic);
    uint32_t sum = get_u32(&in);
    if (in.failed || memcmp(mark, magic, sizeof magic) != 0 ||
        (uint32_t)crc32(0, in.at, (uInt)get_left(&in)) != sum) {
        return -EBADMSG;
    }
    ranges_get(&in, get_u32(&in), ret_ranges);
    return in.failed ? -EBADMSG : 0;
}

int gone_save(const char *bus_path, const struct ranges *ranges)
{
    char path[FOLDER_PATH_MAX + 8], temporary[FOLDER_PATH_MAX + 16];
    uint8_t buf[FILE_MAX];
    struct put body = put_init(buf + 12, sizeof buf - 12);
    put_u32(&body, (uint32_t)ranges->count);
    ranges_put(&body, ranges);
    struct put head = put_init(buf, 12);
    put_raw(&head, magic, sizeof magic);
    put_u32(&head, (uint32_t)crc32(0, buf + 12, (uInt)put_len(&body)));
    snprintf(path, sizeof path, "%s/gone", bus_path);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return -errno;
    }
    size_t len = 12 + put_len(&body);
    ssize_t n = pwrite(fd, buf, len, 0);
    int r = n == (ssize_t)len ? 0 : n < 0 ? -errno : -ENOSPC;
    close(fd);
    if (r == 0 && rename(temporary, path) != 0) {
        r = -errno;
    }
    return r;
}

const struct range *gone_find(const struct ranges *ranges, uint64_t epoch, uint64_t seq)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const struct range *r = &ranges->range[i];
        if (r->epoch == epoch && r->first <= seq && seq <= r->last) {
            return r;
        }
    }
    return NULL;
}
