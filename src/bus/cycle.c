/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One cycle of one device: its parts one after the other, each with the line's silence before it
 * and its retries, then one record of what was read. A device that does not answer the first part
 * is left for this cycle; once a later part has timed out, there are no more retries: a time-out
 * costs one device once.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "bus/host.h"
#include "record/values.h"

/* What a plugin may take beyond its time-out: an answer of 600 characters, and a slow machine. */
#define MARGIN_NS (2 * NS_PER_S)
enum { MARGIN_CHARACTERS = 600 };

struct cycle {
    struct host *host;
    struct device *device;
    size_t index;
    size_t answered;
    int64_t first_ns; /* when the first byte of the first answer came */
    enum weir_result why;
    bool timed_out;
};

/* Did the device itself say something that was understood? */
static bool is_answer(enum weir_result r)
{
    switch (r) {
    case WEIR_R_OK:
    case WEIR_R_ILLEGAL_FUNCTION:
    case WEIR_R_ILLEGAL_ADDRESS:
    case WEIR_R_ILLEGAL_VALUE:
    case WEIR_R_DEVICE_FAILURE:
    case WEIR_R_BUSY:
    case WEIR_R_EXCEPTION:
    case WEIR_R_ABSENT:
    case WEIR_R_RANGE:
    case WEIR_R_DECODE:
        return true;
    default:
        return false;
    }
}

static bool is_worth_retry(enum weir_result r)
{
    return r == WEIR_R_TIMEOUT || r == WEIR_R_CRC || r == WEIR_R_FRAME || r == WEIR_R_FOREIGN ||
           r == WEIR_R_ECHO;
}

static void keep_silence(struct host *host)
{
    if (boot_now().ns >= host->quiet_until_ns) {
        return;
    }
    host_notify(host); /* time that is free anyway */
    struct timespec until = { host->quiet_until_ns / NS_PER_S, host->quiet_until_ns % NS_PER_S };
    while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR && !host->stop) {
    }
}

static void count_result(struct cycle *c, size_t part, enum weir_result r)
{
    struct host *host = c->host;
    c->device->stats->errors[r]++;
    host->stats->foreign_frames += r == WEIR_R_FOREIGN;
    if (r != WEIR_R_OK) {
        trace_note(host->trace, boot_now().ns, "%s part %zu: %s", c->device->view->name, part,
                   result_name(r));
    }
}

static enum weir_result ask_once(struct cycle *c, size_t part)
{
    struct host *host = c->host;
    const struct weir_adapter *adapter = host->adapter;
    host->first_ns = 0;
    host_busy(host, c->device->doing,
              c->device->view->timeout_ns + MARGIN_NS + MARGIN_CHARACTERS * host->bus.character_ns);
    enum weir_result r = adapter->poll(host->self, c->index, part, c->device->values);
    int64_t now_ns = boot_now().ns;
    host->quiet_until_ns = now_ns + host->silence_ns;
    if (adapter->turnaround_ns) {
        host->quiet_until_ns += adapter->turnaround_ns(host->self, c->index);
    }
    r = (unsigned)r < WEIR_RESULT_COUNT ? r : WEIR_R_INTERNAL;
    count_result(c, part, r);
    if (r == WEIR_R_PORT) {
        host_lose_port(host, "input/output error");
    }
    if (is_answer(r) && c->answered++ == 0) {
        c->first_ns = host->first_ns ? host->first_ns : now_ns;
    }
    return r;
}

static enum weir_result ask(struct cycle *c, size_t part, int64_t retries)
{
    for (int64_t attempt = 0;; attempt++) {
        keep_silence(c->host);
        if (attempt > 0) {
            host_flush(c->host); /* the late answer to the request before */
        }
        enum weir_result r = ask_once(c, part);
        if (!is_worth_retry(r) || attempt >= retries || c->host->stop) {
            return r;
        }
    }
}

/* Bytes that a value points to stay only until the plugin is called again. */
static void keep_texts(struct cycle *c)
{
    struct host *host = c->host;
    for (size_t i = 0; i < c->device->text_count; i++) {
        struct weir_value *value = &c->device->values[c->device->texts[i]];
        bool has_value =
            value->quality == WEIR_QUALITY_GOOD || value->quality == WEIR_QUALITY_SUSPECT;
        const uint8_t *data = value->bytes.data;
        if (!has_value || (data >= host->texts && data < host->texts + host->texts_used)) {
            continue;
        }
        if (value->bytes.len > HOST_TEXTS_BYTES - host->texts_used) {
            value->quality = WEIR_R_RANGE;
            continue;
        }
        uint8_t *copy = host->texts + host->texts_used;
        if (value->bytes.len) {
            memcpy(copy, data, value->bytes.len);
        }
        value->bytes.data = copy;
        host->texts_used += value->bytes.len;
    }
}

