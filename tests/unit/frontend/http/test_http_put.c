#include <stdio.h>

#include "frontend/http/http_put.h"
#include "tests/support/suite.h"

static const struct http_limits limits = {
    .key_bytes_max = 100,
    .value_bytes_max = 16,
    .batch_bytes_max = 4000,
};

/* "value/ttl in ms", or the problem's status and field. */
static void
expect_bytes(
    struct slice body, const char *type, const char *query, struct slice result)
{
	struct http_request request = {.verb = HTTP_VERB_PUT, .body = body};
	struct http_problem problem;
	struct buffer scratch = {0};
	struct arena arena = {0};
	struct buffer out = {0};
	struct http_put put;

	if (type != NULL)
		request.fields[HTTP_FIELD_CONTENT_TYPE] = slice_of_string(type);
	if (http_put_parse(&request, slice_of_string(query), &limits, &scratch,
		&arena, &put, &problem)) {
		buffer_append_slice(&out, put.value);
		buffer_printf(&out, "/%llu", (unsigned long long)put.ttl_ms);
	} else {
		buffer_printf(&out, "%u %s", problem.status,
		    problem.field == NULL ? "" : problem.field);
	}
	if (!slice_equal(buffer_slice(&out), result))
		fprintf(stderr, "%.*s is %.*s\n", (int)body.size,
		    (const char *)body.data, (int)buffer_size(&out),
		    (const char *)out.data);
	CU_ASSERT(slice_equal(buffer_slice(&out), result));
	buffer_deinit(&out);
	buffer_deinit(&scratch);
	arena_deinit(&arena);
}

static void
expect(const char *body, const char *result)
{
	expect_bytes(slice_of_string(body), NULL, "", slice_of_string(result));
}

static void
the_usual_body_is_taken(void)
{
	expect("{\"value\": \"Saurab\", \"ttl\": 3600}", "Saurab/3600000");
	expect("{\"value\":\"x\"}", "x/0");
	expect("\r\n\t {\t\"ttl\" : 0.5 ,\n\"value\" : \"\" }\n", "/500");
	expect("{\"value\":\"\xc3\xa9\"}", "\xc3\xa9/0");
}

static void
the_unusual_body_is_taken_as_well(void)
{
	expect("{\"value\":\"a\\nb\\u00e9\\\"\"}", "a\nb\xc3\xa9\"/0");
	expect("{\"value\":\"\\ud83d\\ude00\"}", "\xf0\x9f\x98\x80/0");
	expect("{\"v\\u0061lue\":\"x\"}", "x/0");
	expect("{\"value\":\"x\",\"ttl\":null}", "x/0");
	expect("{\"value\":\"x\",\"ttl\":1e1}", "x/10000");
	expect("{\"value\":\"x\",\"ttl\":1.5e-2}", "x/15");
	expect("{\"value_b64\":\"YQ==\"}", "a/0");
	expect_bytes(slice_of_string("{\"value_b64\":\"/wB4\",\"ttl\":2}"),
	    NULL, "", slice_of("\xff\0x/2000", 8));
	expect_bytes(slice_of_string("{\"value\":\"\\u0000\"}"), NULL, "",
	    slice_of("\0/0", 3));
}

