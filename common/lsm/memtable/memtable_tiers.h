/*
 * memtable_tiers - the writer's half of a memtable's order.
 *
 * Gathers new nodes, sorts them into runs, merges runs as they grow and
 * publishes which runs hold. The bytes are specified in memtable_format.h.
 *
 * A node is sorted into a tail of 32 as it comes, and then takes part in one
 * merge each time its run grows fivefold: a few steps in sequential arrays,
 * where a tree or a skiplist of a million keys takes as many misses.
 *
 * No put waits for a long merge: each does a bounded part of those under way.
 * Until one has ended its runs go on to be listed, and readers know nothing of
 * it. What is done when follows from the number of nodes alone, and so does
 * the space that the order takes and how many runs there are.
 *
 * Threads  As the writer.
 */
#ifndef COMMON_LSM_MEMTABLE_MEMTABLE_TIERS_H
#define COMMON_LSM_MEMTABLE_MEMTABLE_TIERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/lsm/memtable/memtable_format.h"

/* How many runs of a tier become one of the next. */
#define MEMTABLE_FAN_IN 5

/*
 * The digests of the runs of so many tiers are kept in memory of our own
 * (320 KB): their merges then touch no key.
 */
#define MEMTABLE_KEPT_TIERS 4

/* Of other runs so many are loaded together: their misses then overlap. */
#define MEMTABLE_SOURCE_DIGESTS 8
static_assert(MEMTABLE_TAIL_COUNT % MEMTABLE_SOURCE_DIGESTS == 0,
    "runs are of whole parts");

/* Enough for the most nodes that a memtable can have. */
#define MEMTABLE_TIERS_MAX 11
#define MEMTABLE_TIER_RUNS_MAX (MEMTABLE_FAN_IN + 2)

struct memtable_tier_run {
	uint32_t offset;
	uint32_t count;
	size_t prefix_size;
	uint64_t *digests; /* kept ones; or NULL */
};

/* What is left of a run that is being merged. */
struct memtable_source {
	const uint32_t *at;
	const uint32_t *end;
	const uint32_t *known_end; /* up to here digests are known */
	const uint64_t *digest; /* of `at`, by the prefix of the run */
	/* These make it one by the output's prefix: see source_digest(). */
	uint64_t high;
	unsigned half_shift;
	uint64_t loaded[MEMTABLE_SOURCE_DIGESTS]; /* if none are kept */
};

/* Which source is next with what. */
struct memtable_turn {
	uint64_t digest;
	uint32_t source;
};

struct memtable_merge {
	struct memtable_tier_run output;
	uint32_t done; /* nodes of the output */
	uint32_t turn_count; /* sources not at their end; 0: no merge */
	struct memtable_turn turns[MEMTABLE_FAN_IN]; /* sorted */
	struct memtable_source sources[MEMTABLE_FAN_IN];
};

/* Runs of one length, oldest first; a merge is of the first ones. */
struct memtable_tier {
	struct memtable_tier_run runs[MEMTABLE_TIER_RUNS_MAX];
	uint32_t run_count;
	uint64_t made_count; /* of runs, ever */
	struct memtable_merge merge;
};

/* A node of the tail. */
struct memtable_item {
	uint64_t digest;
	uint32_t node;
};

struct memtable_tiers {
	uint8_t *base; /* of the mapping; borrowed */
	uint64_t *kept; /* owned; digests */
	size_t high; /* where the order begins; moves down */
	size_t due_bytes; /* of runs that will be written for present nodes */
	uint64_t sorted_count;
	struct memtable_tier tiers[MEMTABLE_TIERS_MAX];
	uint32_t merge_count; /* under way */
	uint32_t any; /* a node; 0 before the first */
	size_t prefix_size; /* in common to it and to all that are sorted */
	struct memtable_item tail[MEMTABLE_TAIL_COUNT]; /* sorted */
	uint32_t tail_count;
	size_t tail_prefix_size; /* in common to the tail */
};

/* Starts at the end, `high`, of an empty memtable at `base`. */
void
memtable_tiers_init(struct memtable_tiers *tiers, uint8_t *base, size_t high);
void memtable_tiers_deinit(struct memtable_tiers *tiers);

/* Takes in a node; the order may grow down to `low`, which must suffice. */
void
memtable_tiers_add(struct memtable_tiers *tiers, uint32_t node, size_t low);

/* The bytes that the order of `key_count` nodes takes in the end, at most. */
size_t memtable_tiers_bytes(size_t key_count);

#endif
