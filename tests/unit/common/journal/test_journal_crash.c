#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "common/journal/journal_directory.h"
#include "tests/support/fault_file_system.h"
#include "tests/unit/common/journal/journal_fixture.h"

#define ROUNDS 40
#define MARKS_MAX 256
#define SEEDS 3

/* What was promised when so many calls had been made. */
struct mark {
	uint64_t calls;
	uint64_t durable; /* last sequence that a power cut must leave */
	uint64_t released; /* the recovery point to open with */
};

struct crash {
	struct scratch scratch;
	char root[PATH_BYTES_MAX];
	struct fault_file_system *fault;
	struct journal_fixture f;
	struct mark marks[MARKS_MAX];
	size_t mark_count;
	uint64_t durable; /* a power cut leaves it */
	uint64_t accepted; /* the death of the process leaves it */
	uint64_t released;
	bool sync;
	uint64_t outcomes;
};

static void
crash_init(struct crash *crash, bool sync)
{
	memset(crash, 0, sizeof(*crash));
	scratch_init(&crash->scratch);
	path_join(crash->root, crash->scratch.path, "journal");
	CHECK(mkdir(crash->root, 0750) == 0);
	crash->fault = fault_file_system_create(crash->root);
	crash->sync = sync;
	journal_fixture_init(
	    &crash->f, fault_file_system_table(crash->fault), crash->root);
}

static void
crash_deinit(struct crash *crash)
{
	journal_fixture_close(&crash->f);
	fault_file_system_close(crash->fault);
	scratch_deinit(&crash->scratch);
}

static void
mark(struct crash *crash)
{
	CHECK(crash->mark_count < MARKS_MAX);
	crash->marks[crash->mark_count++] =
	    (struct mark){fault_file_system_calls(crash->fault), crash->durable,
		crash->released};
}

static const struct mark *
mark_at(const struct crash *crash, uint64_t calls)
{
	static const struct mark none;
	const struct mark *found = &none;

	for (size_t i = 0; i < crash->mark_count; i++) {
		if (crash->marks[i].calls <= calls)
			found = &crash->marks[i];
	}
	return found;
}

static enum status
open_and_note(struct crash *crash)
{
	if (journal_fixture_open(&crash->f, crash->released) != STATUS_OK)
		return crash->f.err.code;
	crash->accepted = journal_last_sequence(crash->f.journal);
	crash->durable = crash->accepted;
	mark(crash);
	return STATUS_OK;
}

static enum status
commit_some(struct crash *crash, unsigned records, bool sync)
{
	for (unsigned i = 0; i < records; i++) {
		if (journal_fixture_append(&crash->f) != STATUS_OK)
			return crash->f.err.code;
	}
	if (journal_commit(crash->f.journal, sync, &crash->f.err) != STATUS_OK)
		return crash->f.err.code;
	crash->accepted = journal_last_sequence(crash->f.journal);
	if (sync)
		crash->durable = crash->accepted;
	mark(crash);
	return STATUS_OK;
}

static enum status
give_spare(struct crash *crash)
{
	struct journal_spare *spare;

	if (!journal_wants_spare(crash->f.journal))
		return STATUS_OK;
	if (journal_spare_prepare(&crash->f.options, &spare, &crash->f.err) !=
	    STATUS_OK)
		return crash->f.err.code;
	journal_spare_give(crash->f.journal, spare);
	return STATUS_OK;
}

/* One round of a life with everything in it. */
static enum status
live_round(struct crash *crash, unsigned round)
{
	if (round % 17 == 16) {
		journal_fixture_close(&crash->f);
		return open_and_note(crash);
	}
	if (round % 5 == 3 && give_spare(crash) != STATUS_OK)
		return crash->f.err.code;
	if (round % 6 == 5 && crash->accepted > 30) {
		/* The caller has this point on disk before it releases. */
		crash->released = crash->accepted - 30;
		if (crash->durable < crash->released)
			crash->durable = crash->released;
		mark(crash);
		if (journal_release(crash->f.journal, crash->released,
			&crash->f.err) != STATUS_OK)
			return crash->f.err.code;
	}
	return commit_some(
	    crash, 1 + round % 4, crash->sync || round % 11 == 10);
}

static enum status
live(struct crash *crash)
{
	if (open_and_note(crash) != STATUS_OK)
		return crash->f.err.code;
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (live_round(crash, round) != STATUS_OK)
			return crash->f.err.code;
	}
	return STATUS_OK;
}

