/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the host does for an adapter: the table of weir/adapter.h. Called from within callbacks
 * only, so a port that turns out to be lost is only marked here, and closed when the callback has
 * returned.
 */
#include "bus/host.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/say.h"
#include "record/values.h"

enum { FLUSH_MAX_BYTES = 64 * 1024 }; /* a line that never ends must not keep us here */
#define WRITE_PATIENCE_NS NS_PER_S

struct host *host_of(struct weir_bus *bus)
{
    return (struct host *)bus;
}

void host_busy(struct host *host, const char *doing, int64_t for_ns)
{
    struct stats_head *head = &host->stats->head;
    if (strcmp(head->doing, doing) != 0) {
        stats_text(head->doing, sizeof head->doing, doing);
    }
    __atomic_store_n(&head->busy_until_ns, boot_now().ns + for_ns, __ATOMIC_RELAXED);
}

void host_lose_port(struct host *host, const char *why)
{
    if (!host->port_lost) {
        host->port_lost = true;
        snprintf(host->port_words, sizeof host->port_words, "%s", why);
    }
}

static int open_fd(const struct host *host)
{
    return host->port_lost ? -1 : port_fd(host->port);
}

static void service_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void service_log(struct weir_bus *bus, enum weir_level level, const char *format, ...)
{
    static const enum say_level levels[] = { SAY_ERROR, SAY_WARNING, SAY_NOTICE, SAY_DEBUG };
    va_list args;
    va_start(args, format);
    say_args(level <= WEIR_LOG_DEBUG ? levels[level] : SAY_DEBUG, format, args);
    va_end(args);
}

