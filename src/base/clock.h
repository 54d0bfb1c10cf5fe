/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Two kinds of time that must not be mixed, so they are two types: time since boot
 * (CLOCK_BOOTTIME, never steps, what records and schedules use) and wall time (steps, may be wrong,
 * what people see). A clock_offset takes one to the other.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL

struct boot_time {
    int64_t ns;
};

struct wall_time {
    int64_t ns; /* since 1970-01-01T00:00:00Z */
};

enum clock_state { CLOCK_UNSYNCED = 0, CLOCK_SYNCED = 1 };

/* wall = boot + ns; the state says whether anything vouches for it. */
struct clock_offset {
    int64_t ns;
    enum clock_state state;
};

struct boot_time boot_now(void);
struct wall_time wall_now(void);

/* Where "synchronised" comes from: the kernel (adjtimex) or systemd-timesyncd's file; the clock as
 * it is; or the existence of a file. */
enum clock_source { CLOCK_SOURCE_AUTO, CLOCK_SOURCE_SYSTEM, CLOCK_SOURCE_FILE };

/* Reads both clocks as one and asks the source. `file` only for CLOCK_SOURCE_FILE. The clock as it
 * is does not count as synchronised while it is a month older than this program. */
struct clock_offset clock_read(enum clock_source source, const char *file);

/* A wall time that it is later than, whatever the clock says: when this program was built, or the
 * newest time that systemd-timesyncd kept. */
struct wall_time clock_floor(void);
/* When this program was built. */
struct wall_time clock_built(void);

static inline struct wall_time wall_from_boot(struct boot_time t, struct clock_offset offset)
{
    return (struct wall_time){ t.ns + offset.ns };
}

/* 2026-11-22T12:00:00.123Z into buf (at least 25 bytes with the zero); returns the length 24.
 * Years outside 0000..9999 are clamped. */
unsigned wall_format(struct wall_time t, char *buf);

/* The kernel's boot id: 16 bytes, the same for every process of this boot. 0 or negative errno. */
int boot_id(uint8_t id[16]);

#endif
