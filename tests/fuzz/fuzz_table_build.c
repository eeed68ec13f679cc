/*
 * Tables built of any entries, read back: verification finds no fault, the
 * iteration yields what went in, from any place, a get finds each key and no
 * other, the range tombstones are the same.
 */
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/block_cache.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/file_system.h"
#include "common/os/path.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/entry_program.h"
#include "tests/support/table_sample.h"

#define ENTRIES_MAX 300

static void
build(const struct entry_program *entries, const struct table_options *options,
    const char *path, struct table_summary *summary)
{
	struct table_builder *builder;
	struct error err;

	CHECK(table_builder_create(file_system_real(), path, options, &builder,
		  &err) == STATUS_OK);
	for (size_t i = 0; i < entries->range_count; i++)
		CHECK(table_builder_add_range(
			  builder, &entries->ranges[i], &err) == STATUS_OK);
	for (size_t i = 0; i < entries->count; i++)
		CHECK(table_builder_add(builder, &entries->entries[i], &err) ==
		    STATUS_OK);
	CHECK(table_builder_finish(builder, summary, &err) == STATUS_OK);
	table_builder_close(builder);
}

/* From place `from` on, all entries and then the end. */
static void
iterate(struct table_reader *reader, const struct entry_program *entries,
    size_t from, struct slice key)
{
	struct iterator *it = table_iterator_create(reader);
	struct error err;

	CHECK(iterator_seek(it, key, &err) == STATUS_OK);
	for (size_t i = from; i < entries->count; i++) {
		CHECK(it->valid);
		CHECK(entry_program_same(&it->entry, &entries->entries[i]));
		CHECK(iterator_next(it, &err) == STATUS_OK);
	}
	CHECK(!it->valid);
	iterator_close(it);
}

static void
get(struct table_reader *reader, struct slice key, const struct entry *expected)
{
	struct table_pin pin = {0};
	struct entry found;
	enum lookup lookup;
	struct error err;

	CHECK(table_reader_get(reader, key, hash64(key), &pin, &found, &lookup,
		  &err) == STATUS_OK);
	CHECK((lookup == LOOKUP_FOUND) == (expected != NULL));
	CHECK(expected == NULL || entry_program_same(&found, expected));
	table_pin_release(&pin);
}

/* The key with a zero behind it: the next one possible. */
static void
look_behind(
    struct table_reader *reader, const struct entry_program *entries, size_t i)
{
	struct buffer next = {0};
	bool there;

	buffer_append_slice(&next, entries->entries[i].key);
	buffer_append_byte(&next, 0);
	there = i + 1 < entries->count &&
	    slice_equal(entries->entries[i + 1].key, buffer_slice(&next));
	get(reader, buffer_slice(&next),
	    there ? &entries->entries[i + 1] : NULL);
	if (i % 16 == 0)
		iterate(reader, entries, i + 1, buffer_slice(&next));
	buffer_deinit(&next);
}

static void
compare_ranges(struct table_reader *reader, const struct entry_program *entries)
{
	struct range_set expected = {0};
	struct range_set set = {0};
	struct error err;

	for (size_t i = 0; i < entries->range_count; i++)
		range_set_add(&expected, &entries->ranges[i]);
	CHECK(table_reader_ranges(reader, &set, &err) == STATUS_OK);
	range_set_seal(&expected);
	range_set_seal(&set);
	for (size_t i = 0; i < entries->count; i++)
		CHECK(range_set_cover(&set, entries->entries[i].key) ==
		    range_set_cover(&expected, entries->entries[i].key));
	for (size_t i = 0; i < entries->range_count; i++)
		CHECK(range_set_cover(&set, entries->ranges[i].start) ==
		    range_set_cover(&expected, entries->ranges[i].start));
	range_set_deinit(&expected);
	range_set_deinit(&set);
}

static void
read_back(const struct entry_program *entries, const char *path,
    const struct table_summary *summary, struct block_cache *cache)
{
	struct table_reader *reader;
	struct error err;

	if (table_reader_open(path, SAMPLE_NUMBER, sample_store_id,
		summary->size_bytes, cache, &reader, &err) != STATUS_OK ||
	    table_reader_verify(reader, &err) != STATUS_OK)
		check_failed(err.text, __FILE__, __LINE__);
	CHECK(summary->entry_count == entries->count);
	CHECK(summary->range_count == entries->range_count);
	iterate(reader, entries, 0, SLICE_EMPTY);
	for (size_t i = 0; i < entries->count; i++) {
		get(reader, entries->entries[i].key, &entries->entries[i]);
		look_behind(reader, entries, i);
		CHECK(table_summary_may_hold(summary, entries->entries[i].key));
	}
	compare_ranges(reader, entries);
	table_reader_close(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct table_options options = {
	    .number = SAMPLE_NUMBER,
	    .store_id = sample_store_id,
	    .compression = (enum compression)fuzz_take_number(
		&input, 0, COMPRESSION_COUNT - 1),
	    .block_bytes = (size_t)fuzz_take_number(&input, 1, 8) << 9,
	};
	struct block_cache *cache = fuzz_take_number(&input, 0, 1) != 0
	    ? block_cache_create((size_t)8 << 10)
	    : NULL;
	struct table_summary summary = {0};
	struct entry_program entries;
	char path[PATH_BYTES_MAX];

	entry_program_take(&entries, &input, ENTRIES_MAX);
	entry_program_settle(&entries);
	path_join(path, fuzz_folder(), "table");
	build(&entries, &options, path, &summary);
	read_back(&entries, path, &summary, cache);
	table_summary_deinit(&summary);
	entry_program_deinit(&entries);
	block_cache_close(cache);
	return 0;
}
