#include "frontend/tcp/resp_parser.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/decimal.h"
#include "frontend/tcp/resp_inline.h"

#define ARGUMENTS_FIRST 16u
#define ARGUMENTS_KEPT 4096u
#define LINE_BYTES_KEPT 1024u

/* What a step found; the last three end the call. */
enum step {
	STEP_ON,
	STEP_COMMAND,
	STEP_MORE,
	STEP_ERROR,
};

void
resp_parser_init(
    struct resp_parser *parser, size_t bulk_bytes_max, size_t request_bytes_max)
{
	*parser = (struct resp_parser){
	    .bulk_bytes_max = bulk_bytes_max,
	    .request_bytes_max = request_bytes_max,
	};
}

void
resp_parser_deinit(struct resp_parser *parser)
{
	mem_free(parser->arguments);
	parser->arguments = NULL;
	parser->capacity = 0;
	buffer_deinit(&parser->line);
}

static enum step
broken(struct error *err, const char *text)
{
	error_set(err, STATUS_INVALID, "Protocol error: %s", text);
	return STEP_ERROR;
}

static enum step
too_big(struct error *err, const char *text, size_t limit)
{
	error_set(err, STATUS_INVALID,
	    "Protocol error: %s; the limit is %zu bytes", text, limit);
	return STEP_ERROR;
}

/*
 * Finds the line that begins at parser->position: *line is what stands between
 * its first byte, which tells its kind, and the CR.
 */
static enum step
find_line(struct resp_parser *parser, const uint8_t *bytes, size_t size,
    struct slice *line, const char *too_long, struct error *err)
{
	size_t from = parser->position + parser->searched;
	const uint8_t *end = memchr(bytes + from, '\r', size - from);

	if (end == NULL) {
		parser->searched = size - parser->position;
		if (parser->searched > RESP_LINE_BYTES_MAX)
			return broken(err, too_long);
		return STEP_MORE;
	}
	parser->searched = (size_t)(end - bytes) - parser->position;
	/* The LF must be there too before the line counts. */
	if ((size_t)(end - bytes) + 2 > size)
		return STEP_MORE;
	*line = slice_of(bytes + parser->position + 1,
	    parser->searched > 0 ? parser->searched - 1 : 0);
	return STEP_ON;
}

static void
finish_line(struct resp_parser *parser)
{
	parser->position += parser->searched + 2;
	parser->searched = 0;
}

/*
 * Reads the number of a whole line whose digits begin at `at`, up to nine of
 * them without a leading zero: the form nearly every line has. False leaves it
 * to find_line() and the exact rules.
 */
static inline bool
read_number(
    const uint8_t *at, const uint8_t *end, uint32_t *number, size_t *digits)
{
	uint32_t value = 0;
	size_t count = 0;

	while (count < 9 && at + count < end) {
		uint32_t digit = (uint32_t)at[count] - '0';

		if (digit > 9)
			break;
		value = value * 10 + digit;
		count++;
	}
	if (count == 0 || (at[0] == '0' && count > 1) ||
	    (size_t)(end - at) < count + 2 || at[count] != '\r')
		return false;
	*number = value;
	*digits = count;
	return true;
}

static enum step
take_array_header(struct resp_parser *parser, const uint8_t *bytes, size_t size,
    struct error *err)
{
	uint32_t number;
	size_t digits;
	int64_t count;

	if (LIKELY(read_number(bytes + parser->position + 1, bytes + size,
		&number, &digits))) {
		count = number;
		parser->searched = 1 + digits;
	} else {
		struct slice line;
		enum step step = find_line(parser, bytes, size, &line,
		    "too big mbulk count string", err);

		if (step != STEP_ON)
			return step;
		if (!decimal_parse(line, &count))
			return broken(err, "invalid multibulk length");
	}
	if (count > (int64_t)RESP_ARGUMENTS_MAX)
		return broken(err, "invalid multibulk length");
	finish_line(parser);
	parser->expected = count > 0 ? (uint32_t)count : 0;
	return STEP_ON;
}

static enum step
take_bulk_header(struct resp_parser *parser, const uint8_t *bytes, size_t size,
    struct error *err)
{
	const uint8_t *at = bytes + parser->position;
	uint32_t number;
	size_t digits;
	int64_t bulk;

	if (LIKELY(parser->position < size && *at == '$' &&
		read_number(at + 1, bytes + size, &number, &digits))) {
		bulk = number;
		parser->searched = 1 + digits;
	} else {
		struct slice line;
		enum step step = find_line(parser, bytes, size, &line,
		    "too big bulk count string", err);

		if (step != STEP_ON)
			return step;
		if (*at != '$') {
			error_set(err, STATUS_INVALID,
			    "Protocol error: expected '$', got '%c'",
			    *at == '\r' || *at == '\n' ? ' ' : *at);
			return STEP_ERROR;
		}
		if (!decimal_parse(line, &bulk))
			return broken(err, "invalid bulk length");
	}
	if (bulk < 0)
		return broken(err, "invalid bulk length");
	if ((uint64_t)bulk > parser->bulk_bytes_max)
		return too_big(
		    err, "invalid bulk length", parser->bulk_bytes_max);
	finish_line(parser);
	if (parser->position + (size_t)bulk + 2 > parser->request_bytes_max)
		return too_big(err, "too big multibulk request",
		    parser->request_bytes_max);
	parser->bulk_bytes = (size_t)bulk;
	parser->in_bulk = true;
	return STEP_ON;
}

