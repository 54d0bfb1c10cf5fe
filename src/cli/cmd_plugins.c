/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * weir adapters, weir uplinks, weir models: what is installed, and what it can be told. Tables of
 * options and the example come from the plugins' own rows.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "cli/cli.h"
#include "cli/option_text.h"
#include "config/config.h"
#include "config/plugin.h"
#include "config/rows.h"
#include "config/scan.h"

static void show_adapter(const struct weir_adapter *a)
{
    printf("%s: %s\n", a->name, a->summary ? a->summary : "");
    option_text_table("bus", bus_rows, a->bus_options);
    option_text_table("device", device_rows, a->device_options);
    option_text_table("point", point_rows, a->point_options);
    printf("\n# example\nbuses = {\n  mybus = {\n    adapter = \"%s\";\n", a->name);
    if (a->ports & WEIR_PORT_SERIAL) {
        puts("    port = \"/dev/ttyUSB0\";");
    } else if (a->ports & WEIR_PORT_TCP) {
        puts("    address = \"10.0.0.5:502\";");
    }
    option_text_example(a->bus_options, 4, NULL);
    puts("    devices = ( {\n      name = \"mydevice\";");
    option_text_example(a->device_options, 6, NULL);
    puts("      points = ( {\n        name = \"mypoint\";");
    option_text_example(a->point_options, 8, NULL);
    puts("      } );\n    } );\n  };\n};");
}

static void show_uplink(const struct weir_uplink *u)
{
    printf("%s: %s\n", u->name, u->summary ? u->summary : "");
    option_text_table("uplink", uplink_rows, u->options);
    printf("\n# example\nuplinks = {\n  myuplink = {\n    uplink = \"%s\";\n", u->name);
    option_text_example(uplink_rows, 4, "uplink");
    option_text_example(u->options, 4, NULL);
    puts("  };\n};");
}

static void list_one(void *context, const char *name, const char *path)
{
    const enum plugin_kind *kind = context;
    struct plugin plugin;
    char err[1024];
    if (plugin_load(*kind, name, &plugin, err, sizeof err) < 0) {
        printf("%-12s  refused: %s\n", name, err);
        return;
    }
    const char *summary =
        *kind == PLUGIN_ADAPTER ? plugin.adapter->summary : plugin.uplink->summary;
    printf("%-12s  %s\n%14s%s\n", name, summary ? summary : "", "", path);
    plugin_unload(&plugin);
}

static int plugins(int argc, char **argv, enum plugin_kind kind, const char *what)
{
    static const struct option options[] = { { "help", 0, 0, 'h' }, { 0 } };
    struct plugin plugin;
    char err[1024];
    int o = getopt_long(argc, argv, "h", options, NULL);
    if (o != -1 || argc > 2) {
        fprintf(o == 'h' ? stdout : stderr,
                "usage: weir %ss [NAME]\n\nLists the installed %ss; with NAME its options and an "
                "example.\n",
                what, what);
        return o == 'h' ? 0 : EXIT_USAGE;
    }
    if (optind == argc) {
        return plugin_list(kind, list_one, &kind) < 0 ? EXIT_CANNOT : 0;
    }
    if (plugin_load(kind, argv[optind], &plugin, err, sizeof err) < 0) {
        fprintf(stderr, "weir: %s\n", err);
        return EXIT_DEGRADED;
    }
    if (kind == PLUGIN_ADAPTER) {
        show_adapter(plugin.adapter);
    } else {
        show_uplink(plugin.uplink);
    }
    plugin_unload(&plugin);
    return 0;
}

int cmd_adapters(int argc, char **argv)
{
    return plugins(argc, argv, PLUGIN_ADAPTER, "adapter");
}

int cmd_uplinks(int argc, char **argv)
{
    return plugins(argc, argv, PLUGIN_UPLINK, "uplink");
}

/* ---- models */

static const char *text_of(const config_setting_t *group, const char *key)
{
    const char *text = "";
    config_setting_lookup_string(group, key, &text);
    return text;
}

