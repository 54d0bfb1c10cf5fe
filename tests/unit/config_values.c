/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a good configuration becomes: values, defaults, models, secrets, files that merge.
 */
#include "config_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static void nothing(void **state)
{
    char host[65] = "";
    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = 0;
    struct loaded l = rig_load_good("");
    assert_string_equal(l.settings.gateway, host);
    assert_int_equal(l.settings.clock, CONFIG_CLOCK_AUTO);
    assert_int_equal(l.settings.label_count, 0);
    assert_int_equal(l.settings.memory_limit_bytes, 64 * MIB);
    assert_in_range(l.settings.ram_limit_bytes, 16 * MIB, 64 * MIB);
    assert_int_equal(l.settings.buses.count, 0);
    assert_int_equal(l.settings.uplinks.count, 0);
    assert_true(l.settings.directory[0] == '/' && l.settings.ram[0] == '/');
    assert_null(config_bus_adapter(l.config, "b"));
    assert_null(config_uplink_plugin(l.config, "u"));
    rig_unload(&l);
}

static void settings(void **state)
{
    struct loaded l = rig_load_good(
        "gateway = { name = \"kerb-07\"; clock = \"file:/run/synced\"; memory_limit = \"32MiB\";\n"
        "  labels = { site = \"Harbour St\"; lat = \"52.5\"; }; };\n"
        "spool = { directory = \"/data/weir\"; ram = \"/dev/shm/w\"; ram_limit = 8388608; };\n"
        "buses = { b1 = { adapter = \"x\"; }; off = { adapter = \"y\"; enabled = false; };\n"
        "  b2 = { adapter = \"z\"; enabled = true; }; };\n"
        "uplinks = { u1 = { uplink = \"q\"; }; };\n");
    assert_string_equal(l.settings.gateway, "kerb-07");
    assert_int_equal(l.settings.clock, CONFIG_CLOCK_FILE);
    assert_string_equal(l.settings.clock_file, "/run/synced");
    assert_int_equal(l.settings.memory_limit_bytes, 32 * MIB);
    assert_int_equal(l.settings.label_count, 2);
    assert_string_equal(l.settings.labels[1].key, "lat");
    assert_string_equal(l.settings.labels[1].value, "52.5");
    assert_string_equal(l.settings.directory, "/data/weir");
    assert_string_equal(l.settings.ram, "/dev/shm/w");
    assert_int_equal(l.settings.ram_limit_bytes, 8 * MIB);
    assert_int_equal(l.settings.buses.count, 2);
    assert_string_equal(l.settings.buses.names[0], "b1");
    assert_string_equal(l.settings.buses.names[1], "b2");
    assert_int_equal(l.settings.uplinks.count, 1);
    assert_string_equal(config_bus_adapter(l.config, "off"), "y");
    assert_string_equal(config_uplink_plugin(l.config, "u1"), "q");
    assert_null(config_bus_adapter(l.config, "none"));
    rig_unload(&l);
}

