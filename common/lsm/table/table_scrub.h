/*
 * table_scrub - reads a table from the disk and checks every checksum in it,
 * a part at a time.
 *
 * It goes past the page cache (common/os/direct_file): it must see what the
 * disk has, and must not push out what readers use. That the entries fit the
 * indexes is table_reader_verify()'s to prove; here the question is whether
 * the bytes are still those that were written.
 *
 * Failure   STATUS_CORRUPT names file and offset; STATUS_NOT_FOUND: the file
 *           is gone. After a failure a scrub can only be closed.
 * Threads   One at a time.
 * Limits    Holds the block table and 256 KiB of the file, or one block where
 *           that is larger.
 */
#ifndef COMMON_LSM_TABLE_TABLE_SCRUB_H
#define COMMON_LSM_TABLE_TABLE_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/os/file_system.h"

struct table_scrub;

struct table_scrub_options {
	struct file_system *fs;
	const char *path;
	uint64_t number;
	const uint8_t *store_id; /* 16 bytes, borrowed during create */
	uint64_t size_bytes;
};

/* Opens nothing yet. */
struct table_scrub *
table_scrub_create(const struct table_scrub_options *options);

/* NULL is allowed. */
void table_scrub_close(struct table_scrub *scrub);

/*
 * Checks on until about `bytes_max` more have been read, at least one block.
 * *is_done is true behind the last byte.
 */
enum status table_scrub_step(struct table_scrub *scrub, size_t bytes_max,
    bool *is_done, struct error *err) MUST_CHECK;

/* Bytes read from the disk so far. */
uint64_t table_scrub_bytes(const struct table_scrub *scrub);

#endif
