#include "common/journal/journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/codec/integer.h"
#include "common/journal/journal_format.h"
#include "common/os/bus_guard.h"
#include "tests/support/fault_file_system.h"
#include "tests/unit/common/journal/journal_fixture.h"

static void
reopen(struct journal_fixture *f, uint64_t after)
{
	journal_fixture_close(f);
	ASSERT_OK(journal_fixture_open(f, after), &f->err);
}

static void
empty_folder_begins_behind_the_recovery_point(void)
{
	struct scratch scratch;
	struct journal_fixture f;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	ASSERT_OK(journal_fixture_open(&f, 41), &f.err);
	CU_ASSERT_EQUAL(journal_last_sequence(f.journal), 41);
	CU_ASSERT_EQUAL(f.recovery.record_count, 0);
	CU_ASSERT_EQUAL(journal_segment_count(f.journal), 1);
	CU_ASSERT_EQUAL(journal_size_bytes(f.journal), 4096);
	journal_fixture_fill(&f, 1);
	reopen(&f, 41);
	CU_ASSERT_EQUAL(f.first, 42);
	CU_ASSERT_EQUAL(f.recovery.record_count, 1);
	CU_ASSERT_FALSE(f.recovery.torn);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

static void
check_order_over_many_segments(bool mapped, bool helped)
{
	struct scratch scratch;
	struct journal_fixture f;
	uint64_t last;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	f.options.mapped = mapped;
	f.options.helped = helped;
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	for (int round = 0; round < 5; round++) {
		journal_fixture_fill(&f, 40);
		last = journal_last_sequence(f.journal);
		reopen(&f, 0);
		CU_ASSERT_EQUAL(f.first, 1);
		CU_ASSERT_EQUAL(f.next, last + 1);
		CU_ASSERT_EQUAL(journal_last_sequence(f.journal), last);
		CU_ASSERT_FALSE(f.recovery.torn);
	}
	CU_ASSERT_EQUAL(f.recovery.record_count, 200);
	CU_ASSERT_TRUE(journal_segment_count(f.journal) > 10);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

static void
records_come_back_in_order_over_many_segments(void)
{
	check_order_over_many_segments(false, false);
	check_order_over_many_segments(true, false);
	check_order_over_many_segments(true, true);
}

static enum status
count_name(void *context, const char *name, struct error *err)
{
	unsigned *count = context;

	(*count)++;
	return STATUS_OK;
}

static void
only_records_above_the_recovery_point_are_given(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	unsigned files = 0;
	uint64_t last;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	journal_fixture_fill(&f, 60);
	last = journal_last_sequence(f.journal);
	for (uint64_t after = 1; after <= last; after++) {
		reopen(&f, after);
		CU_ASSERT_EQUAL(f.next, last + 1);
		CU_ASSERT_EQUAL(journal_last_sequence(f.journal), last);
		if (after < last) {
			/* The record that holds the next sequence, whole. */
			CU_ASSERT_TRUE(f.first <= after + 1);
			CU_ASSERT_TRUE(
			    f.first + journal_fixture_count(f.first) >
			    after + 1);
		} else {
			CU_ASSERT_EQUAL(f.first, 0);
		}
	}
	/* What is not needed any more is gone. */
	CU_ASSERT_EQUAL(journal_segment_count(f.journal), 1);
	ASSERT_OK(
	    directory_list(scratch.path, count_name, &files, &f.err), &f.err);
	CU_ASSERT_EQUAL(files, 1);
	reopen(&f, last + 10);
	CU_ASSERT_EQUAL(journal_last_sequence(f.journal), last + 10);
	journal_fixture_fill(&f, 1);
	reopen(&f, last + 10);
	CU_ASSERT_EQUAL(f.first, last + 11);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

static void
check_recycled_segment(bool mapped)
{
	struct scratch scratch;
	struct journal_fixture f;
	struct stat before;
	struct stat info;
	uint64_t mark;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	/* Records of one size, so that old and new ones lie at one offset. */
	f.payload_bytes_max = 1;
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	while (journal_segment_count(f.journal) < 3)
		journal_fixture_fill(&f, 1);
	mark = journal_last_sequence(f.journal) - 4;
	CHECK(stat(journal_fixture_segment(scratch.path, 1), &before) == 0);
	ASSERT_OK(journal_release(f.journal, mark, &f.err), &f.err);
	CU_ASSERT_FALSE(journal_wants_spare(f.journal));
	while (path_exists(journal_fixture_segment(scratch.path, 1)))
		journal_fixture_fill(&f, 1);
	/* The first file now is the newest, with one new record in it. */
	CHECK(stat(journal_fixture_segment(scratch.path, 4), &info) == 0);
	CU_ASSERT_EQUAL(info.st_ino, before.st_ino);
	mark = journal_last_sequence(f.journal);
	reopen(&f, 0x7fffffff);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	f.options.mapped = mapped;
	f.payload_bytes_max = 1;
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	for (int round = 0; round < 400; round++) {
		uint64_t from;

		journal_fixture_fill(&f, 1);
		from = journal_last_sequence(f.journal);
		from = from > 40 ? from - 40 : 0;
		ASSERT_OK(journal_release(f.journal, from, &f.err), &f.err);
		mark = journal_last_sequence(f.journal);
		if (round % 7 != 0)
			continue;
		reopen(&f, from);
		CU_ASSERT_EQUAL(journal_last_sequence(f.journal), mark);
		CU_ASSERT_FALSE(f.recovery.torn);
	}
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

static void
old_records_in_a_recycled_segment_never_pass_for_new_ones(void)
{
	check_recycled_segment(false);
	check_recycled_segment(true);
}

static void
record_larger_than_a_segment_gets_its_own_that_is_not_recycled(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	uint64_t last;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	f.payload_bytes_max = 40000;
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	for (int round = 0; round < 10; round++) {
		journal_fixture_fill(&f, 5);
		last = journal_last_sequence(f.journal);
		reopen(&f, 0);
		CU_ASSERT_EQUAL(f.next, last + 1);
	}
	CU_ASSERT_EQUAL(f.first, 1);
	CU_ASSERT_TRUE(journal_size_bytes(f.journal) > 50 * 4096 * (uint64_t)2);
	f.payload_bytes_max = 1;
	last = journal_last_sequence(f.journal);
	journal_fixture_fill(&f, 200);
	ASSERT_OK(journal_release(f.journal, last, &f.err), &f.err);
	/* What is left are segments of the common size. */
	CU_ASSERT_TRUE(journal_size_bytes(f.journal) <=
	    4096 * (uint64_t)journal_segment_count(f.journal) + 40000);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

/* Takes one record of the greatest size, all the same bytes. */
static enum status
on_largest(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	CU_ASSERT_EQUAL(first_sequence, 1);
	CU_ASSERT_EQUAL(count, UINT32_MAX);
	CU_ASSERT_EQUAL(payload.size, JOURNAL_PAYLOAD_BYTES_MAX);
	CU_ASSERT_EQUAL(
	    memcmp(payload.data, payload.data + 1, payload.size - 1), 0);
	CU_ASSERT_EQUAL(payload.data[0], 'x');
	return STATUS_OK;
}

static void
largest_record_comes_back(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	struct buffer payload = {0};

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	memset(buffer_reserve(&payload, JOURNAL_PAYLOAD_BYTES_MAX), 'x',
	    JOURNAL_PAYLOAD_BYTES_MAX);
	buffer_commit(&payload, JOURNAL_PAYLOAD_BYTES_MAX);
	ASSERT_OK(journal_append(
		      f.journal, 1, UINT32_MAX, buffer_slice(&payload), &f.err),
	    &f.err);
	ASSERT_OK(journal_commit(f.journal, true, &f.err), &f.err);
	journal_fixture_close(&f);
	ASSERT_OK(journal_open(&f.options, 0, on_largest, NULL, &f.recovery,
		      &f.journal, &f.err),
	    &f.err);
	CU_ASSERT_EQUAL(f.recovery.record_count, 1);
	CU_ASSERT_FALSE(f.recovery.torn);
	journal_fixture_close(&f);
	buffer_deinit(&payload);
	scratch_deinit(&scratch);
}

static void
commit_is_one_write_of_whole_pages_and_one_sync(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	struct fault_file_system *fault;
	struct stat info;
	uint64_t calls;

	scratch_init(&scratch);
	fault = fault_file_system_create(scratch.path);
	journal_fixture_init(&f, fault_file_system_table(fault), scratch.path);
	f.options.segment_bytes = 1 << 16;
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	CHECK(stat(journal_fixture_segment(scratch.path, 1), &info) == 0);
	CU_ASSERT_EQUAL(info.st_size, 1 << 16);
	calls = fault_file_system_calls(fault);
	for (int i = 0; i < 10; i++)
		ASSERT_OK(journal_fixture_append(&f), &f.err);
	CU_ASSERT_EQUAL(fault_file_system_calls(fault), calls);
	ASSERT_OK(journal_commit(f.journal, true, &f.err), &f.err);
	CU_ASSERT_EQUAL(fault_file_system_calls(fault), calls + 2);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(fault_file_system_describe(fault, calls), "pwrite"));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(fault_file_system_describe(fault, calls + 1), "sync"));
	/* Nothing to write, nothing to sync. */
	ASSERT_OK(journal_commit(f.journal, true, &f.err), &f.err);
	CU_ASSERT_EQUAL(fault_file_system_calls(fault), calls + 2);
	/* Without sync the write alone, and the sync when it is wanted. */
	ASSERT_OK(journal_fixture_append(&f), &f.err);
	ASSERT_OK(journal_commit(f.journal, false, &f.err), &f.err);
	CU_ASSERT_EQUAL(fault_file_system_calls(fault), calls + 3);
	ASSERT_OK(journal_commit(f.journal, true, &f.err), &f.err);
	CU_ASSERT_EQUAL(fault_file_system_calls(fault), calls + 4);
	journal_fixture_close(&f);
	fault_file_system_close(fault);
	scratch_deinit(&scratch);
}

static enum status
refuse_leftover(void *context, const char *name, struct error *err)
{
	if (strstr(name, ".spare") == NULL && strstr(name, ".new") == NULL)
		return STATUS_OK;
	return error_set(err, STATUS_CONFLICT, "%s is left", name);
}

static void
given_spare_becomes_the_next_segment(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	struct journal_spare *spare;
	struct fault_file_system *fault;
	uint64_t calls;
	unsigned creations = 0;

	scratch_init(&scratch);
	fault = fault_file_system_create(scratch.path);
	journal_fixture_init(&f, fault_file_system_table(fault), scratch.path);
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	CU_ASSERT_TRUE(journal_wants_spare(f.journal));
	ASSERT_OK(journal_spare_prepare(&f.options, &spare, &f.err), &f.err);
	journal_spare_give(f.journal, spare);
	CU_ASSERT_FALSE(journal_wants_spare(f.journal));
	calls = fault_file_system_calls(fault);
	while (journal_segment_count(f.journal) == 1)
		journal_fixture_fill(&f, 1);
	CU_ASSERT_TRUE(journal_wants_spare(f.journal));
	for (; calls < fault_file_system_calls(fault); calls++)
		creations += strstr(fault_file_system_describe(fault, calls),
				 "allocate") != NULL;
	CU_ASSERT_EQUAL(creations, 0);
	/* A spare left behind goes with the next opening. */
	ASSERT_OK(journal_spare_prepare(&f.options, &spare, &f.err), &f.err);
	journal_spare_close(spare);
	CU_ASSERT_EQUAL(
	    directory_list(scratch.path, refuse_leftover, NULL, &f.err),
	    STATUS_CONFLICT);
	reopen(&f, 0);
	ASSERT_OK(directory_list(scratch.path, refuse_leftover, NULL, &f.err),
	    &f.err);
	CU_ASSERT_EQUAL(f.next, journal_last_sequence(f.journal) + 1);
	CU_ASSERT_TRUE(journal_wants_spare(f.journal));
	journal_fixture_close(&f);
	fault_file_system_close(fault);
	scratch_deinit(&scratch);
}

static enum status
refuse(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	return error_set(err, STATUS_SHUTDOWN, "not now");
}

static void
callers_refusal_ends_the_opening_and_changes_nothing(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	struct journal *journal;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	journal_fixture_fill(&f, 3);
	journal_fixture_close(&f);
	CU_ASSERT_EQUAL(journal_open(&f.options, 0, refuse, NULL, &f.recovery,
			    &journal, &f.err),
	    STATUS_SHUTDOWN);
	CU_ASSERT_PTR_NULL(journal);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "record at offset 64"));
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	CU_ASSERT_EQUAL(f.recovery.record_count, 3);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

/* Rewrites the header of segment 1 with `version`, properly summed. */
static void
set_version(const char *folder, uint32_t version)
{
	struct journal_segment_header header;
	uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES];
	struct file *file;
	struct error err;
	uint64_t seed;
	size_t got;

	ASSERT_OK(file_open_writable(file_system_real(),
		      journal_fixture_segment(folder, 1), &file, &err),
	    &err);
	ASSERT_OK(
	    file_read_at(file, 0, bytes, sizeof(bytes), &got, &err), &err);
	CU_ASSERT_TRUE_FATAL(
	    journal_segment_header_decode(bytes, &header, &seed));
	header.version = version;
	journal_segment_header_encode(bytes, &header);
	ASSERT_OK(
	    file_write_at(file, 0, slice_of(bytes, sizeof(bytes)), &err), &err);
	file_close(file);
}

static void
segments_of_a_newer_format_or_another_store_are_refused(void)
{
	static const uint8_t other[JOURNAL_STORE_ID_BYTES] = "another";
	struct scratch scratch;
	struct journal_fixture f;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	journal_fixture_fill(&f, 3);
	journal_fixture_close(&f);
	f.options.shard = 4;
	CU_ASSERT_EQUAL(journal_fixture_open(&f, 0), STATUS_INVALID);
	f.options.shard = 3;
	f.options.store_id = other;
	CU_ASSERT_EQUAL(journal_fixture_open(&f, 0), STATUS_INVALID);
	f.options.store_id = journal_fixture_store;
	set_version(scratch.path, 2);
	CU_ASSERT_EQUAL(journal_fixture_open(&f, 0), STATUS_VERSION);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(f.err.text, journal_fixture_segment(scratch.path, 1)));
	scratch_deinit(&scratch);
}

