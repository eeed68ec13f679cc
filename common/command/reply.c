#include "common/command/reply.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/codec/integer.h"
#include "common/command/limits.h"
#include "common/command/reply_format.h"

static enum status
decode_header(struct slice bytes, struct reply *out, struct error *err);
static enum status check_groups(const struct reply *reply, struct error *err);

enum status
reply_decode(struct slice bytes, struct reply *out, struct error *err)
{
	enum status status;

	*out = (struct reply){.bytes = bytes};
	status = decode_header(bytes, out, err);
	if (status == STATUS_OK)
		status = check_groups(out, err);
	if (status != STATUS_OK)
		error_wrap(err, "reply");
	return status;
}

static enum status
decode_header(struct slice bytes, struct reply *out, struct error *err)
{
	static const uint8_t zeroes[REPLY_ZERO_BYTES];
	const uint8_t *data = bytes.data;

	if (bytes.size < REPLY_HEADER_BYTES)
		return error_set(
		    err, STATUS_INVALID, "only %zu bytes", bytes.size);
	if (data[REPLY_OFFSET_VERSION] != REPLY_VERSION)
		return error_set(err, STATUS_VERSION,
		    "version %u, this program knows %u",
		    data[REPLY_OFFSET_VERSION], REPLY_VERSION);
	if (memcmp(data + REPLY_OFFSET_ZERO, zeroes, REPLY_ZERO_BYTES) != 0)
		return error_set(err, STATUS_INVALID, "reserved bytes are set");
	if (bytes.size > REPLY_BYTES_MAX ||
	    u32_load(data + REPLY_OFFSET_SIZE) != bytes.size)
		return error_set(err, STATUS_INVALID,
		    "%zu bytes, but it says %" PRIu32, bytes.size,
		    u32_load(data + REPLY_OFFSET_SIZE));
	out->number = u64_load(data + REPLY_OFFSET_NUMBER);
	out->first_sequence = u64_load(data + REPLY_OFFSET_SEQUENCE);
	out->group_count = u32_load(data + REPLY_OFFSET_GROUPS);
	out->answered_count = u32_load(data + REPLY_OFFSET_ANSWERED);
	if (out->group_count > BATCH_COMMANDS_MAX ||
	    out->answered_count > out->group_count)
		return error_set(err, STATUS_INVALID,
		    "%" PRIu32 " of %" PRIu32 " groups", out->answered_count,
		    out->group_count);
	return STATUS_OK;
}

/* Takes a group's head, count and failed command; false if they are wrong. */
static bool
take_group(struct slice *rest, uint8_t *head, struct reply_group *out)
{
	uint64_t count = 1;
	uint64_t failed = 0;

	if (!u8_take(rest, head))
		return false;
	out->result = (enum group_result)(*head & REPLY_HEAD_RESULT);
	if ((*head & REPLY_HEAD_SINGLE) == 0) {
		if (!varint_take(rest, &count) || count < 2 ||
		    count > BATCH_COMMANDS_MAX ||
		    *head >> REPLY_HEAD_FLAGS_SHIFT != 0)
			return false;
		if (out->result != GROUP_APPLIED &&
		    (!varint_take(rest, &failed) || failed >= count))
			return false;
	}
	out->command_count = (uint32_t)count;
	out->failed = (uint32_t)failed;
	if (out->result > GROUP_CONDITION_FAILED)
		return out->result < GROUP_REPLY_FULL &&
		    *head >> REPLY_HEAD_FLAGS_SHIFT == 0;
	return true;
}

/* Results that stand behind the head of a group. */
static uint32_t
result_count(const struct reply_group *group)
{
	if (group->result == GROUP_APPLIED)
		return group->command_count;
	return group->result == GROUP_CONDITION_FAILED ? 1 : 0;
}

