/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The address of a broker; see url.h.
 *
 *     mqtt://broker.example.com        mqtt://[2001:db8::1]:11883
 *            host, port 1883                  host          port
 */
#include "url.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PORT_DEFAULT 1883

static bool starts_with(const char *text, const char *start)
{
    return !strncmp(text, start, strlen(start));
}

static int fail(char *err, size_t err_size, const char *text, const char *why)
{
    snprintf(err, err_size, "url \"%.*s\": %s", URL_HOST_MAX, text, why);
    return -EINVAL;
}

/* 1 to 65535 in decimal digits and nothing else; 0 otherwise. */
static uint16_t parse_port(const char *text)
{
    unsigned port = 0;
    if (!*text) {
        return 0;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return 0;
        }
        port = port * 10 + (unsigned)(*text - '0');
        if (port > UINT16_MAX) {
            return 0;
        }
    }
    return (uint16_t)port;
}

static bool host_valid(const char *host, size_t len, bool bracketed)
{
    const char *extra = bracketed ? ":.%" : ".-_";
    for (size_t i = 0; i < len; i++) {
        char c = host[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (!c || !strchr(extra, c))) {
            return false;
        }
    }
    return len > 0 && len < URL_HOST_MAX && (!bracketed || memchr(host, ':', len));
}

static const char *scheme_skip(const char *text, const char **ret_why)
{
    if (starts_with(text, "mqtts://")) {
        *ret_why = "TLS comes with a later version: use mqtt://";
        return NULL;
    }
    if (!starts_with(text, "mqtt://")) {
        *ret_why = "must begin with mqtt://";
        return NULL;
    }
    const char *rest = text + strlen("mqtt://");
    if (strchr(rest, '@')) {
        *ret_why = "user name and password belong in `username` and `password`";
        return NULL;
    }
    return rest;
}

int url_parse(const char *text, struct url *ret_url, char *err, size_t err_size)
{
    struct url url = { .port = PORT_DEFAULT };
    const char *why = NULL, *host = scheme_skip(text, &why);
    if (!host) {
        /* Not the text itself: what stands before an '@' may be a password. */
        return strchr(text, '@') ? fail(err, err_size, "mqtt://...", why)
                                 : fail(err, err_size, text, why);
    }
    bool bracketed = *host == '[';
    host += bracketed;
    size_t len = strcspn(host, bracketed ? "]" : ":/");
    if (!host_valid(host, len, bracketed) || (bracketed && host[len] != ']')) {
        return fail(err, err_size, text, "no valid host name or address");
    }
    memcpy(url.host, host, len);

    char port[8];
    const char *rest = host + len + bracketed;
    size_t rest_len = strlen(rest);
    if (rest_len && rest[rest_len - 1] == '/') {
        rest_len--; /* "mqtt://host/" is how some write it */
    }
    if (rest_len) {
        if (*rest != ':' || rest_len > sizeof port) {
            return fail(err, err_size, text, "after the host comes :PORT and nothing else");
        }
        memcpy(port, rest + 1, rest_len - 1);
        port[rest_len - 1] = 0;
        url.port = parse_port(port);
        if (!url.port) {
            return fail(err, err_size, text, "a port is a number from 1 to 65535");
        }
    }
    *ret_url = url;
    return 0;
}