/* clang-format off */
static const uint8_t golden[] = {
    /* magic */
    0x6b, 0x76, 0x6a, 0x6f, 0x75, 0x72, 0x6e, 0x6c,
    /* version, shard */
    0x01, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    /* store id */
    0x74, 0x68, 0x65, 0x20, 0x73, 0x74, 0x6f, 0x72,
    0x65, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    /* number */
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    /* first sequence */
    0x89, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
    /* size */
    0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    /* checksum */
    0x1f, 0x6f, 0xe6, 0xcf, 0x1e, 0xd1, 0xcb, 0xd5,
    /* head, first sequence, check */
    0x18, 0x00, 0x1f, 0x48,
    /* checksum */
    0xf2, 0x7a, 0x2e, 0xd8, 0x0d, 0x9b, 0xfd, 0xb5,
    /* payload */
    0x6f, 0x6e, 0x65,
    /* head, count, first sequence, check */
    0xb1, 0x04, 0x01, 0x02, 0x10, 0xcd,
    0x60, 0x3b, 0x48, 0xfc, 0x24, 0xb4, 0xee, 0xf0,
    0x74, 0x68, 0x65, 0x20, 0x73, 0x65, 0x63, 0x6f,
    0x6e, 0x64, 0x2c, 0x20, 0x77, 0x68, 0x69, 0x63,
    0x68, 0x20, 0x69, 0x73, 0x20, 0x6c, 0x6f, 0x6e,
    0x67, 0x20, 0x65, 0x6e, 0x6f, 0x75, 0x67, 0x68,
    0x20, 0x66, 0x6f, 0x72, 0x20, 0x74, 0x68, 0x72,
    0x65, 0x65, 0x20, 0x77, 0x61, 0x79, 0x73, 0x20,
    0x74, 0x6f, 0x20, 0x73, 0x61, 0x79, 0x20, 0x77,
    0x68, 0x61, 0x74, 0x20, 0x69, 0x73, 0x20, 0x6f,
    0x6e, 0x20, 0x64, 0x69, 0x73, 0x6b,
    /* all before it is on disk */
    0x08, 0x03, 0xac, 0xe0, 0x69, 0xaf, 0xe4, 0x49,
    0xf7, 0x3e, 0x65, 0xe6, 0x33,
    /* all but 13 bytes are */
    0x0c, 0x05, 0x0d, 0xc5, 0x37, 0x25, 0xde, 0x78,
    0x2d, 0x25, 0x07, 0xbb, 0x8e, 0x34,
    /* 20 times 8 bytes are */
    0x0a, 0x07, 0x14, 0x4e, 0x72, 0xaa, 0x7c, 0x5e,
    0x07, 0xb8, 0xd8, 0x16, 0xc4, 0x35
};
/* clang-format on */

