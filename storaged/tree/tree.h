/*
 * tree - the log-structured merge tree as it stands: memtables, tables, and
 * the views by which readers see them.
 *
 * The tree knows what is current and makes each change of it durable and
 * visible in the right order. It does not decide when to flush or compact,
 * and it has no threads; whoever builds tables hands them in.
 *
 *   newest    active memtable    what is being written
 *             frozen memtables   full, flushed oldest first
 *             level 0            as flushed, overlapping
 *   oldest    level 1..6         disjoint on each level
 *
 * Durability  A change of tables is in the manifest before it is in a view,
 *             and files leave only after they have left both.
 * Failure     When a call that changes something fails the tree is stuck: the
 *             engine stops, and recovery starts from what is on disk. But
 *             NO_SPACE for the manifest or the next view leaves all as it was.
 * Ownership   The tree owns memtables and the catalog.
 * Threads     The engine's thread alone.
 */
#ifndef STORAGED_TREE_TREE_H
#define STORAGED_TREE_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/view/control.h"
#include "common/os/file_system.h"
#include "storaged/manifest/catalog.h"
#include "storaged/manifest/edit.h"

/* What memtables leave of the runtime directory's space, for views. */
#define TREE_VIEWS_BYTES 262144u

struct table_trash;
struct tree;

struct tree_options {
	struct file_system *fs;
	unsigned shard;
	const uint8_t *store_id; /* 16 bytes, copied */
	const char *shard_directory; /* DATA/shard-N, exists */
	const char *runtime_directory; /* RUNTIME/shard-N, exists */
	size_t memtable_bytes;
	size_t cache_bytes; /* of decompressed blocks */
	uint64_t manifest_bytes_min; /* a shorter one is not renewed */
	bool threads; /* what leaves is removed by one: sweeper.h */
};

/* A memtable that takes no more, and the recovery point behind it. */
struct frozen_memtable {
	struct memtable_writer *memtable;
	struct recovery_point point;
};

/*
 * Reads the manifest. The tree can then be written to and asked, but no
 * reader sees it before tree_go_live().
 */
enum status tree_open(const struct tree_options *options, struct tree **out,
    struct error *err) MUST_CHECK;
void tree_close(struct tree *tree);

const struct catalog *tree_catalog(const struct tree *tree);
struct control *tree_control(const struct tree *tree);

/* Where replaced tables go; who links tables holds it. */
struct table_trash *tree_trash(struct tree *tree);

/* Numbers for files, never used twice; safe from any thread. */
_Atomic uint64_t *tree_next_number(struct tree *tree);

/*
 * Begins to serve: finishes or replaces what the last incarnation left in the
 * runtime folder, publishes the first view and `sequence`.
 * STATUS_CORRUPT when readers were shown more than has been recovered.
 */
enum status tree_go_live(struct tree *tree, uint64_t sequence,
    uint64_t store_clock_ms, struct error *err) MUST_CHECK;

/* True if the active memtable has room for that much. */
bool
tree_fits(const struct tree *tree, size_t entries, size_t bytes, size_t ranges);

/*
 * Freezes the active memtable, if there is one, behind `point` (whose buffer
 * is taken) and makes a new one in which so much fits. Once live, a view with
 * it is published before this returns.
 */
enum status tree_rotate(struct tree *tree, struct recovery_point *point,
    size_t entries, size_t bytes, size_t ranges, struct error *err) MUST_CHECK;

/* True if that much fits into the active or the next memtable as it is. */
bool tree_has_room(
    const struct tree *tree, size_t entries, size_t bytes, size_t ranges);

/*
 * Makes the next memtable now if there is no room for that much, and takes the
 * space for the view that tree_rotate() publishes. On failure nothing has
 * changed.
 */
enum status tree_make_room(struct tree *tree, size_t entries, size_t bytes,
    size_t ranges, struct error *err) MUST_CHECK;

/*
 * Takes the space for the next view, if it is not held: without it neither
 * tables nor memtables can change. Call it now and then.
 */
enum status tree_reserve_view(struct tree *tree, struct error *err) MUST_CHECK;

/* NO_SPACE if `bytes` more would leave views too little; from any thread. */
enum status tree_check_space(struct file_system *fs,
    const char *runtime_directory, size_t bytes, struct error *err) MUST_CHECK;

/* Takes a memtable that was made ahead; it goes if there is one by now. */
void tree_give_spare(struct tree *tree, struct memtable_writer *spare);
bool tree_wants_spare(const struct tree *tree);

/* Adds to the active memtable, in which there is room. */
void tree_add(struct tree *tree, const struct entry *entry, uint64_t hash);
void tree_add_range(struct tree *tree, const struct range_tombstone *range);

/*
 * The entry that holds for the key of `query` at `now_ms`; false in *found if
 * it is absent, deleted or expired. *out is borrowed until the next call.
 */
enum status
tree_get(struct tree *tree, const struct memtable_query *query, uint64_t now_ms,
    struct entry *out, bool *found, struct error *err) MUST_CHECK;

/* Lets readers see everything up to `sequence`. */
void
tree_publish(struct tree *tree, uint64_t sequence, uint64_t store_clock_ms);

/* The oldest memtable that waits to be flushed; NULL if there is none. */
const struct frozen_memtable *tree_oldest_frozen(const struct tree *tree);
size_t tree_frozen_count(const struct tree *tree);

/* Up to where everything is in tables or waits to be flushed. */
uint64_t tree_frozen_sequence(const struct tree *tree);

/* What the active memtable holds; NULL if there is none. */
const struct memtable_stats *tree_active_stats(const struct tree *tree);

/*
 * Takes the tables made from the oldest frozen memtable (none is fine), also
 * on failure, and moves the recovery point behind it; the memtable goes.
 */
enum status tree_install_flush(struct tree *tree, struct table_file **tables,
    size_t count, struct error *err) MUST_CHECK;

/*
 * Replaces the tables `removed`, which belong to the catalog, by `added`,
 * which are taken, also on failure. The files of the removed are unlinked.
 */
enum status
tree_install_tables(struct tree *tree, struct table_file *const *removed,
    size_t removed_count, struct table_file **added, size_t added_count,
    struct error *err) MUST_CHECK;

/* Moves tables to `level` without touching the files. */
enum status
tree_install_move(struct tree *tree, struct table_file *const *tables,
    size_t count, unsigned level, struct error *err) MUST_CHECK;

/* True if something may expire after `after_ms` and until `until_ms`. */
bool tree_has_deadline(
    const struct tree *tree, uint64_t after_ms, uint64_t until_ms);

/* Bytes of all memtables. */
uint64_t tree_memtable_bytes(const struct tree *tree);

#endif
