/*
 * reclaim - what tables hold in vain, and which to drop or rewrite for it.
 *
 * A table in which everything is deleted or has expired is dropped as a file,
 * together with others if need be: under it there may be nothing older that
 * stays and that it hides. Where only a part is gone a rewrite has to pay:
 * at once when half of it is, later when less is, the later the less. One that
 * will soon be gone altogether is waited for, since dropping it costs nothing.
 *
 * What has expired is judged by the clock of the recovery point, except where
 * a caller asks what readers no longer see.
 *
 * Threads  Pure; the engine's thread.
 */
#ifndef STORAGED_COMPACTION_RECLAIM_H
#define STORAGED_COMPACTION_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/manifest/catalog.h"

struct reclaim_debt {
	uint64_t expired_bytes; /* on disk, at least */
	uint64_t oldest_deadline_ms; /* that has passed; 0: none has */
};

/* What of the tables has expired at `now_ms`. */
struct reclaim_debt
reclaim_debt(const struct catalog *catalog, uint64_t now_ms);

/*
 * The tables that may all be dropped together, an array for the caller to
 * free; NULL with a *count of 0 if there are none.
 */
struct table_file **
reclaim_find_void(const struct catalog *catalog, size_t *count);

/*
 * A table that is worth a rewrite, but for the first `skipped` of them; NULL
 * if there is no more. Where it is `quiet`, so that no flush comes and pushes
 * them on, range tombstones are reason enough.
 */
struct table_file *
reclaim_find_worth(const struct catalog *catalog, bool quiet, size_t skipped);

/*
 * Expired bytes that only wait for the recovery point's clock to get to
 * `now_ms` before they can be reclaimed.
 */
uint64_t reclaim_waiting_bytes(const struct catalog *catalog, uint64_t now_ms);

#endif