static void run_parts(struct cycle *c, bool probe)
{
    struct host *host = c->host;
    struct device *device = c->device;
    const struct weir_adapter *adapter = host->adapter;
    size_t count = adapter->parts(host->self, c->index), parts = count;
    size_t lead = parts ? device->lead % parts : 0;
    bool leave = false, careful = probe || !device->met; /* retries are for those we know */
    host->texts_used = 0;
    for (size_t i = 0; i < device->view->point_count; i++) {
        device->values[i].quality = WEIR_R_SKIPPED;
    }
    for (size_t i = 0; i < parts; i++) {
        size_t part = i < count ? (lead + i) % count : i; /* what is split off comes last */
        bool once = c->timed_out || (careful && i == 0);
        enum weir_result r = leave ? c->why : ask(c, part, once ? 0 : device->config->retries);
        if (r != WEIR_R_OK) {
            c->why = r;
            c->timed_out = c->timed_out || r == WEIR_R_TIMEOUT;
            leave = leave || host->port_lost || host->stop ||
                    (i == 0 && (r == WEIR_R_TIMEOUT || (probe && !is_answer(r))));
            adapter->fail(host->self, c->index, part, r, device->values);
            size_t now = adapter->parts(host->self, c->index);
            if (now > parts && now <= WEIR_POINTS_MAX && !leave) {
                i--; /* it was split: the smaller part at once */
            }
            parts = now;
        } else if (parts > 1) {
            keep_texts(c);
        }
    }
    if (parts == 0) {
        c->answered = 1; /* nothing to ask: it cannot be gone */
        c->first_ns = boot_now().ns;
    } else if (c->answered == 0) {
        device->lead = lead + 1; /* it may be this one request that it does not like */
    }
}

static void make_record(struct cycle *c)
{
    struct device *device = c->device;
    if (device->view->point_count == 0) {
        return;
    }
    if (device->window) {
        windows_add(c->host, device, c->first_ns, true);
    } else if (points_filter(device->points, c->first_ns, device->values) == 0) {
        device->stats->suppressed++;
    } else if (host_append(c->host, device, device->reading, c->first_ns, device->values) == 0) {
        points_sent(device->points, c->first_ns, device->values);
    }
    device->stats->last_reading_ns = c->first_ns;
}

/* A window counts who did not answer, too, and why. */
static void tell_window(struct cycle *c)
{
    if (c->device->window) {
        windows_add(c->host, c->device, boot_now().ns, false);
    }
}

static enum schedule_outcome port_closed(struct cycle *c)
{
    for (size_t i = 0; i < c->device->view->point_count; i++) {
        c->device->values[i].quality = WEIR_R_PORT;
    }
    tell_window(c);
    c->device->stats->missed++;
    c->device->stats->errors[WEIR_R_PORT]++;
    host_state(c->host, c->device, true, WEIR_R_PORT);
    return SCHEDULE_UNASKED;
}

static void count_turn(struct device *device, const struct turn *turn, bool was_gone)
{
    device->stats->polls++;
    if (was_gone) {
        /* Nobody asked, and nothing was read. */
        device->stats->polls += turn->left_out;
        device->stats->missed += turn->left_out;
    } else {
        device->stats->late += turn->left_out + turn->late;
    }
}

enum schedule_outcome cycle_run(struct host *host, const struct turn *turn)
{
    struct device *device = &host->devices[turn->device];
    struct cycle c = { .host = host, .device = device, .index = turn->device };
    count_turn(device, turn, device->state.gone);
    if (port_needed(host->port) && port_fd(host->port) < 0) {
        return port_closed(&c);
    }
    int64_t start_ns = boot_now().ns;
    run_parts(&c, turn->probe);
    host->stats->busy_ns += boot_now().ns - start_ns;
    if (c.answered) {
        device->met = true;
        make_record(&c);
        host_state(host, device, false, WEIR_R_OK);
        return SCHEDULE_ANSWERED;
    }
    device->stats->missed++;
    tell_window(&c);
    if (host->port_lost || host->stop) {
        return SCHEDULE_UNASKED; /* if it does not come back at once, the next turn says so */
    }
    if (device->met || turn->probe) { /* a first request may get lost as the line wakes up */
        host_state(host, device, true, c.why);
    }
    return SCHEDULE_SILENT;
}