static bool
take_command(struct slice *rest, uint8_t head, struct reply_command *out)
{
	uint8_t flags = (uint8_t)(head >> REPLY_HEAD_FLAGS_SHIFT);
	uint64_t number;

	*out = (struct reply_command){0};
	if ((head & REPLY_HEAD_SINGLE) == 0 &&
	    (!u8_take(rest, &flags) || (flags & ~REPLY_FLAGS) != 0))
		return false;
	out->affected = (flags & REPLY_AFFECTED) != 0;
	out->has_old = (flags & REPLY_OLD) != 0;
	out->has_integer = (flags & REPLY_INTEGER) != 0;
	if (out->has_old &&
	    (!varint_take(rest, &number) || number > VALUE_BYTES_MAX ||
		!bytes_take(rest, (size_t)number, &out->old)))
		return false;
	if (out->has_integer) {
		if (!varint_take(rest, &number))
			return false;
		out->integer = zigzag_decode(number);
	}
	if ((flags & REPLY_DEADLINE) != 0)
		return varint_take(rest, &out->deadline_ms) &&
		    out->deadline_ms > 0 && out->deadline_ms <= TIME_MS_MAX;
	return true;
}

static enum status
check_groups(const struct reply *reply, struct error *err)
{
	struct slice rest = reply->bytes;
	struct slice header;
	uint64_t command_count = 0;

	CHECK(bytes_take(&rest, REPLY_HEADER_BYTES, &header));
	for (uint32_t i = 0; i < reply->answered_count; i++) {
		struct reply_command command;
		struct reply_group group;
		uint8_t head;

		if (!take_group(&rest, &head, &group))
			return error_set(err, STATUS_INVALID,
			    "group %" PRIu32 " is malformed", i);
		command_count += group.command_count;
		for (uint32_t left = result_count(&group); left > 0; left--) {
			if (!take_command(&rest, head, &command))
				return error_set(err, STATUS_INVALID,
				    "group %" PRIu32 " has a malformed result",
				    i);
		}
	}
	if (rest.size > 0)
		return error_set(err, STATUS_INVALID,
		    "%zu bytes behind the last group", rest.size);
	if (command_count > BATCH_COMMANDS_MAX)
		return error_set(
		    err, STATUS_INVALID, "%" PRIu64 " commands", command_count);
	return STATUS_OK;
}

struct reply_cursor
reply_cursor_at_start(const struct reply *reply)
{
	return (struct reply_cursor){
	    .rest = slice_of(reply->bytes.data + REPLY_HEADER_BYTES,
		reply->bytes.size - REPLY_HEADER_BYTES),
	    .sequence = reply->first_sequence + 1,
	    .answered_left = reply->answered_count,
	    .full_left = reply->group_count - reply->answered_count,
	};
}

bool
reply_cursor_next_group(struct reply_cursor *cursor, struct reply_group *out)
{
	struct reply_command skipped;

	while (reply_cursor_next_command(cursor, &skipped))
		continue;
	*out = (struct reply_group){.result = GROUP_REPLY_FULL};
	if (cursor->answered_left == 0) {
		if (cursor->full_left == 0)
			return false;
		cursor->full_left--;
		return true;
	}
	CHECK(take_group(&cursor->rest, &cursor->head, out));
	cursor->answered_left--;
	cursor->results_left = result_count(out);
	out->sequence = cursor->sequence;
	cursor->sequence += out->command_count;
	return true;
}

bool
reply_cursor_next_command(
    struct reply_cursor *cursor, struct reply_command *out)
{
	if (cursor->results_left == 0)
		return false;
	CHECK(take_command(&cursor->rest, cursor->head, out));
	cursor->results_left--;
	return true;
}

/* The content of the builder's buffer; it moves when the buffer grows. */
static uint8_t *
content(const struct reply_builder *builder)
{
	return builder->buffer->data + builder->buffer->start;
}

static void
append_varint(struct buffer *buffer, uint64_t value)
{
	uint8_t *place = buffer_reserve(buffer, VARINT_BYTES_MAX);

	buffer_commit(buffer, varint_store(place, value));
}

void
reply_builder_start(struct reply_builder *builder, struct buffer *buffer,
    uint64_t number, uint64_t first_sequence, uint32_t group_count)
{
	uint8_t *header;

	CHECK(group_count <= BATCH_COMMANDS_MAX);
	*builder = (struct reply_builder){
	    .buffer = buffer,
	    .start = buffer_size(buffer),
	};
	header = buffer_reserve(buffer, REPLY_HEADER_BYTES);
	memset(header, 0, REPLY_HEADER_BYTES);
	header[REPLY_OFFSET_VERSION] = REPLY_VERSION;
	u64_store(header + REPLY_OFFSET_NUMBER, number);
	u64_store(header + REPLY_OFFSET_SEQUENCE, first_sequence);
	u32_store(header + REPLY_OFFSET_GROUPS, group_count);
	buffer_commit(buffer, REPLY_HEADER_BYTES);
}

