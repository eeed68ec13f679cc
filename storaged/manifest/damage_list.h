/*
 * damage_list - the current tables that were found damaged, by the scrub or by
 * a compaction, and what was found last.
 *
 * Threads  The engine's thread alone.
 */
#ifndef STORAGED_MANIFEST_DAMAGE_LIST_H
#define STORAGED_MANIFEST_DAMAGE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct catalog;
struct table_file;

/* A zeroed list is an empty one. */
struct damage_list {
	uint64_t *numbers; /* owned */
	size_t count;
	char last[ERROR_TEXT_BYTES_MAX]; /* "" without any */
};

void damage_list_deinit(struct damage_list *list);

/* Notes what was found in table `number`, also if it is there already. */
void damage_list_add(
    struct damage_list *list, uint64_t number, const struct error *found);

/*
 * Marks the tables that a compaction could not read, by what was found in each
 * (NULL: in none), so that what can be done without them goes on; notes and
 * logs them. False if there are none.
 */
bool damage_list_mark(struct damage_list *list, struct table_file **tables,
    const struct error *found, size_t count);

/* Forgets tables that the catalog no longer has. */
void
damage_list_review(struct damage_list *list, const struct catalog *catalog);

#endif
