/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From a host name to addresses, without blocking: numeric addresses at once, names by the C
 * library's asynchronous resolver, which is asked again and again until it has an answer. A lookup
 * that takes longer than the caller's patience goes on, and the next attempt waits for the same
 * one.
 */
#ifndef MQTT_ADDRESS_H
#define MQTT_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

enum { ADDRESS_MAX = 8, ADDRESS_TEXT_MAX = 64 };

struct address_list {
    size_t count;
    char text[ADDRESS_MAX][ADDRESS_TEXT_MAX]; /* numeric */
};

struct address_request;

struct address_lookup {
    struct address_request *request; /* NULL: none under way */
    int64_t wait_ns;                 /* until the resolver is asked again; grows */
};

/* AF_INET or AF_INET6 if the text is a numeric address, else AF_UNSPEC. */
int address_family(const char *text);

/* Begins, or goes on with the one under way. `family` as of the source address, or AF_UNSPEC.
 * -EAGAIN: not yet, call again after lookup->wait_ns. -EHOSTUNREACH: no such name, with the reason
 * in err. 0: at least one address. */
int address_lookup(struct address_lookup *lookup, const char *host, int family,
                   struct address_list *ret_list, char *err, size_t err_size);
void address_finish(struct address_lookup *lookup);

#endif
