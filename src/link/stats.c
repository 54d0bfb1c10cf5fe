/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Shared pages: see stats.h.
 */
#include "link/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int page_path(const char *ram, const char *role, const char *name, char path[512])
{
    int n = snprintf(path, 512, "%s/stats/%s%s%s", ram, role, name[0] ? "." : "", name);
    return n < 0 || n >= 512 ? -ENAMETOOLONG : 0;
}

int stats_create(const char *ram, const char *role, const char *name, uint32_t size, int *ret_fd)
{
    char path[512];
    int r = page_path(ram, role, name, path);
    int fd = r < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (r == 0 && (fd < 0 || ftruncate(fd, size) != 0 || fallocate(fd, 0, 0, size) != 0)) {
        r = -errno;
        if (fd >= 0) {
            close(fd);
        }
        /* A full tmpfs must not keep a bus from starting: its page is private then. */
        fd = memfd_create("weir-stats", MFD_CLOEXEC);
        r = fd >= 0 && ftruncate(fd, size) == 0 ? 0 : r;
    }
    if (r == 0) {
        *ret_fd = fd;
    }
    return r;
}

void *stats_map(int fd, uint32_t size, int writable)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *page = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }
    struct stats_head *head = page;
    if (writable && (head->layout != STATS_LAYOUT || head->size != size)) {
        memset(page, 0, size);
        head->layout = STATS_LAYOUT;
        head->size = size;
    }
    return page;
}

const void *stats_open(const char *ram, const char *role, const char *name, uint32_t size)
{
    char path[512];
    struct stat st;
    if (page_path(ram, role, name, path) < 0) {
        return NULL;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    const struct stats_head *head = NULL;
    if (fstat(fd, &st) == 0 && st.st_size >= (off_t)size) {
        head = stats_map(fd, size, 0);
    }
    close(fd);
    if (head && (head->layout != STATS_LAYOUT || head->size != size)) {
        stats_unmap(head, size);
        head = NULL;
    }
    return head;
}

void stats_unmap(const void *page, uint32_t size)
{
    if (page) {
        munmap((void *)(uintptr_t)page, size);
    }
}

void stats_text(char *to, uint32_t size, const char *from)
{
    size_t len = strnlen(from, size - 1);
    memmove(to, from, len);
    memset(to + len, 0, size - len);
}
