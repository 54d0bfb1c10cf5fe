/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The life of a connection; see session.h.
 * Invariant: the library's callbacks only note; instances are destroyed and the host is told from
 * outside them. Nothing here waits, but for the goodbye (at most GOODBYE_NS).
 */
#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqtt_protocol.h>

#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL

#define MISC_NS          NS_PER_S /* the library counts in seconds */
#define GOODBYE_NS       NS_PER_S /* for "offline" and DISCONNECT to get out */
#define STALL_KEEPALIVES 2
#define LEARNT_NS        (3600 * NS_PER_S)

void session_drop(struct session *session)
{
    mosquitto_destroy(session->mosq);
    session->mosq = NULL;
    session->state = SESSION_IDLE;
    session->corked = false;
    session->round_sends = session->last_round = 0;
}

void session_lost(struct session *session, bool permanent, const char *format, ...)
{
    if (session->lost) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(session->lost_words, sizeof session->lost_words, format, args);
    va_end(args);
    session->lost = true;
    session->lost_permanent = permanent;
}

/* The end of a connection or of the attempt to make one. */
static void tell_lost(struct session *session)
{
    delivery_tell(session);
    session_drop(session);
    pending_reset(&session->pending);
    session->lost = false;
    session->host->disconnected(session->link, session->lost_words, session->lost_permanent);
}

void session_error(struct session *session, int rc, int error)
{
    char words[WORDS_MAX];
    words_error(rc, error, words, sizeof words);
    session_lost(session, false, "%s", words);
}

void session_serve(struct session *session, short events)
{
    int rc = 0;
    errno = 0;
    if (events & (POLLIN | POLLHUP | POLLERR)) {
        rc = mosquitto_loop_read(session->mosq, 1);
    }
    if (!rc && (events & POLLOUT) && mosquitto_want_write(session->mosq)) {
        rc = mosquitto_loop_write(session->mosq, 1);
    }
    session->misread = rc == MOSQ_ERR_PROTOCOL || rc == MOSQ_ERR_MALFORMED_PACKET;
    if (rc || mosquitto_socket(session->mosq) < 0) {
        session_error(session, rc, errno);
    }
}

/* ---- online */

static int64_t stall_ns(const struct session *session)
{
    int keepalive_s = session->greeting.keepalive_s; /* the broker may want another than ours */
    return (keepalive_s ? keepalive_s : session->settings.keepalive_s) * STALL_KEEPALIVES *
           NS_PER_S;
}

/* libmosquitto (2.0.21 does with 149, packet too large) gives up a connection when it does not know
 * the reason of a refusal. It would be made anew and lost again over the same message for ever, so
 * after such a loss the messages that waited go one by one, and the library is not alone in reading
 * the answers: one that it cannot read, but that refuses in the broker's own words, is passed on as
 * any other. A connection that just breaks says nothing of any message. */
static void serve_online(struct session *session, short events)
{
    uint16_t mid = 0;
    uint8_t reason = 0;
    bool alone = session->careful && session->pending.waiting == 1 && session_is_v5(session);
    bool refusal = alone && (events & POLLIN) &&
                   client_peek_refusal(mosquitto_socket(session->mosq), &mid, &reason);
    session_serve(session, events);
    if (!session->lost || !session->misread) {
        return;
    }
    if (session->careful <= session->pending.waiting) {
        session->careful = session->pending.waiting + 1;
    }
    if (refusal && pending_answer(&session->pending, mid, reason) &&
        reason == MQTT_RC_PACKET_TOO_LARGE) {
        session->packet_max = session->packet_last - 1;
        session->packet_max_until_ns = session->now_ns + LEARNT_NS;
    }
}

static void step_online(struct session *session, short events)
{
    if (session->lost) { /* while sending: answers may still lie in the socket */
        mosquitto_loop_read(session->mosq, 1);
        return;
    }
    if (events) {
        serve_online(session, events);
    }
    if (!session->lost && session->now_ns >= session->misc_ns) {
        session->misc_ns = session->now_ns + MISC_NS;
        int rc = mosquitto_loop_misc(session->mosq);
        if (rc == MOSQ_ERR_KEEPALIVE) {
            session_lost(session, false, "broker does not answer: no reply to a ping in %u s",
                         session->greeting.keepalive_s);
        } else if (rc) {
            session_error(session, rc, errno);
        }
    }
    int64_t oldest_ns = pending_oldest_ns(&session->pending);
    if (!session->lost && oldest_ns != INT64_MAX &&
        session->now_ns - oldest_ns >= stall_ns(session)) {
        session_lost(session, false, "broker does not answer: no acknowledgement in %lld s",
                     (long long)(stall_ns(session) / NS_PER_S));
    }
    delivery_tell(session);
}

