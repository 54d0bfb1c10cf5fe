/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The writer of a queue: see queue.h. Everything one append needs (a changed clock, a gap, the
 * shape, the record) goes into one buffer and to the file in one pwrite; a record is there when
 * that has returned. A write that failed half-way leaves a torn tail, and the next append starts a
 * new segment.
 */
#include "log/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/step.h"

#include "log/account.h"
#include "log/folder.h"
#include "log/frame.h"
#include "log/scan.h"
#include "record/values.h"

enum {
    CLOSE_RESERVE = 128, /* room kept in every segment for a gap and the close frame */
    BUFFER_BYTES = QUEUE_SEGMENT_BYTES,
    EPOCH_RANDOM_BITS = 32,
};
#define CLOCK_STEP_NS NS_PER_MS

struct queue {
    char bus_path[FOLDER_PATH_MAX], epoch_path[FOLDER_PATH_MAX];
    char gateway[WEIR_NAME_MAX + 1], bus[WEIR_NAME_MAX + 1];
    uint8_t boot_id[16];
    int lock_fd, fd; /* fd -1: the next append starts a new segment */
    uint64_t epoch, order, previous_epoch, number, last;
    uint64_t gap_first, gap_last, lost; /* gap_first 0: none to tell */
    size_t at;                          /* end of the newest segment */
    uint32_t seed;
    struct clock_offset clock;
    bool clock_told;
    uint64_t *declared; /* hashes of the shapes in this segment */
    size_t declared_count, declared_capacity;
    uint8_t *buffer;
};

static int take_lock(struct queue *q, int *ret_pid)
{
    char path[FOLDER_PATH_MAX + 8], text[24] = { 0 };
    snprintf(path, sizeof path, "%s/lock", q->bus_path);
    q->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (q->lock_fd < 0) {
        return -errno;
    }
    if (flock(q->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        int r = -errno;
        if (ret_pid && pread(q->lock_fd, text, sizeof text - 1, 0) > 0) {
            *ret_pid = (int)strtol(text, NULL, 10);
        }
        return r;
    }
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(q->lock_fd, 0) != 0 || pwrite(q->lock_fd, text, (size_t)n, 0) < 0) {
        return 0; /* the lock counts, its text is for people */
    }
    return 0;
}

/* Makes the next segment under a temporary name and shows it when its header stands. */
static int start_segment(struct queue *q)
{
    char temporary[FOLDER_PATH_MAX + 8], path[FOLDER_PATH_MAX];
    uint8_t raw[512];
    struct segment_header header = {
        .generation = q->number + 1,
        .epoch = q->epoch,
        .order = q->order,
        .number = q->number + 1,
        .first = q->gap_first ? q->gap_first : q->last + 1,
        .previous_epoch = q->previous_epoch,
        .size = QUEUE_SEGMENT_BYTES,
        .made = boot_now(),
        .clock = q->clock,
    };
    memcpy(header.boot_id, q->boot_id, sizeof header.boot_id);
    memcpy(header.gateway, q->gateway, sizeof q->gateway);
    memcpy(header.bus, q->bus, sizeof q->bus);
    struct put out = put_init(raw, sizeof raw);
    segment_header_put(&out, &header);
    int r = folder_segment(q->epoch_path, header.number, path);
    if (r < 0 || out.failed) {
        return r < 0 ? r : -EINVAL;
    }
    snprintf(temporary, sizeof temporary, "%s/new", q->epoch_path);
    int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = 0;
    if (fallocate(fd, 0, 0, QUEUE_SEGMENT_BYTES) != 0 ||
        (n = pwrite(fd, raw, put_len(&out), 0)) != (ssize_t)put_len(&out) ||
        (STEP("segment-before"), rename(temporary, path)) != 0) {
        r = n > 0 && n != (ssize_t)put_len(&out) ? -ENOSPC : -errno;
        close(fd);
        unlink(temporary);
        return r;
    }
    if (q->fd >= 0) {
        close(q->fd);
    }
    q->fd = fd;
    q->number = header.number;
    q->at = put_len(&out);
    q->seed = frame_seed(header.generation);
    q->declared_count = 0;
    q->clock_told = true;
    return 0;
}

int queue_own_epoch(const char *ram, uint64_t order, uint64_t *ret_epoch)
{
    struct account *account;
    uint32_t random = 0;
    if (account_load(ram, &account) == 0) {
        order = account->counter > order ? account->counter : order;
        account_destroy(account);
    }
    while (random == 0) {
        if (getrandom(&random, sizeof random, 0) != sizeof random && errno != EINTR) {
            return -errno;
        }
    }
    *ret_epoch = ((order + 1) << EPOCH_RANDOM_BITS) | random;
    return 0;
}

