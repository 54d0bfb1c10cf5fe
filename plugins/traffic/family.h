/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a family of traffic counters is, and what the adapter does for it. A family knows a wire
 * format and nothing else: no port, no clock, no records. One file a family, FAMILY.c, with one
 * const struct family, listed in families.c; its model file in models/ says `family = "NAME"` and
 * the line settings that the device leaves the factory with.
 *
 *   bytes -> frame() cuts messages out of them -> message() -> traffic_vehicle(),
 * traffic_interval()
 *
 * A device that must be asked has request() too: the adapter asks one device at a time, each as
 * often as its `every` says, waits `timeout`, and calls request() again after each answer until it
 * has nothing more to ask.
 *
 * All state of a family lies in the two blocks that it declares the size of (plain data, no
 * pointers, zero when new): they survive the process. See <weir/adapter.h> on what that demands: a
 * family asks no clock; times are arguments.
 */
#ifndef TRAFFIC_FAMILY_H
#define TRAFFIC_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/adapter.h>

#define TRAFFIC_NS_PER_S  1000000000LL
#define TRAFFIC_NS_PER_MS 1000000LL

enum {
    TRAFFIC_MESSAGE_MAX = 1024, /* the longest message of any family */
    TRAFFIC_REQUEST_MAX = 256,
    TRAFFIC_WORD_MAX = 24,
    TRAFFIC_CLASSES_MAX = 8,
};

/* What a device tells of a passage or an interval. The first half may stand in both. */
enum {
    HAS_LANE = 1 << 0,
    HAS_DIRECTION = 1 << 1,
    HAS_SPEED = 1 << 2, /* vehicle: its speed; interval: the mean */
    HAS_CLASS = 1 << 3, /* vehicle: a word; interval: counts by class */
    HAS_HEADWAY = 1 << 4,
    HAS_GAP = 1 << 5,
    HAS_DEVICE_TIME = 1 << 6,
    HAS_OCCUPANCY = 1 << 7, /* interval */
    HAS_LENGTH = 1 << 8,    /* vehicle */
    HAS_DURATION = 1 << 9,
    HAS_RANGE = 1 << 10,
    HAS_DEVICE_COUNT = 1 << 11,
    HAS_MISSED = 1 << 12,
    HAS_SPEED_85 = 1 << 13, /* interval */
    HAS_PERIOD = 1 << 14,
    HAS_COUNT = 1 << 15, /* interval: vehicle_count; nearly always */
    HAS_AGAIN = 1 << 16, /* interval */
};

/* One passage. `has` says which of the others count; what the family declares and a passage lacks
 * is null in the record. Numbers in the units given here, exactly as the device has them where it
 * has these units. */
struct vehicle {
    unsigned has;
    int64_t time_ns; /* boot time, when the first byte of the message came; or by device_time */
    int64_t lane;
    double speed_kmh, length_m, range_m;
    double duration_s, headway_s, gap_s;
    char direction[TRAFFIC_WORD_MAX]; /* "approaching", "departing", or the device's word */
    char vehicle_class[TRAFFIC_WORD_MAX];
    int64_t device_time_ns; /* wall clock of the device, since 1970; device_days: its day unknown */
    uint64_t device_count;  /* running number of the device */
    uint64_t missed;        /* by the device's numbers, since the passage before */
};

/* One interval of one lane (or of all, without HAS_LANE) that the device itself has counted. */
struct interval {
    unsigned has;
    int64_t time_ns; /* boot time of its end */
    int64_t lane;
    double period_s;
    uint64_t vehicle_count;
    uint64_t class_counts[TRAFFIC_CLASSES_MAX]; /* in the order of family.classes */
    double speed_kmh, speed_85_kmh, occupancy_percent, headway_s, gap_s;
    char direction[TRAFFIC_WORD_MAX];
    int64_t device_time_ns; /* of its end */
    uint64_t missed;
    bool again; /* fetched from behind a resume point that was not exact: may have been told before
                 */
};

/* What is configured for one device. */
struct device_settings {
    int64_t address;   /* drop, sensor id: of a line with several; -1: not set */
    double spacing_m;  /* between two loops of a lane; 0: not set */
    const char *pairs; /* which detectors are such a pair: family's own notation */
};

struct traffic; /* the adapter's side; traffic.h */

