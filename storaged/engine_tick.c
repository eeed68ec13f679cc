/* engine_tick - what an engine does without being asked. */
#include <inttypes.h>

#include "common/base/check.h"
#include "common/journal/journal.h"
#include "common/lsm/view/control.h"
#include "common/metrics/metrics.h"
#include "storaged/commit/admission.h"
#include "storaged/engine_state.h"
#include "storaged/maintenance/maintenance.h"
#include "storaged/reserve/reserve.h"
#include "storaged/scrub/scrub.h"
#include "storaged/tree/tree.h"

#define TICK_MS 100
#define CLOCK_TICK_MS 1000

/* The age at which a memtable is flushed while the disk is short. */
#define SHORT_AGE_MS_MAX 1000

struct admission_load
engine_load(const struct engine *engine)
{
	const struct catalog *catalog = tree_catalog(engine->tree);

	return (struct admission_load){
	    .frozen_count = tree_frozen_count(engine->tree),
	    .frozen_count_max = FROZEN_COUNT_MAX,
	    .level0_count = (engine->pick.stuck_levels & 1) == 0
		? catalog->levels[0].count
		: 0,
	    .level0_count_max = LEVEL0_COUNT_MAX,
	    .debt_bytes = compaction_debt_bytes(catalog, &engine->pick),
	    .debt_bytes_max = 16 * engine->pick.level1_bytes_max,
	};
}

uint32_t
engine_delay_us(const struct engine *engine)
{
	struct admission_load load = engine_load(engine);

	return admission_delay_us(&load);
}

uint64_t
engine_now_ms(struct engine *engine)
{
	const struct clock *clock = engine->options.clock;
	uint64_t monotonic_ms = clock_monotonic_ms(clock);
	uint64_t now_ms =
	    stamp_next(&engine->stamp, clock_wall_ms(clock), monotonic_ms);
	uint64_t store_ms = apply_clock_ms(engine->apply);

	engine->seen_ms = monotonic_ms;
	/* Readers judge expiry by the same guarded time, not by their own. */
	control_set_clock_offset(tree_control(engine->tree),
	    (int64_t)now_ms - (int64_t)monotonic_ms);
	return now_ms > store_ms ? now_ms : store_ms;
}

static enum status
sync_when_due(struct engine *engine, uint64_t now_ms, struct error *err)
{
	if (engine->options.sync != ENGINE_SYNC_INTERVAL || !engine->unsynced ||
	    now_ms < engine->next_sync_ms)
		return STATUS_OK;
	engine->next_sync_ms = now_ms + engine->options.sync_interval_ms;
	engine->unsynced = false;
	return journal_commit(engine->journal, true, err);
}

/*
 * Deadlines that pass while nobody writes: the store clock must get there,
 * and then the recovery point, or nothing would ever be reclaimed. A clock
 * that was moved counts as a write, so that the memtable gets old and goes.
 */
static enum status
move_clock_when_due(struct engine *engine, uint64_t now_ms, struct error *err)
{
	const struct catalog *catalog = tree_catalog(engine->tree);
	uint64_t store_ms = apply_clock_ms(engine->apply);
	uint64_t time_ms;

	if (now_ms < engine->next_clock_ms)
		return STATUS_OK;
	engine->next_clock_ms = now_ms + CLOCK_TICK_MS;
	time_ms = engine_now_ms(engine);
	if (!tree_has_deadline(
		engine->tree, catalog->recovery.clock_ms, time_ms))
		return STATUS_OK;
	if (engine->active_since_ms == 0)
		engine->active_since_ms = now_ms;
	return tree_has_deadline(engine->tree, store_ms, time_ms)
	    ? engine_write_clock(engine, err)
	    : STATUS_OK;
}

