/*
 * view - the store at one moment, with all its memtables and tables open.
 *
 * The one read path: frontends come here through view_reader.h, `storaged`
 * when it applies commands. A lookup asks the memtables, newest first, then
 * the tables of level 0, newest first, then the one table of each deeper
 * level that may hold the key; the first entry found is the newest, since
 * sources are ordered by age. Range tombstones cost nothing where no source
 * has any. There is no allocation on this path and no system call.
 *
 * Consecutive views share what they have in common: opening one opens only
 * the files that its predecessor did not have.
 *
 * Failure    Opening is all or nothing; STATUS_NOT_FOUND when a file is gone.
 *            Reads run inside bus_guard_run(); the process must have called
 *            bus_guard_install().
 * Ownership  Views are counted: who opens or retains one closes it. They
 *            borrow the block cache, which outlives them.
 * Threads    None inside: all views that share a cache or a predecessor
 *            belong to one thread.
 */
#ifndef COMMON_LSM_VIEW_VIEW_H
#define COMMON_LSM_VIEW_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/view/view_path.h"

struct block_cache;
struct iterator;
struct range_set;
struct table_summary;
struct view;
struct view_description;
struct view_table;

/* From where a view takes its files. All of it is borrowed. */
struct view_sources {
	struct view_folders folders;
	struct block_cache *cache; /* NULL: none */
	struct view *previous; /* to share with; NULL: none */
	/*
	 * Readers to be used instead of opening the file of their number: the
	 * writing process has its memtables mapped already. They must outlive
	 * every view that names them.
	 */
	struct memtable_reader *const *memtables;
	size_t memtable_count;
};

/* Opens all that `description` names; it is copied. */
enum status view_open(const struct view_description *description,
    const struct view_sources *sources, struct view **out,
    struct error *err) MUST_CHECK;

/* One more owner. Returns `view`. */
struct view *view_retain(struct view *view);

/* One owner less; the last one closes and frees. NULL is allowed. */
void view_close(struct view *view);

/* Borrowed until the view is closed. */
const struct view_description *view_describe(const struct view *view);

/*
 * Finds the entry that holds for the key of `query` at its sequence, deleted
 * ones being absent; its deadline is for the caller to judge. *out is
 * borrowed until the next call on this view (its key: from `query`).
 */
enum status view_find(struct view *view, const struct memtable_query *query,
    struct entry *out, enum lookup *found, struct error *err) MUST_CHECK;

/* The same; an entry that has expired at `now_ms` is absent, too. */
enum status
view_get(struct view *view, const struct memtable_query *query, uint64_t now_ms,
    struct entry *out, enum lookup *found, struct error *err) MUST_CHECK;

/*
 * Lets the memory come that finding these keys will touch, all at once. For
 * who has several keys at hand, as a pipeline does: most of a lookup's time
 * is waiting for memory. A hint: what it does shows in nothing else. Up to
 * VIEW_PREFETCH_MAX queries, the rest is ignored.
 */
#define VIEW_PREFETCH_MAX 32
void view_prefetch(
    struct view *view, const struct memtable_query *queries, size_t count);

/*
 * An iterator over every key in its newest version, tombstones and expired
 * and range-deleted entries included, but for those that table_run.h leaves
 * out for `shadows` (NULL: none). Closed before the view. Its calls belong
 * inside bus_guard_run().
 */
struct iterator *view_iterator_create(
    struct view *view, uint64_t sequence_max, const struct range_set *shadows);

/*
 * Makes an iterator of view_iterator_create(), without shadows, like one that
 * is created now; it saves the memory for another. Must be guarded.
 */
void view_iterator_renew(
    struct view *view, struct iterator *it, uint64_t sequence_max);

/*
 * The range tombstones of all sources: those in memtables only up to
 * `sequence_max`. Adds to `into` and seals it.
 */
enum status view_ranges(struct view *view, uint64_t sequence_max,
    struct range_set *into, struct error *err) MUST_CHECK;

/* How much the tables of a view hold, versions and tombstones included. */
struct view_size {
	uint64_t table_count;
	uint64_t table_bytes;
	uint64_t entry_count;
	uint64_t tombstone_count;
};

/* Sums up one level; a level without tables is all zeroes. */
struct view_size view_level_size(const struct view *view, unsigned level);

/* What a description says of a table that was just built. */
struct view_table
view_table_of(const struct table_summary *summary, unsigned level);

#endif
