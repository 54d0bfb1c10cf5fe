/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See traffic_rig_counter.h.
 */
#include "traffic_rig_counter.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmocka_all.h"

extern const struct weir_adapter weir_adapter;

void counter_load(struct counter *c, const char *bus, const char *device)
{
    struct bus_config *made = NULL;
    int fd = memfd_create("weir.conf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    dprintf(fd,
            "buses = { b = { adapter = \"traffic\"; port = \"/dev/null\"; %s "
            "devices = ( { name = \"a\"; %s } ); }; };",
            bus, device);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    c->rig = NULL;
    c->findings = findings_create();
    int r = config_load_fd(fd, "weir.conf", c->findings, &c->config);
    close(fd);
    r = r < 0 ? r : config_bus(c->config, "b", &weir_adapter, c->findings, &made);
    findings_print(c->findings, stderr);
    assert_int_equal(r, 0);
    c->setup = (struct traffic_rig_setup){ .bus = &made->bus };
}

void counter_begin(struct counter *c, const char *bus, const char *device)
{
    counter_load(c, bus, device);
    c->rig = traffic_rig_open(&c->setup);
    traffic_rig_until(c->rig, 1);
}

void counter_end(struct counter *c)
{
    if (c->rig) {
        traffic_rig_close(c->rig);
    }
    if (c->config) {
        config_unload(c->config);
        findings_destroy(c->findings);
    }
}
