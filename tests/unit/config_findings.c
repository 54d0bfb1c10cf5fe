/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What people are told: a configuration and the exact lines about it, one case for each kind of
 * mistake.
 */
#include "config_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct expect {
    const char *text, *found;
};

static void check_all(const struct expect *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rig_write("weir.conf", cases[i].text);
        struct loaded l = rig_load();
        char *found = rig_findings(l.findings);
        if (strcmp(found, cases[i].found) != 0) {
            fail_msg("\n%s\ngives\n%sinstead of\n%s", cases[i].text, found, cases[i].found);
        }
        free(found);
        rig_unload(&l);
    }
}

#define CHECK(cases) check_all(cases, sizeof(cases) / sizeof *(cases))

/* Line 1 and 2 of most cases; the rest is on line 3. */
#define BUS(more)                                                                                  \
    "gateway = { name = \"g\"; };\nbuses = { b = { adapter = \"tiny\";\n" more " }; };"
#define DEVICE(more) BUS("devices = ( { name = \"d\"; unit_id = 1; " more " } );")
#define POINT(more)  DEVICE("points = ( { name = \"p\"; at = 1; " more " } );")
#define UPLINK(more) "uplinks = { u = { uplink = \"drop\";\nurl = \"x\";\n" more " }; };"
#define LINE3        "weir.conf:3: error: "
#define IN_BUS       LINE3 "buses.b."
#define IN_DEVICE    LINE3 "buses.b.devices[0]."
#define IN_POINT     LINE3 "buses.b.devices[0].points[0]."
#define IN_UPLINK    LINE3 "uplinks.u."
#define NO_DEVICES   "weir.conf:2: warning: buses.b: has no devices\n"

static void syntax(void **state)
{
    static const struct expect cases[] = {
        { "gateway = {\n name = \"a\"\n clock = ;", "weir.conf:3: error: syntax error\n" },
        { "gateway = {", "weir.conf:1: error: syntax error\n" },
        { "spool = { ram = \"/a\";\n ram = \"/b\"; };",
          "weir.conf:2: error: this setting stands here twice\n" },
        { "\n@include \"more.conf\"\n", "weir.conf:2: error: @include is not supported: put the "
                                        "file into conf.d/ beside this one\n" },
        { "\n\nspool = { ram_limit = 4294967296; };",
          LINE3 "this number is too large for 32 bits: write an L behind it\n" },
    };
    CHECK(cases);
}

static void top(void **state)
{
    static const struct expect cases[] = {
        { "", "" },
        { "gatewya = { };", "weir.conf:1: error: gatewya: unknown setting; \"gateway\"?\n" },
        { "gateway = 5;\nspool = \"x\";\nbuses = ( );\nuplinks = 1.5;",
          "weir.conf:1: error: gateway: must be a group, as { ... }\n"
          "weir.conf:2: error: spool: must be a group, as { ... }\n"
          "weir.conf:3: error: buses: must be a group, as { NAME = { ... }; }\n"
          "weir.conf:4: error: uplinks: must be a group, as { NAME = { ... }; }\n" },
        { "buses = { x = 5; };", "weir.conf:1: error: buses.x: must be a group, as { ... }\n" },
        { "gateway = { name = 5; clock = true; };",
          "weir.conf:1: error: gateway.name: must be a name in quotes\n"
          "weir.conf:1: error: gateway.clock: must be a text in quotes\n" },
        { "gateway = { name = \"kerb 7\"; };",
          "weir.conf:1: error: gateway.name: \"kerb 7\" is no name: 1 to 64 of A-Z a-z 0-9 . _ -, "
          "first a letter or digit\n" },
        { "gateway = { clock = \"file:relative\"; };",
          "weir.conf:1: error: gateway.clock: \"file:relative\" is none of auto, system, "
          "file:/path\n" },
        { "gateway = { labels = \"none\"; };",
          "weir.conf:1: error: gateway.labels: must be a group, as { site = \"Harbour St\"; }\n" },
        { "gateway = { labels = { site = 5; }; };",
          "weir.conf:1: error: gateway.labels.site: must be a text of at most 255 bytes\n" },
        { "spool = { ram_limit = \"1MiB\"; };",
          "weir.conf:1: error: spool.ram_limit: must lie between 4MiB and 64GiB\n" },
        { "spool = { limit = \"1GiB\"; max_age = 5; };",
          "weir.conf:1: error: spool.max_age: must be a duration in quotes, as \"1s\"\n" },
        { "spool = { limit = \"1MiB\"; };",
          "weir.conf:1: error: spool.limit: must lie between 16MiB and 1024GiB\n" },
        { "commands = { };", "weir.conf:1: warning: commands: has no effect in this version\n" },
    };
    CHECK(cases);
}

