#include "common/base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "common/base/mem.h"

#define ARENA_CHUNK_BYTES 16384

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	size_t capacity;
	alignas(max_align_t) uint8_t bytes[];
};

static struct arena_chunk *
arena_chunk_add(struct arena *arena, size_t size)
{
	size_t capacity = size > ARENA_CHUNK_BYTES ? size : ARENA_CHUNK_BYTES;
	struct arena_chunk *chunk = mem_resize(NULL, sizeof(*chunk) + capacity);

	chunk->next = arena->chunks;
	chunk->used = 0;
	chunk->capacity = capacity;
	arena->chunks = chunk;
	return chunk;
}

void *
arena_new(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunks;
	uint8_t *piece;

	size = (size + alignof(max_align_t) - 1) &
	    ~(size_t)(alignof(max_align_t) - 1);
	if (chunk == NULL || chunk->capacity - chunk->used < size)
		chunk = arena_chunk_add(arena, size);
	piece = chunk->bytes + chunk->used;
	chunk->used += size;
	arena->size_bytes += size;
	return piece;
}

struct slice
arena_dup(struct arena *arena, struct slice bytes)
{
	uint8_t *copy = arena_new(arena, bytes.size);

	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	return slice_of(copy, bytes.size);
}

void
arena_deinit(struct arena *arena)
{
	struct arena_chunk *chunk = arena->chunks;

	while (chunk != NULL) {
		struct arena_chunk *next = chunk->next;

		mem_free(chunk);
		chunk = next;
	}
	*arena = (struct arena){0};
}
