/*
 * engine - the storage engine of one shard, and the only door to it.
 *
 * A durable, ordered map with expiry: batches of commands go in, each is
 * journaled, synced, applied and published, and its reply comes out. Readers
 * (common/lsm/view) see what is published, in this process or another. What
 * happens to a batch on its way is told in storaged/README.md.
 *
 * Durability  engine_write() returns replies only for what is on disk (sync
 *             mode always), so that a crash at any point loses none of it.
 * Failure     Requests are refused one by one. A call that itself fails,
 *             unless it says otherwise, ends the engine: what was not
 *             answered has an unknown outcome, every later call returns the
 *             same error, and only opening it again (recovery) goes on. So
 *             does every failed sync of a file of the store (of a
 *             checkpoint, that one alone ends): STATUS_UNSYNCED.
 * Threads     All calls from one thread. Flush and compaction run on threads
 *             of their own unless the options say otherwise.
 */
#ifndef STORAGED_ENGINE_H
#define STORAGED_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "common/lsm/table/compression.h"
#include "common/os/clock.h"
#include "common/os/file_system.h"
#include "storaged/scrub/scrub_status.h"

#define ENGINE_LEVEL_COUNT 7

enum engine_sync {
	ENGINE_SYNC_ALWAYS, /* before each reply */
	ENGINE_SYNC_INTERVAL, /* every sync_interval_ms */
	ENGINE_SYNC_NEVER, /* when the kernel likes */
};

/* Zero means the default for sizes and times. */
struct engine_options {
	struct file_system *fs; /* NULL: the real one */
	const struct clock *clock; /* NULL: the system's */
	const char *data_directory; /* exists */
	const char *runtime_directory; /* exists */
	unsigned shard;
	uint8_t store_id[16];
	size_t memtable_bytes; /* 10 MB */
	uint64_t table_bytes_max; /* 4 memtables, at least 8 MiB */
	uint64_t level1_bytes_max; /* 8 memtables, at least 64 MiB */
	/* 2 memtables, from 4 MiB to 64, or, synced always, to 8. */
	uint64_t journal_segment_bytes;
	uint64_t manifest_bytes_min; /* 1 MiB; a shorter one is not renewed */
	size_t block_bytes; /* as table_builder.h has it */
	size_t cache_bytes; /* 32 MiB of decompressed blocks */
	/* Of disk space, as commit/space.h has it; by default by the disk. */
	uint64_t disk_soft_bytes; /* less left: only deletes are taken */
	uint64_t disk_hard_bytes; /* less left: only reads */
	uint64_t disk_reserve_bytes; /* held back for what must go on */
	uint64_t scrub_bytes_per_s; /* 0: tables are not read for damage */
	uint64_t scrub_interval_ms; /* between rounds; 1 day */
	uint64_t memtable_age_ms_max; /* 60 s; older ones are flushed */
	enum engine_sync sync;
	uint64_t sync_interval_ms; /* 1 s */
	enum compression compression[ENGINE_LEVEL_COUNT];
	bool without_threads; /* flush and compact inside engine_tick() */
};

/* One encoded batch (common/command/batch.h) and what became of it. */
struct engine_request {
	uint8_t *batch; /* the stamp is written into it */
	size_t batch_size;
	enum status status;
	struct error error; /* if status is not OK */
	struct buffer reply; /* encoded, if OK; the caller's */
};

struct engine;

/* Opens and recovers the shard; readers see it from then on. */
enum status engine_open(const struct engine_options *options,
    struct engine **out, struct error *err) MUST_CHECK;

/*
 * Closes. What was answered stays durable; under the lax sync modes what is
 * written is synced first, and a failure of that is returned.
 */
enum status engine_close(struct engine *engine, struct error *err);

/*
 * Writes batches as one group: one journal write and one sync for all of
 * them. A request's status tells: OK (see the reply); INVALID (not applied);
 * BUSY or NO_SPACE (not applied, try again later; a batch that only deletes
 * is taken for longer than others); CORRUPT or IO (not applied: it would have
 * to read what is damaged); NOT_FOUND (the writer is not registered; not
 * applied); UNKNOWN (applied earlier, its reply is gone).
 */
enum status engine_write(struct engine *engine, struct engine_request *requests,
    size_t count, struct error *err) MUST_CHECK;

/*
 * Does what is due: takes in finished flushes and compactions and begins new
 * ones, syncs, ticks the store clock, watches the disk. To be called when
 * engine_descriptor() is readable and every 100 ms or so.
 */
enum status engine_tick(struct engine *engine, struct error *err) MUST_CHECK;

/*
 * True when engine_tick() has something to do, by the time of the last write.
 * Costs next to nothing: whoever writes without a loop asks before each call,
 * whoever has one asks behind a group.
 */
bool engine_is_due(const struct engine *engine);

/* Readable when engine_tick() has something to take in. */
int engine_descriptor(const struct engine *engine);

/*
 * For how long the next write should wait, in microseconds, so that
 * compaction keeps up; grows smoothly with its debt.
 */
uint32_t engine_delay_us(const struct engine *engine);

/*
 * Has the next engine_tick() begin to flush all memtables. It is done when
 * the recovery sequence has reached the returned one.
 */
uint64_t engine_request_flush(struct engine *engine);

/*
 * Flushes all memtables and returns when that is durable. UNAVAILABLE when it
 * cannot be done at present; the engine goes on and tries again by itself.
 */
enum status engine_flush(struct engine *engine, struct error *err) MUST_CHECK;

/* True while a flush or compaction is under way or due. */
bool engine_busy(const struct engine *engine);

/* Flushes, then compacts until nothing is due. UNAVAILABLE as above. */
enum status engine_settle(struct engine *engine, struct error *err) MUST_CHECK;

/*
 * Begins a checkpoint: a data directory `target` (absolute; it must not exist,
 * and lie on the same file system) with what the store holds at some moment
 * from now on. The work is done by engine_tick() and beside it. A failure
 * here or later harms nothing but the checkpoint; checkpoint/checkpoint.h says
 * which there are, and BUSY that another one is under way.
 */
enum status engine_checkpoint_begin(
    struct engine *engine, const char *target, struct error *err) MUST_CHECK;

struct engine_checkpoint {
	uint64_t sequence; /* everything up to this one is in it */
	uint64_t store_clock_ms;
	size_t table_count;
	uint64_t table_bytes;
};

/*
 * True once the checkpoint that was begun has ended, and only once: err->code
 * says how, and with STATUS_OK *out is what was made.
 */
bool engine_checkpoint_take(
    struct engine *engine, struct engine_checkpoint *out, struct error *err);

struct engine_status {
	uint64_t sequence;
	uint64_t recovery_sequence;
	uint64_t store_clock_ms;
	uint64_t memtable_bytes;
	size_t memtable_count;
	uint64_t table_bytes;
	size_t table_count;
	struct {
		size_t tables;
		uint64_t bytes;
	} levels[ENGINE_LEVEL_COUNT];
	uint64_t compaction_debt_bytes;
	uint64_t expired_bytes; /* in tables, at least */
	uint64_t reclaim_lag_ms; /* since the first deadline of those */
	uint64_t disk_free_bytes;
	uint64_t disk_reserve_bytes; /* held now */
	const char *disk_state; /* "ok", "soft", "hard" */
	size_t writer_count;
	struct scrub_status scrub;
	const char *trouble; /* what goes wrong and is tried again, or "" */
	const char *flush_trouble; /* the same of flushing alone */
};

void engine_status(const struct engine *engine, struct engine_status *out);

#endif
