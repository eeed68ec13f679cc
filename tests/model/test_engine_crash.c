/*
 * test_engine_crash - a fixed workload on a disk that loses power, or fails,
 * at each system call in turn.
 *
 * After each cut the store must open and hold exactly the state behind some
 * batch: none that was answered may be missing, and none may be half there.
 * TEST_SEED picks the workload and what the disk keeps of unsynced writes;
 * TEST_EVERY=1 tries every call instead of every few.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/support/engine_driver.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define BATCHES 150
#define COMMANDS_MAX 25
#define STEP_MS 150

/* When all checks take place; what has expired by then is not looked at. */
#define CHECK_MS (1700000000000u + BATCHES * STEP_MS)

struct history {
	uint64_t begun_calls[BATCHES + 1]; /* calls before batch i was sent */
	uint64_t answered_calls[BATCHES + 1]; /* and when it was answered */
	uint64_t digests[BATCHES + 1]; /* of the state behind batch i */
	size_t batches; /* answered */
};

struct stage {
	struct scratch scratch;
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	struct fault_file_system *fault;
	struct engine_driver driver;
	struct history history;
};

static void
make_folder(const char *path)
{
	struct error err;

	ASSERT_OK(directory_create(file_system_real(), path, 0700, &err), &err);
}

static void
stage_init(struct stage *stage, enum engine_sync sync)
{
	scratch_init(&stage->scratch);
	path_join(stage->data, stage->scratch.path, "data");
	path_join(stage->runtime, stage->scratch.path, "run");
	make_folder(stage->data);
	make_folder(stage->runtime);
	stage->fault = fault_file_system_create(stage->data);
	engine_driver_init(&stage->driver, suite_seed());
	stage->driver.sync = sync;
	stage->history = (struct history){0};
	stage->history.digests[0] = 0;
}

static void
stage_deinit(struct stage *stage)
{
	engine_driver_deinit(&stage->driver);
	fault_file_system_close(stage->fault);
	scratch_deinit(&stage->scratch);
}

/* Runs until the workload ends or the engine does. */
static void
run_workload(struct stage *stage)
{
	struct engine_driver *driver = &stage->driver;
	struct history *history = &stage->history;
	struct error err;

	if (engine_driver_open(driver, fault_file_system_table(stage->fault),
		stage->data, stage->runtime, &err) != STATUS_OK)
		return;
	for (size_t i = 1; i <= BATCHES; i++) {
		history->begun_calls[i] = fault_file_system_calls(stage->fault);
		if (engine_driver_write(driver, COMMANDS_MAX, &err) !=
		    STATUS_OK)
			return;
		history->answered_calls[i] =
		    fault_file_system_calls(stage->fault);
		history->digests[i] = kv_model_digest(&driver->model, CHECK_MS);
		history->batches = i;
		manual_clock_advance(&driver->clock, STEP_MS);
		if (engine_tick(driver->engine, &err) != STATUS_OK)
			return;
	}
	(void)!engine_settle(driver->engine, &err);
}

/*
 * Opens what is in `data` and finds the batch whose state it holds. A batch
 * that was under way may be there or not: `least` to `most`.
 */
static void
assert_recovers(const char *data, const char *runtime,
    const struct history *history, size_t least, size_t most)
{
	struct engine_driver again;
	struct error err;
	uint64_t digest;
	bool known = false;

	engine_driver_init(&again, 1);
	manual_clock_advance(&again.clock, BATCHES * STEP_MS);
	ASSERT_OK(
	    engine_driver_open(&again, file_system_real(), data, runtime, &err),
	    &err);
	ASSERT_OK(engine_driver_digest(&again, &digest, &err), &err);
	for (size_t i = least; i <= most; i++)
		known |= history->digests[i] == digest;
	if (!known)
		fprintf(stderr, "state is none of batches %zu to %zu\n", least,
		    most);
	CU_ASSERT_TRUE_FATAL(known);
	/* What was recovered can be compacted and says the same. */
	ASSERT_OK(engine_settle(again.engine, &err), &err);
	ASSERT_OK(engine_driver_digest(&again, &digest, &err), &err);
	known = false;
	for (size_t i = least; i <= most; i++)
		known |= history->digests[i] == digest;
	CU_ASSERT_TRUE_FATAL(known);
	engine_driver_deinit(&again);
}

static uint64_t
stride(uint64_t usual)
{
	return getenv("TEST_EVERY") != NULL ? 1 : usual;
}

/*
 * Cuts the power at each call. Without a sync before each answer a cut may
 * cost answered batches, but never one and not those behind it.
 */
static void
cut_power(enum engine_sync sync)
{
	struct rng rng = rng_seeded(suite_seed());
	struct stage stage;
	char runtime[PATH_BYTES_MAX];
	uint64_t calls;
	unsigned long cuts = 0;

	stage_init(&stage, sync);
	run_workload(&stage);
	CU_ASSERT_EQUAL_FATAL(stage.history.batches, BATCHES);
	engine_driver_stop(&stage.driver);
	calls = fault_file_system_calls(stage.fault);
	for (uint64_t call = 0; call <= calls; call++) {
		const struct history *history = &stage.history;
		struct scratch copy;
		char other[PATH_BYTES_MAX];
		size_t least = 0;
		size_t most = 0;

		if ((call > 0 &&
			!fault_file_system_call_matters(
			    stage.fault, call - 1)) ||
		    rng_below(&rng, stride(2)) != 0)
			continue;
		while (least < BATCHES &&
		    history->answered_calls[least + 1] <= call)
			least++;
		most = least;
		while (most < BATCHES && history->begun_calls[most + 1] < call)
			most++;
		scratch_init(&copy);
		path_join(other, copy.path, "data");
		path_join(runtime, copy.path, "run");
		make_folder(runtime);
		fault_file_system_materialise(
		    stage.fault, call, rng_next(&rng), other);
		assert_recovers(other, runtime, history,
		    sync == ENGINE_SYNC_ALWAYS ? least : 0, most);
		scratch_deinit(&copy);
		cuts++;
	}
	suite_count(cuts, "power cuts");
	CU_ASSERT_TRUE(cuts > 100);
	stage_deinit(&stage);
}

