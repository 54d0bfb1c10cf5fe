/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * An adapter (KIND 0) or uplink (KIND 1) that is as whole or as broken as the build says: CALLED is
 * the name it gives itself, ABI and SIZE stand first in its struct, WHOLE 0 leaves the callbacks
 * out, SYMBOL is what it exports. The adapter answers like a good one.
 */
#include <stdlib.h>

#include <weir/uplink.h>

#if KIND == 0
static int state; /* something to point to */

static int open_bus(struct weir_bus *bus, void **ret_self)
{
    *ret_self = &state;
    return 0;
}

static void close_bus(void *self)
{
}

static enum weir_type point_type(void *self, size_t device, size_t point)
{
    return WEIR_INT64;
}

static size_t parts(void *self, size_t device)
{
    return 1;
}

static enum weir_result poll_device(void *self, size_t device, size_t part,
                                    struct weir_value *values)
{
    values[0].quality = WEIR_QUALITY_GOOD;
    values[0].int64 = 1;
    return WEIR_R_OK;
}

static void fail(void *self, size_t device, size_t part, enum weir_result why,
                 struct weir_value *values)
{
    values[0].quality = (uint8_t)why;
}

__attribute__((visibility("default"))) extern const struct weir_adapter SYMBOL;
const struct weir_adapter SYMBOL = { .abi = ABI,
                                     .size = SIZE,
                                     .name = CALLED,
                                     .summary = "for tests of the loader",
                                     .ports = WEIR_PORT_NONE,
                                     .open = WHOLE ? open_bus : NULL,
                                     .close = close_bus,
                                     .point_type = point_type,
                                     .parts = parts,
                                     .poll = poll_device,
                                     .fail = fail };
#else
static int open_uplink(const struct weir_uplink_env *env, void **ret_self, char *err,
                       size_t err_size)
{
    return -1;
}

static void close_uplink(void *self)
{
}

static unsigned prepare(void *self, struct pollfd *fds, int64_t *deadline_ns)
{
    return 0;
}

static void process(void *self, const struct pollfd *fds, unsigned count)
{
}

static unsigned window(void *self)
{
    return 1;
}

static int route(void *self, const struct weir_source *source)
{
    return 0;
}

static void announce(void *self, int where, const struct weir_source *source, const char *json,
                     size_t len)
{
}

static int send_one(void *self, uint64_t token, int where, const char *payload, size_t len)
{
    return -1;
}

__attribute__((visibility("default"))) extern const struct weir_uplink SYMBOL;
const struct weir_uplink SYMBOL = { .abi = ABI,
                                    .size = SIZE,
                                    .name = CALLED,
                                    .summary = "for tests of the loader",
                                    .open = WHOLE ? open_uplink : NULL,
                                    .close = close_uplink,
                                    .connect = close_uplink,
                                    .disconnect = close_uplink,
                                    .prepare = prepare,
                                    .process = process,
                                    .window = window,
                                    .route = route,
                                    .announce = announce,
                                    .send = send_one };
#endif

#ifdef NEEDS
extern int NEEDS(void);
__attribute__((visibility("default"))) extern int (*const refused_needs)(void);
int (*const refused_needs)(void) = NEEDS;
#endif
