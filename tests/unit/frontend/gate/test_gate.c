#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/command/batch.h"
#include "common/loop/loop.h"
#include "frontend/gate/gate.h"
#include "tests/support/sink/scripted_sink.h"
#include "tests/support/suite.h"

#define GROUPS_MAX SINK_GROUPS_MAX
#define PATIENCE_MS 20000
#define LONG_MS 60000

/* One gate with one sink, on one loop. */
struct fixture {
	struct loop *loop;
	struct loop_timer *timer;
	struct gate *gate;
	struct sink sink;
	/* By group number, which is also its token. */
	enum gate_outcome *outcomes;
	enum status *statuses;
	enum group_result *results;
	bool *is_done;
	unsigned submitted;
	unsigned done;
	unsigned await_done;
	unsigned rooms;
	bool has_timed_out;
	char reason[ERROR_TEXT_BYTES_MAX];
};

static void
on_result(void *context, void *token, const struct gate_result *result)
{
	struct fixture *fixture = context;
	size_t number = (size_t)(uintptr_t)token;
	struct reply_cursor commands = result->commands;
	struct reply_command command;

	CU_ASSERT_FALSE(fixture->is_done[number]);
	fixture->is_done[number] = true;
	fixture->outcomes[number] = result->outcome;
	fixture->statuses[number] = result->status;
	if (result->outcome == GATE_JUDGED) {
		fixture->results[number] = result->group.result;
		CU_ASSERT_TRUE(reply_cursor_next_command(&commands, &command));
		CU_ASSERT_EQUAL(
		    command.affected, result->group.result == GROUP_APPLIED);
	} else {
		snprintf(fixture->reason, sizeof(fixture->reason), "%s",
		    result->reason);
	}
	/* In the order of submission. */
	CU_ASSERT_EQUAL(number, fixture->done);
	fixture->done++;
	if (fixture->done == fixture->await_done)
		loop_stop(fixture->loop);
}

static void
on_room(void *context)
{
	struct fixture *fixture = context;

	fixture->rooms++;
}

static void
on_time(void *context)
{
	struct fixture *fixture = context;

	fixture->has_timed_out = true;
	loop_stop(fixture->loop);
}

static void
fixture_init(struct fixture *fixture, uint64_t wait_ms, size_t bytes_max)
{
	struct gate_options options = {.bytes_max = bytes_max,
	    .wait_ms = wait_ms,
	    .on_result = on_result,
	    .on_room = on_room,
	    .context = fixture};
	struct error err;

	*fixture = (struct fixture){.loop = loop_create()};
	fixture->timer = loop_timer_create(fixture->loop, on_time, fixture);
	fixture->outcomes =
	    mem_new_array(GROUPS_MAX, sizeof(enum gate_outcome));
	fixture->statuses = mem_new_array(GROUPS_MAX, sizeof(enum status));
	fixture->results = mem_new_array(GROUPS_MAX, sizeof(enum group_result));
	fixture->is_done = mem_new_array(GROUPS_MAX, sizeof(bool));
	sink_init(&fixture->sink, fixture->loop);
	options.path = sink_path(&fixture->sink);
	ASSERT_OK(
	    gate_create(fixture->loop, &options, &fixture->gate, &err), &err);
}

static void
fixture_deinit(struct fixture *fixture)
{
	gate_close(fixture->gate);
	sink_deinit(&fixture->sink);
	mem_free(fixture->outcomes);
	mem_free(fixture->statuses);
	mem_free(fixture->results);
	mem_free(fixture->is_done);
	loop_timer_close(fixture->timer);
	loop_close(fixture->loop);
}

