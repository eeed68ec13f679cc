#include <stdio.h>

#include "frontend/http/http_target.h"
#include "tests/support/suite.h"

/* The resource, the key and the query, or the problem's status. */
static void
expect_bytes(struct slice target, struct slice expected)
{
	static const char *const resources[] = {
	    "key", "keys", "batch", "openapi"};
	struct buffer scratch = {0};
	struct buffer out = {0};
	struct http_problem problem;
	struct http_target got;

	if (http_target_parse(target, 8, &scratch, &got, &problem)) {
		buffer_printf(&out, "%s", resources[got.resource]);
		if (got.resource == HTTP_RESOURCE_KEY) {
			buffer_append_byte(&out, ' ');
			buffer_append_slice(&out, got.key);
		}
		if (got.query.size > 0)
			buffer_printf(&out, "?%.*s", (int)got.query.size,
			    (const char *)got.query.data);
	} else {
		buffer_printf(&out, "%u", problem.status);
	}
	if (!slice_equal(buffer_slice(&out), expected))
		fprintf(stderr, "%.*s is %.*s\n", (int)target.size,
		    (const char *)target.data, (int)buffer_size(&out),
		    (const char *)out.data);
	CU_ASSERT(slice_equal(buffer_slice(&out), expected));
	buffer_deinit(&out);
	buffer_deinit(&scratch);
}

static void
targets_name_keys_and_what_is_ours(void)
{
	static const char *const rows[][2] = {
	    {"/a", "key a"},
	    {"/a/b", "key a/b"},
	    {"//a", "key /a"},
	    {"/a/", "key a/"},
	    {"/.", "key ."},
	    {"/../a", "key ../a"},
	    {"/a%2Fb", "key a/b"},
	    {"/%41%2d", "key A-"},
	    {"/a+b", "key a+b"},
	    {"/a%20b", "key a b"},
	    {"/a?ttl=1?2", "key a?ttl=1?2"},
	    {"/a%3Fb?c", "key a?b?c"},
	    {"/a?", "key a"},
	    {"/-", "key -"},
	    {"/-a", "key -a"},
	    {"/\xc3\xa9", "key \xc3\xa9"},
	    {"/-/kv/a", "key a"},
	    {"/-/kv/-/kv/a", "key -/kv/a"},
	    {"/-/kv//", "key /"},
	    {"/%2D/kv/a", "key a"},
	    {"/-/keys", "keys"},
	    {"/-/keys?prefix=a", "keys?prefix=a"},
	    {"/-/batch", "batch"},
	    {"/-/openapi.json", "openapi"},
	    {"http://host:1/a", "key a"},
	    {"HTTP://host/a?b", "key a?b"},
	    {"/12345678", "key 12345678"},
	    {"/%31%32%33%34%35%36%37%38", "key 12345678"},
	    {"/123456789", "414"},
	    {"/%31%32%33%34%35%36%37%389", "414"},
	    {"/-/kv/123456789", "414"},
	    {"/", "400"},
	    {"/?a", "400"},
	    {"/-/kv/", "400"},
	    {"http://host", "400"},
	    {"http://", "400"},
	    {"", "400"},
	    {"*", "400"},
	    {"host:80", "400"},
	    {"/a#b", "400"},
	    {"/a\tb", "400"},
	    {"/a\x7f", "400"},
	    {"/%", "400"},
	    {"/%4", "400"},
	    {"/%4g", "400"},
	    {"/%g4", "400"},
	    {"/%%34", "400"},
	    {"/-/", "404"},
	    {"/-/kv", "404"},
	    {"/-/keys/", "404"},
	    {"/-/nothing", "404"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++)
		expect_bytes(
		    slice_of_string(rows[i][0]), slice_of_string(rows[i][1]));
	expect_bytes(slice_of_string("/a%00%ff"), slice_of("key a\0\xff", 7));
}

static void
queries_are_taken_apart(void)
{
	static const char *const rows[][2] = {
	    {"", "."},
	    {"a=b", "a:b ."},
	    {"a=b&c=d", "a:b c:d ."},
	    {"&&a=b&", "a:b ."},
	    {"a", "a: ."},
	    {"a=", "a: ."},
	    {"=b", ":b ."},
	    {"a=b=c", "a:b=c ."},
	    {"a=x+y%2Bz%26", "a:x y+z& ."},
	    {"%61%3d=%3D", "a=:= ."},
	    {"a=%", "!"},
	    {"a=b&%zz=c", "a:b !"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct slice query = slice_of_string(rows[i][0]);
		struct buffer scratch = {0};
		struct buffer out = {0};
		struct http_parameter all[8];
		struct http_problem problem;
		size_t count = 0;
		enum http_query_step step;

		while ((step = http_query_next(&query, &scratch, &all[count],
			    &problem)) == HTTP_QUERY_PARAMETER)
			count++;
		/* All of them stay where they are, to the last. */
		for (size_t n = 0; n < count; n++)
			buffer_printf(&out, "%.*s:%.*s ", (int)all[n].name.size,
			    (const char *)all[n].name.data,
			    (int)all[n].value.size,
			    (const char *)all[n].value.data);
		buffer_printf(&out, "%s", step == HTTP_QUERY_END ? "." : "!");
		CU_ASSERT(slice_equal(
		    buffer_slice(&out), slice_of_string(rows[i][1])));
		buffer_deinit(&out);
		buffer_deinit(&scratch);
	}
}

static void
a_decoded_key_stays_while_the_query_is_read(void)
{
	struct buffer scratch = {0};
	struct http_target target;
	struct http_parameter parameter;
	struct http_problem problem;
	char text[1000] = "/%61%62?";

	memset(text + 8, 'q', sizeof(text) - 8);
	CU_ASSERT_TRUE_FATAL(http_target_parse(
	    slice_of(text, sizeof(text)), 100, &scratch, &target, &problem));
	CU_ASSERT_EQUAL(
	    http_query_next(&target.query, &scratch, &parameter, &problem),
	    HTTP_QUERY_PARAMETER);
	CU_ASSERT(slice_equal(target.key, slice_of_string("ab")));
	buffer_deinit(&scratch);
}

static void
escaped_bytes_come_back(void)
{
	struct buffer text = {0};
	struct buffer scratch = {0};
	struct http_parameter parameter;
	struct http_problem problem;
	uint8_t bytes[256];
	struct slice query;

	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	buffer_printf(&text, "k=");
	http_target_escape(&text, slice_of(bytes, sizeof(bytes)));
	query = buffer_slice(&text);
	CU_ASSERT_EQUAL(http_query_next(&query, &scratch, &parameter, &problem),
	    HTTP_QUERY_PARAMETER);
	CU_ASSERT(slice_equal(parameter.value, slice_of(bytes, sizeof(bytes))));
	buffer_deinit(&text);
	buffer_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(targets_name_keys_and_what_is_ours),
	    SUITE_CASE(queries_are_taken_apart),
	    SUITE_CASE(a_decoded_key_stays_while_the_query_is_read),
	    SUITE_CASE(escaped_bytes_come_back),
	};

	return suite_run("http_target", cases, SUITE_COUNT(cases), argc, argv);
}
