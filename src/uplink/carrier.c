/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The plugin's side of an uplink: its services, the connection with back-off, handing messages over
 * and taking answers. What the plugin tells from inside a callback is noted and acted upon after
 * it has returned.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/say.h"
#include "base/step.h"
#include "uplink/private.h"

#define DELAY_FIRST_NS (250 * NS_PER_MS)
#define STEADY_NS      (10 * NS_PER_S)

static struct uplink *owner(struct weir_uplink_link *link)
{
    return (struct uplink *)(void *)link;
}

static void host_log(struct weir_uplink_link *link, enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void host_log(struct weir_uplink_link *link, enum weir_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_args((enum say_level)level, format, args);
    va_end(args);
}

static int64_t host_now(void)
{
    return boot_now().ns;
}

static void set_state(struct uplink *up, enum carrier_state state)
{
    bool connected = state == CARRIER_UP;
    up->state = state;
    up->state_since_ns = boot_now().ns;
    if (up->stats->connected != connected || !up->stats->since_ns) {
        up->stats->since_ns = up->state_since_ns; /* attempts in between do not count anew */
    }
    up->stats->connected = connected;
}

static void host_connected(struct weir_uplink_link *link, const char *note)
{
    struct uplink *up = owner(link);
    set_state(up, CARRIER_UP);
    up->lost = false;
    up->connection++;
    up->stats->connections++;
    stats_text(up->stats->note, STATS_TEXT, note ? note : "");
    stats_text(up->stats->words, STATS_TEXT, "");
    say(SAY_NOTICE, "connected%s%s", note ? " " : "", note ? note : "");
    window_forget(&up->window, UINT32_MAX);
    for (size_t i = 0; i < up->stream_count; i++) {
        stream_restart(up->streams[i]);
    }
}

static void host_disconnected(struct weir_uplink_link *link, const char *why, bool permanent)
{
    struct uplink *up = owner(link);
    up->lost = true;
    up->permanent = permanent;
    stats_text(up->stats->words, STATS_TEXT, why);
}

static void host_accepted(struct weir_uplink_link *link, uint64_t token)
{
    struct uplink *up = owner(link);
    STEP("accepted");
    struct flight *flight = window_answer(&up->window, token, FLIGHT_ACCEPTED);
    if (flight) {
        up->stats->accepted++;
        up->stats->last_accepted_ns = boot_now().ns;
        up->stats->records += flight->records;
    }
}

static void host_refused(struct weir_uplink_link *link, uint64_t token, const char *why)
{
    struct uplink *up = owner(link);
    struct flight *flight = window_answer(&up->window, token, FLIGHT_REFUSED);
    if (flight && flight->stream < up->stream_count) {
        stream_refused(up->streams[flight->stream], flight, why);
    }
}

static const struct weir_uplink_host host = {
    .size = sizeof host,
    .log = host_log,
    .now_ns = host_now,
    .connected = host_connected,
    .disconnected = host_disconnected,
    .accepted = host_accepted,
    .refused = host_refused,
};

/* Today's and this month's bytes, with those that have no date yet. */
static void tell_meter(struct uplink *up, int64_t now_ns)
{
    struct usage *usage = &up->meter.usage;
    usage_turn(usage, wall_from_boot((struct boot_time){ now_ns }, up->clock),
               up->clock.state == CLOCK_SYNCED);
    up->stats->bytes_today = usage->today + usage->undated;
    up->stats->bytes_month = usage->month + usage->undated;
    int r = meter_save(&up->meter);
    if (r < 0) {
        say(SAY_WARNING, "cannot write the byte counters: %s", strerror(-r));
    }
}

int carrier_open(struct uplink *up, char *err, size_t err_size)
{
    int r = meter_open(&up->meter, up->settings.ram, up->name, up->options->rate_limit);
    if (r < 0) {
        say(SAY_WARNING, "cannot keep the byte counters: %s", strerror(-r));
    }
    up->stats->rate_limit = (uint64_t)up->options->rate_limit;
    up->env = (struct weir_uplink_env){ .host = &host,
                                        .link = (struct weir_uplink_link *)(void *)up,
                                        .gateway = up->settings.gateway,
                                        .name = up->name,
                                        .options = up->options->options };
    up->delay_ns = DELAY_FIRST_NS;
    up->stats->connected = false; /* the page outlives its owner */
    up->stats->since_ns = boot_now().ns;
    return up->plugin.uplink->open(&up->env, &up->self, err, err_size);
}

void carrier_close(struct uplink *up)
{
    if (up->self) {
        if (up->state != CARRIER_DOWN) {
            up->plugin.uplink->disconnect(up->self);
            set_state(up, CARRIER_DOWN);
        }
        up->plugin.uplink->close(up->self);
        up->self = NULL;
    }
    meter_close(&up->meter);
}

/* Between 3/4 and 5/4 of the delay, so that a fleet does not come back in one instant. */
static int64_t jitter(int64_t delay_ns)
{
    uint16_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random) {
        random = 32768;
    }
    return delay_ns * 3 / 4 + delay_ns / 2 / 65536 * random;
}

