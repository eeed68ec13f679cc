/*
 * test_engine_checkpoint - checkpoints of a store that is written to, with
 * flushes, compactions and expiry: each holds exactly the state behind some
 * batch, none older than the one that was answered when it was asked for.
 *
 * TEST_SEED picks the workload.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/engine_driver.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/store_folders.h"
#include "tests/support/suite.h"

#define ROUNDS 12
#define BATCHES_MAX 60
#define COMMANDS_MAX 25

struct stage {
	struct store_folders folders;
	char target[PATH_BYTES_MAX];
	char partial[PATH_BYTES_MAX];
	struct fault_file_system *fault;
	struct engine_driver driver;
};

static void
stage_init(struct stage *stage)
{
	struct error err;

	store_folders_init(&stage->folders);
	path_join(stage->target, stage->folders.scratch.path, "copy");
	path_join(stage->partial, stage->folders.scratch.path, "copy.partial");
	stage->fault = fault_file_system_create(stage->folders.data);
	engine_driver_init(&stage->driver, suite_seed());
	ASSERT_OK(engine_driver_open(&stage->driver,
		      fault_file_system_table(stage->fault),
		      stage->folders.data, stage->folders.runtime, &err),
	    &err);
}

static void
stage_deinit(struct stage *stage)
{
	engine_driver_deinit(&stage->driver);
	fault_file_system_close(stage->fault);
	store_folders_deinit(&stage->folders);
}

static void
write_some(struct stage *stage, unsigned batches)
{
	struct error err;

	for (unsigned i = 0; i < batches; i++) {
		ASSERT_OK(
		    engine_driver_write(&stage->driver, COMMANDS_MAX, &err),
		    &err);
		ASSERT_OK(engine_tick(stage->driver.engine, &err), &err);
	}
}

/* The digest of what the folder holds, opened as a store of its own. */
static uint64_t
digest_of(struct stage *stage, const char *data)
{
	struct engine_driver other;
	char runtime[PATH_BYTES_MAX];
	struct error err;
	uint64_t digest;

	snprintf(runtime, sizeof(runtime), "%.1000s-run", data);
	store_folder_make(runtime);
	engine_driver_init(&other, suite_seed());
	other.clock.now_ms = stage->driver.clock.now_ms;
	other.options = stage->driver.options;
	other.options.fs = file_system_real();
	other.options.clock = &other.clock.clock;
	other.options.data_directory = data;
	other.options.runtime_directory = runtime;
	ASSERT_OK(engine_driver_reopen(&other, &err), &err);
	ASSERT_OK(engine_driver_digest(&other, &digest, &err), &err);
	engine_driver_deinit(&other);
	return digest;
}

struct moments {
	uint64_t digests[2 * BATCHES_MAX];
	uint64_t sequences[2 * BATCHES_MAX];
	unsigned count;
};

static void
note_moment(struct moments *moments, const struct engine_driver *driver)
{
	struct engine_status status;

	CU_ASSERT_FATAL(moments->count < 2 * BATCHES_MAX);
	engine_status(driver->engine, &status);
	moments->sequences[moments->count] = status.sequence;
	moments->digests[moments->count++] = engine_driver_model_digest(driver);
}

/*
 * Begins a checkpoint and writes on until it is there. Time stands still
 * meanwhile, so that the states differ by the writes alone.
 */
static void
check_round(struct stage *stage, unsigned number)
{
	struct engine_driver *driver = &stage->driver;
	struct moments moments = {.count = 0};
	struct engine_checkpoint made;
	char target[PATH_BYTES_MAX];
	struct error err;

	snprintf(target, sizeof(target), "%.1000s-%u", stage->target, number);
	ASSERT_OK(engine_checkpoint_begin(driver->engine, target, &err), &err);
	CU_ASSERT_EQUAL(
	    engine_checkpoint_begin(driver->engine, stage->target, &err),
	    STATUS_BUSY);
	do {
		note_moment(&moments, driver);
		ASSERT_OK(
		    engine_driver_write(driver, COMMANDS_MAX, &err), &err);
		/* The tick may add to the history, too: the time. */
		note_moment(&moments, driver);
		ASSERT_OK(engine_tick(driver->engine, &err), &err);
	} while (!engine_checkpoint_take(driver->engine, &made, &err));
	CU_ASSERT_EQUAL_FATAL(err.code, STATUS_OK);
	CU_ASSERT_TRUE(made.sequence >= moments.sequences[0]);
	for (unsigned i = 0; i < moments.count; i++) {
		if (moments.sequences[i] != made.sequence)
			continue;
		CU_ASSERT_EQUAL(digest_of(stage, target), moments.digests[i]);
		return;
	}
	CU_FAIL("the checkpoint ends behind no batch");
}

