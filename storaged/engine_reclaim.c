/* engine_reclaim - how far behind their deadlines tables lose what expired. */
#include "common/metrics/metrics.h"
#include "storaged/compaction/reclaim.h"
#include "storaged/engine_state.h"
#include "storaged/tree/tree.h"

#define WATCH_MS 500

/* A memtable this old goes early when that lets tables lose something. */
#define EARLY_AGE_MS 5000

static uint64_t
active_bytes(const struct engine *engine)
{
	const struct memtable_stats *stats = tree_active_stats(engine->tree);

	return stats == NULL ? 0 : stats->used_bytes;
}

void
engine_watch_reclaim(struct engine *engine, uint64_t now_ms)
{
	const struct catalog *catalog = tree_catalog(engine->tree);
	struct reclaim_debt debt;
	uint64_t time_ms;

	if (now_ms < engine->next_reclaim_ms)
		return;
	engine->next_reclaim_ms = now_ms + WATCH_MS;
	time_ms = engine_now_ms(engine);
	debt = reclaim_debt(catalog, time_ms);
	engine->expired_bytes = debt.expired_bytes;
	engine->reclaim_lag_ms = debt.oldest_deadline_ms == 0
	    ? 0
	    : time_ms - debt.oldest_deadline_ms;
	metrics_set(METRIC_EXPIRED_BYTES, 0, 0, engine->expired_bytes);
	metrics_set(METRIC_RECLAIM_LAG, 0, 0, engine->reclaim_lag_ms * 1000000);
	/* What the store clock has not reached, no flush can reclaim. */
	engine->reclaim_waiting_bytes =
	    reclaim_waiting_bytes(catalog, apply_clock_ms(engine->apply));
	if (active_bytes(engine) != engine->still_bytes) {
		engine->still_bytes = active_bytes(engine);
		engine->still_since_ms = now_ms;
	}
}

uint64_t
engine_memtable_age_ms_max(const struct engine *engine, uint64_t now_ms)
{
	uint64_t age_ms_max = engine->options.memtable_age_ms_max;
	bool is_still = now_ms >= engine->still_since_ms + EARLY_AGE_MS;

	/*
	 * Expiry in tables is judged by the recovery point's clock. Where
	 * nothing but its standstill keeps them from losing what has expired,
	 * the memtable is flushed soon, unless much would be written for
	 * little and more is about to come.
	 */
	if (engine->reclaim_waiting_bytes == 0 || age_ms_max < EARLY_AGE_MS)
		return age_ms_max;
	return is_still || engine->reclaim_waiting_bytes > active_bytes(engine)
	    ? EARLY_AGE_MS
	    : age_ms_max;
}
