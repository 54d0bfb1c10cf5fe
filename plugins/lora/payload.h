/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the bytes of a radio packet mean: bytes in, named values out. No port, no clock, no state.
 * docs/payloads.md is for users. What an adapter does, once a device and then once a packet:
 *
 *     payload_plan_create(&device->payload, points, count, findings, &plan)     in open()
 *     payload_decode(plan, bytes, len, &values)                                 in receive()
 *     declare(..., values.points, values.count) unless payload_same_points() as some packet before
 *     emit(..., values.values)
 */
#ifndef LORA_PAYLOAD_H
#define LORA_PAYLOAD_H

#include <weir/adapter.h>

#define PAYLOAD_VALUES_MAX 64   /* in a packet, and points of a device */
#define PAYLOAD_BYTES_MAX  1024 /* no radio here sends more than 255 */

/* ---- options */

enum payload_kind {
    PAYLOAD_RAW,    /* no values: the adapter passes the bytes on */
    PAYLOAD_LPP,    /* Cayenne LPP */
    PAYLOAD_TLV,    /* id, length, value */
    PAYLOAD_STRUCT, /* a fixed layout */
    PAYLOAD_TEXT,   /* "t=21.5,h=54" */
    PAYLOAD_JSON,
};
enum payload_order { PAYLOAD_BIG, PAYLOAD_LITTLE };
enum payload_type {
    PAYLOAD_NUMBER, /* whatever number the packet has: LPP, text, JSON */
    PAYLOAD_UINT8,
    PAYLOAD_INT8,
    PAYLOAD_UINT16,
    PAYLOAD_INT16,
    PAYLOAD_UINT24,
    PAYLOAD_INT24,
    PAYLOAD_UINT32,
    PAYLOAD_INT32,
    PAYLOAD_UINT64,
    PAYLOAD_INT64,
    PAYLOAD_FLOAT32,
    PAYLOAD_FLOAT64,
    PAYLOAD_BOOL,
    PAYLOAD_TEXTS,
    PAYLOAD_BYTES,
};

/* Of a device. Filled by PAYLOAD_DEVICE_ROWS. */
struct payload_options {
    int kind, order;
    int64_t id_bytes, length_bytes; /* TLV */
    const char *separator, *assign; /* text: characters, each of which is one */
    const char *counter;            /* name of the value that counts packets; "": none */
    int counter_width;              /* index into 8, 16, 32 bits */
};

/* Of a point. Filled by PAYLOAD_POINT_ROWS. */
struct payload_point {
    int type;
    int order;       /* 0: the device's, else 1 + enum payload_order */
    int64_t at;      /* struct: number of the first byte, from 0; -1: not given */
    int64_t length;  /* struct: bytes of a text; 0: to the end of the packet */
    int64_t bit;     /* lowest bit that counts; -1: all */
    int64_t bits;    /* how many from there */
    int64_t id;      /* TLV; -1: not given */
    const char *key; /* LPP, text, JSON: what the packet calls it; "": as the point */
    double scale, offset;
};

extern const char *const payload_kinds[],
    *const payload_orders[], *const payload_types[], *const payload_point_orders[],
                                                         *const payload_counter_widths[];

/* Rows for the adapter's own tables: OUTER is its struct, FIELD the member that is a struct
 * payload_options or payload_point. For a table of points PAYLOAD_POINT_ROWS must be of a struct
 * whose FIRST member it is: payload_plan_create() takes weir_device_point.options for it. */
