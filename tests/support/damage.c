#include "tests/support/damage.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/lsm/view/view_reader.h"
#include "common/os/file.h"
#include "storaged/manifest/manifest.h"
#include "tests/support/suite.h"

#define ROUNDS 135

static struct damage *gathering;
const uint8_t damage_store_id[16] = {7};

uint64_t
damage_stride(void)
{
	const char *given = getenv("TEST_STRIDE");

	return given == NULL ? 150 : strtoull(given, NULL, 10);
}

static int
gather(const char *path, const struct stat *info, int type, struct FTW *place)
{
	struct damage *store = gathering;
	struct damage_image *image;
	struct error err;

	if (type != FTW_F)
		return 0;
	CHECK(store->count < DAMAGE_FILES_MAX);
	image = &store->images[store->count++];
	snprintf(image->path, sizeof(image->path), "%s",
	    path + strlen(store->data) + 1);
	CHECK(file_read_whole(file_system_real(), path, 1 << 20, &image->bytes,
		  &err) == STATUS_OK);
	return 0;
}

bool
damage_is_of(const struct damage_image *image, const char *word)
{
	return strstr(image->path, word) != NULL;
}

static size_t
count_of(const struct damage *store, const char *word)
{
	size_t count = 0;

	for (size_t i = 0; i < store->count; i++)
		count += damage_is_of(&store->images[i], word);
	return count;
}

void
damage_make_folder(const char *path)
{
	struct error err;

	ASSERT_OK(directory_create(file_system_real(), path, 0700, &err), &err);
}

/* Whether there are tables with both compressions, ranges and deadlines. */
static bool
has_every_kind(const struct damage *store, enum compression compression)
{
	struct catalog catalog = {0};
	bool has[3] = {false};
	bool has_ranges = false;
	bool has_deadlines = false;
	char path[PATH_BYTES_MAX];
	uint64_t number;
	struct error err;

	path_join(path, store->data, "shard-0");
	ASSERT_OK(manifest_read(file_system_real(), path, damage_store_id,
		      &catalog, &number, &err),
	    &err);
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < catalog.levels[i].count; t++) {
			const struct table_file *table =
			    catalog.levels[i].tables[t];

			has[table->compression] = true;
			has_ranges |= table->summary.range_count > 0;
			has_deadlines |= table->summary.deadline_max > 0;
		}
	}
	catalog_deinit(&catalog);
	return has[COMPRESSION_NONE] && has[compression] && has_ranges &&
	    has_deadlines;
}

/*
 * A life whose end leaves tables on some levels, and a journal of several
 * segments that are not in tables yet.
 */
static void
live(struct damage *store, uint64_t seed)
{
	struct crash_options options = {.seed = seed, .rounds = ROUNDS};
	struct error err;

	*store = (struct damage){.count = 0};
	scratch_init(&store->scratch);
	path_join(store->data, store->scratch.path, "data");
	path_join(store->runtime, store->scratch.path, "run");
	damage_make_folder(store->data);
	damage_make_folder(store->runtime);
	crash_workload_init(&store->work, &options);
	ASSERT_OK(crash_workload_open(
		      &store->work, NULL, store->data, store->runtime, &err),
	    &err);
	ASSERT_OK(crash_workload_run(&store->work, &err), &err);
	ASSERT_OK(crash_workload_fill(&store->work, ROUNDS / 12, &err), &err);
	crash_workload_stop(&store->work);
	gathering = store;
	CHECK(nftw(store->data, gather, 16, FTW_PHYS) == 0);
}

/* The first life from the seed on that leaves files of every kind. */
void
damage_init(struct damage *store, enum compression compression)
{
	/* Of those with the smallest segments, tables and levels. */
	uint64_t seed = suite_seed() / 72 * 72;

	if (compression == COMPRESSION_ZSTD)
		seed += 36;
	for (int i = 0; i < 200; i++, seed += 72) {
		live(store, seed);
		if (has_every_kind(store, compression) &&
		    count_of(store, ".log") >= 2 &&
		    count_of(store, "manifest-") == 1)
			return;
		damage_deinit(store);
	}
	CU_FAIL_FATAL("no life leaves files of every kind");
}

void
damage_deinit(struct damage *store)
{
	crash_workload_deinit(&store->work);
	for (size_t i = 0; i < store->count; i++)
		buffer_deinit(&store->images[i].bytes);
	scratch_deinit(&store->scratch);
}

void
damage_flip(struct damage_image *image, uint64_t bit)
{
	image->bytes.data[image->bytes.start + bit / 8] ^=
	    (uint8_t)(1u << bit % 8);
}

