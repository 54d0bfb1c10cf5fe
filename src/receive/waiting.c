/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See waiting.h.
 */
#include "receive/waiting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "receive/decode.h"
#include "receive/text.h"

struct entry {
    uint64_t seq;
    uint64_t order; /* of arrival */
    int64_t at_ms;
    int64_t due_ms;
    char *topic;
    char *text; /* JSON */
    size_t text_size;
    bool written;
};

/* One gateway, bus and epoch. */
struct group {
    char *gateway;
    char *bus;
    uint64_t epoch;
    struct entry *list; /* by seq */
    size_t count;
    size_t room;
};

struct waiting {
    struct group *groups;
    size_t group_count;
    size_t bytes;
    size_t bytes_max;
    size_t held;
    uint64_t order;
};

struct waiting *waiting_create(size_t bytes_max)
{
    struct waiting *waiting = calloc(1, sizeof(*waiting));

    if (waiting != NULL) {
        waiting->bytes_max = bytes_max;
    }
    return waiting;
}

static size_t weight(const struct entry *entry)
{
    return entry->text_size + strlen(entry->topic) + sizeof(*entry);
}

static void entry_finish(struct entry *entry)
{
    free(entry->topic);
    free(entry->text);
}

static void group_finish(struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        entry_finish(&group->list[i]);
    }
    free(group->list);
    free(group->gateway);
    free(group->bus);
}

void waiting_destroy(struct waiting *waiting)
{
    if (waiting == NULL) {
        return;
    }
    for (size_t i = 0; i < waiting->group_count; i++) {
        group_finish(&waiting->groups[i]);
    }
    free(waiting->groups);
    free(waiting);
}

size_t waiting_held(const struct waiting *waiting)
{
    return waiting->held;
}

/* ---- groups ---- */

static struct group *find_group(const struct waiting *waiting, const struct record *record)
{
    for (size_t i = waiting->group_count; i-- > 0;) {
        struct group *group = &waiting->groups[i];

        if (group->epoch == record->epoch && strcmp(group->bus, record->bus) == 0 &&
            strcmp(group->gateway, record->gateway) == 0) {
            return group;
        }
    }
    return NULL;
}

static struct group *make_group(struct waiting *waiting, const struct record *record)
{
    struct group *groups =
        realloc(waiting->groups, (waiting->group_count + 1) * sizeof(*waiting->groups));
    struct group group = { .epoch = record->epoch };

    if (groups == NULL) {
        return NULL;
    }
    waiting->groups = groups;
    group.gateway = strdup(record->gateway);
    group.bus = strdup(record->bus);
    if (group.gateway == NULL || group.bus == NULL) {
        group_finish(&group);
        return NULL;
    }
    groups[waiting->group_count] = group;
    return &groups[waiting->group_count++];
}

