/*
 * Batches of random commands, judged by an interpreter that shares nothing
 * with the code under test but the decoders: it works on the store's keys one
 * command at a time, and puts back a copy of everything when a group fails.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/command/batch.h"
#include "common/command/limits.h"
#include "common/command/reply.h"
#include "storaged/apply/apply.h"
#include "tests/support/apply/map_store.h"
#include "tests/support/random_command.h"
#include "tests/support/suite.h"

#define KEY_COUNT 12
#define GROUP_COMMANDS_MAX 6
#define VALUE_BYTES 40
#define START_MS 1700000000000u

struct model_key {
	char name[16];
	bool present;
	char value[VALUE_BYTES + 1]; /* NUL behind it */
	size_t value_size;
	uint64_t deadline_ms;
	uint64_t sequence;
};

struct model {
	struct model_key keys[KEY_COUNT];
	uint64_t now_ms;
};

static void
model_init(struct model *model)
{
	*model = (struct model){0};
	for (int i = 0; i < KEY_COUNT; i++)
		snprintf(model->keys[i].name, sizeof(model->keys[i].name),
		    "key-%d", i);
}

static void
model_advance(struct model *model, uint64_t stamp_ms)
{
	if (stamp_ms > model->now_ms)
		model->now_ms = stamp_ms;
	for (int i = 0; i < KEY_COUNT; i++) {
		struct model_key *key = &model->keys[i];

		if (key->present && key->deadline_ms != 0 &&
		    key->deadline_ms <= model->now_ms)
			key->present = false;
	}
}

static struct model_key *
model_key(struct model *model, struct slice name)
{
	for (int i = 0; i < KEY_COUNT; i++) {
		if (slice_equal(slice_of_string(model->keys[i].name), name))
			return &model->keys[i];
	}
	check_failed("a key of the model", __FILE__, __LINE__);
}

static void
model_store(struct model_key *key, struct slice value, uint64_t sequence)
{
	key->present = true;
	memcpy(key->value, value.data, value.size);
	key->value[value.size] = '\0';
	key->value_size = value.size;
	key->sequence = sequence;
}

/* A deadline that may be past: then the key is gone. */
static uint64_t
model_deadline(
    struct model *model, struct model_key *key, const struct command *command)
{
	__int128 wanted = command->expiry_ms;

	if ((command->flags & COMMAND_EXPIRY_RELATIVE) != 0)
		wanted += model->now_ms;
	if (wanted > INT64_MAX)
		wanted = INT64_MAX;
	if (wanted > (__int128)model->now_ms)
		return key->deadline_ms = (uint64_t)wanted;
	key->present = false;
	return 0;
}

static void
model_put(struct model *model, struct model_key *key,
    const struct command *command, uint64_t sequence,
    struct reply_command *reply)
{
	uint64_t old_ms = key->present ? key->deadline_ms : 0;

	reply->affected = true;
	model_store(key, command->value, sequence);
	key->deadline_ms = 0;
	if ((command->flags & COMMAND_KEEP_DEADLINE) != 0)
		reply->deadline_ms = key->deadline_ms = old_ms;
	if ((command->flags &
		(COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRY_ABSOLUTE)) != 0)
		reply->deadline_ms = model_deadline(model, key, command);
}

static enum group_result
model_increment(struct model_key *key, const struct command *command,
    uint64_t sequence, struct reply_command *reply)
{
	__int128 sum = command->delta;
	char text[32];

	if (!key->present)
		key->deadline_ms = 0;
	if (key->present) {
		int64_t old;

		errno = 0;
		old = strtoll(key->value, NULL, 10);
		snprintf(text, sizeof(text), "%" PRId64, old);
		/* A number in just the form in which it would be printed. */
		if (errno != 0 || key->value_size != strlen(text) ||
		    memcmp(text, key->value, key->value_size) != 0)
			return GROUP_NOT_INTEGER;
		sum += old;
	}
	if (sum > INT64_MAX || sum < INT64_MIN)
		return GROUP_OVERFLOW;
	snprintf(text, sizeof(text), "%" PRId64, (int64_t)sum);
	model_store(key, slice_of_string(text), sequence);
	reply->affected = true;
	reply->has_integer = true;
	reply->integer = (int64_t)sum;
	return GROUP_APPLIED;
}

