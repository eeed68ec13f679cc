/*
 * test_table_damage - a table is damaged under an engine that goes on being
 * written to: compactions go around it, and nothing else suffers.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log/log.h"
#include "common/lsm/view/view_reader.h"
#include "tests/support/engine_driver.h"
#include "tests/support/store_folders.h"
#include "tests/support/suite.h"

#define KEYS 300u
#define BATCH_KEYS 50u
#define LEVEL0_MAX 24

struct stage {
	struct store_folders folders;
	struct engine_driver driver;
};

static void
stage_init(struct stage *stage)
{
	struct error err;

	store_folders_init(&stage->folders);
	engine_driver_init(&stage->driver, suite_seed());
	ASSERT_OK(engine_driver_open(&stage->driver, file_system_real(),
		      stage->folders.data, stage->folders.runtime, &err),
	    &err);
}

static unsigned
number_of(unsigned round, unsigned i)
{
	return (round * 37 + i * 6) % KEYS;
}

/* Puts BATCH_KEYS keys; `round` says which and what. */
static void
put_some(struct engine_driver *driver, unsigned round)
{
	struct command commands[BATCH_KEYS];
	char keys[BATCH_KEYS][32];
	char values[BATCH_KEYS][160];
	struct error err;

	for (unsigned i = 0; i < BATCH_KEYS; i++) {
		unsigned number = number_of(round, i);

		snprintf(keys[i], sizeof(keys[i]), "key:%06u", number);
		snprintf(values[i], sizeof(values[i]), "%0150u", round);
		commands[i] = (struct command){
		    .op = COMMAND_PUT,
		    .key = slice_of_string(keys[i]),
		    .value = slice_of_string(values[i]),
		};
	}
	ASSERT_OK(engine_driver_send(driver, commands, BATCH_KEYS, &err), &err);
	manual_clock_advance(&driver->clock, 200);
	ASSERT_OK(engine_tick(driver->engine, &err), &err);
}

/* Flips a bit in the first block of the largest table. */
static void
damage_a_table(const struct stage *stage)
{
	char folder[PATH_BYTES_MAX];
	char best[PATH_BYTES_MAX] = "";
	off_t best_size = 0;
	struct dirent *entry;
	uint8_t byte;
	DIR *names;
	int fd;

	path_join(folder, stage->folders.data, "shard-0/tables");
	names = opendir(folder);
	CU_ASSERT_PTR_NOT_NULL_FATAL(names);
	while ((entry = readdir(names)) != NULL) {
		char path[PATH_BYTES_MAX];
		struct stat about;

		path_join(path, folder, entry->d_name);
		if (stat(path, &about) == 0 && S_ISREG(about.st_mode) &&
		    about.st_size > best_size) {
			best_size = about.st_size;
			snprintf(best, sizeof(best), "%s", path);
		}
	}
	closedir(names);
	fd = open(best, O_RDWR);
	CU_ASSERT_TRUE_FATAL(fd >= 0 && pread(fd, &byte, 1, 100) == 1);
	byte ^= 4;
	CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, 100), 1);
	close(fd);
}

static struct engine_status
status_of(const struct engine_driver *driver)
{
	struct engine_status status;

	engine_status(driver->engine, &status);
	return status;
}

/* Writes until a compaction has met the table; false if none does. */
static bool
write_until_found(struct engine_driver *driver, unsigned *round)
{
	for (unsigned i = 0; i < 400; i++) {
		put_some(driver, (*round)++);
		if (status_of(driver).scrub.damaged_tables > 0)
			return true;
	}
	return false;
}

