#include "common/command/batch.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/codec/integer.h"
#include "common/command/batch_format.h"

/* Memory that a builder keeps between batches. */
#define BUILDER_KEEP_BYTES_MAX (4u << 20)

#define EXPIRY (COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRY_ABSOLUTE)

static const uint8_t zeroes[WRITER_ID_BYTES];

static enum status
decode_header(struct slice bytes, struct batch *out, struct error *err);
static enum status check_origin(struct batch *batch, struct error *err);
static enum status check_commands(struct batch *batch, struct error *err);

enum status
batch_decode(struct slice bytes, struct batch *out, struct error *err)
{
	enum status status;

	*out = (struct batch){.bytes = bytes};
	status = decode_header(bytes, out, err);
	if (status == STATUS_OK)
		status = check_origin(out, err);
	if (status == STATUS_OK)
		status = check_commands(out, err);
	if (status != STATUS_OK)
		error_wrap(err, "batch");
	return status;
}

static enum status
decode_header(struct slice bytes, struct batch *out, struct error *err)
{
	const uint8_t *data = bytes.data;

	if (bytes.size < BATCH_HEADER_BYTES)
		return error_set(
		    err, STATUS_INVALID, "only %zu bytes", bytes.size);
	if (data[BATCH_OFFSET_VERSION] != BATCH_VERSION)
		return error_set(err, STATUS_VERSION,
		    "version %u, this program knows %u",
		    data[BATCH_OFFSET_VERSION], BATCH_VERSION);
	if (memcmp(data + BATCH_OFFSET_ZERO, zeroes, BATCH_ZERO_BYTES) != 0)
		return error_set(err, STATUS_INVALID, "reserved bytes are set");
	if (bytes.size > BATCH_BYTES_MAX ||
	    u32_load(data + BATCH_OFFSET_SIZE) != bytes.size)
		return error_set(err, STATUS_INVALID,
		    "%zu bytes, but it says %" PRIu32, bytes.size,
		    u32_load(data + BATCH_OFFSET_SIZE));
	memcpy(out->origin.writer, data + BATCH_OFFSET_WRITER, WRITER_ID_BYTES);
	out->origin.number = u64_load(data + BATCH_OFFSET_NUMBER);
	out->origin.answered = u64_load(data + BATCH_OFFSET_ANSWERED);
	out->stamp_ms = u64_load(data + BATCH_OFFSET_STAMP);
	out->group_count = u32_load(data + BATCH_OFFSET_GROUPS);
	out->command_count = u32_load(data + BATCH_OFFSET_COMMANDS);
	if (out->stamp_ms > TIME_MS_MAX)
		return error_set(err, STATUS_INVALID, "a time out of range");
	if (out->command_count > BATCH_COMMANDS_MAX)
		return error_set(err, STATUS_INVALID,
		    "%" PRIu32 " commands, more than %u", out->command_count,
		    BATCH_COMMANDS_MAX);
	return STATUS_OK;
}

static enum batch_kind
kind_of(const struct batch_origin *origin)
{
	if (memcmp(origin->writer, zeroes, WRITER_ID_BYTES) == 0)
		return BATCH_TICK;
	return origin->number == 0 ? BATCH_REGISTRATION : BATCH_WRITES;
}

/* Whether the numbers in `origin` make sense for its kind. */
static bool
origin_is_valid(const struct batch_origin *origin)
{
	if (kind_of(origin) != BATCH_WRITES)
		return origin->number == 0 && origin->answered == 0;
	return origin->answered < origin->number &&
	    origin->number - origin->answered <= BATCHES_IN_FLIGHT_MAX;
}

static enum status
check_origin(struct batch *batch, struct error *err)
{
	const struct batch_origin *origin = &batch->origin;

	batch->kind = kind_of(origin);
	if (!origin_is_valid(origin))
		return error_set(err, STATUS_INVALID,
		    "number %" PRIu64 " with %" PRIu64 " answered",
		    origin->number, origin->answered);
	if ((batch->group_count > 0) != (batch->kind == BATCH_WRITES))
		return error_set(err, STATUS_INVALID,
		    "%" PRIu32 " groups, number %" PRIu64, batch->group_count,
		    origin->number);
	return STATUS_OK;
}

/* The bytes of a command, its header included, by what its header says. */
static size_t
encoded_size(const uint8_t *bytes)
{
	uint32_t head = u16_load(bytes + COMMAND_OFFSET_HEAD);

	/* In 64 bits: a size near 2^32 must not come round to a small one. */
	return (size_t)COMMAND_HEADER_BYTES +
	    u16_load(bytes + COMMAND_OFFSET_KEY_SIZE) +
	    u32_load(bytes + COMMAND_OFFSET_VALUE_SIZE) +
	    command_number_bytes(head);
}

