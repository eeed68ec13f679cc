/*
 * memtable_tiers - the writer's half of a memtable's order.
 *
 * Gathers new nodes, sorts them into runs, merges runs as they grow and
 * publishes which runs hold. The bytes are specified in memtable_format.h.
 *
 * A node is sorted once with its 31 neighbours and then takes part in one
 * merge each time its run grows fourfold: ten to fifteen steps in a sequential
 * array, where a tree or a skiplist of a million keys takes as many misses.
 * How much space the order takes depends on nothing but the number of nodes.
 *
 * Threads  As the writer.
 */
#ifndef COMMON_LSM_MEMTABLE_MEMTABLE_TIERS_H
#define COMMON_LSM_MEMTABLE_MEMTABLE_TIERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/lsm/memtable/memtable_format.h"

struct memtable_tier_run {
	uint32_t offset;
	uint32_t count;
	size_t prefix_size;
};

struct memtable_tiers {
	uint8_t *base; /* of the mapping; borrowed */
	size_t high; /* where the order begins; moves down */
	uint64_t sorted_count;
	struct memtable_tier_run runs[MEMTABLE_RUNS_MAX]; /* long to short */
	uint32_t run_count;
	uint32_t any; /* a node; 0 before the first */
	size_t prefix_size; /* in common to it and to all that are sorted */
	uint32_t tail[MEMTABLE_TAIL_COUNT];
	uint32_t tail_count;
};

/* Starts at the end, `high`, of an empty memtable at `base`. */
void
memtable_tiers_init(struct memtable_tiers *tiers, uint8_t *base, size_t high);

/* Takes in a node; the order may grow down to `low`, which must suffice. */
void
memtable_tiers_add(struct memtable_tiers *tiers, uint32_t node, size_t low);

/* The bytes that the order of `key_count` nodes has taken, at most. */
size_t memtable_tiers_bytes(size_t key_count);

#endif
