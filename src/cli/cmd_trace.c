/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir trace BUS`: the bytes on the wire of a bus, those in its ring and those to come. Only
 * looks: the bus process does not notice. --write makes the wire.txt of a capture folder:
 *
 *   # text                       what is no byte: where from, time-outs, a port opened
 *   0.012345 >> 01 03 00 00 ...  seconds since the first line, to the device, hex
 *   0.034567 << 01 03 04 ...     from the device
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/say.h"
#include "bus/trace.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "config/plugin.h"

#define LOOK_AGAIN_NS (20 * NS_PER_MS)

struct tracing {
    const char *bus, *file, *write;
    int64_t until_ns; /* boot time; INT64_MAX: none */
    double count;     /* entries still wanted; 0: no limit */
    FILE *capture;
    int64_t first_ns; /* of the capture */
    struct trace_reader *reader;
    struct clock_offset clock;
    struct plugin plugin;
    const struct weir_adapter *adapter; /* NULL: it cannot explain */
};

static void usage(FILE *out)
{
    fputs(
        "usage: weir trace BUS [-c FILE] [--write FILE] [--seconds N] [--count N]\n"
        "\n"
        "Shows the bytes on the wire of a bus: the last 64 KiB, and then what comes. >> is to the\n"
        "device, << from it, -- a remark. Times are UTC.\n"
        "\n"
        "  -c FILE        configuration (default: " LOAD_DEFAULT_FILE ")\n"
        "  --write FILE   also write them as a capture (wire.txt)\n"
        "  --seconds N    end after N seconds\n"
        "  --count N      end after N lines\n",
        out);
}

static const char *arrow(enum trace_kind kind)
{
    return kind == TRACE_TX ? ">>" : kind == TRACE_RX ? "<<" : "--";
}

static void print_hex(FILE *out, const struct trace_entry *entry)
{
    for (size_t i = 0; i < entry->len; i++) {
        fprintf(out, " %02x", entry->data[i]);
    }
}

/* A remark holds names from the configuration only, but the ring is a file like any other. */
static void print_text(FILE *out, const struct trace_entry *entry)
{
    fputc(' ', out);
    for (size_t i = 0; i < entry->len; i++) {
        fputc(entry->data[i] >= ' ' && entry->data[i] < 127 ? entry->data[i] : '.', out);
    }
}

static void print_time(int64_t boot_ns, struct clock_offset clock)
{
    char text[32];
    struct wall_time wall = wall_from_boot((struct boot_time){ boot_ns }, clock);
    wall_format(wall, text);
    int64_t us = wall.ns % NS_PER_S / NS_PER_US;
    printf("%.8s.%06lld", text + 11, (long long)(us < 0 ? us + 1000000 : us));
}

static void print_entry(struct tracing *t, const struct trace_entry *entry)
{
    char meaning[256];
    if (entry->lost) {
        printf("                -- %llu more were too fast to be shown\n",
               (unsigned long long)entry->lost);
    }
    print_time(entry->time_ns, t->clock);
    printf(" %s", arrow(entry->kind));
    if (entry->kind == TRACE_NOTE) {
        print_text(stdout, entry);
    } else {
        print_hex(stdout, entry);
        enum weir_direction direction = entry->kind == TRACE_TX ? WEIR_TX : WEIR_RX;
        size_t n = t->adapter
                       ? t->adapter->explain(trace_reader_serial(t->reader), direction, entry->data,
                                             entry->len, meaning, sizeof meaning)
                       : 0;
        if (n > 0 && n < sizeof meaning) {
            printf("   %.*s", (int)n, meaning);
        }
    }
    putchar('\n');
}

static void write_entry(struct tracing *t, const struct trace_entry *entry)
{
    if (!t->capture) {
        return;
    }
    t->first_ns = t->first_ns ? t->first_ns : entry->time_ns;
    if (entry->lost) {
        fprintf(t->capture, "# %llu lines missing\n", (unsigned long long)entry->lost);
    }
    if (entry->kind == TRACE_NOTE) {
        fputc('#', t->capture);
        print_text(t->capture, entry);
    } else {
        int64_t us = (entry->time_ns - t->first_ns) / NS_PER_US;
        fprintf(t->capture, "%lld.%06lld %s", (long long)(us / 1000000), (long long)(us % 1000000),
                arrow(entry->kind));
        print_hex(t->capture, entry);
    }
    fputc('\n', t->capture);
}

static int open_capture(struct tracing *t)
{
    char now[25];
    if (!t->write) {
        return 0;
    }
    t->capture = fopen(t->write, "we");
    if (!t->capture) {
        fprintf(stderr, "weir: %s: %s\n", t->write, strerror(errno));
        return -errno;
    }
    wall_format(wall_now(), now);
    fprintf(t->capture, "# bus %s, adapter %s, %s, traced at %s\n", t->bus,
            trace_reader_adapter(t->reader), trace_reader_serial(t->reader) ? "serial" : "TCP",
            now);
    return 0;
}

/* The plugin says what the bytes mean; without it they are shown all the same. */
static void load_adapter(struct tracing *t)
{
    char why[512];
    const char *name = trace_reader_adapter(t->reader);
    if (plugin_load(PLUGIN_ADAPTER, name, &t->plugin, why, sizeof why) < 0) {
        fprintf(stderr, "weir: no explanations: %s\n", why);
        return;
    }
    t->adapter = t->plugin.adapter->explain ? t->plugin.adapter : NULL;
}

static int show(struct tracing *t)
{
    struct trace_entry entry;
    for (;;) {
        t->clock = clock_read(CLOCK_SOURCE_SYSTEM, NULL);
        while (trace_reader_next(t->reader, &entry) == 1) {
            print_entry(t, &entry);
            write_entry(t, &entry);
            if (t->count > 0 && --t->count < 1) {
                return 0;
            }
        }
        if (fflush(stdout) != 0 || (t->capture && fflush(t->capture) != 0)) {
            fprintf(stderr, "weir: writing: %s\n", strerror(errno));
            return EXIT_CANNOT;
        }
        if (boot_now().ns >= t->until_ns) {
            return 0;
        }
        nanosleep(&(struct timespec){ 0, LOOK_AGAIN_NS }, NULL);
    }
}

static int open_ring(struct tracing *t)
{
    struct settings settings;
    struct config *config = load_settings(t->file, &settings);
    if (!config) {
        return -EINVAL;
    }
    int r = trace_reader_create(settings.ram, t->bus, &t->reader);
    if (r == -ENOENT) {
        fprintf(stderr, "weir: %s %s\n", t->bus,
                config_bus_adapter(config, t->bus) ? "has not run yet"
                                                   : "is no bus of this gateway");
    } else if (r < 0) {
        fprintf(stderr, "weir: trace of %s: %s\n", t->bus, strerror(-r));
    }
    config_unload(config);
    return r;
}

/* -1: go on, else the exit status. */
static int parse_arguments(struct tracing *t, int argc, char **argv)
{
    enum { WRITE = 256, SECONDS, COUNT };
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "write", required_argument, NULL, WRITE },
        { "seconds", required_argument, NULL, SECONDS },
        { "count", required_argument, NULL, COUNT },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    int option;
    double seconds = 0;
    bool bad = false;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            t->file = optarg;
            break;
        case WRITE:
            t->write = optarg;
            break;
        case SECONDS:
            seconds = load_positive(optarg);
            bad = bad || seconds == 0;
            break;
        case COUNT:
            t->count = load_positive(optarg);
            bad = bad || t->count < 1;
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            bad = true;
        }
    }
    if (bad || optind != argc - 1) {
        usage(stderr);
        return EXIT_USAGE;
    }
    t->bus = argv[optind];
    t->until_ns = seconds > 0 ? boot_now().ns + (int64_t)(seconds * 1e9) : INT64_MAX;
    return -1;
}

int cmd_trace(int argc, char **argv)
{
    struct tracing t = { .file = LOAD_DEFAULT_FILE };
    int status = parse_arguments(&t, argc, argv);
    if (status >= 0) {
        return status;
    }
    if (open_ring(&t) < 0) {
        return EXIT_CANNOT;
    }
    status = EXIT_CANNOT;
    if (open_capture(&t) == 0) {
        load_adapter(&t);
        status = show(&t);
    }
    if (t.capture && fclose(t.capture) != 0) {
        fprintf(stderr, "weir: %s: %s\n", t.write, strerror(errno));
        status = EXIT_CANNOT;
    }
    if (t.plugin.handle) {
        plugin_unload(&t.plugin);
    }
    trace_reader_destroy(t.reader);
    return status;
}