void
damage_write(const struct damage_image *image, const char *data)
{
	char path[PATH_BYTES_MAX];
	struct file *file;
	struct error err;

	path_join(path, data, image->path);
	CHECK(file_create(file_system_real(), path, &file, &err) == STATUS_OK);
	CHECK(file_write_at(file, 0, buffer_slice(&image->bytes), &err) ==
	    STATUS_OK);
	file_close(file);
}

void
damage_note(struct damage_tally *tally, enum damage_outcome outcome,
    const struct damage_image *image, uint64_t place)
{
	tally->cases++;
	tally->refused += outcome == DAMAGE_REFUSED;
	tally->reported += outcome == DAMAGE_REPORTED;
	tally->harmless += outcome == DAMAGE_HARMLESS;
	if (outcome == DAMAGE_WRONG)
		fprintf(stderr, "%s: damage at %" PRIu64 " is not noticed\n",
		    image->path, place);
	CU_ASSERT_NOT_EQUAL(outcome, DAMAGE_WRONG);
}

void
damage_say(const struct damage_tally *tally, const char *what)
{
	char text[160];

	snprintf(text, sizeof(text),
	    "%s: %llu refused, %llu reported, %llu without effect", what,
	    tally->refused, tally->reported, tally->harmless);
	suite_count(tally->cases, text);
	CU_ASSERT_TRUE(tally->cases > 0);
}

/* Batches of the last commit; they may read as torn. */
size_t
damage_last_commit(const struct crash_workload *work)
{
	const struct crash_step *last = &work->steps[work->count - 1];
	size_t count = 1;

	while (last[-(ptrdiff_t)count].answered_ms == last->answered_ms &&
	    count < CRASH_WRITERS)
		count++;
	return count;
}

/* Writes all files to a folder of their own. */
static void
write_images(const struct damage *store, const char *data)
{
	static const char *const folders[] = {
	    "", "/shard-0", "/shard-0/tables", "/shard-0/journal"};

	for (size_t i = 0; i < SUITE_COUNT(folders); i++) {
		char path[PATH_BYTES_MAX];

		snprintf(path, sizeof(path), "%s%s", data, folders[i]);
		damage_make_folder(path);
	}
	for (size_t i = 0; i < store->count; i++)
		damage_write(&store->images[i], data);
}

/* Each key of the workload beside the model: right, or an error. */
static enum damage_outcome
compare_keys(struct crash_workload *opened, const struct kv_model *model)
{
	enum damage_outcome outcome = DAMAGE_HARMLESS;
	struct error err;

	if (view_reader_refresh(opened->reader, &err) != STATUS_OK)
		return DAMAGE_REFUSED;
	for (unsigned i = 0; i < 2 * CRASH_KEYS; i++) {
		const struct kv_model_entry *wanted;
		struct entry entry;
		enum lookup found;
		char key[32];

		snprintf(key, sizeof(key), "key-%03u%s", i / 2,
		    i % 2 == 0 ? "" : "n");
		wanted = kv_model_find(
		    model, slice_of_string(key), opened->clock.now_ms);
		if (view_reader_get(opened->reader, slice_of_string(key),
			&entry, &found, &err) != STATUS_OK)
			outcome = DAMAGE_REPORTED;
		else if ((found == LOOKUP_FOUND) != (wanted != NULL) ||
		    (wanted != NULL &&
			(!slice_equal(entry.value, wanted->value) ||
			    entry.deadline_ms != wanted->deadline_ms)))
			return DAMAGE_WRONG;
	}
	return outcome;
}

/*
 * The whole store as the images have it, opened and read. Only the batches of
 * the last commit may be missing.
 */
enum damage_outcome
damage_judge(const struct damage *store)
{
	const struct crash_workload *work = &store->work;
	size_t least = work->count - 1 - damage_last_commit(work);
	struct crash_workload opened;
	struct engine_status status;
	struct scratch copy;
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	enum damage_outcome outcome = DAMAGE_REFUSED;
	struct error err;

	scratch_init(&copy);
	path_join(data, copy.path, "data");
	path_join(runtime, copy.path, "run");
	damage_make_folder(runtime);
	write_images(store, data);
	crash_workload_init(&opened, &work->options);
	opened.clock = work->clock;
	if (crash_workload_open(&opened, NULL, data, runtime, &err) ==
	    STATUS_OK) {
		size_t step;

		engine_status(opened.engine, &status);
		step = crash_workload_step_at(work, status.sequence);
		outcome = step < least
		    ? DAMAGE_WRONG
		    : compare_keys(&opened, &work->steps[step].model);
	}
	crash_workload_deinit(&opened);
	scratch_deinit(&copy);
	return outcome;
}