static void
bytes_on_disk_are_the_documented_ones(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	struct buffer bytes = {0};

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	ASSERT_OK(journal_fixture_open(&f, 0x1122334455667788), &f.err);
	ASSERT_OK(journal_append(f.journal, 0x1122334455667789, 2,
		      slice_of_string("one"), &f.err),
	    &f.err);
	ASSERT_OK(journal_commit(f.journal, true, &f.err), &f.err);
	ASSERT_OK(journal_append(f.journal, 0x112233445566778b, 1,
		      slice_of_string("the second, which is long enough for "
				      "three ways to say what is on disk"),
		      &f.err),
	    &f.err);
	ASSERT_OK(journal_commit(f.journal, true, &f.err), &f.err);
	for (uint64_t i = 0; i < 3; i++)
		ASSERT_OK(journal_append(f.journal, 0x112233445566778c + 2 * i,
			      2, slice_of(&"345"[i], 1), &f.err),
		    &f.err);
	ASSERT_OK(journal_commit(f.journal, true, &f.err), &f.err);
	journal_fixture_close(&f);
	ASSERT_OK(file_read_whole(file_system_real(),
		      journal_fixture_segment(scratch.path, 1), 1 << 20, &bytes,
		      &f.err),
	    &f.err);
	CU_ASSERT_EQUAL_FATAL(buffer_size(&bytes), 4096);
	CU_ASSERT_EQUAL(memcmp(bytes.data, golden, sizeof(golden)), 0);
	for (size_t i = sizeof(golden); i < 4096; i++)
		CU_ASSERT_EQUAL(bytes.data[i], 0);
	buffer_deinit(&bytes);
	scratch_deinit(&scratch);
}

