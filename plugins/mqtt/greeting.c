/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * CONNECT is out: what the broker answers, and what follows from it; see session.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include <mqtt_protocol.h>

#include "session.h"

#define V311_NS (3600 * 1000000000LL) /* then MQTT 5 is tried again */

void greeting_connack(struct mosquitto *mosq, void *context, int reason, int flags,
                      const mosquitto_property *properties)
{
    struct session *session = context;
    struct session_greeting *greeting = &session->greeting;
    greeting->answered = true;
    greeting->reason = reason;
    mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &greeting->receive_max,
                                  false);
    mosquitto_property_read_int16(properties, MQTT_PROP_SERVER_KEEP_ALIVE, &greeting->keepalive_s,
                                  false);
    mosquitto_property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, &greeting->packet_max,
                                  false);
    mosquitto_property_read_byte(properties, MQTT_PROP_MAXIMUM_QOS, &greeting->max_qos, false);
    mosquitto_property_read_byte(properties, MQTT_PROP_RETAIN_AVAILABLE, &greeting->retain, false);
    char *words = NULL;
    mosquitto_property_read_string(properties, MQTT_PROP_REASON_STRING, &words, false);
    snprintf(greeting->words, sizeof greeting->words, "%s", words ? words : "");
    free(words);
}

/* The reason is a return code of MQTT 3.1.1. */
static bool says_v311(const struct session *session)
{
    return session->greeting.v311 || !session_is_v5(session);
}

/* The broker does not speak the version we came with: the other one, if it may be tried. */
static bool try_other_version(struct session *session)
{
    int unsupported = says_v311(session) ? (int)CONNACK_REFUSED_PROTOCOL_VERSION
                                         : (int)MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION;
    if (session->greeting.reason != unsupported || session->settings.version != SESSION_AUTO) {
        return false;
    }
    bool v5 = session_is_v5(session);
    session->v311_until_ns = v5 ? session->now_ns + V311_NS : 0;
    if (v5 ? session->tried_v311 : session->tried_v5) {
        return false;
    }
    session->protocol = v5 ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5;
    return true;
}

/* The will is refused for what it asks: with less, if nothing promised depends on it. */
static bool try_smaller_will(struct session *session)
{
    int reason = says_v311(session) ? 0 : session->greeting.reason;
    if (reason == MQTT_RC_RETAIN_NOT_SUPPORTED && session->will_retain) {
        session->will_retain = false;
        return true;
    }
    if (reason == MQTT_RC_QOS_NOT_SUPPORTED && session->will_qos && !session->settings.qos) {
        session->will_qos = 0;
        return true;
    }
    return false;
}

static void note_tried(struct session *session)
{
    session->tried_v5 |= session_is_v5(session);
    session->tried_v311 |= !session_is_v5(session);
}

static void refused(struct session *session)
{
    int reason = session->greeting.reason;
    bool v5 = !says_v311(session);
    note_tried(session);
    if (try_other_version(session) || try_smaller_will(session)) {
        session_drop(session);
        session->lost = false;
        session->deadline_ns = session->now_ns + session->settings.connect_timeout_ns;
        dial_addresses(session);
        return;
    }
    char words[WORDS_MAX];
    words_reason(v5, reason, session->greeting.words, words, sizeof words);
    session->lost = false; /* what followed the refusal explains nothing */
    session_lost(session, words_permanent(v5, reason), "broker: %s", words);
}

static void welcomed(struct session *session)
{
    if (session->greeting.max_qos < session->settings.qos) {
        session_lost(session, true, "broker: takes QoS %d only, and this uplink has qos = %d",
                     session->greeting.max_qos, session->settings.qos);
        return;
    }
    if (!session->greeting.retain) {
        session->host->log(session->link, WEIR_LOG_WARNING,
                           "broker keeps no retained messages: state and meta are seen only by "
                           "those who are there");
    }
    session->state = SESSION_ONLINE;
    session->misc_ns = session->now_ns;
    delivery_state(session, "online");
    session->host->connected(
        session->link, session_is_v5(session) ? "MQTT 5" : "MQTT 3.1.1: refusals are not seen");
}

/* Some brokers of old just hang up on a version that they do not know. */
static void lost_unanswered(struct session *session)
{
    char words[WORDS_MAX];
    snprintf(words, sizeof words, "%s", session->lost_words);
    session->lost = false;
    session_lost(session, session->lost_permanent, "no CONNACK: %s%s", words,
                 session_is_v5(session) ? " (for a broker without MQTT 5 set version = \"3.1.1\")"
                                        : "");
}

/* Reads the answer, if it has come. */
static void listen_for_answer(struct session *session, short events)
{
    struct session_greeting *greeting = &session->greeting;
    if (session_is_v5(session) && (events & POLLIN) &&
        client_peek_v311(mosquitto_socket(session->mosq), &greeting->reason)) {
        greeting->answered = greeting->v311 = true;
        return;
    }
    session_serve(session, events);
}

void greeting_step(struct session *session, short events)
{
    listen_for_answer(session, events);
    if (session->greeting.answered) {
        if (session->greeting.reason) {
            refused(session);
        } else if (!session->lost) {
            welcomed(session);
        }
    } else if (session->lost) {
        lost_unanswered(session);
    } else if (session->now_ns >= session->deadline_ns) {
        session_lost(session, false, "broker does not answer: no CONNACK in time");
    }
}
