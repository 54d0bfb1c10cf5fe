/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * weir adapters, weir uplinks, weir models: what is installed, and what it can be told. Tables of
 * options and the example come from the plugins' own rows.
 */
#include <dirent.h>
#include <getopt.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "cli/cli.h"
#include "config/config.h"
#include "config/plugin.h"
#include "config/rows.h"

static const char *const type_names[] = {
    [WEIR_OPTION_BOOL] = "bool",         [WEIR_OPTION_INT] = "integer",
    [WEIR_OPTION_FLOAT] = "number",      [WEIR_OPTION_TEXT] = "text",
    [WEIR_OPTION_NAME] = "name",         [WEIR_OPTION_CHOICE] = "choice",
    [WEIR_OPTION_DURATION] = "duration", [WEIR_OPTION_SIZE] = "size",
    [WEIR_OPTION_SECRET] = "secret",     [WEIR_OPTION_NAMES] = "names",
    [WEIR_OPTION_GROUP] = "group",
};

static void print_row(const struct weir_option *row, const char *prefix)
{
    char name[80], range[96] = "";
    snprintf(name, sizeof name, "%s%s", prefix, row->name);
    if (row->min < row->max || (row->flags & WEIR_OPTION_RANGE)) {
        snprintf(range, sizeof range, " [%.10g..%.10g%s%s]", row->min, row->max,
                 row->type == WEIR_OPTION_DURATION ? " s"
                 : row->unit                       ? " "
                                                   : "",
                 row->unit ? row->unit : "");
    }
    printf("    %-20s %-9s %-10s %s%s", name, type_names[row->type],
           row->flags & WEIR_OPTION_REQUIRED ? "(required)"
           : row->fallback                   ? row->fallback
                                             : "-",
           row->help ? row->help : "", range);
    for (int i = 0; row->type == WEIR_OPTION_CHOICE && row->choices[i]; i++) {
        printf("%s%s", i ? ", " : "; one of ", row->choices[i]);
    }
    putchar('\n');
    for (const struct weir_option *sub = row->type == WEIR_OPTION_GROUP ? row->rows : NULL;
         sub && sub->name; sub++) {
        snprintf(name, sizeof name, "%s%s.", prefix, row->name);
        print_row(sub, name);
    }
}

static void print_rows(const char *title, const struct weir_option *host,
                       const struct weir_option *plugin)
{
    printf("\n  %s\n    %-20s %-9s %-10s\n", title, "option", "type", "default");
    for (const struct weir_option *row = host; row && row->name; row++) {
        print_row(row, "");
    }
    for (const struct weir_option *row = plugin; row && row->name; row++) {
        print_row(row, "");
    }
}

static bool needs_quotes(const struct weir_option *row)
{
    return row->type != WEIR_OPTION_BOOL && row->type != WEIR_OPTION_INT &&
           row->type != WEIR_OPTION_FLOAT;
}

/* One setting as it would be written; a comment unless it is required. */
static void example_row(const struct weir_option *row, const char *indent)
{
    const char *quote = needs_quotes(row) ? "\"" : "";
    if (row->type == WEIR_OPTION_GROUP || row->type == WEIR_OPTION_NAMES) {
        return;
    }
    const char *value = row->fallback ? row->fallback : needs_quotes(row) ? "" : "1";
    printf("%s%s%s = %s%s%s;%s%s\n", indent, row->flags & WEIR_OPTION_REQUIRED ? "" : "# ",
           row->name, quote, value, quote, row->help ? "  # " : "", row->help ? row->help : "");
}

static void example_rows(const struct weir_option *rows, const char *indent, const char *skip)
{
    for (; rows && rows->name; rows++) {
        if (strcmp(rows->name, skip) != 0) {
            example_row(rows, indent);
        }
    }
}

