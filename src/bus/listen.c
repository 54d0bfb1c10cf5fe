/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A listening adapter's steps: bytes, ticks, an opened port. Each is noted before and taken over
 * after (keep.h); a step that the process before us did not finish is done again first, and the
 * records of it that are in the queue already are left out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "base/step.h"
#include "bus/host.h"
#include "bus/keep.h"
#include "log/reader.h"

#define STEP_BUSY_NS (2 * NS_PER_S)

#define LOST_NS (10 * NS_PER_S)
enum { LOST_BYTES = 64 };

/* Records that a step which is done again has made before: shape and time, in order. */
struct made {
    uint64_t shape;
    int64_t time_ns;
};

struct listen {
    struct keep *keep;
    struct going_on *going_on;
    const struct keep_event *event; /* of the step being done; NULL: none */
    bool again;
    struct made *made;
    size_t made_count;
    uint64_t opens;
    int64_t tick_ns; /* when the adapter wants the next one */
};

/* ---- set-up */

/* What the state belongs to: when this changes, it is begun anew. */
static char *make_key(const struct host *host)
{
    char *key = NULL;
    size_t size;
    FILE *out = open_memstream(&key, &size);
    if (!out) {
        return NULL;
    }
    fprintf(out, "%s %u", host->adapter->name, host->adapter->state_version);
    for (size_t i = 0; i < host->bus.device_count; i++) {
        fprintf(out, " %s", host->bus.devices[i].name);
    }
    if (fclose(out) != 0) {
        free(key);
        return NULL;
    }
    return key;
}

int listen_create(struct host *host)
{
    const struct weir_adapter *adapter = host->adapter;
    if (!adapter->receive) {
        return 0;
    }
    bool shared = false;
    char *key = make_key(host);
    struct listen *listen = calloc(1, sizeof *listen);
    size_t size = adapter->state_size ? adapter->state_size(&host->bus) : 0;
    int r = key && listen ? keep_open(host->settings->ram, host->bus.name, key, strlen(key), size,
                                      &listen->keep, &shared)
                          : -ENOMEM;
    free(key);
    if (r < 0) {
        free(listen);
        return r;
    }
    if (!shared) {
        say(SAY_WARNING,
            "what is half received or counted would not survive this process: "
            "no room in %s",
            host->settings->ram);
    }
    listen->going_on = going_on_create(host);
    host->listen = listen;
    host->bus.state = keep_state(listen->keep);
    host->bus.state_kept = keep_found(listen->keep);
    return 0;
}

void listen_destroy(struct host *host)
{
    if (host->listen) {
        keep_destroy(host->listen->keep);
        going_on_destroy(host->listen->going_on);
        free(host->listen->made);
        free(host->listen);
    }
    host->listen = NULL;
}

/* ---- a step */

static struct keep_event times_now(const struct host *host)
{
    struct clock_offset clock = host_clock(host);
    return (struct keep_event){ .time_ns = boot_now().ns,
                                .wall_offset_ns = clock.ns,
                                .synchronised = clock.state == CLOCK_SYNCED };
}

static void take_over(struct host *host)
{
    struct listen *listen = host->listen;
    struct keep_mark mark = { queue_epoch(host->queue), queue_last(host->queue) };
    STEP("keep-before");
    keep_commit(listen->keep, mark);
    listen->event = NULL;
    STEP("keep-after");
    going_on_note(host, listen->going_on, (struct place){ mark.epoch >> 32, mark.epoch, mark.seq });
}

static void do_step(struct host *host, const struct keep_event *event)
{
    const struct weir_adapter *adapter = host->adapter;
    struct listen *listen = host->listen;
    int64_t began_ns = boot_now().ns;
    listen->event = event;
    host_busy(host, "receive", STEP_BUSY_NS);
    if (event->kind == KEEP_BYTES) {
        size_t noise = adapter->receive(host->self, event->data, event->len, event->time_ns);
        host->stats->noise_bytes += noise;
        host->senseless_ns = host->senseless ? host->senseless_ns : event->time_ns;
        host->senseless += noise;
    } else if (event->kind == KEEP_FINISHED) {
        if (adapter->finish) { /* another one may have begun this step */
            adapter->finish(host->self, event->time_ns);
        }
    } else if (event->kind != KEEP_TICK && adapter->opened) {
        host->bus.resumed = event->kind == KEEP_RESUMED;
        adapter->opened(host->self, event->time_ns);
    }
    listen->tick_ns = adapter->tick ? adapter->tick(host->self, event->time_ns) : INT64_MAX;
    take_over(host);
    host->stats->busy_ns += boot_now().ns - began_ns;
}

void listen_bytes(struct host *host)
{
    struct keep_event times = times_now(host);
    const struct keep_event *event = NULL;
    ssize_t n = keep_begin_read(host->listen->keep, port_fd(host->port), &times, &event);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        host_lose_port(host, n == 0 ? "closed by the other end" : strerror(errno));
        return;
    }
    STEP("received");
    trace_put(host->trace, TRACE_RX, event->time_ns, event->data, (size_t)n);
    do_step(host, event);
}

