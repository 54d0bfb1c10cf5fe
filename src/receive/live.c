/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See live.h. A frame is put together in memory and written at once; the cursor then goes up by as
 * many lines as the last frame had, so the terminal keeps what was printed above.
 */
#include "receive/live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "receive/table.h"
#include "receive/text.h"

#define BUCKETS          12 /* of 250 ms: messages/s is over the last three seconds */
#define BUCKET_MS        250
#define TIME_WIDTH       12
#define COUNT_WIDTH      7
#define VALUES_WIDTH_MIN 16

#define BOLD  "\033[1m"
#define RED   "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

struct row {
    char *gateway;
    char *device;
    char *kind;
    char *values;
    char time[40];
    uint64_t seq; /* 0: it has none */
    uint64_t epoch;
    char mark; /* of its time: ? unsynced, ~ estimated */
    uint64_t records;
    bool fresh; /* since the last frame */
};

struct live {
    struct row *rows; /* sorted by gateway, device, kind */
    size_t row_count;
    uint64_t left_out;
    bool color;
    bool many_gateways;
    int lines; /* of the last frame */
    uint32_t buckets[BUCKETS];
    int64_t bucket; /* the newest, in units of BUCKET_MS */
    int64_t first_ms;
    int64_t last_ms; /* of the last message; 0: none yet */
    int64_t silence_ms;
};

struct live *live_create(bool color)
{
    struct live *live = calloc(1, sizeof(*live));

    if (live != NULL) {
        live->rows = calloc(LIVE_ROWS_MAX, sizeof(*live->rows));
        live->color = color;
        if (live->rows == NULL) {
            free(live);
            return NULL;
        }
    }
    return live;
}

static void row_finish(struct row *row)
{
    free(row->gateway);
    free(row->device);
    free(row->kind);
    free(row->values);
}

void live_destroy(struct live *live)
{
    if (live == NULL) {
        return;
    }
    for (size_t i = 0; i < live->row_count; i++) {
        row_finish(&live->rows[i]);
    }
    free(live->rows);
    free(live);
}

/* ---- what came ---- */

static void turn_buckets(struct live *live, int64_t now_ms)
{
    int64_t bucket = now_ms / BUCKET_MS;

    if (bucket - live->bucket >= BUCKETS) {
        live->bucket = bucket - BUCKETS;
    }
    while (live->bucket < bucket) {
        live->bucket++;
        live->buckets[live->bucket % BUCKETS] = 0;
    }
}

void live_message(struct live *live, int64_t now_ms)
{
    turn_buckets(live, now_ms);
    live->buckets[live->bucket % BUCKETS]++;
    if (live->first_ms == 0) {
        live->first_ms = now_ms;
    } else if (now_ms - live->last_ms > live->silence_ms) {
        live->silence_ms = now_ms - live->last_ms;
    }
    live->last_ms = now_ms;
}

static int compare(const struct row *row, const struct label *label)
{
    int order = strcmp(row->gateway, label->gateway);

    if (order == 0) {
        order = strcmp(row->device, label->device);
    }
    return order != 0 ? order : strcmp(row->kind, label->kind);
}

/* The row of this label, made if need be. NULL in ret_row: no room. */
static int find_row(struct live *live, const struct label *label, struct row **ret_row)
{
    struct row row = { 0 };
    size_t at = 0;

    while (at < live->row_count && compare(&live->rows[at], label) < 0) {
        at++;
    }
    if (at < live->row_count && compare(&live->rows[at], label) == 0) {
        *ret_row = &live->rows[at];
        return 0;
    }
    *ret_row = NULL;
    if (live->row_count == LIVE_ROWS_MAX) {
        return 0;
    }
    row.gateway = strdup(label->gateway);
    row.device = strdup(label->device);
    row.kind = strdup(label->kind);
    if (row.gateway == NULL || row.device == NULL || row.kind == NULL) {
        row_finish(&row);
        return -ENOMEM;
    }
    live->many_gateways = live->many_gateways ||
                          (live->row_count > 0 && strcmp(live->rows[0].gateway, row.gateway) != 0);
    memmove(&live->rows[at + 1], &live->rows[at], (live->row_count - at) * sizeof(row));
    live->rows[at] = row;
    live->row_count++;
    *ret_row = &live->rows[at];
    return 0;
}

/* Is this record what its row shows? An older one needs no correction. */
static bool is_newest(const struct live *live, const struct label *label,
                      const struct record *record)
{
    for (size_t i = 0; i < live->row_count; i++) {
        const struct row *row = &live->rows[i];

        if (compare(row, label) == 0) {
            return row->seq == record->seq && row->epoch == record->epoch;
        }
    }
    return false;
}

static char time_mark(const json_t *object)
{
    const char *clock = json_string_value(json_object_get(object, "clock"));

    return clock == NULL || strcmp(clock, "repaired") == 0 ? ' '
           : strcmp(clock, "estimated") == 0               ? '~'
                                                           : '?';
}

