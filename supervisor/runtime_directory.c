#include "supervisor/runtime_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/os/file.h"
#include "common/os/path.h"

#define TMPFS_MAGIC 0x01021994
#define NFTW_FDS_MAX 16

struct runtime_directory {
	char path[PATH_BYTES_MAX];
	int owner_fd; /* locked; -1 until then */
	bool is_tmpfs;
	bool is_systemds; /* then only its content is ours to remove */
};

static bool
is_writable_tmpfs(const char *path)
{
	struct statfs info;

	return statfs(path, &info) == 0 && info.f_type == TMPFS_MAGIC &&
	    access(path, W_OK | X_OK) == 0;
}

static void
choose_path(const struct runtime_directory_options *options,
    struct runtime_directory *directory)
{
	size_t size = sizeof(directory->path);

	if (strcmp(options->path, "auto") != 0) {
		snprintf(directory->path, size, "%s", options->path);
	} else if (options->systemd_path != NULL) {
		directory->is_systemds = true;
		snprintf(directory->path, size, "%s", options->systemd_path);
	} else if (is_writable_tmpfs(options->shared_memory)) {
		snprintf(directory->path, size, "%s/kvstore-%u-%08" PRIx32,
		    options->shared_memory, (unsigned)geteuid(),
		    checksum32(slice_of_string(options->data_path), 0));
	} else {
		path_join(directory->path, options->data_path, "run");
	}
}

static int
remove_one(
    const char *path, const struct stat *info, int type, struct FTW *place)
{
	/* What cannot be removed now is found again at the next start. */
	(void)remove(path);
	return 0;
}

static void
remove_tree(const char *path)
{
	(void)nftw(path, remove_one, NFTW_FDS_MAX, FTW_DEPTH | FTW_PHYS);
}

/* Removes what is in `path`, except the file "owner". */
static void
remove_content(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char inner[PATH_BYTES_MAX];

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, "owner") == 0)
			continue;
		path_join(inner, path, entry->d_name);
		remove_tree(inner);
	}
	if (folder != NULL)
		closedir(folder);
}

/*
 * Opens and locks "owner" in `path`. -1 with errno EWOULDBLOCK if a server
 * has it. The lock counts only while the file still has its name: another
 * server may have removed the folder between the opening and the locking.
 */
static int
lock_owner(const char *path, int flags)
{
	char name[PATH_BYTES_MAX];
	struct stat info;
	int fd;

	path_join(name, path, "owner");
	fd = open(name, flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		if (fstat(fd, &info) == 0 && info.st_nlink > 0)
			return fd;
		errno = ESTALE;
	}
	{
		int errnum = errno;

		close(fd);
		errno = errnum;
	}
	return -1;
}

/* True if "owner" behind `fd` names this store, or a folder that is gone. */
static bool
is_left_over(int fd, const char *store_id)
{
	char text[PATH_BYTES_MAX + 64];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
	size_t id_size = strlen(store_id);
	char *path;

	if (got <= 0)
		return false;
	text[got] = '\0';
	if (strncmp(text, store_id, id_size) == 0)
		return true;
	path = strchr(text, '\n');
	if (path == NULL || path[1] != '/')
		return false;
	path[1 + strcspn(path + 1, "\n")] = '\0';
	return access(path + 1, F_OK) != 0 && errno == ENOENT;
}

/* Removes the folders of this user that no server has any more. */
static void
remove_left_overs(const struct runtime_directory_options *options)
{
	DIR *folder = opendir(options->shared_memory);
	struct dirent *entry;
	char prefix[40];

	snprintf(prefix, sizeof(prefix), "kvstore-%u-", (unsigned)geteuid());
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char path[PATH_BYTES_MAX];
		int fd;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		path_join(path, options->shared_memory, entry->d_name);
		fd = lock_owner(path, 0);
		if (fd < 0)
			continue;
		if (is_left_over(fd, options->store_id)) {
			/* "owner" last, or half of it would look foreign. */
			remove_content(path);
			remove_tree(path);
		}
		close(fd);
	}
	if (folder != NULL)
		closedir(folder);
}

