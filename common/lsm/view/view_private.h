/*
 * view_private - an open view, as its own parts see it: opening and sharing
 * (view), lookups (view_find).
 */
#ifndef COMMON_LSM_VIEW_VIEW_PRIVATE_H
#define COMMON_LSM_VIEW_VIEW_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/table_reader.h"
#include "common/lsm/view/table_run.h"
#include "common/lsm/view/view_description.h"

struct memtable_reader;
struct view_scan;

/* A reader that several views may have in common. */
struct view_file {
	unsigned owners;
	uint64_t number;
	uint64_t incarnation; /* of a memtable */
	bool is_borrowed; /* a memtable's reader that is not ours to close */
	struct memtable_reader *memtable; /* one of these two */
	struct table_reader *table;
};

struct view {
	unsigned owners;
	struct view_description description;
	/* What a lookup walks through, in the order of the description. */
	struct memtable_reader **memtables;
	struct table_slot *tables;
	uint64_t *starts; /* for the runs */
	struct table_run levels[VIEW_LEVELS_MAX];
	unsigned level_count; /* those behind are empty */
	struct range_set ranges; /* of all tables */
	bool has_ranges; /* `ranges` is not empty */
	struct table_pin pin; /* of the last result */
	struct buffer value; /* of the last result, if copied */
	/* A closed scan, whose memory the next one uses; NULL: none. */
	struct view_scan *spare_scan;
	/* Owners of the readers above; the same order. */
	struct view_file **memtable_files;
	struct view_file **table_files;
	struct view_file **by_number; /* table_files, sorted */
};

/* Frees a scan that was closed. NULL is allowed. */
void view_scan_free(struct view_scan *scan);

#endif
