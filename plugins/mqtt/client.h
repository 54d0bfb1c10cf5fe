/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One libmosquitto instance, made anew for each connection, and the socket under it.
 */
#ifndef MQTT_CLIENT_H
#define MQTT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <mosquitto.h>

struct client_setup {
    const char *client_id;
    const char *username; /* "": none */
    const char *password; /* "": none */
    const char *source;   /* numeric address to connect from; "": any */
    const char *state_topic;
    uint16_t port;
    int keepalive_s;
    int protocol; /* MQTT_PROTOCOL_V5 or MQTT_PROTOCOL_V311 */
    int will_qos;
    bool will_retain;
};

/* The library calls these under its lock: they note what happened and return. */
struct client_callbacks {
    void (*connack)(struct mosquitto *, void *, int reason, int flags, const mosquitto_property *);
    void (*published)(struct mosquitto *, void *, int mid, int reason, const mosquitto_property *);
    void (*gone)(struct mosquitto *, void *, int reason, const mosquitto_property *);
};

/* 0 or negative errno. */
int client_create(const struct client_setup *setup, const struct client_callbacks *callbacks,
                  void *context, struct mosquitto **ret_mosq);

/* Begins to connect to a numeric address and hands over the CONNECT; never blocks. The socket
 * becomes writable when it is connected. 0 or negative errno. */
int client_connect(struct mosquitto *mosq, const struct client_setup *setup, const char *address);

/* How the attempt to connect ended: 0 or negative errno. */
int client_socket_error(int fd);

/* A broker without MQTT 5 refuses in the form of 3.1.1, and not every version of the library tells
 * of that. True if such a refusal lies in the socket: *ret_reason is its return code. */
bool client_peek_v311(int fd, int *ret_reason);

/* The library hangs up over a PUBACK whose reason it does not know of, and tells nobody. True if a
 * PUBACK of MQTT 5 that refuses (0x80 or more) is what lies in the socket next. */
bool client_peek_refusal(int fd, uint16_t *ret_mid, uint8_t *ret_reason);

/* While on, small packets wait to be sent together. */
void client_cork(int fd, bool on);

#endif
