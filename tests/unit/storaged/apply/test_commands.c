/* What each command does, as Redis and HTTP expect it: one case, one rule. */
#include <stdio.h>
#include <string.h>

#include "tests/support/apply/apply_fixture.h"
#include "tests/support/suite.h"

#define NOW FIXTURE_START_MS
#define KEY                              \
	{                                \
		(const uint8_t *)"k", 1, \
	}

static struct apply_fixture fixture;
static struct reply_command result;
static struct entry entry;

static void
start(void)
{
	apply_fixture_init(&fixture, 1);
}

static void
stop(void)
{
	apply_fixture_deinit(&fixture);
}

static enum group_result
one(const struct command *command)
{
	return apply_fixture_one(&fixture, command, &result);
}

static enum group_result
put(const char *value, uint32_t flags, int64_t expiry_ms)
{
	struct command command = {.op = COMMAND_PUT,
	    .flags = flags,
	    .key = KEY,
	    .value = slice_of_string(value),
	    .expiry_ms = expiry_ms};

	return one(&command);
}

static enum group_result
increment(int64_t delta)
{
	struct command command = {
	    .op = COMMAND_INCREMENT, .key = KEY, .delta = delta};

	return one(&command);
}

/* EXPIRE with flags besides EXPIRY_RELATIVE. */
static enum group_result
expire(uint32_t flags, int64_t expiry_ms)
{
	struct command command = {.op = COMMAND_EXPIRE,
	    .flags = flags | COMMAND_EXPIRY_RELATIVE,
	    .key = KEY,
	    .expiry_ms = expiry_ms};

	return one(&command);
}

static enum group_result delete (uint32_t flags) {
	struct command command = {.op = COMMAND_DELETE,
	    .flags = flags,
	    .key = KEY};

	    return one(&command);
}

static enum group_result
persist(void)
{
	struct command command = {.op = COMMAND_PERSIST, .key = KEY};

	return one(&command);
}

static bool
value_is(const char *value)
{
	return apply_fixture_find(&fixture, "k", &entry) &&
	    slice_equal(entry.value, slice_of_string(value));
}

static bool
is_absent(void)
{
	return !apply_fixture_find(&fixture, "k", &entry);
}

static bool
old_is(const char *value)
{
	return result.has_old &&
	    slice_equal(result.old, slice_of_string(value));
}

static void
set_if_absent_sets_once(void)
{
	start();
	CU_ASSERT_EQUAL(put("a", COMMAND_IF_ABSENT, 0), GROUP_APPLIED);
	CU_ASSERT_EQUAL(put("b", COMMAND_IF_ABSENT, 0), GROUP_CONDITION_FAILED);
	CU_ASSERT_FALSE(result.has_old);
	CU_ASSERT_TRUE(value_is("a"));
	/* SET NX GET tells what was there, whether it sets or not. */
	CU_ASSERT_EQUAL(put("b", COMMAND_IF_ABSENT | COMMAND_RETURN_OLD, 0),
	    GROUP_CONDITION_FAILED);
	CU_ASSERT_TRUE(old_is("a"));
	CU_ASSERT_EQUAL(delete (0), GROUP_APPLIED);
	CU_ASSERT_EQUAL(
	    put("b", COMMAND_IF_ABSENT | COMMAND_RETURN_OLD, 0), GROUP_APPLIED);
	CU_ASSERT_FALSE(result.has_old);
	CU_ASSERT_TRUE(value_is("b"));
	stop();
}

static void
set_if_present_needs_the_key(void)
{
	start();
	CU_ASSERT_EQUAL(put("a", COMMAND_IF_PRESENT | COMMAND_RETURN_OLD, 0),
	    GROUP_CONDITION_FAILED);
	CU_ASSERT_FALSE(result.has_old);
	CU_ASSERT_TRUE(is_absent());
	CU_ASSERT_EQUAL(put("a", 0, 0), GROUP_APPLIED);
	CU_ASSERT_EQUAL(put("b", COMMAND_IF_PRESENT, 0), GROUP_APPLIED);
	CU_ASSERT_TRUE(value_is("b"));
	stop();
}

