/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * From the bytes of a message to records. Called by receive.c for each message; pure: no clock, no
 * output, nothing kept. The bytes come from outside, so everything is checked and nothing asserted.
 */
#ifndef RECEIVE_DECODE_H
#define RECEIVE_DECODE_H

#include <jansson.h>
#include <stddef.h>

#include "receive/record.h"

#define DECODE_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* What was wrong, in words that are safe to print. */
struct decode_error {
    char text[256];
    char place[200]; /* of a record, as far as it can be read: "g/b epoch 7", "g/b" or "" */
};

/* One message: a JSON object, or an array of them. ret_items is an array of objects, to be freed
 * with json_decref(); keys left out of a batch are put back. 0, -EBADMSG (with ret_error) or
 * -ENOMEM. */
int decode_message(const void *payload, size_t length, json_t **ret_items,
                   struct decode_error *ret_error);

/* What the object says about itself. 1: it is a record, free it with record_finish(); 0: it has no
 * identity; -EBADMSG: it has one that cannot be read, or is no object (with ret_error); -ENOMEM. */
int decode_record(json_t *object, struct record *ret_record, struct decode_error *ret_error);

void record_finish(struct record *record);

#endif
