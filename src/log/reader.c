/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The reader of a queue: see reader.h. Bytes are copied into a window over the segment and checked
 * there. At the first frame that does not pass, the reader asks whether the writer has gone on to a
 * newer segment or epoch; only then is what it saw the end, and even then it looks once more, as
 * the writer may have appended between its two looks.
 */
#include "log/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log/folder.h"
#include "log/gone.h"
#include "record/values.h"

enum { WINDOW_FIRST = 8 * 1024, WINDOW_MAX = FRAME_HEAD_BYTES + FRAME_BODY_MAX };
#define NUMBER_END    (1ULL << 53)      /* numbers stay exact in JSON; a larger one is damage */
#define MTIME_BLUR_NS (100 * NS_PER_MS) /* folder times have the kernel's tick, not nanoseconds */

/* Notices that a folder has changed without listing it each time. */
struct watch {
    int fd;
    struct timespec seen;
};

struct reader {
    char bus_path[FOLDER_PATH_MAX], epoch_path[FOLDER_PATH_MAX];
    struct watch bus_watch, epoch_watch;
    uint8_t boot_id[16];

    uint64_t order, epoch, previous_epoch; /* order 0: no epoch yet */
    uint64_t expected;                     /* the next number */
    uint64_t wanted_epoch, wanted_after;   /* seek: of an epoch that had no segment yet */
    bool from_oldest, this_boot, closed, ended;
    uint64_t close_last;
    struct boot_time last_time;
    struct clock_offset clock;

    int fd;
    uint64_t number;
    uint32_t seed;
    bool fresh;     /* the window was filled during this call of reader_next() */
    off_t position; /* in the segment, of the window's first byte */
    uint8_t *window;
    size_t window_size, filled, at;

    struct shape_table shapes;
    struct weir_value *values;
};

static void watch_open(struct watch *watch, const char *path)
{
    if (watch->fd >= 0) {
        close(watch->fd);
    }
    watch->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    watch->seen = (struct timespec){ 0 };
}

/* True at the first call, and whenever an entry may have come or gone since the last. */
static bool watch_changed(struct watch *watch)
{
    struct stat st;
    if (watch->fd < 0 || fstat(watch->fd, &st) != 0) {
        return true;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (now.tv_sec - st.st_mtim.tv_sec) * NS_PER_S + now.tv_nsec - st.st_mtim.tv_nsec;
    bool same =
        watch->seen.tv_sec == st.st_mtim.tv_sec && watch->seen.tv_nsec == st.st_mtim.tv_nsec;
    /* A time too fresh to tell two changes apart is not remembered. */
    watch->seen = age > MTIME_BLUR_NS || age < -MTIME_BLUR_NS ? st.st_mtim : (struct timespec){ 0 };
    return !same;
}

int reader_create(const char *ram, const char *bus, struct reader **ret_reader)
{
    struct reader *r = calloc(1, sizeof *r);
    if (!r) {
        return -ENOMEM;
    }
    r->fd = r->bus_watch.fd = r->epoch_watch.fd = -1;
    r->from_oldest = true;
    r->window_size = WINDOW_FIRST;
    r->window = malloc(r->window_size);
    r->values = malloc(WEIR_POINTS_MAX * sizeof *r->values);
    int e = r->window && r->values ? folder_bus(ram, bus, r->bus_path) : -ENOMEM;
    if (e == 0) {
        e = boot_id(r->boot_id);
    }
    if (e < 0) {
        reader_destroy(r);
        return e;
    }
    *ret_reader = r;
    return 0;
}

static void close_segment(struct reader *r)
{
    if (r->fd >= 0) {
        close(r->fd);
    }
    r->fd = -1;
    r->filled = r->at = 0;
    r->position = 0;
}

void reader_destroy(struct reader *reader)
{
    if (!reader) {
        return;
    }
    close_segment(reader);
    if (reader->bus_watch.fd >= 0) {
        close(reader->bus_watch.fd);
    }
    if (reader->epoch_watch.fd >= 0) {
        close(reader->epoch_watch.fd);
    }
    shape_table_finish(&reader->shapes);
    free(reader->window);
    free(reader->values);
    free(reader);
}

/* Opens one segment and takes its header. -ENOENT: removed meanwhile. */
static int open_segment(struct reader *r, uint64_t number)
{
    char path[FOLDER_PATH_MAX];
    struct segment_header header;
    int e = folder_segment(r->epoch_path, number, path);
    int fd = e < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return e < 0 ? e : -errno;
    }
    int len = folder_header(fd, &header);
    if (len < 0) {
        close(fd);
        return len;
    }
    close_segment(r);
    r->fd = fd;
    r->number = number;
    r->position = len;
    r->seed = frame_seed(header.generation);
    r->clock = header.clock;
    r->previous_epoch = header.previous_epoch;
    r->this_boot = memcmp(header.boot_id, r->boot_id, sizeof r->boot_id) == 0;
    if (r->from_oldest) {
        r->expected = header.first < NUMBER_END ? header.first : 1;
        r->from_oldest = false;
    }
    return 0;
}

