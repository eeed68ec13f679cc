#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/os/file.h"
#include "supervisor/data_directory.h"
#include "supervisor/runtime_directory.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static void
write_file(const char *path, const void *bytes, size_t size)
{
	struct error err;

	ASSERT_OK(
	    file_replace(file_system_real(), path, slice_of(bytes, size), &err),
	    &err);
}

static void
identity_file_is_byte_for_byte_as_specified(void)
{
	static const uint8_t golden[] = {'k', 'v', 's', 't', 'o', 'r', 'e',
	    '\n', 1, 0, 0, 0, 0, 0, 0, 0, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5,
	    0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xc2,
	    0x6c, 0xd7, 0x11, 0xf4, 0x64, 0xed, 0xb6};
	struct data_directory *directory;
	struct buffer written = {0};
	struct scratch scratch;
	struct error err;

	scratch_init(&scratch);
	write_file(scratch_path(&scratch, "store"), golden, sizeof(golden));
	ASSERT_OK(data_directory_open(scratch.path, &directory, &err), &err);
	CU_ASSERT_STRING_EQUAL(data_directory_store_id(directory),
	    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
	data_directory_close(directory);
	/* What is written differs in the id and its checksum alone. */
	CU_ASSERT_EQUAL(unlink(scratch_path(&scratch, "store")), 0);
	ASSERT_OK(data_directory_open(scratch.path, &directory, &err), &err);
	ASSERT_OK(file_read_whole(file_system_real(),
		      scratch_path(&scratch, "store"), 1000, &written, &err),
	    &err);
	CU_ASSERT_EQUAL_FATAL(buffer_size(&written), sizeof(golden));
	CU_ASSERT_EQUAL(memcmp(written.data, golden, 16), 0);
	data_directory_close(directory);
	buffer_deinit(&written);
	scratch_deinit(&scratch);
}

static void
store_keeps_its_id_and_new_ones_differ(void)
{
	struct data_directory *directory;
	char id[STORE_ID_HEX_BYTES];
	char path[PATH_BYTES_MAX];
	struct scratch scratch;
	struct error err;

	scratch_init(&scratch);
	path_join(path, scratch.path, "a");
	ASSERT_OK(data_directory_open(path, &directory, &err), &err);
	snprintf(id, sizeof(id), "%s", data_directory_store_id(directory));
	data_directory_close(directory);
	ASSERT_OK(data_directory_open(path, &directory, &err), &err);
	CU_ASSERT_STRING_EQUAL(id, data_directory_store_id(directory));
	data_directory_close(directory);
	path_join(path, scratch.path, "b");
	ASSERT_OK(data_directory_open(path, &directory, &err), &err);
	CU_ASSERT_STRING_NOT_EQUAL(id, data_directory_store_id(directory));
	data_directory_close(directory);
	scratch_deinit(&scratch);
}

static void
second_opening_is_busy_until_the_inherited_lock_is_gone(void)
{
	struct data_directory *directory;
	struct data_directory *second;
	struct scratch scratch;
	struct error err;
	int inherited;

	scratch_init(&scratch);
	ASSERT_OK(data_directory_open(scratch.path, &directory, &err), &err);
	CU_ASSERT_EQUAL(
	    data_directory_open(scratch.path, &second, &err), STATUS_BUSY);
	CU_ASSERT_PTR_NULL(second);
	inherited = dup(data_directory_lock_fd(directory));
	data_directory_close(directory);
	CU_ASSERT_EQUAL(
	    data_directory_open(scratch.path, &second, &err), STATUS_BUSY);
	close(inherited);
	ASSERT_OK(data_directory_open(scratch.path, &second, &err), &err);
	data_directory_close(second);
	scratch_deinit(&scratch);
}

/* Any byte of the identity file that is wrong keeps the server out. */
static void
each_damaged_byte_of_the_identity_is_refused(void)
{
	struct data_directory *directory;
	struct buffer good = {0};
	struct scratch scratch;
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(data_directory_open(scratch.path, &directory, &err), &err);
	data_directory_close(directory);
	ASSERT_OK(file_read_whole(file_system_real(),
		      scratch_path(&scratch, "store"), 1000, &good, &err),
	    &err);
	for (size_t i = 0; i < buffer_size(&good); i++) {
		good.data[i] ^= 0x04;
		write_file(scratch_path(&scratch, "store"), good.data,
		    buffer_size(&good));
		CU_ASSERT_NOT_EQUAL(
		    data_directory_open(scratch.path, &directory, &err),
		    STATUS_OK);
		good.data[i] ^= 0x04;
	}
	for (size_t size = 0; size < buffer_size(&good); size++) {
		write_file(scratch_path(&scratch, "store"), good.data, size);
		CU_ASSERT_NOT_EQUAL(
		    data_directory_open(scratch.path, &directory, &err),
		    STATUS_OK);
	}
	buffer_deinit(&good);
	scratch_deinit(&scratch);
}

static enum status
open_runtime(const struct scratch *shared_memory, const char *data_path,
    const char *store_id, struct runtime_directory **out, struct error *err)
{
	struct runtime_directory_options options = {
	    .path = "auto",
	    .shared_memory = shared_memory->path,
	    .data_path = data_path,
	    .store_id = store_id,
	};

	return runtime_directory_open(&options, out, err);
}

/* Leaves a folder as a server does that is killed. */
static void
leave_behind(
    const struct scratch *shared_memory, const char *name, const char *owner)
{
	char path[PATH_BYTES_MAX];
	char file[PATH_BYTES_MAX];
	char full[64];

	snprintf(
	    full, sizeof(full), "kvstore-%u-%s", (unsigned)geteuid(), name);
	path_join(path, shared_memory->path, full);
	CU_ASSERT_EQUAL(mkdir(path, 0750), 0);
	path_join(file, path, "owner");
	write_file(file, owner, strlen(owner));
	path_join(file, path, "memtable-1");
	write_file(file, "x", 1);
}

static bool
is_there(const struct scratch *shared_memory, const char *name)
{
	char path[PATH_BYTES_MAX];
	char full[64];

	snprintf(
	    full, sizeof(full), "kvstore-%u-%s", (unsigned)geteuid(), name);
	path_join(path, shared_memory->path, full);
	return path_exists(path);
}

/* There the runtime folder is in the data folder, which goes as a whole. */
static bool
is_without_tmpfs(struct scratch *memory)
{
	if (strncmp(memory->path, "/dev/shm", 8) == 0)
		return false;
	printf("  no tmpfs on /dev/shm: nothing is shared there\n");
	scratch_deinit(memory);
	return true;
}

static void
what_killed_servers_left_is_removed_and_nothing_else(void)
{
	struct runtime_directory *directory;
	struct scratch memory;
	struct error err;

	scratch_init(&memory);
	if (is_without_tmpfs(&memory))
		return;
	leave_behind(&memory, "mine", "aa\n/\n");
	leave_behind(&memory, "gone", "bb\n/no/such/folder\n");
	leave_behind(&memory, "other", "cc\n/\n");
	leave_behind(&memory, "odd", "what is this?");
	ASSERT_OK(open_runtime(&memory, "/data", "aa", &directory, &err), &err);
	CU_ASSERT_FALSE(is_there(&memory, "mine"));
	CU_ASSERT_FALSE(is_there(&memory, "gone"));
	CU_ASSERT_TRUE(is_there(&memory, "other"));
	CU_ASSERT_TRUE(is_there(&memory, "odd"));
	runtime_directory_close(directory);
	scratch_deinit(&memory);
}

static void
runtime_folder_of_a_living_server_stays(void)
{
	struct runtime_directory *directory;
	struct runtime_directory *copy;
	struct scratch memory;
	struct error err;

	scratch_init(&memory);
	if (is_without_tmpfs(&memory))
		return;
	ASSERT_OK(open_runtime(&memory, "/data", "aa", &directory, &err), &err);
	/* A copied data directory has the same id. */
	ASSERT_OK(open_runtime(&memory, "/copy", "aa", &copy, &err), &err);
	CU_ASSERT_STRING_NOT_EQUAL(
	    runtime_directory_path(directory), runtime_directory_path(copy));
	CU_ASSERT_TRUE(path_exists(runtime_directory_path(directory)));
	CU_ASSERT_EQUAL(runtime_directory_is_tmpfs(directory),
	    strncmp(memory.path, "/dev/shm", 8) == 0);
	runtime_directory_close(copy);
	CU_ASSERT_TRUE(path_exists(runtime_directory_path(directory)));
	runtime_directory_close(directory);
	scratch_deinit(&memory);
}

static void
runtime_folder_is_emptied_at_start_and_removed_at_the_end(void)
{
	struct runtime_directory *directory;
	char path[PATH_BYTES_MAX];
	char inner[PATH_BYTES_MAX];
	struct scratch memory;
	struct error err;

	scratch_init(&memory);
	if (is_without_tmpfs(&memory))
		return;
	for (int round = 0; round < 2; round++) {
		ASSERT_OK(
		    open_runtime(&memory, "/data", "aa", &directory, &err),
		    &err);
		snprintf(path, sizeof(path), "%s",
		    runtime_directory_path(directory));
		path_join(inner, path, "shard-0");
		CU_ASSERT_FALSE(path_exists(inner));
		CU_ASSERT_EQUAL(mkdir(inner, 0750), 0);
		path_join(path, inner, "view-1");
		write_file(path, "x", 1);
		runtime_directory_close(directory);
		CU_ASSERT_FALSE(path_exists(inner));
	}
	scratch_deinit(&memory);
}

static void
without_shared_memory_it_lies_in_the_data_directory(void)
{
	struct runtime_directory *directory;
	struct scratch data;
	struct scratch none = {"/proc"};
	char expected[PATH_BYTES_MAX];
	struct error err;

	scratch_init(&data);
	ASSERT_OK(open_runtime(&none, data.path, "aa", &directory, &err), &err);
	path_join(expected, data.path, "run");
	CU_ASSERT_STRING_EQUAL(runtime_directory_path(directory), expected);
	runtime_directory_close(directory);
	scratch_deinit(&data);
}

static void
long_runtime_path_is_refused_with_a_remedy(void)
{
	struct runtime_directory_options options = {
	    .shared_memory = "/proc", .data_path = "/d", .store_id = "aa"};
	struct runtime_directory *directory;
	char path[PATH_BYTES_MAX];
	char name[80];
	struct scratch scratch;
	struct error err;

	scratch_init(&scratch);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	path_join(path, scratch.path, name);
	options.path = path;
	CU_ASSERT_EQUAL(
	    runtime_directory_open(&options, &directory, &err), STATUS_INVALID);
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(err.text, "set runtime_dir to a shorter"));
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(identity_file_is_byte_for_byte_as_specified),
	    SUITE_CASE(store_keeps_its_id_and_new_ones_differ),
	    SUITE_CASE(second_opening_is_busy_until_the_inherited_lock_is_gone),
	    SUITE_CASE(each_damaged_byte_of_the_identity_is_refused),
	    SUITE_CASE(what_killed_servers_left_is_removed_and_nothing_else),
	    SUITE_CASE(runtime_folder_of_a_living_server_stays),
	    SUITE_CASE(
		runtime_folder_is_emptied_at_start_and_removed_at_the_end),
	    SUITE_CASE(without_shared_memory_it_lies_in_the_data_directory),
	    SUITE_CASE(long_runtime_path_is_refused_with_a_remedy),
	};

	return suite_run("directories", cases, SUITE_COUNT(cases), argc, argv);
}
