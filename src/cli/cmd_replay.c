/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir replay FILE LINK`: plays a capture (wire.txt of `weir trace --write`) to whoever opens
 * LINK, a pseudo-terminal: the device of the capture, as far as it was heard. A gateway whose bus
 * has this port sees what the one that was traced saw, through the same adapter, model and queue.
 *
 *   0.034567 << 01 03 04 ...     sent, so long after the line before
 *   0.012345 >> 01 03 00 00 ...  waited for: as many bytes from the gateway, at most --wait
 *   # text                       left out
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/say.h"
#include "cli/cli.h"
#include "cli/load.h"

enum { LINE_BYTES = 65536, OPEN_MS = 50, WAIT_S = 10, LINGER_MS = 1000, AHEAD_BYTES = 2048 };

static volatile sig_atomic_t interrupted;

struct replay {
    const char *file, *link;
    double speed, wait_s;
    FILE *capture;
    int master, slave;
    bool linked;
    size_t line;      /* being played */
    int64_t at_ns;    /* when it is due: our time ... */
    double capture_s; /* ... of this time in the capture */
    uint64_t sent, asked, different, silent;
};

static void usage(FILE *out)
{
    fputs(
        "usage: weir replay FILE LINK [--speed N] [--wait N]\n"
        "\n"
        "Plays a capture, as `weir trace --write FILE` makes it, at a pseudo-terminal that is "
        "named\n"
        "LINK: the device that was traced, for a bus with port = \"LINK\". It begins when LINK is\n"
        "opened and ends with the capture. A request in the capture waits for one of ours.\n"
        "\n"
        "  --speed N   so many times as fast (1)\n"
        "  --wait N    for a request, so many seconds (10)\n",
        out);
}

static void on_signal(int number)
{
    interrupted = 1;
}

static int complain(const struct replay *r, const char *what)
{
    fprintf(stderr, "weir: %s:%zu: %s\n", r->file, r->line, what);
    return EXIT_CANNOT;
}

/* ---- lines: 1 bytes, 0 nothing to play, -1 malformed */

static int take_bytes(const char *text, uint8_t *buf, size_t *ret_len)
{
    static const char blanks[] = " \t\r\n";
    *ret_len = 0;
    for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
        char *end;
        unsigned long byte = strtoul(text, &end, 16);
        if (end != text + 2 || byte > 255 || (*end && !strchr(blanks, *end))) {
            return -1;
        }
        buf[(*ret_len)++] = (uint8_t)byte;
        text = end;
    }
    return *ret_len > 0 ? 1 : -1;
}

static int take_line(char *text, double *ret_seconds, bool *ret_from_device, uint8_t *buf,
                     size_t *ret_len)
{
    char *rest = text + strspn(text, " \t\r\n");
    if (!*rest || *rest == '#') {
        return 0;
    }
    *ret_seconds = strtod(rest, &rest);
    rest += strspn(rest, " \t");
    if (*ret_seconds < 0 || (strncmp(rest, "<< ", 3) != 0 && strncmp(rest, ">> ", 3) != 0)) {
        return -1;
    }
    *ret_from_device = *rest == '<';
    return take_bytes(rest + 3, buf, ret_len);
}

/* ---- the terminal */

/* What the gateway says within so long; how many bytes. */
static size_t hear(struct replay *r, int64_t until_ns, size_t wanted, uint8_t *buf, size_t size)
{
    size_t heard = 0;
    int64_t now_ns;
    while (!interrupted && heard < wanted && (now_ns = boot_now().ns) < until_ns) {
        struct pollfd fd = { r->master, POLLIN, 0 };
        poll(&fd, 1, (int)((until_ns - now_ns) / NS_PER_MS) + 1);
        ssize_t n = fd.revents & POLLIN ? read(r->master, buf + heard, size - heard) : 0;
        heard += n > 0 ? (size_t)n : 0;
    }
    return heard;
}

/* What the gateway says meanwhile waits for its line of the capture, unless it is far ahead. */
static void pass_time(struct replay *r, int64_t until_ns)
{
    uint8_t buf[AHEAD_BYTES];
    int64_t now_ns;
    while (!interrupted && (now_ns = boot_now().ns) < until_ns) {
        int waits = 0;
        int64_t left_ms = (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
        poll(NULL, 0, left_ms < OPEN_MS ? (int)left_ms : OPEN_MS);
        if (ioctl(r->master, FIONREAD, &waits) == 0 && waits >= AHEAD_BYTES) {
            hear(r, until_ns, sizeof buf, buf, sizeof buf);
        }
    }
}

static int say_bytes(struct replay *r, const uint8_t *bytes, size_t len)
{
    while (len > 0 && !interrupted) {
        struct pollfd fd = { r->master, POLLOUT, 0 };
        poll(&fd, 1, OPEN_MS);
        ssize_t n = fd.revents & POLLOUT ? write(r->master, bytes, len) : 0;
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return complain(r, strerror(errno));
        }
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        r->sent += n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

static int open_terminal(struct replay *r)
{
    struct termios raw;
    char name[64];
    r->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (r->master < 0 || grantpt(r->master) < 0 || unlockpt(r->master) < 0 ||
        ptsname_r(r->master, name, sizeof name) != 0 || tcgetattr(r->master, &raw) < 0) {
        perror("weir: pseudo-terminal");
        return EXIT_CANNOT;
    }
    cfmakeraw(&raw);
    tcsetattr(r->master, TCSANOW, &raw);
    r->linked = symlink(name, r->link) == 0;
    if (!r->linked) {
        fprintf(stderr, "weir: %s: %s\n", r->link, strerror(errno));
        return EXIT_CANNOT;
    }
    /* a terminal that nobody has had open yet does not say so: open and close it once */
    r->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (r->slave >= 0) {
        close(r->slave);
        r->slave = -1;
    }
    return 0;
}

/* Until somebody has it open. Then we have too, so that a gateway that starts anew finds it. */
static void wait_for_gateway(struct replay *r)
{
    char name[64];
    fprintf(stderr, "weir: %s waits for a gateway\n", r->link);
    for (;;) {
        struct pollfd fd = { r->master, POLLIN, 0 };
        poll(&fd, 1, 0);
        if (interrupted || !(fd.revents & POLLHUP)) {
            break;
        }
        poll(NULL, 0, OPEN_MS);
    }
    if (ptsname_r(r->master, name, sizeof name) == 0) {
        r->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    r->at_ns = boot_now().ns;
}

/* ---- playing */

static void await_request(struct replay *r, const uint8_t *bytes, size_t len)
{
    static uint8_t heard[LINE_BYTES];
    int64_t until_ns = boot_now().ns + (int64_t)(r->wait_s * 1e9);
    size_t n = hear(r, until_ns, len, heard, len);
    r->asked++;
    r->silent += n == 0;
    r->different += n > 0 && (n != len || memcmp(heard, bytes, len) != 0);
    r->at_ns = boot_now().ns;
}

static int play_line(struct replay *r, char *text)
{
    static uint8_t bytes[LINE_BYTES];
    double seconds = r->capture_s;
    bool from_device = false;
    size_t len = 0;
    int kind = take_line(text, &seconds, &from_device, bytes, &len);
    if (kind < 0) {
        return complain(r, "must read as \"SECONDS << HEX HEX...\" or \"SECONDS >> HEX HEX...\"");
    }
    if (kind == 0) {
        return 0;
    }
    double later = seconds > r->capture_s ? (seconds - r->capture_s) / r->speed : 0;
    r->capture_s = seconds;
    r->at_ns += (int64_t)(later * 1e9);
    if (!from_device) {
        await_request(r, bytes, len);
        return 0;
    }
    pass_time(r, r->at_ns);
    return say_bytes(r, bytes, len);
}

static int play(struct replay *r)
{
    static char text[3 * LINE_BYTES];
    int status = 0;
    while (status == 0 && !interrupted && fgets(text, sizeof text, r->capture)) {
        r->line++;
        status = play_line(r, text);
    }
    if (status == 0) {
        pass_time(r, boot_now().ns + LINGER_MS * NS_PER_MS);
        printf("replay: %zu lines, %" PRIu64 " bytes sent; %" PRIu64 " requests, %" PRIu64
               " different, %" PRIu64 " did not come\n",
               r->line, r->sent, r->asked, r->different, r->silent);
    }
    return status ? status : interrupted ? EXIT_DEGRADED : 0;
}

/* Before anybody waits for it: is all of it a capture? */
static int check_file(struct replay *r)
{
    static char text[3 * LINE_BYTES];
    static uint8_t bytes[LINE_BYTES];
    r->capture = fopen(r->file, "re");
    if (!r->capture) {
        fprintf(stderr, "weir: %s: %s\n", r->file, strerror(errno));
        return EXIT_CANNOT;
    }
    size_t played = 0, len;
    double seconds;
    bool from_device;
    while (fgets(text, sizeof text, r->capture)) {
        r->line++;
        int kind = take_line(text, &seconds, &from_device, bytes, &len);
        if (kind < 0) {
            return complain(r,
                            "must read as \"SECONDS << HEX HEX...\" or \"SECONDS >> HEX HEX...\"");
        }
        played += kind > 0;
    }
    rewind(r->capture);
    r->line = 0;
    return played ? 0 : complain(r, "there is nothing to play");
}

/* -1: go on, else the exit status. */
static int parse_arguments(struct replay *r, int argc, char **argv)
{
    enum { SPEED = 256, WAIT };
    static const struct option options[] = {
        { "speed", required_argument, NULL, SPEED },
        { "wait", required_argument, NULL, WAIT },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return 0;
        }
        double number = option == SPEED || option == WAIT ? load_positive(optarg) : 0;
        if (number <= 0) {
            usage(stderr);
            return EXIT_USAGE;
        }
        *(option == SPEED ? &r->speed : &r->wait_s) = number;
    }
    if (optind != argc - 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    r->file = argv[optind];
    r->link = argv[optind + 1];
    return -1;
}

int cmd_replay(int argc, char **argv)
{
    struct replay r = { .speed = 1, .wait_s = WAIT_S, .master = -1, .slave = -1 };
    struct sigaction action = { .sa_handler = on_signal };
    int status = parse_arguments(&r, argc, argv);
    if (status >= 0) {
        return status;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    status = check_file(&r);
    if (status == 0) {
        status = open_terminal(&r);
    }
    if (status == 0) {
        wait_for_gateway(&r);
        status = play(&r);
    }
    if (r.linked) {
        unlink(r.link);
    }
    if (r.capture) {
        fclose(r.capture);
    }
    if (r.slave >= 0) {
        close(r.slave);
    }
    if (r.master >= 0) {
        close(r.master);
    }
    return status;
}
