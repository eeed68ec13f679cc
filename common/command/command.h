/*
 * command - one operation on one key, or on a range of keys.
 *
 * A command is judged when it is applied, from the state of the store and the
 * time of its batch alone. What a key's expired entry leaves is an absent key.
 *
 * Two things can be unmet. A condition on the key (COMMAND_IF_...) fails the
 * whole group. A condition on the deadline (COMMAND_EXPIRE_IF_...), or a key
 * that is absent where there is something to delete, expire or persist, just
 * makes the command one that did not affect anything.
 *
 * Ownership  The slices of a struct command are borrowed.
 */
#ifndef COMMON_COMMAND_COMMAND_H
#define COMMON_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"

/* These numbers and bits are part of the encoding: FORMAT.md, "Batch". */
enum command_op {
	/* Stores `value`. The old deadline is dropped unless told to keep. */
	COMMAND_PUT = 1,
	COMMAND_DELETE = 2,
	/*
	 * Adds `delta` to the value, a decimal integer as decimal_parse()
	 * takes it; an absent key counts as 0. The deadline stays.
	 */
	COMMAND_INCREMENT = 3,
	/* Sets the deadline; one that is not in the future deletes the key. */
	COMMAND_EXPIRE = 4,
	/* Removes the deadline; affects only a key that has one. */
	COMMAND_PERSIST = 5,
	/* Deletes all keys from `key` up to, not including, `value`. */
	COMMAND_DELETE_RANGE = 6,
};

enum command_flag {
	/* At most one of these three, on all commands but DELETE_RANGE. */
	COMMAND_IF_ABSENT = 0x0010,
	COMMAND_IF_PRESENT = 0x0020,
	COMMAND_IF_SEQUENCE = 0x0040, /* present, last written by `sequence` */
	/* The reply carries the old value (PUT, DELETE). */
	COMMAND_RETURN_OLD = 0x0080,
	/* At most one of these three (PUT), one of the latter two (EXPIRE). */
	COMMAND_KEEP_DEADLINE = 0x0100,
	COMMAND_EXPIRY_RELATIVE =
	    0x0200, /* `expiry_ms` from the batch's time */
	COMMAND_EXPIRY_ABSOLUTE = 0x0400, /* `expiry_ms` since 1970 */
	/*
	 * EXPIRE: has none, has one, is earlier, is later than the new one. No
	 * deadline counts as later than any. IF_NONE goes with none of the
	 * others, and of IF_GREATER and IF_LESS only one is allowed.
	 */
	COMMAND_EXPIRE_IF_NONE = 0x0800,
	COMMAND_EXPIRE_IF_SOME = 0x1000,
	COMMAND_EXPIRE_IF_GREATER = 0x2000,
	COMMAND_EXPIRE_IF_LESS = 0x4000,
};

struct command {
	enum command_op op;
	uint32_t flags; /* of enum command_flag */
	struct slice key; /* DELETE_RANGE: its start, empty for no bound */
	struct slice value; /* PUT; DELETE_RANGE: its end, empty for no bound */
	uint64_t sequence; /* COMMAND_IF_SEQUENCE */
	int64_t expiry_ms; /* may be negative: then it is past */
	int64_t delta; /* INCREMENT */
};

/*
 * OK if the command may stand in a batch: known operation, fitting flags, sizes
 * within the limits, no field set that it does not use; else INVALID.
 */
enum status
command_check(const struct command *command, struct error *err) MUST_CHECK;

/* Whether a command of that kind has a value, or the end of a range. */
static inline bool
command_has_value(enum command_op op)
{
	return op == COMMAND_PUT || op == COMMAND_DELETE_RANGE;
}

/* The bytes that the command takes in a batch. */
size_t command_size(const struct command *command);

/* Whether applying it takes a look at what the store has. */
static inline bool
command_reads(const struct command *command)
{
	return command->op == COMMAND_PUT
	    ? (command->flags &
		  (COMMAND_IF_ABSENT | COMMAND_IF_PRESENT |
		      COMMAND_IF_SEQUENCE | COMMAND_RETURN_OLD |
		      COMMAND_KEEP_DEADLINE)) != 0
	    : command->op != COMMAND_DELETE_RANGE;
}

/*
 * Whether it may make the store larger, when the time is `now_ms`. Deleting
 * does not count, although a tombstone has a few bytes.
 */
static inline bool
command_adds(const struct command *command, uint64_t now_ms)
{
	if (command->op == COMMAND_DELETE ||
	    command->op == COMMAND_DELETE_RANGE)
		return false;
	/* A deadline that is past deletes. */
	return command->op != COMMAND_EXPIRE ||
	    command->expiry_ms >
	    ((command->flags & COMMAND_EXPIRY_ABSOLUTE) != 0 ? (int64_t)now_ms
							     : 0);
}

#endif
