/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The locks on weir's folders: an flock() with a pid for people. The one on flash is taken by a
 * process of its own that hands the descriptor over, because a card may answer late or never, and
 * core waits for no card.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/say.h"
#include "core/private.h"
#include "log/folder.h"

enum { PATIENCE_MS = 5000 };

static int take(const char *path, pid_t holder, int *ret_fd)
{
    char file[FOLDER_PATH_MAX], text[24] = "";
    int r = folder_make(path);
    if (r < 0) {
        say(SAY_ERROR, "cannot make %s: %s", path, strerror(-r));
        return r;
    }
    snprintf(file, sizeof file, "%s/lock", path);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        fd = open(file, O_RDONLY | O_CLOEXEC); /* a read-only card can be locked all the same */
    }
    if (fd < 0) {
        say(SAY_ERROR, "cannot open %s: %s", file, strerror(errno));
        return -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? strcspn(text, "\n") : 0] = 0;
        say(SAY_ERROR, "%s is in use by another weir, pid %s", path, text);
        close(fd);
        return -EWOULDBLOCK;
    }
    int n = snprintf(text, sizeof text, "%d\n", (int)holder);
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) < 0) {
        say(SAY_WARNING, "cannot write %s: %s", file, strerror(errno));
    }
    *ret_fd = fd;
    return 0;
}

int lock_ram(const char *path, int *ret_fd)
{
    return take(path, getpid(), ret_fd);
}

/* One message: the result, and the descriptor if there is one. */
union rights {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

static void hand_over(int sock, int result, int fd)
{
    union rights rights = { .room = { 0 } };
    struct iovec part = { &result, sizeof result };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (result == 0) {
        message.msg_control = rights.room;
        message.msg_controllen = sizeof rights.room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    sendmsg(sock, &message, MSG_NOSIGNAL);
}

static int receive(int sock, int *ret_fd)
{
    int result = -EIO;
    union rights rights;
    struct iovec part = { &result, sizeof result };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = rights.room,
                              .msg_controllen = sizeof rights.room };
    struct pollfd fd = { sock, POLLIN, 0 };
    if (poll(&fd, 1, PATIENCE_MS) != 1) {
        return -ETIMEDOUT;
    }
    if (recvmsg(sock, &message, MSG_CMSG_CLOEXEC) != sizeof result || result < 0) {
        return result < 0 ? result : -EIO;
    }
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (!head || head->cmsg_type != SCM_RIGHTS) {
        return -EIO;
    }
    memcpy(ret_fd, CMSG_DATA(head), sizeof *ret_fd);
    return 0;
}

int lock_flash(const char *path, int *ret_fd)
{
    int pair[2], fd = -1;
    pid_t self = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        int result = take(path, self, &fd);
        hand_over(pair[1], result, fd);
        _exit(0);
    }
    close(pair[1]);
    int r = pid < 0 ? -errno : receive(pair[0], ret_fd);
    close(pair[0]);
    if (r == -ETIMEDOUT) {
        say(SAY_ERROR, "%s does not answer: going on without its lock", path);
        kill(pid, SIGKILL); /* ends once the card lets go of it; the loop reaps it */
    } else if (pid > 0) {
        waitpid(pid, NULL, WNOHANG);
    }
    return r;
}