static void of_bus(void **state)
{
    static const struct expect cases[] = {
        { BUS(""), NO_DEVICES },
        { BUS("buad = 9600;"), IN_BUS "buad: unknown setting; \"baud\"?\n" NO_DEVICES },
        { BUS("completely_else = 1;"), IN_BUS "completely_else: unknown setting\n" NO_DEVICES },
        { BUS("x = 1;"), IN_BUS "x: unknown setting\n" NO_DEVICES },
        { BUS("baud = \"9600\";"), IN_BUS "baud: must be a whole number\n" NO_DEVICES },
        { BUS("baud = 9600.0;"), IN_BUS "baud: must be a whole number\n" NO_DEVICES },
        { BUS("baud = 10;"), IN_BUS "baud: must lie between 50 and 4000000 bit/s\n" NO_DEVICES },
        { BUS("parity = \"evn\";"),
          IN_BUS "parity: \"evn\" is none of none, even, odd\n" NO_DEVICES },
        { BUS("parity = 1;"), IN_BUS "parity: must be a word in quotes\n" NO_DEVICES },
        { BUS("enabled = \"yes\";"), IN_BUS "enabled: must be true or false\n" NO_DEVICES },
        { BUS("connect_timeout = \"5 s\";"), IN_BUS
          "connect_timeout: \"5 s\" is no duration; write \"250ms\", \"1s\", \"15m\", \"12h\" or "
          "\"30d\"\n" NO_DEVICES },
        { BUS("connect_timeout = 5;"),
          IN_BUS "connect_timeout: must be a duration in quotes, as \"1s\"\n" NO_DEVICES },
        { BUS("connect_timeout = \"1ms\";"),
          IN_BUS "connect_timeout: must lie between 10ms and 2m\n" NO_DEVICES },
        { BUS("size = \"1MB\";"), IN_BUS "size: \"1MB\" is no size; write \"64MiB\", \"1GiB\" or a "
                                         "number of bytes\n" NO_DEVICES },
        { BUS("size = 0;"), IN_BUS "size: must lie between 1B and 1MiB\n" NO_DEVICES },
        { BUS("size = 1.5;"), IN_BUS "size: must be a size, as \"64MiB\"\n" NO_DEVICES },
        { BUS("echo = 1;"), IN_BUS "echo: must be a group, as { ... }\n" NO_DEVICES },
        { BUS("echo = { factr = 1; factor = 2; };"),
          IN_BUS "echo.factor: must lie between 0 and 1\n" IN_BUS
                 "echo.factr: unknown setting; \"factor\"?\n" NO_DEVICES },
        { BUS("port = \"/dev/x\"; address = \"h:1\";"),
          "weir.conf:2: error: buses.b: has a port and an address: one of them\n" NO_DEVICES },
        { BUS("address = \"10.0.0.5\";"),
          IN_BUS "address: needs a port number, as \"10.0.0.5:502\"\n" NO_DEVICES },
        { BUS("address = \"h:x\";"),
          IN_BUS "address: needs a port number, as \"10.0.0.5:502\"\n" NO_DEVICES },
        { BUS("address = \"[::1]:502\";"), NO_DEVICES },
        { BUS("port = 5;"), IN_BUS "port: must be a text in quotes\n" NO_DEVICES },
        { BUS("devices = { };"),
          IN_BUS "devices: must be a list, as ( { ... }, { ... } )\n" NO_DEVICES },
        { BUS("devices = ( 5 );"), IN_BUS "devices[0]: must be a group, as { ... }\n" NO_DEVICES },
        { "buses = { b = { adapter = 5; }; };", "" }, /* without a plugin: see the whole check */
    };
    CHECK(cases);
}

