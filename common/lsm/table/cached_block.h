/*
 * cached_block - one decompressed block, counted by its users.
 *
 * The part of block_cache that only readers of tables see. A block belongs to
 * a cache, or to nobody but its single user.
 *
 * Threads  None inside, as for the cache.
 */
#ifndef COMMON_LSM_TABLE_CACHED_BLOCK_H
#define COMMON_LSM_TABLE_CACHED_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct block_cache;

struct table_block {
	struct block_cache *cache; /* NULL: of its single user */
	uint64_t reader_id;
	uint32_t number;
	unsigned user_count;
	size_t size; /* of data in use */
	size_t capacity;
	LIST_ENTRY(table_block) in_bucket;
	LIST_ENTRY(table_block) in_reader;
	TAILQ_ENTRY(table_block) in_idle; /* while it has no user */
	uint8_t data[];
};

LIST_HEAD(table_block_list, table_block);

/* A block of no cache with one user; its bytes are undefined. */
struct table_block *table_block_create(size_t size);

/* One user less. NULL is allowed. */
void table_block_release(struct table_block *block);

/* A number for a reader, by which the cache tells their blocks apart. */
uint64_t block_cache_reader_id(struct block_cache *cache);

/* The block with one user more, or NULL. */
struct table_block *block_cache_find(
    struct block_cache *cache, uint64_t reader_id, uint32_t number);

/* Takes a block that has one user in, and lists it in `of_reader`. */
void block_cache_add(struct block_cache *cache, struct table_block *block,
    uint64_t reader_id, uint32_t number, struct table_block_list *of_reader);

/* Drops all blocks of a reader; none may have a user. */
void block_cache_forget(
    struct block_cache *cache, struct table_block_list *of_reader);

#endif
