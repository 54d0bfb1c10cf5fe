/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A folder in memory: see memdisk.h. This file has what programs do with it; memdisk_cut.c has what
 * a power cut does.
 */
#include "memdisk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memdisk_private.h"

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "memdisk: %s\n", what);
        abort();
    }
}

/* ---- files and names */

int memdisk_find(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!strcmp(names->list[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

void memdisk_link(struct names *names, const char *name, int file)
{
    int i = memdisk_find(names, name);
    if (i < 0) {
        must(names->count < NAMES_MAX, "too many names");
        i = (int)names->count++;
        snprintf(names->list[i].name, sizeof names->list[i].name, "%s", name);
    }
    names->list[i].file = file;
}

void memdisk_unlink(struct names *names, int index)
{
    names->list[index] = names->list[--names->count];
}

static bool is_named(const struct names *names, int file)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->list[i].file == file) {
            return true;
        }
    }
    return false;
}

static bool is_used(const struct memdisk *m, int file)
{
    for (size_t i = 0; i < m->change_count; i++) {
        if (m->changes[i].file == file) {
            return true;
        }
    }
    return m->files[file].handles > 0 || is_named(&m->seen, file) || is_named(&m->disk_names, file);
}

static void finish_file(struct file *file)
{
    for (size_t i = 0; i < FILE_PAGES; i++) {
        page_unref(file->seen[i]);
        page_unref(file->disk[i]);
    }
    memset(file, 0, sizeof *file);
}

/* Files that nothing leads to any more. */
static void collect(struct memdisk *m)
{
    for (int i = 0; i < FILES_MAX; i++) {
        if (m->files[i].used && !is_used(m, i)) {
            finish_file(&m->files[i]);
        }
    }
}

static int new_file(struct memdisk *m)
{
    collect(m);
    for (int i = 0; i < FILES_MAX; i++) {
        if (!m->files[i].used) {
            m->files[i].used = true;
            return i;
        }
    }
    return -ENOSPC;
}

/* ---- what is pending */

static void finish_change(struct change *change)
{
    page_unref(change->page);
    change->page = NULL;
}

struct change *memdisk_add(struct memdisk *m, enum change_kind kind, int file)
{
    if (m->change_count == m->change_capacity) {
        m->change_capacity = m->change_capacity ? m->change_capacity * 2 : 64;
        m->changes = realloc(m->changes, m->change_capacity * sizeof *m->changes);
        must(m->changes, "no memory");
    }
    struct change *change = &m->changes[m->change_count++];
    *change = (struct change){ .kind = kind, .file = file, .number = m->number };
    return change;
}

/* Takes out of the list what `wanted` says. */
static void drop_changes(struct memdisk *m, bool names, int file)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->change_count; i++) {
        bool drop = names ? m->changes[i].kind != CHANGE_WRITE
                          : m->changes[i].kind == CHANGE_WRITE && m->changes[i].file == file;
        if (drop) {
            finish_change(&m->changes[i]);
        } else {
            m->changes[kept++] = m->changes[i];
        }
    }
    m->change_count = kept;
}

/* ---- faults and the hook */

static int fault(struct memdisk *m, enum memdisk_op op)
{
    struct memdisk_fault *f = &m->fault;
    if (!(f->ops & op) || !f->count) {
        return 0;
    }
    if (f->skip) {
        f->skip--;
        return 0;
    }
    f->count--;
    return -f->error;
}

static void changed(struct memdisk *m, bool added)
{
    m->number++;
    if (m->hook) {
        m->hook(m->context, added);
    }
}

/* ---- operations */

static struct memdisk *of(struct disk *disk)
{
    return (struct memdisk *)disk;
}

static int mem_list(struct disk *disk, void (*visit)(void *context, const char *name),
                    void *context)
{
    struct memdisk *m = of(disk);
    for (size_t i = 0; i < m->seen.count; i++) {
        visit(context, m->seen.list[i].name);
    }
    return 0;
}

