/*
 * arena - memory that is handed out piece by piece and freed whole.
 *
 * Ownership  Pieces belong to the arena; nobody frees a single one.
 */
#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H

#include <stddef.h>

#include "common/base/slice.h"

struct arena_chunk;

/* A zeroed struct arena is an empty one. */
struct arena {
	struct arena_chunk *chunks;
	size_t size_bytes; /* handed out so far */
};

/* `size` bytes aligned for any type, not zeroed. */
void *arena_new(struct arena *arena, size_t size);

/* A copy of `bytes` in the arena. */
struct slice arena_dup(struct arena *arena, struct slice bytes);

/* Frees all pieces; the arena is empty and usable again. */
void arena_deinit(struct arena *arena);

#endif