/* Submits a put whose key is its number, behind `prefix`. */
static enum status
submit_key(struct fixture *fixture, const char *prefix, size_t value_size)
{
	static const uint8_t zeroes[100000];
	char key[20];
	struct command command = {
	    .op = COMMAND_PUT, .value = slice_of(zeroes, value_size)};
	struct error err;
	enum status status;

	CHECK(fixture->submitted < GROUPS_MAX);
	snprintf(key, sizeof(key), "%s%u", prefix, fixture->submitted);
	command.key = slice_of_string(key);
	status = gate_submit(fixture->gate, &command, 1,
	    (void *)(uintptr_t)fixture->submitted, &err);
	if (status == STATUS_OK)
		fixture->submitted++;
	return status;
}

static void
submit(struct fixture *fixture, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		CU_ASSERT_EQUAL_FATAL(submit_key(fixture, "", 10), STATUS_OK);
}

static void
turn_for(struct fixture *fixture, uint64_t ms)
{
	loop_timer_start(fixture->timer, ms);
	loop_run(fixture->loop);
	loop_timer_stop(fixture->timer);
}

/* Until all that was submitted has its result. */
static void
await_all(struct fixture *fixture)
{
	fixture->await_done = fixture->submitted;
	fixture->has_timed_out = false;
	if (fixture->done < fixture->submitted)
		turn_for(fixture, PATIENCE_MS);
	CU_ASSERT_FALSE_FATAL(fixture->has_timed_out);
	CU_ASSERT_TRUE(gate_is_idle(fixture->gate));
}

/* Until the sink has seen this many batches. */
static void
await_batches(struct fixture *fixture, unsigned count)
{
	for (int i = 0; i < PATIENCE_MS && fixture->sink.batches < count; i++)
		turn_for(fixture, 1);
	CU_ASSERT_EQUAL_FATAL(fixture->sink.batches, count);
}

/* The groups from `first` to the last have been judged and applied once. */
static void
check_applied(struct fixture *fixture, unsigned first)
{
	struct sink *sink = &fixture->sink;
	size_t count = fixture->submitted - first;

	CU_ASSERT_TRUE_FATAL(sink->applied_count >= count);
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(fixture->outcomes[first + i], GATE_JUDGED);
		CU_ASSERT_EQUAL(
		    sink->applied[sink->applied_count - count + i], first + i);
	}
	for (size_t i = 1; i < sink->applied_count; i++)
		CU_ASSERT_TRUE(sink->applied[i - 1] < sink->applied[i]);
}

static void
groups_of_a_turn_go_as_one_batch_and_batches_grow(void)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	submit(&fixture, 1000);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.batches, 1);
	submit(&fixture, 1);
	turn_for(&fixture, 0);
	submit(&fixture, 5);
	turn_for(&fixture, 0);
	submit(&fixture, 5);
	await_all(&fixture);
	CU_ASSERT_TRUE(fixture.sink.batches <= 3);
	CU_ASSERT_EQUAL(fixture.sink.writer_count, 1);
	check_applied(&fixture, 0);
	fixture_deinit(&fixture);
}

static void
results_of_the_store_come_through(void)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	submit(&fixture, 1);
	CU_ASSERT_EQUAL(submit_key(&fixture, "f", 1), STATUS_OK);
	submit(&fixture, 1);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[1], GATE_JUDGED);
	CU_ASSERT_EQUAL(fixture.results[0], GROUP_APPLIED);
	CU_ASSERT_EQUAL(fixture.results[1], GROUP_CONDITION_FAILED);
	CU_ASSERT_EQUAL(fixture.results[2], GROUP_APPLIED);
	fixture_deinit(&fixture);
}

static void
writes_wait_for_a_sink_that_is_not_there_yet(void)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	submit(&fixture, 10);
	turn_for(&fixture, 30);
	CU_ASSERT_EQUAL(fixture.done, 0);
	CU_ASSERT_TRUE(gate_is_open(fixture.gate));
	sink_start(&fixture.sink);
	await_all(&fixture);
	check_applied(&fixture, 0);
	fixture_deinit(&fixture);
}

