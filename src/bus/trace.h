/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The last 64 KiB of the wire of one bus, always there, in {ram}/trace/BUS. One process writes (the
 * bus), any number read (`weir trace`); nobody locks. It outlives the bus process: what was said
 * before a crash is still in it, and the next process goes on behind it.
 */
#ifndef BUS_TRACE_H
#define BUS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/adapter.h>

enum { TRACE_RING_BYTES = 64 * 1024, TRACE_DATA_MAX = 4096 };

enum trace_kind {
    TRACE_TX = WEIR_TX,
    TRACE_RX = WEIR_RX,
    TRACE_NOTE, /* text: "feeder-1: timeout", "port open" */
};

struct trace;

int trace_create(const char *ram, const char *bus, const char *adapter, bool serial,
                 struct trace **ret_trace);
void trace_destroy(struct trace *trace);
/* trace may be NULL. Longer data becomes several entries. */
void trace_put(struct trace *trace, enum trace_kind kind, int64_t time_ns, const void *data,
               size_t len);
void trace_note(struct trace *trace, int64_t time_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct trace_entry {
    enum trace_kind kind;
    int64_t time_ns; /* since boot */
    uint64_t lost;   /* entries before this one that were overwritten before we read them */
    size_t len;
    const uint8_t *data; /* until the next call */
};

struct trace_reader;

/* -ENOENT: this bus has never run since the box was started. Begins with the oldest entry. */
int trace_reader_create(const char *ram, const char *bus, struct trace_reader **ret_reader);
void trace_reader_destroy(struct trace_reader *reader);
/* 1: *ret_entry is the next; 0: nothing more now. */
int trace_reader_next(struct trace_reader *reader, struct trace_entry *ret_entry);
const char *trace_reader_adapter(const struct trace_reader *reader);
bool trace_reader_serial(const struct trace_reader *reader);

#endif
