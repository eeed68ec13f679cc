/*
 * A disk that fills up, again and again, by what is written and by others:
 * writes that add are refused and say so, reads and deletes go on, space comes
 * back by deleting alone, and nothing that was acknowledged is ever missing,
 * after a start on the full disk neither.
 *
 * Without TEST_DISK the disk is one in memory (small_disk.h). With it, it is
 * the folder named, which should lie on a small file system of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/os/file.h"
#include "common/lsm/view/view_reader.h"
#include "common/os/path.h"
#include "tests/support/engine_driver.h"
#include "tests/support/scratch.h"
#include "tests/support/small_disk.h"
#include "tests/support/suite.h"

#define DISK_BYTES (24u << 20)
#define ROUNDS 4
#define VALUE_BYTES_MAX_HERE 4000
#define BATCH 8

struct stage {
	struct scratch scratch;
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	char ballast[PATH_BYTES_MAX];
	struct small_disk *disk; /* NULL: a real one */
	struct engine_driver driver;
	unsigned next_key;
	unsigned long long refused;
	unsigned long long written;
};

static unsigned
rounds(void)
{
	const char *text = getenv("TEST_ROUNDS");

	return text == NULL ? ROUNDS : (unsigned)strtoul(text, NULL, 10);
}

static void
set_up(struct stage *stage)
{
	const char *real = getenv("TEST_DISK");
	struct engine_driver *driver = &stage->driver;
	struct error err;

	*stage = (struct stage){0};
	scratch_init(&stage->scratch);
	snprintf(stage->runtime, PATH_BYTES_MAX, "%s",
	    scratch_path(&stage->scratch, "runtime"));
	snprintf(stage->data, PATH_BYTES_MAX, "%s%s",
	    real != NULL ? real : scratch_path(&stage->scratch, "data"),
	    real != NULL ? "/data" : "");
	if (real != NULL)
		path_join(stage->ballast, real, "ballast");
	ASSERT_OK(
	    directory_create(file_system_real(), stage->runtime, 0700, &err),
	    &err);
	ASSERT_OK(directory_create(file_system_real(), stage->data, 0700, &err),
	    &err);
	if (real == NULL)
		stage->disk = small_disk_create(stage->data, DISK_BYTES);
	engine_driver_init(driver, suite_seed());
	ASSERT_OK(engine_driver_open(driver,
		      real != NULL ? file_system_real()
				   : small_disk_table(stage->disk),
		      stage->data, stage->runtime, &err),
	    &err);
	engine_driver_stop(driver);
	/* The limits that a disk of this size gets by itself. */
	driver->options.memtable_bytes = 256 << 10;
	driver->options.journal_segment_bytes = 256 << 10;
	driver->options.table_bytes_max = 512 << 10;
	driver->options.level1_bytes_max = 2 << 20;
	driver->options.disk_soft_bytes = 0;
	driver->options.disk_hard_bytes = 0;
	driver->options.disk_reserve_bytes = 0;
	ASSERT_OK(engine_driver_reopen(driver, &err), &err);
}

