/*
 * test_bit_flips - every bit of every file of a small store is flipped, one
 * at a time, and its journal is cut off at every byte.
 *
 * What is damaged is refused, reported, or makes no difference: never is a
 * value wrong, and never is one missing without a word. Only what the last
 * commit wrote to the journal may read as a torn tail, which is reported with
 * its place. Each case opens the file that it concerns, as the engine does;
 * some, of each file, open the whole store and read every key. TEST_SEED
 * picks the store, TEST_STRIDE the bits: all with 1, else about one of so
 * many.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/store_identity.h"
#include "common/journal/journal.h"
#include "common/log/log.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "storaged/manifest/manifest.h"
#include "tests/support/damage.h"
#include "tests/support/suite.h"

/* What a table holds, copied. */
struct content {
	struct entry *entries;
	uint64_t *covers; /* of the key, by the table's ranges */
	size_t count;
};

static void
content_deinit(struct content *content)
{
	for (size_t i = 0; i < content->count; i++) {
		mem_free((void *)(uintptr_t)content->entries[i].key.data);
		mem_free((void *)(uintptr_t)content->entries[i].value.data);
	}
	mem_free(content->entries);
	mem_free(content->covers);
	*content = (struct content){0};
}

static enum status
open_table(const struct damage_image *image, const char *path,
    struct table_reader **out, struct error *err)
{
	uint64_t number = strtoull(strrchr(image->path, '/') + 1, NULL, 16);

	return table_reader_open(path, number, damage_store_id,
	    buffer_size(&image->bytes), NULL, out, err);
}

static enum status
read_covers(struct table_reader *reader, const struct content *content,
    uint64_t *covers, struct error *err)
{
	struct range_set set = {0};
	enum status status = table_reader_ranges(reader, &set, err);

	range_set_seal(&set);
	for (size_t i = 0; status == STATUS_OK && i < content->count; i++)
		covers[i] = range_set_cover(&set, content->entries[i].key);
	range_set_deinit(&set);
	return status;
}

/* Reads a whole table that is intact. */
static void
content_init(
    struct content *content, const struct damage_image *image, const char *path)
{
	struct table_reader *reader;
	struct iterator *it;
	struct error err;

	*content = (struct content){0};
	ASSERT_OK(open_table(image, path, &reader, &err), &err);
	it = table_iterator_create(reader);
	ASSERT_OK(iterator_seek(it, SLICE_EMPTY, &err), &err);
	while (it->valid) {
		struct entry *entry;

		content->entries = mem_resize(content->entries,
		    (content->count + 1) * sizeof(*content->entries));
		entry = &content->entries[content->count++];
		*entry = it->entry;
		entry->key.data = mem_dup(entry->key.data, entry->key.size);
		entry->value.data =
		    mem_dup(entry->value.data, entry->value.size);
		ASSERT_OK(iterator_next(it, &err), &err);
	}
	iterator_close(it);
	content->covers =
	    mem_new_array(content->count + 1, sizeof(*content->covers));
	ASSERT_OK(read_covers(reader, content, content->covers, &err), &err);
	table_reader_close(reader);
}

static bool
is_same(const struct entry *a, const struct entry *b)
{
	return slice_equal(a->key, b->key) && slice_equal(a->value, b->value) &&
	    a->sequence == b->sequence && a->deadline_ms == b->deadline_ms &&
	    a->kind == b->kind;
}

/* One key: `wanted`, or NULL where it is absent. */
static enum damage_outcome
get_one(
    struct table_reader *reader, struct slice key, const struct entry *wanted)
{
	enum damage_outcome outcome = DAMAGE_HARMLESS;
	struct table_pin pin = {0};
	struct entry entry;
	enum lookup found;
	struct error err;

	if (table_reader_get(reader, key, hash64(key), &pin, &entry, &found,
		&err) != STATUS_OK)
		outcome = DAMAGE_REPORTED;
	else if ((found == LOOKUP_FOUND) != (wanted != NULL) ||
	    (wanted != NULL && !is_same(&entry, wanted)))
		outcome = DAMAGE_WRONG;
	table_pin_release(&pin);
	return outcome;
}

