#include <stdio.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/base/rng.h"
#include "frontend/tcp/resp_parser.h"
#include "tests/support/suite.h"

#define BULK_MAX (1u << 20)
#define REQUEST_MAX (2u << 20)

/* What one parse of a whole text comes to: words, or an error, in brackets. */
static void
describe(struct buffer *out, enum resp_parsed parsed,
    const struct resp_parser *parser, const struct error *err)
{
	switch (parsed) {
	case RESP_PARSED_COMMAND:
		for (uint32_t i = 0; i < parser->count; i++) {
			buffer_append_byte(out, '[');
			buffer_append_slice(out, parser->arguments[i]);
			buffer_append_byte(out, ']');
		}
		buffer_append_byte(out, ';');
		break;
	case RESP_PARSED_ERROR:
		buffer_printf(out, "!%s", err->text);
		break;
	case RESP_PARSED_MORE:
		break;
	}
}

/*
 * Parses `text` as it would come in pieces of `piece` bytes, each time at
 * another address and with nothing readable behind it.
 */
static void
parse_in_pieces(struct slice text, size_t piece, struct buffer *out)
{
	struct resp_parser parser;
	struct buffer pending = {0};
	struct error err;
	size_t given = 0;
	bool broken = false;

	resp_parser_init(&parser, BULK_MAX, REQUEST_MAX);
	while (given < text.size && !broken) {
		size_t size =
		    piece < text.size - given ? piece : text.size - given;
		enum resp_parsed parsed;

		buffer_append(&pending, text.data + given, size);
		given += size;
		do {
			size_t left = buffer_size(&pending);
			uint8_t *copy = malloc(left + 1);
			size_t consumed;
			size_t wanted;

			if (left > 0)
				memcpy(
				    copy, pending.data + pending.start, left);
			parsed = resp_parser_next(
			    &parser, copy, left, &consumed, &wanted, &err);
			describe(out, parsed, &parser, &err);
			broken = parsed == RESP_PARSED_ERROR;
			if (parsed == RESP_PARSED_MORE)
				CU_ASSERT(wanted > left - consumed);
			if (!broken)
				buffer_consume(&pending, consumed);
			/* Unquoting in place would else be seen twice. */
			free(copy);
		} while (parsed == RESP_PARSED_COMMAND);
	}
	resp_parser_deinit(&parser);
	buffer_deinit(&pending);
}

static void
expect(struct slice text, const char *wanted)
{
	for (size_t piece = 1; piece <= text.size; piece++) {
		struct buffer out = {0};

		parse_in_pieces(text, piece, &out);
		buffer_append_byte(&out, '\0');
		if (strcmp((char *)out.data, wanted) != 0)
			fprintf(stderr, "got %s, not %s\n", (char *)out.data,
			    wanted);
		CU_ASSERT_STRING_EQUAL((char *)out.data, wanted);
		buffer_deinit(&out);
	}
}

static void
expect_text(const char *text, const char *wanted)
{
	expect(slice_of_string(text), wanted);
}

static void
arrays_of_bulks_are_requests(void)
{
	expect_text("*1\r\n$4\r\nPING\r\n", "[PING];");
	expect_text("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", "[GET][];");
	expect_text("*2\r\n$3\r\nGET\r\n$12\r\nab\r\ncdefghij\r\n",
	    "[GET][ab\r\ncdefghij];");
	expect_text("*1\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n$1\r\nc\r\n*1\r\n$1\r\n",
	    "[a];[b][c];");
	expect(slice_of("*1\r\n$3\r\n\0\xff\n\r\n", 13),
	    "["); /* The zero byte ends what strcmp sees. */
}

static void
empty_requests_are_passed_over(void)
{
	expect_text(
	    "*0\r\n*-1\r\n*-5\r\n\r\n\n \t \r\n*1\r\n$1\r\na\r\n", "[a];");
	expect_text("\r\n\r\nPING\r\n", "[PING];");
}

static void
inline_commands_are_split_and_unquoted(void)
{
	expect_text("GET  a\tb \r\nPING\n", "[GET][a][b];[PING];");
	expect_text("SET k \"a b\\x41\\n\\\"\\q\\xzz\" 'it\\'s \\n'\r\n",
	    "[SET][k][a bA\n\"qxzz][it's \\n];");
	expect_text("a\"b c\" ''\r\n", "[ab c][];");
	expect_text(
	    "PING \"a\r\n", "!Protocol error: unbalanced quotes in request");
	expect_text(
	    "SET 'a'b\r\n", "!Protocol error: unbalanced quotes in request");
	expect_text(
	    "a \"b\\\r\n", "!Protocol error: unbalanced quotes in request");
}

