/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Devices that are asked, one at a time: a round of a device is as many requests as its family has,
 * each sent when the one before is answered. Rounds begin every `every`; one that took longer is
 * followed by the next at once, and none is made up for.
 */
#include "traffic.h"

void ask_opened(struct traffic *t, int64_t now_ns)
{
    struct ask *ask = &t->head->ask;
    ask->asked = ask->go_on = -1;
    ask->open = 1;
    for (size_t i = 0; i < t->bus->device_count; i++) {
        t->devices[i].due_ns = now_ns;
    }
}

static void end_round(struct traffic *t, size_t device, int64_t now_ns)
{
    int64_t next_ns = t->devices[device].due_ns + t->bus->devices[device].every_ns;
    t->devices[device].due_ns = next_ns > now_ns ? next_ns : now_ns;
}

static void send_next(struct traffic *t, size_t device, bool first, int64_t now_ns)
{
    struct ask *ask = &t->head->ask;
    uint8_t buf[TRAFFIC_REQUEST_MAX];
    size_t n = t->family->request(t, device, first, now_ns, buf);
    ask->asked = -1;
    if (n == 0) {
        end_round(t, device, now_ns);
        return;
    }
    ask->asked = (int32_t)device;
    ask->deadline_ns = now_ns + t->bus->devices[device].timeout_ns;
    traffic_send(t, buf, n);
}

bool traffic_answered(struct traffic *t, size_t device)
{
    struct ask *ask = &t->head->ask;
    if (ask->asked != (int32_t)device) {
        return false;
    }
    ask->asked = -1;
    ask->go_on = (int32_t)device;
    t->bus->host->device(t->bus, device, WEIR_R_OK);
    return true;
}

void traffic_goes_on(struct traffic *t, int64_t now_ns)
{
    struct ask *ask = &t->head->ask;
    if (ask->asked >= 0) {
        ask->deadline_ns = now_ns + t->bus->devices[ask->asked].timeout_ns;
    }
}

void ask_resumed(struct traffic *t, int64_t now_ns)
{
    traffic_goes_on(t, now_ns);
}

int traffic_asked(const struct traffic *t)
{
    return t->head->ask.asked;
}

void ask_on(struct traffic *t, int64_t now_ns)
{
    struct ask *ask = &t->head->ask;
    int32_t device = ask->go_on;
    ask->go_on = -1;
    if (device >= 0 && t->family->request) {
        send_next(t, (size_t)device, false, now_ns);
    }
}

static void give_up(struct traffic *t, int64_t now_ns)
{
    size_t device = (size_t)t->head->ask.asked;
    t->head->ask.asked = -1;
    t->bus->host->device(t->bus, device, WEIR_R_TIMEOUT);
    if (t->family->silent && t->family->silent(t, device, now_ns)) {
        send_next(t, device, false, now_ns);
    } else {
        end_round(t, device, now_ns);
    }
}

/* The one that has waited longest. */
static size_t most_due(const struct traffic *t)
{
    size_t best = 0;
    for (size_t i = 1; i < t->bus->device_count; i++) {
        best = t->devices[i].due_ns < t->devices[best].due_ns ? i : best;
    }
    return best;
}

int64_t ask_tick(struct traffic *t, int64_t now_ns)
{
    struct ask *ask = &t->head->ask;
    if (!ask->open || t->no_port || t->bus->device_count == 0) {
        return INT64_MAX;
    }
    if (ask->asked >= 0 && now_ns >= ask->deadline_ns) {
        give_up(t, now_ns);
    }
    size_t next = most_due(t);
    if (ask->asked < 0 && now_ns >= t->devices[next].due_ns) {
        send_next(t, next, true, now_ns);
        next = most_due(t);
    }
    if (!ask->open) {
        return INT64_MAX;
    }
    return ask->asked >= 0 ? ask->deadline_ns : t->devices[next].due_ns;
}
