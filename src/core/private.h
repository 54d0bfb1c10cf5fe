/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of core share.
 *
 *   core.c     set-up and the loop      child.c   one child: start, watch, end, start again
 *   trim.c     removes what all have    events.c  records of the gateway's own bus `weir`
 *   reload.c   a changed configuration  control.c the socket that says we are here
 *   clocks.c   epochs from before the clock was right
 */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"
#include "link/link.h"
#include "link/stats.h"
#include "log/queue.h"

struct core;

enum child_role { ROLE_BUS, ROLE_UPLINK, ROLE_STORE };
#define STORE_NAME "spool"

/* Somebody's own words, and before them who it is. */
enum { TROUBLE_TEXT = STATS_TEXT + WEIR_NAME_MAX + 32 };

struct child {
    struct core *core;
    enum child_role role;
    char name[WEIR_NAME_MAX + 1];
    char *section; /* its configuration as text; equal text: nothing changed */
    size_t section_len;
    char *next_section; /* after a reload: what it is to be started with again; "" ends it */

    pid_t pid; /* 0: not running */
    struct link *link;
    int stats_fd;
    uint32_t stats_size;
    struct stats_head *head;  /* its page */
    struct stats_child *page; /* what core says of it */
    int64_t started_ns, start_at_ns, delay_ns, killed_ns, stop_at_ns, link_lost_ns;
    uint64_t bad;
    bool ready, stopping;
    bool held;                  /* to be started once store is ready, or takes too long */
    bool wants_epoch;           /* a bus that has asked and not been answered */
    char why[STATS_TEXT];       /* core's own reason for ending it; "" if it was not core */
    char trouble[TROUBLE_TEXT]; /* what was wrong with it at the last look; "" if nothing */
    int64_t trouble_since_ns;
};

/* An epoch with records whose time was not known. */
struct unsure_epoch {
    char bus[WEIR_NAME_MAX + 1];
    uint64_t epoch;
};

struct core {
    const char *file;
    struct config *config;
    struct settings settings;
    struct stats_core *stats;
    int stats_fd, signal_fd, control_fd, ram_lock_fd, flash_lock_fd;
    struct child **children;
    size_t child_count;
    struct queue *events;
    struct shape *event_shape;
    struct clock_offset clock;
    bool was_synced; /* as of the last look */
    struct unsure_epoch *unsure;
    size_t unsure_count;
    int64_t second_ns, day_ns;
    bool stop, hurry, reload;
    int64_t store_patience_ns; /* until then others wait for store */
    bool wants_epoch;          /* for the bus `weir`: store has been asked */
    uint64_t given_epoch;      /* for the bus `weir`; 0: none */
    bool synced;               /* store has persisted all there was */
};

/* child.c */
struct child *child_add(struct core *core, enum child_role role, const char *name, char *section,
                        size_t len);
struct child *child_find(struct core *core, enum child_role role, const char *name);
void child_remove(struct core *core, struct child *child);
void child_start(struct child *child, int64_t now_ns);
/* Asks it to end in order by then. */
void child_stop(struct child *child, int64_t deadline_ns);
void child_kill(struct child *child, const char *why);
/* A process has ended. */
void child_reaped(struct child *child, int status, int64_t now_ns);
/* Once a second, and when a start is due: hung? stuck? to be started? */
void child_tend(struct child *child, int64_t now_ns);
void child_serve(struct child *child, short revents);
const char *child_role_name(enum child_role role);
/* True while it counts as trouble: not running, or not yet long enough since its last crash. */
bool child_in_trouble(const struct child *child, int64_t now_ns);

/* events.c */
struct event {
    const char *event, *why, *of_bus, *uplink, *of_device, *was, *version; /* NULL: left out */
    uint64_t of_epoch, first, last; /* of_epoch 0: all three left out */
    double offset_s;
    bool has_offset, has_counts;
    uint64_t polls, missed, suppressed, bytes_sent;
};
int events_open(struct core *core, int *ret_pid);
void events_add(struct core *core, const struct event *event);

/* clocks.c */
/* What an earlier run of this boot had on its list. */
void clocks_load(struct core *core);
/* Once a second: when the clock is synchronised, receivers get what they need to repair earlier
 * stamps. */
void clocks_watch(struct core *core);

/* lock.c: 0, -EWOULDBLOCK: another weir has it, or another errno; all are said. lock_flash() may
 * also come back with -ETIMEDOUT: flash does not answer. */
int lock_ram(const char *path, int *ret_fd);
int lock_flash(const char *path, int *ret_fd);

/* trim.c */
void trim_all(struct core *core);

/* core.c: tells every uplink that a bus has more. */
void core_more(struct core *core, const struct link_message *message);
/* Sends a message to store; false if it does not run. */
bool core_to_store(struct core *core, const struct link_message *message);
/* Store is about to be ready: uplinks wait for it, so that their cursors are there. */
bool core_store_pending(struct core *core, int64_t now_ns);
/* A queue_epoch_source for the bus `weir`. */
int core_ask_epoch(void *context, uint64_t order, uint64_t *ret_epoch);

/* control.c */
int control_open(struct core *core);
void control_serve(struct core *core);

/* reload.c */
int core_check(const char *file);
void core_reload(struct core *core);

/* notify.c: what systemd wants to know, if it started us. */
void notify(const char *state);

#endif