static void
set_returns_the_old_value_also_an_empty_one(void)
{
	start();
	CU_ASSERT_EQUAL(put("", COMMAND_RETURN_OLD, 0), GROUP_APPLIED);
	CU_ASSERT_FALSE(result.has_old);
	CU_ASSERT_EQUAL(put("b", COMMAND_RETURN_OLD, 0), GROUP_APPLIED);
	CU_ASSERT_TRUE(old_is(""));
	CU_ASSERT_EQUAL(put("c", COMMAND_RETURN_OLD, 0), GROUP_APPLIED);
	CU_ASSERT_TRUE(old_is("b"));
	stop();
}

static void
set_drops_the_deadline_unless_told_to_keep_it(void)
{
	start();
	put("a", COMMAND_EXPIRY_RELATIVE, 1000);
	CU_ASSERT_EQUAL(result.deadline_ms, NOW + 1000);
	put("b", COMMAND_KEEP_DEADLINE, 0);
	CU_ASSERT_EQUAL(result.deadline_ms, NOW + 1000);
	CU_ASSERT_TRUE(value_is("b"));
	CU_ASSERT_EQUAL(entry.deadline_ms, NOW + 1000);
	put("c", 0, 0);
	CU_ASSERT_TRUE(value_is("c"));
	CU_ASSERT_EQUAL(entry.deadline_ms, 0);
	put("d", COMMAND_EXPIRY_ABSOLUTE, (int64_t)NOW + 5);
	CU_ASSERT_TRUE(value_is("d"));
	CU_ASSERT_EQUAL(entry.deadline_ms, NOW + 5);
	/* There is no deadline to keep once the key has expired. */
	fixture.now_ms += 5;
	put("e", COMMAND_KEEP_DEADLINE, 0);
	CU_ASSERT_TRUE(value_is("e"));
	CU_ASSERT_EQUAL(entry.deadline_ms, 0);
	stop();
}

static void
set_with_a_past_deadline_deletes(void)
{
	static const int64_t past[] = {INT64_MIN, -1, 0};

	start();
	for (size_t i = 0; i < SUITE_COUNT(past); i++) {
		put("a", 0, 0);
		CU_ASSERT_EQUAL(
		    put("b", COMMAND_EXPIRY_RELATIVE, past[i]), GROUP_APPLIED);
		CU_ASSERT_TRUE(result.affected);
		CU_ASSERT_EQUAL(result.deadline_ms, 0);
		CU_ASSERT_TRUE(is_absent());
	}
	put("a", 0, 0);
	put("b", COMMAND_EXPIRY_ABSOLUTE | COMMAND_RETURN_OLD, (int64_t)NOW);
	CU_ASSERT_TRUE(old_is("a"));
	CU_ASSERT_TRUE(is_absent());
	stop();
}

static void
deadlines_beyond_the_last_are_the_last(void)
{
	start();
	put("a", COMMAND_EXPIRY_RELATIVE, INT64_MAX);
	CU_ASSERT_EQUAL(result.deadline_ms, INT64_MAX);
	CU_ASSERT_EQUAL(expire(0, INT64_MAX), GROUP_APPLIED);
	CU_ASSERT_EQUAL(result.deadline_ms, INT64_MAX);
	CU_ASSERT_TRUE(value_is("a"));
	stop();
}

static void
increment_counts_from_nothing_and_keeps_the_deadline(void)
{
	start();
	CU_ASSERT_EQUAL(increment(1), GROUP_APPLIED);
	CU_ASSERT_EQUAL(result.integer, 1);
	CU_ASSERT_TRUE(value_is("1"));
	CU_ASSERT_EQUAL(entry.deadline_ms, 0);
	put("-10", COMMAND_EXPIRY_RELATIVE, 1000);
	CU_ASSERT_EQUAL(increment(-5), GROUP_APPLIED);
	CU_ASSERT_EQUAL(result.integer, -15);
	CU_ASSERT_TRUE(value_is("-15"));
	CU_ASSERT_EQUAL(entry.deadline_ms, NOW + 1000);
	fixture.now_ms += 1000;
	CU_ASSERT_EQUAL(increment(7), GROUP_APPLIED);
	CU_ASSERT_TRUE(value_is("7"));
	CU_ASSERT_EQUAL(entry.deadline_ms, 0);
	stop();
}

