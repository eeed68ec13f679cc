/*
 * memtable_writer - the writing half of a memtable in shared memory.
 *
 * A memtable holds the newest batches, until they are in a table on disk. It
 * is one file in the runtime directory, mapped by the one process that writes
 * and by any number that read (memtable_reader.h, where the argument stands
 * why they need no lock). The bytes are specified in memtable_format.h.
 *
 * Durability  None: after a crash it is built again from the journal.
 * Failure     Only creating can fail. Its space is reserved then, so that a
 *             full tmpfs is STATUS_NO_SPACE there and never a signal later.
 * Ownership   The writer owns its mapping; it copies what it is given.
 * Threads     One writer belongs to one thread at a time. Creating one is
 *             independent of all others and may be done on any thread.
 * Limits      Keys, values and capacity as below; sequences under 2^56.
 */
#ifndef COMMON_LSM_MEMTABLE_MEMTABLE_WRITER_H
#define COMMON_LSM_MEMTABLE_MEMTABLE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/status.h"
#include "common/command/limits.h"

struct entry;
struct file_system;
struct memtable_reader;
struct memtable_writer;
struct range_tombstone;

#define MEMTABLE_KEY_BYTES_MAX KEY_BYTES_MAX
#define MEMTABLE_VALUE_BYTES_MAX VALUE_BYTES_MAX
#define MEMTABLE_CAPACITY_BYTES_MIN (64u << 10)
#define MEMTABLE_CAPACITY_BYTES_MAX (UINT64_C(16) << 30)

/*
 * A memtable with this many range tombstones takes no more. An empty one
 * takes any number, so that a batch of many is slow but never homeless.
 */
#define MEMTABLE_RANGES_MAX 128

struct memtable_options {
	uint64_t number;
	const uint8_t *store_id; /* 16 bytes */
	unsigned shard;
	uint64_t first_sequence; /* none below it will be added */
	size_t capacity_bytes; /* of the whole file; rounded up to pages */
};

/*
 * Creates the file at `path`, which must not be in use, with its space
 * reserved and its pages present. On failure no file is left.
 */
enum status memtable_writer_create(struct file_system *fs, const char *path,
    const struct memtable_options *options, struct memtable_writer **out,
    struct error *err) MUST_CHECK;

/* Unmaps and frees; the file stays. NULL is allowed. */
void memtable_writer_close(struct memtable_writer *writer);

/*
 * True if `entries` entries and `ranges` range tombstones can surely be added
 * now, whose keys, values and bounds are `bytes` bytes together.
 */
bool memtable_writer_fits(const struct memtable_writer *writer, size_t entries,
    size_t bytes, size_t ranges);

/* A capacity at which that much surely fits into an empty memtable. */
size_t memtable_capacity_for(size_t entries, size_t bytes, size_t ranges);

/*
 * Adds a version of a key. It must fit, its sequence must be greater than
 * every one added before (ranges included), and `hash` must be hash64(key).
 */
void memtable_writer_add(
    struct memtable_writer *writer, const struct entry *entry, uint64_t hash);

/* Adds a range tombstone; the same conditions. */
void memtable_writer_add_range(
    struct memtable_writer *writer, const struct range_tombstone *range);

/* A reader over the same mapping, borrowed until the writer is closed. */
struct memtable_reader *memtable_writer_reader(struct memtable_writer *writer);

/* What a memtable holds so far. */
struct memtable_stats {
	size_t used_bytes; /* without the fixed part */
	size_t free_bytes; /* between entries and order */
	size_t version_count; /* entries added */
	size_t key_count; /* distinct keys among them */
	size_t range_count; /* range tombstones added */
	uint64_t sequence_min; /* of what was added; 0: nothing was */
	uint64_t sequence_max;
	uint64_t deadline_min; /* over all versions that have one; 0: none */
	uint64_t deadline_max;
};

/* Borrowed until the writer is closed; always up to date. */
const struct memtable_stats *
memtable_writer_stats(struct memtable_writer *writer);

uint64_t memtable_writer_number(const struct memtable_writer *writer);

#endif