static enum damage_outcome
worse(enum damage_outcome a, enum damage_outcome b)
{
	if (a == DAMAGE_WRONG || b == DAMAGE_WRONG)
		return DAMAGE_WRONG;
	return a == DAMAGE_REPORTED ? a : b;
}

static enum damage_outcome
get_all(struct table_reader *reader, const struct content *content)
{
	static const char *const absent[] = {"a", "key-074x", "z"};
	enum damage_outcome outcome = DAMAGE_HARMLESS;

	for (size_t i = 0; i < content->count; i++)
		outcome = worse(outcome,
		    get_one(
			reader, content->entries[i].key, &content->entries[i]));
	for (size_t i = 0; i < SUITE_COUNT(absent); i++)
		outcome = worse(
		    outcome, get_one(reader, slice_of_string(absent[i]), NULL));
	return outcome;
}

static enum damage_outcome
iterate_all(struct table_reader *reader, const struct content *content)
{
	struct iterator *it = table_iterator_create(reader);
	enum damage_outcome outcome = DAMAGE_HARMLESS;
	struct error err;
	size_t i = 0;

	if (iterator_seek(it, SLICE_EMPTY, &err) != STATUS_OK)
		outcome = DAMAGE_REPORTED;
	while (it->valid && outcome == DAMAGE_HARMLESS) {
		if (i >= content->count ||
		    !is_same(&it->entry, &content->entries[i++]))
			outcome = DAMAGE_WRONG;
		else if (iterator_next(it, &err) != STATUS_OK)
			outcome = DAMAGE_REPORTED;
	}
	if (outcome == DAMAGE_HARMLESS && i != content->count)
		outcome = DAMAGE_WRONG;
	iterator_close(it);
	return outcome;
}

static enum damage_outcome
compare_covers(struct table_reader *reader, const struct content *content)
{
	uint64_t *covers = mem_new_array(content->count + 1, sizeof(*covers));
	enum damage_outcome outcome = DAMAGE_HARMLESS;
	struct error err;

	if (read_covers(reader, content, covers, &err) != STATUS_OK)
		outcome = DAMAGE_REPORTED;
	else if (memcmp(covers, content->covers,
		     content->count * sizeof(*covers)) != 0)
		outcome = DAMAGE_WRONG;
	mem_free(covers);
	return outcome;
}

/* The table at `path`, somewhere damaged, beside what it should hold. */
static enum damage_outcome
judge_table(const struct damage_image *image, const char *path,
    const struct content *content)
{
	struct table_reader *reader;
	enum damage_outcome outcome;
	struct error err;

	if (open_table(image, path, &reader, &err) != STATUS_OK)
		return DAMAGE_REFUSED;
	outcome = get_all(reader, content);
	outcome = worse(outcome, iterate_all(reader, content));
	outcome = worse(outcome, compare_covers(reader, content));
	table_reader_close(reader);
	return outcome;
}

static void
flip_table(struct damage *store, struct damage_image *image, struct rng *rng,
    struct damage_tally *tally)
{
	struct content content;
	char path[PATH_BYTES_MAX];

	path_join(path, store->data, image->path);
	content_init(&content, image, path);
	for (uint64_t bit = rng_below(rng, damage_stride());
	     bit < 8 * buffer_size(&image->bytes);
	     bit += 1 + rng_below(rng, 2 * damage_stride() - 1)) {
		uint8_t byte;
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		damage_flip(image, bit);
		byte = image->bytes.data[image->bytes.start + bit / 8];
		CHECK(pwrite(fd, &byte, 1, (off_t)(bit / 8)) == 1);
		damage_note(
		    tally, judge_table(image, path, &content), image, bit);
		damage_flip(image, bit);
		byte = image->bytes.data[image->bytes.start + bit / 8];
		CHECK(pwrite(fd, &byte, 1, (off_t)(bit / 8)) == 1);
		close(fd);
	}
	CU_ASSERT_EQUAL(judge_table(image, path, &content), DAMAGE_HARMLESS);
	/* The judge notices what the table does not hold. */
	if (content.count > 0) {
		content.entries[0].sequence++;
		CU_ASSERT_EQUAL(
		    judge_table(image, path, &content), DAMAGE_WRONG);
		content.entries[0].sequence--;
		content.covers[0]++;
		CU_ASSERT_EQUAL(
		    judge_table(image, path, &content), DAMAGE_WRONG);
	}
	content_deinit(&content);
}

