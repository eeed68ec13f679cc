/*
 * test_repair - stores of random histories, damaged in every kind of file and
 * repaired: they are sound afterwards, an engine opens them, what must be left
 * is there, and whatever is not as before has been said.
 *
 * TEST_SEED picks the histories and the damage; TEST_FLIPS how many bits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/os/file.h"
#include "storaged/inspect/data_folder.h"
#include "storaged/inspect/db_check.h"
#include "storaged/inspect/db_dump.h"
#include "storaged/inspect/db_repair.h"
#include "tests/support/engine_driver.h"
#include "tests/support/store_folders.h"
#include "tests/support/suite.h"

#define COMMANDS_MAX 25
#define FLIPS 60

struct stage {
	struct store_folders folders; /* as it was written */
	char copy[PATH_BYTES_MAX]; /* what is damaged and repaired */
	unsigned copies;
	struct engine_driver driver;
};

static void
stage_init(struct stage *stage)
{
	struct error err;

	store_folders_init(&stage->folders);
	stage->copies = 0;
	engine_driver_init(&stage->driver, suite_seed());
	ASSERT_OK(engine_driver_open(&stage->driver, file_system_real(),
		      stage->folders.data, stage->folders.runtime, &err),
	    &err);
	store_folders_identify(&stage->folders, stage->driver.options.store_id);
}

static void
stage_deinit(struct stage *stage)
{
	engine_driver_deinit(&stage->driver);
	store_folders_deinit(&stage->folders);
}

/* Makes a fresh copy of the store to be damaged. */
static void
copy_store(struct stage *stage)
{
	struct store_files *files = calloc(1, sizeof(*files));
	char path[PATH_BYTES_MAX];
	struct error err;

	snprintf(stage->copy, sizeof(stage->copy), "%.900s/copy-%u",
	    stage->folders.scratch.path, stage->copies++);
	for (size_t i = 0; i < STORE_FOLDER_COUNT; i++) {
		path_join(path, stage->copy, store_folder_names[i]);
		store_folder_make(path);
		store_files_list(
		    files, stage->folders.data, store_folder_names[i]);
	}
	for (size_t i = 0; i < files->count; i++) {
		struct buffer bytes = {0};

		if (file_read_whole(file_system_real(), files->paths[i],
			1 << 30, &bytes, &err) == STATUS_OK) {
			path_join(path, stage->copy,
			    files->paths[i] + strlen(stage->folders.data) + 1);
			ASSERT_OK(file_replace(file_system_real(), path,
				      buffer_slice(&bytes), &err),
			    &err);
		}
		buffer_deinit(&bytes);
	}
	free(files);
}

/* A file of the copy, the one in `below` whose name has `part` in it. */
static void
find_file(const struct stage *stage, const char *below, const char *part,
    char out[PATH_BYTES_MAX])
{
	struct store_files *files = calloc(1, sizeof(*files));

	store_files_list(files, stage->copy, below);
	out[0] = '\0';
	for (size_t i = 0; i < files->count; i++) {
		if (strstr(strrchr(files->paths[i], '/'), part) != NULL)
			snprintf(out, PATH_BYTES_MAX, "%s", files->paths[i]);
	}
	free(files);
	CU_ASSERT_NOT_EQUAL_FATAL(out[0], '\0');
}

static void
on_finding(void *context, bool is_damage, const char *text)
{
	(void)context;
	if (is_damage && getenv("TEST_VERBOSE") != NULL)
		printf("  check: %s\n", text);
}

static void
on_line(void *context, enum db_repair_word word, const char *text)
{
	(void)context;
	if (getenv("TEST_VERBOSE") != NULL)
		printf("  repair %d: %s\n", (int)word, text);
}

static struct db_check_report
check(const struct stage *stage)
{
	struct db_check_options options = {.on_finding = on_finding};
	struct db_check_report report;
	struct data_folder *folder;
	struct error err;

	ASSERT_OK(data_folder_open(stage->copy, &folder, &err), &err);
	ASSERT_OK(db_check_run(folder, &options, &report, &err), &err);
	data_folder_close(folder);
	return report;
}

static struct db_repair_report
repair(const struct stage *stage, bool apply)
{
	struct db_repair_options options = {.apply = apply, .on_line = on_line};
	struct db_repair_report report;
	struct data_folder *folder;
	struct error err;

	ASSERT_OK(data_folder_open(stage->copy, &folder, &err), &err);
	ASSERT_OK(db_repair_run(folder, &options, &report, &err), &err);
	data_folder_close(folder);
	return report;
}

