/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * An adapter for tests that does what no adapter should: after so many polls, in the way that
 * `mode` says. Until then, and with mode "ok", every device has an answer: the number of the poll.
 */
#include <weir/adapter.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where RLIMIT_DATA does not end it (sanitizers), this does: the machine is not ours alone. */
enum { ALLOCATE_STEP = 1 << 20, ALLOCATE_STEPS_MAX = 512 };

enum mode { OK, CRASH, LOOP, READ, ALLOCATE, CLOSE_FDS, GARBAGE };

struct bus_options {
    int mode; /* enum mode */
    int64_t after;
    const char *path;
};

struct misbehave {
    struct weir_bus *bus;
    const struct bus_options *options;
    uint64_t polls;
};

static void crash(const struct misbehave *self)
{
    signal(SIGSEGV, SIG_DFL); /* also where a sanitizer would report and exit */
    raise(SIGSEGV);
}

static void loop(const struct misbehave *self)
{
    for (volatile unsigned turn = 0;; turn++) {
    }
}

/* On a FUSE file whose server does not answer, no signal ends this. */
static void read_path(const struct misbehave *self)
{
    char byte;
    int fd = open(self->options->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &byte, 1) < 0) {
        self->bus->host->log(self->bus, WEIR_LOG_ERROR, "%s: %s", self->options->path,
                             strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void allocate(const struct misbehave *self)
{
    for (int i = 0; i < ALLOCATE_STEPS_MAX; i++) {
        char *more = malloc(ALLOCATE_STEP);
        if (!more) {
            break;
        }
        memset(more, i, ALLOCATE_STEP);
        __asm__ volatile("" : : "r"(more) : "memory");
    }
    abort();
}

static void close_fds(const struct misbehave *self)
{
    close_range(0, ~0u, 0);
}

static void write_garbage(const struct misbehave *self)
{
    unsigned char garbage[64];
    for (int i = 0; i < 1000; i++) {
        for (size_t k = 0; k < sizeof garbage; k++) {
            garbage[k] = (unsigned char)rand();
        }
        if (send(3, garbage, (size_t)rand() % sizeof garbage + 1, MSG_DONTWAIT | MSG_NOSIGNAL) <
            0) {
            return;
        }
    }
}

static void (*const deeds[])(const struct misbehave *self) = {
    [CRASH] = crash,       [LOOP] = loop,           [READ] = read_path,
    [ALLOCATE] = allocate, [CLOSE_FDS] = close_fds, [GARBAGE] = write_garbage,
};

static int misbehave_open(struct weir_bus *bus, void **ret_self)
{
    struct misbehave *self = calloc(1, sizeof *self);
    if (!self) {
        return -ENOMEM;
    }
    self->bus = bus;
    self->options = bus->options;
    *ret_self = self;
    return 0;
}

static void misbehave_close(void *self)
{
    free(self);
}

static enum weir_type point_type(void *self, size_t device, size_t point)
{
    return WEIR_UINT64;
}

static size_t parts(void *self, size_t device)
{
    return 1;
}

static enum weir_result poll_device(void *context, size_t device, size_t part,
                                    struct weir_value *values)
{
    struct misbehave *self = context;
    self->polls++;
    if (self->options->mode != OK && self->polls > (uint64_t)self->options->after) {
        deeds[self->options->mode](self);
    }
    for (size_t i = 0; i < self->bus->devices[device].point_count; i++) {
        values[i].quality = WEIR_QUALITY_GOOD;
        values[i].uint64 = self->polls;
    }
    return WEIR_R_OK;
}

static void fail(void *context, size_t device, size_t part, enum weir_result why,
                 struct weir_value *values)
{
    struct misbehave *self = context;
    for (size_t i = 0; i < self->bus->devices[device].point_count; i++) {
        values[i].quality = (uint8_t)why;
    }
}

static const char *const modes[] = { "ok",       "crash",     "loop",    "read",
                                     "allocate", "close_fds", "garbage", NULL };

static const struct weir_option bus_options[] = {
    { .name = "mode",
      .type = WEIR_OPTION_CHOICE,
      .offset = offsetof(struct bus_options, mode),
      .fallback = "ok",
      .choices = modes,
      .help = "what it does wrong" },
    { .name = "after",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct bus_options, after),
      .fallback = "10",
      .min = 0,
      .max = 1e9,
      .unit = "polls",
      .help = "how long it is good" },
    { .name = "path",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct bus_options, path),
      .help = "file that mode \"read\" reads" },
    { 0 },
};

__attribute__((visibility("default"))) extern const struct weir_adapter weir_adapter;
const struct weir_adapter weir_adapter = {
    .abi = WEIR_ADAPTER_ABI,
    .size = sizeof(struct weir_adapter),
    .name = "misbehave",
    .summary = "does what no adapter should (for tests)",
    .ports = WEIR_PORT_NONE,
    .bus_options = bus_options,
    .bus_size = sizeof(struct bus_options),
    .open = misbehave_open,
    .close = misbehave_close,
    .point_type = point_type,
    .parts = parts,
    .poll = poll_device,
    .fail = fail,
};
