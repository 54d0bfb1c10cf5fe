/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir status` for people: the answer in the first line, then gateway, buses with their devices,
 * buffer, uplinks. Fits 80 columns unless names are long.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "cli/status.h"

enum { SHORT = 32, ERRORS_COLUMNS = 74 };

/* "0.4 s", "35 s", "12 min", "3 h 05 min", "2 d 04 h" */
static const char *span(int64_t ns, char buf[SHORT])
{
    long long s = ns < 0 ? 0 : (long long)(ns / NS_PER_S);
    if (s < 10) {
        snprintf(buf, SHORT, "%.1f s", ns < 0 ? 0.0 : (double)ns / 1e9);
    } else if (s < 120) {
        snprintf(buf, SHORT, "%lld s", s);
    } else if (s < 3600) {
        snprintf(buf, SHORT, "%lld min", s / 60);
    } else if (s < 86400) {
        snprintf(buf, SHORT, "%lld h %02lld min", s / 3600, s / 60 % 60);
    } else {
        snprintf(buf, SHORT, "%lld d %02lld h", s / 86400, s / 3600 % 24);
    }
    return buf;
}

static const char *size(uint64_t bytes, char buf[SHORT])
{
    if (bytes < 10240) {
        snprintf(buf, SHORT, "%" PRIu64 " bytes", bytes);
    } else if (bytes < 10240 * 1024) {
        snprintf(buf, SHORT, "%.1f KiB", (double)bytes / 1024);
    } else {
        snprintf(buf, SHORT, "%.1f MiB", (double)bytes / (1024 * 1024));
    }
    return buf;
}

static void print_answer(FILE *out, const struct status *status)
{
    static struct status_reasons reasons;
    status_judge(status, &reasons);
    if (reasons.count == 0) {
        fputs(status_configured(status) ? "ok\n" : "ok: nothing configured\n", out);
        return;
    }
    fprintf(out, "degraded: %s\n", reasons.text[0]);
    for (unsigned i = 1; i < reasons.count && i < STATUS_REASONS; i++) {
        fprintf(out, "     and: %s\n", reasons.text[i]);
    }
    if (reasons.count > STATUS_REASONS) {
        fprintf(out, "     and: %u more\n", reasons.count - STATUS_REASONS);
    }
}

static void print_gateway(FILE *out, const struct status *status)
{
    char up[SHORT];
    const struct stats_core *core = status->core;
    fprintf(out, "\ngateway %s: weir %s, pid %d, up %s, clock %s\n", core->gateway, core->version,
            core->pid, span(status->now_ns - core->started_ns, up),
            core->clock_synced ? "synchronised" : "not synchronised");
}

/* "bus meters: running 12 min, restarted 2 times, last: killed by signal 11" */
static void print_child(FILE *out, const struct stats_child *child, int64_t now_ns)
{
    char buf[SHORT];
    fprintf(out, "\n%s %s: %s %s", child->role, child->name, status_child_state(child),
            span(now_ns - child->since_ns, buf));
    if (child->state == CHILD_WAITING) {
        fprintf(out, ", starts again in %s", span(child->next_start_ns - now_ns, buf));
    }
    fputc('\n', out);
    if (child->restarts) {
        fprintf(out, "  ended %" PRIu64 " time%s, last: %s\n", child->restarts,
                child->restarts == 1 ? "" : "s", child->why);
    }
    if (child->bad_messages) {
        fprintf(out, "  %" PRIu64 " bad messages on its link\n", child->bad_messages);
    }
}

static void print_errors(FILE *out, const struct stats_device *device)
{
    int column = 0;
    for (unsigned i = 1; i < WEIR_RESULT_COUNT; i++) { /* 0 is "ok" */
        char text[80];
        if (!device->errors[i]) {
            continue;
        }
        int len =
            snprintf(text, sizeof text, "%s %" PRIu64, status_result_name(i), device->errors[i]);
        if (column == 0 || column + len > ERRORS_COLUMNS) {
            fputs(column ? "\n    " : "    ", out);
            column = 4;
        } else {
            column += fprintf(out, ", ");
        }
        column += fprintf(out, "%s", text);
    }
    fputs(column ? "\n" : "", out);
}

static void print_device(FILE *out, const struct stats_device *device, int width, int64_t now_ns)
{
    char age[SHORT] = "never";
    if (device->last_reading_ns) {
        span(now_ns - device->last_reading_ns, age);
    }
    fprintf(out, "  %-*s %-5s %10s %10" PRIu64 " %8" PRIu64 " %10" PRIu64 " %6" PRIu64 "\n", width,
            device->name, status_device_state(device), age, device->polls, device->missed,
            device->suppressed, device->late);
    print_errors(out, device);
}

/* What the driver of a serial line has counted, and what it hints at. */
static void print_line(FILE *out, const struct stats_bus *bus, int64_t now_ns)
{
    char buf[SHORT];
    if (!bus->line_ns) {
        return;
    }
    const char *hint = bus->framing >= bus->parity && bus->framing ? "wrong baud or parity?"
                       : bus->parity                               ? "wrong parity, or noise?"
                       : bus->breaks ? "wires swapped, or no bias resistors?"
                                     : "this machine was too slow";
    fprintf(out,
            "  line errors: %" PRIu64 " framing, %" PRIu64 " parity, %" PRIu64 " overruns, %" PRIu64
            " breaks\n    the last %s ago: %s\n",
            bus->framing, bus->parity, bus->overruns, bus->breaks, span(now_ns - bus->line_ns, buf),
            hint);
}

static void print_bus(FILE *out, const struct stats_bus *bus, int64_t now_ns)
{
    int64_t ran_ns = now_ns - bus->started_ns;
    int64_t percent = ran_ns > 0 ? bus->busy_ns * 100 / ran_ns : 0;
    fprintf(out, "  %s on %s, %lld %% of its time used, opened %" PRIu64 " time%s\n", bus->adapter,
            bus->port[0] ? bus->port : "no port", (long long)(percent > 100 ? 100 : percent),
            bus->opens, bus->opens == 1 ? "" : "s");
    if (bus->noise_bytes || bus->foreign_frames || bus->lost) {
        fprintf(out,
                "  %" PRIu64 " bytes of noise, %" PRIu64 " foreign frames, %" PRIu64
                " records that found no room\n",
                bus->noise_bytes, bus->foreign_frames, bus->lost);
    }
    print_line(out, bus, now_ns);
    int width = 20;
    for (uint32_t i = 0; i < bus->device_count; i++) {
        int len = (int)strlen(bus->devices[i].name);
        width = len > width ? len : width;
    }
    if (bus->device_count) {
        fprintf(out, "  %-*s %-5s %10s %10s %8s %10s %6s\n", width, "device", "state", "last",
                "polls", "missed", "suppressed", "late");
    }
    for (uint32_t i = 0; i < bus->device_count; i++) {
        print_device(out, &bus->devices[i], width, now_ns);
    }
}

/* "backlog 2000 records, 20 messages in flight, 43 % of 3500 drained, ETA 12 s" */
static void print_backlog(FILE *out, const struct stats_uplink *uplink, int64_t now_ns)
{
    char buf[SHORT];
    uint64_t backlog = status_backlog(uplink);
    int percent = status_drained_percent(uplink);
    int64_t eta_ns = status_eta_ns(uplink, now_ns);
    fprintf(out, "  backlog %" PRIu64 " record%s, %" PRIu64 " messages in flight", backlog,
            backlog == 1 ? "" : "s", uplink->in_flight);
    if (percent >= 0) {
        fprintf(out, ", %d %% of %" PRIu64 " drained", percent, uplink->drain_peak);
    }
    fprintf(out, ", ETA %s\n", eta_ns >= 0 ? span(eta_ns, buf) : "-");
}

/* "310.2 KiB today, 12.3 MiB this month, at most 64.0 KiB a second" */
static void print_bytes(FILE *out, const struct stats_uplink *uplink)
{
    char today[SHORT], month[SHORT], limit[SHORT];
    fprintf(out, "  %s today, %s this month", size(uplink->bytes_today, today),
            size(uplink->bytes_month, month));
    if (uplink->rate_limit) {
        fprintf(out, ", at most %s a second", size(uplink->rate_limit, limit));
    }
    fputc('\n', out);
}

static void print_uplink(FILE *out, const struct stats_uplink *uplink, int64_t now_ns)
{
    char buf[SHORT];
    bool noted = uplink->connected && uplink->note[0];
    fprintf(out, "  %s %s %s%s%s\n", uplink->plugin,
            uplink->connected ? "connected for" : "not connected for",
            span(now_ns - uplink->since_ns, buf), noted ? ", " : "", noted ? uplink->note : "");
    if (uplink->words[0]) {
        fprintf(out, "  it was told: %s\n", uplink->words);
    }
    fprintf(out, "  accepted %" PRIu64 " messages", uplink->accepted);
    if (uplink->last_accepted_ns) {
        fprintf(out, ", the last one %s ago", span(now_ns - uplink->last_accepted_ns, buf));
    }
    fprintf(out, "; sent %" PRIu64 " records, %s\n", uplink->records, size(uplink->bytes, buf));
    if (uplink->refused || uplink->set_aside || uplink->filtered) {
        fprintf(out,
                "  refused %" PRIu64 " times, set aside %" PRIu64 " records, filtered %" PRIu64
                " records\n",
                uplink->refused, uplink->set_aside, uplink->filtered);
    }
}

static void print_flash(FILE *out, const struct status *status)
{
    char used[SHORT], limit[SHORT], today[SHORT], ago[SHORT];
    const struct stats_store *s = status->store;
    if (!s || !s->segment_bytes) {
        fprintf(out, "; flash: none\n");
        return;
    }
    fprintf(out, "; %s of %s flash%s\n", size(s->segments * s->segment_bytes, used),
            size(s->limit_segments * s->segment_bytes, limit),
            s->behind ? ", holds records that somebody has not confirmed" : "");
    fprintf(out, "  flash: %s written today, last %s ago for %s\n", size(s->bytes_today, today),
            span(status->now_ns - s->group_ns, ago), s->why[0] ? s->why : "nothing yet");
    if (s->set_aside) {
        fprintf(out, "  flash: %" PRIu64 " unreadable segments set aside; weir spool status\n",
                s->set_aside);
    }
}

static void print_buffer(FILE *out, const struct status *status)
{
    char used[SHORT], limit[SHORT];
    const struct stats_core *core = status->core;
    fprintf(out, "\nbuffer: %s of %s RAM", size(core->ram_bytes, used),
            size(core->ram_limit_bytes, limit));
    print_flash(out, status);
    if (core->trimmed_limit) {
        fprintf(out, "  %" PRIu64 " records removed at the limit before they were delivered\n",
                core->trimmed_limit);
    }
}

void status_print_text(FILE *out, const struct status *status)
{
    const struct stats_core *core = status->core;
    int64_t now_ns = status->now_ns;
    print_answer(out, status);
    print_gateway(out, status);
    for (uint32_t i = 0; i < core->child_count; i++) {
        if (!strcmp(core->children[i].role, "bus")) {
            print_child(out, &core->children[i], now_ns);
            if (status->buses[i] && core->children[i].state != CHILD_REFUSED) {
                print_bus(out, status->buses[i], now_ns);
            }
        }
    }
    print_buffer(out, status);
    if (status->store_child && status->store_child->restarts) {
        print_child(out, status->store_child, now_ns);
    }
    for (uint32_t i = 0; i < core->child_count; i++) {
        const struct stats_uplink *uplink = status->uplinks[i];
        if (strcmp(core->children[i].role, "uplink") != 0) {
            continue;
        }
        print_child(out, &core->children[i], now_ns);
        if (uplink) {
            print_uplink(out, uplink, now_ns);
            print_bytes(out, uplink);
            print_backlog(out, uplink, now_ns);
        }
    }
}
