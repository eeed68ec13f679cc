/*
 * Bodies of HTTP requests: of POST /-/batch, and of PUT. What is taken keeps
 * the limits and makes commands that a batch takes. The usual JSON of a PUT is
 * read in place, what is unusual by a library: written with an escape, which
 * is unusual, the same document means the same.
 */
#include "common/base/arena.h"
#include "common/command/command.h"
#include "frontend/http/http_batch.h"
#include "frontend/http/http_conditions.h"
#include "frontend/http/http_put.h"
#include "tests/fuzz/fuzz.h"

#define NAME "\"value\""
#define ESCAPED "\"\\u0076alue\""

static const struct http_limits limits = {
    .key_bytes_max = 50,
    .value_bytes_max = 300,
    .batch_bytes_max = 2000,
};

static void
parse_batch(struct slice body)
{
	struct http_problem problem = {0};
	struct http_batch batch;
	struct error err;

	if (!http_batch_parse(body, &limits, &batch, &problem)) {
		CHECK(problem.status >= 400 && problem.status < 600);
		http_batch_deinit(&batch);
		return;
	}
	CHECK(batch.count > 0);
	CHECK((batch.keys == NULL) != (batch.commands == NULL));
	for (size_t i = 0; i < batch.count; i++) {
		struct slice key =
		    batch.keys != NULL ? batch.keys[i] : batch.commands[i].key;

		CHECK(key.size <= limits.key_bytes_max);
		if (batch.commands == NULL)
			continue;
		if (command_check(&batch.commands[i], &err) != STATUS_OK)
			check_failed(err.text, __FILE__, __LINE__);
	}
	http_batch_deinit(&batch);
}

static bool
parse_put(struct slice body, struct buffer *scratch, struct arena *arena,
    struct http_put *out)
{
	struct http_request request = {.verb = HTTP_VERB_PUT, .body = body};
	struct http_problem problem = {0};

	if (http_put_parse(&request, SLICE_EMPTY, &limits, scratch, arena, out,
		&problem)) {
		CHECK(out->value.size <= limits.value_bytes_max);
		return true;
	}
	CHECK(problem.status >= 400 && problem.status < 600);
	return false;
}

/* The body with the first `NAME` in it escaped. */
static bool
escape_name(struct slice body, struct buffer *out)
{
	const uint8_t *place = memmem(body.data, body.size, NAME, strlen(NAME));
	size_t before;

	if (place == NULL)
		return false;
	before = (size_t)(place - body.data);
	buffer_append(out, body.data, before);
	buffer_append(out, ESCAPED, strlen(ESCAPED));
	buffer_append(
	    out, place + strlen(NAME), body.size - before - strlen(NAME));
	return true;
}

static void
compare_puts(struct slice body)
{
	struct buffer escaped = {0};
	struct buffer scratch[2] = {{0}, {0}};
	struct arena arena[2] = {{0}, {0}};
	struct http_put put[2] = {{{0}, 0}, {{0}, 0}};
	bool taken = parse_put(body, &scratch[0], &arena[0], &put[0]);

	if (escape_name(body, &escaped)) {
		bool again = parse_put(
		    buffer_slice(&escaped), &scratch[1], &arena[1], &put[1]);

		CHECK(taken == again);
		CHECK(!taken || slice_equal(put[0].value, put[1].value));
		CHECK(!taken || put[0].ttl_ms == put[1].ttl_ms);
	}
	for (int i = 0; i < 2; i++) {
		buffer_deinit(&scratch[i]);
		arena_deinit(&arena[i]);
	}
	buffer_deinit(&escaped);
}

static void
take_conditions(struct slice text)
{
	struct http_request request = {.verb = HTTP_VERB_PUT};
	struct http_problem problem = {0};
	struct command command = {
	    .op = COMMAND_PUT,
	    .key = slice_of("k", 1),
	};
	struct error err;

	for (unsigned i = HTTP_FIELD_IF_MATCH; i <= HTTP_FIELD_IF_NONE_MATCH;
	     i++) {
		request.fields[HTTP_FIELD_IF_MATCH] = SLICE_EMPTY;
		request.fields[i] = text;
		(void)http_conditions_judge(&request, 12, &problem);
		command.flags = 0;
		command.sequence = 0;
		if (http_conditions_take(&request, &command, &problem))
			CHECK(command_check(&command, &err) == STATUS_OK);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = slice_of(data, size);

	parse_batch(body);
	compare_puts(body);
	take_conditions(body);
	return 0;
}
