/*
 * test_engine_reclaim - what has expired or been deleted is not seen for a
 * millisecond longer, and leaves disk and memory although nobody writes.
 *
 * TEST_SEED picks the run, TEST_KEYS its size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lsm/view/view_reader.h"
#include "common/lsm/view/view_scan.h"
#include "tests/support/engine_driver.h"
#include "tests/support/store_folders.h"
#include "tests/support/suite.h"

#define STEP_MS 100
#define STEP_COMMANDS 40
#define MINUTE_MS 60000
#define HOUR_MS 3600000

/* So long after the last deadline all that has expired is off the disk. */
#define RECLAIM_MS_MAX 20000

/* What no deadline says: tombstones wait for their memtable's age. */
#define DELETED_MS_MAX 90000

struct stage {
	struct store_folders folders;
	struct engine_driver driver;
	unsigned key_count;
	uint64_t lag_ms_max;
};

static void
stage_init(struct stage *stage)
{
	const char *given = getenv("TEST_KEYS");
	struct error err;

	*stage = (struct stage){0};
	stage->key_count =
	    given == NULL ? 3000 : (unsigned)strtoul(given, NULL, 10);
	store_folders_init(&stage->folders);
	engine_driver_init(&stage->driver, suite_seed());
	ASSERT_OK(engine_driver_open(&stage->driver, file_system_real(),
		      stage->folders.data, stage->folders.runtime, &err),
	    &err);
}

static void
stage_deinit(struct stage *stage)
{
	engine_driver_deinit(&stage->driver);
	store_folders_deinit(&stage->folders);
}

/* A scan, a count and the array must agree at this very millisecond. */
static void
assert_equal_to_model(struct engine_driver *driver)
{
	uint64_t live = 0;
	uint64_t count = 0;
	uint64_t digest;
	struct view_scan *scan;
	struct error err;
	bool is_end;

	ASSERT_OK(engine_driver_digest(driver, &digest, &err), &err);
	CU_ASSERT_EQUAL_FATAL(digest, engine_driver_model_digest(driver));
	for (size_t i = 0; i < driver->model.count; i++) {
		const struct kv_model_entry *entry = &driver->model.entries[i];

		live += entry->deadline_ms == 0 ||
		    entry->deadline_ms > driver->clock.now_ms;
	}
	ASSERT_OK(view_reader_scan(
		      driver->reader, SLICE_EMPTY, SLICE_EMPTY, &scan, &err),
	    &err);
	ASSERT_OK(view_scan_count(scan, SIZE_MAX, &count, &is_end, &err), &err);
	CU_ASSERT_TRUE(is_end);
	CU_ASSERT_EQUAL_FATAL(count, live);
	view_scan_close(scan);
}

static bool
is_seen(struct engine_driver *driver, const char *key)
{
	struct entry entry;
	enum lookup found;
	struct error err;

	ASSERT_OK(view_reader_refresh(driver->reader, &err), &err);
	ASSERT_OK(view_reader_get(driver->reader, slice_of_string(key), &entry,
		      &found, &err),
	    &err);
	return found == LOOKUP_FOUND;
}

/* Lets time pass up to the next deadline and looks from both sides of it. */
static void
pass_next_deadline(struct engine_driver *driver)
{
	const struct kv_model_entry *next = NULL;
	uint64_t now_ms = driver->clock.now_ms;

	for (size_t i = 0; i < driver->model.count; i++) {
		const struct kv_model_entry *entry = &driver->model.entries[i];

		if (entry->deadline_ms > now_ms + 1 &&
		    (next == NULL || entry->deadline_ms < next->deadline_ms))
			next = entry;
	}
	if (next == NULL || next->deadline_ms > now_ms + STEP_MS)
		return;
	manual_clock_advance(&driver->clock, next->deadline_ms - now_ms - 1);
	CU_ASSERT_TRUE_FATAL(is_seen(driver, next->key));
	assert_equal_to_model(driver);
	manual_clock_advance(&driver->clock, 1);
	CU_ASSERT_FALSE_FATAL(is_seen(driver, next->key));
	assert_equal_to_model(driver);
}

