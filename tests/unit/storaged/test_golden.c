/*
 * The golden files of tests/golden: one of each format in storaged/FORMAT.md
 * and common/command/FORMAT.md but tables, which common/lsm/table tests. What
 * they hold encodes to their very bytes, and they decode to it. They change
 * only with a format's version. With GOLDEN_WRITE=1 they are written anew.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/codec/store_identity.h"
#include "common/command/batch.h"
#include "common/command/reply.h"
#include "common/journal/journal.h"
#include "common/lsm/view/control.h"
#include "common/lsm/view/view_description.h"
#include "common/os/file.h"
#include "storaged/apply/apply.h"
#include "storaged/manifest/manifest.h"
#include "tests/support/apply/map_store.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define GOLDEN "tests/golden/"
#define CLOCK_MS 1700000000000
#define CONTROL_KNOWN_BYTES 128

static const uint8_t store_id[16] = "0123456789abcdef";

static void
read_file(const char *path, struct buffer *out)
{
	struct error err;

	ASSERT_OK(file_read_whole(file_system_real(), path, 1 << 20, out, &err),
	    &err);
}

/* The bytes must be those of the golden file `name`. */
static void
compare(const char *name, struct slice bytes)
{
	struct buffer golden = {0};
	char path[PATH_BYTES_MAX];
	struct error err;

	path_join(path, GOLDEN, name);
	if (getenv("GOLDEN_WRITE") != NULL)
		ASSERT_OK(
		    file_replace(file_system_real(), path, bytes, &err), &err);
	read_file(path, &golden);
	CU_ASSERT_TRUE(slice_equal(bytes, buffer_slice(&golden)));
	if (!slice_equal(bytes, buffer_slice(&golden)))
		fprintf(stderr, "%s: written otherwise\n", path);
	buffer_deinit(&golden);
}

static void
build_batch(struct batch_builder *builder, struct slice *bytes)
{
	static const struct command commands[] = {
	    {.op = COMMAND_PUT,
		.key = {(const uint8_t *)"k", 1},
		.value = {(const uint8_t *)"value", 5}},
	    {.op = COMMAND_PUT,
		.flags = COMMAND_EXPIRY_RELATIVE,
		.key = {(const uint8_t *)"t", 1},
		.value = {(const uint8_t *)"7", 1},
		.expiry_ms = 60000},
	    {.op = COMMAND_INCREMENT,
		.key = {(const uint8_t *)"t", 1},
		.delta = -9},
	    {.op = COMMAND_DELETE,
		.flags = COMMAND_RETURN_OLD,
		.key = {(const uint8_t *)"k", 1}},
	    {.op = COMMAND_EXPIRE,
		.flags = COMMAND_EXPIRY_ABSOLUTE | COMMAND_EXPIRE_IF_SOME,
		.key = {(const uint8_t *)"t", 1},
		.expiry_ms = CLOCK_MS + 5},
	    {.op = COMMAND_PERSIST, .key = {(const uint8_t *)"absent", 6}},
	    {.op = COMMAND_PUT,
		.flags = COMMAND_IF_SEQUENCE,
		.key = {(const uint8_t *)"c", 1},
		.sequence = 99},
	    {.op = COMMAND_DELETE_RANGE,
		.key = {(const uint8_t *)"a", 1},
		.value = {(const uint8_t *)"b", 1}},
	};
	struct batch_origin origin = {{7}, 1, 0};

	for (size_t i = 0; i < SUITE_COUNT(commands); i++) {
		CU_ASSERT_TRUE_FATAL(batch_builder_add(builder, &commands[i]));
		/* The third group has two. */
		if (i != 2)
			batch_builder_end_group(builder);
	}
	*bytes = batch_builder_finish(builder, &origin, CLOCK_MS);
}

static void
apply_bytes(struct apply *apply, struct map_store *map, struct slice bytes,
    uint64_t sequence, struct apply_result *result)
{
	struct batch batch;
	struct error err;

	ASSERT_OK(batch_decode(bytes, &batch, &err), &err);
	ASSERT_OK(
	    apply_batch(apply, &batch, sequence, &map->store, result, &err),
	    &err);
	CU_ASSERT_EQUAL(result->verdict, WRITERS_NEW);
}

static void
check_reply(struct slice bytes)
{
	struct reply_command command;
	struct reply_cursor cursor;
	struct reply_group group;
	struct reply reply;
	struct error err;
	unsigned applied = 0;
	unsigned failed = 0;

	ASSERT_OK(reply_decode(bytes, &reply, &err), &err);
	CU_ASSERT_EQUAL(reply.first_sequence, 2);
	cursor = reply_cursor_at_start(&reply);
	while (reply_cursor_next_group(&cursor, &group)) {
		applied += group.result == GROUP_APPLIED;
		failed += group.result == GROUP_CONDITION_FAILED;
		if (!reply_cursor_next_command(&cursor, &command))
			continue;
		if (command.has_integer)
			CU_ASSERT_EQUAL(command.integer, -2);
	}
	CU_ASSERT_EQUAL(applied, 6);
	CU_ASSERT_EQUAL(failed, 1);
}

