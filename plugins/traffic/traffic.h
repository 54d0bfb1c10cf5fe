/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of the traffic adapter share (families see family.h only).
 *
 *   traffic.c    bytes to messages                    ask.c        whose turn it is to be asked
 *   open.c       options, where the state lies        intervals.c  vehicles to intervals
 *   records.c    vehicles and intervals to records    families.c   the list of them
 *   services.c   what families are given              text.c       pure helpers for families
 */
#ifndef TRAFFIC_TRAFFIC_H
#define TRAFFIC_TRAFFIC_H

#include "family.h"
#include "line_options.h"

enum { POINTS_MAX = 24 + TRAFFIC_CLASSES_MAX, CLASS_NAME_MAX = 48 };

enum { UNIT_KMH, UNIT_MS };

/* What the device itself gives speeds in, where its messages do not say. */
enum { RAW_MS, RAW_KMH, RAW_MPH, RAW_FTS, RAW_CMS };

struct bus_settings {
    const char *family;
    int speed_unit, raw_speed_unit;
    int64_t interval_ns; /* 0: none made here */
    bool vehicles;       /* send each passage */
    bool set_clock;
    struct line_settings line; /* of the family line */
};

/* In the block that survives. */

struct ask {
    int32_t asked; /* device; -1: none */
    int32_t go_on; /* device that may be asked on; -1: none */
    uint32_t open; /* as far as we know */
    int64_t deadline_ns;
};

struct bytes {
    uint32_t len, new_at; /* from here on they came at new_ns, before at old_ns */
    int64_t old_ns, new_ns;
    int64_t idle_from_ns; /* nothing has come since, as far as we have looked */
    uint64_t noise;       /* thrown away when nobody asked; to be counted with the next bytes */
    uint8_t data[2 * TRAFFIC_MESSAGE_MAX];
};

struct head {
    struct ask ask;
    struct bytes bytes;
};

struct device_head {
    int64_t due_ns;
    int32_t clock_off; /* told that the device's clock is off */
    int32_t unused;
};

struct shapes {
    int vehicle, interval; /* what declare() gave; -1: none */
    uint32_t class_count;  /* of interval, when made here */
};

struct intervals; /* intervals.c */

struct traffic {
    struct weir_bus *bus;
    const struct bus_settings *settings;
    const struct family *family;
    struct family own; /* that family is this, if it has plan() */
    void *plan;
    bool no_port; /* this process has not got it yet: steps are done again, nothing is sent */
    struct shapes *shapes; /* a device */
    struct head *head;     /* the rest: parts of bus->state */
    struct device_head *devices;
    uint8_t *intervals, *family_bus, *family_devices;
    size_t interval_stride, device_stride;
};

/* open.c */
extern const struct weir_option traffic_bus_rows[], traffic_device_rows[];
size_t traffic_state_size(const struct weir_bus *bus);
int traffic_open(struct weir_bus *bus, void **ret_self);
void traffic_close(void *self);

/* records.c */
int records_declare(struct traffic *t);
/* Its classes are these words now. */
int records_declare_interval(struct traffic *t, size_t device, char (*words)[TRAFFIC_WORD_MAX],
                             size_t count);
void records_vehicle(struct traffic *t, size_t device, const struct vehicle *v);
/* usual, late: NAN, 0 if not known. */
void records_interval(struct traffic *t, size_t device, const struct interval *i, double usual,
                      uint64_t late);

/* ask.c */
void ask_opened(struct traffic *t, int64_t now_ns);
/* A new process goes on: what was asked may be answered still. */
void ask_resumed(struct traffic *t, int64_t now_ns);
/* After a message. */
void ask_on(struct traffic *t, int64_t now_ns);
int64_t ask_tick(struct traffic *t, int64_t now_ns);

/* intervals.c */
size_t intervals_size(void); /* of the state of one device */
void intervals_add(struct traffic *t, size_t device, const struct vehicle *v);
/* Ends what has ended; when that is wanted next. */
int64_t intervals_tick(struct traffic *t, int64_t now_ns);
/* Ends those that have counted something before their time. */
void intervals_finish(struct traffic *t, int64_t now_ns);

#endif
