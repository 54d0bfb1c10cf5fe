/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Messages that were hit on the way: see traffic_rig_mangle() in traffic_rig.h.
 */
#include "traffic_rig.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

struct mangle {
    const struct traffic_rig_setup *setup;
    void (*before)(struct traffic_rig *rig);
    char *expected;
};

/* What these bytes alone make; to be freed. */
static char *records_of(const struct mangle *m, const uint8_t *bytes, size_t len)
{
    struct traffic_rig *rig = traffic_rig_open(m->setup);
    if (m->before) {
        m->before(rig);
        traffic_rig_records(rig);
    }
    traffic_rig_bytes(rig, bytes, len);
    if (m->setup->settle_s > 0) {
        traffic_rig_until(rig, m->setup->settle_s);
    }
    char *records = strdup(traffic_rig_records(rig));
    traffic_rig_close(rig);
    assert_non_null(records);
    return records;
}

static void check(const struct mangle *m, const uint8_t *bytes, size_t len, const char *what,
                  size_t byte, unsigned bit)
{
    char *records = records_of(m, bytes, len);
    if (records[0] && strcmp(records, m->expected) != 0) {
        fail_msg("%s at byte %zu, bit %u made:\n%sinstead of\n%s", what, byte, bit, records,
                 m->expected);
    }
    free(records);
}

void traffic_rig_mangle(const struct traffic_rig_setup *setup,
                        void (*before)(struct traffic_rig *rig), const void *bytes, size_t len,
                        const char *uncovered)
{
    struct mangle m = { .setup = setup, .before = before };
    uint8_t *copy = malloc(len + !len);
    assert_non_null(copy);
    m.expected = records_of(&m, bytes, len);
    assert_true(m.expected[0]);
    for (size_t i = 0; i < len; i++) {
        check(&m, bytes, i, "cut", i, 0);
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(copy, bytes, len);
            copy[i] ^= (uint8_t)(1U << bit);
            if (!uncovered || i >= strlen(uncovered) || uncovered[i] == '.') {
                check(&m, copy, len, "flip", i, bit);
            } else {
                free(records_of(&m, copy, len));
            }
        }
    }
    free(copy);
    free(m.expected);
}

void traffic_rig_random(const struct traffic_rig_setup *setup,
                        void (*before)(struct traffic_rig *rig), unsigned seed, size_t rounds)
{
    uint64_t x = seed * 0x9E3779B97F4A7C15ULL + 1;
    struct traffic_rig *rig = traffic_rig_open(setup);
    for (size_t i = 0; i < rounds; i++) {
        uint8_t bytes[64];
        for (size_t k = 0; k < sizeof bytes; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            bytes[k] = (uint8_t)(x >> 32);
        }
        if (before && i % 8 == 0) {
            before(rig);
        }
        size_t len = 1 + (size_t)(x >> 8) % sizeof bytes;
        traffic_rig_bytes(rig, bytes, len);
        traffic_rig_records(rig);
        traffic_rig_sent(rig);
    }
    assert_true(traffic_rig_noise(rig) <= traffic_rig_fed(rig));
    traffic_rig_close(rig);
}