/* The sink is lost with a batch in flight: before, or after applying it. */
static void
lost_with_a_batch(enum deed deed)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	sink_script(&fixture.sink, deed, 1);
	submit(&fixture, 3);
	await_batches(&fixture, 1);
	submit(&fixture, 3);
	turn_for(&fixture, 5);
	CU_ASSERT_EQUAL(fixture.done, 0);
	sink_stop(&fixture.sink);
	turn_for(&fixture, 20);
	submit(&fixture, 3);
	sink_start(&fixture.sink);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.applied_count, 9);
	CU_ASSERT_EQUAL(fixture.sink.writer_count, 1);
	check_applied(&fixture, 0);
	fixture_deinit(&fixture);
}

static void
batch_lost_before_or_after_applying_is_applied_once(void)
{
	lost_with_a_batch(DEED_KEEP);
	lost_with_a_batch(DEED_APPLY_MUTE);
}

static void
sink_that_forgot_us_is_told_again(void)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	submit(&fixture, 2);
	await_all(&fixture);
	sink_forget(&fixture.sink);
	submit(&fixture, 2);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.writer_count, 1);
	/* It remembers the writer, but an earlier state of it. */
	fixture.sink.writers[0].last_number = 0;
	submit(&fixture, 2);
	await_all(&fixture);
	submit(&fixture, 2);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.applied_count, 8);
	check_applied(&fixture, 0);
	fixture_deinit(&fixture);
}

static void
batch_in_doubt_that_was_forgotten_is_unknown(void)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	sink_script(&fixture.sink, DEED_APPLY_MUTE, 1);
	submit(&fixture, 2);
	await_batches(&fixture, 1);
	sink_stop(&fixture.sink);
	sink_forget(&fixture.sink);
	sink_start(&fixture.sink);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[0], GATE_UNKNOWN);
	CU_ASSERT_EQUAL(fixture.outcomes[1], GATE_UNKNOWN);
	CU_ASSERT_EQUAL(fixture.statuses[1], STATUS_UNKNOWN);
	submit(&fixture, 2);
	await_all(&fixture);
	check_applied(&fixture, 2);
	fixture_deinit(&fixture);
}

static void
time_is_bounded_and_its_end_tells_the_truth(void)
{
	struct fixture fixture;

	fixture_init(&fixture, 150, 1 << 20);
	sink_start(&fixture.sink);
	sink_script(&fixture.sink, DEED_KEEP, 1);
	submit(&fixture, 1);
	await_batches(&fixture, 1);
	submit(&fixture, 1);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[0], GATE_UNKNOWN);
	CU_ASSERT_EQUAL(fixture.outcomes[1], GATE_NOT_APPLIED);
	CU_ASSERT_EQUAL(fixture.statuses[1], STATUS_TIMEOUT);
	CU_ASSERT_EQUAL(fixture.sink.applied_count, 0);
	/* The one in doubt is still sent, before what comes later. */
	sink_stop(&fixture.sink);
	sink_start(&fixture.sink);
	await_batches(&fixture, 2);
	submit(&fixture, 1);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[2], GATE_JUDGED);
	CU_ASSERT_EQUAL(fixture.sink.applied_count, 2);
	CU_ASSERT_EQUAL(fixture.sink.applied[0], 0);
	CU_ASSERT_EQUAL(fixture.sink.applied[1], 2);
	fixture_deinit(&fixture);
}

static void
sink_away_for_too_long_fails_writes_at_once(void)
{
	struct fixture fixture;

	fixture_init(&fixture, 100, 1 << 20);
	submit(&fixture, 1);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[0], GATE_NOT_APPLIED);
	CU_ASSERT_EQUAL(fixture.statuses[0], STATUS_UNAVAILABLE);
	CU_ASSERT_FALSE(gate_is_open(fixture.gate));
	CU_ASSERT_EQUAL(submit_key(&fixture, "", 1), STATUS_UNAVAILABLE);
	sink_start(&fixture.sink);
	for (int i = 0; i < PATIENCE_MS && !gate_is_open(fixture.gate); i++)
		turn_for(&fixture, 1);
	submit(&fixture, 1);
	await_all(&fixture);
	check_applied(&fixture, 1);
	fixture_deinit(&fixture);
}

