/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Opening a serial line. Drivers lie: a tty without hardware opens well and fails later (EIO), and
 * some accept a parity and keep another. So everything is asked back, and what was not kept is
 * refused. A pseudo-terminal has no wire and no parity: there it is a warning.
 */
#include "bus/port.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/serial.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

enum { PTY_MAJOR_FIRST = 136, PTY_MAJOR_LAST = 143 };

static const struct {
    int64_t baud;
    speed_t speed;
} speeds[] = {
    { 50, B50 },           { 75, B75 },           { 110, B110 },         { 134, B134 },
    { 150, B150 },         { 200, B200 },         { 300, B300 },         { 600, B600 },
    { 1200, B1200 },       { 1800, B1800 },       { 2400, B2400 },       { 4800, B4800 },
    { 9600, B9600 },       { 19200, B19200 },     { 38400, B38400 },     { 57600, B57600 },
    { 115200, B115200 },   { 230400, B230400 },   { 460800, B460800 },   { 500000, B500000 },
    { 576000, B576000 },   { 921600, B921600 },   { 1000000, B1000000 }, { 1152000, B1152000 },
    { 1500000, B1500000 }, { 2000000, B2000000 }, { 2500000, B2500000 }, { 3000000, B3000000 },
    { 3500000, B3500000 }, { 4000000, B4000000 },
};

static const tcflag_t frame_bits = CSIZE | PARENB | PARODD | CMSPAR | CSTOPB;

static int say_why(struct port_opened *opened, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int say_why(struct port_opened *opened, int result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(opened->words, sizeof opened->words, format, args);
    va_end(args);
    return result;
}

static bool find_speed(int64_t baud, speed_t *ret_speed)
{
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        if (speeds[i].baud == baud) {
            *ret_speed = speeds[i].speed;
            return true;
        }
    }
    return false;
}

static tcflag_t wanted_frame(const struct port_config *config)
{
    static const tcflag_t sizes[] = { CS5, CS6, CS7, CS8 };
    static const tcflag_t parities[] = { [CONFIG_PARITY_NONE] = 0,
                                         [CONFIG_PARITY_EVEN] = PARENB,
                                         [CONFIG_PARITY_ODD] = PARENB | PARODD };
    int64_t bits = config->data_bits >= 5 && config->data_bits <= 8 ? config->data_bits : 8;
    return sizes[bits - 5] | parities[config->parity] | (config->stop_bits == 2 ? CSTOPB : 0);
}

/* "8N1" */
static void frame_text(tcflag_t flags, char text[4])
{
    static const char digits[] = "5678";
    tcflag_t size = flags & CSIZE;
    text[0] = digits[size == CS5 ? 0 : size == CS6 ? 1 : size == CS7 ? 2 : 3];
    text[1] = flags & PARENB ? (flags & PARODD ? 'O' : 'E') : 'N';
    text[2] = flags & CSTOPB ? '2' : '1';
    text[3] = 0;
}

static void driver_name(const struct stat *st, char *name, size_t size)
{
    char path[64], target[PATH_MAX];
    snprintf(path, sizeof path, "/sys/dev/char/%u:%u/device/driver", major(st->st_rdev),
             minor(st->st_rdev));
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    const char *slash = strrchr(target, '/');
    snprintf(name, size, "%s", slash ? slash + 1 : "unknown");
}

/* Root passes the mark of another program (TIOCEXCL), so it is asked for. */
static int take_lock(int fd, const struct stat *st, bool pty, struct port_opened *opened)
{
    char who[64] = "another program";
    int marked = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 ||
        (!pty && ioctl(fd, TIOCGEXCL, &marked) == 0 && marked)) {
        port_holder(st, !marked, who, sizeof who);
        return say_why(opened, -EBUSY, "in use by %s", who);
    }
    /* The mark stays as long as anybody has the tty open. A pty's other user may be the simulator
     * that made it, and would keep a killed bus from opening it again. */
    if (!pty) {
        ioctl(fd, TIOCEXCL);
    }
    return 0;
}

/* Somebody who takes no locks (a console, a modem manager) would steal bytes. */
static void look_for_others(const struct stat *st, bool pty, struct port_opened *opened)
{
    char who[64];
    size_t len = strlen(opened->note);
    if (!pty && port_holder(st, false, who, sizeof who)) {
        snprintf(opened->note + len, sizeof opened->note - len, " (also open in %s)", who);
        opened->warned = true;
    }
}

/* Replies of a few bytes must not wait 16 ms in a USB adapter; who cannot, says so and is not asked
 * again. */
static void want_low_latency(int fd)
{
    struct serial_struct serial;
    const int flag = (int)ASYNC_LOW_LATENCY;
    if (ioctl(fd, TIOCGSERIAL, &serial) == 0 && !(serial.flags & flag)) {
        serial.flags |= flag;
        ioctl(fd, TIOCSSERIAL, &serial);
    }
}

