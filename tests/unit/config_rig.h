/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * For the tests of src/config: files in a folder that lasts as long as the test, an adapter and an
 * uplink that are nothing but their options, and findings as text.
 */
#ifndef CONFIG_RIG_H
#define CONFIG_RIG_H

#include "cmocka_all.h"

#include "config/config.h"

struct tiny_bus {
    int64_t size_bytes;
    struct {
        bool on;
        double factor;
    } echo;
};
struct tiny_device {
    int64_t unit_id;
    int order;
    const char *note;
};
struct tiny_point {
    int64_t at;
    double scale;
    int type;
};
struct drop {
    const char *url, *password, *topic, *client;
    int64_t qos, pause_ns;
    struct weir_names tags;
};

extern const struct weir_adapter tiny;
extern const struct weir_uplink drop;

int rig_setup(void **state);
int rig_teardown(void **state);
/* A path in the folder; valid until the eighth call after. */
const char *rig_path(const char *name);
void rig_write(const char *name, const char *text);

struct loaded {
    struct config *config; /* NULL: could not be loaded */
    struct findings *findings;
    struct settings settings;
    struct bus_config *bus;       /* b, if there is one and it is good */
    struct uplink_config *uplink; /* u, likewise */
};

/* Loads weir.conf: the settings, bus b with `tiny`, uplink u with `drop`. */
struct loaded rig_load(void);
/* The same of this text. Fails the test if there are errors. */
struct loaded rig_load_good(const char *text);
void rig_unload(struct loaded *loaded);
/* The findings as printed, without the name of the folder; to be freed. */
char *rig_findings(const struct findings *findings);

#endif
