/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What memdisk.c and memdisk_cut.c share.
 */
#ifndef FILES_MEMDISK_PRIVATE_H
#define FILES_MEMDISK_PRIVATE_H

#include "memdisk.h"
#include "pages.h"

enum { FILES_MAX = 40, NAMES_MAX = 64, FILE_PAGES = 16, DISK_NAME_MAX = 32 };

struct file {
    bool used;
    unsigned handles;
    uint64_t size, disk_size;
    struct page *seen[FILE_PAGES], *disk[FILE_PAGES];
    bool lost[FILE_PAGES]; /* clean for the system, but the medium has something older */
};

struct names {
    size_t count;
    struct name {
        char name[DISK_NAME_MAX];
        int file;
    } list[NAMES_MAX];
};

enum change_kind { CHANGE_WRITE, CHANGE_CREATE, CHANGE_RENAME, CHANGE_REMOVE };

struct change {
    enum change_kind kind;
    int file;
    uint64_t number; /* of the operation: parts of one write have the same */
    /* CHANGE_WRITE: a part of one page, which is not changed afterwards. */
    uint32_t index, offset, len;
    struct page *page;
    uint64_t size; /* of the file */
    char from[DISK_NAME_MAX], to[DISK_NAME_MAX];
};

struct memdisk {
    struct disk disk; /* must be first */
    struct file files[FILES_MAX];
    struct names seen, disk_names;
    struct change *changes; /* in the order they were made */
    size_t change_count, change_capacity;
    uint64_t number;
    struct random random;
    struct memdisk_fault fault;
    void (*hook)(void *context, bool added);
    void *context;
};

int memdisk_find(const struct names *names, const char *name);
void memdisk_link(struct names *names, const char *name, int file);
void memdisk_unlink(struct names *names, int index);
struct change *memdisk_add(struct memdisk *m, enum change_kind kind, int file);
/* Puts a write on the medium: those of the eight sectors of its page that are set. */
void memdisk_apply(struct file *files, const struct change *change, unsigned sectors);

#endif
