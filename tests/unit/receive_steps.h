/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Forged streams in short words, made into JSON and taken through the real decoder. Used by the
 * tests of the proof.
 */
#ifndef RECEIVE_STEPS_H
#define RECEIVE_STEPS_H

#include "receive/verdict.h"
#include "receive/verify.h"

#define STEPS_MAX 24
#define NOW_MS    1795348800000 /* 2026-11-22T12:00:00Z */

/* One step is one of:
 *
 *   7.42 WORD...          record 42 of epoch 7 of g/b
 *     b=F-L:why,F-L:why   its `before`
 *     a=E:LAST:END[:F-L:why+F-L:why];...  its `after`; END is c(lean), u(nclean) or d(amaged)
 *     a=                  an empty `after`
 *     v=9                 other content than usual
 *     u                   its time is not trusted
 *     bus=x               another bus
 *   {...} or [...]        JSON as it is
 *   away, kept, lost      the receiver's connection: lost; back, and the broker did or did not keep
 *                         the session
 */

/* The JSON of a record in words; to be freed. */
char *steps_json(const char *step);

/* One step. Fails the test if it cannot be understood. */
void steps_take(struct verify *verify, struct others *others, const char *step, int64_t now_ms);

/* All of them, a second each from NOW_MS on, up to a NULL; then the verdict, as text to be freed.
 */
enum verdict steps_run(const char *const steps[STEPS_MAX], char **ret_text);

#endif
