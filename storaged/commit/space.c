#include "storaged/commit/space.h"

#define MIB ((uint64_t)1 << 20)

static uint64_t
least_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct space_limits
space_choose(const struct space_limits *wanted, const struct space_sizes *sizes)
{
	uint64_t disk = sizes->disk_bytes;
	struct space_limits limits = *wanted;

	/*
	 * The reserve lets two memtables be flushed and a segment be made; on
	 * a small disk it must not be most of it.
	 */
	if (limits.reserve_bytes == 0)
		limits.reserve_bytes = least_of(disk / 16,
		    2 * sizes->memtable_bytes + sizes->segment_bytes + 8 * MIB);
	/* Nothing but the reserve is left, and what a moment may take. */
	if (limits.hard_bytes == 0)
		limits.hard_bytes = least_of(disk / 8,
		    limits.reserve_bytes + sizes->memtable_bytes + 4 * MIB);
	/* Between them is the room in which compaction gives space back. */
	if (limits.soft_bytes == 0)
		limits.soft_bytes = limits.hard_bytes +
		    least_of(disk / 20, 256 * MIB + 4 * sizes->memtable_bytes);
	limits.hard_bytes = least_of(limits.hard_bytes, limits.soft_bytes);
	/* A manifest, and the journal's tail beside the old one. */
	limits.start_bytes =
	    least_of(limits.reserve_bytes, sizes->segment_bytes + MIB / 2);
	return limits;
}

/* What there must be to leave a state, so that it does not come and go. */
static uint64_t
with_margin(uint64_t limit)
{
	return limit + limit / 16;
}

enum space_state
space_judge(const struct space_limits *limits, enum space_state before,
    uint64_t left_bytes, uint64_t owed_bytes)
{
	uint64_t soft = limits->soft_bytes;
	uint64_t hard = limits->hard_bytes;

	if (before == SPACE_HARD)
		hard = with_margin(hard);
	if (before != SPACE_OK)
		soft = with_margin(soft);
	if (left_bytes < hard)
		return SPACE_HARD;
	if (left_bytes < owed_bytes || left_bytes - owed_bytes < soft)
		return SPACE_SOFT;
	return SPACE_OK;
}

uint64_t
space_compaction_floor(const struct space_limits *limits,
    enum space_state state, uint64_t held_bytes, uint64_t flush_bytes)
{
	uint64_t kept = state == SPACE_OK ? limits->hard_bytes : flush_bytes;

	return kept > held_bytes ? kept - held_bytes : 0;
}

uint64_t
space_reserve_bytes(const struct space_limits *limits, enum space_state state,
    uint64_t free_bytes, uint64_t held_bytes, uint64_t needed_bytes)
{
	uint64_t least = limits->start_bytes;
	uint64_t target = state == SPACE_OK ? limits->reserve_bytes : least;

	if (held_bytes > least && free_bytes < needed_bytes) {
		uint64_t lacking = needed_bytes - free_bytes;

		return held_bytes - least > lacking ? held_bytes - lacking
						    : least;
	}
	if (held_bytes >= target || free_bytes < needed_bytes ||
	    free_bytes - needed_bytes < target - held_bytes)
		return held_bytes;
	return target;
}
