/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Is the card still there? See disk_answers() in disk.h. The page cache answers for a card that was
 * pulled out, so it is passed by.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "log/disk.h"

enum { LOOK_BLOCK = 4096, TRIES = 8 };

/* Past the page cache, where there is a way past it. */
static bool is_readable(int folder, const char *name)
{
    _Alignas(LOOK_BLOCK) char block[LOOK_BLOCK];
    int fd = openat(folder, name, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0 && errno == EINVAL) {
        fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    }
    ssize_t n = fd < 0 ? -1 : pread(fd, block, sizeof block, 0);
    if (fd >= 0) {
        close(fd);
    }
    return n > 0;
}

int disk_answers(const char *path)
{
    DIR *dir = opendir(path);
    int found = dir ? -ENOENT : -errno;
    int tries = 0;
    for (struct dirent *entry; dir && found != 1 && tries < TRIES && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') {
            tries++;
            found = is_readable(dirfd(dir), entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return found;
}