static void
remove_store(const char *path)
{
	char command[PATH_BYTES_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	CHECK(system(command) == 0);
}

static void
tear_down(struct stage *stage)
{
	engine_driver_deinit(&stage->driver);
	if (stage->disk != NULL)
		small_disk_close(stage->disk);
	if (stage->disk == NULL)
		remove_store(stage->data);
	scratch_deinit(&stage->scratch);
}

static void
fill_others(struct stage *stage)
{
	struct file_system *fs = file_system_real();
	uint8_t *bytes;
	uint64_t offset = 0;
	struct file *file;
	struct error err;

	if (stage->disk != NULL) {
		small_disk_set_foreign(
		    stage->disk, small_disk_free_bytes(stage->disk));
		return;
	}
	bytes = mem_new(4096);
	ASSERT_OK(file_create(fs, stage->ballast, &file, &err), &err);
	while (file_write_at(file, offset, slice_of(bytes, 4096), &err) ==
	    STATUS_OK)
		offset += 4096;
	file_close(file);
	mem_free(bytes);
}

static void
empty_others(struct stage *stage)
{
	struct error err;

	if (stage->disk != NULL)
		small_disk_set_foreign(stage->disk, 0);
	else
		ASSERT_OK(path_remove(file_system_real(), stage->ballast, &err),
		    &err);
}

/* Time passes, and the engine has something to do. */
static void
pass(struct stage *stage, unsigned ticks)
{
	struct error err;

	while (ticks-- > 0) {
		manual_clock_advance(&stage->driver.clock, 100);
		ASSERT_OK(engine_tick(stage->driver.engine, &err), &err);
		/* As a frontend does now and then: it holds old tables. */
		ASSERT_OK(
		    view_reader_refresh(stage->driver.reader, &err), &err);
	}
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

static enum status
put_some(struct stage *stage, struct error *err)
{
	struct rng *rng = &stage->driver.rng;
	static uint8_t values[BATCH][VALUE_BYTES_MAX_HERE];
	char keys[BATCH][32];
	struct command commands[BATCH];
	enum status status;

	for (size_t i = 0; i < BATCH; i++) {
		size_t size = 1 + rng_below(rng, VALUE_BYTES_MAX_HERE);

		for (size_t b = 0; b < size; b++)
			values[i][b] = (uint8_t)rng_below(rng, 256);
		snprintf(keys[i], sizeof(keys[i]), "key-%08u",
		    rng_below(rng, 4) == 0 && stage->next_key > 0
			? (unsigned)rng_below(rng, stage->next_key)
			: stage->next_key++);
		commands[i] = (struct command){
		    .op = COMMAND_PUT,
		    .key = slice_of_string(keys[i]),
		    .value = slice_of(values[i], size),
		};
	}
	status = engine_driver_send(&stage->driver, commands, BATCH, err);
	if (status == STATUS_OK)
		stage->written += BATCH;
	return status;
}

static void
fill(struct stage *stage)
{
	struct error err;
	enum status status;
	unsigned batches = 0;

	do {
		status = put_some(stage, &err);
		if (++batches % 8 == 0)
			pass(stage, 1);
	} while (status == STATUS_OK || status == STATUS_BUSY);
	if (status != STATUS_NO_SPACE)
		fprintf(stderr, "%s\n", err.text);
	CU_ASSERT_EQUAL_FATAL(status, STATUS_NO_SPACE);
	stage->refused++;
	check(stage);
}

/* Waits while memtables wait to be flushed, or a compaction takes the rest. */
static enum status
send_patiently(
    struct stage *stage, const struct command *command, struct error *err)
{
	enum status status = STATUS_BUSY;

	for (int i = 0; i < 600 && status != STATUS_OK; i++) {
		status = engine_driver_send(&stage->driver, command, 1, err);
		if (status != STATUS_OK)
			pass(stage, 1);
	}
	return status;
}

static enum status
delete_some(struct stage *stage, unsigned share, struct error *err)
{
	struct kv_model *model = &stage->driver.model;
	struct rng *rng = &stage->driver.rng;
	char(*keys)[32] = mem_new_array(model->count, sizeof(*keys));
	size_t count = 0;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < model->count; i++) {
		if (rng_below(rng, 100) < share)
			snprintf(
			    keys[count++], 32, "%s", model->entries[i].key);
	}
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		struct command command = {
		    .op = COMMAND_DELETE, .key = slice_of_string(keys[i])};

		status = send_patiently(stage, &command, err);
		if (i % 64 == 0)
			pass(stage, 1);
	}
	mem_free(keys);
	return status;
}

static enum status
delete_range(struct stage *stage, struct error *err)
{
	char end[32];
	struct command command = {.op = COMMAND_DELETE_RANGE,
	    .key = slice_of_string("key-"),
	    .value = slice_of_string(end)};

	snprintf(end, sizeof(end), "key-%08u", stage->next_key * 2 / 3);
	command.value = slice_of_string(end);
	return send_patiently(stage, &command, err);
}

/* By itself, within a minute of the engine's time. */
static void
await_writes(struct stage *stage)
{
	struct error err;
	enum status status = STATUS_NO_SPACE;

	for (int i = 0; i < 600 && status != STATUS_OK; i++) {
		pass(stage, 1);
		status = put_some(stage, &err);
	}
	if (status != STATUS_OK) {
		struct engine_status now;

		engine_status(stage->driver.engine, &now);
		fprintf(stderr, "%s; trouble: %s\n", err.text, now.trouble);
		for (unsigned i = 0; i < ENGINE_LEVEL_COUNT; i++)
			fprintf(stderr, "level %u: %zu tables, %llu bytes\n", i,
			    now.levels[i].tables,
			    (unsigned long long)now.levels[i].bytes);
	}
	CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
	check(stage);
}

static void
restart(struct stage *stage)
{
	struct error err;

	engine_driver_stop(&stage->driver);
	ASSERT_OK(engine_driver_reopen(&stage->driver, &err), &err);
	check(stage);
}

/* Others fill the disk to the last byte, and the engine starts on it. */
static void
be_crowded_out(struct stage *stage)
{
	struct command gone = {
	    .op = COMMAND_DELETE, .key = slice_of_string("key-00000001")};
	struct error err;

	fill_others(stage);
	pass(stage, 2);
	CU_ASSERT_EQUAL(put_some(stage, &err), STATUS_NO_SPACE);
	stage->refused++;
	/* Of that little there may soon be enough for deletes. */
	(void)!engine_driver_send(&stage->driver, &gone, 1, &err);
	pass(stage, 30);
	check(stage);
	restart(stage);
	/* Compaction may free enough by itself. */
	pass(stage, 30);
	(void)!put_some(stage, &err);
	check(stage);
	empty_others(stage);
	pass(stage, 5);
}

