/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Memory that is freed all at once: what a configuration is made of lives as long as it.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *blocks;
    size_t used, size; /* of the newest block */
};

/* Zeroed, aligned for anything. Never NULL: without memory for its configuration no process can
 * go on, so it ends here (status 75). */
void *arena_take(struct arena *arena, size_t size);
char *arena_text(struct arena *arena, const char *text);
void arena_finish(struct arena *arena);

#endif
