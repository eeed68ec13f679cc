#include <stdio.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/base/rng.h"
#include "frontend/http/http_assembler.h"
#include "tests/support/suite.h"

static const struct http_limits limits = {
    .key_bytes_max = 100,
    .value_bytes_max = 1000,
    .batch_bytes_max = 4000,
};

static const char *const verbs[] = {
    "GET", "HEAD", "PUT", "DELETE", "POST", "OTHER"};

static void
describe_request(struct buffer *out, const struct http_assembler *assembler)
{
	static const char *const names[HTTP_FIELD_COUNT] = {"host", "origin",
	    "accept", "type", "match", "none", "expect", "coding"};
	const struct http_request *request = http_assembler_request(assembler);

	buffer_printf(out, "%s %.*s", verbs[request->verb],
	    (int)request->target.size, (const char *)request->target.data);
	for (unsigned i = 1; i < HTTP_FIELD_COUNT; i++)
		if (request->fields[i].data != NULL)
			buffer_printf(out, " %s=%.*s", names[i],
			    (int)request->fields[i].size,
			    (const char *)request->fields[i].data);
	buffer_printf(out, "%s%s [%.*s];", request->is_old ? " old" : "",
	    request->keeps_alive ? "" : " last", (int)request->body.size,
	    (const char *)request->body.data);
}

/* What requests a text comes to when it comes in pieces of `piece` bytes. */
static void
assemble(struct slice text, size_t piece, bool is_kept, struct buffer *out)
{
	struct http_assembler *assembler = http_assembler_create(&limits);
	struct buffer pending = {0};
	enum http_assembled assembled = HTTP_ASSEMBLED_MORE;
	size_t given = 0;

	while (given < text.size && assembled != HTTP_ASSEMBLED_BROKEN) {
		size_t size =
		    piece < text.size - given ? piece : text.size - given;

		buffer_append(&pending, text.data + given, size);
		given += size;
		while (buffer_size(&pending) > 0) {
			size_t left = buffer_size(&pending);
			uint8_t *copy = malloc(left);
			size_t consumed;

			memcpy(copy, pending.data + pending.start, left);
			assembled = http_assembler_next(
			    assembler, slice_of(copy, left), &consumed);
			buffer_consume(&pending, consumed);
			if (is_kept && assembled != HTTP_ASSEMBLED_MORE) {
				http_assembler_keep(assembler);
				free(copy);
				copy = NULL;
			}
			if (assembled == HTTP_ASSEMBLED_REQUEST)
				describe_request(out, assembler);
			else if (assembled != HTTP_ASSEMBLED_MORE)
				buffer_printf(out, "%s%u;",
				    assembled == HTTP_ASSEMBLED_BROKEN ? "!"
								       : "?",
				    http_assembler_problem(assembler)->status);
			free(copy);
			if (assembled == HTTP_ASSEMBLED_MORE)
				CU_ASSERT_EQUAL(consumed, left);
			if (assembled == HTTP_ASSEMBLED_MORE ||
			    assembled == HTTP_ASSEMBLED_BROKEN)
				break;
		}
	}
	if (assembled == HTTP_ASSEMBLED_MORE && text.size > 0)
		buffer_printf(out, "...");
	http_assembler_close(assembler);
	buffer_deinit(&pending);
}

/* However it comes, `text` must come to `expected`. */
static void
expect_bytes(struct slice text, const char *expected)
{
	for (size_t piece = 1; piece <= text.size; piece++) {
		/* All sizes of short texts, some of long ones. */
		if (text.size > 300 && piece > 40 && piece != text.size &&
		    piece % 131 != 0)
			continue;
		for (int is_kept = 0; is_kept < 2; is_kept++) {
			struct buffer out = {0};

			assemble(text, piece, is_kept, &out);
			buffer_append_byte(&out, '\0');
			if (strcmp((char *)out.data, expected) != 0)
				fprintf(stderr,
				    "in pieces of %zu:\n%.*s\nis: %s\nnot: "
				    "%s\n",
				    piece, (int)text.size,
				    (const char *)text.data, (char *)out.data,
				    expected);
			CU_ASSERT_STRING_EQUAL_FATAL(
			    (char *)out.data, expected);
			buffer_deinit(&out);
		}
	}
}

static void
expect(const char *text, const char *expected)
{
	expect_bytes(slice_of_string(text), expected);
}

#define HOST "Host: x\r\n"

