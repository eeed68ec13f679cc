/*
 * Whole tables, as they are and with all checksums made right. Nothing that is
 * read may lie outside of the file, and everything comes to an end. Where
 * table_reader_verify() finds no fault, keys ascend, a get of each key finds
 * just what the iteration had, and the summary holds. The first byte of the
 * input is no part of the file: it says whether there is a cache.
 */
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/block_cache.h"
#include "common/lsm/table/table_reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/entry_program.h"
#include "tests/fuzz/table_repair.h"
#include "tests/support/table_sample.h"

/* Entries have 16 bytes, blocks can be listed many times over. */
#define STEPS_MAX 100000
#define CACHE_BYTES 20000

struct read {
	struct table_reader *reader;
	struct buffer last_key;
	bool intact; /* verified */
	uint64_t touched;
	size_t count;
};

/* Reads all bytes: the sanitizer sees those that are not ours. */
static void
touch(struct read *read, const struct entry *entry)
{
	CHECK(entry->key.size > 0);
	CHECK(entry->kind == ENTRY_PUT || entry->kind == ENTRY_TOMBSTONE);
	read->touched += hash64(entry->key) + hash64(entry->value);
}

static void
get(struct read *read, const struct entry *expected)
{
	const struct table_summary *summary =
	    table_reader_summary(read->reader);
	uint64_t hash = hash64(expected->key);
	struct table_pin pin = {0};
	struct entry found;
	enum lookup lookup;
	struct error err;
	enum status status;

	table_reader_prefetch(read->reader, hash);
	table_reader_prefetch_entry(read->reader, hash);
	status = table_reader_get(
	    read->reader, expected->key, hash, &pin, &found, &lookup, &err);
	if (status == STATUS_OK && lookup == LOOKUP_FOUND) {
		touch(read, &found);
		CHECK(slice_equal(found.key, expected->key));
	}
	if (read->intact) {
		CHECK(status == STATUS_OK && lookup == LOOKUP_FOUND);
		CHECK(entry_program_same(&found, expected));
		CHECK(table_summary_may_hold(summary, expected->key));
	}
	table_pin_release(&pin);
}

static void
iterate(struct read *read, struct slice from)
{
	struct iterator *it = table_iterator_create(read->reader);
	struct error err;
	enum status status = iterator_seek(it, from, &err);

	read->count = 0;
	while (status == STATUS_OK && it->valid) {
		CHECK(++read->count < STEPS_MAX);
		touch(read, &it->entry);
		CHECK(!read->intact || read->count == 1 ||
		    slice_compare(
			buffer_slice(&read->last_key), it->entry.key) < 0);
		buffer_clear(&read->last_key, SIZE_MAX);
		buffer_append_slice(&read->last_key, it->entry.key);
		if (read->count < 200)
			get(read, &it->entry);
		status = iterator_next(it, &err);
	}
	CHECK(!read->intact || status == STATUS_OK);
	iterator_close(it);
}

static void
read_ranges(struct read *read)
{
	struct range_set set = {0};
	struct error err;

	if (table_reader_ranges(read->reader, &set, &err) == STATUS_OK) {
		range_set_seal(&set);
		read->touched += range_set_cover(&set, slice_of("k", 1));
	} else {
		CHECK(!read->intact);
	}
	range_set_deinit(&set);
}

static void
read_table(struct slice bytes, struct block_cache *cache)
{
	const char *path = fuzz_file("table", bytes);
	struct read read = {0};
	struct error err;

	if (table_reader_open(path, SAMPLE_NUMBER, sample_store_id, 0, cache,
		&read.reader, &err) != STATUS_OK)
		return;
	/* First without the checks, which mark places as seen. */
	iterate(&read, SLICE_EMPTY);
	iterate(&read, slice_of("k", 1));
	read_ranges(&read);
	read.intact = table_reader_verify(read.reader, &err) == STATUS_OK;
	if (read.intact) {
		read_ranges(&read);
		iterate(&read, SLICE_EMPTY);
		CHECK(read.count ==
		    table_reader_summary(read.reader)->entry_count);
	}
	buffer_deinit(&read.last_key);
	table_reader_close(read.reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	bool cached = fuzz_take_number(&input, 0, 1) != 0;
	struct block_cache *cache =
	    cached ? block_cache_create(CACHE_BYTES) : NULL;
	uint8_t *bytes = fuzz_copy(input);

	read_table(input, cache);
	table_repair(bytes, input.size, SAMPLE_NUMBER, sample_store_id);
	read_table(slice_of(bytes, input.size), cache);
	mem_free(bytes);
	block_cache_close(cache);
	return 0;
}
