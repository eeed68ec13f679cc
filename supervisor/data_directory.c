#include "supervisor/data_directory.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/store_identity.h"
#include "common/os/file.h"
#include "common/os/random.h"

/* How long the workers of a server that was killed may take to be gone. */
#define LOCK_WAIT_MS 5000
#define LOCK_POLL_MS 20
/* Long paths are cut in messages, so that the remedy behind them fits. */
#define SHOWN "%.100s"

struct data_directory {
	char path[PATH_BYTES_MAX];
	struct file *lock;
	uint8_t store_id[STORE_ID_BYTES];
	char store_id_hex[STORE_ID_HEX_BYTES];
};

static enum status
check_is_ours_or_empty(void *context, const char *name, struct error *err)
{
	static const char *const ours[] = {
	    "lock", "runtime", "runtime.new", "store.new", "lost+found"};
	const char *path = context;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strcmp(name, ours[i]) == 0)
			return STATUS_OK;
	}
	return error_set(err, STATUS_INVALID,
	    "data directory " SHOWN " is not kvstore's: it has no file "
	    "\"store\", but \"%.40s\"; choose an empty one with -data-dir",
	    path, name);
}

static enum status
check_access(const char *path, struct error *err)
{
	struct stat info;

	if (stat(path, &info) != 0)
		return error_set_errno(
		    err, errno, "data directory " SHOWN, path);
	if (!S_ISDIR(info.st_mode))
		return error_set(err, STATUS_INVALID,
		    "data directory " SHOWN " is no folder; choose another "
		    "with -data-dir",
		    path);
	if (access(path, R_OK | W_OK | X_OK) == 0)
		return STATUS_OK;
	if (errno == EROFS)
		return error_set(err, STATUS_CONFLICT,
		    "data directory " SHOWN " is on a read-only file system",
		    path);
	return error_set(err, STATUS_CONFLICT,
	    "data directory " SHOWN " may not be written by user %u; it "
	    "belongs to user %u: chown it, or choose another with -data-dir",
	    path, (unsigned)geteuid(), (unsigned)info.st_uid);
}

static enum status
create_folder(const char *path, struct error *err)
{
	if (mkdir(path, 0750) == 0 || errno == EEXIST)
		return STATUS_OK;
	if (errno == ENOENT)
		return error_set(err, STATUS_UNAVAILABLE,
		    "data directory " SHOWN " cannot be created: the folder "
		    "it is to lie in does not exist; mkdir -p it first",
		    path);
	return error_set(err, STATUS_UNAVAILABLE,
	    "data directory " SHOWN " cannot be created: %s; choose another "
	    "with -data-dir",
	    path, strerror(errno));
}