/* Every key has been written again since, so every one can be read. */
static void
check_all(struct engine_driver *driver, unsigned rounds)
{
	unsigned last[KEYS];
	struct error err;

	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < BATCH_KEYS; i++)
			last[number_of(round, i)] = round;
	ASSERT_OK(view_reader_refresh(driver->reader, &err), &err);
	for (unsigned number = 0; number < KEYS; number++) {
		struct entry entry;
		enum lookup found;
		char key[32];
		char value[160];

		snprintf(key, sizeof(key), "key:%06u", number);
		snprintf(value, sizeof(value), "%0150u", last[number]);
		ASSERT_OK(view_reader_get(driver->reader, slice_of_string(key),
			      &entry, &found, &err),
		    &err);
		CU_ASSERT_EQUAL_FATAL(found, LOOKUP_FOUND);
		CU_ASSERT_EQUAL(
		    slice_compare(entry.value, slice_of_string(value)), 0);
	}
}

static void
compactions_go_around_a_damaged_table(void)
{
	struct stage stage;
	struct engine_driver *driver = &stage.driver;
	unsigned round = 0;
	struct error err;

	stage_init(&stage);
	for (int i = 0; i < 100; i++)
		put_some(driver, round++);
	ASSERT_OK(engine_settle(driver->engine, &err), &err);
	CU_ASSERT_EQUAL(status_of(driver).scrub.damaged_tables, 0);
	damage_a_table(&stage);
	for (int life = 0; life < 2; life++) {
		bool found = write_until_found(driver, &round);

		/* In the second life it may lie too deep to be met. */
		CU_ASSERT_TRUE(found || life == 1);
		CU_ASSERT_EQUAL(
		    strstr(status_of(driver).scrub.damage, "at offset") != NULL,
		    found);
		for (int i = 0; i < 300; i++) {
			put_some(driver, round++);
			CU_ASSERT_TRUE(
			    status_of(driver).levels[0].tables <= LEVEL0_MAX);
		}
		ASSERT_OK(engine_settle(driver->engine, &err), &err);
		CU_ASSERT_TRUE(status_of(driver).scrub.damaged_tables <= 1);
		CU_ASSERT_STRING_EQUAL(status_of(driver).trouble, "");
		check_all(driver, round);
		/* Nothing of it is on disk: it is found once more. */
		engine_driver_stop(driver);
		ASSERT_OK(engine_driver_reopen(driver, &err), &err);
		CU_ASSERT_EQUAL(status_of(driver).scrub.damaged_tables, 0);
		check_all(driver, round);
	}
	engine_driver_deinit(driver);
	scratch_deinit(&stage.folders.scratch);
}

/* What has been journaled must be applied, so this is refused before. */
static void
write_that_reads_damage_is_refused_alone(void)
{
	struct stage stage;
	struct engine_driver *driver = &stage.driver;
	struct command increment = {
	    .op = COMMAND_INCREMENT,
	    .key = slice_of_string("key:000000"),
	    .delta = 1,
	};
	struct command put = {
	    .op = COMMAND_PUT,
	    .key = slice_of_string("key:000000"),
	    .value = slice_of_string("7"),
	};
	struct error err;

	stage_init(&stage);
	put_some(driver, 0);
	ASSERT_OK(engine_flush(driver->engine, &err), &err);
	engine_driver_stop(driver);
	damage_a_table(&stage);
	ASSERT_OK(engine_driver_reopen(driver, &err), &err);
	CU_ASSERT_EQUAL(
	    engine_driver_send(driver, &increment, 1, &err), STATUS_CORRUPT);
	/* Its number was not used: the next batch has it. */
	ASSERT_OK(engine_driver_send(driver, &put, 1, &err), &err);
	ASSERT_OK(engine_driver_send(driver, &increment, 1, &err), &err);
	engine_driver_stop(driver);
	ASSERT_OK(engine_driver_reopen(driver, &err), &err);
	ASSERT_OK(engine_driver_send(driver, &increment, 1, &err), &err);
	engine_driver_deinit(driver);
	scratch_deinit(&stage.folders.scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(compactions_go_around_a_damaged_table),
	    SUITE_CASE(write_that_reads_damage_is_refused_alone),
	};

	log_open("test", LOG_ERROR);
	return suite_run("table_damage", cases, SUITE_COUNT(cases), argc, argv);
}
