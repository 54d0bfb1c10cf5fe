/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Segments and commits: see writer.h. The order of writes and syncs is what everything else stands
 * on; each step says what a power cut right behind it leaves.
 */
#include "store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/step.h"

#include "store/private.h"

enum { DECLARED_TIMES = 2, SECTION_BYTES = 34, HEAD_FIXED_BYTES = 8 + 8 + 4 + 4 + 1 + 4 + 2 };

int generations_add(uint64_t **list, size_t *count, uint64_t generation)
{
    uint64_t *more = realloc(*list, (*count + 1) * sizeof *more);
    if (!more) {
        return -ENOMEM;
    }
    *list = more;
    more[(*count)++] = generation;
    return 0;
}

int writer_open(const struct writer_options *options, const struct account *known,
                struct writer **ret_writer, struct recovery *ret_recovery)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w) {
        return -ENOMEM;
    }
    w->options = *options;
    w->disk = options->disk;
    w->handle = -1;
    w->out_size = options->batch_bytes + GROUP_HEAD_MAX + SPOOL_BLOCK;
    w->out = malloc(w->out_size);
    *ret_recovery = (struct recovery){ 0 };
    int r = w->out ? boot_id(w->boot_id) : -ENOMEM;
    if (r == 0) {
        r = writer_recover(w, known, ret_recovery);
    }
    if (r < 0) {
        account_destroy(ret_recovery->account);
        ret_recovery->account = NULL;
        writer_destroy(w);
        return r;
    }
    *ret_writer = w;
    return 0;
}

static void leave_segment(struct writer *w)
{
    if (w->handle >= 0) {
        w->disk->ops->close(w->disk, w->handle);
    }
    w->handle = -1;
    w->declared_count = 0;
}

void writer_destroy(struct writer *writer)
{
    if (writer) {
        leave_segment(writer);
        free(writer->used);
        free(writer->free);
        free(writer->declared);
        free(writer->out);
        free(writer);
    }
}

/* ---- segments */

/* The header in both places, synced. The file has another name than that of the new use. */
static int write_header(struct writer *w, int handle, uint64_t generation)
{
    uint8_t block[SPOOL_BLOCK];
    struct spool_header header = { .generation = generation,
                                   .first_group = w->group + 1,
                                   .size = w->options.segment_bytes,
                                   .made = boot_now() };
    header.clock = clock_read(CLOCK_SOURCE_SYSTEM, NULL);
    memcpy(header.boot_id, w->boot_id, sizeof header.boot_id);
    strncpy(header.gateway, w->options.gateway, sizeof header.gateway - 1);
    int r = spool_header_put(&header, block);
    if (r == 0) {
        r = w->disk->ops->write(w->disk, handle, block, sizeof block, 0);
    }
    if (r == 0) {
        r = w->disk->ops->write(w->disk, handle, block, sizeof block,
                                w->options.segment_bytes - SPOOL_BLOCK);
    }
    return r < 0 ? r : w->disk->ops->sync(w->disk, handle);
}

/* Takes a free segment into use and makes it the one that is written. A cut in here leaves a free
 * one with another header, or a segment in use without groups. */
static int take_segment(struct writer *w)
{
    char from[SPOOL_NAME_MAX], to[SPOOL_NAME_MAX];
    uint64_t generation = w->generation + 1;
    if (w->free_count == 0) {
        int r = writer_add_free(w);
        if (r < 0) {
            return r;
        }
    }
    leave_segment(w);
    spool_name(SPOOL_FREE, w->free[0], from);
    spool_name(SPOOL_SEGMENT, generation, to);
    int handle = w->disk->ops->open(w->disk, from, DISK_WRITE);
    int r = handle < 0 ? handle : write_header(w, handle, generation);
    STEP("header-written");
    if (r == 0) {
        r = w->disk->ops->rename(w->disk, from, to);
    }
    STEP("header-renamed");
    if (r == 0) {
        memmove(w->free, w->free + 1, --w->free_count * sizeof *w->free);
        w->generation = generation;
        r = generations_add(&w->used, &w->used_count, generation);
    }
    if (r == 0) {
        r = w->disk->ops->sync_folder(w->disk);
    }
    if (r < 0) {
        if (handle >= 0) {
            w->disk->ops->close(w->disk, handle);
        }
        return r;
    }
    w->handle = handle;
    w->at = SPOOL_BLOCK;
    w->seed = frame_seed(generation);
    w->counts.segments++;
    return 0;
}

