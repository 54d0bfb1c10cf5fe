/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Who else has a serial port: its lock (/proc/locks), or just the device open (/proc/PID/fd, as far
 * as this user may look). For messages only; nothing is decided by what /proc shows.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bus/port.h"

/* The process that holds a flock on this file; 0 if /proc/locks does not show it. */
static int lock_owner(const struct stat *st)
{
    char line[256], mine[64];
    int owner = 0;
    FILE *locks = fopen("/proc/locks", "re");
    if (!locks) {
        return 0;
    }
    snprintf(mine, sizeof mine, " %02x:%02x:%llu ", major(st->st_dev), minor(st->st_dev),
             (unsigned long long)st->st_ino);
    while (!owner && fgets(line, sizeof line, locks)) {
        const char *write = strstr(line, "WRITE ");
        if (strstr(line, "FLOCK") && write && strstr(line, mine)) {
            owner = (int)strtol(write + 6, NULL, 10);
        }
    }
    fclose(locks);
    return owner;
}

static bool has_open(const char *pid, dev_t device)
{
    char path[64];
    bool found = false;
    struct stat st;
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *d = opendir(path);
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        found = isdigit((unsigned char)entry->d_name[0]) &&
                fstatat(dirfd(d), entry->d_name, &st, 0) == 0 && S_ISCHR(st.st_mode) &&
                st.st_rdev == device;
    }
    if (d) {
        closedir(d);
    }
    return found;
}

static int opener(dev_t device)
{
    DIR *d = opendir("/proc");
    int pid = 0;
    for (struct dirent *entry; d && !pid && (entry = readdir(d));) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            strtol(entry->d_name, NULL, 10) != getpid() && has_open(entry->d_name, device)) {
            pid = (int)strtol(entry->d_name, NULL, 10);
        }
    }
    if (d) {
        closedir(d);
    }
    return pid;
}

static void describe(int pid, char *words, size_t size)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, name, sizeof name - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    name[n > 0 ? n : 0] = 0;
    name[strcspn(name, "\n")] = 0;
    snprintf(words, size, "pid %d%s%s%s", pid, name[0] ? " (" : "", name, name[0] ? ")" : "");
}

bool port_holder(const struct stat *st, bool locked, char *words, size_t size)
{
    int pid = locked ? lock_owner(st) : 0;
    pid = pid ? pid : opener(st->st_rdev);
    if (pid) {
        describe(pid, words, size);
    }
    return pid != 0;
}