/* ---- what the host calls */

static void step_idle(struct session *session, short events)
{
}

static void (*const steps[])(struct session *, short events) = {
    [SESSION_IDLE] = step_idle,     [SESSION_RESOLVING] = dial_resolve,
    [SESSION_DIALLING] = dial_step, [SESSION_GREETING] = greeting_step,
    [SESSION_ONLINE] = step_online,
};

void session_init(struct session *session, const struct session_settings *settings,
                  const struct weir_uplink_env *env)
{
    *session = (struct session){
        .settings = *settings, .host = env->host, .link = env->link, .will_retain = true
    };
    session->will_qos = 1;
}

void session_finish(struct session *session)
{
    session_drop(session);
    address_finish(&session->lookup);
}

void session_connect(struct session *session)
{
    session_drop(session);
    pending_reset(&session->pending);
    session->now_ns = session->host->now_ns();
    session->lost = false;
    session->tried_v5 = session->tried_v311 = false;
    bool old =
        session->settings.version == SESSION_V311 ||
        (session->settings.version == SESSION_AUTO && session->now_ns < session->v311_until_ns);
    session->protocol = old ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5;
    session->deadline_ns = session->now_ns + session->settings.connect_timeout_ns;
    session->state = SESSION_RESOLVING;
    dial_resolve(session, 0);
    if (session->lost) {
        tell_lost(session);
    }
}

unsigned session_prepare(struct session *session, struct pollfd *fds, int64_t *deadline_ns)
{
    int64_t at_ns = INT64_MAX;
    delivery_flush(session);
    switch (session->state) {
    case SESSION_RESOLVING:
        at_ns = session->now_ns + session->lookup.wait_ns;
        break;
    case SESSION_DIALLING:
        at_ns = session->step_deadline_ns;
        break;
    case SESSION_GREETING:
        at_ns = session->deadline_ns;
        break;
    case SESSION_ONLINE:
        at_ns = session->pending.answered ? 0 : session->misc_ns;
        break;
    case SESSION_IDLE:
        break;
    }
    if (session->lost) {
        at_ns = 0;
    }
    *deadline_ns = at_ns < *deadline_ns ? at_ns : *deadline_ns;
    if (!session->mosq || mosquitto_socket(session->mosq) < 0) {
        return 0;
    }
    bool write = session->state == SESSION_DIALLING || mosquitto_want_write(session->mosq);
    bool read = session->state != SESSION_DIALLING;
    fds[0] = (struct pollfd){ .fd = mosquitto_socket(session->mosq),
                              .events = (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0)) };
    return 1;
}

void session_process(struct session *session, const struct pollfd *fds, unsigned count)
{
    session->now_ns = session->host->now_ns();
    steps[session->state](session, count ? fds[0].revents : 0);
    if (session->lost) {
        tell_lost(session);
    }
}

/* True if there was something to do before the deadline, and doing it went well. */
static bool serve_until(struct session *session, int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - session->host->now_ns();
    bool write = mosquitto_want_write(session->mosq);
    struct pollfd fd = { .fd = mosquitto_socket(session->mosq),
                         .events = (short)(POLLIN | (write ? POLLOUT : 0)) };
    if (left_ns <= 0 || poll(&fd, 1, (int)(left_ns / NS_PER_MS) + 1) <= 0) {
        return false;
    }
    session_serve(session, fd.revents);
    return !session->lost;
}

/* The state "offline", as the will would have it, and DISCONNECT; waits a moment for both. */
static void say_goodbye(struct session *session)
{
    int64_t deadline_ns = session->host->now_ns() + GOODBYE_NS;
    pending_reset(&session->pending); /* answers to the host's messages are no longer of interest */
    if (!delivery_state(session, "offline")) {
        return;
    }
    delivery_flush(session);
    while (session->pending.waiting && serve_until(session, deadline_ns)) {
    }
    if (session->lost || mosquitto_disconnect(session->mosq)) {
        return;
    }
    while (mosquitto_socket(session->mosq) >= 0 && mosquitto_want_write(session->mosq) &&
           serve_until(session, deadline_ns)) {
    }
}

void session_disconnect(struct session *session)
{
    if (session->state == SESSION_ONLINE && !session->lost) {
        say_goodbye(session);
    }
    session_drop(session);
    pending_reset(&session->pending);
    session->lost = false;
}
