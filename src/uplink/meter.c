/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Bytes of one uplink: see meter.h.
 */
#include "uplink/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"
#include "log/folder.h"

#define DAY_S 86400

/* ---- how fast */

void bucket_init(struct bucket *bucket, int64_t rate, int64_t now_ns)
{
    /* Empty: a process that is started again and again gets no burst each time. */
    *bucket = (struct bucket){ .rate = rate, .open_ns = now_ns };
}

/* Nanoseconds that so many bytes take, rounded up. */
static int64_t time_of(const struct bucket *bucket, uint64_t bytes)
{
    uint64_t rate = (uint64_t)bucket->rate;
    uint64_t rest = bytes % rate * NS_PER_S; /* rate is at most 2^33 */
    return (int64_t)(bytes / rate * NS_PER_S + (rest + rate - 1) / rate);
}

void bucket_take(struct bucket *bucket, uint64_t bytes, int64_t now_ns)
{
    if (!bucket->rate) {
        return;
    }
    bucket->longest = bytes > bucket->longest ? bytes : bucket->longest;
    int64_t longest_ns = time_of(bucket, bucket->longest);
    int64_t saved_ns = longest_ns < NS_PER_S ? NS_PER_S - longest_ns : 0;
    if (bucket->open_ns < now_ns - saved_ns) {
        bucket->open_ns = now_ns - saved_ns;
    }
    bucket->open_ns += time_of(bucket, bytes);
}

/* ---- how many */

static int month_of(int64_t day)
{
    time_t seconds = (time_t)(day * DAY_S);
    struct tm tm;
    return gmtime_r(&seconds, &tm) ? tm.tm_year * 12 + tm.tm_mon : 0;
}

void usage_turn(struct usage *usage, struct wall_time now, bool synced)
{
    int64_t day = now.ns / NS_PER_S / DAY_S;
    if (!synced) {
        return;
    }
    if (usage->day && day != usage->day && day != usage->day - 1) {
        usage->month = month_of(day) == month_of(usage->day) ? usage->month : 0;
        usage->today = 0;
    }
    if (day != usage->day - 1) {
        usage->day = day;
    }
    usage->today += usage->undated;
    usage->month += usage->undated;
    usage->undated = 0;
}

void usage_add(struct usage *usage, uint64_t bytes, bool synced)
{
    if (synced) {
        usage->today += bytes;
        usage->month += bytes;
    } else {
        usage->undated += bytes;
    }
}

void usage_encode(const struct usage *usage, uint8_t buf[USAGE_SLOT_BYTES])
{
    struct put out = put_init(buf, USAGE_SLOT_BYTES);
    memset(buf, 0, USAGE_SLOT_BYTES);
    put_u32(&out, 0);
    put_u32(&out, USAGE_SLOT_BYTES);
    put_u64(&out, usage->version);
    put_i64(&out, usage->day);
    put_u64(&out, usage->today);
    put_u64(&out, usage->month);
    put_u64(&out, usage->undated);
    out = put_init(buf, 4);
    put_u32(&out, (uint32_t)crc32(0, buf + 4, USAGE_SLOT_BYTES - 4));
}

int usage_decode(const uint8_t *buf, size_t size, struct usage *ret_usage)
{
    struct get in = get_init(buf, size);
    uint32_t sum = get_u32(&in), len = get_u32(&in);
    if (size != USAGE_SLOT_BYTES || len != size ||
        sum != (uint32_t)crc32(0, buf + 4, USAGE_SLOT_BYTES - 4)) {
        return -EBADMSG;
    }
    ret_usage->version = get_u64(&in);
    ret_usage->day = get_i64(&in);
    ret_usage->today = get_u64(&in);
    ret_usage->month = get_u64(&in);
    ret_usage->undated = get_u64(&in);
    return 0;
}

/* ---- the file */

static void take_up(struct meter *meter)
{
    for (off_t slot = 0; slot < 2; slot++) {
        uint8_t buf[USAGE_SLOT_BYTES];
        struct usage found;
        if (pread(meter->fd, buf, sizeof buf, slot * USAGE_SLOT_BYTES) == sizeof buf &&
            usage_decode(buf, sizeof buf, &found) == 0 && found.version > meter->usage.version) {
            meter->usage = found;
        }
    }
}

int meter_open(struct meter *meter, const char *ram, const char *uplink, int64_t rate)
{
    char folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    *meter = (struct meter){ .fd = -1 };
    bucket_init(&meter->bucket, rate, boot_now().ns);
    int n = snprintf(path, sizeof path, "%s/meter/%s", ram, uplink);
    if (n < 0 || (size_t)n >= sizeof path) {
        return -ENAMETOOLONG;
    }
    snprintf(folder, sizeof folder, "%s/meter", ram);
    int r = folder_make(folder);
    if (r < 0) {
        return r;
    }
    meter->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (meter->fd < 0) {
        return -errno;
    }
    take_up(meter);
    return 0;
}

void meter_close(struct meter *meter)
{
    meter_save(meter);
    if (meter->fd >= 0) {
        close(meter->fd);
        meter->fd = -1;
    }
}

void meter_count(struct meter *meter, uint64_t bytes, struct clock_offset clock)
{
    bucket_take(&meter->bucket, bytes, boot_now().ns);
    usage_add(&meter->usage, bytes, clock.state == CLOCK_SYNCED);
    meter->dirty = true;
}

int meter_save(struct meter *meter)
{
    uint8_t buf[USAGE_SLOT_BYTES];
    if (!meter->dirty || meter->fd < 0) {
        return 0;
    }
    meter->usage.version++;
    usage_encode(&meter->usage, buf);
    off_t at = (off_t)(meter->usage.version & 1) * USAGE_SLOT_BYTES;
    ssize_t n = pwrite(meter->fd, buf, sizeof buf, at);
    meter->dirty = n != (ssize_t)sizeof buf;
    return n == (ssize_t)sizeof buf ? 0 : n < 0 ? -errno : -ENOSPC;
}
