/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See session.h. libmosquitto's own loop and reconnect are not used: they cannot be woken by a
 * signal, and its thread does not survive every error.
 */
#include "receive/session.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define KEEPALIVE_S        20
#define EXPIRY_S           (7 * 24 * 3600)
#define CONNECT_S          5     /* for DNS and TCP, which block */
#define CONNACK_MS         10000 /* for the broker's answer */
#define USER_TIMEOUT_MS    20000 /* unacknowledged bytes: the line is dead */
#define RETRY_MIN_MS       250
#define RETRY_MAX_MS       5000
#define STEADY_MS          5000 /* a connection that lasted so long was a good one */
#define SHORT_COUNT        3
#define V3_REFUSED_VERSION 1

struct session {
    const struct session_config *config;
    const struct session_events *events;
    struct mosquitto *mosq; /* NULL while waiting */
    enum session_state state;
    bool old_protocol;  /* the broker said that it does not speak MQTT 5 */
    bool was_connected; /* at least once */
    bool subscribe;     /* connected, not yet subscribed */
    bool refused;       /* for good */
    int64_t retry_at_ms;
    int64_t retry_ms; /* the next pause */
    int64_t opened_ms;
    int64_t connected_ms;
    int short_count; /* connections in a row that broke at once */
    int64_t misc_ms; /* when the library last looked at its timers */
    char words[256];
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_words(struct session *session, const char *words)
{
    snprintf(session->words, sizeof(session->words), "%s", words);
}

static const char *result_words(int result)
{
    return result == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(result);
}

/* ---- what the library calls ---- */

/* Is this refusal final, unless the broker had let us in before? */
static bool is_final(bool old_protocol, int code)
{
    if (old_protocol) {
        return code == CONNACK_REFUSED_IDENTIFIER_REJECTED ||
               code == CONNACK_REFUSED_BAD_USERNAME_PASSWORD ||
               code == CONNACK_REFUSED_NOT_AUTHORIZED;
    }
    return code == MQTT_RC_CLIENTID_NOT_VALID || code == MQTT_RC_BAD_USERNAME_OR_PASSWORD ||
           code == MQTT_RC_NOT_AUTHORIZED || code == MQTT_RC_BANNED;
}

static void on_connect(struct mosquitto *mosq, void *object, int code, int flags,
                       const mosquitto_property *properties)
{
    struct session *session = object;
    (void)mosq;
    (void)properties;

    if (code == 0) {
        session->state = SESSION_CONNECTED;
        session->was_connected = true;
        session->subscribe = true;
        session->connected_ms = now_ms();
        set_words(session, "");
        session->events->connected(session->events->context, (flags & 1) != 0);
        return;
    }
    if (!session->old_protocol &&
        (code == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || code == V3_REFUSED_VERSION)) {
        session->old_protocol = true;
        session->retry_ms = 0; /* at once */
        set_words(session, "the broker does not speak MQTT 5");
        return;
    }
    snprintf(session->words, sizeof(session->words), "the broker says: %s",
             session->old_protocol ? mosquitto_connack_string(code)
                                   : mosquitto_reason_string(code));
    session->refused = !session->was_connected && is_final(session->old_protocol, code);
}

static void on_disconnect(struct mosquitto *mosq, void *object, int code,
                          const mosquitto_property *properties)
{
    struct session *session = object;
    (void)mosq;
    (void)properties;

    if (code >= MQTT_RC_UNSPECIFIED) {
        snprintf(session->words, sizeof(session->words), "the broker says: %s",
                 mosquitto_reason_string(code));
    }
    if (code == MQTT_RC_SESSION_TAKEN_OVER) {
        set_words(session, "another receiver uses the same client id (see --client-id)");
        session->refused = true;
    }
}

static void on_subscribe(struct mosquitto *mosq, void *object, int mid, int count,
                         const int *granted, const mosquitto_property *properties)
{
    struct session *session = object;
    const struct session_config *config = session->config;
    (void)mosq;
    (void)mid;
    (void)properties;

    for (int i = 0; i < count && i < config->topic_count; i++) {
        char text[512];

        if (granted[i] >= 128) {
            snprintf(session->words, sizeof(session->words),
                     "the broker refuses the subscription to %.128s", config->topics[i]);
            session->refused = true;
        } else if (granted[i] == 0) {
            snprintf(text, sizeof(text),
                     "the broker grants only QoS 0 for %.256s: records may be "
                     "lost on the way",
                     config->topics[i]);
            session->events->remark(session->events->context, text);
        }
    }
    if (!session->refused) {
        session->events->subscribed(session->events->context);
    }
}

static void on_message(struct mosquitto *mosq, void *object,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct session *session = object;
    (void)mosq;
    (void)properties;

    session->events->message(session->events->context, message->topic, message->payload,
                             (size_t)message->payloadlen, message->retain);
}

/* ---- connecting ---- */

static void on_alarm(int signal)
{
    (void)signal;
}

struct session *session_create(const struct session_config *config,
                               const struct session_events *events)
{
    struct session *session = calloc(1, sizeof(*session));
    const struct sigaction alarm_action = { .sa_handler = on_alarm }; /* no SA_RESTART */

    if (session == NULL) {
        return NULL;
    }
    session->config = config;
    session->events = events;
    session->retry_ms = RETRY_MIN_MS;
    sigaction(SIGALRM, &alarm_action, NULL);
    mosquitto_lib_init();
    return session;
}

/* A connection that stood ends the doubling of the pauses. One that broke at once does not: two
 * receivers with one id would throw each other out as fast as they can. */
static void judge_connection(struct session *session)
{
    char text[256];

    if (now_ms() - session->connected_ms >= STEADY_MS) {
        session->retry_ms = RETRY_MIN_MS;
        session->short_count = 0;
    } else if (++session->short_count == SHORT_COUNT) {
        snprintf(text, sizeof(text),
                 "the connection breaks again and again: does another receiver use the client id "
                 "%.64s? (see --client-id)",
                 session->config->client_id);
        session->events->remark(session->events->context, text);
    }
}

static void close_connection(struct session *session)
{
    bool was_connected = session->state == SESSION_CONNECTED;
    uint32_t chance = 0;

    if (was_connected) {
        judge_connection(session);
    }
    mosquitto_destroy(session->mosq);
    session->mosq = NULL;
    session->state = SESSION_WAITING;
    session->subscribe = false;
    /* Half of the pause is chance, so that many receivers do not come back as one. */
    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0) {
        chance = 0;
    }
    session->retry_at_ms =
        now_ms() + session->retry_ms / 2 + (int64_t)(chance % 1000) * session->retry_ms / 2000;
    session->retry_ms = session->retry_ms * 2 < RETRY_MIN_MS   ? RETRY_MIN_MS
                        : session->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS
                                                               : session->retry_ms * 2;
    if (was_connected) {
        session->events->lost(session->events->context, session->words);
    }
}

