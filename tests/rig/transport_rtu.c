/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Modbus RTU for meter-sim, on a pseudo-terminal that takes as long as a wire would.
 *
 *     master  |request|                                  |request|
 *     wire    |request, n characters|3.5|reply, m characters|3.5|
 *                                   ^ the device has heard it   ^ the earliest next request
 *
 * A pty hands the request over at once; the wire's time is added here. Replies leave byte by byte,
 * each when its last bit would have passed. Invariant: replies go out one after the other.
 */
#include "rig.h"
#include "transport.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { REPLIES_MAX = 16, BUFFER_BYTES = 4096 };

/* A part of a request that is older than this was noise. */
static const int64_t stale_ns = 50 * (int64_t)RIG_NS_PER_MS;

struct reply {
    int64_t start_ns;
    size_t length, sent;
    uint8_t frame[FRAME_MAX];
};

static struct {
    struct meters *meters;
    const struct transport_line *line;
    struct rig_pty pty;
    struct rig_watch watch;
    uint8_t buffer[BUFFER_BYTES];
    size_t length;
    int64_t first_ns, last_ns; /* when the first and the latest byte in the buffer came */
    int64_t heard_ns;          /* when the wire has carried all requests so far */
    int64_t quiet_ns;          /* when the last frame ended */
    struct reply replies[REPLIES_MAX];
    size_t reply_first, reply_count;
} rtu = { .pty = { .master = -1, .slave = -1 }, .watch.fd = -1 };

static int64_t wire_ns(double characters)
{
    if (!rtu.line->baud) {
        return 0;
    }
    return (int64_t)(characters * rtu.line->bits * 1e9 / rtu.line->baud);
}

static int64_t reply_end_ns(const struct reply *r)
{
    return r->start_ns + wire_ns((double)r->length);
}

/* The place for one more reply, or NULL: then the master has flooded us and is not answered. */
static struct reply *reply_push(int64_t start_ns)
{
    if (rtu.reply_count == REPLIES_MAX) {
        return NULL;
    }
    if (rtu.reply_count) {
        const struct reply *last =
            &rtu.replies[(rtu.reply_first + rtu.reply_count - 1) % REPLIES_MAX];
        int64_t free_ns = reply_end_ns(last) + wire_ns(3.5);
        start_ns = start_ns > free_ns ? start_ns : free_ns;
    }
    struct reply *r = &rtu.replies[(rtu.reply_first + rtu.reply_count++) % REPLIES_MAX];
    r->start_ns = start_ns;
    r->sent = 0;
    return r;
}

static void serve_request(const uint8_t *request, size_t length, int64_t came_ns)
{
    uint8_t frame[FRAME_MAX];
    int unit = request[0];
    if (rtu.heard_ns < came_ns) {
        rtu.heard_ns = came_ns;
    }
    rtu.heard_ns += wire_ns((double)length);
    rtu.quiet_ns = rtu.heard_ns;
    transport_counts.busy_ns += wire_ns((double)length);
    int n = meters_answer(rtu.meters, unit, request + 1, (int)length - 3, rtu.heard_ns, frame + 1);
    int64_t start_ns = rtu.heard_ns + wire_ns(3.5) + (int64_t)rtu.line->turn_us * 1000 +
                       meters_delay_ns(rtu.meters, unit);
    struct reply *r = n ? reply_push(start_ns) : NULL;
    if (!r) {
        return;
    }
    frame[0] = request[0];
    r->length = (size_t)n + 3;
    frame_seal(frame, r->length);
    memcpy(r->frame, frame, r->length);
    transport_counts.busy_ns += wire_ns((double)r->length);
}