#define PAYLOAD_DEVICE_ROWS(outer, field)                                                          \
    { .name = "payload",                                                                           \
      .type = WEIR_OPTION_CHOICE,                                                                  \
      .offset = offsetof(outer, field.kind),                                                       \
      .fallback = "raw",                                                                           \
      .choices = payload_kinds,                                                                    \
      .help = "what the device's packets hold" },                                                  \
        { .name = "order",                                                                         \
          .type = WEIR_OPTION_CHOICE,                                                              \
          .offset = offsetof(outer, field.order),                                                  \
          .fallback = "little",                                                                    \
          .choices = payload_orders,                                                               \
          .help = "order of the bytes in struct and tlv" },                                        \
        { .name = "id_bytes",                                                                      \
          .type = WEIR_OPTION_INT,                                                                 \
          .offset = offsetof(outer, field.id_bytes),                                               \
          .fallback = "1",                                                                         \
          .min = 1,                                                                                \
          .max = 2,                                                                                \
          .unit = "bytes",                                                                         \
          .help = "tlv: width of an id" },                                                         \
        { .name = "length_bytes",                                                                  \
          .type = WEIR_OPTION_INT,                                                                 \
          .offset = offsetof(outer, field.length_bytes),                                           \
          .fallback = "1",                                                                         \
          .min = 0,                                                                                \
          .max = 2,                                                                                \
          .unit = "bytes",                                                                         \
          .flags = WEIR_OPTION_RANGE,                                                              \
          .help = "tlv: width of a length; 0: none is sent, the type says it" },                   \
        { .name = "separator",                                                                     \
          .type = WEIR_OPTION_TEXT,                                                                \
          .offset = offsetof(outer, field.separator),                                              \
          .fallback = ",",                                                                         \
          .help = "text: characters between two values, each of them" },                           \
        { .name = "assign",                                                                        \
          .type = WEIR_OPTION_TEXT,                                                                \
          .offset = offsetof(outer, field.assign),                                                 \
          .fallback = "=",                                                                         \
          .help =                                                                                  \
              "text: characters between key and value; \"\": no keys, field_1, field_2, ..." },    \
        { .name = "counter",                                                                       \
          .type = WEIR_OPTION_TEXT,                                                                \
          .offset = offsetof(outer, field.counter),                                                \
          .help = "name of the value that counts the packets" },                                   \
    {                                                                                              \
        .name = "counter_bits", .type = WEIR_OPTION_CHOICE,                                        \
        .offset = offsetof(outer, field.counter_width), .fallback = "16",                          \
        .choices = payload_counter_widths, .help = "after how many bits it begins again"           \
    }

#define PAYLOAD_POINT_ROWS(outer, field)                                                           \
    { .name = "type",                                                                              \
      .type = WEIR_OPTION_CHOICE,                                                                  \
      .offset = offsetof(outer, field.type),                                                       \
      .fallback = "number",                                                                        \
      .choices = payload_types,                                                                    \
      .help = "what the value is; struct and tlv need one with a width" },                         \
        { .name = "order",                                                                         \
          .type = WEIR_OPTION_CHOICE,                                                              \
          .offset = offsetof(outer, field.order),                                                  \
          .fallback = "device",                                                                    \
          .choices = payload_point_orders,                                                         \
          .help = "order of its bytes, if not the device's" },                                     \
        { .name = "at",                                                                            \
          .type = WEIR_OPTION_INT,                                                                 \
          .offset = offsetof(outer, field.at),                                                     \
          .fallback = "-1",                                                                        \
          .min = -1,                                                                               \
          .max = PAYLOAD_BYTES_MAX - 1,                                                            \
          .help = "struct: number of its first byte, from 0" },                                    \
        { .name = "length",                                                                        \
          .type = WEIR_OPTION_INT,                                                                 \
          .offset = offsetof(outer, field.length),                                                 \
          .fallback = "0",                                                                         \
          .min = 0,                                                                                \
          .max = PAYLOAD_BYTES_MAX,                                                                \
          .unit = "bytes",                                                                         \
          .flags = WEIR_OPTION_RANGE,                                                              \
          .help = "of a text or bytes; 0: to the end of the packet" },                             \
        { .name = "bit",                                                                           \
          .type = WEIR_OPTION_INT,                                                                 \
          .offset = offsetof(outer, field.bit),                                                    \
          .fallback = "-1",                                                                        \
          .min = -1,                                                                               \
          .max = 63,                                                                               \
          .help = "lowest bit that counts, 0 the lowest of all; -1: every bit" },                  \
        { .name = "bits",                                                                          \
          .type = WEIR_OPTION_INT,                                                                 \
          .offset = offsetof(outer, field.bits),                                                   \
          .fallback = "1",                                                                         \
          .min = 1,                                                                                \
          .max = 64,                                                                               \
          .help = "how many bits count from there" },                                              \
        { .name = "id",                                                                            \
          .type = WEIR_OPTION_INT,                                                                 \
          .offset = offsetof(outer, field.id),                                                     \
          .fallback = "-1",                                                                        \
          .min = -1,                                                                               \
          .max = 65535,                                                                            \
          .help = "tlv: the id before the value" },                                                \
        { .name = "key",                                                                           \
          .type = WEIR_OPTION_TEXT,                                                                \
          .offset = offsetof(outer, field.key),                                                    \
          .help = "what the packet calls it, if not as the point: temperature_3, a.b.0" },         \
        { .name = "scale",                                                                         \
          .type = WEIR_OPTION_FLOAT,                                                               \
          .offset = offsetof(outer, field.scale),                                                  \
          .fallback = "1",                                                                         \
          .help = "the raw value is multiplied by this" },                                         \
    {                                                                                              \
        .name = "offset", .type = WEIR_OPTION_FLOAT, .offset = offsetof(outer, field.offset),      \
        .fallback = "0", .help = "and this is added"                                               \
    }

/* The same rows for a struct payload_options and a struct payload_point that stand alone. */
extern const struct weir_option payload_rows[], payload_point_rows[];

