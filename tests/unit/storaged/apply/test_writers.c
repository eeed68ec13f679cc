#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/integer.h"
#include "common/command/limits.h"
#include "common/command/reply.h"
#include "storaged/apply/writers.h"
#include "tests/support/suite.h"

#define START_MS 1000000u

static struct writers *writers;
static struct slice reply;

static struct batch_origin
origin_of(uint64_t id, uint64_t number, uint64_t answered)
{
	struct batch_origin origin = {.number = number, .answered = answered};

	u64_store(origin.writer, id);
	return origin;
}

static void
add_writer(uint64_t id, uint64_t now_ms)
{
	struct batch_origin origin = origin_of(id, 0, 0);

	writers_expire(writers, now_ms);
	writers_register(writers, origin.writer, now_ms);
}

static bool
is_known(uint64_t id, uint64_t now_ms)
{
	struct batch_origin origin = origin_of(id, 0, 0);

	return writers_is_known(writers, origin.writer, now_ms);
}

static enum writers_verdict
judge(uint64_t id, uint64_t number, uint64_t answered, uint64_t now_ms)
{
	struct batch_origin origin = origin_of(id, number, answered);

	return writers_judge(writers, &origin, now_ms, &reply);
}

/* Records a batch with a reply of `sequence`. */
static void
record(uint64_t id, uint64_t number, uint64_t answered, uint64_t now_ms)
{
	struct batch_origin origin = origin_of(id, number, answered);
	struct reply_builder builder;
	struct buffer buffer = {0};

	writers_expire(writers, now_ms);
	reply_builder_start(&builder, &buffer, number, 100 * number, 0);
	writers_record(
	    writers, &origin, now_ms, reply_builder_finish(&builder));
	buffer_deinit(&buffer);
}

/* Whether `reply` is the one that record() gave to this number. */
static bool
reply_is_of(uint64_t number)
{
	struct reply decoded;
	struct error err;

	ASSERT_OK(reply_decode(reply, &decoded, &err), &err);
	return decoded.number == number &&
	    decoded.first_sequence == 100 * number;
}

static void
start(void)
{
	writers = writers_create();
	add_writer(7, START_MS);
}

static void
stop(void)
{
	writers_close(writers);
}

static void
batches_are_new_in_their_order_only(void)
{
	start();
	CU_ASSERT_EQUAL(judge(7, 1, 0, START_MS), WRITERS_NEW);
	CU_ASSERT_EQUAL(judge(7, 2, 0, START_MS), WRITERS_GAP);
	CU_ASSERT_EQUAL(judge(8, 1, 0, START_MS), WRITERS_UNKNOWN);
	record(7, 1, 0, START_MS);
	CU_ASSERT_EQUAL(judge(7, 2, 1, START_MS), WRITERS_NEW);
	CU_ASSERT_EQUAL(judge(7, 3, 1, START_MS), WRITERS_GAP);
	stop();
}

static void
a_repeated_batch_gets_its_first_reply(void)
{
	start();
	record(7, 1, 0, START_MS);
	CU_ASSERT_EQUAL(judge(7, 1, 0, START_MS), WRITERS_REPEATED);
	CU_ASSERT_TRUE(reply_is_of(1));
	record(7, 2, 1, START_MS);
	CU_ASSERT_EQUAL(judge(7, 2, 1, START_MS), WRITERS_REPEATED);
	CU_ASSERT_TRUE(reply_is_of(2));
	CU_ASSERT_EQUAL(judge(7, 1, 0, START_MS), WRITERS_OLD);
	CU_ASSERT_EQUAL(reply.size, 0);
	stop();
}

static void
replies_are_kept_until_they_are_answered(void)
{
	start();
	for (uint64_t n = 1; n <= BATCHES_IN_FLIGHT_MAX; n++)
		record(7, n, 0, START_MS);
	for (uint64_t n = 1; n <= BATCHES_IN_FLIGHT_MAX; n++) {
		CU_ASSERT_EQUAL(judge(7, n, 0, START_MS), WRITERS_REPEATED);
		CU_ASSERT_TRUE(reply_is_of(n));
	}
	record(7, 9, 5, START_MS);
	for (uint64_t n = 1; n <= 9; n++)
		CU_ASSERT_EQUAL(judge(7, n, 0, START_MS),
		    n <= 5 ? WRITERS_OLD : WRITERS_REPEATED);
	/* A writer that says less than before takes nothing back. */
	record(7, 10, 2, START_MS);
	CU_ASSERT_EQUAL(judge(7, 5, 2, START_MS), WRITERS_OLD);
	CU_ASSERT_EQUAL(judge(7, 6, 2, START_MS), WRITERS_REPEATED);
	CU_ASSERT_TRUE(reply_is_of(6));
	stop();
}

