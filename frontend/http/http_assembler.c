#include "frontend/http/http_assembler.h"

#include <http_parser.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "frontend/http/http_chunks.h"

/* Memory for pieces that is kept from one request to the next. */
#define KEPT_BYTES_MAX 4096u

/* What chunks bring in until the next look at their bytes. */
#define CHUNKS_AHEAD_BYTES (1u << 20)

/*
 *   HEAD -> SIZED or CHUNKED -> DONE -> HEAD -> ...
 *     \________________________/
 *
 * and BROKEN from everywhere, for good.
 */
enum phase {
	PHASE_HEAD,
	PHASE_SIZED,
	PHASE_CHUNKED,
	PHASE_DONE,
	PHASE_BROKEN,
};

struct span {
	size_t start; /* from the start of the request */
	size_t size;
};

struct http_assembler {
	const struct http_limits *limits; /* borrowed */
	enum phase phase;
	http_parser parser;
	const uint8_t *base; /* what the parser reads: the request's start */
	size_t parsed_bytes; /* of the head */
	struct buffer head; /* the head, unless it lies in the input */
	struct buffer body; /* the body, unless it lies in the input */
	struct http_chunks chunks;
	uint64_t body_left; /* SIZED */
	uint64_t body_bytes; /* that came */
	uint64_t body_bytes_max;
	bool is_skipping; /* the body is of no use */
	bool is_refused; /* the problem is the answer */
	bool awaits_continue;
	/* Fields of the head, while it is parsed. */
	struct span target;
	struct span name;
	struct span value;
	bool has_value;
	unsigned field_count;
	unsigned seen; /* bit set of enum http_field */
	struct span fields[HTTP_FIELD_COUNT];
	struct http_request request;
	struct http_problem problem;
};

static int on_url(http_parser *parser, const char *at, size_t size);
static int on_name(http_parser *parser, const char *at, size_t size);
static int on_value(http_parser *parser, const char *at, size_t size);
static int on_head_end(http_parser *parser);

static const http_parser_settings callbacks = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head_end,
};

struct http_assembler *
http_assembler_create(const struct http_limits *limits)
{
	struct http_assembler *assembler = mem_new(sizeof(*assembler));

	assembler->limits = limits;
	assembler->phase = PHASE_DONE;
	/* Our own limits are lower and say more. */
	http_parser_set_max_header_size(UINT32_MAX / 2);
	return assembler;
}

void
http_assembler_close(struct http_assembler *assembler)
{
	if (assembler == NULL)
		return;
	buffer_deinit(&assembler->head);
	buffer_deinit(&assembler->body);
	mem_free(assembler);
}

const struct http_request *
http_assembler_request(const struct http_assembler *assembler)
{
	return &assembler->request;
}

const struct http_problem *
http_assembler_problem(const struct http_assembler *assembler)
{
	return &assembler->problem;
}

size_t
http_assembler_pending_bytes(const struct http_assembler *assembler)
{
	switch (assembler->phase) {
	case PHASE_HEAD:
		return buffer_size(&assembler->head);
	case PHASE_SIZED:
	case PHASE_CHUNKED:
		return buffer_size(&assembler->head) +
		    (size_t)assembler->body_bytes;
	default:
		return 0;
	}
}

size_t
http_assembler_body_bytes(const struct http_assembler *assembler)
{
	if (assembler->is_skipping)
		return 0;
	if (assembler->phase == PHASE_SIZED)
		return (size_t)(assembler->body_bytes + assembler->body_left);
	/* Chunks may come as fast as the kernel has them. */
	if (assembler->phase == PHASE_CHUNKED && assembler->body_bytes > 0)
		return (size_t)assembler->body_bytes + CHUNKS_AHEAD_BYTES;
	return 0;
}

void
http_assembler_drop_body(struct http_assembler *assembler)
{
	if (assembler->phase != PHASE_DONE)
		return;
	assembler->request.body = SLICE_EMPTY;
	buffer_clear(&assembler->body, KEPT_BYTES_MAX);
}

bool
http_assembler_takes_continue(struct http_assembler *assembler)
{
	bool takes = assembler->awaits_continue && assembler->body_bytes == 0 &&
	    (assembler->phase == PHASE_SIZED ||
		assembler->phase == PHASE_CHUNKED);

	if (takes)
		assembler->awaits_continue = false;
	return takes;
}

/* The problem that was set is the answer, and the connection's last. */
static enum http_assembled
broken(struct http_assembler *assembler)
{
	assembler->phase = PHASE_BROKEN;
	assembler->request.keeps_alive = false;
	return HTTP_ASSEMBLED_BROKEN;
}

