/*
 * memtable_reader - lookups and ordered iteration in a shared memtable.
 *
 * Why no lock is needed. There is one writer, and nothing it has published is
 * ever moved, freed or changed, but for these words: the head of a bucket,
 * the newest version of a key, the newest key, the newest range tombstone and
 * the newest order. Each is one aligned 32-bit offset, and each only ever
 * moves to something newer that leads on to what it replaced (an order covers
 * all keys that the one before it covered). The writer fills in bytes first
 * and then stores the offset with release order; a reader loads it with
 * acquire order, so whatever it can reach is whole.
 *
 * What a reader may see too early it leaves out: entries carry sequences, and
 * it ignores those above `sequence_max`, the published sequence, which the
 * control block's owner stores with release order after the batch's last
 * entry is in, and which the reader has loaded with acquire order before it
 * comes here. So all entries up to `sequence_max` are reachable, and which
 * later ones happen to be has no influence on any answer. The writer's own
 * process asks with UINT64_MAX on the writing thread, between two batches.
 *
 * Iteration takes the newest key first and the newest order after it: keys
 * that the order does not cover are then on the way from that newest key back
 * to the newest one covered, and never more than the writer lets gather. (In
 * the other turn a reader that is held up in between finds any number.)
 *
 * Bytes in the mapping are not trusted. Every offset is checked against the
 * bounds of the file and every chain must lead to smaller offsets, so damage
 * ends in STATUS_CORRUPT or a wrong value from inside the file, and neither
 * in a crash nor in an endless loop.
 *
 * Failure    STATUS_CORRUPT where the bytes make no sense.
 * Ownership  Keys and values that are given out point into the mapping and
 *            stay valid, and the same, until the reader is closed.
 * Threads    An open reader may be used by any number of threads; an iterator
 *            belongs to one.
 */
#ifndef COMMON_LSM_MEMTABLE_MEMTABLE_READER_H
#define COMMON_LSM_MEMTABLE_MEMTABLE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/lsm/record/entry.h"

struct iterator;
struct memtable_reader;
struct range_set;

/*
 * Maps the memtable at `path`. STATUS_NOT_FOUND where there is no such file,
 * STATUS_VERSION for another format, STATUS_CORRUPT when it is not memtable
 * `number` of the store with the 16 bytes of `store_id`.
 */
enum status
memtable_reader_open(const char *path, uint64_t number, const uint8_t *store_id,
    struct memtable_reader **out, struct error *err) MUST_CHECK;

/* Unmaps and frees. NULL is allowed. Not for a writer's own reader. */
void memtable_reader_close(struct memtable_reader *reader);

/* What is asked of one memtable after the other. */
struct memtable_query {
	struct slice key;
	uint64_t hash; /* hash64(key) */
	uint64_t sequence_max; /* newer versions are not seen */
};

/* Finds the newest version that may be seen; a tombstone is LOOKUP_FOUND. */
enum status memtable_reader_get(const struct memtable_reader *reader,
    const struct memtable_query *query, struct entry *out, enum lookup *found,
    struct error *err) MUST_CHECK;

/* Lets the cache line come that a get of a key with this hash begins with. */
void
memtable_reader_prefetch(const struct memtable_reader *reader, uint64_t hash);

/* Reads that line and lets the first node come that it leads to. */
void memtable_reader_prefetch_node(
    const struct memtable_reader *reader, uint64_t hash);

/* True if a range tombstone may be there. */
bool memtable_reader_has_ranges(const struct memtable_reader *reader);

/*
 * The greatest sequence up to `sequence_max` of a range tombstone that holds
 * `key`; *cover is 0 if there is none.
 */
enum status
memtable_reader_cover(const struct memtable_reader *reader, struct slice key,
    uint64_t sequence_max, uint64_t *cover, struct error *err) MUST_CHECK;

/* Adds the range tombstones up to `sequence_max` to `into`; seals nothing. */
enum status memtable_reader_ranges(const struct memtable_reader *reader,
    uint64_t sequence_max, struct range_set *into,
    struct error *err) MUST_CHECK;

/*
 * An iterator over all keys in order, each in its newest version up to
 * `sequence_max`; keys without one are passed over. To be closed before the
 * reader. Keys added later than this call may be missing.
 */
struct iterator *memtable_iterator_create(
    const struct memtable_reader *reader, uint64_t sequence_max);

/* Makes an iterator of memtable_iterator_create() like one created now. */
void memtable_iterator_renew(struct iterator *it, uint64_t sequence_max);

uint64_t memtable_reader_number(const struct memtable_reader *reader);

#endif
