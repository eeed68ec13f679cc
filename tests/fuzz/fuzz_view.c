/*
 * View files. What decodes encodes to the same bytes, and keeps what the
 * reader relies on: memtables fall, levels ascend, flags are known. The second
 * run has the size, the counts' fit and the checksum made right.
 */
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/view/view_description.h"
#include "tests/fuzz/fuzz.h"

#define OFFSET_NUMBER 32
#define OFFSET_SIZE 80

static void
check(const struct view_description *view)
{
	for (size_t i = 1; i < view->memtable_count; i++)
		CHECK(view->memtables[i] < view->memtables[i - 1]);
	for (size_t i = 0; i < view->table_count; i++) {
		const struct view_table *table = &view->tables[i];

		CHECK(table->level < VIEW_LEVELS_MAX);
		CHECK(view_bound_slice(&table->first).size <= VIEW_BOUND_BYTES);
		CHECK(view_bound_slice(&table->last).size <= VIEW_BOUND_BYTES);
		CHECK(i == 0 || table->level >= table[-1].level);
	}
}

static void
decode(struct slice bytes)
{
	struct view_description view = {0};
	struct buffer again = {0};
	struct error err;

	if (view_description_decode(bytes, &view, &err) == STATUS_OK) {
		check(&view);
		view_description_encode(&view, &again);
		CHECK(slice_equal(bytes, buffer_slice(&again)));
	}
	buffer_deinit(&again);
	view_description_deinit(&view);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes;

	decode(slice_of(data, size));
	if (size < VIEW_HEADER_BYTES + VIEW_CHECKSUM_BYTES)
		return 0;
	bytes = fuzz_copy(slice_of(data, size));
	u64_store(bytes + OFFSET_SIZE, size);
	u64_store(bytes + size - VIEW_CHECKSUM_BYTES,
	    checksum64(slice_of(bytes, size - VIEW_CHECKSUM_BYTES),
		u64_load(bytes + OFFSET_NUMBER)));
	decode(slice_of(bytes, size));
	mem_free(bytes);
	return 0;
}