/* Takes the command at `bytes`, which is wholly there. */
static inline const uint8_t *
take_command(const uint8_t *bytes, struct command *out, bool *group_end)
{
	uint32_t head = u16_load(bytes + COMMAND_OFFSET_HEAD);
	size_t key_size = u16_load(bytes + COMMAND_OFFSET_KEY_SIZE);
	size_t value_size = u32_load(bytes + COMMAND_OFFSET_VALUE_SIZE);

	out->op = (enum command_op)(head & COMMAND_HEAD_OP);
	out->flags = head & ~(COMMAND_HEAD_OP | COMMAND_HEAD_GROUP_END);
	*group_end = (head & COMMAND_HEAD_GROUP_END) != 0;
	bytes += COMMAND_HEADER_BYTES;
	out->key = slice_of(bytes, key_size);
	bytes += key_size;
	out->value = slice_of(bytes, value_size);
	bytes += value_size;
	out->sequence = 0;
	out->expiry_ms = 0;
	out->delta = 0;
	if ((head & COMMAND_IF_SEQUENCE) != 0) {
		out->sequence = u64_load(bytes);
		bytes += COMMAND_NUMBER_BYTES;
	}
	if ((head & EXPIRY) != 0) {
		out->expiry_ms = (int64_t)u64_load(bytes);
		bytes += COMMAND_NUMBER_BYTES;
	}
	if (out->op == COMMAND_INCREMENT) {
		out->delta = (int64_t)u64_load(bytes);
		bytes += COMMAND_NUMBER_BYTES;
	}
	return bytes;
}

static void
count_command(struct batch *batch, const struct command *command)
{
	if (command->op == COMMAND_DELETE_RANGE)
		batch->range_count++;
	else
		batch->data_bytes += command->key.size + command->value.size;
	batch->reads |= command_reads(command);
}

static enum status
check_commands(struct batch *batch, struct error *err)
{
	const uint8_t *next = batch->bytes.data + BATCH_HEADER_BYTES;
	const uint8_t *end = batch->bytes.data + batch->bytes.size;
	uint32_t command_count = 0;
	uint32_t group_count = 0;
	bool group_end = true;

	while (next < end) {
		struct command command;
		size_t left = (size_t)(end - next);

		if (left < COMMAND_HEADER_BYTES || left < encoded_size(next))
			return error_set(err, STATUS_INVALID,
			    "command %" PRIu32 " is cut short", command_count);
		next = take_command(next, &command, &group_end);
		if (command_check(&command, err) != STATUS_OK)
			return error_wrap(
			    err, "command %" PRIu32, command_count);
		count_command(batch, &command);
		group_count += group_end;
		command_count++;
	}
	if (!group_end || group_count != batch->group_count ||
	    command_count != batch->command_count)
		return error_set(err, STATUS_INVALID,
		    "%" PRIu32 " groups, %" PRIu32 " commands, not %" PRIu32
		    " and %" PRIu32,
		    group_count, command_count, batch->group_count,
		    batch->command_count);
	if (batch->range_count > BATCH_RANGES_MAX)
		return error_set(err, STATUS_INVALID,
		    "%" PRIu32 " range deletions, more than %u",
		    batch->range_count, BATCH_RANGES_MAX);
	return STATUS_OK;
}

void
batch_set_stamp(uint8_t *bytes, uint64_t stamp_ms)
{
	CHECK(stamp_ms <= TIME_MS_MAX);
	u64_store(bytes + BATCH_OFFSET_STAMP, stamp_ms);
}

struct batch_cursor
batch_cursor_at_start(const struct batch *batch)
{
	return (struct batch_cursor){
	    batch->bytes.data + BATCH_HEADER_BYTES,
	    batch->bytes.data + batch->bytes.size,
	};
}

bool
batch_cursor_next(
    struct batch_cursor *cursor, struct command *out, bool *group_end)
{
	if (cursor->next == cursor->end)
		return false;
	cursor->next = take_command(cursor->next, out, group_end);
	return true;
}

uint32_t
batch_cursor_group_size(struct batch_cursor cursor)
{
	uint32_t count = 0;
	uint32_t head = 0;

	while (
	    cursor.next < cursor.end && (head & COMMAND_HEAD_GROUP_END) == 0) {
		head = u16_load(cursor.next + COMMAND_OFFSET_HEAD);
		cursor.next += encoded_size(cursor.next);
		count++;
	}
	return count;
}

bool
batch_adds(const struct batch *batch, uint64_t now_ms)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct command command;
	bool group_end;

	while (batch_cursor_next(&cursor, &command, &group_end)) {
		if (command_adds(&command, now_ms))
			return true;
	}
	return false;
}

void
batch_builder_deinit(struct batch_builder *builder)
{
	buffer_deinit(&builder->buffer);
	*builder = (struct batch_builder){0};
}

void
batch_builder_reset(struct batch_builder *builder)
{
	struct buffer buffer = builder->buffer;

	buffer_clear(&buffer, BUILDER_KEEP_BYTES_MAX);
	*builder = (struct batch_builder){.buffer = buffer};
}

/* The header's place is taken with the first command, and filled at the end. */
static void
reserve_header(struct batch_builder *builder)
{
	if (buffer_size(&builder->buffer) > 0)
		return;
	memset(buffer_reserve(&builder->buffer, BATCH_HEADER_BYTES), 0,
	    BATCH_HEADER_BYTES);
	buffer_commit(&builder->buffer, BATCH_HEADER_BYTES);
	builder->group_start = BATCH_HEADER_BYTES;
}

