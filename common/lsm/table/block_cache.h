/*
 * block_cache - decompressed blocks of tables, up to a budget.
 *
 * Blocks that lie in the file as they are need no cache: they are read in
 * place. A block that is in use (pinned) is never dropped; blocks in use may
 * exceed the budget.
 *
 * Ownership  The cache outlives all readers that were opened with it.
 * Threads    None inside: the cache, its readers and their iterators belong
 *            to one thread.
 */
#ifndef COMMON_LSM_TABLE_BLOCK_CACHE_H
#define COMMON_LSM_TABLE_BLOCK_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct block_cache;

/* `bytes_max` counts the blocks and what is kept about them; 0 is fine. */
struct block_cache *block_cache_create(size_t bytes_max);
void block_cache_close(struct block_cache *cache);

struct block_cache_counts {
	uint64_t hits;
	uint64_t misses;
	uint64_t evictions;
	size_t block_count; /* now */
	size_t bytes; /* now, pinned ones included */
};

struct block_cache_counts block_cache_counts(const struct block_cache *cache);

#endif
