/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The address of a broker: "mqtt://HOST[:PORT]", HOST a name, an IPv4 address or an IPv6 address in
 * brackets. Pure.
 */
#ifndef MQTT_URL_H
#define MQTT_URL_H

#include <stddef.h>
#include <stdint.h>

#define URL_HOST_MAX 256 /* with the zero; a name in the DNS has at most 253 */

struct url {
    char host[URL_HOST_MAX]; /* without brackets */
    uint16_t port;
};

/* 0, or -EINVAL with a message for people in err. */
int url_parse(const char *text, struct url *ret_url, char *err, size_t err_size);

#endif