int writer_add_free(struct writer *writer)
{
    static const uint8_t zeros[64 * 1024];
    struct writer *w = writer;
    char name[SPOOL_NAME_MAX];
    uint64_t number = w->generation + 1; /* below every generation to come but the next */
    for (size_t i = 0; i < w->free_count; i++) {
        number = w->free[i] >= number ? w->free[i] + 1 : number;
    }
    int handle = w->disk->ops->open(w->disk, "new", DISK_CREATE);
    int r = handle < 0 ? handle : 0;
    for (uint32_t at = 0; r == 0 && at < w->options.segment_bytes;) {
        uint32_t left = w->options.segment_bytes - at;
        size_t len = left < sizeof zeros ? left : sizeof zeros;
        r = w->disk->ops->write(w->disk, handle, zeros, len, at);
        at += (uint32_t)len;
    }
    if (r == 0) {
        r = w->disk->ops->sync(w->disk, handle);
    }
    if (handle >= 0) {
        w->disk->ops->close(w->disk, handle);
    }
    spool_name(SPOOL_FREE, number, name);
    if (r == 0) {
        r = w->disk->ops->rename(w->disk, "new", name);
    }
    if (r == 0) {
        r = w->disk->ops->sync_folder(w->disk);
    }
    if (r < 0) {
        w->disk->ops->remove(w->disk, "new");
        return r;
    }
    w->counts.bytes += w->options.segment_bytes;
    return generations_add(&w->free, &w->free_count, number);
}

int writer_drop_free(struct writer *writer)
{
    char name[SPOOL_NAME_MAX];
    if (writer->free_count == 0) {
        return -ENOENT;
    }
    spool_name(SPOOL_FREE, writer->free[writer->free_count - 1], name);
    int r = writer->disk->ops->remove(writer->disk, name);
    if (r == 0) {
        writer->free_count--;
    }
    return r;
}

int writer_release(struct writer *writer, size_t count)
{
    struct writer *w = writer;
    int r = 0;
    size_t done = 0;
    while (r == 0 && done < count && done + 1 < w->used_count) {
        char from[SPOOL_NAME_MAX], to[SPOOL_NAME_MAX];
        spool_name(SPOOL_SEGMENT, w->used[done], from);
        spool_name(SPOOL_FREE, w->used[done], to);
        STEP("recycle-before");
        r = w->disk->ops->rename(w->disk, from, to);
        if (r == 0) {
            r = generations_add(&w->free, &w->free_count, w->used[done]);
            done++;
        }
    }
    memmove(w->used, w->used + done, (w->used_count - done) * sizeof *w->used);
    w->used_count -= done;
    STEP("recycle-renamed");
    /* Before any of them is written again, its old name is gone for good. */
    int synced = done ? w->disk->ops->sync_folder(w->disk) : 0;
    STEP("recycle-synced");
    return r < 0 ? r : synced;
}

size_t writer_segments(const struct writer *writer, const uint64_t **ret_generations)
{
    *ret_generations = writer->used;
    return writer->used_count;
}

size_t writer_free_count(const struct writer *writer)
{
    return writer->free_count;
}

