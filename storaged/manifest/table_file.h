/*
 * table_file - what the engine knows of one table on disk.
 *
 * Ownership  table_file_create() takes the summary's buffers; the catalog
 *            owns table files that are current, a job those it has made.
 * Threads    Immutable but for `level`, `busy` and `damaged`, which belong to
 *            the engine's thread; jobs read the rest.
 */
#ifndef STORAGED_MANIFEST_TABLE_FILE_H
#define STORAGED_MANIFEST_TABLE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/lsm/table/table_builder.h"
#include "common/os/path.h"

struct table_file {
	struct table_summary summary;
	enum compression compression;
	unsigned level;
	bool busy; /* an input of the compaction that runs */
	bool damaged; /* no compaction can read it */
};

/* Takes the buffers of `summary`, which is empty afterwards. */
struct table_file *table_file_create(struct table_summary *summary,
    enum compression compression, unsigned level);
void table_file_close(struct table_file *table);

struct slice table_file_first_key(const struct table_file *table);
struct slice table_file_last_key(const struct table_file *table);

/* True if all that the table concerns lies before `key`. */
bool table_file_ends_before(const struct table_file *table, struct slice key);

/* True if `key` lies within the bounds. */
bool table_file_may_hold(const struct table_file *table, struct slice key);

/* True if the bounds of both have a key in common. */
bool
table_file_overlaps(const struct table_file *a, const struct table_file *b);

/* The path of table `number` under the shard's folder. */
void table_file_path(
    char out[PATH_BYTES_MAX], const char *shard_directory, uint64_t number);

#endif