void
reply_builder_begin_group(struct reply_builder *builder, uint32_t command_count)
{
	CHECK(builder->group_commands == 0);
	CHECK(command_count > 0);
	builder->group_start = buffer_size(builder->buffer);
	builder->group_commands = command_count;
	if (command_count == 1) {
		buffer_append_byte(
		    builder->buffer, GROUP_APPLIED | REPLY_HEAD_SINGLE);
		return;
	}
	buffer_append_byte(builder->buffer, GROUP_APPLIED);
	append_varint(builder->buffer, command_count);
}

void
reply_builder_add(
    struct reply_builder *builder, const struct reply_command *command)
{
	struct buffer *buffer = builder->buffer;
	uint8_t flags = (uint8_t)((command->affected ? REPLY_AFFECTED : 0) |
	    (command->has_old ? REPLY_OLD : 0) |
	    (command->has_integer ? REPLY_INTEGER : 0) |
	    (command->deadline_ms != 0 ? REPLY_DEADLINE : 0));

	CHECK(builder->group_commands > 0);
	if (builder->group_commands == 1)
		content(builder)[builder->group_start] |=
		    (uint8_t)(flags << REPLY_HEAD_FLAGS_SHIFT);
	else
		buffer_append_byte(buffer, flags);
	if (command->has_old) {
		append_varint(buffer, command->old.size);
		buffer_append_slice(buffer, command->old);
	}
	if (command->has_integer)
		append_varint(buffer, zigzag_encode(command->integer));
	if (command->deadline_ms != 0)
		append_varint(buffer, command->deadline_ms);
}

size_t
reply_builder_group_bytes(const struct reply_builder *builder)
{
	return buffer_size(builder->buffer) - builder->group_start;
}

size_t
reply_builder_bytes(const struct reply_builder *builder)
{
	return buffer_size(builder->buffer) - builder->start;
}

size_t
reply_command_bytes(const struct reply_command *command)
{
	size_t old_bytes = varint_size(command->old.size) + command->old.size;

	return 1 + (command->has_old ? old_bytes : 0) +
	    (command->has_integer ? varint_size(zigzag_encode(command->integer))
				  : 0) +
	    (command->deadline_ms != 0 ? varint_size(command->deadline_ms) : 0);
}

/* Empties the open group down to where its head begins. */
static void
rewind_group(struct reply_builder *builder)
{
	CHECK(builder->group_commands > 0);
	builder->buffer->end = builder->buffer->start + builder->group_start;
}

void
reply_builder_fail_group(struct reply_builder *builder,
    enum group_result result, uint32_t failed,
    const struct reply_command *command)
{
	bool single = builder->group_commands == 1;

	CHECK(result != GROUP_APPLIED && result < GROUP_REPLY_FULL);
	CHECK(failed < builder->group_commands);
	CHECK((result == GROUP_CONDITION_FAILED) == (command != NULL));
	rewind_group(builder);
	buffer_append_byte(builder->buffer,
	    (uint8_t)(result | (single ? REPLY_HEAD_SINGLE : 0)));
	if (!single) {
		append_varint(builder->buffer, builder->group_commands);
		append_varint(builder->buffer, failed);
	}
	if (command != NULL)
		reply_builder_add(builder, command);
}

void
reply_builder_discard_group(struct reply_builder *builder)
{
	rewind_group(builder);
	builder->group_commands = 0;
}

void
reply_builder_end_group(struct reply_builder *builder)
{
	CHECK(builder->group_commands > 0);
	builder->group_commands = 0;
	builder->answered_count++;
}

struct slice
reply_builder_finish(struct reply_builder *builder)
{
	uint8_t *header = content(builder) + builder->start;
	size_t size = reply_builder_bytes(builder);

	CHECK(builder->group_commands == 0);
	CHECK(size <= REPLY_BYTES_MAX);
	CHECK(
	    builder->answered_count <= u32_load(header + REPLY_OFFSET_GROUPS));
	u32_store(header + REPLY_OFFSET_SIZE, (uint32_t)size);
	u32_store(header + REPLY_OFFSET_ANSWERED, builder->answered_count);
	return slice_of(header, size);
}
