/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool dump`: every record of a store as a line of JSON, in the order of the log, as the
 * format `json` of an uplink has it (without `before` and `after`, which belong to one uplink). One
 * group is in memory at a time.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "cli/cmd_spool.h"
#include "cli/load.h"
#include "record/json.h"

enum { TEXT_FIRST = 64 * 1024, TEXT_MAX = 64 * 1024 * 1024 };

struct known_shape {
    const struct shape *shape;
    struct json_shape *json;
};

/* A bus, and how far it has been printed: a group that was written again comes twice. */
struct dumped_bus {
    char name[WEIR_NAME_MAX + 1];
    uint64_t order, seq;
    struct known_shape *shapes;
    size_t shape_count, guess;
    struct dumped_bus *next;
};

struct dump {
    const char *bus, *device, *kind; /* NULL: all */
    uint64_t epoch;                  /* 0: all */

    struct spool_store *store;
    struct spool_records records;
    struct spool_progress progress;
    struct dumped_bus *buses;
    char *text;
    size_t text_size;
    uint64_t printed;
    bool damaged;
    int status;
};

static void usage(FILE *out)
{
    fputs(
        "usage: weir spool dump [OPTION...] [DIR...]\n\n"
        "Prints every record that can be read in a store, one line of JSON each, in the order of\n"
        "the log: as an uplink with format \"json\" sends it, without before and after.\n\n"
        "  -c, --config FILE  whose store (default " LOAD_DEFAULT_FILE ")\n"
        "      --bus NAME     of this bus only\n"
        "      --device NAME  of this device only\n"
        "      --kind KIND    of this kind only: reading, state, event, ...\n"
        "      --epoch N      of this epoch only\n\n"
        "What is damaged is left out, with a word on stderr; `weir spool verify` says what.\n"
        "Exit status: 0 done, 2 wrong usage, 3 it could not be read.\n",
        out);
}

/* ---- one record */

static struct dumped_bus *bus_of(struct dump *dump, const char *name)
{
    struct dumped_bus *bus = dump->buses;
    while (bus && strcmp(bus->name, name) != 0) {
        bus = bus->next;
    }
    if (!bus && (bus = calloc(1, sizeof *bus))) {
        memcpy(bus->name, name, strnlen(name, WEIR_NAME_MAX));
        bus->next = dump->buses;
        dump->buses = bus;
    }
    return bus;
}

/* Devices of a bus come in turn, so the one after the last hit is tried first. */
static const struct json_shape *json_of(struct dump *dump, struct dumped_bus *bus,
                                        const struct shape *shape)
{
    size_t guess = bus->guess + 1;
    for (size_t n = 0; n < bus->shape_count; n++, guess++) {
        guess = guess < bus->shape_count ? guess : 0;
        if (bus->shapes[guess].shape == shape) {
            bus->guess = guess;
            return bus->shapes[guess].json;
        }
    }
    struct known_shape *more = realloc(bus->shapes, (bus->shape_count + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    bus->shapes = more;
    struct known_shape *known = &more[bus->shape_count];
    known->shape = shape;
    if (json_shape_create(dump->store->gateway, bus->name, &shape->view, false, &known->json) < 0) {
        return NULL;
    }
    bus->guess = bus->shape_count++;
    return known->json;
}

/* The text of the record in hand; NULL: no memory. */
static const char *text_of(struct dump *dump, struct dumped_bus *bus, size_t *ret_len)
{
    const struct item *item = &dump->records.item;
    const struct json_shape *shape = json_of(dump, bus, item->shape);
    struct when when = spool_records_when(&dump->records);
    const struct json_record record = { .epoch = item->epoch,
                                        .seq = item->first,
                                        .time = when.time,
                                        .clock = when.clock,
                                        .clock_error_s = when.error_s,
                                        .uptime_ns = item->time.ns,
                                        .values = item->values };
    while (shape) {
        struct json json = json_init(dump->text, dump->text_size);
        json_record(&json, shape, &record);
        json_word(&json, "\n");
        if (!json.failed) {
            *ret_len = json_len(&json);
            return dump->text;
        }
        size_t size = dump->text_size * 2;
        char *more = size <= TEXT_MAX ? realloc(dump->text, size) : NULL;
        if (!more) {
            break;
        }
        dump->text = more;
        dump->text_size = size;
    }
    return NULL;
}

static bool wanted(const struct dump *dump)
{
    const struct weir_shape *shape = &dump->records.item.shape->view;
    return (!dump->device || !strcmp(dump->device, shape->device)) &&
           (!dump->kind || !strcmp(dump->kind, shape->kind));
}

static int print_record(struct dump *dump, struct dumped_bus *bus)
{
    const struct item *item = &dump->records.item;
    size_t len;
    if (item->order < bus->order || (item->order == bus->order && item->first <= bus->seq)) {
        return 0; /* comes a second time */
    }
    bus->order = item->order;
    bus->seq = item->first;
    if (!wanted(dump)) {
        return 0;
    }
    const char *text = text_of(dump, bus, &len);
    if (!text) {
        fprintf(stderr, "weir: a record of %s is too large to show\n", item->shape->view.device);
        return 0;
    }
    dump->printed++;
    return fwrite(text, 1, len, stdout) == len ? 0 : -EIO;
}

/* ---- one store */

static int dump_group(struct dump *dump, const struct spool_walk *walk)
{
    const struct group *group = &walk->group;
    spool_records_shapes(&dump->records, walk);
    dump->damaged |= (!walk->whole && !walk->written_again) || walk->skipped;
    for (size_t i = 0; i < group->section_count; i++) {
        struct spool_frames frames = spool_records_section(&dump->records, walk, i);
        const struct account_epoch *e = dump->records.of;
        if ((dump->bus && strcmp(dump->bus, e->bus) != 0) ||
            (dump->epoch && dump->epoch != e->epoch)) {
            continue;
        }
        struct dumped_bus *bus = bus_of(dump, e->bus);
        int r = bus ? 0 : -ENOMEM;
        while (r == 0 && spool_records_next(&dump->records, walk, i, &frames) == 1) {
            r = print_record(dump, bus);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int dump_segments(struct dump *dump, struct spool_walk *walk)
{
    int r;
    while ((r = spool_walk_segment(walk)) != 0) {
        if (r == -EPROTO) {
            fprintf(stderr, "weir: %s/%s: left out: of a newer format\n", dump->store->path,
                    walk->name);
            dump->status = EXIT_CANNOT;
            continue;
        }
        dump->damaged |= r == 1 && walk->headers[0] != 0 && walk->headers[1] != 0;
        while (r == 1 && (r = spool_walk_group(walk)) == 1) {
            spool_progress_share(&dump->progress, walk);
            r = dump_group(dump, walk);
            r = r < 0 ? r : 1;
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void forget(struct dump *dump)
{
    while (dump->buses) {
        struct dumped_bus *bus = dump->buses;
        dump->buses = bus->next;
        for (size_t i = 0; i < bus->shape_count; i++) {
            json_shape_destroy(bus->shapes[i].json);
        }
        free(bus->shapes);
        free(bus);
    }
}

static int dump_store(void *context, struct spool_store *store)
{
    struct dump *dump = context;
    struct spool_state state = { 0 };
    struct spool_walk *walk = NULL;
    dump->store = store;
    dump->status = 0;
    dump->damaged = false;
    int r = spool_state_read(store->disk, SPOOL_SEGMENT_BYTES, &state);
    if (r == 0) {
        r = spool_records_init(&dump->records, store, state.account);
    }
    if (r == 0) {
        r = spool_walk_create(store->disk, &walk);
    }
    spool_progress_start(&dump->progress);
    if (r == 0) {
        r = dump_segments(dump, walk);
    }
    spool_progress_end(&dump->progress);
    if (r < 0) {
        dump->status = ferror(stdout) ? EXIT_CANNOT : spool_cannot(store, r, NULL);
    } else if (dump->damaged || dump->records.unusable) {
        fprintf(stderr, "weir: %s: there is damage; weir spool verify says where\n", store->path);
    }
    forget(dump);
    spool_records_finish(&dump->records);
    spool_walk_destroy(walk);
    spool_state_finish(&state);
    return dump->status;
}

static bool take_epoch(struct dump *dump, const char *text)
{
    char *end;
    errno = 0;
    dump->epoch = strtoull(text, &end, 10);
    return dump->epoch && errno == 0 && !*end && text[0] >= '0' && text[0] <= '9';
}

int spool_dump_main(int argc, char **argv)
{
    enum { BUS = 256, DEVICE, KIND, EPOCH };
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "bus", required_argument, NULL, BUS },
        { "device", required_argument, NULL, DEVICE },
        { "kind", required_argument, NULL, KIND },
        { "epoch", required_argument, NULL, EPOCH },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct dump dump = { .bus = NULL };
    struct spool_options common = { 0 };
    bool bad = false;
    for (int o; (o = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        const char **texts[] = { &dump.bus, &dump.device, &dump.kind };
        if (o == 'h') {
            usage(stdout);
            return 0;
        }
        if (o == 'c') {
            common.file = optarg;
        } else if (o >= BUS && o <= KIND) {
            *texts[o - BUS] = optarg;
        } else {
            bad |= o != EPOCH || !take_epoch(&dump, optarg);
        }
    }
    if (bad) {
        usage(stderr);
        return EXIT_USAGE;
    }
    common.dirs = argv + optind;
    common.dir_count = argc - optind;
    dump.text_size = TEXT_FIRST;
    dump.text = malloc(dump.text_size);
    int status = dump.text ? spool_each(&common, dump_store, &dump) : EXIT_CANNOT;
    free(dump.text);
    return status;
}
