/*
 * path - names of files and folders over the file_system seam.
 *
 * Durability  A created, renamed or removed name is on disk after
 *             directory_sync() of its folder.
 * Threads     Any.
 */
#ifndef COMMON_OS_PATH_H
#define COMMON_OS_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/os/file_system.h"

#define PATH_BYTES_MAX 1024

enum status path_rename(struct file_system *fs, const char *from,
    const char *to, struct error *err) MUST_CHECK;
enum status path_link(struct file_system *fs, const char *from, const char *to,
    struct error *err) MUST_CHECK;

/* Removes a file; one that is not there is removed already. */
enum status path_remove(
    struct file_system *fs, const char *path, struct error *err) MUST_CHECK;
bool path_exists(const char *path);

/* Joins with "/" into `out`; aborts when over PATH_BYTES_MAX. */
void
path_join(char out[PATH_BYTES_MAX], const char *directory, const char *name);

/* Creates one folder; one that exists is fine. */
enum status directory_create(struct file_system *fs, const char *path,
    mode_t mode, struct error *err) MUST_CHECK;

/* Makes the names in a folder durable. STATUS_UNSYNCED: see file_sync(). */
enum status directory_sync(
    struct file_system *fs, const char *path, struct error *err) MUST_CHECK;

/*
 * Calls `on_name` for each name but "." and ".." in no order; the first
 * status that is not OK ends the listing and is returned.
 */
enum status directory_list(const char *path,
    enum status (*on_name)(void *context, const char *name, struct error *err),
    void *context, struct error *err) MUST_CHECK;

/* Bytes that may still be written to where the folder lies, and all. */
struct directory_space {
	uint64_t free_bytes;
	uint64_t total_bytes;
};

enum status directory_space(struct file_system *fs, const char *path,
    struct directory_space *out, struct error *err) MUST_CHECK;

#endif
