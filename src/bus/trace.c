/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The trace ring: see trace.h. Positions only rise; the place in the ring is position modulo its
 * size.
 *
 *   ... overwritten | oldest ... entries ... head | free
 *   entry: u32 length with padding, u16 bytes of data, u8 kind, u8 0, u64 number, i64 time, data
 *
 * The writer moves `oldest` before it overwrites and `head` after it has written. A reader copies
 * first and then looks whether `oldest` has passed what it copied.
 */
#include "bus/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "WEIRTRC1";

struct ring {
    char magic[8];
    uint32_t size, serial;
    char adapter[WEIR_NAME_MAX + 1];
    uint64_t head, oldest;
    uint64_t number; /* of the next entry */
    uint8_t data[TRACE_RING_BYTES];
};

struct entry_head {
    uint32_t length;
    uint16_t data_len;
    uint8_t kind, zero;
    uint64_t number;
    int64_t time_ns;
};

struct trace {
    struct ring *ring;
};

struct trace_reader {
    const struct ring *ring;
    uint64_t at, number; /* next position, number that is expected there */
    char adapter[WEIR_NAME_MAX + 1];
    uint8_t data[TRACE_DATA_MAX];
};

static uint32_t entry_length(size_t data_len)
{
    return (uint32_t)((sizeof(struct entry_head) + data_len + 7) & ~(size_t)7);
}

static void ring_write(struct ring *ring, uint64_t at, const void *from, size_t len)
{
    size_t place = at % TRACE_RING_BYTES;
    size_t room = TRACE_RING_BYTES - place;
    size_t first = len < room ? len : room;
    memcpy(ring->data + place, from, first);
    memcpy(ring->data, (const uint8_t *)from + first, len - first);
}

static void ring_read(const struct ring *ring, uint64_t at, void *to, size_t len)
{
    size_t place = at % TRACE_RING_BYTES;
    size_t room = TRACE_RING_BYTES - place;
    size_t first = len < room ? len : room;
    memcpy(to, ring->data + place, first);
    memcpy((uint8_t *)to + first, ring->data, len - first);
}

static bool entry_possible(const struct entry_head *head, uint64_t room)
{
    return head->data_len <= TRACE_DATA_MAX && head->length == entry_length(head->data_len) &&
           head->length <= room;
}

/* Is what a process before us left behind a row of whole entries? */
static bool ring_sound(const struct ring *ring)
{
    if (memcmp(ring->magic, magic, sizeof magic) != 0 || ring->size != TRACE_RING_BYTES ||
        ring->oldest > ring->head || ring->head - ring->oldest > TRACE_RING_BYTES) {
        return false;
    }
    uint64_t at = ring->oldest;
    while (at < ring->head) {
        struct entry_head head;
        ring_read(ring, at, &head, sizeof head);
        if (!entry_possible(&head, ring->head - at)) {
            return false;
        }
        at += head.length;
    }
    return at == ring->head;
}

