#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/codec/decimal.h"
#include "tests/support/suite.h"

static void
numbers_come_back_as_they_went(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int i = 0; i < 100000; i++) {
		int64_t value =
		    (int64_t)(rng_next(&rng) >> rng_below(&rng, 64));
		char expected[32];
		char text[DECIMAL_BYTES_MAX];
		int64_t got = 0;
		size_t size;

		if (rng_below(&rng, 2) == 0)
			value = (int64_t)(0 - (uint64_t)value);
		size = decimal_format(value, text);
		snprintf(expected, sizeof(expected), "%" PRId64, value);
		CU_ASSERT_TRUE_FATAL(slice_equal(
		    slice_of(text, size), slice_of_string(expected)));
		CU_ASSERT_TRUE_FATAL(decimal_parse(slice_of(text, size), &got));
		CU_ASSERT_EQUAL_FATAL(got, value);
	}
}

static void
the_ends_of_the_range_are_numbers(void)
{
	static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 9,
	    10, INT64_MAX - 1, INT64_MAX};

	for (size_t i = 0; i < SUITE_COUNT(values); i++) {
		char text[DECIMAL_BYTES_MAX];
		size_t size = decimal_format(values[i], text);
		int64_t got = 7;

		CU_ASSERT_TRUE(decimal_parse(slice_of(text, size), &got));
		CU_ASSERT_EQUAL(got, values[i]);
	}
}

static void
what_redis_takes_for_no_integer_is_none(void)
{
	static const char *const texts[] = {"", "-", "+1", " 1", "1 ", "01",
	    "-0", "-01", "00", "1.0", "1e3", "0x1", "a", "1a", "--1", "1-",
	    "9223372036854775808", "-9223372036854775809",
	    "18446744073709551615", "18446744073709551617",
	    "99999999999999999999", "100000000000000000000",
	    "-100000000000000000000"};
	int64_t got = 7;

	for (size_t i = 0; i < SUITE_COUNT(texts); i++)
		CU_ASSERT_FALSE(decimal_parse(slice_of_string(texts[i]), &got));
	CU_ASSERT_FALSE(decimal_parse(slice_of("1\0", 2), &got));
	CU_ASSERT_FALSE(decimal_parse(SLICE_EMPTY, &got));
	CU_ASSERT_EQUAL(got, 7);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(numbers_come_back_as_they_went),
	    SUITE_CASE(the_ends_of_the_range_are_numbers),
	    SUITE_CASE(what_redis_takes_for_no_integer_is_none),
	};

	return suite_run("decimal", cases, SUITE_COUNT(cases), argc, argv);
}
