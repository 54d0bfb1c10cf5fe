/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Every capture of tests/captures/traffic, replayed: what passed the counter is what the records
 * say.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "capture.h"
#include "traffic_rig_counter.h"

static void until(void *rig, double seconds)
{
    traffic_rig_until(rig, seconds);
}

static void hex(void *rig, const char *bytes)
{
    traffic_rig_hex(rig, bytes);
}

static const char *sent(void *rig)
{
    return traffic_rig_sent(rig);
}

static const char *records(void *rig)
{
    return traffic_rig_records(rig);
}

static const char *text_of(const json_t *setup, const char *key)
{
    const char *text = json_string_value(json_object_get(setup, key));
    return text ? text : "";
}

/* As weir reads it, with its model; older captures have a family and what they need. */
static void open_counter(struct counter *c, const json_t *setup)
{
    char bus[512];
    *c = (struct counter){ 0 };
    if (json_object_get(setup, "model")) {
        snprintf(bus, sizeof bus, "model = \"%s\"; set_clock = false; %s", text_of(setup, "model"),
                 text_of(setup, "bus"));
        counter_load(c, bus, text_of(setup, "device"));
    } else {
        c->setup = (struct traffic_rig_setup){
            .family = text_of(setup, "family"),
            .addresses = { json_integer_value(json_object_get(setup, "address")) },
            .devices = 1,
            .no_clock_set = true,
            .every_s = json_number_value(json_object_get(setup, "every"))
        };
    }
    c->rig = traffic_rig_open(&c->setup);
}

static void replay(const char *capture)
{
    struct counter c;
    json_t *setup = capture_setup(capture), *expected = capture_expected(capture);
    open_counter(&c, setup);
    const struct capture_rig rig = { c.rig, until, hex, sent, records };
    json_t *came = capture_play(capture, &rig);
    printf("%s: %zu records\n", capture, capture_check(capture, expected, came));
    json_decref(came);
    counter_end(&c);
    json_decref(expected);
    json_decref(setup);
}

static void captures(void **state)
{
    capture_each("traffic", replay);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(captures) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