static void
registering_again_changes_nothing(void)
{
	start();
	record(7, 1, 0, START_MS);
	add_writer(7, START_MS + 5);
	CU_ASSERT_EQUAL(writers_count(writers), 1);
	CU_ASSERT_EQUAL(judge(7, 1, 0, START_MS), WRITERS_REPEATED);
	CU_ASSERT_EQUAL(judge(7, 2, 1, START_MS), WRITERS_NEW);
	stop();
}

static void
an_idle_writer_is_forgotten(void)
{
	const uint64_t later = START_MS + WRITER_IDLE_MS_MAX;

	start();
	add_writer(8, START_MS + 10);
	record(7, 1, 0, START_MS + 20);
	CU_ASSERT_TRUE(is_known(8, later + 9));
	CU_ASSERT_FALSE(is_known(8, later + 10));
	CU_ASSERT_EQUAL(judge(8, 1, 0, later + 10), WRITERS_UNKNOWN);
	writers_expire(writers, later + 9);
	CU_ASSERT_EQUAL(writers_count(writers), 2);
	writers_expire(writers, later + 10);
	CU_ASSERT_EQUAL(writers_count(writers), 1);
	CU_ASSERT_TRUE(is_known(7, later + 19));
	CU_ASSERT_EQUAL(judge(7, 1, 0, later + 19), WRITERS_REPEATED);
	writers_expire(writers, later + 20);
	CU_ASSERT_EQUAL(writers_count(writers), 0);
	/* Who comes back starts anew. */
	add_writer(7, later + 20);
	CU_ASSERT_EQUAL(judge(7, 1, 0, later + 20), WRITERS_NEW);
	CU_ASSERT_EQUAL(judge(7, 2, 1, later + 20), WRITERS_GAP);
	stop();
}

static void
beyond_the_cap_the_one_idle_for_longest_goes(void)
{
	writers = writers_create();
	for (uint64_t id = 1; id <= WRITERS_MAX; id++)
		add_writer(id, START_MS + id);
	record(1, 1, 0, START_MS + WRITERS_MAX);
	add_writer(WRITERS_MAX + 1, START_MS + WRITERS_MAX);
	CU_ASSERT_EQUAL(writers_count(writers), WRITERS_MAX);
	CU_ASSERT_TRUE(is_known(1, START_MS + WRITERS_MAX));
	CU_ASSERT_FALSE(is_known(2, START_MS + WRITERS_MAX));
	CU_ASSERT_TRUE(is_known(3, START_MS + WRITERS_MAX));
	stop();
}

static void
beyond_their_bytes_the_oldest_replies_go(void)
{
	const size_t size = WRITERS_REPLY_BYTES_MAX / 2 - 64;
	uint8_t *bytes = mem_new(size);
	struct slice large = slice_of(bytes, size);
	struct batch_origin origin = origin_of(8, 1, 0);

	start();
	add_writer(8, START_MS);
	record(7, 1, 0, START_MS);
	writers_record(writers, &origin, START_MS, large);
	origin.number = 2;
	writers_record(writers, &origin, START_MS, large);
	CU_ASSERT_EQUAL(judge(7, 1, 0, START_MS), WRITERS_REPEATED);
	CU_ASSERT_EQUAL(judge(8, 1, 0, START_MS), WRITERS_REPEATED);
	origin.number = 3;
	writers_record(writers, &origin, START_MS, large);
	CU_ASSERT_EQUAL(judge(7, 1, 0, START_MS), WRITERS_FORGOTTEN);
	CU_ASSERT_EQUAL(judge(8, 1, 0, START_MS), WRITERS_FORGOTTEN);
	CU_ASSERT_EQUAL(judge(8, 2, 0, START_MS), WRITERS_REPEATED);
	CU_ASSERT_EQUAL(judge(8, 3, 0, START_MS), WRITERS_REPEATED);
	CU_ASSERT_EQUAL(judge(8, 4, 0, START_MS), WRITERS_NEW);
	stop();
	mem_free(bytes);
}

static struct writers *
decoded(struct slice bytes)
{
	struct writers *copy;
	struct error err;

	ASSERT_OK(writers_decode(&bytes, &copy, &err), &err);
	CU_ASSERT_EQUAL(bytes.size, 0);
	return copy;
}