static void
wrong_documents_are_refused(void)
{
	static const char *const rows[][2] = {
	    {"", "400 body"},
	    {"{", "400 body"},
	    {"{}", "400 value"},
	    {"[]", "400 body"},
	    {"\"x\"", "400 body"},
	    {"null", "400 body"},
	    {"value", "400 body"},
	    {"{\"value\":\"x\"", "400 body"},
	    {"{\"value\":\"x\"}}", "400 body"},
	    {"{\"value\":\"x\",}", "400 body"},
	    {"{\"value\":\"x\" \"ttl\":1}", "400 body"},
	    {"{\"value\":'x'}", "400 body"},
	    {"{\"value\":\"x\",\"value\":\"y\"}", "400 body"},
	    {"{\"value\":\"x\",\"vlaue\":\"y\"}", "400 body"},
	    {"{\"value\":1}", "400 value"},
	    {"{\"value\":null}", "400 value"},
	    {"{\"value\":{\"a\":1}}", "400 value"},
	    {"{\"value\":\"x\",\"value_b64\":\"\"}", "400 value"},
	    {"{\"value_b64\":\"a\"}", "400 value_b64"},
	    {"{\"value_b64\":\"YQ\"}", "400 value_b64"},
	    {"{\"value_b64\":\"Y Q=\"}", "400 value_b64"},
	    {"{\"value_b64\":7}", "400 value_b64"},
	    {"{\"ttl\":1}", "400 value"},
	    {"{\"value\":\"\xff\"}", "400 body"},
	    {"{\"value\":\"\xc3\"}", "400 body"},
	    {"{\"value\":\"a\nb\"}", "400 body"},
	    {"{\"value\":\"\\x\"}", "400 body"},
	    {"{\"value\":\"\\ud800\"}", "400 body"},
	    {"{\"value\":\"01234567890123456\"}", "413 value"},
	    {"{\"value\":\"\\u0061"
	     "1234567890123456\"}",
		"413 value"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++)
		expect(rows[i][0], rows[i][1]);
}

static void
wrong_times_are_refused(void)
{
	static const char *const rows[] = {"-1", "0", "0.0", "0.0001", "NaN",
	    "1e-9", "10000000000.001", "99999999999", "1e300", "\"60\"", "true",
	    "[1]", "007", "+1", ".5", "1.", "1.2.3", "--1",
	    "99999999999999999999999", "Infinity", "-0.5", "1e999"};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		static const char *const no_json[] = {"NaN", "007", "+1", ".5",
		    "1.", "1.2.3", "--1", "99999999999999999999999", "Infinity",
		    "1e999"};
		const char *result = "400 ttl";
		char body[100];

		for (size_t n = 0; n < SUITE_COUNT(no_json); n++)
			if (strcmp(rows[i], no_json[n]) == 0)
				result = "400 body";
		/* These look like numbers to whoever reads the usual body. */
		if (strcmp(rows[i], ".5") == 0 || strcmp(rows[i], "1.") == 0 ||
		    strcmp(rows[i], "1.2.3") == 0 ||
		    strcmp(rows[i], "99999999999999999999999") == 0)
			result = "400 ttl";
		snprintf(body, sizeof(body), "{\"value\":\"x\",\"ttl\":%s}",
		    rows[i]);
		expect(body, result);
	}
}

static void
bare_bytes_are_the_value(void)
{
	static const char type[] = "Application/Octet-Stream; x=y";

	expect_bytes(
	    slice_of("a\0\xff", 3), type, "", slice_of("a\0\xff/0", 5));
	expect_bytes(SLICE_EMPTY, type, "ttl=1.25", slice_of_string("/1250"));
	expect_bytes(
	    slice_of_string("x"), type, "t%74l=7", slice_of_string("x/7000"));
	expect_bytes(slice_of_string("01234567890123456"), type, "",
	    slice_of_string("413 value"));
	expect_bytes(
	    slice_of_string("x"), type, "ttl=", slice_of_string("400 ttl"));
	expect_bytes(
	    slice_of_string("x"), type, "ttl=-1", slice_of_string("400 ttl"));
	expect_bytes(
	    slice_of_string("x"), type, "ttl=1e3", slice_of_string("400 ttl"));
	expect_bytes(
	    slice_of_string("x"), type, "ttl=nan", slice_of_string("400 ttl"));
	expect_bytes(slice_of_string("x"), type, "ttl=1&ttl=1",
	    slice_of_string("400 query"));
	expect_bytes(
	    slice_of_string("x"), type, "tll=1", slice_of_string("400 query"));
	expect_bytes(
	    slice_of_string("x"), type, "ttl=%4", slice_of_string("400 query"));
}

static void
a_time_in_the_query_goes_with_json_too(void)
{
	expect_bytes(slice_of_string("{\"value\":\"x\"}"), "text/plain",
	    "ttl=9", slice_of_string("x/9000"));
	expect_bytes(slice_of_string("{\"value\":\"x\",\"ttl\":9}"), NULL,
	    "ttl=9", slice_of_string("400 ttl"));
}

/* What costs more memory than it is worth is not even read. */
static void
documents_of_many_values_are_refused(void)
{
	struct buffer body = {0};

	buffer_printf(&body, "{\"value\":[");
	for (int i = 0; i < 1000; i++)
		buffer_printf(&body, "[");
	expect_bytes(
	    buffer_slice(&body), NULL, "", slice_of_string("413 body"));
	buffer_deinit(&body);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(the_usual_body_is_taken),
	    SUITE_CASE(the_unusual_body_is_taken_as_well),
	    SUITE_CASE(wrong_documents_are_refused),
	    SUITE_CASE(wrong_times_are_refused),
	    SUITE_CASE(bare_bytes_are_the_value),
	    SUITE_CASE(a_time_in_the_query_goes_with_json_too),
	    SUITE_CASE(documents_of_many_values_are_refused),
	};

	return suite_run("http_put", cases, SUITE_COUNT(cases), argc, argv);
}
