/*
 * table_builder - writes one immutable table from entries in key order.
 *
 * Hides blocks, compression and indexes. The bytes are specified in
 * storaged/FORMAT.md, "Table".
 *
 * Durability  After table_builder_finish() the file's content is on disk; its
 *             name is after a sync of the folder, which is the caller's.
 * Failure     The first failure stays: every later call returns it again. A
 *             file left over is no table, and the caller removes it.
 * Ownership   The builder borrows entries for the length of a call.
 * Threads     None inside; one builder belongs to one thread at a time.
 * Limits      Besides its buffers a builder holds about 20 bytes an entry and
 *             the first key of each block until it has finished.
 */
#ifndef COMMON_LSM_TABLE_TABLE_BUILDER_H
#define COMMON_LSM_TABLE_TABLE_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/lsm/table/compression.h"
#include "common/lsm/table/table_summary.h"

struct entry;
struct file_system;
struct range_tombstone;
struct table_builder;

#define TABLE_BLOCK_BYTES_DEFAULT 4096
#define TABLE_BLOCK_BYTES_COMPRESSED 8192 /* the default with compression */
#define TABLE_BLOCK_BYTES_MIN 512
#define TABLE_BLOCK_BYTES_MAX 131072

struct table_options {
	uint64_t number; /* of the table, never used before */
	const uint8_t *store_id; /* 16 bytes, borrowed during create */
	enum compression compression;
	size_t block_bytes; /* before compression; 0: the default */
	uint64_t clock_ms; /* about now: where deadlines are told apart best */
};

/*
 * Creates the file, which must not exist (STATUS_CONFLICT). On STATUS_OK *out
 * is a builder to close, else it is NULL.
 */
enum status table_builder_create(struct file_system *fs, const char *path,
    const struct table_options *options, struct table_builder **out,
    struct error *err) MUST_CHECK;

/* Adds an entry; its key must be greater than the one before. */
enum status table_builder_add(struct table_builder *builder,
    const struct entry *entry, struct error *err) MUST_CHECK;

/* Adds a range tombstone, in any order, at any time before the finish. */
enum status table_builder_add_range(struct table_builder *builder,
    const struct range_tombstone *range, struct error *err) MUST_CHECK;

/* About the size that the file would have if it were finished now. */
uint64_t table_builder_size_bytes(const struct table_builder *builder);

/*
 * Writes what is left and syncs the file. On STATUS_OK *out is filled, for
 * the caller to deinit. A table without entries or ranges is fine.
 */
enum status table_builder_finish(struct table_builder *builder,
    struct table_summary *out, struct error *err) MUST_CHECK;

/* Closes and frees, finished or not. NULL is allowed. */
void table_builder_close(struct table_builder *builder);

#endif
