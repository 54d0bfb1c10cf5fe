/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From a host name to a TCP connection with a CONNECT on its way; see session.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

/* Also called after the library has met an error, which the caller of its loop sees as well. */
static void on_gone(struct mosquitto *mosq, void *context, int reason,
                    const mosquitto_property *properties)
{
    struct session *session = context;
    if (reason < 0x80) {
        return;
    }
    char words[WORDS_MAX];
    words_reason(true, reason, NULL, words, sizeof words);
    session_lost(session, words_permanent(true, reason), "broker: %s", words);
}

static const struct client_callbacks callbacks = {
    .connack = greeting_connack,
    .published = delivery_answered,
    .gone = on_gone,
};

static void dial_failed(struct session *session, const char *why)
{
    const char *address = session->addresses.text[session->address];
    bool v6 = strchr(address, ':');
    session_drop(session);
    session_lost(session, false, "connect to %s%s%s:%u: %s", v6 ? "[" : "", address, v6 ? "]" : "",
                 session->settings.url.port, why);
    session->address++;
}

static int dial_one(struct session *session)
{
    const struct session_settings *settings = &session->settings;
    const struct client_setup setup = {
        .client_id = settings->client_id,
        .username = settings->username,
        .password = settings->password,
        .source = settings->source,
        .state_topic = settings->state_topic,
        .port = settings->url.port,
        .keepalive_s = settings->keepalive_s,
        .protocol = session->protocol,
        .will_qos = session->will_qos,
        .will_retain = session->will_retain,
    };
    int r = client_create(&setup, &callbacks, session, &session->mosq);
    if (r) {
        return r;
    }
    session->greeting = (struct session_greeting){ .receive_max = UINT16_MAX,
                                                   .keepalive_s = (uint16_t)settings->keepalive_s,
                                                   .max_qos = 2,
                                                   .retain = 1 };
    return client_connect(session->mosq, &setup, session->addresses.text[session->address]);
}

/* Tries the addresses from the present one on, sharing the time left among them. */
void dial_addresses(struct session *session)
{
    for (; session->address < session->addresses.count;) {
        session->lost = false; /* the reason of the last address is the one told */
        int r = dial_one(session);
        if (r == 0) {
            int64_t left = session->deadline_ns - session->now_ns;
            int64_t share = left / (int64_t)(session->addresses.count - session->address);
            session->step_deadline_ns = session->now_ns + share;
            session->state = SESSION_DIALLING;
            return;
        }
        dial_failed(session, strerror(-r));
    }
}

void dial_resolve(struct session *session, short events)
{
    char err[WORDS_MAX];
    int r = address_lookup(&session->lookup, session->settings.url.host,
                           session->settings.source_family, &session->addresses, err, sizeof err);
    if (r == 0) {
        session->address = 0;
        dial_addresses(session);
    } else if (r != -EAGAIN) {
        session_lost(session, false, "%s", err);
    } else if (session->now_ns >= session->deadline_ns) {
        session_lost(session, false, "look up %s: no answer in time", session->settings.url.host);
    }
}

void dial_step(struct session *session, short events)
{
    if (events) {
        int r = client_socket_error(mosquitto_socket(session->mosq));
        if (r < 0) {
            dial_failed(session, strerror(-r));
            dial_addresses(session);
            return;
        }
        session->state = SESSION_GREETING;
        session->deadline_ns = session->now_ns + session->settings.connect_timeout_ns;
        int rc = mosquitto_loop_write(session->mosq, 1);
        if (rc) {
            session_error(session, rc, errno);
        }
    } else if (session->now_ns >= session->step_deadline_ns) {
        dial_failed(session, "no answer in time");
        dial_addresses(session);
    }
}
