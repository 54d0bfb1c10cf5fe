/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the simulated meters answer, and how often and how evenly they were asked. See meters.h.
 *
 *     request   | function | first, 2 bytes | count, 2 bytes |
 *     reply     | function | byte count | registers, high byte first, or bits, low bit first |
 *     exception | function + 0x80 | code: 1 function, 2 address, 3 count |
 */
#include "meters.h"

#include "rig.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COILS = 1, DISCRETE_INPUTS = 2, HOLDING = 3, INPUT = 4 };
enum { BAD_FUNCTION = 1, BAD_ADDRESS = 2, BAD_COUNT = 3 };
enum { SDM630_REGISTERS = 0x0400, SDM630_MAX_COUNT = 80, BITS_MAX_COUNT = 2000 };

void meters_init(struct meters *meters)
{
    for (int u = 1; u <= meters->unit_count; u++) {
        for (int t = 0; t < METERS_TABLES; t++) {
            uint16_t *reads = calloc((size_t)meters->reg_count, sizeof *reads);
            if (!reads) {
                rig_fail("meter-sim: out of memory");
            }
            meters->unit[u].reads[t] = reads;
        }
    }
    meters->start_wall_ns = rig_wall_ns();
}

void meters_finish(struct meters *meters)
{
    for (int u = 1; u <= meters->unit_count; u++) {
        for (int t = 0; t < METERS_TABLES; t++) {
            free(meters->unit[u].reads[t]);
        }
    }
}

static uint16_t read_item(struct meters *meters, int unit, int function, int address, int64_t at_ns)
{
    uint16_t count = ++meters->unit[unit].reads[function - 1][address];
    if (function >= HOLDING && address == meters->time_reg) {
        return (uint16_t)((rig_wall_ns() + at_ns - rig_now_ns()) / RIG_NS_PER_MS);
    }
    return count;
}

static int read_bits(struct meters *meters, int unit, const uint8_t *pdu, int64_t at_ns,
                     uint8_t *reply)
{
    int first = pdu[1] << 8 | pdu[2], count = pdu[3] << 8 | pdu[4];
    int bytes = (count + 7) / 8;
    reply[1] = (uint8_t)bytes;
    memset(reply + 2, 0, (size_t)bytes);
    for (int i = 0; i < count; i++) {
        int bit = read_item(meters, unit, pdu[0], first + i, at_ns) & 1;
        reply[2 + i / 8] = (uint8_t)(reply[2 + i / 8] | bit << i % 8);
    }
    return 2 + bytes;
}

static int read_registers(struct meters *meters, int unit, const uint8_t *pdu, int64_t at_ns,
                          uint8_t *reply)
{
    int first = pdu[1] << 8 | pdu[2], count = pdu[3] << 8 | pdu[4];
    bool sdm630 = meters->sdm630 && pdu[0] == INPUT;
    double wall_s = (double)rig_wall_ns() / 1e9, start_s = (double)meters->start_wall_ns / 1e9;
    reply[1] = (uint8_t)(2 * count);
    for (int i = 0; i < count; i++) {
        uint16_t value = sdm630 ? sdm630_register(unit, first + i, wall_s, start_s)
                                : read_item(meters, unit, pdu[0], first + i, at_ns);
        reply[2 + 2 * i] = (uint8_t)(value >> 8);
        reply[3 + 2 * i] = (uint8_t)(value & 255);
    }
    return 2 + 2 * count;
}

/* The exception code that this request deserves; 0 for none. */
static int judge(const struct meters *meters, int unit, const uint8_t *pdu, int length)
{
    const struct meters_unit *u = &meters->unit[unit];
    if (pdu[0] < COILS || pdu[0] > INPUT) {
        return BAD_FUNCTION;
    }
    if (length != 5) {
        return BAD_COUNT;
    }
    int first = pdu[1] << 8 | pdu[2], count = pdu[3] << 8 | pdu[4];
    bool sdm630 = meters->sdm630 && pdu[0] == INPUT;
    if (count < 1 || count > (pdu[0] <= DISCRETE_INPUTS ? BITS_MAX_COUNT : meters->max_count)) {
        return BAD_COUNT;
    }
    if (sdm630 && (first % 2 || count % 2 || count > SDM630_MAX_COUNT)) {
        return BAD_ADDRESS; /* values lie in pairs; more than 40 at once are refused */
    }
    if (first + count > (sdm630 ? SDM630_REGISTERS : meters->reg_count)) {
        return BAD_ADDRESS;
    }
    if (u->illegal_code && first <= u->illegal_last && first + count > u->illegal_first) {
        return u->illegal_code;
    }
    return 0;
}

