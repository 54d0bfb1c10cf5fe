/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One connection to a broker after the other: state, window, answers. Called by mqtt.c only.
 *
 *   IDLE -> RESOLVING -> DIALLING -> GREETING -> ONLINE      each step bounded by a deadline
 *     ^________|____________|____________|_________|         host->disconnected
 *
 *   dial.c      RESOLVING, DIALLING
 *   greeting.c  GREETING
 *   session.c   ONLINE, and what the host calls
 *   delivery.c  messages out, answers in
 */
#ifndef MQTT_SESSION_H
#define MQTT_SESSION_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/uplink.h>

#include <mqtt_protocol.h>

#include "address.h"
#include "client.h"
#include "pending.h"
#include "url.h"
#include "words.h"

enum session_version { SESSION_AUTO, SESSION_V5, SESSION_V311 };

enum session_state {
    SESSION_IDLE,
    SESSION_RESOLVING, /* waiting for the host's addresses */
    SESSION_DIALLING,  /* waiting for TCP */
    SESSION_GREETING,  /* waiting for CONNACK */
    SESSION_ONLINE,
};

/* Strings live as long as the session. */
struct session_settings {
    struct url url;
    const char *client_id, *username, *password;
    const char *source; /* "": any */
    const char *state_topic;
    int source_family;
    int64_t connect_timeout_ns;
    int keepalive_s;
    int version; /* enum session_version */
    int qos;
};

/* What the CONNACK said. */
struct session_greeting {
    bool answered;
    bool v311; /* in the form of 3.1.1, whatever we asked in */
    int reason;
    char words[WORDS_MAX]; /* the broker's own, if any */
    uint16_t receive_max;
    uint16_t keepalive_s;
    uint32_t packet_max; /* bytes; 0: any */
    uint8_t max_qos;
    uint8_t retain;
};

struct session {
    struct session_settings settings;
    const struct weir_uplink_host *host;
    struct weir_uplink_link *link;
    int64_t now_ns; /* as of the last callback of the host's */

    enum session_state state;
    int64_t deadline_ns;      /* of lookup and dialling together; of the greeting */
    int64_t step_deadline_ns; /* of dialling this address */
    struct address_lookup lookup;
    struct address_list addresses;
    size_t address;

    int protocol; /* of this connection: MQTT_PROTOCOL_V5 or MQTT_PROTOCOL_V311 */
    bool tried_v5, tried_v311;
    int64_t v311_until_ns; /* till then MQTT 5 is not tried: the broker does not speak it */
    int will_qos;
    bool will_retain;

    struct mosquitto *mosq;
    struct session_greeting greeting;
    int64_t misc_ns; /* when the library wants its slow work done */

    bool lost; /* the connection is gone; told to the host from process() */
    bool lost_permanent;
    char lost_words[WORDS_MAX];

    struct pending pending;
    size_t careful;       /* so many messages go one by one; see serve_online() */
    bool misread;         /* the library could not read what the broker sent */
    uint64_t packet_last; /* bytes of the message handed over last */
    uint64_t packet_max;  /* learnt: the broker takes no larger ones; 0: nothing learnt */
    int64_t packet_max_until_ns;
    uint16_t refused_mid; /* whose refusal came with words of the broker's */
    char refused_words[WORDS_MAX];
    bool corked;
    unsigned round_sends, last_round; /* messages handed over between two prepare() */
};

/* What a message to be sent is made of. */
struct delivery {
    uint64_t token;
    const char *topic, *payload;
    size_t len;
    int qos;
    bool retain;
    bool own; /* state and meta, of which the host knows nothing */
};

/* session.c */
void session_init(struct session *session, const struct session_settings *settings,
                  const struct weir_uplink_env *env);
void session_finish(struct session *session);
void session_connect(struct session *session);
void session_disconnect(struct session *session);
unsigned session_prepare(struct session *session, struct pollfd *fds, int64_t *deadline_ns);
void session_process(struct session *session, const struct pollfd *fds, unsigned count);
/* Notes that the connection is gone; the first reason stands. */
void session_lost(struct session *session, bool permanent, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for an error of the library's and errno as it left it. */
void session_error(struct session *session, int rc, int error);
/* Ends the library's instance, whatever it was doing. */
void session_drop(struct session *session);
/* Lets the library read and write. */
void session_serve(struct session *session, short events);

static inline bool session_is_v5(const struct session *session)
{
    return session->protocol == MQTT_PROTOCOL_V5;
}

/* dial.c: steps, called when events came or it is time */
void dial_resolve(struct session *session, short events);
void dial_step(struct session *session, short events);
/* Tries the addresses from the present one on; session_lost() if none is left. */
void dial_addresses(struct session *session);

/* greeting.c */
void greeting_step(struct session *session, short events);
/* The library's callback: under its lock, so it only notes. */
void greeting_connack(struct mosquitto *mosq, void *context, int reason, int flags,
                      const mosquitto_property *properties);

/* delivery.c */
unsigned delivery_window(const struct session *session);
/* 0, or -EAGAIN. A message that the broker would not take is answered with a refusal. */
int delivery_send(struct session *session, const struct delivery *delivery);
/* Sends a retained message of our own, one that the host does not count; false if it could not be.
 */
bool delivery_retained(struct session *session, const char *topic, const char *payload, size_t len);
bool delivery_state(struct session *session, const char *payload);
/* Lets go of what was held back to be sent together. */
void delivery_flush(struct session *session);
/* The library's callback for answers: under its lock, so it only notes. */
void delivery_answered(struct mosquitto *mosq, void *context, int mid, int reason,
                       const mosquitto_property *properties);
/* Tells the host of all answers noted so far. */
void delivery_tell(struct session *session);

#endif
