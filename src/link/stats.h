/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The page that each process shares with the others: what it is doing, and its counters. One file a
 * process under {ram}/stats, mapped, written in place by its owner alone, read by core (is it
 * alive?) and by `weir status` (which needs no answer from a process that hangs). Costs nothing per
 * poll and survives the process. Only processes of one build read it; `layout` guards that.
 *
 * Fields are aligned and at most 64 bits, so a reader never sees half a number. Texts may be read
 * in mid-change; readers bound them.
 */
#ifndef LINK_STATS_H
#define LINK_STATS_H

#include <stdint.h>

#include <weir/record.h>

enum {
    STATS_LAYOUT = 3,
    STATS_TEXT = 160,
    STATS_DEVICES = 256,
    STATS_CHILDREN = 128,
    STATS_BUSES = 128
};

/* First in every page. */
struct stats_head {
    uint32_t layout, size;
    int64_t alive_ns;       /* boot time of the last round of the main loop */
    int64_t busy_until_ns;  /* a plugin may keep it until then */
    char doing[STATS_TEXT]; /* "poll feeder-1" */
};

enum stats_device_state { DEVICE_UNKNOWN, DEVICE_LIVE, DEVICE_GONE };

struct stats_device {
    char name[WEIR_NAME_MAX + 1];
    uint8_t state;
    uint8_t why; /* weir_result of the last failure */
    int64_t since_ns, last_reading_ns;
    uint64_t polls, missed, suppressed, records,
        late; /* late: cycles begun over one period late, and those left out */
    uint64_t errors[WEIR_RESULT_COUNT];
};

struct stats_bus {
    struct stats_head head;
    char adapter[WEIR_NAME_MAX + 1];
    char port[STATS_TEXT]; /* what it is, and a word: "/dev/ttyUSB0 9600 8N1", "parity not kept" */
    char trouble[STATS_TEXT];              /* "" if none: why the bus as a whole is degraded */
    uint64_t epoch, last_seq, lost, opens; /* opens: of the port */
    int64_t started_ns, busy_ns;           /* time spent talking since started */
    uint64_t noise_bytes, foreign_frames, bad_frames; /* bad: of a listening bus, not taken */
    /* of a serial line, by its driver; line_ns: when they grew last, 0: never */
    uint64_t overruns, framing, parity, breaks;
    int64_t line_ns;
    uint32_t device_count;
    struct stats_device devices[STATS_DEVICES];
};

struct stats_stream { /* one bus as an uplink sees it */
    char bus[WEIR_NAME_MAX + 1];
    uint64_t epoch, confirmed, seen; /* seen: newest number known */
    uint64_t backlog;
};

struct stats_uplink {
    struct stats_head head;
    char plugin[WEIR_NAME_MAX + 1];
    uint8_t connected;
    int64_t since_ns;         /* of the present state */
    char note[STATS_TEXT];    /* "MQTT 5" */
    char words[STATS_TEXT];   /* why the last connection ended or could not be made */
    char trouble[STATS_TEXT]; /* "" if none: why it is degraded */
    uint64_t connections, in_flight, messages, records, bytes, accepted, refused, set_aside,
        filtered;
    int64_t last_accepted_ns;
    uint64_t rate_limit;               /* bytes a second; 0: none */
    uint64_t bytes_today, bytes_month; /* of the wall clock (UTC); survive the process */
    uint64_t drain_peak;               /* the most there was of this backlog; 0: there is none */
    uint64_t drain_per_s;              /* it shrinks by so many records */
    int64_t drain_eta_ns;              /* it is gone in; 0: nobody can tell */
    uint32_t stream_count;
    struct stats_stream streams[STATS_BUSES];
};

struct stats_store {
    struct stats_head head;
    char trouble[STATS_TEXT]; /* "" if none: why records are in RAM only */
    uint64_t segments, free_segments, limit_segments, segment_bytes, set_aside;
    uint64_t groups, bytes, syncs; /* written since it was started */
    uint64_t bytes_today;          /* of the wall clock's day; survives a restart of the process */
    int64_t day;                   /* which day that is */
    uint64_t records;              /* copied to flash since it was started */
    int64_t group_ns;              /* when the last group was written */
    char why[STATS_TEXT];          /* what for: "records, cursors" */
    uint8_t behind;                /* some uplink has not confirmed all that is on flash */
};

enum stats_child_state {
    CHILD_STARTING,
    CHILD_RUNNING,
    CHILD_WAITING,
    CHILD_STUCK,
    CHILD_REFUSED,
    CHILD_ENDED
};

struct stats_child {
    char role[16]; /* "bus", "uplink", "store" */
    char name[WEIR_NAME_MAX + 1];
    int32_t pid;
    uint8_t state;
    uint64_t restarts, bad_messages;
    int64_t since_ns, next_start_ns;
    char why[STATS_TEXT]; /* the last end: "killed by signal 11", "hung in poll feeder-1, killed" */
};

struct stats_core {
    struct stats_head head;
    char gateway[WEIR_NAME_MAX + 1];
    char version[32];
    int32_t pid;
    int64_t started_ns;
    char trouble[STATS_TEXT];
    uint64_t ram_bytes, ram_limit_bytes, trimmed_limit; /* records removed at the limit */
    uint64_t epoch, last_seq;                           /* of the bus `weir` */
    int32_t clock_synced;
    uint32_t child_count;
    struct stats_child children[STATS_CHILDREN];
};

/* The page of one role, made by core as {ram}/stats/ROLE.NAME with its full size. The descriptor is
 * inherited by the child. */
int stats_create(const char *ram, const char *role, const char *name, uint32_t size, int *ret_fd);
/* Maps it for writing (the owner) or reading. NULL with errno. -- stats_open: by path, read-only.
 */
void *stats_map(int fd, uint32_t size, int writable);
const void *stats_open(const char *ram, const char *role, const char *name, uint32_t size);
void stats_unmap(const void *page, uint32_t size);
/* Bounded copy into one of the texts above. */
void stats_text(char *to, uint32_t size, const char *from);

#endif
