/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a bus process must not lose when it dies: the state of a listening adapter (half a message,
 * open windows, a device's last counter) and what it was just being called with. A file in tmpfs,
 * {ram}/keep/BUS, mapped (docs/format.md "What a bus keeps"). One step: keep_begin*(),
 * the adapter works on keep_state(), keep_commit(). A process that is killed between leaves the
 * event in the page; the next one finds it by keep_pending() and does the step again. The commit is
 * one store of one number: a kill sees the old or the new.
 */
#ifndef BUS_KEEP_H
#define BUS_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { KEEP_READ_BYTES = 4096, KEEP_STATE_MAX = 4 << 20 };

enum keep_kind { KEEP_NOTHING, KEEP_BYTES, KEEP_TICK, KEEP_OPENED, KEEP_RESUMED, KEEP_FINISHED };

struct keep_event {
    uint32_t kind;   /* enum keep_kind */
    uint32_t len;    /* of data; while reading: at most */
    int64_t time_ns; /* boot time */
    int64_t wall_offset_ns;
    uint32_t synchronised, reading;
    uint8_t data[KEEP_READ_BYTES];
};

struct keep_mark { /* up to where the records of this state are in the queue */
    uint64_t epoch, seq;
};

struct keep;

/* key: what the state belongs to (adapter, version, devices); a file with another key or size is
 * begun anew. A tmpfs that is full gives private memory: works, but does not outlive the process,
 * and *ret_shared is false. */
int keep_open(const char *ram, const char *bus, const void *key, size_t key_len, size_t state_size,
              struct keep **ret_keep, bool *ret_shared);
/* One that is there, whatever its key. -ENOENT: there is none; -EINVAL: it is none, and has been
 * removed. */
int keep_open_left(const char *ram, const char *bus, struct keep **ret_keep);
void keep_destroy(struct keep *keep);
/* Nobody shall find this state: the file goes. */
void keep_remove(struct keep *keep);

const void *keep_key(const struct keep *keep, size_t *ret_len);
size_t keep_state_size(const struct keep *keep);
/* The working copy: what the adapter reads and writes. 16-byte aligned, zeroed if it is new. */
void *keep_state(struct keep *keep);
bool keep_found(const struct keep *keep); /* the process before left it */
struct keep_mark keep_mark(const struct keep *keep);

/* The step that was not finished; NULL: none. */
const struct keep_event *keep_pending(const struct keep *keep);

/* The event of a step without bytes. The time fields must be set. */
const struct keep_event *keep_begin(struct keep *keep, enum keep_kind kind,
                                    const struct keep_event *times);
/* Reads what is there now, at most KEEP_READ_BYTES, by the kernel into the page itself, so that the
 * bytes are never in this process only. How many came is not known if it dies before read(2) has
 * returned: the room is filled with a pattern before, and the next process sees how far that has
 * been replaced. Returns like read(2); *ret_event is the event if there were bytes. */
ssize_t keep_begin_read(struct keep *keep, int fd, const struct keep_event *times,
                        const struct keep_event **ret_event);
void keep_commit(struct keep *keep, struct keep_mark mark);

#endif