static struct command
random_command(struct stage *stage, char key[32], uint8_t value[300])
{
	struct rng *rng = &stage->driver.rng;
	uint64_t dice = rng_below(rng, 100);
	struct command command = {.op = COMMAND_PUT};

	snprintf(
	    key, 32, "key-%07u", (unsigned)rng_below(rng, stage->key_count));
	command.key = slice_of_string(key);
	if (dice < 80) {
		memset(value, (int)rng_below(rng, 256), 300);
		command.value = slice_of(value, rng_below(rng, 300));
	} else if (dice < 90) {
		command.op = COMMAND_EXPIRE;
	} else {
		command.op = dice < 95 ? COMMAND_PERSIST : COMMAND_DELETE;
		return command;
	}
	command.flags = COMMAND_EXPIRY_RELATIVE;
	command.expiry_ms =
	    dice % 10 == 0 ? HOUR_MS : 1 + (int64_t)rng_below(rng, MINUTE_MS);
	return command;
}

static void
write_some(struct stage *stage)
{
	struct command commands[STEP_COMMANDS];
	char keys[STEP_COMMANDS][32];
	uint8_t values[STEP_COMMANDS][300];
	struct error err;

	for (size_t i = 0; i < STEP_COMMANDS; i++)
		commands[i] = random_command(stage, keys[i], values[i]);
	ASSERT_OK(
	    engine_driver_send(&stage->driver, commands, STEP_COMMANDS, &err),
	    &err);
}

static struct engine_status
tick(struct stage *stage)
{
	struct engine_status status;
	struct error err;

	manual_clock_advance(&stage->driver.clock, STEP_MS);
	ASSERT_OK(engine_tick(stage->driver.engine, &err), &err);
	engine_status(stage->driver.engine, &status);
	if (status.reclaim_lag_ms > stage->lag_ms_max)
		stage->lag_ms_max = status.reclaim_lag_ms;
	return status;
}

static void
restart(struct stage *stage)
{
	struct error err;

	engine_driver_stop(&stage->driver);
	ASSERT_OK(engine_driver_reopen(&stage->driver, &err), &err);
}

static uint64_t
live_bytes(const struct engine_driver *driver)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < driver->model.count; i++) {
		const struct kv_model_entry *entry = &driver->model.entries[i];

		if (entry->deadline_ms == 0 ||
		    entry->deadline_ms > driver->clock.now_ms)
			bytes += strlen(entry->key) + entry->value.size;
	}
	return bytes;
}

/* What tables take for a live byte, their indexes and rounding included. */
static void
assert_little_is_left(
    const struct stage *stage, const struct engine_status *status)
{
	uint64_t bytes_max = 3 * live_bytes(&stage->driver) + 32768;

	CU_ASSERT_TRUE(status->table_bytes < bytes_max);
	if (status->table_bytes >= bytes_max)
		fprintf(stderr, "%llu bytes of %llu\n",
		    (unsigned long long)status->table_bytes,
		    (unsigned long long)live_bytes(&stage->driver));
}

static void
keys_of_a_minute_are_gone_in_time_and_leave_no_bytes(void)
{
	struct engine_status status = {0};
	unsigned steps;
	struct stage stage;

	stage_init(&stage);
	steps = stage.key_count / STEP_COMMANDS * 2;
	for (unsigned i = 0; i < steps; i++) {
		write_some(&stage);
		(void)tick(&stage);
		if (i % 8 == 0)
			pass_next_deadline(&stage.driver);
		if (i == steps / 2 || i == steps / 3)
			restart(&stage);
	}
	for (unsigned i = 0; i < MINUTE_MS / STEP_MS; i++) {
		if (i == MINUTE_MS / STEP_MS / 2)
			restart(&stage);
		(void)tick(&stage);
		if (i % 8 == 0)
			pass_next_deadline(&stage.driver);
	}
	for (unsigned i = 0; i < RECLAIM_MS_MAX / STEP_MS; i++)
		status = tick(&stage);
	assert_equal_to_model(&stage.driver);
	CU_ASSERT_TRUE(stage.lag_ms_max > 1000);
	/* An hour is far away: what is left is less than half of a table. */
	CU_ASSERT_TRUE(status.expired_bytes * 2 <= status.table_bytes);
	assert_little_is_left(&stage, &status);
	for (unsigned i = 0; i < HOUR_MS / STEP_MS; i++) {
		status = tick(&stage);
		if (i % 5000 == 0)
			assert_equal_to_model(&stage.driver);
	}
	for (unsigned i = 0; i < RECLAIM_MS_MAX / STEP_MS; i++)
		status = tick(&stage);
	assert_equal_to_model(&stage.driver);
	assert_little_is_left(&stage, &status);
	CU_ASSERT_EQUAL(status.recovery_sequence, status.sequence);
	suite_count(stage.driver.number * STEP_COMMANDS,
	    "commands on keys of a minute");
	stage_deinit(&stage);
}

