/*
 * db_dump - what a data directory holds, entry by entry, without a server.
 *
 * Either what a client would see (live entries, each key once, in order) or,
 * raw, what is stored: from the newest source to the oldest, its range
 * tombstones and the newest version, expired or a tombstone though it be, that
 * it has of each key. (Of the journal too, which is applied to memtables: what
 * it overwrote in one of them is not shown.)
 *
 * Failure  What a callback was given before a failure is right.
 * Threads  That of the caller.
 */
#ifndef STORAGED_INSPECT_DB_DUMP_H
#define STORAGED_INSPECT_DB_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"

struct data_folder;

enum db_dump_kind {
	DB_DUMP_PUT,
	DB_DUMP_TOMBSTONE,
	DB_DUMP_RANGE
};

/* Borrowed for the length of the call. */
struct db_dump_entry {
	enum db_dump_kind kind;
	struct slice key; /* a range: its first key */
	struct slice value; /* a range: the key behind it; empty: no end */
	uint64_t sequence;
	uint64_t deadline_ms; /* since 1970; 0: never */
	const char *source; /* raw: "journal", or the table's file */
	unsigned level; /* raw: of the table */
};

struct db_dump_options {
	struct slice prefix;
	struct slice start; /* the first key shown; empty: of all */
	struct slice end; /* the first that is not; empty: none */
	uint64_t limit; /* entries; 0: all */
	bool raw;
	uint64_t now_ms; /* by which expiry is judged, not before the store's */
	/* False ends the dump. */
	bool (*on_entry)(void *context, const struct db_dump_entry *entry);
	void *context;
};

enum status db_dump_run(struct data_folder *folder,
    const struct db_dump_options *options, struct error *err) MUST_CHECK;

#endif
