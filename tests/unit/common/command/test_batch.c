#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/integer.h"
#include "common/command/batch.h"
#include "common/command/batch_format.h"
#include "tests/support/random_command.h"
#include "tests/support/suite.h"

static const struct batch_origin origin_tick;
static const struct batch_origin origin_of_seven = {
    .writer = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7},
    .number = 7,
    .answered = 6,
};

/* A sample with every operation and every field, in groups of 1 and 2. */
static const struct command sample[] = {
    {.op = COMMAND_PUT,
	.key = {(const uint8_t *)"k", 1},
	.value = {(const uint8_t *)"value", 5}},
    {.op = COMMAND_PUT,
	.flags =
	    COMMAND_IF_SEQUENCE | COMMAND_RETURN_OLD | COMMAND_EXPIRY_RELATIVE,
	.key = {(const uint8_t *)"kk", 2},
	.value = {(const uint8_t *)"v", 1},
	.sequence = 0x0102030405060708,
	.expiry_ms = 60000},
    {.op = COMMAND_DELETE,
	.flags = COMMAND_IF_PRESENT,
	.key = {(const uint8_t *)"d", 1}},
    {.op = COMMAND_INCREMENT, .key = {(const uint8_t *)"n", 1}, .delta = -2},
    {.op = COMMAND_EXPIRE,
	.flags = COMMAND_EXPIRY_ABSOLUTE | COMMAND_EXPIRE_IF_GREATER,
	.key = {(const uint8_t *)"e", 1},
	.expiry_ms = 0x1122},
    {.op = COMMAND_PERSIST,
	.flags = COMMAND_IF_PRESENT,
	.key = {(const uint8_t *)"p", 1}},
    {.op = COMMAND_DELETE_RANGE,
	.key = {(const uint8_t *)"a", 1},
	.value = {(const uint8_t *)"b", 1}},
};

static struct slice
build_sample(struct batch_builder *builder)
{
	for (size_t i = 0; i < SUITE_COUNT(sample); i++) {
		CU_ASSERT_TRUE_FATAL(batch_builder_add(builder, &sample[i]));
		/* The second group holds two commands. */
		if (i != 1)
			batch_builder_end_group(builder);
	}
	return batch_builder_finish(builder, &origin_of_seven, 0x0a0b0c0d);
}

static void
assert_same_command(const struct command *a, const struct command *b)
{
	CU_ASSERT_EQUAL_FATAL(a->op, b->op);
	CU_ASSERT_EQUAL_FATAL(a->flags, b->flags);
	CU_ASSERT_TRUE_FATAL(slice_equal(a->key, b->key));
	CU_ASSERT_TRUE_FATAL(slice_equal(a->value, b->value));
	CU_ASSERT_EQUAL_FATAL(a->sequence, b->sequence);
	CU_ASSERT_EQUAL_FATAL(a->expiry_ms, b->expiry_ms);
	CU_ASSERT_EQUAL_FATAL(a->delta, b->delta);
}

/* These bytes are in journals: they never change within a version. */
static void
the_sample_has_its_golden_bytes(void)
{
	/* clang-format off */
	static const uint8_t golden[] = {
	    /* head, stamp, writer, number */
	    0x11, 0x0d, 0x0c, 0x0b, 0x0a, 0x00, 0x00,
	    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
	    0x07,
	    /* put */
	    0x09, 0x01, 0x05, 0x6b, 0x76, 0x61, 0x6c, 0x75, 0x65,
	    /* put with everything */
	    0x11, 0x2c, 0x00, 0x02, 0x01, 0x6b, 0x6b, 0x76, 0x88, 0x8e,
	    0x98, 0xa8, 0xc0, 0xe0, 0x80, 0x81, 0x01, 0xc0, 0xa9, 0x07,
	    /* delete */
	    0x1a, 0x02, 0x00, 0x01, 0x64,
	    /* increment */
	    0x0b, 0x01, 0x6e, 0x03,
	    /* expire */
	    0x1c, 0x40, 0x02, 0x01, 0x65, 0xc4, 0x44,
	    /* persist */
	    0x1d, 0x02, 0x00, 0x01, 0x70,
	    /* delete range */
	    0x0e, 0x01, 0x01, 0x61, 0x62
	};
	/* clang-format on */
	struct batch_builder builder = {0};
	struct slice bytes = build_sample(&builder);

	CU_ASSERT_TRUE(slice_equal(bytes, slice_of(golden, sizeof(golden))));
	batch_builder_deinit(&builder);
}

