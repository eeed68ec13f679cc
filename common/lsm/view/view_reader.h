/*
 * view_reader - how a process other than `storaged` reads the store.
 *
 * Holds the current view of one shard and moves on to the next when there is
 * one. Between a request and its answer no other process is involved.
 *
 * Why what is read is right. A refresh loads the published sequence S and
 * after it the number of the current view; where that is the view V which
 * the reader has open, V was current at the moment when S was loaded. Then
 *
 *   - nothing up to S is missing in V: the writer publishes a view with a new
 *     memtable before any sequence in it (release stores, acquire loads), so
 *     a view that was current when S was published, or later, has all its
 *     memtables; and it drops a memtable only together with listing the table
 *     that replaces it;
 *   - nothing above S is shown: entries of memtables carry their sequence,
 *     and a view lists a table only when all of it is published. So tables
 *     need no look at their sequences, which is as well: they hold just the
 *     newest version of a key, and one that was overwritten cannot be found;
 *   - so an answer is the state of the store at exactly S, which was the
 *     published one at a moment between the arrival of the request's bytes
 *     and the answer: reads are linearizable, on one node.
 *
 * When the number is another one, the reader opens that view, and loads S
 * only then. Loading S before opening is wrong: while the files are opened
 * the store goes on, and the new view's tables may hold more than S, the
 * older versions being gone. S loaded after the opening may again belong to a
 * view yet newer, and then S covers all of V, whose memtables were all
 * finished before: V is read as a whole, also a state that was current while
 * the request waited. That holds within one incarnation of `storaged`; the
 * memtables of one that died may end in the middle of a batch behind the
 * sequence that it had published, so V and S must be of the same incarnation,
 * or V still be the current view after S was loaded.
 *
 * A refresh made before the request's bytes had arrived proves nothing for
 * that request: a write may have been acknowledged in between. So: one
 * refresh for each time that bytes arrive, and none is kept for later.
 *
 * Nobody counts readers. A reader holds the files of its view open, and those
 * that were unlinked meanwhile take up space until it moves on. A busy reader
 * does so with its next request; an idle one by view_reader_idle_refresh(),
 * which its owner calls from a timer, once a second or so. It opens the new
 * view at once, and does not just close the old one: most files are shared
 * by both, and closing them would lose what is known of their blocks.
 *
 * Failure    A file that is gone means that the view is no longer current:
 *            the control block is loaded again, a bounded number of times.
 *            What cannot be opened is STATUS_UNAVAILABLE with the reason, for
 *            this refresh; no state of the runtime directory ends the
 *            process. After a failed refresh nothing can be read: an old
 *            view would show old data.
 * Ownership  Results are the reader's, until its next call.
 * Threads    None inside: a reader belongs to one thread.
 */
#ifndef COMMON_LSM_VIEW_VIEW_READER_H
#define COMMON_LSM_VIEW_VIEW_READER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/view/control.h"

struct clock;
struct view;
struct view_reader;
struct view_scan;

struct view_reader_options {
	const char *runtime_directory; /* with shard-N below it */
	const char *data_directory; /* with shard-N/tables below it */
	unsigned shard;
	const struct clock *clock; /* borrowed while the reader is open */
	size_t cache_bytes; /* for decompressed blocks */
};

/*
 * Creates a reader that has opened nothing yet; paths are copied. It waits
 * for a store that is not there yet: refreshes fail until it is.
 */
struct view_reader *
view_reader_create(const struct view_reader_options *options);

/* NULL is allowed. Scans are closed before it. */
void view_reader_close(struct view_reader *reader);

/*
 * Moves on to what is current now. To be called when the bytes of a request
 * have arrived, before anything is read for it.
 */
enum status
view_reader_refresh(struct view_reader *reader, struct error *err) MUST_CHECK;

/* A refresh from a timer, which also finds a control block put anew. */
enum status view_reader_idle_refresh(
    struct view_reader *reader, struct error *err) MUST_CHECK;

/*
 * Looks up one key. LOOKUP_FOUND is a live entry: neither deleted nor
 * expired; *out is borrowed until the next call.
 */
enum status view_reader_get(struct view_reader *reader, struct slice key,
    struct entry *out, enum lookup *found, struct error *err) MUST_CHECK;

/*
 * Tells that these keys (VIEW_PREFETCH_MAX at a time) are about to be looked
 * up: several in one go then take about half the time. Changes nothing else.
 */
void view_reader_prefetch(
    struct view_reader *reader, const struct slice *keys, size_t count);

/*
 * Begins a scan over the keys from `start` up to but not including `end`
 * (empty: no bound), in the state that was refreshed to.
 */
enum status view_reader_scan(struct view_reader *reader, struct slice start,
    struct slice end, struct view_scan **out, struct error *err) MUST_CHECK;

/* The time by which reads judge expiry, since the last refresh. */
uint64_t view_reader_now_ms(struct view_reader *reader);

/* The sequence up to which reads see everything. */
uint64_t view_reader_sequence(const struct view_reader *reader);

/* Views that were opened so far. */
uint64_t view_reader_adopted_count(const struct view_reader *reader);

/*
 * About how many keys there are: entries less tombstones over all tables.
 * Overwritten, expired and range-deleted ones count until compaction, and
 * those in memtables do not yet.
 */
uint64_t view_reader_key_estimate(const struct view_reader *reader);

#endif