static void
start(struct http_assembler *assembler)
{
	assembler->phase = PHASE_HEAD;
	http_parser_init(&assembler->parser, HTTP_REQUEST);
	assembler->parser.data = assembler;
	assembler->parsed_bytes = 0;
	buffer_clear(&assembler->head, KEPT_BYTES_MAX);
	buffer_clear(&assembler->body, KEPT_BYTES_MAX);
	assembler->body_left = 0;
	assembler->body_bytes = 0;
	assembler->is_skipping = false;
	assembler->is_refused = false;
	assembler->awaits_continue = false;
	assembler->target = (struct span){0};
	assembler->name = (struct span){0};
	assembler->value = (struct span){0};
	assembler->has_value = false;
	assembler->field_count = 0;
	assembler->seen = 0;
	assembler->request = (struct http_request){0};
}

static void
span_extend(struct http_assembler *assembler, struct span *span, const char *at,
    size_t size)
{
	if (span->size == 0)
		span->start = (size_t)((const uint8_t *)at - assembler->base);
	span->size += size;
}

static int
on_url(http_parser *parser, const char *at, size_t size)
{
	struct http_assembler *assembler = parser->data;

	span_extend(assembler, &assembler->target, at, size);
	return 0;
}

/* Which field it is, by its name. */
static enum http_field
field_of(struct slice name)
{
	static const char *const names[HTTP_FIELD_COUNT] = {
	    [HTTP_FIELD_HOST] = "host",
	    [HTTP_FIELD_ORIGIN] = "origin",
	    [HTTP_FIELD_ACCEPT] = "accept",
	    [HTTP_FIELD_CONTENT_TYPE] = "content-type",
	    [HTTP_FIELD_IF_MATCH] = "if-match",
	    [HTTP_FIELD_IF_NONE_MATCH] = "if-none-match",
	    [HTTP_FIELD_EXPECT] = "expect",
	    [HTTP_FIELD_TRANSFER_ENCODING] = "transfer-encoding",
	};

	for (unsigned i = 0; i < HTTP_FIELD_COUNT; i++)
		if (http_text_is(name, names[i]))
			return (enum http_field)i;
	return HTTP_FIELD_OTHER;
}

/* The parser does not look at the first byte of a value. */
static bool
has_control(struct slice value)
{
	for (size_t i = 0; i < value.size; i++)
		if ((value.data[i] < ' ' && value.data[i] != '\t') ||
		    value.data[i] == 0x7f)
			return true;
	return false;
}

/* A name and its value are whole. False if the problem is set. */
static bool
field_end(struct http_assembler *assembler)
{
	struct http_problem *problem = &assembler->problem;
	struct span name = assembler->name;
	struct span value = assembler->value;
	struct slice text = slice_of(assembler->base + name.start, name.size);
	const uint8_t *gap = text.data + name.size;
	enum http_field field = field_of(text);

	assembler->name = (struct span){0};
	assembler->value = (struct span){0};
	assembler->has_value = false;
	if (++assembler->field_count > HTTP_FIELDS_MAX) {
		http_problem_set(problem, 431,
		    "there are more than %u header fields", HTTP_FIELDS_MAX);
		problem->limit = HTTP_FIELDS_MAX;
		return false;
	}
	if (memchr(text.data, ' ', text.size) != NULL)
		return http_problem_set(
		    problem, 400, "the name of a header field has a blank");
	if (value.size > 0 &&
	    memchr(gap, '\n', value.start - name.start - name.size) != NULL)
		return http_problem_set(
		    problem, 400, "a header field is folded over lines");
	if (has_control(slice_of(assembler->base + value.start, value.size)))
		return http_problem_set(problem, 400,
		    "the value of a header field has a control character");
	if (field == HTTP_FIELD_OTHER)
		return true;
	if ((assembler->seen & 1u << field) != 0) {
		/* A list may be cut in two; one half is enough of a wish. */
		if (field == HTTP_FIELD_ACCEPT)
			return true;
		return http_problem_set(problem, 400,
		    "the header field %.*s is there twice", (int)text.size,
		    (const char *)text.data);
	}
	assembler->seen |= 1u << field;
	assembler->fields[field] = value;
	return true;
}

static int
on_name(http_parser *parser, const char *at, size_t size)
{
	struct http_assembler *assembler = parser->data;

	if (assembler->has_value && !field_end(assembler))
		return 1;
	span_extend(assembler, &assembler->name, at, size);
	return 0;
}

