/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool`: looks into a store on flash, of a gateway that runs or not, damaged or taken from
 * another machine, without changing it.
 */
#include "cli/cmd_spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/say.h"
#include "cli/cli.h"
#include "cli/load.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} parts[] = {
    { "status", spool_status_main, "what is in it: segments, epochs, cursors" },
    { "dump", spool_dump_main, "every record as a line of JSON" },
    { "verify", spool_verify_main, "is all of it whole? Exit status 1: there is damage" },
    { "send", spool_send_main, "deliver it to a broker, from this machine" },
};
enum { PARTS = sizeof parts / sizeof *parts };

static void usage(FILE *out)
{
    fputs(
        "usage: weir spool COMMAND [OPTION...] [DIR...]\n\n"
        "Looks into a store on flash and changes nothing in it. DIR is the `directory` of a\n"
        "gateway's configuration, or the folder `spool` in it, or a copy of one of them, of this\n"
        "machine or another, mounted read-only or not. Default: that of the configuration.\n\n",
        out);
    for (int i = 0; i < PARTS; i++) {
        fprintf(out, "  %-7s %s\n", parts[i].name, parts[i].help);
    }
    fputs("\nweir spool COMMAND --help says more.\n", out);
}

int cmd_spool(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        usage(stdout);
        return 0;
    }
    for (int i = 0; i < PARTS; i++) {
        if (!strcmp(argv[1], parts[i].name)) {
            return parts[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "weir: spool has no command \"%s\"; weir spool --help lists them\n", argv[1]);
    return EXIT_USAGE;
}

/* ---- which store */

static void count_file(void *context, const char *name)
{
    struct spool_store *store = context;
    uint64_t generation;
    size_t *counts[] = { [SPOOL_OTHER] = &store->others,
                         [SPOOL_SEGMENT] = &store->segments,
                         [SPOOL_FREE] = &store->free,
                         [SPOOL_BAD] = &store->bad,
                         [SPOOL_NEWER] = &store->newer };
    if (!strcmp(name, "counter-1") || !strcmp(name, "counter-2")) {
        store->counters[name[8] - '1'] = true;
        return;
    }
    (*counts[spool_parse(name, &generation)])++;
}

/* DIR/spool, else DIR itself if it has files of a spool, or is called so. */
static int find_folder(const char *dir, char *path, size_t size)
{
    struct stat st;
    int n = snprintf(path, size, "%s/spool", dir);
    if (n < 0 || (size_t)n >= size) {
        return -ENAMETOOLONG;
    }
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        snprintf(path, size, "%s", dir);
    }
    return stat(path, &st) != 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static bool is_called_spool(const char *path)
{
    size_t n = strlen(path);
    while (n && path[n - 1] == '/') {
        n--;
    }
    return n >= 5 && !strncmp(path + n - 5, "spool", 5) && (n == 5 || path[n - 6] == '/');
}

/* The name of the gateway stands in every header; the newest counts. */
static void find_gateway(struct spool_store *store)
{
    uint64_t *generations;
    size_t count;
    if (spool_list(store->disk, SPOOL_SEGMENT, &generations, &count) < 0) {
        return;
    }
    for (size_t i = count; i-- > 0 && !store->gateway[0];) {
        struct segment segment;
        if (segment_open(store->disk, generations[i], SPOOL_SEGMENT_BYTES, &segment) == 0) {
            memcpy(store->gateway, segment.header.gateway, sizeof store->gateway);
            segment_close(&segment);
        }
    }
    free(generations);
}

int spool_cannot(const struct spool_store *store, int error, const char *what)
{
    fprintf(stderr, "weir: %s: %s%s%s\n", store->path, what ? what : "", what ? ": " : "",
            strerror(-error));
    return EXIT_CANNOT;
}

static int open_store(struct spool_store *store, const char *dir)
{
    int r = find_folder(dir, store->path, sizeof store->path);
    if (r == 0) {
        r = disk_look(store->path, &store->disk);
    }
    if (r == 0) {
        r = boot_id(store->boot_id);
    }
    if (r == 0) {
        r = store->disk->ops->list(store->disk, count_file, store);
    }
    if (r < 0) {
        return spool_cannot(store, r, NULL);
    }
    bool any = store->segments || store->free || store->bad || store->newer || store->counters[0] ||
               store->counters[1];
    if (!any && !is_called_spool(store->path)) {
        fprintf(stderr, "weir: %s: there is no spool here\n", store->path);
        return EXIT_CANNOT;
    }
    find_gateway(store);
    return 0;
}

static int worse(int a, int b)
{
    return a > b ? a : b;
}

static int look_at(struct spool_store store, const char *dir,
                   int (*look)(void *context, struct spool_store *store), void *context)
{
    int status = open_store(&store, dir);
    if (status == 0) {
        status = look(context, &store);
    }
    disk_destroy(store.disk);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "weir: writing: %s\n", strerror(errno));
        status = EXIT_CANNOT;
    }
    return status;
}

int spool_each(const struct spool_options *options,
               int (*look)(void *context, struct spool_store *store), void *context)
{
    struct settings settings = { .clock = CONFIG_CLOCK_AUTO };
    struct config *config = NULL;
    if (options->file || options->dir_count == 0) {
        config = load_settings(options->file ? options->file : LOAD_DEFAULT_FILE, &settings);
        if (!config) {
            return EXIT_CANNOT;
        }
    }
    struct spool_store store = {
        .given = options->dir_count > 0,
        .clock = clock_read((enum clock_source)settings.clock, settings.clock_file),
    };
    int status = options->dir_count ? 0 : look_at(store, settings.directory, look, context);
    for (int i = 0; i < options->dir_count; i++) {
        status = worse(status, look_at(store, options->dirs[i], look, context));
    }
    config_unload(config);
    return status;
}