/* What the power leaves after `calls`, in a fresh folder. */
static const char *
cut(struct crash *crash, struct fault_file_system *fault, uint64_t calls,
    uint64_t seed)
{
	static char path[2][PATH_BYTES_MAX];
	char name[32];
	char *chosen = path[crash->outcomes % 2];

	snprintf(name, sizeof(name), "cut-%" PRIu64, crash->outcomes++);
	path_join(chosen, crash->scratch.path, name);
	fault_file_system_materialise(fault, calls, seed, chosen);
	return chosen;
}

static void
remove_folder(const char *path)
{
	struct scratch folder;

	snprintf(folder.path, sizeof(folder.path), "%s", path);
	scratch_deinit(&folder);
}

/* Opens `folder`: `durable` is there, and it can be written and read on. */
static void
check_outcome(struct file_system *fs, const char *folder, uint64_t after,
    uint64_t durable)
{
	struct journal_fixture f;
	uint64_t last;

	journal_fixture_init(&f, fs, folder);
	ASSERT_OK(journal_fixture_open(&f, after), &f.err);
	CU_ASSERT_TRUE(f.next > durable);
	CU_ASSERT_TRUE(f.first == 0 || f.first <= after + 1);
	journal_fixture_fill(&f, 2);
	last = journal_last_sequence(f.journal);
	journal_fixture_close(&f);
	ASSERT_OK(journal_fixture_open(&f, after), &f.err);
	CU_ASSERT_EQUAL(f.next, last + 1);
	CU_ASSERT_FALSE(f.recovery.torn);
	journal_fixture_close(&f);
}

static void
cut_at_every_call(struct crash *crash)
{
	uint64_t end;

	ASSERT_OK(live(crash), &crash->f.err);
	end = fault_file_system_calls(crash->fault);
	for (uint64_t calls = 0; calls <= end; calls++) {
		const struct mark *promise = mark_at(crash, calls);

		if (calls > 0 &&
		    !fault_file_system_call_matters(crash->fault, calls - 1))
			continue;
		for (uint64_t i = 0; i < SEEDS; i++) {
			const char *folder = cut(crash, crash->fault, calls,
			    suite_seed() + calls * SEEDS + i);

			check_outcome(file_system_real(), folder,
			    promise->released, promise->durable);
			remove_folder(folder);
		}
	}
}

static void
power_cut_at_every_call_leaves_what_was_synced(void)
{
	struct crash crash;

	crash_init(&crash, true);
	cut_at_every_call(&crash);
	crash_deinit(&crash);
}

static void
power_cut_without_syncs_leaves_a_prefix(void)
{
	struct crash crash;

	crash_init(&crash, false);
	cut_at_every_call(&crash);
	crash_deinit(&crash);
}

/* Recovers `folder` on a disk that loses power at every call of that. */
static void
cut_recovery(
    struct crash *crash, const char *folder, const struct mark *promise)
{
	struct fault_file_system *fault = fault_file_system_create(folder);
	struct journal_fixture f;
	uint64_t last;
	uint64_t end;

	journal_fixture_init(&f, fault_file_system_table(fault), folder);
	ASSERT_OK(journal_fixture_open(&f, promise->released), &f.err);
	last = journal_last_sequence(f.journal);
	journal_fixture_close(&f);
	end = fault_file_system_calls(fault);
	for (uint64_t calls = 1; calls <= end; calls++) {
		const char *again;

		if (!fault_file_system_call_matters(fault, calls - 1))
			continue;
		again = cut(crash, fault, calls, suite_seed() + calls);
		/* What a finished opening gave is durable. */
		check_outcome(file_system_real(), again, promise->released,
		    calls == end ? last : promise->durable);
		remove_folder(again);
	}
	fault_file_system_close(fault);
}

static void
power_cut_during_recovery_loses_nothing_more(void)
{
	struct crash crash;
	uint64_t end;

	crash_init(&crash, true);
	ASSERT_OK(live(&crash), &crash.f.err);
	end = fault_file_system_calls(crash.fault);
	for (uint64_t calls = 1; calls <= end; calls += 5) {
		char folder[PATH_BYTES_MAX];

		snprintf(folder, sizeof(folder), "%s",
		    cut(&crash, crash.fault, calls, suite_seed() + calls));
		cut_recovery(&crash, folder, mark_at(&crash, calls));
		remove_folder(folder);
	}
	crash_deinit(&crash);
}

