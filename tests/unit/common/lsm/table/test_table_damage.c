/*
 * Damaged tables: whatever happens to the bytes, a reader answers with the
 * truth or an error, never with a wrong or silently missing value.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/block_cache.h"
#include "common/lsm/table/table_format.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/bus_guard.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/support/table_sample.h"

struct subject {
	struct scratch scratch;
	struct sample sample;
	struct table_summary summary;
	int fd; /* the file, to damage it */
	struct table_reader *reader;
	struct table_pin pin;
	struct iterator *it;
};

static const char *
path_of(const struct subject *subject)
{
	return scratch_path(&subject->scratch, "table");
}

static void
build(struct subject *subject, enum compression compression)
{
	struct table_options options = sample_options(compression, 512);
	struct error err;

	table_summary_deinit(&subject->summary);
	ASSERT_OK(
	    path_remove(file_system_real(), path_of(subject), &err), &err);
	ASSERT_OK(sample_build(&subject->sample, file_system_real(),
		      path_of(subject), &options, &subject->summary, &err),
	    &err);
	if (subject->fd >= 0)
		close(subject->fd);
	subject->fd = open(path_of(subject), O_RDWR);
	CHECK(subject->fd >= 0);
}

static void
setup(struct subject *subject)
{
	*subject = (struct subject){.fd = -1};
	scratch_init(&subject->scratch);
	sample_init_small(&subject->sample);
}

static void
teardown(struct subject *subject)
{
	close(subject->fd);
	table_summary_deinit(&subject->summary);
	sample_deinit(&subject->sample);
	scratch_deinit(&subject->scratch);
}

static enum status
open_subject(struct subject *subject, uint64_t size_bytes,
    struct block_cache *cache, struct error *err)
{
	return table_reader_open(path_of(subject), SAMPLE_NUMBER,
	    sample_store_id, size_bytes, cache, &subject->reader, err);
}

/* STATUS_OK only if every key is found as it is, and others are not. */
static enum status
get_all(struct subject *subject, struct error *err)
{
	const struct sample *sample = &subject->sample;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < 2 * sample->count; i++) {
		const struct entry *wanted = &sample->entries[i / 2];
		uint8_t longer[128];
		struct slice key = wanted->key;
		struct entry entry;
		struct error one;
		enum lookup found;

		if (i % 2 != 0) {
			memcpy(longer, key.data, key.size);
			longer[key.size] = '!';
			key = slice_of(longer, key.size + 1);
		}
		if (table_reader_get(subject->reader, key, hash64(key),
			&subject->pin, &entry, &found, &one) != STATUS_OK) {
			status = error_copy(err, &one);
			continue;
		}
		CU_ASSERT_EQUAL_FATAL(found == LOOKUP_FOUND, i % 2 == 0);
		if (found == LOOKUP_FOUND)
			CU_ASSERT_TRUE_FATAL(
			    sample_entry_equal(&entry, wanted));
	}
	return status;
}

/* From each entry on; STATUS_OK only if all come as they are. */
static enum status
walk_all(struct subject *subject, struct error *err)
{
	const struct sample *sample = &subject->sample;
	enum status status = STATUS_OK;

	for (size_t start = 0; start < sample->count; start++) {
		struct error one;
		size_t i = start;
		enum status step = iterator_seek(
		    subject->it, sample->entries[start].key, &one);

		while (step == STATUS_OK && subject->it->valid) {
			CU_ASSERT_FATAL(i < sample->count);
			CU_ASSERT_TRUE_FATAL(sample_entry_equal(
			    &subject->it->entry, &sample->entries[i]));
			i++;
			step = iterator_next(subject->it, &one);
		}
		if (step != STATUS_OK) {
			status = error_copy(err, &one);
			continue;
		}
		CU_ASSERT_EQUAL_FATAL(i, sample->count);
	}
	return status;
}

static enum status
ranges_all(struct subject *subject, struct error *err)
{
	const struct sample *sample = &subject->sample;
	struct range_set set = {0};
	enum status status = table_reader_ranges(subject->reader, &set, err);

	if (status == STATUS_OK) {
		range_set_seal(&set);
		for (size_t i = 0; i < sample->count; i++)
			CU_ASSERT_EQUAL_FATAL(
			    range_set_cover(&set, sample->entries[i].key),
			    sample_cover(sample, sample->entries[i].key));
	}
	range_set_deinit(&set);
	return status;
}

