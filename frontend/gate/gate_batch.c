#include "frontend/gate/gate_batch.h"

#include "common/base/check.h"
#include "common/base/mem.h"

#define TOKENS_MIN 64

/* What a batch keeps for the next use. */
#define BUILDER_BYTES_KEPT (1024 * 1024)
#define TOKENS_KEPT 16384

struct gate_batch *
gate_batch_create(void)
{
	return mem_new(sizeof(struct gate_batch));
}

void
gate_batch_close(struct gate_batch *batch)
{
	if (batch == NULL)
		return;
	batch_builder_deinit(&batch->builder);
	mem_free(batch->tokens);
	mem_free(batch);
}

void
gate_batch_reset(struct gate_batch *batch)
{
	struct batch_builder builder = batch->builder;
	void **tokens = batch->tokens;
	size_t capacity = batch->token_capacity;

	if (builder.buffer.capacity > BUILDER_BYTES_KEPT)
		batch_builder_deinit(&builder);
	else
		batch_builder_reset(&builder);
	if (capacity > TOKENS_KEPT) {
		mem_free(tokens);
		tokens = NULL;
		capacity = 0;
	}
	*batch = (struct gate_batch){
	    .builder = builder, .tokens = tokens, .token_capacity = capacity};
}

static void
token_add(struct gate_batch *batch, void *token)
{
	if (batch->group_count == batch->token_capacity) {
		batch->token_capacity = batch->token_capacity == 0
		    ? TOKENS_MIN
		    : 2 * batch->token_capacity;
		batch->tokens = mem_resize(batch->tokens,
		    batch->token_capacity * sizeof(*batch->tokens));
	}
	batch->tokens[batch->group_count++] = token;
}

void
gate_batch_take(struct gate_batch *batch, void *token)
{
	CHECK(batch->builder.group_count == batch->group_count + 1);
	batch->size_bytes = batch_builder_commands_bytes(&batch->builder);
	token_add(batch, token);
}

void
gate_batch_split(
    struct gate_batch *batch, size_t first, struct gate_batch *rest)
{
	struct slice bytes = batch_builder_bytes(&batch->builder);
	struct batch decoded;
	struct error err;
	enum status status = batch_decode(bytes, &decoded, &err);
	size_t rest_bytes;

	/* It is our own encoding. */
	CHECK(status == STATUS_OK && rest->group_count == 0);
	CHECK(first < batch->group_count);
	batch_builder_add_rest(&rest->builder, &decoded, (uint32_t)first);
	for (size_t i = first; i < batch->group_count; i++)
		token_add(rest, batch->tokens[i]);
	rest_bytes = batch_builder_commands_bytes(&rest->builder);
	rest->size_bytes = rest_bytes;
	rest->deadline_ms = batch->deadline_ms;
	batch->group_count = first;
	batch->size_bytes -= rest_bytes;
}

void
gate_batch_encode(struct gate_batch *batch)
{
	struct slice bytes = batch_builder_bytes(&batch->builder);
	struct batch_builder left = {0};
	struct batch_cursor cursor;
	struct command command;
	struct batch decoded;
	struct error err;
	enum status status = batch_decode(bytes, &decoded, &err);
	bool group_end = false;

	CHECK(status == STATUS_OK);
	cursor = batch_cursor_at_start(&decoded);
	for (size_t i = 0; i < batch->group_count; i++) {
		do {
			bool is_added;

			CHECK(batch_cursor_next(&cursor, &command, &group_end));
			is_added = batch_builder_add(&left, &command);
			CHECK(is_added);
		} while (!group_end);
		batch_builder_end_group(&left);
	}
	batch_builder_deinit(&batch->builder);
	batch->builder = left;
}

size_t
gate_batch_first_other(const struct gate_batch *batch)
{
	struct slice bytes = batch_builder_bytes(&batch->builder);
	struct batch_cursor cursor;
	struct command command;
	struct batch decoded;
	struct error err;
	enum status status = batch_decode(bytes, &decoded, &err);
	bool first_adds = false;
	bool adds = false;
	bool group_end;
	size_t group = 0;

	CHECK(status == STATUS_OK);
	cursor = batch_cursor_at_start(&decoded);
	while (batch_cursor_next(&cursor, &command, &group_end)) {
		/* A deadline that is past by any clock deletes. */
		adds |= command_adds(&command, 0);
		if (!group_end)
			continue;
		if (group == 0)
			first_adds = adds;
		else if (adds != first_adds)
			return group;
		adds = false;
		group++;
	}
	return group;
}