static void
the_sample_comes_back(void)
{
	struct batch_builder builder = {0};
	struct batch_cursor cursor;
	struct batch batch;
	struct command command;
	struct error err;
	bool group_end;

	ASSERT_OK(batch_decode(build_sample(&builder), &batch, &err), &err);
	CU_ASSERT_EQUAL(batch.kind, BATCH_WRITES);
	CU_ASSERT_EQUAL(
	    memcmp(&batch.origin, &origin_of_seven, sizeof(batch.origin)), 0);
	CU_ASSERT_EQUAL(batch.stamp_ms, 0x0a0b0c0d);
	CU_ASSERT_EQUAL(batch.group_count, 6);
	CU_ASSERT_EQUAL(batch.command_count, 7);
	CU_ASSERT_EQUAL(batch.range_count, 1);
	CU_ASSERT_EQUAL(batch.data_bytes, 13);
	CU_ASSERT_TRUE(batch.reads);
	cursor = batch_cursor_at_start(&batch);
	CU_ASSERT_EQUAL(batch_cursor_group_size(cursor), 1);
	for (size_t i = 0; i < SUITE_COUNT(sample); i++) {
		if (i == 1)
			CU_ASSERT_EQUAL(batch_cursor_group_size(cursor), 2);
		CU_ASSERT_TRUE_FATAL(
		    batch_cursor_next(&cursor, &command, &group_end));
		assert_same_command(&command, &sample[i]);
		CU_ASSERT_EQUAL(group_end, i != 1);
	}
	CU_ASSERT_FALSE(batch_cursor_next(&cursor, &command, &group_end));
	batch_builder_deinit(&builder);
}

#define RANDOM_COMMANDS_MAX 200

/* Builds a random batch; what it holds is in `commands` and `ends`. */
static size_t
build_random(struct rng *rng, struct arena *arena,
    struct batch_builder *builder, struct command *commands, bool *ends)
{
	static const struct random_command_options options = {
	    .key_count = 50,
	    .value_bytes_max = 300,
	    .now_ms = 1700000000000,
	    .sequence_max = 1000000,
	};
	size_t count = 0;
	size_t wanted = 1 + (size_t)rng_below(rng, RANDOM_COMMANDS_MAX);
	size_t group_start = 0;

	while (count < wanted) {
		commands[count] = random_command(rng, arena, &options);
		if (!batch_builder_add(builder, &commands[count]))
			break;
		ends[count++] = false;
		if (rng_below(rng, 10) == 0) {
			batch_builder_discard_group(builder);
			count = group_start;
		} else if (rng_below(rng, 2) == 0 || count == wanted) {
			batch_builder_end_group(builder);
			ends[count - 1] = true;
			group_start = count;
		}
	}
	batch_builder_discard_group(builder);
	return group_start;
}

static void
random_batches_come_back(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct batch_builder builder = {0};

	for (int round = 0; round < 1000; round++) {
		struct command commands[RANDOM_COMMANDS_MAX];
		bool ends[RANDOM_COMMANDS_MAX];
		struct arena arena = {0};
		struct batch_cursor cursor;
		struct batch batch;
		struct error err;
		struct slice bytes;
		size_t count;

		batch_builder_reset(&builder);
		count = build_random(&rng, &arena, &builder, commands, ends);
		if (count > 0) {
			bytes = batch_builder_finish(&builder, &origin_of_seven,
			    rng_below(&rng, STAMP_MS_MAX));
			ASSERT_OK(batch_decode(bytes, &batch, &err), &err);
			CU_ASSERT_EQUAL_FATAL(batch.command_count, count);
			cursor = batch_cursor_at_start(&batch);
		}
		for (size_t i = 0; i < count; i++) {
			struct command command;
			bool group_end;

			CU_ASSERT_TRUE_FATAL(
			    batch_cursor_next(&cursor, &command, &group_end));
			assert_same_command(&command, &commands[i]);
			CU_ASSERT_EQUAL_FATAL(group_end, ends[i]);
		}
		arena_deinit(&arena);
	}
	batch_builder_deinit(&builder);
}

