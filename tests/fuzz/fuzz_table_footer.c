/*
 * The footer and the summary of a table, without the rest. What decodes
 * encodes to the same bytes, and all extents lie in the file. The first two
 * bytes of the input are the size of the file in steps, or none.
 */
#include "common/base/mem.h"
#include "common/lsm/table/table_footer.h"
#include "common/lsm/table/table_summary.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/table_repair.h"
#include "tests/support/table_sample.h"

static void
decode_footer(const uint8_t *bytes, uint64_t file_size)
{
	uint8_t again[TABLE_FOOTER_BYTES];
	struct table_footer footer;
	struct error err;

	if (table_footer_decode(bytes, file_size, &footer, &err) != STATUS_OK)
		return;
	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++) {
		struct table_extent extent = footer.sections[i];

		CHECK(extent.offset <= footer.tail.offset);
		CHECK(extent.size <= footer.tail.offset - extent.offset);
	}
	CHECK(footer.tail.offset + footer.tail.size + TABLE_FOOTER_BYTES ==
	    file_size);
	table_footer_encode(&footer, again);
	CHECK(memcmp(bytes, again, TABLE_FOOTER_BYTES) == 0);
}

static void
decode_summary(struct slice bytes)
{
	struct table_summary summary;
	struct buffer again = {0};
	struct error err;

	if (table_summary_decode(bytes, &summary, &err) == STATUS_OK) {
		table_summary_encode(&summary, &again);
		CHECK(slice_equal(bytes, buffer_slice(&again)));
	}
	table_summary_deinit(&summary);
	buffer_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	/* A file of any size, of which there is nothing but the footer. */
	uint64_t file_size =
	    TABLE_FOOTER_BYTES + fuzz_take_number(&input, 0, UINT16_MAX);
	uint8_t *bytes;

	decode_summary(input);
	if (input.size < TABLE_FOOTER_BYTES)
		return 0;
	decode_footer(input.data, file_size);
	bytes = fuzz_copy(slice_of(input.data, TABLE_FOOTER_BYTES));
	table_repair_footer(bytes, file_size, SAMPLE_NUMBER, sample_store_id);
	decode_footer(bytes, file_size);
	mem_free(bytes);
	return 0;
}
