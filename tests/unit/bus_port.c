/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Ports: a pseudo-terminal that is unplugged and comes back under another name, and a TCP server
 * that goes away. No wait here is for a time; all are for an event.
 */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/port.h"

static char folder[] = "/tmp/weir-port-XXXXXX";
static char link_path[64];

static int make_folder(void **state)
{
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(link_path, sizeof link_path, "%s/by-id/usb", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char path[64];
    unlink(link_path);
    snprintf(path, sizeof path, "%s/by-id", folder);
    rmdir(path);
    return rmdir(folder);
}

/* A simulated USB adapter: a pty, and a link with a steady name. */
struct plug {
    int master, slave;
    char name[64];
};

static void plug_in(struct plug *plug)
{
    char path[64];
    snprintf(path, sizeof path, "%s/by-id", folder);
    mkdir(path, 0755); /* udev makes the folder for the first adapter */
    assert_int_equal(openpty(&plug->master, &plug->slave, plug->name, NULL, NULL), 0);
    fcntl(plug->master, F_SETFL, O_NONBLOCK);
    assert_int_equal(symlink(plug->name, link_path), 0);
}

static void plug_out(struct plug *plug)
{
    char path[64];
    close(plug->slave);
    close(plug->master);
    unlink(link_path);
    snprintf(path, sizeof path, "%s/by-id", folder);
    rmdir(path);
}

static size_t open_fds(void)
{
    size_t count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d)) {
        count++;
    }
    closedir(d);
    return count;
}

/* Turns the port's wheel until something happens. */
static enum port_event until_event(struct port *port)
{
    int64_t end_ns = boot_now().ns + 20 * NS_PER_S;
    while (boot_now().ns < end_ns) {
        struct pollfd fds[PORT_POLL_FDS];
        int64_t deadline_ns = end_ns;
        unsigned count = port_prepare(port, fds, &deadline_ns);
        int64_t wait_ns = deadline_ns - boot_now().ns;
        wait_ns = wait_ns > 0 ? wait_ns : 0;
        struct timespec t = { wait_ns / NS_PER_S, wait_ns % NS_PER_S };
        if (ppoll(fds, count, &t, NULL) <= 0) {
            count = 0;
        }
        enum port_event event = port_process(port, fds, count, boot_now().ns);
        if (event != PORT_NOTHING) {
            return event;
        }
    }
    return PORT_NOTHING;
}

static void until(struct port *port, enum port_event want)
{
    enum port_event event;
    do {
        event = until_event(port);
    } while (event == PORT_FAILED && want == PORT_OPENED);
    assert_int_equal(event, want);
}

static struct port_config serial_config(void)
{
    return (struct port_config){ .path = link_path,
                                 .address = "",
                                 .baud = 19200,
                                 .parity = CONFIG_PARITY_NONE,
                                 .data_bits = 8,
                                 .stop_bits = 1,
                                 .connect_timeout_ns = NS_PER_S };
}

static void settings(void **state)
{
    struct port *port;
    struct plug plug;
    struct termios t;
    struct port_config config = serial_config();
    config.stop_bits = 2;
    plug_in(&plug);
    assert_int_equal(port_create(&config, 0, false, &port), 0);
    assert_true(port_needed(port));
    assert_int_equal(port_fd(port), -1);
    until(port, PORT_OPENED);
    assert_int_equal(tcgetattr(port_fd(port), &t), 0);
    assert_int_equal(cfgetospeed(&t), B19200);
    assert_int_equal(t.c_cflag & CSIZE, CS8);
    assert_true(t.c_cflag & CSTOPB);
    assert_false(t.c_lflag & (ICANON | ECHO | ISIG));
    assert_false(t.c_iflag & (ICRNL | IXON));
    assert_false(port_warned(port));
    assert_non_null(strstr(port_note(port), "19200 8N2"));
    uint8_t all[256], back[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (uint8_t)i;
    }
    assert_int_equal(write(plug.master, all, 256), 256); /* every byte passes, both ways */
    assert_int_equal(read(port_fd(port), back, 256), 256);
    assert_memory_equal(all, back, 256);
    assert_int_equal(write(port_fd(port), all, 256), 256);
    assert_int_equal(read(plug.master, back, 256), 256);
    assert_memory_equal(all, back, 256);
    assert_int_equal(read(port_fd(port), back, 1), -1);
    assert_int_equal(errno, EAGAIN);
    port_destroy(port);
    plug_out(&plug);
}

static void parity_on_a_pty(void **state)
{
    struct port *port;
    struct plug plug;
    struct port_config config = serial_config();
    config.parity = CONFIG_PARITY_EVEN;
    plug_in(&plug);
    assert_int_equal(port_create(&config, 0, false, &port), 0);
    until(port, PORT_OPENED);
    assert_true(port_warned(port));
    assert_non_null(strstr(port_note(port), "8E1 (pseudo-terminal: is 8N1)"));
    port_destroy(port);
    plug_out(&plug);
}

static void exclusive(void **state)
{
    struct port *first, *second;
    struct plug plug;
    char want[64];
    struct port_config config = serial_config();
    plug_in(&plug);
    assert_int_equal(port_create(&config, 0, false, &first), 0);
    assert_int_equal(port_create(&config, 0, false, &second), 0);
    until(first, PORT_OPENED);
    until(second, PORT_FAILED);
    snprintf(want, sizeof want, "in use by pid %d (test-bus-port)", (int)getpid());
    assert_string_equal(port_words(second), want);
    port_destroy(first);
    until(second, PORT_OPENED); /* without anybody's help */
    port_destroy(second);
    plug_out(&plug);
}

