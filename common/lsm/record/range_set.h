/*
 * range_set - which keys are deleted by range tombstones, and how late.
 *
 * Tombstones are added in any order and may overlap; range_set_seal() cuts
 * them into pieces that do not, each with the greatest sequence of those that
 * cover it. A zeroed struct range_set is an empty and sealed one.
 *
 * Ownership  The set owns copies of all bytes.
 * Threads    A sealed set may be asked from any number of threads.
 */
#ifndef COMMON_LSM_RECORD_RANGE_SET_H
#define COMMON_LSM_RECORD_RANGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/slice.h"
#include "common/lsm/record/entry.h"

/* From `start` up to the start of the next piece; sequence 0: not covered. */
struct range_piece {
	struct slice start;
	uint64_t sequence;
};

struct range_set {
	struct arena arena; /* the bytes of all tombstones */
	struct range_tombstone *ranges; /* as added */
	size_t range_count;
	size_t range_capacity;
	struct range_piece *pieces; /* sorted; filled by the sealing */
	size_t piece_count;
	bool is_unsealed;
};

/*
 * Adds a copy of `range`. One that holds no key (start >= end) is left out.
 * The set must be sealed again before it is asked.
 */
void range_set_add(struct range_set *set, const struct range_tombstone *range);

/* Makes the set ready to be asked. */
void range_set_seal(struct range_set *set);

/* The greatest sequence of a tombstone that holds `key`; 0 if none does. */
uint64_t range_set_cover(const struct range_set *set, struct slice key);

/*
 * The piece in which `key` lies: over all keys in [start, end) the answer of
 * range_set_cover() is the same, out->sequence (0: nothing covers them). An
 * empty end is no bound. *out is borrowed until the set changes.
 */
void range_set_find(
    const struct range_set *set, struct slice key, struct range_tombstone *out);

static inline bool
range_set_is_empty(const struct range_set *set)
{
	return set->range_count == 0;
}

/*
 * The tombstones after cutting: disjoint, ascending, each with its greatest
 * sequence. *index starts at 0; false at the end. *out is borrowed until the
 * set changes.
 */
bool range_set_next(
    const struct range_set *set, size_t *index, struct range_tombstone *out);

/* Empties the set and frees its memory; it is usable again. */
void range_set_deinit(struct range_set *set);

#endif