static struct mosquitto *make_client(struct session *session)
{
    const struct session_config *config = session->config;
    struct mosquitto *mosq = mosquitto_new(config->client_id, false, session);

    if (mosq == NULL) {
        return NULL;
    }
    mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION,
                         session->old_protocol ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5);
    mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(mosq, on_disconnect);
    mosquitto_subscribe_v5_callback_set(mosq, on_subscribe);
    mosquitto_message_v5_callback_set(mosq, on_message);
    if (config->username != NULL &&
        mosquitto_username_pw_set(mosq, config->username, config->password) != MOSQ_ERR_SUCCESS) {
        mosquitto_destroy(mosq);
        return NULL;
    }
    return mosq;
}

/* Blocks in DNS and TCP. A timer interrupts it again and again once it has had its time, and so
 * does any signal that we wait for. */
static int connect_bounded(struct session *session, const mosquitto_property *properties)
{
    const struct session_config *config = session->config;
    const struct itimerval timer = { { 0, 200000 }, { CONNECT_S, 0 } };
    const struct itimerval off = { { 0, 0 }, { 0, 0 } };
    sigset_t before;
    int result;
    int saved;

    setitimer(ITIMER_REAL, &timer, NULL);
    sigprocmask(SIG_SETMASK, config->wait_mask, &before);
    result = session->old_protocol
                 ? mosquitto_connect(session->mosq, config->host, config->port, KEEPALIVE_S)
                 : mosquitto_connect_bind_v5(session->mosq, config->host, config->port, KEEPALIVE_S,
                                             NULL, properties);
    saved = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    setitimer(ITIMER_REAL, &off, NULL);
    errno = saved == EINTR ? ETIMEDOUT : saved;
    return result;
}

