/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The faults of a wire, one function each. See faults.h.
 */
#include "faults.h"

#include "rig.h"

#include <inttypes.h>
#include <string.h>

enum { NOISE_MAX_BYTES = 4 };

/* xorshift64*: the same seed gives the same faults for the same traffic. */
static uint64_t random_bits(struct faults *faults)
{
    uint64_t x = faults->seed ? faults->seed : 1;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    faults->seed = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

static bool strikes(struct faults *faults, double chance)
{
    return chance > 0 && (double)(random_bits(faults) >> 11) < chance * 9007199254740992.0;
}

/* Another device's answer that is perfect otherwise: the neighbour's address, a right checksum. */
static void make_foreign(uint8_t *frame, size_t length)
{
    if (frame_valid(frame, length)) {
        frame[0] = (uint8_t)(frame[0] % 247 + 1);
        frame_seal(frame, length);
    }
}

static bool take_one(int *count, uint64_t *counter)
{
    if (*count > 0) {
        --*count;
        ++*counter;
        return true;
    }
    return false;
}

static size_t put_byte(struct faults *faults, uint8_t value, int64_t pause_ns,
                       struct fault_byte *out)
{
    if (strikes(faults, faults->drop)) {
        faults->count.dropped++;
        return 0;
    }
    if (strikes(faults, faults->flip)) {
        faults->count.flipped++;
        value ^= (uint8_t)(1 << random_bits(faults) % 8);
    }
    out[0] = (struct fault_byte){ value, pause_ns };
    if (strikes(faults, faults->repeat)) {
        faults->count.repeated++;
        out[1] = (struct fault_byte){ value, 0 };
        return 2;
    }
    return 1;
}

static size_t put_noise(struct faults *faults, struct fault_byte *out)
{
    size_t count = 1 + random_bits(faults) % NOISE_MAX_BYTES;
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct fault_byte){ (uint8_t)random_bits(faults), 0 };
    }
    faults->count.noise++;
    return count;
}

/* Frames that these faults do not strike, and what is left of those that they do. */
static size_t put_frame(struct faults *faults, enum fault_direction direction, const uint8_t *frame,
                        size_t length, struct fault_byte *out)
{
    size_t used = 0, gap_at = 0;
    if (!(faults->directions & (int)direction)) {
        for (size_t i = 0; i < length; i++) {
            out[i] = (struct fault_byte){ frame[i], 0 };
        }
        return length;
    }
    if (strikes(faults, faults->noise)) {
        used = put_noise(faults, out);
    }
    if (length > 1 && strikes(faults, faults->gap)) {
        faults->count.gaps++;
        gap_at = 1 + random_bits(faults) % (length - 1);
    }
    for (size_t i = 0; i < length; i++) {
        int64_t pause_ns = gap_at && i == gap_at ? faults->gap_ns : 0;
        used += put_byte(faults, frame[i], pause_ns, out + used);
    }
    return used;
}

size_t faults_apply(struct faults *faults, enum fault_direction direction, const uint8_t *frame,
                    size_t length, struct fault_byte *out)
{
    uint8_t copy[FRAME_MAX];
    memcpy(copy, frame, length);
    if (direction == FAULTS_REPLIES) {
        if (faults->silent || take_one(&faults->silent_count, &faults->count.silenced)) {
            faults->count.silenced += faults->silent;
            return 0;
        }
        if (take_one(&faults->foreign_count, &faults->count.foreign)) {
            make_foreign(copy, length);
        }
    }
    size_t count = put_frame(faults, direction, copy, length, out);
    if (direction == FAULTS_REPLIES && count &&
        take_one(&faults->late_count, &faults->count.late)) {
        out[0].pause_ns += faults->late_ns;
    }
    return count;
}

void faults_print(const struct faults *faults, FILE *out)
{
#define FAULTS_PRINT(name) { #name, faults->count.name },
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = { FAULTS_KINDS(FAULTS_PRINT) };
#undef FAULTS_PRINT
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", rows[i].name, rows[i].value);
    }
}
