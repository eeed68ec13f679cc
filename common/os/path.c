#include "common/os/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"

enum status
path_rename(
    struct file_system *fs, const char *from, const char *to, struct error *err)
{
	if (fs->rename(fs, from, to) != 0)
		return error_set_errno(err, errno, "rename %s to %s", from, to);
	return STATUS_OK;
}

enum status
path_link(
    struct file_system *fs, const char *from, const char *to, struct error *err)
{
	if (fs->link(fs, from, to) != 0)
		return error_set_errno(err, errno, "link %s to %s", from, to);
	return STATUS_OK;
}

enum status
path_remove(struct file_system *fs, const char *path, struct error *err)
{
	if (fs->unlink(fs, path) != 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove %s", path);
	return STATUS_OK;
}

bool
path_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

void
path_join(char out[PATH_BYTES_MAX], const char *directory, const char *name)
{
	int size = snprintf(out, PATH_BYTES_MAX, "%s/%s", directory, name);

	CHECK(size > 0 && size < PATH_BYTES_MAX);
}

enum status
directory_create(
    struct file_system *fs, const char *path, mode_t mode, struct error *err)
{
	if (fs->mkdir(fs, path, mode) != 0 && errno != EEXIST)
		return error_set_errno(err, errno, "create folder %s", path);
	return STATUS_OK;
}

enum status
directory_sync(struct file_system *fs, const char *path, struct error *err)
{
	int fd = fs->open(fs, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return error_set_errno(err, errno, "open folder %s", path);
	if (fs->fsync(fs, fd) != 0) {
		error_set_errno(err, errno, "sync folder %s", path);
		err->code = STATUS_UNSYNCED;
		(void)fs->close(fs, fd);
		return err->code;
	}
	(void)fs->close(fs, fd);
	return STATUS_OK;
}

enum status
directory_list(const char *path,
    enum status (*on_name)(void *context, const char *name, struct error *err),
    void *context, struct error *err)
{
	DIR *directory = opendir(path);
	enum status status = STATUS_OK;

	if (directory == NULL)
		return error_set_errno(err, errno, "list folder %s", path);
	while (status == STATUS_OK) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(directory);
		if (entry == NULL) {
			if (errno != 0)
				status = error_set_errno(
				    err, errno, "list folder %s", path);
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		status = on_name(context, entry->d_name, err);
	}
	closedir(directory);
	return status;
}

enum status
directory_space(struct file_system *fs, const char *path,
    struct directory_space *out, struct error *err)
{
	if (fs->space(fs, path, &out->free_bytes, &out->total_bytes) != 0)
		return error_set_errno(err, errno, "free space of %s", path);
	return STATUS_OK;
}
