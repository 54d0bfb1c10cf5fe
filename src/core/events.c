/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The gateway's own records: bus `weir`, device = the gateway's name, kind `event`. All events have
 * one shape; what an event does not use is left out. docs/json.md lists them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "core/private.h"

enum {
    P_EVENT,
    P_WHY,
    P_OF_BUS,
    P_OF_EPOCH,
    P_FIRST,
    P_LAST,
    P_UPLINK,
    P_OF_DEVICE,
    P_POLLS,
    P_MISSED,
    P_SUPPRESSED,
    P_BYTES_SENT,
    P_OFFSET_S,
    P_WAS,
    P_VERSION,
    P_COUNT
};

static const struct weir_point points[P_COUNT] = {
    [P_EVENT] = { "event", "", WEIR_TEXT },
    [P_WHY] = { "why", "", WEIR_TEXT },
    [P_OF_BUS] = { "of_bus", "", WEIR_TEXT },
    [P_OF_EPOCH] = { "of_epoch", "", WEIR_UINT64 },
    [P_FIRST] = { "first", "", WEIR_UINT64 },
    [P_LAST] = { "last", "", WEIR_UINT64 },
    [P_UPLINK] = { "uplink", "", WEIR_TEXT },
    [P_OF_DEVICE] = { "of_device", "", WEIR_TEXT },
    [P_POLLS] = { "polls", "", WEIR_UINT64 },
    [P_MISSED] = { "missed", "", WEIR_UINT64 },
    [P_SUPPRESSED] = { "suppressed", "", WEIR_UINT64 },
    [P_BYTES_SENT] = { "bytes_sent", "By", WEIR_UINT64 },
    [P_OFFSET_S] = { "offset_s", "s", WEIR_FLOAT64 },
    [P_WAS] = { "was", "", WEIR_TEXT },
    [P_VERSION] = { "version", "", WEIR_TEXT },
};

int events_open(struct core *core, int *ret_pid)
{
    struct weir_shape view = { .device = core->settings.gateway,
                               .kind = "event",
                               .model = "",
                               .labels = core->settings.labels,
                               .label_count = core->settings.label_count,
                               .points = points,
                               .point_count = P_COUNT };
    struct queue_place place = { .ram = core->settings.ram,
                                 .gateway = core->settings.gateway,
                                 .bus = "weir",
                                 .new_epoch = core_ask_epoch,
                                 .context = core };
    int r = shape_create(&view, &core->event_shape);
    return r < 0 ? r : queue_open(&place, core->clock, &core->events, ret_pid);
}

static void set_text(struct weir_value *value, const char *text)
{
    if (text) {
        value->quality = WEIR_QUALITY_GOOD;
        value->bytes.data = (const uint8_t *)text;
        value->bytes.len = strlen(text);
    }
}

static void set_number(struct weir_value *value, uint64_t number)
{
    value->quality = WEIR_QUALITY_GOOD;
    value->uint64 = number;
}

static void fill(struct weir_value values[P_COUNT], const struct event *event)
{
    for (int i = 0; i < P_COUNT; i++) {
        values[i] = (struct weir_value){ .quality = WEIR_QUALITY_OMITTED };
    }
    set_text(&values[P_EVENT], event->event);
    set_text(&values[P_WHY], event->why);
    set_text(&values[P_OF_BUS], event->of_bus);
    set_text(&values[P_UPLINK], event->uplink);
    set_text(&values[P_OF_DEVICE], event->of_device);
    set_text(&values[P_WAS], event->was);
    set_text(&values[P_VERSION], event->version);
    if (event->of_epoch) {
        set_number(&values[P_OF_EPOCH], event->of_epoch);
    }
    if (event->first) {
        set_number(&values[P_FIRST], event->first);
        set_number(&values[P_LAST], event->last);
    }
    if (event->has_counts) {
        set_number(&values[P_POLLS], event->polls);
        set_number(&values[P_MISSED], event->missed);
        set_number(&values[P_SUPPRESSED], event->suppressed);
        set_number(&values[P_BYTES_SENT], event->bytes_sent);
    }
    if (event->has_offset) {
        values[P_OFFSET_S].quality = WEIR_QUALITY_GOOD;
        values[P_OFFSET_S].float64 = event->offset_s;
    }
}

void events_add(struct core *core, const struct event *event)
{
    struct weir_value values[P_COUNT];
    if (!core->events) {
        return;
    }
    fill(values, event);
    queue_clock(core->events, core->clock);
    int r = queue_append(core->events, core->event_shape, boot_now(), values, NULL);
    if (r < 0) {
        say(SAY_ERROR, "cannot write down event=%s: %s", event->event, strerror(-r));
    }
    struct link_message message = { .kind = LINK_MORE,
                                    .bus = "weir",
                                    .a = queue_epoch(core->events),
                                    .b = queue_last(core->events) };
    core->stats->epoch = message.a;
    core->stats->last_seq = message.b;
    core_more(core, &message);
}
