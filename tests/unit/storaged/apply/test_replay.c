/*
 * The same batches applied again, elsewhere and in adverse circumstances, give
 * the same state and the same replies.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/integer.h"
#include "common/command/limits.h"
#include "storaged/apply/apply.h"
#include "tests/support/apply/map_store.h"
#include "tests/support/random_command.h"
#include "tests/support/suite.h"

#define BATCHES 3000
#define WRITERS 5
#define HOUR_MS 3600000u
#define START_MS 1700000000000u

/* A log: batches in the order in which they are applied. */
struct log {
	struct buffer batches[BATCHES];
	uint64_t first_sequence[BATCHES];
};

/* One who applies a log. */
struct replica {
	struct apply *apply;
	struct map_store map;
	struct buffer replies; /* all of them, with their verdicts */
};

static void
replica_init(struct replica *replica)
{
	*replica = (struct replica){.apply = apply_create()};
	map_store_init(&replica->map);
}

static void
replica_deinit(struct replica *replica)
{
	apply_close(replica->apply);
	map_store_deinit(&replica->map);
	buffer_deinit(&replica->replies);
}

static void
add_commands(struct rng *rng, struct batch_builder *builder, uint64_t now_ms)
{
	const struct random_command_options options = {
	    .key_count = 30, .value_bytes_max = 200, .now_ms = now_ms};
	size_t count = 1 + (size_t)rng_below(rng, 30);
	struct arena arena = {0};

	for (size_t i = 0; i < count; i++) {
		struct command command = random_command(rng, &arena, &options);

		CHECK(batch_builder_add(builder, &command));
		if (i + 1 == count || rng_below(rng, 2) == 0)
			batch_builder_end_group(builder);
	}
	arena_deinit(&arena);
}

/* The next batch of a writer, by chance a registration or with a gap. */
static void
build_batch(struct rng *rng, struct batch_builder *builder,
    struct batch_origin *origin, uint64_t new_id, uint64_t now_ms,
    struct buffer *out)
{
	struct batch_origin sent;
	bool leaves_gap = rng_below(rng, 50) == 0;

	batch_builder_reset(builder);
	if (u64_load(origin->writer) == 0 || rng_below(rng, 30) == 0) {
		/* A new instance has a new name. */
		*origin = (struct batch_origin){0};
		u64_store(origin->writer, new_id);
		sent = *origin;
	} else {
		sent = *origin;
		sent.number += leaves_gap ? 2 : 1;
		sent.answered = sent.number - 1;
		if (sent.answered > 0 && rng_below(rng, 2) == 0)
			sent.answered--;
		add_commands(rng, builder, now_ms);
		origin->number += leaves_gap ? 0 : 1;
	}
	buffer_append_slice(out, batch_builder_finish(builder, &sent, now_ms));
}

/*
 * Writers that register, send, repeat, leave out a number and come back after
 * a long time; and ticks in between.
 */
static void
log_init(struct log *log, struct rng *rng)
{
	const struct batch_origin sink = {.number = 0};
	struct batch_origin origins[WRITERS] = {0};
	struct batch_builder builder = {0};
	uint64_t sequence = 1;
	uint64_t now_ms = START_MS;

	for (size_t i = 0; i < BATCHES; i++) {
		struct buffer *out = &log->batches[i];
		uint64_t what = rng_below(rng, 100);
		struct batch batch;
		struct error err;

		*out = (struct buffer){0};
		now_ms += rng_below(rng, 300);
		if (rng_below(rng, 300) == 0)
			now_ms += (13 + 12 * rng_below(rng, 2)) * HOUR_MS;
		if (i > 0 && what < 10) {
			size_t back = (size_t)rng_below(rng, i < 20 ? i : 20);

			buffer_append_slice(
			    out, buffer_slice(&log->batches[i - 1 - back]));
			batch_set_stamp(out->data, now_ms);
		} else if (what < 15) {
			batch_builder_reset(&builder);
			buffer_append_slice(
			    out, batch_builder_finish(&builder, &sink, now_ms));
		} else {
			build_batch(rng, &builder,
			    &origins[rng_below(rng, WRITERS)], i + 1, now_ms,
			    out);
		}
		ASSERT_OK(batch_decode(buffer_slice(out), &batch, &err), &err);
		log->first_sequence[i] = sequence;
		sequence += 1 + batch.command_count;
	}
	batch_builder_deinit(&builder);
}

static void
log_deinit(struct log *log)
{
	for (size_t i = 0; i < BATCHES; i++)
		buffer_deinit(&log->batches[i]);
}

