/* Random tables of every kind, read in every way beside a sorted array. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/block_cache.h"
#include "common/lsm/table/table_format.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/file_system.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/support/table_sample.h"

#ifdef KVSTORE_CHECK_SLOW
#define ROUNDS 60
#else
#define ROUNDS 200
#endif

static void
check_get(struct table_reader *reader, const struct sample *sample,
    struct slice key, struct table_pin *pin)
{
	size_t place = sample_find(sample, key);
	bool is_there = place < sample->count &&
	    slice_equal(sample->entries[place].key, key);
	struct entry entry;
	enum lookup found;
	struct error err;

	ASSERT_OK(table_reader_get(
		      reader, key, hash64(key), pin, &entry, &found, &err),
	    &err);
	CU_ASSERT_EQUAL_FATAL(found == LOOKUP_FOUND, is_there);
	if (is_there)
		CU_ASSERT_TRUE_FATAL(
		    sample_entry_equal(&entry, &sample->entries[place]));
}

/* A key near one that is there: cut, extended, or with another byte. */
static struct slice
neighbour(const struct sample *sample, struct rng *rng, struct arena *arena)
{
	struct slice key = SLICE_EMPTY;
	uint8_t *bytes;

	if (sample->count > 0)
		key = sample->entries[rng_below(rng, sample->count)].key;
	bytes = arena_new(arena, key.size + 1);
	if (key.size > 0)
		memcpy(bytes, key.data, key.size);
	switch (rng_below(rng, 3)) {
	case 0:
		bytes[key.size] = (uint8_t)rng_next(rng);
		return slice_of(
		    bytes, key.size + 1 <= 65535 ? key.size + 1 : key.size);
	case 1:
		if (key.size > 1)
			return slice_of(bytes, key.size - 1);
		break;
	default:
		break;
	}
	bytes[key.size > 0 ? rng_below(rng, key.size) : 0] =
	    (uint8_t)rng_next(rng);
	return slice_of(bytes, key.size > 0 ? key.size : 1);
}

static void
check_gets(
    struct table_reader *reader, const struct sample *sample, struct rng *rng)
{
	struct table_pin pin = {0};
	struct arena arena = {0};

	for (size_t i = 0; i < sample->count; i++)
		check_get(reader, sample, sample->entries[i].key, &pin);
	for (size_t i = 0; i < sample->count + 10; i++)
		check_get(reader, sample, neighbour(sample, rng, &arena), &pin);
	table_pin_release(&pin);
	arena_deinit(&arena);
}

/* Walks up to `steps` entries from the first >= `key`. */
static void
check_walk(struct iterator *it, const struct sample *sample, struct slice key,
    size_t steps)
{
	size_t place = sample_find(sample, key);
	struct error err;

	ASSERT_OK(iterator_seek(it, key, &err), &err);
	for (; steps > 0; steps--, place++) {
		CU_ASSERT_EQUAL_FATAL(it->valid, place < sample->count);
		if (!it->valid)
			return;
		CU_ASSERT_TRUE_FATAL(
		    sample_entry_equal(&it->entry, &sample->entries[place]));
		ASSERT_OK(iterator_next(it, &err), &err);
	}
}

static void
check_walks(
    struct table_reader *reader, const struct sample *sample, struct rng *rng)
{
	struct iterator *it = table_iterator_create(reader);
	struct arena arena = {0};

	CU_ASSERT_FALSE(it->valid);
	check_walk(it, sample, SLICE_EMPTY, SIZE_MAX);
	for (int i = 0; i < 200; i++)
		check_walk(it, sample, neighbour(sample, rng, &arena), 5);
	for (size_t i = 0; i < sample->count; i++)
		check_walk(it, sample, sample->entries[i].key, 2);
	iterator_close(it);
	arena_deinit(&arena);
}

static void
check_ranges(
    struct table_reader *reader, const struct sample *sample, struct rng *rng)
{
	struct range_set set = {0};
	struct arena arena = {0};
	struct error err;

	CU_ASSERT_EQUAL(
	    table_reader_has_ranges(reader), sample->range_count > 0);
	ASSERT_OK(table_reader_ranges(reader, &set, &err), &err);
	range_set_seal(&set);
	for (int i = 0; i < 100; i++) {
		struct slice key = neighbour(sample, rng, &arena);

		CU_ASSERT_EQUAL(
		    range_set_cover(&set, key), sample_cover(sample, key));
	}
	range_set_deinit(&set);
	arena_deinit(&arena);
}

