/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See state.h: the tables, and saving.
 */
#include "receive/state.h"

#include <string.h>

#include "receive/utc.h"
#include "receive/verdict.h"

const struct field state_epoch_numbers[] = {
    { "epoch", offsetof(struct epoch, id) },
    { "start", offsetof(struct epoch, start) },
    { "early", offsetof(struct epoch, early) },
    { "high", offsetof(struct epoch, high) },
    { "records", offsetof(struct epoch, records) },
    { "repeats", offsetof(struct epoch, repeats) },
    { "not_compared", offsetof(struct epoch, not_compared) },
    { "settled_missing", offsetof(struct epoch, settled_missing) },
    { "settled_not_known", offsetof(struct epoch, settled_unsure) },
    { "last", offsetof(struct epoch, last) },
    { "clean_last", offsetof(struct epoch, clean_last) },
    { "unsynced", offsetof(struct epoch, untrusted.unsynced) },
    { "estimated", offsetof(struct epoch, untrusted.estimated) },
    { "clock_error_us", offsetof(struct epoch, untrusted.error_us) },
    { "with_uptime", offsetof(struct epoch, untrusted.with_uptime) },
    { "first_uptime_us", offsetof(struct epoch, untrusted.first_us) },
    { "last_uptime_us", offsetof(struct epoch, untrusted.last_us) },
};
const size_t state_epoch_numbers_count =
    sizeof(state_epoch_numbers) / sizeof(state_epoch_numbers[0]);

const struct field state_epoch_flags[] = {
    { "seen", offsetof(struct epoch, seen) },
    { "outside", offsetof(struct epoch, outside) },
    { "named", offsetof(struct epoch, named) },
    { "last_known", offsetof(struct epoch, last_known) },
    { "clean", offsetof(struct epoch, clean) },
    { "damage", offsetof(struct epoch, damage) },
    { "ever_clean", offsetof(struct epoch, ever_clean) },
    { "away", offsetof(struct epoch, away) },
    { "loose", offsetof(struct epoch, loose) },
    { "unannounced", offsetof(struct epoch, unannounced) },
};
const size_t state_epoch_flags_count = sizeof(state_epoch_flags) / sizeof(state_epoch_flags[0]);

const struct field state_sum_numbers[] = {
    { "records", offsetof(struct sum, records) },
    { "repeats", offsetof(struct sum, repeats) },
    { "not_compared", offsetof(struct sum, not_compared) },
    { "missing", offsetof(struct sum, missing) },
    { "not_known", offsetof(struct sum, unsure) },
    { "lost_unclean", offsetof(struct sum, lost) },
    { "unknown_ends", offsetof(struct sum, unknown_ends) },
    { "ends_not_known", offsetof(struct sum, unsure_ends) },
    { "unclean_ends", offsetof(struct sum, unclean_ends) },
    { "unannounced", offsetof(struct sum, unannounced) },
};
const size_t state_sum_numbers_count = sizeof(state_sum_numbers) / sizeof(state_sum_numbers[0]);

/* Both take over the value and give the container back, or NULL once memory has run out: then
 * everything around it becomes NULL too, and no half state is ever written. */