int live_take(struct live *live, const struct item *item)
{
    struct label label;
    struct row *row;
    char *values;
    int error;

    label_make(&label, item);
    if (item->again && !is_newest(live, &label, item->record)) {
        return 0;
    }
    error = find_row(live, &label, &row);
    if (error < 0 || row == NULL) {
        live->left_out += error < 0 ? 0 : 1;
        return error;
    }
    values = label_values(item);
    if (values == NULL) {
        return -ENOMEM;
    }
    free(row->values);
    row->values = values;
    memcpy(row->time, label.time, sizeof(row->time));
    row->seq = item->record != NULL ? item->record->seq : 0;
    row->epoch = item->record != NULL ? item->record->epoch : 0;
    row->mark = time_mark(item->object);
    row->records += item->again ? 0 : 1;
    row->fresh = true;
    return 0;
}

void live_reset(struct live *live)
{
    live->lines = 0;
}

/* ---- a frame ---- */

struct frame {
    FILE *out;
    size_t width;
    size_t height;
    size_t device_width;
    size_t kind_width;
    int lines;
    bool color;
    bool counts; /* there is room for the columns SEQ and RECORDS */
};

static size_t from_environment(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    unsigned long value = text == NULL ? 0 : strtoul(text, NULL, 10);

    return value >= 10 && value <= 10000 ? value : otherwise;
}

static void measure(struct frame *frame)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        frame->width = size.ws_col;
        frame->height = size.ws_row;
    } else {
        frame->width = from_environment("COLUMNS", 80);
        frame->height = from_environment("LINES", 24);
    }
}

/* One line, cut to the width of the terminal, at a space if there is one. */
static void put_text(struct frame *frame, char *text)
{
    size_t width = 0;
    char *cut = NULL;

    for (char *c = text; *c != '\0' && width + 4 <= frame->width; c++) {
        width += (*c & 0xc0) != 0x80 ? 1 : 0;
        cut = *c == ' ' ? c : cut;
    }
    if (text_width(text) <= frame->width) {
        text_cell(frame->out, text, 0);
    } else if (cut != NULL) {
        *cut = '\0';
        text_cell(frame->out, text, 0);
        fputs(" ...", frame->out);
    } else {
        text_cell(frame->out, text, frame->width);
    }
}

static void put_line(struct frame *frame, const char *color, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put_line(struct frame *frame, const char *color, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        return;
    }
    fputs(frame->color ? color : "", frame->out);
    put_text(frame, text);
    fputs(frame->color && color[0] != '\0' ? PLAIN : "", frame->out);
    fputs("\033[K\n", frame->out);
    frame->lines++;
    free(text);
}

/* What printf's own padding cannot do: it counts bytes, not characters. */
static int padding(const char *text, size_t width)
{
    size_t used = text_width(text);

    return used < width ? (int)(width - used) : 0;
}

/* The end of it, if it is longer: of names and topics that is the part that differs. */
static void cut(char *text, size_t width)
{
    size_t used = text_width(text);
    char *tail = text;

    if (used <= width || width < 4) {
        return;
    }
    for (size_t skipped = 0; skipped < used - (width - 3); skipped++) {
        do {
            tail++;
        } while (((unsigned char)*tail & 0xc0) == 0x80);
    }
    memmove(text + 3, tail, strlen(tail) + 1); /* at least four bytes are skipped */
    memcpy(text, "...", 3);
}

static void put_row(struct frame *frame, const struct live *live, const struct row *row)
{
    bool named = live->many_gateways && row->gateway[0] != '\0';
    char *device = NULL;
    char seq[24] = "-";
    char counts[64] = "";
    const char *time = row->time;

    if (asprintf(&device, "%s%s%s", named ? row->gateway : "", named ? "/" : "", row->device) < 0) {
        return;
    }
    cut(device, frame->device_width);
    if (row->seq > 0) {
        snprintf(seq, sizeof(seq), "%" PRIu64, row->seq);
    }
    if (strlen(time) >= 23 && time[10] == 'T') {
        time += 11; /* the day says nothing here */
    }
    if (frame->counts) {
        snprintf(counts, sizeof(counts), " %*s  %*" PRIu64, COUNT_WIDTH, seq, COUNT_WIDTH,
                 row->records);
    }
    put_line(frame, row->fresh ? BOLD : "", "%s%*s  %s%*s  %-*.*s%c%s  %s", device,
             padding(device, frame->device_width), "", row->kind,
             padding(row->kind, frame->kind_width), "", TIME_WIDTH, TIME_WIDTH, time, row->mark,
             counts, row->values);
    free(device);
}

