/*
 * rewrite - turns sorted entries and range tombstones into tables.
 *
 * Flush and compaction are the same act on different input: each key's newest
 * version goes out, and what no reader can miss is left behind. The rules of
 * what may be dropped live here and nowhere else:
 *
 *   - an entry under a newer range tombstone of the same input goes;
 *   - an entry that has expired by the clock of the recovery point becomes a
 *     tombstone. By that clock and no later one: the journal behind the
 *     recovery point is applied again after a crash, and a command in it that
 *     found its key alive must find it alive again;
 *   - a tombstone, or a range tombstone, goes only if no older table outside
 *     the input can hold what it hides.
 *
 * Ownership  Input is borrowed; the tables made belong to the caller.
 * Threads    One rewrite belongs to one thread; it touches nothing shared but
 *            the counter of file numbers.
 */
#ifndef STORAGED_COMPACTION_REWRITE_H
#define STORAGED_COMPACTION_REWRITE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/os/file_system.h"
#include "storaged/manifest/catalog.h"

/* Tables older than the input, as runs that are ordered and disjoint. */
struct older_tables {
	struct table_file *const *runs[LEVEL_COUNT];
	size_t counts[LEVEL_COUNT];
	size_t cursors[LEVEL_COUNT];
	bool any_key; /* nothing is known: every key may be held */
};

struct rewrite_options {
	struct file_system *fs;
	const char *shard_directory;
	const uint8_t *store_id;
	_Atomic uint64_t *next_number;
	enum compression compression;
	size_t block_bytes;
	uint64_t table_bytes_max; /* a new table is begun behind this */
	unsigned level; /* of the tables made */
	uint64_t clock_ms; /* of the recovery point */
	uint64_t hidden_above; /* sequences that only hide; 0: all go out */
	uint64_t disk_left_min; /* NO_SPACE rather than leave less; 0: none */
};

struct rewrite_result {
	struct table_file **tables;
	size_t count;
	size_t capacity;
	uint64_t read_entries;
	uint64_t dropped_entries;
	uint64_t expired_entries; /* dropped, or made tombstones */
	uint64_t dropped_tombstones;
	uint64_t written_bytes;
};

/*
 * Rewrites what `entries` and the sealed `ranges` hold. The tables and their
 * names are durable on STATUS_OK; on failure *result is empty and files that
 * were begun are removed as far as possible. `stop`, if not NULL, is looked
 * at now and then; once true the answer is STATUS_SHUTDOWN.
 */
enum status rewrite_run(const struct rewrite_options *options,
    struct iterator *entries, const struct range_set *ranges,
    struct older_tables *older, const atomic_bool *stop,
    struct rewrite_result *result, struct error *err) MUST_CHECK;

/* Frees the tables that are still in it and the array. */
void rewrite_result_deinit(struct rewrite_result *result);

#endif