static void
requests_come_whole_however_they_are_cut(void)
{
	expect("GET /a HTTP/1.1\r\n" HOST "\r\n", "GET /a [];");
	expect("GET /a HTTP/1.1\r\n" HOST "\r\nHEAD /b HTTP/1.1\r\n" HOST
	       "\r\n",
	    "GET /a [];HEAD /b [];");
	expect("PUT /a?ttl=1 HTTP/1.1\r\n" HOST
	       "Content-Length: 5\r\nContent-Type:  a/b \r\n\r\nhelloGET /b "
	       "HTTP/1.1\r\nAccept: z\r\n" HOST "\r\n",
	    "PUT /a?ttl=1 type=a/b [hello];GET /b accept=z [];");
	expect("POST /-/batch HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=\"y\"\r\n"
	       "defg\r\n0\r\nT: u\r\n\r\nDELETE /x HTTP/1.1\r\n" HOST
	       "If-Match: \"1\"\r\nIf-None-Match: *\r\nOrigin: o\r\n\r\n",
	    "POST /-/batch coding=chunked [abcdefg];"
	    "DELETE /x origin=o match=\"1\" none=* [];");
	expect("PUT /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
	    "PUT /a [];");
	expect("PUT /a HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
	    "PUT /a coding=Chunked [];");
	expect("\r\n\r\nGET /a HTTP/1.1\r\n" HOST "\r\n", "GET /a [];");
	expect("GET /a HTTP/1.1\nHost: x\n\n", "GET /a [];");
	expect("GET /a HTTP/1.1\r\nHOST:x\r\nX-Empty:\r\n\r\n", "GET /a [];");
}

static void
what_is_not_whole_waits(void)
{
	expect("GET /a HTTP/1.1\r\n" HOST, "...");
	expect("G", "...");
	expect(
	    "PUT /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhell", "...");
	expect("PUT /a HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
	    "...");
}

