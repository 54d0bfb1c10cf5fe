/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages handed to the library and not yet answered: a fixed ring in the order of sending, from
 * MQTT packet identifier to the host's token. Brokers answer in order, so the answer looked for is
 * nearly always the first; any order works.
 *
 *     head ->  [answered] [waiting] [answered] [waiting]  <- newest
 *
 * An answer is only noted (the library's callbacks run under its lock) and taken out later.
 */
#ifndef MQTT_PENDING_H
#define MQTT_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PENDING_MAX = 1024 };

enum pending_state { PENDING_HANDING_OVER, PENDING_WAITING, PENDING_ANSWERED, PENDING_TAKEN };

struct pending_entry {
    uint64_t token; /* the host's; nothing if own */
    int64_t sent_ns;
    uint16_t mid;   /* while HANDING_OVER: not known yet */
    uint8_t state;  /* enum pending_state */
    uint8_t reason; /* of the answer; below 0x80: accepted */
    bool own;       /* state, health or meta: the host knows nothing of it */
};

struct pending {
    size_t head, count;
    size_t waiting, own; /* not answered yet: all, and of these our own */
    size_t answered;     /* answered and not taken */
    struct pending_entry entries[PENDING_MAX];
};

void pending_reset(struct pending *pending);
/* The entry is HANDING_OVER until pending_sent() or pending_cancel(). NULL if the ring is full. */
struct pending_entry *pending_add(struct pending *pending, uint64_t token, bool own,
                                  int64_t now_ns);
/* The library took it and calls it mid. Its answer may have come already (QoS 0: it was written).
 */
void pending_sent(struct pending *pending, struct pending_entry *entry, uint16_t mid);
/* The newest entry was not taken after all. */
void pending_cancel(struct pending *pending, struct pending_entry *entry);
/* Notes an answer. An identifier that nobody waits for is answered for the entry that is being
 * handed over, if there is one; else false. */
bool pending_answer(struct pending *pending, uint16_t mid, uint8_t reason);
/* The next noted answer; false if there is none. */
bool pending_take(struct pending *pending, struct pending_entry *ret_entry);
/* When the longest waiting message was sent; INT64_MAX if none waits. */
int64_t pending_oldest_ns(const struct pending *pending);

#endif