static void
busy_sink_is_asked_again_until_the_time_is_up(void)
{
	struct fixture fixture;

	fixture_init(&fixture, 2000, 1 << 20);
	sink_start(&fixture.sink);
	fixture.sink.refusal = STATUS_BUSY;
	sink_script(&fixture.sink, DEED_REFUSE, 3);
	submit(&fixture, 5);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.batches, 4);
	check_applied(&fixture, 0);
	sink_script(&fixture.sink, DEED_REFUSE, 100000);
	submit(&fixture, 1);
	await_all(&fixture);
	CU_ASSERT_NOT_EQUAL(fixture.outcomes[5], GATE_JUDGED);
	if (fixture.outcomes[5] == GATE_NOT_APPLIED) {
		CU_ASSERT_EQUAL(fixture.statuses[5], STATUS_BUSY);
		CU_ASSERT_STRING_EQUAL(fixture.reason, "no, because");
	}
	fixture_deinit(&fixture);
}

static void
full_disk_is_told_at_once(void)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	fixture.sink.refusal = STATUS_NO_SPACE;
	sink_script(&fixture.sink, DEED_REFUSE, 1);
	submit(&fixture, 2);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[1], GATE_NOT_APPLIED);
	CU_ASSERT_EQUAL(fixture.statuses[1], STATUS_NO_SPACE);
	CU_ASSERT_STRING_EQUAL(fixture.reason, "no, because");
	submit(&fixture, 2);
	await_all(&fixture);
	check_applied(&fixture, 2);
	CU_ASSERT_EQUAL(fixture.sink.applied_count, 2);
	fixture_deinit(&fixture);
}

/* A batch of deletes and others is taken apart in the same way. */
static void
check_one_that_cannot_be_read(enum status refusal)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	fixture.sink.refusal = refusal;
	/* All four, the first two, the first. */
	sink_script(&fixture.sink, DEED_REFUSE, 3);
	submit(&fixture, 4);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[0], GATE_NOT_APPLIED);
	CU_ASSERT_EQUAL(fixture.statuses[0], refusal);
	CU_ASSERT_STRING_EQUAL(fixture.reason, "no, because");
	for (int i = 1; i < 4; i++)
		CU_ASSERT_EQUAL(fixture.outcomes[i], GATE_JUDGED);
	CU_ASSERT_EQUAL(fixture.sink.batches, 5);
	CU_ASSERT_EQUAL(fixture.sink.applied_count, 3);
	fixture_deinit(&fixture);
}

static void
one_group_that_needs_what_is_damaged_fails_alone(void)
{
	check_one_that_cannot_be_read(STATUS_CORRUPT);
	check_one_that_cannot_be_read(STATUS_IO);
}

static void
answer_that_makes_no_sense_is_unknown(void)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	sink_script(&fixture.sink, DEED_NONSENSE, 1);
	submit(&fixture, 1);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[0], GATE_UNKNOWN);
	fixture.sink.refusal = STATUS_TIMEOUT;
	sink_script(&fixture.sink, DEED_REFUSE, 1);
	submit(&fixture, 1);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.outcomes[1], GATE_UNKNOWN);
	submit(&fixture, 1);
	await_all(&fixture);
	check_applied(&fixture, 2);
	fixture_deinit(&fixture);
}

static void
bytes_that_wait_are_bounded(void)
{
	struct fixture fixture;
	enum status status = STATUS_OK;

	fixture_init(&fixture, LONG_MS, 100000);
	/* The first is taken whatever its size. */
	CU_ASSERT_EQUAL(submit_key(&fixture, "", 100000), STATUS_OK);
	CU_ASSERT_EQUAL(submit_key(&fixture, "", 1), STATUS_BUSY);
	sink_start(&fixture.sink);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.rooms, 1);
	sink_stop(&fixture.sink);
	while (gate_has_room(fixture.gate))
		CU_ASSERT_EQUAL_FATAL(
		    submit_key(&fixture, "", 1000), STATUS_OK);
	while (status == STATUS_OK)
		status = submit_key(&fixture, "", 1000);
	CU_ASSERT_EQUAL(status, STATUS_BUSY);
	CU_ASSERT_TRUE(fixture.submitted > 90);
	sink_start(&fixture.sink);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.rooms, 2);
	CU_ASSERT_TRUE(gate_has_room(fixture.gate));
	check_applied(&fixture, 0);
	fixture_deinit(&fixture);
}

