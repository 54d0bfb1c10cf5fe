/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Records become text: one object, or an array of them when batches are on. What is the same for
 * all records of a shape is looked up once, in a source.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "uplink/private.h"

enum { TEXT_FIRST = 4096, TEXT_MAX = 16 * 1024 * 1024 };

static bool listed(const struct weir_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!strcmp(names->names[i], name)) {
            return true;
        }
    }
    return names->count == 0;
}

static struct source *source_create(struct stream *stream, const struct shape *shape)
{
    struct uplink *up = stream->up;
    struct source *source = calloc(1, sizeof *source);
    struct source **more =
        realloc(stream->sources, (stream->source_count + 1) * sizeof(struct source *));
    if (more) {
        stream->sources = more;
    }
    if (!source || !more ||
        json_shape_create(up->settings.gateway, stream->bus, &shape->view,
                          up->options->format == CONFIG_FORMAT_JSON_FLAT, &source->json) < 0) {
        free(source);
        return NULL;
    }
    source->public = (struct weir_source){ stream->bus, &shape->view };
    source->shape = shape;
    source->wanted = listed(&up->options->devices, shape->view.device) &&
                     listed(&up->options->kinds, shape->view.kind);
    source->route = source->wanted ? up->plugin.uplink->route(up->self, &source->public) : -1;
    if (source->wanted && source->route < 0) {
        say(SAY_ERROR, "no place to send device=%s kind=%s", shape->view.device, shape->view.kind);
        source->wanted = false;
    }
    stream->sources[stream->source_count++] = source;
    return source;
}

/* Devices of a bus come in turn, so the one after the last hit is tried first. */
struct source *message_source(struct stream *stream, const struct shape *shape)
{
    size_t guess = stream->source_guess + 1;
    for (size_t n = 0; n < stream->source_count; n++, guess++) {
        guess = guess < stream->source_count ? guess : 0;
        if (stream->sources[guess]->shape->hash == shape->hash) {
            stream->source_guess = guess;
            return stream->sources[guess];
        }
    }
    return source_create(stream, shape);
}

struct when message_when(struct stream *stream, const struct item *item)
{
    struct when_boot boot = { .this_boot = item->this_boot, .clock = item->clock };
    if (item->clock.state != CLOCK_SYNCED) {
        const struct account_epoch *e = feed_epoch(stream->feed, item->epoch);
        /* Without account, for want of a spool, this boot began no sooner than that. */
        boot.floor_ns = e                 ? e->floor_ns
                        : item->this_boot ? clock_floor().ns - boot_now().ns
                                          : clock_built().ns;
        boot.clock = e ? e->clock : item->clock;
        boot.until = e ? e->until : item->time;
        if (item->this_boot && stream->up->synced.state == CLOCK_SYNCED) {
            boot.clock = stream->up->synced;
        }
    }
    return when_of(item->time, item->clock, &boot, stream->up->clock);
}

static void fill(struct stream *stream, const struct source *source, const struct item *item,
                 struct json_record *record)
{
    struct when when = message_when(stream, item);
    *record = (struct json_record){ .epoch = item->epoch,
                                    .seq = item->first,
                                    .time = when.time,
                                    .clock = when.clock,
                                    .clock_error_s = when.error_s,
                                    .uptime_ns = item->time.ns,
                                    .values = item->values };
    trail_fill(&stream->trail, &stream->up->view, record);
    const struct source *first = stream->text_source;
    if (stream->up->options->batch_compact && stream->text_records && first) {
        const struct weir_shape *a = first->public.shape, *b = source->public.shape;
        record->omit_gateway = record->omit_bus = true;
        record->omit_epoch = true; /* a message ends with its epoch */
        record->omit_device = !strcmp(a->device, b->device);
        record->omit_kind = !strcmp(a->kind, b->kind);
    }
}

static int grow(struct stream *stream)
{
    size_t size = stream->text_size ? stream->text_size * 2 : TEXT_FIRST;
    char *more = size <= TEXT_MAX ? realloc(stream->text, size) : NULL;
    if (!more) {
        return -ENOMEM;
    }
    stream->text = more;
    stream->text_size = size;
    return 0;
}

int message_add(struct stream *stream, const struct source *source, const struct item *item)
{
    bool array = stream->up->options->batch_records > 1;
    struct json_record record;
    struct json json;
    fill(stream, source, item, &record);
    do {
        if (stream->text_size < stream->text_len + 2 || !stream->text_size) {
            if (grow(stream) < 0) {
                return -ENOMEM;
            }
        }
        /* One byte is kept for the closing bracket. */
        json = json_init(stream->text + stream->text_len, stream->text_size - stream->text_len - 1);
        json_word(&json, !array ? "" : stream->text_records ? "," : "[");
        json_record(&json, source->json, &record);
        if (json.failed && grow(stream) < 0) {
            return -ENOMEM;
        }
    } while (json.failed);
    stream->text_len += json_len(&json);
    if (stream->text_records++ == 0) {
        stream->text_source = source;
        stream->text_first_seq = item->first;
        stream->text_since_ns = boot_now().ns;
    }
    stream->text_last = (struct place){ item->order, item->epoch, item->first };
    return 0;
}

void message_reset(struct stream *stream)
{
    stream->text_len = 0;
    stream->text_records = 0;
    stream->text_source = NULL;
}

size_t message_meta(const struct stream *stream, const struct source *source, char *buf,
                    size_t size)
{
    const struct weir_shape *shape = source->public.shape;
    struct json json = json_init(buf, size);
    json_word(&json, "{\"gateway\":");
    json_text(&json, stream->up->settings.gateway, strlen(stream->up->settings.gateway));
    json_word(&json, ",\"bus\":");
    json_text(&json, stream->bus, strlen(stream->bus));
    json_word(&json, ",\"device\":");
    json_text(&json, shape->device, strlen(shape->device));
    json_word(&json, ",\"model\":");
    json_text(&json, shape->model, strlen(shape->model));
    json_word(&json, ",\"labels\":");
    json_labels(&json, shape);
    json_word(&json, ",\"kinds\":{");
    const char *comma = "";
    for (size_t i = 0; i < stream->source_count; i++) {
        const struct weir_shape *other = stream->sources[i]->public.shape;
        bool newer = false; /* of two shapes of one kind the one met last counts */
        for (size_t k = i + 1; k < stream->source_count; k++) {
            const struct weir_shape *later = stream->sources[k]->public.shape;
            newer |= !strcmp(later->device, other->device) && !strcmp(later->kind, other->kind);
        }
        if (newer || strcmp(other->device, shape->device) != 0) {
            continue;
        }
        json_word(&json, comma);
        json_text(&json, other->kind, strlen(other->kind));
        json_word(&json, ":{\"points\":");
        json_points(&json, other);
        json_word(&json, "}");
        comma = ",";
    }
    json_word(&json, "}}");
    return json.failed ? 0 : json_len(&json);
}
