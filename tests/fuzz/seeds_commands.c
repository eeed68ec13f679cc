#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/codec/integer.h"
#include "common/command/batch.h"
#include "common/command/reply.h"
#include "storaged/apply/apply.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/apply/apply_fixture.h"
#include "tests/support/random_command.h"

#define BATCH_BYTES_TAKEN 600 /* as fuzz_apply.c has it */
#define BATCHES 14

static void
write_batch_kinds(void)
{
	struct batch_builder builder = {0};
	struct batch_origin origin = {{0}, 0, 0};

	seed_write("batch", batch_builder_finish(&builder, &origin, 77));
	batch_builder_reset(&builder);
	origin.writer[3] = 9;
	seed_write("batch", batch_builder_finish(&builder, &origin, 78));
	batch_builder_deinit(&builder);
}

/* Adds random commands, some groups of one, some of several. */
static void
build(struct batch_builder *builder, struct rng *rng, struct arena *arena)
{
	const struct random_command_options options = {6, 12, 5000, 60};
	size_t groups = 1 + rng_below(rng, 4);

	batch_builder_reset(builder);
	for (size_t i = 0; i < groups; i++) {
		size_t commands = rng_below(rng, 2) * rng_below(rng, 4) + 1;

		for (size_t k = 0; k < commands; k++) {
			struct command command =
			    random_command(rng, arena, &options);

			CHECK(batch_builder_add(builder, &command));
		}
		batch_builder_end_group(builder);
	}
}

/* Sends batches one after the other, and keeps all that comes of it. */
static void
write_series(uint64_t seed, struct buffer *series)
{
	struct rng rng = rng_seeded(seed);
	struct apply_fixture fixture;
	struct arena arena = {0};
	struct buffer state = {0};

	apply_fixture_init(&fixture, 7);
	for (int i = 0; i < BATCHES; i++) {
		build(&fixture.builder, &rng, &arena);
		fixture.now_ms = 4000 + rng_below(&rng, 2000);
		apply_fixture_send(&fixture);
		seed_write("batch", buffer_slice(&fixture.batch_bytes));
		seed_write("reply", fixture.reply.bytes);
		seed_append_bytes(series, BATCH_BYTES_TAKEN,
		    buffer_slice(&fixture.batch_bytes));
	}
	apply_encode(fixture.apply, &state);
	seed_write("apply_state", buffer_slice(&state));
	buffer_deinit(&state);
	arena_deinit(&arena);
	apply_fixture_deinit(&fixture);
}

/* Groups that failed or had no room. */
static void
write_failures(void)
{
	struct reply_builder builder;
	struct reply_command command = {.has_old = true};
	struct buffer buffer = {0};

	command.old = slice_of("old", 3);
	reply_builder_start(&builder, &buffer, 3, 100, 6);
	reply_builder_begin_group(&builder, 1);
	reply_builder_fail_group(&builder, GROUP_NOT_INTEGER, 0, NULL);
	reply_builder_end_group(&builder);
	reply_builder_begin_group(&builder, 3);
	reply_builder_fail_group(&builder, GROUP_CONDITION_FAILED, 2, &command);
	reply_builder_end_group(&builder);
	reply_builder_begin_group(&builder, 2);
	reply_builder_fail_group(&builder, GROUP_TOO_LARGE, 1, NULL);
	reply_builder_end_group(&builder);
	reply_builder_begin_group(&builder, 1);
	reply_builder_fail_group(&builder, GROUP_OVERFLOW, 0, NULL);
	reply_builder_end_group(&builder);
	seed_write("reply", reply_builder_finish(&builder));
	buffer_deinit(&buffer);
}

void
seeds_commands(void)
{
	write_batch_kinds();
	write_failures();
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct buffer series = {0};

		write_series(seed, &series);
		seed_write("apply", buffer_slice(&series));
		buffer_deinit(&series);
	}
}
