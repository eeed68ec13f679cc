/*
 * journal_directory - the files of a journal: names, and which they are.
 *
 * Inside common/journal only. "<number>.log" is a segment, "<any>.spare" a
 * file written ahead, "<number>.log.new" a tail being written afresh.
 *
 * Ownership  A zeroed struct journal_directory is an empty one; deinit frees.
 * Threads    One.
 */
#ifndef COMMON_JOURNAL_JOURNAL_DIRECTORY_H
#define COMMON_JOURNAL_JOURNAL_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/journal/journal.h"
#include "common/journal/journal_format.h"

struct journal_file {
	uint64_t number; /* of its name */
	bool intact; /* it has a segment header of that number */
	struct journal_segment_header header;
	uint64_t seed;
	uint64_t size_bytes; /* of the file */
};

struct journal_directory {
	struct journal_file *files; /* "*.log" in the order of numbers */
	size_t file_count;
	char **leftovers; /* paths of the others */
	size_t leftover_count;
};

/*
 * Lists the folder and reads the header of each segment. STATUS_VERSION for
 * one of a newer format, STATUS_INVALID for one of another store or shard.
 */
enum status journal_directory_read(struct journal_directory *directory,
    const struct journal_options *options, struct error *err) MUST_CHECK;
void journal_directory_deinit(struct journal_directory *directory);

void journal_segment_path(char out[PATH_BYTES_MAX],
    const struct journal_options *options, uint64_t number);

/* A new name for a file written ahead. */
void journal_spare_path(
    char out[PATH_BYTES_MAX], const struct journal_options *options);

#endif
