/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The adapter contract. An adapter is a shared object `adapter-NAME.so` that exports one symbol,
 * `weir_adapter`, a const struct weir_adapter. It runs in a process of its own, one a bus: it may
 * block and it may crash without harm to others. The host owns port, line settings, timing,
 * schedule, retries, back-off, deadband, records and queue; the adapter says what may be read
 * together and turns bytes into values. No mutable file-global state: all state hangs on `self`.
 *
 *   polled:     open -> [ parts -> poll, poll, ... ]* -> close     the host calls when due
 *   listening:  open -> [ opened | receive | tick ]* -> close      the host calls when bytes came,
 *                                                                  the port was opened, time is up
 *
 * A listening adapter may also ask: it writes from within its callbacks, and the answer comes to
 * receive() like everything else; tick() is its clock.
 *
 * Killed in mid-callback. What a listening adapter must not lose when its process dies (half a
 * message, counts of an open period, the last counter of a device) it keeps in bus->state, a block
 * of plain data (no pointers) in RAM. Each callback of the three is one step: the host notes bytes
 * and time before it calls, and takes the new state over when the call has returned. If the process
 * dies between, the next one begins with the old state and calls again with the same bytes and
 * times; records that had been made are then left out, and nothing is written to the port. So what
 * a callback makes must depend on nothing but the state, its arguments and wall(); the time is the
 * argument, not now_ns().
 */
#ifndef WEIR_ADAPTER_H
#define WEIR_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/option.h>
#include <weir/record.h>

#define WEIR_ADAPTER_ABI 2

struct weir_bus;

/* One point of a device, as configured (or as its model says). */
struct weir_device_point {
    const char *name;
    const char *unit;
    const void *options; /* the adapter's own struct, filled by point_options */
};

struct weir_device {
    const char *name;
    const void *options; /* the adapter's own struct, filled by device_options */
    int64_t timeout_ns;  /* how long to wait for one answer */
    const struct weir_device_point *points;
    size_t point_count;
    int64_t every_ns; /* how often it is asked; a listening adapter keeps its own schedule */
};

enum weir_level { WEIR_LOG_ERROR, WEIR_LOG_WARNING, WEIR_LOG_NOTICE, WEIR_LOG_DEBUG };
enum weir_direction { WEIR_TX, WEIR_RX };

/* What the host does for an adapter. The table and the bus live until close() has returned. Times
 * are CLOCK_BOOTTIME in nanoseconds. Call only from within a callback. */
struct weir_adapter_host {
    uint32_t size; /* of this struct: a newer host has more at the end */

    /* A line in the gateway's log. Repeated lines are summarised. */
    void (*log)(struct weir_bus *bus, enum weir_level level, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
    /* In open() only: something is wrong with this setting. device or point -1: the bus, the
     * device as a whole. The host adds file and line. An error makes open() fail in the end. */
    void (*finding)(struct weir_bus *bus, int device, int point, const char *key,
                    enum weir_level level, const char *format, ...)
        __attribute__((format(printf, 6, 7)));
    int64_t (*now_ns)(void);

    /* The open port as a file descriptor (non-blocking), -1 if it is closed. The host's: never
     * close it. */
    int (*port)(struct weir_bus *bus);
    /* Waits until the port is readable. Notes when the first byte of this poll came. WEIR_R_OK,
     * WEIR_R_TIMEOUT or WEIR_R_PORT (hung up). */
    enum weir_result (*wait)(struct weir_bus *bus, int64_t timeout_ns);
    /* For adapters that use no library: write all; read what is there within timeout_ns, at least
     * one byte. Both are traced. */
    enum weir_result (*write)(struct weir_bus *bus, const uint8_t *data, size_t len);
    enum weir_result (*read)(struct weir_bus *bus, uint8_t *buf, size_t size, int64_t timeout_ns,
                             size_t *ret_len);
    /* Throws away what came unasked (a late answer). Returns the number of bytes. */
    size_t (*flush)(struct weir_bus *bus);
    /* For adapters whose library reads and writes: shows the bytes to `weir trace`. */
    void (*trace)(struct weir_bus *bus, enum weir_direction direction, const uint8_t *data,
                  size_t len);

    /* Listening adapters: emits a record of one device. `shape` comes from declare(). `values` has
     * as many as the shape has points; time_ns is when the first byte came. Copies everything. */
    int (*declare)(struct weir_bus *bus, size_t device, const char *kind,
                   const struct weir_point *points, size_t point_count);
    int (*emit)(struct weir_bus *bus, int shape, int64_t time_ns, const struct weir_value *values);

    /* What wait() saw was not the answer: a frame of another device or to an older request
     * (WEIR_R_FOREIGN), our own request (WEIR_R_ECHO). Counts it; the first byte that comes now is
     * the first of this poll. Listening adapters: also a message that was not taken, and why
     * (WEIR_R_CRC, WEIR_R_FRAME, WEIR_R_DECODE). */
    void (*stray)(struct weir_bus *bus, enum weir_result what);

    /* Listening adapters, from within opened(), receive() and tick(). */

    /* What to add to now_ns() for nanoseconds since 1970; the same throughout one callback. True if
     * the clock is synchronised. */
    bool (*wall)(struct weir_bus *bus, int64_t *ret_offset_ns);
    /* A device answered (OK) or did not, and why: makes a `state` record when that changes. emit()
     * says OK by itself. */
    void (*device)(struct weir_bus *bus, size_t device, enum weir_result result);
    /* The device's own counter says that this many observations never reached us. */
    void (*missed)(struct weir_bus *bus, size_t device, uint64_t count);
    /* Another speed on the serial line from here on (a module in its configuration mode speaks
     * 9600 whatever it is set to), 0: the configured one. 0 or a negative errno. */
    int (*baud)(struct weir_bus *bus, int64_t baud);
};

#define WEIR_PORT_NONE   1u /* the bus needs no port */
#define WEIR_PORT_SERIAL 2u /* port = "/dev/..." */
#define WEIR_PORT_TCP    4u /* address = "host:port" */

struct weir_bus {
    const struct weir_adapter_host *host;
    const char *name;
    const void *options; /* the adapter's own struct, filled by bus_options */
    const struct weir_device *devices;
    size_t device_count;
    bool serial;          /* a serial line, else TCP (or no port) */
    int64_t character_ns; /* serial: time of one character, 11 bits, at this baud rate; else 0 */