static json_t *with(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *plus(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *whole(uint64_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *with_numbers(json_t *object, const void *base, const struct field *fields,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const void *at = (const char *)base + fields[i].offset;

        object = with(object, fields[i].key, whole(*(const uint64_t *)at));
    }
    return object;
}

static json_t *with_flags(json_t *object, const void *base, const struct field *fields,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const void *at = (const char *)base + fields[i].offset;

        object = with(object, fields[i].key, json_boolean(*(const bool *)at));
    }
    return object;
}

static json_t *save_intervals(const struct intervals *set)
{
    json_t *list = json_array();

    for (size_t i = 0; i < set->count; i++) {
        list = plus(
            list, json_pack("[II]", (json_int_t)set->list[i].first, (json_int_t)set->list[i].last));
    }
    return list;
}

static json_t *save_told(const uint64_t *counts, const struct intervals *told)
{
    json_t *all = json_object();

    for (int i = 0; i < WHY_COUNT; i++) {
        json_t *one;

        if (counts[i] == 0) {
            continue;
        }
        one = with(json_object(), "count", whole(counts[i]));
        if (told != NULL) {
            one = with(one, "ranges", save_intervals(&told[i]));
        }
        all = with(all, why_name((enum why)i), one);
    }
    return all;
}

static json_t *save_notices(const struct epoch *epoch)
{
    json_t *list = json_array();

    for (size_t i = 0; i < epoch->notice_count; i++) {
        const struct notice *notice = &epoch->notices[i];

        list = plus(list, json_pack("[III]", (json_int_t)notice->hole.first,
                                    (json_int_t)notice->hole.last, (json_int_t)notice->at_ms));
    }
    return list;
}

/* For people: when the records without a trusted time were taken, if that is known by now. */
static json_t *with_repaired(json_t *object, const struct epoch *epoch, const struct stream *stream,
                             const struct clocks *clocks)
{
    char first[UTC_SIZE];
    char last[UTC_SIZE];
    int64_t offset_us;

    if (epoch->untrusted.with_uptime == 0 ||
        !clocks_find(clocks, stream->gateway, stream->bus, epoch->id, &offset_us) ||
        !utc_write((int64_t)epoch->untrusted.first_us + offset_us, first) ||
        !utc_write((int64_t)epoch->untrusted.last_us + offset_us, last)) {
        return object;
    }
    object = with(object, "repaired_first", json_string(first));
    return with(object, "repaired_last", json_string(last));
}

static json_t *save_epoch(const struct epoch *epoch, const struct stream *stream,
                          const struct clocks *clocks)
{
    json_t *object = json_object();

    object = with_repaired(object, epoch, stream, clocks);
    object = with_numbers(object, epoch, state_epoch_numbers, state_epoch_numbers_count);
    object = with_flags(object, epoch, state_epoch_flags, state_epoch_flags_count);
    object = with(object, "seen_ms", json_integer(epoch->seen_ms));
    object = with(object, "have", save_intervals(&epoch->have));
    object = with(object, "not_known", save_intervals(&epoch->unsure));
    object = with(object, "told", save_told(epoch->told_count, epoch->told));
    return with(object, "holes", save_notices(epoch));
}

static json_t *save_folded(const struct stream *stream)
{
    json_t *object = with(json_object(), "epochs", whole(stream->folded_count));

    object = with_numbers(object, &stream->folded, state_sum_numbers, state_sum_numbers_count);
    return with(object, "told", save_told(stream->folded.told, NULL));
}

static json_t *save_stream(const struct stream *stream, const struct clocks *clocks)
{
    json_t *object =
        json_pack("{ss ss s[II] sb sb}", "gateway", stream->gateway, "bus", stream->bus, "anchor",
                  (json_int_t)stream->anchor_epoch, (json_int_t)stream->anchor_seq, "doubt",
                  stream->doubt, "early", stream->early);
    json_t *epochs = json_array();

    for (size_t i = 0; i < stream->epoch_count; i++) {
        epochs = plus(epochs, save_epoch(stream->epochs[i], stream, clocks));
    }
    object = with(object, "epochs", epochs);
    if (stream->folded_count > 0) {
        object = with(object, "older", save_folded(stream));
    }
    return object;
}

static json_t *save_faults(const struct verify *verify)
{
    json_t *counts = json_object();
    json_t *list = json_array();

    for (int i = 0; i < FAULT_COUNT; i++) {
        counts = with(counts, fault_name((enum fault)i), whole(verify->fault_counts[i]));
    }
    for (size_t i = 0; i < verify->fault_count; i++) {
        const struct fault_note *note = &verify->faults[i];

        list = plus(list, json_pack("{ss ss sI}", "kind", fault_name(note->fault), "text",
                                    note->text, "at_ms", (json_int_t)note->at_ms));
    }
    return with(with(json_object(), "counts", counts), "list", list);
}

static json_t *save_absences(const struct absences *absences)
{
    return json_pack("{sI sI sI sI}", "count", (json_int_t)absences->count, "kept",
                     (json_int_t)absences->kept, "total_ms", (json_int_t)absences->total_ms,
                     "longest_ms", (json_int_t)absences->longest_ms);
}

static json_t *save_clocks(const struct clocks *clocks)
{
    json_t *list = json_array();

    for (size_t i = 0; i < clocks->count; i++) {
        const struct clock_entry *entry = &clocks->list[i];

        list = plus(list, json_pack("{ss ss sI sI}", "gateway", entry->gateway, "bus", entry->bus,
                                    "epoch", (json_int_t)entry->epoch, "offset_us",
                                    (json_int_t)entry->offset_us));
    }
    return list;
}

json_t *state_save(const struct verify *verify, bool ended, int64_t now_ms)
{
    struct sum sum = verify_sum(verify);
    json_t *streams = json_array();
    char when[32];
    json_t *state;

    verdict_time(now_ms, when, sizeof(when));
    for (size_t i = 0; i < verify->stream_count; i++) {
        streams = plus(streams, save_stream(verify->streams[i], &verify->clocks));
    }
    state = json_pack("{si ss sI sb ss}", "weir_receive", STATE_FORMAT, "saved", when, "saved_ms",
                      (json_int_t)now_ms, "ended", ended, "verdict",
                      verdict_name(verify_verdict(verify, &sum)));
    state = with(state, "missing", whole(sum.missing));
    state = with(state, "not_known", whole(sum.unsure));
    state = with(state, "lost", whole(verdict_lost(&sum)));
    state = with(state, "records", whole(sum.records));
    state = with(state, "repeats", whole(sum.repeats));
    state = with(state, "absences", save_absences(&verify->absences));
    state = with(state, "faults", save_faults(verify));
    state = with(state, "clocks", save_clocks(&verify->clocks));
    return with(state, "streams", streams);
}
