/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a record is: one observation of one device at one time, several values that belong
 * together. What a record looks like is declared once, as a shape; a record then carries values
 * only. Used by adapters (which fill values), the log (which stores them) and the encoders. Nothing
 * here owns memory: strings and bytes belong to whoever made the struct, and live as long as the
 * function that handed it over says.
 */
#ifndef WEIR_RECORD_H
#define WEIR_RECORD_H

#include <stddef.h>
#include <stdint.h>

/* Names of gateways, buses, devices, uplinks, points: 1 to 64 of A-Za-z0-9._-, first a letter or
 * digit. */
#define WEIR_NAME_MAX 64
/* A record has at most this many points, a text or bytes value at most this many bytes. */
#define WEIR_POINTS_MAX 1024
#define WEIR_TEXT_MAX   4096

/* The numbers are part of the log format: never reuse one. */
enum weir_type {
    WEIR_BOOL = 1,
    WEIR_INT64 = 2,
    WEIR_UINT64 = 3,
    WEIR_FLOAT32 = 4, /* printed as the shortest decimal that gives the same float back */
    WEIR_FLOAT64 = 5,
    WEIR_TEXT = 6, /* UTF-8, no terminating zero */
    WEIR_BYTES = 7,
};

/* How asking a device ended. Each is a counter in `weir status` and a reason that a missing value
 * can carry: X(number in the log, NAME, "name in JSON and status", "for people"). Never reuse a
 * number. */
#define WEIR_RESULTS(X)                                                                            \
    X(0, OK, "ok", "answered")                                                                     \
    X(1, TIMEOUT, "timeout", "no answer in time")                                                  \
    X(2, CRC, "crc", "checksum wrong")                                                             \
    X(3, FRAME, "frame", "answer cut short or malformed")                                          \
    X(4, FOREIGN, "foreign", "answer of another device or to another request")                     \
    X(5, ECHO, "echo", "our own request came back")                                                \
    X(6, ILLEGAL_FUNCTION, "illegal_function", "device does not know the function")                \
    X(7, ILLEGAL_ADDRESS, "illegal_address", "device has no such register")                        \
    X(8, ILLEGAL_VALUE, "illegal_value", "device refuses the value or count")                      \
    X(9, DEVICE_FAILURE, "device_failure", "device reports a failure of its own")                  \
    X(10, BUSY, "busy", "device says it is busy")                                                  \
    X(11, EXCEPTION, "exception", "another exception code")                                        \
    X(12, PORT, "port", "port not open or lost")                                                   \
    X(13, ABSENT, "absent", "device says it has no value (NaN, not fitted)")                       \
    X(14, RANGE, "range", "value does not fit its type")                                           \
    X(15, DECODE, "decode", "answer understood, content not")                                      \
    X(16, SKIPPED, "skipped", "not asked in this cycle")                                           \
    X(17, INTERNAL, "internal", "fault of the adapter")

enum weir_result {
#define WEIR_RESULT_ENUM(number, name, text, help) WEIR_R_##name = (number),
    WEIR_RESULTS(WEIR_RESULT_ENUM)
#undef WEIR_RESULT_ENUM
        WEIR_RESULT_COUNT
};

/* Quality of one value: 0 good, a weir_result why the value is missing, or one of these. */
#define WEIR_QUALITY_GOOD    0x00
#define WEIR_QUALITY_SUSPECT 0x80 /* a value is there, but doubted */
#define WEIR_QUALITY_OMITTED 0xff /* inside its deadband: left out, nothing is wrong */

struct weir_value {
    uint8_t quality; /* the union holds a value only if GOOD or SUSPECT */
    union {
        uint8_t boolean; /* 0 or 1 */
        int64_t int64;
        uint64_t uint64;
        float float32; /* finite; an adapter says ABSENT for NaN and infinity */
        double float64;
        struct {
            const uint8_t *data;
            size_t len;
        } bytes; /* WEIR_TEXT and WEIR_BYTES */
    };
};

struct weir_point {
    const char *name;
    const char *unit; /* a UCUM code, "" if it has none */
    enum weir_type type;
};

struct weir_label {
    const char *key;
    const char *value;
};

struct weir_shape {
    const char *device;
    const char *kind;  /* "reading", "vehicle", "interval", "packet", "state", "event" */
    const char *model; /* "" if unknown */
    const struct weir_label *labels;
    size_t label_count;
    const struct weir_point *points;
    size_t point_count;
};

#endif
