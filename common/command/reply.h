/*
 * reply - what became of a batch: a result for each of its groups.
 *
 * Bytes: FORMAT.md, "Reply". A plain PUT in a group of its own takes one.
 *
 * Ownership  A decoded reply and the old values in it borrow the encoded bytes.
 * Limits     REPLY_BYTES_MAX. A group whose results have no room is not
 *            applied, nor is any behind it: GROUP_REPLY_FULL.
 */
#ifndef COMMON_COMMAND_REPLY_H
#define COMMON_COMMAND_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

#define REPLY_HEADER_BYTES 32u

/* These numbers are part of the encoding. Only APPLIED changed anything. */
enum group_result {
	GROUP_APPLIED = 0,
	GROUP_CONDITION_FAILED = 1, /* COMMAND_IF_... of the failed command */
	GROUP_NOT_INTEGER = 2, /* the value to increment is none */
	GROUP_OVERFLOW = 3, /* the sum is out of range */
	/* Its results, or the values it writes again, exceed any batch. */
	GROUP_TOO_LARGE = 4,
	/* The batch is full; send this and all later groups again. */
	GROUP_REPLY_FULL = 5,
};

/* What one command did. */
struct reply_command {
	bool affected; /* PUT, INCREMENT, DELETE_RANGE: always */
	bool has_old; /* COMMAND_RETURN_OLD and the key was there */
	bool has_integer; /* INCREMENT */
	struct slice old; /* the old value, if has_old */
	int64_t integer; /* the sum, if has_integer */
	/* What PUT or EXPIRE set or PUT kept; 0 for none, or a deleted key. */
	uint64_t deadline_ms;
};

struct reply_group {
	enum group_result result;
	uint32_t command_count; /* 0 if REPLY_FULL */
	uint32_t failed; /* which command failed, from 0 */
	/* Of its first command; the next one's is one greater, and so on. */
	uint64_t sequence;
};

/* A decoded and wholly validated reply. */
struct reply {
	uint64_t number; /* of the batch */
	uint64_t first_sequence; /* of the batch */
	uint32_t group_count;
	uint32_t answered_count; /* groups before the first REPLY_FULL */
	struct slice bytes;
};

/* INVALID if the bytes are no reply, VERSION if of an unknown version. */
enum status reply_decode(
    struct slice bytes, struct reply *out, struct error *err) MUST_CHECK;

/* A place in a decoded reply; a plain value. */
struct reply_cursor {
	struct slice rest;
	uint64_t sequence;
	uint32_t answered_left;
	uint32_t full_left;
	uint32_t results_left; /* of the current group */
	uint8_t head; /* of the current group */
};

struct reply_cursor reply_cursor_at_start(const struct reply *reply);

/* The next group; what was not taken of the one before it is skipped. */
bool
reply_cursor_next_group(struct reply_cursor *cursor, struct reply_group *out);

/*
 * The next command's result of the current group: APPLIED has one for each
 * command, CONDITION_FAILED one, that of the failed command (which may carry
 * the old value), the others none.
 */
bool reply_cursor_next_command(
    struct reply_cursor *cursor, struct reply_command *out);

/* Writes one reply at the end of a buffer of the caller's. */
struct reply_builder {
	struct buffer *buffer; /* borrowed until finish */
	size_t start; /* of the reply, from the buffer's content */
	size_t group_start;
	uint32_t answered_count;
	uint32_t group_commands;
};

void reply_builder_start(struct reply_builder *builder, struct buffer *buffer,
    uint64_t number, uint64_t first_sequence, uint32_t group_count);

/* Begins a group of `command_count` commands. */
void reply_builder_begin_group(
    struct reply_builder *builder, uint32_t command_count);

/* Adds a result to the open group; `command->old` is copied. */
void reply_builder_add(
    struct reply_builder *builder, const struct reply_command *command);

/* Bytes of the open group so far, and of the whole reply with it. */
size_t reply_builder_group_bytes(const struct reply_builder *builder);
size_t reply_builder_bytes(const struct reply_builder *builder);

/* The most that reply_builder_add() takes for this result. */
size_t reply_command_bytes(const struct reply_command *command);

/*
 * Drops the open group's results and puts the failure of its command number
 * `failed` in their place; `command` for CONDITION_FAILED only, else NULL.
 */
void reply_builder_fail_group(struct reply_builder *builder,
    enum group_result result, uint32_t failed,
    const struct reply_command *command);

/* Drops the open group: it is the first of those not reached. */
void reply_builder_discard_group(struct reply_builder *builder);

/* Ends the open group, which then counts as answered. */
void reply_builder_end_group(struct reply_builder *builder);

/* Completes the reply and returns it, borrowed from the buffer. */
struct slice reply_builder_finish(struct reply_builder *builder);

#endif
