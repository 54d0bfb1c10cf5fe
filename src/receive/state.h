/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The state of a proof as JSON, for the report file, and back. Pure; the keys are listed in
 * docs/receive.md. Contents of records are not kept: a continued run cannot compare older repeats.
 */
#ifndef RECEIVE_STATE_H
#define RECEIVE_STATE_H

#include <jansson.h>

#include "receive/verify.h"

#define STATE_FORMAT 1

/* NULL: no memory. `ended`: the run came to its verdict. */
json_t *state_save(const struct verify *verify, bool ended, int64_t now_ms);

/* Into an empty verify. What the file says was missed is missed from then on. 0, -EBADMSG (not such
 * a state; verify is then half filled) or -ENOMEM. ret_saved_ms: when it was written. */
int state_restore(struct verify *verify, const json_t *state, bool *ret_ended,
                  int64_t *ret_saved_ms);

/* ---- between state.c and restore.c: the plain fields, so that the two cannot drift apart ---- */

struct field {
    const char *key;
    size_t offset;
};

extern const struct field state_epoch_numbers[]; /* of struct epoch */
extern const size_t state_epoch_numbers_count;
extern const struct field state_epoch_flags[];
extern const size_t state_epoch_flags_count;
extern const struct field state_sum_numbers[]; /* of struct sum */
extern const size_t state_sum_numbers_count;

#endif
