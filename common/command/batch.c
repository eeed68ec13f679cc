#include "common/command/batch.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/codec/integer.h"
#include "common/command/batch_format.h"

/* Memory that a builder keeps between batches. */
#define BUILDER_KEEP_BYTES_MAX (4u << 20)

#define EXPIRY (COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRY_ABSOLUTE)

_Static_assert(WRITER_ID_BYTES == sizeof(uint64_t), "is_sink() loads it");
_Static_assert(
    BATCHES_IN_FLIGHT_MAX == 8, "three bits of the head say how many");
_Static_assert(BATCH_HEADER_BYTES_MAX == BATCH_OFFSET_NUMBER + VARINT_BYTES_MAX,
    "the longest header");

static enum status
decode_header(struct slice bytes, struct batch *out, struct error *err);
static enum status check_commands(struct batch *batch, struct error *err);

enum status
batch_decode(struct slice bytes, struct batch *out, struct error *err)
{
	enum status status;

	*out = (struct batch){.bytes = bytes};
	status = decode_header(bytes, out, err);
	if (status == STATUS_OK)
		status = check_commands(out, err);
	if (status != STATUS_OK)
		error_wrap(err, "batch");
	return status;
}

static bool
is_sink(const uint8_t writer[WRITER_ID_BYTES])
{
	return u64_load(writer) == 0;
}

/* Takes a number; NULL if it is cut short or too long. */
static inline const uint8_t *
take_number(const uint8_t *next, const uint8_t *end, uint64_t *out)
{
	struct slice input = slice_of(next, (size_t)(end - next));

	return varint_take(&input, out) ? input.data : NULL;
}

/* Takes the writer and its number, which a tick has not; NULL if wrong. */
static inline const uint8_t *
take_origin(
    const uint8_t *next, const uint8_t *end, unsigned before, struct batch *out)
{
	struct batch_origin *origin = &out->origin;

	if (out->kind != BATCH_TICK) {
		if ((size_t)(end - next) < WRITER_ID_BYTES || is_sink(next))
			return NULL;
		memcpy(origin->writer, next, WRITER_ID_BYTES);
		next += WRITER_ID_BYTES;
	}
	if (out->kind != BATCH_WRITES)
		return before == 0 ? next : NULL;
	next = take_number(next, end, &origin->number);
	if (next == NULL || origin->number <= before)
		return NULL;
	origin->answered = origin->number - 1 - before;
	return next;
}

static enum status
decode_header(struct slice bytes, struct batch *out, struct error *err)
{
	const uint8_t *end = bytes.data + bytes.size;
	const uint8_t *next = NULL;
	uint8_t head;

	if (bytes.size < BATCH_HEADER_BYTES_MIN)
		return error_set(
		    err, STATUS_INVALID, "only %zu bytes", bytes.size);
	head = bytes.data[BATCH_OFFSET_HEAD];
	if ((head & BATCH_HEAD_VERSION) != BATCH_VERSION)
		return error_set(err, STATUS_VERSION,
		    "version %u, this program knows %u",
		    head & BATCH_HEAD_VERSION, BATCH_VERSION);
	if (bytes.size > BATCH_BYTES_MAX)
		return error_set(err, STATUS_INVALID, "%zu bytes, more than %u",
		    bytes.size, BATCH_BYTES_MAX);
	out->kind = (enum batch_kind)(
	    (head & BATCH_HEAD_KIND) >> BATCH_HEAD_KIND_SHIFT);
	out->stamp_ms = u48_load(bytes.data + BATCH_OFFSET_STAMP);
	if (out->kind <= BATCH_WRITES)
		next = take_origin(bytes.data + BATCH_OFFSET_WRITER, end,
		    head >> BATCH_HEAD_BEFORE_SHIFT, out);
	if (next == NULL)
		return error_set(
		    err, STATUS_INVALID, "its header makes no sense");
	out->commands = slice_of(next, (size_t)(end - next));
	return STATUS_OK;
}

