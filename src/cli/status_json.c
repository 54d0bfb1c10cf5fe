/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir status --json`: the same as one JSON object in one line. Ages are in milliseconds, null if
 * the thing has not happened.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/status.h"
#include "record/json.h"

static void key(struct json *json, const char *name)
{
    char last = json_len(json) ? json->at[-1] : '{';
    if (last != '{' && last != '[') {
        json_word(json, ",");
    }
    json_text(json, name, strlen(name));
    json_word(json, ":");
}

static void text(struct json *json, const char *name, const char *value)
{
    key(json, name);
    json_text(json, value, strlen(value));
}

static void number(struct json *json, const char *name, uint64_t value)
{
    key(json, name);
    json_u64(json, value);
}

static void boolean(struct json *json, const char *name, bool value)
{
    key(json, name);
    json_word(json, value ? "true" : "false");
}

static void number_or_null(struct json *json, const char *name, int64_t value)
{
    key(json, name);
    if (value < 0) {
        json_word(json, "null");
    } else {
        json_u64(json, (uint64_t)value);
    }
}

/* How long ago; `at` 0: never. */
static void age(struct json *json, const char *name, int64_t at_ns, int64_t now_ns)
{
    key(json, name);
    if (at_ns == 0) {
        json_word(json, "null");
    } else {
        json_u64(json, now_ns > at_ns ? (uint64_t)((now_ns - at_ns) / NS_PER_MS) : 0);
    }
}

/* Opens the next object of an array. */
static void next(struct json *json, bool first)
{
    json_word(json, first ? "{" : ",{");
}

static void put_answer(struct json *json, const struct status *status)
{
    static struct status_reasons reasons;
    status_judge(status, &reasons);
    boolean(json, "ok", reasons.count == 0);
    boolean(json, "configured", status_configured(status));
    key(json, "degraded");
    json_word(json, "[");
    for (unsigned i = 0; i < reasons.count && i < STATUS_REASONS; i++) {
        json_word(json, i ? "," : "");
        json_text(json, reasons.text[i], strlen(reasons.text[i]));
    }
    json_word(json, "]");
}

static void put_child(struct json *json, const struct stats_child *child, int64_t now_ns)
{
    text(json, "name", child->name);
    text(json, "process", status_child_state(child));
    number(json, "pid", child->pid > 0 ? (uint64_t)child->pid : 0);
    age(json, "process_since_ms", child->since_ns, now_ns);
    number(json, "restarts", child->restarts);
    text(json, "last_end", child->why);
    number(json, "bad_messages", child->bad_messages);
}

static void put_device(struct json *json, const struct stats_device *device, int64_t now_ns)
{
    text(json, "name", device->name);
    text(json, "state", status_device_state(device));
    text(json, "why", status_result_name(device->why));
    age(json, "since_ms", device->since_ns, now_ns);
    age(json, "last_reading_ms", device->last_reading_ns, now_ns);
    number(json, "polls", device->polls);
    number(json, "missed", device->missed);
    number(json, "suppressed", device->suppressed);
    number(json, "records", device->records);
    number(json, "late", device->late);
    key(json, "errors");
    json_word(json, "{");
    for (unsigned i = 1; i < WEIR_RESULT_COUNT; i++) { /* 0 is "ok" */
        if (device->errors[i]) {
            number(json, status_result_name(i), device->errors[i]);
        }
    }
    json_word(json, "}");
}

static void put_bus(struct json *json, const struct stats_bus *bus, int64_t now_ns)
{
    int64_t ran_ns = now_ns - bus->started_ns;
    text(json, "adapter", bus->adapter);
    text(json, "port", bus->port);
    text(json, "trouble", bus->trouble);
    number(json, "epoch", bus->epoch);
    number(json, "seq", bus->last_seq);
    number(json, "lost", bus->lost);
    number(json, "opens", bus->opens);
    number(json, "use_percent",
           ran_ns > 0 && bus->busy_ns > 0 ? (uint64_t)(bus->busy_ns * 100 / ran_ns) : 0);
    number(json, "noise_bytes", bus->noise_bytes);
    number(json, "foreign_frames", bus->foreign_frames);
    number(json, "bad_frames", bus->bad_frames);
    number(json, "line_framing_errors", bus->framing);
    number(json, "line_parity_errors", bus->parity);
    number(json, "line_overruns", bus->overruns);
    number(json, "line_breaks", bus->breaks);
    key(json, "devices");
    json_word(json, "[");
    for (uint32_t i = 0; i < bus->device_count; i++) {
        next(json, i == 0);
        put_device(json, &bus->devices[i], now_ns);
        json_word(json, "}");
    }
    json_word(json, "]");
}

/* null while nothing drains: "-" of the text. */
static void put_drain(struct json *json, const struct stats_uplink *uplink, int64_t now_ns)
{
    int64_t eta_ns = status_eta_ns(uplink, now_ns);
    int percent = status_drained_percent(uplink);
    number(json, "backlog_peak", uplink->drain_peak);
    number_or_null(json, "drained_percent", percent);
    number_or_null(json, "eta_ms", eta_ns < 0 ? -1 : eta_ns / NS_PER_MS);
}

static void put_uplink(struct json *json, const struct stats_uplink *uplink, int64_t now_ns)
{
    text(json, "plugin", uplink->plugin);
    boolean(json, "connected", uplink->connected != 0);
    age(json, "since_ms", uplink->since_ns, now_ns);
    text(json, "note", uplink->note);
    text(json, "words", uplink->words);
    text(json, "trouble", uplink->trouble);
    number(json, "connections", uplink->connections);
    number(json, "in_flight", uplink->in_flight);
    number(json, "backlog", status_backlog(uplink));
    put_drain(json, uplink, now_ns);
    number(json, "messages", uplink->messages);
    number(json, "records", uplink->records);
    number(json, "bytes", uplink->bytes);
    number(json, "bytes_today", uplink->bytes_today);
    number(json, "bytes_month", uplink->bytes_month);
    number(json, "rate_limit", uplink->rate_limit);
    number(json, "accepted", uplink->accepted);
    number(json, "refused", uplink->refused);
    number(json, "set_aside", uplink->set_aside);
    number(json, "filtered", uplink->filtered);
    age(json, "last_accepted_ms", uplink->last_accepted_ns, now_ns);
    key(json, "streams");
    json_word(json, "[");
    for (uint32_t i = 0; i < uplink->stream_count; i++) {
        const struct stats_stream *stream = &uplink->streams[i];
        next(json, i == 0);
        text(json, "bus", stream->bus);
        number(json, "epoch", stream->epoch);
        number(json, "confirmed", stream->confirmed);
        number(json, "newest", stream->seen);
        number(json, "backlog", stream->backlog);
        json_word(json, "}");
    }
    json_word(json, "]");
}

static void put_children(struct json *json, const struct status *status, const char *role)
{
    bool first = true;
    json_word(json, "[");
    for (uint32_t i = 0; i < status->core->child_count; i++) {
        const struct stats_child *child = &status->core->children[i];
        if (strcmp(child->role, role) != 0) {
            continue;
        }
        next(json, first);
        first = false;
        put_child(json, child, status->now_ns);
        if (status->buses[i]) {
            put_bus(json, status->buses[i], status->now_ns);
        }
        if (status->uplinks[i]) {
            put_uplink(json, status->uplinks[i], status->now_ns);
        }
        json_word(json, "}");
    }
    json_word(json, "]");
}

static void put_flash(struct json *json, const struct status *status)
{
    const struct stats_store *s = status->store;
    key(json, "flash");
    if (!s) {
        json_word(json, "null");
        return;
    }
    json_word(json, "{");
    text(json, "trouble", s->trouble);
    number(json, "stalled_ms", (uint64_t)(status_stalled_ns(status) / NS_PER_MS));
    number(json, "bytes", s->segments * s->segment_bytes);
    number(json, "free_bytes", s->free_segments * s->segment_bytes);
    number(json, "limit_bytes", s->limit_segments * s->segment_bytes);
    number(json, "set_aside", s->set_aside);
    number(json, "groups", s->groups);
    number(json, "bytes_written", s->bytes);
    number(json, "bytes_written_today", s->bytes_today);
    age(json, "last_written_ms", s->group_ns, status->now_ns);
    text(json, "written_for", s->why);
    boolean(json, "backlog", s->behind);
    json_word(json, "}");
}

static void put_all(struct json *json, const struct status *status)
{
    const struct stats_core *core = status->core;
    json_word(json, "{");
    put_answer(json, status);
    text(json, "gateway", core->gateway);
    text(json, "version", core->version);
    number(json, "pid", core->pid > 0 ? (uint64_t)core->pid : 0);
    age(json, "up_ms", core->started_ns, status->now_ns);
    text(json, "clock", core->clock_synced ? "synced" : "unsynced");
    key(json, "buses");
    put_children(json, status, "bus");
    key(json, "buffer");
    json_word(json, "{");
    number(json, "ram_bytes", core->ram_bytes);
    number(json, "ram_limit_bytes", core->ram_limit_bytes);
    number(json, "removed_at_limit", core->trimmed_limit);
    put_flash(json, status);
    json_word(json, "}");
    key(json, "uplinks");
    put_children(json, status, "uplink");
    json_word(json, "}\n");
}

int status_print_json(FILE *out, const struct status *status)
{
    for (size_t size = 65536;; size *= 2) {
        char *buffer = malloc(size);
        if (!buffer) {
            return -ENOMEM;
        }
        struct json json = json_init(buffer, size);
        put_all(&json, status);
        if (!json.failed) {
            fwrite(buffer, 1, json_len(&json), out);
            free(buffer);
            return 0;
        }
        free(buffer);
    }
}
