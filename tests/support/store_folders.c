#include "tests/support/store_folders.h"

#include "common/codec/store_identity.h"
#include "common/os/file.h"
#include "tests/support/suite.h"

const char *const store_folder_names[STORE_FOLDER_COUNT] = {
    "", "shard-0", "shard-0/tables", "shard-0/journal"};

void
store_folder_make(const char *path)
{
	struct error err;

	ASSERT_OK(directory_create(file_system_real(), path, 0700, &err), &err);
}

void
store_folders_init(struct store_folders *folders)
{
	scratch_init(&folders->scratch);
	path_join(folders->data, folders->scratch.path, "data");
	path_join(folders->runtime, folders->scratch.path, "run");
	store_folder_make(folders->data);
	store_folder_make(folders->runtime);
}

void
store_folders_deinit(struct store_folders *folders)
{
	scratch_deinit(&folders->scratch);
}

void
store_folders_identify(
    const struct store_folders *folders, const uint8_t *store_id)
{
	uint8_t identity[STORE_IDENTITY_BYTES];
	char path[PATH_BYTES_MAX];
	struct error err;

	store_identity_encode(identity, store_id);
	path_join(path, folders->data, STORE_IDENTITY_NAME);
	ASSERT_OK(file_replace(file_system_real(), path,
		      slice_of(identity, sizeof(identity)), &err),
	    &err);
}

struct listing {
	struct store_files *files;
	const char *directory;
};

static enum status
on_name(void *context, const char *name, struct error *err)
{
	struct listing *listing = context;
	struct store_files *files = listing->files;

	CU_ASSERT_FATAL(files->count < STORE_FILES_MAX);
	path_join(files->paths[files->count++], listing->directory, name);
	return STATUS_OK;
}

void
store_files_list(struct store_files *files, const char *data, const char *below)
{
	char path[PATH_BYTES_MAX];
	struct listing listing = {.files = files, .directory = path};
	struct error err;

	path_join(path, data, below);
	ASSERT_OK(directory_list(path, on_name, &listing, &err), &err);
}

void
store_files_list_all(struct store_files *files, const char *data)
{
	for (size_t i = 0; i < STORE_FOLDER_COUNT; i++)
		store_files_list(files, data, store_folder_names[i]);
}

uint64_t
store_file_size(const char *path)
{
	struct buffer bytes = {0};
	struct error err;
	uint64_t size = 0;

	if (file_read_whole(file_system_real(), path, 1 << 30, &bytes, &err) ==
	    STATUS_OK)
		size = buffer_size(&bytes);
	buffer_deinit(&bytes);
	return size;
}

void
store_file_flip(const char *path, uint64_t bit)
{
	struct file *file;
	struct error err;
	uint8_t byte;
	size_t got;

	ASSERT_OK(
	    file_open_writable(file_system_real(), path, &file, &err), &err);
	ASSERT_OK(file_read_at(file, bit / 8, &byte, 1, &got, &err), &err);
	byte ^= (uint8_t)(1 << bit % 8);
	ASSERT_OK(file_write_at(file, bit / 8, slice_of(&byte, 1), &err), &err);
	file_close(file);
}
