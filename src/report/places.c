/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See places.h: a hash table of indices over blocks that never move.
 */
#include "report/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_BLOCK 256
#define SLOTS_MIN    1024

void places_finish(struct places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        free(places_at(places, i)->name);
    }
    for (size_t i = 0; i < places->count; i += PLACES_BLOCK) {
        free(places->blocks[i / PLACES_BLOCK]);
    }
    free(places->blocks);
    free(places->slots);
    *places = (struct places){ 0 };
}

struct place *places_at(const struct places *places, size_t index)
{
    return &places->blocks[index / PLACES_BLOCK][index % PLACES_BLOCK];
}

/* FNV-1a, and its high bits folded into the low ones that choose the slot. */
static uint32_t hash_of(const char *name, size_t size)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    }
    return hash ^ hash >> 15;
}

static size_t find_slot(const struct places *places, const char *name, size_t size, uint32_t hash)
{
    size_t slot = hash & (places->slot_count - 1);

    for (;; slot = (slot + 1) & (places->slot_count - 1)) {
        const struct place *place;

        if (places->slots[slot] == 0) {
            return slot;
        }
        place = places_at(places, places->slots[slot] - 1);
        if (place->hash == hash && place->name_size == size &&
            memcmp(place->name, name, size) == 0) {
            return slot;
        }
    }
}

/* At most half of the slots are used. */
static int grow_slots(struct places *places)
{
    size_t count = places->slot_count == 0 ? SLOTS_MIN : places->slot_count * 2;
    uint32_t *slots;

    if (places->count * 2 < places->slot_count) {
        return 0;
    }
    slots = calloc(count, sizeof(*slots));
    if (slots == NULL) {
        return -ENOMEM;
    }
    free(places->slots);
    places->slots = slots;
    places->slot_count = count;
    for (size_t i = 0; i < places->count; i++) {
        const struct place *place = places_at(places, i);

        slots[find_slot(places, place->name, place->name_size, place->hash)] = (uint32_t)i + 1;
    }
    return 0;
}

static int grow_blocks(struct places *places)
{
    size_t blocks = places->count / PLACES_BLOCK;
    struct place **grown;

    if (places->count % PLACES_BLOCK != 0) {
        return 0;
    }
    grown = realloc(places->blocks, (blocks + 1) * sizeof(*grown));
    if (grown == NULL) {
        return -ENOMEM;
    }
    places->blocks = grown;
    grown[blocks] = calloc(PLACES_BLOCK, sizeof(**grown));
    return grown[blocks] == NULL ? -ENOMEM : 0;
}

static struct place *add(struct places *places, const char *name, size_t size, uint32_t hash)
{
    char *copy = strndup(name, size);
    struct place *place;

    if (copy == NULL || grow_blocks(places) < 0) {
        free(copy);
        return NULL;
    }
    place = places_at(places, places->count++);
    place->name = copy;
    place->name_size = (uint32_t)size;
    place->hash = hash;
    return place;
}

struct place *places_get(struct places *places, const char *name, size_t size)
{
    uint32_t hash = hash_of(name, size);
    struct place *place;
    size_t slot;

    if (grow_slots(places) < 0) {
        errno = ENOMEM;
        return NULL;
    }
    slot = find_slot(places, name, size, hash);
    if (places->slots[slot] != 0) {
        return places_at(places, places->slots[slot] - 1);
    }
    if (places->count == PLACES_MAX) {
        errno = ENOSPC;
        return NULL;
    }
    place = add(places, name, size, hash);
    if (place == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    places->slots[slot] = (uint32_t)places->count;
    return place;
}
