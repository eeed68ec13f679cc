#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "storaged/compaction/rewrite.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define ENTRIES 2000
#define VALUE_BYTES 100

static const uint8_t store_id[16] = {1};

/* Counts up, and has each entry's bytes where those of the last one were. */
struct counting_iterator {
	struct iterator iterator; /* first */
	unsigned index;
	unsigned stop_index; /* where `stop` comes true, unless 0 */
	atomic_bool stop;
	char key[16];
	uint8_t value[VALUE_BYTES];
};

static void
stand(struct counting_iterator *it)
{
	it->iterator.valid = it->index < ENTRIES;
	snprintf(it->key, sizeof(it->key), "key-%06u", it->index);
	it->iterator.entry = (struct entry){
	    .key = slice_of_string(it->key),
	    .value = slice_of(it->value, sizeof(it->value)),
	    .sequence = 100 + it->index,
	    .kind = ENTRY_PUT,
	};
}

static enum status
counting_seek(struct iterator *it, struct slice key, struct error *err)
{
	struct counting_iterator *counting = (struct counting_iterator *)it;

	counting->index = 0;
	stand(counting);
	return STATUS_OK;
}

static enum status
counting_next(struct iterator *it, struct error *err)
{
	struct counting_iterator *counting = (struct counting_iterator *)it;

	if (++counting->index == counting->stop_index)
		atomic_store(&counting->stop, true);
	stand(counting);
	return STATUS_OK;
}

static void
counting_close(struct iterator *it)
{
}

static const struct iterator_ops counting_ops = {
    .seek = counting_seek, .next = counting_next, .close = counting_close};

struct stage {
	struct scratch scratch;
	struct fault_file_system *fault;
	struct counting_iterator entries;
	_Atomic uint64_t next_number;
	struct rewrite_options options;
	struct older_tables older;
	struct range_set ranges;
	struct rewrite_result result;
};

static void
stage_init(struct stage *stage)
{
	struct error err;

	*stage = (struct stage){.next_number = 1};
	scratch_init(&stage->scratch);
	ASSERT_OK(directory_create(file_system_real(),
		      scratch_path(&stage->scratch, "tables"), 0700, &err),
	    &err);
	stage->fault = fault_file_system_create(stage->scratch.path);
	stage->entries.iterator.ops = &counting_ops;
	stage->older.any_key = true;
	stage->options = (struct rewrite_options){
	    .fs = fault_file_system_table(stage->fault),
	    .shard_directory = stage->scratch.path,
	    .store_id = store_id,
	    .next_number = &stage->next_number,
	    .block_bytes = 1024,
	    .table_bytes_max = 16384,
	    .level = 1,
	};
	range_set_seal(&stage->ranges);
}

static void
stage_deinit(struct stage *stage)
{
	rewrite_result_deinit(&stage->result);
	range_set_deinit(&stage->ranges);
	fault_file_system_close(stage->fault);
	scratch_deinit(&stage->scratch);
}

static enum status
run_rewrite(struct stage *stage, struct error *err)
{
	return rewrite_run(&stage->options, &stage->entries.iterator,
	    &stage->ranges, &stage->older, &stage->entries.stop, &stage->result,
	    err);
}

/* A range over all keys: what is left of it goes on where a table ended. */
static void
range_goes_on_in_the_next_table(void)
{
	const struct range_tombstone all = {.sequence = 50};
	struct stage stage;
	struct error err;

	stage_init(&stage);
	range_set_deinit(&stage.ranges);
	range_set_add(&stage.ranges, &all);
	range_set_seal(&stage.ranges);
	ASSERT_OK(run_rewrite(&stage, &err), &err);
	CU_ASSERT_TRUE_FATAL(stage.result.count > 3);
	for (size_t i = 0; i < stage.result.count; i++) {
		const struct table_file *table = stage.result.tables[i];

		CU_ASSERT_EQUAL(table->summary.range_count, 1);
		if (i == 0)
			continue;
		CU_ASSERT_TRUE(
		    slice_equal(table_file_last_key(stage.result.tables[i - 1]),
			table_file_first_key(table)));
		CU_ASSERT_FALSE(
		    table_file_overlaps(stage.result.tables[i - 1], table));
	}
	CU_ASSERT_TRUE(stage.result.tables[stage.result.count - 1]
			   ->summary.last_unbounded);
	stage_deinit(&stage);
}

static enum status
count_name(void *context, const char *name, struct error *err)
{
	(*(size_t *)context)++;
	return STATUS_OK;
}

/* Whichever call fails, no file stays that nobody knows of. */
static void
failed_rewrite_leaves_no_file(void)
{
	struct stage stage;
	struct error err;
	uint64_t calls;

	stage_init(&stage);
	ASSERT_OK(run_rewrite(&stage, &err), &err);
	calls = fault_file_system_calls(stage.fault);
	stage_deinit(&stage);
	for (uint64_t call = 0; call < calls; call++) {
		size_t files = 0;

		stage_init(&stage);
		fault_file_system_fail(
		    stage.fault, call, FAULT_ERROR_AFTER_HALF, ENOSPC);
		if (run_rewrite(&stage, &err) != STATUS_OK) {
			ASSERT_OK(directory_list(
				      scratch_path(&stage.scratch, "tables"),
				      count_name, &files, &err),
			    &err);
			CU_ASSERT_EQUAL(files, 0);
		}
		stage_deinit(&stage);
	}
}

/* Not even the first table is begun where nothing may be written. */
static void
space_for_others_is_left(void)
{
	struct stage stage;
	struct error err;

	stage_init(&stage);
	stage.options.disk_left_min = UINT64_MAX;
	CU_ASSERT_EQUAL(run_rewrite(&stage, &err), STATUS_NO_SPACE);
	CU_ASSERT_EQUAL(fault_file_system_calls(stage.fault), 0);
	stage.options.disk_left_min = 1;
	ASSERT_OK(run_rewrite(&stage, &err), &err);
	stage_deinit(&stage);
}

static void
stop_is_heeded_at_the_next_entry(void)
{
	struct stage stage;
	struct error err;

	stage_init(&stage);
	stage.entries.stop_index = 10;
	CU_ASSERT_EQUAL(run_rewrite(&stage, &err), STATUS_SHUTDOWN);
	CU_ASSERT_EQUAL(stage.entries.index, 10);
	stage_deinit(&stage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(range_goes_on_in_the_next_table),
	    SUITE_CASE(failed_rewrite_leaves_no_file),
	    SUITE_CASE(space_for_others_is_left),
	    SUITE_CASE(stop_is_heeded_at_the_next_entry),
	};

	return suite_run("rewrite", cases, SUITE_COUNT(cases), argc, argv);
}
