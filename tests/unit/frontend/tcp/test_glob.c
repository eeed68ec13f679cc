#include <stdio.h>

#include "common/base/rng.h"
#include "frontend/tcp/glob.h"
#include "tests/support/suite.h"

static bool
matches(const char *pattern, const char *text)
{
	return glob_matches(slice_of_string(pattern), slice_of_string(text));
}

static void
stars_and_marks_match_what_they_should(void)
{
	CU_ASSERT_TRUE(matches("", ""));
	CU_ASSERT_FALSE(matches("", "a"));
	CU_ASSERT_TRUE(matches("*", ""));
	CU_ASSERT_TRUE(matches("**", "abc"));
	CU_ASSERT_TRUE(matches("h?llo", "hello"));
	CU_ASSERT_FALSE(matches("h?llo", "hllo"));
	CU_ASSERT_TRUE(matches("h*llo", "heeeello"));
	CU_ASSERT_TRUE(matches("*a*b*", "xxaxxbxx"));
	CU_ASSERT_FALSE(matches("*a*b", "xxaxxbxx"));
	CU_ASSERT_TRUE(matches("a*a*a", "aaa"));
	CU_ASSERT_FALSE(matches("a*a*a", "aa"));
	CU_ASSERT_FALSE(matches("abc", "ab"));
}

static void
classes_match_what_they_should(void)
{
	CU_ASSERT_TRUE(matches("h[ae]llo", "hallo"));
	CU_ASSERT_FALSE(matches("h[ae]llo", "hillo"));
	CU_ASSERT_TRUE(matches("h[^e]llo", "hallo"));
	CU_ASSERT_FALSE(matches("h[^e]llo", "hello"));
	CU_ASSERT_TRUE(matches("[a-c][c-a]", "bb"));
	CU_ASSERT_FALSE(matches("[a-c]", "d"));
	CU_ASSERT_TRUE(matches("[\\]]", "]"));
	CU_ASSERT_TRUE(matches("[a-", "-"));
	CU_ASSERT_TRUE(matches("[ab", "b"));
	CU_ASSERT_FALSE(matches("[", "["));
	CU_ASSERT_TRUE(matches("\\*", "*"));
	CU_ASSERT_FALSE(matches("\\*", "a"));
	CU_ASSERT_TRUE(matches("\\", "\\"));
}

static void
prefixes_are_what_every_match_begins_with(void)
{
	CU_ASSERT_EQUAL(glob_prefix(slice_of_string("user:*")).size, 5);
	CU_ASSERT_EQUAL(glob_prefix(slice_of_string("a?c")).size, 1);
	CU_ASSERT_EQUAL(glob_prefix(slice_of_string("abc")).size, 3);
	CU_ASSERT_EQUAL(glob_prefix(slice_of_string("a\\*b*")).size, 1);
	CU_ASSERT_EQUAL(glob_prefix(slice_of_string("[ab]c")).size, 0);
}

/* What is plain to state, if slow: matching by trying every split. */
static bool
matches_slowly(struct slice pattern, struct slice text)
{
	if (pattern.size == 0)
		return text.size == 0;
	if (pattern.data[0] == '*') {
		struct slice rest =
		    slice_of(pattern.data + 1, pattern.size - 1);

		for (size_t i = 0; i <= text.size; i++)
			if (matches_slowly(
				rest, slice_of(text.data + i, text.size - i)))
				return true;
		return false;
	}
	return text.size > 0 &&
	    (pattern.data[0] == '?' || pattern.data[0] == text.data[0]) &&
	    matches_slowly(slice_of(pattern.data + 1, pattern.size - 1),
		slice_of(text.data + 1, text.size - 1));
}

static void
random_patterns_match_as_by_trying_everything(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int i = 0; i < 20000; i++) {
		uint8_t pattern[8];
		uint8_t text[10];
		struct slice a = slice_of(pattern, rng_below(&rng, 9));
		struct slice b = slice_of(text, rng_below(&rng, 11));

		for (size_t k = 0; k < a.size; k++)
			pattern[k] = (uint8_t) "ab*?"[rng_below(&rng, 4)];
		for (size_t k = 0; k < b.size; k++)
			text[k] = (uint8_t) "ab"[rng_below(&rng, 2)];
		CU_ASSERT_EQUAL_FATAL(glob_matches(a, b), matches_slowly(a, b));
	}
}

/* Every star tried in every place would take longer than the universe. */
static void
many_stars_take_no_time(void)
{
	uint8_t text[2000];

	memset(text, 'a', sizeof(text));
	CU_ASSERT_FALSE(glob_matches(
	    slice_of_string("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"),
	    slice_of(text, sizeof(text))));
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(stars_and_marks_match_what_they_should),
	    SUITE_CASE(classes_match_what_they_should),
	    SUITE_CASE(prefixes_are_what_every_match_begins_with),
	    SUITE_CASE(random_patterns_match_as_by_trying_everything),
	    SUITE_CASE(many_stars_take_no_time),
	};

	return suite_run("glob", cases, SUITE_COUNT(cases), argc, argv);
}
