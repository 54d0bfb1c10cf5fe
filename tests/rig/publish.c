/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * publish PORT FILE INFLIGHT - the quickest that libmosquitto can be: publishes each line of FILE
 * (topic, tab, payload) at QoS 1 over MQTT 5, never more than INFLIGHT without an answer, and
 * prints seconds and CPU seconds until the last answer. What a gateway is measured against.
 */
#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static bool connected;
static unsigned long sent, answered;

static void on_connect(struct mosquitto *mosq, void *context, int reason)
{
    connected = reason == 0;
}

static void on_publish(struct mosquitto *mosq, void *context, int id)
{
    answered++;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits for the socket and lets the library work. */
static void turn(struct mosquitto *mosq, int wait_ms)
{
    struct pollfd fd = { mosquitto_socket(mosq), POLLIN, 0 };
    if (mosquitto_want_write(mosq)) {
        fd.events |= POLLOUT;
    }
    poll(&fd, 1, wait_ms);
    if (fd.revents & POLLOUT) {
        mosquitto_loop_write(mosq, 1);
    }
    if (fd.revents & POLLIN) {
        mosquitto_loop_read(mosq, 100);
    }
    mosquitto_loop_misc(mosq);
}

static void publish_all(struct mosquitto *mosq, FILE *file, unsigned long inflight)
{
    char *line = NULL;
    size_t size = 0;
    for (ssize_t len; (len = getline(&line, &size, file)) > 0;) {
        char *payload = strchr(line, '\t');
        if (!payload) {
            continue;
        }
        *payload++ = 0;
        line[len - 1] = 0;
        while (sent - answered >= inflight) {
            turn(mosq, 1000);
        }
        if (mosquitto_publish(mosq, NULL, line, (int)strlen(payload), payload, 1, false) != 0) {
            fputs("publish: refused\n", stderr);
            exit(1);
        }
        sent++;
        turn(mosq, 0);
    }
    while (answered < sent) {
        turn(mosq, 1000);
    }
    free(line);
}

int main(int argc, char **argv)
{
    FILE *file = argc == 4 ? fopen(argv[2], "r") : NULL;
    if (!file) {
        fputs("usage: publish PORT FILE INFLIGHT\n", stderr);
        return 2;
    }
    mosquitto_lib_init();
    struct mosquitto *mosq = mosquitto_new("publish", true, NULL);
    mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_publish_callback_set(mosq, on_publish);
    if (mosquitto_connect(mosq, "127.0.0.1", (int)strtol(argv[1], NULL, 10), 60) != 0) {
        fputs("publish: no broker\n", stderr);
        return 1;
    }
    while (!connected) {
        turn(mosq, 1000);
    }
    double start = now_s();
    publish_all(mosq, file, strtoul(argv[3], NULL, 10));
    double seconds = now_s() - start;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("%lu messages %.4f s %.4f cpu_s\n", answered, seconds, cpu);
    mosquitto_disconnect(mosq);
    mosquitto_destroy(mosq);
    fclose(file);
    return 0;
}
