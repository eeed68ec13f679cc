#include "storaged/inspect/data_folder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "common/journal/journal_format.h"
#include "common/lsm/table/table_footer.h"
#include "common/os/file.h"

/* Room for the names of files within. */
#define FOLDER_BYTES_MAX (PATH_BYTES_MAX - 200)
#define LOCK_WAIT_MS 5000
#define LOCK_POLL_MS 20

/* The process id in the lock file; 0 where there is none. */
static pid_t
lock_owner(struct file *lock)
{
	char text[24] = "";
	struct error ignored;
	size_t got;

	if (file_read_at(lock, 0, text, sizeof(text) - 1, &got, &ignored) !=
	    STATUS_OK)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

/*
 * The workers of a server that was killed end at once, yet not in the same
 * instant: only then is waiting worth while.
 */
static enum status
lock(struct data_folder *folder, struct error *err)
{
	static const struct timespec pause = {0, LOCK_POLL_MS * 1000000L};
	char path[PATH_BYTES_MAX];
	unsigned waited_ms = 0;
	pid_t owner;
	bool may_wait;
	enum status status;

	path_join(path, folder->path, "lock");
	status = file_open(file_system_real(), path, &folder->lock, err);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	owner = lock_owner(folder->lock);
	may_wait = owner > 0 && kill(owner, 0) != 0 && errno == ESRCH;
	while ((status = file_lock(folder->lock, err)) == STATUS_BUSY) {
		if (!may_wait || waited_ms >= LOCK_WAIT_MS)
			return error_set(err, STATUS_BUSY,
			    "%.150s is in use by a server (process %d): stop "
			    "that first, or take a checkpoint and look at it",
			    folder->path, (int)owner);
		nanosleep(&pause, NULL);
		waited_ms += LOCK_POLL_MS;
	}
	return status;
}

static bool
id_of_table(const char *path, uint8_t id[STORE_ID_BYTES])
{
	uint8_t bytes[TABLE_FOOTER_BYTES];
	struct table_footer footer;
	struct file *file;
	struct error ignored;
	uint64_t size;
	size_t got = 0;
	bool found;

	if (file_open(file_system_real(), path, &file, &ignored) != STATUS_OK)
		return false;
	found = file_size(file, &size, &ignored) == STATUS_OK &&
	    size > sizeof(bytes) &&
	    file_read_at(file, size - sizeof(bytes), bytes, sizeof(bytes), &got,
		&ignored) == STATUS_OK &&
	    got == sizeof(bytes) &&
	    table_footer_decode(bytes, size, &footer, &ignored) == STATUS_OK;
	if (found)
		memcpy(id, footer.store_id, STORE_ID_BYTES);
	file_close(file);
	return found;
}

static bool
id_of_segment(const char *path, uint8_t id[STORE_ID_BYTES])
{
	uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES];
	struct journal_segment_header header;
	struct file *file;
	struct error ignored;
	uint64_t seed;
	size_t got = 0;
	bool found;

	if (file_open(file_system_real(), path, &file, &ignored) != STATUS_OK)
		return false;
	found = file_read_at(file, 0, bytes, sizeof(bytes), &got, &ignored) ==
		STATUS_OK &&
	    got == sizeof(bytes) &&
	    journal_segment_header_decode(bytes, &header, &seed);
	if (found)
		memcpy(id, header.store_id, STORE_ID_BYTES);
	file_close(file);
	return found;
}

struct search {
	const char *directory;
	bool (*id_of)(const char *path, uint8_t id[STORE_ID_BYTES]);
	uint8_t *id;
	bool found;
};

static enum status
search_one(void *context, const char *name, struct error *err)
{
	struct search *search = context;
	char path[PATH_BYTES_MAX];

	if (search->found || strlen(name) > 64)
		return STATUS_OK;
	path_join(path, search->directory, name);
	search->found = search->id_of(path, search->id);
	return STATUS_OK;
}

/* Every table and segment carries the id in bytes with a checksum. */
static void
search_id(struct data_folder *folder)
{
	struct search search = {
	    folder->tables_directory, id_of_table, folder->store_id, false};
	struct error ignored;

	(void)!directory_list(search.directory, search_one, &search, &ignored);
	search.directory = folder->journal_directory;
	search.id_of = id_of_segment;
	(void)!directory_list(search.directory, search_one, &search, &ignored);
}

static enum status
read_identity(struct data_folder *folder, struct error *err)
{
	struct buffer content = {0};
	char path[PATH_BYTES_MAX];
	enum status status;

	path_join(path, folder->path, STORE_IDENTITY_NAME);
	status = file_read_whole(file_system_real(), path, 4096, &content, err);
	if (status == STATUS_OK)
		status = store_identity_decode(
		    buffer_slice(&content), folder->store_id, err);
	buffer_deinit(&content);
	if (status == STATUS_OK)
		return STATUS_OK;
	if (status == STATUS_VERSION)
		return error_wrap(err, "%.100s", folder->path);
	/* A folder with a shard in it was a store's. */
	if (!path_exists(folder->shard_directory))
		return error_set(err, STATUS_NOT_FOUND,
		    "%.150s is no data directory: it has no file \"store\"",
		    folder->path);
	error_copy(&folder->identity, err);
	search_id(folder);
	return STATUS_OK;
}

enum status
data_folder_open(const char *path, struct data_folder **out, struct error *err)
{
	struct data_folder *folder;
	char *real = realpath(path, NULL);

	*out = NULL;
	if (real == NULL || strlen(real) > FOLDER_BYTES_MAX) {
		free(real);
		return error_set(err, STATUS_NOT_FOUND,
		    "%.150s: there is no such folder", path);
	}
	folder = mem_new(sizeof(*folder));
	snprintf(folder->path, sizeof(folder->path), "%s", real);
	free(real);
	path_join(folder->shard_directory, folder->path, "shard-0");
	path_join(folder->tables_directory, folder->shard_directory, "tables");
	path_join(
	    folder->journal_directory, folder->shard_directory, "journal");
	if (lock(folder, err) != STATUS_OK ||
	    read_identity(folder, err) != STATUS_OK) {
		data_folder_close(folder);
		return err->code;
	}
	*out = folder;
	return STATUS_OK;
}

void
data_folder_close(struct data_folder *folder)
{
	if (folder == NULL)
		return;
	file_close(folder->lock);
	mem_free(folder);
}

const char *
data_folder_short(const struct data_folder *folder, const char *path)
{
	size_t size = strlen(folder->path);

	return strncmp(path, folder->path, size) == 0 && path[size] == '/'
	    ? path + size + 1
	    : path;
}