static enum status
check_path(struct runtime_directory *directory, struct error *err)
{
	struct stat info;
	char *real;

	if (mkdir(directory->path, 0750) != 0 && errno != EEXIST)
		return error_set_errno(err, errno,
		    "create runtime directory %.100s (set runtime_dir to "
		    "another)",
		    directory->path);
	if (lstat(directory->path, &info) != 0 || !S_ISDIR(info.st_mode))
		return error_set(err, STATUS_INVALID,
		    "runtime directory %.100s is no folder; set runtime_dir to "
		    "another",
		    directory->path);
	/* In a place that all may write to, somebody may have been first. */
	if (info.st_uid != geteuid() && geteuid() != 0)
		return error_set(err, STATUS_INVALID,
		    "runtime directory %.100s belongs to user %u; set "
		    "runtime_dir "
		    "to another",
		    directory->path, (unsigned)info.st_uid);
	real = realpath(directory->path, NULL);
	if (real == NULL)
		return error_set_errno(
		    err, errno, "runtime directory %.100s", directory->path);
	snprintf(directory->path, sizeof(directory->path), "%s", real);
	free(real);
	if (strlen(directory->path) > RUNTIME_PATH_BYTES_MAX)
		return error_set(err, STATUS_INVALID,
		    "runtime directory %.100s: the path has more than %d "
		    "bytes, too many for a socket in it; set runtime_dir to "
		    "a shorter one",
		    directory->path, RUNTIME_PATH_BYTES_MAX);
	return STATUS_OK;
}

static enum status
check_content(void *context, const char *name, struct error *err)
{
	return error_set(err, STATUS_INVALID,
	    "runtime directory %.100s has \"%.40s\" in it and is not "
	    "kvstore's; "
	    "set runtime_dir to another",
	    (const char *)context, name);
}

static enum status
take_over(const struct runtime_directory_options *options,
    struct runtime_directory *directory, struct error *err)
{
	char owner[PATH_BYTES_MAX];
	char text[PATH_BYTES_MAX + 64];
	int size;

	/* A folder with files in it but no owner is somebody else's. */
	path_join(owner, directory->path, "owner");
	if (!path_exists(owner) &&
	    directory_list(directory->path, check_content, directory->path,
		err) != STATUS_OK)
		return err->code;
	directory->owner_fd = lock_owner(directory->path, O_CREAT);
	if (directory->owner_fd < 0 && errno == EWOULDBLOCK)
		return error_set(err, STATUS_BUSY,
		    "runtime directory %.100s is in use by another server; set "
		    "runtime_dir to another",
		    directory->path);
	size = snprintf(text, sizeof(text), "%s\n%s\n", options->store_id,
	    options->data_path);
	CHECK(size > 0 && (size_t)size < sizeof(text));
	if (directory->owner_fd < 0 || ftruncate(directory->owner_fd, 0) != 0 ||
	    pwrite(directory->owner_fd, text, (size_t)size, 0) != size)
		return error_set_errno(
		    err, errno, "write %s/owner", directory->path);
	remove_content(directory->path);
	return STATUS_OK;
}

enum status
runtime_directory_open(const struct runtime_directory_options *options,
    struct runtime_directory **out, struct error *err)
{
	struct runtime_directory *directory = mem_new(sizeof(*directory));
	struct statfs info;

	*out = NULL;
	directory->owner_fd = -1;
	remove_left_overs(options);
	choose_path(options, directory);
	if (check_path(directory, err) != STATUS_OK ||
	    take_over(options, directory, err) != STATUS_OK)
		goto fail;
	directory->is_tmpfs =
	    statfs(directory->path, &info) == 0 && info.f_type == TMPFS_MAGIC;
	*out = directory;
	return STATUS_OK;
fail:
	runtime_directory_close(directory);
	return err->code;
}

const char *
runtime_directory_path(const struct runtime_directory *directory)
{
	return directory->path;
}

bool
runtime_directory_is_tmpfs(const struct runtime_directory *directory)
{
	return directory->is_tmpfs;
}

void
runtime_directory_close(struct runtime_directory *directory)
{
	if (directory == NULL)
		return;
	if (directory->owner_fd >= 0) {
		remove_content(directory->path);
		/* systemd removes its folder itself. */
		if (!directory->is_systemds)
			remove_tree(directory->path);
		close(directory->owner_fd);
	}
	mem_free(directory);
}
