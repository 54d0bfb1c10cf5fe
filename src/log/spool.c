/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Segments and groups of the spool: see spool.h.
 */
#include "log/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const char magic[8] = { 'W', 'E', 'I', 'R', 'S', 'P', 'L', '1' };
enum { PROBE_BYTES = 2048, CHUNK_BYTES = 64 * 1024 };

/* ---- names */

enum spool_file spool_parse(const char *name, uint64_t *ret_generation)
{
    static const struct {
        enum spool_file kind;
        const char *prefix, *suffix;
    } forms[] = { { SPOOL_SEGMENT, "", ".seg" },
                  { SPOOL_FREE, "free-", "" },
                  { SPOOL_BAD, "bad-", "" },
                  { SPOOL_NEWER, "newer-", "" } };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t n = strlen(forms[i].prefix);
        if (strncmp(name, forms[i].prefix, n) != 0 || name[n] < '0' || name[n] > '9') {
            continue;
        }
        char *end;
        errno = 0;
        uint64_t number = strtoull(name + n, &end, 10);
        if (errno == 0 && number && !strcmp(end, forms[i].suffix)) {
            *ret_generation = number;
            return forms[i].kind;
        }
    }
    return SPOOL_OTHER;
}

void spool_name(enum spool_file kind, uint64_t generation, char name[SPOOL_NAME_MAX])
{
    static const char *const prefixes[] = {
        [SPOOL_FREE] = "free-", [SPOOL_BAD] = "bad-", [SPOOL_NEWER] = "newer-"
    };
    if (kind == SPOOL_SEGMENT) {
        snprintf(name, SPOOL_NAME_MAX, "%016" PRIu64 ".seg", generation);
    } else {
        snprintf(name, SPOOL_NAME_MAX, "%s%" PRIu64, prefixes[kind], generation);
    }
}

struct listing {
    enum spool_file kind;
    uint64_t *generations;
    size_t count, capacity;
    int error;
};

static void list_one(void *context, const char *name)
{
    struct listing *l = context;
    uint64_t generation;
    if (spool_parse(name, &generation) != l->kind || l->error) {
        return;
    }
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 64;
        uint64_t *more = realloc(l->generations, capacity * sizeof *more);
        if (!more) {
            l->error = -ENOMEM;
            return;
        }
        l->generations = more;
        l->capacity = capacity;
    }
    l->generations[l->count++] = generation;
}

static int rising(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int spool_list(struct disk *disk, enum spool_file kind, uint64_t **ret_generations,
               size_t *ret_count)
{
    struct listing l = { .kind = kind };
    int r = disk->ops->list(disk, list_one, &l);
    r = r < 0 ? r : l.error;
    if (r < 0) {
        free(l.generations);
        return r;
    }
    if (l.count) {
        qsort(l.generations, l.count, sizeof *l.generations, rising);
    }
    *ret_generations = l.generations;
    *ret_count = l.count;
    return 0;
}

/* ---- segments */

int spool_header_put(const struct spool_header *header, uint8_t block[SPOOL_BLOCK])
{
    memset(block, 0, SPOOL_BLOCK);
    struct put out = put_init(block, SPOOL_BLOCK);
    uint8_t *frame = frame_begin(&out);
    put_raw(&out, magic, sizeof magic);
    put_u64(&out, header->generation);
    put_u64(&out, header->first_group);
    put_u32(&out, header->size);
    put_i64(&out, header->made.ns);
    put_i64(&out, header->clock.ns);
    put_u8(&out, (uint8_t)header->clock.state);
    put_raw(&out, header->boot_id, sizeof header->boot_id);
    put_text(&out, header->gateway);
    frame_end(&out, frame, FRAME_HEADER, 0);
    return out.failed ? -EINVAL : 0;
}

int spool_header_get(const uint8_t *block, size_t len, struct spool_header *ret_header)
{
    struct frame frame;
    if (frame_read(block, len, 0, &frame) <= 0) {
        return -EBADMSG;
    }
    struct get in = get_init(frame.body, frame.body_len);
    const uint8_t *mark = get_raw(&in, sizeof magic);
    if (frame.kind != FRAME_HEADER || !mark || memcmp(mark, magic, sizeof magic) != 0) {
        return -EPROTO;
    }
    struct spool_header h = { .generation = get_u64(&in) };
    h.first_group = get_u64(&in);
    h.size = get_u32(&in);
    h.made.ns = get_i64(&in);
    h.clock.ns = get_i64(&in);
    h.clock.state = get_u8(&in) == CLOCK_SYNCED ? CLOCK_SYNCED : CLOCK_UNSYNCED;
    const uint8_t *id = get_raw(&in, sizeof h.boot_id);
    if (id) {
        memcpy(h.boot_id, id, sizeof h.boot_id);
    }
    get_string(&in, h.gateway, sizeof h.gateway);
    if (in.failed || h.size < 4 * SPOOL_BLOCK || h.size % SPOOL_BLOCK) {
        return -EBADMSG;
    }
    *ret_header = h;
    return 0;
}

int spool_header_read(struct disk *disk, int handle, uint32_t size_guess,
                      struct spool_header *ret_header)
{
    uint8_t block[SPOOL_BLOCK];
    const uint64_t places[] = { 0, size_guess - SPOOL_BLOCK };
    int result = -EBADMSG;
    for (int i = 0; i < 2; i++) {
        int64_t n = disk->ops->read(disk, handle, block, sizeof block, places[i]);
        int r = n < 0 ? (int)n : spool_header_get(block, (size_t)n, ret_header);
        if (r == 0) {
            return 0;
        }
        result = r == -EBADMSG ? result : r;
    }
    return result;
}

int segment_open(struct disk *disk, uint64_t generation, uint32_t size, struct segment *ret_segment)
{
    char name[SPOOL_NAME_MAX];
    struct segment s = { .disk = disk };
    spool_name(SPOOL_SEGMENT, generation, name);
    s.handle = disk->ops->open(disk, name, DISK_READ);
    if (s.handle < 0) {
        return s.handle;
    }
    int r = spool_header_read(disk, s.handle, size, &s.header);
    if (r == 0 && s.header.generation != generation) {
        r = -ENOENT;
    }
    if (r < 0) {
        disk->ops->close(disk, s.handle);
        return r;
    }
    s.seed = frame_seed(generation);
    *ret_segment = s;
    return 0;
}

void segment_close(struct segment *segment)
{
    if (segment->disk && segment->handle >= 0) {
        segment->disk->ops->close(segment->disk, segment->handle);
    }
    segment->handle = -1;
}

bool segment_recycled(struct segment *segment)
{
    struct spool_header now;
    return spool_header_read(segment->disk, segment->handle, segment->header.size, &now) == 0 &&
           now.generation != segment->header.generation;
}

/* ---- groups */

void group_finish(struct group *group)
{
    free(group->sections);
    account_destroy(group->account);
    group->sections = NULL;
    group->account = NULL;
}

static int get_sections(struct get *in, struct group *g)
{
    size_t count = get_u16(in);
    g->sections = calloc(count + 1, sizeof *g->sections);
    if (!g->sections) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count && !in->failed; i++) {
        struct group_section *s = &g->sections[i];
        s->epoch = get_u16(in);
        s->bytes = get_u32(in);
        s->records = get_u32(in);
        s->first = get_u64(in);
        s->last = get_u64(in);
        s->after = get_u64(in);
        g->section_count++;
    }
    return in->failed ? -EBADMSG : 0;
}

