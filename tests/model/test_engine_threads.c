/*
 * test_engine_threads - an engine with its background threads under load,
 * and readers beside it: no reader may see a counter go back, miss a write
 * that was answered, or see half of a group.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/command/batch.h"
#include "common/lsm/view/view_reader.h"
#include "storaged/engine.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define READERS 2
#define BATCHES 4000
#define FILLERS 40
#define KEYS 2000

struct stage {
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	_Atomic uint64_t answered; /* the counter's value that was answered */
	atomic_bool ended;
};

static uint64_t
read_number(struct view_reader *reader, const char *key)
{
	struct entry entry;
	enum lookup found;
	struct error err;
	char text[32] = "0";

	CHECK(view_reader_get(reader, slice_of_string(key), &entry, &found,
		  &err) == STATUS_OK);
	if (found == LOOKUP_FOUND) {
		CHECK(entry.value.size < sizeof(text));
		memcpy(text, entry.value.data, entry.value.size);
		text[entry.value.size] = '\0';
	}
	return strtoull(text, NULL, 10);
}

static void *
reader_main(void *context)
{
	struct stage *stage = context;
	struct view_reader_options options = {
	    .runtime_directory = stage->runtime,
	    .data_directory = stage->data,
	    .clock = &clock_system,
	    .cache_bytes = 1 << 20,
	};
	struct view_reader *reader = view_reader_create(&options);
	uint64_t last = 0;
	struct error err;

	while (!atomic_load(&stage->ended)) {
		uint64_t least = atomic_load(&stage->answered);
		uint64_t first;

		CHECK(view_reader_refresh(reader, &err) == STATUS_OK);
		first = read_number(reader, "counter-a");
		CHECK(first >= least);
		CHECK(first >= last);
		/* Both are written by one group. */
		CHECK(read_number(reader, "counter-b") == first);
		last = first;
	}
	view_reader_close(reader);
	return NULL;
}

static void
write_all(struct stage *stage, struct engine *engine)
{
	struct batch_builder builder = {0};
	struct batch_origin origin = {.writer = {1}};
	struct rng rng = rng_seeded(suite_seed());
	struct buffer reply = {0};

	for (uint64_t i = 0; i <= BATCHES; i++) {
		static uint8_t value[200];
		struct command command = {.op = COMMAND_INCREMENT, .delta = 1};
		struct engine_request request = {.reply = reply};
		struct slice bytes;
		struct error err;

		for (int c = 0; i > 0 && c < 2; c++) {
			command.key =
			    slice_of_string(c == 0 ? "counter-a" : "counter-b");
			CHECK(batch_builder_add(&builder, &command));
		}
		if (i > 0)
			batch_builder_end_group(&builder);
		for (int f = 0; i > 0 && f < FILLERS; f++) {
			char key[32];
			struct command put = {.op = COMMAND_PUT};

			snprintf(key, sizeof(key), "key-%06u",
			    (unsigned)rng_below(&rng, KEYS));
			put.key = slice_of_string(key);
			put.value = slice_of(value, sizeof(value));
			CHECK(batch_builder_add(&builder, &put));
			batch_builder_end_group(&builder);
		}
		origin.number = i;
		origin.answered = i > 0 ? i - 1 : 0;
		buffer_clear(&request.reply, SIZE_MAX);
		bytes = batch_builder_finish(&builder, &origin, 0);
		request.batch = (uint8_t *)(uintptr_t)bytes.data;
		request.batch_size = bytes.size;
		do {
			ASSERT_OK(engine_tick(engine, &err), &err);
			ASSERT_OK(
			    engine_write(engine, &request, 1, &err), &err);
		} while (request.status == STATUS_BUSY);
		CU_ASSERT_EQUAL_FATAL(request.status, STATUS_OK);
		reply = request.reply;
		batch_builder_reset(&builder);
		atomic_store(&stage->answered, i);
	}
	buffer_deinit(&reply);
	batch_builder_deinit(&builder);
}

static void
readers_see_every_answered_group_whole(void)
{
	struct engine_options options = {
	    .store_id = {3},
	    .memtable_bytes = 256 << 10,
	    .table_bytes_max = 512 << 10,
	    .level1_bytes_max = 1 << 20,
	    .journal_segment_bytes = 1 << 20,
	    .disk_soft_bytes = 1,
	    .disk_hard_bytes = 1,
	    .disk_reserve_bytes = 1,
	    .sync = ENGINE_SYNC_NEVER,
	};
	static struct stage stage;
	struct scratch scratch;
	struct engine *engine;
	pthread_t readers[READERS];
	struct error err;

	scratch_init(&scratch);
	path_join(stage.data, scratch.path, "data");
	path_join(stage.runtime, scratch.path, "run");
	ASSERT_OK(
	    directory_create(file_system_real(), stage.data, 0700, &err), &err);
	ASSERT_OK(
	    directory_create(file_system_real(), stage.runtime, 0700, &err),
	    &err);
	options.data_directory = stage.data;
	options.runtime_directory = stage.runtime;
	ASSERT_OK(engine_open(&options, &engine, &err), &err);
	for (int i = 0; i < READERS; i++)
		CHECK(pthread_create(&readers[i], NULL, reader_main, &stage) ==
		    0);
	write_all(&stage, engine);
	ASSERT_OK(engine_settle(engine, &err), &err);
	atomic_store(&stage.ended, true);
	for (int i = 0; i < READERS; i++)
		CHECK(pthread_join(readers[i], NULL) == 0);
	ASSERT_OK(engine_close(engine, &err), &err);
	suite_count(BATCHES, "groups, all seen whole");
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(readers_see_every_answered_group_whole),
	};

	return suite_run(
	    "engine_threads", cases, SUITE_COUNT(cases), argc, argv);
}