/* Everything that a reader can do; the last failure. */
static enum status
read_everything(void *context, struct error *err)
{
	struct subject *subject = context;
	enum status status = STATUS_OK;
	struct error one;

	if (get_all(subject, &one) != STATUS_OK)
		status = error_copy(err, &one);
	if (walk_all(subject, &one) != STATUS_OK)
		status = error_copy(err, &one);
	if (ranges_all(subject, &one) != STATUS_OK)
		status = error_copy(err, &one);
	return status;
}

static bool
is_refusal(enum status status)
{
	return status == STATUS_CORRUPT || status == STATUS_INVALID ||
	    status == STATUS_VERSION;
}

/*
 * Opens and reads everything. What comes must be true, whatever is wrong;
 * returns whether the thorough check finds something wrong, as it must where
 * the other reads did.
 */
static bool
damage_is_found(struct subject *subject)
{
	struct error err;
	enum status status = open_subject(subject, 0, NULL, &err);
	enum status verified;

	if (status != STATUS_OK) {
		CU_ASSERT_TRUE_FATAL(is_refusal(status));
		return true;
	}
	subject->it = table_iterator_create(subject->reader);
	status = read_everything(subject, &err);
	CU_ASSERT_TRUE_FATAL(status == STATUS_OK || is_refusal(status));
	iterator_close(subject->it);
	table_pin_release(&subject->pin);
	verified = table_reader_verify(subject->reader, &err);
	CU_ASSERT_TRUE_FATAL(verified == STATUS_OK || is_refusal(verified));
	CU_ASSERT_FALSE_FATAL(status != STATUS_OK && verified == STATUS_OK);
	table_reader_close(subject->reader);
	return verified != STATUS_OK;
}

static void
every_flipped_bit_is_found(void)
{
	struct subject subject;

	setup(&subject);
	for (unsigned kind = 0; kind < COMPRESSION_COUNT; kind++) {
		build(&subject, (enum compression)kind);
		CU_ASSERT_FALSE(damage_is_found(&subject));
		for (uint64_t i = 0; i < subject.summary.size_bytes * 8; i++) {
			off_t offset = (off_t)(i / 8);
			uint8_t byte;
			uint8_t flipped;

			CHECK(pread(subject.fd, &byte, 1, offset) == 1);
			flipped = (uint8_t)(byte ^ 1u << i % 8);
			CHECK(pwrite(subject.fd, &flipped, 1, offset) == 1);
			CU_ASSERT_TRUE_FATAL(damage_is_found(&subject));
			CHECK(pwrite(subject.fd, &byte, 1, offset) == 1);
		}
	}
	teardown(&subject);
}

static void
every_replaced_byte_is_found(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct subject subject;

	setup(&subject);
	build(&subject, COMPRESSION_LZ4);
	for (uint64_t i = 0; i < subject.summary.size_bytes; i++) {
		uint8_t values[3] = {0, 0xff, (uint8_t)rng_next(&rng)};
		uint8_t byte;

		CHECK(pread(subject.fd, &byte, 1, (off_t)i) == 1);
		for (int n = 0; n < 3; n++) {
			CHECK(pwrite(subject.fd, &values[n], 1, (off_t)i) == 1);
			CU_ASSERT_EQUAL_FATAL(
			    damage_is_found(&subject), values[n] != byte);
		}
		CHECK(pwrite(subject.fd, &byte, 1, (off_t)i) == 1);
	}
	teardown(&subject);
}

static void
file_of_another_length_is_refused(void)
{
	struct subject subject;
	struct error err;

	setup(&subject);
	build(&subject, COMPRESSION_NONE);
	CHECK(
	    pwrite(subject.fd, "", 1, (off_t)subject.summary.size_bytes) == 1);
	CU_ASSERT_EQUAL(open_subject(&subject, 0, NULL, &err), STATUS_CORRUPT);
	for (uint64_t size = subject.summary.size_bytes; size > 0; size--) {
		CHECK(ftruncate(subject.fd, (off_t)size - 1) == 0);
		CU_ASSERT_EQUAL_FATAL(
		    open_subject(&subject, 0, NULL, &err), STATUS_CORRUPT);
		CU_ASSERT_PTR_NULL(subject.reader);
	}
	teardown(&subject);
}