static int
on_value(http_parser *parser, const char *at, size_t size)
{
	struct http_assembler *assembler = parser->data;
	struct span *value = &assembler->value;
	size_t start = (size_t)((const uint8_t *)at - assembler->base);

	if (value->size > 0 && start != value->start + value->size) {
		http_problem_set(&assembler->problem, 400,
		    "a header field is folded over lines");
		return 1;
	}
	assembler->has_value = true;
	span_extend(assembler, value, at, size);
	return 0;
}

static int
on_head_end(http_parser *parser)
{
	struct http_assembler *assembler = parser->data;

	/* 1 and 2 would mean something else here. */
	if (assembler->has_value && !field_end(assembler))
		return -1;
	/* Upgrades are not offered; the body is not the parser's. */
	parser->upgrade = 0;
	http_parser_pause(parser, 1);
	return 0;
}

/* What the parser says is wrong with the head. */
static void
parser_problem(struct http_assembler *assembler)
{
	enum http_errno number = HTTP_PARSER_ERRNO(&assembler->parser);

	switch (number) {
	case HPE_CB_header_field:
	case HPE_CB_header_value:
	case HPE_CB_headers_complete:
		return; /* set already */
	case HPE_INVALID_METHOD:
		http_problem_set(&assembler->problem, 501,
		    "the request does not begin with a method of HTTP");
		return;
	default:
		http_problem_set(&assembler->problem, 400,
		    "the head of the request is malformed: %s",
		    http_errno_description(number));
	}
}

static size_t
target_bytes_max(const struct http_assembler *assembler)
{
	return 3 * assembler->limits->key_bytes_max + HTTP_TARGET_EXTRA_BYTES;
}

/* False, with the problem, when a head of `size` bytes is over a limit. */
static bool
head_fits(struct http_assembler *assembler, size_t size)
{
	size_t target = assembler->target.size;

	if (target > target_bytes_max(assembler))
		return http_problem_set_limit(&assembler->problem, 414,
		    "target", "the target", target_bytes_max(assembler));
	if (size > target && size - target > HTTP_FIELDS_BYTES_MAX)
		return http_problem_set_limit(&assembler->problem, 431, NULL,
		    "the head of the request beside the target",
		    HTTP_FIELDS_BYTES_MAX);
	return true;
}

static void
verb_take(struct http_assembler *assembler)
{
	enum http_verb *verb = &assembler->request.verb;

	switch (assembler->parser.method) {
	case HTTP_GET:
		*verb = HTTP_VERB_GET;
		break;
	case HTTP_HEAD:
		*verb = HTTP_VERB_HEAD;
		break;
	case HTTP_PUT:
		*verb = HTTP_VERB_PUT;
		break;
	case HTTP_DELETE:
		*verb = HTTP_VERB_DELETE;
		break;
	case HTTP_POST:
		*verb = HTTP_VERB_POST;
		break;
	default:
		*verb = HTTP_VERB_OTHER;
	}
}

/* Takes everything that the head says; false if the problem is set. */
static bool
head_take(struct http_assembler *assembler)
{
	const http_parser *parser = &assembler->parser;
	struct http_request *request = &assembler->request;
	struct http_problem *problem = &assembler->problem;
	struct slice *fields = request->fields;

	verb_take(assembler);
	request->keeps_alive = http_should_keep_alive(parser);
	request->is_old = parser->http_minor == 0;
	request->target = slice_of(
	    assembler->base + assembler->target.start, assembler->target.size);
	for (unsigned i = 0; i < HTTP_FIELD_COUNT; i++)
		if ((assembler->seen & 1u << i) != 0)
			fields[i] = http_text_trim(slice_of(
			    assembler->base + assembler->fields[i].start,
			    assembler->fields[i].size));
	if (parser->http_major != 1)
		return http_problem_set(
		    problem, 505, "the version must be HTTP/1.1 or HTTP/1.0");
	if (fields[HTTP_FIELD_HOST].data == NULL && !request->is_old)
		return http_problem_set(
		    problem, 400, "the header field Host is missing");
	if (fields[HTTP_FIELD_TRANSFER_ENCODING].data != NULL) {
		if (request->is_old)
			return http_problem_set(problem, 400,
			    "HTTP/1.0 knows no Transfer-Encoding");
		if (!http_text_is(
			fields[HTTP_FIELD_TRANSFER_ENCODING], "chunked"))
			return http_problem_set(problem, 501,
			    "the only Transfer-Encoding is chunked");
	}
	if (fields[HTTP_FIELD_EXPECT].data != NULL && !request->is_old) {
		if (!http_text_is(fields[HTTP_FIELD_EXPECT], "100-continue"))
			return http_problem_set(problem, 417,
			    "the only expectation is 100-continue");
		assembler->awaits_continue = true;
	}
	return true;
}

