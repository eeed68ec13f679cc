/*
 * map_store - a store to apply batches to, plain enough to be right.
 *
 * It checks how it is used: writes come in the order of their sequences and
 * within what was reserved, and what it lends is gone with the next get.
 */
#ifndef TESTS_SUPPORT_APPLY_MAP_STORE_H
#define TESTS_SUPPORT_APPLY_MAP_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/lsm/record/entry.h"
#include "storaged/apply/apply.h"

struct map_record;

struct map_store {
	struct apply_store store; /* what is given to apply_batch() */
	struct map_record *records;
	size_t record_count;
	size_t record_capacity;
	uint8_t *lent; /* by the last get */
	struct apply_need reserved; /* and not yet used */
	uint64_t last_sequence;
	size_t get_count;
	size_t reserve_count;
	/* Counted down by each get and reserve: the one that reaches 0 fails */
	size_t fail_in;
};

void map_store_init(struct map_store *map);
void map_store_deinit(struct map_store *map);

/* The record of a key as it is at `now_ms`; false if there is none. */
bool map_store_find(struct map_store *map, struct slice key, uint64_t now_ms,
    struct entry *out);

/* Forgets records that are expired at `now_ms`, as a compaction may. */
void map_store_purge(struct map_store *map, uint64_t now_ms);

/* Appends what is live at `now_ms`, in the order of keys. */
void map_store_dump(struct map_store *map, uint64_t now_ms, struct buffer *out);

#endif