static void
ticks_and_registrations_have_no_groups(void)
{
	struct batch_origin registration = origin_of_seven;
	struct batch_builder builder = {0};
	struct batch batch;
	struct error err;
	struct slice bytes;

	bytes = batch_builder_finish(&builder, &origin_tick, 5);
	CU_ASSERT_EQUAL(bytes.size, BATCH_HEADER_BYTES_MIN);
	ASSERT_OK(batch_decode(bytes, &batch, &err), &err);
	CU_ASSERT_EQUAL(batch.kind, BATCH_TICK);
	CU_ASSERT_FALSE(batch.reads);
	batch_builder_reset(&builder);
	registration.number = 0;
	registration.answered = 0;
	bytes = batch_builder_finish(&builder, &registration, 5);
	ASSERT_OK(batch_decode(bytes, &batch, &err), &err);
	CU_ASSERT_EQUAL(batch.kind, BATCH_REGISTRATION);
	batch_builder_deinit(&builder);
}

static void
the_stamp_is_set_in_place(void)
{
	struct batch_builder builder = {0};
	struct slice bytes = build_sample(&builder);
	uint8_t *copy = mem_dup(bytes.data, bytes.size);
	struct batch batch;
	struct error err;

	batch_set_stamp(copy, STAMP_MS_MAX - 5);
	ASSERT_OK(batch_decode(slice_of(copy, bytes.size), &batch, &err), &err);
	CU_ASSERT_EQUAL(batch.stamp_ms, STAMP_MS_MAX - 5);
	CU_ASSERT_EQUAL(batch.command_count, 7);
	mem_free(copy);
	batch_builder_deinit(&builder);
}

/* Decodes, and if that is OK, every command must be within the limits. */
static enum status
decode_and_walk(struct slice bytes)
{
	struct batch batch;
	struct command command;
	struct error err = {0};
	struct batch_cursor cursor;
	enum status status = batch_decode(bytes, &batch, &err);
	uint32_t group_count = 0;
	bool group_end;

	if (status != STATUS_OK) {
		CU_ASSERT_EQUAL_FATAL(status, err.code);
		CU_ASSERT_TRUE_FATAL(
		    status == STATUS_INVALID || status == STATUS_VERSION);
		return status;
	}
	cursor = batch_cursor_at_start(&batch);
	while (batch_cursor_next(&cursor, &command, &group_end)) {
		CU_ASSERT_EQUAL_FATAL(command_check(&command, &err), STATUS_OK);
		CU_ASSERT_TRUE_FATAL(command.key.data >= bytes.data);
		CU_ASSERT_TRUE_FATAL(command.value.data + command.value.size <=
		    bytes.data + bytes.size);
		group_count += group_end;
	}
	CU_ASSERT_EQUAL_FATAL(group_count, batch.group_count);
	CU_ASSERT_TRUE_FATAL(batch.range_count <= BATCH_RANGES_MAX);
	return STATUS_OK;
}

/* Where a command of the sample, or its end, is in the encoding. */
static size_t
sample_end(size_t count)
{
	size_t end = BATCH_OFFSET_NUMBER + 1;

	for (size_t i = 0; i < count; i++)
		end += command_size(&sample[i]);
	return end;
}

static void
every_truncation_but_between_groups_is_refused(void)
{
	struct batch_builder builder = {0};
	struct slice bytes = build_sample(&builder);
	size_t taken = 0;

	CU_ASSERT_EQUAL(sample_end(SUITE_COUNT(sample)), bytes.size);
	for (size_t size = 0; size < bytes.size; size++) {
		/* An own allocation, so that reading past the end is seen. */
		uint8_t *copy = mem_dup(bytes.data, size);
		bool whole = false;

		/* The second command does not end its group. */
		for (size_t i = 1; i < SUITE_COUNT(sample); i++)
			whole |= i != 2 && sample_end(i) == size;
		CU_ASSERT_EQUAL_FATAL(decode_and_walk(slice_of(copy, size)),
		    whole ? STATUS_OK : STATUS_INVALID);
		taken += whole;
		mem_free(copy);
	}
	CU_ASSERT_EQUAL(taken, SUITE_COUNT(sample) - 2);
	batch_builder_deinit(&builder);
}

