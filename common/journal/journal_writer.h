/*
 * journal_writer - gathers records and writes them to one segment.
 *
 * Inside common/journal only: the journal moves one writer from segment to
 * segment, and recovery writes the tail afresh with it.
 *
 * Durability  Records are on disk after journal_writer_sync().
 * Failure     After a failed flush or sync the owner must not go on; a
 *             writer does not remember.
 * Ownership   The writer owns the file of its segment.
 * Threads     One.
 */
#ifndef COMMON_JOURNAL_JOURNAL_WRITER_H
#define COMMON_JOURNAL_JOURNAL_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/journal/journal.h"
#include "common/journal/journal_format.h"
#include "common/os/file.h"

struct journal_helper;

/* A zeroed one has no segment. */
struct journal_writer {
	struct file *file; /* owned */
	uint8_t *mapping; /* of the segment; NULL: written by calls */
	struct journal_segment_header header;
	struct journal_base base;
	uint64_t end; /* of the last record, gathered ones included */
	uint64_t durable; /* up to where a sync has covered it */
	uint64_t written_out; /* up to where the disk was asked to write */
	uint64_t prefaulted; /* up to where pages were asked for */
	/* Borrowed; serves mapped segments. NULL: all is done here. */
	struct journal_helper *helper;
	struct buffer gather; /* what goes to end - size of this */
};

/*
 * Goes to a new segment, in a file of header->size_bytes that is taken; the
 * gathered header is the first thing to be written. Nothing may be gathered
 * for the segment before.
 */
void journal_writer_begin(struct journal_writer *writer, struct file *file,
    const struct journal_segment_header *header);

/* Has the segment written through a mapping from here on. */
enum status
journal_writer_map(struct journal_writer *writer, struct error *err) MUST_CHECK;

/* Whether any record with such a payload has room. */
bool journal_writer_fits(
    const struct journal_writer *writer, uint64_t payload_bytes);

/* The bytes that are left for records. */
uint64_t journal_writer_room(const struct journal_writer *writer);

/* Where the next record will stand. */
struct journal_position journal_writer_position(
    const struct journal_writer *writer, uint64_t payload_bytes);

/*
 * Gathers a record that has room; it says that `durable_bytes` of the segment
 * were on disk before it was written.
 */
void
journal_writer_append(struct journal_writer *writer, uint64_t first_sequence,
    uint32_t count, struct slice payload, uint64_t durable_bytes);

/* Writes what is gathered. */
enum status journal_writer_flush(
    struct journal_writer *writer, struct error *err) MUST_CHECK;

/* Returns once what was flushed is on disk. */
enum status journal_writer_sync(
    struct journal_writer *writer, struct error *err) MUST_CHECK;

/* Zeroes from the end to the end of the segment. */
enum status journal_writer_fill(
    struct journal_writer *writer, struct error *err) MUST_CHECK;

/* Writes zeroes from `start` to `end`, synced piece by piece or not. */
enum status journal_write_zeroes(struct file *file, uint64_t start,
    uint64_t end, bool sync, struct error *err) MUST_CHECK;

/* Closes the file and frees the memory, not the writer. */
void journal_writer_deinit(struct journal_writer *writer);

#endif
