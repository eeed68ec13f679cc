#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/command/limits.h"
#include "common/command/reply.h"
#include "tests/support/suite.h"

static const struct reply_command plain = {.affected = true};
static const struct reply_command full = {
    .affected = true,
    .has_old = true,
    .old = {(const uint8_t *)"old", 3},
    .has_integer = true,
    .integer = -3,
    .deadline_ms = 300,
};
static const struct reply_command nothing;

static void
add_group(struct reply_builder *builder, const struct reply_command *commands,
    uint32_t count)
{
	reply_builder_begin_group(builder, count);
	for (uint32_t i = 0; i < count; i++)
		reply_builder_add(builder, &commands[i]);
	reply_builder_end_group(builder);
}

/* A sample with every kind of group. */
static struct slice
build_sample(struct buffer *buffer)
{
	const struct reply_command three[] = {plain, full, nothing};
	struct reply_builder builder;

	reply_builder_start(&builder, buffer, 7, 1000, 9);
	add_group(&builder, &plain, 1);
	add_group(&builder, &full, 1);
	add_group(&builder, three, 3);
	reply_builder_begin_group(&builder, 1);
	reply_builder_fail_group(&builder, GROUP_CONDITION_FAILED, 0, &nothing);
	reply_builder_end_group(&builder);
	reply_builder_begin_group(&builder, 200);
	reply_builder_add(&builder, &full);
	reply_builder_fail_group(&builder, GROUP_CONDITION_FAILED, 199, &full);
	reply_builder_end_group(&builder);
	reply_builder_begin_group(&builder, 2);
	reply_builder_add(&builder, &full);
	reply_builder_fail_group(&builder, GROUP_OVERFLOW, 1, NULL);
	reply_builder_end_group(&builder);
	reply_builder_begin_group(&builder, 1);
	reply_builder_fail_group(&builder, GROUP_TOO_LARGE, 0, NULL);
	reply_builder_end_group(&builder);
	reply_builder_begin_group(&builder, 5);
	reply_builder_add(&builder, &full);
	reply_builder_discard_group(&builder);
	return reply_builder_finish(&builder);
}

static void
the_sample_has_its_golden_bytes(void)
{
	static const uint8_t golden[] = {/* version, size, number */
	    0x01, 0, 0, 0, 0x47, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0,
	    /* first sequence, groups, answered */
	    0xe8, 3, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 7, 0, 0, 0,
	    /* a plain one, one with all that there is */
	    0x18, 0xf8, 3, 'o', 'l', 'd', 5, 0xac, 0x02,
	    /* three commands: plain, full, nothing */
	    0x00, 3, 0x01, 0x0f, 3, 'o', 'l', 'd', 5, 0xac, 0x02, 0x00,
	    /* a failed condition; that of number 199 of 200 */
	    0x09, 0x01, 0xc8, 0x01, 0xc7, 0x01, 0x0f, 3, 'o', 'l', 'd', 5, 0xac,
	    0x02,
	    /* overflow, too large */
	    0x03, 2, 1, 0x0c};
	struct buffer buffer = {0};
	struct slice bytes = build_sample(&buffer);

	CU_ASSERT_TRUE(slice_equal(bytes, slice_of(golden, sizeof(golden))));
	buffer_deinit(&buffer);
}

