/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What leaves the bus process: records into the queue, notices to core, trouble for `weir status`.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/step.h"

#include "base/say.h"
#include "bus/host.h"
#include "record/values.h"

struct clock_offset host_clock(const struct host *host)
{
    static const enum clock_source sources[] = { [CONFIG_CLOCK_AUTO] = CLOCK_SOURCE_AUTO,
                                                 [CONFIG_CLOCK_SYSTEM] = CLOCK_SOURCE_SYSTEM,
                                                 [CONFIG_CLOCK_FILE] = CLOCK_SOURCE_FILE };
    return clock_read(sources[host->settings->clock], host->settings->clock_file);
}

static void send_message(struct host *host, const struct link_message *message)
{
    if (host->link && link_send(host->link, message) == -EPIPE) {
        host->orphan = true;
    }
}

int host_append(struct host *host, struct device *device, const struct shape *shape,
                int64_t time_ns, const struct weir_value *values)
{
    int r = queue_append(host->queue, shape, (struct boot_time){ time_ns }, values, NULL);
    host->stats->last_seq = queue_last(host->queue);
    if (r == 0 && device) {
        device->stats->records++;
    } else if (r < 0) {
        host->stats->lost = host->lost_before + queue_lost(host->queue);
    }
    if (!host->untold_ns) {
        host->untold_ns = boot_now().ns;
    }
    if (r != host->append_error) {
        host->append_error = r;
        host_trouble(host);
        if (r < 0) {
            say(SAY_ERROR, "records are lost: %s", strerror(-r));
        } else {
            say(SAY_NOTICE, "records are kept again lost=%" PRIu64, host->stats->lost);
        }
    }
    return r;
}

void host_notify(struct host *host)
{
    if (!host->untold_ns) {
        return;
    }
    STEP("notify-before");
    host->untold_ns = 0;
    struct link_message message = { .kind = LINK_MORE,
                                    .a = queue_epoch(host->queue),
                                    .b = queue_last(host->queue) };
    snprintf(message.bus, sizeof message.bus, "%s", host->bus.name);
    send_message(host, &message);
}

void host_trouble(struct host *host)
{
    char text[STATS_TEXT] = "";
    if (host->append_error) {
        snprintf(text, sizeof text, "records are lost: %s", strerror(-host->append_error));
    } else if (port_needed(host->port) && port_fd(host->port) < 0 && !host->settling) {
        snprintf(text, sizeof text, "%.70s: %.70s", port_note(host->port), port_words(host->port));
    } else if (listen_is_lost(host, boot_now().ns)) {
        snprintf(text, sizeof text,
                 "hears bytes that make no sense on %.50s: a wrong speed or model? weir trace %s "
                 "shows them",
                 port_note(host->port), host->bus.name);
    }
    if (strcmp(text, host->stats->trouble) != 0) {
        stats_text(host->stats->trouble, sizeof host->stats->trouble, text);
        send_message(host, &(struct link_message){ .kind = LINK_TROUBLE });
    }
}

static void append_state(struct host *host, struct device *device)
{
    struct weir_value values[3];
    int64_t now_ns = boot_now().ns;
    state_values(&device->state, values);
    if (host_append(host, device, device->change, now_ns, values) == 0) {
        state_sent(&device->state, now_ns);
    }
}

void host_state(struct host *host, struct device *device, bool gone, enum weir_result why)
{
    struct stats_device *stats = device->stats;
    uint8_t state = gone ? DEVICE_GONE : DEVICE_LIVE;
    if (gone) {
        stats->why = (uint8_t)why;
    }
    if (stats->state != state) {
        stats->state = state;
        stats->since_ns = boot_now().ns;
    }
    if (!state_set(&device->state, gone, why)) {
        return;
    }
    say(SAY_NOTICE, "device %s %s%s%s", device->view->name, gone ? "gone" : "back",
        gone ? " why=" : "", gone ? result_name(why) : "");
    if (state_due(&device->state, boot_now().ns)) {
        append_state(host, device);
    }
}

void host_states(struct host *host)
{
    int64_t now_ns = boot_now().ns;
    for (size_t i = 0; i < host->bus.device_count; i++) {
        if (state_due(&host->devices[i].state, now_ns)) {
            append_state(host, &host->devices[i]);
        }
    }
}