/* At the start of an epoch: the last segment that begins at or before the number wanted. */
static size_t start_index(struct reader *r, const uint64_t *numbers, size_t count)
{
    char path[FOLDER_PATH_MAX];
    struct segment_header header;
    for (size_t k = count; k-- > 1;) {
        int fd = folder_segment(r->epoch_path, numbers[k], path) == 0
                     ? open(path, O_RDONLY | O_CLOEXEC)
                     : -1;
        bool found = fd >= 0 && folder_header(fd, &header) > 0 && header.first <= r->expected;
        if (fd >= 0) {
            close(fd);
        }
        if (found) {
            return k;
        }
    }
    return 0;
}

/* The segment to go on with. 1: *ret_number is it, 0: there is none above the present one. */
static int newer_segment(struct reader *r, uint64_t *ret_number)
{
    uint64_t *numbers;
    size_t count, i = 0;
    int e = folder_segments(r->epoch_path, &numbers, &count);
    if (e < 0) {
        return e;
    }
    while (i < count && numbers[i] <= r->number) {
        i++;
    }
    if (r->number == 0 && !r->from_oldest) {
        i = start_index(r, numbers, count);
    }
    e = i < count;
    if (e) {
        *ret_number = numbers[i];
    }
    free(numbers);
    return e;
}

/* Enters an epoch's folder. */
static int enter_epoch(struct reader *r, struct epoch_name name)
{
    int e = folder_epoch(r->bus_path, name, r->epoch_path);
    if (e < 0) {
        return e;
    }
    close_segment(r);
    watch_open(&r->epoch_watch, r->epoch_path);
    r->order = name.order;
    r->epoch = name.epoch;
    r->previous_epoch = 0;
    r->number = 0;
    r->closed = r->ended = false;
    r->last_time = (struct boot_time){ 0 };
    return 0;
}

static bool has_segment(struct reader *r, struct epoch_name name)
{
    char path[FOLDER_PATH_MAX];
    uint64_t *numbers;
    size_t count = 0;
    if (folder_epoch(r->bus_path, name, path) == 0 &&
        folder_segments(path, &numbers, &count) == 0) {
        free(numbers);
    }
    return count > 0;
}

/* The first epoch above the present one that has a segment. 1: found, 0: none. */
static int newer_epoch(struct reader *r, struct epoch_name *ret_name)
{
    struct epoch_name *names;
    size_t count;
    int e = folder_epochs(r->bus_path, &names, &count);
    if (e < 0) {
        return e;
    }
    for (size_t i = 0; i < count && e == 0; i++) {
        if (names[i].order > r->order && has_segment(r, names[i])) {
            *ret_name = names[i];
            e = 1;
        } else if (names[i].order > r->order) {
            r->bus_watch.seen = (struct timespec){ 0 }; /* its first segment changes only itself */
        }
    }
    free(names);
    return e;
}

