#include "common/command/command.h"

#include <inttypes.h>
#include <stdbool.h>

#include "common/codec/integer.h"
#include "common/command/batch_format.h"
#include "common/command/limits.h"

#define CONDITIONS \
	(COMMAND_IF_ABSENT | COMMAND_IF_PRESENT | COMMAND_IF_SEQUENCE)
#define EXPIRY (COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRY_ABSOLUTE)
#define DEADLINE_CHOICE (COMMAND_KEEP_DEADLINE | EXPIRY)
#define DEADLINE_CONDITIONS                                \
	(COMMAND_EXPIRE_IF_NONE | COMMAND_EXPIRE_IF_SOME | \
	    COMMAND_EXPIRE_IF_GREATER | COMMAND_EXPIRE_IF_LESS)

/* The flags that each operation may have; nothing for unknown ones. */
static const uint32_t flags_allowed[] = {
    [COMMAND_PUT] = CONDITIONS | COMMAND_RETURN_OLD | DEADLINE_CHOICE,
    [COMMAND_DELETE] = CONDITIONS | COMMAND_RETURN_OLD,
    [COMMAND_INCREMENT] = CONDITIONS,
    [COMMAND_EXPIRE] = CONDITIONS | EXPIRY | DEADLINE_CONDITIONS,
    [COMMAND_PERSIST] = CONDITIONS,
    [COMMAND_DELETE_RANGE] = 0,
};

static bool flags_fit(enum command_op op, uint32_t flags);
static enum status
check_sizes(const struct command *command, struct error *err);

enum status
command_check(const struct command *command, struct error *err)
{
	uint32_t flags = command->flags;

	if (command->op < COMMAND_PUT || command->op > COMMAND_DELETE_RANGE)
		return error_set(err, STATUS_INVALID, "unknown operation %d",
		    (int)command->op);
	if (flags != 0 && !flags_fit(command->op, flags))
		return error_set(err, STATUS_INVALID,
		    "flags 0x%" PRIx32 " do not fit operation %d", flags,
		    (int)command->op);
	if (((flags & COMMAND_IF_SEQUENCE) == 0 && command->sequence != 0) ||
	    ((flags & EXPIRY) == 0 && command->expiry_ms != 0) ||
	    (command->op != COMMAND_INCREMENT && command->delta != 0))
		return error_set(err, STATUS_INVALID,
		    "operation %d has a number that it does not use",
		    (int)command->op);
	if (command->op == COMMAND_EXPIRE && (flags & EXPIRY) == 0)
		return error_set(err, STATUS_INVALID, "an EXPIRE says no time");
	return check_sizes(command, err);
}

static bool
at_most_one(uint32_t flags)
{
	return (flags & (flags - 1)) == 0;
}

static bool
flags_fit(enum command_op op, uint32_t flags)
{
	uint32_t greater_less =
	    COMMAND_EXPIRE_IF_GREATER | COMMAND_EXPIRE_IF_LESS;

	if ((flags & ~flags_allowed[op]) != 0)
		return false;
	if ((flags & COMMAND_EXPIRE_IF_NONE) != 0 &&
	    (flags & DEADLINE_CONDITIONS) != COMMAND_EXPIRE_IF_NONE)
		return false;
	return at_most_one(flags & CONDITIONS) &&
	    at_most_one(flags & DEADLINE_CHOICE) &&
	    at_most_one(flags & greater_less);
}

static enum status
check_sizes(const struct command *command, struct error *err)
{
	bool is_range = command->op == COMMAND_DELETE_RANGE;
	size_t value_bytes_max = is_range ? KEY_BYTES_MAX
	    : command->op == COMMAND_PUT  ? VALUE_BYTES_MAX
					  : 0;

	if (command->key.size > KEY_BYTES_MAX)
		return error_set(err, STATUS_INVALID,
		    "a key of %zu bytes, more than %u", command->key.size,
		    KEY_BYTES_MAX);
	if (command->key.size == 0 && !is_range)
		return error_set(err, STATUS_INVALID, "an empty key");
	if (command->value.size > value_bytes_max)
		return error_set(err, STATUS_INVALID,
		    "a value of %zu bytes, more than %zu", command->value.size,
		    value_bytes_max);
	if (is_range && command->value.size > 0 &&
	    slice_compare(command->key, command->value) >= 0)
		return error_set(err, STATUS_INVALID, "an empty range");
	return STATUS_OK;
}

size_t
command_size(const struct command *command)
{
	size_t size = 1 + varint_size(command->key.size) + command->key.size +
	    command->value.size;

	if (command->flags != 0)
		size += COMMAND_FLAGS_BYTES;
	if (command_has_value(command->op))
		size += varint_size(command->value.size);
	if ((command->flags & COMMAND_IF_SEQUENCE) != 0)
		size += varint_size(command->sequence);
	if ((command->flags & EXPIRY) != 0)
		size += varint_size(zigzag_encode(command->expiry_ms));
	if (command->op == COMMAND_INCREMENT)
		size += varint_size(zigzag_encode(command->delta));
	return size;
}