static void
versions_and_connection_say_what_follows(void)
{
	expect("GET /a HTTP/1.0\r\n\r\n", "GET /a old last [];");
	expect("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	    "GET /a old [];");
	expect("GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
	    "GET /a last [];");
	expect("GET /a HTTP/1.1\r\n" HOST
	       "Connection: upgrade\r\nUpgrade: h2c\r\n\r\nGET /b "
	       "HTTP/1.1\r\n" HOST "\r\n",
	    "GET /a [];GET /b [];");
	expect("GET /a HTTP/2.0\r\n" HOST "\r\n", "!505;");
	expect("GET /a\r\n" HOST "\r\n", "!505;");
	expect("GET /a HTTP/1.10\r\n" HOST "\r\n", "!400;");
	expect("CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", "OTHER a:80 [];");
	expect("PATCH /a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab",
	    "OTHER /a [];");
}

static void
malformed_heads_end_the_connection(void)
{
	static const char *const heads[] = {
	    "GET /a b HTTP/1.1\r\n" HOST "\r\n",
	    "GET a HTTP/1.1\r\n" HOST "\r\n",
	    "GET /a HTTPS/1.1\r\n" HOST "\r\n",
	    "GET /a HTTP/1.1\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST HOST "\r\n",
	    "GET /a HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST "A:\r\n c\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST "A\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST ": b\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST " A: b\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST "A : b\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n",
	    "GET /a HTTP/1.1\r\n" HOST "A: b\r\n\rXGET",
	    "GET /a HTTP/1.1\r\n" HOST "Content-Type: a\r\nContent-Type: "
	    "a\r\n\r\n",
	};

	for (size_t i = 0; i < SUITE_COUNT(heads); i++)
		expect(heads[i], "!400;");
	expect_bytes(
	    slice_of("GET /a HTTP/1.1\r\nHost: x\0y\r\n\r\n", 30), "!400;");
	expect_bytes(
	    slice_of("GET /a HTTP/1.1\r\nHo\0st: x\r\n\r\n", 30), "!400;");
	expect("get /a HTTP/1.1\r\n" HOST "\r\n", "!501;");
	expect("BREW /a HTTP/1.1\r\n" HOST "\r\n", "!501;");
	expect("\x16\x03\x01\x02", "!501;");
	expect("GET /a HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", "!417;");
}

#define PUT_WITH(fields) "PUT /a HTTP/1.1\r\n" HOST fields "\r\n"

/* Lengths that two programs may understand differently. */
static void
smuggling_is_refused(void)
{
	static const char *const broken[] = {
	    PUT_WITH("Content-Length: 5\r\nContent-Length: 5\r\n") "hello",
	    PUT_WITH("Content-Length: 5\r\nContent-Length: 6\r\n") "hello",
	    PUT_WITH("Content-Length: 5, 5\r\n") "hello",
	    PUT_WITH("Content-Length: +5\r\n") "hello",
	    PUT_WITH("Content-Length: -5\r\n") "hello",
	    PUT_WITH("Content-Length: 0x5\r\n") "hello",
	    PUT_WITH("Content-Length: five\r\n") "hello",
	    PUT_WITH("Content-Length:\r\n") "hello",
	    PUT_WITH("Content-Length: 18446744073709551616\r\n") "hello",
	    PUT_WITH("Content-Length : 5\r\n") "hello",
	    PUT_WITH(
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r"
								       "\n",
	    PUT_WITH(
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") "0\r\n\r"
								       "\n",
	    PUT_WITH("Transfer-Encoding : chunked\r\n") "0\r\n\r\n",
	    PUT_WITH("Transfer-Encoding:\r\n chunked\r\n") "0\r\n\r\n",
	    PUT_WITH("Transfer-Encoding: chunked\r\n"
		     "Transfer-Encoding: chunked\r\n") "0\r\n\r\n",
	    "PUT /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	};
	static const char *const codings[] = {"gzip", "gzip, chunked",
	    "chunked, gzip", "xchunked", "identity", "chunked, chunked",
	    "\"chunked\"",
	    "\x0b"
	    "chunked"};

	for (size_t i = 0; i < SUITE_COUNT(broken); i++)
		expect(broken[i], "!400;");
	for (size_t i = 0; i < SUITE_COUNT(codings); i++) {
		char text[200];

		snprintf(text, sizeof(text),
		    "PUT /a HTTP/1.1\r\n" HOST
		    "Transfer-Encoding: %s\r\n\r\n0\r\n\r\n",
		    codings[i]);
		expect(text, codings[i][0] == '\x0b' ? "!400;" : "!501;");
	}
	expect(
	    PUT_WITH("Content-Length: 99999999999999999\r\n") "hello", "!413;");
}

static void
bad_chunks_end_the_connection(void)
{
	static const char *const bodies[] = {"x\r\n", "\r\n5\r\nhello\r\n",
	    "0x5\r\nhello\r\n0\r\n\r\n", "-5\r\n", "+5\r\n", " 5\r\nhello\r\n",
	    "5\nhello\r\n0\r\n\r\n", "5\rXhello\r\n0\r\n\r\n",
	    "5\r\nhelloXX0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
	    "5\r\nhello0\r\n\r\n", "fffffffffffffffff\r\nhello\r\n",
	    "5;a\nb\r\nhello\r\n0\r\n\r\n", "5;a\x01\r\nhello\r\n0\r\n\r\n",
	    "0\r\nA: b\nC: d\r\n\r\n", "0\r\n\rX"};

	for (size_t i = 0; i < SUITE_COUNT(bodies); i++) {
		char text[200];

		snprintf(text, sizeof(text), "%s%s",
		    PUT_WITH("Transfer-Encoding: chunked\r\n"), bodies[i]);
		expect(text, "!400;");
	}
}

/* Puts `count` times `byte` between two texts. */
static void
expect_filled(const char *before, char byte, size_t count, const char *after,
    const char *expected)
{
	struct buffer text = {0};

	buffer_append_slice(&text, slice_of_string(before));
	memset(buffer_reserve(&text, count), byte, count);
	buffer_commit(&text, count);
	buffer_append_slice(&text, slice_of_string(after));
	expect_bytes(buffer_slice(&text), expected);
	buffer_deinit(&text);
}

static void
heads_over_a_limit_are_refused_before_they_are_whole(void)
{
	struct buffer many = {0};

	expect_filled("GET /", 'a', 3 * 100 + HTTP_TARGET_EXTRA_BYTES,
	    " HTTP/1.1\r\n" HOST "\r\n", "!414;");
	expect_filled(
	    "GET /", 'a', 3 * 100 + HTTP_TARGET_EXTRA_BYTES, "", "!414;");
	expect_filled("GET / HTTP/1.1\r\nA: ", 'a', HTTP_FIELDS_BYTES_MAX,
	    "\r\n" HOST "\r\n", "!431;");
	expect_filled(
	    "GET / HTTP/1.1\r\n", 'a', HTTP_FIELDS_BYTES_MAX, "", "!431;");
	buffer_printf(&many, "GET / HTTP/1.1\r\n" HOST);
	for (unsigned i = 1; i < HTTP_FIELDS_MAX; i++)
		buffer_printf(&many, "A: b\r\n");
	buffer_printf(&many, "\r\n");
	expect_bytes(buffer_slice(&many), "GET / [];");
	buffer_clear(&many, 0);
	buffer_printf(&many, "GET / HTTP/1.1\r\n" HOST);
	for (unsigned i = 1; i <= HTTP_FIELDS_MAX; i++)
		buffer_printf(&many, "A: b\r\n");
	buffer_printf(&many, "\r\n");
	expect_bytes(buffer_slice(&many), "!431;");
	buffer_deinit(&many);
}

static void
bodies_over_their_limit_are_read_and_refused(void)
{
	char after[] = "GET /b HTTP/1.1\r\n" HOST "\r\n";

	expect_filled(PUT_WITH("Content-Type: application/octet-stream\r\n"
			       "Content-Length: 1001\r\n"),
	    'v', 1001, after, "?413;GET /b [];");
	/* JSON may be larger than its value, within reason. */
	expect_filled(PUT_WITH("Content-Length: 7097\r\n"), 'v', 7097, after,
	    "?413;GET /b [];");
	expect_filled("POST /a HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: chunked\r\n\r\nfa1\r\n",
	    'v', 4001, "\r\n0\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n",
	    "?413;GET /b [];");
}

static void
bodies_that_nobody_needs_are_passed_over(void)
{
	expect("GET /a HTTP/1.1\r\n" HOST
	       "Content-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n" HOST "\r\n",
	    "GET /a [];GET /b [];");
	expect("DELETE /a HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	    "DELETE /a coding=chunked [];");
}

static void
only_who_waits_for_it_is_told_to_continue(void)
{
	static const char head[] =
	    PUT_WITH("Content-Length: 5\r\nExpect: 100-Continue\r\n");
	static const char large[] =
	    PUT_WITH("Content-Length: 1000000\r\nExpect: 100-continue\r\n");
	struct http_assembler *assembler = http_assembler_create(&limits);
	struct slice input = slice_of_string(head);
	size_t consumed;

	CU_ASSERT_EQUAL(http_assembler_next(assembler, input, &consumed),
	    HTTP_ASSEMBLED_MORE);
	CU_ASSERT(http_assembler_pending_bytes(assembler) > 0);
	CU_ASSERT_TRUE(http_assembler_takes_continue(assembler));
	CU_ASSERT_FALSE(http_assembler_takes_continue(assembler));
	CU_ASSERT_EQUAL(
	    http_assembler_next(assembler, slice_of("hello", 5), &consumed),
	    HTTP_ASSEMBLED_REQUEST);
	CU_ASSERT_EQUAL(http_assembler_pending_bytes(assembler), 0);
	/* With a body that is here already there is nothing to wait for. */
	CU_ASSERT_EQUAL(http_assembler_next(assembler, input, &consumed),
	    HTTP_ASSEMBLED_MORE);
	CU_ASSERT_EQUAL(
	    http_assembler_next(assembler, slice_of("h", 1), &consumed),
	    HTTP_ASSEMBLED_MORE);
	CU_ASSERT_FALSE(http_assembler_takes_continue(assembler));
	CU_ASSERT_EQUAL(
	    http_assembler_next(assembler, slice_of("ello", 4), &consumed),
	    HTTP_ASSEMBLED_REQUEST);
	/* And who announces too much is told so at once. */
	CU_ASSERT_EQUAL(
	    http_assembler_next(assembler, slice_of_string(large), &consumed),
	    HTTP_ASSEMBLED_BROKEN);
	CU_ASSERT_EQUAL(http_assembler_problem(assembler)->status, 413);
	http_assembler_close(assembler);
}

/* Whatever comes, it ends in requests, a problem, or waiting. */
static void
damaged_requests_do_no_harm(void)
{
	static const char good[] =
	    "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
	    "chunked\r\nExpect: 100-continue\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	    "PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
	    "GET /c HTTP/1.1\r\nHost: x\r\nIf-Match: \"1\"\r\n\r\n";
	struct rng rng = rng_seeded(suite_seed());

	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[sizeof(good) - 1];
		size_t piece = 1 + rng_below(&rng, sizeof(bytes));
		struct buffer out = {0};

		memcpy(bytes, good, sizeof(bytes));
		for (uint64_t n = rng_below(&rng, 4); n <= 4; n++)
			bytes[rng_below(&rng, sizeof(bytes))] =
			    (uint8_t)rng_next(&rng);
		assemble(slice_of(bytes, sizeof(bytes)), piece, i % 2, &out);
		buffer_deinit(&out);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(requests_come_whole_however_they_are_cut),
	    SUITE_CASE(what_is_not_whole_waits),
	    SUITE_CASE(versions_and_connection_say_what_follows),
	    SUITE_CASE(malformed_heads_end_the_connection),
	    SUITE_CASE(smuggling_is_refused),
	    SUITE_CASE(bad_chunks_end_the_connection),
	    SUITE_CASE(heads_over_a_limit_are_refused_before_they_are_whole),
	    SUITE_CASE(bodies_over_their_limit_are_read_and_refused),
	    SUITE_CASE(bodies_that_nobody_needs_are_passed_over),
	    SUITE_CASE(only_who_waits_for_it_is_told_to_continue),
	    SUITE_CASE(damaged_requests_do_no_harm),
	};

	return suite_run(
	    "http_assembler", cases, SUITE_COUNT(cases), argc, argv);
}
