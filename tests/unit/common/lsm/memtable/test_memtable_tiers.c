/*
 * The order of a memtable while its runs are merged bit by bit. Keys come in
 * bursts with a prefix of their own, so that runs of many prefixes meet.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_format.h"
#include "common/lsm/memtable/memtable_map.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/iterator.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define KEY_COUNT 60000
#define KEY_SIZE_MAX 64

/* The most runs that are ever listed for so many keys. */
#define RUNS_BOUND 20

struct key {
	uint8_t bytes[KEY_SIZE_MAX];
	size_t size;
};

static int
compare_keys(const void *a, const void *b)
{
	const struct key *x = a;
	const struct key *y = b;

	return slice_compare(
	    slice_of(x->bytes, x->size), slice_of(y->bytes, y->size));
}

/* The number in its last 8 bytes makes it the only one of its kind. */
static void
make_key(struct key *key, const uint8_t *prefix, size_t prefix_size,
    struct rng *rng, uint64_t number)
{
	memcpy(key->bytes, prefix, prefix_size);
	key->size = prefix_size + rng_below(rng, 12);
	for (size_t i = prefix_size; i < key->size; i++)
		key->bytes[i] = (uint8_t)(rng_below(rng, 2) * 255);
	number = htobe64(number);
	memcpy(key->bytes + key->size, &number, sizeof(number));
	key->size += sizeof(number);
}

/* Bursts of 1 to 1000 keys that begin alike; some prefixes come again. */
static void
make_keys(struct key *keys, struct rng *rng)
{
	uint8_t prefix[40] = {0};
	size_t prefix_size = 0;
	size_t burst = 0;

	for (uint64_t i = 0; i < KEY_COUNT; i++) {
		if (burst-- == 0) {
			burst = rng_below(rng, 1000);
			prefix_size = rng_below(rng, sizeof(prefix));
			for (size_t j = rng_below(rng, sizeof(prefix));
			     j < prefix_size; j++)
				prefix[j] = (uint8_t)rng_below(rng, 4);
		}
		make_key(&keys[i], prefix, prefix_size, rng, i);
	}
}

static void
add(struct memtable_writer *writer, const struct key *key, uint64_t sequence)
{
	struct entry entry = {.key = slice_of(key->bytes, key->size),
	    .sequence = sequence,
	    .kind = ENTRY_PUT};

	memtable_writer_add(writer, &entry, hash64(entry.key));
}

/* All keys in their order, and a search for some. */
static void
check_order(struct memtable_reader *reader, const struct key *sorted,
    size_t count, struct rng *rng)
{
	struct iterator *it = memtable_iterator_create(reader, UINT64_MAX);
	struct error err;
	size_t place = 0;

	ASSERT_OK(iterator_seek(it, SLICE_EMPTY, &err), &err);
	for (; it->valid; place++) {
		CU_ASSERT_TRUE_FATAL(place < count);
		CU_ASSERT_TRUE_FATAL(slice_equal(it->entry.key,
		    slice_of(sorted[place].bytes, sorted[place].size)));
		ASSERT_OK(iterator_next(it, &err), &err);
	}
	CU_ASSERT_EQUAL(place, count);
	for (int i = 0; i < 100; i++) {
		const struct key *key = &sorted[rng_below(rng, count)];
		struct slice wanted = slice_of(key->bytes, key->size);

		ASSERT_OK(iterator_seek(it, wanted, &err), &err);
		CU_ASSERT_TRUE_FATAL(it->valid);
		CU_ASSERT_TRUE(slice_equal(it->entry.key, wanted));
	}
	iterator_close(it);
}

static uint32_t
listed_runs(const struct memtable_reader *reader)
{
	uint32_t offset = atomic_load(&reader->header->order);
	const struct memtable_order *order = memtable_map_at(reader, offset);

	return offset == 0 ? 0 : order->run_count;
}

static void
order_is_right_at_any_step_of_the_merges(void)
{
	struct memtable_options options = {
	    1, (const uint8_t *)"0123456789abcde", 0, 1, 16u << 20};
	struct key *keys = mem_new_array(KEY_COUNT, sizeof(*keys));
	struct key *sorted = mem_new_array(KEY_COUNT, sizeof(*keys));
	struct rng rng = rng_seeded(suite_seed());
	struct memtable_reader *reader;
	struct memtable_writer *writer;
	struct scratch scratch;
	uint32_t runs_max = 0;
	struct error err;

	scratch_init(&scratch);
	make_keys(keys, &rng);
	ASSERT_OK(memtable_writer_create(file_system_real(),
		      scratch_path(&scratch, "m"), &options, &writer, &err),
	    &err);
	reader = memtable_writer_reader(writer);
	for (size_t i = 0, check = 1; i < KEY_COUNT; i++) {
		CU_ASSERT_TRUE_FATAL(
		    memtable_writer_fits(writer, 1, keys[i].size, 0));
		add(writer, &keys[i], i + 1);
		if (listed_runs(reader) > runs_max)
			runs_max = listed_runs(reader);
		if (i + 1 != check && i + 1 != KEY_COUNT)
			continue;
		memcpy(sorted, keys, (i + 1) * sizeof(*keys));
		qsort(sorted, i + 1, sizeof(*keys), compare_keys);
		check_order(reader, sorted, i + 1, &rng);
		check += 1 + rng_below(&rng, check);
	}
	/* So the merges keep up with what comes. */
	CU_ASSERT_TRUE(runs_max <= RUNS_BOUND);
	memtable_writer_close(writer);
	mem_free(sorted);
	mem_free(keys);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(order_is_right_at_any_step_of_the_merges),
	};

	return suite_run(
	    "memtable_tiers", cases, SUITE_COUNT(cases), argc, argv);
}
