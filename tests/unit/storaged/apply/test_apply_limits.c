/* What happens when a reply or a batch has no room left. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/command/limits.h"
#include "tests/support/apply/apply_fixture.h"
#include "tests/support/suite.h"

static struct apply_fixture fixture;
static struct reply_command result;
static struct entry entry;
static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};

/* Five keys with the largest values, and a writer. */
static void
start(void)
{
	uint8_t *value = mem_new(VALUE_BYTES_MAX);

	apply_fixture_init(&fixture, 1);
	for (uint8_t i = 0; i < 5; i++) {
		struct command put = {.op = COMMAND_PUT,
		    .key = slice_of_string(keys[i]),
		    .value = slice_of(value, VALUE_BYTES_MAX)};

		memset(value, 'a' + i, VALUE_BYTES_MAX);
		CU_ASSERT_EQUAL(
		    apply_fixture_one(&fixture, &put, &result), GROUP_APPLIED);
	}
	mem_free(value);
}

static void
stop(void)
{
	apply_fixture_deinit(&fixture);
}

static struct command
command_on(const char *key, enum command_op op, uint32_t flags)
{
	return (struct command){.op = op,
	    .flags = flags,
	    .key = slice_of_string(key),
	    .expiry_ms = op == COMMAND_EXPIRE ? 1000 : 0};
}

static void
add(const char *key, enum command_op op, uint32_t flags)
{
	struct command command = command_on(key, op, flags);

	apply_fixture_add(&fixture, &command);
}

static void
add_group(const char *key, enum command_op op, uint32_t flags)
{
	add(key, op, flags);
	apply_fixture_end_group(&fixture);
}

static bool
is_present(const char *key)
{
	return apply_fixture_find(&fixture, key, &entry);
}

/* Makes a batch of what the last one left, and sends it. */
static void
send_the_rest(void)
{
	uint32_t first = fixture.reply.answered_count;
	struct buffer bytes = fixture.batch_bytes;
	struct batch batch;
	struct error err;

	fixture.batch_bytes = (struct buffer){0};
	ASSERT_OK(batch_decode(buffer_slice(&bytes), &batch, &err), &err);
	batch_builder_add_rest(&fixture.builder, &batch, first);
	apply_fixture_send(&fixture);
	buffer_deinit(&bytes);
}

static void
groups_behind_a_full_reply_wait_for_the_next_batch(void)
{
	const uint32_t old = COMMAND_RETURN_OLD;

	start();
	for (size_t i = 0; i < 5; i++)
		add_group(keys[i], COMMAND_DELETE, old);
	/* It would have room, but must not overtake the one before it. */
	add_group("f", COMMAND_PUT, 0);
	apply_fixture_send(&fixture);
	CU_ASSERT_EQUAL(fixture.reply.answered_count, 3);
	CU_ASSERT_EQUAL(fixture.reply.group_count, 6);
	for (size_t i = 0; i < 6; i++) {
		CU_ASSERT_EQUAL(apply_fixture_next(&fixture, &result),
		    i < 3 ? GROUP_APPLIED : GROUP_REPLY_FULL);
		CU_ASSERT_EQUAL(is_present(keys[i]), i == 3 || i == 4);
		CU_ASSERT_EQUAL(result.old.size, i < 3 ? VALUE_BYTES_MAX : 0);
		CU_ASSERT_TRUE(i >= 3 || result.old.data[77] == 'a' + i);
	}
	send_the_rest();
	CU_ASSERT_EQUAL(fixture.reply.answered_count, 3);
	CU_ASSERT_EQUAL(fixture.reply.group_count, 3);
	CU_ASSERT_FALSE(is_present("d"));
	CU_ASSERT_FALSE(is_present("e"));
	CU_ASSERT_TRUE(is_present("f"));
	stop();
}

static void
a_group_whose_results_never_fit_is_too_large(void)
{
	struct reply_group group;

	start();
	for (size_t i = 0; i < 4; i++)
		add(keys[i], COMMAND_DELETE, COMMAND_RETURN_OLD);
	apply_fixture_end_group(&fixture);
	add_group("a", COMMAND_DELETE, COMMAND_RETURN_OLD);
	apply_fixture_send(&fixture);
	CU_ASSERT_TRUE(reply_cursor_next_group(&fixture.cursor, &group));
	CU_ASSERT_EQUAL(group.result, GROUP_TOO_LARGE);
	CU_ASSERT_EQUAL(group.command_count, 4);
	CU_ASSERT_EQUAL(group.failed, 3);
	CU_ASSERT_EQUAL(apply_fixture_next(&fixture, &result), GROUP_APPLIED);
	CU_ASSERT_FALSE(is_present("a"));
	CU_ASSERT_TRUE(is_present("b"));
	stop();
}