static void went_down(struct uplink *up, int64_t now_ns)
{
    int64_t longest = up->options->reconnect_delay_max_ns;
    if (up->state == CARRIER_UP && now_ns - up->state_since_ns > STEADY_NS) {
        up->delay_ns = DELAY_FIRST_NS;
    }
    int64_t delay = up->permanent ? longest : jitter(up->delay_ns);
    say(SAY_WARNING, "not connected: %s", up->stats->words);
    up->plugin.uplink->disconnect(up->self);
    set_state(up, CARRIER_DOWN);
    up->hopeless = up->permanent;
    up->lost = up->permanent = false;
    up->connect_at_ns = now_ns + (delay < longest ? delay : longest);
    up->delay_ns = up->delay_ns * 2 < longest ? up->delay_ns * 2 : longest;
    window_forget(&up->window, UINT32_MAX);
    for (size_t i = 0; i < up->stream_count; i++) {
        message_reset(up->streams[i]);
    }
}

void carrier_tend(struct uplink *up, int64_t now_ns)
{
    if (up->lost) {
        went_down(up, now_ns);
    }
    if (up->state == CARRIER_DOWN && now_ns >= up->connect_at_ns && !up->stopping) {
        set_state(up, CARRIER_CONNECTING);
        up->stats->head.busy_until_ns = now_ns + 60 * NS_PER_S;
        stats_text(up->stats->head.doing, STATS_TEXT, "connect");
        up->plugin.uplink->connect(up->self);
        if (up->lost) {
            went_down(up, boot_now().ns);
        }
    }
    tell_meter(up, now_ns);
    bool unreadable = false;
    for (size_t i = 0; i < up->stream_count; i++) {
        unreadable |= up->streams[i]->unreadable;
    }
    if (up->stats->trouble[0] && !unreadable && now_ns - up->last_refused_ns > 300 * NS_PER_S) {
        stats_text(up->stats->trouble, STATS_TEXT, "");
    }
}

static bool limited(const struct uplink *up)
{
    return up->options->rate_limit && !bucket_open(&up->meter.bucket, boot_now().ns);
}

bool carrier_room(const struct uplink *up)
{
    uint64_t limit = up->plugin.uplink->window(up->self);
    uint64_t inflight = (uint64_t)up->options->inflight;
    limit = inflight < limit ? inflight : limit;
    return up->state == CARRIER_UP && !up->lost && up->window.under_way < limit &&
           up->window.count < WINDOW_MAX && !limited(up);
}

int64_t carrier_wait(const struct uplink *up, int64_t now_ns)
{
    bool open = up->state != CARRIER_UP || bucket_open(&up->meter.bucket, now_ns);
    return open ? INT64_MAX : up->meter.bucket.open_ns;
}

/* Payload and what the plugin puts around it. */
static void count(struct uplink *up, int route, size_t len)
{
    const struct weir_uplink *plugin = up->plugin.uplink;
    uint64_t bytes = len + (plugin->overhead ? plugin->overhead(up->self, route) : 0);
    meter_count(&up->meter, bytes, up->clock);
    up->stats->bytes += bytes;
}

int carrier_send(struct stream *stream)
{
    struct uplink *up = stream->up;
    bool array = up->options->batch_records > 1;
    struct flight *flight = carrier_room(up) ? window_add(&up->window) : NULL;
    if (!flight) {
        return -EAGAIN;
    }
    if (array) {
        stream->text[stream->text_len++] = ']'; /* message_add() keeps a byte for it */
    }
    flight->stream = stream->index;
    flight->records = stream->text_records;
    flight->last = stream->text_last;
    flight->first_seq = stream->text_first_seq;
    STEP("publish-before");
    int r = up->plugin.uplink->send(up->self, flight->token, stream->text_source->route,
                                    stream->text, stream->text_len);
    if (r < 0) {
        if (r != -EAGAIN && !up->lost) {
            up->lost = true;
            stats_text(up->stats->words, STATS_TEXT, "connection lost while sending");
        }
        up->window.under_way--;
        up->window.count--;
        stream->text_len -= array;
        return r;
    }
    STEP("publish-after");
    up->stats->messages++;
    up->turn = stream->index + 1;
    count(up, stream->text_source->route, stream->text_len);
    message_reset(stream);
    return 0;
}

void carrier_announce(struct stream *stream, struct source *source)
{
    struct uplink *up = stream->up;
    size_t size = 256 * 1024;
    char *buf = malloc(size);
    size_t len = buf ? message_meta(stream, source, buf, size) : 0;
    if (len) {
        up->plugin.uplink->announce(up->self, source->route, &source->public, buf, len);
        count(up, source->route, len);
    }
    free(buf);
    source->announced = up->connection;
}