static void
broken_rules_have_the_texts_of_redis(void)
{
	expect_text("*x\r\n", "!Protocol error: invalid multibulk length");
	expect_text("*\r\n", "!Protocol error: invalid multibulk length");
	expect_text("*01\r\n", "!Protocol error: invalid multibulk length");
	expect_text(
	    "*1048577\r\n", "!Protocol error: invalid multibulk length");
	expect_text("*99999999999999999999\r\n",
	    "!Protocol error: invalid multibulk length");
	expect_text("*1\r\n$x\r\n", "!Protocol error: invalid bulk length");
	expect_text("*1\r\n$-1\r\n", "!Protocol error: invalid bulk length");
	expect_text("*1\r\n$1048577\r\n",
	    "!Protocol error: invalid bulk length; the limit is 1048576 bytes");
	expect_text("*3\r\n$1\r\na\r\n$1\r\nb\r\nPING\r\n",
	    "!Protocol error: expected '$', got 'P'");
	expect_text("*1\r\n\rx\r\n", "!Protocol error: expected '$', got ' '");
}

static void
a_request_over_the_limit_is_refused_by_its_declaration(void)
{
	struct resp_parser parser;
	char text[64];
	struct error err;
	size_t consumed;
	size_t wanted;
	int size = snprintf(text, sizeof(text), "*2\r\n$1\r\na\r\n$100\r\n");

	resp_parser_init(&parser, 100, 110);
	CU_ASSERT_EQUAL(resp_parser_next(&parser, (uint8_t *)text, (size_t)size,
			    &consumed, &wanted, &err),
	    RESP_PARSED_ERROR);
	resp_parser_deinit(&parser);
	/* A declared count makes no room: sixteen are the first step. */
	size = snprintf(text, sizeof(text), "*1000000\r\n$1\r\na\r\n$1\r\n");
	resp_parser_init(&parser, 100, 110);
	CU_ASSERT_EQUAL(resp_parser_next(&parser, (uint8_t *)text, (size_t)size,
			    &consumed, &wanted, &err),
	    RESP_PARSED_MORE);
	CU_ASSERT(parser.capacity <= 16);
	resp_parser_deinit(&parser);
}

/* A line without an end is refused at its limit, not gathered for ever. */
static void
endless_lines_are_refused(void)
{
	static const struct {
		const char *start;
		const char *wanted;
	} rows[] = {
	    {"a", "Protocol error: too big inline request"},
	    {"*1", "Protocol error: too big mbulk count string"},
	    {"*1\r\n$1", "Protocol error: too big bulk count string"},
	};

	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		struct resp_parser parser;
		struct buffer input = {0};
		struct error err;
		size_t consumed;
		size_t wanted;
		enum resp_parsed parsed = RESP_PARSED_MORE;

		resp_parser_init(&parser, BULK_MAX, REQUEST_MAX);
		buffer_append(&input, rows[i].start, strlen(rows[i].start));
		while (parsed == RESP_PARSED_MORE &&
		    buffer_size(&input) < 2 * RESP_LINE_BYTES_MAX) {
			for (int k = 0; k < 1000; k++)
				buffer_append_byte(&input, '1');
			parsed = resp_parser_next(&parser, input.data,
			    buffer_size(&input), &consumed, &wanted, &err);
		}
		CU_ASSERT_EQUAL(parsed, RESP_PARSED_ERROR);
		CU_ASSERT_STRING_EQUAL(err.text, rows[i].wanted);
		resp_parser_deinit(&parser);
		buffer_deinit(&input);
	}
}

/* Random requests in random pieces come out as they went in. */
static void
requests_in_any_pieces_come_out_the_same(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < 300; round++) {
		struct buffer text = {0};
		struct buffer wanted = {0};
		struct buffer got = {0};

		for (uint64_t n = rng_below(&rng, 4); n < 5; n++) {
			uint64_t count = 1 + rng_below(&rng, 40);

			buffer_printf(&text, "*%u\r\n", (unsigned)count);
			for (; count > 0; count--) {
				uint64_t size = rng_below(&rng, 30);

				buffer_printf(&text, "$%u\r\n", (unsigned)size);
				buffer_append_byte(&wanted, '[');
				for (; size > 0; size--) {
					uint8_t byte = (uint8_t)rng_next(&rng);

					buffer_append_byte(&text, byte);
					buffer_append_byte(&wanted, byte);
				}
				buffer_append(&text, "\r\n", 2);
				buffer_append_byte(&wanted, ']');
			}
			buffer_append_byte(&wanted, ';');
		}
		parse_in_pieces(buffer_slice(&text),
		    1 + (size_t)rng_below(&rng, 100), &got);
		CU_ASSERT_TRUE(
		    slice_equal(buffer_slice(&got), buffer_slice(&wanted)));
		buffer_deinit(&text);
		buffer_deinit(&wanted);
		buffer_deinit(&got);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(arrays_of_bulks_are_requests),
	    SUITE_CASE(empty_requests_are_passed_over),
	    SUITE_CASE(inline_commands_are_split_and_unquoted),
	    SUITE_CASE(broken_rules_have_the_texts_of_redis),
	    SUITE_CASE(a_request_over_the_limit_is_refused_by_its_declaration),
	    SUITE_CASE(endless_lines_are_refused),
	    SUITE_CASE(requests_in_any_pieces_come_out_the_same),
	};

	return suite_run("resp_parser", cases, SUITE_COUNT(cases), argc, argv);
}
