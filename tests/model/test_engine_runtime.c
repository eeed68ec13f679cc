/*
 * A runtime folder that others fill to the last page, at any moment: writes
 * are refused and say so, the engine does not end, and once there is space
 * again it goes on by itself with everything that it acknowledged.
 */
#include <stdio.h>

#include "common/log/log.h"
#include "common/lsm/view/view_reader.h"
#include "common/os/path.h"
#include "tests/support/engine_driver.h"
#include "tests/support/scratch.h"
#include "tests/support/small_disk.h"
#include "tests/support/suite.h"

#define RUNTIME_BYTES (4u << 20)
#define ROUNDS 40
#define COMMANDS_MAX 25
#define WRITES_MAX 2000

struct stage {
	struct scratch scratch;
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	struct small_disk *memory;
	struct engine_driver driver;
	unsigned long long refused;
	unsigned long long written;
};

static void
make_folder(const char *path)
{
	struct error err;

	ASSERT_OK(directory_create(file_system_real(), path, 0700, &err), &err);
}

static void
set_up(struct stage *stage)
{
	struct error err;

	*stage = (struct stage){0};
	scratch_init(&stage->scratch);
	path_join(stage->data, stage->scratch.path, "data");
	path_join(stage->runtime, stage->scratch.path, "run");
	make_folder(stage->data);
	make_folder(stage->runtime);
	stage->memory = small_disk_create(stage->runtime, RUNTIME_BYTES);
	engine_driver_init(&stage->driver, suite_seed());
	ASSERT_OK(
	    engine_driver_open(&stage->driver, small_disk_table(stage->memory),
		stage->data, stage->runtime, &err),
	    &err);
}

static void
tear_down(struct stage *stage)
{
	suite_count(stage->refused, "refusals for want of memory");
	suite_count(stage->written, "writes kept through them");
	engine_driver_deinit(&stage->driver);
	small_disk_close(stage->memory);
	scratch_deinit(&stage->scratch);
}

static void
tick(struct stage *stage)
{
	struct error err;

	manual_clock_advance(&stage->driver.clock, 1000);
	ASSERT_OK(engine_tick(stage->driver.engine, &err), &err);
	ASSERT_OK(view_reader_refresh(stage->driver.reader, &err), &err);
}

static void
check(struct stage *stage)
{
	uint64_t digest;
	struct error err;

	ASSERT_OK(engine_driver_digest(&stage->driver, &digest, &err), &err);
	CU_ASSERT_EQUAL_FATAL(
	    digest, engine_driver_model_digest(&stage->driver));
}

/* Others leave a page or two, or take also what the engine gives back. */
static void
fill(struct stage *stage, unsigned pages)
{
	uint64_t free_bytes = small_disk_free_bytes(stage->memory);

	if (pages == 0)
		small_disk_set_foreign(stage->memory, RUNTIME_BYTES);
	else if (free_bytes > pages * 4096)
		small_disk_set_foreign(
		    stage->memory, free_bytes - pages * 4096);
}

static void
write_until_refused(struct stage *stage)
{
	struct rng *rng = &stage->driver.rng;
	enum status status = STATUS_OK;
	struct error err;

	for (int i = 0; i < WRITES_MAX && status == STATUS_OK; i++) {
		status =
		    engine_driver_write(&stage->driver, COMMANDS_MAX, &err);
		stage->written += status == STATUS_OK;
		if (rng_below(rng, 8) == 0)
			tick(stage);
	}
	if (status != STATUS_NO_SPACE && status != STATUS_BUSY)
		fprintf(stderr, "%s\n", err.text);
	CU_ASSERT_TRUE_FATAL(
	    status == STATUS_NO_SPACE || status == STATUS_BUSY);
	stage->refused++;
}

static void
full_memory_refuses_and_comes_back_by_itself(void)
{
	struct stage stage;
	struct engine_status now;
	struct error err;

	set_up(&stage);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct rng *rng = &stage.driver.rng;

		for (uint64_t i = rng_below(rng, 60); i > 0; i--)
			ASSERT_OK(engine_driver_write(
				      &stage.driver, COMMANDS_MAX, &err),
			    &err);
		fill(&stage, (unsigned)rng_below(rng, 4));
		write_until_refused(&stage);
		/* What memtables give back is taken, too. */
		small_disk_set_foreign(stage.memory, RUNTIME_BYTES);
		for (int i = 0; i < 5; i++)
			tick(&stage);
		check(&stage);
		small_disk_set_foreign(stage.memory, 0);
		for (int i = 0; i < 3; i++)
			tick(&stage);
		ASSERT_OK(
		    engine_driver_write(&stage.driver, COMMANDS_MAX, &err),
		    &err);
		check(&stage);
		ASSERT_OK(engine_settle(stage.driver.engine, &err), &err);
		check(&stage);
		engine_status(stage.driver.engine, &now);
		CU_ASSERT_STRING_EQUAL(now.trouble, "");
	}
	tear_down(&stage);
}

static void
start_in_full_memory_is_refused_until_there_is_space(void)
{
	struct stage stage;
	struct error err;

	set_up(&stage);
	for (int i = 0; i < 50; i++)
		ASSERT_OK(
		    engine_driver_write(&stage.driver, COMMANDS_MAX, &err),
		    &err);
	engine_driver_stop(&stage.driver);
	small_disk_set_foreign(stage.memory, RUNTIME_BYTES);
	CU_ASSERT_EQUAL(
	    engine_driver_reopen(&stage.driver, &err), STATUS_NO_SPACE);
	small_disk_set_foreign(stage.memory, 0);
	ASSERT_OK(engine_driver_reopen(&stage.driver, &err), &err);
	check(&stage);
	tear_down(&stage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(full_memory_refuses_and_comes_back_by_itself),
	    SUITE_CASE(start_in_full_memory_is_refused_until_there_is_space),
	};

	log_open("test", LOG_ERROR);
	return suite_run(
	    "engine_runtime", cases, SUITE_COUNT(cases), argc, argv);
}
