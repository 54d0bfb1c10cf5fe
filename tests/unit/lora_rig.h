/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The lora adapter without a bus process: bytes in, records and commands out as lines of text. One
 * line of a record: {"time":1.5,"device":"a","values":{...}}, values in the order of the shape,
 * absent ones null. Times are seconds of a made-up clock that begins at 0.
 */
#ifndef LORA_RIG_H
#define LORA_RIG_H

#include "lora.h"

struct lora_rig;

enum { LORA_RIG_DEVICES = 4, LORA_RIG_POINTS = 4 };

/* Devices "a", "b", ... with the addresses given. */
struct lora_rig_setup {
    struct bus_settings settings;
    struct device_settings devices[LORA_RIG_DEVICES];
    struct weir_device_point points[LORA_RIG_POINTS]; /* of the first device */
    size_t device_count, point_count;
    int gpio_error;             /* what taking a line gives */
    const struct weir_bus *bus; /* its options and devices count, not what stands above */
};

/* One device for everything else, with Cayenne LPP; settings as the option table has them. */
struct lora_rig_setup lora_rig_setup(const char *module);
/* Opens the adapter and its port. Fails the test if it refuses. */
struct lora_rig *lora_rig_open(const struct lora_rig_setup *setup);
/* What it finds wrong, "key: text\n" each; NULL if nothing. Until the next call. */
const char *lora_rig_findings(const struct lora_rig_setup *setup);
void lora_rig_close(struct lora_rig *rig);
/* Time goes on to `seconds`; ticks come when they are wanted. */
void lora_rig_until(struct lora_rig *rig, double seconds);
void lora_rig_bytes(struct lora_rig *rig, const void *bytes, size_t len);
void lora_rig_text(struct lora_rig *rig, const char *text);
void lora_rig_hex(struct lora_rig *rig, const char *hex);
void lora_rig_reopen(struct lora_rig *rig);
/* Each command must be this, and is answered with that; until NULL. "" answers nothing. */
void lora_rig_dialogue(struct lora_rig *rig, const char *const *lines);

/* Since the last call of the same. Commands: "AT+BAND?\n", or hex if they are no text, one a line.
 * Log: the lines. What was done: "gpiochip0:17=1\n", "baud=9600\n", "device a timeout\n". */
const char *lora_rig_records(struct lora_rig *rig);
const char *lora_rig_sent(struct lora_rig *rig);
const char *lora_rig_log(struct lora_rig *rig);
const char *lora_rig_done(struct lora_rig *rig);
size_t lora_rig_noise(const struct lora_rig *rig);
uint64_t lora_rig_missed(const struct lora_rig *rig);
size_t lora_rig_strays(const struct lora_rig *rig, enum weir_result result);

/* As a process that is killed: forgets what came since the last call of save, and begins with that
 * state. */
void lora_rig_save(struct lora_rig *rig);
void lora_rig_restore(struct lora_rig *rig);
/* What the next restore or resume begins with. */
struct lora_rig_setup *lora_rig_settings(struct lora_rig *rig);
/* As after a power cut: the state is lost, and each device is told to go on where it ended. */
void lora_rig_resume(struct lora_rig *rig, bool exact);

#endif