int writer_first_group(struct writer *writer, uint64_t generation, struct group *ret_group)
{
    struct segment segment;
    uint64_t at = SPOOL_BLOCK, above = 0;
    bool skipped;
    int r = segment_open(writer->disk, generation, writer->options.segment_bytes, &segment);
    if (r < 0) {
        return r;
    }
    while ((r = group_next(&segment, at, above, ret_group, &skipped)) == 1) {
        int whole = group_whole(&segment, ret_group);
        if (whole == 1) {
            break;
        }
        at = group_end(ret_group);
        above = ret_group->number;
        group_finish(ret_group);
        if (whole < 0 && whole != -EIO) {
            r = whole;
            break;
        }
    }
    segment_close(&segment);
    return r;
}

struct writer_counts writer_counts(const struct writer *writer)
{
    return writer->counts;
}

/* ---- groups */

static unsigned times_declared(const struct writer *w, uint64_t hash)
{
    for (size_t i = 0; i < w->declared_count; i++) {
        if (w->declared[i].hash == hash) {
            return w->declared[i].times;
        }
    }
    return 0;
}

static int note_declared(struct writer *w, uint64_t hash)
{
    for (size_t i = 0; i < w->declared_count; i++) {
        if (w->declared[i].hash == hash) {
            w->declared[i].times++;
            return 0;
        }
    }
    if (w->declared_count == w->declared_capacity) {
        size_t capacity = w->declared_capacity ? w->declared_capacity * 2 : 32;
        struct declared *more = realloc(w->declared, capacity * sizeof *more);
        if (!more) {
            return -ENOMEM;
        }
        w->declared = more;
        w->declared_capacity = capacity;
    }
    w->declared[w->declared_count++] = (struct declared){ hash, 1 };
    return 0;
}

static uint32_t put_shapes(struct writer *w, const struct batch *batch, struct put *out)
{
    size_t before = put_len(out);
    for (size_t i = 0; i < batch->shape_count; i++) {
        const struct shape *shape = batch->shapes[i];
        if (times_declared(w, shape->hash) < DECLARED_TIMES) {
            uint8_t *frame = frame_begin(out);
            put_u64(out, shape->hash);
            put_raw(out, shape->declaration, shape->declaration_len);
            frame_end(out, frame, FRAME_SHAPE, w->seed);
        }
    }
    return (uint32_t)(put_len(out) - before);
}

/* The batch's frames with the checksums of this segment. */
static void put_frames(struct writer *w, const struct batch *batch, struct put *out)
{
    uint8_t *start = out->at;
    put_raw(out, batch->data, batch->len);
    for (size_t at = 0; !out->failed && at < batch->len;) {
        struct get in = get_init(start + at + 4, 4);
        size_t len = (size_t)get_uint(&in, 3);
        enum frame_kind kind = (enum frame_kind)get_u8(&in);
        struct put frame = put_init(start + at, FRAME_HEAD_BYTES + len);
        frame.at = frame.end;
        frame_end(&frame, start + at, kind, w->seed);
        at += FRAME_HEAD_BYTES + len;
    }
}

static size_t filled_sections(const struct batch *batch)
{
    size_t count = batch->section_count;
    return count && batch->sections[count - 1].records == 0 ? count - 1 : count;
}

static void put_sections(const struct batch *batch, const struct account *account, struct put *out)
{
    size_t count = filled_sections(batch);
    put_u16(out, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct batch_section *s = &batch->sections[i];
        const struct account_epoch *e = account_find(account, s->bus, s->epoch);
        out->failed |= !e;
        put_u16(out, e ? (uint16_t)(e - account->epochs) : 0);
        put_u32(out, s->bytes);
        put_u32(out, s->records);
        put_u64(out, s->first);
        put_u64(out, s->last);
        put_u64(out, s->after);
    }
}

/* How long the head will be: it does not depend on what is put into it. */
static size_t head_bytes(const struct batch *batch, const struct account *account, uint8_t *room,
                         size_t size)
{
    struct put out = put_init(room, size);
    account_put(&out, account);
    return out.failed ? 0
                      : FRAME_HEAD_BYTES + HEAD_FIXED_BYTES +
                            filled_sections(batch) * SECTION_BYTES + put_len(&out);
}