static void show_adapter(const struct weir_adapter *a)
{
    printf("%s: %s\n", a->name, a->summary ? a->summary : "");
    print_rows("bus", bus_rows, a->bus_options);
    print_rows("device", device_rows, a->device_options);
    print_rows("point", point_rows, a->point_options);
    printf("\n# example\nbuses = {\n  mybus = {\n    adapter = \"%s\";\n", a->name);
    if (a->ports & WEIR_PORT_SERIAL) {
        puts("    port = \"/dev/ttyUSB0\";");
    } else if (a->ports & WEIR_PORT_TCP) {
        puts("    address = \"10.0.0.5:502\";");
    }
    example_rows(a->bus_options, "    ", "");
    puts("    devices = ( {\n      name = \"mydevice\";");
    example_rows(a->device_options, "      ", "");
    puts("      points = ( {\n        name = \"mypoint\";");
    example_rows(a->point_options, "        ", "");
    puts("      } );\n    } );\n  };\n};");
}

static void show_uplink(const struct weir_uplink *u)
{
    printf("%s: %s\n", u->name, u->summary ? u->summary : "");
    print_rows("uplink", uplink_rows, u->options);
    printf("\n# example\nuplinks = {\n  myuplink = {\n    uplink = \"%s\";\n", u->name);
    example_rows(uplink_rows, "    ", "uplink");
    example_rows(u->options, "    ", "");
    puts("  };\n};");
}

static void list_one(void *context, const char *name, const char *path)
{
    const enum plugin_kind *kind = context;
    struct plugin plugin;
    char err[1024];
    if (plugin_load(*kind, name, &plugin, err, sizeof err) < 0) {
        printf("%-16s refused: %s\n", name, err);
        return;
    }
    const char *summary =
        *kind == PLUGIN_ADAPTER ? plugin.adapter->summary : plugin.uplink->summary;
    printf("%-16s %s  (%s)\n", name, summary ? summary : "", path);
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
    for (int i = 0; points && i < config_setting_length(points); i++) {
        const config_setting_t *point = config_setting_get_elem(points, (unsigned)i);
        printf("  %-32s %s\n", text_of(point, "name"), text_of(point, "unit"));
    }
}

static int show_model(const char *path, const char *adapter, const char *name, bool whole)
{
    config_t tree;
    config_init(&tree);
    int ok = config_read_file(&tree, path);
    if (!ok) {
        fprintf(stderr, "weir: %s:%d: %s\n", path, config_error_line(&tree),
                config_error_text(&tree));
    } else {
        const config_setting_t *root = config_root_setting(&tree);
        printf("%-24s %-10s %s %s\n", name, adapter, text_of(root, "manufacturer"),
               text_of(root, "description"));
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

static void models_of(void *context, const char *adapter, const char *path)
{
    struct model_search *search = context;
    char folder[600], file[1024];
    for (size_t i = 0; plugin_model_folder(adapter, i, folder, sizeof folder) == 0; i++) {
        struct dirent **list;
        int count = scandir(folder, &list, NULL, alphasort);
        for (int k = 0; k < count; k++) {
            char name[65];
            size_t len = strlen(list[k]->d_name);
            if (len > 5 && len < sizeof name + 5 && !strcmp(list[k]->d_name + len - 5, ".conf")) {
                snprintf(name, sizeof name, "%.*s", (int)(len - 5), list[k]->d_name);
                if (!search->wanted || !strcmp(search->wanted, name)) {
                    snprintf(file, sizeof file, "%s/%s", folder, list[k]->d_name);
                    search->status |= show_model(file, adapter, name, search->wanted != NULL);
                    search->found++;
                }
            }
            free(list[k]);
        }
        if (count >= 0) {
            free(list);
        }
    }
}

int cmd_models(int argc, char **argv)
{
    static const struct option options[] = { { "help", 0, 0, 'h' }, { 0 } };
    struct model_search search = { 0 };
    int o = getopt_long(argc, argv, "h", options, NULL);
    if (o != -1 || argc > 2) {
        fputs("usage: weir models [NAME]\n\nLists the device models; with NAME its points.\n",
              o == 'h' ? stdout : stderr);
        return o == 'h' ? 0 : EXIT_USAGE;
    }
    search.wanted = optind < argc ? argv[optind] : NULL;
    plugin_list(PLUGIN_ADAPTER, models_of, &search);
    if (search.wanted && !search.found) {
        fprintf(stderr, "weir: there is no model \"%s\"\n", search.wanted);
        return EXIT_DEGRADED;
    }
    return search.status;
}
