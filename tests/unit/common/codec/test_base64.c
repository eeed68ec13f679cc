#include <stdio.h>

#include "common/base/rng.h"
#include "common/codec/base64.h"
#include "tests/support/suite.h"

static void
known_texts_come_out(void)
{
	static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="},
	    {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"},
	    {"\xfb\xff", "+/8="}};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct buffer out = {0};

		base64_encode(&out, slice_of_string(rows[i][0]));
		CU_ASSERT_TRUE(slice_equal(
		    buffer_slice(&out), slice_of_string(rows[i][1])));
		buffer_deinit(&out);
	}
}

static void
bytes_come_back_as_they_went(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int i = 0; i < 2000; i++) {
		uint8_t bytes[50];
		struct slice given = slice_of(bytes, rng_below(&rng, 51));
		struct buffer text = {0};
		struct buffer back = {0};

		for (size_t k = 0; k < given.size; k++)
			bytes[k] = (uint8_t)rng_next(&rng);
		base64_encode(&text, given);
		CU_ASSERT_TRUE(base64_decode(&back, buffer_slice(&text)));
		CU_ASSERT_TRUE(slice_equal(buffer_slice(&back), given));
		buffer_deinit(&text);
		buffer_deinit(&back);
	}
}

static void
other_texts_are_refused(void)
{
	static const char *const texts[] = {"Z", "Zg",
	    "Zg=", "Zg==Zg==", "Zh==", "Zm9=", "====", "Z===", "Zm 9", "Zm9-",
	    "=m9v"};
	struct buffer out = {0};

	for (size_t i = 0; i < SUITE_COUNT(texts); i++)
		CU_ASSERT_FALSE(base64_decode(&out, slice_of_string(texts[i])));
	CU_ASSERT_EQUAL(buffer_size(&out), 0);
	buffer_deinit(&out);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(known_texts_come_out),
	    SUITE_CASE(bytes_come_back_as_they_went),
	    SUITE_CASE(other_texts_are_refused),
	};

	return suite_run("base64", cases, SUITE_COUNT(cases), argc, argv);
}
