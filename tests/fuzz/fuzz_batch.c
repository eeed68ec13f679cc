/*
 * Batches. What decodes says the same when it is taken apart and built again:
 * to the very byte. The second run has the header made right, which mutations
 * seldom hit.
 */
#include "common/base/mem.h"
#include "common/command/batch.h"
#include "tests/fuzz/batch_repair.h"
#include "tests/fuzz/fuzz.h"

static void
build_again(const struct batch *batch)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct batch_builder builder = {0};
	struct command command;
	size_t data_bytes = 0;
	bool reads = false;
	bool group_end = true;

	while (batch_cursor_next(&cursor, &command, &group_end)) {
		reads |= command_reads(&command);
		if (command.op != COMMAND_DELETE_RANGE)
			data_bytes += command.key.size + command.value.size;
		CHECK(batch_builder_add(&builder, &command));
		if (group_end)
			batch_builder_end_group(&builder);
	}
	CHECK(group_end);
	CHECK(reads == batch->reads);
	CHECK(data_bytes == batch->data_bytes);
	CHECK(slice_equal(batch->bytes,
	    batch_builder_finish(&builder, &batch->origin, batch->stamp_ms)));
	batch_builder_deinit(&builder);
}

/* The groups behind the first `skipped` make a batch of their own. */
static void
build_rest(const struct batch *batch, uint32_t skipped)
{
	struct batch_builder builder = {0};
	struct batch rest;
	struct error err;

	batch_builder_add_rest(&builder, batch, skipped);
	CHECK(batch_decode(batch_builder_finish(
			       &builder, &batch->origin, batch->stamp_ms),
		  &rest, &err) == STATUS_OK);
	CHECK(rest.group_count == batch->group_count - skipped);
	build_again(&rest);
	batch_builder_deinit(&builder);
}

static void
decode(struct slice bytes)
{
	struct batch batch;
	struct error err;

	if (batch_decode(bytes, &batch, &err) != STATUS_OK)
		return;
	CHECK(slice_equal(batch.bytes, bytes));
	build_again(&batch);
	if (batch.group_count > 1)
		build_rest(&batch,
		    1 + bytes.data[bytes.size - 1] % (batch.group_count - 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes;

	decode(slice_of(data, size));
	if (size < BATCH_REPAIR_HEADER_BYTES)
		return 0;
	bytes = fuzz_copy(slice_of(data, size));
	batch_repair(bytes, size);
	decode(slice_of(bytes, size));
	mem_free(bytes);
	return 0;
}