static void
increment_refuses_what_is_no_integer(void)
{
	static const char *const values[] = {"", " 1", "1 ", "01", "+1", "-0",
	    "1.0", "a", "9223372036854775808", "0x10"};

	start();
	for (size_t i = 0; i < SUITE_COUNT(values); i++) {
		put(values[i], 0, 0);
		CU_ASSERT_EQUAL(increment(1), GROUP_NOT_INTEGER);
		CU_ASSERT_TRUE(value_is(values[i]));
	}
	stop();
}

static void
increment_refuses_to_overflow(void)
{
	start();
	put("9223372036854775807", 0, 0);
	CU_ASSERT_EQUAL(increment(1), GROUP_OVERFLOW);
	CU_ASSERT_EQUAL(increment(INT64_MIN), GROUP_APPLIED);
	CU_ASSERT_TRUE(value_is("-1"));
	CU_ASSERT_EQUAL(increment(INT64_MIN), GROUP_OVERFLOW);
	CU_ASSERT_EQUAL(increment(-INT64_MAX), GROUP_APPLIED);
	CU_ASSERT_TRUE(value_is("-9223372036854775808"));
	CU_ASSERT_EQUAL(increment(-1), GROUP_OVERFLOW);
	CU_ASSERT_TRUE(value_is("-9223372036854775808"));
	stop();
}

static void
expire_heeds_the_old_deadline(void)
{
	/* The old one is none, 10 s or 20 s; the new one is 15 s. */
	static const int64_t olds[] = {0, 10000, 20000};
	static const struct {
		uint32_t flags;
		bool affected[3];
	} rows[] = {
	    {0, {true, true, true}},
	    {COMMAND_EXPIRE_IF_NONE, {true, false, false}},
	    {COMMAND_EXPIRE_IF_SOME, {false, true, true}},
	    {COMMAND_EXPIRE_IF_GREATER, {false, true, false}},
	    {COMMAND_EXPIRE_IF_LESS, {true, false, true}},
	    {COMMAND_EXPIRE_IF_SOME | COMMAND_EXPIRE_IF_GREATER,
		{false, true, false}},
	    {COMMAND_EXPIRE_IF_SOME | COMMAND_EXPIRE_IF_LESS,
		{false, false, true}},
	};

	start();
	for (size_t i = 0; i < SUITE_COUNT(rows); i++) {
		for (size_t j = 0; j < SUITE_COUNT(olds); j++) {
			put("a", olds[j] > 0 ? COMMAND_EXPIRY_RELATIVE : 0,
			    olds[j]);
			CU_ASSERT_EQUAL(
			    expire(rows[i].flags, 15000), GROUP_APPLIED);
			CU_ASSERT_EQUAL(result.affected, rows[i].affected[j]);
			CU_ASSERT_TRUE(value_is("a"));
			CU_ASSERT_EQUAL(entry.deadline_ms,
			    rows[i].affected[j] ? NOW + 15000
				: olds[j] > 0   ? NOW + (uint64_t)olds[j]
						: 0);
		}
	}
	/* Equal is neither greater nor less. */
	put("a", COMMAND_EXPIRY_RELATIVE, 15000);
	expire(COMMAND_EXPIRE_IF_GREATER, 15000);
	CU_ASSERT_FALSE(result.affected);
	expire(COMMAND_EXPIRE_IF_LESS, 15000);
	CU_ASSERT_FALSE(result.affected);
	stop();
}

static void
expire_in_the_past_deletes(void)
{
	struct command at = {.op = COMMAND_EXPIRE,
	    .flags = COMMAND_EXPIRY_ABSOLUTE,
	    .key = KEY,
	    .expiry_ms = -5};

	start();
	put("a", 0, 0);
	CU_ASSERT_EQUAL(expire(0, -1), GROUP_APPLIED);
	CU_ASSERT_TRUE(result.affected);
	CU_ASSERT_TRUE(is_absent());
	CU_ASSERT_EQUAL(expire(0, 1000), GROUP_APPLIED);
	CU_ASSERT_FALSE(result.affected);
	put("a", 0, 0);
	CU_ASSERT_EQUAL(one(&at), GROUP_APPLIED);
	CU_ASSERT_TRUE(result.affected);
	CU_ASSERT_TRUE(is_absent());
	/* A condition that does not hold keeps the key. */
	put("a", 0, 0);
	expire(COMMAND_EXPIRE_IF_GREATER, -1);
	CU_ASSERT_FALSE(result.affected);
	CU_ASSERT_TRUE(value_is("a"));
	stop();
}