static void
assert_command(
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

static struct reply_group
next_group(struct reply_cursor *cursor)
{
	struct reply_group group;

	CU_ASSERT_TRUE_FATAL(reply_cursor_next_group(cursor, &group));
	return group;
}

static void
the_sample_comes_back(void)
{
	static const struct reply_group expected[] = {
	    {GROUP_APPLIED, 1, 0, 1001},
	    {GROUP_APPLIED, 1, 0, 1002},
	    {GROUP_APPLIED, 3, 0, 1003},
	    {GROUP_CONDITION_FAILED, 1, 0, 1006},
	    {GROUP_CONDITION_FAILED, 200, 199, 1007},
	    {GROUP_OVERFLOW, 2, 1, 1207},
	    {GROUP_TOO_LARGE, 1, 0, 1209},
	    {GROUP_REPLY_FULL, 0, 0, 0},
	    {GROUP_REPLY_FULL, 0, 0, 0},
	};
	struct buffer buffer = {0};
	struct reply_cursor cursor;
	struct reply_command command;
	struct reply_group group;
	struct reply reply;
	struct error err;

	ASSERT_OK(reply_decode(build_sample(&buffer), &reply, &err), &err);
	CU_ASSERT_EQUAL(reply.number, 7);
	CU_ASSERT_EQUAL(reply.first_sequence, 1000);
	CU_ASSERT_EQUAL(reply.group_count, 9);
	CU_ASSERT_EQUAL(reply.answered_count, 7);
	cursor = reply_cursor_at_start(&reply);
	CU_ASSERT_FALSE(reply_cursor_next_command(&cursor, &command));
	for (size_t i = 0; i < SUITE_COUNT(expected); i++) {
		group = next_group(&cursor);
		CU_ASSERT_EQUAL(group.result, expected[i].result);
		CU_ASSERT_EQUAL(group.command_count, expected[i].command_count);
		CU_ASSERT_EQUAL(group.failed, expected[i].failed);
		CU_ASSERT_EQUAL(group.sequence, expected[i].sequence);
		if (i == 2) {
			/* What is not taken is skipped. */
			assert_command(&cursor, &plain);
		} else if (i == 1 || i == 4) {
			assert_command(&cursor, &full);
			CU_ASSERT_FALSE(
			    reply_cursor_next_command(&cursor, &command));
		} else if (i >= 5) {
			CU_ASSERT_FALSE(
			    reply_cursor_next_command(&cursor, &command));
		}
	}
	CU_ASSERT_FALSE(reply_cursor_next_group(&cursor, &group));
	buffer_deinit(&buffer);
}

static void
a_reply_is_built_behind_what_a_buffer_holds(void)
{
	struct buffer buffer = {0};
	struct reply reply;
	struct error err;
	struct slice bytes;

	for (int i = 0; i < 300; i++)
		buffer_append(&buffer, "0123456789", 10);
	buffer_consume(&buffer, 2995);
	bytes = build_sample(&buffer);
	ASSERT_OK(reply_decode(bytes, &reply, &err), &err);
	CU_ASSERT_EQUAL(buffer_size(&buffer), bytes.size + 5);
	buffer_deinit(&buffer);
}

static struct reply_command
random_result(struct rng *rng, struct arena *arena)
{
	struct reply_command command = {.affected = rng_below(rng, 2) == 0};

	if (rng_below(rng, 3) == 0) {
		size_t size = (size_t)rng_below(rng, 300);
		uint8_t *bytes = arena_new(arena, size);

		memset(bytes, (int)size, size);
		command.has_old = true;
		command.old = slice_of(bytes, size);
	}
	if (rng_below(rng, 3) == 0) {
		command.has_integer = true;
		command.integer = (int64_t)rng_next(rng) >> rng_below(rng, 64);
	}
	if (rng_below(rng, 3) == 0)
		command.deadline_ms = 1 + rng_below(rng, TIME_MS_MAX);
	return command;
}

#define RANDOM_RESULTS 64

static void
random_replies_come_back_in_the_bytes_foretold(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct buffer buffer = {0};

	for (int round = 0; round < 2000; round++) {
		struct reply_command commands[RANDOM_RESULTS];
		uint32_t count = 1 + (uint32_t)rng_below(&rng, RANDOM_RESULTS);
		struct reply_builder builder;
		struct arena arena = {0};
		struct reply_cursor cursor;
		struct reply reply;
		struct error err;
		size_t foretold = 1 + (count > 1);
		size_t size;

		buffer_clear(&buffer, SIZE_MAX);
		reply_builder_start(&builder, &buffer, 1, 1, 1);
		reply_builder_begin_group(&builder, count);
		for (uint32_t i = 0; i < count; i++) {
			commands[i] = random_result(&rng, &arena);
			foretold += reply_command_bytes(&commands[i]);
			reply_builder_add(&builder, &commands[i]);
		}
		size = reply_builder_group_bytes(&builder);
		CU_ASSERT_TRUE_FATAL(size == foretold - (count == 1 ? 1 : 0));
		CU_ASSERT_EQUAL_FATAL(
		    reply_builder_bytes(&builder), REPLY_HEADER_BYTES + size);
		reply_builder_end_group(&builder);
		ASSERT_OK(
		    reply_decode(reply_builder_finish(&builder), &reply, &err),
		    &err);
		cursor = reply_cursor_at_start(&reply);
		CU_ASSERT_EQUAL_FATAL(next_group(&cursor).command_count, count);
		for (uint32_t i = 0; i < count; i++)
			assert_command(&cursor, &commands[i]);
		arena_deinit(&arena);
	}
	buffer_deinit(&buffer);
}

/* Decodes, and if that is OK, walks all results within the bytes. */
static enum status
decode_and_walk(struct slice bytes)
{
	struct reply reply;
	struct reply_group group;
	struct reply_command command;
	struct reply_cursor cursor;
	struct error err = {0};
	enum status status = reply_decode(bytes, &reply, &err);

	if (status != STATUS_OK) {
		CU_ASSERT_EQUAL_FATAL(status, err.code);
		CU_ASSERT_TRUE_FATAL(
		    status == STATUS_INVALID || status == STATUS_VERSION);
		return status;
	}
	cursor = reply_cursor_at_start(&reply);
	while (reply_cursor_next_group(&cursor, &group)) {
		CU_ASSERT_TRUE_FATAL(group.command_count <= BATCH_COMMANDS_MAX);
		CU_ASSERT_TRUE_FATAL(group.command_count > 0 ||
		    group.result == GROUP_REPLY_FULL);
		CU_ASSERT_TRUE_FATAL(
		    group.failed < group.command_count || group.failed == 0);
		while (reply_cursor_next_command(&cursor, &command)) {
			CU_ASSERT_TRUE_FATAL(
			    command.old.size <= VALUE_BYTES_MAX);
			CU_ASSERT_TRUE_FATAL(
			    command.deadline_ms <= TIME_MS_MAX);
			if (command.has_old)
				CU_ASSERT_TRUE_FATAL(
				    command.old.data + command.old.size <=
				    bytes.data + bytes.size);
		}
	}
	return STATUS_OK;
}

static void
every_truncation_is_refused(void)
{
	struct buffer buffer = {0};
	struct slice bytes = build_sample(&buffer);

	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t *copy = mem_dup(bytes.data, size);

		CU_ASSERT_EQUAL_FATAL(
		    decode_and_walk(slice_of(copy, size)), STATUS_INVALID);
		if (size >= REPLY_HEADER_BYTES) {
			copy[4] = (uint8_t)size;
			CU_ASSERT_EQUAL_FATAL(
			    decode_and_walk(slice_of(copy, size)),
			    STATUS_INVALID);
		}
		mem_free(copy);
	}
	buffer_deinit(&buffer);
}

