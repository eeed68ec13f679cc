#include "tests/support/apply/apply_fixture.h"

#include <stdio.h>

#include "common/base/check.h"

static void
must(enum status status, const struct error *err)
{
	if (status != STATUS_OK)
		fprintf(stderr, "%s\n", err->text);
	CHECK(status == STATUS_OK);
}

static void
apply_bytes(struct apply_fixture *fixture, struct slice bytes)
{
	struct apply_result result;
	struct batch batch;
	struct error err;

	buffer_clear(&fixture->batch_bytes, SIZE_MAX);
	buffer_append_slice(&fixture->batch_bytes, bytes);
	must(batch_decode(buffer_slice(&fixture->batch_bytes), &batch, &err),
	    &err);
	must(apply_batch(fixture->apply, &batch, fixture->sequence,
		 &fixture->map.store, &result, &err),
	    &err);
	CHECK(result.verdict == WRITERS_NEW);
	fixture->sequence += 1 + batch.command_count;
	must(reply_decode(result.reply, &fixture->reply, &err), &err);
	fixture->cursor = reply_cursor_at_start(&fixture->reply);
	batch_builder_reset(&fixture->builder);
}

void
apply_fixture_init(struct apply_fixture *fixture, uint8_t id)
{
	*fixture = (struct apply_fixture){
	    .apply = apply_create(),
	    .origin.writer = {id},
	    .sequence = 1,
	    .now_ms = FIXTURE_START_MS,
	};
	map_store_init(&fixture->map);
	apply_bytes(fixture,
	    batch_builder_finish(
		&fixture->builder, &fixture->origin, fixture->now_ms));
}

void
apply_fixture_deinit(struct apply_fixture *fixture)
{
	apply_close(fixture->apply);
	map_store_deinit(&fixture->map);
	batch_builder_deinit(&fixture->builder);
	buffer_deinit(&fixture->batch_bytes);
}

void
apply_fixture_add(struct apply_fixture *fixture, const struct command *command)
{
	CHECK(batch_builder_add(&fixture->builder, command));
}

void
apply_fixture_end_group(struct apply_fixture *fixture)
{
	batch_builder_end_group(&fixture->builder);
}

void
apply_fixture_add_group(
    struct apply_fixture *fixture, const struct command *command)
{
	apply_fixture_add(fixture, command);
	apply_fixture_end_group(fixture);
}

void
apply_fixture_send(struct apply_fixture *fixture)
{
	fixture->origin.answered = fixture->origin.number++;
	apply_bytes(fixture,
	    batch_builder_finish(
		&fixture->builder, &fixture->origin, fixture->now_ms));
}

enum group_result
apply_fixture_next(struct apply_fixture *fixture, struct reply_command *out)
{
	struct reply_group group;

	*out = (struct reply_command){0};
	CHECK(reply_cursor_next_group(&fixture->cursor, &group));
	(void)reply_cursor_next_command(&fixture->cursor, out);
	return group.result;
}

enum group_result
apply_fixture_one(struct apply_fixture *fixture, const struct command *command,
    struct reply_command *out)
{
	apply_fixture_add_group(fixture, command);
	apply_fixture_send(fixture);
	return apply_fixture_next(fixture, out);
}

bool
apply_fixture_find(
    struct apply_fixture *fixture, const char *key, struct entry *out)
{
	return map_store_find(&fixture->map, slice_of_string(key),
	    apply_clock_ms(fixture->apply), out);
}
