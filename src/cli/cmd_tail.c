/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir tail`: records as they arrive, read from the queues like an uplink does, beside the running
 * gateway and without its help.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/say.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/table.h"
#include "log/reader.h"
#include "record/json.h"

#define LOOK_AGAIN_NS (50 * NS_PER_MS)
enum { JSON_FIRST_BYTES = 64 * 1024, JSON_MAX_BYTES = 64 * 1024 * 1024 };

/* How a shape looks as JSON, prepared once. */
struct known_shape {
    const struct shape *shape;
    struct json_shape *json;
};

struct tailed_bus {
    char name[WEIR_NAME_MAX + 1];
    struct reader *reader;
    struct known_shape *shapes;
    size_t shape_count;
    struct tailed_bus *next;
};

struct tail {
    const char *file, *device; /* NULL: every device */
    bool json;
    int64_t until_ns;
    struct settings settings;
    struct tailed_bus *buses;
    bool from_start; /* --all, or buses that are found now are new */
    struct record_table table;
    char *buffer;
    size_t buffer_size;
};

static void usage(FILE *out)
{
    fputs("usage: weir tail [-c FILE] [--device D] [--all] [--json] [--seconds N]\n"
          "\n"
          "Shows records as they arrive, until Ctrl-C.\n"
          "\n"
          "  -c FILE       configuration (default: " LOAD_DEFAULT_FILE ")\n"
          "  --device D    of this device only\n"
          "  --all         also what RAM still holds of earlier\n"
          "  --json        one JSON object a line\n"
          "  --seconds N   end after N seconds\n",
          out);
}

/* ---- as JSON */

static struct json_shape *json_shape_of(struct tail *tail, struct tailed_bus *bus,
                                        const struct shape *shape)
{
    for (size_t i = 0; i < bus->shape_count; i++) {
        if (bus->shapes[i].shape == shape) {
            return bus->shapes[i].json;
        }
    }
    struct known_shape *more = realloc(bus->shapes, (bus->shape_count + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    bus->shapes = more;
    struct known_shape *known = &more[bus->shape_count];
    known->shape = shape;
    if (json_shape_create(tail->settings.gateway, bus->name, &shape->view, false, &known->json) <
        0) {
        return NULL;
    }
    bus->shape_count++;
    return known->json;
}

static void print_json(struct tail *tail, struct tailed_bus *bus, const struct item *item)
{
    const struct json_shape *shape = json_shape_of(tail, bus, item->shape);
    const struct json_record record = { .epoch = item->epoch,
                                        .seq = item->first,
                                        .time = wall_from_boot(item->time, item->clock),
                                        .clock = item->clock.state == CLOCK_SYNCED
                                                     ? JSON_CLOCK_SYNCED
                                                     : JSON_CLOCK_UNSYNCED,
                                        .uptime_ns = item->time.ns,
                                        .values = item->values };
    while (shape) {
        struct json json = json_init(tail->buffer, tail->buffer_size);
        json_record(&json, shape, &record);
        if (!json.failed) {
            fwrite(tail->buffer, 1, json_len(&json), stdout);
            putchar('\n');
            return;
        }
        size_t size = tail->buffer_size * 2;
        char *more = size <= JSON_MAX_BYTES ? realloc(tail->buffer, size) : NULL;
        if (!more) {
            break;
        }
        tail->buffer = more;
        tail->buffer_size = size;
    }
    fprintf(stderr, "weir: a record of %s is too large to show\n", item->shape->view.device);
}

/* ---- buses */

static void add_bus(struct tail *tail, const char *name)
{
    struct tailed_bus *bus;
    for (bus = tail->buses; bus; bus = bus->next) {
        if (!strcmp(bus->name, name)) {
            return;
        }
    }
    bus = calloc(1, sizeof *bus);
    if (!bus) {
        return;
    }
    snprintf(bus->name, sizeof bus->name, "%.*s", WEIR_NAME_MAX, name);
    if (reader_create(tail->settings.ram, bus->name, &bus->reader) < 0) {
        free(bus);
        return;
    }
    if (tail->from_start) {
        reader_seek_start(bus->reader);
    } else {
        reader_seek_end(bus->reader);
    }
    bus->next = tail->buses;
    tail->buses = bus;
}

/* {ram}/queue has one folder a bus. */
static void find_buses(struct tail *tail)
{
    char path[512];
    struct dirent *entry;
    snprintf(path, sizeof path, "%s/queue", tail->settings.ram);
    DIR *folder = opendir(path);
    while (folder && (entry = readdir(folder))) {
        if (entry->d_name[0] != '.' && strlen(entry->d_name) <= WEIR_NAME_MAX) {
            add_bus(tail, entry->d_name);
        }
    }
    if (folder) {
        closedir(folder);
    }
}

static void remove_buses(struct tail *tail)
{
    while (tail->buses) {
        struct tailed_bus *bus = tail->buses;
        tail->buses = bus->next;
        for (size_t i = 0; i < bus->shape_count; i++) {
            json_shape_destroy(bus->shapes[i].json);
        }
        free(bus->shapes);
        reader_destroy(bus->reader);
        free(bus);
    }
}

static void show_item(struct tail *tail, struct tailed_bus *bus, const struct item *item)
{
    if (item->kind == ITEM_HOLE) {
        fprintf(stderr, "weir: bus %s: %llu records are gone (%s)\n", bus->name,
                (unsigned long long)(item->last - item->first + 1), why_name(item->why));
    }
    if (item->kind != ITEM_RECORD ||
        (tail->device && strcmp(tail->device, item->shape->view.device) != 0)) {
        return;
    }
    if (tail->json) {
        print_json(tail, bus, item);
    } else {
        table_print(&tail->table, item);
    }
}

static int follow(struct tail *tail)
{
    for (;;) {
        find_buses(tail);
        tail->from_start = true;
        for (struct tailed_bus *bus = tail->buses; bus; bus = bus->next) {
            struct item item;
            while (reader_next(bus->reader, &item) == 1) {
                show_item(tail, bus, &item);
            }
        }
        if (fflush(stdout) != 0) {
            fprintf(stderr, "weir: writing: %s\n", strerror(errno));
            return EXIT_CANNOT;
        }
        if (boot_now().ns >= tail->until_ns) {
            return 0;
        }
        nanosleep(&(struct timespec){ 0, LOOK_AGAIN_NS }, NULL);
    }
}

/* -1: go on, else the exit status. */
static int parse_arguments(struct tail *tail, int argc, char **argv)
{
    enum { DEVICE = 256, ALL, JSON, SECONDS };
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "device", required_argument, NULL, DEVICE },
        { "all", no_argument, NULL, ALL },
        { "json", no_argument, NULL, JSON },
        { "seconds", required_argument, NULL, SECONDS },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    int option;
    double seconds = 0;
    bool bad = false;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            tail->file = optarg;
            break;
        case DEVICE:
            tail->device = optarg;
            break;
        case ALL:
            tail->from_start = true;
            break;
        case JSON:
            tail->json = true;
            break;
        case SECONDS:
            seconds = load_positive(optarg);
            bad = bad || seconds == 0;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            bad = true;
        }
    }
    if (bad || optind != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    tail->until_ns = seconds > 0 ? boot_now().ns + (int64_t)(seconds * 1e9) : INT64_MAX;
    return -1;
}

int cmd_tail(int argc, char **argv)
{
    struct tail tail = { .file = LOAD_DEFAULT_FILE };
    int status = parse_arguments(&tail, argc, argv);
    if (status >= 0) {
        return status;
    }
    struct config *config = load_settings(tail.file, &tail.settings);
    if (!config) {
        return EXIT_CANNOT;
    }
    tail.buffer_size = JSON_FIRST_BYTES;
    tail.buffer = malloc(tail.buffer_size);
    status = tail.buffer ? follow(&tail) : EXIT_CANNOT;
    remove_buses(&tail);
    free(tail.buffer);
    config_unload(config);
    return status;
}