static void
every_flipped_byte_is_refused_or_harmless(void)
{
	struct buffer buffer = {0};
	struct slice bytes = build_sample(&buffer);
	uint8_t *copy = mem_dup(bytes.data, bytes.size);

	for (size_t at = 0; at < bytes.size; at++) {
		for (unsigned mask = 1; mask < 256; mask++) {
			copy[at] ^= (uint8_t)mask;
			(void)decode_and_walk(slice_of(copy, bytes.size));
			copy[at] ^= (uint8_t)mask;
		}
	}
	copy[0] = 2;
	CU_ASSERT_EQUAL(
	    decode_and_walk(slice_of(copy, bytes.size)), STATUS_VERSION);
	mem_free(copy);
	buffer_deinit(&buffer);
}

static void
random_damage_is_refused_or_harmless(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct buffer buffer = {0};
	struct slice bytes = build_sample(&buffer);

	for (int round = 0; round < 100000; round++) {
		uint8_t *copy = mem_dup(bytes.data, bytes.size);
		size_t count = 1 + (size_t)rng_below(&rng, 4);

		for (size_t i = 0; i < count; i++)
			copy[REPLY_HEADER_BYTES +
			    rng_below(&rng, bytes.size - REPLY_HEADER_BYTES)] =
			    (uint8_t)rng_next(&rng);
		(void)decode_and_walk(slice_of(copy, bytes.size));
		mem_free(copy);
	}
	buffer_deinit(&buffer);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(the_sample_has_its_golden_bytes),
	    SUITE_CASE(the_sample_comes_back),
	    SUITE_CASE(a_reply_is_built_behind_what_a_buffer_holds),
	    SUITE_CASE(random_replies_come_back_in_the_bytes_foretold),
	    SUITE_CASE(every_truncation_is_refused),
	    SUITE_CASE(every_flipped_byte_is_refused_or_harmless),
	    SUITE_CASE(random_damage_is_refused_or_harmless),
	};

	return suite_run("reply", cases, SUITE_COUNT(cases), argc, argv);
}
