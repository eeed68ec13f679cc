/*
 * bench_command - what a command costs on its way, in nanoseconds.
 *
 *	bench_command [VALUE BYTES]     (100)
 *
 * From the frontend to the store and back: encoded into a batch, decoded,
 * applied to a store that does nothing, its reply read; for batches of
 * several sizes. Keys have 16 bytes. Each figure is the median of some rounds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/command/batch.h"
#include "common/command/reply.h"
#include "common/lsm/record/entry.h"
#include "common/os/clock.h"
#include "storaged/apply/apply.h"

#define ROUNDS 9
#define COMMANDS 200000
#define KEY_BYTES 16

enum figure {
	ENCODE,
	DECODE,
	APPLY,
	READ_REPLY,
	FIGURES
};

struct bench {
	struct apply *apply;
	struct apply_store store;
	struct batch_builder builder;
	struct batch_origin origin;
	struct slice value;
	uint64_t sequence;
	uint64_t touched; /* so that nothing is optimised away */
	double figures[FIGURES][ROUNDS];
};

static enum status
on_get(void *context, const struct apply_key *key, struct entry *out,
    bool *found, struct error *err)
{
	*found = true;
	*out = (struct entry){
	    .key = key->key,
	    .value = slice_of_string("12345"),
	    .sequence = 1,
	    .kind = ENTRY_PUT,
	};
	return STATUS_OK;
}

static enum status
on_reserve(void *context, const struct apply_need *need, struct error *err)
{
	return STATUS_OK;
}

static void
on_put(void *context, const struct entry *entry, uint64_t hash)
{
	struct bench *bench = context;

	bench->touched += hash + entry->value.size;
}

static void
on_delete_range(void *context, const struct range_tombstone *range)
{
	struct bench *bench = context;

	bench->touched += range->sequence;
}

static struct slice
encode(struct bench *bench, enum command_op op, size_t count, uint64_t seed)
{
	uint8_t key[KEY_BYTES] = {0};

	batch_builder_reset(&bench->builder);
	for (size_t i = 0; i < count; i++) {
		struct command command = {
		    .op = op,
		    .key = slice_of(key, sizeof(key)),
		    .value = op == COMMAND_PUT ? bench->value : SLICE_EMPTY,
		    .delta = op == COMMAND_INCREMENT ? 1 : 0,
		};

		u64_store(key, (seed + i) * 0x9e3779b97f4a7c15u);
		CHECK(batch_builder_add(&bench->builder, &command));
		batch_builder_end_group(&bench->builder);
	}
	bench->origin.answered = bench->origin.number++;
	return batch_builder_finish(&bench->builder, &bench->origin, seed);
}

static void
apply(
    struct bench *bench, const struct batch *batch, struct apply_result *result)
{
	struct error err;

	CHECK(apply_batch(bench->apply, batch, bench->sequence, &bench->store,
		  result, &err) == STATUS_OK);
	CHECK(result->verdict == WRITERS_NEW);
	bench->sequence += 1 + batch->command_count;
}

static void
read_reply(struct bench *bench, struct slice bytes)
{
	struct reply_cursor cursor;
	struct reply_command command;
	struct reply_group group;
	struct reply reply;
	struct error err;

	CHECK(reply_decode(bytes, &reply, &err) == STATUS_OK);
	cursor = reply_cursor_at_start(&reply);
	while (reply_cursor_next_group(&cursor, &group)) {
		CHECK(reply_cursor_next_command(&cursor, &command));
		bench->touched += command.affected;
	}
}

static void
run_round(struct bench *bench, enum command_op op, size_t count, int round)
{
	uint64_t spent[FIGURES] = {0};

	for (size_t done = 0; done < COMMANDS; done += count) {
		struct apply_result result;
		struct slice bytes;
		struct batch batch;
		struct error err;
		uint64_t at[FIGURES + 1];

		at[0] = clock_monotonic_ns(&clock_system);
		bytes = encode(bench, op, count, done);
		at[1] = clock_monotonic_ns(&clock_system);
		CHECK(batch_decode(bytes, &batch, &err) == STATUS_OK);
		at[2] = clock_monotonic_ns(&clock_system);
		apply(bench, &batch, &result);
		at[3] = clock_monotonic_ns(&clock_system);
		read_reply(bench, result.reply);
		at[4] = clock_monotonic_ns(&clock_system);
		for (int i = 0; i < FIGURES; i++)
			spent[i] += at[i + 1] - at[i];
	}
	for (int i = 0; i < FIGURES; i++)
		bench->figures[i][round] = (double)spent[i] / COMMANDS;
}

static int
compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return (left > right) - (left < right);
}

static void
run(struct bench *bench, const char *name, enum command_op op, size_t count)
{
	for (int round = 0; round < ROUNDS; round++)
		run_round(bench, op, count, round);
	printf("%-10s %7zu", name, count);
	for (int i = 0; i < FIGURES; i++) {
		qsort(
		    bench->figures[i], ROUNDS, sizeof(double), compare_doubles);
		printf(" %10.1f", bench->figures[i][ROUNDS / 2]);
	}
	printf("\n");
}

static void
register_writer(struct bench *bench)
{
	struct apply_result result;
	struct batch batch;
	struct error err;

	CHECK(batch_decode(
		  batch_builder_finish(&bench->builder, &bench->origin, 0),
		  &batch, &err) == STATUS_OK);
	apply(bench, &batch, &result);
}

int
main(int argc, char **argv)
{
	static const size_t counts[] = {1, 16, 100, 1000};
	size_t value_bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	void *value = mem_new(value_bytes + 1);
	struct bench bench = {
	    .apply = apply_create(),
	    .store = {&bench, on_get, on_reserve, on_put, on_delete_range},
	    .origin.writer = {1},
	    .value = slice_of(value, value_bytes),
	    .sequence = 1,
	};

	register_writer(&bench);
	printf("%-10s %7s %10s %10s %10s %10s\n", "command", "batch", "encode",
	    "decode", "apply", "reply");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		run(&bench, "PUT", COMMAND_PUT, counts[i]);
		run(&bench, "INCREMENT", COMMAND_INCREMENT, counts[i]);
	}
	apply_close(bench.apply);
	batch_builder_deinit(&bench.builder);
	mem_free(value);
	return bench.touched == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