static void bus(void **state)
{
    struct loaded l = rig_load_good(
        "buses = { b = { adapter = \"tiny\"; port = \"/dev/ttyX\"; baud = 19200; parity = "
        "\"even\";\n"
        "  stop_bits = 2; size = 4096; echo = { on = true; };\n"
        "  devices = (\n"
        "    { name = \"d1\"; unit_id = 7; every = \"0s\"; retries = 0; note = \"a \\\"b\\\"\";\n"
        "      labels = { room = \"1\"; };\n"
        "      points = ( { name = \"p\"; at = 70000; unit = \"V\"; scale = 2; deadband = 0.5;\n"
        "                   max_silence = \"15m\"; type = \"float\"; },\n"
        "                 { name = \"q\"; at = 0x10; } ); },\n"
        "    { name = \"off\"; unit_id = 8; enabled = false; },\n"
        "    { name = \"d2\"; unit_id = 9; order = \"last\"; } ); }; };\n");
    const struct bus_config *b = l.bus;
    const struct tiny_bus *tb = b->bus.options;
    assert_string_equal(b->bus.name, "b");
    assert_true(b->bus.serial);
    assert_int_equal(b->bus.character_ns, 11 * 1000000000LL / 19200);
    assert_string_equal(b->port.path, "/dev/ttyX");
    assert_string_equal(b->port.address, "");
    assert_int_equal(b->port.baud, 19200);
    assert_int_equal(b->port.parity, CONFIG_PARITY_EVEN);
    assert_int_equal(b->port.data_bits, 8);
    assert_int_equal(b->port.stop_bits, 2);
    assert_int_equal(b->port.connect_timeout_ns, 5000000000);
    assert_int_equal(tb->size_bytes, 4096);
    assert_true(tb->echo.on && tb->echo.factor == 0.5);
    assert_int_equal(b->bus.device_count, 2);
    const struct weir_device *d = b->bus.devices;
    const struct tiny_device *t1 = d[0].options, *t2 = d[1].options;
    assert_string_equal(d[0].name, "d1");
    assert_int_equal(d[0].timeout_ns, 1000000000);
    assert_int_equal(t1->unit_id, 7);
    assert_int_equal(t1->order, 0);
    assert_string_equal(t1->note, "a \"b\"");
    assert_int_equal(b->devices[0].every_ns, 0);
    assert_int_equal(b->devices[0].retries, 0);
    assert_string_equal(b->devices[0].model, "");
    assert_int_equal(b->devices[0].label_count, 1);
    assert_int_equal(b->devices[0].line, 4);
    assert_int_equal(d[0].point_count, 2);
    const struct tiny_point *p = d[0].points[0].options, *q = d[0].points[1].options;
    assert_string_equal(d[0].points[0].unit, "V");
    assert_true(p->at == 70000 && p->scale == 2 && p->type == 2);
    assert_true(b->devices[0].points[0].deadband == 0.5);
    assert_int_equal(b->devices[0].points[0].max_silence_ns, 900000000000);
    assert_string_equal(d[0].points[1].unit, "");
    assert_true(q->at == 16 && q->scale == 1 && q->type == 1);
    assert_string_equal(d[1].name, "d2");
    assert_int_equal(t2->order, 1);
    assert_string_equal(t2->note, "");
    assert_int_equal(b->devices[1].every_ns, 10000000000);
    assert_int_equal(b->devices[1].retries, 1);
    rig_unload(&l);
}

