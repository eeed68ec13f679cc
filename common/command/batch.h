/*
 * batch - groups of commands, encoded once and never again.
 *
 * A frontend builds a batch; the same bytes are the IPC message, the record in
 * the journal and the entry in the replicated log. Bytes: FORMAT.md, "Batch".
 *
 * A batch that starts at sequence F has F for itself; its command number i,
 * counted from 0 over the whole batch, has sequence F + 1 + i whether it takes
 * effect or not.
 *
 * Ownership  A decoded batch and its commands borrow the encoded bytes.
 * Threads    None inside; one builder belongs to one thread.
 * Limits     limits.h.
 */
#ifndef COMMON_COMMAND_BATCH_H
#define COMMON_COMMAND_BATCH_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/command/command.h"
#include "common/command/limits.h"

/* Of the bytes before the first command. */
#define BATCH_HEADER_BYTES_MIN 7u
#define BATCH_HEADER_BYTES_MAX 25u

enum batch_kind {
	BATCH_TICK, /* the sink's own: only carries the time */
	BATCH_REGISTRATION, /* makes its writer known */
	BATCH_WRITES, /* at least one group */
};

/* Who sends a batch, and which of his batches it is. */
struct batch_origin {
	uint8_t writer[WRITER_ID_BYTES]; /* all zero: the sink itself */
	uint64_t number; /* from 1 on; 0: a registration */
	/* The writer has the replies up to this number: below `number`. */
	uint64_t answered;
};

/* A decoded and wholly validated batch. */
struct batch {
	enum batch_kind kind;
	struct batch_origin origin;
	uint64_t stamp_ms;
	uint32_t group_count;
	uint32_t command_count;
	uint32_t range_count; /* DELETE_RANGE commands */
	bool reads; /* some command reads the store */
	size_t data_bytes; /* keys and values, ranges not included */
	struct slice bytes; /* the whole encoding */
	struct slice commands; /* the end of it */
};

/*
 * INVALID if any byte is not as FORMAT.md says or a limit is exceeded, VERSION
 * for a version that is not ours. On OK iterating needs no further checks.
 */
enum status batch_decode(
    struct slice bytes, struct batch *out, struct error *err) MUST_CHECK;

/* Sets the time, at most STAMP_MS_MAX, in an encoded batch. */
void batch_set_stamp(uint8_t *bytes, uint64_t stamp_ms);

/* A place between two commands of a decoded batch; a plain value. */
struct batch_cursor {
	const uint8_t *next;
	const uint8_t *end;
};

struct batch_cursor batch_cursor_at_start(const struct batch *batch);

/*
 * Takes the next command; *group_end tells whether its group ends with it.
 * False at the end of the batch.
 */
bool batch_cursor_next(
    struct batch_cursor *cursor, struct command *out, bool *group_end);

/* Commands from here to the end of the group. */
uint32_t batch_cursor_group_size(struct batch_cursor cursor);

/* Whether some command of it command_adds(). */
bool batch_adds(const struct batch *batch, uint64_t now_ms);

/* Builds batches one after the other in the same memory. Zeroed: empty. */
struct batch_builder {
	struct buffer buffer; /* room for a header, then the commands */
	size_t start; /* of the header in it, once finished */
	uint32_t group_count;
	uint32_t command_count;
	uint32_t range_count;
	/* As they were when the open group had no commands. */
	uint32_t group_start_commands;
	uint32_t group_start_ranges;
	size_t group_start;
	size_t last_command;
};

void batch_builder_deinit(struct batch_builder *builder);

/* Drops everything gathered so far. */
void batch_builder_reset(struct batch_builder *builder);

/*
 * Appends a command, which must pass command_check(), to the open group; its
 * bytes are copied. False, and nothing is done, when the batch has no room for
 * it: then discard the group, send the batch and begin the group anew. A group
 * that does not fit in an empty batch is too large for good.
 */
bool batch_builder_add(
    struct batch_builder *builder, const struct command *command) MUST_CHECK;

/* Ends the open group, which has at least one command. */
void batch_builder_end_group(struct batch_builder *builder);

/* Drops the commands of the open group, if any. */
void batch_builder_discard_group(struct batch_builder *builder);

/*
 * Appends the groups of `batch` from number `first_group` on, counted from 0:
 * what its reply says to send again. The builder must be empty.
 */
void batch_builder_add_rest(struct batch_builder *builder,
    const struct batch *batch, uint32_t first_group);

/*
 * Completes the batch, with no group open; a tick or a registration has no
 * groups. The bytes are borrowed until the next call that changes the builder.
 * It may be completed again, as one of another number or writer.
 */
struct slice batch_builder_finish(struct batch_builder *builder,
    const struct batch_origin *origin, uint64_t stamp_ms);

/* What it was completed to; borrowed alike. */
struct slice batch_builder_bytes(const struct batch_builder *builder);

/* The bytes of the commands gathered so far. */
size_t batch_builder_commands_bytes(const struct batch_builder *builder);

#endif