/* The first entry of this number or a higher one. */
static size_t find_entry(const struct group *group, uint64_t seq)
{
    size_t low = 0;
    size_t high = group->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (group->list[middle].seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int insert(struct group *group, size_t at, const struct entry *entry)
{
    if (group->count == group->room) {
        size_t room = group->room == 0 ? 8 : group->room * 2;
        struct entry *list = realloc(group->list, room * sizeof(*list));

        if (list == NULL) {
            return -ENOMEM;
        }
        group->list = list;
        group->room = room;
    }
    memmove(&group->list[at + 1], &group->list[at], (group->count - at) * sizeof(*entry));
    group->list[at] = *entry;
    group->count++;
    return 0;
}

/* Takes an entry out of its group, which goes too if it was the last. */
static struct entry take(struct waiting *waiting, struct group *group, size_t at)
{
    struct entry entry = group->list[at];

    group->count--;
    memmove(&group->list[at], &group->list[at + 1], (group->count - at) * sizeof(entry));
    waiting->bytes -= weight(&entry);
    waiting->held -= entry.written ? 0 : 1;
    if (group->count == 0) {
        group_finish(group);
        *group = waiting->groups[--waiting->group_count];
    }
    return entry;
}

/* ---- one entry to the caller ---- */

static int show(const struct entry *entry, waiting_each *each, void *context)
{
    struct decode_error wrong;
    struct record record = { 0 };
    json_t *object = json_loadb(entry->text, entry->text_size, 0, NULL);
    struct item item = { .topic = entry->topic, .object = object, .at_ms = entry->at_ms };
    int result = object == NULL ? -ENOMEM : decode_record(object, &record, &wrong);

    if (result == 1) {
        item.record = &record;
        result = each(context, &item, entry->written);
        record_finish(&record);
    }
    json_decref(object);
    return result;
}

/* The group and index of the oldest of all. */
static struct group *find_oldest(struct waiting *waiting, size_t *ret_at)
{
    struct group *oldest = NULL;

    /* Numbers mostly come in order, so the first of a group is its oldest, or nearly. */
    for (size_t i = 0; i < waiting->group_count; i++) {
        if (oldest == NULL || waiting->groups[i].list[0].order < oldest->list[0].order) {
            oldest = &waiting->groups[i];
        }
    }
    *ret_at = 0;
    return oldest;
}

static int make_room(struct waiting *waiting, waiting_each *each, void *context)
{
    int error = 0;

    while (error == 0 && waiting->bytes > waiting->bytes_max && waiting->group_count > 0) {
        size_t at = 0;
        struct group *group = find_oldest(waiting, &at);
        struct entry entry = take(waiting, group, at);

        error = entry.written ? 0 : show(&entry, each, context);
        entry_finish(&entry);
    }
    return error;
}

static int make_entry(struct waiting *waiting, const struct item *item, struct entry *entry)
{
    FILE *out = open_memstream(&entry->text, &entry->text_size);

    if (out == NULL) {
        return -ENOMEM;
    }
    text_json(out, item->object);
    entry->topic = strdup(item->topic);
    if (fclose(out) == EOF || entry->topic == NULL) {
        entry_finish(entry);
        return -ENOMEM;
    }
    entry->seq = item->record->seq;
    entry->at_ms = item->at_ms;
    entry->order = waiting->order++;
    return 0;
}

int waiting_add(struct waiting *waiting, const struct item *item, bool written, int64_t due_ms,
                waiting_each *each, void *context, bool *ret_new)
{
    struct group *group = find_group(waiting, item->record);
    struct entry entry = { .written = written, .due_ms = due_ms };
    size_t at = group == NULL ? 0 : find_entry(group, item->record->seq);
    int error;

    if (group != NULL && at < group->count && group->list[at].seq == item->record->seq) {
        *ret_new = false;
        return 0;
    }
    error = make_entry(waiting, item, &entry);
    if (error < 0) {
        return error;
    }
    group = group == NULL ? make_group(waiting, item->record) : group;
    error = group == NULL ? -ENOMEM : insert(group, at, &entry);
    if (error < 0) {
        entry_finish(&entry);
        return error;
    }
    waiting->bytes += weight(&entry);
    waiting->held += written ? 0 : 1;
    *ret_new = true;
    return make_room(waiting, each, context);
}

void waiting_drop(struct waiting *waiting, const struct record *record)
{
    struct group *group = find_group(waiting, record);
    size_t at = group == NULL ? 0 : find_entry(group, record->seq);
    struct entry entry;

    if (group == NULL || at == group->count || group->list[at].seq != record->seq) {
        return;
    }
    entry = take(waiting, group, at);
    entry_finish(&entry);
}

int waiting_release(struct waiting *waiting, const char *gateway, const char *bus, uint64_t epoch,
                    waiting_each *each, void *context)
{
    int error = 0;

    for (size_t i = waiting->group_count; error == 0 && i-- > 0;) {
        struct group group = waiting->groups[i];

        if (group.epoch != epoch || strcmp(group.gateway, gateway) != 0 ||
            (bus != NULL && strcmp(group.bus, bus) != 0)) {
            continue;
        }
        waiting->groups[i] = waiting->groups[--waiting->group_count];
        for (size_t j = 0; j < group.count; j++) {
            waiting->bytes -= weight(&group.list[j]);
            waiting->held -= group.list[j].written ? 0 : 1;
            error = error == 0 ? show(&group.list[j], each, context) : error;
        }
        group_finish(&group);
    }
    return error;
}

int waiting_due(struct waiting *waiting, int64_t now_ms, waiting_each *each, void *context)
{
    int error = 0;

    for (size_t i = 0; waiting->held > 0 && i < waiting->group_count; i++) {
        struct group *group = &waiting->groups[i];

        for (size_t j = 0; error == 0 && j < group->count; j++) {
            struct entry *entry = &group->list[j];

            if (!entry->written && entry->due_ms <= now_ms) {
                error = show(entry, each, context);
                entry->written = true;
                waiting->held--;
            }
        }
    }
    return error;
}