static void
power_cut_at_any_call_keeps_what_was_answered(void)
{
	cut_power(ENGINE_SYNC_ALWAYS);
}

static void
power_cut_under_lax_sync_keeps_a_prefix(void)
{
	cut_power(ENGINE_SYNC_INTERVAL);
	cut_power(ENGINE_SYNC_NEVER);
}

static void
fail_at(uint64_t call, enum fault_kind kind, int errnum)
{
	struct stage stage;
	struct history *history = &stage.history;

	stage_init(&stage, ENGINE_SYNC_ALWAYS);
	fault_file_system_fail(stage.fault, call, kind, errnum);
	run_workload(&stage);
	/*
	 * The batch under way when the engine ended may be applied; its
	 * state is that of the workload without failures.
	 */
	engine_driver_stop(&stage.driver);
	fault_file_system_heal(stage.fault);
	if (history->batches < BATCHES) {
		struct stage whole;

		stage_init(&whole, ENGINE_SYNC_ALWAYS);
		run_workload(&whole);
		history->digests[history->batches + 1] =
		    whole.history.digests[history->batches + 1];
		stage_deinit(&whole);
	}
	assert_recovers(stage.data, stage.runtime, history, history->batches,
	    history->batches < BATCHES ? history->batches + 1 : BATCHES);
	stage_deinit(&stage);
}

static void
failing_call_costs_nothing_that_was_answered(void)
{
	static const struct {
		enum fault_kind kind;
		int errnum;
	} faults[] = {
	    {FAULT_ERROR, EIO},
	    {FAULT_ERROR_AFTER_HALF, ENOSPC},
	    {FAULT_ERROR_FROM, EIO},
	    {FAULT_ERROR, EMFILE},
	    {FAULT_SHORT, 0},
	};
	struct rng rng = rng_seeded(suite_seed());
	struct stage stage;
	uint64_t calls;
	unsigned long failures = 0;

	stage_init(&stage, ENGINE_SYNC_ALWAYS);
	run_workload(&stage);
	calls = fault_file_system_calls(stage.fault);
	stage_deinit(&stage);
	for (uint64_t call = rng_below(&rng, stride(6)); call < calls;
	     call += 1 + rng_below(&rng, stride(6))) {
		size_t i = rng_below(&rng, SUITE_COUNT(faults));

		fail_at(call, faults[i].kind, faults[i].errnum);
		failures++;
	}
	suite_count(failures, "failing calls");
}

/* True if `call` is one that makes a table and can fail. */
static bool
makes_table(struct fault_file_system *fault, uint64_t call)
{
	const char *what = fault_file_system_describe(fault, call);

	return strstr(what, ".sst") != NULL &&
	    (strncmp(what, "open", 4) == 0 || strncmp(what, "pwrite", 6) == 0);
}

/* A table that cannot be made is no reason to stop: it is made later. */
static void
flush_that_lacks_space_is_made_up_for(void)
{
	unsigned failed = 0;

	for (uint64_t ahead = 0; ahead < 40; ahead++) {
		struct stage stage;
		struct engine_driver *driver = &stage.driver;
		struct error err;
		uint64_t call;
		uint64_t digest;

		stage_init(&stage, ENGINE_SYNC_ALWAYS);
		ASSERT_OK(engine_driver_open(driver,
			      fault_file_system_table(stage.fault), stage.data,
			      stage.runtime, &err),
		    &err);
		for (int i = 0; i < 5; i++)
			ASSERT_OK(
			    engine_driver_write(driver, COMMANDS_MAX, &err),
			    &err);
		call = fault_file_system_calls(stage.fault) + ahead;
		fault_file_system_fail(
		    stage.fault, call, FAULT_ERROR_AFTER_HALF, ENOSPC);
		if (engine_flush(driver->engine, &err) != STATUS_OK &&
		    makes_table(stage.fault, call)) {
			failed++;
			CU_ASSERT_EQUAL(err.code, STATUS_UNAVAILABLE);
			fault_file_system_heal(stage.fault);
			ASSERT_OK(
			    engine_driver_write(driver, COMMANDS_MAX, &err),
			    &err);
			ASSERT_OK(engine_flush(driver->engine, &err), &err);
			ASSERT_OK(
			    engine_driver_digest(driver, &digest, &err), &err);
			CU_ASSERT_EQUAL(
			    digest, engine_driver_model_digest(driver));
		}
		stage_deinit(&stage);
	}
	CU_ASSERT_TRUE(failed > 0);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(power_cut_at_any_call_keeps_what_was_answered),
	    SUITE_CASE(power_cut_under_lax_sync_keeps_a_prefix),
	    SUITE_CASE(failing_call_costs_nothing_that_was_answered),
	    SUITE_CASE(flush_that_lacks_space_is_made_up_for),
	};

	return suite_run("engine_crash", cases, SUITE_COUNT(cases), argc, argv);
}