static void
the_old_value_of_a_failed_condition_needs_room_too(void)
{
	const uint32_t flags = COMMAND_IF_ABSENT | COMMAND_RETURN_OLD;

	start();
	for (size_t i = 0; i < 5; i++)
		add_group(keys[i], COMMAND_PUT, flags);
	apply_fixture_send(&fixture);
	CU_ASSERT_EQUAL(fixture.reply.answered_count, 3);
	for (size_t i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(apply_fixture_next(&fixture, &result),
		    i < 3 ? GROUP_CONDITION_FAILED : GROUP_REPLY_FULL);
	stop();
}

static void
values_written_again_are_bounded_in_a_batch(void)
{
	const uint32_t in = COMMAND_EXPIRY_RELATIVE;

	start();
	for (size_t i = 0; i < 5; i++)
		add_group(keys[i], COMMAND_EXPIRE, in);
	add_group("f", COMMAND_PUT, 0);
	apply_fixture_send(&fixture);
	CU_ASSERT_EQUAL(fixture.reply.answered_count, 4);
	CU_ASSERT_TRUE(is_present("d"));
	CU_ASSERT_EQUAL(entry.deadline_ms, FIXTURE_START_MS + 1000);
	CU_ASSERT_TRUE(is_present("e"));
	CU_ASSERT_EQUAL(entry.deadline_ms, 0);
	CU_ASSERT_FALSE(is_present("f"));
	send_the_rest();
	CU_ASSERT_EQUAL(fixture.reply.answered_count, 2);
	CU_ASSERT_TRUE(is_present("e"));
	CU_ASSERT_EQUAL(entry.deadline_ms, FIXTURE_START_MS + 1000);
	CU_ASSERT_TRUE(is_present("f"));
	stop();
}

static void
a_group_that_writes_too_much_again_is_too_large(void)
{
	const uint32_t in = COMMAND_EXPIRY_RELATIVE;
	struct reply_group group;

	start();
	for (size_t i = 0; i < 5; i++)
		add(keys[i], COMMAND_EXPIRE, in);
	apply_fixture_end_group(&fixture);
	apply_fixture_send(&fixture);
	CU_ASSERT_TRUE(reply_cursor_next_group(&fixture.cursor, &group));
	CU_ASSERT_EQUAL(group.result, GROUP_TOO_LARGE);
	CU_ASSERT_EQUAL(group.failed, 4);
	CU_ASSERT_TRUE(is_present("a"));
	CU_ASSERT_EQUAL(entry.deadline_ms, 0);
	stop();
}

static void
what_failed_groups_copied_counts_in_their_batch(void)
{
	const uint32_t in = COMMAND_EXPIRY_RELATIVE;

	start();
	for (size_t i = 0; i < 4; i++)
		add(keys[i], COMMAND_EXPIRE, in);
	add("f", COMMAND_DELETE, COMMAND_IF_PRESENT);
	apply_fixture_end_group(&fixture);
	add_group("a", COMMAND_EXPIRE, in);
	apply_fixture_send(&fixture);
	CU_ASSERT_EQUAL(
	    apply_fixture_next(&fixture, &result), GROUP_CONDITION_FAILED);
	CU_ASSERT_EQUAL(
	    apply_fixture_next(&fixture, &result), GROUP_REPLY_FULL);
	send_the_rest();
	CU_ASSERT_EQUAL(apply_fixture_next(&fixture, &result), GROUP_APPLIED);
	stop();
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(groups_behind_a_full_reply_wait_for_the_next_batch),
	    SUITE_CASE(a_group_whose_results_never_fit_is_too_large),
	    SUITE_CASE(the_old_value_of_a_failed_condition_needs_room_too),
	    SUITE_CASE(values_written_again_are_bounded_in_a_batch),
	    SUITE_CASE(a_group_that_writes_too_much_again_is_too_large),
	    SUITE_CASE(what_failed_groups_copied_counts_in_their_batch),
	};

	return suite_run("apply_limits", cases, SUITE_COUNT(cases), argc, argv);
}
