/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * An arena: see arena.h.
 */
#include "config/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/say.h"

enum { BLOCK_BYTES = 16 * 1024, ALIGNMENT = 16 };

struct arena_block {
    struct arena_block *next;
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

void *arena_take(struct arena *arena, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!arena->blocks || arena->size - arena->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        struct arena_block *block = calloc(1, sizeof *block + room);
        if (!block) {
            fatal(EXIT_AGAIN, "no memory for the configuration");
        }
        block->next = arena->blocks;
        arena->blocks = block;
        arena->used = 0;
        arena->size = room;
    }
    void *taken = arena->blocks->bytes + arena->used;
    arena->used += size;
    return taken;
}

char *arena_text(struct arena *arena, const char *text)
{
    size_t len = strlen(text) + 1;
    return memcpy(arena_take(arena, len), text, len);
}

void arena_finish(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}