static void
persist_removes_a_deadline_once(void)
{
	start();
	persist();
	CU_ASSERT_FALSE(result.affected);
	put("a", COMMAND_EXPIRY_RELATIVE, 1000);
	persist();
	CU_ASSERT_TRUE(result.affected);
	CU_ASSERT_TRUE(value_is("a"));
	CU_ASSERT_EQUAL(entry.deadline_ms, 0);
	persist();
	CU_ASSERT_FALSE(result.affected);
	/* It comes too late at the very millisecond of the deadline. */
	expire(0, 1000);
	fixture.now_ms += 1000;
	persist();
	CU_ASSERT_FALSE(result.affected);
	CU_ASSERT_TRUE(is_absent());
	stop();
}

static void
getdel_returns_what_it_deletes(void)
{
	start();
	put("a", 0, 0);
	CU_ASSERT_EQUAL(delete (COMMAND_RETURN_OLD), GROUP_APPLIED);
	CU_ASSERT_TRUE(result.affected);
	CU_ASSERT_TRUE(old_is("a"));
	CU_ASSERT_TRUE(is_absent());
	CU_ASSERT_EQUAL(delete (COMMAND_RETURN_OLD), GROUP_APPLIED);
	CU_ASSERT_FALSE(result.affected);
	CU_ASSERT_FALSE(result.has_old);
	CU_ASSERT_EQUAL(delete (0), GROUP_APPLIED);
	CU_ASSERT_FALSE(result.affected);
	CU_ASSERT_EQUAL(delete (COMMAND_IF_PRESENT), GROUP_CONDITION_FAILED);
	stop();
}

static void
if_sequence_follows_the_sequences_of_replies(void)
{
	struct command change = {.op = COMMAND_PUT,
	    .flags = COMMAND_IF_SEQUENCE,
	    .key = KEY,
	    .value = {(const uint8_t *)"b", 1}};
	struct reply_cursor cursor;
	struct reply_group group;

	start();
	put("a", 0, 0);
	cursor = reply_cursor_at_start(&fixture.reply);
	CU_ASSERT_TRUE_FATAL(reply_cursor_next_group(&cursor, &group));
	change.sequence = group.sequence;
	CU_ASSERT_EQUAL(one(&change), GROUP_APPLIED);
	CU_ASSERT_EQUAL(one(&change), GROUP_CONDITION_FAILED);
	CU_ASSERT_TRUE(value_is("b"));
	change.sequence = entry.sequence;
	/* Touching the deadline is a change, too. */
	expire(0, 1000);
	CU_ASSERT_EQUAL(one(&change), GROUP_CONDITION_FAILED);
	change.sequence = 0;
	delete (0);
	CU_ASSERT_EQUAL(one(&change), GROUP_CONDITION_FAILED);
	stop();
}

static void
time_does_not_go_back(void)
{
	start();
	fixture.now_ms += 1000;
	put("a", COMMAND_EXPIRY_RELATIVE, 500);
	CU_ASSERT_EQUAL(result.deadline_ms, NOW + 1500);
	fixture.now_ms -= 1000;
	put("a", COMMAND_EXPIRY_RELATIVE, 500);
	CU_ASSERT_EQUAL(result.deadline_ms, NOW + 1500);
	CU_ASSERT_EQUAL(apply_clock_ms(fixture.apply), NOW + 1000);
	stop();
}

