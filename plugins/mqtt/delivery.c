/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages out, answers in; see session.h.
 * Invariant: what waits for an answer never exceeds the broker's receive maximum, but for
 * announcements made while there is no room, which the library holds back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "session.h"

/* Holding messages back to send them together costs two system calls a round; it pays from here. */
#define CORK_FROM 3
/* The longest payload that MQTT can carry, less room for the rest of the packet. */
#define PAYLOAD_MAX (268435455 - 65535 - 16)

static unsigned limit(const struct session *session)
{
    unsigned broker = session->greeting.receive_max;
    return broker < PENDING_MAX ? broker : PENDING_MAX;
}

unsigned delivery_window(const struct session *session)
{
    if (session->state != SESSION_ONLINE || session->lost) {
        return 0;
    }
    if (session->careful) {
        return session->pending.waiting ? 0 : 1;
    }
    /* One place stays for an announcement in front of the message that needs it. */
    size_t taken = session->pending.own + 1;
    return limit(session) > taken ? limit(session) - (unsigned)taken : 1;
}

/* Bytes of the whole PUBLISH packet. */
static uint64_t packet_size(const struct session *session, const struct delivery *delivery)
{
    uint64_t rest = 2 + strlen(delivery->topic) + (delivery->qos ? 2 : 0) +
                    (session->protocol == MQTT_PROTOCOL_V5 ? 1 : 0) + delivery->len;
    uint64_t size = 1 + rest;
    do {
        size++;
        rest /= 128;
    } while (rest);
    return size;
}

/* What the broker takes, as it has said or as it has shown; 0: any. */
static uint64_t packet_max(const struct session *session)
{
    uint64_t said = session->greeting.packet_max;
    bool learnt = session->packet_max && session->now_ns < session->packet_max_until_ns;
    return learnt && (!said || session->packet_max < said) ? session->packet_max : said;
}

static bool fits(const struct session *session, const struct delivery *delivery)
{
    uint64_t max = packet_max(session);
    return delivery->len <= PAYLOAD_MAX && (!max || packet_size(session, delivery) <= max);
}

static void cork(struct session *session)
{
    if (!session->corked && session->last_round >= CORK_FROM) {
        client_cork(mosquitto_socket(session->mosq), true);
        session->corked = true;
    }
    session->round_sends++;
}

void delivery_flush(struct session *session)
{
    if (session->round_sends) {
        session->last_round = session->round_sends;
        session->round_sends = 0;
    }
    if (session->corked) {
        session->corked = false;
        client_cork(mosquitto_socket(session->mosq), false);
    }
}

/* The library took the message or lost the connection over it; either way the host will hear. */
static void publish(struct session *session, struct pending_entry *entry,
                    const struct delivery *delivery)
{
    int mid = 0;
    errno = 0;
    int rc = mosquitto_publish_v5(session->mosq, &mid, delivery->topic, (int)delivery->len,
                                  delivery->payload, delivery->qos, delivery->retain, NULL);
    if (rc) {
        char words[WORDS_MAX];
        words_error(rc, errno, words, sizeof words);
        session_lost(session, false, "%s", words);
    }
    pending_sent(&session->pending, entry, (uint16_t)mid);
}

int delivery_send(struct session *session, const struct delivery *delivery)
{
    if (session->state != SESSION_ONLINE || session->lost) {
        return -EAGAIN;
    }
    if (!delivery->own && session->pending.waiting >= limit(session)) {
        return -EAGAIN;
    }
    struct pending_entry *entry =
        pending_add(&session->pending, delivery->token, delivery->own, session->now_ns);
    if (!entry) {
        return -EAGAIN;
    }
    if (!fits(session, delivery)) {
        pending_answer(&session->pending, 0, MQTT_RC_PACKET_TOO_LARGE);
        return 0;
    }
    cork(session);
    session->packet_last = packet_size(session, delivery);
    publish(session, entry, delivery);
    return 0;
}

bool delivery_retained(struct session *session, const char *topic, const char *payload, size_t len)
{
    const struct delivery delivery = {
        .topic = topic,
        .payload = payload,
        .len = len,
        .qos = session->greeting.max_qos ? 1 : 0,
        .retain = session->greeting.retain,
        .own = true,
    };
    return delivery_send(session, &delivery) == 0 && !session->lost;
}

bool delivery_state(struct session *session, const char *payload)
{
    return delivery_retained(session, session->settings.state_topic, payload, strlen(payload));
}

void delivery_answered(struct mosquitto *mosq, void *context, int mid, int reason,
                       const mosquitto_property *properties)
{
    struct session *session = context;
    if (reason >= 0x80 && properties) {
        char *words = NULL;
        mosquitto_property_read_string(properties, MQTT_PROP_REASON_STRING, &words, false);
        snprintf(session->refused_words, sizeof session->refused_words, "%s", words ? words : "");
        session->refused_mid = (uint16_t)mid;
        free(words);
    }
    pending_answer(&session->pending, (uint16_t)mid, (uint8_t)reason);
}

static void refusal_words(const struct session *session, const struct pending_entry *entry,
                          char *buf, size_t size)
{
    if (!entry->mid) { /* never given to the library */
        snprintf(buf, size, "message larger than the broker takes (%lu bytes)",
                 packet_max(session) ? (unsigned long)packet_max(session)
                                     : (unsigned long)PAYLOAD_MAX);
        return;
    }
    words_reason(true, entry->reason,
                 entry->mid == session->refused_mid ? session->refused_words : NULL, buf, size);
}

void delivery_tell(struct session *session)
{
    struct pending_entry entry;
    while (pending_take(&session->pending, &entry)) {
        if (session->careful && !entry.own) {
            session->careful--;
        }
        if (entry.reason < 0x80) {
            if (!entry.own) {
                session->host->accepted(session->link, entry.token);
            }
            continue;
        }
        char words[WORDS_MAX];
        refusal_words(session, &entry, words, sizeof words);
        if (entry.own) {
            session->host->log(session->link, WEIR_LOG_WARNING,
                               "broker refused a retained message (state, health or meta): %s",
                               words);
        } else {
            session->host->refused(session->link, entry.token, words);
        }
    }
    session->refused_mid = 0;
}
