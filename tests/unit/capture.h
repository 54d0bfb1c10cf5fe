/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A capture of tests/captures (wire.txt, setup.json, expect.jsonl) played to an adapter without a
 * bus process: what stood at the other end is what the records say, in order, no more and no less.
 * A request in the capture stands for one of ours: time goes on until we have sent it.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The adapter, as its rig has it. */
struct capture_rig {
    void *rig;
    void (*until)(void *rig, double seconds);
    void (*hex)(void *rig, const char *hex);
    const char *(*sent)(void *rig);    /* since the last call */
    const char *(*records)(void *rig); /* the same, a line of JSON each */
};

struct capture_line {
    double at;
    bool ours; /* what weir sent */
    char *hex;
};

/* Calls visit() with each capture of this kind ("traffic/natch-01"). Fails if there is none. */
void capture_each(const char *kind, void (*visit)(const char *capture));
/* Its setup.json; a new reference. */
json_t *capture_setup(const char *capture);
/* An array of what must come. */
json_t *capture_expected(const char *capture);
struct capture_line *capture_lines(const char *capture, size_t *ret_count);
void capture_lines_free(struct capture_line *lines, size_t count);
/* An array of the records that came. */
json_t *capture_play(const char *capture, const struct capture_rig *rig);
/* Lines of JSON as an array. */
json_t *capture_records(const char *text);
/* Does the record say what is expected, of all points that are? NULL, or the name of one it does
 * not. */
const char *capture_differs(const json_t *expected, const json_t *record);
/* Fails the test unless they are all there, in order, and no more of that kind. How many. */
size_t capture_check(const char *capture, const json_t *expected, const json_t *records);

#endif
