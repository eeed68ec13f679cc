/*
 * checkpoint - makes a data directory of its own from a catalog.
 *
 * Tables never change, so hard links of them, a fresh manifest and the
 * identity are a whole store; there is no journal, since the recovery point
 * says that the tables hold everything. The store's id stays the same: it
 * stands in every table. A server empties its runtime directory before it
 * uses it, so that the copy may take the place of the original, or run beside
 * it.
 *
 * Durability  On STATUS_OK all of it is on disk. A crash before leaves no
 *             folder of the target's name, perhaps one named TARGET.partial,
 *             which the next checkpoint to that target replaces.
 * Failure     Whatever was made is removed again. STATUS_INVALID: not an
 *             absolute path, or on another file system; STATUS_CONFLICT: the
 *             target exists; STATUS_NOT_FOUND: the folder around it does not.
 * Threads     Any. The files of the catalog's tables must keep their names.
 */
#ifndef STORAGED_CHECKPOINT_CHECKPOINT_H
#define STORAGED_CHECKPOINT_CHECKPOINT_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/os/file_system.h"

struct catalog;

struct checkpoint_options {
	struct file_system *fs;
	const char *shard_directory; /* DATA/shard-N, where the tables are */
	unsigned shard;
	const uint8_t *store_id; /* 16 bytes */
	const char *target; /* the data directory to be */
	const struct catalog *catalog;
	const atomic_bool *stop; /* ends early with STATUS_SHUTDOWN */
};

/* Whether a checkpoint can be made there; needs no catalog. */
enum status checkpoint_check(
    const struct checkpoint_options *options, struct error *err) MUST_CHECK;

enum status checkpoint_write(
    const struct checkpoint_options *options, struct error *err) MUST_CHECK;

#endif
