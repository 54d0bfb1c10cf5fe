/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A real folder as a disk: see disk.h. Handles are file descriptors.
 */
#include "log/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { LOOK_BLOCK = 4096 };

struct folder {
    struct disk disk; /* must be first */
    int fd;
};

static int fd_of(struct disk *disk)
{
    return ((struct folder *)disk)->fd;
}

static int folder_list(struct disk *disk, void (*visit)(void *context, const char *name),
                       void *context)
{
    int fd = openat(fd_of(disk), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int r = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return r;
    }
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') {
            visit(context, entry->d_name);
        }
        errno = 0;
    }
    int r = -errno;
    closedir(dir);
    return r;
}

static int folder_open(struct disk *disk, const char *name, enum disk_mode mode)
{
    static const int flags[] = {
        [DISK_READ] = O_RDONLY, [DISK_WRITE] = O_RDWR, [DISK_CREATE] = O_RDWR | O_CREAT | O_TRUNC
    };
    int fd = openat(fd_of(disk), name, flags[mode] | O_CLOEXEC, 0640);
    return fd < 0 ? -errno : fd;
}

static void folder_close(struct disk *disk, int handle)
{
    close(handle);
}

static int64_t folder_read(struct disk *disk, int handle, void *buf, size_t len, uint64_t at)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(handle, (char *)buf + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : (int64_t)done;
        }
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int folder_write(struct disk *disk, int handle, const void *buf, size_t len, uint64_t at)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pwrite(handle, (const char *)buf + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -ENOSPC;
        }
        done += (size_t)n;
    }
    return 0;
}

static int folder_sync(struct disk *disk, int handle)
{
    return fdatasync(handle) == 0 ? 0 : -errno;
}

static int folder_sync_folder(struct disk *disk)
{
    return fsync(fd_of(disk)) == 0 ? 0 : -errno;
}

static int folder_rename(struct disk *disk, const char *from, const char *to)
{
    return renameat(fd_of(disk), from, fd_of(disk), to) == 0 ? 0 : -errno;
}

static int folder_remove(struct disk *disk, const char *name)
{
    return unlinkat(fd_of(disk), name, 0) == 0 ? 0 : -errno;
}

static int folder_space(struct disk *disk, uint64_t *ret_free)
{
    struct statvfs fs;
    if (fstatvfs(fd_of(disk), &fs) != 0) {
        return -errno;
    }
    *ret_free = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

static void folder_destroy(struct disk *disk)
{
    close(fd_of(disk));
    free(disk);
}

static int open_folder(const char *path, const struct disk_ops *ops, struct disk **ret_disk)
{
    struct folder *folder = calloc(1, sizeof *folder);
    if (!folder) {
        return -ENOMEM;
    }
    folder->disk.ops = ops;
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) {
        int r = -errno;
        free(folder);
        return r;
    }
    *ret_disk = &folder->disk;
    return 0;
}

int disk_folder(const char *path, struct disk **ret_disk)
{
    static const struct disk_ops ops = { folder_list,        folder_open,   folder_close,
                                         folder_read,        folder_write,  folder_sync,
                                         folder_sync_folder, folder_rename, folder_remove,
                                         folder_space,       folder_destroy };
    return open_folder(path, &ops, ret_disk);
}

/* ---- only looking */

static int look_open(struct disk *disk, const char *name, enum disk_mode mode)
{
    return mode == DISK_READ ? folder_open(disk, name, mode) : -EROFS;
}

static int64_t look_read(struct disk *disk, int handle, void *buf, size_t len, uint64_t at)
{
    int64_t n = folder_read(disk, handle, buf, len, at);
    if (n != -EIO) {
        return n;
    }
    size_t done = 0;
    while (done < len) { /* one by one: only the bad ones are lost */
        size_t part = LOOK_BLOCK - (size_t)((at + done) % LOOK_BLOCK);
        part = part < len - done ? part : len - done;
        n = folder_read(disk, handle, (char *)buf + done, part, at + done);
        if (n == -EIO) {
            memset((char *)buf + done, 0, part);
            disk->bad_blocks++;
            n = (int64_t)part;
        }
        if (n <= 0) {
            return n < 0 ? n : (int64_t)done;
        }
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int look_write(struct disk *disk, int handle, const void *buf, size_t len, uint64_t at)
{
    return -EROFS;
}

static int look_sync(struct disk *disk, int handle)
{
    return -EROFS;
}

static int look_sync_folder(struct disk *disk)
{
    return -EROFS;
}

static int look_rename(struct disk *disk, const char *from, const char *to)
{
    return -EROFS;
}

static int look_remove(struct disk *disk, const char *name)
{
    return -EROFS;
}

int disk_look(const char *path, struct disk **ret_disk)
{
    static const struct disk_ops ops = { folder_list, look_open,    folder_close,     look_read,
                                         look_write,  look_sync,    look_sync_folder, look_rename,
                                         look_remove, folder_space, folder_destroy };
    return open_folder(path, &ops, ret_disk);
}