static void unplugged(void **state)
{
    struct port *port;
    struct plug plug, other;
    struct port_config config = serial_config();
    unlink(link_path);
    assert_int_equal(port_create(&config, 0, false, &port), 0);
    until(port, PORT_FAILED);
    assert_string_equal(port_words(port), "not there");
    size_t before = 0;
    for (int i = 0; i < 20; i++) {
        plug_in(&plug);
        assert_int_equal(openpty(&other.master, &other.slave, NULL, NULL, NULL), 0);
        until(port, PORT_OPENED);
        assert_true(port_fd(port) >= 0);
        assert_int_equal(write(plug.master, "x", 1), 1);
        plug_out(&plug);
        until(port, PORT_LOST);
        assert_int_equal(port_fd(port), -1);
        close(other.master); /* so that the next one gets another name */
        close(other.slave);
        before = before ? before : open_fds();
    }
    assert_int_equal(open_fds(), before);
    port_destroy(port);
    assert_int_equal(open_fds(), before - 1); /* the watch */
}

/* The device node is made first and may be opened later (udev sets the group). */
static void dangling(void **state)
{
    struct port *port;
    struct plug plug;
    struct port_config config = serial_config();
    plug_in(&plug);
    unlink(link_path);
    assert_int_equal(symlink("../tty", link_path), 0);
    assert_int_equal(port_create(&config, 0, false, &port), 0);
    until(port, PORT_FAILED);
    char target[64];
    snprintf(target, sizeof target, "%s/tty", folder);
    assert_int_equal(symlink(plug.name, target), 0);
    until(port, PORT_OPENED);
    port_destroy(port);
    unlink(target);
    plug_out(&plug);
}

static void no_serial_port(void **state)
{
    struct port *port;
    struct port_config config = serial_config();
    static const char *const paths[] = { "/dev/null", "/etc/passwd", "/" };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        config.path = paths[i];
        assert_int_equal(port_create(&config, 0, false, &port), 0);
        until(port, PORT_FAILED);
        assert_true(port_words(port)[0]);
        assert_int_equal(port_fd(port), -1);
        port_destroy(port);
    }
    config.path = link_path;
    config.baud = 12345;
    struct plug plug;
    plug_in(&plug);
    assert_int_equal(port_create(&config, 0, false, &port), 0);
    until(port, PORT_FAILED);
    assert_string_equal(port_words(port), "12345 is no standard baud rate");
    port_destroy(port);
    plug_out(&plug);
}

static int tcp_server(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(*port) };
    socklen_t len = sizeof a;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    getsockname(fd, (struct sockaddr *)&a, &len);
    *port = ntohs(a.sin_port);
    return fd;
}

static void tcp(void **state)
{
    struct port *port;
    uint16_t number = 0;
    char address[32];
    int server = tcp_server(&number);
    struct addrinfo *found = NULL; /* a bare machine may not even know localhost */
    bool named = getaddrinfo("localhost", NULL, NULL, &found) == 0;
    freeaddrinfo(found);
    snprintf(address, sizeof address, "%s:%u", named ? "localhost" : "127.0.0.1", number);
    struct port_config config = { .path = "", .address = address, .connect_timeout_ns = NS_PER_S };
    assert_int_equal(port_create(&config, 502, false, &port), 0);
    size_t before = 0;
    for (int i = 0; i < 5; i++) {
        until(port, PORT_OPENED);
        int client = accept(server, NULL, NULL);
        assert_true(client >= 0);
        assert_string_equal(port_note(port), address);
        close(client);
        until(port, PORT_LOST);
        before = before ? before : open_fds();
        assert_int_equal(open_fds(), before);
    }
    close(server);
    until(port, PORT_FAILED);
    assert_string_equal(port_words(port), "Connection refused");
    server = tcp_server(&number);
    until(port, PORT_OPENED);
    port_destroy(port);
    close(server);
}

static void addresses(void **state)
{
    static const char *const bad[] = {
        "", ":502", "[::1", "[::1]x", "host:", "host:123456", "[]:1"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct port_address where = { 0 };
        struct port_opened opened = { .fd = -1 };
        assert_int_equal(port_tcp_begin(bad[i], 502, &where, &opened), -EINVAL);
        assert_int_equal(opened.fd, -1);
    }
    uint16_t number = 0;
    int server = tcp_server(&number);
    struct port_address where = { 0 };
    struct port_opened opened = { .fd = -1 };
    int r = port_tcp_begin("127.0.0.1", number, &where, &opened); /* the adapter's default port */
    assert_true(r == 0 || r == -EINPROGRESS);
    close(opened.fd);
    port_tcp_forget(&where);
    assert_int_equal(port_tcp_begin("host", 0, &where, &opened), -EINVAL);
    close(server);
}

static void none(void **state)
{
    struct port *port;
    struct port_config config = { .path = "", .address = "" };
    struct pollfd fds[PORT_POLL_FDS];
    int64_t deadline_ns = INT64_MAX;
    assert_int_equal(port_create(&config, 0, false, &port), 0);
    assert_false(port_needed(port));
    assert_int_equal(port_prepare(port, fds, &deadline_ns), 0);
    assert_true(deadline_ns == INT64_MAX);
    assert_int_equal(port_process(port, fds, 0, INT64_MAX), PORT_NOTHING);
    port_destroy(port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings),  cmocka_unit_test(parity_on_a_pty),
        cmocka_unit_test(exclusive), cmocka_unit_test(unplugged),
        cmocka_unit_test(dangling),  cmocka_unit_test(no_serial_port),
        cmocka_unit_test(tcp),       cmocka_unit_test(addresses),
        cmocka_unit_test(none),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
