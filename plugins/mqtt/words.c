/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a broker or the library says, in words; see words.h.
 */
#include "words.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <string.h>

static const char *const return_codes[] = {
    "success",
    "unsupported protocol version",
    "client identifier rejected",
    "server unavailable",
    "bad user name or password",
    "not authorized",
};

enum { RETURN_CODES = sizeof return_codes / sizeof return_codes[0] };

static const unsigned char permanent_v311[] = {
    CONNACK_REFUSED_PROTOCOL_VERSION,
    CONNACK_REFUSED_IDENTIFIER_REJECTED,
    CONNACK_REFUSED_BAD_USERNAME_PASSWORD,
    CONNACK_REFUSED_NOT_AUTHORIZED,
};

static const unsigned char permanent_v5[] = {
    MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION,
    MQTT_RC_CLIENTID_NOT_VALID,
    MQTT_RC_BAD_USERNAME_OR_PASSWORD,
    MQTT_RC_NOT_AUTHORIZED,
    MQTT_RC_BANNED,
    MQTT_RC_BAD_AUTHENTICATION_METHOD,
    MQTT_RC_SESSION_TAKEN_OVER, /* another client has our id: the two would chase each other */
    MQTT_RC_TOPIC_NAME_INVALID,
    MQTT_RC_PACKET_TOO_LARGE,
    MQTT_RC_RETAIN_NOT_SUPPORTED,
    MQTT_RC_QOS_NOT_SUPPORTED,
    MQTT_RC_USE_ANOTHER_SERVER,
    MQTT_RC_SERVER_MOVED,
};

/* "Not authorized" becomes "not authorized"; "QoS" stays. */
static void lower(char *text)
{
    for (; *text; text++) {
        if (!strncmp(text, "QoS", 3)) {
            text += 2;
        } else if (*text >= 'A' && *text <= 'Z') {
            *text = (char)(*text - 'A' + 'a');
        }
    }
}

void words_reason(bool v5, int reason, const char *extra, char *buf, size_t size)
{
    char known[64] = "unknown return code";
    if (v5) {
        snprintf(known, sizeof known, "%s", mosquitto_reason_string(reason));
        lower(known);
    } else if (reason >= 0 && reason < RETURN_CODES) {
        snprintf(known, sizeof known, "%s", return_codes[reason]);
    }
    bool more = extra && *extra;
    snprintf(buf, size, "%s (%d)%s%s", known, reason, more ? ": " : "", more ? extra : "");
    for (char *c = buf; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
}

bool words_permanent(bool v5, int reason)
{
    const unsigned char *table = v5 ? permanent_v5 : permanent_v311;
    size_t count = v5 ? sizeof permanent_v5 : sizeof permanent_v311;
    return reason > 0 && reason <= 0xff && memchr(table, reason, count);
}

void words_error(int rc, int error, char *buf, size_t size)
{
    switch (rc) {
    case MOSQ_ERR_SUCCESS:
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN:
    case MOSQ_ERR_ERRNO:
        snprintf(buf, size, "connection lost: %s",
                 error ? strerror(error) : "closed by the broker");
        break;
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
        snprintf(buf, size, "broker broke the protocol");
        break;
    default:
        snprintf(buf, size, "%s", mosquitto_strerror(rc));
        break;
    }
}
