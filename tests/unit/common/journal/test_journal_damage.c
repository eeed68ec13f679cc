#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/journal/journal_format.h"
#include "tests/unit/common/journal/journal_fixture.h"

#define RECORDS 4

/*
 * A journal whose segments can be damaged, and come back as they were: the
 * files are written from memory before each opening.
 */
struct damage {
	struct scratch scratch;
	struct journal_fixture f;
	unsigned first_segment;
	unsigned segment_count;
	struct buffer *segments;
	uint64_t offsets[RECORDS + 1]; /* of records in the last segment */
	uint64_t firsts[RECORDS + 1]; /* their first sequences */
};

static void
damage_init(struct damage *damage)
{
	memset(damage, 0, sizeof(*damage));
	scratch_init(&damage->scratch);
	journal_fixture_init(
	    &damage->f, file_system_real(), damage->scratch.path);
	damage->f.payload_bytes_max = 200;
	ASSERT_OK(journal_fixture_open(&damage->f, 0), &damage->f.err);
}

/* Where the first records of the last segment begin, and the last ends. */
static void
find_records(struct damage *damage)
{
	struct slice bytes =
	    buffer_slice(&damage->segments[damage->segment_count - 1]);
	struct journal_record_header record;
	struct journal_segment_header header;
	struct journal_base base;
	uint64_t at = JOURNAL_SEGMENT_HEADER_BYTES;

	CHECK(journal_segment_header_decode(bytes.data, &header, &base.seed));
	base.first_sequence = header.first_sequence;
	for (unsigned i = 0; i <= RECORDS; i++) {
		damage->offsets[i] = at;
		if (!journal_record_header_decode(
			slice_of(bytes.data + at, bytes.size - at), &base, at,
			&record))
			break;
		at += journal_record_bytes(&record);
	}
}

/* Closes the journal and keeps its files in memory. */
static void
damage_keep(struct damage *damage, unsigned first_segment)
{
	damage->segment_count = journal_segment_count(damage->f.journal);
	damage->first_segment = first_segment;
	damage->segments =
	    mem_new_array(damage->segment_count, sizeof(*damage->segments));
	journal_fixture_close(&damage->f);
	for (unsigned i = 0; i < damage->segment_count; i++)
		ASSERT_OK(file_read_whole(damage->f.options.fs,
			      journal_fixture_segment(
				  damage->scratch.path, first_segment + i),
			      1 << 20, &damage->segments[i], &damage->f.err),
		    &damage->f.err);
	find_records(damage);
}

static void
remove_all(struct damage *damage)
{
	scratch_deinit(&damage->scratch);
	CHECK(mkdir(damage->scratch.path, 0750) == 0);
}

/* Writes the kept files anew. */
static void
damage_restore(struct damage *damage)
{
	struct file *file;

	remove_all(damage);
	for (unsigned i = 0; i < damage->segment_count; i++) {
		ASSERT_OK(file_create(damage->f.options.fs,
			      journal_fixture_segment(damage->scratch.path,
				  damage->first_segment + i),
			      &file, &damage->f.err),
		    &damage->f.err);
		ASSERT_OK(
		    file_write_at(file, 0, buffer_slice(&damage->segments[i]),
			&damage->f.err),
		    &damage->f.err);
		file_close(file);
	}
}

static void
damage_deinit(struct damage *damage)
{
	journal_fixture_close(&damage->f);
	for (unsigned i = 0; i < damage->segment_count; i++)
		buffer_deinit(&damage->segments[i]);
	mem_free(damage->segments);
	scratch_deinit(&damage->scratch);
}

/* Opens what is kept; the record behind the last one given, or 0. */
static uint64_t
damage_open(struct damage *damage, uint64_t after)
{
	enum status status;

	damage_restore(damage);
	status = journal_fixture_open(&damage->f, after);
	if (status != STATUS_OK) {
		CU_ASSERT_EQUAL(status, STATUS_CORRUPT);
		return 0;
	}
	CU_ASSERT_EQUAL(
	    journal_last_sequence(damage->f.journal) + 1, damage->f.next);
	journal_fixture_close(&damage->f);
	return damage->f.next;
}

