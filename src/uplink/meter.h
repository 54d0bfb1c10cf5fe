/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Bytes of one uplink: how fast they may go (rate_limit), and how many went today and this month,
 * for links that cost by the byte. Counted when a message is handed to the plugin, so what is sent
 * twice counts twice.
 *
 * The counters stand in {ram}/meter/UPLINK, beside the cursor, and survive the process: two slots,
 * written in turn, so that a torn one leaves the older.
 *
 *   slot, 64 bytes: u32 crc32 of the rest | u32 length | u64 version | i64 day | u64 today |
 *                   u64 month | u64 undated
 */
#ifndef UPLINK_METER_H
#define UPLINK_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* A token bucket, kept as the time at which it is empty no longer. It holds one second's worth less
 * the longest message so far: in any T seconds go at most T * rate bytes and one second's worth, or
 * one message if that is more. Whoever finds it open may send one message of any length. */
struct bucket {
    int64_t rate; /* bytes a second; 0: no limit */
    int64_t open_ns;
    uint64_t longest;
};

void bucket_init(struct bucket *bucket, int64_t rate, int64_t now_ns);
static inline bool bucket_open(const struct bucket *bucket, int64_t now_ns)
{
    return !bucket->rate || now_ns >= bucket->open_ns;
}
void bucket_take(struct bucket *bucket, uint64_t bytes, int64_t now_ns);

/* Days and months are those of UTC. What goes while the clock is not synchronised belongs to no day
 * yet; the day on which it is counts it. A clock that is set back over midnight does not begin the
 * day before again. */
struct usage {
    int64_t day; /* since 1970-01-01; 0: none yet */
    uint64_t today, month, undated;
    uint64_t version; /* of the slot written last */
};

/* A new day or month, if it is one. Before each usage_add() that a second has passed since. */
void usage_turn(struct usage *usage, struct wall_time now, bool synced);
void usage_add(struct usage *usage, uint64_t bytes, bool synced);

/* One slot as bytes. Pure; decode returns 0 or -EBADMSG. */
enum { USAGE_SLOT_BYTES = 64 };
void usage_encode(const struct usage *usage, uint8_t buf[USAGE_SLOT_BYTES]);
int usage_decode(const uint8_t *buf, size_t size, struct usage *ret_usage);

struct meter {
    struct bucket bucket;
    struct usage usage;
    int fd; /* -1: counted in this process only */
    bool dirty;
};

/* Takes up what the file has. A negative errno: it counts all the same, from nothing. */
int meter_open(struct meter *meter, const char *ram, const char *uplink, int64_t rate);
void meter_close(struct meter *meter);
/* A message of so many bytes was handed over. */
void meter_count(struct meter *meter, uint64_t bytes, struct clock_offset clock);
/* To be called often: writes what is new. */
int meter_save(struct meter *meter);

#endif
