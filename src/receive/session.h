/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The subscription: connects, subscribes, and does both again for as long as it is asked to. Called
 * by receive.c, which waits in session_step(). A fresh libmosquitto instance for each connection;
 * the broker keeps the session. Single-threaded; the events are called from session_step() only.
 *
 *   WAITING -> (TCP, CONNECT) -> OPENING -> (CONNACK) -> CONNECTED -> (lost) -> WAITING
 */
#ifndef RECEIVE_SESSION_H
#define RECEIVE_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session_config {
    const char *host;
    int port;
    const char *client_id;
    const char *username; /* NULL: none */
    const char *password;
    char *const *topics;
    int topic_count;
    const sigset_t *wait_mask; /* the signal mask while waiting */
};

struct session_events {
    void *context;
    void (*connected)(void *context, bool kept); /* `kept`: the broker had the session */
    void (*subscribed)(void *context);
    void (*lost)(void *context, const char *why);
    void (*message)(void *context, const char *topic, const void *payload, size_t length,
                    bool retained);
    void (*remark)(void *context, const char *text); /* the user should know */
};

enum session_state { SESSION_WAITING, SESSION_OPENING, SESSION_CONNECTED };

struct session;

/* Everything is kept by reference. NULL: no memory. */
struct session *session_create(const struct session_config *config,
                               const struct session_events *events);

/* Disconnects in order; the broker keeps the session. */
void session_destroy(struct session *session);

/* Waits for up to wait_ms for anything to happen, and does it. 0; -EACCES: the broker refuses for
 * good, session_words() says why; -ENOMEM. A signal ends the wait. */
int session_step(struct session *session, int wait_ms);

enum session_state session_state(const struct session *session);

/* The last words of the broker or the system on why there is no connection; "" at first. */
const char *session_words(const struct session *session);

#endif
