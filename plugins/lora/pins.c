/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The module's lines that are wired to GPIO: M0, M1 (mode of an Ebyte) and reset. Their levels
 * stand in bus->state, since a line falls back when the process that holds it dies.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lora.h"

bool pin_parse(const char *text, char *chip, size_t size, unsigned *ret_line)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    int64_t line;
    if (len == 0 || len >= size || memchr(text, '/', len) ||
        !take_whole(colon + 1, 0, 0, 4095, &line)) {
        return false;
    }
    memcpy(chip, text, len);
    chip[len] = 0;
    *ret_line = (unsigned)line;
    return true;
}

static const char *name_of(const struct lora *l, unsigned pin)
{
    const struct bus_settings *s = l->settings;
    return pin == PIN_M0 ? s->m0 : pin == PIN_M1 ? s->m1 : s->reset;
}

int pin_set(struct lora *l, unsigned pin, bool level)
{
    char chip[64];
    unsigned line;
    const char *name = name_of(l, pin);
    if (!pin_parse(name, chip, sizeof chip, &line)) {
        return -ENOENT;
    }
    int r;
    if (l->pins[pin] >= 0) {
        r = gpio_drive(l->pins[pin], level);
    } else {
        r = l->pins[pin] = gpio_take(chip, line, level);
    }
    if (r < 0 && !l->pin_failed) {
        lora_log(l, WEIR_LOG_ERROR, "GPIO line %s: %s", name, strerror(-r));
        l->pin_failed = true;
    }
    l->head->levels[pin] = r < 0 ? 0 : 1 + level;
    return r < 0 ? r : 0;
}

void pins_restore(struct lora *l)
{
    for (unsigned i = 0; i < PIN_COUNT; i++) {
        if (l->pins[i] < 0 && l->head->levels[i]) {
            pin_set(l, i, l->head->levels[i] == 2);
        }
    }
}

void pins_close(struct lora *l)
{
    for (unsigned i = 0; i < PIN_COUNT; i++) {
        if (l->pins[i] >= 0) {
            close(l->pins[i]);
            l->pins[i] = -1;
        }
    }
}
