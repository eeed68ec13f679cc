/*
 * journal - an append-only log of records in segments, and its recovery.
 *
 * A record is a run of bytes that covers a range of sequences; each begins
 * where the one before ended. Records are kept until the caller says that
 * what they hold is stored elsewhere. Segments are files of one size, written
 * ahead with zeroes and used again (a sync then costs a third less), or, where
 * commits are not synced, mapped: a commit then costs 0.06 us instead of the
 * 0.7 to 1.1 us of a call. The bytes are specified in storaged/FORMAT.md,
 * "Journal".
 *
 * Durability  A record survives a crash once a journal_commit() with `sync`
 *             has returned STATUS_OK after it was appended. Without `sync` it
 *             survives the death of the process, not of the machine. What
 *             journal_open() has read is durable when it returns.
 * Failure     After a failed write or sync nothing is known of that segment:
 *             every later call returns that first error again and touches no
 *             file. Opening anew writes what is readable to a fresh file.
 *             Only that there is no space for another segment is no such
 *             failure: journal_append() says NO_SPACE, and nothing changed.
 * Ownership   The journal owns the files "*.log", "*.spare" and "*.new" in
 *             its folder. Payloads are borrowed for the call.
 * Threads     A journal belongs to one thread at a time. Spares are prepared
 *             and closed on any thread. `helped` adds a thread inside
 *             (journal_helper.h).
 * Limits      A payload has 1 to JOURNAL_PAYLOAD_BYTES_MAX bytes; one that no
 *             segment holds gets a larger segment of its own.
 */
#ifndef COMMON_JOURNAL_JOURNAL_H
#define COMMON_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/command/limits.h"
#include "common/os/file_system.h"
#include "common/os/path.h"

/* A batch and what a replicated log may put around it. */
#define JOURNAL_PAYLOAD_BYTES_MAX ((uint32_t)BATCH_BYTES_MAX + 65536)
#define JOURNAL_SEGMENT_BYTES_MIN 4096
#define JOURNAL_SEGMENT_BYTES_MAX ((uint64_t)1 << 30)
#define JOURNAL_STORE_ID_BYTES 16

struct journal;
struct journal_spare;

/* Borrowed by the journal until it is closed. */
struct journal_options {
	struct file_system *fs;
	const char *directory; /* exists */
	const uint8_t *store_id; /* JOURNAL_STORE_ID_BYTES */
	unsigned shard;
	uint64_t segment_bytes; /* a multiple of 4096, within the limits */
	unsigned spares_max; /* segments kept to be used again */
	/*
	 * For commits that are not synced one by one: segments are reserved
	 * and not written ahead, and written through a mapping, so that a
	 * commit needs no system call.
	 */
	bool mapped;
	/* Of mapped ones: a thread does what the writer need not wait for. */
	bool helped;
};

/* Where a record stands: how journal_lookup.h finds it again. */
struct journal_position {
	uint64_t segment; /* its number, from 1 */
	uint32_t offset; /* in its file */
	uint32_t payload_bytes;
};

/* Takes a record that recovery has read; another status ends the opening. */
typedef enum status journal_on_record(void *context, uint64_t first_sequence,
    uint32_t count, struct slice payload, struct error *err);

/* What recovery found. */
struct journal_recovery {
	uint64_t record_count; /* given to on_record */
	uint64_t payload_bytes;
	uint64_t segment_count; /* files read */
	/*
	 * While a record is given to on_record: where it stands in the journal
	 * as it is when opened; for journal_read(), as it is.
	 */
	struct journal_position position;
	/*
	 * The journal ended in the middle of a write, as after a crash:
	 * something stood behind the last record, at `torn_offset` in
	 * `torn_path`, that is not a whole one.
	 */
	bool torn;
	uint64_t torn_offset;
	char torn_path[PATH_BYTES_MAX];
};

/*
 * Reads the journal, or begins one in an empty folder, gives each record
 * whose last sequence is above `after_sequence` to `on_record`, in order, and
 * returns a journal that continues behind the last one; its tail is a fresh
 * file, synced. Damage in what is not above `after_sequence` is ignored.
 * STATUS_CORRUPT, with file and offset, when a record above it is missing
 * that was once durable; STATUS_VERSION for a newer format.
 */
enum status journal_open(const struct journal_options *options,
    uint64_t after_sequence, journal_on_record *on_record, void *context,
    struct journal_recovery *recovery, struct journal **out,
    struct error *err) MUST_CHECK;

/*
 * Reads as journal_open() does, and changes nothing: for who looks at a
 * journal that nobody has open. The options' segment_bytes do not matter. On
 * STATUS_CORRUPT the records before the damage have been given to on_record.
 */
enum status journal_read(const struct journal_options *options,
    uint64_t after_sequence, journal_on_record *on_record, void *context,
    struct journal_recovery *recovery, struct error *err) MUST_CHECK;

/* Closes without syncing. NULL is allowed. */
void journal_close(struct journal *journal);

/*
 * Gathers a record of `count` > 0 sequences; first_sequence is
 * journal_last_sequence() + 1. Writes only where a segment is full; NO_SPACE
 * where the next one cannot be had: the record is not in it, the rest goes on.
 */
enum status journal_append(struct journal *journal, uint64_t first_sequence,
    uint32_t count, struct slice payload, struct error *err) MUST_CHECK;

/*
 * Writes what was gathered, in one write; with `sync`, returns once
 * everything appended so far is on disk.
 */
enum status journal_commit(
    struct journal *journal, bool sync, struct error *err) MUST_CHECK;

/*
 * Gives up the segments whose records are all at or below `sequence`. The
 * caller has that point on disk, and passes it or a later one as
 * `after_sequence` from now on.
 */
enum status journal_release(
    struct journal *journal, uint64_t sequence, struct error *err) MUST_CHECK;

/*
 * Whether a spare segment should be prepared: without one the next change of
 * segment makes a file that was not written ahead.
 */
bool journal_wants_spare(const struct journal *journal);

/* Makes a segment's file, written with zeroes and synced. Takes its time. */
enum status journal_spare_prepare(const struct journal_options *options,
    struct journal_spare **out, struct error *err) MUST_CHECK;

/* The spare, of the same options, is taken. */
void journal_spare_give(struct journal *journal, struct journal_spare *spare);

/* Removes the files of all spares but `count`. */
void journal_spares_keep(struct journal *journal, size_t count);

/* Frees a spare that was not given. NULL is allowed. */
void journal_spare_close(struct journal_spare *spare);

/* Of the last record appended, or the point given to journal_open(). */
uint64_t journal_last_sequence(const struct journal *journal);

/* Of the last record appended since the journal was opened, which has one. */
struct journal_position journal_last_position(const struct journal *journal);

/* Of all segments that are not given up. */
uint64_t journal_size_bytes(const struct journal *journal);
unsigned journal_segment_count(const struct journal *journal);

#endif
