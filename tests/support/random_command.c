#include "tests/support/random_command.h"

#include <stdbool.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/codec/decimal.h"

static bool
one_in(struct rng *rng, uint64_t count)
{
	return rng_below(rng, count) == 0;
}

static struct slice
random_key(struct rng *rng, struct arena *arena, size_t key_count)
{
	char text[32];
	int size = snprintf(text, sizeof(text), "key-%llu",
	    (unsigned long long)rng_below(rng, key_count));

	return arena_dup(arena, slice_of(text, (size_t)size));
}

static struct slice
random_value(struct rng *rng, struct arena *arena, size_t bytes_max)
{
	char text[DECIMAL_BYTES_MAX];
	uint8_t *bytes;
	size_t size;

	/* Numbers, small and at the ends of the range, for INCREMENT. */
	if (one_in(rng, 2)) {
		int64_t number = (int64_t)rng_below(rng, 1000);

		if (one_in(rng, 8))
			number = INT64_MAX - number;
		else if (one_in(rng, 8))
			number = INT64_MIN + number;
		return arena_dup(
		    arena, slice_of(text, decimal_format(number, text)));
	}
	size = (size_t)rng_below(rng, bytes_max + 1);
	bytes = arena_new(arena, size);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)rng_next(rng);
	return slice_of(bytes, size);
}

static void
add_condition(struct rng *rng, struct command *command, uint64_t sequence_max)
{
	static const uint32_t conditions[] = {
	    COMMAND_IF_ABSENT, COMMAND_IF_PRESENT, COMMAND_IF_SEQUENCE};

	if (!one_in(rng, 4))
		return;
	command->flags |= conditions[rng_below(rng, 3)];
	if ((command->flags & COMMAND_IF_SEQUENCE) != 0)
		command->sequence = rng_below(rng, sequence_max + 1);
}

static void
add_expiry(struct rng *rng, struct command *command, uint64_t now_ms)
{
	int64_t offset = (int64_t)rng_below(rng, 3000) - 500;

	if (one_in(rng, 2)) {
		command->flags |= COMMAND_EXPIRY_RELATIVE;
		command->expiry_ms = offset;
	} else {
		command->flags |= COMMAND_EXPIRY_ABSOLUTE;
		command->expiry_ms = (int64_t)now_ms + offset;
	}
	if (one_in(rng, 50))
		command->expiry_ms = one_in(rng, 2) ? INT64_MAX : INT64_MIN;
}

static void
add_deadline_condition(struct rng *rng, struct command *command)
{
	static const uint32_t conditions[] = {0, COMMAND_EXPIRE_IF_NONE,
	    COMMAND_EXPIRE_IF_SOME, COMMAND_EXPIRE_IF_GREATER,
	    COMMAND_EXPIRE_IF_LESS,
	    COMMAND_EXPIRE_IF_SOME | COMMAND_EXPIRE_IF_GREATER,
	    COMMAND_EXPIRE_IF_SOME | COMMAND_EXPIRE_IF_LESS};

	command->flags |= conditions[rng_below(rng, 7)];
}

static void
fill_range(struct rng *rng, struct arena *arena, struct command *command,
    size_t key_count)
{
	struct slice other = random_key(rng, arena, key_count);
	int order = slice_compare(command->key, other);

	if (one_in(rng, 8) || order == 0) {
		/* To the end, and once in a while everything. */
		if (one_in(rng, 4))
			command->key = SLICE_EMPTY;
		return;
	}
	command->value = order < 0 ? other : command->key;
	command->key = order < 0 ? command->key : other;
}

static enum command_op
random_op(struct rng *rng)
{
	if (one_in(rng, 60))
		return COMMAND_DELETE_RANGE;
	return (enum command_op)(COMMAND_PUT + rng_below(rng, 5));
}

struct command
random_command(struct rng *rng, struct arena *arena,
    const struct random_command_options *options)
{
	struct command command = {
	    .op = random_op(rng),
	    .key = random_key(rng, arena, options->key_count),
	};
	struct error err;

	if (command.op != COMMAND_DELETE_RANGE)
		add_condition(rng, &command, options->sequence_max);
	switch (command.op) {
	case COMMAND_PUT:
		command.value =
		    random_value(rng, arena, options->value_bytes_max);
		if (one_in(rng, 4))
			add_expiry(rng, &command, options->now_ms);
		else if (one_in(rng, 4))
			command.flags |= COMMAND_KEEP_DEADLINE;
		if (one_in(rng, 4))
			command.flags |= COMMAND_RETURN_OLD;
		break;
	case COMMAND_DELETE:
		if (one_in(rng, 4))
			command.flags |= COMMAND_RETURN_OLD;
		break;
	case COMMAND_INCREMENT:
		command.delta = (int64_t)rng_below(rng, 2000) - 1000;
		if (one_in(rng, 20))
			command.delta = one_in(rng, 2) ? INT64_MAX : INT64_MIN;
		break;
	case COMMAND_EXPIRE:
		add_expiry(rng, &command, options->now_ms);
		add_deadline_condition(rng, &command);
		break;
	case COMMAND_PERSIST:
		break;
	case COMMAND_DELETE_RANGE:
		fill_range(rng, arena, &command, options->key_count);
		break;
	}
	CHECK(command_check(&command, &err) == STATUS_OK);
	return command;
}