static void
a_group_sees_itself_and_fails_as_a_whole(void)
{
	const struct command set = {.op = COMMAND_PUT,
	    .flags = COMMAND_IF_ABSENT,
	    .key = KEY,
	    .value = {(const uint8_t *)"1", 1}};
	const struct command add = {
	    .op = COMMAND_INCREMENT, .key = KEY, .delta = 41};
	const struct command clear = {.op = COMMAND_DELETE_RANGE};
	const struct command need = {
	    .op = COMMAND_DELETE, .flags = COMMAND_IF_PRESENT, .key = KEY};

	start();
	apply_fixture_add(&fixture, &set);
	apply_fixture_add(&fixture, &add);
	apply_fixture_end_group(&fixture);
	/* It deletes the key, then misses it, so that nothing happens. */
	apply_fixture_add(&fixture, &clear);
	apply_fixture_add(&fixture, &need);
	apply_fixture_end_group(&fixture);
	apply_fixture_add_group(&fixture, &add);
	apply_fixture_add(&fixture, &clear);
	apply_fixture_add(&fixture, &set);
	apply_fixture_end_group(&fixture);
	apply_fixture_add_group(&fixture, &set);
	apply_fixture_send(&fixture);
	CU_ASSERT_EQUAL(apply_fixture_next(&fixture, &result), GROUP_APPLIED);
	CU_ASSERT_EQUAL(
	    apply_fixture_next(&fixture, &result), GROUP_CONDITION_FAILED);
	CU_ASSERT_EQUAL(apply_fixture_next(&fixture, &result), GROUP_APPLIED);
	CU_ASSERT_EQUAL(result.integer, 83);
	CU_ASSERT_EQUAL(apply_fixture_next(&fixture, &result), GROUP_APPLIED);
	CU_ASSERT_EQUAL(
	    apply_fixture_next(&fixture, &result), GROUP_CONDITION_FAILED);
	CU_ASSERT_TRUE(value_is("1"));
	stop();
}

static void
a_plain_put_looks_nothing_up(void)
{
	const struct command clear = {.op = COMMAND_DELETE_RANGE};
	const struct command set = {
	    .op = COMMAND_PUT, .key = KEY, .value = {(const uint8_t *)"1", 1}};

	start();
	apply_fixture_add_group(&fixture, &clear);
	for (int i = 0; i < 10; i++)
		apply_fixture_add_group(&fixture, &set);
	apply_fixture_send(&fixture);
	CU_ASSERT_EQUAL(fixture.map.get_count, 0);
	CU_ASSERT_EQUAL(fixture.map.reserve_count, 1);
	CU_ASSERT_EQUAL(fixture.map.reserved.entries, 0);
	CU_ASSERT_EQUAL(fixture.map.reserved.bytes, 0);
	CU_ASSERT_EQUAL(fixture.map.reserved.ranges, 0);
	CU_ASSERT_EQUAL(fixture.reply.bytes.size, REPLY_HEADER_BYTES + 11);
	CU_ASSERT_TRUE(value_is("1"));
	/* What writes nothing reserves nothing. */
	CU_ASSERT_EQUAL(put("2", COMMAND_IF_ABSENT, 0), GROUP_CONDITION_FAILED);
	CU_ASSERT_EQUAL(fixture.map.reserve_count, 1);
	stop();
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(set_if_absent_sets_once),
	    SUITE_CASE(set_if_present_needs_the_key),
	    SUITE_CASE(set_returns_the_old_value_also_an_empty_one),
	    SUITE_CASE(set_drops_the_deadline_unless_told_to_keep_it),
	    SUITE_CASE(set_with_a_past_deadline_deletes),
	    SUITE_CASE(deadlines_beyond_the_last_are_the_last),
	    SUITE_CASE(increment_counts_from_nothing_and_keeps_the_deadline),
	    SUITE_CASE(increment_refuses_what_is_no_integer),
	    SUITE_CASE(increment_refuses_to_overflow),
	    SUITE_CASE(expire_heeds_the_old_deadline),
	    SUITE_CASE(expire_in_the_past_deletes),
	    SUITE_CASE(persist_removes_a_deadline_once),
	    SUITE_CASE(getdel_returns_what_it_deletes),
	    SUITE_CASE(if_sequence_follows_the_sequences_of_replies),
	    SUITE_CASE(time_does_not_go_back),
	    SUITE_CASE(a_group_sees_itself_and_fails_as_a_whole),
	    SUITE_CASE(a_plain_put_looks_nothing_up),
	};

	return suite_run("commands", cases, SUITE_COUNT(cases), argc, argv);
}
