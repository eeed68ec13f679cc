#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/table/table_format.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/file.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/support/table_sample.h"

#define GOLDEN "tests/golden/"

/* Builds with call number `call` failing; returns how many there were. */
static uint64_t
check_failure(const struct sample *sample, uint64_t call, enum fault_kind kind,
    int errnum, enum status wanted)
{
	struct table_options options = sample_options(COMPRESSION_LZ4, 0);
	struct table_summary summary = {0};
	struct fault_file_system *fault;
	struct scratch scratch;
	uint64_t calls;
	struct error err;

	scratch_init(&scratch);
	fault = fault_file_system_create(scratch.path);
	fault_file_system_fail(fault, call, kind, errnum);
	CU_ASSERT_EQUAL_FATAL(
	    sample_build(sample, fault_file_system_table(fault),
		scratch_path(&scratch, "table"), &options, &summary, &err),
	    wanted);
	CU_ASSERT_EQUAL(summary.size_bytes > 0, wanted == STATUS_OK);
	calls = fault_file_system_calls(fault);
	table_summary_deinit(&summary);
	fault_file_system_close(fault);
	scratch_deinit(&scratch);
	return calls;
}

/*
 * Fails each call in turn, the last of them the sync; but the close behind
 * it: its result says nothing.
 */
static void
check_failures(const struct sample *sample, enum fault_kind kind, int errnum,
    enum status wanted)
{
	uint64_t calls =
	    check_failure(sample, UINT64_MAX, kind, errnum, STATUS_OK);

	CU_ASSERT_TRUE(calls > 3);
	for (uint64_t call = 0; call + 2 < calls; call++)
		check_failure(sample, call, kind, errnum, wanted);
	check_failure(sample, calls - 2, kind, errnum, STATUS_UNSYNCED);
	check_failure(sample, calls - 1, kind, errnum, STATUS_OK);
}

static void
every_failed_call_fails_the_build(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct sample sample;

	do {
		sample_init_random(&sample, &rng, 2000, 3000);
	} while (sample.count < 500 && (sample_deinit(&sample), true));
	check_failures(&sample, FAULT_ERROR_FROM, EIO, STATUS_IO);
	check_failures(&sample, FAULT_ERROR_FROM, ENOSPC, STATUS_NO_SPACE);
	check_failures(&sample, FAULT_ERROR_AFTER_HALF, EIO, STATUS_IO);
	sample_deinit(&sample);
}

static void
failed_builder_repeats_its_first_failure(void)
{
	struct table_options options = sample_options(COMPRESSION_NONE, 0);
	struct entry entry = {.kind = ENTRY_PUT, .sequence = 1};
	struct range_tombstone range = {
	    slice_of_string("a"), slice_of_string("b"), 1};
	struct fault_file_system *fault;
	struct table_builder *builder;
	struct table_summary summary;
	struct scratch scratch;
	uint8_t *value = mem_new(TABLE_VALUE_BYTES_MAX);
	struct error err;
	char key[2] = "a";

	scratch_init(&scratch);
	fault = fault_file_system_create(scratch.path);
	fault_file_system_fail(fault, 1, FAULT_ERROR, EIO);
	entry.value = slice_of(value, TABLE_VALUE_BYTES_MAX);
	ASSERT_OK(
	    table_builder_create(fault_file_system_table(fault),
		scratch_path(&scratch, "table"), &options, &builder, &err),
	    &err);
	for (int i = 0; i < 3; i++) {
		key[0] = (char)('a' + i);
		entry.key = slice_of_string(key);
		/* The first is written when the second begins its block. */
		CU_ASSERT_EQUAL(table_builder_add(builder, &entry, &err),
		    i == 0 ? STATUS_OK : STATUS_IO);
	}
	CU_ASSERT_EQUAL(
	    table_builder_add_range(builder, &range, &err), STATUS_IO);
	CU_ASSERT_EQUAL(
	    table_builder_finish(builder, &summary, &err), STATUS_IO);
	table_builder_close(builder);
	table_builder_close(NULL);
	fault_file_system_close(fault);
	scratch_deinit(&scratch);
	mem_free(value);
}

static void
existing_file_is_not_touched(void)
{
	struct table_options options = sample_options(COMPRESSION_NONE, 0);
	struct file_system *fs = file_system_real();
	struct table_builder *builder;
	struct buffer content = {0};
	struct scratch scratch;
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(file_replace(fs, scratch_path(&scratch, "table"),
		      slice_of_string("mine"), &err),
	    &err);
	CU_ASSERT_EQUAL(
	    table_builder_create(
		fs, scratch_path(&scratch, "table"), &options, &builder, &err),
	    STATUS_CONFLICT);
	CU_ASSERT_PTR_NULL(builder);
	ASSERT_OK(file_read_whole(
		      fs, scratch_path(&scratch, "table"), 100, &content, &err),
	    &err);
	CU_ASSERT_EQUAL(buffer_size(&content), 4);
	buffer_deinit(&content);
	scratch_deinit(&scratch);
}

/* Size, as told beforehand, is near the size of the file. */
static void
size_is_foretold(void)
{
	struct table_options options = sample_options(COMPRESSION_NONE, 0);
	struct table_builder *builder;
	struct table_summary summary;
	struct scratch scratch;
	uint64_t foretold;
	struct error err;
	char key[32];

	scratch_init(&scratch);
	ASSERT_OK(
	    table_builder_create(file_system_real(),
		scratch_path(&scratch, "table"), &options, &builder, &err),
	    &err);
	for (unsigned i = 0; i < 20000; i++) {
		struct entry entry = {.kind = ENTRY_PUT, .sequence = i + 1};

		snprintf(key, sizeof(key), "%016u", i);
		entry.key = entry.value = slice_of_string(key);
		ASSERT_OK(table_builder_add(builder, &entry, &err), &err);
	}
	foretold = table_builder_size_bytes(builder);
	ASSERT_OK(table_builder_finish(builder, &summary, &err), &err);
	CU_ASSERT_TRUE(foretold > summary.size_bytes / 100 * 97);
	CU_ASSERT_TRUE(foretold < summary.size_bytes / 100 * 103);
	table_summary_deinit(&summary);
	table_builder_close(builder);
	scratch_deinit(&scratch);
}

