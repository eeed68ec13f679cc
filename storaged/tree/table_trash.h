/*
 * table_trash - the files of tables that have left the catalog.
 *
 * They are unlinked at once, or, while somebody needs their names (a
 * checkpoint links them), when that is over.
 *
 * Durability  None: a file that stays is swept by the next incarnation.
 * Threads     The engine's thread alone.
 */
#ifndef STORAGED_TREE_TABLE_TRASH_H
#define STORAGED_TREE_TABLE_TRASH_H

#include <stddef.h>
#include <stdint.h>

struct sweeper;

/* Zeroes and the first two fields make an empty one. */
struct table_trash {
	struct sweeper *sweeper; /* borrowed */
	const char *shard_directory; /* borrowed */
	unsigned hold_count;
	uint64_t *held; /* numbers, to be unlinked later */
	size_t held_count;
};

/* Frees; what is held stays on disk. */
void table_trash_deinit(struct table_trash *trash);

void table_trash_drop(struct table_trash *trash, uint64_t number);

/* Between these, dropped files keep their names. */
void table_trash_hold(struct table_trash *trash);
void table_trash_release(struct table_trash *trash);

#endif