static void
every_flipped_byte_is_refused_or_harmless(void)
{
	struct batch_builder builder = {0};
	struct slice bytes = build_sample(&builder);
	uint8_t *copy = mem_dup(bytes.data, bytes.size);
	size_t refused = 0;

	for (size_t at = 0; at < bytes.size; at++) {
		for (unsigned mask = 1; mask < 256; mask++) {
			copy[at] ^= (uint8_t)mask;
			refused += decode_and_walk(
				       slice_of(copy, bytes.size)) != STATUS_OK;
			copy[at] ^= (uint8_t)mask;
		}
	}
	CU_ASSERT_TRUE(refused > 5000);
	CU_ASSERT_EQUAL(decode_and_walk(slice_of(copy, bytes.size)), STATUS_OK);
	mem_free(copy);
	batch_builder_deinit(&builder);
}

static void
random_damage_is_refused_or_harmless(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct batch_builder builder = {0};
	struct slice bytes = build_sample(&builder);

	for (int round = 0; round < 100000; round++) {
		uint8_t *copy = mem_dup(bytes.data, bytes.size);
		size_t count = 1 + (size_t)rng_below(&rng, 4);

		for (size_t i = 0; i < count; i++)
			copy[rng_below(&rng, bytes.size)] =
			    (uint8_t)rng_next(&rng);
		(void)decode_and_walk(slice_of(copy, bytes.size));
		mem_free(copy);
	}
	batch_builder_deinit(&builder);
}

/* A batch of the header of the sample's and these bytes. */
static enum status
decode_commands(const uint8_t *commands, size_t size)
{
	struct batch_builder builder = {0};
	struct slice bytes = build_sample(&builder);
	size_t header_bytes = sample_end(0);
	uint8_t *copy = mem_new(header_bytes + size);
	enum status status;

	memcpy(copy, bytes.data, header_bytes);
	memcpy(copy + header_bytes, commands, size);
	status = decode_and_walk(slice_of(copy, header_bytes + size));
	mem_free(copy);
	batch_builder_deinit(&builder);
	return status;
}

static void
sizes_that_come_round_are_refused(void)
{
	for (unsigned bits = 14; bits <= 64; bits++) {
		for (uint64_t under = 0; under <= 300; under++) {
			uint64_t top = bits == 64 ? 0 : (uint64_t)1 << bits;
			uint8_t command[32] = {COMMAND_PUT | 8, 1};
			size_t size =
			    2 + varint_store(command + 2, top - under);

			if (bits == 64 && under == 0)
				continue;
			CU_ASSERT_EQUAL_FATAL(
			    decode_commands(command, size + 4), STATUS_INVALID);
			/* As the size of the key. */
			size = 1 + varint_store(command + 1, top - under);
			CU_ASSERT_EQUAL_FATAL(
			    decode_commands(command, size + 4), STATUS_INVALID);
		}
	}
}

static void
only_the_shortest_form_is_taken(void)
{
	static const uint8_t put[] = {0x09, 1, 1, 'k', 'v'};
	static const uint8_t long_size[] = {0x09, 0x81, 0, 1, 'k', 'v'};
	static const uint8_t no_flags[] = {0x19, 0, 0, 1, 1, 'k', 'v'};
	static const uint8_t high_flag[] = {0x19, 1, 8, 1, 1, 'k', 'v'};
	static const uint8_t high_bit[] = {0x29, 1, 1, 'k', 'v'};
	static const uint8_t open[] = {0x01, 1, 1, 'k', 'v'};

	CU_ASSERT_EQUAL(decode_commands(put, sizeof(put)), STATUS_OK);
	CU_ASSERT_EQUAL(
	    decode_commands(long_size, sizeof(long_size)), STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    decode_commands(no_flags, sizeof(no_flags)), STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    decode_commands(high_flag, sizeof(high_flag)), STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    decode_commands(high_bit, sizeof(high_bit)), STATUS_INVALID);
	CU_ASSERT_EQUAL(decode_commands(open, sizeof(open)), STATUS_INVALID);
	CU_ASSERT_EQUAL(decode_commands(put, 0), STATUS_INVALID);
}

