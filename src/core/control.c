/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The control socket {ram}/control: whoever connects is told version and pid, which proves that
 * core is here and its loop turns. All else that `weir status` shows stands in the pages.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/private.h"

int control_open(struct core *core)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/control", core->settings.ram);
    if (n < 0 || (size_t)n >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    unlink(address.sun_path); /* we hold the lock, so it is nobody's */
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    const struct group *group = getgrnam("weir");
    if (group && chown(address.sun_path, (uid_t)-1, group->gr_gid) != 0) {
        /* not ours to give away: only our own user then */
    }
    chmod(address.sun_path, 0660);
    core->control_fd = fd;
    return 0;
}

void control_serve(struct core *core)
{
    char line[64];
    int fd = accept4(core->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        int n = snprintf(line, sizeof line, "weir %s %d\n", WEIR_VERSION, (int)getpid());
        send(fd, line, (size_t)n, MSG_NOSIGNAL);
        close(fd);
    }
}
