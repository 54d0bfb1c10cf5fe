/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The family line: models as weir reads them, lines in, records out. What is wrong with a model is
 * in tests/system/test_new_counter.py.
 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "traffic_rig.h"

extern const struct weir_adapter weir_adapter;

struct counter {
    struct config *config;
    struct findings *findings;
    struct traffic_rig_setup setup;
    struct traffic_rig *rig;
};

/* A bus with these settings, and these of its device. */
static void load(struct counter *c, const char *bus, const char *device)
{
    struct bus_config *made = NULL;
    int fd = memfd_create("weir.conf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    dprintf(fd,
            "buses = { b = { adapter = \"traffic\"; port = \"/dev/null\"; %s "
            "devices = ( { name = \"a\"; %s } ); }; };",
            bus, device);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    c->findings = findings_create();
    int r = config_load_fd(fd, "weir.conf", c->findings, &c->config);
    close(fd);
    r = r < 0 ? r : config_bus(c->config, "b", &weir_adapter, c->findings, &made);
    findings_print(c->findings, stderr);
    assert_int_equal(r, 0);
    c->setup = (struct traffic_rig_setup){ .bus = &made->bus };
}

static void begin(struct counter *c, const char *bus, const char *device)
{
    load(c, bus, device);
    c->rig = traffic_rig_open(&c->setup);
}

static void end(struct counter *c)
{
    if (c->rig) {
        traffic_rig_close(c->rig);
    }
    config_unload(c->config);
    findings_destroy(c->findings);
}

static void gives(struct counter *c, const char *text, const char *records)
{
    traffic_rig_text(c->rig, text);
    assert_string_equal(traffic_rig_records(c->rig), records);
}

#define VEHICLE(values)                                                                            \
    "{\"time\":0,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{" values "}}\n"
#define INTERVAL(values)                                                                           \
    "{\"time\":0,\"device\":\"a\",\"kind\":\"interval\",\"values\":{" values "}}\n"

static const char csv_line[] = "1042,2026-11-22 12:00:03,2,1,63,455,2\r\n";
static const char csv_record[] = VEHICLE("\"lane\":2,\"direction\":\"approaching\",\"speed\":63,"
                                         "\"length\":4.55,\"vehicle_class\":\"car\","
                                         "\"device_count\":1042,\"missed\":0,"
                                         "\"device_time\":\"2026-11-22T12:00:03.000Z\"");

static void csv(void **state)
{
    struct counter c;
    begin(&c, "model = \"line-csv\";", "");
    gives(&c, "number,time,lane,direction,speed,length,class\r\n# started\r\n", "");
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_FOREIGN), 2);
    gives(&c, csv_line, csv_record);
    gives(&c, csv_line, ""); /* said again */
    gives(&c, "1045,2026-11-22 12:00:04,1,2,50,0,9\r\n",
          VEHICLE("\"lane\":1,\"direction\":\"departing\",\"speed\":50,\"length\":null,"
                  "\"vehicle_class\":\"other\",\"device_count\":1045,\"missed\":2,"
                  "\"device_time\":\"2026-11-22T12:00:04.000Z\""));
    assert_int_equal(traffic_rig_missed(c.rig), 2);
    assert_int_equal(traffic_rig_noise(c.rig), 0);
    end(&c);
}

/* A reading each 250 ms: one vehicle until the direction turns or a second has passed. */
static void regex(void **state)
{
    struct counter c;
    begin(&c, "model = \"line-regex\";", "");
    for (int i = 0; i < 4; i++) {
        char line[40];
        traffic_rig_until(c.rig, 1 + i * 0.25);
        snprintf(line, sizeof line, "+%03d km/h 0%d m\r\n", 60 + i, 50 - i);
        traffic_rig_text(c.rig, line);
    }
    traffic_rig_text(c.rig, "-030 km/h 020 m\r\n");
    assert_string_equal(traffic_rig_records(c.rig),
                        "{\"time\":1,\"device\":\"a\",\"kind\":\"vehicle\",\"values\":{"
                        "\"direction\":\"approaching\",\"speed\":63,\"duration\":0.75}}\n");
    traffic_rig_until(c.rig, 4);
    assert_non_null(strstr(traffic_rig_records(c.rig), "\"departing\",\"speed\":30"));
    traffic_rig_text(c.rig, "+63 km/h 042 m\r\n");
    assert_int_equal(traffic_rig_strays(c.rig, WEIR_R_FRAME), 1);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(csv), cmocka_unit_test(regex) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