/* The refusal names segment `number` and the offset. */
static bool
blames(const struct damage *damage, unsigned number, uint64_t offset)
{
	char place[PATH_BYTES_MAX + 64];

	snprintf(place, sizeof(place), "%s: damaged at offset %" PRIu64 ":",
	    journal_fixture_segment(damage->scratch.path, number), offset);
	if (strstr(damage->f.err.text, place) != NULL)
		return true;
	fprintf(stderr, "wanted %s\ngot    %s\n", place, damage->f.err.text);
	return false;
}

/* One segment with RECORDS records, each synced by itself or all at once. */
static void
make_one_segment(struct damage *damage, bool synced)
{
	damage_init(damage);
	for (unsigned i = 0; i < RECORDS; i++) {
		damage->firsts[i] =
		    journal_last_sequence(damage->f.journal) + 1;
		ASSERT_OK(journal_fixture_append(&damage->f), &damage->f.err);
		if (synced)
			ASSERT_OK(journal_commit(
				      damage->f.journal, true, &damage->f.err),
			    &damage->f.err);
	}
	ASSERT_OK(journal_commit(damage->f.journal, true, &damage->f.err),
	    &damage->f.err);
	damage->firsts[RECORDS] = journal_last_sequence(damage->f.journal) + 1;
	CHECK(journal_segment_count(damage->f.journal) == 1);
}

static void
segment_truncated_at_any_byte_gives_the_records_before(void)
{
	struct damage d;

	make_one_segment(&d, true);
	damage_keep(&d, 1);
	for (size_t size = 4096; size-- > 0;) {
		unsigned whole = 0;
		uint64_t next;

		d.segments[0].end = size;
		next = damage_open(&d, 0);
		if (size < JOURNAL_SEGMENT_HEADER_BYTES) {
			CU_ASSERT_EQUAL(next, 0);
			CU_ASSERT_TRUE(blames(&d, 1, 0));
			continue;
		}
		while (whole < RECORDS && d.offsets[whole + 1] <= size)
			whole++;
		CU_ASSERT_EQUAL(next, d.firsts[whole]);
		CU_ASSERT_TRUE(d.f.recovery.torn);
		CU_ASSERT_STRING_EQUAL(d.f.recovery.torn_path,
		    journal_fixture_segment(d.scratch.path, 1));
	}
	damage_deinit(&d);
}

static void
bit_flipped_at_any_byte_is_refused_or_tears_the_last_record(void)
{
	struct damage d;

	make_one_segment(&d, true);
	damage_keep(&d, 1);
	for (size_t at = 0; at < 4096; at++) {
		uint64_t next;
		unsigned hit = 0;

		d.segments[0].data[at] ^= (uint8_t)(1u << (at % 8));
		next = damage_open(&d, 0);
		d.segments[0].data[at] ^= (uint8_t)(1u << (at % 8));
		if (at < JOURNAL_SEGMENT_HEADER_BYTES) {
			CU_ASSERT_EQUAL(next, 0);
			CU_ASSERT_TRUE(blames(&d, 1, 0));
			continue;
		}
		while (hit < RECORDS && d.offsets[hit + 1] <= at)
			hit++;
		if (next == d.firsts[RECORDS]) {
			/* The zeroes behind the last record. */
			CU_ASSERT_EQUAL(hit, RECORDS);
			CU_ASSERT_TRUE(d.f.recovery.torn);
		} else if (hit == RECORDS - 1) {
			CU_ASSERT_EQUAL(next, d.firsts[RECORDS - 1]);
			CU_ASSERT_TRUE(d.f.recovery.torn);
			CU_ASSERT_EQUAL(
			    d.f.recovery.torn_offset, d.offsets[hit]);
		} else {
			CU_ASSERT_EQUAL(next, 0);
			CU_ASSERT_TRUE(blames(&d, 1, d.offsets[hit]));
		}
	}
	damage_deinit(&d);
}

