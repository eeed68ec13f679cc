/*
 * Forged tables: bytes are changed and every checksum is made right again, as
 * a faulty writer or an attacker might leave them. What is read may then be
 * wrong, but no reader may crash, hang, or read outside of the file.
 */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/block_cache.h"
#include "common/lsm/table/table_footer.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/support/table_sample.h"

#define FOOTER_CHECKSUM_OFFSET 144
#define FOOTER_TAIL_CHECKSUM_OFFSET 48

#ifdef KVSTORE_CHECK_SLOW
#define ROUNDS 15000
#else
#define ROUNDS 30000
#endif

/* Makes the checksums right of what the true layout says they are of. */
static void
forge(uint8_t *bytes, const uint8_t *original, uint64_t size)
{
	uint8_t *footer = bytes + size - TABLE_FOOTER_BYTES;
	struct table_footer truth;
	const uint8_t *record;
	uint8_t *checksum;
	struct error err;

	ASSERT_OK(table_footer_decode(
		      original + size - TABLE_FOOTER_BYTES, size, &truth, &err),
	    &err);
	record = original + truth.sections[TABLE_SECTION_BLOCKS].offset;
	for (uint64_t i = 0; i < truth.sections[TABLE_SECTION_BLOCKS].size /
		 TABLE_BLOCK_RECORD_BYTES;
	     i++, record += TABLE_BLOCK_RECORD_BYTES) {
		uint8_t *block = bytes + u64_load(record);
		uint32_t stored = u32_load(record + 8);

		u32_store(block + stored + 4,
		    checksum32(slice_of(block, stored + 4),
			table_seed(truth.number, TABLE_SEED_BLOCK, i)));
	}
	checksum = bytes + truth.tail.offset + 4 +
	    u32_load(original + truth.tail.offset);
	for (unsigned id = 0; id < TABLE_SECTION_COUNT; id++) {
		struct table_extent extent = truth.sections[id];

		for (uint64_t at = 0; at < extent.size;
		     at += TABLE_PIECE_BYTES, checksum += 4) {
			size_t piece = extent.size - at < TABLE_PIECE_BYTES
			    ? extent.size - at
			    : TABLE_PIECE_BYTES;

			u32_store(checksum,
			    checksum32(
				slice_of(bytes + extent.offset + at, piece),
				table_seed(
				    truth.number, id, at / TABLE_PIECE_BYTES)));
		}
	}
	u64_store(footer + FOOTER_TAIL_CHECKSUM_OFFSET,
	    checksum64(
		slice_of(bytes + truth.tail.offset, (size_t)truth.tail.size),
		table_seed(truth.number, TABLE_SEED_TAIL, 0)));
	u64_store(footer + FOOTER_CHECKSUM_OFFSET,
	    checksum64(slice_of(footer, FOOTER_CHECKSUM_OFFSET),
		table_seed(u64_load(footer), TABLE_SEED_FOOTER, 0)));
}

/* Touches all bytes that an entry claims to have. */
static uint64_t
touch(const struct entry *entry)
{
	return hash64(entry->key) ^ hash64(entry->value);
}

/* Reads in every way; nothing is expected but to come back. */
static uint64_t
read_everything(struct table_reader *reader, const struct sample *sample)
{
	struct iterator *it = table_iterator_create(reader);
	struct range_set set = {0};
	struct table_pin pin = {0};
	uint64_t touched = 0;
	struct error err;

	for (size_t i = 0; i < sample->count; i++) {
		struct slice key = sample->entries[i].key;
		struct entry entry;
		enum lookup found;
		uint64_t steps = 0;
		enum status status;

		if (table_reader_get(reader, key, hash64(key), &pin, &entry,
			&found, &err) == STATUS_OK &&
		    found == LOOKUP_FOUND)
			touched += touch(&entry);
		status = iterator_seek(it, key, &err);
		while (status == STATUS_OK && it->valid) {
			touched += touch(&it->entry);
			CU_ASSERT_FATAL(++steps < 10000);
			status = iterator_next(it, &err);
		}
	}
	if (table_reader_ranges(reader, &set, &err) == STATUS_OK) {
		range_set_seal(&set);
		touched += range_set_cover(&set, slice_of_string("bx"));
	}
	if (table_reader_verify(reader, &err) != STATUS_OK)
		touched++;
	range_set_deinit(&set);
	table_pin_release(&pin);
	iterator_close(it);
	return touched;
}

/* Where a change is likely to be noticed: not in the values. */
static uint64_t
random_place(struct rng *rng, uint64_t size)
{
	uint64_t structures = size > 1000 ? 1000 : size;

	return rng_below(rng, 4) == 0 ? rng_below(rng, size)
				      : size - 1 - rng_below(rng, structures);
}

static void
check_forged(const struct sample *sample, const char *path,
    const struct buffer *original, struct block_cache *cache, struct rng *rng)
{
	static const uint8_t likely[] = {0, 1, 0x7f, 0x80, 0xff};
	uint64_t size = buffer_size(original);
	uint8_t *bytes = mem_dup(original->data, (size_t)size);
	struct table_reader *reader;
	struct file *file;
	struct error err;

	for (uint64_t n = 1 + rng_below(rng, 4); n > 0; n--) {
		uint64_t place = random_place(rng, size);

		bytes[place] = rng_below(rng, 2) == 0
		    ? likely[rng_below(rng, sizeof(likely))]
		    : (uint8_t)rng_next(rng);
	}
	forge(bytes, original->data, size);
	ASSERT_OK(file_create(file_system_real(), path, &file, &err), &err);
	ASSERT_OK(
	    file_write_at(file, 0, slice_of(bytes, (size_t)size), &err), &err);
	file_close(file);
	if (table_reader_open(path, SAMPLE_NUMBER, sample_store_id, 0, cache,
		&reader, &err) == STATUS_OK) {
		(void)read_everything(reader, sample);
		table_reader_close(reader);
	}
	mem_free(bytes);
}

static void
forged_tables_crash_no_reader(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct block_cache *cache = block_cache_create(100000);
	struct sample sample;
	struct scratch scratch;

	scratch_init(&scratch);
	sample_init_small(&sample);
	for (unsigned kind = 0; kind < COMPRESSION_COUNT; kind++) {
		struct table_options options =
		    sample_options((enum compression)kind, 512);
		const char *path = scratch_path(&scratch, "table");
		struct table_summary summary;
		struct buffer original = {0};
		struct error err;

		ASSERT_OK(path_remove(file_system_real(), path, &err), &err);
		ASSERT_OK(sample_build(&sample, file_system_real(), path,
			      &options, &summary, &err),
		    &err);
		ASSERT_OK(file_read_whole(file_system_real(), path, 1 << 20,
			      &original, &err),
		    &err);
		for (int i = 0; i < ROUNDS / COMPRESSION_COUNT; i++)
			check_forged(&sample, path, &original,
			    i % 2 == 0 ? cache : NULL, &rng);
		table_summary_deinit(&summary);
		buffer_deinit(&original);
	}
	CU_ASSERT_EQUAL(block_cache_counts(cache).block_count, 0);
	block_cache_close(cache);
	sample_deinit(&sample);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(forged_tables_crash_no_reader),
	};

	return suite_run("table_forged", cases, SUITE_COUNT(cases), argc, argv);
}
