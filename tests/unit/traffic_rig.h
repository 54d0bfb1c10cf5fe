/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The traffic adapter without a bus process: bytes in, records out as JSON lines. One line of a
 * record:
 * {"time":1.5,"device":"a","kind":"vehicle","values":{...}}, values in the order of the shape,
 * absent ones null. Times are seconds of a made-up clock that begins at 0; wall clock is
 * 2026-11-22T12:00:00Z at 0, synchronised unless said otherwise.
 */
#ifndef TRAFFIC_RIG_H
#define TRAFFIC_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/adapter.h>

#define TRAFFIC_RIG_WALL_NS (1795348800LL * 1000000000LL)

struct traffic_rig;

struct traffic_rig_setup {
    const char *family;
    int64_t addresses[8]; /* of devices "a", "b", ...; the first 0 or more counts; -1: not set */
    size_t devices;       /* 0: one, without address */
    double interval_s;
    bool no_vehicles, metres_per_second, unsynchronised, no_clock_set;
    double every_s, timeout_s; /* 0: 10 s, 1 s */
    const char *pairs;
    double spacing_m;
    double settle_s;            /* of traffic_rig_mangle(): what has come by then counts */
    const struct weir_bus *bus; /* its options and devices count, not what stands above */
};

/* Opens the adapter and its port. Fails the test if it refuses; findings are in the message. */
struct traffic_rig *traffic_rig_open(const struct traffic_rig_setup *setup);
void traffic_rig_close(struct traffic_rig *rig);
/* Time goes on to `seconds`; ticks come when they are wanted. */
void traffic_rig_until(struct traffic_rig *rig, double seconds);
void traffic_rig_bytes(struct traffic_rig *rig, const void *bytes, size_t len);
void traffic_rig_text(struct traffic_rig *rig, const char *text);
void traffic_rig_hex(struct traffic_rig *rig, const char *hex); /* "5a 31 00" */
void traffic_rig_reopen(struct traffic_rig *rig);               /* the port is opened again */

/* Since the last call of the same: records as JSON lines, bytes written to the device as hex ("5a
 * 31
 * ..." each write a line), both until the next call. */
const char *traffic_rig_records(struct traffic_rig *rig);
const char *traffic_rig_sent(struct traffic_rig *rig);
size_t traffic_rig_fed(const struct traffic_rig *rig);      /* bytes, all in all */
size_t traffic_rig_noise(const struct traffic_rig *rig);    /* bytes, all in all */
uint64_t traffic_rig_missed(const struct traffic_rig *rig); /* told by missed() */
size_t traffic_rig_answers(const struct traffic_rig *rig,
                           enum weir_result result); /* by device() */
size_t traffic_rig_strays(const struct traffic_rig *rig, enum weir_result result);

/* A step of the bus process: forgets what came since, as a killed process does, and does it again.
 */
void traffic_rig_save(struct traffic_rig *rig);
void traffic_rig_restore(struct traffic_rig *rig);
/* A new state, and what resume_point() told of the first device before goes to resume(). */
void traffic_rig_resume(struct traffic_rig *rig, bool exact);
/* The same as restore with other settings of the bus; of one that was opened with setup.bus. */
void traffic_rig_change(struct traffic_rig *rig, const struct weir_bus *bus);

/* Every truncation of a message and every flip of one bit in it, each given to an adapter that was
 * opened for it and brought into place by `before` (NULL: nothing to do): it makes the same records
 * as the message itself, or none. uncovered: a character for each byte, '.' or something else: no
 * checksum covers this byte, so a flip in it may make anything but a crash; NULL or too short: '.'.
 */
void traffic_rig_mangle(const struct traffic_rig_setup *setup,
                        void (*before)(struct traffic_rig *rig), const void *bytes, size_t len,
                        const char *uncovered);
/* Bytes by chance: no crash, no more noise than bytes. */
void traffic_rig_random(const struct traffic_rig_setup *setup,
                        void (*before)(struct traffic_rig *rig), unsigned seed, size_t rounds);

#endif