static void
model_expire(struct model *model, struct model_key *key,
    const struct command *command, uint64_t sequence,
    struct reply_command *reply)
{
	__int128 infinite = (__int128)INT64_MAX * 4;
	__int128 old = key->deadline_ms != 0 ? key->deadline_ms : infinite;
	__int128 wanted = command->expiry_ms;
	uint32_t flags = command->flags;

	if ((flags & COMMAND_EXPIRY_RELATIVE) != 0)
		wanted += model->now_ms;
	if (wanted > INT64_MAX)
		wanted = INT64_MAX;
	if (!key->present ||
	    ((flags & COMMAND_EXPIRE_IF_NONE) != 0 && old != infinite) ||
	    ((flags & COMMAND_EXPIRE_IF_SOME) != 0 && old == infinite) ||
	    ((flags & COMMAND_EXPIRE_IF_GREATER) != 0 && wanted <= old) ||
	    ((flags & COMMAND_EXPIRE_IF_LESS) != 0 && wanted >= old))
		return;
	reply->affected = true;
	key->sequence = sequence;
	reply->deadline_ms = model_deadline(model, key, command);
}

static void
model_delete_range(struct model *model, const struct command *command)
{
	for (int i = 0; i < KEY_COUNT; i++) {
		struct slice name = slice_of_string(model->keys[i].name);

		if (slice_compare(name, command->key) >= 0 &&
		    (command->value.size == 0 ||
			slice_compare(name, command->value) < 0))
			model->keys[i].present = false;
	}
}

static bool
model_condition(const struct model_key *key, const struct command *command)
{
	if ((command->flags & COMMAND_IF_ABSENT) != 0)
		return !key->present;
	if ((command->flags & COMMAND_IF_PRESENT) != 0)
		return key->present;
	if ((command->flags & COMMAND_IF_SEQUENCE) != 0)
		return key->present && key->sequence == command->sequence;
	return true;
}

/* `arena` keeps the old value of the reply. */
static enum group_result
model_command(struct model *model, const struct command *command,
    uint64_t sequence, struct arena *arena, struct reply_command *reply)
{
	struct model_key *key;

	*reply = (struct reply_command){0};
	if (command->op == COMMAND_DELETE_RANGE) {
		model_delete_range(model, command);
		reply->affected = true;
		return GROUP_APPLIED;
	}
	key = model_key(model, command->key);
	if ((command->flags & COMMAND_RETURN_OLD) != 0 && key->present) {
		reply->has_old = true;
		reply->old =
		    arena_dup(arena, slice_of(key->value, key->value_size));
	}
	if (!model_condition(key, command))
		return GROUP_CONDITION_FAILED;
	switch (command->op) {
	case COMMAND_PUT:
		model_put(model, key, command, sequence, reply);
		break;
	case COMMAND_DELETE:
		reply->affected = key->present;
		key->present = false;
		break;
	case COMMAND_INCREMENT:
		return model_increment(key, command, sequence, reply);
	case COMMAND_EXPIRE:
		model_expire(model, key, command, sequence, reply);
		break;
	default:
		if (!key->present || key->deadline_ms == 0)
			break;
		reply->affected = true;
		key->deadline_ms = 0;
		key->sequence = sequence;
		break;
	}
	return GROUP_APPLIED;
}

static void
assert_same_result(
    struct reply_cursor *cursor, const struct reply_command *expected)
{
	struct reply_command got;