static void show_points(const config_setting_t *root)
{
    config_setting_t *points = config_setting_get_member(root, "points");
    int count = points && config_setting_is_list(points) ? config_setting_length(points) : 0;
    for (int i = 0; i < count; i++) {
        const config_setting_t *point = config_setting_get_elem(points, (unsigned)i);
        if (config_setting_is_group(point)) {
            const char *unit = text_of(point, "unit"), *name = text_of(point, "name");
            printf("  %-*s%s%s\n", unit[0] ? 32 : 0, name, unit[0] ? "  " : "", unit);
        }
    }
}

static bool read_text(FILE *in, char **ret_text, size_t *ret_len)
{
    char buf[4096];
    FILE *out = open_memstream(ret_text, ret_len);
    for (size_t n; out && (n = fread(buf, 1, sizeof buf, in)) > 0;) {
        fwrite(buf, 1, n, out);
    }
    return out && fclose(out) == 0;
}

/* The same look as everywhere before libconfig sees a text. */
static bool parse_model(const char *path, config_t *tree)
{
    char *text = NULL;
    size_t len;
    struct findings *findings = findings_create();
    FILE *in = fopen(path, "re");
    bool ok = in && findings && read_text(in, &text, &len);
    if (!ok) {
        fprintf(stderr, "weir: %s: %s\n", path, strerror(errno));
    } else if (config_scan(text, len, path, findings) > 0) {
        findings_print(findings, stderr);
        ok = false;
    } else if (!config_read_string(tree, text)) {
        fprintf(stderr, "%s:%d: error: %s\n", path, config_error_line(tree),
                config_error_text(tree));
        ok = false;
    }
    if (in) {
        fclose(in);
    }
    free(text);
    findings_destroy(findings);
    return ok;
}

static int show_model(const char *path, const char *adapter, const char *name, bool whole)
{
    config_t tree;
    config_init(&tree);
    bool ok = parse_model(path, &tree);
    if (ok) {
        const config_setting_t *root = config_root_setting(&tree);
        const char *maker = text_of(root, "manufacturer"), *what = text_of(root, "description");
        bool named = strncmp(what, maker, strcspn(maker, " ")) == 0; /* or there is none */
        printf("%-24s  %-10s  %s%s%s\n", name, adapter, named ? "" : maker, named ? "" : " ", what);
        if (whole) {
            show_points(root);
        }
    }
    config_destroy(&tree);
    return ok ? 0 : EXIT_DEGRADED;
}

struct model_search {
    const char *wanted; /* NULL: all */
    size_t found;
    int status;
};

static void models_in(struct model_search *search, const char *folder, const char *adapter)
{
    struct dirent **list;
    int count = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char name[65], path[1024];
        size_t len = strlen(list[i]->d_name);
        if (len > 5 && len < sizeof name + 5 && !strcmp(list[i]->d_name + len - 5, ".conf")) {
            snprintf(name, sizeof name, "%.*s", (int)(len - 5), list[i]->d_name);
            if (!search->wanted || !strcmp(search->wanted, name)) {
                snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
                search->status |= show_model(path, adapter, name, search->wanted != NULL);
                search->found++;
            }
        }
        free(list[i]);
    }
    if (count >= 0) {
        free(list);
    }
}

/* Folder 0 is the user's own and the same for all adapters. */
static void models_of(void *context, const char *adapter, const char *path)
{
    char folder[600];
    for (size_t i = 1; plugin_model_folder(adapter, i, folder, sizeof folder) == 0; i++) {
        models_in(context, folder, adapter);
    }
}

int cmd_models(int argc, char **argv)
{
    static const struct option options[] = { { "help", 0, 0, 'h' }, { 0 } };
    struct model_search search = { 0 };
    char folder[600];
    int o = getopt_long(argc, argv, "h", options, NULL);
    if (o != -1 || argc - optind > 1) {
        fputs("usage: weir models [NAME]\n\nLists the device models; with NAME its points.\n",
              o == 'h' ? stdout : stderr);
        return o == 'h' ? 0 : EXIT_USAGE;
    }
    search.wanted = optind < argc ? argv[optind] : NULL;
    if (plugin_model_folder("", 0, folder, sizeof folder) == 0) {
        models_in(&search, folder, "(own)");
    }
    plugin_list(PLUGIN_ADAPTER, models_of, &search);
    if (search.wanted && !search.found) {
        fprintf(stderr, "weir: there is no model \"%s\"\n", search.wanted);
        return EXIT_DEGRADED;
    }
    return search.status;
}
