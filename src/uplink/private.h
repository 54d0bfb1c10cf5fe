/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of the uplink process share.
 *
 *   stream.c  one bus: reads its queue, filters, writes messages, keeps its cursor
 *   backlog.c how much of it is not confirmed, and when it will be
 *   carrier.c the plugin: connection, back-off, handing over, answers
 *   uplink.c  set-up and the loop
 */
#ifndef UPLINK_PRIVATE_H
#define UPLINK_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/uplink.h>

#include "config/config.h"
#include "config/plugin.h"
#include "link/link.h"
#include "link/stats.h"
#include "log/cursor.h"
#include "uplink/drain.h"
#include "uplink/feed.h"
#include "uplink/meter.h"
#include "uplink/trail.h"
#include "uplink/uplink.h"
#include "uplink/when.h"
#include "uplink/window.h"

struct uplink;

/* Records of one shape: where they go and how they are written. */
struct source {
    struct weir_source public;
    struct json_shape *json;
    const struct shape *shape;
    bool wanted; /* passes the filters and has a route */
    int route;
    uint64_t announced; /* number of the connection on which it was */
};

/* What epochs that have ended hold and is not confirmed; see backlog.c. */
struct backlog {
    int64_t looked_ns; /* 0: not yet */
    uint64_t confirmed_epoch, seen_epoch;
    uint64_t last;    /* of the epoch that the cursor is in */
    uint64_t between; /* records of those between it and the one that runs */
    uint64_t came, counted_epoch, counted_seq; /* made since this process heard of it */
};

struct stream {
    struct uplink *up;
    uint32_t index;
    char bus[WEIR_NAME_MAX + 1];
    struct feed *feed;
    struct cursor_entry cursor;
    bool dirty; /* the cursor is to be written */

    /* Of this connection. */
    struct trail trail;
    struct place passed; /* sent, filtered or missing up to here */
    bool fresh;          /* no cursor, and no epoch to begin with */
    bool rewind;         /* a message was refused: once none is under way, again from the cursor */
    struct item held;    /* read, but there was no room for it */
    bool has_held, unreadable;
    bool at_end; /* the last look found nothing more to read */

    /* The message being written. */
    char *text;
    size_t text_size, text_len;
    uint32_t text_records;
    const struct source *text_source; /* of its first record */
    struct place text_last;
    uint64_t text_first_seq;
    int64_t text_since_ns;

    /* Refusals. */
    struct place alone_until; /* up to here one record at a time; epoch 0: none */
    struct place refused_at;
    unsigned refused_count;

    struct source **sources;
    size_t source_count, source_guess;
    uint64_t seen_epoch, seen_seq;
    struct backlog backlog;
    struct place allowed; /* persist_after = "0": no record behind this one is sent */
};

enum carrier_state { CARRIER_DOWN, CARRIER_CONNECTING, CARRIER_UP };

struct uplink {
    const char *name;
    struct settings settings;
    struct config *config;
    struct uplink_config *options;
    struct plugin plugin;
    void *self; /* the plugin's */
    struct weir_uplink_env env;
    struct link *link; /* NULL: run by hand */
    struct stats_uplink *stats;
    struct cursor_file *cursors;

    enum carrier_state state;
    bool lost, permanent; /* told by the plugin, acted upon outside its callback */
    int64_t state_since_ns, connect_at_ns, delay_ns;
    uint64_t connection;
    unsigned failures;

    struct window window;
    struct stream **streams;
    size_t stream_count;
    struct timespec account_seen; /* mtime of the account when its buses were looked at */
    size_t turn;                  /* the stream that may send first: behind the last that did */
    struct meter meter;
    struct drain drain;
    struct trail_view view;
    struct clock_offset clock;  /* as of the last second */
    struct clock_offset synced; /* as it was when it was synchronised */
    int64_t clock_read_ns;
    int64_t last_refused_ns;

    const struct stats_core *core; /* core's page; NULL: not opened yet */
    char health_why[STATS_TEXT];   /* as told on connection number `health_connection` */
    uint64_t health_connection;
    int64_t health_at_ns; /* the next look */

    const struct uplink_errand *errand; /* NULL: runs until it is stopped */
    bool hopeless;                      /* the last connection ended for good, says the plugin */

    bool stopping;
    int64_t stop_deadline_ns;
    bool link_gone;
};

/* stream.c */
int stream_add(struct uplink *up, const char *bus, struct stream **ret_stream);
void stream_destroy(struct stream *stream);
struct stream *stream_find(struct uplink *up, const char *bus);
/* Begins again at the cursor: a new connection, or after a refusal. */
void stream_restart(struct stream *stream);
/* Reads and hands over as long as there is room and something to send. True if it got anywhere. */
bool stream_pump(struct stream *stream, int64_t now_ns);
/* When an unfinished batch wants to be sent; INT64_MAX: none. */
int64_t stream_deadline(const struct stream *stream);
/* After answers: moves the cursor. */
void stream_settle(struct stream *stream);
void stream_refused(struct stream *stream, const struct flight *flight, const char *why);
/* Everything that is there has been read and answered. */
bool stream_drained(struct stream *stream);

/* backlog.c */
uint64_t stream_backlog(struct stream *stream, int64_t now_ns);
/* Once a turn of the loop: for `weir status`. */
void backlog_tell(struct uplink *up, int64_t now_ns);

/* message.c: records as text */
struct source *message_source(struct stream *stream, const struct shape *shape);
int message_add(struct stream *stream, const struct source *source, const struct item *item);
void message_reset(struct stream *stream);
/* The part of `meta` that all shapes of a device make together. */
size_t message_meta(const struct stream *stream, const struct source *source, char *buf,
                    size_t size);
struct when message_when(struct stream *stream, const struct item *item);

/* health.c: tells how the gateway is, if that has to be told. */
void health_tend(struct uplink *up, int64_t now_ns);

/* carrier.c */
int carrier_open(struct uplink *up, char *err, size_t err_size);
void carrier_close(struct uplink *up);
/* Connects when it is time, acts on what the plugin told. */
void carrier_tend(struct uplink *up, int64_t now_ns);
bool carrier_room(const struct uplink *up);
/* When there will be room as far as rate_limit goes; INT64_MAX: there is. */
int64_t carrier_wait(const struct uplink *up, int64_t now_ns);
/* Hands the stream's message over. 0, -EAGAIN, or the connection is gone. */
int carrier_send(struct stream *stream);
void carrier_announce(struct stream *stream, struct source *source);

#endif