static void
batch_reply_and_applied_state(void)
{
	struct batch_builder builder = {0};
	struct batch_builder first = {0};
	struct batch_origin origin = {{7}, 0, 0};
	struct buffer state = {0};
	struct apply_result result;
	struct apply *apply = apply_create();
	struct apply *again;
	struct map_store map;
	struct slice bytes;
	struct error err;

	map_store_init(&map);
	apply_bytes(apply, &map,
	    batch_builder_finish(&first, &origin, CLOCK_MS - 1), 1, &result);
	build_batch(&builder, &bytes);
	compare("batch", bytes);
	apply_bytes(apply, &map, bytes, 2, &result);
	check_reply(result.reply);
	compare("reply", result.reply);
	apply_encode(apply, &state);
	compare("applied-state", buffer_slice(&state));
	ASSERT_OK(apply_decode(buffer_slice(&state), &again, &err), &err);
	CU_ASSERT_EQUAL(apply_clock_ms(again), CLOCK_MS);
	CU_ASSERT_EQUAL(apply_writer_count(again), 1);
	apply_close(again);
	apply_close(apply);
	map_store_deinit(&map);
	buffer_deinit(&state);
	batch_builder_deinit(&first);
	batch_builder_deinit(&builder);
}

static enum status
count_record(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	*(uint64_t *)context +=
	    first_sequence * 100 + count * 10 + payload.size;
	return STATUS_OK;
}

static void
journal_segment(void)
{
	struct journal_recovery recovery;
	struct journal_options options = {.fs = file_system_real(),
	    .store_id = store_id,
	    .shard = 0,
	    .segment_bytes = 4096};
	struct scratch scratch;
	struct journal *journal;
	struct buffer bytes = {0};
	struct error err;
	uint64_t sum = 0;

	scratch_init(&scratch);
	options.directory = scratch.path;
	ASSERT_OK(journal_open(&options, 0, count_record, &sum, &recovery,
		      &journal, &err),
	    &err);
	ASSERT_OK(
	    journal_append(journal, 1, 2, slice_of("one", 3), &err), &err);
	ASSERT_OK(journal_commit(journal, true, &err), &err);
	ASSERT_OK(
	    journal_append(journal, 3, 1, slice_of("the second", 10), &err),
	    &err);
	ASSERT_OK(journal_commit(journal, true, &err), &err);
	journal_close(journal);
	read_file(scratch_path(&scratch, "0000000000000001.log"), &bytes);
	compare("journal", buffer_slice(&bytes));
	ASSERT_OK(journal_open(&options, 0, count_record, &sum, &recovery,
		      &journal, &err),
	    &err);
	CU_ASSERT_EQUAL(sum, 100 + 20 + 3 + 300 + 10 + 10);
	CU_ASSERT_FALSE(recovery.torn);
	journal_close(journal);
	buffer_deinit(&bytes);
	scratch_deinit(&scratch);
}

static struct table_file *
make_table(uint64_t number, unsigned level, const char *first, const char *last)
{
	struct table_summary summary = {.number = number,
	    .size_bytes = 5000 + number,
	    .entry_count = 300,
	    .tombstone_count = 4,
	    .range_count = level == 0,
	    .raw_bytes = 70000,
	    .sequence_min = 10 * number,
	    .sequence_max = 10 * number + 9,
	    .expiring_count = 7,
	    .deadline_min = 77,
	    .deadline_max = 990000,
	    .deadlines = {2, {{80, 3, 300}, {990000, 7, 777}}},
	    .last_unbounded = level == 0};

	buffer_append_slice(&summary.first_key, slice_of_string(first));
	buffer_append_slice(&summary.last_key, slice_of_string(last));
	return table_file_create(&summary, COMPRESSION_LZ4, level);
}

static void
append_edits(struct manifest *manifest)
{
	struct table_file *tables[] = {
	    make_table(12, 0, "a", "m"), make_table(11, 3, "", "zz")};
	struct recovery_point point = {.sequence = 200, .clock_ms = CLOCK_MS};
	const uint64_t removed = 12;
	struct edit edit = {
	    .added = tables, .added_count = 2, .recovery = &point};
	struct error err;

	buffer_append(&point.writers, "state", 5);
	ASSERT_OK(manifest_append(manifest, &edit, &err), &err);
	edit = (struct edit){
	    .removed = &removed, .removed_count = 1, .number_ceiling = 1024};
	ASSERT_OK(manifest_append(manifest, &edit, &err), &err);
	table_file_close(tables[0]);
	table_file_close(tables[1]);
	buffer_deinit(&point.writers);
}

