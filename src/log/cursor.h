/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * How far an uplink is, bus by bus, in a file of its own in tmpfs: written by the uplink after each
 * batch of acknowledgements, read by core and store to know what may be removed, copied by store
 * into every account on flash and from there back after a boot. docs/format.md "Cursor".
 *
 *   base        the last record whose acknowledgement came
 *   confirmed   up to here nothing is held back; base <= confirmed
 *   ranges      why the numbers between the two are not sent; they leave only when the record that
 *               carries them is confirmed
 */
#ifndef LOG_CURSOR_H
#define LOG_CURSOR_H

#include <stdint.h>

#include <weir/record.h>

#include "log/gone.h"

struct place {
    uint64_t order, epoch, seq; /* epoch 0: nowhere yet */
};

struct cursor_entry {
    char bus[WEIR_NAME_MAX + 1];
    struct place confirmed, base, started;
    struct ranges ranges;
    uint64_t version; /* of the slot written last */
    unsigned slot;    /* index of the pair in the file */
};

/* The folder of an epoch must stay while an uplink has not confirmed a record of a later one. */
static inline uint64_t cursor_keep_order(const struct cursor_entry *entry)
{
    return entry->base.epoch ? entry->base.order : entry->started.order;
}

struct cursor_file;

/* Takes the lock (-EWOULDBLOCK: held by *ret_pid) and reads what is there. */
int cursor_open(const char *ram, const char *uplink, struct cursor_file **ret_file, int *ret_pid);
void cursor_close(struct cursor_file *file);
/* Fills in what the file knows of this bus; a bus that is new gets an empty entry and a slot. */
void cursor_get(struct cursor_file *file, const char *bus, struct cursor_entry *ret_entry);
int cursor_put(struct cursor_file *file, struct cursor_entry *entry);

/* One entry as bytes: a slot of the file, as it also stands in accounts. Pure. encode returns the
 * length, 0 if it does not fit; decode 0 or -EBADMSG. */
enum { CURSOR_SLOT_BYTES = 2048 };
size_t cursor_encode(const struct cursor_entry *entry, uint8_t buf[CURSOR_SLOT_BYTES]);
int cursor_decode(const uint8_t *buf, size_t size, struct cursor_entry *ret_entry);

/* For store, while the uplink does not run: a whole new file of `count` slots; renamed into place.
 * -EEXIST: there is one already. */
struct cursor_slot {
    const uint8_t *bytes;
    size_t len;
};
int cursor_restore(const char *ram, const char *uplink, const struct cursor_slot *slots,
                   size_t count);

/* For core and store: calls visit for each entry of an uplink's file. -ENOENT: no file yet. */
int cursor_visit(const char *ram, const char *uplink,
                 void (*visit)(void *context, const struct cursor_entry *entry), void *context);

#endif
