/*
 * view_description - which memtables and tables make up the store at one
 * moment, as a plain value and as the bytes of a view file (view_format.h).
 *
 * Failure    Decoding trusts nothing: bytes that break a rule of the format
 *            are CORRUPT, those of a later version VERSION.
 * Ownership  A description owns its two lists; view_description_deinit()
 *            frees them. A zeroed one is empty.
 * Limits     VIEW_MEMTABLES_MAX memtables, VIEW_TABLES_MAX tables.
 */
#ifndef COMMON_LSM_VIEW_VIEW_DESCRIPTION_H
#define COMMON_LSM_VIEW_VIEW_DESCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/lsm/view/view_format.h"

/* A key, of which the first VIEW_BOUND_BYTES bytes are kept. */
struct view_bound {
	uint16_t key_size; /* of the whole key */
	uint8_t bytes[VIEW_BOUND_BYTES];
};

struct view_table {
	uint64_t number;
	uint64_t size_bytes;
	uint64_t sequence_min;
	uint64_t sequence_max;
	uint64_t deadline_min_ms; /* 0: nothing in it expires */
	struct view_bound first;
	struct view_bound last; /* meaningless if last_unbounded */
	uint8_t level;
	bool last_unbounded; /* a range tombstone in it has no end */
	bool has_ranges;
};

struct view_description {
	uint64_t number; /* from 1 */
	uint32_t shard;
	uint8_t store_id[VIEW_STORE_ID_BYTES];
	uint64_t incarnation;
	uint64_t first_sequence; /* of its newest memtable */
	uint64_t store_clock_ms;
	uint64_t applied_index; /* of the consensus log; 0 outside a cluster */
	/* Newest first: numbers, from 1, fall. */
	uint64_t *memtables;
	size_t memtable_count;
	size_t memtable_capacity;
	/*
	 * Levels ascend. Level 0 newest first; in each deeper one the keys of
	 * a table, those of its range tombstones included, all lie before
	 * those of the next.
	 */
	struct view_table *tables;
	size_t table_count;
	size_t table_capacity;
};

/* Appends the number of a memtable older than those listed before. */
void view_description_add_memtable(
    struct view_description *description, uint64_t number);

/* Appends a copy of `table`, which belongs behind those listed before. */
void view_description_add_table(
    struct view_description *description, const struct view_table *table);

/* Cuts a key for a view_table. */
struct view_bound view_bound_of(struct slice key);

/* What is kept of the key, borrowed from `bound`. */
struct slice view_bound_slice(const struct view_bound *bound);

/* Bytes of the view file of so many memtables and tables. */
size_t view_description_size(size_t memtable_count, size_t table_count);

/* Appends the bytes of the view file to `out`. */
void view_description_encode(
    const struct view_description *description, struct buffer *out);

/*
 * Fills *out, a zeroed description, from the bytes of a view file. Whatever
 * it returns, *out is for the caller to deinit.
 */
enum status view_description_decode(struct slice bytes,
    struct view_description *out, struct error *err) MUST_CHECK;

/* Frees the lists; the description is empty. */
void view_description_deinit(struct view_description *description);

#endif