static void
groups_without_room_in_the_reply_go_again(void)
{
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	fixture.sink.answered_max = 7;
	submit(&fixture, 50);
	turn_for(&fixture, 1);
	submit(&fixture, 10);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.applied_count, 60);
	check_applied(&fixture, 0);
	fixture_deinit(&fixture);
}

static void
what_no_batch_holds_is_split_or_refused(void)
{
	struct fixture fixture;
	struct command ranges[BATCH_RANGES_MAX + 1];
	char key[20];
	struct error err;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	for (unsigned i = 0; i < 3 * BATCH_RANGES_MAX; i++) {
		snprintf(key, sizeof(key), "%u", i);
		ranges[0] = (struct command){
		    .op = COMMAND_DELETE_RANGE, .key = slice_of_string(key)};
		ASSERT_OK(gate_submit(fixture.gate, ranges, 1,
			      (void *)(uintptr_t)fixture.submitted++, &err),
		    &err);
	}
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.batches, 3);
	check_applied(&fixture, 0);
	for (unsigned i = 0; i <= BATCH_RANGES_MAX; i++)
		ranges[i] = ranges[0];
	CU_ASSERT_EQUAL(
	    gate_submit(fixture.gate, ranges, BATCH_RANGES_MAX + 1, NULL, &err),
	    STATUS_INVALID);
	submit(&fixture, 1);
	await_all(&fixture);
	fixture_deinit(&fixture);
}

/* Does something at random to the sink; what it knows is never lost. */
static void
disturb(struct fixture *fixture, struct rng *rng)
{
	struct sink *sink = &fixture->sink;

	switch (rng_below(rng, 8)) {
	case 0:
		sink_stop(sink);
		break;
	case 1:
		sink_script(sink, DEED_KEEP, 1);
		break;
	case 2:
		sink_script(sink, DEED_APPLY_MUTE, 1);
		break;
	case 3:
		sink->refusal =
		    rng_below(rng, 2) == 0 ? STATUS_BUSY : STATUS_SHUTDOWN;
		sink_script(sink, DEED_REFUSE, 1);
		break;
	case 4:
		sink->answered_max = 1 + rng_below(rng, 20);
		break;
	default:
		sink->answered_max = SIZE_MAX;
	}
	turn_for(fixture, rng_below(rng, 10));
	/* What it holds is answered by nobody else. */
	if (sink->server != NULL &&
	    (sink->kept != NULL || sink->deeds_left == 0))
		sink_stop(sink);
	if (sink->server == NULL)
		sink_start(sink);
}

static void
disturbed_at_random_each_group_is_applied_once_and_in_order(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct fixture fixture;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	for (int round = 0; round < 60; round++) {
		submit(&fixture, (unsigned)rng_below(&rng, 100));
		disturb(&fixture, &rng);
	}
	sink_stop(&fixture.sink);
	sink_script(&fixture.sink, DEED_APPLY, 0);
	sink_start(&fixture.sink);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.applied_count, fixture.submitted);
	check_applied(&fixture, 0);
	fixture_deinit(&fixture);
}

/* Adds a deletion of a range that begins at the group's number. */
static bool
add_range(struct fixture *fixture, struct batch_builder *builder)
{
	char key[20];
	struct command command = {
	    .op = COMMAND_DELETE_RANGE, .value = slice_of_string("~")};

	snprintf(key, sizeof(key), "%u", fixture->submitted);
	command.key = slice_of_string(key);
	if (!batch_builder_add(builder, &command)) {
		batch_builder_discard_group(builder);
		return false;
	}
	batch_builder_end_group(builder);
	return true;
}

