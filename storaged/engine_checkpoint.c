/*
 * engine_checkpoint - a checkpoint of the running store.
 *
 *      begin            flushed             linked, written
 *   ---------> FLUSHING ---------> COPYING ------------------> ENDED
 *                  |                                             ^
 *                  +---------------- failed ---------------------+
 *
 * The engine's thread only copies the catalog: its recovery point belongs to
 * exactly these tables. Until the side lane has linked them, tables that
 * compaction replaces keep their names.
 */
#include <stdio.h>

#include "common/base/mem.h"
#include "storaged/background/background.h"
#include "storaged/checkpoint/checkpoint.h"
#include "storaged/engine_state.h"
#include "storaged/maintenance/maintenance.h"
#include "storaged/manifest/catalog.h"
#include "storaged/tree/table_trash.h"
#include "storaged/tree/tree.h"

enum copy_state {
	COPY_FLUSHING,
	COPY_COPYING,
	COPY_ENDED
};

struct engine_copy {
	struct job job; /* first: a job is cast back */
	enum copy_state state;
	bool finished; /* the job */
	uint64_t sequence; /* to be in tables first */
	char target[PATH_BYTES_MAX];
	struct catalog catalog;
	struct checkpoint_options options;
	struct error error; /* how it went */
};

static void
run_copy(struct job *job)
{
	struct engine_copy *copy = (struct engine_copy *)job;

	(void)!checkpoint_write(&copy->options, &copy->error);
}

static void
on_copy_done(struct job *job)
{
	struct engine_copy *copy = (struct engine_copy *)job;

	copy->finished = true;
}

enum status
engine_checkpoint_begin(
    struct engine *engine, const char *target, struct error *err)
{
	struct engine_copy *copy;
	struct checkpoint_options options = {
	    .fs = engine->options.fs,
	    .shard_directory = engine->shard_directory,
	    .shard = engine->options.shard,
	    .store_id = engine->options.store_id,
	    .target = target,
	};

	if (engine->copy != NULL)
		return error_set(err, STATUS_BUSY,
		    "checkpoint %.150s is being made", engine->copy->target);
	if (checkpoint_check(&options, err) != STATUS_OK)
		return err->code;
	copy = mem_new(sizeof(*copy));
	copy->job.run = run_copy;
	copy->job.on_done = on_copy_done;
	copy->options = options;
	copy->options.target = copy->target;
	copy->options.catalog = &copy->catalog;
	copy->options.stop =
	    background_stop(maintenance_background(engine->maintenance));
	snprintf(copy->target, sizeof(copy->target), "%s", target);
	copy->sequence = engine_request_flush(engine);
	engine->copy = copy;
	return STATUS_OK;
}

static void
step_flushing(struct engine *engine, struct engine_copy *copy)
{
	const struct catalog *catalog = tree_catalog(engine->tree);
	const char *trouble = maintenance_flush_trouble(engine->maintenance);

	if (catalog->recovery.sequence >= copy->sequence) {
		catalog_copy(&copy->catalog, catalog);
		table_trash_hold(tree_trash(engine->tree));
		copy->state = COPY_COPYING;
		background_submit(maintenance_background(engine->maintenance),
		    LANE_SIDE, &copy->job);
	} else if (trouble[0] != '\0') {
		error_set(&copy->error, STATUS_UNAVAILABLE, "%s", trouble);
		copy->state = COPY_ENDED;
	}
}

void
engine_checkpoint_step(struct engine *engine)
{
	struct engine_copy *copy = engine->copy;

	if (copy == NULL)
		return;
	if (copy->state == COPY_FLUSHING) {
		step_flushing(engine, copy);
	} else if (copy->state == COPY_COPYING && copy->finished) {
		table_trash_release(tree_trash(engine->tree));
		copy->state = COPY_ENDED;
	}
}

bool
engine_checkpoint_take(
    struct engine *engine, struct engine_checkpoint *out, struct error *err)
{
	const struct engine_copy *copy = engine->copy;

	if (copy == NULL || copy->state != COPY_ENDED)
		return false;
	*err = copy->error;
	*out = (struct engine_checkpoint){
	    .sequence = copy->catalog.recovery.sequence,
	    .store_clock_ms = copy->catalog.recovery.clock_ms,
	    .table_count = catalog_table_count(&copy->catalog),
	    .table_bytes = catalog_bytes(&copy->catalog),
	};
	engine_checkpoint_close(engine);
	return true;
}

void
engine_checkpoint_close(struct engine *engine)
{
	if (engine->copy == NULL)
		return;
	catalog_deinit(&engine->copy->catalog);
	mem_free(engine->copy);
	engine->copy = NULL;
}
