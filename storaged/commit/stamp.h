/*
 * stamp - the time that a write sink puts on batches.
 *
 * It follows the wall clock but never goes back, and a wall clock that jumps
 * further than elapsed time explains is believed only slowly: a clock that is
 * set an hour ahead by mistake must not expire an hour's worth of keys.
 *
 * Threads  Pure; time is passed in.
 */
#ifndef STORAGED_COMMIT_STAMP_H
#define STORAGED_COMMIT_STAMP_H

#include <stdbool.h>
#include <stdint.h>

/* Differences up to this are taken over at once. */
#define STAMP_JUMP_MS_MAX 1000

/* Beyond that, time runs this fraction faster or slower until they meet. */
#define STAMP_SLEW_DIVISOR 8

struct stamp {
	uint64_t last_ms; /* the last time given */
	uint64_t anchor_ms; /* a time given, and when that was */
	uint64_t anchor_monotonic_ms;
	bool slewing; /* the wall clock is further off than believed */
};

/* Begins at the later of the wall clock and `floor_ms`, the store clock. */
struct stamp
stamp_start(uint64_t floor_ms, uint64_t wall_ms, uint64_t monotonic_ms);

/* The time now: not before any time that this stamp has given. */
uint64_t
stamp_next(struct stamp *stamp, uint64_t wall_ms, uint64_t monotonic_ms);

#endif
