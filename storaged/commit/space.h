/*
 * space - how full the disk may get, and what then still goes on.
 *
 *              soft limit        hard limit          the reserve alone
 *   OK -----------|----- SOFT -------|------ HARD --------|
 *   all writes        deletes only        reads only
 *
 * Judged is what is left: free bytes and the reserve, a file that holds space
 * until flushing or compaction needs it (storaged/reserve). What memtables
 * owe to the disk counts as used, so that whatever was acknowledged will find
 * its place. A state is left by itself once there is a little more than its
 * limit.
 *
 * Threads  Pure.
 */
#ifndef STORAGED_COMMIT_SPACE_H
#define STORAGED_COMMIT_SPACE_H

#include <stdint.h>

/* In settings, 0 is for chosen by the sizes of disk, memtable and segment. */
struct space_limits {
	uint64_t soft_bytes;
	uint64_t hard_bytes;
	uint64_t reserve_bytes;
	uint64_t start_bytes; /* the last of it: only for opening; chosen */
};

enum space_state {
	SPACE_OK,
	SPACE_SOFT, /* writes that add are refused */
	SPACE_HARD, /* all writes are */
};

struct space_sizes {
	uint64_t disk_bytes;
	uint64_t memtable_bytes;
	uint64_t segment_bytes; /* of the journal */
};

/* Fills in what is to be chosen; hard is never above soft. */
struct space_limits space_choose(
    const struct space_limits *wanted, const struct space_sizes *sizes);

/* The state now, when it was `before`. */
enum space_state space_judge(const struct space_limits *limits,
    enum space_state before, uint64_t left_bytes, uint64_t owed_bytes);

/*
 * What a compaction must leave free: as long as all is well it must not make
 * the disk short of its own accord; later it must leave what a flush takes.
 */
uint64_t space_compaction_floor(const struct space_limits *limits,
    enum space_state state, uint64_t held_bytes, uint64_t flush_bytes);

/*
 * How large the reserve should be now: less when `needed_bytes` are not free,
 * whole again when everything is well. What opening needs is not given up.
 */
uint64_t
space_reserve_bytes(const struct space_limits *limits, enum space_state state,
    uint64_t free_bytes, uint64_t held_bytes, uint64_t needed_bytes);

#endif
