#include "common/lsm/table/block_cache.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/table/cached_block.h"

#define BUCKETS_MIN 64
#define BUCKETS_MAX (1u << 22)
#define BYTES_PER_BUCKET 4096

TAILQ_HEAD(table_block_queue, table_block);

struct block_cache {
	size_t bytes_max;
	size_t bytes;
	uint64_t last_reader_id;
	struct block_cache_counts counts;
	struct table_block_queue idle; /* the longest unused one first */
	struct table_block_list *buckets;
	size_t bucket_count; /* a power of two */
};

struct block_cache *
block_cache_create(size_t bytes_max)
{
	struct block_cache *cache = mem_new(sizeof(*cache));

	cache->bytes_max = bytes_max;
	cache->bucket_count = BUCKETS_MIN;
	while (cache->bucket_count < BUCKETS_MAX &&
	    cache->bucket_count < bytes_max / BYTES_PER_BUCKET)
		cache->bucket_count *= 2;
	/* An empty list is a NULL pointer. */
	cache->buckets =
	    mem_new_array(cache->bucket_count, sizeof(*cache->buckets));
	TAILQ_INIT(&cache->idle);
	return cache;
}

void
block_cache_close(struct block_cache *cache)
{
	if (cache == NULL)
		return;
	CHECK(cache->counts.block_count == 0);
	mem_free(cache->buckets);
	mem_free(cache);
}

struct block_cache_counts
block_cache_counts(const struct block_cache *cache)
{
	struct block_cache_counts counts = cache->counts;

	counts.bytes = cache->bytes;
	return counts;
}

struct table_block *
table_block_create(size_t size)
{
	struct table_block *block = mem_resize(NULL, sizeof(*block) + size);

	*block = (struct table_block){
	    .user_count = 1, .size = size, .capacity = size};
	return block;
}

static size_t
cost(const struct table_block *block)
{
	return sizeof(*block) + block->capacity;
}

/* Frees a block that is not in use. */
static void
drop(struct block_cache *cache, struct table_block *block)
{
	CHECK(block->user_count == 0);
	TAILQ_REMOVE(&cache->idle, block, in_idle);
	LIST_REMOVE(block, in_bucket);
	LIST_REMOVE(block, in_reader);
	cache->bytes -= cost(block);
	cache->counts.block_count--;
	mem_free(block);
}

static void
shrink(struct block_cache *cache)
{
	while (cache->bytes > cache->bytes_max && !TAILQ_EMPTY(&cache->idle)) {
		drop(cache, TAILQ_FIRST(&cache->idle));
		cache->counts.evictions++;
	}
}

void
table_block_release(struct table_block *block)
{
	if (block == NULL)
		return;
	CHECK(block->user_count > 0);
	block->user_count--;
	if (block->cache == NULL) {
		mem_free(block);
		return;
	}
	if (block->user_count == 0) {
		TAILQ_INSERT_TAIL(&block->cache->idle, block, in_idle);
		shrink(block->cache);
	}
}

uint64_t
block_cache_reader_id(struct block_cache *cache)
{
	return ++cache->last_reader_id;
}

static struct table_block_list *
bucket_of(struct block_cache *cache, uint64_t reader_id, uint32_t number)
{
	uint64_t mixed = (reader_id * UINT64_C(0x9e3779b97f4a7c15) + number) *
	    UINT64_C(0xbf58476d1ce4e5b9);

	return &cache->buckets[mixed >> 32 & (cache->bucket_count - 1)];
}

struct table_block *
block_cache_find(struct block_cache *cache, uint64_t reader_id, uint32_t number)
{
	struct table_block *block;

	LIST_FOREACH(block, bucket_of(cache, reader_id, number), in_bucket) {
		if (block->reader_id != reader_id || block->number != number)
			continue;
		if (block->user_count++ == 0)
			TAILQ_REMOVE(&cache->idle, block, in_idle);
		cache->counts.hits++;
		return block;
	}
	cache->counts.misses++;
	return NULL;
}

void
block_cache_add(struct block_cache *cache, struct table_block *block,
    uint64_t reader_id, uint32_t number, struct table_block_list *of_reader)
{
	CHECK(block->cache == NULL);
	CHECK(block->user_count == 1);
	block->cache = cache;
	block->reader_id = reader_id;
	block->number = number;
	LIST_INSERT_HEAD(bucket_of(cache, reader_id, number), block, in_bucket);
	LIST_INSERT_HEAD(of_reader, block, in_reader);
	cache->bytes += cost(block);
	cache->counts.block_count++;
	shrink(cache);
}

void
block_cache_forget(
    struct block_cache *cache, struct table_block_list *of_reader)
{
	while (!LIST_EMPTY(of_reader))
		drop(cache, LIST_FIRST(of_reader));
}
