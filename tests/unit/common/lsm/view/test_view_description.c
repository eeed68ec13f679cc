#include <stdio.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/view/view_description.h"
#include "common/lsm/view/view_path.h"
#include "tests/support/suite.h"

static struct view_table
table_of(uint64_t number, uint8_t level, const char *first, const char *last)
{
	struct view_table table = {.number = number,
	    .size_bytes = 4096 * number,
	    .sequence_min = number * 10,
	    .sequence_max = number * 10 + 9,
	    .deadline_min_ms = number * 1000,
	    .first = view_bound_of(slice_of_string(first)),
	    .last = view_bound_of(slice_of_string(last)),
	    .level = level};

	return table;
}

static void
fill(struct view_description *description)
{
	struct view_table table;

	*description = (struct view_description){.number = 0x1234,
	    .shard = 5,
	    .store_id = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8,
		0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf},
	    .incarnation = 2,
	    .first_sequence = 90,
	    .store_clock_ms = 1700000000000,
	    .applied_index = 77};
	view_description_add_memtable(description, 9);
	view_description_add_memtable(description, 4);
	table = table_of(3, 0, "b", "y");
	table.has_ranges = true;
	table.last_unbounded = true;
	view_description_add_table(description, &table);
	table = table_of(2, 1, "a", "a key of more than thirty-two bytes, cut");
	view_description_add_table(description, &table);
}

static void
bytes_are_the_golden_ones(void)
{
	static const char golden[] =
	    "016b7676696577000100000005000000a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
	    "341200000000000002000000000000005a000000000000000068e5cf8b010000"
	    "4d00000000000000020000000200000050010000000000000900000000000000"
	    "0400000000000000030000000000000000300000000000001e00000000000000"
	    "2700000000000000b80b00000000000000030100010000006200000000000000"
	    "0000000000000000000000000000000000000000000000007900000000000000"
	    "0000000000000000000000000000000000000000000000000200000000000000"
	    "002000000000000014000000000000001d00000000000000d007000000000000"
	    "0100010028000000610000000000000000000000000000000000000000000000"
	    "000000000000000061206b6579206f66206d6f7265207468616e207468697274"
	    "792d74776f2062795e83af2849ef0931";
	struct view_description description;
	struct buffer bytes = {0};
	char text[2 * 400 + 1];

	fill(&description);
	view_description_encode(&description, &bytes);
	CU_ASSERT_TRUE_FATAL(buffer_size(&bytes) <= 400);
	for (size_t i = 0; i < buffer_size(&bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
	CU_ASSERT_STRING_EQUAL(text, golden);
	if (strcmp(text, golden) != 0)
		printf("%s\n", text);
	view_description_deinit(&description);
	buffer_deinit(&bytes);
}

static void
decoded_is_what_was_encoded(void)
{
	struct view_description one;
	struct view_description two = {0};
	struct buffer bytes = {0};
	struct buffer again = {0};
	struct error err;

	fill(&one);
	view_description_encode(&one, &bytes);
	ASSERT_OK(
	    view_description_decode(buffer_slice(&bytes), &two, &err), &err);
	CU_ASSERT_EQUAL(two.number, 0x1234);
	CU_ASSERT_EQUAL(two.memtable_count, 2);
	CU_ASSERT_EQUAL(two.memtables[1], 4);
	CU_ASSERT_EQUAL(two.table_count, 2);
	CU_ASSERT_TRUE(two.tables[0].last_unbounded);
	CU_ASSERT_TRUE(slice_equal(view_bound_slice(&two.tables[1].last),
	    slice_of_string("a key of more than thirty-two by")));
	CU_ASSERT_EQUAL(two.tables[1].last.key_size, 40);
	view_description_encode(&two, &again);
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&bytes), buffer_slice(&again)));
	view_description_deinit(&one);
	view_description_deinit(&two);
	buffer_deinit(&bytes);
	buffer_deinit(&again);
}

static enum status
decode(struct slice bytes)
{
	struct view_description description = {0};
	/* A copy of the exact size, so that a sanitizer sees the bounds. */
	uint8_t *copy = mem_dup(bytes.data, bytes.size);
	struct error err;
	enum status status = view_description_decode(
	    slice_of(copy, bytes.size), &description, &err);

	view_description_deinit(&description);
	mem_free(copy);
	return status;
}

static void
every_changed_byte_and_every_cut_is_refused(void)
{
	struct view_description description;
	struct buffer bytes = {0};

	fill(&description);
	view_description_encode(&description, &bytes);
	for (size_t size = 0; size < bytes.end; size++)
		CU_ASSERT_EQUAL(
		    decode(slice_of(bytes.data, size)), STATUS_CORRUPT);
	for (size_t i = 0; i < bytes.end; i++) {
		enum status status;

		bytes.data[i] ^= 0x10;
		status = decode(buffer_slice(&bytes));
		CU_ASSERT_EQUAL(
		    status, i >= 8 && i < 12 ? STATUS_VERSION : STATUS_CORRUPT);
		bytes.data[i] ^= 0x10;
	}
	buffer_append_byte(&bytes, 0);
	CU_ASSERT_EQUAL(decode(buffer_slice(&bytes)), STATUS_CORRUPT);
	view_description_deinit(&description);
	buffer_deinit(&bytes);
}

