/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See repeats.h. A stream has a ring of bits, one a number; it moves up with the highest. Numbers
 * below the ring are taken for new: rows come back late when their time was repaired.
 */
#include "report/repeats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (REPEATS_STREAMS * 2) /* a power of two */

struct stream {
    char *key;
    size_t key_size;
    uint64_t hash;
    uint64_t highest;
    unsigned char *seen;
};

struct repeats {
    struct stream streams[REPEATS_STREAMS];
    size_t count; /* in use */
    size_t next;  /* the oldest, once all are */
    struct stream *last;
    unsigned short slots[SLOTS]; /* index + 1 */
};

struct repeats *repeats_create(void)
{
    return calloc(1, sizeof(struct repeats));
}

void repeats_destroy(struct repeats *repeats)
{
    if (repeats == NULL) {
        return;
    }
    for (size_t i = 0; i < REPEATS_STREAMS; i++) {
        free(repeats->streams[i].key);
        free(repeats->streams[i].seen);
    }
    free(repeats);
}

static bool is_key(const struct stream *stream, const struct cell cells[3])
{
    const char *at = stream->key;

    if (stream->key_size != cells[0].size + cells[1].size + cells[2].size + 3) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        if (memcmp(at, cells[i].text, cells[i].size) != 0 || at[cells[i].size] != '\0') {
            return false;
        }
        at += cells[i].size + 1;
    }
    return true;
}

static uint64_t hash_of(const struct cell cells[3])
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (int i = 0; i < 3; i++) {
        for (size_t j = 0; j <= cells[i].size; j++) {
            unsigned char c = j < cells[i].size ? (unsigned char)cells[i].text[j] : 0;

            hash = (hash ^ c) * UINT64_C(1099511628211);
        }
    }
    return hash ^ hash >> 29;
}

static void index_all(struct repeats *repeats)
{
    memset(repeats->slots, 0, sizeof(repeats->slots));
    for (size_t i = 0; i < repeats->count; i++) {
        size_t slot = repeats->streams[i].hash % SLOTS;

        while (repeats->slots[slot] != 0) {
            slot = (slot + 1) % SLOTS;
        }
        repeats->slots[slot] = (unsigned short)(i + 1);
    }
}

static int renew(struct stream *stream, const struct cell cells[3], uint64_t hash)
{
    size_t size = cells[0].size + cells[1].size + cells[2].size + 3;
    char *key = calloc(1, size);
    char *at = key;

    if (stream->seen == NULL) {
        stream->seen = malloc(REPEATS_WINDOW / 8);
    }
    if (key == NULL || stream->seen == NULL) {
        free(key);
        return -ENOMEM;
    }
    for (int i = 0; i < 3; i++) {
        memcpy(at, cells[i].text, cells[i].size);
        at += cells[i].size + 1;
    }
    free(stream->key);
    *stream = (struct stream){ key, size, hash, 0, stream->seen };
    memset(stream->seen, 0, REPEATS_WINDOW / 8);
    return 0;
}

static struct stream *find(struct repeats *repeats, const struct cell cells[3])
{
    uint64_t hash = hash_of(cells);
    size_t slot = hash % SLOTS;
    size_t index;

    for (; repeats->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        struct stream *stream = &repeats->streams[repeats->slots[slot] - 1];

        if (stream->hash == hash && is_key(stream, cells)) {
            return stream;
        }
    }
    index = repeats->count < REPEATS_STREAMS ? repeats->count : repeats->next;
    if (renew(&repeats->streams[index], cells, hash) < 0) {
        return NULL;
    }
    if (repeats->count < REPEATS_STREAMS) {
        repeats->count++;
        repeats->slots[slot] = (unsigned short)(index + 1);
    } else {
        repeats->next = (repeats->next + 1) % REPEATS_STREAMS;
        index_all(repeats);
    }
    return &repeats->streams[index];
}

static void move_up(struct stream *stream, uint64_t seq)
{
    if (seq - stream->highest >= REPEATS_WINDOW) {
        memset(stream->seen, 0, REPEATS_WINDOW / 8);
    } else {
        for (uint64_t i = stream->highest + 1; i <= seq; i++) {
            stream->seen[i % REPEATS_WINDOW / 8] &= (unsigned char)~(1u << i % 8);
        }
    }
    stream->highest = seq;
}

int repeats_take(struct repeats *repeats, const struct cell stream[3], uint64_t seq)
{
    struct stream *found = repeats->last;
    unsigned char *byte;
    unsigned char bit = (unsigned char)(1u << seq % 8);

    if (found == NULL || !is_key(found, stream)) {
        found = find(repeats, stream);
        if (found == NULL) {
            return -ENOMEM;
        }
        repeats->last = found;
    }
    if (seq > found->highest) {
        move_up(found, seq);
    } else if (found->highest - seq >= REPEATS_WINDOW) {
        return 0;
    }
    byte = &found->seen[seq % REPEATS_WINDOW / 8];
    if ((*byte & bit) != 0) {
        return 1;
    }
    *byte |= bit;
    return 0;
}
