/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Who sent what and when: tables of fixed size in bus->state. The last counter of a device with one
 * sender is also where to go on when that is lost: a sealed packet of before must not be taken
 * again.
 */
#include <string.h>

#include "lora.h"

/* FNV-1a, 64 bits. */
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    hash = hash ? hash : 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ b[i]) * 0x100000001b3u;
    }
    return hash ? hash : 1;
}

bool window_has(struct lora *l, uint64_t hash, int64_t now_ns)
{
    struct head *head = l->head;
    for (size_t i = 0; i < WINDOW_MAX; i++) {
        const struct heard *h = &head->window[i];
        if (h->hash == hash && now_ns - h->time_ns < l->settings->duplicate_ns) {
            return true;
        }
    }
    head->window[head->window_at] = (struct heard){ now_ns, hash };
    head->window_at = (head->window_at + 1) % WINDOW_MAX;
    return false;
}

bool unknown_first(struct lora *l, uint64_t sender)
{
    struct head *head = l->head;
    for (size_t i = 0; i < head->unknown_count; i++) {
        if (head->unknown[i] == sender) {
            return false;
        }
    }
    if (head->unknown_count == UNKNOWN_MAX) {
        return false;
    }
    head->unknown[head->unknown_count++] = sender;
    return true;
}

struct sender *sender_find(struct lora *l, size_t device, uint64_t sender)
{
    for (size_t i = 0; i < SENDERS_MAX; i++) {
        struct sender *s = &l->head->senders[i];
        if (s->device == device + 1 && s->sender == sender) {
            return s;
        }
    }
    return NULL;
}

/* Free, else the one that was silent longest. A sealed one that is forgotten could be played back:
 * it stays. */
struct sender *sender_add(struct lora *l, size_t device, uint64_t sender, int64_t now_ns)
{
    struct sender *best = NULL;
    for (size_t i = 0; i < SENDERS_MAX; i++) {
        struct sender *s = &l->head->senders[i];
        if (!s->device) {
            best = s;
            break;
        }
        if (!s->sealed.seen && (!best || s->heard_ns < best->heard_ns)) {
            best = s;
        }
    }
    if (best) {
        memset(best, 0, sizeof *best);
        best->device = (uint32_t)device + 1;
        best->sender = sender;
        best->heard_ns = now_ns;
    }
    return best;
}

static uint64_t mark_of(const struct device_run *device)
{
    const struct payload_options *payload = &device->settings->payload;
    uint32_t key = device->sealed ? sealed_mark(device->sealed) : 0;
    uint64_t hash = hash_bytes(0, payload->counter, strlen(payload->counter));
    hash = hash_bytes(hash, &payload->counter_width, sizeof payload->counter_width);
    return hash_bytes(hash, &key, sizeof key) >> MARK_SHIFT;
}

void senders_check(struct lora *l, size_t device)
{
    struct device_head *kept = &l->kept[device];
    uint64_t mark = mark_of(&l->devices[device]);
    if (kept->mark != mark) {
        for (size_t i = 0; i < SENDERS_MAX; i++) {
            struct sender *s = &l->head->senders[i];
            if (s->device == device + 1) {
                memset(s, 0, sizeof *s);
            }
        }
        kept->point = 0;
    }
    kept->mark = mark;
}

/* By its address, or as the module does not tell one from another. */
static bool has_one_sender(const struct lora *l, size_t device)
{
    return l->devices[device].settings->address >= 0 || !(l->has & HAS_SENDER);
}

void sender_note(struct lora *l, size_t device, const struct sender *sender)
{
    if (sender && has_one_sender(l, device)) {
        bool sealed = l->devices[device].sealed;
        if (sealed || sender->counted) {
            l->kept[device].point = l->kept[device].mark << MARK_SHIFT | COUNTED |
                                    (sealed ? sender->sealed.counter : sender->counter);
        }
    }
}

uint64_t sender_resume_point(void *self, size_t device)
{
    const struct lora *l = self;
    return l->kept[device].point;
}

/* Not exact: packets between this and now may have been delivered, so none is said to be missing.
 */
void sender_resume(void *self, size_t device, uint64_t point, bool exact)
{
    struct lora *l = self;
    const struct device_run *d = &l->devices[device];
    uint64_t address = l->has & HAS_SENDER ? (uint64_t)d->settings->address : 0;
    if (!has_one_sender(l, device) || !(point & COUNTED) ||
        point >> MARK_SHIFT != l->kept[device].mark) {
        return;
    }
    struct sender *sender = sender_add(l, device, address, 0);
    if (!sender) {
        return;
    }
    l->kept[device].point = point;
    if (d->sealed) {
        sender->sealed = (struct sealed_sender){ .counter = (uint32_t)point, .seen = true };
    }
    if (exact && !(d->sealed && d->settings->payload.counter[0])) {
        sender->counter = (uint32_t)point;
        sender->counted = 1;
    }
}
