#include <stdio.h>
#include <stdlib.h>

#include "frontend/http/http_date.h"
#include "frontend/http/http_problem.h"
#include "frontend/http/http_reply.h"
#include "frontend/http/http_request.h"
#include "frontend/http/http_ttl.h"
#include "tests/support/suite.h"

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define DATE_MS 784111777999u
#define NOW_MS 1000000u

static struct http_date date;

static void
expect(struct buffer *out, struct slice expected)
{
	if (!slice_equal(buffer_slice(out), expected))
		fprintf(stderr, "is\n%.*s\nnot\n%.*s\n", (int)buffer_size(out),
		    (const char *)out->data, (int)expected.size,
		    (const char *)expected.data);
	CU_ASSERT(slice_equal(buffer_slice(out), expected));
	buffer_deinit(out);
}

static void
expect_text(struct buffer *out, const char *expected)
{
	expect(out, slice_of_string(expected));
}

static struct http_reply
reply_to(struct buffer *out)
{
	http_date_update(&date, DATE_MS);
	return (struct http_reply){.out = out, .date = &date};
}

static void
dates_are_those_of_the_rfc(void)
{
	static const struct {
		uint64_t second;
		const char *line;
	} rows[] = {
	    {0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"},
	    {951827696, "Date: Tue, 29 Feb 2000 12:34:56 GMT\r\n"},
	    {253402300799, "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"},
	    {UINT64_MAX / 1000 - 1, "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct http_date each = {0};

		http_date_update(&each, rows[i].second * 1000);
		CU_ASSERT_EQUAL(
		    memcmp(each.line, rows[i].line, HTTP_DATE_BYTES), 0);
		/* Within a second nothing is made anew. */
		each.line[0] = 'x';
		http_date_update(&each, rows[i].second * 1000 + 999);
		CU_ASSERT_EQUAL(each.line[0], 'x');
	}
}

static void
an_entry_is_a_json_object(void)
{
	struct buffer out = {0};
	struct http_reply reply = reply_to(&out);
	struct entry entry = {.kind = ENTRY_PUT,
	    .sequence = 42,
	    .value = slice_of_string("say \"hi\"\n")};

	http_reply_entry(&reply, &entry, NOW_MS, false);
	expect_text(&out,
	    "HTTP/1.1 200 OK\r\n" DATE "Content-Type: application/json\r\n"
	    "Vary: Accept\r\nETag: \"42\"\r\nContent-Length: 25\r\n\r\n"
	    "{\"value\":\"say \\\"hi\\\"\\n\"}\n");
	entry.deadline_ms = NOW_MS + 1500;
	entry.value = SLICE_EMPTY;
	reply.is_old = true;
	http_reply_entry(&reply, &entry, NOW_MS, false);
	expect_text(&out,
	    "HTTP/1.1 200 OK\r\n" DATE "Connection: keep-alive\r\n"
	    "Content-Type: application/json\r\nVary: Accept\r\n"
	    "ETag: \"42\"\r\nContent-Length: 23\r\n\r\n"
	    "{\"value\":\"\",\"ttl\":1.5}\n");
}

static void
a_value_that_is_no_utf8_is_base64(void)
{
	for (int is_head = 0; is_head < 2; is_head++) {
		struct buffer out = {0};
		struct http_reply reply = reply_to(&out);
		struct entry entry = {.kind = ENTRY_PUT,
		    .sequence = 7,
		    .deadline_ms = NOW_MS + 60000,
		    .value = slice_of("\xff\0x", 3)};

		reply.is_head = is_head;
		reply.closes = true;
		http_reply_entry(&reply, &entry, NOW_MS, false);
		expect_text(&out,
		    is_head
			? "HTTP/1.1 200 OK\r\n" DATE "Connection: close\r\n"
			  "Content-Type: application/json\r\nVary: Accept\r\n"
			  "ETag: \"7\"\r\nContent-Length: 30\r\n\r\n"
			: "HTTP/1.1 200 OK\r\n" DATE "Connection: close\r\n"
			  "Content-Type: application/json\r\nVary: Accept\r\n"
			  "ETag: \"7\"\r\nContent-Length: 30\r\n\r\n"
			  "{\"value_b64\":\"/wB4\",\"ttl\":60}\n");
	}
}

/* What Content-Length says is what comes, whatever the value. */
static void
lengths_are_right_for_any_value(void)
{
	uint8_t bytes[64];

	for (unsigned size = 0; size < sizeof(bytes); size++)
		for (unsigned kind = 0; kind < 12; kind++) {
			static const uint8_t fills[] = {
			    'a', '"', 0xff, 1, 0xc3, '\n'};
			struct buffer out = {0};
			struct http_reply reply = reply_to(&out);
			struct entry entry = {.kind = ENTRY_PUT,
			    .sequence = UINT64_MAX / 2,
			    .deadline_ms = kind < 6 ? 0 : NOW_MS + 1,
			    .value = slice_of(bytes, size)};
			const char *length;
			const char *body;

			memset(bytes, fills[kind % 6], sizeof(bytes));
			http_reply_entry(&reply, &entry, NOW_MS, false);
			buffer_append_byte(&out, '\0');
			length =
			    strstr((char *)out.data, "Content-Length: ") + 16;
			body = strstr((char *)out.data, "\r\n\r\n") + 4;
			CU_ASSERT_EQUAL(
			    strtoul(length, NULL, 10), strlen(body));
			buffer_deinit(&out);
		}
}

static void
bare_values_are_as_they_are(void)
{
	struct buffer out = {0};
	struct http_reply reply = reply_to(&out);
	struct entry entry = {.kind = ENTRY_PUT,
	    .sequence = 9,
	    .deadline_ms = NOW_MS + 1,
	    .value = slice_of("\xff\0x", 3)};
	static const char text[] =
	    "HTTP/1.1 200 OK\r\n" DATE
	    "Content-Type: application/octet-stream\r\nVary: Accept\r\n"
	    "ETag: \"9\"\r\nTTL-Seconds: 0.001\r\nContent-Length: 3\r\n\r\n"
	    "\xff\0x";

	http_reply_entry(&reply, &entry, NOW_MS, true);
	expect(&out, slice_of(text, sizeof(text) - 1));
	reply.is_head = true;
	http_reply_entry(&reply, &entry, NOW_MS, true);
	expect(&out, slice_of(text, sizeof(text) - 4));
}

static void
replies_without_a_body_have_none(void)
{
	struct buffer out = {0};
	struct http_reply reply = reply_to(&out);

	http_reply_empty(&reply, 204, 5);
	expect_text(
	    &out, "HTTP/1.1 204 No Content\r\n" DATE "ETag: \"5\"\r\n\r\n");
	http_reply_empty(&reply, 204, 0);
	expect_text(&out, "HTTP/1.1 204 No Content\r\n" DATE "\r\n");
	http_reply_empty(&reply, 201, 6);
	expect_text(&out,
	    "HTTP/1.1 201 Created\r\n" DATE
	    "ETag: \"6\"\r\nContent-Length: 0\r\n\r\n");
	http_reply_empty(&reply, 304, 7);
	expect_text(&out,
	    "HTTP/1.1 304 Not Modified\r\n" DATE
	    "ETag: \"7\"\r\nVary: Accept\r\n\r\n");
	http_reply_body(&reply, slice_of_string("{}"));
	expect_text(&out,
	    "HTTP/1.1 200 OK\r\n" DATE "Content-Type: application/json\r\n"
	    "Content-Length: 2\r\n\r\n{}");
	http_reply_continue(&out);
	expect_text(&out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void
problems_say_all_that_is_known(void)
{
	struct buffer out = {0};
	struct http_reply reply = reply_to(&out);
	struct http_problem problem;

	http_problem_set(&problem, 404, "there is no \"%s\"", "x\xff");
	http_reply_problem(&reply, &problem);
	expect_text(&out,
	    "HTTP/1.1 404 Not Found\r\n" DATE
	    "Content-Type: application/problem+json\r\n"
	    "Content-Length: 65\r\n\r\n{\"title\":\"Not "
	    "Found\",\"status\":404,\"detail\":\"there is no "
	    "\\\"x?\\\"\"}\n");
	http_problem_set_limit(&problem, 413, "value", "the value", 16);
	http_reply_problem(&reply, &problem);
	expect_text(&out,
	    "HTTP/1.1 413 Content Too Large\r\n" DATE
	    "Content-Type: application/problem+json\r\n"
	    "Content-Length: 129\r\n\r\n{\"title\":\"Content Too "
	    "Large\",\"status\":413,\"detail\":\"the value takes more than "
	    "the limit of 16 bytes\",\"field\":\"value\",\"limit\":16}\n");
	http_problem_set(&problem, 503, "later");
	problem.outcome = HTTP_OUTCOME_UNKNOWN;
	problem.retry_after_s = 2;
	problem.allow = "GET";
	reply.is_head = true;
	http_reply_problem(&reply, &problem);
	expect_text(&out,
	    "HTTP/1.1 503 Service Unavailable\r\n" DATE
	    "Content-Type: application/problem+json\r\nAllow: GET\r\n"
	    "Retry-After: 2\r\nContent-Length: 98\r\n\r\n");
}

static void
times_are_written_as_short_as_can_be(void)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {{1, "0.001"}, {10, "0.01"}, {100, "0.1"}, {1000, "1"},
	    {1010, "1.01"}, {999999, "999.999"},
	    {9007199254740993, "9007199254740.993"}};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		char text[HTTP_TTL_BYTES_MAX];
		size_t size = http_ttl_write(rows[i].ms, text);

		CU_ASSERT(slice_equal(
		    slice_of(text, size), slice_of_string(rows[i].text)));
	}
}

static void
fractions_keep_their_milliseconds(void)
{
	for (unsigned ms = 1; ms < 100000; ms++) {
		struct http_problem problem;
		char text[HTTP_TTL_BYTES_MAX];
		size_t size = http_ttl_write(ms, text);
		uint64_t parsed = 0;
		uint64_t taken = 0;

		CU_ASSERT_TRUE(
		    http_ttl_parse(slice_of(text, size), &parsed, &problem));
		CU_ASSERT_TRUE(http_ttl_take(ms / 1000.0, &taken, &problem));
		CU_ASSERT_EQUAL(parsed, ms);
		CU_ASSERT_EQUAL(taken, ms);
	}
}

static void
accept_says_whether_bytes_are_wanted(void)
{
	static const struct {
		const char *accept;
		bool is_raw;
	} rows[] = {
	    {"application/octet-stream", true},
	    {"Application/Octet-Stream", true},
	    {"text/html, application/octet-stream;q=0.5", true},
	    {"application/octet-stream, */*;q=0.1", true},
	    {"application/octet-stream, */*", true},
	    {"application/octet-stream, application/json;q=0.9", true},
	    {"application/octet-stream;q=0.9, application/json", false},
	    {"application/octet-stream, application/json", false},
	    {"application/octet-stream;q=0", false},
	    {"application/octet-stream ; x=y ; Q=0.000", false},
	    {"*/*", false},
	    {"application/*", false},
	    {"application/json", false},
	    {"application/octet-streams", false},
	    {",,, ;;;;;;;;;;;;;;;;;;;;;;;;;;;;", false},
	    {"", false},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct http_request request = {0};

		request.fields[HTTP_FIELD_ACCEPT] =
		    slice_of_string(rows[i].accept);
		CU_ASSERT_EQUAL(
		    http_request_wants_raw(&request), rows[i].is_raw);
	}
}

static void
pages_of_other_sites_are_foreign(void)
{
	static const struct {
		const char *origin;
		const char *host;
		bool is_foreign;
	} rows[] = {
	    {NULL, "localhost:8080", false},
	    {"http://localhost:8080", "localhost:8080", false},
	    {"https://LocalHost", "localhost", false},
	    {"http://evil", "localhost:8080", true},
	    {"http://evil-localhost", "localhost", true},
	    {"http://localhost:3000", "localhost:8080", true},
	    {"null", "localhost:8080", true},
	    {"http://", "", true},
	    {"", "localhost", true},
	    {"http://x", NULL, true},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct http_request request = {0};

		if (rows[i].origin != NULL)
			request.fields[HTTP_FIELD_ORIGIN] =
			    slice_of_string(rows[i].origin);
		if (rows[i].host != NULL)
			request.fields[HTTP_FIELD_HOST] =
			    slice_of_string(rows[i].host);
		CU_ASSERT_EQUAL(
		    http_request_is_foreign(&request), rows[i].is_foreign);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(dates_are_those_of_the_rfc),
	    SUITE_CASE(an_entry_is_a_json_object),
	    SUITE_CASE(a_value_that_is_no_utf8_is_base64),
	    SUITE_CASE(lengths_are_right_for_any_value),
	    SUITE_CASE(bare_values_are_as_they_are),
	    SUITE_CASE(replies_without_a_body_have_none),
	    SUITE_CASE(problems_say_all_that_is_known),
	    SUITE_CASE(times_are_written_as_short_as_can_be),
	    SUITE_CASE(fractions_keep_their_milliseconds),
	    SUITE_CASE(accept_says_whether_bytes_are_wanted),
	    SUITE_CASE(pages_of_other_sites_are_foreign),
	};

	return suite_run("http_reply", cases, SUITE_COUNT(cases), argc, argv);
}