static int trace_path(const char *ram, const char *bus, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/trace/%s", ram, bus);
    return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static int map_ring(const char *path, struct ring **ret_ring)
{
    int r = 0;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        return -errno;
    }
    /* Every page must exist: a store into a hole of a full tmpfs would be a SIGBUS. */
    if (fallocate(fd, 0, 0, sizeof(struct ring)) != 0) {
        r = -errno;
        goto out;
    }
    void *map = mmap(NULL, sizeof(struct ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        r = -errno;
        goto out;
    }
    *ret_ring = map;
out:
    close(fd);
    return r;
}

int trace_create(const char *ram, const char *bus, const char *adapter, bool serial,
                 struct trace **ret_trace)
{
    char path[512];
    struct ring *ring = NULL;
    int r = trace_path(ram, bus, path, sizeof path);
    if (r < 0) {
        return r;
    }
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (mkdir(path, 0750) != 0 && errno != EEXIST) {
        return -errno;
    }
    *slash = '/';
    struct trace *trace = calloc(1, sizeof *trace);
    if (!trace) {
        return -ENOMEM;
    }
    r = map_ring(path, &ring);
    if (r < 0) {
        free(trace);
        return r;
    }
    if (!ring_sound(ring)) {
        memset(ring, 0, sizeof *ring);
        memcpy(ring->magic, magic, sizeof magic);
        ring->size = TRACE_RING_BYTES;
    }
    ring->serial = serial;
    snprintf(ring->adapter, sizeof ring->adapter, "%s", adapter);
    trace->ring = ring;
    *ret_trace = trace;
    return 0;
}

void trace_destroy(struct trace *trace)
{
    if (trace) {
        munmap(trace->ring, sizeof *trace->ring);
        free(trace);
    }
}

static void put_entry(struct ring *ring, enum trace_kind kind, int64_t time_ns, const void *data,
                      size_t len)
{
    struct entry_head head = { .length = entry_length(len),
                               .data_len = (uint16_t)len,
                               .kind = (uint8_t)kind,
                               .number = ring->number,
                               .time_ns = time_ns };
    uint64_t oldest = ring->oldest;
    while (ring->head + head.length - oldest > TRACE_RING_BYTES) {
        struct entry_head old;
        ring_read(ring, oldest, &old, sizeof old);
        if (!entry_possible(&old, ring->head - oldest)) {
            oldest = ring->head; /* a plugin wrote where it should not: begin afresh */
            break;
        }
        oldest += old.length;
    }
    if (oldest != ring->oldest) {
        __atomic_store_n(&ring->oldest, oldest, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* seen before the first byte goes */
    }
    ring_write(ring, ring->head, &head, sizeof head);
    ring_write(ring, ring->head + sizeof head, data, len);
    ring->number++;
    __atomic_store_n(&ring->head, ring->head + head.length, __ATOMIC_RELEASE);
}

void trace_put(struct trace *trace, enum trace_kind kind, int64_t time_ns, const void *data,
               size_t len)
{
    const uint8_t *at = data;
    while (trace && len > 0) {
        size_t part = len < TRACE_DATA_MAX ? len : TRACE_DATA_MAX;
        put_entry(trace->ring, kind, time_ns, at, part);
        at += part;
        len -= part;
    }
}

void trace_note(struct trace *trace, int64_t time_ns, const char *format, ...)
{
    char text[256];
    va_list args;
    if (!trace) {
        return;
    }
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0) {
        size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
        trace_put(trace, TRACE_NOTE, time_ns, text, len);
    }
}

int trace_reader_create(const char *ram, const char *bus, struct trace_reader **ret_reader)
{
    char path[512];
    struct stat st;
    int r = trace_path(ram, bus, path, sizeof path);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    struct trace_reader *reader = NULL;
    void *map = MAP_FAILED;
    if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct ring)) {
        r = -ENOENT; /* being made */
        goto out;
    }
    map = mmap(NULL, sizeof(struct ring), PROT_READ, MAP_SHARED, fd, 0);
    reader = calloc(1, sizeof *reader);
    if (map == MAP_FAILED || !reader) {
        r = -ENOMEM;
        goto out;
    }
    reader->ring = map;
    if (memcmp(reader->ring->magic, magic, sizeof magic) != 0 ||
        reader->ring->size != TRACE_RING_BYTES) {
        r = -EBADMSG;
        goto out;
    }
    memcpy(reader->adapter, reader->ring->adapter, WEIR_NAME_MAX);
    *ret_reader = reader;
out:
    close(fd);
    if (r < 0) {
        free(reader);
        if (map != MAP_FAILED) {
            munmap(map, sizeof(struct ring));
        }
    }
    return r;
}

void trace_reader_destroy(struct trace_reader *reader)
{
    if (reader) {
        munmap((void *)(uintptr_t)reader->ring, sizeof(struct ring));
        free(reader);
    }
}

/* Copies the entry at reader->at. False if it was overwritten meanwhile or never was one. */
static bool copy_entry(struct trace_reader *reader, uint64_t head, struct entry_head *ret_entry)
{
    struct entry_head entry;
    if (head - reader->at < sizeof entry || head - reader->at > TRACE_RING_BYTES) {
        return false;
    }
    ring_read(reader->ring, reader->at, &entry, sizeof entry);
    if (!entry_possible(&entry, head - reader->at)) {
        return false;
    }
    ring_read(reader->ring, reader->at + sizeof entry, reader->data, entry.data_len);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&reader->ring->oldest, __ATOMIC_RELAXED) > reader->at) {
        return false;
    }
    *ret_entry = entry;
    return true;
}

int trace_reader_next(struct trace_reader *reader, struct trace_entry *ret_entry)
{
    /* A writer that laps us again and again is not waited for: later is soon enough. */
    for (int attempt = 0; attempt < 16; attempt++) {
        struct entry_head entry;
        uint64_t head = __atomic_load_n(&reader->ring->head, __ATOMIC_ACQUIRE);
        if (reader->at == head) {
            return 0;
        }
        if (!copy_entry(reader, head, &entry)) {
            reader->at = __atomic_load_n(&reader->ring->oldest, __ATOMIC_ACQUIRE);
            continue;
        }
        ret_entry->kind = entry.kind;
        ret_entry->time_ns = entry.time_ns;
        ret_entry->lost =
            reader->number && entry.number > reader->number ? entry.number - reader->number : 0;
        ret_entry->len = entry.data_len;
        ret_entry->data = reader->data;
        reader->at += entry.length;
        reader->number = entry.number + 1;
        return 1;
    }
    return 0;
}

const char *trace_reader_adapter(const struct trace_reader *reader)
{
    return reader->adapter;
}

bool trace_reader_serial(const struct trace_reader *reader)
{
    return reader->ring->serial != 0;
}