static void
flip_tables(enum compression compression, const char *what)
{
	struct rng rng = rng_seeded(suite_seed());
	struct damage_tally tally = {0};
	struct damage store;

	damage_init(&store, compression);
	for (size_t i = 0; i < store.count; i++) {
		if (damage_is_of(&store.images[i], ".sst"))
			flip_table(&store, &store.images[i], &rng, &tally);
	}
	damage_say(&tally, what);
	damage_deinit(&store);
}

static void
flipped_table_gives_no_wrong_value(void)
{
	flip_tables(COMPRESSION_LZ4, "bits of tables, plain and LZ4");
	flip_tables(COMPRESSION_ZSTD, "bits of tables, plain and zstd");
}

/* The checksum of everything that the manifest says. */
static enum status
digest_manifest(const struct damage *store, uint64_t *digest)
{
	struct catalog catalog = {0};
	struct buffer bytes = {0};
	char path[PATH_BYTES_MAX];
	uint64_t number;
	struct error err;
	enum status status;

	path_join(path, store->data, "shard-0");
	status = manifest_read(
	    file_system_real(), path, damage_store_id, &catalog, &number, &err);
	for (unsigned i = 0; status == STATUS_OK && i < LEVEL_COUNT; i++) {
		struct edit edit = {
		    .added = catalog.levels[i].tables,
		    .added_count = catalog.levels[i].count,
		    .recovery = &catalog.recovery,
		    .number_ceiling = catalog.number_ceiling,
		};

		edit_encode(&edit, &bytes);
	}
	*digest = checksum64(buffer_slice(&bytes), number);
	buffer_deinit(&bytes);
	catalog_deinit(&catalog);
	return status;
}

static enum damage_outcome
judge_manifest(const struct damage *store, uint64_t wanted)
{
	uint64_t digest;

	if (digest_manifest(store, &digest) != STATUS_OK)
		return DAMAGE_REFUSED;
	/*
	 * The last record may read as one that was being written. Then tables
	 * or the journal contradict it, or the journal makes up for it.
	 */
	return digest == wanted ? DAMAGE_HARMLESS : damage_judge(store);
}

static void
flipped_manifest_is_refused(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct damage_tally tally = {0};
	struct damage store;
	uint64_t digest;

	damage_init(&store, COMPRESSION_LZ4);
	CU_ASSERT_EQUAL(digest_manifest(&store, &digest), STATUS_OK);
	for (size_t i = 0; i < store.count; i++) {
		struct damage_image *image = &store.images[i];

		if (!damage_is_of(image, "manifest-") &&
		    !damage_is_of(image, "current"))
			continue;
		for (uint64_t bit = rng_below(&rng, damage_stride());
		     bit < 8 * buffer_size(&image->bytes);
		     bit += 1 + rng_below(&rng, 2 * damage_stride() - 1)) {
			damage_flip(image, bit);
			damage_write(image, store.data);
			damage_note(
			    &tally, judge_manifest(&store, digest), image, bit);
			damage_flip(image, bit);
		}
		damage_write(image, store.data);
	}
	damage_say(&tally, "bits of the manifest and `current`");
	damage_deinit(&store);
}

static void
flipped_identity_is_refused(void)
{
	struct damage_image image = {.path = "store"};
	uint8_t bytes[STORE_IDENTITY_BYTES];
	struct damage_tally tally = {0};

	store_identity_encode(bytes, damage_store_id);
	buffer_append(&image.bytes, bytes, sizeof(bytes));
	for (uint64_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		uint8_t id[16];
		struct error err;
		bool refused;

		damage_flip(&image, bit);
		refused = store_identity_decode(buffer_slice(&image.bytes), id,
			      &err) != STATUS_OK;
		damage_note(&tally,
		    refused ? DAMAGE_REFUSED
			: memcmp(id, damage_store_id, sizeof(id)) == 0
			? DAMAGE_HARMLESS
			: DAMAGE_WRONG,
		    &image, bit);
		damage_flip(&image, bit);
	}
	damage_say(&tally, "bits of the identity");
	buffer_deinit(&image.bytes);
}

/* The records that a journal gives, as checksums. */
struct records {
	uint64_t *sums;
	size_t count;
	size_t same; /* so many were as wanted, from the first on */
	const struct records *wanted;
};