static void
manifest_and_current(void)
{
	struct catalog catalog = {0};
	struct manifest *manifest;
	struct scratch scratch;
	struct buffer bytes = {0};
	struct error err;
	uint64_t number;

	scratch_init(&scratch);
	ASSERT_OK(manifest_open(file_system_real(), scratch.path, store_id,
		      &catalog, &manifest, &err),
	    &err);
	append_edits(manifest);
	manifest_close(manifest);
	read_file(scratch_path(&scratch, "manifest-0000000000000001"), &bytes);
	/* Space may be reserved behind the records. */
	compare("manifest", buffer_slice(&bytes));
	buffer_clear(&bytes, SIZE_MAX);
	read_file(scratch_path(&scratch, "current"), &bytes);
	compare("current", buffer_slice(&bytes));
	ASSERT_OK(manifest_read(file_system_real(), scratch.path, store_id,
		      &catalog, &number, &err),
	    &err);
	CU_ASSERT_EQUAL(number, 1);
	CU_ASSERT_EQUAL(catalog_table_count(&catalog), 1);
	CU_ASSERT_EQUAL(catalog.recovery.sequence, 200);
	CU_ASSERT_EQUAL(catalog.number_ceiling, 1024);
	CU_ASSERT_EQUAL(catalog.levels[3].tables[0]->summary.number, 11);
	catalog_deinit(&catalog);
	buffer_deinit(&bytes);
	scratch_deinit(&scratch);
}

static void
view(void)
{
	struct view_description view = {.number = 9,
	    .incarnation = 2,
	    .first_sequence = 300,
	    .store_clock_ms = CLOCK_MS};
	struct view_description again = {0};
	struct view_table table = {.number = 12,
	    .size_bytes = 5012,
	    .sequence_min = 120,
	    .sequence_max = 129,
	    .deadline_min_ms = 77,
	    .first = view_bound_of(slice_of("a", 1)),
	    .last = view_bound_of(
		slice_of_string("a key of more than thirty-two bytes, cut")),
	    .has_ranges = true};
	struct buffer bytes = {0};
	struct error err;

	memcpy(view.store_id, store_id, sizeof(store_id));
	view_description_add_memtable(&view, 31);
	view_description_add_memtable(&view, 30);
	view_description_add_table(&view, &table);
	view_description_encode(&view, &bytes);
	compare("view", buffer_slice(&bytes));
	ASSERT_OK(
	    view_description_decode(buffer_slice(&bytes), &again, &err), &err);
	CU_ASSERT_EQUAL(again.memtables[1], 30);
	CU_ASSERT_EQUAL(again.tables[0].last.key_size, 40);
	view_description_deinit(&view);
	view_description_deinit(&again);
	buffer_deinit(&bytes);
}

static void
control_block(void)
{
	struct control_state state;
	struct control *control;
	struct scratch scratch;
	struct buffer bytes = {0};
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(
	    control_create(file_system_real(),
		scratch_path(&scratch, "control"), 0, store_id, &control, &err),
	    &err);
	control_publish_sequence(control, 700, CLOCK_MS);
	control_publish_view(control, 3);
	control_set_clock_offset(control, -1);
	control_set_write_state(control, CONTROL_WRITES_DELAYED, 250);
	control_close(control);
	read_file(scratch_path(&scratch, "control"), &bytes);
	CU_ASSERT_EQUAL_FATAL(buffer_size(&bytes), 4096);
	compare("control", slice_of(bytes.data, CONTROL_KNOWN_BYTES));
	for (size_t i = CONTROL_KNOWN_BYTES; i < 4096; i++)
		CU_ASSERT_EQUAL(bytes.data[i], 0);
	ASSERT_OK(
	    control_open(scratch_path(&scratch, "control"), 0, &control, &err),
	    &err);
	control_load(control, &state);
	CU_ASSERT_EQUAL(state.published_sequence, 700);
	CU_ASSERT_EQUAL(state.clock_offset_ms, -1);
	CU_ASSERT_EQUAL(state.write_delay_us, 250);
	control_close(control);
	buffer_deinit(&bytes);
	scratch_deinit(&scratch);
}

static void
identity(void)
{
	uint8_t bytes[STORE_IDENTITY_BYTES];
	uint8_t id[STORE_ID_BYTES];
	struct error err;

	store_identity_encode(bytes, store_id);
	compare("store", slice_of(bytes, sizeof(bytes)));
	ASSERT_OK(
	    store_identity_decode(slice_of(bytes, sizeof(bytes)), id, &err),
	    &err);
	CU_ASSERT_EQUAL(memcmp(id, store_id, sizeof(id)), 0);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(batch_reply_and_applied_state),
	    SUITE_CASE(journal_segment),
	    SUITE_CASE(manifest_and_current),
	    SUITE_CASE(view),
	    SUITE_CASE(control_block),
	    SUITE_CASE(identity),
	};

	return suite_run("golden", cases, SUITE_COUNT(cases), argc, argv);
}
