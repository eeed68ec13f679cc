#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/table/table_builder.h"
#include "common/lsm/table/table_scrub.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static const uint8_t store_id[16] = {5};

#define NUMBER 77

/* A table with many blocks, a large one and a range; returns its size. */
static uint64_t
build(const char *path, enum compression compression)
{
	struct table_options options = {
	    .number = NUMBER,
	    .store_id = store_id,
	    .compression = compression,
	    .block_bytes = 512,
	};
	struct table_builder *builder;
	struct table_summary summary;
	static uint8_t large[700000];
	struct range_tombstone range = {.start = slice_of_string("a"),
	    .end = slice_of_string("b"),
	    .sequence = 9000};
	struct error err;
	uint64_t size;

	ASSERT_OK(table_builder_create(
		      file_system_real(), path, &options, &builder, &err),
	    &err);
	for (int i = 0; i < 2000; i++) {
		char key[32];
		struct entry entry = {.key = slice_of(key, 8),
		    .value = slice_of_string("the value of a key"),
		    .sequence = (uint64_t)i + 1,
		    .kind = ENTRY_PUT};

		snprintf(key, sizeof(key), "%08d", i);
		if (i == 1000)
			entry.value = slice_of(large, sizeof(large));
		ASSERT_OK(table_builder_add(builder, &entry, &err), &err);
	}
	ASSERT_OK(table_builder_add_range(builder, &range, &err), &err);
	ASSERT_OK(table_builder_finish(builder, &summary, &err), &err);
	size = summary.size_bytes;
	table_summary_deinit(&summary);
	table_builder_close(builder);
	return size;
}

/* Reads all of it in parts; the number of parts goes to *steps. */
static enum status
scrub(const char *path, uint64_t size, size_t part, unsigned *steps,
    struct error *err)
{
	struct table_scrub_options options = {
	    .fs = file_system_real(),
	    .path = path,
	    .number = NUMBER,
	    .store_id = store_id,
	    .size_bytes = size,
	};
	struct table_scrub *scrub = table_scrub_create(&options);
	bool is_done = false;
	enum status status = STATUS_OK;

	*steps = 0;
	while (status == STATUS_OK && !is_done) {
		status = table_scrub_step(scrub, part, &is_done, err);
		++*steps;
	}
	if (status == STATUS_OK)
		CU_ASSERT_TRUE(table_scrub_bytes(scrub) >= size);
	table_scrub_close(scrub);
	return status;
}

static void
a_sound_table_passes_in_parts_and_at_once(void)
{
	static const enum compression compressions[] = {
	    COMPRESSION_NONE, COMPRESSION_LZ4, COMPRESSION_ZSTD};
	struct scratch scratch;
	struct error err;
	unsigned steps;

	scratch_init(&scratch);
	for (size_t i = 0; i < SUITE_COUNT(compressions); i++) {
		char name[8] = "table-0";
		const char *path;
		uint64_t size;

		name[6] = (char)('0' + i);
		path = scratch_path(&scratch, name);
		size = build(path, compressions[i]);
		ASSERT_OK(scrub(path, size, 1 << 30, &steps, &err), &err);
		CU_ASSERT_EQUAL(steps, 1);
		ASSERT_OK(scrub(path, size, 1, &steps, &err), &err);
		CU_ASSERT_TRUE(steps > 1);
	}
	scratch_deinit(&scratch);
}

static void
any_flipped_bit_of_meaning_is_found(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct scratch scratch;
	struct file *file;
	struct error err;
	const char *path;
	uint64_t size;
	unsigned steps;
	unsigned passed = 0;

	scratch_init(&scratch);
	path = scratch_path(&scratch, "table");
	size = build(path, COMPRESSION_NONE);
	ASSERT_OK(
	    file_open_writable(file_system_real(), path, &file, &err), &err);
	for (int i = 0; i < 400; i++) {
		uint64_t bit = rng_below(&rng, size * 8);
		uint8_t byte;
		size_t got;

		ASSERT_OK(
		    file_read_at(file, bit / 8, &byte, 1, &got, &err), &err);
		byte ^= (uint8_t)(1 << bit % 8);
		ASSERT_OK(
		    file_write_at(file, bit / 8, slice_of(&byte, 1), &err),
		    &err);
		if (scrub(path, size, 100000, &steps, &err) == STATUS_OK)
			passed++;
		else
			CU_ASSERT_EQUAL(err.code, STATUS_CORRUPT);
		byte ^= (uint8_t)(1 << bit % 8);
		ASSERT_OK(
		    file_write_at(file, bit / 8, slice_of(&byte, 1), &err),
		    &err);
	}
	/* The few zeroes between sections mean nothing. */
	CU_ASSERT_TRUE(passed <= 4);
	ASSERT_OK(file_truncate(file, size - 5000, &err), &err);
	CU_ASSERT_EQUAL(
	    scrub(path, size, 100000, &steps, &err), STATUS_CORRUPT);
	file_close(file);
	CU_ASSERT_EQUAL(
	    scrub(scratch_path(&scratch, "none"), size, 100000, &steps, &err),
	    STATUS_NOT_FOUND);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(a_sound_table_passes_in_parts_and_at_once),
	    SUITE_CASE(any_flipped_bit_of_meaning_is_found),
	};

	return suite_run("table_scrub", cases, SUITE_COUNT(cases), argc, argv);
}
