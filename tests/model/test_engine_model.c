/*
 * test_engine_model - random writes to an engine and to a sorted array, with
 * flushes, compactions, expiry, reopening and killing in between: what a
 * reader sees must be what the array holds, at every step.
 *
 * TEST_SEED picks the run, TEST_ROUNDS its length.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/lsm/view/view_reader.h"
#include "tests/support/engine_driver.h"
#include "tests/support/store_folders.h"
#include "tests/support/suite.h"

static void
assert_equal_to_model(struct engine_driver *driver)
{
	struct error err;
	uint64_t digest;

	ASSERT_OK(engine_driver_digest(driver, &digest, &err), &err);
	CU_ASSERT_EQUAL_FATAL(digest, engine_driver_model_digest(driver));
}

static void
assert_gets_equal_model(struct engine_driver *driver)
{
	struct error err;

	ASSERT_OK(view_reader_refresh(driver->reader, &err), &err);
	for (unsigned i = 0; i < DRIVER_KEYS; i++) {
		const struct kv_model_entry *expected;
		struct entry entry;
		enum lookup found;
		char key[32];

		snprintf(key, sizeof(key), "key-%04u", i);
		expected = kv_model_find(
		    &driver->model, slice_of_string(key), driver->clock.now_ms);
		ASSERT_OK(view_reader_get(driver->reader, slice_of_string(key),
			      &entry, &found, &err),
		    &err);
		CU_ASSERT_EQUAL_FATAL(found == LOOKUP_FOUND, expected != NULL);
		if (expected != NULL) {
			CU_ASSERT_TRUE_FATAL(
			    slice_equal(entry.value, expected->value));
			CU_ASSERT_EQUAL_FATAL(
			    entry.deadline_ms, expected->deadline_ms);
		}
	}
}

static void
disturb(struct engine_driver *driver)
{
	struct error err;

	switch (rng_below(&driver->rng, 60)) {
	case 0:
		ASSERT_OK(engine_flush(driver->engine, &err), &err);
		break;
	case 1:
		ASSERT_OK(engine_settle(driver->engine, &err), &err);
		break;
	case 2:
		/* Under sync `always` a kill and a stop leave the same. */
		engine_driver_stop(driver);
		ASSERT_OK(engine_driver_reopen(driver, &err), &err);
		CU_ASSERT_TRUE(engine_driver_repeat_is_answered(driver));
		break;
	case 3:
		manual_clock_advance(
		    &driver->clock, rng_below(&driver->rng, 900));
		break;
	case 4:
		CU_ASSERT_TRUE(engine_driver_repeat_is_answered(driver));
		break;
	case 5:
		assert_gets_equal_model(driver);
		break;
	default:
		ASSERT_OK(engine_tick(driver->engine, &err), &err);
		manual_clock_advance(
		    &driver->clock, rng_below(&driver->rng, 20));
		break;
	}
}

static void
reader_sees_what_the_sorted_array_holds(void)
{
	const char *given = getenv("TEST_ROUNDS");
	unsigned long rounds = given == NULL ? 3000 : strtoul(given, NULL, 10);
	struct store_folders folders;
	struct engine_driver driver;
	struct error err;

	store_folders_init(&folders);
	engine_driver_init(&driver, suite_seed());
	ASSERT_OK(engine_driver_open(&driver, file_system_real(), folders.data,
		      folders.runtime, &err),
	    &err);
	for (unsigned long i = 0; i < rounds; i++) {
		ASSERT_OK(engine_driver_write(&driver, 30, &err), &err);
		disturb(&driver);
		if (i % 7 == 0)
			assert_equal_to_model(&driver);
	}
	ASSERT_OK(engine_settle(driver.engine, &err), &err);
	assert_equal_to_model(&driver);
	assert_gets_equal_model(&driver);
	suite_count(rounds, "batches beside the model");
	engine_driver_deinit(&driver);
	store_folders_deinit(&folders);
}

/* Expired entries leave the disk although nobody writes any more. */
static void
expired_data_is_reclaimed_without_writes(void)
{
	struct store_folders folders;
	struct engine_driver driver;
	struct engine_status status;
	struct error err;

	store_folders_init(&folders);
	engine_driver_init(&driver, suite_seed());
	ASSERT_OK(engine_driver_open(&driver, file_system_real(), folders.data,
		      folders.runtime, &err),
	    &err);
	for (int i = 0; i < 300; i++) {
		ASSERT_OK(engine_driver_write(&driver, 30, &err), &err);
		ASSERT_OK(engine_tick(driver.engine, &err), &err);
	}
	for (unsigned i = 0; i < DRIVER_KEYS; i++) {
		char key[32];
		struct command command = {.op = COMMAND_EXPIRE,
		    .flags = COMMAND_EXPIRY_RELATIVE,
		    .expiry_ms = 5000};

		snprintf(key, sizeof(key), "key-%04u", i);
		command.key = slice_of_string(key);
		ASSERT_OK(engine_driver_send(&driver, &command, 1, &err), &err);
		snprintf(key, sizeof(key), "key-%04un", i);
		command.key = slice_of_string(key);
		ASSERT_OK(engine_driver_send(&driver, &command, 1, &err), &err);
	}
	for (int i = 0; i < 2000; i++) {
		manual_clock_advance(&driver.clock, 100);
		ASSERT_OK(engine_tick(driver.engine, &err), &err);
	}
	assert_equal_to_model(&driver);
	CU_ASSERT_EQUAL(driver.model.count > 0, true);
	engine_status(driver.engine, &status);
	CU_ASSERT_EQUAL(status.table_count, 0);
	engine_driver_deinit(&driver);
	store_folders_deinit(&folders);
}

/* Nor does that need a write after a start: the journal must not grow. */
static void
expired_data_is_reclaimed_after_a_quiet_start(void)
{
	struct command command = {.op = COMMAND_PUT,
	    .key = slice_of_string("key"),
	    .value = slice_of_string("value"),
	    .flags = COMMAND_EXPIRY_RELATIVE,
	    .expiry_ms = 5000};
	struct store_folders folders;
	struct engine_driver driver;
	struct engine_status status;
	struct error err;

	store_folders_init(&folders);
	engine_driver_init(&driver, suite_seed());
	ASSERT_OK(engine_driver_open(&driver, file_system_real(), folders.data,
		      folders.runtime, &err),
	    &err);
	ASSERT_OK(engine_driver_send(&driver, &command, 1, &err), &err);
	ASSERT_OK(engine_flush(driver.engine, &err), &err);
	engine_driver_stop(&driver);
	ASSERT_OK(engine_driver_reopen(&driver, &err), &err);
	for (int i = 0; i < 2000; i++) {
		manual_clock_advance(&driver.clock, 100);
		ASSERT_OK(engine_tick(driver.engine, &err), &err);
	}
	engine_status(driver.engine, &status);
	CU_ASSERT_EQUAL(status.table_count, 0);
	CU_ASSERT_EQUAL(status.recovery_sequence, status.sequence);
	assert_equal_to_model(&driver);
	engine_driver_deinit(&driver);
	store_folders_deinit(&folders);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(reader_sees_what_the_sorted_array_holds),
	    SUITE_CASE(expired_data_is_reclaimed_without_writes),
	    SUITE_CASE(expired_data_is_reclaimed_after_a_quiet_start),
	};

	return suite_run("engine_model", cases, SUITE_COUNT(cases), argc, argv);
}