static int open_connection(struct session *session)
{
    const unsigned int user_timeout_ms = USER_TIMEOUT_MS;
    mosquitto_property *properties = NULL;
    int result;

    session->mosq = make_client(session);
    if (session->mosq == NULL) {
        return -ENOMEM;
    }
    if (!session->old_protocol &&
        mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, EXPIRY_S) !=
            MOSQ_ERR_SUCCESS) {
        return -ENOMEM;
    }
    result = connect_bounded(session, properties);
    if (result != MOSQ_ERR_SUCCESS) {
        set_words(session, result_words(result));
    }
    mosquitto_property_free_all(&properties);
    if (result != MOSQ_ERR_SUCCESS) {
        close_connection(session);
        return 0;
    }
    setsockopt(mosquitto_socket(session->mosq), IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms,
               sizeof(user_timeout_ms));
    session->state = SESSION_OPENING;
    session->opened_ms = now_ms();
    session->misc_ms = session->opened_ms;
    return 0;
}

static int subscribe(struct session *session)
{
    const struct session_config *config = session->config;

    session->subscribe = false;
    /* On MQTT 5: what is retained comes only with the first subscription of the session. */
    return mosquitto_subscribe_multiple(session->mosq, NULL, config->topic_count, config->topics, 1,
                                        session->old_protocol ? 0 : MQTT_SUB_OPT_SEND_RETAIN_NEW,
                                        NULL);
}

/* ---- the loop ---- */

static void wait_for(struct session *session, struct pollfd *fd, int64_t wait_ms)
{
    const struct timespec timeout = { wait_ms / 1000, wait_ms % 1000 * 1000000 };

    if (wait_ms < 0 || ppoll(fd, fd == NULL ? 0 : 1, &timeout, session->config->wait_mask) < 0) {
        if (fd != NULL) {
            fd->revents = 0; /* a signal */
        }
    }
}

static int serve(struct session *session, const struct pollfd *fd)
{
    int result = MOSQ_ERR_SUCCESS;
    int64_t now = now_ms();

    if ((fd->revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        result = mosquitto_loop_read(session->mosq, 1);
    }
    if (result == MOSQ_ERR_SUCCESS && session->subscribe) {
        result = subscribe(session);
    }
    if (result == MOSQ_ERR_SUCCESS && mosquitto_want_write(session->mosq)) {
        result = mosquitto_loop_write(session->mosq, 1);
    }
    if (result == MOSQ_ERR_SUCCESS && now - session->misc_ms >= 1000) {
        session->misc_ms = now;
        result = mosquitto_loop_misc(session->mosq);
    }
    return result;
}

int session_step(struct session *session, int wait_ms)
{
    struct pollfd fd = { .events = POLLIN };
    int64_t now = now_ms();
    int result;

    if (session->mosq == NULL) {
        if (now >= session->retry_at_ms) {
            return open_connection(session);
        }
        wait_for(session, NULL,
                 session->retry_at_ms - now < wait_ms ? session->retry_at_ms - now : wait_ms);
        return 0;
    }
    fd.fd = mosquitto_socket(session->mosq);
    if (mosquitto_want_write(session->mosq)) {
        fd.events |= POLLOUT;
    }
    wait_for(session, &fd, wait_ms < 1000 ? wait_ms : 1000);
    result = serve(session, &fd);
    if (result == MOSQ_ERR_SUCCESS && session->state == SESSION_OPENING &&
        now_ms() - session->opened_ms > CONNACK_MS) {
        set_words(session, "the broker does not answer");
        close_connection(session);
    } else if (result != MOSQ_ERR_SUCCESS) {
        if (session->words[0] == '\0') {
            set_words(session, result_words(result));
        }
        close_connection(session);
    }
    return session->refused ? -EACCES : 0;
}

/* Gives the last acknowledgements and the DISCONNECT a moment to leave. */
static void flush(struct session *session)
{
    int64_t end_ms = now_ms() + 1000;

    while (mosquitto_want_write(session->mosq) && now_ms() < end_ms) {
        struct pollfd fd = { .fd = mosquitto_socket(session->mosq), .events = POLLOUT };

        if (fd.fd < 0 || poll(&fd, 1, 100) < 0 ||
            mosquitto_loop_write(session->mosq, 1) != MOSQ_ERR_SUCCESS) {
            return;
        }
    }
}

void session_destroy(struct session *session)
{
    if (session == NULL) {
        return;
    }
    if (session->mosq != NULL) {
        if (session->state == SESSION_CONNECTED) {
            flush(session);
            mosquitto_disconnect(session->mosq);
            flush(session);
        }
        mosquitto_destroy(session->mosq);
    }
    mosquitto_lib_cleanup();
    free(session);
}

enum session_state session_state(const struct session *session)
{
    return session->state;
}

const char *session_words(const struct session *session)
{
    return session->words;
}
