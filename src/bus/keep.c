/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * State that outlives the process: see keep.h.
 */
#include "bus/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/folder.h"

static const char magic[8] = "WEIRKEP1";

struct head {
    char magic[8];
    uint32_t key_len, state_size;
    uint32_t active; /* the good slot */
    uint32_t unused;
    struct {
        struct keep_mark mark;
        uint64_t step; /* the event that this state has seen */
    } slots[2];
    uint64_t step; /* number of the event below */
    struct keep_event event;
};

struct keep {
    struct head *head; /* mapped: head, key, slot 0, slot 1 */
    size_t size;
    uint8_t *slots[2];
    uint8_t *state; /* working copy, private */
    size_t state_size;
    bool found;
    char path[FOLDER_PATH_MAX];
};

static size_t rounded(size_t n)
{
    return (n + 15) / 16 * 16;
}

/* The pattern of room that nothing has been read into. */
static void fill(uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(0xa7 + 31 * i);
    }
}

static size_t replaced(const uint8_t *data, size_t len)
{
    while (len > 0 && data[len - 1] == (uint8_t)(0xa7 + 31 * (len - 1))) {
        len--;
    }
    return len;
}

static int open_file(const char *ram, const char *bus, size_t size, char path[FOLDER_PATH_MAX])
{
    int n = snprintf(path, FOLDER_PATH_MAX, "%s/keep", ram);
    if (n < 0 || (size_t)n + 1 + strlen(bus) >= FOLDER_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    int r = folder_make(path);
    if (r < 0) {
        return r;
    }
    snprintf(path + n, FOLDER_PATH_MAX - (size_t)n, "/%s", bus);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    /* With room for all of it: a write to a mapped page of a full tmpfs is a SIGBUS. */
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0 || fallocate(fd, 0, 0, (off_t)size) != 0) {
        r = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return r;
    }
    return fd;
}

static bool is_ours(const struct keep *keep, const void *key, size_t key_len)
{
    const struct head *head = keep->head;
    return !memcmp(head->magic, magic, sizeof magic) && head->key_len == key_len &&
           head->state_size == keep->state_size && head->active < 2 &&
           !memcmp(head + 1, key, key_len);
}

static void begin_anew(struct keep *keep, const void *key, size_t key_len)
{
    struct head *head = keep->head;
    memset(head, 0, keep->size);
    head->key_len = (uint32_t)key_len;
    head->state_size = (uint32_t)keep->state_size;
    memcpy(head + 1, key, key_len);
    memcpy(head->magic, magic, sizeof magic);
}

/* A read that never came back: how much did the kernel hand over? */
static void settle_read(struct keep_event *event)
{
    if (event->reading) {
        event->len = event->len <= KEEP_READ_BYTES ? event->len : 0;
        event->len = (uint32_t)replaced(event->data, event->len);
        event->kind = event->len ? KEEP_BYTES : KEEP_NOTHING;
        event->reading = 0;
    }
    if (event->kind > KEEP_RESUMED || event->len > KEEP_READ_BYTES) {
        event->kind = KEEP_NOTHING;
    }
}

int keep_open(const char *ram, const char *bus, const void *key, size_t key_len, size_t state_size,
              struct keep **ret_keep, bool *ret_shared)
{
    size_t at = sizeof(struct head) + rounded(key_len);
    struct keep *keep = calloc(1, sizeof *keep);
    void *state = NULL;
    if (state_size > KEEP_STATE_MAX || !keep ||
        posix_memalign(&state, 16, rounded(state_size) + 16) != 0) {
        free(keep);
        return state_size > KEEP_STATE_MAX ? -E2BIG : -ENOMEM;
    }
    keep->state = state;
    keep->state_size = state_size;
    keep->size = at + 2 * rounded(state_size);
    int fd = open_file(ram, bus, keep->size, keep->path);
    keep->head = mmap(NULL, keep->size, PROT_READ | PROT_WRITE,
                      fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd >= 0 ? fd : -1, 0);
    *ret_shared = fd >= 0;
    if (fd >= 0) {
        close(fd);
    }
    if (keep->head == MAP_FAILED) {
        free(state);
        free(keep);
        return -ENOMEM;
    }
    keep->slots[0] = (uint8_t *)keep->head + at;
    keep->slots[1] = keep->slots[0] + rounded(state_size);
    keep->found = is_ours(keep, key, key_len);
    if (!keep->found) {
        begin_anew(keep, key, key_len);
    }
    memcpy(keep->state, keep->slots[keep->head->active], state_size);
    settle_read(&keep->head->event);
    *ret_keep = keep;
    return 0;
}

