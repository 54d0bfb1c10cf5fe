/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Is core there (it answers on its socket), and what do the pages say? A process that hangs still
 * has its page, so nothing here waits for one; core is given two seconds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/status.h"

static int ask_core(const char *ram)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = 2 };
    char answer[64];
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/control", ram);
    if (n < 0 || (size_t)n >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int r = 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        r = -errno;
    } else if (recv(fd, answer, sizeof answer, 0) <= 0) {
        r = -ETIMEDOUT;
    }
    close(fd);
    return r;
}

static void *copy_page(const char *ram, const char *role, const char *name, uint32_t size)
{
    const void *page = stats_open(ram, role, name, size);
    void *copy = page ? malloc(size) : NULL;
    if (copy) {
        memcpy(copy, page, size);
    }
    stats_unmap(page, size);
    return copy;
}

/* A text may have been copied in mid-change: it ends at the end of its field at the latest. */
#define END(text) ((text)[sizeof(text) - 1] = 0)

static void end_core(struct stats_core *core)
{
    END(core->gateway);
    END(core->version);
    END(core->trouble);
    if (core->child_count > STATS_CHILDREN) {
        core->child_count = STATS_CHILDREN;
    }
    for (uint32_t i = 0; i < core->child_count; i++) {
        END(core->children[i].role);
        END(core->children[i].name);
        END(core->children[i].why);
    }
}

static void end_bus(struct stats_bus *bus)
{
    END(bus->head.doing);
    END(bus->adapter);
    END(bus->port);
    END(bus->trouble);
    if (bus->device_count > STATS_DEVICES) {
        bus->device_count = STATS_DEVICES;
    }
    for (uint32_t i = 0; i < bus->device_count; i++) {
        END(bus->devices[i].name);
    }
}

static void end_uplink(struct stats_uplink *uplink)
{
    END(uplink->head.doing);
    END(uplink->plugin);
    END(uplink->note);
    END(uplink->words);
    END(uplink->trouble);
    if (uplink->stream_count > STATS_BUSES) {
        uplink->stream_count = STATS_BUSES;
    }
    for (uint32_t i = 0; i < uplink->stream_count; i++) {
        END(uplink->streams[i].bus);
    }
}

static void end_store(struct stats_store *store)
{
    END(store->head.doing);
    END(store->trouble);
    END(store->why);
}

static void read_child(const char *ram, struct status *status, uint32_t i)
{
    const struct stats_child *child = &status->core->children[i];
    if (!strcmp(child->role, "bus")) {
        status->buses[i] = copy_page(ram, "bus", child->name, sizeof(struct stats_bus));
        if (status->buses[i]) {
            end_bus(status->buses[i]);
        }
    } else if (!strcmp(child->role, "uplink")) {
        status->uplinks[i] = copy_page(ram, "uplink", child->name, sizeof(struct stats_uplink));
        if (status->uplinks[i]) {
            end_uplink(status->uplinks[i]);
        }
    } else if (!strcmp(child->role, "store")) {
        status->store_child = child;
        status->store = copy_page(ram, "store", child->name, sizeof(struct stats_store));
        if (status->store) {
            end_store(status->store);
        }
    }
}

int status_read(const char *ram, struct status *ret_status)
{
    struct status status = { 0 };
    int r = ask_core(ram);
    if (r < 0) {
        return r;
    }
    status.core = copy_page(ram, "core", "", sizeof *status.core);
    if (!status.core) {
        return -EPROTO;
    }
    end_core(status.core);
    for (uint32_t i = 0; i < status.core->child_count; i++) {
        read_child(ram, &status, i);
    }
    status.now_ns = boot_now().ns;
    *ret_status = status;
    return 0;
}

void status_finish(struct status *status)
{
    for (size_t i = 0; i < STATS_CHILDREN; i++) {
        free(status->buses[i]);
        free(status->uplinks[i]);
    }
    free(status->store);
    free(status->core);
    *status = (struct status){ 0 };
}
