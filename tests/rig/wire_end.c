/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The ends of the wire: pseudo-terminals, terminals and loopback TCP. See wire_end.h.
 */
#include "wire_end.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { RETRY_MS = 50 };

static int take_path(const char *text, struct wire_end *end)
{
    size_t length = strlen(text);
    if (!length || length >= sizeof end->path) {
        return -EINVAL;
    }
    memcpy(end->path, text, length + 1);
    return 0;
}

int wire_end_parse(const char *text, bool is_master, struct wire_end *end)
{
    *end = (struct wire_end){ .pty = RIG_PTY_NONE, .data.fd = -1, .listener.fd = -1 };
    if (!strncmp(text, "pty:", 4)) {
        end->kind = WIRE_PTY;
        return take_path(text + 4, end);
    }
    if (!strncmp(text, "tty:", 4) && !is_master) {
        end->kind = WIRE_TTY;
        return take_path(text + 4, end);
    }
    if (!strncmp(text, "tcp:", 4)) {
        end->kind = is_master ? WIRE_LISTEN : WIRE_CONNECT;
        return rig_parse_int(text + 4, is_master ? 0 : 1, 65535, &end->port);
    }
    return -EINVAL;
}

static void end_lost(struct wire_end *end)
{
    rig_unwatch(&end->data);
    end->retry_ns = rig_now_ns() + RETRY_MS * (int64_t)RIG_NS_PER_MS;
}

static void end_ready(void *owner)
{
    struct wire_end *end = owner;
    uint8_t bytes[4096];
    ssize_t n = read(end->data.fd, bytes, sizeof bytes);
    if (n > 0) {
        end->on_bytes(bytes, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        end_lost(end);
    }
}

static int watch_data(struct wire_end *end, int fd)
{
    if (fd < 0) {
        return -errno;
    }
    rig_unwatch(&end->data);
    end->data = (struct rig_watch){ .fd = fd, .on_ready = end_ready, .owner = end };
    return rig_watch(&end->data);
}

static int watch_socket(struct wire_end *end, int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return watch_data(end, fd);
}

static void listener_ready(void *owner)
{
    struct wire_end *end = owner;
    int fd = accept4(end->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        watch_socket(end, fd);
    }
}

static int open_pty(struct wire_end *end)
{
    int result = rig_pty_open(&end->pty, end->path);
    return result ? result : watch_data(end, fcntl(end->pty.master, F_DUPFD_CLOEXEC, 3));
}

static int open_tty(struct wire_end *end)
{
    struct termios settings;
    int fd = open(end->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (tcgetattr(fd, &settings)) {
        int problem = -errno;
        close(fd);
        return problem;
    }
    cfmakeraw(&settings);
    tcsetattr(fd, TCSANOW, &settings);
    return watch_data(end, fd);
}

static int open_listener(struct wire_end *end)
{
    int fd = rig_listen(end->port, &end->port);
    if (fd < 0) {
        return fd;
    }
    end->listener = (struct rig_watch){ .fd = fd, .on_ready = listener_ready, .owner = end };
    return rig_watch(&end->listener);
}

static int open_connection(struct wire_end *end)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)end->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        int problem = -errno;
        close(fd);
        return problem;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return watch_socket(end, fd);
}

int wire_end_open(struct wire_end *end)
{
    switch (end->kind) {
    case WIRE_PTY:
        return open_pty(end);
    case WIRE_LISTEN:
        return open_listener(end);
    case WIRE_TTY:
    case WIRE_CONNECT:
        break;
    }
    end->retry_ns = rig_now_ns();
    return 0;
}

void wire_end_close(struct wire_end *end)
{
    rig_unwatch(&end->data);
    rig_unwatch(&end->listener);
    rig_pty_close(&end->pty);
}

int64_t wire_end_on_time(struct wire_end *end)
{
    if (end->data.fd >= 0 || (end->kind != WIRE_TTY && end->kind != WIRE_CONNECT)) {
        return RIG_NEVER;
    }
    if (rig_now_ns() >= end->retry_ns) {
        if (!(end->kind == WIRE_TTY ? open_tty : open_connection)(end)) {
            return RIG_NEVER;
        }
        end->retry_ns = rig_now_ns() + RETRY_MS * (int64_t)RIG_NS_PER_MS;
    }
    return end->retry_ns;
}

size_t wire_end_write(struct wire_end *end, const uint8_t *bytes, size_t length)
{
    ssize_t n = end->data.fd < 0 ? -1 : write(end->data.fd, bytes, length);
    return n > 0 ? (size_t)n : 0;
}
