/*
 * apply - what a batch does to the store, and what is replied.
 *
 * Applying is deterministic: the same batches from the same state give the same
 * writes and the same replies, in recovery and on every replica. Time is the
 * store clock, the greatest stamp of the batches applied so far, this one
 * included. No clock, no random number and no address has a say.
 *
 * A batch is evaluated whole before anything is written, so that a failure of
 * the store leaves everything as it was, and the batch can be applied again.
 *
 * Failure    Only those of the store: a read that fails, room that cannot be
 *            had. What a batch asks for and cannot get is in its reply.
 * Ownership  The batch and the store are borrowed for the call. A reply is
 *            borrowed until the next call with the same struct apply.
 * Threads    None inside; belongs to the thread that applies.
 */
#ifndef STORAGED_APPLY_APPLY_H
#define STORAGED_APPLY_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "storaged/apply/writers.h"

struct batch;
struct entry;
struct range_tombstone;

/* What a batch writes: entries, the bytes of their keys and values, ranges. */
struct apply_need {
	size_t entries;
	size_t bytes;
	size_t ranges;
};

/* A key to look up, with hash64() of it and the time that is now. */
struct apply_key {
	struct slice key;
	uint64_t hash;
	uint64_t now_ms;
};

/* How applying sees the store. */
struct apply_store {
	void *context;
	/*
	 * Finds the key's live entry: *found is false if there is none or it is
	 * deleted, also by a range, or expired at key->now_ms. *out is borrowed
	 * until the next call.
	 */
	enum status (*get)(void *context, const struct apply_key *key,
	    struct entry *out, bool *found, struct error *err);
	/*
	 * Called once before the first write of a batch, if it has any, with
	 * all that it writes: the place to begin a new memtable.
	 */
	enum status (*reserve)(
	    void *context, const struct apply_need *need, struct error *err);
	/* The writes of a batch, in ascending order of sequences. */
	void (*put)(void *context, const struct entry *entry, uint64_t hash);
	void (*delete_range)(
	    void *context, const struct range_tombstone *range);
};

struct apply_result {
	enum writers_verdict verdict; /* NEW: the batch took effect now */
	struct slice reply; /* NEW and REPEATED; empty for a tick */
};

struct apply;

/* A state in which no batch was ever applied. */
struct apply *apply_create(void);
void apply_close(struct apply *apply);

/*
 * Applies the next batch, which starts at `first_sequence`. On OK the store
 * clock has advanced and out->verdict tells whether the batch was applied or
 * refused; a refused one keeps its sequences, but has done nothing else. On
 * failure nothing has changed at all.
 */
enum status apply_batch(struct apply *apply, const struct batch *batch,
    uint64_t first_sequence, const struct apply_store *store,
    struct apply_result *out, struct error *err) MUST_CHECK;

/*
 * What the batch is as things stand, without applying it: an answer to give
 * without writing the batch to the journal. REPEATED, OLD and FORGOTTEN are
 * final; NEW, GAP and UNKNOWN hold only while no other batch waits to be
 * applied.
 */
struct apply_result apply_judge(struct apply *apply, const struct batch *batch);

/* The store clock; 0 at first. */
uint64_t apply_clock_ms(const struct apply *apply);

/* How many writers are known. */
size_t apply_writer_count(const struct apply *apply);

/*
 * Appends the whole state, store clock and writers: what belongs to a recovery
 * point. Equal states give equal bytes.
 */
void apply_encode(const struct apply *apply, struct buffer *out);

/* The state in `bytes`; CORRUPT if they are none, VERSION if a newer one. */
enum status apply_decode(
    struct slice bytes, struct apply **out, struct error *err) MUST_CHECK;

#endif