struct tally {
	const struct stage *stage;
	uint64_t digest;
	uint64_t count;
	uint64_t foreign; /* entries that are not as the model has them */
};

static bool
on_entry(void *context, const struct db_dump_entry *entry)
{
	struct tally *tally = context;
	const struct kv_model_entry *expected =
	    kv_model_find(&tally->stage->driver.model, entry->key,
		tally->stage->driver.clock.now_ms);

	tally->count++;
	tally->foreign +=
	    expected == NULL || !slice_equal(expected->value, entry->value);
	tally->digest = kv_model_digest_add(
	    tally->digest, entry->key, entry->value, entry->deadline_ms);
	return true;
}

static struct tally
dump(const struct stage *stage)
{
	struct tally tally = {.stage = stage};
	struct db_dump_options options = {
	    .now_ms = stage->driver.clock.now_ms,
	    .on_entry = on_entry,
	    .context = &tally,
	};
	struct data_folder *folder;
	struct error err;

	ASSERT_OK(data_folder_open(stage->copy, &folder, &err), &err);
	ASSERT_OK(db_dump_run(folder, &options, &err), &err);
	data_folder_close(folder);
	return tally;
}

/* Opens the copy as a server does, and looks at it through a reader. */
static uint64_t
open_and_digest(const struct stage *stage)
{
	struct engine_driver other;
	char runtime[PATH_BYTES_MAX];
	struct error err;
	uint64_t digest;

	snprintf(runtime, sizeof(runtime), "%.900s-run", stage->copy);
	store_folder_make(runtime);
	engine_driver_init(&other, suite_seed());
	other.clock.now_ms = stage->driver.clock.now_ms;
	other.options = stage->driver.options;
	other.options.clock = &other.clock.clock;
	other.options.data_directory = stage->copy;
	other.options.runtime_directory = runtime;
	ASSERT_OK(engine_driver_reopen(&other, &err), &err);
	ASSERT_OK(engine_settle(other.engine, &err), &err);
	ASSERT_OK(engine_driver_digest(&other, &digest, &err), &err);
	engine_driver_deinit(&other);
	return digest;
}

/*
 * Repairs the damaged copy: what it was said to be is what it then is, it is
 * sound, and an engine sees what the dump shows.
 */
static struct db_repair_report
repair_all(const struct stage *stage, struct tally *out)
{
	struct db_repair_report said = repair(stage, false);
	struct db_repair_report done = repair(stage, true);
	struct db_check_report after;

	CU_ASSERT_EQUAL(said.damage_count, done.damage_count);
	CU_ASSERT_EQUAL(said.lose_count, done.lose_count);
	CU_ASSERT_EQUAL(said.doubt_count, done.doubt_count);
	CU_ASSERT_EQUAL(said.moved_to[0], '\0');
	after = check(stage);
	CU_ASSERT_EQUAL_FATAL(after.damage_count, 0);
	CU_ASSERT_EQUAL(repair(stage, false).damage_count, 0);
	*out = dump(stage);
	CU_ASSERT_EQUAL(open_and_digest(stage), out->digest);
	return done;
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
		manual_clock_advance(&stage->driver.clock, 40);
	}
}

/* Tables on several levels, deletions in all of them, and a journal. */
static void
write_history(struct stage *stage)
{
	struct error err;

	write_some(stage, 80);
	ASSERT_OK(engine_settle(stage->driver.engine, &err), &err);
	write_some(stage, 12);
	engine_driver_stop(&stage->driver);
}

/* One table of so many keys, and nothing in the journal. */
static void
write_one_table(struct stage *stage, unsigned keys)
{
	struct error err;

	for (unsigned i = 0; i < keys; i++) {
		char key[32];
		struct command command = {.op = COMMAND_PUT,
		    .value = slice_of_string("some value of a key")};

		snprintf(key, sizeof(key), "key-%04u", i);
		command.key = slice_of_string(key);
		ASSERT_OK(engine_driver_send(&stage->driver, &command, 1, &err),
		    &err);
	}
	ASSERT_OK(engine_flush(stage->driver.engine, &err), &err);
	engine_driver_stop(&stage->driver);
}