static void note_interval(struct meters_unit *u, int64_t at_ns)
{
    u->request_count++;
    if (u->last_ns) {
        int64_t interval_ns = at_ns - u->last_ns;
        if (!u->interval_count || interval_ns < u->interval_min_ns) {
            u->interval_min_ns = interval_ns;
        }
        if (interval_ns > u->interval_max_ns) {
            u->interval_max_ns = interval_ns;
            u->interval_max_wall_ns = rig_wall_ns();
        }
        u->interval_sum_ns += interval_ns;
        u->interval_count++;
    }
    u->last_ns = at_ns;
}

int meters_answer(struct meters *meters, int unit, const uint8_t *pdu, int length, int64_t at_ns,
                  uint8_t *reply)
{
    if (!meters->first_ns) {
        meters->first_ns = at_ns;
    }
    meters->last_ns = at_ns;
    meters->request_count++;
    if (unit < 1 || unit > meters->unit_count) {
        meters->unanswered_count++;
        return 0;
    }
    note_interval(&meters->unit[unit], at_ns);
    if (meters->unit[unit].dead || meters->quiet) {
        meters->unanswered_count++;
        return 0;
    }
    int code = judge(meters, unit, pdu, length);
    reply[0] = pdu[0];
    if (code) {
        meters->exception_count++;
        reply[0] |= 0x80;
        reply[1] = (uint8_t)code;
        return 2;
    }
    meters->answered_count++;
    meters->unit[unit].answered_count++;
    meters->point_count += (uint64_t)(pdu[3] << 8 | pdu[4]);
    return (pdu[0] <= DISCRETE_INPUTS ? read_bits : read_registers)(meters, unit, pdu, at_ns,
                                                                    reply);
}

int64_t meters_delay_ns(const struct meters *meters, int unit)
{
    return unit >= 1 && unit <= meters->unit_count ? meters->unit[unit].delay_ns : 0;
}

void meters_reset_intervals(struct meters *meters)
{
    for (int u = 1; u <= meters->unit_count; u++) {
        struct meters_unit *unit = &meters->unit[u];
        unit->interval_count = 0;
        unit->interval_min_ns = unit->interval_max_ns = unit->interval_sum_ns = 0;
        unit->interval_max_wall_ns = 0;
    }
}

static double ms(int64_t ns)
{
    return (double)ns / RIG_NS_PER_MS;
}

static void print_unit(const struct meters_unit *u, FILE *out)
{
    double mean = u->interval_count ? ms(u->interval_sum_ns) / (double)u->interval_count : 0;
    fprintf(out,
            "{\"requests\":%" PRIu64 ",\"answered\":%" PRIu64
            ",\"interval_ms\":[%.2f,%.2f,%.2f],\"since_last_ms\":%.2f}",
            u->request_count, u->answered_count, ms(u->interval_min_ns), mean,
            ms(u->interval_max_ns), u->last_ns ? ms(rig_now_ns() - u->last_ns) : -1.0);
}

void meters_print(const struct meters *meters, FILE *out)
{
    int worst = 1;
    for (int u = 2; u <= meters->unit_count; u++) {
        if (meters->unit[u].interval_max_ns > meters->unit[worst].interval_max_ns) {
            worst = u;
        }
    }
    fprintf(out,
            "\"requests\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"unanswered\":%" PRIu64
            ",\"exceptions\":%" PRIu64 ",\"points\":%" PRIu64 ",\"elapsed_s\":%.3f,",
            meters->request_count, meters->answered_count, meters->unanswered_count,
            meters->exception_count, meters->point_count,
            ms(meters->last_ns - meters->first_ns) / 1000);
    fprintf(out, "\"worst\":{\"unit\":%d,\"interval_ms\":%.2f,\"at_unix_s\":%.3f},\"units\":{",
            worst, ms(meters->unit[worst].interval_max_ns),
            ms(meters->unit[worst].interval_max_wall_ns) / 1000);
    for (int u = 1; u <= meters->unit_count; u++) {
        fprintf(out, "%s\"%d\":", u > 1 ? "," : "", u);
        print_unit(&meters->unit[u], out);
    }
    fprintf(out, "}");
}