static bool consistent(const struct group *g)
{
    uint64_t bytes = (uint64_t)g->head + g->shape_bytes;
    for (size_t i = 0; i < g->section_count; i++) {
        bytes += g->sections[i].bytes;
        if (g->sections[i].epoch >= g->account->epoch_count ||
            g->sections[i].first > g->sections[i].last) {
            return false;
        }
    }
    return bytes == g->length && g->account->group == g->number;
}

int group_get(const uint8_t *data, size_t len, uint64_t generation, struct group *ret_group)
{
    struct frame frame;
    int64_t n = frame_read(data, len, frame_seed(generation), &frame);
    if (n <= 0) {
        return (int)n;
    }
    if (frame.kind != FRAME_GROUP) {
        return -EBADMSG;
    }
    struct get in = get_init(frame.body, frame.body_len);
    struct group g = { .generation = get_u64(&in), .head = (uint32_t)n };
    g.number = get_u64(&in);
    g.length = get_u32(&in);
    g.sum = get_u32(&in);
    g.why = get_u8(&in);
    g.shape_bytes = get_u32(&in);
    int r = get_sections(&in, &g);
    if (r == 0) {
        r = account_get(&in, &g.account);
    }
    if (r == 0 && (g.generation != generation || !consistent(&g))) {
        r = -EBADMSG;
    }
    if (r < 0) {
        group_finish(&g);
        return r;
    }
    *ret_group = g;
    return 1;
}

/* The head at one place: a first look that is enough for most, then as much as it says it needs. */
static int head_at(struct segment *s, uint64_t at, struct group *ret_group)
{
    uint8_t probe[PROBE_BYTES];
    int64_t n = s->disk->ops->read(s->disk, s->handle, probe, sizeof probe, at);
    if (n <= 0) {
        return n < 0 ? (int)n : -EBADMSG;
    }
    int r = group_get(probe, (size_t)n, s->header.generation, ret_group);
    if (r != 0) {
        return r;
    }
    uint8_t *all = malloc(GROUP_HEAD_MAX);
    if (!all) {
        return -ENOMEM;
    }
    n = s->disk->ops->read(s->disk, s->handle, all, GROUP_HEAD_MAX, at);
    r = n < 0 ? (int)n : group_get(all, (size_t)n, s->header.generation, ret_group);
    free(all);
    return r == 0 ? -EBADMSG : r;
}

int group_next(struct segment *segment, uint64_t at, uint64_t above, struct group *ret_group,
               bool *ret_skipped)
{
    uint64_t end = segment->header.size - SPOOL_BLOCK;
    for (*ret_skipped = false; at + SPOOL_BLOCK <= end; at += SPOOL_BLOCK) {
        int r = head_at(segment, at, ret_group);
        if (r == 1 && ret_group->number > above) {
            ret_group->at = at;
            if (group_end(ret_group) <= end) {
                return 1;
            }
        }
        if (r == 1) {
            group_finish(ret_group);
        } else if (r == -EIO) {
            segment->bad = true;
        } else if (r < 0 && r != -EBADMSG) {
            return r;
        }
        *ret_skipped = true;
    }
    return 0;
}

int group_whole(struct segment *segment, const struct group *group)
{
    uint8_t *chunk = malloc(CHUNK_BYTES);
    uint32_t sum = (uint32_t)crc32(0, NULL, 0);
    int64_t n = chunk ? 0 : -ENOMEM;
    for (uint32_t at = group->head; n >= 0 && at < group->length; at += (uint32_t)n) {
        uint32_t want = group->length - at < CHUNK_BYTES ? group->length - at : CHUNK_BYTES;
        n = segment->disk->ops->read(segment->disk, segment->handle, chunk, want, group->at + at);
        if (n == 0) {
            break;
        }
        sum = (uint32_t)crc32(sum, chunk, n > 0 ? (uInt)n : 0);
    }
    free(chunk);
    return n < 0 ? (int)n : sum == group->sum;
}
