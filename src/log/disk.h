/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The file layer under the spool: the handful of operations on one folder that everything durable
 * is made of. In service it is the folder itself (disk_folder()); the crash campaigns put a folder
 * in memory here, which forgets, tears and reorders what was not synced.
 *
 * All functions return 0 or more, or a negative errno. Names are file names in the folder.
 */
#ifndef LOG_DISK_H
#define LOG_DISK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_mode { DISK_READ, DISK_WRITE, DISK_CREATE /* new and empty */ };

struct disk;

struct disk_ops {
    int (*list)(struct disk *disk, void (*visit)(void *context, const char *name), void *context);
    int (*open)(struct disk *disk, const char *name, enum disk_mode mode); /* a handle */
    void (*close)(struct disk *disk, int handle);
    /* Bytes read; fewer than `len` only at the end of the file. */
    int64_t (*read)(struct disk *disk, int handle, void *buf, size_t len, uint64_t at);
    /* All of it, or an error; after an error any part may have been written. */
    int (*write)(struct disk *disk, int handle, const void *buf, size_t len, uint64_t at);
    int (*sync)(struct disk *disk, int handle); /* fdatasync */
    int (*sync_folder)(struct disk *disk);      /* creations, renames, removals */
    int (*rename)(struct disk *disk, const char *from, const char *to);
    int (*remove)(struct disk *disk, const char *name);
    int (*space)(struct disk *disk, uint64_t *ret_free); /* bytes that may still be used */
    void (*destroy)(struct disk *disk);
};

struct disk {
    const struct disk_ops *ops;
    uint64_t bad_blocks; /* of a disk that only looks: so many were given as zeros */
};

/* The folder at `path`, which must exist. */
int disk_folder(const char *path, struct disk **ret_disk);
/* The same for those who only look: nothing can be changed (-EROFS), and blocks of 4,096 bytes that
 * the medium cannot read come as zeros, so that a bad spot is damage in its place and not the end
 * of all reading. */
int disk_look(const char *path, struct disk **ret_disk);

/* Can anything in the folder at `path` be read from the medium itself? 1: yes; 0: no, nothing of
 * what is there; negative: the folder cannot be read or (-ENOENT) has no files. Tells a card with
 * bad spots from one that is gone. */
int disk_answers(const char *path);

/* Errors that say something about this process, not about the file. */
static inline bool disk_error_is_ours(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

static inline void disk_destroy(struct disk *disk)
{
    if (disk) {
        disk->ops->destroy(disk);
    }
}

#endif
