/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See state.h: restoring. The file may be anything, so every key is checked.
 */
#include "receive/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_MAX ((json_int_t)1 << 53)

#define NUMBER_AT(base, offset) ((uint64_t *)(void *)((char *)(base) + (offset)))
#define FLAG_AT(base, offset)   ((bool *)(void *)((char *)(base) + (offset)))

static bool get_number(const json_t *value, uint64_t *ret_number)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || number > NUMBER_MAX) {
        return false;
    }
    *ret_number = (uint64_t)number;
    return true;
}

static bool get_ms(const json_t *value, int64_t *ret_ms)
{
    if (!json_is_integer(value)) {
        return false;
    }
    *ret_ms = json_integer_value(value);
    return true;
}

/* What an older version had not yet is 0 or false. */
static bool load_numbers(const json_t *object, void *base, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, fields[i].key);

        if (value != NULL && !get_number(value, NUMBER_AT(base, fields[i].offset))) {
            return false;
        }
    }
    return true;
}

static bool load_flags(const json_t *object, void *base, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, fields[i].key);

        if (value != NULL && !json_is_boolean(value)) {
            return false;
        }
        *FLAG_AT(base, fields[i].offset) = json_is_true(value);
    }
    return true;
}

static int load_intervals(const json_t *list, struct intervals *set)
{
    if (!json_is_array(list)) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        uint64_t first;
        uint64_t last;
        int error;

        if (!get_number(json_array_get(pair, 0), &first) ||
            !get_number(json_array_get(pair, 1), &last) || first == 0 || first > last) {
            return -EBADMSG;
        }
        error = intervals_add(set, first, last);
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

static int load_told(const json_t *all, uint64_t *counts, struct intervals *told)
{
    if (!json_is_object(all)) {
        return -EBADMSG;
    }
    for (int i = 0; i < WHY_COUNT; i++) {
        const json_t *one = json_object_get(all, why_name((enum why)i));
        int error = 0;

        if (one == NULL) {
            continue;
        }
        if (!get_number(json_object_get(one, "count"), &counts[i])) {
            return -EBADMSG;
        }
        if (told != NULL) {
            error = load_intervals(json_object_get(one, "ranges"), &told[i]);
        }
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

static int load_notices(const json_t *list, struct epoch *epoch)
{
    if (!json_is_array(list)) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        struct interval hole;
        int64_t at_ms;

        if (!get_number(json_array_get(one, 0), &hole.first) ||
            !get_number(json_array_get(one, 1), &hole.last) ||
            !get_ms(json_array_get(one, 2), &at_ms)) {
            return -EBADMSG;
        }
        epoch_notice(epoch, hole, at_ms);
    }
    return 0;
}

static int load_epoch(const json_t *object, struct stream *stream)
{
    uint64_t id;
    struct epoch *epoch;
    int error;

    if (!get_number(json_object_get(object, "epoch"), &id) || id == 0 ||
        stream_epoch(stream, id, NULL) != NULL) {
        return -EBADMSG;
    }
    epoch = stream_insert(stream, stream->epoch_count, id);
    if (epoch == NULL) {
        return -ENOMEM;
    }
    if (!load_numbers(object, epoch, state_epoch_numbers, state_epoch_numbers_count) ||
        !load_flags(object, epoch, state_epoch_flags, state_epoch_flags_count) ||
        !get_ms(json_object_get(object, "seen_ms"), &epoch->seen_ms)) {
        return -EBADMSG;
    }
    error = load_intervals(json_object_get(object, "have"), &epoch->have);
    if (error == 0) {
        error = load_intervals(json_object_get(object, "not_known"), &epoch->unsure);
    }
    if (error == 0) {
        error = load_told(json_object_get(object, "told"), epoch->told_count, epoch->told);
    }
    return error < 0 ? error : load_notices(json_object_get(object, "holes"), epoch);
}

static int load_folded(const json_t *object, struct stream *stream)
{
    uint64_t count;

    if (object == NULL) {
        return 0;
    }
    if (!get_number(json_object_get(object, "epochs"), &count) ||
        !load_numbers(object, &stream->folded, state_sum_numbers, state_sum_numbers_count)) {
        return -EBADMSG;
    }
    stream->folded_count = (size_t)count;
    return load_told(json_object_get(object, "told"), stream->folded.told, NULL);
}

static int load_stream(const json_t *object, struct verify *verify)
{
    const char *gateway = json_string_value(json_object_get(object, "gateway"));
    const char *bus = json_string_value(json_object_get(object, "bus"));
    const json_t *anchor = json_object_get(object, "anchor");
    const json_t *epochs = json_object_get(object, "epochs");
    struct stream *stream;
    int error;

    if (gateway == NULL || bus == NULL || !json_is_array(epochs)) {
        return -EBADMSG;
    }
    error = verify_stream(verify, gateway, bus, &stream);
    if (error < 0) {
        return error == -ENOSPC ? -EBADMSG : error;
    }
    if (stream->epoch_count > 0 || !get_number(json_array_get(anchor, 0), &stream->anchor_epoch) ||
        !get_number(json_array_get(anchor, 1), &stream->anchor_seq)) {
        return -EBADMSG;
    }
    stream->doubt = json_is_true(json_object_get(object, "doubt"));
    stream->early = json_is_true(json_object_get(object, "early"));
    for (size_t i = 0; error == 0 && i < json_array_size(epochs); i++) {
        error = load_epoch(json_array_get(epochs, i), stream);
    }
    return error < 0 ? error : load_folded(json_object_get(object, "older"), stream);
}

static int find_fault(const char *name)
{
    for (int i = 0; name != NULL && i < FAULT_COUNT; i++) {
        if (strcmp(name, fault_name((enum fault)i)) == 0) {
            return i;
        }
    }
    return -1;
}

static bool load_faults(const json_t *object, struct verify *verify)
{
    const json_t *counts = json_object_get(object, "counts");
    const json_t *list = json_object_get(object, "list");

    for (int i = 0; i < FAULT_COUNT; i++) {
        const json_t *count = json_object_get(counts, fault_name((enum fault)i));

        if (count != NULL && !get_number(count, &verify->fault_counts[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < json_array_size(list) && i < VERIFY_FAULTS_MAX; i++) {
        const json_t *one = json_array_get(list, i);
        const char *text = json_string_value(json_object_get(one, "text"));
        int fault = find_fault(json_string_value(json_object_get(one, "kind")));
        struct fault_note *note = &verify->faults[i];

        if (text == NULL || fault < 0 || !get_ms(json_object_get(one, "at_ms"), &note->at_ms)) {
            return false;
        }
        note->fault = (enum fault)fault;
        snprintf(note->text, sizeof(note->text), "%s", text);
        verify->fault_count = i + 1;
    }
    return true;
}

static bool load_absences(const json_t *object, struct absences *absences)
{
    return get_number(json_object_get(object, "count"), &absences->count) &&
           get_number(json_object_get(object, "kept"), &absences->kept) &&
           get_ms(json_object_get(object, "total_ms"), &absences->total_ms) &&
           get_ms(json_object_get(object, "longest_ms"), &absences->longest_ms);
}

static int load_clocks(const json_t *list, struct clocks *clocks)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *gateway = json_string_value(json_object_get(one, "gateway"));
        const char *bus = json_string_value(json_object_get(one, "bus"));
        uint64_t epoch;
        int64_t offset_us;
        int error;

        if (gateway == NULL || bus == NULL || !get_number(json_object_get(one, "epoch"), &epoch) ||
            !get_ms(json_object_get(one, "offset_us"), &offset_us)) {
            return -EBADMSG;
        }
        error = clocks_note(clocks, gateway, bus, epoch, offset_us);
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

int state_restore(struct verify *verify, const json_t *state, bool *ret_ended,
                  int64_t *ret_saved_ms)
{
    const json_t *streams = json_object_get(state, "streams");
    int64_t saved_ms;
    int error;

    if (json_integer_value(json_object_get(state, "weir_receive")) != STATE_FORMAT ||
        !get_ms(json_object_get(state, "saved_ms"), &saved_ms) || !json_is_array(streams) ||
        !load_absences(json_object_get(state, "absences"), &verify->absences) ||
        !load_faults(json_object_get(state, "faults"), verify)) {
        return -EBADMSG;
    }
    error = load_clocks(json_object_get(state, "clocks"), &verify->clocks);
    for (size_t i = 0; error == 0 && i < json_array_size(streams); i++) {
        error = load_stream(json_array_get(streams, i), verify);
    }
    if (error == 0) {
        *ret_ended = json_is_true(json_object_get(state, "ended"));
        *ret_saved_ms = saved_ms;
    }
    return error;
}