static enum status
on_record(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct records *records = context;
	uint64_t sum = checksum64(payload, first_sequence * 31 + count);

	if (records->wanted == NULL) {
		records->sums = mem_resize(records->sums,
		    (records->count + 1) * sizeof(*records->sums));
		records->sums[records->count] = sum;
	} else if (records->count == records->same &&
	    records->count < records->wanted->count &&
	    records->wanted->sums[records->count] == sum) {
		records->same++;
	}
	records->count++;
	return STATUS_OK;
}

/* Opens the journal as the images have it; the folder is written anew. */
static enum status
read_journal(const struct damage *store, const struct scratch *scratch,
    uint64_t after, struct records *records, struct journal_recovery *report)
{
	char shard[PATH_BYTES_MAX];
	char folder[PATH_BYTES_MAX];
	struct journal_options options = {
	    .fs = file_system_real(),
	    .directory = folder,
	    .store_id = damage_store_id,
	    .segment_bytes = store->work.engine_options.journal_segment_bytes,
	};
	struct journal *journal;
	struct error err;
	enum status status;

	path_join(shard, scratch->path, "shard-0");
	path_join(folder, shard, "journal");
	damage_make_folder(shard);
	damage_make_folder(folder);
	for (size_t i = 0; i < store->count; i++) {
		if (damage_is_of(&store->images[i], ".log"))
			damage_write(&store->images[i], scratch->path);
	}
	status = journal_open(
	    &options, after, on_record, records, report, &journal, &err);
	journal_close(journal);
	return status;
}

/* `lost_max`: so many records may be missing where a torn tail is reported. */
static enum damage_outcome
judge_journal(const struct damage *store, const struct scratch *scratch,
    uint64_t after, const struct records *wanted, size_t lost_max)
{
	struct records records = {.wanted = wanted};
	struct journal_recovery report;

	if (read_journal(store, scratch, after, &records, &report) != STATUS_OK)
		return records.same == records.count ? DAMAGE_REFUSED
						     : DAMAGE_WRONG;
	if (records.same != records.count ||
	    records.count + lost_max < wanted->count)
		return DAMAGE_WRONG;
	if (records.count == wanted->count)
		return report.torn ? DAMAGE_REPORTED : DAMAGE_HARMLESS;
	return report.torn && report.torn_path[0] != '\0' ? DAMAGE_REPORTED
							  : DAMAGE_WRONG;
}

static uint64_t
recovery_point(const struct damage *store)
{
	struct catalog catalog = {0};
	char path[PATH_BYTES_MAX];
	uint64_t number;
	uint64_t sequence;
	struct error err;

	path_join(path, store->data, "shard-0");
	ASSERT_OK(manifest_read(file_system_real(), path, damage_store_id,
		      &catalog, &number, &err),
	    &err);
	sequence = catalog.recovery.sequence;
	catalog_deinit(&catalog);
	return sequence;
}

static void
flip_journal(struct damage *store, const struct scratch *scratch,
    const struct records *wanted, struct rng *rng, struct damage_tally *tally)
{
	uint64_t after = recovery_point(store);
	size_t lost_max = damage_last_commit(&store->work);

	for (size_t i = 0; i < store->count; i++) {
		struct damage_image *image = &store->images[i];

		if (!damage_is_of(image, ".log"))
			continue;
		for (uint64_t bit = rng_below(rng, damage_stride());
		     bit < 8 * buffer_size(&image->bytes);
		     bit += 1 + rng_below(rng, 2 * damage_stride() - 1)) {
			damage_flip(image, bit);
			damage_note(tally,
			    judge_journal(
				store, scratch, after, wanted, lost_max),
			    image, bit);
			damage_flip(image, bit);
		}
	}
}

static void
truncate_journal(struct damage *store, const struct scratch *scratch,
    const struct records *wanted, struct rng *rng, struct damage_tally *tally)
{
	uint64_t after = recovery_point(store);
	uint64_t step = damage_stride() / 8 + 1;

	for (size_t i = 0; i < store->count; i++) {
		struct damage_image *image = &store->images[i];
		size_t end = image->bytes.end;

		if (!damage_is_of(image, ".log"))
			continue;
		for (size_t size = (size_t)rng_below(rng, step);
		     size < buffer_size(&image->bytes);
		     size += 1 + (size_t)rng_below(rng, 2 * step - 1)) {
			image->bytes.end = image->bytes.start + size;
			/* All of it may be cut off, and it says so. */
			damage_note(tally,
			    judge_journal(
				store, scratch, after, wanted, SIZE_MAX / 2),
			    image, size);
			image->bytes.end = end;
		}
	}
}

