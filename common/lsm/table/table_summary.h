/*
 * table_summary - what a table holds, in numbers and bounds.
 *
 * Stored in the table itself, returned when one has been built, and kept by
 * the reader.
 *
 * Ownership  The summary owns the bytes of its keys.
 */
#ifndef COMMON_LSM_TABLE_TABLE_SUMMARY_H
#define COMMON_LSM_TABLE_TABLE_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/lsm/table/deadline_steps.h"

struct table_summary {
	uint64_t number;
	uint64_t size_bytes; /* of the whole file */
	uint64_t entry_count; /* puts and tombstones */
	uint64_t tombstone_count;
	uint64_t range_count;
	uint64_t raw_bytes; /* of all blocks before compression */
	uint64_t sequence_min; /* over entries and ranges */
	uint64_t sequence_max;
	uint64_t expiring_count; /* puts with a deadline */
	uint64_t deadline_min; /* over the expiring ones; 0: none expires */
	uint64_t deadline_max;
	struct deadline_steps deadlines; /* and what lies between */
	/* There are entries, all of them puts with a deadline. */
	bool every_entry_expires;
	/*
	 * The keys between which all entries and ranges lie. Where
	 * last_is_exclusive, last_key is the end of a range, and nothing in
	 * the table concerns that key itself. Where last_unbounded, a range
	 * has no end, and last_key is only the greatest key that is named.
	 */
	bool last_unbounded;
	bool last_is_exclusive;
	struct buffer first_key;
	struct buffer last_key;
};

/* True if an entry or a range of the table may concern `key`. */
bool
table_summary_may_hold(const struct table_summary *summary, struct slice key);

/* Widen the bounds of the sequences, and of the deadlines (and count one). */
void
table_summary_note_sequence(struct table_summary *summary, uint64_t sequence);
void table_summary_note_deadline(
    struct table_summary *summary, uint64_t deadline_ms);

/* Copies all of `from` into `into`, which is overwritten. */
void table_summary_copy(
    struct table_summary *into, const struct table_summary *from);

/* Frees the keys; the summary is all zeroes again. */
void table_summary_deinit(struct table_summary *summary);

/* Appends the stored form (storaged/FORMAT.md, "Table", properties). */
void
table_summary_encode(const struct table_summary *summary, struct buffer *out);

/* Whether their stored forms are the same. */
bool table_summary_equal(
    const struct table_summary *a, const struct table_summary *b);

/*
 * Reads the stored form; all of `bytes` must be used. Number and size are not
 * in it. On failure (STATUS_CORRUPT) *out is empty.
 */
enum status table_summary_decode(struct slice bytes, struct table_summary *out,
    struct error *err) MUST_CHECK;

#endif