static void service_finding(struct weir_bus *bus, int device, int point, const char *key,
                            enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static void service_finding(struct weir_bus *bus, int device, int point, const char *key,
                            enum weir_level level, const char *format, ...)
{
    struct host *host = host_of(bus);
    char text[512];
    const char *file = "";
    int line = 0;
    va_list args;
    if (!host->findings) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    config_where(host->config, device, point, key, &file, &line);
    findings_add(host->findings, file, line, level, "%s", text);
}

static int64_t service_now_ns(void)
{
    return boot_now().ns;
}

static int service_port(struct weir_bus *bus)
{
    return open_fd(host_of(bus));
}

static struct timespec span(int64_t ns)
{
    ns = ns > 0 ? ns : 0;
    return (struct timespec){ ns / NS_PER_S, ns % NS_PER_S };
}

/* Waits on one descriptor (-1: just waits). The events that came; 0: time is up. Core hears
 * meanwhile of records made before, so that a slow device does not hold them up. */
static short wait_for(struct host *host, int fd, short events, int64_t timeout_ns)
{
    struct pollfd want = { .fd = fd, .events = events };
    int64_t now_ns = boot_now().ns;
    int64_t end_ns = now_ns + timeout_ns;
    for (;;) {
        int64_t until_ns = end_ns;
        if (host->untold_ns && host->untold_ns + NOTICE_NS < until_ns) {
            until_ns = host->untold_ns + NOTICE_NS;
        }
        struct timespec t = span(until_ns - now_ns);
        int n = ppoll(&want, 1, &t, NULL);
        if (n > 0) {
            return want.revents;
        }
        now_ns = boot_now().ns;
        if (host->untold_ns && now_ns - host->untold_ns >= NOTICE_NS) {
            host_notify(host);
        }
        if (now_ns >= end_ns) {
            return 0;
        }
    }
}

static enum weir_result service_wait(struct weir_bus *bus, int64_t timeout_ns)
{
    struct host *host = host_of(bus);
    int fd = open_fd(host);
    if (fd < 0 && port_needed(host->port)) {
        return WEIR_R_PORT;
    }
    short got = wait_for(host, fd, POLLIN, timeout_ns);
    if (got == 0) {
        return WEIR_R_TIMEOUT;
    }
    if ((got & POLLIN) && !(bus->serial && (got & POLLHUP))) {
        if (!host->first_ns) {
            host->first_ns = boot_now().ns;
        }
        return WEIR_R_OK;
    }
    host_lose_port(host, "hung up");
    return WEIR_R_PORT;
}

static enum weir_result service_write(struct weir_bus *bus, const uint8_t *data, size_t len)
{
    struct host *host = host_of(bus);
    size_t at = 0;
    int fd = open_fd(host);
    if (listen_again(host)) {
        return WEIR_R_OK; /* it was said once; the answer, or a time-out, goes on from there */
    }
    if (fd < 0) {
        return WEIR_R_PORT;
    }
    trace_put(host->trace, TRACE_TX, boot_now().ns, data, len);
    while (at < len) {
        ssize_t n = write(fd, data + at, len - at);
        if (n > 0) {
            at += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            if (!wait_for(host, fd, POLLOUT, WRITE_PATIENCE_NS)) {
                return WEIR_R_TIMEOUT;
            }
        } else if (n < 0 && errno != EINTR) {
            host_lose_port(host, strerror(errno));
            return WEIR_R_PORT;
        }
    }
    return WEIR_R_OK;
}

/* Bytes read, 0: none now, -1: the port is lost. */
static ssize_t read_some(struct host *host, int fd, uint8_t *buf, size_t size)
{
    ssize_t n;
    do {
        n = read(fd, buf, size);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        trace_put(host->trace, TRACE_RX, boot_now().ns, buf, (size_t)n);
        return n;
    }
    if (n < 0 && errno == EAGAIN) {
        return 0;
    }
    host_lose_port(host, n == 0 ? "closed by the other end" : strerror(errno));
    return -1;
}

static enum weir_result service_read(struct weir_bus *bus, uint8_t *buf, size_t size,
                                     int64_t timeout_ns, size_t *ret_len)
{
    struct host *host = host_of(bus);
    enum weir_result r = service_wait(bus, timeout_ns);
    if (r != WEIR_R_OK) {
        return r;
    }
    ssize_t n = read_some(host, open_fd(host), buf, size);
    if (n < 0) {
        return WEIR_R_PORT;
    }
    if (n == 0) {
        return WEIR_R_TIMEOUT;
    }
    *ret_len = (size_t)n;
    return WEIR_R_OK;
}

size_t host_flush(struct host *host)
{
    uint8_t buf[512];
    size_t total = 0;
    int fd = open_fd(host);
    while (fd >= 0 && total < FLUSH_MAX_BYTES) {
        ssize_t n = read_some(host, fd, buf, sizeof buf);
        if (n <= 0) {
            break;
        }
        total += (size_t)n;
    }
    host->stats->noise_bytes += total;
    return total;
}

static size_t service_flush(struct weir_bus *bus)
{
    return host_flush(host_of(bus));
}

static void service_trace(struct weir_bus *bus, enum weir_direction direction, const uint8_t *data,
                          size_t len)
{
    trace_put(host_of(bus)->trace, direction == WEIR_TX ? TRACE_TX : TRACE_RX, boot_now().ns, data,
              len);
}

/* Once at start for each kind of record of a device, so it may allocate. */
static int service_declare(struct weir_bus *bus, size_t device, const char *kind,
                           const struct weir_point *points, size_t point_count)
{
    struct host *host = host_of(bus);
    if (device >= bus->device_count) {
        return -EINVAL;
    }
    const struct device_config *config = &host->config->devices[device];
    struct weir_shape view = { .device = bus->devices[device].name,
                               .kind = kind,
                               .model = config->model,
                               .labels = config->labels,
                               .label_count = config->label_count,
                               .points = points,
                               .point_count = point_count };
    size_t count = host->shape_count;
    struct shape **shapes = realloc(host->shapes, (count + 1) * sizeof(struct shape *));
    if (!shapes) {
        return -ENOMEM;
    }
    host->shapes = shapes;
    size_t *devices = realloc(host->shape_devices, (count + 1) * sizeof(size_t));
    if (!devices) {
        return -ENOMEM;
    }
    host->shape_devices = devices;
    int r = shape_create(&view, &host->shapes[count]);
    if (r < 0) {
        return r;
    }
    host->shape_devices[count] = device;
    host->shape_count++;
    return (int)count;
}

static int service_emit(struct weir_bus *bus, int shape, int64_t time_ns,
                        const struct weir_value *values)
{
    struct host *host = host_of(bus);
    if (shape < 0 || (size_t)shape >= host->shape_count || !host->queue) {
        return -EINVAL;
    }
    struct device *device = &host->devices[host->shape_devices[shape]];
    int r = listen_made_before(host, host->shapes[shape], time_ns)
                ? 0
                : host_append(host, device, host->shapes[shape], time_ns, values);
    if (r == 0) {
        device->stats->last_reading_ns = time_ns;
        listen_understood(host);
        host_state(host, device, false, WEIR_R_OK);
    }
    return r;
}

static void service_stray(struct weir_bus *bus, enum weir_result what)
{
    struct host *host = host_of(bus);
    host->first_ns = 0;
    bool bad = what == WEIR_R_CRC || what == WEIR_R_FRAME || what == WEIR_R_DECODE;
    host->stats->foreign_frames += what == WEIR_R_FOREIGN;
    if (what == WEIR_R_FOREIGN) {
        listen_understood(host);
    }
    host->stats->bad_frames += bad;
    trace_note(host->trace, boot_now().ns, "%s: %s", bad ? "not taken" : "not the answer",
               result_name(what));
}

static bool service_wall(struct weir_bus *bus, int64_t *ret_offset_ns)
{
    struct clock_offset clock;
    int64_t now_ns;
    if (!listen_times(host_of(bus), &now_ns, &clock)) {
        clock = host_clock(host_of(bus));
    }
    *ret_offset_ns = clock.ns;
    return clock.state == CLOCK_SYNCED;
}

static void service_device(struct weir_bus *bus, size_t device, enum weir_result result)
{
    struct host *host = host_of(bus);
    if (device >= bus->device_count || !host->queue || (unsigned)result >= WEIR_RESULT_COUNT) {
        return;
    }
    struct stats_device *stats = host->devices[device].stats;
    stats->polls++;
    if (result == WEIR_R_OK) {
        listen_understood(host);
    } else {
        stats->errors[result]++;
        stats->missed++;
    }
    if (result == WEIR_R_OK || port_fd(host->port) >= 0) { /* else it has gone with the port */
        host_state(host, &host->devices[device], result != WEIR_R_OK, result);
    }
}

static void service_missed(struct weir_bus *bus, size_t device, uint64_t count)
{
    struct host *host = host_of(bus);
    if (device < bus->device_count && host->devices && !listen_again(host)) {
        host->devices[device].stats->missed += count;
    }
}

static int service_baud(struct weir_bus *bus, int64_t baud)
{
    struct host *host = host_of(bus);
    return listen_again(host) ? 0 : port_baud(host->port, baud);
}

const struct weir_adapter_host host_services = {
    .size = sizeof host_services,
    .log = service_log,
    .finding = service_finding,
    .now_ns = service_now_ns,
    .port = service_port,
    .wait = service_wait,
    .write = service_write,
    .read = service_read,
    .flush = service_flush,
    .trace = service_trace,
    .declare = service_declare,
    .emit = service_emit,
    .stray = service_stray,
    .wall = service_wall,
    .device = service_device,
    .missed = service_missed,
    .baud = service_baud,
};

void host_free(struct host *host)
{
    if (host->self && host->adapter->close) {
        host->adapter->close(host->self);
    }
    host->self = NULL;
    listen_destroy(host);
    for (size_t i = 0; i < host->shape_count; i++) {
        shape_destroy(host->shapes[i]);
    }
    free(host->shapes);
    free(host->shape_devices);
    devices_destroy(host);
    schedule_destroy(host->schedule);
    port_destroy(host->port);
    trace_destroy(host->trace);
    queue_destroy(host->queue);
    link_destroy(host->link);
}