/* ---- the plan of a device */

struct payload_plan;

/* Told of each setting that is wrong. point -1: the device's own. `key` names the option. */
struct payload_findings {
    void (*tell)(void *user, int point, const char *key, const char *what);
    void *user;
};

/* Checks the settings. `points` may be none for LPP, text and JSON: then a packet's values are
 * whatever it holds. Keeps pointers to names, units, keys and point options: they must outlive the
 * plan, as a configuration does. 0, -EINVAL after at least one finding, or -ENOMEM. */
int payload_plan_create(const struct payload_options *options,
                        const struct weir_device_point *points, size_t count,
                        struct payload_findings findings, struct payload_plan **ret_plan);
void payload_plan_destroy(struct payload_plan *plan);

/* ---- one packet */

/* X(NAME, "name of the counter", "for people") */
#define PAYLOAD_RESULTS(X)                                                                         \
    X(OK, "ok", "decoded")                                                                         \
    X(TRUNCATED, "truncated", "ends in the middle of a value")                                     \
    X(UNKNOWN, "unknown", "has a type or id that nobody described")                                \
    X(MALFORMED, "malformed", "is not of its kind")                                                \
    X(LENGTH, "length", "has a value of another length than described")                            \
    X(TOO_MANY, "too_many", "has more values than a packet may have")                              \
    X(TOO_LONG, "too_long", "is longer than a packet may be")

enum payload_result {
#define PAYLOAD_RESULT_ENUM(name, word, help) PAYLOAD_R_##name,
    PAYLOAD_RESULTS(PAYLOAD_RESULT_ENUM)
#undef PAYLOAD_RESULT_ENUM
        PAYLOAD_RESULT_COUNT
};

/* Some 9 KiB of the caller's, used again for each packet. Names, units and texts point into it or
 * into the plan: it must not be moved or copied. */
struct payload_values {
    size_t count;
    struct weir_point points[PAYLOAD_VALUES_MAX];
    struct weir_value values[PAYLOAD_VALUES_MAX];

    enum payload_result result; /* the first error */
    size_t at;                  /* where: number of the byte, from 0 */
    int byte;                   /* which byte stands there (a TLV's id: up to 65535); -1: none */
    size_t skipped;             /* values that nobody asked for or that cannot be named */

    uint64_t set; /* the rest is the decoder's: bit i: values[i] was in the packet */
    size_t used;
    char room[PAYLOAD_VALUES_MAX * (WEIR_NAME_MAX + 1) + PAYLOAD_BYTES_MAX];
};

/* Decodes a packet. With points: as many values as the plan has points, in their order and always
 * of the same types; one that is not in the packet is missing as ABSENT or, after an error, as
 * FRAME or DECODE. Without: the values in the order of the packet, those before an error too; a
 * name that comes twice gets "-2" behind it. Never allocates, except for JSON, whose library does,
 * and then nothing stays. Returns values->result. */
enum payload_result payload_decode(const struct payload_plan *plan, const uint8_t *data, size_t len,
                                   struct payload_values *values);

/* "truncated"; "ends in the middle of a value" */
const char *payload_result_name(enum payload_result result);
const char *payload_result_help(enum payload_result result);
/* How a record says it. */
enum weir_result payload_reason(enum payload_result result);
/* For the log: "has a type or id that nobody described: 0x2a at byte 4". Returns the length. */
size_t payload_error(const struct payload_values *values, char *buf, size_t size);

/* The points that every packet will have. 0 without points: then they are those of the packet. */
size_t payload_points(const struct payload_plan *plan, const struct weir_point **ret_points);
/* Is it the same shape: same names, units and types in the same order? */
bool payload_same_points(const struct weir_point *a, size_t a_count, const struct weir_point *b,
                         size_t b_count);

/* ---- packets that count themselves */

enum sequence { SEQUENCE_NEXT, SEQUENCE_MISSED, SEQUENCE_DUPLICATE, SEQUENCE_RESTART };

/* The packet's own number; false if there is none, or none that fits the width. */
bool payload_counter(const struct payload_plan *plan, const struct payload_values *values,
                     uint32_t *ret_counter);
/* Bits of the counter: 8, 16 or 32. */
unsigned payload_counter_bits(const struct payload_plan *plan);
/* What came between two packets of one sender: nothing; *ret_missed packets, at most half of the
 * counter's range; nothing, because it is the same packet again; or the counter went back, which
 * is a sender that began anew (or more was missed than can be told). *ret_missed is 0 but for
 * SEQUENCE_MISSED. */
enum sequence sequence_gap(uint32_t before, uint32_t now, unsigned bits, uint32_t *ret_missed);

#endif
