/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Preloaded into weir by `./dev crash kill`: notes what a power cut could take away, and makes a
 * boot of its own.
 *
 * Before a file of the folder $WEIR_CUT_FOLDER is written, what stood there goes into a log below
 * $WEIR_CUT_LOGS; before a name changes, so does that; a sync that has returned is noted too. What
 * has no sync behind it in the logs is what the power may take: cut.py takes some of it away again.
 * A file that is removed is kept under its inode number. One log a process, named so that they sort
 * by time; an entry is a struct entry and its bytes. The process may be killed anywhere: an entry
 * that is not whole is of a write that did not happen.
 *
 * The kernel's boot id is read from $WEIR_BOOT_ID: after a power cut it is another boot.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#undef open64
#undef openat64
#undef pwrite64

enum { FDS = 1024, NAME_BYTES = 64 };

enum entry_kind {
    WRITTEN = 'W', /* at `at` of `inode` stood these bytes, and the file had `size` */
    SYNCED = 'S',  /* all of `inode` */
    RENAMED = 'R', /* two names of NAME_BYTES */
    CREATED = 'C', /* a name */
    REMOVED = 'U', /* a name */
    FOLDER_SYNCED = 'D',
};

struct entry {
    uint32_t kind, len;
    uint64_t inode, at, size;
};

static struct {
    uint64_t inodes[FDS]; /* of descriptors that are open for writing in the folder */
    dev_t device;
    ino_t folder; /* 0: not known yet */
    const char *logs;
    int log;
} cut = { .log = -1 };

#define REAL(name)                                                                                 \
    static __typeof__(&name) real_##name;                                                          \
    if (!real_##name) {                                                                            \
        *(void **)&real_##name = dlsym(RTLD_NEXT, #name);                                          \
    }

int open64(const char *path, int flags, ...);
int openat64(int folder, const char *path, int flags, ...);
ssize_t pwrite64(int fd, const void *buf, size_t len, off_t at);

/* ---- the log */

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "cut.so: %s: %s\n", what, strerror(errno));
    abort();
}

static void open_log(void)
{
    REAL(open64)
    char path[256];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(path, sizeof path, "%s/%012lld.%09ld.log", cut.logs, (long long)now.tv_sec,
             now.tv_nsec);
    cut.log = real_open64(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (cut.log < 0) {
        fail(path);
    }
}

static void note(struct entry entry, const void *bytes)
{
    if (cut.log < 0) {
        open_log();
    }
    char *all = malloc(sizeof entry + entry.len);
    if (!all) {
        fail("note");
    }
    memcpy(all, &entry, sizeof entry);
    if (entry.len) {
        memcpy(all + sizeof entry, bytes, entry.len);
    }
    ssize_t len = (ssize_t)(sizeof entry + entry.len);
    if (write(cut.log, all, (size_t)len) != len) {
        fail("the log");
    }
    free(all);
}

static void note_names(enum entry_kind kind, uint64_t inode, const char *first, const char *second)
{
    char names[2 * NAME_BYTES] = { 0 };
    snprintf(names, NAME_BYTES, "%s", first);
    snprintf(names + NAME_BYTES, NAME_BYTES, "%s", second);
    note((struct entry){ .kind = kind, .len = sizeof names, .inode = inode }, names);
}

/* ---- which calls matter */

static bool is_folder(int fd)
{
    struct stat st;
    if (!cut.folder) {
        const char *path = getenv("WEIR_CUT_FOLDER");
        cut.logs = getenv("WEIR_CUT_LOGS");
        if (!path || !cut.logs || stat(path, &st) != 0) {
            return false;
        }
        cut.folder = st.st_ino;
        cut.device = st.st_dev;
    }
    return fstat(fd, &st) == 0 && st.st_ino == cut.folder && st.st_dev == cut.device;
}

static uint64_t inode_at(int folder, const char *name)
{
    struct stat st;
    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* Keeps a file that is about to lose its name. */
static void keep(int folder, const char *name)
{
    char path[256];
    uint64_t inode = inode_at(folder, name);
    snprintf(path, sizeof path, "%s/kept-%llu", cut.logs, (unsigned long long)inode);
    if (linkat(folder, name, AT_FDCWD, path, 0) != 0 && errno != EEXIST) {
        fail(path);
    }
    note_names(REMOVED, inode, name, "");
}

/* ---- the calls */

static int open_in_folder(int folder, const char *name, int flags, mode_t mode)
{
    REAL(openat64)
    REAL(unlinkat)
    if ((flags & O_CREAT) && inode_at(folder, name)) {
        keep(folder, name); /* emptied in place would be gone for good */
        real_unlinkat(folder, name, 0);
    }
    if (flags & O_CREAT) {
        note_names(CREATED, 0, name, "");
    }
    int fd = real_openat64(folder, name, flags, mode);
    struct stat st;
    if (fd >= 0 && fd < FDS && fstat(fd, &st) == 0) {
        cut.inodes[fd] = st.st_ino;
    }
    return fd;
}

int openat64(int folder, const char *path, int flags, ...)
{
    REAL(openat64)
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    if ((flags & O_ACCMODE) != O_RDONLY && folder >= 0 && is_folder(folder)) {
        return open_in_folder(folder, path, flags, mode);
    }
    return real_openat64(folder, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    REAL(open64)
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    const char *boot = getenv("WEIR_BOOT_ID");
    if (boot && !strcmp(path, "/proc/sys/kernel/random/boot_id")) {
        path = boot;
    }
    return real_open64(path, flags, mode);
}

static bool is_ours(int fd)
{
    return fd >= 0 && fd < FDS && cut.inodes[fd];
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off_t at)
{
    REAL(pwrite64)
    struct stat st;
    if (is_ours(fd) && fstat(fd, &st) == 0) {
        char *before = calloc(1, len + 1); /* zeros behind the end */
        if (!before || pread(fd, before, len, at) < 0) {
            fail("reading what is written over");
        }
        note((struct entry){ WRITTEN, (uint32_t)len, cut.inodes[fd], (uint64_t)at,
                             (uint64_t)st.st_size },
             before);
        free(before);
    }
    return real_pwrite64(fd, buf, len, at);
}

int fdatasync(int fd)
{
    REAL(fdatasync)
    int r = real_fdatasync(fd);
    if (r == 0 && is_ours(fd)) {
        note((struct entry){ .kind = SYNCED, .inode = cut.inodes[fd] }, NULL);
    }
    return r;
}

int fsync(int fd)
{
    REAL(fsync)
    int r = real_fsync(fd);
    if (r == 0 && is_ours(fd)) {
        note((struct entry){ .kind = SYNCED, .inode = cut.inodes[fd] }, NULL);
    } else if (r == 0 && is_folder(fd)) {
        note((struct entry){ .kind = FOLDER_SYNCED }, NULL);
    }
    return r;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    REAL(renameat)
    if (is_folder(to_folder)) {
        if (inode_at(to_folder, to)) {
            keep(to_folder, to);
        }
        note_names(RENAMED, inode_at(from_folder, from), from, to);
    }
    return real_renameat(from_folder, from, to_folder, to);
}

int unlinkat(int folder, const char *name, int flags)
{
    REAL(unlinkat)
    if (is_folder(folder) && inode_at(folder, name)) {
        keep(folder, name);
    }
    return real_unlinkat(folder, name, flags);
}

int close(int fd)
{
    REAL(close)
    if (fd >= 0 && fd < FDS) {
        cut.inodes[fd] = 0;
    }
    return real_close(fd);
}