static void
a_sound_store_needs_no_repair(void)
{
	struct stage stage;
	struct db_repair_report report;

	stage_init(&stage);
	write_history(&stage);
	copy_store(&stage);
	report = repair(&stage, true);
	CU_ASSERT_EQUAL(report.damage_count, 0);
	CU_ASSERT_EQUAL(report.moved_to[0], '\0');
	CU_ASSERT_EQUAL(
	    dump(&stage).digest, engine_driver_model_digest(&stage.driver));
	stage_deinit(&stage);
}

static void
a_damaged_block_costs_its_own_keys_alone(void)
{
	struct stage stage;
	struct db_repair_report report;
	struct tally tally;
	char path[PATH_BYTES_MAX];

	stage_init(&stage);
	write_one_table(&stage, 250);
	copy_store(&stage);
	find_file(&stage, "shard-0/tables", ".sst", path);
	store_file_flip(path, 8 * 3000);
	report = repair_all(&stage, &tally);
	CU_ASSERT_EQUAL(report.damage_count, 1);
	CU_ASSERT_EQUAL(report.lose_count, 1);
	CU_ASSERT_TRUE(report.doubt_count > 0);
	CU_ASSERT_STRING_EQUAL(report.moved_to, "lost+found-1");
	CU_ASSERT_EQUAL(tally.foreign, 0);
	CU_ASSERT_TRUE(tally.count >= 250 - 30 && tally.count < 250);
	find_file(&stage, "lost+found-1/shard-0/tables", ".sst", path);
	stage_deinit(&stage);
}

static void
a_table_without_its_footer_keeps_all_keys(void)
{
	struct stage stage;
	struct tally tally;
	char path[PATH_BYTES_MAX];

	stage_init(&stage);
	write_one_table(&stage, 250);
	copy_store(&stage);
	find_file(&stage, "shard-0/tables", ".sst", path);
	store_file_flip(path, 8 * (store_file_size(path) - 100));
	(void)repair_all(&stage, &tally);
	CU_ASSERT_EQUAL(
	    tally.digest, engine_driver_model_digest(&stage.driver));
	stage_deinit(&stage);
}

static void
a_missing_table_is_said_to_be_lost(void)
{
	struct stage stage;
	struct db_repair_report report;
	struct tally tally;
	char path[PATH_BYTES_MAX];
	struct error err;

	stage_init(&stage);
	write_one_table(&stage, 100);
	copy_store(&stage);
	find_file(&stage, "shard-0/tables", ".sst", path);
	ASSERT_OK(path_remove(file_system_real(), path, &err), &err);
	report = repair_all(&stage, &tally);
	CU_ASSERT_EQUAL(report.lose_count, 1);
	CU_ASSERT_TRUE(report.doubt_count > 0);
	CU_ASSERT_EQUAL(tally.count, 0);
	stage_deinit(&stage);
}

/* Without current, the manifest itself is still there. */
static void
a_lost_current_costs_nothing(void)
{
	struct stage stage;
	struct db_repair_report report;
	struct tally tally;
	char path[PATH_BYTES_MAX];
	struct error err;

	stage_init(&stage);
	write_history(&stage);
	copy_store(&stage);
	find_file(&stage, "shard-0", "current", path);
	ASSERT_OK(path_remove(file_system_real(), path, &err), &err);
	report = repair_all(&stage, &tally);
	CU_ASSERT_EQUAL(report.lose_count + report.doubt_count, 0);
	CU_ASSERT_EQUAL(
	    tally.digest, engine_driver_model_digest(&stage.driver));
	stage_deinit(&stage);
}

/*
 * A manifest made from the tables, which overlap in every way, and a journal
 * that goes on behind a recovery point that nobody has noted.
 */
static void
a_lost_manifest_is_made_from_the_tables(void)
{
	struct stage stage;
	struct db_repair_report report;
	struct tally tally;
	char path[PATH_BYTES_MAX];

	stage_init(&stage);
	write_history(&stage);
	copy_store(&stage);
	find_file(&stage, "shard-0", "manifest-", path);
	store_file_flip(path, 8 * 70);
	report = repair_all(&stage, &tally);
	CU_ASSERT_EQUAL(report.lose_count, 0);
	CU_ASSERT_TRUE(report.doubt_count > 0);
	CU_ASSERT_EQUAL(
	    tally.digest, engine_driver_model_digest(&stage.driver));
	stage_deinit(&stage);
}