struct family {
    const char *name;
    unsigned vehicle, interval;     /* what its records can have: HAS_...; 0: makes none of these */
    const char *const *classes;     /* names of class_counts, ends with NULL; NULL: none */
    size_t bus_state, device_state; /* sizes of its state blocks */
    bool lines;     /* messages are lines: one that is not taken is noise as a whole */
    bool addressed; /* several devices on a line, told apart by address */
    int64_t least_address, most_address, default_address;
    int64_t idle_ns; /* bytes that stay an unfinished message for so long are thrown away */

    /* Optional, for a family whose model says what its messages look like. Makes what it needs of
     * the settings (traffic_plan() from then on; belongs to the adapter, which gives it to
     * unplan()) and sets in `self`, the bus's own copy of the family, what its records can have.
     * NULL: a finding has been told. Of such a family the model may have points. */
    void *(*plan)(struct traffic *t, struct family *self);
    void (*unplan)(void *plan);
    int (*frame_by)(const void *plan, const uint8_t *bytes, size_t len); /* instead of frame() */

    /* What stands at the front of these bytes (at least one): n > 0: a message of n bytes; 0:
     * perhaps the begin of one, more is needed (never when len is TRAFFIC_MESSAGE_MAX); n < 0: -n
     * bytes that begin no message. Pure. */
    int (*frame)(const uint8_t *bytes, size_t len);
    /* A whole message. Anything but OK: it is not taken (checksum, contents), its first byte is
     * noise and the search goes on behind that byte. WEIR_R_FOREIGN: well formed, not for us:
     * skipped whole.
     */
    enum weir_result (*message)(struct traffic *t, const uint8_t *bytes, size_t len,
                                int64_t time_ns);

    /* Devices that are asked. The next request to this device in this round; 0: nothing more to
     * ask. first: the round begins now. */
    size_t (*request)(struct traffic *t, size_t device, bool first, int64_t now_ns,
                      uint8_t buf[TRAFFIC_REQUEST_MAX]);
    /* Optional. The answer did not come, or is not to be had; the round ends, unless this returns
     * true: then request() is called again (first false). */
    bool (*silent)(struct traffic *t, size_t device, int64_t now_ns);
    /* Optional. The port is open (again). Send what a device needs to be told. */
    void (*opened)(struct traffic *t, int64_t now_ns);
    /* Optional; also for lines whose messages end by a pause. Returns when it is wanted next. */
    int64_t (*tick)(struct traffic *t, int64_t now_ns);
    /* Optional, of a device that keeps intervals: which one was told last, 62 bits of the family's
     * own, 0: none yet; and its state is new: go on from there. As in <weir/adapter.h>. kind: 1 to
     * 3, another in each family that has these. */
    unsigned resume_kind;
    uint64_t (*resume_point)(struct traffic *t, size_t device);
    void (*resume)(struct traffic *t, size_t device, uint64_t point, bool exact);
    /* Optional: has the adapter's options been understood? Tells findings by traffic_finding(). */
    void (*check)(struct traffic *t);
    /* Optional: one line on what these bytes of the wire are. As in <weir/adapter.h>. */
    size_t (*explain)(enum weir_direction direction, const uint8_t *bytes, size_t len, char *buf,
                      size_t size);
};

extern const struct family *const families[]; /* ends with NULL */

/* ---- for families; from within message(), request(), opened() and tick() */

size_t traffic_devices(const struct traffic *t);
const struct device_settings *traffic_settings(const struct traffic *t, size_t device);
const struct weir_device *traffic_device(const struct traffic *t, size_t device);
/* Of a family with addresses: the one that is set, or the family's default. */
int64_t traffic_address(const struct traffic *t, size_t device);
/* The device with this address; -1: none. Of a family without addresses: 0. */
int traffic_find(const struct traffic *t, int64_t address);
void *traffic_bus_state(struct traffic *t);
void *traffic_device_state(struct traffic *t, size_t device);

void traffic_vehicle(struct traffic *t, size_t device, const struct vehicle *vehicle);
void traffic_interval(struct traffic *t, size_t device, const struct interval *interval);
/* Bytes to the device, unasked (an acknowledgement). */
void traffic_send(struct traffic *t, const void *bytes, size_t len);
/* The device that was asked has answered: the next request may go. False: it was not asked; then
 * the message is foreign. The device that is being asked now; -1: none. */
bool traffic_answered(struct traffic *t, size_t device);
int traffic_asked(const struct traffic *t);
/* A part of a message that is otherwise taken is not: counted. */
void traffic_stray(struct traffic *t, enum weir_result what);
/* The device's clock says `device_ns` (since 1970) at `now_ns`. Returns our clock minus that, for
 * those who can set it; 0 if ours is not synchronised or setting it is switched off (set_clock), or
 * the two agree within `most_ns`. A difference of more is told in the log once. */