static uint8_t *
put_bytes(uint8_t *place, struct slice bytes)
{
	if (bytes.size > 0)
		memcpy(place, bytes.data, bytes.size);
	return place + bytes.size;
}

static uint8_t *
put_number(uint8_t *place, uint64_t number)
{
	u64_store(place, number);
	return place + COMMAND_NUMBER_BYTES;
}

static uint8_t *
put_command(uint8_t *place, const struct command *command)
{
	u16_store(place + COMMAND_OFFSET_HEAD,
	    (uint16_t)(command->op | command->flags));
	u16_store(place + COMMAND_OFFSET_KEY_SIZE, (uint16_t)command->key.size);
	u32_store(
	    place + COMMAND_OFFSET_VALUE_SIZE, (uint32_t)command->value.size);
	place = put_bytes(place + COMMAND_HEADER_BYTES, command->key);
	place = put_bytes(place, command->value);
	if ((command->flags & COMMAND_IF_SEQUENCE) != 0)
		place = put_number(place, command->sequence);
	if ((command->flags & EXPIRY) != 0)
		place = put_number(place, (uint64_t)command->expiry_ms);
	if (command->op == COMMAND_INCREMENT)
		place = put_number(place, (uint64_t)command->delta);
	return place;
}

bool
batch_builder_add(struct batch_builder *builder, const struct command *command)
{
	size_t size = command_size(command);
	bool is_range = command->op == COMMAND_DELETE_RANGE;
	struct error err;
	uint8_t *place;

	CHECK(command_check(command, &err) == STATUS_OK);
	reserve_header(builder);
	if (buffer_size(&builder->buffer) + size > BATCH_BYTES_MAX ||
	    builder->command_count == BATCH_COMMANDS_MAX ||
	    (is_range && builder->range_count == BATCH_RANGES_MAX))
		return false;
	place = buffer_reserve(&builder->buffer, size);
	CHECK(put_command(place, command) == place + size);
	builder->last_command = buffer_size(&builder->buffer);
	buffer_commit(&builder->buffer, size);
	builder->command_count++;
	builder->range_count += is_range;
	return true;
}

/* The open group is to begin here. */
static void
start_group(struct batch_builder *builder)
{
	builder->group_start = buffer_size(&builder->buffer);
	builder->group_start_commands = builder->command_count;
	builder->group_start_ranges = builder->range_count;
}

void
batch_builder_end_group(struct batch_builder *builder)
{
	uint8_t *head = builder->buffer.data + builder->buffer.start +
	    builder->last_command + COMMAND_OFFSET_HEAD;

	CHECK(builder->command_count > builder->group_start_commands);
	u16_store(head, (uint16_t)(u16_load(head) | COMMAND_HEAD_GROUP_END));
	builder->group_count++;
	start_group(builder);
}

void
batch_builder_discard_group(struct batch_builder *builder)
{
	if (builder->command_count == builder->group_start_commands)
		return;
	builder->buffer.end = builder->buffer.start + builder->group_start;
	builder->command_count = builder->group_start_commands;
	builder->range_count = builder->group_start_ranges;
}

void
batch_builder_add_rest(struct batch_builder *builder, const struct batch *batch,
    uint32_t first_group)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct command command;
	bool group_end;

	CHECK(builder->command_count == 0);
	CHECK(first_group < batch->group_count);
	reserve_header(builder);
	for (uint32_t group = 0; group < first_group;) {
		CHECK(batch_cursor_next(&cursor, &command, &group_end));
		group += group_end;
	}
	buffer_append(
	    &builder->buffer, cursor.next, (size_t)(cursor.end - cursor.next));
	while (batch_cursor_next(&cursor, &command, &group_end)) {
		builder->command_count++;
		builder->range_count += command.op == COMMAND_DELETE_RANGE;
	}
	builder->group_count = batch->group_count - first_group;
	start_group(builder);
}

struct slice
batch_builder_finish(struct batch_builder *builder,
    const struct batch_origin *origin, uint64_t stamp_ms)
{
	uint8_t *header;
	size_t size;

	CHECK(builder->command_count == builder->group_start_commands);
	CHECK(origin_is_valid(origin));
	CHECK((builder->group_count > 0) == (kind_of(origin) == BATCH_WRITES));
	reserve_header(builder);
	header = builder->buffer.data + builder->buffer.start;
	size = buffer_size(&builder->buffer);
	header[BATCH_OFFSET_VERSION] = BATCH_VERSION;
	u32_store(header + BATCH_OFFSET_SIZE, (uint32_t)size);
	memcpy(header + BATCH_OFFSET_WRITER, origin->writer, WRITER_ID_BYTES);
	u64_store(header + BATCH_OFFSET_NUMBER, origin->number);
	u64_store(header + BATCH_OFFSET_ANSWERED, origin->answered);
	u32_store(header + BATCH_OFFSET_GROUPS, builder->group_count);
	u32_store(header + BATCH_OFFSET_COMMANDS, builder->command_count);
	batch_set_stamp(header, stamp_ms);
	return slice_of(header, size);
}