static void
a_lost_identity_is_read_from_the_other_files(void)
{
	struct stage stage;
	struct db_repair_report report;
	struct tally tally;
	char path[PATH_BYTES_MAX];
	struct error err;

	stage_init(&stage);
	write_history(&stage);
	copy_store(&stage);
	find_file(&stage, "", "store", path);
	store_file_flip(path, 8 * 20);
	report = repair_all(&stage, &tally);
	CU_ASSERT_EQUAL(report.lose_count + report.doubt_count, 0);
	CU_ASSERT_EQUAL(
	    tally.digest, engine_driver_model_digest(&stage.driver));
	ASSERT_OK(path_remove(file_system_real(), path, &err), &err);
	(void)repair_all(&stage, &tally);
	CU_ASSERT_TRUE(path_exists(path));
	stage_deinit(&stage);
}

static void
the_intact_beginning_of_a_journal_is_kept(void)
{
	struct stage stage;
	struct db_repair_report report;
	struct tally tally;
	char path[PATH_BYTES_MAX];
	char value[100];
	struct error err;

	stage_init(&stage);
	for (unsigned i = 0; i < 20; i++) {
		char key[32];
		struct command command = {.op = COMMAND_PUT};

		snprintf(key, sizeof(key), "key-%04u", i);
		memset(value, 'a' + (int)i, sizeof(value));
		command.key = slice_of_string(key);
		command.value = slice_of(value, sizeof(value));
		ASSERT_OK(
		    engine_driver_send(&stage.driver, &command, 1, &err), &err);
	}
	engine_driver_stop(&stage.driver);
	copy_store(&stage);
	find_file(&stage, "shard-0/journal", ".log", path);
	/* In the middle: what follows it says that it was on disk. */
	store_file_flip(path, 8 * 2500);
	report = repair_all(&stage, &tally);
	CU_ASSERT_EQUAL(report.damage_count, 1);
	CU_ASSERT_EQUAL(report.lose_count, 1);
	CU_ASSERT_EQUAL(tally.foreign, 0);
	CU_ASSERT_TRUE(tally.count > 2 && tally.count < 20);
	find_file(&stage, "lost+found-1/shard-0/journal", ".log", path);
	stage_deinit(&stage);
}

/* Whatever is not as it was, the repair has said so. */
static void
after_any_flipped_bit_a_repair_is_sound_and_honest(void)
{
	struct stage stage;
	struct store_files *files = calloc(1, sizeof(*files));
	const char *flips = getenv("TEST_FLIPS");
	unsigned count =
	    flips != NULL ? (unsigned)strtoul(flips, NULL, 10) : FLIPS;
	unsigned damaged = 0;

	stage_init(&stage);
	write_history(&stage);
	store_files_list_all(files, stage.folders.data);
	for (unsigned i = 0; i < count; i++) {
		struct rng *rng = &stage.driver.rng;
		const char *path = files->paths[rng_below(rng, files->count)];
		uint64_t size = store_file_size(path);
		char copied[PATH_BYTES_MAX];
		struct db_repair_report report;
		struct tally tally;

		/* A flip in the identity's version makes it a newer one. */
		if (size == 0 || strcmp(strrchr(path, '/'), "/store") == 0)
			continue;
		copy_store(&stage);
		path_join(
		    copied, stage.copy, path + strlen(stage.folders.data) + 1);
		store_file_flip(
		    copied, rng_below(rng, (size < 20000 ? size : 20000) * 8));
		if (check(&stage).damage_count == 0)
			continue;
		damaged++;
		report = repair_all(&stage, &tally);
		CU_ASSERT_TRUE(report.damage_count > 0);
		if (tally.digest != engine_driver_model_digest(&stage.driver))
			CU_ASSERT_TRUE(
			    report.lose_count + report.doubt_count > 0);
	}
	printf("%u damaged stores repaired\n", damaged);
	CU_ASSERT_TRUE(damaged > 0);
	free(files);
	stage_deinit(&stage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(a_sound_store_needs_no_repair),
	    SUITE_CASE(a_damaged_block_costs_its_own_keys_alone),
	    SUITE_CASE(a_table_without_its_footer_keeps_all_keys),
	    SUITE_CASE(a_missing_table_is_said_to_be_lost),
	    SUITE_CASE(a_lost_current_costs_nothing),
	    SUITE_CASE(a_lost_manifest_is_made_from_the_tables),
	    SUITE_CASE(a_lost_identity_is_read_from_the_other_files),
	    SUITE_CASE(the_intact_beginning_of_a_journal_is_kept),
	    SUITE_CASE(after_any_flipped_bit_a_repair_is_sound_and_honest),
	};

	return suite_run("repair", cases, SUITE_COUNT(cases), argc, argv);
}