static int apply(int fd, const struct port_config *config, struct termios *ret_got,
                 struct port_opened *opened)
{
    struct termios t;
    speed_t speed;
    if (!find_speed(config->baud, &speed)) {
        return say_why(opened, -EINVAL, "%lld is no standard baud rate", (long long)config->baud);
    }
    if (tcgetattr(fd, &t) != 0) {
        return errno == EIO      ? say_why(opened, -EIO, "no hardware behind it")
               : errno == ENOTTY ? say_why(opened, -ENOTTY, "not a serial port")
                                 : say_why(opened, -errno, "%s", strerror(errno));
    }
    cfmakeraw(&t);
    t.c_cflag &= ~(frame_bits | CRTSCTS | HUPCL);
    t.c_cflag |= CLOCAL | CREAD | wanted_frame(config);
    t.c_cc[VMIN] = 1; /* so that a read of nothing is EAGAIN, and 0 bytes mean the end */
    t.c_cc[VTIME] = 0;
    cfsetispeed(&t, speed);
    cfsetospeed(&t, speed);
    if (tcsetattr(fd, TCSANOW, &t) != 0 || tcgetattr(fd, ret_got) != 0) {
        return say_why(opened, -errno, "line settings refused: %s", strerror(errno));
    }
    return 0;
}

/* tcsetattr succeeds if it could do anything at all: so what has become of it? */
static int check_kept(const struct port_config *config, const struct termios *got,
                      const struct stat *st, bool pty, struct port_opened *opened)
{
    char asked[4], kept[4], driver[64];
    speed_t speed = B0;
    find_speed(config->baud, &speed);
    tcflag_t wanted = wanted_frame(config);
    frame_text(wanted, asked);
    frame_text(got->c_cflag, kept);
    driver_name(st, driver, sizeof driver);
    snprintf(opened->note, sizeof opened->note, "%s %lld %s", config->path, (long long)config->baud,
             asked);
    if (cfgetospeed(got) != speed || cfgetispeed(got) != speed) {
        return say_why(opened, -EINVAL, "driver %s does not do %lld baud", driver,
                       (long long)config->baud);
    }
    if ((got->c_cflag & frame_bits) == wanted) {
        return 0;
    }
    if (!pty) {
        return say_why(opened, -EINVAL, "driver %s made %s of %s", driver, kept, asked);
    }
    snprintf(opened->note, sizeof opened->note, "%s %lld %s (pseudo-terminal: is %s)", config->path,
             (long long)config->baud, asked, kept);
    opened->warned = true;
    return 0;
}

static int set_up(int fd, const struct port_config *config, bool listen, struct port_opened *opened)
{
    struct stat st;
    struct termios got;
    if (fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode)) {
        return say_why(opened, -ENOTTY, "not a serial port");
    }
    bool pty = major(st.st_rdev) >= PTY_MAJOR_FIRST && major(st.st_rdev) <= PTY_MAJOR_LAST;
    int r = take_lock(fd, &st, pty, opened);
    if (r == 0) {
        r = apply(fd, config, &got, opened);
    }
    if (r == 0) {
        r = check_kept(config, &got, &st, pty, opened);
    }
    if (r == 0) {
        char driver[64];
        driver_name(&st, driver, sizeof driver);
        r = port_lines_set(fd, config, driver, opened);
    }
    if (r == 0) {
        look_for_others(&st, pty, opened);
        want_low_latency(fd);
        tcflush(fd, listen ? TCOFLUSH : TCIOFLUSH);
    }
    return r;
}

int port_serial_open(const struct port_config *config, bool listen, struct port_opened *opened)
{
    struct stat st;
    opened->warned = false;
    int fd = open(config->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == EBUSY) {
        char who[64] = "another program";
        if (stat(config->path, &st) == 0) {
            port_holder(&st, true, who, sizeof who);
        }
        return say_why(opened, -EBUSY, "in use by %s", who);
    }
    if (fd < 0) {
        return errno == EIO      ? say_why(opened, -EIO, "no hardware behind it")
               : errno == ENOENT ? say_why(opened, -ENOENT, "not there")
                                 : say_why(opened, -errno, "%s", strerror(errno));
    }
    int r = set_up(fd, config, listen, opened);
    if (r < 0) {
        if (r == -EBUSY) {
            close(fd); /* the mark is not ours */
        } else {
            port_serial_close(fd);
        }
        return r;
    }
    opened->fd = fd;
    return 0;
}

int port_serial_baud(int fd, int64_t baud)
{
    struct termios t;
    speed_t speed;
    if (!find_speed(baud, &speed)) {
        return -EINVAL;
    }
    if (tcgetattr(fd, &t) != 0 || cfsetispeed(&t, speed) != 0 || cfsetospeed(&t, speed) != 0 ||
        tcsetattr(fd, TCSADRAIN, &t) != 0 || tcgetattr(fd, &t) != 0) {
        return -errno;
    }
    return cfgetospeed(&t) == speed ? 0 : -EINVAL;
}

void port_serial_close(int fd)
{
    ioctl(fd, TIOCNXCL);
    close(fd);
}

/* Watches the folder of `path`, or the nearest one above it that exists. */
static void watch_folder(int watch_fd, const char *path)
{
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder) {
        return;
    }
    for (char *slash = strrchr(folder, '/'); slash; slash = strrchr(folder, '/')) {
        slash[slash == folder] = 0; /* the root keeps its slash */
        uint32_t events = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF;
        if (inotify_add_watch(watch_fd, folder, events) >= 0 || slash == folder) {
            return;
        }
    }
}

int port_serial_watch(const char *path)
{
    char target[PATH_MAX], resolved[2 * PATH_MAX];
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    watch_folder(fd, path);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n > 0) {
        target[n] = 0;
        const char *slash = strrchr(path, '/');
        int folder = slash && target[0] != '/' ? (int)(slash - path) + 1 : 0;
        snprintf(resolved, sizeof resolved, "%.*s%s", folder, path, target);
        watch_folder(fd, resolved);
    }
    return fd;
}