static int mem_open(struct disk *disk, const char *name, enum disk_mode mode)
{
    struct memdisk *m = of(disk);
    int i = memdisk_find(&m->seen, name);
    int r = fault(m, mode == DISK_CREATE ? OP_CREATE : OP_OPEN);
    if (r < 0) {
        return r;
    }
    if (mode != DISK_CREATE) {
        if (i >= 0) {
            m->files[m->seen.list[i].file].handles++;
        }
        return i < 0 ? -ENOENT : m->seen.list[i].file;
    }
    int file = m->seen.count < NAMES_MAX ? new_file(m) : -ENOSPC;
    if (file < 0) {
        return file;
    }
    m->files[file].handles++;
    struct change *change = memdisk_add(m, CHANGE_CREATE, file);
    snprintf(change->to, sizeof change->to, "%s", name);
    memdisk_link(&m->seen, name, file);
    changed(m, true);
    return file;
}

static void mem_close(struct disk *disk, int handle)
{
    of(disk)->files[handle].handles--;
}

static int64_t mem_read(struct disk *disk, int handle, void *buf, size_t len, uint64_t at)
{
    struct memdisk *m = of(disk);
    const struct file *f = &m->files[handle];
    uint8_t *out = buf;
    int r = fault(m, OP_READ);
    if (r < 0) {
        return r;
    }
    len = at >= f->size ? 0 : len < f->size - at ? len : (size_t)(f->size - at);
    for (size_t done = 0; done < len;) {
        size_t offset = (size_t)((at + done) % PAGE_BYTES);
        size_t part = PAGE_BYTES - offset < len - done ? PAGE_BYTES - offset : len - done;
        memcpy(out + done, page_data(f->seen[(at + done) / PAGE_BYTES]) + offset, part);
        done += part;
    }
    return (int64_t)len;
}

/* A page of which the medium has lost something is written whole the next time. */
static void write_page(struct memdisk *m, int handle, size_t index, size_t offset, size_t len,
                       const uint8_t *from)
{
    struct file *f = &m->files[handle];
    if (len == PAGE_BYTES && memcmp(from, page_data(NULL), len) == 0) {
        page_set(&f->seen[index], NULL);
    } else {
        memcpy(page_own(&f->seen[index])->data + offset, from, len);
    }
    if (f->lost[index]) {
        f->lost[index] = false;
        offset = 0;
        len = PAGE_BYTES;
    }
    struct change *change = memdisk_add(m, CHANGE_WRITE, handle);
    change->index = (uint32_t)index;
    change->offset = (uint32_t)offset;
    change->len = (uint32_t)len;
    change->page = page_ref(f->seen[index]);
    change->size = f->size;
}

static int mem_write(struct disk *disk, int handle, const void *buf, size_t len, uint64_t at)
{
    struct memdisk *m = of(disk);
    struct file *f = &m->files[handle];
    const uint8_t *from = buf;
    int r = fault(m, OP_WRITE);
    if (r < 0) { /* any part of it may have been written */
        len = (size_t)random_below(&m->random, len + 1);
    }
    must(at + len <= (uint64_t)FILE_PAGES * PAGE_BYTES, "a file is too long");
    f->size = at + len > f->size ? at + len : f->size;
    for (size_t done = 0; done < len;) {
        size_t offset = (size_t)((at + done) % PAGE_BYTES);
        size_t part = PAGE_BYTES - offset < len - done ? PAGE_BYTES - offset : len - done;
        write_page(m, handle, (size_t)((at + done) / PAGE_BYTES), offset, part, from + done);
        done += part;
    }
    changed(m, true);
    return r;
}

/* What the medium did not take is lost, but still seen. */
static void lose(struct memdisk *m, int handle)
{
    for (size_t i = 0; i < m->change_count; i++) {
        struct change *c = &m->changes[i];
        if (c->kind == CHANGE_WRITE && c->file == handle) {
            if (random_one_in(&m->random, 2)) {
                memdisk_apply(m->files, c, 0xff);
            } else {
                m->files[handle].lost[c->index] = true;
            }
        }
    }
}

static int mem_sync(struct disk *disk, int handle)
{
    struct memdisk *m = of(disk);
    struct file *f = &m->files[handle];
    int r = fault(m, OP_SYNC);
    if (r < 0) {
        lose(m, handle);
    } else {
        for (size_t i = 0; i < FILE_PAGES; i++) {
            if (!f->lost[i]) {
                page_set(&f->disk[i], f->seen[i]);
            }
        }
        f->disk_size = f->size;
    }
    drop_changes(m, false, handle);
    changed(m, false);
    return r;
}

