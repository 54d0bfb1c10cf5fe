/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One libmosquitto instance and its socket; see client.h.
 */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define WILL_PAYLOAD "offline"

/* libmosquitto makes a socket pair to wake a thread of its own, which we do not have, and writes a
 * byte into it for every message: one system call in five. It offers no way to do without, but
 * does without if it gets no descriptors; so for the length of this call there are none. */
static struct mosquitto *new_without_pair(const char *client_id, void *context)
{
    struct rlimit files;
    bool limited = getrlimit(RLIMIT_NOFILE, &files) == 0 &&
                   setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, files.rlim_max }) == 0;
    errno = 0;
    struct mosquitto *mosq = mosquitto_new(client_id, true, context);
    int error = errno;
    if (limited) {
        setrlimit(RLIMIT_NOFILE, &files);
    }
    errno = error;
    return mosq;
}

static int error_from(int rc)
{
    switch (rc) {
    case MOSQ_ERR_SUCCESS:
        return 0;
    case MOSQ_ERR_NOMEM:
        return -ENOMEM;
    case MOSQ_ERR_ERRNO:
        return errno ? -errno : -EIO;
    default:
        return -EINVAL;
    }
}

static int configure(struct mosquitto *mosq, const struct client_setup *setup)
{
    int rc = mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, setup->protocol);
    if (!rc) {
        rc = mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    }
    if (!rc) { /* the window is ours to keep; the library's would delay in silence */
        rc = mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, UINT16_MAX);
    }
    if (!rc && *setup->username) {
        rc = mosquitto_username_pw_set(mosq, setup->username,
                                       *setup->password ? setup->password : NULL);
    }
    if (!rc) {
        rc = mosquitto_will_set(mosq, setup->state_topic, sizeof WILL_PAYLOAD - 1, WILL_PAYLOAD,
                                setup->will_qos, setup->will_retain);
    }
    return error_from(rc);
}

int client_create(const struct client_setup *setup, const struct client_callbacks *callbacks,
                  void *context, struct mosquitto **ret_mosq)
{
    struct mosquitto *mosq = new_without_pair(setup->client_id, context);
    if (!mosq) {
        return errno ? -errno : -ENOMEM;
    }
    int r = configure(mosq, setup);
    if (r) {
        mosquitto_destroy(mosq);
        return r;
    }
    mosquitto_connect_v5_callback_set(mosq, callbacks->connack);
    mosquitto_publish_v5_callback_set(mosq, callbacks->published);
    mosquitto_disconnect_v5_callback_set(mosq, callbacks->gone);
    *ret_mosq = mosq;
    return 0;
}

/* A dead link is noticed when sent bytes find no acknowledgement for one and a half keepalives: by
 * then the broker has given us up. */
static void set_socket(int fd, int keepalive_s)
{
    unsigned timeout_ms = (unsigned)keepalive_s * 1500;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int client_connect(struct mosquitto *mosq, const struct client_setup *setup, const char *address)
{
    errno = 0;
    int rc = mosquitto_connect_bind_async(mosq, address, setup->port, setup->keepalive_s,
                                          *setup->source ? setup->source : NULL);
    if (rc) {
        return rc == MOSQ_ERR_CONN_LOST ? -ECONNRESET : error_from(rc);
    }
    set_socket(mosquitto_socket(mosq), setup->keepalive_s);
    return 0;
}

int client_socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        return -errno;
    }
    return -error;
}

/* CONNACK: 0x20, length, flags, code; in MQTT 5 properties follow, so the length is 3 or more. */
bool client_peek_v311(int fd, int *ret_reason)
{
    uint8_t packet[4];
    if (recv(fd, packet, sizeof packet, MSG_PEEK | MSG_DONTWAIT) != sizeof packet ||
        packet[0] != CMD_CONNACK || packet[1] != 2 || packet[3] == CONNACK_ACCEPTED) {
        return false;
    }
    *ret_reason = packet[3];
    return true;
}

/* PUBACK: 0x40, length in one or two bytes, identifier, reason; properties may follow. */
bool client_peek_refusal(int fd, uint16_t *ret_mid, uint8_t *ret_reason)
{
    uint8_t packet[6];
    ssize_t n = recv(fd, packet, sizeof packet, MSG_PEEK | MSG_DONTWAIT);
    if (n < 5 || packet[0] != CMD_PUBACK || packet[1] < 3) {
        return false;
    }
    size_t at = packet[1] & 0x80 ? 3 : 2;
    if ((size_t)n < at + 3 || packet[at + 2] < 0x80) {
        return false;
    }
    *ret_mid = (uint16_t)(packet[at] << 8 | packet[at + 1]);
    *ret_reason = packet[at + 2];
    return true;
}

void client_cork(int fd, bool on)
{
    int flag = on;
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &flag, sizeof flag);
}
