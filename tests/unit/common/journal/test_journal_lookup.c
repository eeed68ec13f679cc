#include "common/journal/journal_lookup.h"

#include <errno.h>
#include <unistd.h>

#include "tests/support/fault_file_system.h"
#include "tests/unit/common/journal/journal_fixture.h"

#define RECORDS 120

struct placed {
	uint64_t sequence;
	struct journal_position position;
};

struct lookup_fixture {
	struct scratch scratch;
	struct journal_fixture f;
	struct journal_lookup *lookup;
	struct placed records[RECORDS];
	size_t count;
};

static void
lookup_fixture_init(struct lookup_fixture *l, bool mapped)
{
	memset(l, 0, sizeof(*l));
	scratch_init(&l->scratch);
	journal_fixture_init(&l->f, file_system_real(), l->scratch.path);
	l->f.options.mapped = mapped;
	ASSERT_OK(journal_fixture_open(&l->f, 0), &l->f.err);
	l->lookup = journal_lookup_create(&l->f.options);
}

static void
lookup_fixture_deinit(struct lookup_fixture *l)
{
	journal_lookup_close(l->lookup);
	journal_fixture_close(&l->f);
	scratch_deinit(&l->scratch);
}

static void
append_one(struct lookup_fixture *l)
{
	uint64_t sequence = journal_last_sequence(l->f.journal) + 1;

	CHECK(l->count < RECORDS);
	ASSERT_OK(journal_fixture_append(&l->f), &l->f.err);
	l->records[l->count++] =
	    (struct placed){sequence, journal_last_position(l->f.journal)};
}

static void
append_some(struct lookup_fixture *l, size_t count)
{
	for (size_t i = 0; i < count; i++)
		append_one(l);
	ASSERT_OK(journal_commit(l->f.journal, true, &l->f.err), &l->f.err);
}

static void
check_record(struct lookup_fixture *l, const struct placed *record)
{
	struct buffer expected = {0};
	struct slice payload;

	ASSERT_OK(journal_lookup_read(
		      l->lookup, &record->position, &payload, &l->f.err),
	    &l->f.err);
	journal_fixture_payload(&l->f, record->sequence, &expected);
	CU_ASSERT_TRUE(slice_equal(payload, buffer_slice(&expected)));
	buffer_deinit(&expected);
}

static void
check_all(struct lookup_fixture *l)
{
	/* Back and forth, so that files are closed and opened again. */
	for (size_t i = 0; i < l->count; i++) {
		check_record(l, &l->records[i]);
		check_record(l, &l->records[l->count - 1 - i]);
	}
}

static enum status
note_position(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct lookup_fixture *l = context;

	CU_ASSERT_EQUAL(
	    l->f.recovery.position.payload_bytes, (uint32_t)payload.size);
	CHECK(l->count < RECORDS);
	l->records[l->count++] =
	    (struct placed){first_sequence, l->f.recovery.position};
	return STATUS_OK;
}

static void
reopen_and_note(struct lookup_fixture *l)
{
	journal_fixture_close(&l->f);
	l->count = 0;
	ASSERT_OK(journal_open(&l->f.options, 0, note_position, l,
		      &l->f.recovery, &l->f.journal, &l->f.err),
	    &l->f.err);
	journal_lookup_close(l->lookup);
	l->lookup = journal_lookup_create(&l->f.options);
}

static void
check_positions(bool mapped)
{
	struct lookup_fixture l;

	lookup_fixture_init(&l, mapped);
	for (size_t i = 1; i < 12; i++) {
		append_some(&l, i);
		check_all(&l);
	}
	CU_ASSERT_TRUE(
	    journal_segment_count(l.f.journal) > JOURNAL_LOOKUP_FILES_MAX);
	/* The tail is written afresh: its records may stand elsewhere. */
	reopen_and_note(&l);
	CU_ASSERT_EQUAL(l.count, 66);
	check_all(&l);
	append_some(&l, 40);
	check_all(&l);
	lookup_fixture_deinit(&l);
}

static void
records_are_read_back_while_the_journal_grows(void)
{
	check_positions(false);
	check_positions(true);
}

static void
reading_alone_tells_positions_too(void)
{
	struct lookup_fixture l;

	lookup_fixture_init(&l, false);
	append_some(&l, 30);
	journal_fixture_close(&l.f);
	l.count = 0;
	ASSERT_OK(journal_read(&l.f.options, 0, note_position, &l,
		      &l.f.recovery, &l.f.err),
	    &l.f.err);
	CU_ASSERT_EQUAL(l.count, 30);
	check_all(&l);
	lookup_fixture_deinit(&l);
}

static void
flip(const char *path, uint64_t offset)
{
	struct file *file;
	struct error err;
	uint8_t byte;
	size_t got;

	ASSERT_OK(
	    file_open_writable(file_system_real(), path, &file, &err), &err);
	ASSERT_OK(file_read_at(file, offset, &byte, 1, &got, &err), &err);
	byte ^= 0x10;
	ASSERT_OK(file_write_at(file, offset, slice_of(&byte, 1), &err), &err);
	file_close(file);
}

