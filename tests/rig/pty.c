/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Pseudo-terminals with a stable name, which can vanish and come back like a USB adapter. See
 * rig.h. The link is made under another name and renamed, so that it never points nowhere.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int link_device(const char *device, const char *link)
{
    char unfinished[PATH_MAX];
    if (snprintf(unfinished, sizeof unfinished, "%s.new", link) >= (int)sizeof unfinished) {
        return -ENAMETOOLONG;
    }
    unlink(unfinished);
    if (symlink(device, unfinished) || rename(unfinished, link)) {
        return -errno;
    }
    return 0;
}

static int make_raw(int fd)
{
    struct termios settings;
    if (tcgetattr(fd, &settings)) {
        return -errno;
    }
    cfmakeraw(&settings);
    return tcsetattr(fd, TCSANOW, &settings) ? -errno : 0;
}

int rig_pty_open(struct rig_pty *pty, const char *link)
{
    struct rig_pty made = RIG_PTY_NONE;
    if (strlen(link) >= sizeof made.link) {
        return -ENAMETOOLONG;
    }
    if (openpty(&made.master, &made.slave, NULL, NULL, NULL)) {
        return -errno;
    }
    fcntl(made.master, F_SETFD, FD_CLOEXEC);
    fcntl(made.slave, F_SETFD, FD_CLOEXEC);
    fcntl(made.master, F_SETFL, O_NONBLOCK | O_RDWR);
    int result = -ttyname_r(made.slave, made.device, sizeof made.device);
    if (!result) {
        result = make_raw(made.slave);
    }
    if (!result) {
        result = link_device(made.device, link);
    }
    if (result) {
        close(made.master);
        close(made.slave);
        return result;
    }
    memcpy(made.link, link, strlen(link) + 1);
    *pty = made;
    return 0;
}

void rig_pty_close(struct rig_pty *pty)
{
    char target[sizeof pty->device];
    if (pty->master < 0) {
        return;
    }
    ssize_t n = readlink(pty->link, target, sizeof target - 1);
    if (n > 0) {
        target[n] = 0;
        if (!strcmp(target, pty->device)) {
            unlink(pty->link); /* unless somebody has let it point elsewhere meanwhile */
        }
    }
    close(pty->slave);
    close(pty->master);
    *pty = RIG_PTY_NONE;
}
