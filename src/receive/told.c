/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See told.h.
 */
#include "receive/told.h"

#include <inttypes.h>
#include <stdbool.h>

#include "receive/text.h"

#define TOPIC_WIDTH_MAX 200

void told_finish(struct told *told)
{
    json_decref(told->seen);
    told->seen = NULL;
}

static void put(FILE *out, const char *text)
{
    text_cell(out, text, text_width(text) > TOPIC_WIDTH_MAX ? TOPIC_WIDTH_MAX : 0);
}

void told_note(struct told *told, const char *topic, const char *what)
{
    told->count++;
    if (told->seen == NULL) {
        told->seen = json_object();
    }
    if (told->full || json_object_get(told->seen, topic) != NULL) {
        return;
    }
    if (json_object_size(told->seen) >= TOLD_MAX) {
        told->full = true;
    } else {
        json_object_set_new_nocheck(told->seen, topic, json_true());
    }
    if (told->out == NULL) {
        return;
    }
    if (told->full) {
        fprintf(told->out,
                "weir: more than %d topics have messages that are no rows: no more are "
                "named\n",
                TOLD_MAX);
        return;
    }
    fputs("weir: ", told->out);
    put(told->out, topic);
    fputs(": ", told->out);
    put(told->out, what);
    fputs(" (later ones on this topic are only counted)\n", told->out);
}

void told_sum(const struct told *told, FILE *out)
{
    size_t topics = json_object_size(told->seen);

    if (told->count > 0) {
        fprintf(out, "weir: %" PRIu64 " message%s or broken, on %s%zu topic%s\n", told->count,
                told->count == 1 ? " was no JSON object" : "s were no JSON objects",
                told->full ? "more than " : "", topics, topics == 1 ? "" : "s");
    }
}
