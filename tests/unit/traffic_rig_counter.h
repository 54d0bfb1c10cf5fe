/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A rig whose settings are read as weir reads them: from a configuration, with its model.
 */
#ifndef TRAFFIC_RIG_COUNTER_H
#define TRAFFIC_RIG_COUNTER_H

#include "config/config.h"
#include "traffic_rig.h"

struct counter {
    struct config *config;
    struct findings *findings;
    struct traffic_rig_setup setup;
    struct traffic_rig *rig; /* NULL: only loaded */
};

/* A bus with these settings ("model = \"natch\";"), and these of its one device "a". Fails the test
 * if they are not valid. */
void counter_load(struct counter *c, const char *bus, const char *device);
/* The same, its port open since one second (a line that comes then is a whole one). */
void counter_begin(struct counter *c, const char *bus, const char *device);
void counter_end(struct counter *c);

#endif
