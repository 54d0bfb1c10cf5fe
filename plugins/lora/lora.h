/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of the lora adapter share (families of modules see module.h only).
 *
 *   lora.c     options, bytes to messages      talk.c     set-up of the module, is it still there
 *   open.c     what is configured              packets.c  packets to records
 *   senders.c  who sent what and when          shapes.c   what records look like
 *   words.c    helpers for families            pins.c     lines of GPIO
 */
#ifndef LORA_LORA_H
#define LORA_LORA_H

#include "module.h"
#include "payload.h"
#include "sealed.h"

enum {
    SENDERS_MAX = 256,
    UNKNOWN_MAX = 64,
    WINDOW_MAX = 64,
    SHAPES_MAX = 16, /* of one device whose packets say themselves what they hold */
    PREFIX_MAX = 6,
};

struct device_settings {
    int64_t address; /* -1: everything else */
    struct payload_options payload;
    struct sealed_options seal;
};

/* ---- in the block that survives */

struct bytes {
    uint32_t len, new_at; /* from here on they came at new_ns, before at old_ns */
    int64_t old_ns, new_ns;
    uint64_t noise; /* thrown away when nobody asked; counted with the next bytes */
    uint8_t data[2 * LORA_MESSAGE_MAX];
};

enum talk_phase { TALK_CLOSED, TALK_PAUSE, TALK_STEPS, TALK_IDLE };

struct talk {
    uint32_t phase;
    uint32_t from, step, end;    /* of this run */
    uint32_t set_up;             /* this run is the set-up */
    uint32_t what;               /* enum said */
    uint32_t tries, verdict;     /* of this exchange */
    uint32_t waits;              /* for its answer */
    uint32_t next_from, next_to; /* the run after this one; the same: none */
    uint32_t gone, failed;       /* nobody answers; settings that it did not take */
    uint32_t pulse;              /* the reset line is held */
    int64_t at_ns;               /* deadline of the exchange, end of the pause */
    int64_t heard_ns;            /* last sign of life */
    int64_t patience_ns;         /* pause before the next attempt at a silent one */
};

struct sender {
    uint64_t sender;
    int64_t heard_ns;
    uint64_t hash; /* of its last packet */
    uint32_t counter;
    uint32_t device; /* 1 + number; 0: no entry */
    uint32_t counted;
    struct sealed_sender sealed;
};

struct heard {
    int64_t time_ns;
    uint64_t hash; /* sender and bytes; 0: no entry */
};

struct head {
    struct bytes bytes;
    struct talk talk;
    uint32_t levels[4]; /* of the pins: 0: not driven so far, 1: low, 2: high */
    uint64_t family[LORA_FAMILY_BYTES / sizeof(uint64_t)];
    struct heard window[WINDOW_MAX];
    uint32_t window_at, unknown_count;
    uint64_t unknown[UNKNOWN_MAX];
    struct sender senders[SENDERS_MAX];
};

#define COUNTED    (UINT64_C(1) << 32)
#define MARK_SHIFT 33

struct device_head {
    uint64_t shapes[SHAPES_MAX]; /* hashes of those that were declared */
    uint32_t shape_count, told_full;
    uint64_t mark;  /* of the key and the counter that its senders had */
    uint64_t point; /* where to go on: mark, COUNTED, the counter of its only sender; 0: none */
};

/* ---- of this process */

struct shape {
    int number; /* what declare() gave */
    size_t count;
    struct weir_point *points; /* behind the prefix; strings behind them, in the same block */
};

struct device_run {
    const struct device_settings *settings;
    struct payload_plan *plan;
    struct sealed *sealed;
    bool counts; /* has the point `missed` */
    int bare;    /* shape: the prefix, and points if they are configured */
    struct shape shapes[SHAPES_MAX];
    size_t shape_count;
};

struct lora {
    struct weir_bus *bus;
    const struct bus_settings *settings;
    const struct module *module;
    unsigned has; /* of packets on this bus */
    struct device_run *devices;
    struct payload_values values;
    int pins[3];       /* descriptors; -1: not taken */
    bool pin_failed;   /* told */
    struct head *head; /* the rest: parts of bus->state */
    struct device_head *kept;
};

/* open.c */
extern const struct weir_option lora_bus_rows[], lora_device_rows[];
size_t lora_state_size(const struct weir_bus *bus);
int lora_open(struct weir_bus *bus, void **ret_self);
void lora_close(void *self);
void lora_device_finding(struct lora *l, int device, int point, const char *key, const char *format,
                         ...) __attribute__((format(printf, 5, 6)));

/* talk.c */
void talk_opened(struct lora *l, int64_t now_ns);
int64_t talk_tick(struct lora *l, int64_t now_ns);
void talk_heard(struct lora *l, int64_t now_ns);

/* senders.c */
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len);
/* Has this been heard within the window? Notes it if not. */
bool window_has(struct lora *l, uint64_t hash, int64_t now_ns);
/* The first packet of this one that nobody is configured for? */
bool unknown_first(struct lora *l, uint64_t sender);
/* What is known of it; NULL: nothing. */
struct sender *sender_find(struct lora *l, size_t device, uint64_t sender);
/* An entry for it; NULL: all are of sealed senders, which must not be forgotten. */
struct sender *sender_add(struct lora *l, size_t device, uint64_t sender, int64_t now_ns);
/* With another key or counter than before, what is known of its senders is void. */
void senders_check(struct lora *l, size_t device);
/* Of a device with one sender: its counter outlives the state. `sender`: NULL or what is known. */
void sender_note(struct lora *l, size_t device, const struct sender *sender);
uint64_t sender_resume_point(void *self, size_t device);
void sender_resume(void *self, size_t device, uint64_t point, bool exact);

/* shapes.c */
size_t prefix_points(const struct lora *l, size_t device, struct weir_point points[PREFIX_MAX]);
bool prefix_has(const char *name);
int shapes_declare(struct lora *l, size_t device);
/* The shape for these points of a packet; the bare one, and *ret_bare, if the device has too many
 * already. */
int shapes_find(struct lora *l, size_t device, const struct payload_values *values, bool *ret_bare);
void shapes_free(struct device_run *device);

/* pins.c */
enum { PIN_M0, PIN_M1, PIN_RESET, PIN_COUNT };
/* "gpiochip0:17" */
bool pin_parse(const char *text, char *chip, size_t size, unsigned *ret_line);
/* Drives a line; takes it first, if need be. 0, -ENOENT if it is not configured, or a negative
 * errno, told once. */
int pin_set(struct lora *l, unsigned pin, bool level);
/* A new process drives what the one before drove. */
void pins_restore(struct lora *l);
void pins_close(struct lora *l);

/* gpio.c: a line of the kernel as an output. A descriptor or a negative errno; 0 or a negative
 * errno. */
int gpio_take(const char *chip, unsigned line, bool level);
int gpio_drive(int fd, bool level);

#endif