static void
torn_group_ends_the_journal_though_its_end_is_intact(void)
{
	struct damage d;

	make_one_segment(&d, false);
	damage_keep(&d, 1);
	for (unsigned i = 0; i < RECORDS; i++) {
		d.segments[0].data[d.offsets[i + 1] - 1] ^= 1;
		CU_ASSERT_EQUAL(damage_open(&d, 0), d.firsts[i]);
		CU_ASSERT_TRUE(d.f.recovery.torn);
		CU_ASSERT_EQUAL(d.f.recovery.torn_offset, d.offsets[i]);
		d.segments[0].data[d.offsets[i + 1] - 1] ^= 1;
	}
	damage_deinit(&d);
}

static void
torn_group_is_refused_when_a_later_commit_is_intact(void)
{
	struct damage d;

	make_one_segment(&d, false);
	journal_fixture_fill(&d.f, 1);
	damage_keep(&d, 1);
	for (unsigned i = 0; i < RECORDS; i++) {
		d.segments[0].data[d.offsets[i + 1] - 1] ^= 1;
		CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
		CU_ASSERT_TRUE(blames(&d, 1, d.offsets[i]));
		d.segments[0].data[d.offsets[i + 1] - 1] ^= 1;
	}
	damage_deinit(&d);
}

static void
recovered_records_count_as_durable(void)
{
	struct damage d;

	make_one_segment(&d, false);
	journal_fixture_close(&d.f);
	ASSERT_OK(journal_fixture_open(&d.f, 0), &d.f.err);
	damage_keep(&d, 1);
	for (unsigned i = 0; i + 1 < RECORDS; i++) {
		d.segments[0].data[d.offsets[i + 1] - 1] ^= 1;
		CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
		CU_ASSERT_TRUE(blames(&d, 1, d.offsets[i]));
		d.segments[0].data[d.offsets[i + 1] - 1] ^= 1;
	}
	damage_deinit(&d);
}

static void
damage_at_or_below_the_recovery_point_is_ignored(void)
{
	struct damage d;
	uint64_t end;

	make_one_segment(&d, true);
	journal_fixture_fill(&d.f, 1);
	end = journal_last_sequence(d.f.journal) + 1;
	damage_keep(&d, 1);
	for (unsigned i = 0; i < RECORDS; i++) {
		uint8_t *place = d.segments[0].data + d.offsets[i];

		memset(place, 0xee, d.offsets[i + 1] - d.offsets[i]);
		CU_ASSERT_EQUAL(damage_open(&d, d.firsts[i + 1] - 1), end);
		CU_ASSERT_EQUAL(d.f.first, d.firsts[i + 1]);
		if (i + 1 < RECORDS) {
			CU_ASSERT_EQUAL(damage_open(&d, d.firsts[i] - 1), 0);
			CU_ASSERT_TRUE(blames(&d, 1, d.offsets[0]));
		}
	}
	damage_deinit(&d);
}

/* Several segments, the last with more than one commit. */
static void
make_segments(struct damage *damage, unsigned count)
{
	damage_init(damage);
	while (journal_segment_count(damage->f.journal) < count) {
		damage->firsts[0] =
		    journal_last_sequence(damage->f.journal) + 1;
		journal_fixture_fill(&damage->f, 1);
	}
	journal_fixture_fill(&damage->f, 3);
	CHECK(journal_segment_count(damage->f.journal) == count);
}

