/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Records whose time is not trusted, until a `clock` event tells it. Used by intake.c, which
 * prints. They are kept as text, in the order of their numbers, by gateway, bus and epoch. Beyond
 * WAITING_BYTES_MAX the oldest stop to wait.
 */
#ifndef RECEIVE_WAITING_H
#define RECEIVE_WAITING_H

#include "receive/item.h"

#define WAITING_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct waiting;

/* Called for one that waited. `written`: it was not held back, so it was printed before. 0 or a
 * negative errno, which ends the walk. */
typedef int waiting_each(void *context, const struct item *item, bool written);

/* NULL: no memory. `bytes_max` is WAITING_BYTES_MAX but in tests. */
struct waiting *waiting_create(size_t bytes_max);
void waiting_destroy(struct waiting *waiting);

/* The record in `item` waits; `written`: it was printed as it is, else that is due at `due_ms`
 * (monotonic). If that one waits already, nothing happens, and *ret_new is false. What has to stop
 * waiting for it goes through `each` if it was not written. 0 or a negative errno. */
int waiting_add(struct waiting *waiting, const struct item *item, bool written, int64_t due_ms,
                waiting_each *each, void *context, bool *ret_new);

/* This one came again, with a time that is trusted: it waits no more. */
void waiting_drop(struct waiting *waiting, const struct record *record);

/* All of this epoch that wait, in order; they wait no more. `bus` NULL: of any bus. 0 or a negative
 * errno. */
int waiting_release(struct waiting *waiting, const char *gateway, const char *bus, uint64_t epoch,
                    waiting_each *each, void *context);

/* All that are not written and due at `now_ms`: written now, they go on waiting. 0 or a negative
 * errno. */
int waiting_due(struct waiting *waiting, int64_t now_ms, waiting_each *each, void *context);

/* How many are not written. */
size_t waiting_held(const struct waiting *waiting);

#endif