static int begin_epoch(struct queue *q, uint64_t epoch, uint64_t previous)
{
    struct epoch_name name = { epoch >> EPOCH_RANDOM_BITS, epoch };
    int r = folder_epoch(q->bus_path, name, q->epoch_path);
    if (r == 0 && mkdir(q->epoch_path, 0750) != 0) {
        r = -errno;
    }
    if (r < 0) {
        return r;
    }
    q->order = name.order;
    q->epoch = name.epoch;
    q->previous_epoch = previous;
    q->number = 0;
    q->last = 0;
    q->gap_first = q->gap_last = 0;
    return start_segment(q);
}

static int new_epoch(struct queue *q, const struct queue_place *place,
                     const struct epoch_name *names, size_t count, uint64_t previous)
{
    uint64_t order = count ? names[count - 1].order : 0, epoch = 0;
    int r = place->new_epoch ? place->new_epoch(place->context, order, &epoch)
                             : queue_own_epoch(place->ram, order, &epoch);
    return r < 0 ? r : begin_epoch(q, epoch, previous);
}

int queue_renew(struct queue *queue, uint64_t epoch)
{
    uint64_t previous = queue->epoch;
    int r = queue_close(queue);
    if (queue->fd >= 0) {
        close(queue->fd);
        queue->fd = -1;
    }
    return r < 0 ? r : begin_epoch(queue, epoch, previous);
}

/* Goes on with the newest epoch if its last number can be proved, it is of this boot and not
 * closed. 1: yes; 0: a new one is needed. */
static int resume(struct queue *q, struct epoch_name name, uint64_t *ret_previous)
{
    struct scan scan;
    int r = folder_epoch(q->bus_path, name, q->epoch_path);
    if (r == 0) {
        r = scan_newest(q->epoch_path, &scan);
    }
    if (r < 0) {
        return r == -ENOENT || r == -EBADMSG || r == -EPROTO ? 0 : r;
    }
    *ret_previous = name.epoch;
    if (scan.closed || memcmp(scan.header.boot_id, q->boot_id, sizeof q->boot_id) != 0 ||
        strcmp(scan.header.gateway, q->gateway) != 0) {
        return 0;
    }
    q->order = name.order;
    q->epoch = name.epoch;
    q->previous_epoch = scan.header.previous_epoch;
    q->number = scan.header.number;
    q->last = scan.last;
    return 1;
}

static int find_epoch(struct queue *q, const struct queue_place *place)
{
    struct epoch_name *names;
    size_t count;
    uint64_t previous = 0;
    int r = folder_epochs(q->bus_path, &names, &count);
    if (r < 0) {
        return r;
    }
    r = 0;
    for (size_t i = count; i-- > 0 && r == 0 && !previous;) {
        r = resume(q, names[i], &previous);
        if (i + 1 < count && r == 1) {
            r = 0; /* a newer folder exists, if an empty one: never go back */
        }
    }
    if (r == 0) {
        r = new_epoch(q, place, names, count, previous);
    }
    free(names);
    return r < 0 ? r : 0;
}

int queue_open(const struct queue_place *place, struct clock_offset clock, struct queue **ret_queue,
               int *ret_pid)
{
    struct queue *q = calloc(1, sizeof *q);
    if (!q) {
        return -ENOMEM;
    }
    q->fd = q->lock_fd = -1;
    q->clock = clock;
    snprintf(q->gateway, sizeof q->gateway, "%s", place->gateway);
    snprintf(q->bus, sizeof q->bus, "%s", place->bus);
    q->buffer = malloc(BUFFER_BYTES);
    int r = q->buffer ? boot_id(q->boot_id) : -ENOMEM;
    if (r == 0) {
        r = folder_bus(place->ram, place->bus, q->bus_path);
    }
    if (r == 0) {
        r = folder_make(q->bus_path);
    }
    if (r == 0) {
        r = take_lock(q, ret_pid);
    }
    if (r == 0) {
        r = find_epoch(q, place);
    }
    if (r < 0) {
        queue_destroy(q);
        return r;
    }
    *ret_queue = q;
    return 0;
}

static bool is_declared(const struct queue *q, uint64_t hash)
{
    for (size_t i = 0; i < q->declared_count; i++) {
        if (q->declared[i] == hash) {
            return true;
        }
    }
    return false;
}

/* Room for one more hash, made before the write so that nothing can fail behind it. */
static int declare_room(struct queue *q)
{
    if (q->declared_count < q->declared_capacity) {
        return 0;
    }
    size_t capacity = q->declared_capacity ? q->declared_capacity * 2 : 16;
    uint64_t *more = realloc(q->declared, capacity * sizeof *more);
    if (!more) {
        return -ENOMEM;
    }
    q->declared = more;
    q->declared_capacity = capacity;
    return 0;
}