/* The table's own counts, beside those of the sample. */
static void
check_summary(const struct table_summary *summary, const struct sample *sample,
    struct rng *rng)
{
	uint64_t tombstones = 0;
	uint64_t expiring = 0;
	struct arena arena = {0};

	CU_ASSERT_EQUAL(summary->number, SAMPLE_NUMBER);
	CU_ASSERT_EQUAL(summary->entry_count, sample->count);
	CU_ASSERT_EQUAL(summary->range_count, sample->range_count);
	for (size_t i = 0; i < sample->count; i++) {
		const struct entry *entry = &sample->entries[i];

		tombstones += entry->kind == ENTRY_TOMBSTONE;
		CU_ASSERT_TRUE(entry->sequence >= summary->sequence_min);
		CU_ASSERT_TRUE(entry->sequence <= summary->sequence_max);
		CU_ASSERT_TRUE(table_summary_may_hold(summary, entry->key));
		if (entry->deadline_ms == 0)
			continue;
		expiring++;
		CU_ASSERT_TRUE(entry->deadline_ms >= summary->deadline_min);
		CU_ASSERT_TRUE(entry->deadline_ms <= summary->deadline_max);
	}
	CU_ASSERT_EQUAL(summary->tombstone_count, tombstones);
	CU_ASSERT_EQUAL(summary->expiring_count, expiring);
	CU_ASSERT_EQUAL(summary->every_entry_expires,
	    expiring > 0 && expiring == sample->count);
	for (int i = 0; i < 100; i++) {
		struct slice key = neighbour(sample, rng, &arena);

		if (sample_cover(sample, key) > 0)
			CU_ASSERT_TRUE(table_summary_may_hold(summary, key));
	}
	arena_deinit(&arena);
}