void listen_understood(struct host *host)
{
    host->senseless = 0;
}

bool listen_is_lost(const struct host *host, int64_t now_ns)
{
    return host->senseless >= LOST_BYTES && now_ns - host->senseless_ns >= LOST_NS;
}

void listen_port(struct host *host, bool there)
{
    for (size_t i = 0; host->listen && i < host->bus.device_count; i++) {
        struct device *device = &host->devices[i];
        if (!there && !device->state.gone) {
            device->stats->errors[WEIR_R_PORT]++;
        }
        if (!there || (device->state.gone && device->stats->why == WEIR_R_PORT)) {
            host_state(host, device, !there, there ? WEIR_R_OK : WEIR_R_PORT);
        }
    }
}

void listen_opened(struct host *host)
{
    if (host->listen) {
        struct keep_event times = times_now(host);
        bool resumed = host->bus.serial && host->bus.state_kept && host->listen->opens == 0;
        enum keep_kind kind = resumed ? KEEP_RESUMED : KEEP_OPENED;
        host->listen->opens++;
        do_step(host, keep_begin(host->listen->keep, kind, &times));
    }
}

void listen_tick(struct host *host, int64_t now_ns)
{
    if (host->listen && now_ns >= host->listen->tick_ns) {
        struct keep_event times = times_now(host);
        do_step(host, keep_begin(host->listen->keep, KEEP_TICK, &times));
    }
}

void listen_finish(struct host *host)
{
    if (host->listen && host->adapter->finish) {
        struct keep_event times = times_now(host);
        do_step(host, keep_begin(host->listen->keep, KEEP_FINISHED, &times));
    }
}

int64_t listen_next_ns(const struct host *host)
{
    return host->listen ? host->listen->tick_ns : INT64_MAX;
}

/* ---- a step again */

static int note_made(struct listen *listen, const struct item *item)
{
    struct made *more = realloc(listen->made, (listen->made_count + 1) * sizeof *more);
    if (!more) {
        return -ENOMEM;
    }
    listen->made = more;
    listen->made[listen->made_count++] = (struct made){ item->shape->hash, item->time.ns };
    return 0;
}

/* The records behind the mark: those that the unfinished step made, and perhaps one of our own. */
static int find_made(struct host *host, struct keep_mark mark)
{
    struct reader *reader = NULL;
    struct item item;
    int r = reader_create(host->settings->ram, host->bus.name, &reader);
    if (r == 0) {
        r = reader_seek(reader, mark.epoch >> 32, mark.epoch, mark.seq);
    }
    while (r >= 0 && (r = reader_next(reader, &item)) > 0) {
        if (item.kind == ITEM_RECORD) {
            int noted = note_made(host->listen, &item);
            r = noted < 0 ? noted : r;
        }
    }
    reader_destroy(reader);
    return r;
}

bool listen_made_before(struct host *host, const struct shape *shape, int64_t time_ns)
{
    struct listen *listen = host->listen;
    if (!listen || !listen->again) {
        return false;
    }
    for (size_t i = 0; i < listen->made_count; i++) {
        if (listen->made[i].shape == shape->hash && listen->made[i].time_ns == time_ns) {
            listen->made[i].shape = 0; /* only once: another may look the same */
            listen->made[i].time_ns = INT64_MIN;
            return true;
        }
    }
    return false;
}

bool listen_again(const struct host *host)
{
    return host->listen && host->listen->again;
}

bool listen_times(const struct host *host, int64_t *ret_now_ns, struct clock_offset *ret_clock)
{
    const struct keep_event *event = host->listen ? host->listen->event : NULL;
    if (!event) {
        return false;
    }
    *ret_now_ns = event->time_ns;
    *ret_clock = (struct clock_offset){ event->wall_offset_ns,
                                        event->synchronised ? CLOCK_SYNCED : CLOCK_UNSYNCED };
    return true;
}

void listen_resume(struct host *host)
{
    struct listen *listen = host->listen;
    const struct keep_event *event = listen ? keep_pending(listen->keep) : NULL;
    if (listen && !keep_mark(listen->keep).epoch) { /* no step has been taken over yet */
        going_on_start(host);
    }
    if (event) {
        int r = find_made(host, keep_mark(listen->keep));
        if (r < 0) {
            say(SAY_WARNING, "records of the last step may come twice: %s", strerror(-r));
        }
        listen->again = true;
        say(SAY_NOTICE, "the last step is done again bytes=%u records=%zu", event->len,
            listen->made_count);
        do_step(host, event);
        listen->again = false;
        free(listen->made);
        listen->made = NULL;
        listen->made_count = 0;
    } else if (listen) { /* the clock of the adapter begins to run */
        struct keep_event times = times_now(host);
        do_step(host, keep_begin(listen->keep, KEEP_TICK, &times));
    }
}
