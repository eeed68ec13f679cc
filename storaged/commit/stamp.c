#include "storaged/commit/stamp.h"

struct stamp
stamp_start(uint64_t floor_ms, uint64_t wall_ms, uint64_t monotonic_ms)
{
	uint64_t time_ms = wall_ms > floor_ms ? wall_ms : floor_ms;

	return (struct stamp){
	    .last_ms = time_ms,
	    .anchor_ms = time_ms,
	    .anchor_monotonic_ms = monotonic_ms,
	};
}

uint64_t
stamp_next(struct stamp *stamp, uint64_t wall_ms, uint64_t monotonic_ms)
{
	uint64_t elapsed = monotonic_ms > stamp->anchor_monotonic_ms
	    ? monotonic_ms - stamp->anchor_monotonic_ms
	    : 0;
	uint64_t expected = stamp->anchor_ms + elapsed;
	uint64_t fastest = expected + elapsed / STAMP_SLEW_DIVISOR;
	uint64_t slowest = expected - elapsed / STAMP_SLEW_DIVISOR;
	uint64_t next = wall_ms;

	stamp->slewing = true;
	if (wall_ms > fastest + STAMP_JUMP_MS_MAX) {
		next = fastest;
	} else if (slowest > wall_ms + STAMP_JUMP_MS_MAX) {
		next = slowest;
	} else {
		stamp->slewing = false;
		stamp->anchor_ms = wall_ms;
		stamp->anchor_monotonic_ms = monotonic_ms;
	}
	if (next > stamp->last_ms)
		stamp->last_ms = next;
	return stamp->last_ms;
}