/* After the first failure each call says the same and touches nothing. */
static void
check_poisoned(struct crash *crash)
{
	struct journal_fixture *f = &crash->f;
	struct error first = f->err;
	uint64_t calls = fault_file_system_calls(crash->fault);
	uint64_t next = journal_last_sequence(f->journal) + 1;

	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(journal_append(f->journal, next, 1,
				    slice_of_string("x"), &f->err),
		    first.code);
		CU_ASSERT_STRING_EQUAL(f->err.text, first.text);
		CU_ASSERT_EQUAL(
		    journal_commit(f->journal, true, &f->err), first.code);
		CU_ASSERT_STRING_EQUAL(f->err.text, first.text);
		CU_ASSERT_EQUAL(
		    journal_release(f->journal, next, &f->err), first.code);
		CU_ASSERT_STRING_EQUAL(f->err.text, first.text);
	}
	CU_ASSERT_EQUAL(fault_file_system_calls(crash->fault), calls);
}

static bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/*
 * Lives until call `number` fails, starts again in the same folder, as after
 * a crash of the process, and then cuts the power. False when there is no
 * such call.
 */
static bool
fail_call(uint64_t number, enum fault_kind kind, bool sync)
{
	struct crash crash;
	enum status status;
	bool struck;
	const char *folder;

	crash_init(&crash, sync);
	fault_file_system_fail(crash.fault, number, kind, EIO);
	status = live(&crash);
	struck = fault_file_system_struck(crash.fault);
	fault_file_system_heal(crash.fault);
	if (kind == FAULT_SHORT) {
		CU_ASSERT_EQUAL(status, STATUS_OK);
	} else if (status != STATUS_OK) {
		CU_ASSERT_TRUE(struck);
		CU_ASSERT_TRUE(
		    status == STATUS_IO || status == STATUS_UNSYNCED);
		if (starts_with(crash.f.err.text, "journal: write") ||
		    starts_with(crash.f.err.text, "journal: sync"))
			check_poisoned(&crash);
	}
	journal_fixture_close(&crash.f);
	ASSERT_OK(journal_fixture_open(&crash.f, crash.released), &crash.f.err);
	CU_ASSERT_TRUE(crash.f.next > crash.accepted);
	journal_fixture_close(&crash.f);
	/* All that this opening has read is durable, failed sync or not. */
	folder = cut(&crash, crash.fault, fault_file_system_calls(crash.fault),
	    suite_seed() + number);
	check_outcome(
	    file_system_real(), folder, crash.released, crash.f.next - 1);
	crash_deinit(&crash);
	return struck;
}

static void
every_call_failing_is_an_error_that_loses_nothing(void)
{
	for (uint64_t i = 0; fail_call(i, FAULT_ERROR, true); i++)
		continue;
	for (uint64_t i = 0; fail_call(i, FAULT_ERROR, false); i++)
		continue;
}

static void
every_write_torn_by_an_error_loses_nothing(void)
{
	for (uint64_t i = 0; fail_call(i, FAULT_ERROR_AFTER_HALF, true); i++)
		continue;
}

static void
disk_that_fails_for_good_loses_nothing(void)
{
	for (uint64_t i = 0; fail_call(i, FAULT_ERROR_FROM, true); i++)
		continue;
}

static void
short_reads_and_writes_are_continued(void)
{
	uint64_t end = 0;
	struct crash crash;

	crash_init(&crash, true);
	ASSERT_OK(live(&crash), &crash.f.err);
	end = fault_file_system_calls(crash.fault);
	crash_deinit(&crash);
	for (uint64_t i = 0; i < end; i++)
		fail_call(i, FAULT_SHORT, true);
}

static void
check_cuts_now(struct crash *crash)
{
	for (uint64_t seed = 0; seed < 32; seed++) {
		const char *folder = cut(crash, crash->fault,
		    fault_file_system_calls(crash->fault), seed);

		check_outcome(file_system_real(), folder, crash->released,
		    crash->durable);
		remove_folder(folder);
	}
}

