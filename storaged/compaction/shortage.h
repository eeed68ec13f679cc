/*
 * shortage - which compaction to run when the disk is short: one that gives
 * space back and whose output finds room.
 *
 * What it goes by are guesses from the tables' summaries. A range tombstone
 * is taken to hide all that lies under it; a compaction that was promised too
 * little ends when it meets the floor, and nothing is lost.
 *
 * Threads  Pure; the engine's thread.
 */
#ifndef STORAGED_COMPACTION_SHORTAGE_H
#define STORAGED_COMPACTION_SHORTAGE_H

#include <stdint.h>

#include "storaged/compaction/pick.h"

/* The bytes of all inputs: what the output has at most. */
uint64_t shortage_input_bytes(const struct pick *pick);

/* What the output will have, by what the summaries let one guess. */
uint64_t shortage_output_bytes(const struct pick *pick, uint64_t clock_ms);

struct shortage {
	uint64_t budget_bytes; /* that may be written */
	/*
	 * One with so much input failed: only smaller ones are tried, and
	 * those that fit for sure. 0: none failed.
	 */
	uint64_t failed_bytes;
};

/*
 * The pick that gives most back among those that fit in the budget, or else
 * one that surely fits and brings level 0 nearer to what it hides.
 * PICK_NOTHING if there is none, and then *wanted_bytes is what the most
 * modest one would take, 0 if nothing can be given back at all.
 */
struct pick
shortage_pick(const struct catalog *catalog, const struct pick_options *options,
    const struct shortage *shortage, uint64_t *wanted_bytes);

#endif
