/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages not yet answered; see pending.h.
 */
#include "pending.h"

static struct pending_entry *entry_at(struct pending *pending, size_t index)
{
    return &pending->entries[(pending->head + index) % PENDING_MAX];
}

void pending_reset(struct pending *pending)
{
    pending->head = pending->count = 0;
    pending->waiting = pending->own = pending->answered = 0;
}

struct pending_entry *pending_add(struct pending *pending, uint64_t token, bool own, int64_t now_ns)
{
    if (pending->count == PENDING_MAX) {
        return NULL;
    }
    if (!pending->count) {
        pending->head = 0; /* keeps to the same few cache lines */
    }
    struct pending_entry *entry = entry_at(pending, pending->count++);
    *entry = (struct pending_entry){
        .token = token, .sent_ns = now_ns, .state = PENDING_HANDING_OVER, .own = own
    };
    pending->waiting++;
    pending->own += own;
    return entry;
}

void pending_sent(struct pending *pending, struct pending_entry *entry, uint16_t mid)
{
    entry->mid = mid;
    if (entry->state == PENDING_HANDING_OVER) {
        entry->state = PENDING_WAITING;
    }
}

void pending_cancel(struct pending *pending, struct pending_entry *entry)
{
    if (entry->state == PENDING_ANSWERED) {
        pending->answered--;
    } else {
        pending->waiting--;
        pending->own -= entry->own;
    }
    pending->count--;
}

static void note_answer(struct pending *pending, struct pending_entry *entry, uint8_t reason)
{
    entry->state = PENDING_ANSWERED;
    entry->reason = reason;
    pending->waiting--;
    pending->own -= entry->own;
    pending->answered++;
}

bool pending_answer(struct pending *pending, uint16_t mid, uint8_t reason)
{
    for (size_t i = 0; i < pending->count; i++) {
        struct pending_entry *entry = entry_at(pending, i);
        if ((entry->state == PENDING_WAITING && entry->mid == mid) ||
            entry->state == PENDING_HANDING_OVER) {
            note_answer(pending, entry, reason);
            return true;
        }
    }
    return false;
}

bool pending_take(struct pending *pending, struct pending_entry *ret_entry)
{
    for (size_t i = 0; pending->answered && i < pending->count; i++) {
        struct pending_entry *entry = entry_at(pending, i);
        if (entry->state != PENDING_ANSWERED) {
            continue;
        }
        *ret_entry = *entry;
        entry->state = PENDING_TAKEN;
        pending->answered--;
        while (pending->count && entry_at(pending, 0)->state == PENDING_TAKEN) {
            pending->head = (pending->head + 1) % PENDING_MAX;
            pending->count--;
        }
        return true;
    }
    return false;
}

int64_t pending_oldest_ns(const struct pending *pending)
{
    for (size_t i = 0; pending->waiting && i < pending->count; i++) {
        const struct pending_entry *entry = &pending->entries[(pending->head + i) % PENDING_MAX];
        if (entry->state == PENDING_WAITING || entry->state == PENDING_HANDING_OVER) {
            return entry->sent_ns;
        }
    }
    return INT64_MAX;
}