static void put_preamble(struct queue *q, struct put *out)
{
    if (!q->clock_told) {
        uint8_t *frame = frame_begin(out);
        put_i64(out, boot_now().ns);
        put_i64(out, q->clock.ns);
        put_u8(out, (uint8_t)q->clock.state);
        frame_end(out, frame, FRAME_CLOCK, q->seed);
    }
    if (q->gap_first) {
        uint8_t *frame = frame_begin(out);
        put_u64(out, q->gap_first);
        put_u64(out, q->gap_last);
        put_u8(out, WHY_LIMIT);
        frame_end(out, frame, FRAME_GAP, q->seed);
    }
}

static void put_record(struct queue *q, struct put *out, const struct shape *shape,
                       struct boot_time time, const struct weir_value *values)
{
    put_preamble(q, out);
    if (!is_declared(q, shape->hash)) {
        uint8_t *frame = frame_begin(out);
        put_u64(out, shape->hash);
        put_raw(out, shape->declaration, shape->declaration_len);
        frame_end(out, frame, FRAME_SHAPE, q->seed);
    }
    uint8_t *frame = frame_begin(out);
    put_u64(out, q->last + 1);
    put_i64(out, time.ns);
    put_u64(out, shape->hash);
    values_put(out, &shape->view, values);
    frame_end(out, frame, FRAME_RECORD, q->seed);
}

static int write_out(struct queue *q, const struct put *out)
{
    STEP("append-before");
    ssize_t n = pwrite(q->fd, q->buffer, put_len(out), (off_t)q->at);
    STEP("append-after");
    if (n != (ssize_t)put_len(out)) {
        int r = n < 0 ? -errno : -ENOSPC;
        close(q->fd); /* never behind a torn tail */
        q->fd = -1;
        return r;
    }
    q->at += put_len(out);
    q->clock_told = true;
    q->gap_first = q->gap_last = 0;
    return 0;
}

static int append(struct queue *q, const struct shape *shape, struct boot_time time,
                  const struct weir_value *values)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        int r = q->fd < 0 || attempt ? start_segment(q) : 0;
        if (r == 0) {
            r = declare_room(q);
        }
        if (r < 0) {
            return r;
        }
        size_t room = QUEUE_SEGMENT_BYTES - CLOSE_RESERVE - q->at;
        struct put out = put_init(q->buffer, room < BUFFER_BYTES ? room : BUFFER_BYTES);
        put_record(q, &out, shape, time, values);
        if (out.failed) {
            continue; /* does not fit here: once more in a segment of its own */
        }
        bool first_use = !is_declared(q, shape->hash);
        r = write_out(q, &out);
        if (r == 0 && first_use) {
            q->declared[q->declared_count++] = shape->hash;
        }
        return r;
    }
    return -E2BIG;
}

int queue_append(struct queue *queue, const struct shape *shape, struct boot_time time,
                 const struct weir_value *values, uint64_t *ret_seq)
{
    int r = append(queue, shape, time, values);
    queue->last++;
    if (r < 0) {
        if (!queue->gap_first) {
            queue->gap_first = queue->last;
        }
        queue->gap_last = queue->last;
        queue->lost++;
        return r;
    }
    if (ret_seq) {
        *ret_seq = queue->last;
    }
    return 0;
}

int queue_clock(struct queue *queue, struct clock_offset clock)
{
    int64_t moved = clock.ns - queue->clock.ns;
    if (clock.state == queue->clock.state && moved < CLOCK_STEP_NS && moved > -CLOCK_STEP_NS) {
        return 0;
    }
    queue->clock = clock;
    queue->clock_told = false;
    return 1;
}

struct clock_offset queue_clock_noted(const struct queue *queue)
{
    return queue->clock;
}

uint64_t queue_epoch(const struct queue *queue)
{
    return queue->epoch;
}

uint64_t queue_last(const struct queue *queue)
{
    return queue->last;
}

uint64_t queue_lost(const struct queue *queue)
{
    return queue->lost;
}

int queue_close(struct queue *queue)
{
    int r = queue->fd < 0 ? start_segment(queue) : 0;
    if (r < 0) {
        return r;
    }
    struct put out = put_init(queue->buffer, QUEUE_SEGMENT_BYTES - queue->at);
    put_preamble(queue, &out);
    uint8_t *frame = frame_begin(&out);
    put_u64(&out, queue->last);
    put_i64(&out, boot_now().ns);
    frame_end(&out, frame, FRAME_CLOSE, queue->seed);
    r = out.failed ? -ENOSPC : write_out(queue, &out);
    STEP("closed");
    return r;
}

void queue_destroy(struct queue *queue)
{
    if (!queue) {
        return;
    }
    if (queue->fd >= 0) {
        close(queue->fd);
    }
    if (queue->lock_fd >= 0) {
        close(queue->lock_fd);
    }
    free(queue->declared);
    free(queue->buffer);
    free(queue);
}