/* What the body may be. */
static void
body_limit_set(struct http_assembler *assembler)
{
	const struct http_limits *limits = assembler->limits;
	uint64_t *max = &assembler->body_bytes_max;

	switch (assembler->request.verb) {
	case HTTP_VERB_PUT:
		*max = limits->value_bytes_max;
		if (!http_request_is_raw(&assembler->request))
			*max = *max * HTTP_JSON_FACTOR + HTTP_JSON_EXTRA_BYTES;
		break;
	case HTTP_VERB_POST:
		*max = limits->batch_bytes_max < HTTP_POST_BYTES_MAX
		    ? limits->batch_bytes_max
		    : HTTP_POST_BYTES_MAX;
		break;
	default:
		*max = HTTP_SKIPPED_BYTES_MAX;
		assembler->is_skipping = true;
	}
}

/* The body turns out to be over its limit: the rest is read for nothing. */
static void
body_refuse(struct http_assembler *assembler)
{
	bool is_raw = http_request_is_raw(&assembler->request);

	http_problem_set_limit(&assembler->problem, 413, "body",
	    is_raw ? "the value" : "the body", assembler->body_bytes_max);
	assembler->is_refused = true;
	assembler->is_skipping = true;
	buffer_deinit(&assembler->body);
}

/* Decides how the body is taken; false if the problem is the end. */
static bool
body_start(struct http_assembler *assembler)
{
	uint64_t size = assembler->parser.content_length;
	bool is_chunked =
	    assembler->request.fields[HTTP_FIELD_TRANSFER_ENCODING].data !=
	    NULL;

	if (is_chunked) {
		assembler->phase = PHASE_CHUNKED;
		http_chunks_start(&assembler->chunks);
		body_limit_set(assembler);
		return true;
	}
	assembler->phase = PHASE_SIZED;
	/* The parser's way to say that there is no Content-Length. */
	if (size == 0 || size == UINT64_MAX)
		return true;
	body_limit_set(assembler);
	assembler->body_left = size;
	if (size <= assembler->body_bytes_max)
		return true;
	body_refuse(assembler);
	return size <= HTTP_SKIPPED_BYTES_MAX && !assembler->awaits_continue;
}

static enum http_assembled
done(struct http_assembler *assembler)
{
	assembler->phase = PHASE_DONE;
	return assembler->is_refused ? HTTP_ASSEMBLED_REFUSED
				     : HTTP_ASSEMBLED_REQUEST;
}

/* Takes a piece of the body; false if the problem is the end. */
static bool
body_add(struct http_assembler *assembler, struct slice piece)
{
	assembler->body_bytes += piece.size;
	if (!assembler->is_skipping &&
	    assembler->body_bytes > assembler->body_bytes_max)
		body_refuse(assembler);
	if (!assembler->is_skipping) {
		buffer_append_slice(&assembler->body, piece);
		return true;
	}
	if (assembler->body_bytes <= HTTP_SKIPPED_BYTES_MAX)
		return true;
	if (!assembler->is_refused)
		body_refuse(assembler);
	return false;
}

static enum http_assembled
take_sized(
    struct http_assembler *assembler, struct slice input, size_t *consumed)
{
	struct slice piece = input;

	if (piece.size > assembler->body_left)
		piece.size = (size_t)assembler->body_left;
	*consumed = piece.size;
	if (piece.size == assembler->body_left && assembler->body_bytes == 0) {
		if (!assembler->is_skipping)
			assembler->request.body = piece;
		return done(assembler);
	}
	assembler->body_left -= piece.size;
	if (!body_add(assembler, piece))
		return broken(assembler);
	if (assembler->body_left > 0)
		return HTTP_ASSEMBLED_MORE;
	assembler->request.body = buffer_slice(&assembler->body);
	return done(assembler);
}

static enum http_assembled
take_chunked(
    struct http_assembler *assembler, struct slice input, size_t *consumed)
{
	struct slice rest = input;
	struct slice piece;
	enum http_chunks_step step;

