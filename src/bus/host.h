/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of the bus process share: the host of one adapter.
 *
 *   bus.c      main, set-up, end         loop.c    the main loop: link, port, turns
 *   device.c   one device's run-time     cycle.c   one device's poll: parts, retries, silence
 *   host.c     services for the adapter  output.c  records, notices to core, trouble
 *   windows.c  one record of the readings of a period (tally.c, period.c, window_state.c: its
 *              rules; windows_left.c: windows of devices that are no more)
 *   listen.c   steps of a listening adapter, which survive this process (keep.h)
 *   schedule.c points.c state.c          pure rules, each with its own header
 *   port.c     the line                  trace.c   the last bytes on it
 */
#ifndef BUS_HOST_H
#define BUS_HOST_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/adapter.h>

#include "base/clock.h"
#include "bus/points.h"
#include "bus/port.h"
#include "bus/schedule.h"
#include "bus/state.h"
#include "bus/trace.h"
#include "config/config.h"
#include "link/link.h"
#include "link/stats.h"
#include "log/cursor.h"
#include "log/queue.h"
#include "record/shape.h"

/* Core hears of new records when the schedule goes idle, or this long after the first of them. */
#define NOTICE_NS (5 * NS_PER_MS)

struct device {
    const struct weir_device *view;
    const struct device_config *config;
    struct stats_device *stats;
    struct shape *reading, *change; /* NULL: `reading` of a listening adapter */
    struct points *points;
    struct window *window; /* NULL: each reading is a record (windows.c) */
    enum weir_type *types; /* of each point; NULL: a listening adapter */
    struct state state;
    struct weir_value *values;
    size_t *texts; /* which points are text or bytes */
    size_t text_count;
    bool met;    /* it has answered once */
    size_t lead; /* the part that is asked first: 0, or one that is known to answer */
    char doing[STATS_TEXT];
};

struct listen; /* listen.c */

struct host {
    struct weir_bus bus; /* the adapter's view; must be first: services find the host by it */
    const struct weir_adapter *adapter;
    void *self; /* the adapter's */
    const struct settings *settings;
    const struct bus_config *config;
    struct findings *findings; /* while the adapter opens and devices are made */

    struct stats_bus *stats;
    struct link *link; /* NULL: started by hand */
    struct queue *queue;
    struct trace *trace;
    struct port *port;
    struct schedule *schedule;
    struct device *devices;
    struct listen *listen; /* NULL: a polled adapter */

    struct shape **shapes; /* declared by a listening adapter; the index is what it knows */
    size_t *shape_devices;
    size_t shape_count;

    int64_t silence_ns;     /* of the line, between frames */
    int64_t quiet_until_ns; /* nothing may be sent before */
    int64_t first_ns;       /* when the first byte of this answer came; 0: none yet */
    bool port_lost;         /* found within a callback; closed when it has returned */
    char port_words[PORT_TEXT];
    uint64_t senseless; /* bytes of noise since something was understood; a listening bus */
    int64_t senseless_ns;
    bool settling; /* the port has been neither opened nor refused yet: nobody is gone for that */

    uint8_t *texts; /* what values of earlier parts of this cycle point to */
    size_t texts_used;

    int64_t untold_ns;    /* when the first record came that core has not heard of; 0: none */
    uint64_t lost_before; /* records lost by processes before this one */
    int append_error;

    int64_t window_ns; /* when a window ends; INT64_MAX: there is none */
    int64_t second_ns, minute_ns, waited_ns;
    int64_t line_told_ns; /* when the log last heard of errors on the line */
    sigset_t wait_mask;   /* signals that may end a wait */
    uint64_t given_epoch; /* by store, not used yet; 0: none */
    bool stop, orphan;
};

enum { HOST_TEXTS_BYTES = 128 * 1024 };

/* host.c */
extern const struct weir_adapter_host host_services;
struct host *host_of(struct weir_bus *bus);
void host_lose_port(struct host *host, const char *why);
size_t host_flush(struct host *host);
/* A plugin may keep us for this long, doing that. */
void host_busy(struct host *host, const char *doing, int64_t for_ns);
void host_free(struct host *host);

