/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * mqtt-sink - subscribes and checks what a gateway delivered of the reads of meter-sim.
 *
 * A point u<UNIT>r<REGISTER> is found in the payload, as  "u1r7": 42  in any JSON, or in the
 * topic; then the value is the last number of the payload. The time register (--time-reg) tells
 * how old a reading is. The session is kept, so that a broker holds what comes while the sink is
 * away; retained messages are not counted.
 *
 * JSON with all counts goes to standard output at SIGTERM, SIGINT, after --duration, at SIGUSR1
 * and at the command `report`.
 */
#include "payload.h"
#include "points.h"
#include "rig.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOPICS_MAX = 8, AGES = 65536 };

static struct {
    const char *host, *id, *csv_path, *control;
    const char *topics[TOPICS_MAX];
    int topic_count, port, qos, time_reg, duration_s;
} options = { .host = "127.0.0.1", .id = "mqtt-sink", .port = 1883, .qos = 1 };

static struct {
    uint64_t messages, payload_bytes, topic_bytes, points, time_points, unparsed, retained;
    uint64_t connects;
    int64_t first_ns, last_ns, longest_gap_ns;
    uint64_t wall_ms;    /* when the present message came */
    uint64_t ages[AGES]; /* how many readings were so many milliseconds old */
    bool subscribed, connected;
} sink;

static void take_point(unsigned unit, unsigned reg, unsigned value)
{
    sink.points++;
    if ((int)reg == options.time_reg) {
        sink.time_points++;
        sink.ages[(uint16_t)(sink.wall_ms - value)]++;
    } else {
        points_take(unit, reg, (uint16_t)value);
    }
}

static void on_message(struct mosquitto *client, void *user, const struct mosquitto_message *m)
{
    int64_t now_ns = rig_now_ns();
    uint64_t before = sink.points;
    if (m->retain) {
        sink.retained++; /* the broker's doing, not the gateway's */
        return;
    }
    if (!sink.first_ns) {
        sink.first_ns = now_ns;
    } else if (now_ns - sink.last_ns > sink.longest_gap_ns) {
        sink.longest_gap_ns = now_ns - sink.last_ns;
    }
    sink.last_ns = now_ns;
    sink.messages++;
    sink.payload_bytes += (uint64_t)m->payloadlen;
    sink.topic_bytes += strlen(m->topic);
    sink.wall_ms = (uint64_t)rig_wall_ns() / RIG_NS_PER_MS;
    payload_find(m->topic, m->payload ? m->payload : "", (size_t)m->payloadlen, take_point);
    sink.unparsed += sink.points == before;
}

/* ---- connection */

static void on_connect(struct mosquitto *client, void *user, int result)
{
    sink.connected = result == 0;
    if (result) {
        return;
    }
    sink.connects++;
    for (int i = 0; i < options.topic_count; i++) {
        mosquitto_subscribe(client, NULL, options.topics[i], options.qos);
    }
}

static void on_disconnect(struct mosquitto *client, void *user, int result)
{
    sink.connected = false;
}

static void on_subscribe(struct mosquitto *client, void *user, int id, int count,
                         const int *granted)
{
    sink.subscribed = true;
}

/* ---- reports */

/* The age that this share of all readings does not exceed; -1 without readings. */
static int age_ms(double share)
{
    uint64_t sum = 0, wanted = (uint64_t)(share * (double)sink.time_points);
    for (int i = 0; i < AGES; i++) {
        sum += sink.ages[i];
        if (sum > wanted) {
            return i;
        }
    }
    return -1;
}

static int oldest_ms(void)
{
    int i = AGES - 1;
    while (i >= 0 && !sink.ages[i]) {
        i--;
    }
    return i;
}

static double per(double value, double of)
{
    return of > 0 ? value / of : 0;
}

static void report(void)
{
    struct points_totals t = points_total();
    double s = (double)(sink.last_ns - sink.first_ns) / 1e9;
    double bytes = (double)(sink.payload_bytes + sink.topic_bytes);
    printf("{\"msgs\":%" PRIu64 ",\"points\":%" PRIu64 ",\"time_points\":%" PRIu64
           ",\"unique\":%" PRIu64 ",\"dups\":%" PRIu64 ",\"missing_inside\":%" PRIu64
           ",\"ids\":%" PRIu64 ",\"ids_from_first_read\":%" PRIu64 ",\"out_of_order\":%" PRIu64,
           sink.messages, sink.points, sink.time_points, t.unique, t.repeated, t.missing, t.ids,
           t.ids_from_first, t.out_of_order);
    printf(",\"unparsed\":%" PRIu64 ",\"retained\":%" PRIu64 ",\"payload_bytes\":%" PRIu64
           ",\"topic_bytes\":%" PRIu64 ",\"elapsed_s\":%.3f,\"points_per_s\":%.1f,"
           "\"msgs_per_s\":%.1f,\"bytes_per_point\":%.2f,\"longest_gap_s\":%.3f,",
           sink.unparsed, sink.retained, sink.payload_bytes, sink.topic_bytes, s,
           per((double)sink.points, s), per((double)sink.messages, s),
           per(bytes, (double)sink.points), (double)sink.longest_gap_ns / 1e9);
    printf("\"connects\":%" PRIu64 ",\"subscribed\":%s,\"latency_ms\":{\"p50\":%d,\"p90\":%d,"
           "\"p99\":%d,\"max\":%d}}\n",
           sink.connects, sink.subscribed ? "true" : "false", age_ms(.5), age_ms(.9), age_ms(.99),
           oldest_ms());
    fflush(stdout);
}

static int command_report(char **args, int count, void *value)
{
    report();
    return 0;
}