/* Puts a right checksum on changed bytes, so that the rules are reached. */
static void
seal(struct buffer *bytes)
{
	size_t size = bytes->end - VIEW_CHECKSUM_BYTES;

	u64_store(bytes->data + size,
	    checksum64(
		slice_of(bytes->data, size), u64_load(bytes->data + 32)));
}

static void
sealed_nonsense_is_refused(void)
{
	struct view_description description;
	struct buffer bytes = {0};
	size_t tables = VIEW_HEADER_BYTES + 2 * VIEW_MEMTABLE_BYTES;
	const struct {
		size_t offset;
		uint8_t byte;
	} cases[] = {
	    {72, 3}, /* memtable count */
	    {76, 1}, /* table count */
	    {79, 0xff}, /* table count over the limit */
	    {80, 0}, /* size */
	    {VIEW_HEADER_BYTES, 4}, /* memtables not falling */
	    {VIEW_HEADER_BYTES + 8, 0}, /* memtable 0 */
	    {tables, 0}, /* table 0 */
	    {tables + 40, VIEW_LEVELS_MAX},
	    {tables + 40, 2}, /* above level 1 behind it */
	    {tables + 41, 0x04}, {tables + 46, 1},
	    {tables + 48 + 20, 1}, /* behind a short key */
	};

	fill(&description);
	view_description_encode(&description, &bytes);
	for (size_t i = 0; i < SUITE_COUNT(cases); i++) {
		uint8_t before = bytes.data[cases[i].offset];

		bytes.data[cases[i].offset] = cases[i].byte;
		seal(&bytes);
		CU_ASSERT_EQUAL(decode(buffer_slice(&bytes)), STATUS_CORRUPT);
		bytes.data[cases[i].offset] = before;
	}
	seal(&bytes);
	CU_ASSERT_EQUAL(decode(buffer_slice(&bytes)), STATUS_OK);
	u64_store(bytes.data + 32, 0);
	seal(&bytes);
	CU_ASSERT_EQUAL(decode(buffer_slice(&bytes)), STATUS_CORRUPT);
	view_description_deinit(&description);
	buffer_deinit(&bytes);
}

static void
overlapping_tables_of_a_deep_level_are_refused(void)
{
	struct view_description description = {.number = 1};
	struct view_table table = table_of(1, 1, "a", "c");
	struct buffer bytes = {0};

	view_description_add_table(&description, &table);
	table = table_of(2, 1, "c", "d");
	view_description_add_table(&description, &table);
	view_description_encode(&description, &bytes);
	CU_ASSERT_EQUAL(decode(buffer_slice(&bytes)), STATUS_OK);
	bytes.data[VIEW_HEADER_BYTES + VIEW_TABLE_BYTES + 48] = 'b';
	seal(&bytes);
	CU_ASSERT_EQUAL(decode(buffer_slice(&bytes)), STATUS_CORRUPT);
	view_description_deinit(&description);
	buffer_deinit(&bytes);
}

static void
random_bytes_never_hurt(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct view_description description;
	struct buffer bytes = {0};

	fill(&description);
	view_description_encode(&description, &bytes);
	for (int round = 0; round < 20000; round++) {
		struct buffer changed = {0};

		buffer_append_slice(&changed, buffer_slice(&bytes));
		for (uint64_t n = rng_below(&rng, 4); n < 4; n++)
			changed.data[32 + rng_below(&rng, bytes.end - 32)] =
			    (uint8_t)rng_next(&rng);
		seal(&changed);
		(void)decode(buffer_slice(&changed));
		buffer_deinit(&changed);
	}
	view_description_deinit(&description);
	buffer_deinit(&bytes);
}

static void
names_of_files_are_parsed_only_as_they_are_written(void)
{
	char path[PATH_BYTES_MAX];
	uint64_t number;

	view_path_memtable(path, "r", 0xabc);
	CU_ASSERT_STRING_EQUAL(path, "r/memtable-0000000000000abc");
	CU_ASSERT_TRUE(view_path_parse_memtable(path + 2, &number));
	CU_ASSERT_EQUAL(number, 0xabc);
	view_path_view(path, "r", UINT64_MAX);
	CU_ASSERT_STRING_EQUAL(path, "r/view-ffffffffffffffff");
	CU_ASSERT_TRUE(view_path_parse_view(path + 2, &number));
	CU_ASSERT_EQUAL(number, UINT64_MAX);
	CU_ASSERT_FALSE(view_path_parse_memtable(path + 2, &number));
	view_path_table(path, "t", 1);
	CU_ASSERT_STRING_EQUAL(path, "t/0000000000000001.sst");
	CU_ASSERT_FALSE(view_path_parse_view("view-abc", &number));
	CU_ASSERT_FALSE(view_path_parse_view("view-000000000000000G", &number));
	CU_ASSERT_FALSE(
	    view_path_parse_view("view-0000000000000001.new", &number));
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(bytes_are_the_golden_ones),
	    SUITE_CASE(decoded_is_what_was_encoded),
	    SUITE_CASE(every_changed_byte_and_every_cut_is_refused),
	    SUITE_CASE(sealed_nonsense_is_refused),
	    SUITE_CASE(overlapping_tables_of_a_deep_level_are_refused),
	    SUITE_CASE(random_bytes_never_hurt),
	    SUITE_CASE(names_of_files_are_parsed_only_as_they_are_written),
	};

	return suite_run(
	    "view_description", cases, SUITE_COUNT(cases), argc, argv);
}
