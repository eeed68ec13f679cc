/*
 * engine_state - what the files of the engine share: engine_open.c opens and
 * recovers, engine_write.c is the path of a batch, engine_tick.c does what is
 * due. Nobody else includes this.
 */
#ifndef STORAGED_ENGINE_STATE_H
#define STORAGED_ENGINE_STATE_H

#include "common/journal/journal.h"
#include "common/os/path.h"
#include "storaged/apply/apply.h"
#include "storaged/commit/stamp.h"
#include "storaged/compaction/pick.h"
#include "storaged/engine.h"
#include "storaged/engine_space.h"
#include "storaged/manifest/damage_list.h"

/* Memtables that may wait to be flushed: in recovery, and in service. */
#define FROZEN_RECOVERY_MAX 2
#define FROZEN_COUNT_MAX 8

/* See struct pick_options; and from half the last on writes are delayed. */
#define LEVEL0_COUNT_QUIET 4
#define LEVEL0_COUNT_TRIGGER 8
#define LEVEL0_COUNT_DUE 16
#define LEVEL0_COUNT_MAX 48

struct engine_copy;
struct maintenance;
struct scrub;
struct tree;

struct engine {
	struct engine_options options; /* with the defaults filled in */
	char shard_directory[PATH_BYTES_MAX];
	char runtime_directory[PATH_BYTES_MAX];
	char journal_directory[PATH_BYTES_MAX];
	struct pick_options pick;
	struct tree *tree;
	struct apply *apply;
	struct apply_store store; /* how `apply` sees this engine */
	struct journal_options journal_options;
	struct journal *journal; /* NULL during recovery */
	struct maintenance *maintenance;
	struct damage_list damage; /* tables that were found damaged */
	struct scrub *scrub; /* NULL: switched off */
	struct engine_copy *copy; /* the checkpoint under way; else NULL */
	struct stamp stamp;
	uint64_t applied_sequence; /* of the last batch applied */
	uint64_t flush_sequence; /* wanted in tables: see engine_tick() */
	uint64_t active_since_ms; /* monotonic; 0: the memtable is empty */
	uint64_t next_sync_ms;
	uint64_t next_clock_ms;
	uint64_t next_reclaim_ms;
	uint64_t expired_bytes; /* as the metrics of these names */
	uint64_t reclaim_lag_ms;
	uint64_t reclaim_waiting_bytes; /* until the recovery point moves */
	uint64_t still_bytes; /* in the active memtable, no more of them */
	uint64_t still_since_ms; /* since then, by the monotonic clock */
	struct engine_space space;
	uint64_t seen_ms; /* monotonic; when the time was last asked for */
	uint64_t next_tick_ms; /* the latest: see engine_is_due() */
	bool tick_wanted; /* earlier: a memtable waits to be flushed */
	bool unsynced; /* the journal holds what no sync has covered */
	struct error failure; /* not OK once the engine has ended */
};

/* Notes the failure that ends the engine and returns it. */
enum status engine_fail(struct engine *engine, struct error *err);

/* The functions by which applying a batch reads and writes the tree. */
struct apply_store engine_store(struct engine *engine);

/*
 * Freezes the active memtable, if anything was applied since the last one.
 * After a start there may be none, and only one is made; called again, this
 * freezes it, and the recovery point can move.
 */
enum status engine_freeze(struct engine *engine, struct error *err) MUST_CHECK;

/* Journals, applies and publishes a batch without a writer: the time. */
enum status
engine_write_clock(struct engine *engine, struct error *err) MUST_CHECK;

/* What engine_tick() and engine_close() do for a checkpoint. */
void engine_checkpoint_step(struct engine *engine);
void engine_checkpoint_close(struct engine *engine);

/* The time for the next batch, also set for readers to go by. */
uint64_t engine_now_ms(struct engine *engine);

/* Keeps the metrics of what has expired, now and then. */
void engine_watch_reclaim(struct engine *engine, uint64_t now_ms);

/* How old the active memtable may get at present. */
uint64_t
engine_memtable_age_ms_max(const struct engine *engine, uint64_t now_ms);

/* What admission is judged by. */
struct admission_load;
struct admission_load engine_load(const struct engine *engine);

#endif
