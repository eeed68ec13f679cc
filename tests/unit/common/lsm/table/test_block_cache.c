#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/lsm/table/block_cache.h"
#include "common/lsm/table/cached_block.h"
#include "tests/support/suite.h"

#define BLOCK_BYTES 1000
#define BLOCK_COST (sizeof(struct table_block) + BLOCK_BYTES)

/* Adds a block and lets go of it. */
static void
add(struct block_cache *cache, uint64_t reader_id, uint32_t number,
    struct table_block_list *list)
{
	struct table_block *block = table_block_create(BLOCK_BYTES);

	memset(block->data, (int)number, BLOCK_BYTES);
	block_cache_add(cache, block, reader_id, number, list);
	table_block_release(block);
}

static bool
is_cached(struct block_cache *cache, uint64_t reader_id, uint32_t number)
{
	struct table_block *block = block_cache_find(cache, reader_id, number);

	if (block == NULL)
		return false;
	CU_ASSERT_EQUAL(block->data[BLOCK_BYTES - 1], (uint8_t)number);
	table_block_release(block);
	return true;
}

static void
longest_unused_block_goes_first(void)
{
	struct block_cache *cache = block_cache_create(3 * BLOCK_COST);
	struct table_block_list list = LIST_HEAD_INITIALIZER(list);
	uint64_t id = block_cache_reader_id(cache);

	for (uint32_t i = 0; i < 3; i++)
		add(cache, id, i, &list);
	CU_ASSERT_TRUE(is_cached(cache, id, 0));
	add(cache, id, 3, &list);
	CU_ASSERT_FALSE(is_cached(cache, id, 1));
	CU_ASSERT_TRUE(is_cached(cache, id, 0));
	CU_ASSERT_TRUE(is_cached(cache, id, 2));
	CU_ASSERT_TRUE(is_cached(cache, id, 3));
	CU_ASSERT_EQUAL(block_cache_counts(cache).evictions, 1);
	CU_ASSERT_EQUAL(block_cache_counts(cache).bytes, 3 * BLOCK_COST);
	CU_ASSERT_EQUAL(block_cache_counts(cache).hits, 4);
	CU_ASSERT_EQUAL(block_cache_counts(cache).misses, 1);
	block_cache_forget(cache, &list);
	CU_ASSERT_EQUAL(block_cache_counts(cache).bytes, 0);
	block_cache_close(cache);
}

static void
block_in_use_stays_beyond_the_budget(void)
{
	struct block_cache *cache = block_cache_create(0);
	struct table_block_list list = LIST_HEAD_INITIALIZER(list);
	uint64_t id = block_cache_reader_id(cache);
	struct table_block *block = table_block_create(BLOCK_BYTES);
	struct table_block *again;

	block_cache_add(cache, block, id, 9, &list);
	again = block_cache_find(cache, id, 9);
	CU_ASSERT_PTR_EQUAL(again, block);
	table_block_release(block);
	CU_ASSERT_EQUAL(block_cache_counts(cache).bytes, BLOCK_COST);
	table_block_release(again);
	CU_ASSERT_EQUAL(block_cache_counts(cache).bytes, 0);
	CU_ASSERT_PTR_NULL(block_cache_find(cache, id, 9));
	table_block_release(NULL);
	block_cache_close(cache);
	block_cache_close(NULL);
}

static void
readers_do_not_see_each_others_blocks(void)
{
	struct block_cache *cache = block_cache_create(1 << 20);
	struct table_block_list one = LIST_HEAD_INITIALIZER(one);
	struct table_block_list two = LIST_HEAD_INITIALIZER(two);
	uint64_t id_one = block_cache_reader_id(cache);
	uint64_t id_two = block_cache_reader_id(cache);

	for (uint32_t i = 0; i < 500; i++)
		add(cache, i % 2 == 0 ? id_one : id_two, i,
		    i % 2 == 0 ? &one : &two);
	for (uint32_t i = 0; i < 500; i++) {
		CU_ASSERT_EQUAL(is_cached(cache, id_one, i), i % 2 == 0);
		CU_ASSERT_EQUAL(is_cached(cache, id_two, i), i % 2 != 0);
	}
	block_cache_forget(cache, &one);
	CU_ASSERT_EQUAL(block_cache_counts(cache).block_count, 250);
	CU_ASSERT_FALSE(is_cached(cache, id_one, 2));
	CU_ASSERT_TRUE(is_cached(cache, id_two, 3));
	block_cache_forget(cache, &two);
	block_cache_close(cache);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(longest_unused_block_goes_first),
	    SUITE_CASE(block_in_use_stays_beyond_the_budget),
	    SUITE_CASE(readers_do_not_see_each_others_blocks),
	};

	return suite_run("block_cache", cases, SUITE_COUNT(cases), argc, argv);
}