/* Copies what follows `at` to the front of the window and reads on behind it. */
static int refill(struct reader *r, bool larger)
{
    r->position += (off_t)r->at;
    r->filled = r->at = 0;
    if (larger && r->window_size < WINDOW_MAX) {
        size_t size = r->window_size * 2 < WINDOW_MAX ? r->window_size * 2 : WINDOW_MAX;
        uint8_t *more = realloc(r->window, size);
        if (!more) {
            return -ENOMEM;
        }
        r->window = more;
        r->window_size = size;
    }
    ssize_t n = pread(r->fd, r->window, r->window_size, r->position);
    if (n < 0) {
        return -errno;
    }
    r->filled = (size_t)n;
    r->fresh = true;
    return 0;
}

/* The frame at the present place. 1: there is one; 0: none that passes, by bytes read just now. */
static int look(struct reader *r, struct frame *frame, size_t *ret_len)
{
    int e = r->filled == 0 ? refill(r, false) : 0;
    while (e == 0) {
        int64_t n = frame_read(r->window + r->at, r->filled - r->at, r->seed, frame);
        if (n > 0) {
            *ret_len = (size_t)n;
            return 1;
        }
        bool cut_off =
            n == 0 && r->filled == r->window_size && !(r->at == 0 && r->window_size == WINDOW_MAX);
        if (r->fresh && !cut_off) {
            return 0;
        }
        e = refill(r, cut_off && (r->at == 0 || r->at > r->filled / 2));
    }
    return e;
}

static int hole(struct reader *r, uint64_t last, enum why known, struct item *item)
{
    struct ranges gone;
    enum why why = known;
    if (known == WHY_UNKNOWN && gone_load(r->bus_path, &gone) == 0) {
        const struct range *range = gone_find(&gone, r->epoch, r->expected);
        if (range) {
            why = range->why;
            last = range->last < last ? range->last : last;
        } else {
            for (size_t i = 0; i < gone.count; i++) {
                const struct range *g = &gone.range[i];
                if (g->epoch == r->epoch && g->first > r->expected && g->first <= last) {
                    last = g->first - 1;
                }
            }
        }
    }
    *item = (struct item){ .kind = ITEM_HOLE,
                           .epoch = r->epoch,
                           .order = r->order,
                           .previous_epoch = r->previous_epoch,
                           .first = r->expected,
                           .last = last,
                           .why = why,
                           .this_boot = r->this_boot };
    r->expected = last + 1;
    return 1;
}

static int take_record(struct reader *r, const struct frame *frame, struct item *item)
{
    struct get in = get_init(frame->body, frame->body_len);
    uint64_t seq = get_u64(&in);
    struct boot_time time = { get_i64(&in) };
    const struct shape *shape = shape_find(&r->shapes, get_u64(&in));
    in.failed |= seq >= NUMBER_END;
    if (!in.failed && seq < r->expected) {
        return 0;
    }
    if (!in.failed && seq > r->expected) {
        return hole(r, seq - 1, WHY_UNKNOWN, item);
    }
    if (!in.failed && shape) {
        values_get(&in, &shape->view, r->values);
    }
    if (in.failed || !shape) {
        return in.failed ? -EBADMSG : hole(r, seq, WHY_DAMAGE, item);
    }
    *item = (struct item){ .kind = ITEM_RECORD,
                           .epoch = r->epoch,
                           .order = r->order,
                           .previous_epoch = r->previous_epoch,
                           .first = seq,
                           .last = seq,
                           .time = time,
                           .clock = r->clock,
                           .this_boot = r->this_boot,
                           .shape = shape,
                           .values = r->values };
    r->expected = seq + 1;
    r->last_time = time;
    return 1;
}

static int take_gap(struct reader *r, const struct frame *frame, struct item *item)
{
    struct get in = get_init(frame->body, frame->body_len);
    uint64_t first = get_u64(&in), last = get_u64(&in);
    unsigned why = get_u8(&in);
    if (in.failed || last < r->expected || first > last || last >= NUMBER_END) {
        return 0;
    }
    if (first > r->expected) {
        return hole(r, first - 1, WHY_UNKNOWN, item);
    }
    return hole(r, last, (enum why)why, item);
}

