#include "storaged/checkpoint/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/codec/store_identity.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "storaged/manifest/catalog.h"
#include "storaged/manifest/manifest.h"

/* Room for the names of files within. */
#define TARGET_BYTES_MAX (PATH_BYTES_MAX - 100)

struct paths {
	char parent[PATH_BYTES_MAX];
	char partial[PATH_BYTES_MAX];
	char shard[PATH_BYTES_MAX];
	char tables[PATH_BYTES_MAX];
};

static void
name_paths(const struct checkpoint_options *options, struct paths *paths)
{
	const char *target = options->target;
	const char *slash = strrchr(target, '/');
	int parent_size = slash == target ? 1 : (int)(slash - target);
	char name[32];

	snprintf(paths->parent, PATH_BYTES_MAX, "%.*s", parent_size, target);
	snprintf(paths->partial, PATH_BYTES_MAX, "%s.partial", target);
	snprintf(name, sizeof(name), "shard-%u", options->shard);
	path_join(paths->shard, paths->partial, name);
	path_join(paths->tables, paths->shard, "tables");
}

static enum status
check_path(const char *target, struct error *err)
{
	size_t size = strlen(target);

	if (target[0] != '/' || size < 2 || target[size - 1] == '/')
		return error_set(err, STATUS_INVALID,
		    "checkpoint %.100s: not the absolute path of a folder",
		    target);
	if (size > TARGET_BYTES_MAX)
		return error_set(err, STATUS_INVALID,
		    "checkpoint %.100s...: the path is too long", target);
	return STATUS_OK;
}

enum status
checkpoint_check(const struct checkpoint_options *options, struct error *err)
{
	struct paths paths;
	struct stat source;
	struct stat parent;
	struct stat target;

	if (check_path(options->target, err) != STATUS_OK)
		return err->code;
	name_paths(options, &paths);
	if (lstat(options->target, &target) == 0)
		return error_set(err, STATUS_CONFLICT,
		    "checkpoint %.100s: it exists already", options->target);
	if (stat(paths.parent, &parent) != 0)
		return errno == ENOENT
		    ? error_set(err, STATUS_NOT_FOUND,
			  "checkpoint %.100s: the folder that it is to lie in "
			  "does not exist",
			  options->target)
		    : error_set_errno(err, errno, "%.100s", paths.parent);
	if (stat(options->shard_directory, &source) != 0)
		return error_set_errno(
		    err, errno, "%.100s", options->shard_directory);
	if (source.st_dev != parent.st_dev)
		return error_set(err, STATUS_INVALID,
		    "checkpoint %.60s: it must lie on the file system of "
		    "%.60s, since tables are linked, not copied",
		    options->target, options->shard_directory);
	return STATUS_OK;
}

/* Removes the files in `path` that a checkpoint may have, then the folder. */
static enum status
remove_file(void *context, const char *name, struct error *err)
{
	char path[PATH_BYTES_MAX];

	if (strlen(name) > 64)
		return STATUS_OK;
	path_join(path, context, name);
	/* A folder is not removed by this. */
	(void)unlink(path);
	return STATUS_OK;
}

static void
remove_folder(char *path)
{
	struct error ignored;

	(void)!directory_list(path, remove_file, path, &ignored);
	(void)rmdir(path);
}

/* Takes down what was made, now or before a crash. */
static void
remove_partial(struct paths *paths)
{
	remove_folder(paths->tables);
	remove_folder(paths->shard);
	remove_folder(paths->partial);
}

static enum status
link_tables(const struct checkpoint_options *options, const struct paths *paths,
    struct error *err)
{
	char from[PATH_BYTES_MAX];
	char to[PATH_BYTES_MAX];

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &options->catalog->levels[i];

		for (size_t t = 0; t < level->count; t++) {
			uint64_t number = level->tables[t]->summary.number;

			if (options->stop != NULL && atomic_load(options->stop))
				return error_set(err, STATUS_SHUTDOWN,
				    "the store is being closed");
			table_file_path(from, options->shard_directory, number);
			table_file_path(to, paths->shard, number);
			if (path_link(options->fs, from, to, err) != STATUS_OK)
				return err->code;
		}
	}
	return STATUS_OK;
}

static enum status
write_identity(const struct checkpoint_options *options,
    const struct paths *paths, struct error *err)
{
	uint8_t bytes[STORE_IDENTITY_BYTES];
	char path[PATH_BYTES_MAX];

	store_identity_encode(bytes, options->store_id);
	path_join(path, paths->partial, STORE_IDENTITY_NAME);
	return file_replace(
	    options->fs, path, slice_of(bytes, sizeof(bytes)), err);
}

static enum status
make(const struct checkpoint_options *options, const struct paths *paths,
    struct error *err)
{
	struct file_system *fs = options->fs;

	if (directory_create(fs, paths->partial, 0750, err) != STATUS_OK ||
	    directory_create(fs, paths->shard, 0750, err) != STATUS_OK ||
	    directory_create(fs, paths->tables, 0750, err) != STATUS_OK ||
	    link_tables(options, paths, err) != STATUS_OK ||
	    directory_sync(fs, paths->tables, err) != STATUS_OK ||
	    manifest_create(fs, paths->shard, options->store_id, 1,
		options->catalog, err) != STATUS_OK ||
	    write_identity(options, paths, err) != STATUS_OK)
		return err->code;
	/* Only under its name is it a checkpoint, and then a whole one. */
	if (path_rename(fs, paths->partial, options->target, err) != STATUS_OK)
		return err->code;
	if (directory_sync(fs, paths->parent, err) == STATUS_OK)
		return STATUS_OK;
	/* A name that may be gone tomorrow is none: back, and away with it. */
	(void)rename(options->target, paths->partial);
	return err->code;
}

enum status
checkpoint_write(const struct checkpoint_options *options, struct error *err)
{
	struct paths paths;

	if (checkpoint_check(options, err) != STATUS_OK)
		return err->code;
	name_paths(options, &paths);
	remove_partial(&paths);
	if (path_exists(paths.partial))
		return error_set(err, STATUS_CONFLICT,
		    "%.200s is in the way and holds what is not a "
		    "checkpoint's",
		    paths.partial);
	if (make(options, &paths, err) == STATUS_OK)
		return STATUS_OK;
	remove_partial(&paths);
	return error_wrap(err, "checkpoint");
}