static void serve_buffer(void)
{
    while (rtu.length) {
        int n = frame_request_length(rtu.buffer, rtu.length);
        if (n == 0 || (n > 0 && rtu.length < (size_t)n)) {
            return;
        }
        size_t used = 1;
        if (n > 0 && frame_valid(rtu.buffer, (size_t)n)) {
            used = (size_t)n;
            serve_request(rtu.buffer, used, rtu.first_ns);
        } else {
            transport_counts.bad_crc += n > 0;
            transport_counts.noise_bytes++; /* and try again from the next byte */
        }
        rtu.length -= used;
        memmove(rtu.buffer, rtu.buffer + used, rtu.length);
    }
}

static bool reply_under_way(int64_t now_ns)
{
    return rtu.line->baud && rtu.reply_count && rtu.replies[rtu.reply_first].start_ns <= now_ns;
}

static void master_spoke(void *owner)
{
    int64_t now_ns = rig_now_ns();
    if (rtu.length && now_ns - rtu.last_ns > stale_ns) {
        transport_counts.noise_bytes += rtu.length;
        rtu.length = 0;
    }
    ssize_t n = read(rtu.pty.master, rtu.buffer + rtu.length, sizeof rtu.buffer - rtu.length);
    if (n <= 0) {
        return; /* EIO cannot last: our own slave end stays open */
    }
    transport_counts.bytes_in += (uint64_t)n;
    if (reply_under_way(now_ns)) {
        transport_counts.collisions++;
        return;
    }
    if (!rtu.length) {
        rtu.first_ns = now_ns;
        if (rtu.quiet_ns && now_ns - rtu.quiet_ns < wire_ns(3.5)) {
            transport_counts.short_gaps++;
        }
    }
    rtu.last_ns = now_ns;
    rtu.length += (size_t)n;
    serve_buffer();
    if (rtu.length == sizeof rtu.buffer) {
        transport_counts.noise_bytes += rtu.length;
        rtu.length = 0;
    }
}

int transport_rtu_open(struct meters *meters, const struct transport_line *line, const char *link)
{
    int result = rig_pty_open(&rtu.pty, link);
    if (result) {
        return result;
    }
    rtu.meters = meters;
    rtu.line = line;
    /* The watch closes its descriptor, so it gets one of its own. */
    rtu.watch = (struct rig_watch){ .fd = dup(rtu.pty.master), .on_ready = master_spoke };
    return rtu.watch.fd < 0 ? -errno : rig_watch(&rtu.watch);
}

void transport_rtu_close(void)
{
    rig_unwatch(&rtu.watch);
    rig_pty_close(&rtu.pty);
    rtu.length = rtu.reply_count = 0;
    rtu.quiet_ns = 0;
}

/* Sends what is due of the first reply. RIG_NEVER when it is finished. */
static int64_t send_due(struct reply *r, int64_t now_ns)
{
    size_t due = r->length;
    if (now_ns < reply_end_ns(r)) {
        due = now_ns <= r->start_ns ? 0 : (size_t)((now_ns - r->start_ns) / wire_ns(1));
        due = due < r->length ? due : r->length - 1;
    }
    if (due > r->sent) {
        /* A wire does not wait: what a full pty does not take is gone. */
        ssize_t n = write(rtu.pty.master, r->frame + r->sent, due - r->sent);
        transport_counts.bytes_out += n > 0 ? (uint64_t)n : 0;
        r->sent = due;
    }
    return r->sent == r->length ? RIG_NEVER : r->start_ns + wire_ns((double)r->sent + 1);
}

int64_t transport_rtu_on_time(void)
{
    while (rtu.reply_count) {
        struct reply *r = &rtu.replies[rtu.reply_first];
        int64_t now_ns = rig_now_ns();
        if (now_ns < r->start_ns) {
            return r->start_ns;
        }
        int64_t next_ns = send_due(r, now_ns);
        if (next_ns != RIG_NEVER) {
            return next_ns;
        }
        rtu.quiet_ns = reply_end_ns(r);
        rtu.reply_first = (rtu.reply_first + 1) % REPLIES_MAX;
        rtu.reply_count--;
    }
    return RIG_NEVER;
}
