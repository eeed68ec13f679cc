/*
 * entry - one version of one key, and a deletion of a range of keys.
 *
 * What memtables and tables hold, and what every iterator yields. Of two
 * entries of one key the one with the greater sequence holds; a tombstone
 * says that the key is gone. A range tombstone says so for every key in its
 * range, against all entries with a smaller sequence.
 *
 * Ownership  The slices are borrowed from whoever gave out the entry.
 */
#ifndef COMMON_LSM_RECORD_ENTRY_H
#define COMMON_LSM_RECORD_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

/* The numbers go into memtables and tables. */
enum entry_kind {
	ENTRY_PUT = 1,
	ENTRY_TOMBSTONE = 2,
};

struct entry {
	struct slice key;
	struct slice value; /* empty in a tombstone */
	uint64_t sequence; /* from 1 */
	uint64_t deadline_ms; /* since 1970; 0: never expires */
	enum entry_kind kind;
};

struct range_tombstone {
	struct slice start;
	struct slice end; /* not in the range; empty: the range has no end */
	uint64_t sequence;
};

/* FOUND may be a tombstone: the caller looks at the kind. */
enum lookup {
	LOOKUP_ABSENT = 0,
	LOOKUP_FOUND,
};

static inline bool
entry_is_expired(const struct entry *entry, uint64_t now_ms)
{
	return entry->deadline_ms != 0 && entry->deadline_ms <= now_ms;
}

/* True if `key` lies in the range, whatever the sequences. */
static inline bool
range_tombstone_holds(const struct range_tombstone *range, struct slice key)
{
	return slice_compare(range->start, key) <= 0 &&
	    (range->end.size == 0 || slice_compare(key, range->end) < 0);
}

#endif
