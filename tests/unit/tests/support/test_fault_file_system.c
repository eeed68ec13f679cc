#include "tests/support/fault_file_system.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/check.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define SEEDS 64
#define ABSENT (-1)

/* A root to work in, a fault file system over it, and room for outcomes. */
struct fixture {
	struct scratch scratch;
	char root[PATH_BYTES_MAX];
	struct fault_file_system *fault;
	struct file_system *fs;
	uint64_t outcomes;
	struct error err;
};

static void
fixture_init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	scratch_init(&fixture->scratch);
	path_join(fixture->root, fixture->scratch.path, "root");
	CHECK(mkdir(fixture->root, 0750) == 0);
	fixture->fault = fault_file_system_create(fixture->root);
	fixture->fs = fault_file_system_table(fixture->fault);
}

static void
fixture_deinit(struct fixture *fixture)
{
	fault_file_system_close(fixture->fault);
	scratch_deinit(&fixture->scratch);
}

static const char *
in_root(const struct fixture *fixture, const char *name)
{
	static char paths[2][PATH_BYTES_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	path_join(path, fixture->root, name);
	return path;
}

static struct file *
created(struct fixture *fixture, const char *name)
{
	struct file *file;

	ASSERT_OK(file_create(fixture->fs, in_root(fixture, name), &file,
		      &fixture->err),
	    &fixture->err);
	return file;
}

/* Writes `size` bytes of `byte` at `offset`. */
static void
fill(struct fixture *fixture, struct file *file, uint64_t offset, int byte,
    size_t size)
{
	uint8_t bytes[16384];

	CHECK(size <= sizeof(bytes));
	memset(bytes, byte, size);
	ASSERT_OK(
	    file_write_at(file, offset, slice_of(bytes, size), &fixture->err),
	    &fixture->err);
}

/* Cuts the power now; the outcome lies in a fresh folder, here returned. */
static const char *
cut(struct fixture *fixture, uint64_t seed)
{
	static char path[PATH_BYTES_MAX];
	char name[32];

	snprintf(name, sizeof(name), "outcome-%llu",
	    (unsigned long long)fixture->outcomes++);
	path_join(path, fixture->scratch.path, name);
	fault_file_system_materialise(fixture->fault,
	    fault_file_system_calls(fixture->fault), seed, path);
	return path;
}

/* The file's size, or ABSENT; its bytes in `out`. */
static long
content(const char *folder, const char *name, struct buffer *out)
{
	char path[PATH_BYTES_MAX];
	struct error err;

	buffer_clear(out, SIZE_MAX);
	path_join(path, folder, name);
	if (!path_exists(path))
		return ABSENT;
	ASSERT_OK(file_read_whole(file_system_real(), path, 1 << 20, out, &err),
	    &err);
	return (long)buffer_size(out);
}

static void
armed_call_fails_once_and_changes_nothing(void)
{
	struct fixture f;
	struct file *file;
	struct buffer bytes = {0};

	fixture_init(&f);
	file = created(&f, "a");
	CU_ASSERT_EQUAL(fault_file_system_calls(f.fault), 1);
	fault_file_system_fail(f.fault, 1, FAULT_ERROR, ENOSPC);
	CU_ASSERT_EQUAL(file_write_at(file, 0, slice_of_string("one"), &f.err),
	    STATUS_NO_SPACE);
	CU_ASSERT_TRUE(fault_file_system_struck(f.fault));
	CU_ASSERT_EQUAL(content(f.root, "a", &bytes), 0);
	ASSERT_OK(
	    file_write_at(file, 0, slice_of_string("two"), &f.err), &f.err);
	CU_ASSERT_EQUAL(content(f.root, "a", &bytes), 3);
	CU_ASSERT_STRING_EQUAL(
	    fault_file_system_describe(f.fault, 1), "pwrite a 0+0 (failed)");
	file_close(file);
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

static void
writes_can_be_short_torn_or_fail_for_good(void)
{
	struct fixture f;
	struct file *file;
	struct buffer bytes = {0};

	fixture_init(&f);
	file = created(&f, "a");
	fault_file_system_fail(f.fault, 1, FAULT_SHORT, 0);
	CU_ASSERT_EQUAL(
	    f.fs->pwrite(f.fs, file_descriptor(file), "abcdef", 6, 0), 3);
	fault_file_system_fail(f.fault, 2, FAULT_ERROR_AFTER_HALF, EIO);
	CU_ASSERT_EQUAL(
	    file_write_at(file, 3, slice_of_string("defg"), &f.err), STATUS_IO);
	CU_ASSERT_EQUAL(content(f.root, "a", &bytes), 5);
	fault_file_system_fail(f.fault, 3, FAULT_ERROR_FROM, EIO);
	CU_ASSERT_EQUAL(file_sync(file, &f.err), STATUS_UNSYNCED);
	CU_ASSERT_EQUAL(file_truncate(file, 0, &f.err), STATUS_IO);
	fault_file_system_heal(f.fault);
	ASSERT_OK(file_sync(file, &f.err), &f.err);
	file_close(file);
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

static void
what_was_synced_survives_every_power_cut(void)
{
	struct fixture f;
	struct file *file;
	struct buffer bytes = {0};

	fixture_init(&f);
	ASSERT_OK(
	    directory_create(f.fs, in_root(&f, "d"), 0750, &f.err), &f.err);
	file = created(&f, "d/a");
	fill(&f, file, 0, 'x', 10000);
	ASSERT_OK(file_sync(file, &f.err), &f.err);
	ASSERT_OK(directory_sync(f.fs, in_root(&f, "d"), &f.err), &f.err);
	ASSERT_OK(directory_sync(f.fs, f.root, &f.err), &f.err);
	fill(&f, file, 12000, 'y', 5000);
	file_close(file);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		long size = content(cut(&f, seed), "d/a", &bytes);

		CU_ASSERT_TRUE(size >= 10000 && size <= 17000);
		for (long i = 0; i < 10000 && i < size; i++)
			CU_ASSERT_FATAL(bytes.data[i] == 'x');
	}
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

static void
unsynced_writes_survive_by_whole_pieces(void)
{
	struct fixture f;
	struct file *file;
	struct buffer bytes = {0};
	unsigned olds = 0;
	unsigned news = 0;
	unsigned mixed = 0;

	fixture_init(&f);
	file = created(&f, "a");
	fill(&f, file, 0, 'o', 8192);
	ASSERT_OK(file_sync(file, &f.err), &f.err);
	ASSERT_OK(directory_sync(f.fs, f.root, &f.err), &f.err);
	fill(&f, file, 100, 'n', 8000);
	file_close(file);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		unsigned changed = 0;

		CU_ASSERT_EQUAL_FATAL(
		    content(cut(&f, seed), "a", &bytes), 8192);
		for (size_t i = 512; i < 7680; i++) {
			changed += bytes.data[i] == 'n';
			CU_ASSERT_FATAL(
			    i % 512 == 0 || bytes.data[i] == bytes.data[i - 1]);
		}
		olds += changed == 0;
		news += changed == 7168;
		mixed += changed > 0 && changed < 7168;
	}
	CU_ASSERT_TRUE(olds > 0 && news > 0 && mixed > 0);
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

static void
unsynced_names_survive_each_by_itself(void)
{
	struct fixture f;
	struct buffer bytes = {0};
	bool seen[2][2] = {{false}};
	struct file *old;
	struct file *file;

	fixture_init(&f);
	old = created(&f, "a");
	fill(&f, old, 0, 'o', 1);
	ASSERT_OK(file_sync(old, &f.err), &f.err);
	ASSERT_OK(directory_sync(f.fs, f.root, &f.err), &f.err);
	file = created(&f, "a.new");
	fill(&f, file, 0, 'n', 2);
	ASSERT_OK(file_sync(file, &f.err), &f.err);
	ASSERT_OK(
	    path_rename(f.fs, in_root(&f, "a.new"), in_root(&f, "a"), &f.err),
	    &f.err);
	file_close(created(&f, "b"));
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		const char *folder = cut(&f, seed);
		long size = content(folder, "a", &bytes);

		/* The name is never lost: the old file or the new one. */
		CU_ASSERT_FATAL(size == 1 || size == 2);
		CU_ASSERT_EQUAL(bytes.data[0], size == 1 ? 'o' : 'n');
		seen[size - 1][content(folder, "b", &bytes) != ABSENT] = true;
	}
	CU_ASSERT_TRUE(seen[0][0] && seen[0][1] && seen[1][0] && seen[1][1]);
	file_close(old);
	file_close(file);
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

static void
data_belongs_to_the_file_under_all_its_names(void)
{
	struct fixture f;
	struct buffer bytes = {0};
	struct file *file;

	fixture_init(&f);
	ASSERT_OK(
	    directory_create(f.fs, in_root(&f, "d"), 0750, &f.err), &f.err);
	file = created(&f, "a");
	ASSERT_OK(path_link(f.fs, in_root(&f, "a"), in_root(&f, "d/b"), &f.err),
	    &f.err);
	fill(&f, file, 0, 'x', 5);
	ASSERT_OK(file_sync(file, &f.err), &f.err);
	ASSERT_OK(path_remove(f.fs, in_root(&f, "a"), &f.err), &f.err);
	ASSERT_OK(
	    path_rename(f.fs, in_root(&f, "d/b"), in_root(&f, "c"), &f.err),
	    &f.err);
	ASSERT_OK(directory_sync(f.fs, f.root, &f.err), &f.err);
	fill(&f, file, 5, 'y', 5);
	ASSERT_OK(file_sync(file, &f.err), &f.err);
	/* The move is one: syncing either folder settles both. */
	ASSERT_OK(directory_sync(f.fs, in_root(&f, "d"), &f.err), &f.err);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		const char *folder = cut(&f, seed);

		CU_ASSERT_EQUAL(content(folder, "a", &bytes), ABSENT);
		CU_ASSERT_EQUAL(content(folder, "d/b", &bytes), ABSENT);
		CU_ASSERT_EQUAL(content(folder, "c", &bytes), 10);
	}
	file_close(file);
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

static void
pages_of_a_failed_sync_are_not_written_by_the_next(void)
{
	struct buffer bytes = {0};
	unsigned lost = 0;

	for (unsigned shift = 0; shift < 16; shift++) {
		struct fixture f;
		struct file *file;

		fixture_init(&f);
		for (unsigned i = 0; i < shift; i++)
			file_close(created(&f, "other"));
		file = created(&f, "a");
		fill(&f, file, 0, 'x', 4096);
		fault_file_system_fail(f.fault,
		    fault_file_system_calls(f.fault), FAULT_ERROR, EIO);
		CU_ASSERT_EQUAL(file_sync(file, &f.err), STATUS_UNSYNCED);
		fill(&f, file, 4096, 'y', 4096);
		ASSERT_OK(file_sync(file, &f.err), &f.err);
		ASSERT_OK(directory_sync(f.fs, f.root, &f.err), &f.err);
		file_close(file);
		CU_ASSERT_EQUAL(content(f.root, "a", &bytes), 8192);
		CU_ASSERT_EQUAL(bytes.data[0], 'x');
		CU_ASSERT_EQUAL_FATAL(content(cut(&f, 1), "a", &bytes), 8192);
		CU_ASSERT_EQUAL(bytes.data[5000], 'y');
		lost += bytes.data[0] == 0;
		fixture_deinit(&f);
	}
	CU_ASSERT_TRUE(lost > 0 && lost < 16);
	buffer_deinit(&bytes);
}

static void
file_created_anew_never_shows_old_bytes_between_new_ones(void)
{
	struct fixture f;
	struct buffer bytes = {0};
	struct file *file;

	fixture_init(&f);
	file = created(&f, "a");
	fill(&f, file, 0, 'o', 8192);
	ASSERT_OK(file_sync(file, &f.err), &f.err);
	ASSERT_OK(directory_sync(f.fs, f.root, &f.err), &f.err);
	file_close(file);
	file = created(&f, "a");
	fill(&f, file, 0, 'n', 4096);
	file_close(file);
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		long size = content(cut(&f, seed), "a", &bytes);

		for (long i = 0; i < size; i++)
			CU_ASSERT_FATAL(
			    bytes.data[i] == 'o' ? size == 8192 : size <= 4096);
	}
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

static void
power_can_be_cut_at_any_earlier_call(void)
{
	struct fixture f;
	struct buffer bytes = {0};
	struct file *file;
	uint64_t first;

	fixture_init(&f);
	file = created(&f, "a");
	ASSERT_OK(directory_sync(f.fs, f.root, &f.err), &f.err);
	first = fault_file_system_calls(f.fault);
	for (int i = 0; i < 4; i++) {
		fill(&f, file, (uint64_t)i * 10, 'a' + i, 10);
		ASSERT_OK(file_sync(file, &f.err), &f.err);
		CU_ASSERT_TRUE(fault_file_system_call_matters(
		    f.fault, first + (uint64_t)i * 2));
	}
	for (int i = 4; i >= 0; i--) {
		char name[PATH_BYTES_MAX];
		char folder[16];

		snprintf(folder, sizeof(folder), "at-%d", i);
		path_join(name, f.scratch.path, folder);
		fault_file_system_materialise(
		    f.fault, first + (uint64_t)i * 2, 7, name);
		CU_ASSERT_EQUAL(content(name, "a", &bytes), i * 10);
	}
	file_close(file);
	CU_ASSERT_FALSE(fault_file_system_call_matters(
	    f.fault, fault_file_system_calls(f.fault) - 1));
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

static void
what_the_root_held_before_is_on_disk(void)
{
	struct fixture f;
	struct buffer bytes = {0};
	struct file *file;
	struct fault_file_system *again;
	char folder[PATH_BYTES_MAX];

	fixture_init(&f);
	CHECK(mkdir(in_root(&f, "d"), 0750) == 0);
	file = created(&f, "d/a");
	fill(&f, file, 0, 'x', 100);
	file_close(file);
	ASSERT_OK(path_link(f.fs, in_root(&f, "d/a"), in_root(&f, "b"), &f.err),
	    &f.err);
	again = fault_file_system_create(f.root);
	path_join(folder, f.scratch.path, "held");
	fault_file_system_materialise(again, 0, 3, folder);
	CU_ASSERT_EQUAL(content(folder, "d/a", &bytes), 100);
	CU_ASSERT_EQUAL(content(folder, "b", &bytes), 100);
	fault_file_system_close(again);
	buffer_deinit(&bytes);
	fixture_deinit(&f);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(armed_call_fails_once_and_changes_nothing),
	    SUITE_CASE(writes_can_be_short_torn_or_fail_for_good),
	    SUITE_CASE(what_was_synced_survives_every_power_cut),
	    SUITE_CASE(unsynced_writes_survive_by_whole_pieces),
	    SUITE_CASE(unsynced_names_survive_each_by_itself),
	    SUITE_CASE(data_belongs_to_the_file_under_all_its_names),
	    SUITE_CASE(pages_of_a_failed_sync_are_not_written_by_the_next),
	    SUITE_CASE(
		file_created_anew_never_shows_old_bytes_between_new_ones),
	    SUITE_CASE(power_can_be_cut_at_any_earlier_call),
	    SUITE_CASE(what_the_root_held_before_is_on_disk),
	};

	return suite_run(
	    "fault_file_system", cases, SUITE_COUNT(cases), argc, argv);
}