static int take_shape(struct reader *r, const struct frame *frame, struct item *item)
{
    struct get in = get_init(frame->body, frame->body_len);
    struct shape *shape;
    uint64_t hash = get_u64(&in);
    if (in.failed || shape_find(&r->shapes, hash)) {
        return 0;
    }
    int e = shape_decode(in.at, get_left(&in), &shape);
    if (e == -EINVAL) {
        return 0; /* its records become a hole, reason damage */
    }
    if (e == 0 && shape->hash == hash) {
        e = shape_insert(&r->shapes, shape);
    } else if (e == 0) {
        shape_destroy(shape);
        return 0;
    }
    if (e < 0 && e != -ENOMEM) {
        shape_destroy(shape);
    }
    return e;
}

static int take_clock(struct reader *r, const struct frame *frame, struct item *item)
{
    struct get in = get_init(frame->body, frame->body_len);
    get_i64(&in);
    struct clock_offset clock = { .ns = get_i64(&in) };
    clock.state = get_u8(&in) == CLOCK_SYNCED ? CLOCK_SYNCED : CLOCK_UNSYNCED;
    if (!in.failed) {
        r->clock = clock;
    }
    return 0;
}

static int take_close(struct reader *r, const struct frame *frame, struct item *item)
{
    struct get in = get_init(frame->body, frame->body_len);
    uint64_t last = get_u64(&in);
    struct boot_time time = { get_i64(&in) };
    if (!in.failed && last < NUMBER_END) {
        r->closed = true;
        r->close_last = last;
        r->last_time = time;
    }
    return 0;
}

/* 1: *item is filled, and the frame is to be looked at again if a hole came before it; 0: on to the
 * next frame; negative: treat as one that does not pass. */
static int take(struct reader *r, const struct frame *frame, struct item *item)
{
    static int (*const takers[])(struct reader *, const struct frame *, struct item *) = {
        [FRAME_SHAPE] = take_shape, [FRAME_RECORD] = take_record, [FRAME_CLOCK] = take_clock,
        [FRAME_GAP] = take_gap,     [FRAME_CLOSE] = take_close,
    };
    if (frame->kind >= sizeof takers / sizeof *takers || !takers[frame->kind]) {
        return 0;
    }
    return takers[frame->kind](r, frame, item);
}

/* Reads on within the open segment. */
static int in_segment(struct reader *r, struct item *item)
{
    for (;;) {
        struct frame frame;
        size_t len = 0;
        int e = look(r, &frame, &len);
        if (e != 1) {
            return e;
        }
        e = take(r, &frame, item);
        if (e < 0) {
            return e == -EBADMSG ? 0 : e;
        }
        if (e == 0 || item->kind == ITEM_RECORD) {
            r->at += len;
        }
        if (e == 1) {
            return 1;
        }
    }
}

/* The end of an epoch, once nothing of it is left: what it still owes, then the end itself. */
static int end_epoch(struct reader *r, struct item *item)
{
    if (r->closed && r->close_last >= r->expected) {
        return hole(r, r->close_last, WHY_UNKNOWN, item);
    }
    *item = (struct item){ .kind = ITEM_END,
                           .epoch = r->epoch,
                           .order = r->order,
                           .previous_epoch = r->previous_epoch,
                           .first = r->expected - 1,
                           .last = r->expected - 1,
                           .clean = r->closed,
                           .time = r->last_time,
                           .clock = r->clock,
                           .this_boot = r->this_boot };
    r->ended = true;
    return 1;
}

static void rewind_window(struct reader *r)
{
    r->position += (off_t)r->at;
    r->filled = r->at = 0;
}

static bool folders_changed(struct reader *r)
{
    if (r->bus_watch.fd < 0) {
        watch_open(&r->bus_watch, r->bus_path);
    }
    bool bus = watch_changed(&r->bus_watch);
    bool epoch = r->order && !r->ended && watch_changed(&r->epoch_watch);
    return bus || epoch;
}

/* At the end of what passes: a newer segment, else a newer epoch. 1: *item is filled, 0: nothing,
 * 2: look again (in a new place, or once more where we are, *verified). */