/* The whole group into w->out, zeros up to the next block. Returns its length or -E2BIG. */
static int64_t lay_out(struct writer *w, const struct batch *batch, const struct account *account,
                       unsigned why)
{
    size_t head = head_bytes(batch, account, w->out, GROUP_HEAD_MAX);
    if (head == 0 || head > GROUP_HEAD_MAX) {
        return -E2BIG;
    }
    struct put body = put_init(w->out + head, w->out_size - head - SPOOL_BLOCK);
    uint32_t shape_bytes = put_shapes(w, batch, &body);
    put_frames(w, batch, &body);
    size_t length = head + put_len(&body);
    struct put out = put_init(w->out, head);
    uint8_t *frame = frame_begin(&out);
    put_u64(&out, w->used[w->used_count - 1]);
    put_u64(&out, account->group);
    put_u32(&out, (uint32_t)length);
    put_u32(&out, (uint32_t)crc32(0, w->out + head, (uInt)put_len(&body)));
    put_u8(&out, (uint8_t)why);
    put_u32(&out, shape_bytes);
    put_sections(batch, account, &out);
    account_put(&out, account);
    frame_end(&out, frame, FRAME_GROUP, w->seed);
    if (body.failed || out.failed || put_len(&out) != head) {
        return -E2BIG;
    }
    memset(w->out + length, 0, SPOOL_BLOCK - 1 - (length - 1) % SPOOL_BLOCK);
    return (int64_t)length;
}

static uint64_t rounded(uint64_t length)
{
    return (length + SPOOL_BLOCK - 1) / SPOOL_BLOCK * SPOOL_BLOCK;
}

static bool fits(const struct writer *w, uint64_t length)
{
    return w->handle >= 0 && w->at + rounded(length) <= w->options.segment_bytes - SPOOL_BLOCK;
}

bool writer_needs_segment(const struct writer *writer, const struct batch *batch,
                          const struct account *account)
{
    size_t head = head_bytes(batch, account, writer->out, GROUP_HEAD_MAX);
    return !fits(writer, head + batch->shape_bytes + batch->len);
}

/* One attempt, in the segment that is open or a new one. */
static int commit_once(struct writer *w, const struct batch *batch, const struct account *account,
                       unsigned why)
{
    int r = w->handle >= 0 ? 0 : take_segment(w);
    int64_t length = r < 0 ? r : lay_out(w, batch, account, why);
    if (length > 0 && !fits(w, (uint64_t)length)) {
        r = take_segment(w);
        length = r < 0 ? r : lay_out(w, batch, account, why);
    }
    if (length < 0) {
        return (int)length;
    }
    if (!fits(w, (uint64_t)length)) {
        return -E2BIG;
    }
    uint64_t bytes = rounded((uint64_t)length);
    STEP("group-before");
    r = w->disk->ops->write(w->disk, w->handle, w->out, (size_t)bytes, w->at);
    STEP("group-after");
    if (r == 0) {
        r = w->disk->ops->sync(w->disk, w->handle);
    }
    if (r < 0) {
        leave_segment(w); /* what reached it is not known, and a second sync would tell nothing */
        return r;
    }
    w->at += bytes;
    w->counts.bytes += bytes;
    w->counts.groups++;
    w->counts.syncs++;
    return 0;
}

int writer_commit(struct writer *writer, struct batch *batch, struct account *account, unsigned why)
{
    struct writer *w = writer;
    account->group = w->group + 1;
    int r = commit_once(w, batch, account, why);
    if (r == -EIO) {
        r = commit_once(w, batch, account, why); /* once more, from RAM, in another segment */
    }
    if (r < 0) {
        account->group = w->group;
        return r;
    }
    w->group++;
    for (size_t i = 0; i < batch->shape_count && r == 0; i++) {
        r = note_declared(w, batch->shapes[i]->hash);
    }
    return 0;
}
