/*
 * data_folder - a data directory that no server has open: its lock, its
 * identity, where things are in it.
 *
 * Opening changes nothing. The lock keeps servers out for as long as it is
 * open; where there is no lock file (a fresh checkpoint) none has run.
 *
 * Failure    STATUS_NOT_FOUND: no folder, or no store's; STATUS_BUSY: a server
 *            has it; STATUS_VERSION: of a newer format. A damaged identity is
 *            no failure: see `identity`.
 * Ownership  The struct is the caller's to close.
 */
#ifndef STORAGED_INSPECT_DATA_FOLDER_H
#define STORAGED_INSPECT_DATA_FOLDER_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/codec/store_identity.h"
#include "common/os/path.h"

struct file;

struct data_folder {
	char path[PATH_BYTES_MAX];
	char shard_directory[PATH_BYTES_MAX];
	char tables_directory[PATH_BYTES_MAX];
	char journal_directory[PATH_BYTES_MAX];
	/*
	 * OK, or what is wrong with the file "store"; then store_id is what
	 * the other files say.
	 */
	struct error identity;
	uint8_t store_id[STORE_ID_BYTES];
	struct file *lock; /* NULL: there is no lock file */
};

enum status data_folder_open(
    const char *path, struct data_folder **out, struct error *err) MUST_CHECK;

/* NULL is allowed. */
void data_folder_close(struct data_folder *folder);

/* The path without that of the data directory, for people to read. */
const char *
data_folder_short(const struct data_folder *folder, const char *path);

#endif
