/*
 * test_inspect - offline tools on stores of random histories: a sound store
 * is called sound and dumped as it is, nothing is changed, and whatever bit
 * is flipped, a store that is still called sound still says the truth.
 *
 * TEST_SEED picks the histories and the bits; TEST_FLIPS how many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec/checksum.h"
#include "common/os/file.h"
#include "storaged/inspect/data_folder.h"
#include "storaged/inspect/db_check.h"
#include "storaged/inspect/db_dump.h"
#include "tests/support/engine_driver.h"
#include "tests/support/store_folders.h"
#include "tests/support/suite.h"

#define ROUNDS 15
#define COMMANDS_MAX 25
#define FLIPS 500
#define HISTORY_MAX 400

struct stage {
	struct store_folders folders;
	struct engine_driver driver;
	/* The states behind the batches: what a cut-off journal may show. */
	uint64_t digests[HISTORY_MAX];
	size_t digest_count;
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
	store_folders_identify(&stage->folders, stage->driver.options.store_id);
	stage->digest_count = 0;
}

static void
stage_deinit(struct stage *stage)
{
	engine_driver_deinit(&stage->driver);
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
		CU_ASSERT_FATAL(stage->digest_count < HISTORY_MAX);
		stage->digests[stage->digest_count++] =
		    engine_driver_model_digest(&stage->driver);
	}
}

static uint64_t
hash_files(const struct stage *stage)
{
	struct store_files *files = calloc(1, sizeof(*files));
	uint64_t sum = 0;
	struct error err;

	store_files_list_all(files, stage->folders.data);
	for (size_t i = 0; i < files->count; i++) {
		struct buffer bytes = {0};

		if (file_read_whole(file_system_real(), files->paths[i],
			1 << 30, &bytes, &err) == STATUS_OK)
			sum += checksum64(buffer_slice(&bytes),
			    hash64(slice_of_string(files->paths[i])));
		buffer_deinit(&bytes);
	}
	sum += files->count;
	free(files);
	return sum;
}

static void
on_finding(void *context, bool is_damage, const char *text)
{
	(void)context;
	(void)is_damage;
	if (getenv("TEST_VERBOSE") != NULL)
		printf("  %s\n", text);
}

static bool
on_entry(void *context, const struct db_dump_entry *entry)
{
	uint64_t *digest = context;

	*digest = kv_model_digest_add(
	    *digest, entry->key, entry->value, entry->deadline_ms);
	return true;
}

static bool
count_entry(void *context, const struct db_dump_entry *entry)
{
	uint64_t *counts = context;

	counts[entry->kind]++;
	CU_ASSERT_PTR_NOT_NULL(entry->source);
	return true;
}

/* Looks at the store: whether it is called sound, and what it holds. */
static bool
look(const struct stage *stage, struct db_check_report *report,
    enum status *dumped, uint64_t *digest)
{
	struct db_check_options check = {.on_finding = on_finding};
	struct db_dump_options dump = {
	    .now_ms = stage->driver.clock.now_ms,
	    .on_entry = on_entry,
	    .context = digest,
	};
	struct data_folder *folder;
	struct error err;

	*digest = 0;
	*report = (struct db_check_report){0};
	*dumped = data_folder_open(stage->folders.data, &folder, &err);
	if (*dumped != STATUS_OK)
		return false;
	ASSERT_OK(db_check_run(folder, &check, report, &err), &err);
	*dumped = db_dump_run(folder, &dump, &err);
	data_folder_close(folder);
	return report->damage_count == 0;
}

static void
a_sound_store_is_shown_as_it_is(void)
{
	struct stage stage;
	struct db_check_report report;
	struct error err;
	uint64_t digest;
	uint64_t before;
	enum status dumped;

	stage_init(&stage);
	for (int i = 0; i < ROUNDS; i++) {
		write_some(
		    &stage, 1 + (unsigned)rng_below(&stage.driver.rng, 25));
		if (rng_below(&stage.driver.rng, 3) == 0)
			ASSERT_OK(
			    engine_settle(stage.driver.engine, &err), &err);
		manual_clock_advance(&stage.driver.clock, 900);
		engine_driver_stop(&stage.driver);
		before = hash_files(&stage);
		CU_ASSERT_TRUE(look(&stage, &report, &dumped, &digest));
		CU_ASSERT_EQUAL(dumped, STATUS_OK);
		CU_ASSERT_EQUAL(
		    digest, engine_driver_model_digest(&stage.driver));
		CU_ASSERT_EQUAL(hash_files(&stage), before);
		ASSERT_OK(engine_driver_reopen(&stage.driver, &err), &err);
	}
	stage_deinit(&stage);
}

