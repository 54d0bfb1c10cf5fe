/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Plugins that are not loaded, each with one clear line; the order in which they are looked for.
 */
#include "cmocka_all.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/plugin.h"

static char folder[] = "/dev/shm/weir-plugin-XXXXXX";
static char place[128]; /* of a file in it */

static int setup(void **state)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    setenv("WEIR_PLUGIN_PATH", REFUSED, 1);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    return remove(path);
}

static int teardown(void **state)
{
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A copy of the good adapter in the folder, which is searched first then. */
static void copy_good(mode_t mode)
{
    char buf[4096], path[300];
    size_t n;
    snprintf(path, sizeof path, "%s:%s", folder, REFUSED);
    setenv("WEIR_PLUGIN_PATH", path, 1);
    snprintf(place, sizeof place, "%s/adapter-good.so", folder);
    FILE *in = fopen(REFUSED "/adapter-good.so", "rb"), *out = fopen(place, "wb");
    assert_true(in && out);
    while ((n = fread(buf, 1, sizeof buf, in)) > 0) {
        assert_int_equal(fwrite(buf, 1, n, out), n);
    }
    fclose(in);
    fclose(out);
    assert_int_equal(chmod(place, mode), 0);
}

/* Loads and expects this refusal, of the file `place` if the line is to begin with its name. */
static void refused(enum plugin_kind kind, const char *name, int r, const char *line)
{
    char err[1024] = "", want[1400];
    struct plugin plugin;
    assert_int_equal(plugin_load(kind, name, &plugin, err, sizeof err), r);
    snprintf(want, sizeof want, "%s%s%s", place, place[0] ? ": " : "", line);
    assert_string_equal(err, want);
    assert_null(strchr(err, '\n'));
    place[0] = 0;
}

static void as_built(const char *name, int r, const char *adapter_line, const char *uplink_line)
{
    snprintf(place, sizeof place, REFUSED "/adapter-%s.so", name);
    refused(PLUGIN_ADAPTER, name, r, adapter_line);
    if (uplink_line) {
        snprintf(place, sizeof place, REFUSED "/uplink-%s.so", name);
        refused(PLUGIN_UPLINK, name, r, uplink_line);
    }
}

static void good(void **state)
{
    struct plugin plugin;
    char err[1024] = "";
    assert_int_equal(plugin_load(PLUGIN_ADAPTER, "good", &plugin, err, sizeof err), 0);
    assert_string_equal(plugin.adapter->name, "good");
    assert_string_equal(plugin.path, REFUSED "/adapter-good.so");
    plugin_unload(&plugin);
    assert_int_equal(plugin_load(PLUGIN_UPLINK, "good", &plugin, err, sizeof err), 0);
    assert_string_equal(plugin.uplink->summary, "for tests of the loader");
    plugin_unload(&plugin);
    assert_string_equal(err, "");
}

/* An older plugin has no optional callbacks; two at once are two. */
static void older_and_two(void **state)
{
    struct plugin old, new;
    char err[1024] = "";
    assert_int_equal(plugin_load(PLUGIN_ADAPTER, "old", &old, err, sizeof err), 0);
    assert_int_equal(plugin_load(PLUGIN_ADAPTER, "good", &new, err, sizeof err), 0);
    assert_string_equal(old.adapter->name, "old");
    assert_null(old.adapter->explain);
    assert_null(old.adapter->turnaround_ns);
    assert_string_equal(new.adapter->name, "good");
    plugin_unload(&old);
    plugin_unload(&new);
}

static void contract(void **state)
{
    static char too_short[2][96];
    snprintf(too_short[0], 96, "its description is too short (16 bytes of at least %zu)",
             offsetof(struct weir_adapter, explain));
    snprintf(too_short[1], 96, "its description is too short (16 bytes of at least %zu)",
             offsetof(struct weir_uplink, overhead));
    as_built("abi", -EPROTO, "is made for plugin ABI 99, this weir has 2",
             "is made for plugin ABI 99, this weir has 1");
    as_built("symbol", -ENOSYS, "has no symbol weir_adapter, so it is no adapter for weir",
             "has no symbol weir_uplink, so it is no uplink for weir");
    as_built("short", -EPROTO, too_short[0], too_short[1]);
    as_built("other", -EPROTO, "calls itself \"good\", not \"other\"",
             "calls itself \"good\", not \"other\"");
    as_built("bare", -EPROTO, "lacks callbacks that it must have",
             "lacks callbacks that it must have");
}

static void libraries(void **state)
{
    as_built(
        "library", -ELIBBAD,
        "cannot be loaded: libweir-missing.so: cannot open shared object file: No such file or "
        "directory",
        NULL);
    as_built("undefined", -ELIBBAD, "cannot be loaded: undefined symbol: nobody_has_this", NULL);
}

static void files(void **state)
{
    copy_good(0755);
    assert_int_equal(truncate(place, 3), 0);
    refused(PLUGIN_ADAPTER, "good", -ENOEXEC, "is not a shared object");
    copy_good(0755);
    assert_int_equal(truncate(place, 2000), 0);
    refused(PLUGIN_ADAPTER, "good", -ENOEXEC, "is cut short");
    copy_good(0755);
    FILE *text = fopen(place, "w");
    fputs("not an adapter\n", text);
    fclose(text);
    refused(PLUGIN_ADAPTER, "good", -ENOEXEC, "is not a shared object");
    copy_good(0755);
    assert_int_equal(unlink(place), 0);
    assert_int_equal(mkdir(place, 0755), 0);
    refused(PLUGIN_ADAPTER, "good", -EINVAL, "is not a file");
    snprintf(place, sizeof place, "%s/adapter-good.so", folder);
    assert_int_equal(rmdir(place), 0);
    assert_int_equal(mkfifo(place, 0755), 0); /* must not wait for a writer */
    refused(PLUGIN_ADAPTER, "good", -EINVAL, "is not a file");
}

static void modes(void **state)
{
    static const mode_t bad[] = { 0775, 0757, 0777, 0620 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[256];
        copy_good(bad[i]);
        snprintf(line, sizeof line, "mode %04o, so others can change it; chmod 0755 %s",
                 (unsigned)bad[i], place);
        refused(PLUGIN_ADAPTER, "good", -EPERM, line);
    }
    copy_good(0500);
    struct plugin plugin;
    char err[1024];
    assert_int_equal(plugin_load(PLUGIN_ADAPTER, "good", &plugin, err, sizeof err), 0);
    assert_string_equal(plugin.path, place);
    plugin_unload(&plugin);
}

static void owner(void **state)
{
    if (geteuid() != 0) {
        print_message("only root can give a file away\n");
        skip();
    }
    copy_good(0755);
    assert_int_equal(chown(place, 65534, 0), 0);
    refused(
        PLUGIN_ADAPTER, "good", -EPERM,
        "belongs to user 65534 (nobody); it must belong to root, to the user running weir or to "
        "the owner of the weir binary");
}

static void nowhere(void **state)
{
    static const char *const names[] = { "", "../good", "a/b", "-x" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[80];
        snprintf(line, sizeof line, "\"%s\" is no name of a plugin", names[i]);
        place[0] = 0;
        refused(PLUGIN_ADAPTER, names[i], -EINVAL, line);
    }
    struct plugin plugin;
    char err[1024];
    assert_int_equal(plugin_load(PLUGIN_UPLINK, "nosuch", &plugin, err, sizeof err), -ENOENT);
    assert_ptr_equal(strstr(err, "there is no uplink \"nosuch\": no uplink-nosuch.so in "), err);
}

struct listing {
    char text[512];
};

static void list_one(void *context, const char *name, const char *path)
{
    struct listing *listing = context;
    size_t len = strlen(listing->text);
    if (!strncmp(path, REFUSED "/", strlen(REFUSED) + 1)) {
        snprintf(listing->text + len, sizeof listing->text - len, "%s ", name);
    } else if (!strncmp(path, folder, strlen(folder))) {
        snprintf(listing->text + len, sizeof listing->text - len, "(%s) ", name);
    }
}

static void list(void **state)
{
    struct listing listing = { "" };
    copy_good(0755);
    assert_int_equal(plugin_list(PLUGIN_ADAPTER, list_one, &listing), 0);
    assert_string_equal(listing.text,
                        "abi bare (good) library old other short sick symbol undefined ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(good),  TEST(contract), TEST(libraries), TEST(files),         TEST(modes),
        TEST(owner), TEST(nowhere),  TEST(list),      TEST(older_and_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