static enum batch_kind
kind_of(const struct batch_origin *origin)
{
	if (is_sink(origin->writer))
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

/* Takes the flags, of which there are some; NULL if cut short or wrong. */
static const uint8_t *
take_flags(const uint8_t *next, const uint8_t *end, struct command *out)
{
	uint16_t flags;

	if ((size_t)(end - next) < COMMAND_FLAGS_BYTES)
		return NULL;
	flags = u16_load(next);
	if (flags == 0 || flags > COMMAND_FLAGS_MAX)
		return NULL;
	out->flags = (uint32_t)flags << COMMAND_FLAGS_SHIFT;
	return next + COMMAND_FLAGS_BYTES;
}

/* Takes the numbers that stand behind the value. */
static const uint8_t *
take_numbers(const uint8_t *next, const uint8_t *end, struct command *out)
{
	uint64_t number;

	if ((out->flags & COMMAND_IF_SEQUENCE) != 0) {
		next = take_number(next, end, &out->sequence);
		if (next == NULL)
			return NULL;
	}
	if ((out->flags & EXPIRY) != 0) {
		next = take_number(next, end, &number);
		if (next == NULL)
			return NULL;
		out->expiry_ms = zigzag_decode(number);
	}
	if (out->op == COMMAND_INCREMENT) {
		next = take_number(next, end, &number);
		if (next == NULL)
			return NULL;
		out->delta = zigzag_decode(number);
	}
	return next;
}

/* Takes a command; NULL if it is cut short, or of no known form. */
static inline const uint8_t *
take_command(const uint8_t *next, const uint8_t *end, struct command *out,
    bool *group_end)
{
	uint64_t key_size;
	uint64_t value_size = 0;
	uint8_t head = *next++;

	*group_end = (head & COMMAND_HEAD_GROUP_END) != 0;
	out->op = (enum command_op)(head & COMMAND_HEAD_OP);
	out->flags = 0;
	out->sequence = 0;
	out->expiry_ms = 0;
	out->delta = 0;
	if (UNLIKELY((head & (COMMAND_HEAD_ZERO | COMMAND_HEAD_FLAGS)) != 0)) {
		if ((head & COMMAND_HEAD_ZERO) != 0)
			return NULL;
		next = take_flags(next, end, out);
		if (next == NULL)
			return NULL;
	}
	next = take_number(next, end, &key_size);
	if (next != NULL && command_has_value(out->op))
		next = take_number(next, end, &value_size);
	/* One by one: their sum may come round. */
	if (next == NULL || key_size > (size_t)(end - next) ||
	    value_size > (size_t)(end - next) - key_size)
		return NULL;
	out->key = slice_of(next, (size_t)key_size);
	next += key_size;
	out->value = slice_of(next, (size_t)value_size);
	next += value_size;
	if (LIKELY(out->flags == 0 && out->op != COMMAND_INCREMENT))
		return next;
	return take_numbers(next, end, out);
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
check_counts(const struct batch *batch, bool group_end, struct error *err)
{
	if (!group_end)
		return error_set(err, STATUS_INVALID, "the last group is open");
	if ((batch->group_count > 0) != (batch->kind == BATCH_WRITES))
		return error_set(err, STATUS_INVALID,
		    "%" PRIu32 " groups, number %" PRIu64, batch->group_count,
		    batch->origin.number);
	if (batch->range_count > BATCH_RANGES_MAX)
		return error_set(err, STATUS_INVALID,
		    "%" PRIu32 " range deletions, more than %u",
		    batch->range_count, BATCH_RANGES_MAX);
	return STATUS_OK;
}

static enum status
check_commands(struct batch *batch, struct error *err)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	bool group_end = true;

	while (cursor.next < cursor.end) {
		struct command command;

		if (batch->command_count == BATCH_COMMANDS_MAX)
			return error_set(err, STATUS_INVALID,
			    "more than %u commands", BATCH_COMMANDS_MAX);
		cursor.next =
		    take_command(cursor.next, cursor.end, &command, &group_end);
		if (cursor.next == NULL)
			return error_set(err, STATUS_INVALID,
			    "command %" PRIu32 " is cut short or none",
			    batch->command_count);
		if (command_check(&command, err) != STATUS_OK)
			return error_wrap(
			    err, "command %" PRIu32, batch->command_count);
		count_command(batch, &command);
		batch->group_count += group_end;
		batch->command_count++;
	}
	return check_counts(batch, group_end, err);
}

void
batch_set_stamp(uint8_t *bytes, uint64_t stamp_ms)
{
	CHECK(stamp_ms <= STAMP_MS_MAX);
	u48_store(bytes + BATCH_OFFSET_STAMP, stamp_ms);
}

struct batch_cursor
batch_cursor_at_start(const struct batch *batch)
{
	return (struct batch_cursor){
	    batch->commands.data,
	    batch->commands.data + batch->commands.size,
	};
}

bool
batch_cursor_next(
    struct batch_cursor *cursor, struct command *out, bool *group_end)
{
	if (cursor->next == cursor->end)
		return false;
	cursor->next = take_command(cursor->next, cursor->end, out, group_end);
	return true;
}

uint32_t
batch_cursor_group_size(struct batch_cursor cursor)
{
	struct command command;
	uint32_t count = 0;
	bool group_end = false;

	while (!group_end && batch_cursor_next(&cursor, &command, &group_end))
		count++;
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

/* Room for any header is made with the first command, and filled last. */
static void
reserve_header(struct batch_builder *builder)
{
	if (buffer_size(&builder->buffer) > 0)
		return;
	(void)buffer_reserve(&builder->buffer, BATCH_HEADER_BYTES_MAX);
	buffer_commit(&builder->buffer, BATCH_HEADER_BYTES_MAX);
	builder->group_start = BATCH_HEADER_BYTES_MAX;
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
	return place + varint_store(place, number);
}

static uint8_t *
put_command(uint8_t *place, const struct command *command)
{
	*place++ = (uint8_t)(command->op |
	    (command->flags != 0 ? COMMAND_HEAD_FLAGS : 0));
	if (command->flags != 0) {
		u16_store(
		    place, (uint16_t)(command->flags >> COMMAND_FLAGS_SHIFT));
		place += COMMAND_FLAGS_BYTES;
	}
	place = put_number(place, command->key.size);
	if (command_has_value(command->op))
		place = put_number(place, command->value.size);
	place = put_bytes(place, command->key);
	place = put_bytes(place, command->value);
	if ((command->flags & COMMAND_IF_SEQUENCE) != 0)
		place = put_number(place, command->sequence);
	if ((command->flags & EXPIRY) != 0)
		place = put_number(place, zigzag_encode(command->expiry_ms));
	if (command->op == COMMAND_INCREMENT)
		place = put_number(place, zigzag_encode(command->delta));
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
	    builder->last_command;

	CHECK(builder->command_count > builder->group_start_commands);
	*head |= COMMAND_HEAD_GROUP_END;
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

/* Returns its bytes. */
static size_t
put_header(uint8_t header[BATCH_HEADER_BYTES_MAX],
    const struct batch_origin *origin, uint64_t stamp_ms)
{
	enum batch_kind kind = kind_of(origin);
	uint8_t *end = header + BATCH_OFFSET_WRITER;
	uint64_t before = 0;

	batch_set_stamp(header, stamp_ms);
	if (kind != BATCH_TICK)
		end = put_bytes(end, slice_of(origin->writer, WRITER_ID_BYTES));
	if (kind == BATCH_WRITES) {
		end = put_number(end, origin->number);
		before = origin->number - 1 - origin->answered;
	}
	header[BATCH_OFFSET_HEAD] =
	    (uint8_t)(BATCH_VERSION | (unsigned)kind << BATCH_HEAD_KIND_SHIFT |
		before << BATCH_HEAD_BEFORE_SHIFT);
	return (size_t)(end - header);
}

struct slice
batch_builder_finish(struct batch_builder *builder,
    const struct batch_origin *origin, uint64_t stamp_ms)
{
	uint8_t header[BATCH_HEADER_BYTES_MAX];
	size_t size;

	CHECK(builder->command_count == builder->group_start_commands);
	CHECK(origin_is_valid(origin));
	CHECK((builder->group_count > 0) == (kind_of(origin) == BATCH_WRITES));
	reserve_header(builder);
	/* It ends where the commands begin. */
	size = put_header(header, origin, stamp_ms);
	builder->start = BATCH_HEADER_BYTES_MAX - size;
	memcpy(builder->buffer.data + builder->buffer.start + builder->start,
	    header, size);
	return batch_builder_bytes(builder);
}

struct slice
batch_builder_bytes(const struct batch_builder *builder)
{
	struct slice bytes = buffer_slice(&builder->buffer);

	return slice_of(
	    bytes.data + builder->start, bytes.size - builder->start);
}

size_t
batch_builder_commands_bytes(const struct batch_builder *builder)
{
	size_t size = buffer_size(&builder->buffer);

	return size == 0 ? 0 : size - BATCH_HEADER_BYTES_MAX;
}