static void
put_all(struct stage *stage, uint64_t expiry_ms)
{
	struct error err;
	char key[32];

	for (unsigned i = 0; i < stage->key_count; i++) {
		struct command command = {.op = COMMAND_PUT,
		    .value = slice_of_string("a value of some bytes, not few")};

		snprintf(key, sizeof(key), "key-%07u", i);
		command.key = slice_of_string(key);
		if (expiry_ms > 0) {
			command.flags = COMMAND_EXPIRY_RELATIVE;
			command.expiry_ms = (int64_t)expiry_ms;
		}
		ASSERT_OK(engine_driver_send(&stage->driver, &command, 1, &err),
		    &err);
		if (i % 50 == 0)
			(void)tick(stage);
	}
	ASSERT_OK(engine_settle(stage->driver.engine, &err), &err);
}

/* Nothing is read to get rid of tables that have expired as a whole. */
static void
tables_of_one_deadline_are_dropped_unread(void)
{
	struct engine_status status = {0};
	struct stage stage;
	uint64_t written;

	stage_init(&stage);
	put_all(&stage, HOUR_MS);
	engine_status(stage.driver.engine, &status);
	written = status.table_count;
	CU_ASSERT_TRUE(written > 3);
	for (unsigned i = 0; i < HOUR_MS / STEP_MS; i++)
		status = tick(&stage);
	assert_equal_to_model(&stage.driver);
	for (unsigned i = 0; i < RECLAIM_MS_MAX / STEP_MS; i++)
		status = tick(&stage);
	CU_ASSERT_EQUAL(status.table_count, 0);
	CU_ASSERT_EQUAL(status.reclaim_lag_ms, 0);
	stage_deinit(&stage);
}

/* Tombstones in a level of their own, the data far below. */
static void
deleted_keys_leave_the_disk_without_writes(void)
{
	struct engine_status status = {0};
	struct stage stage;
	struct error err;
	char key[32];

	stage_init(&stage);
	put_all(&stage, 0);
	for (unsigned i = 0; i < stage.key_count; i++) {
		struct command command = {.op = COMMAND_DELETE};

		snprintf(key, sizeof(key), "key-%07u", i);
		command.key = slice_of_string(key);
		if (i % 50 == 0)
			(void)tick(&stage);
		if (i % 10 == 0)
			continue;
		ASSERT_OK(
		    engine_driver_send(&stage.driver, &command, 1, &err), &err);
	}
	for (unsigned i = 0; i < DELETED_MS_MAX / STEP_MS; i++)
		status = tick(&stage);
	assert_equal_to_model(&stage.driver);
	assert_little_is_left(&stage, &status);
	stage_deinit(&stage);
}

/* One range tombstone among live keys, which alone are no reason. */
static void
deleted_ranges_leave_the_disk_without_writes(void)
{
	struct command command = {.op = COMMAND_DELETE_RANGE,
	    .key = slice_of_string("key-"),
	    .value = slice_of_string("key."),
	    .flags = 0};
	struct engine_status status = {0};
	struct stage stage;
	struct error err;
	char key[32];

	stage_init(&stage);
	put_all(&stage, 0);
	ASSERT_OK(engine_driver_send(&stage.driver, &command, 1, &err), &err);
	command.op = COMMAND_PUT;
	for (unsigned i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "key-%07u", i * 7);
		command.key = slice_of_string(key);
		ASSERT_OK(
		    engine_driver_send(&stage.driver, &command, 1, &err), &err);
	}
	for (unsigned i = 0; i < DELETED_MS_MAX / STEP_MS; i++)
		status = tick(&stage);
	assert_equal_to_model(&stage.driver);
	assert_little_is_left(&stage, &status);
	stage_deinit(&stage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(keys_of_a_minute_are_gone_in_time_and_leave_no_bytes),
	    SUITE_CASE(tables_of_one_deadline_are_dropped_unread),
	    SUITE_CASE(deleted_keys_leave_the_disk_without_writes),
	    SUITE_CASE(deleted_ranges_leave_the_disk_without_writes),
	};

	return suite_run(
	    "engine_reclaim", cases, SUITE_COUNT(cases), argc, argv);
}