/* A put of 16 + 100 bytes, as most are: what is around it is paid often. */
static void
one_put_has_few_bytes_around_it(void)
{
	static const uint8_t bytes[100];
	struct command command = {.op = COMMAND_PUT,
	    .key = slice_of(bytes, 16),
	    .value = slice_of(bytes, 100)};
	struct batch_origin origin = origin_of_seven;
	struct batch_builder builder = {0};
	size_t size;

	CU_ASSERT_TRUE(batch_builder_add(&builder, &command));
	batch_builder_end_group(&builder);
	origin.number = 2000000;
	origin.answered = origin.number - 1;
	size = batch_builder_finish(&builder, &origin, 1700000000000).size;
	CU_ASSERT_EQUAL(size, 116 + 21);
	batch_builder_deinit(&builder);
}

/* A resent batch may have got another number, of other bytes. */
static void
a_batch_is_completed_again(void)
{
	struct batch_builder builder = {0};
	struct batch_origin origin = origin_of_seven;
	struct slice bytes = build_sample(&builder);
	uint8_t *first = mem_dup(bytes.data, bytes.size);
	size_t first_size = bytes.size;
	struct batch batch;
	struct error err;

	origin.number = 1 << 30;
	origin.answered = origin.number - BATCHES_IN_FLIGHT_MAX;
	bytes = batch_builder_finish(&builder, &origin, 5);
	CU_ASSERT_EQUAL(bytes.size, first_size + 4);
	ASSERT_OK(batch_decode(bytes, &batch, &err), &err);
	CU_ASSERT_EQUAL(batch.origin.number, origin.number);
	CU_ASSERT_EQUAL(batch.origin.answered, origin.answered);
	CU_ASSERT_EQUAL(batch.command_count, 7);
	bytes = batch_builder_finish(&builder, &origin_of_seven, 0x0a0b0c0d);
	CU_ASSERT_TRUE(slice_equal(bytes, slice_of(first, first_size)));
	CU_ASSERT_TRUE(slice_equal(bytes, batch_builder_bytes(&builder)));
	mem_free(first);
	batch_builder_deinit(&builder);
}

static void
a_newer_version_is_told_apart(void)
{
	struct batch_builder builder = {0};
	struct slice bytes = build_sample(&builder);
	uint8_t *copy = mem_dup(bytes.data, bytes.size);

	copy[0] ^= 3; /* version 2 */
	CU_ASSERT_EQUAL(
	    decode_and_walk(slice_of(copy, bytes.size)), STATUS_VERSION);
	mem_free(copy);
	batch_builder_deinit(&builder);
}

static void
origins_that_make_no_sense_are_refused(void)
{
	struct batch_builder builder = {0};
	struct slice bytes = build_sample(&builder);
	uint8_t *copy = mem_dup(bytes.data, bytes.size);
	struct slice changed = slice_of(copy, bytes.size);

	copy[0] = 0xd1; /* the seventh, and six before it not answered */
	CU_ASSERT_EQUAL(decode_and_walk(changed), STATUS_OK);
	copy[0] = 0xf1; /* seven */
	CU_ASSERT_EQUAL(decode_and_walk(changed), STATUS_INVALID);
	copy[0] = 0x11;
	copy[15] = 0;
	CU_ASSERT_EQUAL(decode_and_walk(changed), STATUS_INVALID);
	copy[15] = 7;
	copy[0] = 0x09; /* a registration with groups */
	CU_ASSERT_EQUAL(decode_and_walk(changed), STATUS_INVALID);
	copy[0] = 0x01; /* a tick with groups */
	CU_ASSERT_EQUAL(decode_and_walk(changed), STATUS_INVALID);
	copy[0] = 0x19; /* no kind */
	CU_ASSERT_EQUAL(decode_and_walk(changed), STATUS_INVALID);
	copy[0] = 0x11;
	memset(copy + 7, 0, WRITER_ID_BYTES);
	CU_ASSERT_EQUAL(decode_and_walk(changed), STATUS_INVALID);
	mem_free(copy);
	batch_builder_deinit(&builder);
}