static void
table_of_another_name_store_or_size_is_refused(void)
{
	static const uint8_t other_id[16] = "another store...";
	struct subject subject;
	uint64_t size;
	struct error err;

	setup(&subject);
	build(&subject, COMPRESSION_NONE);
	size = subject.summary.size_bytes;
	CU_ASSERT_EQUAL(table_reader_open(path_of(&subject), SAMPLE_NUMBER + 1,
			    sample_store_id, 0, NULL, &subject.reader, &err),
	    STATUS_INVALID);
	CU_ASSERT_EQUAL(table_reader_open(path_of(&subject), SAMPLE_NUMBER,
			    other_id, 0, NULL, &subject.reader, &err),
	    STATUS_INVALID);
	CU_ASSERT_EQUAL(
	    open_subject(&subject, size + 1, NULL, &err), STATUS_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path_of(&subject)));
	ASSERT_OK(open_subject(&subject, size, NULL, &err), &err);
	table_reader_close(subject.reader);
	CU_ASSERT_EQUAL(table_reader_open("/nowhere/at/all", 1, sample_store_id,
			    0, NULL, &subject.reader, &err),
	    STATUS_NOT_FOUND);
	teardown(&subject);
}

static void
newer_format_is_refused_as_such(void)
{
	uint8_t version[4];
	struct subject subject;
	struct error err;

	setup(&subject);
	build(&subject, COMPRESSION_NONE);
	u32_store(version, TABLE_FORMAT_VERSION + 1);
	CHECK(pwrite(subject.fd, version, 4,
		  (off_t)subject.summary.size_bytes - 16) == 4);
	CU_ASSERT_EQUAL(open_subject(&subject, 0, NULL, &err), STATUS_VERSION);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "version 2"));
	u32_store(version, 0);
	CHECK(pwrite(subject.fd, version, 4,
		  (off_t)subject.summary.size_bytes - 16) == 4);
	CU_ASSERT_EQUAL(open_subject(&subject, 0, NULL, &err), STATUS_CORRUPT);
	teardown(&subject);
}

static enum status
verify(void *context, struct error *err)
{
	return table_reader_verify(((struct subject *)context)->reader, err);
}

/* The pages go away under the mapping at once, or after some were used. */
static void
check_lost_pages(struct subject *subject, struct block_cache *cache, bool warm)
{
	struct error err;

	ASSERT_OK(open_subject(subject, 0, cache, &err), &err);
	subject->it = table_iterator_create(subject->reader);
	if (warm)
		ASSERT_OK(bus_guard_run(read_everything, subject, &err), &err);
	CHECK(ftruncate(subject->fd, 0) == 0);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(
		    bus_guard_run(verify, subject, &err), STATUS_IO);
		if (cache == NULL || !warm)
			CU_ASSERT_EQUAL(
			    bus_guard_run(read_everything, subject, &err),
			    STATUS_IO);
	}
	iterator_close(subject->it);
	table_pin_release(&subject->pin);
	table_reader_close(subject->reader);
}

static void
file_cut_under_its_mapping_is_an_io_error(void)
{
	struct block_cache *cache = block_cache_create(1 << 20);
	struct subject subject;

	bus_guard_install();
	setup(&subject);
	for (unsigned kind = 0; kind < COMPRESSION_COUNT; kind++) {
		for (unsigned round = 0; round < 4; round++) {
			build(&subject, (enum compression)kind);
			check_lost_pages(&subject,
			    round % 2 == 0 ? NULL : cache, round >= 2);
		}
	}
	CU_ASSERT_EQUAL(block_cache_counts(cache).block_count, 0);
	block_cache_close(cache);
	teardown(&subject);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(every_flipped_bit_is_found),
	    SUITE_CASE(every_replaced_byte_is_found),
	    SUITE_CASE(file_of_another_length_is_refused),
	    SUITE_CASE(table_of_another_name_store_or_size_is_refused),
	    SUITE_CASE(newer_format_is_refused_as_such),
	    SUITE_CASE(file_cut_under_its_mapping_is_an_io_error),
	};

	return suite_run("table_damage", cases, SUITE_COUNT(cases), argc, argv);
}