	CU_ASSERT_TRUE_FATAL(reply_cursor_next_command(cursor, &got));
	CU_ASSERT_EQUAL_FATAL(got.affected, expected->affected);
	CU_ASSERT_EQUAL_FATAL(got.has_old, expected->has_old);
	CU_ASSERT_TRUE_FATAL(slice_equal(got.old, expected->old));
	CU_ASSERT_EQUAL_FATAL(got.has_integer, expected->has_integer);
	CU_ASSERT_EQUAL_FATAL(got.integer, expected->integer);
	CU_ASSERT_EQUAL_FATAL(got.deadline_ms, expected->deadline_ms);
}

/* Applies a group of commands to the model and compares with the reply. */
static void
model_group(struct model *model, const struct command *commands, uint32_t count,
    uint64_t sequence, struct reply_cursor *reply)
{
	struct reply_command results[GROUP_COMMANDS_MAX];
	enum group_result result = GROUP_APPLIED;
	struct model before = *model;
	struct arena arena = {0};
	struct reply_command more;
	struct reply_group group;
	uint32_t failed = 0;

	for (uint32_t i = 0; i < count && result == GROUP_APPLIED; i++) {
		result = model_command(
		    model, &commands[i], sequence + i, &arena, &results[i]);
		failed = result == GROUP_APPLIED ? 0 : i;
	}
	CU_ASSERT_TRUE_FATAL(reply_cursor_next_group(reply, &group));
	CU_ASSERT_EQUAL_FATAL(group.result, result);
	CU_ASSERT_EQUAL_FATAL(group.command_count, count);
	CU_ASSERT_EQUAL_FATAL(group.failed, failed);
	CU_ASSERT_EQUAL_FATAL(group.sequence, sequence);
	for (uint32_t i = 0; i < count && result == GROUP_APPLIED; i++)
		assert_same_result(reply, &results[i]);
	if (result == GROUP_CONDITION_FAILED)
		assert_same_result(reply, &results[failed]);
	CU_ASSERT_FALSE_FATAL(reply_cursor_next_command(reply, &more));
	if (result != GROUP_APPLIED)
		*model = before;
	arena_deinit(&arena);
}

static void
assert_same_state(struct model *model, struct map_store *map)
{
	for (int i = 0; i < KEY_COUNT; i++) {
		const struct model_key *key = &model->keys[i];
		struct entry entry;
		bool found = map_store_find(
		    map, slice_of_string(key->name), model->now_ms, &entry);

		CU_ASSERT_EQUAL_FATAL(found, key->present);
		if (!found)
			continue;
		CU_ASSERT_TRUE_FATAL(slice_equal(
		    entry.value, slice_of(key->value, key->value_size)));
		CU_ASSERT_EQUAL_FATAL(entry.deadline_ms, key->deadline_ms);
		CU_ASSERT_EQUAL_FATAL(entry.sequence, key->sequence);
	}
}

static const uint8_t writer[WRITER_ID_BYTES] = {1, 2, 3};

/* Fills `builder` with random groups; plain ones, if that is asked for. */
static struct slice
random_batch(struct rng *rng, struct arena *arena, struct model *model,
    struct batch_builder *builder, struct batch_origin *origin,
    const struct random_command_options *options)
{
	size_t group_count = 1 + (size_t)rng_below(rng, 12);
	bool plain = rng_below(rng, 4) == 0;

	batch_builder_reset(builder);
	for (size_t i = 0; i < group_count; i++) {
		size_t count = rng_below(rng, 2) == 0
		    ? 1
		    : 1 + (size_t)rng_below(rng, GROUP_COMMANDS_MAX);

		for (size_t j = 0; j < count;) {
			struct command command =
			    random_command(rng, arena, options);

			if (plain && command_reads(&command))
				continue;
			/* Guessing a sequence would hardly ever hit. */
			if ((command.flags & COMMAND_IF_SEQUENCE) != 0 &&
			    rng_below(rng, 2) == 0)
				command.sequence =
				    model_key(model, command.key)->sequence;
			CHECK(batch_builder_add(builder, &command));
			j++;
		}
		batch_builder_end_group(builder);
	}
	memcpy(origin->writer, writer, sizeof(writer));
	origin->answered = origin->number++;
	return batch_builder_finish(builder, origin, options->now_ms);
}

