#include <stdlib.h>

#include "common/base/rng.h"
#include "common/codec/json_text.h"
#include "tests/support/suite.h"

static void
expect(struct slice bytes, const char *text)
{
	uint8_t *copy = malloc(bytes.size + 1);
	size_t size = 0;
	uint8_t *to;

	/* Exactly so much memory: reading beyond it is noticed. */
	copy = realloc(copy, bytes.size > 0 ? bytes.size : 1);
	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	bytes.data = copy;
	CU_ASSERT_TRUE_FATAL(json_text_measure(bytes, &size));
	CU_ASSERT_EQUAL_FATAL(size, strlen(text));
	to = malloc(size + 1);
	CU_ASSERT_PTR_EQUAL(json_text_write(to, bytes, size), to + size);
	CU_ASSERT_EQUAL(memcmp(to, text, size), 0);
	free(to);
	free(copy);
}

static void
plain_text_stays_as_it_is(void)
{
	static const char text[] =
	    "It was the best of times / \x7f it was the worst of times.";

	for (size_t size = 0; size < sizeof(text); size++) {
		char part[sizeof(text)];

		memcpy(part, text, size);
		part[size] = '\0';
		expect(slice_of(text, size), part);
	}
}

static void
special_characters_are_escaped_wherever_they_stand(void)
{
	static const struct {
		char byte;
		const char *escape;
	} rows[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"}, {'\f', "\\f"},
	    {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"}, {0, "\\u0000"},
	    {0x0b, "\\u000b"}, {0x1f, "\\u001f"}};
	char bytes[24];
	char text[64];

	for (size_t i = 0; i < SUITE_COUNT(rows); i++)
		for (size_t at = 0; at < sizeof(bytes); at++) {
			memset(bytes, 'x', sizeof(bytes));
			bytes[at] = rows[i].byte;
			snprintf(text, sizeof(text), "%.*s%s%.*s", (int)at,
			    "xxxxxxxxxxxxxxxxxxxxxxxx", rows[i].escape,
			    (int)(sizeof(bytes) - at - 1),
			    "xxxxxxxxxxxxxxxxxxxxxxxx");
			expect(slice_of(bytes, sizeof(bytes)), text);
		}
}

static void
every_character_of_unicode_is_text(void)
{
	for (uint32_t code = 0x80; code <= 0x10ffff; code++) {
		char bytes[5] = {0};

		if (code >= 0xd800 && code < 0xe000)
			continue;
		if (code < 0x800) {
			bytes[0] = (char)(0xc0 | code >> 6);
			bytes[1] = (char)(0x80 | (code & 63));
		} else if (code < 0x10000) {
			bytes[0] = (char)(0xe0 | code >> 12);
			bytes[1] = (char)(0x80 | (code >> 6 & 63));
			bytes[2] = (char)(0x80 | (code & 63));
		} else {
			bytes[0] = (char)(0xf0 | code >> 18);
			bytes[1] = (char)(0x80 | (code >> 12 & 63));
			bytes[2] = (char)(0x80 | (code >> 6 & 63));
			bytes[3] = (char)(0x80 | (code & 63));
		}
		expect(slice_of_string(bytes), bytes);
	}
}

static void
what_is_no_utf8_is_no_text(void)
{
	static const char *const rows[] = {"\x80", "\xbf", "\xc0\x80",
	    "\xc1\xbf", "\xc2", "\xc2 ", "\xe0\x80\x80", "\xe0\x9f\xbf",
	    "\xed\xa0\x80", "\xed\xbf\xbf", "\xe1\x80", "\xe1\x80 ",
	    "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80", "\xf1\x80\x80", "\xff", "\xfe", "\xc3\xa9\xc3",
	    "12345678\xff",
	    "1234567\xff"
	    "9"};
	size_t size;

	for (size_t i = 0; i < SUITE_COUNT(rows); i++)
		CU_ASSERT_FALSE(
		    json_text_measure(slice_of_string(rows[i]), &size));
}

static void
random_bytes_are_measured_as_they_are_written(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[40];
		uint8_t text[sizeof(bytes) * 6];
		size_t size = rng_below(&rng, sizeof(bytes));
		size_t measured;

		for (size_t at = 0; at < size; at++)
			bytes[at] = (uint8_t)rng_below(
			    &rng, rng_below(&rng, 8) == 0 ? 0x80 : 0x30);
		CU_ASSERT_TRUE_FATAL(
		    json_text_measure(slice_of(bytes, size), &measured));
		CU_ASSERT_PTR_EQUAL(
		    json_text_write(text, slice_of(bytes, size), measured),
		    text + measured);
	}
}

static void
text_for_people_has_question_marks_for_what_is_no_utf8(void)
{
	struct buffer out = {0};

	json_text_append(&out,
	    slice_of("a\"\xff"
		     "b",
		4));
	json_text_append(&out, slice_of("\xc3\xa9", 2));
	json_text_append(&out, SLICE_EMPTY);
	CU_ASSERT(slice_equal(buffer_slice(&out),
	    slice_of_string("\"a\\\"?b\"\"\xc3\xa9\"\"\"")));
	buffer_deinit(&out);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(plain_text_stays_as_it_is),
	    SUITE_CASE(special_characters_are_escaped_wherever_they_stand),
	    SUITE_CASE(every_character_of_unicode_is_text),
	    SUITE_CASE(what_is_no_utf8_is_no_text),
	    SUITE_CASE(random_bytes_are_measured_as_they_are_written),
	    SUITE_CASE(text_for_people_has_question_marks_for_what_is_no_utf8),
	};

	return suite_run("json_text", cases, SUITE_COUNT(cases), argc, argv);
}
