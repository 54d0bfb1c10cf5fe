/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Clocks: see clock.h.
 */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define OLD_NS (30 * 86400 * NS_PER_S)

enum { READS = 3 }; /* the one that took the shortest tells best how far two clocks are apart */

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

struct boot_time boot_now(void)
{
    return (struct boot_time){ clock_ns(CLOCK_BOOTTIME) };
}

struct wall_time wall_now(void)
{
    return (struct wall_time){ clock_ns(CLOCK_REALTIME) };
}

static bool kernel_synced(void)
{
    struct timex t = { 0 };
    int state = adjtimex(&t);
    if (state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC)) {
        return true;
    }
    /* A service's sandbox may forbid adjtimex; timesyncd leaves this file when it has the time. */
    return access("/run/systemd/timesync/synchronized", F_OK) == 0;
}

struct clock_offset clock_read(enum clock_source source, const char *file)
{
    struct clock_offset offset = { 0 };
    int64_t wall = 0, narrowest = INT64_MAX;
    for (int i = 0; i < READS; i++) {
        int64_t before = clock_ns(CLOCK_BOOTTIME);
        wall = clock_ns(CLOCK_REALTIME);
        int64_t apart = clock_ns(CLOCK_BOOTTIME) - before;
        if (apart < narrowest) {
            narrowest = apart;
            offset.ns = wall - (before + apart / 2);
        }
    }
    bool synced = (source == CLOCK_SOURCE_SYSTEM && wall > clock_built().ns - OLD_NS) ||
                  (source == CLOCK_SOURCE_FILE && file && access(file, F_OK) == 0) ||
                  (source == CLOCK_SOURCE_AUTO && kernel_synced());
    offset.state = synced ? CLOCK_SYNCED : CLOCK_UNSYNCED;
    return offset;
}

struct wall_time clock_built(void)
{
    return (struct wall_time){ WEIR_BUILD_TIME * NS_PER_S };
}

struct wall_time clock_floor(void)
{
    struct stat st;
    int64_t floor_ns = clock_built().ns;
    if (stat("/var/lib/systemd/timesync/clock", &st) == 0) {
        int64_t kept_ns = st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
        floor_ns = kept_ns > floor_ns ? kept_ns : floor_ns;
    }
    return (struct wall_time){ floor_ns };
}

static void put_digits(char *p, unsigned value, unsigned digits)
{
    while (digits--) {
        p[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

unsigned wall_format(struct wall_time t, char *buf)
{
    int64_t second = t.ns / NS_PER_S;
    int64_t rest = t.ns % NS_PER_S;
    if (rest < 0) {
        rest += NS_PER_S;
        second--;
    }
    time_t seconds = (time_t)second;
    struct tm tm;
    memcpy(buf, "0000-01-01T00:00:00.000Z", 25);
    if (!gmtime_r(&seconds, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099) {
        return 24;
    }
    put_digits(buf, (unsigned)(tm.tm_year + 1900), 4);
    put_digits(buf + 5, (unsigned)(tm.tm_mon + 1), 2);
    put_digits(buf + 8, (unsigned)tm.tm_mday, 2);
    put_digits(buf + 11, (unsigned)tm.tm_hour, 2);
    put_digits(buf + 14, (unsigned)tm.tm_min, 2);
    put_digits(buf + 17, (unsigned)tm.tm_sec, 2);
    put_digits(buf + 20, (unsigned)(rest / NS_PER_MS), 3);
    return 24;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int boot_id(uint8_t id[16])
{
    char text[40] = { 0 };
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    unsigned nibbles = 0;
    for (ssize_t i = 0; i < n && nibbles < 32; i++) {
        int d = hex_digit(text[i]);
        if (d >= 0) {
            id[nibbles / 2] = (uint8_t)(nibbles % 2 ? id[nibbles / 2] | d : d << 4);
            nibbles++;
        }
    }
    return nibbles == 32 ? 0 : -EIO;
}