static void
damage_before_a_later_segment_is_refused(void)
{
	struct damage d;
	uint64_t end;

	make_segments(&d, 3);
	end = journal_last_sequence(d.f.journal) + 1;
	damage_keep(&d, 1);
	CU_ASSERT_EQUAL(damage_open(&d, 0), end);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t saved[4096];

		memcpy(saved, d.segments[i].data, 4096);
		/* A header, a record, all records, the end of the file. */
		d.segments[i].data[20] ^= 1;
		CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
		CU_ASSERT_TRUE(blames(&d, i + 1, 0));
		memcpy(d.segments[i].data, saved, 4096);
		d.segments[i].data[64 + 1] ^= 1;
		CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
		CU_ASSERT_TRUE(blames(&d, i + 1, 64));
		memset(d.segments[i].data + 64, 0, 4096 - 64);
		CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
		CU_ASSERT_TRUE(blames(&d, i + 1, 64));
		memcpy(d.segments[i].data, saved, 4096);
		d.segments[i].end = 70;
		CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
		CU_ASSERT_TRUE(blames(&d, i + 1, 64));
		d.segments[i].end = 4096;
	}
	damage_deinit(&d);
}

/* Opens what is kept without segment `number`. */
static enum status
open_without(struct damage *damage, unsigned number, uint64_t after)
{
	enum status status;

	damage_restore(damage);
	CHECK(
	    unlink(journal_fixture_segment(damage->scratch.path, number)) == 0);
	status = journal_fixture_open(&damage->f, after);
	journal_fixture_close(&damage->f);
	return status;
}

static void
missing_segment_is_refused_unless_nobody_needs_it(void)
{
	struct damage d;
	struct journal_segment_header header;
	uint64_t seed;

	make_segments(&d, 4);
	damage_keep(&d, 1);
	CU_ASSERT_EQUAL(open_without(&d, 1, 0), STATUS_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(d.f.err.text, journal_fixture_segment(d.scratch.path, 2)));
	CU_ASSERT_EQUAL(open_without(&d, 2, 0), STATUS_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(d.f.err.text, journal_fixture_segment(d.scratch.path, 1)));
	CU_ASSERT_EQUAL(open_without(&d, 3, 0), STATUS_CORRUPT);
	CU_ASSERT_TRUE_FATAL(
	    journal_segment_header_decode(d.segments[2].data, &header, &seed));
	ASSERT_OK(open_without(&d, 1, header.first_sequence - 1), &d.f.err);
	ASSERT_OK(open_without(&d, 2, header.first_sequence - 1), &d.f.err);
	CU_ASSERT_EQUAL(d.f.first, header.first_sequence);
	CU_ASSERT_EQUAL(
	    open_without(&d, 2, header.first_sequence - 2), STATUS_CORRUPT);
	damage_deinit(&d);
}

static void
lost_header_of_the_last_segment_is_refused_if_more_was_durable(void)
{
	struct damage d;

	make_segments(&d, 2);
	damage_keep(&d, 1);
	for (unsigned at = 0; at < JOURNAL_SEGMENT_HEADER_BYTES; at++) {
		d.segments[1].data[at] ^= 0x10;
		CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
		CU_ASSERT_TRUE(blames(&d, 2, 0));
		d.segments[1].data[at] ^= 0x10;
	}
	/* With its first commit alone it may never have been durable. */
	memset(d.segments[1].data, 0, JOURNAL_SEGMENT_HEADER_BYTES);
	memset(d.segments[1].data + d.offsets[1], 0, 4096 - d.offsets[1]);
	CU_ASSERT_EQUAL(damage_open(&d, 0), d.firsts[0]);
	CU_ASSERT_TRUE(d.f.recovery.torn);
	CU_ASSERT_STRING_EQUAL(
	    d.f.recovery.torn_path, journal_fixture_segment(d.scratch.path, 2));
	damage_deinit(&d);
}

static void
torn_tail_is_refused_when_the_next_segment_has_its_name(void)
{
	struct damage d;

	make_segments(&d, 3);
	damage_keep(&d, 1);
	/* The third was created; so all of the second was on disk. */
	memset(d.segments[2].data, 0, 4096);
	CU_ASSERT_EQUAL(damage_open(&d, 0), d.firsts[0]);
	CU_ASSERT_FALSE(d.f.recovery.torn);
	d.segments[1].end = 2000;
	CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
	d.segments[1].end = 4096;
	/* Nor may two files in a row be without a header. */
	memset(d.segments[1].data, 0, 4096);
	CU_ASSERT_EQUAL(damage_open(&d, 0), 0);
	CU_ASSERT_TRUE(blames(&d, 2, 0));
	damage_deinit(&d);
}

