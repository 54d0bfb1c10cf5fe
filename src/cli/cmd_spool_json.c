/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool status --json`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_spool_status.h"
#include "record/json.h"

enum { FIRST_BYTES = 64 * 1024, MAX_BYTES = 64 * 1024 * 1024 };

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

/* The time, and in another key whether it is trusted. */
static void time_of(struct json *json, const char *name, bool known, struct when when)
{
    char buf[32], trusted[64];
    key(json, name);
    if (!known) {
        json_word(json, "null");
        return;
    }
    json_text(json, buf, wall_format(when.time, buf));
    if (when.clock != JSON_CLOCK_SYNCED) {
        snprintf(trusted, sizeof trusted, "%s_clock", name);
        text(json, trusted, when.clock == JSON_CLOCK_ESTIMATED ? "estimated" : "unsynced");
    }
}

static void open_list(struct json *json, const char *name)
{
    key(json, name);
    json_word(json, "[");
}

static void next(struct json *json, bool first)
{
    json_word(json, first ? "{" : ",{");
}

static void put_epochs(struct json *json, const struct spool_summary *summary)
{
    const struct account *a = summary->state.account;
    open_list(json, "epochs");
    for (size_t i = 0; a && i < a->epoch_count; i++) {
        const struct account_epoch *e = &a->epochs[i];
        next(json, i == 0);
        text(json, "bus", e->bus);
        number(json, "epoch", e->epoch);
        number(json, "order", e->order);
        number(json, "last", e->last);
        text(json, "state", spool_epoch_state(e));
        time_of(json, "until", true, spool_epoch_until(summary, e));
        open_list(json, "gone");
        for (size_t k = 0; k < e->gone_count; k++) {
            next(json, k == 0);
            number(json, "first", e->gone[k].first);
            number(json, "last", e->gone[k].last);
            text(json, "why", why_name(e->gone[k].why));
            json_word(json, "}");
        }
        json_word(json, "]}");
    }
    json_word(json, "]");
}

static void put_place(struct json *json, const char *name, struct place place)
{
    key(json, name);
    json_word(json, "{");
    number(json, "epoch", place.epoch);
    number(json, "seq", place.seq);
    json_word(json, "}");
}

static void put_cursors(struct json *json, const struct account *account,
                        const struct account_uplink *uplink)
{
    bool first = true;
    open_list(json, "cursors");
    for (size_t i = 0; i < uplink->cursor_count; i++) {
        struct cursor_entry c;
        if (cursor_decode(uplink->cursors[i].slot, uplink->cursors[i].len, &c) < 0) {
            continue;
        }
        next(json, first);
        first = false;
        text(json, "bus", c.bus);
        put_place(json, "confirmed", c.confirmed);
        put_place(json, "base", c.base);
        put_place(json, "started", c.started);
        number(json, "behind", spool_waiting(account, &c));
        json_word(json, "}");
    }
    json_word(json, "]");
}

static void put_uplinks(struct json *json, const struct account *a)
{
    open_list(json, "uplinks");
    for (size_t i = 0; a && i < a->uplink_count; i++) {
        const struct account_uplink *u = &a->uplinks[i];
        struct when seen = { { u->seen_ns }, JSON_CLOCK_SYNCED, 0 };
        next(json, i == 0);
        text(json, "name", u->name);
        time_of(json, "configured_until", u->seen_ns != 0, seen);
        put_cursors(json, a, u);
        json_word(json, "}");
    }
    json_word(json, "]");
}

static void put_store(struct json *json, const struct spool_summary *summary)
{
    const struct spool_store *store = summary->store;
    const struct spool_state *state = &summary->state;
    size_t files = store->segments + store->free + store->bad + store->newer;
    json_word(json, "{");
    text(json, "path", store->path);
    text(json, "gateway", store->gateway);
    number(json, "segments", store->segments);
    number(json, "free_segments", store->free);
    number(json, "set_aside", store->bad + store->newer);
    number(json, "unreadable", state->unreadable);
    number(json, "newer", state->newer);
    number(json, "segment_bytes", SPOOL_SEGMENT_BYTES);
    number(json, "bytes", files * (uint64_t)SPOOL_SEGMENT_BYTES);
    number(json, "used_bytes", summary->used_bytes);
    number(json, "group", state->account ? state->account->group : 0);
    time_of(json, "group_time", state->account != NULL,
            state->account ? spool_group_made(summary) : (struct when){ 0 });
    key(json, "damage");
    json_word(json, state->damage || state->unreadable ? "true" : "false");
    time_of(json, "oldest", summary->has_oldest, summary->oldest);
    time_of(json, "newest", summary->has_newest, summary->newest);
    put_epochs(json, summary);
    put_uplinks(json, state->account);
    json_word(json, "}\n");
}

int spool_status_json(const struct spool_summary *summary)
{
    for (size_t size = FIRST_BYTES; size <= MAX_BYTES; size *= 2) {
        char *buf = malloc(size);
        if (!buf) {
            return -ENOMEM;
        }
        struct json json = json_init(buf, size);
        put_store(&json, summary);
        if (!json.failed) {
            fwrite(buf, 1, json_len(&json), stdout);
        }
        free(buf);
        if (!json.failed) {
            return 0;
        }
    }
    return -ENOMEM;
}