static void
commands_that_make_no_sense_are_refused(void)
{
	static const struct command commands[] = {
	    {.op = 0, .key = {(const uint8_t *)"k", 1}},
	    {.op = 7, .key = {(const uint8_t *)"k", 1}},
	    {.op = COMMAND_PUT},
	    {.op = COMMAND_PUT, .key = {(const uint8_t *)"k", 1}, .delta = 1},
	    {.op = COMMAND_PUT,
		.key = {(const uint8_t *)"k", 1},
		.sequence = 1},
	    {.op = COMMAND_PUT,
		.key = {(const uint8_t *)"k", 1},
		.expiry_ms = 1},
	    {.op = COMMAND_PUT,
		.key = {(const uint8_t *)"k", 1},
		.flags = COMMAND_IF_ABSENT | COMMAND_IF_PRESENT},
	    {.op = COMMAND_PUT,
		.key = {(const uint8_t *)"k", 1},
		.flags = COMMAND_KEEP_DEADLINE | COMMAND_EXPIRY_RELATIVE},
	    {.op = COMMAND_PUT,
		.key = {(const uint8_t *)"k", 1},
		.flags = COMMAND_EXPIRE_IF_NONE},
	    {.op = COMMAND_PUT,
		.key = {(const uint8_t *)"k", 1},
		.flags = 0x8000},
	    {.op = COMMAND_PUT,
		.key = {(const uint8_t *)"k", 1},
		.flags = 0x0001},
	    {.op = COMMAND_DELETE,
		.key = {(const uint8_t *)"k", 1},
		.value = {(const uint8_t *)"v", 1}},
	    {.op = COMMAND_INCREMENT,
		.key = {(const uint8_t *)"k", 1},
		.flags = COMMAND_RETURN_OLD},
	    {.op = COMMAND_EXPIRE, .key = {(const uint8_t *)"k", 1}},
	    {.op = COMMAND_EXPIRE,
		.key = {(const uint8_t *)"k", 1},
		.flags = COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRE_IF_NONE |
		    COMMAND_EXPIRE_IF_SOME},
	    {.op = COMMAND_EXPIRE,
		.key = {(const uint8_t *)"k", 1},
		.flags = COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRE_IF_GREATER |
		    COMMAND_EXPIRE_IF_LESS},
	    {.op = COMMAND_DELETE_RANGE,
		.key = {(const uint8_t *)"k", 1},
		.flags = COMMAND_IF_PRESENT},
	    {.op = COMMAND_DELETE_RANGE,
		.key = {(const uint8_t *)"k", 1},
		.value = {(const uint8_t *)"k", 1}},
	    {.op = COMMAND_DELETE_RANGE,
		.key = {(const uint8_t *)"l", 1},
		.value = {(const uint8_t *)"k", 1}},
	};

	for (size_t i = 0; i < SUITE_COUNT(commands); i++) {
		struct error err;

		CU_ASSERT_EQUAL(
		    command_check(&commands[i], &err), STATUS_INVALID);
	}
}

static void
sizes_at_the_limits_are_taken_and_beyond_refused(void)
{
	uint8_t *bytes = mem_new(VALUE_BYTES_MAX + 1);
	struct command command = {.op = COMMAND_PUT,
	    .key = slice_of(bytes, KEY_BYTES_MAX),
	    .value = slice_of(bytes, VALUE_BYTES_MAX)};
	struct batch_builder builder = {0};
	struct batch batch;
	struct error err;

	for (int i = 0; i < 3; i++) {
		CU_ASSERT_TRUE(batch_builder_add(&builder, &command));
		batch_builder_end_group(&builder);
	}
	/* A fourth does not fit in 64 MiB, but smaller ones still do. */
	CU_ASSERT_FALSE(batch_builder_add(&builder, &command));
	command.value.size = VALUE_BYTES_MAX - (1 << 20);
	CU_ASSERT_TRUE(batch_builder_add(&builder, &command));
	batch_builder_end_group(&builder);
	ASSERT_OK(
	    batch_decode(batch_builder_finish(&builder, &origin_of_seven, 1),
		&batch, &err),
	    &err);
	CU_ASSERT_EQUAL(batch.group_count, 4);
	command.value.size = VALUE_BYTES_MAX + 1;
	CU_ASSERT_EQUAL(command_check(&command, &err), STATUS_INVALID);
	command.value.size = 1;
	command.key.size = KEY_BYTES_MAX + 1;
	CU_ASSERT_EQUAL(command_check(&command, &err), STATUS_INVALID);
	batch_builder_deinit(&builder);
	mem_free(bytes);
}

