/*
 * pick - decides which tables to compact next.
 *
 * Tables that hold nothing any more are dropped before all else. Leveled:
 * level 0 is due when it has several tables and is worth it beside level 1,
 * sooner while nobody writes, or has many; a deeper level when it is over
 * its size, each level ten times the one above. When none is, a table of
 * which much has expired or been deleted is rewritten, so that space comes
 * back also when nobody writes (reclaim.h).
 *
 * A table that cannot be read is in no rewrite: it sinks below what has to
 * pass it, and only what can neither go past it nor push it deeper waits.
 *
 * Threads  Pure; the engine's thread.
 */
#ifndef STORAGED_COMPACTION_PICK_H
#define STORAGED_COMPACTION_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/manifest/catalog.h"

struct pick_options {
	size_t level0_count_trigger; /* due if it outweighs level 1 */
	size_t level0_count_quiet; /* the same while it is quiet */
	size_t level0_count_due; /* due in any case; 0: as the trigger */
	uint64_t level1_bytes_max;
	unsigned level_multiplier;
	bool quiet; /* nothing has been flushed for a while */
	unsigned stuck_levels; /* a bit each; they make no debt */
	enum compression compression[LEVEL_COUNT];
};

enum pick_kind {
	PICK_NOTHING,
	PICK_REWRITE, /* merge the inputs into tables of output_level */
	PICK_MOVE, /* the inputs become tables of output_level as they are */
	PICK_DROP, /* the inputs hold nothing that anyone can see */
};

struct pick {
	enum pick_kind kind;
	unsigned level;
	unsigned output_level;
	struct table_file **inputs; /* the array is owned, the tables are not */
	size_t input_count;
	/*
	 * So many inputs at the end, of level 0, stay: they only tell what of
	 * the first is hidden.
	 */
	size_t shadow_count;
};

/* Adds a table to the inputs. */
void compaction_pick_add(struct pick *pick, struct table_file *table);

/* Decides by the catalog and its recovery point's clock. */
struct pick compaction_pick(
    const struct catalog *catalog, const struct pick_options *options);
void compaction_pick_deinit(struct pick *pick);

/* False for a rewrite of what has been found damaged. */
bool compaction_pick_can_run(const struct pick *pick);

/* The `count` oldest tables of level 0 go to level 1, damaged or not. */
struct pick compaction_pick_oldest(const struct catalog *catalog,
    const struct pick_options *options, size_t count);

/* The rewrite that rids `table` of what is gone in it, if it can be read. */
struct pick compaction_pick_garbage(const struct catalog *catalog,
    const struct pick_options *options, struct table_file *table);

/*
 * Bytes that compaction has to move until every level is within its limit;
 * what write admission goes by.
 */
uint64_t compaction_debt_bytes(
    const struct catalog *catalog, const struct pick_options *options);

/* The levels, a bit each, from which nothing can go on for damage. */
unsigned compaction_stuck_levels(
    const struct catalog *catalog, const struct pick_options *options);

#endif
