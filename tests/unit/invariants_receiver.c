/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The receiver's side: see invariants_rig.h.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "receive_steps.h"

struct receiver {
    struct verify *verify;
    struct others others;
    int64_t now_ms;
};

struct receiver *receiver_create(void);
void receiver_destroy(struct receiver *receiver);
void receiver_take(struct receiver *receiver, const char *text);
char *receiver_verdict(struct receiver *receiver, bool *ret_good);

struct receiver *receiver_create(void)
{
    struct receiver *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->verify = verify_create();
    r->now_ms = NOW_MS;
    return r;
}

void receiver_destroy(struct receiver *receiver)
{
    verify_destroy(receiver->verify);
    free(receiver);
}

void receiver_take(struct receiver *receiver, const char *text)
{
    receiver->now_ms += 1000;
    steps_take(receiver->verify, &receiver->others, text, receiver->now_ms);
}

char *receiver_verdict(struct receiver *receiver, bool *ret_good)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    *ret_good = verdict_write(out, receiver->verify, &receiver->others) == VERDICT_OK;
    fclose(out);
    return text;
}