static void
random_states_come_back(void)
{
	struct rng rng = rng_seeded(suite_seed());
	uint64_t last[41] = {0};
	uint64_t answered[41] = {0};
	uint64_t now_ms = START_MS;

	writers = writers_create();
	for (int round = 0; round < 5000; round++) {
		uint64_t id = 1 + rng_below(&rng, 40);
		struct buffer first = {0};
		struct buffer second = {0};

		now_ms += rng_below(&rng, WRITER_IDLE_MS_MAX / 50);
		if (!is_known(id, now_ms)) {
			add_writer(id, now_ms);
			last[id] = answered[id] = 0;
		}
		if (last[id] - answered[id] == BATCHES_IN_FLIGHT_MAX ||
		    (last[id] > answered[id] && rng_below(&rng, 3) == 0))
			answered[id] +=
			    1 + rng_below(&rng, last[id] - answered[id]);
		record(id, last[id] + 1, answered[id], now_ms);
		last[id]++;
		if (round % 20 != 0)
			continue;
		/* Goes on with the copy: nothing may be lost in it. */
		writers_encode(writers, &first);
		writers_close(writers);
		writers = decoded(buffer_slice(&first));
		writers_encode(writers, &second);
		CU_ASSERT_TRUE_FATAL(
		    slice_equal(buffer_slice(&first), buffer_slice(&second)));
		buffer_deinit(&first);
		buffer_deinit(&second);
	}
	stop();
}

/* These bytes are in manifests: they never change within a version. */
static void
a_state_has_its_golden_bytes(void)
{
	static const uint8_t golden[] = {2, 0, 0, 0,
	    /* writer 9: no batch yet */
	    9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0,
	    /* writer 7: two, one answered, one reply */
	    7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
	    0, 0x41, 0x42, 0x0f, 0, 0, 0, 0, 0,
	    /* its reply */
	    32, 0, 0, 0, 1, 0, 0, 0, 32, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 200,
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct buffer buffer = {0};

	start();
	add_writer(9, START_MS);
	record(7, 1, 0, START_MS + 1);
	record(7, 2, 1, START_MS + 1);
	writers_encode(writers, &buffer);
	CU_ASSERT_TRUE(slice_equal(
	    buffer_slice(&buffer), slice_of(golden, sizeof(golden))));
	buffer_deinit(&buffer);
	stop();
}

static void
damage_is_refused_or_harmless(void)
{
	struct buffer buffer = {0};
	struct slice bytes;
	uint8_t *copy;

	start();
	add_writer(9, START_MS);
	for (uint64_t n = 1; n <= 4; n++)
		record(7, n, n > 2 ? n - 2 : 0, START_MS + n);
	writers_encode(writers, &buffer);
	bytes = buffer_slice(&buffer);
	for (size_t size = 0; size < bytes.size; size++) {
		struct slice input;
		struct writers *got;
		struct error err;

		copy = mem_dup(bytes.data, size);
		input = slice_of(copy, size);
		CU_ASSERT_EQUAL(
		    writers_decode(&input, &got, &err), STATUS_CORRUPT);
		CU_ASSERT_PTR_NULL(got);
		mem_free(copy);
	}
	copy = mem_dup(bytes.data, bytes.size);
	for (size_t at = 0; at < bytes.size; at++) {
		for (unsigned mask = 1; mask < 256; mask++) {
			struct slice input = slice_of(copy, bytes.size);
			struct writers *got;
			struct error err;

			copy[at] ^= (uint8_t)mask;
			if (writers_decode(&input, &got, &err) == STATUS_OK) {
				struct buffer again = {0};

				writers_encode(got, &again);
				CU_ASSERT_EQUAL(buffer_size(&again),
				    bytes.size - input.size);
				buffer_deinit(&again);
			}
			writers_close(got);
			copy[at] ^= (uint8_t)mask;
		}
	}
	mem_free(copy);
	buffer_deinit(&buffer);
	stop();
}

static void
verdicts_have_their_statuses(void)
{
	struct error err;

	CU_ASSERT_EQUAL(writers_verdict_status(WRITERS_NEW, &err), STATUS_OK);
	CU_ASSERT_EQUAL(
	    writers_verdict_status(WRITERS_REPEATED, &err), STATUS_OK);
	CU_ASSERT_EQUAL(
	    writers_verdict_status(WRITERS_OLD, &err), STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    writers_verdict_status(WRITERS_GAP, &err), STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    writers_verdict_status(WRITERS_FORGOTTEN, &err), STATUS_UNKNOWN);
	CU_ASSERT_EQUAL(
	    writers_verdict_status(WRITERS_UNKNOWN, &err), STATUS_NOT_FOUND);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(batches_are_new_in_their_order_only),
	    SUITE_CASE(a_repeated_batch_gets_its_first_reply),
	    SUITE_CASE(replies_are_kept_until_they_are_answered),
	    SUITE_CASE(registering_again_changes_nothing),
	    SUITE_CASE(an_idle_writer_is_forgotten),
	    SUITE_CASE(beyond_the_cap_the_one_idle_for_longest_goes),
	    SUITE_CASE(beyond_their_bytes_the_oldest_replies_go),
	    SUITE_CASE(random_states_come_back),
	    SUITE_CASE(a_state_has_its_golden_bytes),
	    SUITE_CASE(damage_is_refused_or_harmless),
	    SUITE_CASE(verdicts_have_their_statuses),
	};

	return suite_run("writers", cases, SUITE_COUNT(cases), argc, argv);
}
