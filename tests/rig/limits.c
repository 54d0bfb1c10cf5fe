/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * limits - what the bare libraries reach on this machine, with no gateway between: the measure
 * that weir's own figures are held against.
 *
 *     limits modbus PORT REGISTERS SECONDS          libmodbus, Modbus TCP, one request at a time
 *     limits mqtt PORT QOS WINDOW BYTES SECONDS     libmosquitto, up to WINDOW unacknowledged
 *
 * One line of JSON: how many a second, and CPU seconds of the client for a million of them.
 */
#include "rig.h"

#include <errno.h>
#include <modbus/modbus.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static double cpu_s(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static int parse(const char *text, int min, int max)
{
    int value;
    if (rig_parse_int(text, min, max, &value)) {
        rig_fail("limits: %s: not within %d to %d", text, min, max);
    }
    return value;
}

/* ---- Modbus */

static void run_modbus(char **args)
{
    int port = parse(args[0], 1, 65535), registers = parse(args[1], 1, 125);
    int64_t duration_ns = parse(args[2], 1, 3600) * (int64_t)RIG_NS_PER_S;
    uint16_t values[125];
    uint64_t requests = 0, failed = 0;
    modbus_t *client = modbus_new_tcp("127.0.0.1", port);
    if (!client || modbus_set_slave(client, 1) || modbus_connect(client)) {
        rig_fail("limits: %s", modbus_strerror(errno));
    }
    double cpu_before_s = cpu_s();
    int64_t start_ns = rig_now_ns();
    while (rig_now_ns() - start_ns < duration_ns) {
        failed += modbus_read_registers(client, 0, registers, values) != registers;
        requests++;
    }
    double s = (double)(rig_now_ns() - start_ns) / 1e9;
    double points = (double)(requests - failed) * registers;
    printf("{\"what\":\"modbus\",\"registers\":%d,\"requests_per_s\":%.0f,\"points_per_s\":%.0f,"
           "\"cpu_s_per_million_points\":%.3f,\"failed\":%llu}\n",
           registers, (double)requests / s, points / s,
           points > 0 ? (cpu_s() - cpu_before_s) * 1e6 / points : 0, (unsigned long long)failed);
    modbus_close(client);
    modbus_free(client);
}

/* ---- MQTT */

static struct {
    bool connected, lost;
    uint64_t sent, acknowledged;
} mqtt;

static void on_connect(struct mosquitto *client, void *user, int result)
{
    mqtt.connected = result == 0;
    mqtt.lost = result != 0;
}

static void on_disconnect(struct mosquitto *client, void *user, int result)
{
    mqtt.lost = true;
}

static void on_publish(struct mosquitto *client, void *user, int id)
{
    mqtt.acknowledged++;
}

static struct mosquitto *client_connect(int port, int window)
{
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, NULL);
    if (!client) {
        rig_fail("limits: out of memory");
    }
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_disconnect_callback_set(client, on_disconnect);
    mosquitto_publish_callback_set(client, on_publish);
    mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, window);
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
    int result = mosquitto_connect(client, "127.0.0.1", port, 60);
    while (!result && !mqtt.connected && !mqtt.lost) {
        result = mosquitto_loop(client, 100, 1);
    }
    if (result || mqtt.lost) {
        rig_fail("limits: no broker on port %d", port);
    }
    return client;
}

static void run_mqtt(char **args)
{
    int qos = parse(args[1], 0, 1), window = parse(args[2], 1, 65535);
    int length = parse(args[3], 1, 1 << 20);
    int64_t duration_ns = parse(args[4], 1, 3600) * (int64_t)RIG_NS_PER_S;
    struct mosquitto *client = client_connect(parse(args[0], 1, 65535), window);
    char *payload = malloc((size_t)length);
    if (!payload) {
        rig_fail("limits: out of memory");
    }
    memset(payload, 'x', (size_t)length);
    double cpu_before_s = cpu_s();
    int64_t start_ns = rig_now_ns();
    while (rig_now_ns() - start_ns < duration_ns && !mqtt.lost) {
        /* Not more than 64 at once, or the answers wait for the whole window. */
        for (int i = 0; i < 64 && mqtt.sent - mqtt.acknowledged < (uint64_t)window; i++) {
            mqtt.sent += !mosquitto_publish(client, NULL, "limits", length, payload, qos, false);
        }
        bool full = mqtt.sent - mqtt.acknowledged >= (uint64_t)window;
        mosquitto_loop(client, full ? 100 : 0, 1);
    }
    double s = (double)(rig_now_ns() - start_ns) / 1e9, messages = (double)mqtt.acknowledged;
    printf("{\"what\":\"mqtt\",\"qos\":%d,\"window\":%d,\"bytes\":%d,\"messages_per_s\":%.0f,"
           "\"cpu_s_per_million_messages\":%.2f,\"lost_connection\":%s}\n",
           qos, window, length, messages / s,
           messages > 0 ? (cpu_s() - cpu_before_s) * 1e6 / messages : 0,
           mqtt.lost ? "true" : "false");
    mosquitto_destroy(client);
    mosquitto_lib_cleanup();
    free(payload);
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "modbus")) {
        run_modbus(argv + 2);
    } else if (argc == 7 && !strcmp(argv[1], "mqtt")) {
        run_mqtt(argv + 2);
    } else {
        fputs("usage: limits modbus PORT REGISTERS SECONDS\n"
              "       limits mqtt PORT QOS WINDOW BYTES SECONDS\n",
              stderr);
        return 2;
    }
    return 0;
}