static void of_lines(void **state)
{
#define SERIAL(more) BUS("port = \"/dev/ttyS0\"; devices = ( ); " more)
#define NO_DEVICE_3  "weir.conf:2: warning: buses.b: has no devices\n"
    static const struct expect cases[] = {
        { SERIAL("rts = \"off\"; dtr = \"on\";"), NO_DEVICE_3 },
        { SERIAL("rs485 = true; rs485_rts = \"off\"; rs485_delay_before = \"1ms\"; "
                 "rs485_delay_after = \"100ms\"; dtr = \"off\";"),
          NO_DEVICE_3 },
        { SERIAL("rts = \"maybe\";"),
          IN_BUS "rts: \"maybe\" is none of driver, on, off\n" NO_DEVICE_3 },
        { SERIAL("rs485 = true; rs485_rts = \"driver\";"),
          IN_BUS "rs485_rts: \"driver\" is none of on, off\n" NO_DEVICE_3 },
        { SERIAL("rs485 = true; rts = \"on\";"), IN_BUS "rts: rs485 uses this line\n" NO_DEVICE_3 },
        { SERIAL("rs485_delay_after = \"1ms\";"),
          IN_BUS "rs485_delay_after: is of no use without rs485 = true\n" NO_DEVICE_3 },
        { SERIAL("rs485 = true; rs485_delay_after = \"1500us\";"),
          "weir.conf:2: error: buses.b: delays of RS-485 are whole milliseconds\n" NO_DEVICE_3 },
        { SERIAL("rs485 = true; rs485_delay_after = \"200ms\";"),
          IN_BUS "rs485_delay_after: must lie between 0s and 100ms\n" NO_DEVICE_3 },
        { BUS("address = \"10.0.0.5:502\"; devices = ( ); dtr = \"off\";"),
          IN_BUS "dtr: is for serial ports\n" NO_DEVICE_3 },
    };
    CHECK(cases);
}

static void of_device(void **state)
{
    static const struct expect cases[] = {
        { DEVICE(""), "" },
        { BUS("devices = ( { name = \"d\"; } );"),
          LINE3 "buses.b.devices[0]: unit_id is missing (number of the unit)\n" },
        { BUS("devices = ( { unit_id = 1; } );"),
          LINE3 "buses.b.devices[0]: name is missing (name of the device, one of a kind in the "
                "gateway)\n" },
        { BUS("devices = ( { name = 5; unit_id = 1; } );"),
          IN_DEVICE "name: must be a name in quotes\n" },
        { BUS("devices = ( { name = \"d\"; unit_id = 300; } );"),
          IN_DEVICE "unit_id: must lie between 1 and 247\n" },
        { DEVICE("every = \"-1s\";"), IN_DEVICE
          "every: \"-1s\" is no duration; write \"250ms\", \"1s\", \"15m\", \"12h\" or \"30d\"\n" },
        { DEVICE("retries = 11;"), IN_DEVICE "retries: must lie between 0 and 10\n" },
        { DEVICE("order = \"middle\";"), IN_DEVICE "order: \"middle\" is none of first, last\n" },
        { DEVICE("window = \"1m\";"), IN_DEVICE "window: must be a group, as { ... }\n" },
        { DEVICE("window = { };"),
          IN_DEVICE "window: period is missing (one record for each period)\n" },
        { DEVICE("window = { period = \"1m\"; };"), "" },
        { DEVICE("window = { period = \"1s\"; };"),
          IN_DEVICE "window.period: is shorter than every (10s)\n" },
        { DEVICE("window = { period = \"2d\"; };"),
          IN_DEVICE "window.period: must lie between 100ms and 1d\n" },
        { DEVICE("window = { period = \"1m\"; functions = ( \"avg\", \"max\", \"max\" ); };"),
          IN_DEVICE
          "window.functions: \"avg\" is none of min, mean, max, sum, count, last\n" IN_DEVICE
          "window.functions: \"max\" stands here twice\n" },
        { DEVICE("labels = ( );"),
          IN_DEVICE "labels: must be a group, as { site = \"Harbour St\"; }\n" },
        { DEVICE("model = \"scael-1\";"),
          IN_DEVICE "model: there is no model \"scael-1\" for adapter tiny; "
                    "weir models lists them\n" },
        { DEVICE("model = \"../tiny/scale-1\";"),
          IN_DEVICE "model: there is no model \"../tiny/scale-1\" for adapter tiny; weir models "
                    "lists them\n" },
        { DEVICE("model = 5;"), IN_DEVICE "model: must be a text in quotes\n" },
        { BUS("devices = ( { name = \"state\"; unit_id = 1; } );"),
          LINE3 "buses.b.devices[0]: \"state\" is taken: choose another name\n" },
        { BUS("devices = ( { name = \"g\"; unit_id = 1; } );"),
          LINE3 "buses.b.devices[0]: \"g\" is taken: choose another name\n" },
    };
    CHECK(cases);
}

