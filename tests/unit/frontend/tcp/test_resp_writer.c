#include <stdio.h>

#include "frontend/tcp/resp_writer.h"
#include "tests/support/suite.h"

/* Checks what was written, and empties the buffer. */
static void
expect(struct buffer *out, const char *wanted)
{
	CU_ASSERT_TRUE(slice_equal(buffer_slice(out), slice_of_string(wanted)));
	buffer_clear(out, 0);
}

static void
replies_common_to_both_versions(void)
{
	struct buffer out = {0};

	resp_write_simple(&out, "OK");
	expect(&out, "+OK\r\n");
	resp_write_error(&out, "ERR unknown '%s'", "a\r\nb");
	expect(&out, "-ERR unknown 'a  b'\r\n");
	resp_write_integer(&out, 7);
	resp_write_integer(&out, -12);
	resp_write_integer(&out, INT64_MIN);
	expect(&out, ":7\r\n:-12\r\n:-9223372036854775808\r\n");
	resp_write_bulk(&out, SLICE_EMPTY);
	resp_write_bulk(&out, slice_of_string("0123456789"));
	expect(&out, "$0\r\n\r\n$10\r\n0123456789\r\n");
	resp_write_array(&out, 0);
	expect(&out, "*0\r\n");
	buffer_deinit(&out);
}

static void
replies_that_differ_between_the_versions(void)
{
	struct buffer out = {0};

	resp_write_null(&out, 2);
	resp_write_null(&out, 3);
	expect(&out, "$-1\r\n_\r\n");
	resp_write_map(&out, 2, 2);
	resp_write_map(&out, 3, 2);
	expect(&out, "*4\r\n%2\r\n");
	resp_write_set(&out, 2, 1);
	resp_write_set(&out, 3, 1);
	expect(&out, "*1\r\n~1\r\n");
	resp_write_verbatim(&out, 2, slice_of_string("a"));
	resp_write_verbatim(&out, 3, slice_of_string("a"));
	expect(&out, "$1\r\na\r\n=5\r\ntxt:a\r\n");
	buffer_deinit(&out);
}

static void
errors_that_are_too_long_are_cut(void)
{
	struct buffer out = {0};
	char text[1000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	resp_write_error(&out, "ERR %s", text);
	CU_ASSERT(buffer_size(&out) < 600);
	CU_ASSERT_EQUAL(out.data[out.end - 1], '\n');
	buffer_deinit(&out);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(replies_common_to_both_versions),
	    SUITE_CASE(replies_that_differ_between_the_versions),
	    SUITE_CASE(errors_that_are_too_long_are_cut),
	};

	return suite_run("resp_writer", cases, SUITE_COUNT(cases), argc, argv);
}