static enum status
freeze_when_due(struct engine *engine, uint64_t now_ms, struct error *err)
{
	size_t frozen = tree_frozen_count(engine->tree);
	bool wanted =
	    engine->flush_sequence > tree_frozen_sequence(engine->tree);
	uint64_t age_ms_max = engine_memtable_age_ms_max(engine, now_ms);
	struct error none;
	bool old;

	/* What was deleted gives space back only from tables. */
	if (engine->space.state != SPACE_OK && age_ms_max > SHORT_AGE_MS_MAX)
		age_ms_max = SHORT_AGE_MS_MAX;
	old = engine->active_since_ms != 0 &&
	    now_ms >= engine->active_since_ms + age_ms_max;

	/* Freezing can wait for space; only a write must have it at once. */
	if (tree_wants_spare(engine->tree) ||
	    tree_reserve_view(engine->tree, &none) != STATUS_OK)
		return STATUS_OK;
	if ((wanted && frozen < FROZEN_COUNT_MAX) || (old && frozen == 0))
		return engine_freeze(engine, err);
	return STATUS_OK;
}

static void
publish_state(struct engine *engine)
{
	const struct catalog *catalog = tree_catalog(engine->tree);
	struct admission_load load = engine_load(engine);
	uint32_t delay_us = admission_delay_us(&load);
	enum control_write_state state = CONTROL_WRITES_OK;
	const struct memtable_stats *stats = tree_active_stats(engine->tree);

	if (engine->space.state == SPACE_HARD || admission_refuses(&load))
		state = CONTROL_WRITES_READ_ONLY;
	else if (engine->space.state == SPACE_SOFT)
		state = CONTROL_WRITES_DELETES_ONLY;
	else if (delay_us > 0)
		state = CONTROL_WRITES_DELAYED;
	control_set_write_state(tree_control(engine->tree), state,
	    state == CONTROL_WRITES_DELAYED ? delay_us : 0);
	metrics_set(METRIC_WRITE_STATE, 0, 0, state);
	metrics_set(METRIC_WRITE_DELAY, 0, 0, (uint64_t)delay_us * 1000);
	metrics_set(METRIC_COMPACTION_DEBT_BYTES, 0, 0, load.debt_bytes);
	metrics_set(
	    METRIC_MEMTABLE_BYTES, 0, 0, tree_memtable_bytes(engine->tree));
	metrics_set(
	    METRIC_MEMTABLES, 0, 0, load.frozen_count + (stats != NULL));
	metrics_set(METRIC_MEMTABLE_ENTRIES, 0, 0,
	    stats == NULL ? 0 : stats->version_count);
	metrics_set(METRIC_SSTABLE_COUNT, 0, 0, catalog_table_count(catalog));
	metrics_set(METRIC_SSTABLE_BYTES, 0, 0, catalog_bytes(catalog));
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		metrics_set(METRIC_LEVEL_FILES, i, 0, catalog->levels[i].count);
		metrics_set(METRIC_LEVEL_BYTES, i, 0, catalog->levels[i].bytes);
	}
	metrics_set(METRIC_JOURNAL_SEGMENTS, 0, 0,
	    journal_segment_count(engine->journal));
	metrics_set(METRIC_SEQUENCE, 0, 0, engine->applied_sequence);
}

/* Nobody is to wait for a compaction that damage makes impossible. */
static void
watch_damage(struct engine *engine)
{
	const struct catalog *catalog = tree_catalog(engine->tree);

	damage_list_review(&engine->damage, catalog);
	engine->pick.stuck_levels = engine->damage.count == 0
	    ? 0
	    : compaction_stuck_levels(catalog, &engine->pick);
	metrics_set(METRIC_DAMAGED_TABLES, 0, 0, engine->damage.count);
}

