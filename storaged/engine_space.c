#include "storaged/engine_space.h"

#include <inttypes.h>

#include "common/command/batch.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/os/path.h"
#include "storaged/engine_state.h"
#include "storaged/maintenance/maintenance.h"
#include "storaged/reserve/reserve.h"
#include "storaged/tree/tree.h"

#define CHECK_MS 200
#define TAKE_AGAIN_MS 5000

/* For the manifest, folders and what else comes in small pieces. */
#define SMALL_THINGS_BYTES ((uint64_t)1 << 20)

static const char *const state_names[] = {"ok", "soft", "hard"};

static enum status
look(struct engine *engine, struct directory_space *space, struct error *err)
{
	if (directory_space(engine->options.fs, engine->shard_directory, space,
		err) != STATUS_OK)
		return err->code;
	engine->space.free_bytes = space->free_bytes;
	return STATUS_OK;
}

static void
resize(struct engine *engine, uint64_t bytes, uint64_t now_ms)
{
	struct engine_space *space = &engine->space;
	uint64_t held = reserve_held_bytes(space->reserve);
	struct directory_space now;
	struct error err;

	bytes -= bytes % RESERVE_STEP_BYTES;
	if (bytes == held || (bytes > held && now_ms < space->next_take_ms))
		return;
	if (reserve_resize(space->reserve, bytes, &err) != STATUS_OK) {
		space->next_take_ms = now_ms + TAKE_AGAIN_MS;
		log_event(LOG_WARN, "reserve_failed",
		    "held=%" PRIu64 " wanted=%" PRIu64 " error=\"%s\"", held,
		    bytes, err.text);
	} else {
		log_event(LOG_INFO,
		    bytes < held ? "reserve_given_up" : "reserve_taken",
		    "held=%" PRIu64, bytes);
	}
	(void)!look(engine, &now, &err);
}

/* Gives up that much of the reserve, but `least_bytes` of it. */
static void
give(struct engine *engine, uint64_t bytes, uint64_t least_bytes)
{
	uint64_t held = reserve_held_bytes(engine->space.reserve);

	if (held <= least_bytes)
		return;
	bytes += RESERVE_STEP_BYTES;
	resize(
	    engine, held - least_bytes > bytes ? held - bytes : least_bytes, 0);
	engine->space.next_check_ms = 0;
}

enum status
engine_space_open(struct engine *engine, struct error *err)
{
	const struct engine_options *options = &engine->options;
	struct engine_space *space = &engine->space;
	struct space_limits wanted = {
	    .soft_bytes = options->disk_soft_bytes,
	    .hard_bytes = options->disk_hard_bytes,
	    .reserve_bytes = options->disk_reserve_bytes,
	};
	struct space_sizes sizes = {
	    .memtable_bytes = options->memtable_bytes,
	    .segment_bytes = options->journal_segment_bytes,
	};
	struct directory_space now;
	uint64_t needed;

	if (reserve_open(options->fs, engine->shard_directory, &space->reserve,
		err) != STATUS_OK ||
	    look(engine, &now, err) != STATUS_OK)
		return err->code;
	sizes.disk_bytes = now.total_bytes;
	space->limits = space_choose(&wanted, &sizes);
	/* Recovery writes a manifest and a segment, and may flush. */
	needed =
	    sizes.segment_bytes + 2 * sizes.memtable_bytes + SMALL_THINGS_BYTES;
	if (now.free_bytes < needed)
		give(engine, needed - now.free_bytes, 0);
	return STATUS_OK;
}

bool
engine_space_give(struct engine *engine, uint64_t bytes)
{
	uint64_t held = reserve_held_bytes(engine->space.reserve);

	give(engine, bytes, engine->space.limits.start_bytes);
	return reserve_held_bytes(engine->space.reserve) < held;
}

bool
engine_space_is_there(struct engine *engine, uint64_t bytes)
{
	struct directory_space now;
	struct error ignored;

	return look(engine, &now, &ignored) != STATUS_OK ||
	    now.free_bytes >=
	    bytes + bytes / 8 + engine->space.limits.start_bytes;
}

static void
change_state(struct engine_space *space, enum space_state state)
{
	if (state == space->state)
		return;
	log_event(state == SPACE_OK ? LOG_INFO : LOG_WARN, "disk_state",
	    "from=%s to=%s free=%" PRIu64 " reserve=%" PRIu64 " soft=%" PRIu64
	    " hard=%" PRIu64,
	    state_names[space->state], state_names[state], space->free_bytes,
	    reserve_held_bytes(space->reserve), space->limits.soft_bytes,
	    space->limits.hard_bytes);
	space->state = state;
}

static void
tell_maintenance(struct engine *engine, uint64_t now_ms)
{
	struct engine_space *space = &engine->space;
	struct maintenance_space news = {
	    .is_short = space->state != SPACE_OK,
	    .free_bytes = space->free_bytes,
	    .floor_bytes = SMALL_THINGS_BYTES / 4 +
		space_compaction_floor(&space->limits, space->state,
		    reserve_held_bytes(space->reserve),
		    engine->options.memtable_bytes),
	};

	maintenance_set_space(engine->maintenance, &news, now_ms);
}

void
engine_space_check(struct engine *engine, uint64_t now_ms)
{
	struct engine_space *space = &engine->space;
	uint64_t held = reserve_held_bytes(space->reserve);
	struct directory_space now;
	struct error ignored;
	uint64_t needed;

	if (now_ms < space->next_check_ms)
		return;
	space->next_check_ms = now_ms + CHECK_MS;
	if (look(engine, &now, &ignored) != STATUS_OK)
		return;
	change_state(space,
	    space_judge(&space->limits, space->state, space->free_bytes + held,
		tree_memtable_bytes(engine->tree)));
	needed =
	    maintenance_space_needed(engine->maintenance) + SMALL_THINGS_BYTES;
	resize(engine,
	    space_reserve_bytes(
		&space->limits, space->state, space->free_bytes, held, needed),
	    now_ms);
	tell_maintenance(engine, now_ms);
	metrics_set(METRIC_DISK_FREE_BYTES, 0, 0, space->free_bytes);
	metrics_set(METRIC_DISK_STATE, 0, 0, space->state);
	metrics_set(METRIC_DISK_RESERVE_BYTES, 0, 0,
	    reserve_held_bytes(space->reserve));
}

const char *
engine_space_state_name(const struct engine *engine)
{
	return state_names[engine->space.state];
}

enum status
engine_space_admit(const struct engine *engine, const struct batch *batch,
    uint64_t now_ms, struct error *err)
{
	const struct engine_space *space = &engine->space;
	uint64_t left = space->free_bytes + reserve_held_bytes(space->reserve);

	/* A writer is registered with next to nothing. */
	if (space->state == SPACE_OK || batch->kind != BATCH_WRITES)
		return STATUS_OK;
	if (space->state == SPACE_HARD)
		return error_set(err, STATUS_NO_SPACE,
		    "the disk is full, with %" PRIu64
		    " bytes left (hard limit %" PRIu64
		    "): only reads are taken; free space on the disk of %s",
		    left, space->limits.hard_bytes, engine->shard_directory);
	if (!batch_adds(batch, now_ms))
		return STATUS_OK;
	return error_set(err, STATUS_NO_SPACE,
	    "the disk is short, with %" PRIu64
	    " bytes left (soft limit %" PRIu64
	    "): only deletes are taken; delete keys or free space on the disk"
	    " of %s",
	    left, space->limits.soft_bytes, engine->shard_directory);
}
