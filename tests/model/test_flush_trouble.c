/*
 * test_flush_trouble - a flush that cannot be made at present, because the
 * disk is full, is no reason for the engine to end.
 */
#include <errno.h>
#include <string.h>

#include "common/log/log.h"
#include "tests/support/engine_driver.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/store_folders.h"
#include "tests/support/suite.h"

#define COMMANDS_MAX 25

struct stage {
	struct store_folders folders;
	struct fault_file_system *fault;
	struct engine_driver driver;
};

static void
stage_init(struct stage *stage)
{
	store_folders_init(&stage->folders);
	stage->fault = fault_file_system_create(stage->folders.data);
	engine_driver_init(&stage->driver, suite_seed());
}

static void
stage_deinit(struct stage *stage)
{
	engine_driver_deinit(&stage->driver);
	fault_file_system_close(stage->fault);
	store_folders_deinit(&stage->folders);
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

		stage_init(&stage);
		ASSERT_OK(engine_driver_open(driver,
			      fault_file_system_table(stage.fault),
			      stage.folders.data, stage.folders.runtime, &err),
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
	    SUITE_CASE(flush_that_lacks_space_is_made_up_for),
	};

	log_open("test", LOG_ERROR);
	return suite_run(
	    "flush_trouble", cases, SUITE_COUNT(cases), argc, argv);
}
