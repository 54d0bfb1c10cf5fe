/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From a host name to addresses; see address.h. An ordinary getaddrinfo() blocks for as long as the
 * name servers are silent, and the whole uplink process with it.
 */
#include "address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WAIT_FIRST_NS 1000000
#define WAIT_LAST_NS  50000000

struct address_request {
    struct gaicb job;
    struct addrinfo hints;
    char host[];
};

int address_family(const char *text)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int family = AF_UNSPEC;
    if (getaddrinfo(text, NULL, &hints, &found) == 0) {
        family = found->ai_family;
        freeaddrinfo(found);
    }
    return family;
}

static int request_start(struct address_lookup *lookup, const char *host, int family)
{
    struct address_request *request = calloc(1, sizeof *request + strlen(host) + 1);
    if (!request) {
        return EAI_MEMORY;
    }
    memcpy(request->host, host, strlen(host) + 1);
    request->hints = (struct addrinfo){ .ai_family = family, .ai_socktype = SOCK_STREAM };
    request->job.ar_name = request->host;
    request->job.ar_request = &request->hints;
    int r = getaddrinfo_a(GAI_NOWAIT, (struct gaicb *[]){ &request->job }, 1, NULL);
    if (r) {
        free(request);
        return r;
    }
    lookup->request = request;
    lookup->wait_ns = WAIT_FIRST_NS;
    return 0;
}

static void list_fill(struct address_list *list, const struct addrinfo *found)
{
    list->count = 0;
    for (; found && list->count < ADDRESS_MAX; found = found->ai_next) {
        if (getnameinfo(found->ai_addr, found->ai_addrlen, list->text[list->count],
                        ADDRESS_TEXT_MAX, NULL, 0, NI_NUMERICHOST) == 0) {
            list->count++;
        }
    }
}

static int finish(const char *host, int r, const struct address_list *list, char *err,
                  size_t err_size)
{
    if (r == 0 && list->count) {
        return 0;
    }
    snprintf(err, err_size, "look up %s: %s", host, r ? gai_strerror(r) : "no usable address");
    return -EHOSTUNREACH;
}

/* A numeric address needs no resolver. */
static int lookup_numeric(const char *host, int own, int family, struct address_list *list,
                          char *err, size_t err_size)
{
    if (family != AF_UNSPEC && family != own) {
        snprintf(err, err_size, "%s and the source address are of different families", host);
        return -EHOSTUNREACH;
    }
    list->count = 1;
    snprintf(list->text[0], ADDRESS_TEXT_MAX, "%s", host);
    return 0;
}

int address_lookup(struct address_lookup *lookup, const char *host, int family,
                   struct address_list *ret_list, char *err, size_t err_size)
{
    int own = address_family(host);
    if (own != AF_UNSPEC) {
        return lookup_numeric(host, own, family, ret_list, err, err_size);
    }
    int r = lookup->request ? 0 : request_start(lookup, host, family);
    if (r) {
        return finish(host, r, ret_list, err, err_size);
    }
    r = gai_error(&lookup->request->job);
    if (r == EAI_INPROGRESS) {
        int64_t wait_ns = lookup->wait_ns * 2;
        lookup->wait_ns = wait_ns < WAIT_LAST_NS ? wait_ns : WAIT_LAST_NS;
        return -EAGAIN;
    }
    struct address_list list = { 0 };
    if (r == 0) {
        list_fill(&list, lookup->request->job.ar_result);
        freeaddrinfo(lookup->request->job.ar_result);
    }
    free(lookup->request);
    lookup->request = NULL;
    *ret_list = list;
    return finish(host, r, &list, err, err_size);
}

void address_finish(struct address_lookup *lookup)
{
    /* A job that cannot be cancelled is still written to by the resolver: it keeps its memory. */
    if (lookup->request && gai_cancel(&lookup->request->job) != EAI_NOTCANCELED) {
        if (gai_error(&lookup->request->job) == 0) {
            freeaddrinfo(lookup->request->job.ar_result);
        }
        free(lookup->request);
    }
    lookup->request = NULL;
}