enum status
engine_tick(struct engine *engine, struct error *err)
{
	uint64_t now_ms = clock_monotonic_ms(engine->options.clock);

	if (engine->failure.code != STATUS_OK)
		return error_copy(err, &engine->failure);
	engine->tick_wanted = false;
	engine->next_tick_ms = now_ms + TICK_MS;
	engine_space_check(engine, now_ms);
	if (freeze_when_due(engine, now_ms, err) != STATUS_OK ||
	    maintenance_step(engine->maintenance, now_ms, err) != STATUS_OK ||
	    sync_when_due(engine, now_ms, err) != STATUS_OK ||
	    move_clock_when_due(engine, now_ms, err) != STATUS_OK)
		return engine_fail(engine, err);
	engine_checkpoint_step(engine);
	if (engine->scrub != NULL)
		scrub_step(engine->scrub, tree_catalog(engine->tree), now_ms);
	watch_damage(engine);
	/* Readers' time must follow the guarded clock also without writes. */
	(void)engine_now_ms(engine);
	engine_watch_reclaim(engine, now_ms);
	publish_state(engine);
	return STATUS_OK;
}

bool
engine_is_due(const struct engine *engine)
{
	return engine->tick_wanted || engine->seen_ms >= engine->next_tick_ms ||
	    maintenance_has_finished(engine->maintenance);
}

uint64_t
engine_request_flush(struct engine *engine)
{
	engine->flush_sequence = engine->applied_sequence;
	/* Who asks may have made room: what failed is tried again at once. */
	maintenance_forget_trouble(engine->maintenance);
	return engine->flush_sequence;
}

static enum status
check_trouble(const char *trouble, struct error *err)
{
	return trouble[0] == '\0'
	    ? STATUS_OK
	    : error_set(err, STATUS_UNAVAILABLE, "%s", trouble);
}

enum status
engine_flush(struct engine *engine, struct error *err)
{
	const struct catalog *catalog = tree_catalog(engine->tree);
	uint64_t sequence = engine_request_flush(engine);

	while (true) {
		if (engine_tick(engine, err) != STATUS_OK ||
		    check_trouble(
			maintenance_flush_trouble(engine->maintenance), err) !=
			STATUS_OK)
			return err->code;
		if (catalog->recovery.sequence >= sequence)
			return STATUS_OK;
		maintenance_wait(engine->maintenance);
	}
}

bool
engine_busy(const struct engine *engine)
{
	return maintenance_busy(engine->maintenance);
}

enum status
engine_settle(struct engine *engine, struct error *err)
{
	if (engine_flush(engine, err) != STATUS_OK)
		return err->code;
	while (maintenance_busy(engine->maintenance)) {
		maintenance_wait(engine->maintenance);
		if (engine_tick(engine, err) != STATUS_OK ||
		    check_trouble(maintenance_trouble(engine->maintenance),
			err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

void
engine_status(const struct engine *engine, struct engine_status *out)
{
	const struct catalog *catalog = tree_catalog(engine->tree);
	struct admission_load load = engine_load(engine);

	*out = (struct engine_status){
	    .sequence = engine->applied_sequence,
	    .recovery_sequence = catalog->recovery.sequence,
	    .store_clock_ms = apply_clock_ms(engine->apply),
	    .memtable_bytes = tree_memtable_bytes(engine->tree),
	    .memtable_count =
		load.frozen_count + (tree_active_stats(engine->tree) != NULL),
	    .table_bytes = catalog_bytes(catalog),
	    .table_count = catalog_table_count(catalog),
	    .compaction_debt_bytes = load.debt_bytes,
	    .expired_bytes = engine->expired_bytes,
	    .reclaim_lag_ms = engine->reclaim_lag_ms,
	    .disk_free_bytes = engine->space.free_bytes,
	    .disk_reserve_bytes = reserve_held_bytes(engine->space.reserve),
	    .disk_state = engine_space_state_name(engine),
	    .writer_count = apply_writer_count(engine->apply),
	    .trouble = maintenance_trouble(engine->maintenance),
	    .flush_trouble = maintenance_flush_trouble(engine->maintenance),
	};
	if (engine->scrub != NULL)
		scrub_status(engine->scrub, &out->scrub);
	out->scrub.damaged_tables = engine->damage.count;
	out->scrub.damage = engine->damage.last;
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		out->levels[i].tables = catalog->levels[i].count;
		out->levels[i].bytes = catalog->levels[i].bytes;
	}
}