static void
expect_only_reads(struct stage *stage)
{
	struct command gone = {
	    .op = COMMAND_DELETE, .key = slice_of_string("key-00000001")};
	struct engine_status now;
	struct error err;

	engine_status(stage->driver.engine, &now);
	CU_ASSERT_STRING_EQUAL(now.disk_state, "hard");
	CU_ASSERT_EQUAL(put_some(stage, &err), STATUS_NO_SPACE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "only reads are taken"));
	CU_ASSERT_EQUAL(engine_driver_send(&stage->driver, &gone, 1, &err),
	    STATUS_NO_SPACE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "only reads are taken"));
	check(stage);
}

static void
beyond_the_hard_limit_only_reads_go_on(void)
{
	struct stage stage;
	struct command gone = {
	    .op = COMMAND_DELETE, .key = slice_of_string("key-00000001")};
	struct error err;

	set_up(&stage);
	for (int i = 0; i < 10; i++)
		ASSERT_OK(put_some(&stage, &err), &err);
	pass(&stage, 5);
	/* The reserve is left, and that is less than the limit. */
	fill_others(&stage);
	pass(&stage, 5);
	expect_only_reads(&stage);
	restart(&stage);
	expect_only_reads(&stage);
	empty_others(&stage);
	pass(&stage, 5);
	ASSERT_OK(engine_driver_send(&stage.driver, &gone, 1, &err), &err);
	await_writes(&stage);
	tear_down(&stage);
}

static void
full_disk_refuses_and_comes_back_by_itself(void)
{
	struct stage stage;
	struct error err;

	set_up(&stage);
	for (unsigned round = 0; round < rounds(); round++) {
		fill(&stage);
		if (round % 2 == 1)
			be_crowded_out(&stage);
		/* A disk that is short still takes what frees it. */
		if (round % 3 == 2)
			ASSERT_OK(delete_range(&stage, &err), &err);
		else
			ASSERT_OK(delete_some(&stage, 60, &err), &err);
		check(&stage);
		await_writes(&stage);
		restart(&stage);
	}
	suite_count(stage.refused, "refusals for want of space");
	suite_count(stage.written, "writes kept through them");
	tear_down(&stage);
}

static void
disk_that_others_fill_at_any_moment_loses_nothing(void)
{
	struct stage stage;
	struct error err;

	set_up(&stage);
	for (unsigned round = 0; round < 3 * rounds(); round++) {
		struct rng *rng = &stage.driver.rng;
		uint64_t batches = rng_below(rng, 300);
		enum status status;

		for (uint64_t i = 0; i < batches; i++) {
			status = put_some(&stage, &err);
			if (status == STATUS_NO_SPACE)
				break;
			CU_ASSERT_TRUE_FATAL(
			    status == STATUS_OK || status == STATUS_BUSY);
			if (i % 8 == 0)
				pass(&stage, 1);
		}
		/* Between two looks: whatever is next meets a full disk. */
		fill_others(&stage);
		do {
			status = put_some(&stage, &err);
			if (rng_below(rng, 8) == 0)
				pass(&stage, 1);
		} while (status == STATUS_OK);
		if (status != STATUS_NO_SPACE)
			fprintf(stderr, "%s\n", err.text);
		CU_ASSERT_TRUE_FATAL(
		    status == STATUS_NO_SPACE || status == STATUS_BUSY);
		stage.refused++;
		if (round % 2 == 0) {
			restart(&stage);
		} else if (stage.disk != NULL) {
			/* They also take what the reserve gives up. */
			small_disk_set_foreign(stage.disk, DISK_BYTES);
			pass(&stage, 20);
		}
		pass(&stage, 20);
		check(&stage);
		empty_others(&stage);
		pass(&stage, 5);
		if (round % 3 == 2)
			ASSERT_OK(delete_some(&stage, 70, &err), &err);
		await_writes(&stage);
	}
	suite_count(stage.refused, "refusals for want of space");
	suite_count(stage.written, "writes kept through them");
	tear_down(&stage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(beyond_the_hard_limit_only_reads_go_on),
	    SUITE_CASE(full_disk_refuses_and_comes_back_by_itself),
	    SUITE_CASE(disk_that_others_fill_at_any_moment_loses_nothing),
	};

	return suite_run("engine_disk", cases, SUITE_COUNT(cases), argc, argv);
}