static void where(void **state)
{
    struct loaded l = rig_load_good("buses = { b = {\nadapter = \"tiny\";\nsize = 1;\ndevices = (\n"
                                    "{ name = \"d\";\nmodel = \"scale-1\"; points = (\n"
                                    "{ name = \"tare\";\nscale = 3; } ); } ); }; };");
    static const struct {
        int device, point;
        const char *key, *file;
        int line;
    } cases[] = {
        { -1, -1, "size", "weir.conf", 3 }, { -1, -1, NULL, "weir.conf", 1 },
        { 0, -1, "model", "weir.conf", 6 }, { 0, -1, "unit_id", "scale-1.conf", 5 },
        { 0, -1, "note", "weir.conf", 5 },  { 0, 0, "at", "scale-1.conf", 10 },
        { 0, 1, "scale", "weir.conf", 8 },  { 0, 2, NULL, "scale-1.conf", 12 },
        { 9, 9, "size", "weir.conf", 3 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *file;
        int line;
        config_where(l.bus, cases[i].device, cases[i].point, cases[i].key, &file, &line);
        assert_string_equal(strrchr(file, '/') + 1, cases[i].file);
        assert_int_equal(line, cases[i].line);
    }
    rig_unload(&l);
}

/* The model's points in its order, then the device's own. */
static void model(void **state)
{
    struct loaded l = rig_load_good(
        "buses = { b = { adapter = \"tiny\"; devices = (\n"
        "  { name = \"d\"; model = \"scale-1\"; },\n"
        "  { name = \"e\"; model = \"scale-1\"; unit_id = 20; every = \"5s\"; labels = { };\n"
        "    points = ( { name = \"more\"; at = 9; }, { name = \"tare\"; unit = \"g\"; } ); } ); "
        "}; };");
    const struct weir_device *d = l.bus->bus.devices;
    const struct tiny_device *t = d[0].options;
    assert_int_equal(t->unit_id, 9);
    assert_int_equal(t->order, 1);
    assert_int_equal(l.bus->devices[0].every_ns, 2000000000);
    assert_string_equal(l.bus->devices[0].model, "scale-1");
    assert_int_equal(l.bus->devices[0].label_count, 1);
    assert_int_equal(d[0].point_count, 3);
    assert_string_equal(d[0].points[1].name, "tare");
    assert_string_equal(d[0].points[1].unit, "kg");
    t = d[1].options;
    assert_int_equal(t->unit_id, 20);
    assert_int_equal(l.bus->devices[1].every_ns, 5000000000);
    assert_int_equal(l.bus->devices[1].label_count, 0);
    assert_int_equal(d[1].point_count, 4);
    const struct tiny_point *tare = d[1].points[1].options;
    assert_string_equal(d[1].points[1].unit, "g");
    assert_int_equal(tare->at, 2);
    assert_true(l.bus->devices[1].points[1].deadband == 0.5);
    assert_string_equal(d[1].points[3].name, "more");
    rig_unload(&l);
}

static void uplink(void **state)
{
    struct loaded l = rig_load_good("uplinks = { u = { uplink = \"drop\"; url = \"x://y\"; }; };");
    const struct drop *o = l.uplink->options;
    assert_string_equal(o->url, "x://y");
    assert_string_equal(o->password, "");
    assert_string_equal(o->client, "");
    assert_string_equal(o->topic, "weir/{gateway}");
    assert_true(o->qos == 1 && o->pause_ns == 1500000000 && o->tags.count == 0);
    assert_int_equal(l.uplink->format, CONFIG_FORMAT_JSON);
    assert_int_equal(l.uplink->start, CONFIG_START_OLDEST);
    assert_int_equal(l.uplink->batch_records, 1);
    assert_int_equal(l.uplink->inflight, 20);
    assert_int_equal(l.uplink->reconnect_delay_max_ns, 15000000000);
    assert_int_equal(l.uplink->rate_limit, 0);
    rig_unload(&l);
    l = rig_load_good(
        "uplinks = { u = { uplink = \"drop\"; url = \"\"; tags = [ \"a\", \"b\" ];\n"
        "  devices = ( \"d1\" ); kinds = [ ]; format = \"json-flat\"; start = \"now\";\n"
        "  batch = { records = 50; delay = \"2s\"; compact = true; }; inflight = 5;\n"
        "  rate_limit = \"64KiB\"; qos = 2L; }; };");
    o = l.uplink->options;
    assert_int_equal(o->tags.count, 2);
    assert_string_equal(o->tags.names[1], "b");
    assert_int_equal(o->qos, 2);
    assert_int_equal(l.uplink->devices.count, 1);
    assert_string_equal(l.uplink->devices.names[0], "d1");
    assert_int_equal(l.uplink->kinds.count, 0);
    assert_int_equal(l.uplink->format, CONFIG_FORMAT_JSON_FLAT);
    assert_int_equal(l.uplink->start, CONFIG_START_NOW);
    assert_int_equal(l.uplink->batch_records, 50);
    assert_int_equal(l.uplink->batch_delay_ns, 2000000000);
    assert_true(l.uplink->batch_compact);
    assert_int_equal(l.uplink->inflight, 5);
    assert_int_equal(l.uplink->rate_limit, 65536);
    rig_unload(&l);
}

static void secret_is(const char *written, const char *secret)
{
    char text[256];
    snprintf(text, sizeof text,
             "uplinks = { u = { uplink = \"drop\"; url = \"\"; password = \"%s\"; }; };", written);
    struct loaded l = rig_load_good(text);
    assert_string_equal(((const struct drop *)l.uplink->options)->password, secret);
    rig_unload(&l);
}

static void secrets(void **state)
{
    char text[160];
    rig_write("password", "first line\nsecond\n");
    rig_write("mqtt", "no end of line");
    secret_is("in place", "in place");
    snprintf(text, sizeof text, "file:%s", rig_path("password"));
    secret_is(text, "first line");
    snprintf(text, sizeof text, "%s", rig_path("mqtt"));
    *strrchr(text, '/') = 0;
    setenv("CREDENTIALS_DIRECTORY", text, 1);
    secret_is("cred:mqtt", "no end of line");
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void merge(void **state)
{
    rig_write("conf.d/20-b.conf", "buses = { b = { adapter = \"tiny\"; baud = 1200; }; };");
    rig_write("conf.d/10-a.conf",
              "gateway = { labels = { b = \"2\"; }; };\n"
              "uplinks = { u = { uplink = \"drop\"; url = \"x\"; tags = [ \"t\" ];\n"
              " qos = 2; }; };");
    rig_write("conf.d/30-c.conf",
              "buses = { b = { size = 8L; echo = { factor = 0.25; on = true; };\n"
              " devices = ( { name = \"d\"; unit_id = 3; } ); }; };");
    rig_write("conf.d/notes.txt", "= not for us =");
    rig_write("conf.d/.hidden.conf", "= not for us =");
    struct loaded l = rig_load_good("gateway = { name = \"g\"; labels = { a = \"1\"; }; };\n");
    assert_string_equal(l.settings.gateway, "g");
    assert_int_equal(l.settings.label_count, 2);
    assert_string_equal(l.settings.labels[1].value, "2");
    assert_int_equal(l.bus->port.baud, 1200);
    assert_int_equal(((const struct tiny_bus *)l.bus->bus.options)->size_bytes, 8);
    assert_true(((const struct tiny_bus *)l.bus->bus.options)->echo.factor == 0.25);
    assert_int_equal(l.bus->bus.device_count, 1);
    assert_string_equal(strrchr(l.bus->devices[0].file, '/'), "/30-c.conf");
    assert_int_equal(l.bus->devices[0].line, 2);
    assert_int_equal(((const struct drop *)l.uplink->options)->tags.count, 1);
    rig_unload(&l);
}

/* Many devices with many points, as a bench would have it. */
static void large(void **state)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    fputs(
        "gateway = { name = \"bench\"; };\nspool = { directory = \"/a\"; ram = \"/dev/shm/b\"; };\n"
        "buses = { b = { adapter = \"tiny\"; address = \"127.0.0.1:1502\"; devices = (\n",
        out);
    for (int i = 1; i <= 200; i++) {
        fprintf(
            out,
            "%s{ name = \"d%d\"; unit_id = %d; every = \"1000ms\"; timeout = \"500ms\"; points = (",
            i > 1 ? ",\n" : "", i, i);
        for (int k = 0; k < 125; k++) {
            fprintf(out, "%s{ name = \"u%dr%d\"; at = %d; type = \"float\"; }", k ? ", " : "", i, k,
                    k);
        }
        fputs("); }", out);
    }
    fputs("\n); }; };\nuplinks = { u = { uplink = \"drop\"; url = \"mqtt://127.0.0.1:1883\"; qos = "
          "1; "
          "format = \"json\"; }; };\n",
          out);
    fclose(out);
    struct loaded l = rig_load_good(text);
    free(text);
    assert_false(l.bus->bus.serial);
    assert_int_equal(l.bus->bus.device_count, 200);
    assert_int_equal(l.bus->bus.devices[199].timeout_ns, 500000000);
    assert_int_equal(l.bus->bus.devices[199].point_count, 125);
    assert_string_equal(l.bus->bus.devices[199].points[124].name, "u200r124");
    assert_int_equal(findings_warnings(l.findings), 0);
    rig_unload(&l);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing), TEST(settings), TEST(bus),   TEST(where), TEST(model),
        TEST(uplink),  TEST(secrets),  TEST(merge), TEST(large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