static void
groups_that_the_owner_encodes_go_like_others(void)
{
	struct fixture fixture;
	struct batch_builder *builder;
	struct error err;
	unsigned turns = 0;

	fixture_init(&fixture, LONG_MS, 1 << 20);
	sink_start(&fixture.sink);
	/* One that was only begun is nothing. */
	ASSERT_OK(gate_begin(fixture.gate, &builder, &err), &err);
	turn_for(&fixture, 20);
	CU_ASSERT_TRUE(gate_is_idle(fixture.gate));
	CU_ASSERT_EQUAL(fixture.sink.batches, 0);
	for (int i = 0; i < 3 * (int)BATCH_RANGES_MAX; i++) {
		ASSERT_OK(gate_begin(fixture.gate, &builder, &err), &err);
		if (!add_range(&fixture, builder)) {
			turns++;
			gate_turn(fixture.gate);
			ASSERT_OK(
			    gate_begin(fixture.gate, &builder, &err), &err);
			CU_ASSERT_TRUE_FATAL(add_range(&fixture, builder));
		}
		gate_commit(
		    fixture.gate, (void *)(uintptr_t)fixture.submitted++);
		submit(&fixture, 1);
	}
	CU_ASSERT_EQUAL(turns, 2);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.sink.batches, 3);
	check_applied(&fixture, 0);
	fixture_deinit(&fixture);
}

static void
no_group_is_begun_without_room_or_sink(void)
{
	struct fixture fixture;
	struct batch_builder *builder;
	struct error err;

	fixture_init(&fixture, 50, 300);
	while (gate_begin(fixture.gate, &builder, &err) == STATUS_OK) {
		CU_ASSERT_TRUE_FATAL(add_range(&fixture, builder));
		gate_commit(
		    fixture.gate, (void *)(uintptr_t)fixture.submitted++);
	}
	CU_ASSERT_EQUAL(err.code, STATUS_BUSY);
	CU_ASSERT_TRUE(fixture.submitted > 10);
	await_all(&fixture);
	CU_ASSERT_EQUAL(fixture.rooms, 1);
	CU_ASSERT_EQUAL(
	    gate_begin(fixture.gate, &builder, &err), STATUS_UNAVAILABLE);
	fixture_deinit(&fixture);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(groups_of_a_turn_go_as_one_batch_and_batches_grow),
	    SUITE_CASE(results_of_the_store_come_through),
	    SUITE_CASE(writes_wait_for_a_sink_that_is_not_there_yet),
	    SUITE_CASE(batch_lost_before_or_after_applying_is_applied_once),
	    SUITE_CASE(sink_that_forgot_us_is_told_again),
	    SUITE_CASE(batch_in_doubt_that_was_forgotten_is_unknown),
	    SUITE_CASE(time_is_bounded_and_its_end_tells_the_truth),
	    SUITE_CASE(sink_away_for_too_long_fails_writes_at_once),
	    SUITE_CASE(busy_sink_is_asked_again_until_the_time_is_up),
	    SUITE_CASE(full_disk_is_told_at_once),
	    SUITE_CASE(one_group_that_needs_what_is_damaged_fails_alone),
	    SUITE_CASE(answer_that_makes_no_sense_is_unknown),
	    SUITE_CASE(bytes_that_wait_are_bounded),
	    SUITE_CASE(groups_without_room_in_the_reply_go_again),
	    SUITE_CASE(what_no_batch_holds_is_split_or_refused),
	    SUITE_CASE(groups_that_the_owner_encodes_go_like_others),
	    SUITE_CASE(no_group_is_begun_without_room_or_sink),
	    SUITE_CASE(
		disturbed_at_random_each_group_is_applied_once_and_in_order),
	};

	return suite_run("gate", cases, SUITE_COUNT(cases), argc, argv);
}