/* The process id in the lock file; 0 where there is none. */
static pid_t
lock_owner(struct file *lock)
{
	char text[24] = "";
	struct error err;
	size_t got;

	if (file_read_at(lock, 0, text, sizeof(text) - 1, &got, &err) !=
	    STATUS_OK)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

/*
 * Workers hold the lock as well. Those of a server that was killed end at
 * once, yet not in the same instant: only then is waiting worth while.
 */
static enum status
take_lock(struct data_directory *directory, struct error *err)
{
	static const struct timespec pause = {0, LOCK_POLL_MS * 1000000L};
	pid_t owner = lock_owner(directory->lock);
	bool may_wait = owner > 0 && kill(owner, 0) != 0 && errno == ESRCH;
	unsigned waited_ms = 0;
	enum status status;

	while ((status = file_lock(directory->lock, err)) == STATUS_BUSY) {
		if (!may_wait || waited_ms >= LOCK_WAIT_MS)
			return error_set(err, STATUS_BUSY,
			    "data directory " SHOWN " is in use by another "
			    "server (process %d); stop that, or choose "
			    "another with -data-dir",
			    directory->path, (int)owner);
		nanosleep(&pause, NULL);
		waited_ms += LOCK_POLL_MS;
	}
	return status;
}

static enum status
lock_directory(struct data_directory *directory, struct error *err)
{
	struct file_system *fs = file_system_real();
	char path[PATH_BYTES_MAX];
	char text[24];
	enum status status;

	path_join(path, directory->path, "lock");
	/* Not file_create: that would empty what another server has written. */
	status = file_open_writable(fs, path, &directory->lock, err);
	if (status == STATUS_NOT_FOUND)
		status = file_create(fs, path, &directory->lock, err);
	if (status != STATUS_OK || take_lock(directory, err) != STATUS_OK)
		return err->code;
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (file_truncate(directory->lock, 0, err) != STATUS_OK)
		return err->code;
	return file_write_at(directory->lock, 0, slice_of_string(text), err);
}

static enum status
identity_decode(const struct data_directory *directory, struct slice bytes,
    uint8_t *store_id, struct error *err)
{
	struct error cause;

	if (store_identity_decode(bytes, store_id, &cause) == STATUS_OK)
		return STATUS_OK;
	if (cause.code == STATUS_CORRUPT)
		return error_set(err, STATUS_CORRUPT,
		    "data directory " SHOWN ": file \"store\" is damaged; "
		    "kvctl db repair writes it anew",
		    directory->path);
	return error_set(err, cause.code, "data directory " SHOWN " %s%s",
	    directory->path, cause.text,
	    cause.code == STATUS_INVALID ? "; choose another with -data-dir"
					 : "");
}

static enum status
identity_read(struct data_directory *directory, struct error *err)
{
	struct buffer content = {0};
	char path[PATH_BYTES_MAX];
	enum status status;

	path_join(path, directory->path, STORE_IDENTITY_NAME);
	status = file_read_whole(file_system_real(), path, 4096, &content, err);
	if (status == STATUS_OK)
		status = identity_decode(directory, buffer_slice(&content),
		    directory->store_id, err);
	buffer_deinit(&content);
	return status;
}

static enum status
identity_create(struct data_directory *directory, struct error *err)
{
	uint8_t bytes[STORE_IDENTITY_BYTES];
	char path[PATH_BYTES_MAX];

	/*
	 * The folder may be new: its own name is to be on disk before it holds
	 * anything. With an identity in it, it was.
	 */
	path_join(path, directory->path, "..");
	if (directory_sync(file_system_real(), path, err) != STATUS_OK)
		return err->code;
	random_fill(directory->store_id, sizeof(directory->store_id));
	store_identity_encode(bytes, directory->store_id);
	path_join(path, directory->path, STORE_IDENTITY_NAME);
	return file_replace(
	    file_system_real(), path, slice_of(bytes, sizeof(bytes)), err);
}

static enum status
open_locked(struct data_directory *directory, struct error *err)
{
	enum status status;

	/* Before the lock file is made: a foreign folder stays as it is. */
	status = identity_read(directory, err);
	if (status == STATUS_NOT_FOUND)
		status = directory_list(directory->path, check_is_ours_or_empty,
		    directory->path, err);
	if (status != STATUS_OK)
		return status;
	if (lock_directory(directory, err) != STATUS_OK)
		return err->code;
	/* Again, since another server may have been in between. */
	status = identity_read(directory, err);
	if (status == STATUS_NOT_FOUND)
		status = identity_create(directory, err);
	return status;
}

enum status
data_directory_open(
    const char *path, struct data_directory **out, struct error *err)
{
	struct data_directory *directory;
	char *real;

	*out = NULL;
	if (create_folder(path, err) != STATUS_OK ||
	    check_access(path, err) != STATUS_OK)
		return err->code;
	real = realpath(path, NULL);
	if (real == NULL)
		return error_set_errno(
		    err, errno, "data directory " SHOWN, path);
	directory = mem_new(sizeof(*directory));
	/* Room for names of files within. */
	if (strlen(real) > sizeof(directory->path) - 100)
		error_set(err, STATUS_INVALID,
		    "data directory " SHOWN "...: the path is too long", real);
	else
		snprintf(directory->path, sizeof(directory->path), "%s", real);
	free(real);
	if (directory->path[0] == '\0' ||
	    open_locked(directory, err) != STATUS_OK)
		goto fail;
	for (size_t i = 0; i < STORE_ID_BYTES; i++)
		snprintf(directory->store_id_hex + 2 * i, 3, "%02x",
		    directory->store_id[i]);
	*out = directory;
	return STATUS_OK;
fail:
	data_directory_close(directory);
	return err->code;
}

const char *
data_directory_path(const struct data_directory *directory)
{
	return directory->path;
}

const char *
data_directory_store_id(const struct data_directory *directory)
{
	return directory->store_id_hex;
}

int
data_directory_lock_fd(const struct data_directory *directory)
{
	return file_descriptor(directory->lock);
}

enum status
data_directory_note_runtime(struct data_directory *directory,
    const char *runtime_path, struct error *err)
{
	char path[PATH_BYTES_MAX];
	char line[PATH_BYTES_MAX + 1];
	int size = snprintf(line, sizeof(line), "%s\n", runtime_path);

	CHECK(size > 0 && (size_t)size < sizeof(line));
	path_join(path, directory->path, "runtime");
	return file_replace(
	    file_system_real(), path, slice_of_string(line), err);
}

void
data_directory_close(struct data_directory *directory)
{
	if (directory == NULL)
		return;
	file_close(directory->lock);
	mem_free(directory);
}