/* The file's pages come from the disk again, where it lies on one. */
static void
forget_pages(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(fdatasync(fd), 0);
	CU_ASSERT_EQUAL(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

static void
check_one(
    const struct scratch *scratch, struct rng *rng, struct block_cache *cache)
{
	static const size_t sizes[] = {512, 4096, 16384, 131072};
	enum compression compression =
	    (enum compression)rng_below(rng, COMPRESSION_COUNT);
	struct table_options options =
	    sample_options(compression, sizes[rng_below(rng, 4)]);
	const char *path = scratch_path(scratch, "table");
	struct table_summary summary;
	struct table_reader *reader;
	struct sample sample;
	struct error err;

	sample_init_random(&sample, rng, 1000, 50000);
	ASSERT_OK(sample_build(&sample, file_system_real(), path, &options,
		      &summary, &err),
	    &err);
	check_summary(&summary, &sample, rng);
	if (rng_below(rng, 2) == 0)
		forget_pages(path);
	ASSERT_OK(table_reader_open(path, SAMPLE_NUMBER, sample_store_id,
		      summary.size_bytes, cache, &reader, &err),
	    &err);
	check_summary(table_reader_summary(reader), &sample, rng);
	check_gets(reader, &sample, rng);
	check_walks(reader, &sample, rng);
	check_ranges(reader, &sample, rng);
	ASSERT_OK(table_reader_verify(reader, &err), &err);
	check_gets(reader, &sample, rng);
	table_reader_close(reader);
	table_summary_deinit(&summary);
	sample_deinit(&sample);
	ASSERT_OK(path_remove(file_system_real(), path, &err), &err);
}

static void
random_tables_read_back_as_a_sorted_array(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct block_cache *caches[3] = {
	    NULL, block_cache_create(20000), block_cache_create(64 << 20)};
	struct scratch scratch;

	scratch_init(&scratch);
	for (int i = 0; i < ROUNDS; i++)
		check_one(&scratch, &rng, caches[i % 3]);
	CU_ASSERT_EQUAL(block_cache_counts(caches[1]).block_count, 0);
	CU_ASSERT_EQUAL(block_cache_counts(caches[2]).bytes, 0);
	CU_ASSERT_TRUE(block_cache_counts(caches[1]).evictions > 0);
	CU_ASSERT_TRUE(block_cache_counts(caches[2]).hits > 0);
	block_cache_close(caches[1]);
	block_cache_close(caches[2]);
	scratch_deinit(&scratch);
}

static void
greatest_keys_and_values_are_kept(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct sample sample = {0};
	struct scratch scratch;
	uint8_t *bytes = mem_new(TABLE_VALUE_BYTES_MAX);
	uint8_t *keys = mem_new(4 * 65535);

	scratch_init(&scratch);
	for (size_t i = 0; i < TABLE_VALUE_BYTES_MAX; i++)
		bytes[i] = i % 16 < 8 ? (uint8_t)rng_next(&rng) : 0;
	sample.entries = mem_new_array(4, sizeof(struct entry));
	sample.ranges = mem_new(sizeof(struct range_tombstone));
	sample.count = 4;
	for (size_t i = 0; i < 4; i++) {
		keys[(i + 1) * 65535 - 1] = (uint8_t)i;
		sample.entries[i] =
		    (struct entry){slice_of(keys + i * 65535, 65535),
			slice_of(bytes, i == 3 ? 0 : TABLE_VALUE_BYTES_MAX - i),
			TABLE_SEQUENCE_MAX - i, UINT64_MAX - i, ENTRY_PUT};
	}
	for (unsigned i = 0; i < COMPRESSION_COUNT; i++) {
		struct table_options options =
		    sample_options((enum compression)i, 0);
		const char *path = scratch_path(&scratch, "table");
		struct table_reader *reader;
		struct table_summary summary;
		struct iterator *it;
		struct error err;

		ASSERT_OK(sample_build(&sample, file_system_real(), path,
			      &options, &summary, &err),
		    &err);
		ASSERT_OK(table_reader_open(path, SAMPLE_NUMBER,
			      sample_store_id, 0, NULL, &reader, &err),
		    &err);
		CU_ASSERT_TRUE(summary.every_entry_expires);
		check_gets(reader, &sample, &rng);
		it = table_iterator_create(reader);
		check_walk(it, &sample, SLICE_EMPTY, SIZE_MAX);
		iterator_close(it);
		ASSERT_OK(table_reader_verify(reader, &err), &err);
		table_reader_close(reader);
		table_summary_deinit(&summary);
		ASSERT_OK(path_remove(file_system_real(), path, &err), &err);
	}
	sample_deinit(&sample);
	mem_free(bytes);
	mem_free(keys);
	scratch_deinit(&scratch);
}

/* Lines of the point index overflow into others; keys of one line do. */
static void
keys_of_one_index_line_are_all_found(void)
{
	struct sample sample = {0};
	struct table_options options = sample_options(COMPRESSION_NONE, 0);
	struct rng rng = rng_seeded(suite_seed());
	struct table_summary summary;
	struct table_reader *reader;
	struct scratch scratch;
	struct error err;

	scratch_init(&scratch);
	sample.entries = mem_new_array(80, sizeof(struct entry));
	sample.ranges = mem_new(sizeof(struct range_tombstone));
	/* Of 80 keys there are ten lines; all begin in the last one. */
	for (uint32_t i = 0; sample.count < 80; i++) {
		uint8_t key[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16),
		    (uint8_t)(i >> 8), (uint8_t)i};

		if (hash64(slice_of(key, 4)) >> 32 > UINT32_MAX / 10 * 9 + 9)
			sample.entries[sample.count++] = (struct entry){
			    arena_dup(&sample.arena, slice_of(key, 4)),
			    SLICE_EMPTY, 1, 0, ENTRY_PUT};
	}
	ASSERT_OK(
	    sample_build(&sample, file_system_real(),
		scratch_path(&scratch, "table"), &options, &summary, &err),
	    &err);
	ASSERT_OK(table_reader_open(scratch_path(&scratch, "table"),
		      SAMPLE_NUMBER, sample_store_id, 0, NULL, &reader, &err),
	    &err);
	for (int i = 0; i < 50; i++)
		check_gets(reader, &sample, &rng);
	ASSERT_OK(table_reader_verify(reader, &err), &err);
	table_reader_close(reader);
	table_summary_deinit(&summary);
	sample_deinit(&sample);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(random_tables_read_back_as_a_sorted_array),
	    SUITE_CASE(greatest_keys_and_values_are_kept),
	    SUITE_CASE(keys_of_one_index_line_are_all_found),
	};

	return suite_run("table_model", cases, SUITE_COUNT(cases), argc, argv);
}