static void of_point(void **state)
{
    static const struct expect cases[] = {
        { POINT(""), "" },
        { DEVICE("points = 5;"), IN_DEVICE "points: must be a list, as ( { ... }, { ... } )\n" },
        { DEVICE("points = ( 5 );"), IN_DEVICE "points[0]: must be a group, as { ... }\n" },
        { POINT("skale = 2;"), IN_POINT "skale: unknown setting; \"scale\"?\n" },
        { POINT("scale = \"2\";"), IN_POINT "scale: must be a number\n" },
        { POINT("scale = 1e999;"), IN_POINT "scale: is too large a number\n" },
        { POINT("deadband = -1.0;"), IN_POINT "deadband: must lie between 0 and 1e+18\n" },
        { POINT("unit = 1;"), IN_POINT "unit: must be a text in quotes\n" },
        { DEVICE("points = ( { at = 1; } );"),
          LINE3 "buses.b.devices[0].points[0]: name is missing (name of the value)\n" },
        { DEVICE("points = ( { name = \"p\"; } );"),
          LINE3 "buses.b.devices[0].points[0]: at is missing (a whole number)\n" },
        { DEVICE("points = ( { name = \"p\"; at = 1; }, { name = \"p\"; at = 2; } );"),
          LINE3 "buses.b.devices[0].points[1]: a point \"p\" stands here twice\n" },
        { DEVICE("points = ( { name = \"seq\"; at = 1; } );"), LINE3
          "buses.b.devices[0].points[0]: \"seq\" is a key of every record: choose another name\n" },
        { DEVICE("model = \"scale-1\";\npoints = ( { name = \"tare\"; }, { name = \"tare\"; } );"),
          "weir.conf:4: error: buses.b.devices[0].points[1]: a point \"tare\" stands here "
          "twice\n" },
    };
    CHECK(cases);
}

static void of_uplink(void **state)
{
    static const struct expect cases[] = {
        { UPLINK(""), "" },
        { "uplinks = { u = { uplink = \"drop\"; }; };",
          "weir.conf:1: error: uplinks.u: url is missing (where to)\n" },
        { UPLINK("pasword = \"x\";"), IN_UPLINK "pasword: unknown setting; \"password\"?\n" },
        { UPLINK("tags = \"a\";"),
          IN_UPLINK "tags: must be a list of texts, as [ \"a\", \"b\" ]\n" },
        { UPLINK("tags = [ 1, 2 ];"),
          IN_UPLINK "tags: must be a list of texts, as [ \"a\", \"b\" ]\n" },
        { UPLINK("client = \"a b\";"),
          IN_UPLINK "client: \"a b\" is no name: 1 to 64 of A-Z a-z 0-9 . _ -, "
                    "first a letter or digit\n" },
        { UPLINK("pause = \"100ms\";"), IN_UPLINK "pause: must lie between 500ms and 1m\n" },
        { UPLINK("format = \"xml\";"), IN_UPLINK "format: \"xml\" is none of json, json-flat\n" },
        { UPLINK("batch = { records = 0; };"),
          IN_UPLINK "batch.records: must lie between 1 and 10000\n" },
        { UPLINK("password = \"cred:x\";"),
          IN_UPLINK "password: there are no credentials of systemd here\n" },
        { UPLINK("password = \"file:/nowhere/at/all\";"),
          IN_UPLINK "password: cannot read /nowhere/at/all: No such file or directory\n" },
        { UPLINK("password = \"file:/dev/null\";"),
          IN_UPLINK "password: /dev/null has nothing in its first line\n" },
        { UPLINK("qos = 0;"),
          "weir.conf:3: warning: uplinks.u.qos: with QoS 0 nobody acknowledges: the "
          "promises of the buffer do not hold\n" },
        { UPLINK("topic = \"a/{device}\"; batch = { records = 10; };"),
          "weir.conf:1: warning: uplinks.u: batch: records share a message only while the topic is "
          "the "
          "same; \"a/{device}\" differs between devices\n" },
        { UPLINK("home_assistant = { };"), "weir.conf:3: warning: uplinks.u.home_assistant: has "
                                           "no effect in this version\n" },
    };
    CHECK(cases);
}

/* A model's own mistakes are told in the model's file. */
static void of_model(void **state)
{
    char *found;
    rig_write("weir.conf", BUS("devices = ( { name = \"d\"; model = \"broken\"; }, { name = \"e\"; "
                               "unit_id = 1; model = \"torn\"; } );"));
    struct loaded l = rig_load();
    found = rig_findings(l.findings);
    assert_int_equal(findings_errors(l.findings), 4);
    assert_non_null(
        strstr(found, "models/tiny/broken.conf:4: error: ordre: unknown setting; \"order\"?\n"));
    assert_non_null(
        strstr(found, "models/tiny/broken.conf:5: error: unit_id: must lie between 1 and 247\n"));
    assert_non_null(strstr(found,
                           "models/tiny/broken.conf:6: error: points[0].skale: unknown setting; "
                           "\"scale\"?\n"));
    assert_non_null(strstr(found, "models/tiny/torn.conf:"));
    free(found);
    rig_unload(&l);
}

