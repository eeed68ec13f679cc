/*
 * table_salvage - gives out what is still intact in a damaged table.
 *
 * Each block has a checksum that says whose it is and which one, so every
 * intact block can be told, whatever happened to the others. Where blocks lie
 * is in the block table; as far as that, the footer or the tail are damaged,
 * uncompressed blocks are found by their own shape and checksum, one behind
 * the other; compressed ones are not.
 *
 * Failure   Only what keeps the file from being read, or a callback's; damage
 *           is an answer.
 * Limits    Holds the whole file in memory.
 */
#ifndef COMMON_LSM_TABLE_TABLE_SALVAGE_H
#define COMMON_LSM_TABLE_TABLE_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/lsm/record/entry.h"

struct table_salvage_options {
	const char *path;
	uint64_t number;
	/* The entries of intact blocks, their keys ascending; borrowed. */
	enum status (*on_entry)(
	    void *context, const struct entry *entry, struct error *err);
	/* Once for each run of blocks that are lost, between the entries. */
	void (*on_gap)(void *context);
	enum status (*on_range)(void *context,
	    const struct range_tombstone *range, struct error *err);
	void *context;
};

struct table_salvage_report {
	uint64_t intact_blocks;
	uint64_t lost_blocks; /* as far as they can be counted */
	bool end_unknown; /* more may have stood behind the last one */
	bool ranges_lost; /* range tombstones there may have been are gone */
};

enum status table_salvage(const struct table_salvage_options *options,
    struct table_salvage_report *out, struct error *err) MUST_CHECK;

#endif
