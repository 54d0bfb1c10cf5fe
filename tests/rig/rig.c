/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Time, numbers, and the event loop of the rig's programs. See rig.h.
 * The loop waits with nanoseconds (epoll_pwait2): a wire at 115200 baud has 95 us a character.
 * Signals are blocked except while it waits, so none is lost between a check and the wait.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32 };

static struct {
    int epoll_fd;
    struct epoll_event batch[BATCH]; /* what the last wait returned and is not handled yet */
    int batch_count;
    sigset_t wait_mask;
} loop = { .epoll_fd = -1 };

static volatile sig_atomic_t stop_wanted, report_wanted;

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * RIG_NS_PER_S + t.tv_nsec;
}

int64_t rig_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t rig_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int rig_parse_int(const char *text, int min, int max, int *ret_value)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < min || value > max) {
        return -EINVAL;
    }
    *ret_value = (int)value;
    return 0;
}

int rig_parse_double(const char *text, double min, double max, double *ret_value)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= min && value <= max)) {
        return -EINVAL;
    }
    *ret_value = value;
    return 0;
}

int rig_write_all(int fd, const void *data, size_t length)
{
    const uint8_t *at = data;
    while (length) {
        ssize_t n = write(fd, at, length);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd slow = { .fd = fd, .events = POLLOUT };
            if (poll(&slow, 1, 1000) == 1) {
                continue;
            }
            return -EAGAIN;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            at += n;
            length -= (size_t)n;
        }
    }
    return 0;
}

int rig_write_number(const char *path, int number)
{
    char unfinished[PATH_MAX];
    if (snprintf(unfinished, sizeof unfinished, "%s.new", path) >= (int)sizeof unfinished) {
        return -ENAMETOOLONG;
    }
    FILE *f = fopen(unfinished, "we");
    if (!f) {
        return -errno;
    }
    fprintf(f, "%d\n", number);
    if (fclose(f) || rename(unfinished, path)) {
        return -errno;
    }
    return 0;
}

int rig_listen(int port, int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 128) ||
        getsockname(fd, (struct sockaddr *)&address, &length)) {
        int problem = -errno;
        close(fd);
        return problem;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

void rig_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* ---- the loop */

static void on_signal(int number)
{
    if (number == SIGUSR1) {
        report_wanted = 1;
    } else {
        stop_wanted = 1;
    }
}

void rig_init(void)
{
    static const int caught[] = { SIGTERM, SIGINT, SIGUSR1 };
    struct sigaction action = { .sa_handler = on_signal };
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        sigaddset(&blocked, caught[i]);
        sigaction(caught[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &blocked, &loop.wait_mask);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        sigdelset(&loop.wait_mask, caught[i]);
    }
    prctl(PR_SET_TIMERSLACK, 1);
    loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll_fd < 0) {
        rig_fail("rig: epoll: %s", strerror(errno));
    }
}

int rig_watch(struct rig_watch *watch)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };
    return epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

void rig_unwatch(struct rig_watch *watch)
{
    if (watch->fd < 0) {
        return;
    }
    epoll_ctl(loop.epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    close(watch->fd);
    watch->fd = -1;
    for (int i = 0; i < loop.batch_count; i++) {
        if (loop.batch[i].data.ptr == watch) {
            loop.batch[i].data.ptr = NULL; /* its event came in the same batch: forget it */
        }
    }
}

static void wait_until(int64_t due_ns)
{
    struct timespec time_left = { 0 }, *timeout = NULL;
    if (due_ns != RIG_NEVER) {
        int64_t left_ns = due_ns - rig_now_ns();
        if (left_ns > 0) {
            time_left.tv_sec = left_ns / RIG_NS_PER_S;
            time_left.tv_nsec = left_ns % RIG_NS_PER_S;
        }
        timeout = &time_left;
    }
    int count = epoll_pwait2(loop.epoll_fd, loop.batch, BATCH, timeout, &loop.wait_mask);
    loop.batch_count = count > 0 ? count : 0;
    for (int i = 0; i < loop.batch_count; i++) {
        struct rig_watch *watch = loop.batch[i].data.ptr;
        if (watch) {
            watch->on_ready(watch->owner);
        }
    }
    loop.batch_count = 0;
}

void rig_run(int64_t (*on_time)(void), void (*on_report)(void))
{
    while (!stop_wanted) {
        wait_until(on_time());
        if (report_wanted) {
            report_wanted = 0;
            on_report();
        }
    }
}

void rig_stop(void)
{
    stop_wanted = 1;
}