static void
register_writer(struct apply *apply, struct map_store *map)
{
	struct batch_origin origin = {.number = 0};
	struct batch_builder builder = {0};
	struct apply_result result;
	struct batch batch;
	struct error err;

	memcpy(origin.writer, writer, sizeof(writer));
	ASSERT_OK(
	    batch_decode(batch_builder_finish(&builder, &origin, START_MS),
		&batch, &err),
	    &err);
	ASSERT_OK(
	    apply_batch(apply, &batch, 1, &map->store, &result, &err), &err);
	CU_ASSERT_EQUAL(result.verdict, WRITERS_NEW);
	batch_builder_deinit(&builder);
}

/* Runs the commands of a batch through the model, group by group. */
static void
judge_batch(struct model *model, const struct batch *batch, uint64_t first,
    struct slice reply_bytes)
{
	struct command commands[GROUP_COMMANDS_MAX];
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct reply_cursor results;
	struct reply_group more;
	struct reply reply;
	struct error err;
	uint32_t count = 0;
	uint64_t sequence = first + 1;
	bool group_end;

	ASSERT_OK(reply_decode(reply_bytes, &reply, &err), &err);
	CU_ASSERT_EQUAL_FATAL(reply.number, batch->origin.number);
	CU_ASSERT_EQUAL_FATAL(reply.first_sequence, first);
	results = reply_cursor_at_start(&reply);
	model_advance(model, batch->stamp_ms);
	while (batch_cursor_next(&cursor, &commands[count], &group_end)) {
		count++;
		if (!group_end)
			continue;
		model_group(model, commands, count, sequence, &results);
		sequence += count;
		count = 0;
	}
	CU_ASSERT_FALSE_FATAL(reply_cursor_next_group(&results, &more));
}

static void
random_batches_do_what_the_interpreter_says(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct batch_builder builder = {0};
	struct batch_origin origin = {.number = 0};
	struct apply *apply = apply_create();
	struct model model;
	struct map_store map;
	uint64_t sequence = 2;
	uint64_t clock_ms = START_MS;

	model_init(&model);
	map_store_init(&map);
	register_writer(apply, &map);
	for (int round = 0; round < 30000; round++) {
		struct arena arena = {0};
		struct random_command_options options = {
		    .key_count = KEY_COUNT,
		    .value_bytes_max = VALUE_BYTES,
		    .now_ms = clock_ms,
		    .sequence_max = 1,
		};
		struct apply_result result;
		struct batch batch;
		struct error err;

		ASSERT_OK(batch_decode(random_batch(&rng, &arena, &model,
					   &builder, &origin, &options),
			      &batch, &err),
		    &err);
		if (rng_below(&rng, 3) == 0)
			map_store_purge(&map, apply_clock_ms(apply));
		ASSERT_OK(apply_batch(apply, &batch, sequence, &map.store,
			      &result, &err),
		    &err);
		CU_ASSERT_EQUAL_FATAL(result.verdict, WRITERS_NEW);
		judge_batch(&model, &batch, sequence, result.reply);
		CU_ASSERT_EQUAL_FATAL(apply_clock_ms(apply), model.now_ms);
		assert_same_state(&model, &map);
		sequence += batch.command_count + 1;
		/* The next stamp may also be an earlier one. */
		clock_ms += rng_below(&rng, 200);
		clock_ms -= rng_below(&rng, 50);
		arena_deinit(&arena);
	}
	apply_close(apply);
	map_store_deinit(&map);
	batch_builder_deinit(&builder);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(random_batches_do_what_the_interpreter_says),
	};

	return suite_run("apply", cases, SUITE_COUNT(cases), argc, argv);
}