static const struct rig_command commands[] = {
    { "report", "", 0, 0, command_report, NULL, "print the counts" },
    { 0 },
};

/* ---- the loop */

static struct {
    struct mosquitto *client;
    struct rig_watch watch; /* on a copy of the client's socket */
    FILE *csv;
    int64_t start_ns, end_ns, retry_ns, second_ns;
    uint64_t points_before, messages_before;
} state = { .watch.fd = -1 };

static void socket_ready(void *owner)
{
    if (mosquitto_loop_read(state.client, 1) != MOSQ_ERR_SUCCESS) {
        rig_unwatch(&state.watch);
    }
}

static void connect_again(bool first)
{
    int result = first ? mosquitto_connect(state.client, options.host, options.port, 60)
                       : mosquitto_reconnect(state.client);
    state.retry_ns = rig_now_ns() + 100 * (int64_t)RIG_NS_PER_MS;
    if (result == MOSQ_ERR_SUCCESS) {
        state.watch = (struct rig_watch){ .fd = dup(mosquitto_socket(state.client)),
                                          .on_ready = socket_ready };
        rig_watch(&state.watch);
    }
}

/* One line a second: time, points and messages in this second, connected or not. */
static void every_second(void)
{
    state.second_ns += RIG_NS_PER_S;
    mosquitto_loop_misc(state.client);
    if (state.csv) {
        fprintf(state.csv, "%.1f,%" PRIu64 ",%" PRIu64 ",%d\n",
                (double)(rig_now_ns() - state.start_ns) / 1e9, sink.points - state.points_before,
                sink.messages - state.messages_before, sink.connected);
        fflush(state.csv);
    }
    state.points_before = sink.points;
    state.messages_before = sink.messages;
}

static int64_t on_time(void)
{
    int64_t now_ns = rig_now_ns();
    if (state.end_ns && now_ns >= state.end_ns) {
        rig_stop();
    }
    if (now_ns >= state.second_ns) {
        every_second();
    }
    if (state.watch.fd < 0) {
        if (now_ns >= state.retry_ns) {
            connect_again(false);
        }
        return state.retry_ns;
    }
    if (mosquitto_want_write(state.client)) {
        mosquitto_loop_write(state.client, 1);
        return now_ns + 10 * (int64_t)RIG_NS_PER_MS; /* in case the socket is full */
    }
    return state.second_ns;
}

/* ---- options */

static void usage(void)
{
    fputs("usage: mqtt-sink [--host H] [--port P] [--topic T]... [--qos Q] [--id CLIENT_ID]\n"
          "                 [--time-reg N (0; -1: none)] [--duration S] [--csv FILE]\n"
          "                 [--control FILE]\n",
          stderr);
    exit(2);
}

static int take_option(int option, const char *text)
{
    switch (option) {
    case 'h':
        options.host = text;
        return 0;
    case 'i':
        options.id = text;
        return 0;
    case 'C':
        options.control = text;
        return 0;
    case 'c':
        options.csv_path = text;
        return 0;
    case 't':
        if (options.topic_count == TOPICS_MAX) {
            return -E2BIG;
        }
        options.topics[options.topic_count++] = text;
        return 0;
    case 'p':
        return rig_parse_int(text, 1, 65535, &options.port);
    case 'q':
        return rig_parse_int(text, 0, 2, &options.qos);
    case 'T':
        return rig_parse_int(text, -1, POINTS_REGISTER_MAX, &options.time_reg);
    case 'D':
        return rig_parse_int(text, 0, 1000000, &options.duration_s);
    default:
        return -EINVAL;
    }
}

static void take_arguments(int argc, char **argv)
{
    static const struct option rows[] = {
        { "host", 1, 0, 'h' },     { "port", 1, 0, 'p' },
        { "topic", 1, 0, 't' },    { "qos", 1, 0, 'q' },
        { "id", 1, 0, 'i' },       { "time-reg", 1, 0, 'T' },
        { "duration", 1, 0, 'D' }, { "csv", 1, 0, 'c' },
        { "control", 1, 0, 'C' },  { 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, "", rows, NULL)) != -1) {
        if (take_option(option, optarg)) {
            usage();
        }
    }
    if (optind != argc) {
        usage();
    }
    if (!options.topic_count) {
        options.topics[options.topic_count++] = "#";
    }
}

static struct mosquitto *client_create(void)
{
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(options.id, false, NULL);
    if (!client) {
        rig_fail("mqtt-sink: no client: %s", strerror(errno));
    }
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_disconnect_callback_set(client, on_disconnect);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, 65535);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    return client;
}

int main(int argc, char **argv)
{
    rig_init();
    take_arguments(argc, argv);
    state.csv = options.csv_path ? fopen(options.csv_path, "we") : NULL;
    if (options.csv_path && !state.csv) {
        rig_fail("mqtt-sink: %s: %s", options.csv_path, strerror(errno));
    }
    state.client = client_create();
    state.start_ns = rig_now_ns();
    state.second_ns = state.start_ns + RIG_NS_PER_S;
    state.end_ns =
        options.duration_s ? state.start_ns + (int64_t)options.duration_s * RIG_NS_PER_S : 0;
    if (options.control && rig_control_open(options.control, commands)) {
        rig_fail("mqtt-sink: no control from %s", options.control);
    }
    connect_again(true);
    rig_run(on_time, report);
    report();
    mosquitto_disconnect(state.client);
    rig_unwatch(&state.watch);
    mosquitto_destroy(state.client);
    mosquitto_lib_cleanup();
    points_finish();
    rig_control_close();
    if (state.csv) {
        fclose(state.csv);
    }
    return 0;
}