static void
released_journal_keeps_a_segment_that_begins_it(void)
{
	struct crash crash;
	struct journal *journal;

	crash_init(&crash, false);
	crash.f.options.spares_max = 0;
	ASSERT_OK(open_and_note(&crash), &crash.f.err);
	journal = crash.f.journal;
	while (journal_segment_count(journal) == 1) {
		crash.released = journal_last_sequence(journal);
		ASSERT_OK(journal_fixture_append(&crash.f), &crash.f.err);
	}
	/* The new segment is empty so far, and the old one is not needed. */
	crash.durable = crash.released;
	ASSERT_OK(journal_release(journal, crash.released, &crash.f.err),
	    &crash.f.err);
	check_cuts_now(&crash);
	/* The first commit puts it on disk, in any mode. */
	ASSERT_OK(journal_commit(journal, false, &crash.f.err), &crash.f.err);
	crash.durable = journal_last_sequence(journal);
	ASSERT_OK(journal_release(journal, crash.released, &crash.f.err),
	    &crash.f.err);
	CU_ASSERT_EQUAL(journal_segment_count(journal), 1);
	check_cuts_now(&crash);
	crash_deinit(&crash);
}

static void
poisoned_segment_is_never_used_again(void)
{
	struct crash crash;
	struct stat before;
	struct stat after;
	const char *path;
	struct journal *poisoned;

	crash_init(&crash, true);
	ASSERT_OK(open_and_note(&crash), &crash.f.err);
	ASSERT_OK(commit_some(&crash, 1, true), &crash.f.err);
	path = journal_fixture_segment(crash.root, 1);
	CHECK(stat(path, &before) == 0);
	fault_file_system_fail(crash.fault,
	    fault_file_system_calls(crash.fault) + 1, FAULT_ERROR, EIO);
	CU_ASSERT_EQUAL(commit_some(&crash, 1, true), STATUS_UNSYNCED);
	fault_file_system_heal(crash.fault);
	check_poisoned(&crash);
	/* Held open, so that its inode is not given to another file. */
	poisoned = crash.f.journal;
	crash.f.journal = NULL;
	ASSERT_OK(journal_fixture_open(&crash.f, 0), &crash.f.err);
	CHECK(stat(path, &after) == 0);
	CU_ASSERT_NOT_EQUAL(before.st_ino, after.st_ino);
	journal_close(poisoned);
	crash_deinit(&crash);
}

/* A segment that got its name and nothing else before the power was cut. */
static void
make_headless(struct crash *crash, uint64_t number)
{
	struct file_system *fs = fault_file_system_table(crash->fault);
	char path[PATH_BYTES_MAX];
	struct file *file;
	struct error err;

	journal_segment_path(path, &crash->f.options, number);
	ASSERT_OK(file_create(fs, path, &file, &err), &err);
	ASSERT_OK(
	    file_allocate(file, crash->f.options.segment_bytes, &err), &err);
	ASSERT_OK(file_sync(file, &err), &err);
	file_close(file);
	ASSERT_OK(directory_sync(fs, crash->root, &err), &err);
}

static void
name_behind_the_tail_does_not_come_back(void)
{
	struct crash crash;
	uint64_t end;

	crash_init(&crash, false);
	CU_ASSERT_EQUAL_FATAL(open_and_note(&crash), STATUS_OK);
	CU_ASSERT_EQUAL_FATAL(commit_some(&crash, 2, true), STATUS_OK);
	journal_fixture_close(&crash.f);
	make_headless(&crash, 2);
	CU_ASSERT_EQUAL_FATAL(open_and_note(&crash), STATUS_OK);
	/* Now the tail may be torn, and nothing stands behind it. */
	CU_ASSERT_EQUAL_FATAL(commit_some(&crash, 3, false), STATUS_OK);
	end = fault_file_system_calls(crash.fault);
	for (uint64_t seed = 0; seed < 100; seed++) {
		const char *folder = cut(&crash, crash.fault, end, seed);

		check_outcome(file_system_real(), folder, 0, crash.durable);
		remove_folder(folder);
	}
	crash_deinit(&crash);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(power_cut_at_every_call_leaves_what_was_synced),
	    SUITE_CASE(power_cut_without_syncs_leaves_a_prefix),
	    SUITE_CASE(power_cut_during_recovery_loses_nothing_more),
	    SUITE_CASE(every_call_failing_is_an_error_that_loses_nothing),
	    SUITE_CASE(every_write_torn_by_an_error_loses_nothing),
	    SUITE_CASE(disk_that_fails_for_good_loses_nothing),
	    SUITE_CASE(short_reads_and_writes_are_continued),
	    SUITE_CASE(released_journal_keeps_a_segment_that_begins_it),
	    SUITE_CASE(poisoned_segment_is_never_used_again),
	    SUITE_CASE(name_behind_the_tail_does_not_come_back),
	};

	return suite_run(
	    "journal_crash", cases, SUITE_COUNT(cases), argc, argv);
}