/* Applies number `i` of the log; false if the store failed. */
static bool
apply_next(struct replica *replica, const struct log *log, size_t i)
{
	struct apply_result result;
	struct batch batch;
	struct error err;

	ASSERT_OK(
	    batch_decode(buffer_slice(&log->batches[i]), &batch, &err), &err);
	if (apply_batch(replica->apply, &batch, log->first_sequence[i],
		&replica->map.store, &result, &err) != STATUS_OK)
		return false;
	buffer_append_byte(&replica->replies, (uint8_t)result.verdict);
	buffer_append_slice(&replica->replies, result.reply);
	return true;
}

/* Appends all that a replica knows. */
static void
replica_dump(struct replica *replica, struct buffer *out)
{
	apply_encode(replica->apply, out);
	map_store_dump(&replica->map, apply_clock_ms(replica->apply), out);
}

static void
assert_equal(struct replica *a, struct replica *b)
{
	struct buffer first = {0};
	struct buffer second = {0};

	replica_dump(a, &first);
	replica_dump(b, &second);
	CU_ASSERT_TRUE(
	    slice_equal(buffer_slice(&first), buffer_slice(&second)));
	CU_ASSERT_TRUE(
	    slice_equal(buffer_slice(&a->replies), buffer_slice(&b->replies)));
	buffer_deinit(&first);
	buffer_deinit(&second);
}

/* As a recovery does: the state goes into bytes and comes out of them. */
static void
restart(struct replica *replica)
{
	struct buffer state = {0};
	struct error err;

	apply_encode(replica->apply, &state);
	apply_close(replica->apply);
	ASSERT_OK(
	    apply_decode(buffer_slice(&state), &replica->apply, &err), &err);
	buffer_deinit(&state);
}

static void
a_replica_that_restarts_and_compacts_is_the_same(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct log *log = mem_new(sizeof(*log));
	struct replica one;
	struct replica two;

	log_init(log, &rng);
	replica_init(&one);
	replica_init(&two);
	for (size_t i = 0; i < BATCHES; i++) {
		CU_ASSERT_TRUE_FATAL(apply_next(&one, log, i));
		if (rng_below(&rng, 20) == 0)
			restart(&two);
		if (rng_below(&rng, 5) == 0)
			map_store_purge(&two.map, apply_clock_ms(two.apply));
		CU_ASSERT_TRUE_FATAL(apply_next(&two, log, i));
	}
	assert_equal(&one, &two);
	replica_deinit(&one);
	replica_deinit(&two);
	log_deinit(log);
	mem_free(log);
}

static void
a_store_that_fails_changes_nothing(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct log *log = mem_new(sizeof(*log));
	struct replica one;
	struct replica two;
	size_t failures = 0;

	log_init(log, &rng);
	replica_init(&one);
	replica_init(&two);
	for (size_t i = 0; i < BATCHES; i++) {
		struct buffer before = {0};
		struct buffer after = {0};

		CU_ASSERT_TRUE_FATAL(apply_next(&one, log, i));
		replica_dump(&two, &before);
		two.map.fail_in = 1 + (size_t)rng_below(&rng, 40);
		while (!apply_next(&two, log, i)) {
			failures++;
			buffer_clear(&after, SIZE_MAX);
			replica_dump(&two, &after);
			CU_ASSERT_TRUE_FATAL(slice_equal(
			    buffer_slice(&before), buffer_slice(&after)));
		}
		two.map.fail_in = 0;
		buffer_deinit(&before);
		buffer_deinit(&after);
	}
	CU_ASSERT_TRUE(failures > BATCHES / 10);
	CU_ASSERT_TRUE(failures < 10 * BATCHES);
	assert_equal(&one, &two);
	replica_deinit(&one);
	replica_deinit(&two);
	log_deinit(log);
	mem_free(log);
}

