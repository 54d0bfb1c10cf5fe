/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A gateway in one process for the tests of docs/invariants.md: one bus, the store's books, two
 * uplinks and core's trimming, all of them the real code; flash is a folder in memory
 * (tests/crash/files/memdisk.h), the plugin of an uplink is a list of what was sent, and behind it
 * the real proof of src/receive judges what arrived.
 *
 *   gate_begin -> gate_epoch -> gate_add ...  -> gate_persist, gate_trim, gate_cut, gate_stop ...
 *                 gate_connect(A) -> gate_pump(A) -> gate_ack(A) | gate_lose(A) | gate_kill(A)
 *
 * A record of `other` is not wanted by uplink A (its device is filtered); B wants everything.
 */
#ifndef INVARIANTS_RIG_H
#define INVARIANTS_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "log/account.h"
#include "memdisk.h"
#include "store/books.h"

enum { A, B, UPLINKS };
enum { GATE_SEGMENT = 32 * 1024, GATE_BATCH = 8 * 1024, GATE_GROUPS = 6 }; /* of one block each */
extern const char gate_bus[];

struct gate {
    char ram[64];
    struct memdisk *flash;
    struct books *books;
    struct queue *queue; /* NULL: the bus does not run */
    struct shape *shape, *other;
    uint64_t boot;
    size_t uplink_count;     /* configured; 2 unless a test says otherwise before gate_begin() */
    uint64_t limit_segments; /* of flash */
    int64_t ram_limit_bytes; /* of core */
    struct gate_uplink *uplinks[UPLINKS];
};
extern struct gate gate;

/* Flash is empty, store runs, nothing else does. */
void gate_begin(void);
void gate_end(void);

/* The power goes: what was not synced goes as `cut` says, RAM is empty, another boot; store runs.
 */
void gate_cut(unsigned cut);
/* The same, but store is not started. */
void gate_dark(unsigned cut);
/* Store's process is killed and started again. */
void gate_restart_store(void);
void gate_open_store(void);
/* The bus begins the epoch that a store gives unasked when flash has come back; there must be one.
 */
uint64_t gate_renew_overtaken(void);
/* Store runs, and flash is not there. */
void gate_open_store_without_flash(void);

/* The bus process begins: with what its queue has, or in a new epoch. Returns the epoch. */
uint64_t gate_epoch(void);
/* It is killed, and begun again; the next record begins a segment in RAM. */
void gate_kill_bus(void);
/* So it does, and what begins next is another boot, with the same RAM. */
void gate_new_kernel(void);
/* It ends in order. */
void gate_close_bus(void);
void gate_add(int count);
/* A number is used up by a record that cannot be stored. */
void gate_add_failing(void);
/* Records that A does not want. */
void gate_add_other(int count);
/* One record a segment in RAM. */
void gate_add_apart(int count);

/* Store persists all there is; one group. */
void gate_persist(void);
/* The same, and a group even if there is nothing new. */
void gate_checkpoint(void);
/* So many records, each in a group of its own. */
void gate_add_persisted(int count);
/* Time passes, store ticks. */
void gate_tick(int64_t ms);
/* Core removes from RAM what may go. */
void gate_trim(void);
/* Segments of the newest epoch in RAM; of flash. */
size_t gate_ram_segments(void);
size_t gate_flash_segments(void);
/* Of the newest group on flash: does it have a cursor of this uplink, and where is it? */
bool gate_durable(int uplink, struct cursor_entry *ret_entry);
/* The number of the newest group; turns over a bit in all bytes of the groups from first to last.
 */
uint64_t gate_group(void);
void gate_damage(uint64_t first, uint64_t last);
/* Flash cannot be written; or can be again, and store tries. */
void gate_break_flash(void);
void gate_mend_flash(void);

/* ---- uplinks */

/* Its process is started and connects. */
void gate_connect(int uplink);
/* At most so many messages are under way from now on. */
void gate_window(int uplink, int messages);
/* Reads and sends all there is, or fills the window. */
void gate_pump(int uplink);
/* All that was sent is acknowledged; the cursor moves. */
void gate_ack(int uplink);
/* Pumps and acknowledges. */
void gate_deliver(int uplink);
/* The connection is lost and made again. */
void gate_lose(int uplink);
void gate_kill(int uplink);
/* What is sent from now on does not arrive. */
void gate_deaf(int uplink, bool deaf);
bool gate_confirmed(int uplink, uint64_t epoch, uint64_t seq);
/* How many messages were sent so far; the text of one, counted from 0; "" if there is none. */
size_t gate_sent(int uplink);
const char *gate_text(int uplink, size_t index);
/* Is there exactly this in the newest message? `text` is a format with numbers. */
void gate_says(int uplink, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gate_says_not(int uplink, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Epoch and number of the newest message. */
void gate_newest(int uplink, uint64_t epoch, uint64_t seq);
/* What the receiver makes of all that arrived: nothing is missing, no fault. */
void gate_proof(int uplink);
/* The verdict has this line. */
void gate_verdict(int uplink, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Called before the next look into the queue, once; NULL: not. */
extern void (*gate_before_look)(void);

/* ---- the receiver, apart from the rest: it has structs of the same names */

struct receiver;
struct receiver *receiver_create(void);
void receiver_destroy(struct receiver *receiver);
void receiver_take(struct receiver *receiver, const char *text);
/* The verdict as text, to be freed; *ret_good: nothing is missing. */
char *receiver_verdict(struct receiver *receiver, bool *ret_good);

#endif
