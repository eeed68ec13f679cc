#include "frontend/http/http_conditions.h"
#include "tests/support/suite.h"

static struct http_request
request_of(const char *match, const char *none_match)
{
	struct http_request request = {0};

	if (match != NULL)
		request.fields[HTTP_FIELD_IF_MATCH] = slice_of_string(match);
	if (none_match != NULL)
		request.fields[HTTP_FIELD_IF_NONE_MATCH] =
		    slice_of_string(none_match);
	return request;
}

static void
reads_are_judged_by_the_tag(void)
{
	static const struct {
		const char *match;
		const char *none_match;
		enum http_verdict verdict;
		unsigned status;
	} rows[] = {
	    {NULL, NULL, HTTP_VERDICT_GO, 0},
	    {"\"17\"", NULL, HTTP_VERDICT_GO, 0},
	    {"*", NULL, HTTP_VERDICT_GO, 0},
	    {"\"1\", \"17\"", NULL, HTTP_VERDICT_GO, 0},
	    {"\"1\",\t,\"17\"", NULL, HTTP_VERDICT_GO, 0},
	    {"\"1\"", NULL, HTTP_VERDICT_FAILED, 412},
	    {"W/\"17\"", NULL, HTTP_VERDICT_FAILED, 412},
	    {"\"017\"", NULL, HTTP_VERDICT_FAILED, 412},
	    {"\"abc, 17\"", NULL, HTTP_VERDICT_FAILED, 412},
	    {"", NULL, HTTP_VERDICT_FAILED, 412},
	    {"17", NULL, HTTP_VERDICT_FAILED, 400},
	    {"\"17", NULL, HTTP_VERDICT_FAILED, 400},
	    {"\"17\" \"18\"", NULL, HTTP_VERDICT_FAILED, 400},
	    {"*, \"17\"", NULL, HTTP_VERDICT_FAILED, 400},
	    {"W/17", NULL, HTTP_VERDICT_FAILED, 400},
	    {NULL, "\"17\"", HTTP_VERDICT_NOT_MODIFIED, 0},
	    {NULL, "W/\"17\"", HTTP_VERDICT_NOT_MODIFIED, 0},
	    {NULL, "\"1\", \"17\"", HTTP_VERDICT_NOT_MODIFIED, 0},
	    {NULL, "*", HTTP_VERDICT_NOT_MODIFIED, 0},
	    {NULL, "\"1\"", HTTP_VERDICT_GO, 0},
	    {NULL, "\"18446744073709551633\"", HTTP_VERDICT_GO, 0},
	    {NULL, "x", HTTP_VERDICT_FAILED, 400},
	    {"\"17\"", "\"17\"", HTTP_VERDICT_NOT_MODIFIED, 0},
	    {"\"1\"", "\"17\"", HTTP_VERDICT_FAILED, 412},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct http_request request =
		    request_of(rows[i].match, rows[i].none_match);
		struct http_problem problem = {0};

		CU_ASSERT_EQUAL(http_conditions_judge(&request, 17, &problem),
		    rows[i].verdict);
		CU_ASSERT_EQUAL(problem.status, rows[i].status);
	}
}

static void
writes_take_what_a_command_can_hold(void)
{
	static const struct {
		const char *match;
		const char *none_match;
		uint32_t flags;
		uint64_t sequence;
		unsigned status;
	} rows[] = {
	    {NULL, NULL, 0, 0, 0},
	    {"*", NULL, COMMAND_IF_PRESENT, 0, 0},
	    {NULL, "*", COMMAND_IF_ABSENT, 0, 0},
	    {"\"18446744073709551615\"", NULL, COMMAND_IF_SEQUENCE, UINT64_MAX,
		0},
	    {"\"abc\", \"7\"", NULL, COMMAND_IF_SEQUENCE, 7, 0},
	    {"\"18446744073709551616\"", NULL, 0, 0, 412},
	    {"\"abc\"", NULL, 0, 0, 412},
	    {"W/\"7\"", NULL, 0, 0, 412},
	    {"\"7\", \"8\"", NULL, 0, 0, 400},
	    {"7", NULL, 0, 0, 400},
	    {NULL, "\"7\"", 0, 0, 400},
	    {"\"7\"", "*", 0, 0, 400},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct http_request request =
		    request_of(rows[i].match, rows[i].none_match);
		struct http_problem problem = {0};
		struct command command = {0};
		bool ok = http_conditions_take(&request, &command, &problem);

		CU_ASSERT_EQUAL(problem.status, rows[i].status);
		CU_ASSERT_EQUAL(ok, rows[i].status == 0);
		if (!ok)
			continue;
		CU_ASSERT_EQUAL(command.flags, rows[i].flags);
		CU_ASSERT_EQUAL(command.sequence, rows[i].sequence);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(reads_are_judged_by_the_tag),
	    SUITE_CASE(writes_take_what_a_command_can_hold),
	};

	return suite_run(
	    "http_conditions", cases, SUITE_COUNT(cases), argc, argv);
}