static bool
is_known(const struct stage *stage, uint64_t digest)
{
	for (size_t i = 0; i < stage->digest_count; i++) {
		if (stage->digests[i] == digest)
			return true;
	}
	return false;
}

static void
no_flipped_bit_makes_a_sound_store_lie(void)
{
	struct stage stage;
	struct store_files *files = calloc(1, sizeof(*files));
	struct db_check_report report;
	const char *flips = getenv("TEST_FLIPS");
	unsigned count =
	    flips != NULL ? (unsigned)strtoul(flips, NULL, 10) : FLIPS;
	unsigned found = 0;

	stage_init(&stage);
	write_some(&stage, 60);
	ASSERT_OK(engine_flush(stage.driver.engine, &(struct error){0}),
	    &(struct error){0});
	write_some(&stage, 15);
	engine_driver_stop(&stage.driver);
	store_files_list_all(files, stage.folders.data);
	for (unsigned i = 0; i < count; i++) {
		struct rng *rng = &stage.driver.rng;
		const char *path = files->paths[rng_below(rng, files->count)];
		uint64_t size = store_file_size(path);
		uint64_t bit;
		uint64_t digest;
		enum status dumped;

		if (size == 0)
			continue;
		bit = rng_below(rng, size * 8);
		/* Most of a segment is what was written ahead. */
		if (size > 30000 && rng_below(rng, 4) != 0)
			bit = rng_below(rng, 30000 * 8);
		store_file_flip(path, bit);
		if (!look(&stage, &report, &dumped, &digest)) {
			found++;
		} else {
			CU_ASSERT_EQUAL(dumped, STATUS_OK);
			/* A torn tail is a note; nothing else may be less. */
			if (digest !=
				engine_driver_model_digest(&stage.driver) &&
			    (report.note_count == 0 ||
				!is_known(&stage, digest))) {
				fprintf(stderr, "%s bit %llu\n", path,
				    (unsigned long long)bit);
				CU_FAIL("called sound, and is not");
			}
		}
		store_file_flip(path, bit);
	}
	printf("%u of %u flips found\n", found, count);
	CU_ASSERT_TRUE(found > count / 4);
	free(files);
	stage_deinit(&stage);
}

static void
a_raw_dump_shows_what_is_hidden(void)
{
	struct stage stage;
	struct command commands[4] = {
	    {.op = COMMAND_PUT,
		.key = slice_of_string("a"),
		.value = slice_of_string("1")},
	    {.op = COMMAND_PUT, .key = slice_of_string("b")},
	    {.op = COMMAND_DELETE, .key = slice_of_string("b")},
	    {.op = COMMAND_DELETE_RANGE,
		.key = slice_of_string("c"),
		.value = slice_of_string("d")},
	};
	uint64_t counts[3] = {0};
	struct db_dump_options dump = {
	    .raw = true, .on_entry = count_entry, .context = counts};
	struct data_folder *folder;
	struct error err;

	stage_init(&stage);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(
		    engine_driver_send(&stage.driver, commands, 4, &err), &err);
		if (i == 0)
			ASSERT_OK(
			    engine_flush(stage.driver.engine, &err), &err);
	}
	engine_driver_stop(&stage.driver);
	ASSERT_OK(data_folder_open(stage.folders.data, &folder, &err), &err);
	ASSERT_OK(db_dump_run(folder, &dump, &err), &err);
	CU_ASSERT_EQUAL(counts[DB_DUMP_PUT], 2);
	CU_ASSERT_EQUAL(counts[DB_DUMP_TOMBSTONE], 2);
	CU_ASSERT_EQUAL(counts[DB_DUMP_RANGE], 2);
	dump.limit = 3;
	ASSERT_OK(db_dump_run(folder, &dump, &err), &err);
	CU_ASSERT_EQUAL(counts[0] + counts[1] + counts[2], 9);
	data_folder_close(folder);
	stage_deinit(&stage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(a_sound_store_is_shown_as_it_is),
	    SUITE_CASE(no_flipped_bit_makes_a_sound_store_lie),
	    SUITE_CASE(a_raw_dump_shows_what_is_hidden),
	};

	return suite_run("inspect", cases, SUITE_COUNT(cases), argc, argv);
}