static void
mapped_commit_survives_the_process_without_a_sync(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	uint64_t last;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	f.options.mapped = true;
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	while (journal_segment_count(f.journal) < 4) {
		ASSERT_OK(journal_fixture_append(&f), &f.err);
		ASSERT_OK(journal_commit(f.journal, false, &f.err), &f.err);
	}
	last = journal_last_sequence(f.journal);
	/* Nothing was synced: the death of a process loses none of it. */
	f.options.mapped = false;
	reopen(&f, 0);
	CU_ASSERT_EQUAL(f.next, last + 1);
	CU_ASSERT_FALSE(f.recovery.torn);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

static void
helped_journal_leaves_the_same_files(void)
{
	struct scratch scratch;
	struct journal_fixture f;
	uint64_t middle;
	uint64_t last;

	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	f.options.mapped = true;
	f.options.helped = true;
	f.options.spares_max = 0;
	/* Long enough for pages to be found, and handed to the disk, ahead. */
	f.options.segment_bytes = 6 << 20;
	f.payload_bytes_max = 300000;
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	while (journal_segment_count(f.journal) < 3) {
		ASSERT_OK(journal_fixture_append(&f), &f.err);
		ASSERT_OK(journal_commit(f.journal, false, &f.err), &f.err);
	}
	middle = journal_last_sequence(f.journal);
	ASSERT_OK(journal_release(f.journal, middle, &f.err), &f.err);
	while (journal_segment_count(f.journal) < 3) {
		ASSERT_OK(journal_fixture_append(&f), &f.err);
		ASSERT_OK(journal_commit(f.journal, false, &f.err), &f.err);
	}
	last = journal_last_sequence(f.journal);
	journal_close(f.journal);
	f.journal = NULL;
	CU_ASSERT_FALSE(path_exists(journal_fixture_segment(scratch.path, 1)));
	CU_ASSERT_TRUE(path_exists(journal_fixture_segment(scratch.path, 4)));
	ASSERT_OK(journal_fixture_open(&f, middle), &f.err);
	CU_ASSERT_EQUAL(f.next, last + 1);
	CU_ASSERT_FALSE(f.recovery.torn);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

static void
page_that_a_mapping_cannot_have_closes_the_journal(void)
{
	struct scratch scratch;
	struct journal_fixture f;

	bus_guard_install();
	scratch_init(&scratch);
	journal_fixture_init(&f, file_system_real(), scratch.path);
	f.options.mapped = true;
	ASSERT_OK(journal_fixture_open(&f, 0), &f.err);
	journal_fixture_fill(&f, 1);
	CHECK(truncate(journal_fixture_segment(scratch.path, 1), 0) == 0);
	ASSERT_OK(journal_fixture_append(&f), &f.err);
	CU_ASSERT_EQUAL(journal_commit(f.journal, false, &f.err), STATUS_IO);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, scratch.path));
	CU_ASSERT_EQUAL(journal_commit(f.journal, true, &f.err), STATUS_IO);
	journal_fixture_close(&f);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(empty_folder_begins_behind_the_recovery_point),
	    SUITE_CASE(records_come_back_in_order_over_many_segments),
	    SUITE_CASE(only_records_above_the_recovery_point_are_given),
	    SUITE_CASE(
		old_records_in_a_recycled_segment_never_pass_for_new_ones),
	    SUITE_CASE(
		record_larger_than_a_segment_gets_its_own_that_is_not_recycled),
	    SUITE_CASE(largest_record_comes_back),
	    SUITE_CASE(commit_is_one_write_of_whole_pages_and_one_sync),
	    SUITE_CASE(given_spare_becomes_the_next_segment),
	    SUITE_CASE(mapped_commit_survives_the_process_without_a_sync),
	    SUITE_CASE(helped_journal_leaves_the_same_files),
	    SUITE_CASE(page_that_a_mapping_cannot_have_closes_the_journal),
	    SUITE_CASE(callers_refusal_ends_the_opening_and_changes_nothing),
	    SUITE_CASE(segments_of_a_newer_format_or_another_store_are_refused),
	    SUITE_CASE(bytes_on_disk_are_the_documented_ones),
	};

	return suite_run("journal", cases, SUITE_COUNT(cases), argc, argv);
}