static void
range_deletions_are_limited(void)
{
	struct command command = {.op = COMMAND_DELETE_RANGE};
	struct batch_builder builder = {0};
	struct batch batch;
	struct error err;

	for (unsigned i = 0; i < BATCH_RANGES_MAX; i++)
		CU_ASSERT_TRUE(batch_builder_add(&builder, &command));
	CU_ASSERT_FALSE(batch_builder_add(&builder, &command));
	batch_builder_discard_group(&builder);
	CU_ASSERT_TRUE(batch_builder_add(&builder, &command));
	batch_builder_end_group(&builder);
	ASSERT_OK(
	    batch_decode(batch_builder_finish(&builder, &origin_of_seven, 1),
		&batch, &err),
	    &err);
	CU_ASSERT_EQUAL(batch.range_count, 1);
	CU_ASSERT_FALSE(batch.reads);
	batch_builder_deinit(&builder);
}

static void
the_rest_of_a_batch_makes_a_batch(void)
{
	struct batch_builder builder = {0};
	struct batch_builder second = {0};
	struct batch_origin origin = origin_of_seven;
	struct batch_cursor cursor;
	struct batch batch;
	struct batch rest;
	struct command command;
	struct error err;
	bool group_end;

	ASSERT_OK(batch_decode(build_sample(&builder), &batch, &err), &err);
	origin.number++;
	batch_builder_add_rest(&second, &batch, 1);
	CU_ASSERT_TRUE(batch_builder_add(&second, &sample[0]));
	batch_builder_end_group(&second);
	ASSERT_OK(batch_decode(
		      batch_builder_finish(&second, &origin, 9), &rest, &err),
	    &err);
	CU_ASSERT_EQUAL(rest.group_count, 6);
	CU_ASSERT_EQUAL(rest.command_count, 7);
	CU_ASSERT_EQUAL(rest.range_count, 1);
	cursor = batch_cursor_at_start(&rest);
	for (size_t i = 0; i < 7; i++) {
		CU_ASSERT_TRUE_FATAL(
		    batch_cursor_next(&cursor, &command, &group_end));
		assert_same_command(&command, &sample[(i + 1) % 7]);
	}
	batch_builder_deinit(&builder);
	batch_builder_deinit(&second);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(the_sample_has_its_golden_bytes),
	    SUITE_CASE(the_sample_comes_back),
	    SUITE_CASE(random_batches_come_back),
	    SUITE_CASE(ticks_and_registrations_have_no_groups),
	    SUITE_CASE(the_stamp_is_set_in_place),
	    SUITE_CASE(every_truncation_but_between_groups_is_refused),
	    SUITE_CASE(every_flipped_byte_is_refused_or_harmless),
	    SUITE_CASE(random_damage_is_refused_or_harmless),
	    SUITE_CASE(sizes_that_come_round_are_refused),
	    SUITE_CASE(only_the_shortest_form_is_taken),
	    SUITE_CASE(one_put_has_few_bytes_around_it),
	    SUITE_CASE(a_batch_is_completed_again),
	    SUITE_CASE(a_newer_version_is_told_apart),
	    SUITE_CASE(origins_that_make_no_sense_are_refused),
	    SUITE_CASE(commands_that_make_no_sense_are_refused),
	    SUITE_CASE(sizes_at_the_limits_are_taken_and_beyond_refused),
	    SUITE_CASE(range_deletions_are_limited),
	    SUITE_CASE(the_rest_of_a_batch_makes_a_batch),
	};

	return suite_run("batch", cases, SUITE_COUNT(cases), argc, argv);
}