	do {
		step = http_chunks_next(&assembler->chunks, &rest, &piece);
		if (step == HTTP_CHUNKS_DATA && !body_add(assembler, piece))
			return broken(assembler);
	} while (step == HTTP_CHUNKS_DATA);
	*consumed = input.size - rest.size;
	switch (step) {
	case HTTP_CHUNKS_END:
		assembler->request.body = buffer_slice(&assembler->body);
		return done(assembler);
	case HTTP_CHUNKS_MORE:
		return HTTP_ASSEMBLED_MORE;
	default:
		http_problem_set(
		    &assembler->problem, 400, "the chunked body is malformed");
		return broken(assembler);
	}
}

/* Lets the slices of the head point to where it is now. */
static void
head_move(struct http_assembler *assembler, const uint8_t *to)
{
	struct http_request *request = &assembler->request;
	const uint8_t *from = assembler->base;

	request->target.data = to + (request->target.data - from);
	for (unsigned i = 0; i < HTTP_FIELD_COUNT; i++)
		if (request->fields[i].data != NULL)
			request->fields[i].data =
			    to + (request->fields[i].data - from);
	assembler->base = to;
}

/* Copies a head that lies in the input. */
static void
head_keep(struct http_assembler *assembler)
{
	struct buffer *head = &assembler->head;

	if (buffer_size(head) > 0 || assembler->base == NULL)
		return;
	buffer_append(head, assembler->base, assembler->parsed_bytes);
	head_move(assembler, head->data + head->start);
}

void
http_assembler_keep(struct http_assembler *assembler)
{
	struct slice *body = &assembler->request.body;

	if (assembler->phase == PHASE_BROKEN)
		return; /* the problem is all there is */
	head_keep(assembler);
	if (body->size > 0 && buffer_size(&assembler->body) == 0) {
		buffer_append_slice(&assembler->body, *body);
		*body = buffer_slice(&assembler->body);
	}
}

/*
 * Parses the head, all of `input` that belongs to it. *consumed is how much of
 * the input that was. MORE if it is not whole yet, REQUEST if it is.
 */
static enum http_assembled
take_head(
    struct http_assembler *assembler, struct slice input, size_t *consumed)
{
	struct buffer *head = &assembler->head;
	size_t before = buffer_size(head);
	struct slice bytes = input;
	size_t parsed = assembler->parsed_bytes;

	if (before > 0) {
		buffer_append_slice(head, input);
		bytes = buffer_slice(head);
	}
	assembler->base = bytes.data;
	parsed += http_parser_execute(&assembler->parser, &callbacks,
	    (const char *)bytes.data + parsed, bytes.size - parsed);
	if (HTTP_PARSER_ERRNO(&assembler->parser) == HPE_OK) {
		*consumed = input.size;
		assembler->parsed_bytes = parsed;
		if (before == 0)
			buffer_append_slice(head, input);
		return head_fits(assembler, parsed) ? HTTP_ASSEMBLED_MORE
						    : broken(assembler);
	}
	if (HTTP_PARSER_ERRNO(&assembler->parser) != HPE_PAUSED) {
		parser_problem(assembler);
		return broken(assembler);
	}
	/* The parser stands before what must be the last line feed. */
	if (parsed >= bytes.size || bytes.data[parsed] != '\n') {
		http_problem_set(&assembler->problem, 400,
		    "the head of the request does not end as it should");
		return broken(assembler);
	}
	assembler->parsed_bytes = ++parsed;
	*consumed = parsed - before;
	head->end = before > 0 ? head->start + parsed : head->end;
	return head_fits(assembler, parsed) && head_take(assembler) &&
		body_start(assembler)
	    ? HTTP_ASSEMBLED_REQUEST
	    : broken(assembler);
}

enum http_assembled
http_assembler_next(
    struct http_assembler *assembler, struct slice input, size_t *consumed)
{
	enum http_assembled assembled;
	size_t used = 0;

	*consumed = 0;
	CHECK(assembler->phase != PHASE_BROKEN);
	if (input.size == 0)
		return HTTP_ASSEMBLED_MORE;
	if (assembler->phase == PHASE_DONE)
		start(assembler);
	if (assembler->phase == PHASE_HEAD) {
		assembled = take_head(assembler, input, consumed);
		if (assembled != HTTP_ASSEMBLED_REQUEST)
			return assembled;
		input.data += *consumed;
		input.size -= *consumed;
	}
	if (assembler->phase == PHASE_SIZED)
		assembled = take_sized(assembler, input, &used);
	else
		assembled = take_chunked(assembler, input, &used);
	*consumed += used;
	/* What the request says of itself must outlive this input. */
	if (assembled == HTTP_ASSEMBLED_MORE)
		head_keep(assembler);
	return assembled;
}