static void
damaged_journal_gives_no_wrong_record(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct records wanted = {0};
	struct journal_recovery report;
	struct damage_tally flips = {0};
	struct damage_tally cuts = {0};
	struct scratch scratch;
	struct damage store;

	damage_init(&store, COMPRESSION_LZ4);
	scratch_init(&scratch);
	CU_ASSERT_EQUAL(read_journal(&store, &scratch, recovery_point(&store),
			    &wanted, &report),
	    STATUS_OK);
	CU_ASSERT_TRUE_FATAL(wanted.count > 10);
	flip_journal(&store, &scratch, &wanted, &rng, &flips);
	truncate_journal(&store, &scratch, &wanted, &rng, &cuts);
	/* The judge notices a record that is another one, and a lost one. */
	wanted.sums[wanted.count / 2]++;
	CU_ASSERT_EQUAL(
	    judge_journal(&store, &scratch, recovery_point(&store), &wanted, 3),
	    DAMAGE_WRONG);
	wanted.sums[wanted.count / 2]--;
	wanted.sums =
	    mem_resize(wanted.sums, (wanted.count + 1) * sizeof(*wanted.sums));
	wanted.sums[wanted.count++] = 0;
	CU_ASSERT_EQUAL(
	    judge_journal(&store, &scratch, recovery_point(&store), &wanted, 3),
	    DAMAGE_WRONG);
	damage_say(&flips, "bits of the journal");
	damage_say(&cuts, "lengths of the journal's segments");
	mem_free(wanted.sums);
	scratch_deinit(&scratch);
	damage_deinit(&store);
}

/* Whole stores, of each file some bits. */
static void
flipped_store_gives_no_wrong_value(void)
{
	struct rng rng = rng_seeded(suite_seed());
	uint64_t each = 2 + 200 / damage_stride();
	struct kv_model_entry *entry;
	struct damage_tally tally = {0};
	struct crash_step *last;
	struct damage store;

	damage_init(&store, COMPRESSION_LZ4);
	CU_ASSERT_EQUAL(damage_judge(&store), DAMAGE_HARMLESS);
	for (size_t i = 0; i < store.count; i++) {
		struct damage_image *image = &store.images[i];
		uint64_t bits = 8 * buffer_size(&image->bytes);

		for (uint64_t n = 0; n < each && bits > 0; n++) {
			uint64_t bit = rng_below(&rng, bits);

			damage_flip(image, bit);
			damage_note(&tally, damage_judge(&store), image, bit);
			damage_flip(image, bit);
		}
	}
	/* The judge notices a state that is another one, and a lost one. */
	last = &store.work.steps[store.work.count - 1];
	CU_ASSERT_TRUE_FATAL(last->model.count > 0);
	entry = &last->model.entries[last->model.count - 1];
	entry->deadline_ms ^= (uint64_t)1 << 50;
	CU_ASSERT_EQUAL(damage_judge(&store), DAMAGE_WRONG);
	entry->deadline_ms ^= (uint64_t)1 << 50;
	for (size_t i = 1; i <= 2 * CRASH_WRITERS; i++)
		last[1 - (ptrdiff_t)i].last_sequence += 1000;
	CU_ASSERT_EQUAL(damage_judge(&store), DAMAGE_WRONG);
	damage_say(&tally, "bits of whole stores");
	damage_deinit(&store);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(flipped_table_gives_no_wrong_value),
	    SUITE_CASE(flipped_manifest_is_refused),
	    SUITE_CASE(flipped_identity_is_refused),
	    SUITE_CASE(damaged_journal_gives_no_wrong_record),
	    SUITE_CASE(flipped_store_gives_no_wrong_value),
	};

	log_open("test", LOG_ERROR);
	return suite_run("bit_flips", cases, SUITE_COUNT(cases), argc, argv);
}
