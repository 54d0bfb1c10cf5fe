/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The uplink contract. An uplink is a shared object `uplink-NAME.so` that exports one symbol,
 * `weir_uplink`, a const struct weir_uplink. It delivers messages to one destination. The host
 * reads the log, filters, makes the messages, keeps the cursor, the window and the back-off; the
 * plugin carries messages and says which were accepted. Single-threaded: all callbacks come from
 * one loop, and none may block for longer than the plugin's own connect time-out.
 *
 *   open -> [ connect -> (announce, send, process)* -> disconnect ]* -> close
 */
#ifndef WEIR_UPLINK_H
#define WEIR_UPLINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/adapter.h>
#include <weir/option.h>
#include <weir/record.h>

#define WEIR_UPLINK_ABI 1
#define WEIR_UPLINK_FDS 8 /* a plugin has at most this many descriptors to wait for */

struct weir_uplink_link; /* the host's side of one uplink */

struct weir_uplink_host {
    uint32_t size;
    void (*log)(struct weir_uplink_link *link, enum weir_level level, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
    int64_t (*now_ns)(void); /* CLOCK_BOOTTIME */

    /* What happened; called by the plugin from within connect() or process(). */

    /* The destination took us: sending may begin. `note` (or NULL) is a word for `weir status`:
     * "MQTT 5", "MQTT 3.1.1: refusals are not seen". */
    void (*connected)(struct weir_uplink_link *link, const char *note);
    /* The connection is gone or could not be made; every token not yet accepted will be sent
     * again. `why` is for people: "connection refused", "broker: not authorized". permanent: trying
     * again soon makes no sense (wrong password); the host then waits the longest back-off. */
    void (*disconnected)(struct weir_uplink_link *link, const char *why, bool permanent);
    /* The message with this token was accepted, or refused in these words. Any order. */
    void (*accepted)(struct weir_uplink_link *link, uint64_t token);
    void (*refused)(struct weir_uplink_link *link, uint64_t token, const char *why);
};

struct weir_uplink_env {
    const struct weir_uplink_host *host;
    struct weir_uplink_link *link;
    const char *gateway;
    const char *name;    /* of this uplink */
    const void *options; /* the plugin's own struct */
};

/* Where records of one shape come from; what a topic can be made of. */
struct weir_source {
    const char *bus;
    const struct weir_shape *shape;
};

struct weir_uplink {
    /* Mandatory. */
    uint32_t abi;  /* WEIR_UPLINK_ABI */
    uint32_t size; /* sizeof (struct weir_uplink) */
    const char *name;
    const char *summary;
    const struct weir_option *options;
    size_t options_size;

    /* Checks the settings; must not touch the network. 0 or a negative errno, then with a message
     * for people in err. */
    int (*open)(const struct weir_uplink_env *env, void **ret_self, char *err, size_t err_size);
    void (*close)(void *self);

    /* Begins to connect. The end is told by host->connected or host->disconnected, perhaps from
     * process(). */
    void (*connect)(void *self);
    /* Orderly end (drains nothing, says goodbye). Nothing is told to the host any more. */
    void (*disconnect)(void *self);
    /* What to wait for: fills fds (at most WEIR_UPLINK_FDS), lowers *deadline_ns to when process()
     * is wanted at the latest. Returns the number of fds. */
    unsigned (*prepare)(void *self, struct pollfd *fds, int64_t *deadline_ns);
    void (*process)(void *self, const struct pollfd *fds, unsigned count);

    /* How many messages may be under way at once now (while connected 1 or more, but for moments).
     */
    unsigned (*window)(void *self);
    /* A number for the place (topic) that records of this source go to: records with the same
     * number may share a message. Called once for each source; the source lives until close().
     * Negative errno: these records cannot be sent. */
    int (*route)(void *self, const struct weir_source *source);
    /* Once a connection, before the first record of a source: what its values mean. json is an
     * object with device, kind, model, labels and points. */
    void (*announce)(void *self, int route, const struct weir_source *source, const char *json,
                     size_t len);
    /* Hands over one message. 0: taken, host->accepted or ->refused will follow (or
     * ->disconnected); -EAGAIN: not now; another negative errno: lost connection. The payload is
     * the host's and may change after the call. */
    int (*send)(void *self, uint64_t token, int route, const char *payload, size_t len);

    /* Optional. Bytes that a message to this route takes besides its payload, as far as the plugin
     * knows (topic, header): for byte counters and rate_limit. NULL: none. */
    unsigned (*overhead)(void *self, int route);
    /* Optional. Once a connection and whenever it changes: how the whole gateway is. json is
     * {"status":"ok"} or {"status":"degraded","why":"..."}; kept by the destination in place of
     * the one before, if it can. 0, or a negative errno: asked again within a second. */
    int (*health)(void *self, const char *json, size_t len);
};

#endif