    /* Listening adapters with state_size(): the block, zeroed or as the process before left it.
     * Ready in open(); belongs to the host. */
    void *state;
    bool state_kept; /* the process before left it */
    /* In opened(): this process has just begun, and the one before it left the port as it was and
     * bytes that may be half a message: nothing is void, as far as anybody knows. */
    bool resumed;
};

struct weir_adapter {
    /* Mandatory. */
    uint32_t abi;  /* WEIR_ADAPTER_ABI */
    uint32_t size; /* sizeof (struct weir_adapter) */
    const char *name;
    const char *summary;       /* one line, for `weir adapters` */
    unsigned ports;            /* WEIR_PORT_... that it can use */
    uint16_t default_tcp_port; /* for an address without one; 0: the port must be given */
    const struct weir_option *bus_options; /* beside the host's own: port, baud, ... NULL: none */
    const struct weir_option *device_options; /* beside name, every, timeout, ... */
    const struct weir_option *point_options;  /* beside name, unit, deadband, ... */
    size_t bus_size, device_size, point_size; /* of the structs that the tables fill */

    /* Makes the plan and checks it; must not touch the port (`weir check` calls it too). Settings
     * that contradict each other are told by host->finding. 0 and *ret_self, or a negative errno.
     */
    int (*open)(struct weir_bus *bus, void **ret_self);
    void (*close)(void *self); /* takes what open() made */

    /* Polled adapters; NULL otherwise. */

    /* The type a point's values have. Called after open(). */
    enum weir_type (*point_type)(void *self, size_t device, size_t point);
    /* How many requests one cycle of this device takes now. Asked before each cycle, and after each
     * part that did not end well: when there are more than before, the adapter has split this one.
     * It is then asked again, now smaller, and what was split off stands at the end. */
    size_t (*parts)(void *self, size_t device);
    /* One request and its answer: writes those of the device's values (one a point, set to
     * WEIR_R_SKIPPED before the cycle) that this part has. The host keeps silence around it,
     * retries, and turns a result other than OK into the reason of the part's values. Bytes that a
     * value points to must stay until the next call. */
    enum weir_result (*poll)(void *self, size_t device, size_t part, struct weir_value *values);
    /* Marks the values of a part that could not be read as missing for this reason. */
    void (*fail)(void *self, size_t device, size_t part, enum weir_result why,
                 struct weir_value *values);

    /* Listening adapters; NULL otherwise. Bytes as they came, the first at first_ns. Keeps what it
     * needs of an unfinished message in self. Returns how many bytes belong to no message (counted
     * as noise). */
    size_t (*receive)(void *self, const uint8_t *data, size_t len, int64_t first_ns);

    /* Optional. */

    /* One line for people on what these bytes of the wire mean, for `weir trace`. Pure. Returns
     * the length written, 0 if there is nothing to say. */
    size_t (*explain)(bool serial, enum weir_direction direction, const uint8_t *data, size_t len,
                      char *buf, size_t size);
    /* Extra pause that the device needs after its answer, beyond the line's own silence. */
    int64_t (*turnaround_ns)(void *self, size_t device);

    /* Listening adapters, optional. */

    /* Size of bus->state for this configuration. Asked before open(). A block of another size or
     * version, or of other devices, is not kept. At most 4 MiB. */
    size_t (*state_size)(const struct weir_bus *bus);
    uint32_t state_version;
    /* The port has been opened (again): whatever was under way is void, unless bus->resumed. */
    void (*opened)(void *self, int64_t now_ns);
    /* Time passes. Returns when it is wanted again, INT64_MAX: not before the next callback. Called
     * after each of the others, and when that time has come. */
    int64_t (*tick)(void *self, int64_t now_ns);

    /* Of a device that keeps its data: where to go on if bus->state is lost, by a power cut or
     * because this build has another version of it; a number of the adapter's own, 0: none. Asked
     * after each step, and kept on flash: always at an orderly end, else now and then. */
    uint64_t (*resume_point)(void *self, size_t device);
    /* Go on from there; before the first step with a new bus->state. Not exact: what lies behind
     * the point may have been delivered before. */
    void (*resume)(void *self, size_t device, uint64_t point, bool exact);
    /* The bus ends in order (stop, reload), and bus->state may not be there the next time: what is
     * being summed up becomes records now. What is under way on the wire stays as it is. */
    void (*finish)(void *self, int64_t now_ns);
};

#endif