static int mem_sync_folder(struct disk *disk)
{
    struct memdisk *m = of(disk);
    int r = fault(m, OP_SYNC_FOLDER);
    if (r < 0) {
        return r; /* the journal has them still, and may yet write them */
    }
    m->disk_names = m->seen;
    drop_changes(m, true, 0);
    changed(m, false);
    return 0;
}

static int mem_rename(struct disk *disk, const char *from, const char *to)
{
    struct memdisk *m = of(disk);
    int i = memdisk_find(&m->seen, from);
    int r = fault(m, OP_RENAME);
    if (r < 0 || i < 0) {
        return r < 0 ? r : -ENOENT;
    }
    int file = m->seen.list[i].file;
    struct change *change = memdisk_add(m, CHANGE_RENAME, file);
    snprintf(change->from, sizeof change->from, "%s", from);
    snprintf(change->to, sizeof change->to, "%s", to);
    memdisk_unlink(&m->seen, i);
    memdisk_link(&m->seen, to, file);
    changed(m, true);
    return 0;
}

static int mem_remove(struct disk *disk, const char *name)
{
    struct memdisk *m = of(disk);
    int i = memdisk_find(&m->seen, name);
    int r = fault(m, OP_REMOVE);
    if (r < 0 || i < 0) {
        return r < 0 ? r : -ENOENT;
    }
    struct change *change = memdisk_add(m, CHANGE_REMOVE, m->seen.list[i].file);
    snprintf(change->from, sizeof change->from, "%s", name);
    memdisk_unlink(&m->seen, i);
    changed(m, true);
    return 0;
}

static int mem_space(struct disk *disk, uint64_t *ret_free)
{
    *ret_free = 1 << 30;
    return 0;
}

static void mem_destroy(struct disk *disk)
{
    memdisk_destroy(of(disk));
}

/* ---- life */

struct memdisk *memdisk_create(uint64_t seed)
{
    static const struct disk_ops ops = { mem_list,   mem_open,  mem_close,       mem_read,
                                         mem_write,  mem_sync,  mem_sync_folder, mem_rename,
                                         mem_remove, mem_space, mem_destroy };
    struct memdisk *m = calloc(1, sizeof *m);
    must(m, "no memory");
    m->disk.ops = &ops;
    m->random.state = seed;
    return m;
}

void memdisk_destroy(struct memdisk *memdisk)
{
    if (memdisk) {
        for (int i = 0; i < FILES_MAX; i++) {
            if (memdisk->files[i].used) {
                finish_file(&memdisk->files[i]);
            }
        }
        for (size_t i = 0; i < memdisk->change_count; i++) {
            finish_change(&memdisk->changes[i]);
        }
        free(memdisk->changes);
        free(memdisk);
    }
}

struct disk *memdisk_disk(struct memdisk *memdisk)
{
    return &memdisk->disk;
}

void memdisk_watch(struct memdisk *memdisk, void (*hook)(void *context, bool added), void *context)
{
    memdisk->hook = hook;
    memdisk->context = context;
}

void memdisk_fail(struct memdisk *memdisk, struct memdisk_fault fault)
{
    memdisk->fault = fault;
}

void memdisk_forget_handles(struct memdisk *memdisk)
{
    for (int i = 0; i < FILES_MAX; i++) {
        memdisk->files[i].handles = 0;
    }
}

bool memdisk_is_pending(const struct memdisk *memdisk)
{
    return memdisk->change_count > 0;
}

int64_t memdisk_size(const struct memdisk *memdisk, const char *name)
{
    int i = memdisk_find(&memdisk->seen, name);
    return i < 0 ? -ENOENT : (int64_t)memdisk->files[memdisk->seen.list[i].file].size;
}

void memdisk_flip(struct memdisk *memdisk, const char *name, uint64_t bit)
{
    struct file *f = &memdisk->files[memdisk->seen.list[memdisk_find(&memdisk->seen, name)].file];
    uint64_t at = bit / 8;
    struct page **pages[] = { &f->seen[at / PAGE_BYTES], &f->disk[at / PAGE_BYTES] };
    for (int i = 0; i < 2; i++) {
        page_own(pages[i])->data[at % PAGE_BYTES] ^= (uint8_t)(1u << (bit % 8));
    }
}