static void put_rows(struct frame *frame, struct live *live)
{
    size_t room = frame->height > 7 ? frame->height - 7 : 1;
    size_t shown = live->row_count > room ? room : live->row_count;
    uint64_t more = live->row_count - shown;
    char counts[40];

    if (frame->counts) {
        snprintf(counts, sizeof(counts), "  %*s  %*s", COUNT_WIDTH, "SEQ", COUNT_WIDTH, "RECORDS");
    }
    put_line(frame, BOLD, "%-*s  %-*s  %-*s%s  %s", (int)frame->device_width, "DEVICE",
             (int)frame->kind_width, "KIND", TIME_WIDTH, "LAST", frame->counts ? counts : " ",
             "VALUES");
    for (size_t i = 0; i < shown; i++) {
        put_row(frame, live, &live->rows[i]);
        live->rows[i].fresh = false;
    }
    if (more > 0 || live->left_out > 0) {
        put_line(frame, "", "... and %" PRIu64 " rows more%s", more,
                 live->left_out > 0 ? ", and some that are not kept" : "");
    }
}

static double rate(struct live *live, int64_t now_ms)
{
    int64_t span_ms = now_ms - live->first_ms;
    uint64_t count = 0;

    turn_buckets(live, now_ms);
    for (int i = 0; i < BUCKETS; i++) {
        count += live->buckets[i];
    }
    if (live->first_ms == 0) {
        return 0;
    }
    if (span_ms > BUCKETS * BUCKET_MS) {
        span_ms = BUCKETS * BUCKET_MS;
    } else if (span_ms < 1000) {
        span_ms = 1000;
    }
    return (double)count * 1000 / (double)span_ms;
}

static void put_footer(struct frame *frame, struct live *live, const struct live_status *status,
                       int64_t now_ms)
{
    int64_t seconds = status->running_ms / 1000;
    int64_t silence_ms = live->silence_ms;
    const struct sum *sum = &status->sum;
    bool good = sum->missing == 0 && status->fault_count == 0 && sum->unsure == 0;
    char more[64] = "";

    if (live->last_ms != 0 && now_ms - live->last_ms > silence_ms) {
        silence_ms = now_ms - live->last_ms;
    }
    if (sum->unsure > 0) {
        snprintf(more, sizeof(more), ", %" PRIu64 " not known", sum->unsure);
    }
    if (status->fault_count > 0) {
        size_t used = strlen(more);

        snprintf(more + used, sizeof(more) - used, ", %" PRIu64 " FAULTS", status->fault_count);
    }
    put_line(frame, "", "%s", "");
    put_line(frame, status->connected ? GREEN : RED,
             "%02" PRId64 ":%02" PRId64 ":%02" PRId64 "  %s", seconds / 3600, seconds / 60 % 60,
             seconds % 60, status->connection);
    put_line(frame, good ? "" : RED,
             "%.1f messages/s, %" PRIu64 " records, %" PRIu64 " missing%s, %" PRIu64
             " repeats, longest silence %.1f s",
             rate(live, now_ms), sum->records, sum->missing, more, sum->repeats,
             (double)silence_ms / 1000);
    if (status->plain_count > 0 || status->told_count > 0) {
        put_line(frame, "", "%" PRIu64 " other objects, %" PRIu64 " no JSON objects or broken",
                 status->plain_count, status->told_count);
    }
}

static void fit_columns(struct frame *frame, const struct live *live)
{
    frame->device_width = 9;
    frame->kind_width = 7;
    for (size_t i = 0; i < live->row_count; i++) {
        const struct row *row = &live->rows[i];
        size_t device =
            text_width(row->device) + (live->many_gateways ? text_width(row->gateway) + 1 : 0);
        size_t kind = text_width(row->kind);

        frame->device_width = device > frame->device_width ? device : frame->device_width;
        frame->kind_width = kind > frame->kind_width ? kind : frame->kind_width;
    }
    if (frame->device_width > frame->width / 3 && frame->width > 30) {
        frame->device_width = frame->width / 3; /* the values want room */
    }
    if (frame->kind_width > 16) {
        frame->kind_width = 16; /* a longer one moves only its own line */
    }
    frame->counts = frame->device_width + frame->kind_width + TIME_WIDTH + 1 + 2 * COUNT_WIDTH +
                        8 /* spaces */ + VALUES_WIDTH_MIN <=
                    frame->width;
}

int live_draw(struct live *live, FILE *out, const struct live_status *status, int64_t now_ms)
{
    char *text = NULL;
    size_t size = 0;
    struct frame frame = { .out = open_memstream(&text, &size), .color = live->color };

    if (frame.out == NULL) {
        return -ENOMEM;
    }
    measure(&frame);
    fit_columns(&frame, live);
    if (live->lines > 0) {
        fprintf(frame.out, "\r\033[%dA", live->lines); /* \r: a ^C may stand there */
    }
    put_rows(&frame, live);
    put_footer(&frame, live, status, now_ms);
    fputs("\033[J", frame.out);
    if (fclose(frame.out) == EOF) {
        free(text);
        return -ENOMEM;
    }
    fwrite(text, 1, size, out);
    free(text);
    live->lines = frame.lines;
    return 0;
}
