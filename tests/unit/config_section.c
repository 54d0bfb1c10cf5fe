/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The text for a child: read again it gives the same text, and it changes when what it names
 * changes.
 */
#include "config_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *section_of(struct config *config, const char *bus, const char *uplink)
{
    struct findings *findings = findings_create();
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(config_section(config, bus, uplink, findings, &text, &len), 0);
    assert_int_equal(findings_errors(findings), 0);
    assert_int_equal(strlen(text), len);
    findings_destroy(findings);
    return text;
}

/* As a child does it. */
static struct config *read_again(const char *text)
{
    struct findings *findings = findings_create();
    struct config *config = NULL;
    int fd = memfd_create("section", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(config_load_fd(fd, "section", findings, &config), 0);
    close(fd);
    findings_destroy(findings);
    return config;
}

static const char every_type[] =
    "gateway = { name = \"g\"; labels = { quote = \"a \\\"b\\\" \\\\ \\n\\t\\x01 \xc3\xa4 # // /* "
    "@include\"; }; };\n"
    "spool = { ram = \"/dev/shm/x\"; };\n"
    "buses = {\n"
    "  other = { adapter = \"tiny\"; devices = ( { name = \"not here\"; } ); };\n"
    "  b = { adapter = \"tiny\"; size = 1048576L; baud = 9600; enabled = true;\n"
    "    echo = { on = true; factor = 1e-7; };\n"
    "    devices = ( { name = \"d\"; unit_id = 0x10; points = ( { name = \"p\"; at = "
    "9223372036854775807L;\n"
    "      scale = 0.1; }, { name = \"q\"; at = -5; scale = 3.0; }, { name = \"r\"; at = "
    "-2147483648;\n"
    "      scale = -1e20; } ); } ); };\n"
    "};\n"
    "uplinks = { u = { uplink = \"drop\"; url = \"x\"; tags = [ \"a\", \"b\" ]; devices = ( ); "
    "kinds = [ ]; }; };\n";

static void round_trip(void **state)
{
    struct loaded l = rig_load_good(every_type);
    char *bus = section_of(l.config, "b", NULL), *uplink = section_of(l.config, NULL, "u");
    assert_null(strstr(bus, "not here"));
    assert_null(strstr(bus, "uplinks"));
    assert_null(strstr(uplink, "buses"));
    struct config *again = read_again(bus);
    char *bus_again = section_of(again, "b", NULL);
    assert_string_equal(bus_again, bus);
    struct findings *findings = findings_create();
    struct settings settings;
    struct bus_config *b;
    assert_int_equal(config_settings(again, findings, &settings), 0);
    assert_string_equal(settings.labels[0].value, "a \"b\" \\ \n\t\x01 \xc3\xa4 # // /* @include");
    assert_int_equal(config_bus(again, "b", &tiny, findings, &b), 0);
    const struct weir_device_point *p = b->bus.devices[0].points;
    assert_int_equal(((const struct tiny_point *)p[0].options)->at, INT64_MAX);
    assert_int_equal(((const struct tiny_point *)p[2].options)->at, INT32_MIN);
    assert_true(((const struct tiny_point *)p[0].options)->scale == 0.1);
    assert_true(((const struct tiny_point *)p[1].options)->scale == 3);
    assert_true(((const struct tiny_point *)p[2].options)->scale == -1e20);
    assert_true(((const struct tiny_bus *)b->bus.options)->echo.factor == 1e-7);
    config_unload(again);
    again = read_again(uplink);
    char *uplink_again = section_of(again, NULL, "u");
    assert_string_equal(uplink_again, uplink);
    config_unload(again);
    findings_destroy(findings);
    free(bus), free(bus_again), free(uplink), free(uplink_again);
    rig_unload(&l);
}

static void same_or_not(const char *before, const char *after, bool same)
{
    struct loaded l = rig_load_good(before);
    char *one = section_of(l.config, "b", NULL);
    rig_unload(&l);
    l = rig_load_good(after);
    char *two = section_of(l.config, "b", NULL);
    rig_unload(&l);
    assert_int_equal(strcmp(one, two) == 0, same);
    free(one);
    free(two);
}

static void changes(void **state)
{
#define B "buses = { b = { adapter = \"tiny\"; size = 1; }; "
    same_or_not(B "};", "\n\n# a word\n" B "\n };", true);
    same_or_not(B "};", B "c = { adapter = \"tiny\"; }; };", true);
    same_or_not(B "};", B "}; uplinks = { u = { uplink = \"drop\"; url = \"\"; }; };", true);
    same_or_not(B "};", "buses = { b = { adapter = \"tiny\"; size = 2; }; };", false);
    same_or_not(B "};", "gateway = { labels = { a = \"b\"; }; }; " B "};", false);
}

static void named_files(void **state)
{
    char text[256];
    rig_write("secret", "one");
    snprintf(text, sizeof text,
             "uplinks = { u = { uplink = \"drop\"; url = \"\"; password = \"file:%s\"; }; };\n"
             "buses = { b = { adapter = \"tiny\"; devices = ( { name = \"d\"; model = \"scale-1\"; "
             "} ); }; };",
             rig_path("secret"));
    struct loaded l = rig_load_good(text);
    char *bus = section_of(l.config, "b", NULL), *before = section_of(l.config, NULL, "u");
    assert_non_null(strstr(bus, "/models/tiny/scale-1.conf "));
    assert_null(strstr(before, "one"));
    rig_write("secret", "another");
    char *after = section_of(l.config, NULL, "u");
    assert_string_not_equal(before, after);
    struct config *again = read_again(after);
    char *after_again = section_of(again, NULL, "u");
    assert_string_equal(after, after_again);
    config_unload(again);
    free(bus), free(before), free(after), free(after_again);
    rig_unload(&l);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = { TEST(round_trip), TEST(changes), TEST(named_files) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