/* output.c */
struct clock_offset host_clock(const struct host *host);
/* device: whose counter counts it; NULL: nobody's. */
int host_append(struct host *host, struct device *device, const struct shape *shape,
                int64_t time_ns, const struct weir_value *values);
void host_notify(struct host *host);
/* Works out what is wrong with the bus as a whole; tells core if that has changed. */
void host_trouble(struct host *host);
void host_state(struct host *host, struct device *device, bool gone, enum weir_result why);
void host_states(struct host *host);

/* device.c */
int devices_create(struct host *host);
void devices_destroy(struct host *host);

/* cycle.c */
enum schedule_outcome cycle_run(struct host *host, const struct turn *turn);

/* windows.c; each does nothing for a device without window, but where a device is named */

/* Takes the plan over. The device's reading (shape), view and config must be there. */
int windows_create(struct host *host, struct device *device, struct window_plan *plan);
void windows_destroy(struct device *device);
/* The queue is open: what the process before left is gone on with. 0 or negative errno. */
int windows_resume(struct host *host);
/* Values of one turn are in device->values, all missing if it did not answer. */
void windows_add(struct host *host, struct device *device, int64_t time_ns, bool answered);
/* Closes windows that have ended; host->window_ns is when the next one does. */
void windows_due(struct host *host, int64_t now_ns);
/* An orderly end: records of what is open. */
void windows_finish(struct host *host);

/* windows_left.c */
struct keep_mark;
/* Is there a record of this shape and time behind the mark? 1, 0, or negative errno. */
int windows_find_made(const struct host *host, struct keep_mark mark, uint64_t shape,
                      int64_t time_ns);
/* The file of this name, if it has another key: makes its record and removes it. */
int windows_settle(struct host *host, const char *name, const void *key, size_t len);
/* All files of devices that have no window (any more). */
void windows_settle_gone(struct host *host);

/* listen.c; each does nothing for a polled adapter */

/* Before the adapter opens: its state, as the process before left it. */
int listen_create(struct host *host);
void listen_destroy(struct host *host);
/* When all is open: the step that the process before did not finish. */
void listen_resume(struct host *host);
void listen_bytes(struct host *host); /* the port is readable */
void listen_opened(struct host *host);
/* Something made sense. */
void listen_understood(struct host *host);
/* Much has come for a while and nothing of it made sense: most likely a wrong speed or model. */
bool listen_is_lost(const struct host *host, int64_t now_ns);
/* Who talks is not heard without a port: its devices are gone with it, and back with it. */
void listen_port(struct host *host, bool there);
void listen_tick(struct host *host, int64_t now_ns);
/* An orderly end. */
void listen_finish(struct host *host);
int64_t listen_next_ns(const struct host *host);
/* A step is being done again: nothing is written to the port. */
bool listen_again(const struct host *host);
/* Then: this record has been made before; leave it out. */
bool listen_made_before(struct host *host, const struct shape *shape, int64_t time_ns);
/* The times of the step that is being done; false: none is. */
bool listen_times(const struct host *host, int64_t *ret_now_ns, struct clock_offset *ret_clock);

/* going_on.c */
struct going_on;
/* Where the adapter's devices go on, into the file of this bus, if it has changed. */
void going_on_note(struct host *host, struct going_on *going_on, struct place at);
/* A state that is new: what was left of the one before, to the adapter. */
void going_on_start(struct host *host);
struct going_on *going_on_create(const struct host *host); /* NULL: not wanted, or no memory */
void going_on_destroy(struct going_on *going_on);

/* loop.c */
/* Asks store for an epoch and waits for it; by hand, or when it does not come, makes one. A
 * queue_epoch_source. */
int loop_ask_epoch(void *context, uint64_t order, uint64_t *ret_epoch);
int loop_run(struct host *host);

#endif
