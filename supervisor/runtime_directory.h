/*
 * runtime_directory - the folder in memory where memtables and sockets are.
 *
 * What lies in it can be rebuilt from the data directory, and no process but
 * this server's workers uses it: so it is emptied when a server opens it and
 * removed when it closes. Folders that servers left behind without closing
 * are found by the lock that nobody holds on their file "owner", and removed.
 *
 * Failure    STATUS_BUSY: another server has it; others as they come. The
 *            text names the folder and the remedy.
 * Ownership  The folder lives as long as the struct runtime_directory.
 */
#ifndef SUPERVISOR_RUNTIME_DIRECTORY_H
#define SUPERVISOR_RUNTIME_DIRECTORY_H

#include <stdbool.h>

#include "common/base/status.h"

/* Longer paths leave no room for the names of sockets in it. */
#define RUNTIME_PATH_BYTES_MAX 88

struct runtime_directory;

struct runtime_directory_options {
	const char *path; /* "auto": choose */
	const char *systemd_path; /* $RUNTIME_DIRECTORY; NULL without */
	const char *shared_memory; /* "/dev/shm" but in tests */
	const char *data_path; /* absolute */
	const char *store_id; /* as text */
};

enum status
runtime_directory_open(const struct runtime_directory_options *options,
    struct runtime_directory **out, struct error *err) MUST_CHECK;

/* Absolute, without symbolic links. Borrowed. */
const char *runtime_directory_path(const struct runtime_directory *directory);

/* False on a disk: it works, but memtables then cost disk writes. */
bool runtime_directory_is_tmpfs(const struct runtime_directory *directory);

/* Removes the folder with all in it, and frees. NULL is allowed. */
void runtime_directory_close(struct runtime_directory *directory);

#endif