static int move_on(struct reader *r, bool *verified, struct item *item)
{
    uint64_t number = 0;
    struct epoch_name name;
    if (!folders_changed(r)) {
        return 0;
    }
    int segment = r->order && !r->ended ? newer_segment(r, &number) : 0;
    int epoch = segment == 0 ? newer_epoch(r, &name) : 0;
    if (segment < 0 || epoch < 0) {
        return segment < 0 ? segment : epoch;
    }
    if (!segment && !epoch) {
        return 0;
    }
    r->bus_watch.seen = r->epoch_watch.seen = (struct timespec){ 0 }; /* there is more to do */
    if (r->fd >= 0 && !*verified) {
        *verified = true;
        rewind_window(r);
        return 2;
    }
    *verified = false;
    if (segment) {
        int opened = open_segment(r, number);
        if (opened == -EMFILE || opened == -ENFILE || opened == -ENOMEM) {
            return opened; /* says nothing about the segment */
        }
        if (opened < 0) {
            close_segment(r); /* removed meanwhile, or unreadable: its numbers become a hole */
            r->number = number;
        }
        return 2;
    }
    if (r->order && !r->ended) {
        return end_epoch(r, item);
    }
    int e = enter_epoch(r, name);
    if (!r->from_oldest) {
        r->expected = name.epoch == r->wanted_epoch ? r->wanted_after + 1 : 1;
    }
    return e < 0 ? e : 2;
}

int reader_next(struct reader *reader, struct item *ret_item)
{
    bool verified = false;
    int e;
    reader->fresh = false;
    do {
        e = reader->fd >= 0 && !reader->ended ? in_segment(reader, ret_item) : 0;
        if (e == 0) {
            e = move_on(reader, &verified, ret_item);
        }
    } while (e == 2);
    if (e == 0) { /* what the window holds may be stale by the next call */
        rewind_window(reader);
    }
    return e;
}

int reader_seek(struct reader *reader, uint64_t order, uint64_t epoch, uint64_t after)
{
    struct epoch_name name = { order, epoch };
    close_segment(reader);
    reader->bus_watch.seen = (struct timespec){ 0 }; /* from another place, all is to be seen */
    reader->from_oldest = false;
    reader->expected = 1;
    if (has_segment(reader, name)) {
        reader->expected = after + 1;
        return enter_epoch(reader, name);
    }
    /* Its first segment may be about to be made: it is among those that may yet come. */
    reader->order = order ? order - 1 : 0;
    reader->epoch = 0;
    reader->ended = true;
    reader->wanted_epoch = epoch;
    reader->wanted_after = after;
    return 0;
}

int reader_seek_start(struct reader *reader)
{
    close_segment(reader);
    reader->bus_watch.seen = (struct timespec){ 0 };
    reader->order = reader->epoch = 0;
    reader->ended = false;
    reader->from_oldest = true;
    return 0;
}

int reader_seek_end(struct reader *reader)
{
    struct epoch_name *names;
    uint64_t *numbers;
    size_t count, segments;
    struct item item;
    int e = folder_epochs(reader->bus_path, &names, &count);
    if (e < 0) {
        return e;
    }
    reader_seek_start(reader);
    while (count > 0 && !has_segment(reader, names[count - 1])) {
        count--;
    }
    if (count > 0) {
        e = enter_epoch(reader, names[count - 1]);
        if (e == 0 && folder_segments(reader->epoch_path, &numbers, &segments) == 0) {
            reader->number = segments ? numbers[segments - 1] - 1 : 0;
            free(numbers);
        }
    }
    free(names);
    while (e == 0 && (e = reader_next(reader, &item)) == 1) {
        e = 0;
    }
    reader->from_oldest = false;
    return e;
}

bool reader_within(const struct reader *reader, uint64_t epoch)
{
    return reader->order && !reader->ended && reader->epoch == epoch;
}

void reader_position(const struct reader *reader, uint64_t *ret_order, uint64_t *ret_epoch,
                     uint64_t *ret_seq)
{
    *ret_order = reader->order;
    *ret_epoch = reader->epoch;
    *ret_seq = reader->expected ? reader->expected - 1 : 0;
}