static void readable_by_others(void **state)
{
    rig_write("weir.conf", "");
    rig_write("conf.d/up.conf", UPLINK("password = \"1234\";"));
    struct loaded l = rig_load();
    assert_int_equal(findings_errors(l.findings), 0);
    rig_unload(&l);
    assert_int_equal(chmod(rig_path("conf.d/up.conf"), 0644), 0);
    l = rig_load();
    char *found = rig_findings(l.findings);
    assert_string_equal(found,
                        "conf.d/up.conf:3: error: uplinks.u.password: stands in a file that others "
                        "can read (mode 0644); chmod 0640 conf.d/up.conf\n");
    free(found);
    rig_unload(&l);
}

static void from_two_files(void **state)
{
    rig_write("weir.conf", "gateway = {\n name = \"a\"; };");
    rig_write("conf.d/10.conf", "\ngateway = { clock = \"system\";\n name = \"b\"; };");
    rig_write("conf.d/20.conf", "gateway = {\n");
    rig_write("conf.d/30.conf", "spool = 1;");
    rig_write("conf.d/40.conf", "spool = { };");
    struct loaded l = rig_load();
    char *found = rig_findings(l.findings);
    assert_string_equal(found,
                        "conf.d/10.conf:3: error: gateway.name: is set already in weir.conf:2\n"
                        "conf.d/20.conf:2: error: syntax error\n"
                        "conf.d/40.conf:1: error: spool: is set already in conf.d/30.conf:1\n");
    free(found);
    rig_unload(&l);
}

static void unreadable(void **state)
{
    struct loaded l = rig_load();
    char *found = rig_findings(l.findings);
    assert_string_equal(found, "weir.conf: error: cannot be read: No such file or directory\n");
    free(found);
    rig_unload(&l);
}

/* The whole check; the adapter is nowhere, which is a warning. */
static void whole(void **state)
{
    rig_write("weir.conf", "spool = { ram = \"/dev/shm/x\"; directory = \"/\"; ram_limit = 5; };\n"
                           "buses = {\n"
                           "  one = { adapter = \"nosuch\";\n"
                           "    devices = ( { name = \"d\"; },\n"
                           "                { name = \"e\"; } ); port = \"/dev/x\"; };\n"
                           "  two = { adapter = \"../evil\";\n"
                           "    devices = ( { name = \"d\"; } ); };\n"
                           "  three = { port = \"/dev/x\"; };\n"
                           "  four = { adapter = 5; };\n"
                           "};\n"
                           "uplinks = { up = { devices = [ \"e\", \"f\" ]; }; };\n");
    struct findings *findings = findings_create();
    assert_int_equal(config_check(rig_path("weir.conf"), findings, true), -EINVAL);
    char *found = rig_findings(findings), *at = strstr(found, ": no adapter-nosuch.so in ");
    static const char begin[] =
        "weir.conf:1: error: spool.ram_limit: must lie between 4MiB and 64GiB\n"
        "weir.conf:7: error: buses.two.devices[0]: device \"d\" stands in weir.conf:4 already\n"
        "weir.conf:8: error: buses.three: port \"/dev/x\" stands in weir.conf:3 already\n"
        "weir.conf:11: error: uplinks.up.devices: there is no device \"f\"\n"
        "weir.conf:3: warning: buses.one: does not run: there is no adapter \"nosuch\"";
    static const char end[] =
        "weir.conf:6: warning: buses.two: does not run: \"../evil\" is no name of a plugin\n"
        "weir.conf:8: error: buses.three: adapter is missing (which plugin speaks on this bus)\n"
        "weir.conf:9: error: buses.four.adapter: must be a name in quotes\n"
        "weir.conf:11: error: uplinks.up: uplink is missing (which plugin delivers)\n";
    assert_non_null(at);
    *at = 0;
    assert_string_equal(found, begin);
    assert_string_equal(strchr(at + 1, '\n') + 1, end);
    free(found);
    findings_destroy(findings);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        TEST(syntax),     TEST(top),
        TEST(of_bus),     TEST(of_lines),
        TEST(of_device),  TEST(of_point),
        TEST(of_uplink),  TEST(of_model),
        TEST(whole),      TEST(readable_by_others),
        TEST(unreadable), TEST(from_two_files),
    };
    unsetenv("CREDENTIALS_DIRECTORY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
