/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * How frames pass the wire. Bytes from either side become frames, go through the faults and are
 * put on a lane; the lane lets them out at the speed of the line. Bytes that make no frame pass on
 * when they pause.
 * Invariant: one reply is on the wire at a time, and begins 3.5 characters after what was before.
 */
#include "wire.h"

#include <string.h>

/* Bytes that wait so long for the rest of their frame pass on as they are. */
static const int64_t idle_ns = 20 * (int64_t)RIG_NS_PER_MS;

struct wire wire = { .faults = { .seed = 1, .directions = FAULTS_REPLIES } };

static int64_t wire_ns(double characters)
{
    return wire.baud ? (int64_t)(characters * (int)WIRE_BITS_PER_CHARACTER * 1e9 / wire.baud) : 0;
}

/* When the last frame, in either direction, ended. */
static int64_t quiet_ns(void)
{
    int64_t a = wire.to_slave.last_sent_ns, b = wire.to_master.last_sent_ns;
    return a > b ? a : b;
}

/* ---- requests: master to slave */

static void echo_request(const uint8_t *frame, size_t length)
{
    struct fault_byte bytes[FRAME_MAX];
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (struct fault_byte){ frame[i], 0 };
    }
    wire.faults.count.echoed++;
    wire_lane_put(&wire.echo, bytes, length, rig_now_ns(), wire_ns(1));
}

static void pass_request(const uint8_t *frame, size_t length)
{
    struct fault_byte out[FAULTS_OUT_MAX];
    size_t count = faults_apply(&wire.faults, FAULTS_REQUESTS, frame, length, out);
    if (wire.faults.echo) {
        echo_request(frame, length);
    }
    wire_lane_put(&wire.to_slave, out, count, rig_now_ns(), wire_ns(1));
}

/* ---- replies: slave to master */

static void pass_reply(const uint8_t *frame, size_t length)
{
    struct fault_byte out[FAULTS_OUT_MAX];
    size_t count = faults_apply(&wire.faults, FAULTS_REPLIES, frame, length, out);
    int64_t now_ns = rig_now_ns(), start_ns = quiet_ns() + wire_ns(3.5);
    wire_lane_put(&wire.to_master, out, count, now_ns > start_ns ? now_ns : start_ns, wire_ns(1));
}

/* ---- frames out of bytes */

static void pass_raw(struct wire_inbox *in, void (*pass)(const uint8_t *, size_t))
{
    size_t at = 0;
    while (at < in->length) {
        size_t n = in->length - at < FRAME_MAX ? in->length - at : FRAME_MAX;
        pass(in->bytes + at, n);
        at += n;
    }
    in->raw_count += in->length;
    in->length = 0;
}

static void take(struct wire_inbox *in, const uint8_t *bytes, size_t length,
                 int (*frame_length)(const uint8_t *, size_t),
                 void (*pass)(const uint8_t *, size_t))
{
    if (length > sizeof in->bytes - in->length) {
        pass_raw(in, pass);
    }
    memcpy(in->bytes + in->length, bytes, length);
    in->length += length;
    in->last_ns = rig_now_ns();
    for (;;) {
        int n = frame_length(in->bytes, in->length);
        if (n <= 0 || (size_t)n > in->length) {
            return; /* more is coming, or nothing that we know: then it passes when it pauses */
        }
        pass(in->bytes, (size_t)n);
        in->frame_count++;
        in->length -= (size_t)n;
        memmove(in->bytes, in->bytes + n, in->length);
    }
}

static int64_t pass_idle(struct wire_inbox *in, void (*pass)(const uint8_t *, size_t))
{
    if (!in->length) {
        return RIG_NEVER;
    }
    if (rig_now_ns() - in->last_ns >= idle_ns) {
        pass_raw(in, pass);
        return RIG_NEVER;
    }
    return in->last_ns + idle_ns;
}

static void master_spoke(const uint8_t *bytes, size_t length)
{
    if (wire_lane_under_way(&wire.to_master)) {
        wire.collision_count++; /* the slaves hear two at once, that is nothing */
        return;
    }
    if (!wire.requests.length && quiet_ns() && rig_now_ns() - quiet_ns() < wire_ns(3.5)) {
        wire.short_gap_count++;
    }
    take(&wire.requests, bytes, length, frame_request_length, pass_request);
}

static void slave_spoke(const uint8_t *bytes, size_t length)
{
    take(&wire.replies, bytes, length, frame_reply_length, pass_reply);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void wire_flow_init(void)
{
    wire.master.on_bytes = master_spoke;
    wire.slave.on_bytes = slave_spoke;
    wire.to_slave.to = &wire.slave;
    wire.to_master.to = wire.echo.to = &wire.master;
}

void wire_flow_clear(void)
{
    wire_lane_clear(&wire.to_slave);
    wire_lane_clear(&wire.to_master);
    wire_lane_clear(&wire.echo);
    wire.requests.length = wire.replies.length = 0;
}

int64_t wire_flow_on_time(void)
{
    int64_t next_ns = wire_end_on_time(&wire.slave);
    next_ns = earlier(next_ns, pass_idle(&wire.requests, pass_request));
    next_ns = earlier(next_ns, pass_idle(&wire.replies, pass_reply));
    next_ns = earlier(next_ns, wire_lane_on_time(&wire.to_slave));
    next_ns = earlier(next_ns, wire_lane_on_time(&wire.echo));
    return earlier(next_ns, wire_lane_on_time(&wire.to_master));
}
