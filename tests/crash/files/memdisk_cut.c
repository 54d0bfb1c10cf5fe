/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a power cut leaves of a folder in memory: see memdisk.h. Changes of names of one file keep
 * their order, as journals do; writes do not.
 */
#include <stdlib.h>
#include <string.h>

#include "memdisk_private.h"

enum { ALL_SECTORS = 0xff };

void memdisk_apply(struct file *files, const struct change *change, unsigned sectors)
{
    struct file *f = &files[change->file];
    struct page **page = &f->disk[change->index];
    if (sectors == 0) {
        return;
    }
    f->disk_size = change->size > f->disk_size ? change->size : f->disk_size;
    if (sectors == ALL_SECTORS && change->len == PAGE_BYTES) {
        page_set(page, change->page);
        return;
    }
    uint8_t *data = page_own(page)->data;
    for (uint32_t i = 0; i < PAGE_BYTES / SECTOR_BYTES; i++) {
        uint32_t from = i * SECTOR_BYTES, to = from + SECTOR_BYTES;
        from = from < change->offset ? change->offset : from;
        to = to > change->offset + change->len ? change->offset + change->len : to;
        if ((sectors >> i & 1) && from < to) {
            memcpy(data + from, page_data(change->page) + from, to - from);
        }
    }
}

static void apply_name(struct names *names, const struct change *c)
{
    int i = c->from[0] ? memdisk_find(names, c->from) : -1;
    if (i >= 0 && names->list[i].file == c->file) {
        memdisk_unlink(names, i);
    }
    if (c->to[0]) {
        memdisk_link(names, c->to, c->file);
    }
}

/* ---- which changes reach the medium */

struct draw {
    unsigned cut;
    struct random random;
    unsigned keep_in_8, tear_in_8;
    bool prefix_of_names, names_over;
    bool file_over[FILES_MAX]; /* changes of names of this file that come later are lost */
    uint64_t last_write, torn_at;
};

static struct draw draw_init(const struct memdisk *m, unsigned cut, uint64_t seed)
{
    struct draw d = { .cut = cut, .random = { seed } };
    static const unsigned keep[] = { 4, 6, 7, 8, 2, 1 };
    d.keep_in_8 = keep[random_below(&d.random, sizeof keep / sizeof *keep)];
    d.tear_in_8 = random_one_in(&d.random, 2) ? (unsigned)random_below(&d.random, 6) : 0;
    d.prefix_of_names = random_one_in(&d.random, 2);
    uint64_t sectors = 0;
    for (size_t i = 0; i < m->change_count; i++) {
        const struct change *c = &m->changes[i];
        if (c->kind == CHANGE_WRITE) {
            sectors = c->number == d.last_write && sectors ? sectors + 8 : 8;
            d.last_write = c->number;
        }
    }
    d.torn_at = random_below(&d.random, sectors + 1);
    return d;
}

/* The sectors of one part of a write that reach the medium. */
static unsigned draw_sectors(struct draw *d, const struct change *c)
{
    bool last = c->number == d->last_write;
    switch (d->cut) {
    case CUT_KEEP_ALL:
    case CUT_ONLY_DATA:
        return ALL_SECTORS;
    case CUT_DROP_ALL:
    case CUT_ONLY_NAMES:
        return 0;
    case CUT_ONLY_LAST:
        return last ? ALL_SECTORS : 0;
    case CUT_TEAR_LAST: {
        uint64_t left = d->torn_at < 8 ? d->torn_at : 8;
        d->torn_at -= last ? left : 0;
        return last ? (1u << left) - 1 : ALL_SECTORS;
    }
    default:
        break;
    }
    if (random_below(&d->random, 8) < d->tear_in_8) {
        uint64_t way = random_below(&d->random, 3), at = random_below(&d->random, 9);
        unsigned first = (1u << at) - 1;
        return way == 0   ? first
               : way == 1 ? ALL_SECTORS & ~first
                          : (unsigned)random_below(&d->random, 256);
    }
    return random_below(&d->random, 8) < d->keep_in_8 ? ALL_SECTORS : 0;
}

static bool draw_name(struct draw *d, const struct change *c)
{
    switch (d->cut) {
    case CUT_KEEP_ALL:
    case CUT_TEAR_LAST:
    case CUT_ONLY_NAMES:
        return true;
    case CUT_DROP_ALL:
    case CUT_ONLY_LAST:
    case CUT_ONLY_DATA:
        return false;
    default:
        break;
    }
    bool *over = d->prefix_of_names ? &d->names_over : &d->file_over[c->file];
    *over |= random_one_in(&d->random, 3);
    return !*over;
}

struct memdisk *memdisk_cut(const struct memdisk *memdisk, unsigned cut, uint64_t seed)
{
    struct draw d = draw_init(memdisk, cut, seed);
    struct memdisk *m = memdisk_create(seed);
    m->disk_names = memdisk->disk_names;
    for (int i = 0; i < FILES_MAX; i++) {
        const struct file *from = &memdisk->files[i];
        if (from->used) {
            m->files[i].used = true;
            m->files[i].disk_size = from->disk_size;
            for (size_t k = 0; k < FILE_PAGES; k++) {
                m->files[i].disk[k] = page_ref(from->disk[k]);
            }
        }
    }
    for (size_t i = 0; i < memdisk->change_count; i++) {
        const struct change *c = &memdisk->changes[i];
        if (c->kind == CHANGE_WRITE) {
            memdisk_apply(m->files, c, draw_sectors(&d, c));
        } else if (draw_name(&d, c)) {
            apply_name(&m->disk_names, c);
        }
    }
    m->seen = m->disk_names;
    for (int i = 0; i < FILES_MAX; i++) {
        struct file *f = &m->files[i];
        f->size = f->disk_size;
        for (size_t k = 0; f->used && k < FILE_PAGES; k++) {
            page_set(&f->seen[k], f->disk[k]);
        }
    }
    return m;
}

uint64_t memdisk_hash(const struct memdisk *memdisk)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < memdisk->seen.count; i++) {
        const struct name *name = &memdisk->seen.list[i];
        const struct file *f = &memdisk->files[name->file];
        uint64_t hash = mix(f->size + 1);
        for (const char *c = name->name; *c; c++) {
            hash = mix(hash ^ (uint8_t)*c);
        }
        for (uint64_t k = 0; k < FILE_PAGES; k++) {
            uint64_t page = page_hash(f->seen[k]);
            hash += page ? mix(page ^ (k << 32)) : 0;
        }
        sum += mix(hash);
    }
    return sum;
}
