/*
 * The Redis protocol's parser. However the bytes arrive, the same commands
 * come out of them, and the same error behind those: the input's first byte
 * says in what pieces it is shown the second time.
 */
#include "common/base/mem.h"
#include "common/codec/append.h"
#include "frontend/tcp/resp_parser.h"
#include "tests/fuzz/fuzz.h"

#define BULK_BYTES_MAX 5000
#define REQUEST_BYTES_MAX 20000

static void
note_command(
    const struct resp_parser *parser, struct slice shown, struct buffer *out)
{
	CHECK(parser->count > 0);
	u32_append(out, parser->count);
	for (uint32_t i = 0; i < parser->count; i++) {
		struct slice argument = parser->arguments[i];

		CHECK(argument.size <= BULK_BYTES_MAX ||
		    argument.size <= RESP_LINE_BYTES_MAX);
		sized_append(out, argument);
	}
	CHECK(shown.size > 0);
}

/* Shows the input in pieces of `step` bytes and notes what comes out. */
static void
parse(struct slice input, size_t step, struct buffer *out)
{
	struct resp_parser parser;
	struct error err;
	size_t start = 0;
	size_t end = 0;
	enum resp_parsed parsed = RESP_PARSED_MORE;

	resp_parser_init(&parser, BULK_BYTES_MAX, REQUEST_BYTES_MAX);
	while (parsed != RESP_PARSED_ERROR &&
	    (end < input.size || parsed == RESP_PARSED_COMMAND)) {
		size_t consumed = 0;
		size_t wanted = 0;
		uint8_t *shown;

		if (parsed == RESP_PARSED_MORE)
			end = input.size - end < step ? input.size : end + step;
		/* To the byte: nothing behind it may be looked at. */
		shown = fuzz_copy(slice_of(input.data + start, end - start));
		parsed = resp_parser_next(
		    &parser, shown, end - start, &consumed, &wanted, &err);
		if (parsed == RESP_PARSED_COMMAND)
			note_command(
			    &parser, slice_of(shown, end - start), out);
		else if (parsed == RESP_PARSED_ERROR)
			sized_append(out, slice_of_string(err.text));
		else
			CHECK(wanted > 0);
		CHECK(consumed <= end - start);
		start += consumed;
		mem_free(shown);
	}
	resp_parser_deinit(&parser);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer whole = {0};
	struct buffer pieces = {0};
	struct slice input = slice_of(data, size);
	size_t step = (size_t)fuzz_take_number(&input, 1, 60);

	parse(input, input.size + 1, &whole);
	parse(input, step, &pieces);
	CHECK(slice_equal(buffer_slice(&whole), buffer_slice(&pieces)));
	buffer_deinit(&whole);
	buffer_deinit(&pieces);
	return 0;
}