/* Applies the last batch of a log of one writer once more. */
static void
a_batch_that_comes_again_is_answered_and_not_applied(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct log *log = mem_new(sizeof(*log));
	struct replica one;
	size_t repeated = 0;

	log_init(log, &rng);
	replica_init(&one);
	for (size_t i = 0; i < BATCHES; i++) {
		size_t old_size = buffer_size(&one.replies);
		struct slice first;
		struct slice second;
		struct apply_result judged;
		struct batch batch;
		struct error err;
		uint64_t written;

		CU_ASSERT_TRUE_FATAL(apply_next(&one, log, i));
		ASSERT_OK(
		    batch_decode(buffer_slice(&log->batches[i]), &batch, &err),
		    &err);
		first = buffer_slice(&one.replies);
		if (batch.kind != BATCH_WRITES ||
		    first.data[old_size] != WRITERS_NEW)
			continue;
		written = one.map.last_sequence;
		/* Both before it is in the journal and when it is applied. */
		judged = apply_judge(one.apply, &batch);
		CU_ASSERT_EQUAL(judged.verdict, WRITERS_REPEATED);
		CU_ASSERT_TRUE(slice_equal(judged.reply,
		    slice_of(
			first.data + old_size + 1, first.size - old_size - 1)));
		old_size = first.size - old_size;
		CU_ASSERT_TRUE_FATAL(apply_next(&one, log, i));
		CU_ASSERT_EQUAL(one.map.last_sequence, written);
		second = buffer_slice(&one.replies);
		CU_ASSERT_EQUAL(
		    second.data[second.size - old_size], WRITERS_REPEATED);
		CU_ASSERT_EQUAL(
		    memcmp(second.data + second.size - old_size + 1,
			second.data + second.size - 2 * old_size + 1,
			old_size - 1),
		    0);
		repeated++;
	}
	CU_ASSERT_TRUE(repeated > BATCHES / 10);
	replica_deinit(&one);
	log_deinit(log);
	mem_free(log);
}

static void
time_alone_removes_idle_writers(void)
{
	const struct batch_origin sink = {.number = 0};
	const struct batch_origin origin = {.writer = {1}};
	const uint64_t stamps[] = {START_MS, START_MS + WRITER_IDLE_MS_MAX - 1,
	    START_MS + WRITER_IDLE_MS_MAX};
	struct batch_builder builder = {0};
	struct replica one;

	replica_init(&one);
	for (size_t i = 0; i < SUITE_COUNT(stamps); i++) {
		struct apply_result result;
		struct batch batch;
		struct error err;

		/* A registration, and then ticks. */
		batch_builder_reset(&builder);
		ASSERT_OK(batch_decode(batch_builder_finish(&builder,
					   i == 0 ? &origin : &sink, stamps[i]),
			      &batch, &err),
		    &err);
		ASSERT_OK(apply_batch(one.apply, &batch, i + 1, &one.map.store,
			      &result, &err),
		    &err);
		CU_ASSERT_EQUAL(result.verdict, WRITERS_NEW);
		CU_ASSERT_EQUAL(apply_clock_ms(one.apply), stamps[i]);
		CU_ASSERT_EQUAL(apply_writer_count(one.apply), i < 2 ? 1 : 0);
	}
	batch_builder_deinit(&builder);
	replica_deinit(&one);
}

static void
a_damaged_state_is_refused_or_harmless(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct log *log = mem_new(sizeof(*log));
	struct buffer state = {0};
	struct replica one;
	struct apply *apply;
	struct error err;
	struct slice bytes;

	log_init(log, &rng);
	replica_init(&one);
	for (size_t i = 0; i < 100; i++)
		CU_ASSERT_TRUE_FATAL(apply_next(&one, log, i));
	apply_encode(one.apply, &state);
	bytes = buffer_slice(&state);
	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t *copy = mem_dup(bytes.data, size);

		CU_ASSERT_EQUAL(
		    apply_decode(slice_of(copy, size), &apply, &err),
		    STATUS_CORRUPT);
		CU_ASSERT_PTR_NULL(apply);
		mem_free(copy);
	}
	for (size_t at = 0; at < bytes.size; at++) {
		state.data[state.start + at] ^= 0x55;
		if (apply_decode(bytes, &apply, &err) == STATUS_OK)
			CU_ASSERT_TRUE(
			    apply_writer_count(apply) <= WRITERS_MAX);
		CU_ASSERT_TRUE(at > 0 || err.code == STATUS_VERSION);
		apply_close(apply);
		state.data[state.start + at] ^= 0x55;
	}
	buffer_append_byte(&state, 0);
	CU_ASSERT_EQUAL(
	    apply_decode(buffer_slice(&state), &apply, &err), STATUS_CORRUPT);
	buffer_deinit(&state);
	replica_deinit(&one);
	log_deinit(log);
	mem_free(log);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(a_replica_that_restarts_and_compacts_is_the_same),
	    SUITE_CASE(a_store_that_fails_changes_nothing),
	    SUITE_CASE(a_batch_that_comes_again_is_answered_and_not_applied),
	    SUITE_CASE(time_alone_removes_idle_writers),
	    SUITE_CASE(a_damaged_state_is_refused_or_harmless),
	};

	return suite_run("replay", cases, SUITE_COUNT(cases), argc, argv);
}