static void
add_argument(struct resp_parser *parser, struct slice argument)
{
	if (UNLIKELY(parser->count == parser->capacity)) {
		parser->capacity = parser->capacity == 0 ? ARGUMENTS_FIRST
							 : parser->capacity * 2;
		parser->arguments = mem_resize(parser->arguments,
		    parser->capacity * sizeof(*parser->arguments));
	}
	parser->arguments[parser->count++] = argument;
}

/* Takes arguments until the array is complete or the bytes run out. */
static enum step
take_arguments(struct resp_parser *parser, const uint8_t *bytes, size_t size,
    struct error *err)
{
	while (parser->count < parser->expected) {
		if (!parser->in_bulk) {
			enum step step =
			    take_bulk_header(parser, bytes, size, err);

			if (step != STEP_ON)
				return step;
		}
		if (size - parser->position < parser->bulk_bytes + 2)
			return STEP_MORE;
		add_argument(parser,
		    slice_of(bytes + parser->position, parser->bulk_bytes));
		parser->position += parser->bulk_bytes + 2;
		parser->in_bulk = false;
	}
	return STEP_COMMAND;
}

/*
 * Between two calls the input may move, so arguments that are already there
 * are kept as offsets then: as pointers that count from address 0.
 */
static void
shift_arguments(struct resp_parser *parser, uint32_t first, uint32_t end,
    uintptr_t from, uintptr_t to)
{
	for (uint32_t i = first; i < end; i++)
		parser->arguments[i].data =
		    (const uint8_t *)((uintptr_t)parser->arguments[i].data -
			from + to);
}

static enum step
take_array(struct resp_parser *parser, const uint8_t *bytes, size_t size,
    struct error *err)
{
	uint32_t before = parser->count;
	enum step step;

	if (parser->expected == 0) {
		step = take_array_header(parser, bytes, size, err);
		if (step != STEP_ON || parser->expected == 0)
			return step;
	}
	step = take_arguments(parser, bytes, size, err);
	if (step == STEP_COMMAND)
		shift_arguments(parser, 0, before, 0, (uintptr_t)bytes);
	else if (step == STEP_MORE)
		shift_arguments(
		    parser, before, parser->count, (uintptr_t)bytes, 0);
	return step;
}

/*
 * Unquotes in a copy of the line, so that an owner who cannot run the command
 * yet finds the input as it was when he parses it again.
 */
static enum step
take_inline(struct resp_parser *parser, const uint8_t *bytes, size_t size,
    struct error *err)
{
	const uint8_t *end =
	    memchr(bytes + parser->searched, '\n', size - parser->searched);
	struct resp_inline words;
	struct slice argument;
	enum resp_word found;

	if (end == NULL) {
		parser->searched = size;
		if (size > RESP_LINE_BYTES_MAX)
			return broken(err, "too big inline request");
		return STEP_MORE;
	}
	parser->position = (size_t)(end - bytes) + 1;
	if (end > bytes && end[-1] == '\r')
		end--;
	buffer_clear(&parser->line, LINE_BYTES_KEPT);
	buffer_append(&parser->line, bytes, (size_t)(end - bytes));
	words = (struct resp_inline){
	    parser->line.data, parser->line.data + parser->line.end};
	while ((found = resp_inline_next(&words, &argument)) == RESP_WORD_FOUND)
		add_argument(parser, argument);
	if (found == RESP_WORD_UNBALANCED)
		return broken(err, "unbalanced quotes in request");
	return parser->count > 0 ? STEP_COMMAND : STEP_ON;
}

/* Makes ready for the next request. */
static void
start_over(struct resp_parser *parser)
{
	parser->count = 0;
	parser->expected = 0;
	parser->position = 0;
	parser->searched = 0;
	parser->in_bulk = false;
	parser->finished = false;
}

static size_t
bytes_wanted(const struct resp_parser *parser, size_t size)
{
	if (parser->in_bulk)
		return parser->position + parser->bulk_bytes + 2;
	return size + 1;
}

enum resp_parsed
resp_parser_next(struct resp_parser *parser, const uint8_t *bytes, size_t size,
    size_t *consumed, size_t *wanted, struct error *err)
{
	size_t start = 0;

	if (parser->finished) {
		if (UNLIKELY(parser->capacity > ARGUMENTS_KEPT))
			resp_parser_deinit(parser);
		start_over(parser);
	}
	for (;;) {
		const uint8_t *at = bytes + start;
		size_t left = size - start;
		enum step step = STEP_MORE;

		if (parser->expected > 0 || (left > 0 && *at == '*'))
			step = take_array(parser, at, left, err);
		else if (left > 0)
			step = take_inline(parser, at, left, err);
		*consumed = start;
		switch (step) {
		case STEP_COMMAND:
			*consumed = start + parser->position;
			parser->finished = true;
			return RESP_PARSED_COMMAND;
		case STEP_MORE:
			*wanted = bytes_wanted(parser, left);
			return RESP_PARSED_MORE;
		case STEP_ERROR:
			return RESP_PARSED_ERROR;
		case STEP_ON:
			/* An empty request: nothing to do and no reply. */
			start += parser->position;
			start_over(parser);
			break;
		}
	}
}
