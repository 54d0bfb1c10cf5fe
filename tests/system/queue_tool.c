/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * For tests: weir's own writer and reader of a queue, to hold against others.
 *
 *   queue-tool dump RAM BUS        a JSON line for each item
 *   queue-tool make RAM BUS COUNT  appends records of four points and closes the queue
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/queue.h"
#include "log/reader.h"
#include "record/json.h"

static const struct weir_point points[] = {
    { "voltage_l1", "V", WEIR_FLOAT32 },
    { "delta", "", WEIR_INT64 },
    { "note", "", WEIR_TEXT },
    { "on", "", WEIR_BOOL },
};

static int dump(const char *ram, const char *bus)
{
    struct reader *reader;
    struct item item;
    static char text[65536];
    int r = reader_create(ram, bus, &reader);
    while (r == 0 && (r = reader_next(reader, &item)) == 1) {
        struct json_shape *shape;
        r = 0;
        if (item.kind == ITEM_HOLE) {
            printf("{\"hole\":[%" PRIu64 ",%" PRIu64 "],\"why\":\"%s\"}\n", item.first, item.last,
                   why_name(item.why));
        } else if (item.kind == ITEM_END) {
            printf("{\"end\":%" PRIu64 ",\"clean\":%s}\n", item.last,
                   item.clean ? "true" : "false");
        } else if (json_shape_create("gw", bus, &item.shape->view, false, &shape) == 0) {
            struct json json = json_init(text, sizeof text);
            struct json_record record = { .epoch = item.epoch,
                                          .seq = item.first,
                                          .time = wall_from_boot(item.time, item.clock),
                                          .clock = item.clock.state == CLOCK_SYNCED
                                                       ? JSON_CLOCK_SYNCED
                                                       : JSON_CLOCK_UNSYNCED,
                                          .values = item.values };
            json_record(&json, shape, &record);
            printf("%.*s\n", (int)json_len(&json), text);
            json_shape_destroy(shape);
        }
    }
    reader_destroy(reader);
    return r < 0;
}

static int make(const char *ram, const char *bus, long count)
{
    struct queue_place place = { .ram = ram, .gateway = "gw", .bus = bus };
    struct weir_label label = { "site", "x" };
    struct weir_shape view = { "d1", "reading", "", &label, 1, points, 4 };
    struct shape *shape;
    struct queue *queue;
    int pid;
    if (shape_create(&view, &shape) < 0 ||
        queue_open(&place, (struct clock_offset){ 1000000000000000000, CLOCK_SYNCED }, &queue,
                   &pid)) {
        return 1;
    }
    int r = 0;
    for (long i = 1; i <= count && r == 0; i++) {
        struct weir_value values[4] = {
            { .float32 = (float)i / 8 }, { .int64 = -i }, { 0 }, { .quality = WEIR_R_TIMEOUT }
        };
        values[2].bytes.data = (const uint8_t *)"word";
        values[2].bytes.len = 4;
        r = queue_append(queue, shape, (struct boot_time){ i * 1000 }, values, NULL);
    }
    r = r ? r : queue_close(queue);
    queue_destroy(queue);
    shape_destroy(shape);
    return r < 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "dump")) {
        return dump(argv[2], argv[3]);
    }
    if (argc == 5 && !strcmp(argv[1], "make")) {
        return make(argv[2], argv[3], strtol(argv[4], NULL, 10));
    }
    fputs("usage: queue-tool dump RAM BUS | make RAM BUS COUNT\n", stderr);
    return 2;
}
