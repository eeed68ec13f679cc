/*
 * memtable_map - checked access to the bytes of a mapped memtable.
 *
 * For the reader and its iterator. What these functions return lies within
 * the mapping, whatever the bytes say; NULL or false means that they make no
 * sense. Bounds come from here, never from the mapping's own header.
 */
#ifndef COMMON_LSM_MEMTABLE_MEMTABLE_MAP_H
#define COMMON_LSM_MEMTABLE_MEMTABLE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"
#include "common/lsm/memtable/memtable_format.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/entry.h"

struct memtable_reader {
	const uint8_t *base;
	size_t size_bytes;
	uint32_t first; /* unit behind the buckets */
	uint32_t span; /* units from there at which a fixed part may begin */
	uint32_t bucket_mask;
	uint64_t number;
	const struct memtable_header *header;
	const _Atomic uint64_t *buckets;
};

/* Fills in `map` for a memtable whose header is known to be good. */
void memtable_map_init(
    struct memtable_reader *map, const void *base, size_t size_bytes);

/* How far ahead a fetch of the next line of memory points. */
#define MEMTABLE_LINE_BYTES 64

/* Every fixed part (and a version's deadline) has at most so many units. */
#define MEMTABLE_FIXED_UNITS_MAX 3

/* The newest node that a key with this hash can be behind; 0: it is absent. */
static inline uint32_t
memtable_map_head(const struct memtable_reader *map, uint64_t hash)
{
	uint64_t bucket = atomic_load_explicit(
	    &map->buckets[hash & map->bucket_mask], memory_order_acquire);

	return (bucket & memtable_bucket_mark(hash)) != 0 ? (uint32_t)bucket
							  : 0;
}

/* The place of a fixed part; NULL when it is not within the mapping. */
static inline const void *
memtable_map_at(const struct memtable_reader *map, uint32_t offset)
{
	if (UNLIKELY(offset - map->first >= map->span))
		return NULL;
	return map->base + (size_t)offset * MEMTABLE_UNIT_BYTES;
}

/* True if `size` bytes from `bytes` on, itself within, are within. */
static inline bool
memtable_map_holds(
    const struct memtable_reader *map, const uint8_t *bytes, size_t size)
{
	return size <= map->size_bytes - (size_t)(bytes - map->base);
}

/* The key of the node at `offset`. */
static inline bool
memtable_map_key(
    const struct memtable_reader *map, uint32_t offset, struct slice *key)
{
	const struct memtable_node *node = memtable_map_at(map, offset);

	if (UNLIKELY(
		node == NULL || node->key_size - 1u >= MEMTABLE_KEY_BYTES_MAX))
		return false;
	*key = slice_of(node->key, node->key_size);
	return memtable_map_holds(map, node->key, node->key_size);
}

/*
 * Finds the newest version of `node` up to `sequence_max` and puts all but
 * the key into *out. *found is false when there is none.
 */
static inline bool
memtable_map_version(const struct memtable_reader *map,
    const struct memtable_node *node, uint64_t sequence_max, struct entry *out,
    bool *found)
{
	uint32_t offset =
	    atomic_load_explicit(&node->newest, memory_order_acquire);
	const struct memtable_version *version = memtable_map_at(map, offset);
	const uint8_t *bytes;
	size_t size;

	*found = false;
	if (UNLIKELY(version == NULL))
		return false;
	while (version->tag >> MEMTABLE_TAG_SEQUENCE_SHIFT > sequence_max) {
		uint32_t older = version->older;

		if (older == 0)
			return true;
		if (UNLIKELY(older >= offset))
			return false;
		offset = older;
		version = memtable_map_at(map, offset);
		if (UNLIKELY(version == NULL))
			return false;
	}
	out->sequence = version->tag >> MEMTABLE_TAG_SEQUENCE_SHIFT;
	out->kind = (enum entry_kind)(version->tag & MEMTABLE_TAG_KIND);
	out->deadline_ms = 0;
	bytes = version->bytes;
	size = version->value_size;
	if ((version->tag & MEMTABLE_TAG_DEADLINE) != 0) {
		memcpy(&out->deadline_ms, bytes, sizeof(out->deadline_ms));
		bytes += sizeof(out->deadline_ms);
	}
	out->value = slice_of(bytes, size);
	*found = true;
	return out->sequence > 0 &&
	    (out->kind == ENTRY_PUT || out->kind == ENTRY_TOMBSTONE) &&
	    size <= MEMTABLE_VALUE_BYTES_MAX &&
	    memtable_map_holds(map, bytes, size);
}

#endif