static enum status
read_status(struct lookup_fixture *l, const struct journal_position *position)
{
	struct slice payload;

	return journal_lookup_read(l->lookup, position, &payload, &l->f.err);
}

static void
every_damaged_byte_is_told_with_file_and_offset(void)
{
	struct lookup_fixture l;
	const struct journal_position *position;
	const char *path;
	char place[64];

	lookup_fixture_init(&l, false);
	append_some(&l, 3);
	position = &l.records[1].position;
	path = journal_fixture_segment(l.scratch.path, 1);
	snprintf(place, sizeof(place), "offset %u", position->offset);
	for (uint64_t offset = position->offset;
	     offset < l.records[2].position.offset; offset++) {
		flip(path, offset);
		CU_ASSERT_EQUAL(read_status(&l, position), STATUS_CORRUPT);
		CU_ASSERT_PTR_NOT_NULL(strstr(l.f.err.text, path));
		CU_ASSERT_PTR_NOT_NULL(strstr(l.f.err.text, place));
		check_record(&l, &l.records[0]);
		check_record(&l, &l.records[2]);
		flip(path, offset);
	}
	check_all(&l);
	lookup_fixture_deinit(&l);
}

static void
damaged_header_and_missing_segment_are_told(void)
{
	struct lookup_fixture l;
	const char *path;

	lookup_fixture_init(&l, false);
	append_some(&l, 3);
	path = journal_fixture_segment(l.scratch.path, 1);
	flip(path, 20);
	CU_ASSERT_EQUAL(
	    read_status(&l, &l.records[0].position), STATUS_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.f.err.text, path));
	flip(path, 20);
	check_all(&l);
	journal_lookup_forget(l.lookup, 2);
	CHECK(unlink(path) == 0);
	CU_ASSERT_EQUAL(
	    read_status(&l, &l.records[0].position), STATUS_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(l.f.err.text, path));
	lookup_fixture_deinit(&l);
}

static void
only_the_very_position_holds_a_record(void)
{
	struct lookup_fixture l;
	struct journal_position position;

	lookup_fixture_init(&l, false);
	append_some(&l, 3);
	for (uint32_t offset = 0; offset < 4096; offset++) {
		position = l.records[1].position;
		if (offset == position.offset)
			continue;
		position.offset = offset;
		CU_ASSERT_EQUAL(read_status(&l, &position), STATUS_CORRUPT);
	}
	position = l.records[1].position;
	position.payload_bytes--;
	CU_ASSERT_EQUAL(read_status(&l, &position), STATUS_CORRUPT);
	lookup_fixture_deinit(&l);
}

static void
record_of_a_recycled_segment_is_none(void)
{
	struct lookup_fixture l;
	struct placed first;
	size_t kept = 0;

	lookup_fixture_init(&l, false);
	append_some(&l, 40);
	first = l.records[0];
	check_record(&l, &first);
	ASSERT_OK(
	    journal_release(l.f.journal, l.records[20].sequence - 1, &l.f.err),
	    &l.f.err);
	append_some(&l, 40);
	/* Its file has another name by now, and other records. */
	CU_ASSERT_EQUAL(read_status(&l, &first.position), STATUS_CORRUPT);
	journal_lookup_forget(l.lookup, l.records[20].position.segment);
	for (size_t i = 20; i < l.count; i++, kept++)
		check_record(&l, &l.records[i]);
	CU_ASSERT_EQUAL(kept, 60);
	lookup_fixture_deinit(&l);
}

static void
failed_read_is_an_error_and_the_next_one_succeeds(void)
{
	struct lookup_fixture l;
	struct fault_file_system *fault;

	lookup_fixture_init(&l, false);
	append_some(&l, 3);
	fault = fault_file_system_create(l.scratch.path);
	l.f.options.fs = fault_file_system_table(fault);
	for (uint64_t call = 0;; call++) {
		journal_lookup_close(l.lookup);
		l.lookup = journal_lookup_create(&l.f.options);
		fault_file_system_fail(fault,
		    fault_file_system_calls(fault) + call, FAULT_ERROR, EIO);
		if (read_status(&l, &l.records[0].position) == STATUS_OK)
			break;
		CU_ASSERT_EQUAL(l.f.err.code, STATUS_IO);
		check_all(&l);
	}
	CU_ASSERT_FALSE(fault_file_system_struck(fault));
	journal_lookup_close(l.lookup);
	l.lookup = NULL;
	fault_file_system_close(fault);
	lookup_fixture_deinit(&l);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(records_are_read_back_while_the_journal_grows),
	    SUITE_CASE(reading_alone_tells_positions_too),
	    SUITE_CASE(every_damaged_byte_is_told_with_file_and_offset),
	    SUITE_CASE(damaged_header_and_missing_segment_are_told),
	    SUITE_CASE(only_the_very_position_holds_a_record),
	    SUITE_CASE(record_of_a_recycled_segment_is_none),
	    SUITE_CASE(failed_read_is_an_error_and_the_next_one_succeeds),
	};

	return suite_run(
	    "journal_lookup", cases, SUITE_COUNT(cases), argc, argv);
}
