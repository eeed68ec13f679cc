/*
 * table_run - tables of one level whose keys do not overlap, in key order.
 *
 * Finds the one table that may hold a key, and iterates over the run as if it
 * were a single table. A table of level 0 is a run of its own.
 *
 * Ownership  A run borrows its slots, and slots borrow readers; its iterators
 *            borrow both.
 * Threads    Those of the readers: everything belongs to one thread.
 */
#ifndef COMMON_LSM_VIEW_TABLE_RUN_H
#define COMMON_LSM_VIEW_TABLE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

struct iterator;
struct range_set;
struct table_reader;
struct table_summary;

/* An open table, with its bounds as numbers beside it for quick decisions. */
struct table_slot {
	uint64_t first_prefix; /* table_run_prefix() of the first key */
	uint64_t last_prefix; /* UINT64_MAX where there is no bound */
	struct table_reader *reader;
	const struct table_summary *summary; /* the reader's */
};

struct table_run {
	const struct table_slot *tables;
	size_t count;
	/* To find a table without touching it: */
	struct slice shared; /* what all first keys begin with */
	const uint64_t *starts; /* of each first key, what follows it */
};

/* The first eight bytes of a key as a number that orders as they do. */
uint64_t table_run_prefix(struct slice key);

/* The slot of an open table. */
struct table_slot table_slot_of(struct table_reader *reader);

/* False only if nothing in the table concerns a key with this prefix. */
static inline bool
table_slot_may_hold(const struct table_slot *slot, uint64_t prefix)
{
	return slot->first_prefix <= prefix && prefix <= slot->last_prefix;
}

/*
 * Makes a run of `count` tables that stand in the order of their keys;
 * `starts` has room for as many. The run keeps both.
 */
struct table_run
table_run_of(const struct table_slot *tables, size_t count, uint64_t *starts);

/*
 * The index of the last table that starts at or before `key`; no other can
 * hold it. run->count if all start behind it.
 */
size_t table_run_find(const struct table_run *run, struct slice key);

/*
 * All entries of the run. Where `shadows` is not NULL, entries that one of
 * its range tombstones hides are left out as far as that saves reading them:
 * whole stretches, never single ones. Its user hides the rest.
 */
struct iterator *table_run_iterator_create(
    struct table_run run, const struct range_set *shadows);

#endif