int64_t traffic_clock(struct traffic *t, size_t device, int64_t device_ns, int64_t most_ns,
                      int64_t now_ns);
/* May the device's clock be set (set_clock)? Of one that does not tell its own. */
bool traffic_sets_clock(const struct traffic *t);
/* Our wall clock at boot time `at_ns`; true if it is synchronised. */
bool traffic_wall(const struct traffic *t, int64_t at_ns, int64_t *ret_wall_ns);
/* The boot time of what the device saw at `device_ns` by its clock (since 1970), for records that
 * it kept, below 0 before this boot; `now_ns` if that lies in the future or more than a week back,
 * or our clock is not synchronised. */
int64_t traffic_time(const struct traffic *t, int64_t device_ns, int64_t now_ns);
/* Are vehicles wanted, themselves or for intervals? Else a device need not be asked for them. */
bool traffic_wants_vehicles(const struct traffic *t);
/* A part of the answer has come, the rest may take as long as the timeout again. */
void traffic_goes_on(struct traffic *t, int64_t now_ns);
/* A line in the log, once for each change of `state` (a small number of the family's). */
void traffic_log(struct traffic *t, enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void traffic_finding(struct traffic *t, int device, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void traffic_point_finding(struct traffic *t, int device, int point, const char *key,
                           const char *format, ...) __attribute__((format(printf, 5, 6)));
/* What plan() made. */
void *traffic_plan(const struct traffic *t);

/* A speed in the unit that the device is set to (raw_speed_unit). */
double traffic_kmh(const struct traffic *t, double raw);

/* ---- readings that are no vehicles yet; passage.c */

/* The passage that is going on; plain data for a state block, zero: none. */
struct passage {
    uint32_t open, unused;
    int64_t first_ns, last_ns;
    double highest_kmh, range_m; /* range: 0: not told */
    char direction[TRAFFIC_WORD_MAX];
};

/* A speed of a radar that prints many for each vehicle. Speeds of one direction ("": not known)
 * with less than a second between them are one vehicle of the first device, its speed the highest,
 * its duration from the first to the last. 0 is none. */
void passage_reading(struct traffic *t, struct passage *passage, double kmh, const char *direction,
                     int64_t time_ns);
/* How far away the vehicle of the passage that is going on was; the first is kept. */
void passage_range(struct passage *passage, double range_m);
/* It has passed, by what the device says. */
void passage_end(struct traffic *t, struct passage *passage);
/* From tick(). */
int64_t passage_tick(struct traffic *t, struct passage *passage, int64_t now_ns);

/* ---- pure helpers; text.c */

/* For lines without a checksum: the first line after the port was opened, if it was under way
 * already, lacks its begin, and what is left may look whole ("3,55" of "13,55"). In a state block;
 * from opened(), and with each line: true: that line is not to be taken. */
struct under_way {
    int64_t opened_ns;
    uint32_t opened, unused;
};
void under_way_opened(struct under_way *u, int64_t now_ns);
bool under_way_cut(struct under_way *u, int64_t time_ns);

/* frame() of families that speak lines: ends with CR, LF or both; longer than `most` is noise. The
 * length includes the end. */
int frame_line(const uint8_t *bytes, size_t len, size_t most);
/* Without the line's end, in buf with a zero; false if it has a zero or does not fit. */
bool line_text(const uint8_t *bytes, size_t len, char *buf, size_t size);
/* A whole decimal number that is all of the text (JSON's grammar, an optional + in front). */
bool text_number(const char *text, double *ret_number);
bool text_whole(const char *text, int64_t least, int64_t most, int64_t *ret_number);
/* len hex digits, most significant first. */
bool text_hex(const char *text, size_t len, uint64_t *ret_number);
/* Seconds since 1970 of a UTC date; false if there is no such. year 1970..2199, month and day
 * from 1.
 */
bool date_seconds(int year, int month, int day, int hour, int minute, int second,
                  int64_t *ret_seconds);
/* The other way round, UTC; weekday from 0, Sunday. */
struct civil {
    int year, month, day, hour, minute, second, weekday;
};
struct civil civil_from_seconds(int64_t seconds);
uint32_t get_be(const uint8_t *bytes, unsigned count); /* big-endian, 1 to 4 bytes */
uint32_t get_le(const uint8_t *bytes, unsigned count);
/* miles per hour to km/h, feet to metres: exact factors, rounded to 3 digits behind the point. */
double kmh_from_mph(double mph);
double m_from_feet(double feet);
double rounded3(double number);

#endif