static void
journal_torn_below_the_recovery_point_goes_on_behind_it(void)
{
	struct damage d;
	uint64_t point;

	make_one_segment(&d, false);
	damage_keep(&d, 1);
	point = d.firsts[RECORDS] + 100;
	d.segments[0].data[d.offsets[2] - 1] ^= 1;
	CU_ASSERT_EQUAL(damage_open(&d, point), point + 1);
	ASSERT_OK(journal_fixture_open(&d.f, point), &d.f.err);
	journal_fixture_fill(&d.f, 2);
	journal_fixture_close(&d.f);
	ASSERT_OK(journal_fixture_open(&d.f, point), &d.f.err);
	CU_ASSERT_EQUAL(d.f.first, point + 1);
	CU_ASSERT_EQUAL(d.f.recovery.record_count, 2);
	damage_deinit(&d);
}

static void
record_moved_to_another_place_is_none(void)
{
	struct damage d;
	uint64_t size;

	make_one_segment(&d, true);
	damage_keep(&d, 1);
	/* The last record once more, behind itself. */
	size = d.offsets[RECORDS] - d.offsets[RECORDS - 1];
	memcpy(d.segments[0].data + d.offsets[RECORDS],
	    d.segments[0].data + d.offsets[RECORDS - 1], size);
	CU_ASSERT_EQUAL(damage_open(&d, 0), d.firsts[RECORDS]);
	CU_ASSERT_TRUE(d.f.recovery.torn);
	CU_ASSERT_EQUAL(d.f.recovery.torn_offset, d.offsets[RECORDS]);
	damage_deinit(&d);
}

static void
random_damage_never_gives_a_wrong_record(void)
{
	struct damage d;
	struct rng rng = rng_seeded(suite_seed());

	make_segments(&d, 3);
	damage_keep(&d, 1);
	for (int round = 0; round < 500; round++) {
		unsigned segment = (unsigned)rng_below(&rng, 3);
		size_t at = (size_t)rng_below(&rng, 4096);
		size_t size = 1 + (size_t)rng_below(&rng, 4096 - at);
		uint8_t saved[4096];

		memcpy(saved, d.segments[segment].data, 4096);
		for (size_t i = at; i < at + size; i++)
			d.segments[segment].data[i] = (uint8_t)rng_next(&rng);
		/* What it gives, the fixture has compared. */
		(void)damage_open(&d, rng_below(&rng, 60));
		memcpy(d.segments[segment].data, saved, 4096);
	}
	damage_deinit(&d);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(segment_truncated_at_any_byte_gives_the_records_before),
	    SUITE_CASE(
		bit_flipped_at_any_byte_is_refused_or_tears_the_last_record),
	    SUITE_CASE(torn_group_ends_the_journal_though_its_end_is_intact),
	    SUITE_CASE(torn_group_is_refused_when_a_later_commit_is_intact),
	    SUITE_CASE(recovered_records_count_as_durable),
	    SUITE_CASE(damage_at_or_below_the_recovery_point_is_ignored),
	    SUITE_CASE(damage_before_a_later_segment_is_refused),
	    SUITE_CASE(missing_segment_is_refused_unless_nobody_needs_it),
	    SUITE_CASE(
		lost_header_of_the_last_segment_is_refused_if_more_was_durable),
	    SUITE_CASE(torn_tail_is_refused_when_the_next_segment_has_its_name),
	    SUITE_CASE(journal_torn_below_the_recovery_point_goes_on_behind_it),
	    SUITE_CASE(record_moved_to_another_place_is_none),
	    SUITE_CASE(random_damage_never_gives_a_wrong_record),
	};

	return suite_run(
	    "journal_damage", cases, SUITE_COUNT(cases), argc, argv);
}
