/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Whose turn is it? Pure: knows neither port nor clock, the caller tells it the time.
 *
 * Live devices are due on a grid of `every` from one common start; with `every` 0, as soon as the
 * last cycle has ended. Earliest due goes first, so nobody starves. A device that did not answer a
 * whole cycle is gone: it is asked one request (a probe) after a back-off that doubles from
 * max(every, 4 time-outs) to max(every, 20 s). Bounds, with D devices gone and R the time of one
 * round of the live ones:
 *   - a live device waits for one probe at most (one time-out) beside its live neighbours;
 *   - a device that comes back is asked within max(every, 20 s) + D * (time-out + R).
 */
#ifndef BUS_SCHEDULE_H
#define BUS_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule;

struct schedule_device {
    int64_t every_ns; /* 0: back to back */
    int64_t timeout_ns;
};

int schedule_create(const struct schedule_device *devices, size_t count, int64_t start_ns,
                    struct schedule **ret_schedule);
void schedule_destroy(struct schedule *schedule);

struct turn {
    size_t device;
    bool probe;        /* it was gone: one request first, without retries */
    bool late;         /* begins more than one period after it was due */
    uint64_t left_out; /* cycles of the grid that passed since its last turn and had none */
};

/* Takes the device whose turn it is now; schedule_done() must follow. False: nobody is due. */
bool schedule_take(struct schedule *schedule, int64_t now_ns, struct turn *ret_turn);
/* When somebody will be due; INT64_MAX if there is no device. */
int64_t schedule_wake_ns(const struct schedule *schedule);

enum schedule_outcome {
    SCHEDULE_ANSWERED, /* at least one request was */
    SCHEDULE_SILENT,   /* none was */
    SCHEDULE_UNASKED,  /* the port is closed: says nothing about the device */
};

void schedule_done(struct schedule *schedule, size_t device, int64_t now_ns,
                   enum schedule_outcome outcome);

/* Everybody is due at once: the port has come back. */
void schedule_rush(struct schedule *schedule, int64_t now_ns);

#endif
