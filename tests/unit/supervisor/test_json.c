#include "supervisor/json.h"
#include "tests/support/suite.h"

static void
strings_are_escaped_where_json_asks_for_it(void)
{
	static const struct {
		const char *text;
		const char *json;
	} rows[] = {
	    {"", "\"\""},
	    {"plain", "\"plain\""},
	    {"a \"b\" \\c", "\"a \\\"b\\\" \\\\c\""},
	    {"line\nfeed\x01\x7f", "\"line\\u000afeed\\u0001\\u007f\""},
	    {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct buffer out = {0};

		json_append_string(&out, rows[i].text);
		CU_ASSERT_TRUE(slice_equal(
		    buffer_slice(&out), slice_of_string(rows[i].json)));
		buffer_deinit(&out);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(strings_are_escaped_where_json_asks_for_it),
	};

	return suite_run("json", cases, SUITE_COUNT(cases), argc, argv);
}
