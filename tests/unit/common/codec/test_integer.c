#include <stdio.h>

#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "tests/support/suite.h"

static void
varints_come_back_as_they_went(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int i = 0; i < 100000; i++) {
		uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
		uint8_t bytes[VARINT_BYTES_MAX];
		size_t size = varint_store(bytes, value);
		struct slice input = slice_of(bytes, size);
		uint64_t got = 0;

		CU_ASSERT_EQUAL_FATAL(size, varint_size(value));
		CU_ASSERT_TRUE_FATAL(varint_take(&input, &got));
		CU_ASSERT_EQUAL_FATAL(got, value);
		CU_ASSERT_EQUAL_FATAL(input.size, 0);
		input = slice_of(bytes, size - 1);
		CU_ASSERT_FALSE_FATAL(varint_take(&input, &got));
	}
}

static void
varints_that_are_too_long_are_refused(void)
{
	struct slice padded = slice_of("\x81\x00", 2);
	struct slice wide =
	    slice_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	struct slice endless =
	    slice_of("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11);
	uint64_t value;

	CU_ASSERT_FALSE(varint_take(&padded, &value));
	CU_ASSERT_FALSE(varint_take(&wide, &value));
	CU_ASSERT_FALSE(varint_take(&endless, &value));
}

static void
takes_refuse_short_input_and_leave_it(void)
{
	struct slice input = slice_of("\x01\x02\x03", 3);
	uint32_t wide;
	uint16_t narrow;

	CU_ASSERT_FALSE(u32_take(&input, &wide));
	CU_ASSERT_EQUAL(input.size, 3);
	CU_ASSERT_TRUE(u16_take(&input, &narrow));
	CU_ASSERT_EQUAL(narrow, 0x0201);
	CU_ASSERT_EQUAL(input.size, 1);
}

/* These values are on disks: they must never change. */
static void
hashes_are_those_of_xxh3(void)
{
	CU_ASSERT_EQUAL(hash64(SLICE_EMPTY), 0x2d06800538d394c2u);
	CU_ASSERT_EQUAL(checksum64(slice_of("", 0), 0), 0x2d06800538d394c2u);
	CU_ASSERT_NOT_EQUAL(
	    checksum32(slice_of("a", 1), 1), checksum32(slice_of("a", 1), 2));
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(varints_come_back_as_they_went),
	    SUITE_CASE(varints_that_are_too_long_are_refused),
	    SUITE_CASE(takes_refuse_short_input_and_leave_it),
	    SUITE_CASE(hashes_are_those_of_xxh3),
	};

	return suite_run("integer", cases, SUITE_COUNT(cases), argc, argv);
}
