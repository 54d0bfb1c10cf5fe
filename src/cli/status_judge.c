/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What is wrong, worst first: processes, then what each bus and uplink says of itself, then
 * devices.
 */
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "cli/status.h"

#define STEADY_NS  (10 * NS_PER_S) /* a process that has run this long counts as well again */
#define STALLED_NS (3 * NS_PER_S)  /* store turns at least twice a second */
#define FRESH_NS   (5 * NS_PER_S)  /* an uplink turns every second */
#define CONNECT_NS (10 * NS_PER_S) /* not connected for longer is trouble */

static const char *const child_states[] = {
    [CHILD_STARTING] = "starting", [CHILD_RUNNING] = "running", [CHILD_WAITING] = "waiting",
    [CHILD_STUCK] = "stuck",       [CHILD_REFUSED] = "refused", [CHILD_ENDED] = "ended",
};

static const char *const device_states[] = {
    [DEVICE_UNKNOWN] = "new",
    [DEVICE_LIVE] = "live",
    [DEVICE_GONE] = "gone",
};

static const char *const result_names[] = {
#define RESULT_NAME(number, name, text, help) [number] = (text),
    WEIR_RESULTS(RESULT_NAME)
#undef RESULT_NAME
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *status_child_state(const struct stats_child *child)
{
    return child->state < COUNT(child_states) ? child_states[child->state] : "?";
}

const char *status_device_state(const struct stats_device *device)
{
    return device->state < COUNT(device_states) ? device_states[device->state] : "?";
}

const char *status_result_name(unsigned result)
{
    return result < COUNT(result_names) ? result_names[result] : "?";
}

bool status_configured(const struct status *status)
{
    for (uint32_t i = 0; i < status->core->child_count; i++) {
        if (!strcmp(status->core->children[i].role, "bus")) {
            return true;
        }
    }
    return false;
}

uint64_t status_backlog(const struct stats_uplink *uplink)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < uplink->stream_count; i++) {
        sum += uplink->streams[i].backlog;
    }
    return sum;
}

int status_drained_percent(const struct stats_uplink *uplink)
{
    uint64_t peak = uplink->drain_peak, backlog = status_backlog(uplink);
    if (!peak) {
        return -1;
    }
    return backlog < peak ? (int)((double)(peak - backlog) * 100 / (double)peak) : 0;
}

int64_t status_eta_ns(const struct stats_uplink *uplink, int64_t now_ns)
{
    bool fresh = now_ns - uplink->head.alive_ns < FRESH_NS;
    return uplink->connected && fresh && uplink->drain_eta_ns ? uplink->drain_eta_ns : -1;
}

static void __attribute__((format(printf, 2, 3)))
reason(struct status_reasons *reasons, const char *format, ...)
{
    if (reasons->count < STATUS_REASONS) {
        va_list args;
        va_start(args, format);
        vsnprintf(reasons->text[reasons->count], STATUS_REASON_TEXT, format, args);
        va_end(args);
    }
    reasons->count++;
}

static void judge_child(const struct stats_child *child, int64_t now_ns, struct status_reasons *r)
{
    long long for_s = (long long)((now_ns - child->since_ns) / NS_PER_S);
    unsigned long long times = child->restarts;
    const char *plural = times == 1 ? "" : "s";
    bool young = now_ns - child->since_ns < STEADY_NS;
    switch (child->state) {
    case CHILD_REFUSED:
        reason(r, "%s %s: %s; waits for a reload", child->role, child->name, child->why);
        break;
    case CHILD_STUCK:
        reason(r, "%s %s: %s, but is stuck in the kernel for %lld s", child->role, child->name,
               child->why, for_s);
        break;
    case CHILD_WAITING:
        reason(r, "%s %s: %s (%llu time%s), starts again", child->role, child->name, child->why,
               times, plural);
        break;
    case CHILD_STARTING:
    case CHILD_RUNNING:
        if (times && young) {
            reason(r, "%s %s: %s (%llu times), started again", child->role, child->name, child->why,
                   times);
        } else if (child->state == CHILD_STARTING && !young) {
            reason(r, "%s %s: not ready for %lld s", child->role, child->name, for_s);
        }
        break;
    default:
        break;
    }
}

/* What a page says counts while its process lives; else the process is the trouble. */
static bool lives(const struct stats_child *child)
{
    return child->state == CHILD_STARTING || child->state == CHILD_RUNNING;
}

static void judge_bus(const struct stats_child *child, const struct stats_bus *bus,
                      struct status_reasons *r)
{
    if (bus && lives(child) && bus->trouble[0]) {
        reason(r, "bus %s: %s", child->name, bus->trouble);
    }
}

static void judge_uplink(const struct stats_child *child, const struct stats_uplink *uplink,
                         int64_t now_ns, struct status_reasons *r)
{
    if (!uplink || !lives(child)) {
        return;
    }
    int64_t since_ns = uplink->since_ns > child->since_ns ? uplink->since_ns : child->since_ns;
    if (!uplink->connected && now_ns - since_ns > CONNECT_NS) {
        reason(r, "uplink %s: not connected for %lld s%s%s", child->name,
               (long long)((now_ns - since_ns) / NS_PER_S), uplink->words[0] ? ": " : "",
               uplink->words);
    }
    if (uplink->trouble[0]) {
        reason(r, "uplink %s: %s", child->name, uplink->trouble);
    }
}

int64_t status_stalled_ns(const struct status *status)
{
    const struct stats_child *child = status->store_child;
    if (!status->store || !child || child->state != CHILD_RUNNING) {
        return 0;
    }
    int64_t silent_ns = status->now_ns - status->store->head.alive_ns;
    return silent_ns > STALLED_NS ? silent_ns : 0;
}

static void judge_store(const struct status *status, struct status_reasons *r)
{
    int64_t stalled_ns = status_stalled_ns(status);
    if (status->store && status->store_child && lives(status->store_child) &&
        status->store->trouble[0]) {
        reason(r, "flash: %s", status->store->trouble);
    }
    if (stalled_ns) {
        reason(r, "flash: has not answered for %lld s; records stay in RAM",
               (long long)(stalled_ns / NS_PER_S));
    }
}

static void judge_devices(const struct stats_child *child, const struct stats_bus *bus,
                          int64_t now_ns, struct status_reasons *r)
{
    for (uint32_t i = 0; bus && lives(child) && i < bus->device_count; i++) {
        const struct stats_device *device = &bus->devices[i];
        if (device->state == DEVICE_GONE) {
            reason(r, "device %s: gone for %lld s (%s)", device->name,
                   (long long)((now_ns - device->since_ns) / NS_PER_S),
                   status_result_name(device->why));
        }
    }
}

void status_judge(const struct status *status, struct status_reasons *ret_reasons)
{
    const struct stats_core *core = status->core;
    struct status_reasons *r = ret_reasons;
    r->count = 0;
    for (uint32_t i = 0; i < core->child_count; i++) {
        judge_child(&core->children[i], status->now_ns, r);
    }
    for (uint32_t i = 0; i < core->child_count; i++) {
        judge_bus(&core->children[i], status->buses[i], r);
        judge_uplink(&core->children[i], status->uplinks[i], status->now_ns, r);
    }
    judge_store(status, r);
    for (uint32_t i = 0; i < core->child_count; i++) {
        judge_devices(&core->children[i], status->buses[i], status->now_ns, r);
    }
    if (r->count == 0 && core->trouble[0]) {
        reason(r, "%s", core->trouble);
    }
}
