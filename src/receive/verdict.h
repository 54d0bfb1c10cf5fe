/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The verdict in words, one line for each finding; the lines are drawn in docs/receive.md. Called
 * by receive.c at the end. It only reads the proof.
 */
#ifndef RECEIVE_VERDICT_H
#define RECEIVE_VERDICT_H

#include <stdio.h>

#include "receive/verify.h"

/* What arrived that is no record. */
struct others {
    uint64_t plain_count;    /* JSON without identity */
    uint64_t retained_count; /* kept by the broker */
    uint64_t garbage_count;  /* no JSON */
    char garbage_first[512]; /* topic and position */
};

/* Writes everything, the last line last. */
enum verdict verdict_write(FILE *out, const struct verify *verify, const struct others *others);

const char *verdict_name(enum verdict verdict);

/* Told for a reason that is a loss, and what an unclean end cost. */
uint64_t verdict_lost(const struct sum *sum);

/* 2026-11-22T12:00:01Z; buf holds at least 32 bytes. */
void verdict_time(int64_t at_ms, char *buf, size_t size);

/* ---- between verdict.c and verdict_epoch.c ---- */

void verdict_epoch(FILE *out, const struct verify *verify, const struct stream *stream,
                   size_t index);
bool verdict_is_loss(enum why why);
const char *verdict_plural(uint64_t count);
uint64_t verdict_told(const uint64_t *told);

#endif