static void
a_checkpoint_is_the_state_behind_a_batch(void)
{
	struct stage stage;
	struct error err;
	uint64_t digest;

	stage_init(&stage);
	for (unsigned i = 0; i < ROUNDS; i++) {
		write_some(&stage,
		    1 + (unsigned)rng_below(&stage.driver.rng, BATCHES_MAX));
		manual_clock_advance(&stage.driver.clock, 700);
		check_round(&stage, i);
	}
	/* Nothing that a checkpoint held back is missing from the store. */
	ASSERT_OK(engine_settle(stage.driver.engine, &err), &err);
	ASSERT_OK(engine_driver_digest(&stage.driver, &digest, &err), &err);
	CU_ASSERT_EQUAL(digest, engine_driver_model_digest(&stage.driver));
	stage_deinit(&stage);
}

static void
places_that_will_not_do_are_refused(void)
{
	struct stage stage;
	struct engine *engine;
	char path[PATH_BYTES_MAX];
	struct error err;

	stage_init(&stage);
	engine = stage.driver.engine;
	CU_ASSERT_EQUAL(
	    engine_checkpoint_begin(engine, "copy", &err), STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    engine_checkpoint_begin(engine, stage.folders.runtime, &err),
	    STATUS_CONFLICT);
	path_join(path, stage.folders.scratch.path, "no/copy");
	CU_ASSERT_EQUAL(
	    engine_checkpoint_begin(engine, path, &err), STATUS_NOT_FOUND);
	CU_ASSERT_EQUAL(engine_checkpoint_begin(engine, "/proc/copy", &err),
	    STATUS_INVALID);
	stage_deinit(&stage);
}

/*
 * Call after call of the copying fails: there is no target and nothing half
 * made, the engine serves, and the next attempt replaces what is left.
 */
static void
a_failure_harms_nothing_but_the_checkpoint(void)
{
	struct stage stage;
	struct engine *engine;
	struct engine_checkpoint made;
	struct error err;
	unsigned failed = 0;
	bool struck = true;

	stage_init(&stage);
	write_some(&stage, 100);
	engine = stage.driver.engine;
	for (uint64_t i = 0; struck && i < 1000; i++) {
		write_some(&stage, 1);
		ASSERT_OK(engine_settle(engine, &err), &err);
		/* Flushed already: the next step hands over to the copying. */
		ASSERT_OK(
		    engine_checkpoint_begin(engine, stage.target, &err), &err);
		ASSERT_OK(engine_tick(engine, &err), &err);
		fault_file_system_fail(stage.fault,
		    fault_file_system_calls(stage.fault) + i, FAULT_ERROR, EIO);
		while (!engine_checkpoint_take(engine, &made, &err)) {
			struct error ended;

			ASSERT_OK(engine_tick(engine, &ended), &ended);
		}
		struck = fault_file_system_struck(stage.fault);
		fault_file_system_heal(stage.fault);
		CU_ASSERT_FALSE(path_exists(stage.partial));
		CU_ASSERT_EQUAL_FATAL(
		    path_exists(stage.target), err.code == STATUS_OK);
		if (err.code != STATUS_OK) {
			failed++;
			continue;
		}
		/* The call that failed was another's: on, beside this one. */
		snprintf(stage.target, sizeof(stage.target), "%.1000s-%u",
		    stage.folders.data, (unsigned)i);
		snprintf(stage.partial, sizeof(stage.partial),
		    "%.1000s.partial", stage.target);
	}
	CU_ASSERT_TRUE(failed > 10);
	stage_deinit(&stage);
}

/* What a crash left under the passing name does not stop the next one. */
static void
leftovers_are_replaced_and_foreign_files_kept(void)
{
	struct stage stage;
	char path[PATH_BYTES_MAX];
	struct engine_checkpoint made;
	struct error err;

	stage_init(&stage);
	write_some(&stage, 20);
	store_folder_make(stage.partial);
	for (int foreign = 0; foreign < 2; foreign++) {
		path_join(path, stage.partial, foreign ? "a" : "shard-0");
		store_folder_make(path);
		path_join(path, path, foreign ? "b" : "tables");
		store_folder_make(path);
		ASSERT_OK(engine_checkpoint_begin(
			      stage.driver.engine, stage.target, &err),
		    &err);
		while (
		    !engine_checkpoint_take(stage.driver.engine, &made, &err)) {
			struct error ended;

			ASSERT_OK(
			    engine_tick(stage.driver.engine, &ended), &ended);
		}
		CU_ASSERT_EQUAL(
		    err.code, foreign ? STATUS_CONFLICT : STATUS_OK);
		if (!foreign) {
			snprintf(stage.target, sizeof(stage.target), "%.1000s2",
			    stage.folders.data);
			snprintf(stage.partial, sizeof(stage.partial),
			    "%.1000s.partial", stage.target);
			store_folder_make(stage.partial);
		}
	}
	CU_ASSERT_TRUE(path_exists(path));
	stage_deinit(&stage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(a_checkpoint_is_the_state_behind_a_batch),
	    SUITE_CASE(places_that_will_not_do_are_refused),
	    SUITE_CASE(a_failure_harms_nothing_but_the_checkpoint),
	    SUITE_CASE(leftovers_are_replaced_and_foreign_files_kept),
	};

	return suite_run(
	    "engine_checkpoint", cases, SUITE_COUNT(cases), argc, argv);
}
