/*
 * maintenance - keeps a tree in shape: flushes, compacts, prepares files
 * ahead, and lets go of journal segments that tables have made needless.
 *
 * Each maintenance_step() takes what finished jobs have made into the tree
 * and begins what is due. At most one flush and one compaction are under way.
 *
 * Failure    A job that fails is tried again after a while, each time after a
 *            longer one, and tables that a compaction finds damaged are left
 *            out from then on. What another try cannot mend (a failed sync, a
 *            damaged memtable) is returned by maintenance_step() and ends the
 *            engine.
 * Threads    The engine's thread; jobs run on background's.
 */
#ifndef STORAGED_MAINTENANCE_MAINTENANCE_H
#define STORAGED_MAINTENANCE_MAINTENANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/os/file_system.h"
#include "storaged/compaction/pick.h"

struct background;
struct damage_list;
struct journal;
struct maintenance;
struct tree;

struct maintenance_options {
	struct file_system *fs;
	unsigned shard;
	const uint8_t *store_id;
	const char *shard_directory;
	const char *runtime_directory;
	const char *journal_directory;
	size_t memtable_bytes;
	uint64_t journal_segment_bytes;
	bool journal_mapped; /* see journal_options */
	size_t block_bytes;
	uint64_t table_bytes_max;
	struct pick_options pick;
	struct damage_list *damage; /* borrowed; notes what is found */
	bool threads; /* false: jobs run inside maintenance_step() */
};

/* Borrows the tree; the options' strings are copied. */
struct maintenance *maintenance_create(
    const struct maintenance_options *options, struct tree *tree);

/* From here on segments are released and prepared too. Borrowed. */
void maintenance_attach_journal(
    struct maintenance *maintenance, struct journal *journal);

/* See above. `now_ms` is monotonic. */
enum status maintenance_step(struct maintenance *maintenance, uint64_t now_ms,
    struct error *err) MUST_CHECK;

/*
 * Flushes all frozen memtables before it returns, on this thread: for
 * recovery, where nothing goes on without it.
 */
enum status maintenance_flush_now(
    struct maintenance *maintenance, struct error *err) MUST_CHECK;

/* How the disk is, for compactions to go by. */
struct maintenance_space {
	bool is_short; /* what gives space back comes first */
	uint64_t free_bytes;
	uint64_t floor_bytes; /* compactions leave so much free */
};

/* What has failed for want of space is tried again once there is more. */
void maintenance_set_space(struct maintenance *maintenance,
    const struct maintenance_space *space, uint64_t now_ms);

/* Free bytes without which the next jobs would fail. */
uint64_t maintenance_space_needed(const struct maintenance *maintenance);

/* True while jobs are under way or one is due. */
bool maintenance_busy(const struct maintenance *maintenance);

/* True while the next memtable is being made. */
bool maintenance_makes_memtable(const struct maintenance *maintenance);

/* Blocks until a job has ended, if one is under way. */
void maintenance_wait(struct maintenance *maintenance);

/* Whether maintenance_step() has something to take in; a hint, and cheap. */
bool maintenance_has_finished(const struct maintenance *maintenance);

/* Readable when maintenance_step() has something to take in. */
int maintenance_descriptor(const struct maintenance *maintenance);

/* For jobs of others; maintenance_step() delivers their ends. */
struct background *maintenance_background(struct maintenance *maintenance);

/* The text of the last failure that is being tried again; "" if none is. */
const char *maintenance_trouble(const struct maintenance *maintenance);

/* The same of flushing alone, and of views; nothing is frozen meanwhile. */
const char *maintenance_flush_trouble(const struct maintenance *maintenance);

/* Forgets it; what has failed is tried again by the next step. */
void maintenance_forget_trouble(struct maintenance *maintenance);

/* Waits for running jobs and frees. */
void maintenance_close(struct maintenance *maintenance);

#endif