static void
bounds_cover_entries_and_ranges(void)
{
	struct table_options options = sample_options(COMPRESSION_NONE, 0);
	struct entry entry = {.kind = ENTRY_PUT, .sequence = 9};
	struct range_tombstone ranges[] = {
	    {slice_of_string("f"), slice_of_string("m"), 3},
	    {slice_of_string("p"), slice_of_string("p"), 1},
	    {slice_of_string("k"), SLICE_EMPTY, 4},
	};
	struct scratch scratch;

	scratch_init(&scratch);
	entry.key = slice_of_string("h");
	for (size_t count = 0; count <= 3; count++) {
		struct sample sample = {.entries = &entry,
		    .count = 1,
		    .ranges = ranges,
		    .range_count = count};
		struct table_summary summary;
		struct error err;

		ASSERT_OK(path_remove(file_system_real(),
			      scratch_path(&scratch, "table"), &err),
		    &err);
		ASSERT_OK(sample_build(&sample, file_system_real(),
			      scratch_path(&scratch, "table"), &options,
			      &summary, &err),
		    &err);
		CU_ASSERT_EQUAL(
		    summary.range_count, count < 2 ? count : count - 1);
		CU_ASSERT_EQUAL(summary.sequence_min, count == 0 ? 9 : 3);
		CU_ASSERT_EQUAL(
		    table_summary_may_hold(&summary, slice_of_string("f")),
		    count > 0);
		CU_ASSERT_TRUE(
		    table_summary_may_hold(&summary, slice_of_string("h")));
		CU_ASSERT_EQUAL(
		    table_summary_may_hold(&summary, slice_of_string("lz")),
		    count > 0);
		CU_ASSERT_EQUAL(
		    table_summary_may_hold(&summary, slice_of_string("m")),
		    count == 3);
		CU_ASSERT_FALSE(
		    table_summary_may_hold(&summary, slice_of_string("e")));
		CU_ASSERT_EQUAL(
		    summary.last_is_exclusive, count == 1 || count == 2);
		CU_ASSERT_EQUAL(summary.last_unbounded, count == 3);
		table_summary_deinit(&summary);
	}
	scratch_deinit(&scratch);
}

static void
read_file(const char *path, struct buffer *out)
{
	struct error err;

	ASSERT_OK(file_read_whole(file_system_real(), path, 1 << 20, out, &err),
	    &err);
}

/*
 * The bytes of format version 1. They change only with the version, and then
 * these files stay for the readers' test and new ones come beside them.
 */
static void
golden_table_is_written_byte_for_byte(void)
{
	struct table_options options = sample_options(COMPRESSION_NONE, 512);
	struct table_summary summary;
	struct buffer written = {0};
	struct buffer golden = {0};
	struct sample sample;
	struct scratch scratch;
	struct error err;

	scratch_init(&scratch);
	sample_init_small(&sample);
	ASSERT_OK(
	    sample_build(&sample, file_system_real(),
		scratch_path(&scratch, "table"), &options, &summary, &err),
	    &err);
	read_file(scratch_path(&scratch, "table"), &written);
	read_file(GOLDEN "table-none.sst", &golden);
	CU_ASSERT_TRUE(
	    slice_equal(buffer_slice(&written), buffer_slice(&golden)));
	table_summary_deinit(&summary);
	buffer_deinit(&written);
	buffer_deinit(&golden);
	sample_deinit(&sample);
	scratch_deinit(&scratch);
}

/* Compressed bytes depend on the library, so these are only read. */
static void
golden_tables_are_read(void)
{
	struct sample sample;

	sample_init_small(&sample);
	for (unsigned kind = 0; kind < COMPRESSION_COUNT; kind++) {
		struct table_reader *reader;
		struct table_pin pin = {0};
		char path[64];
		struct error err;

		snprintf(path, sizeof(path), GOLDEN "table-%s.sst",
		    compression_name((enum compression)kind));
		ASSERT_OK(table_reader_open(path, SAMPLE_NUMBER,
			      sample_store_id, 0, NULL, &reader, &err),
		    &err);
		ASSERT_OK(table_reader_verify(reader, &err), &err);
		for (size_t i = 0; i < sample.count; i++) {
			struct slice key = sample.entries[i].key;
			enum lookup found;
			struct entry entry;

			ASSERT_OK(table_reader_get(reader, key, hash64(key),
				      &pin, &entry, &found, &err),
			    &err);
			CU_ASSERT_EQUAL_FATAL(found, LOOKUP_FOUND);
			CU_ASSERT_TRUE(
			    sample_entry_equal(&entry, &sample.entries[i]));
		}
		table_pin_release(&pin);
		table_reader_close(reader);
	}
	sample_deinit(&sample);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(every_failed_call_fails_the_build),
	    SUITE_CASE(failed_builder_repeats_its_first_failure),
	    SUITE_CASE(existing_file_is_not_touched),
	    SUITE_CASE(size_is_foretold),
	    SUITE_CASE(bounds_cover_entries_and_ranges),
	    SUITE_CASE(golden_table_is_written_byte_for_byte),
	    SUITE_CASE(golden_tables_are_read),
	};

	return suite_run(
	    "table_builder", cases, SUITE_COUNT(cases), argc, argv);
}