/* The sizes that a file's head tells, if they are those of the file. */
static bool read_sizes(int fd, size_t *ret_key_len, size_t *ret_state_size)
{
    struct head head;
    struct stat st;
    if (fstat(fd, &st) != 0 || pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head.magic, magic, sizeof magic) != 0 || head.state_size > KEEP_STATE_MAX ||
        head.active > 1) {
        return false;
    }
    *ret_key_len = head.key_len;
    *ret_state_size = head.state_size;
    return (uint64_t)st.st_size ==
           sizeof head + rounded(head.key_len) + 2 * rounded(head.state_size);
}

int keep_open_left(const char *ram, const char *bus, struct keep **ret_keep)
{
    char path[FOLDER_PATH_MAX];
    size_t key_len = 0, state_size = 0;
    bool shared;
    int n = snprintf(path, sizeof path, "%s/keep/%s", ram, bus);
    int fd = n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return -errno;
    }
    bool good = read_sizes(fd, &key_len, &state_size);
    void *key = good ? malloc(key_len + 1) : NULL;
    if (key && pread(fd, key, key_len, sizeof(struct head)) != (ssize_t)key_len) {
        good = false;
    }
    close(fd);
    if (!good) {
        unlink(path);
    }
    int r = !good  ? -EINVAL
            : !key ? -ENOMEM
                   : keep_open(ram, bus, key, key_len, state_size, ret_keep, &shared);
    free(key);
    return r;
}

const void *keep_key(const struct keep *keep, size_t *ret_len)
{
    *ret_len = keep->head->key_len;
    return keep->head + 1;
}

size_t keep_state_size(const struct keep *keep)
{
    return keep->state_size;
}

void keep_destroy(struct keep *keep)
{
    if (keep) {
        munmap(keep->head, keep->size);
        free(keep->state);
        free(keep);
    }
}

void keep_remove(struct keep *keep)
{
    unlink(keep->path);
}

void *keep_state(struct keep *keep)
{
    return keep->state;
}

bool keep_found(const struct keep *keep)
{
    return keep->found;
}

struct keep_mark keep_mark(const struct keep *keep)
{
    return keep->head->slots[keep->head->active].mark;
}

const struct keep_event *keep_pending(const struct keep *keep)
{
    const struct head *head = keep->head;
    bool done = head->step == head->slots[head->active].step;
    return done || head->event.kind == KEEP_NOTHING ? NULL : &head->event;
}

static void set_times(struct keep_event *event, const struct keep_event *times)
{
    event->time_ns = times->time_ns;
    event->wall_offset_ns = times->wall_offset_ns;
    event->synchronised = times->synchronised;
}

/* From here on a new process finds this event. What stands before it in the program is in the page
 * by then: all that a kill needs is that the compiler keeps the order. */
static void announce(struct head *head)
{
    __atomic_store_n(&head->step, head->slots[head->active].step + 1, __ATOMIC_RELEASE);
}

const struct keep_event *keep_begin(struct keep *keep, enum keep_kind kind,
                                    const struct keep_event *times)
{
    struct keep_event *event = &keep->head->event;
    set_times(event, times);
    event->len = 0;
    event->reading = 0;
    event->kind = kind;
    announce(keep->head);
    return event;
}

ssize_t keep_begin_read(struct keep *keep, int fd, const struct keep_event *times,
                        const struct keep_event **ret_event)
{
    struct keep_event *event = &keep->head->event;
    int there = 0;
    if (ioctl(fd, FIONREAD, &there) != 0 || there <= 0) {
        there = 1; /* nothing, or the end: read() will say */
    }
    uint32_t len = there < KEEP_READ_BYTES ? (uint32_t)there : KEEP_READ_BYTES;
    set_times(event, times);
    fill(event->data, len);
    event->len = len;
    event->reading = 1;
    event->kind = KEEP_BYTES;
    announce(keep->head);
    ssize_t n = read(fd, event->data, len);
    int error = errno;
    event->len = n > 0 ? (uint32_t)n : 0;
    event->kind = n > 0 ? KEEP_BYTES : KEEP_NOTHING;
    __atomic_store_n(&event->reading, 0, __ATOMIC_RELEASE);
    *ret_event = event;
    errno = error;
    return n;
}

void keep_commit(struct keep *keep, struct keep_mark mark)
{
    struct head *head = keep->head;
    uint32_t next = 1 - head->active;
    memcpy(keep->slots[next], keep->state, keep->state_size);
    head->slots[next].mark = mark;
    head->slots[next].step = head->step;
    __atomic_store_n(&head->active, next, __ATOMIC_RELEASE);
}
