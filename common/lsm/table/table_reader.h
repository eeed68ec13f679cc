/*
 * table_reader - one table, open for point lookups and ordered iteration.
 *
 * The file is mapped. Blocks that are stored uncompressed are read in place;
 * others are decompressed, through a cache where there is one. Mapped bytes
 * are not trusted: each block and each piece of an index is checked when this
 * reader first touches it. The bytes are specified in storaged/FORMAT.md,
 * "Table".
 *
 * Failure    STATUS_CORRUPT (or INVALID, VERSION when opening) names the file.
 *            Opening reads by system calls; everything else touches the
 *            mapping, so callers run it inside bus_guard_run(). After a jump
 *            out of a call its results are void, and the reader, the pins
 *            and the iterators can still be used and closed.
 * Ownership  Pins are released and iterators closed before their reader; the
 *            reader is closed before its cache.
 * Threads    None inside: a reader, its iterators and pins, and all readers
 *            with the same cache belong to one thread.
 */
#ifndef COMMON_LSM_TABLE_TABLE_READER_H
#define COMMON_LSM_TABLE_TABLE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/table/table_summary.h"

struct block_cache;
struct iterator;
struct range_set;
struct table_block;
struct table_reader;

/* Keeps the bytes of a result alive. A zeroed one holds nothing. */
struct table_pin {
	struct table_block *block; /* owned; NULL for bytes in the mapping */
};

/*
 * Opens the file `path`, which must be table `number` of the store (16 bytes
 * of id) and, unless 0, `size_bytes` long. `cache` is borrowed; NULL works
 * without one, which suits reading everything once.
 */
enum status table_reader_open(const char *path, uint64_t number,
    const uint8_t *store_id, uint64_t size_bytes, struct block_cache *cache,
    struct table_reader **out, struct error *err) MUST_CHECK;

/* Closes and frees. NULL is allowed. */
void table_reader_close(struct table_reader *reader);

/*
 * Looks up one key; `hash` is hash64(key). When *found is LOOKUP_FOUND, *out
 * is borrowed until the pin is released or used again, and no longer than
 * the reader is open.
 */
enum status table_reader_get(struct table_reader *reader, struct slice key,
    uint64_t hash, struct table_pin *pin, struct entry *out, enum lookup *found,
    struct error *err) MUST_CHECK;

/* Lets the cache line come that a get of a key with this hash begins with. */
void table_reader_prefetch(const struct table_reader *reader, uint64_t hash);

/*
 * Reads that line and lets the entry come that it leads to. A mere hint: what
 * it reads is not checked.
 */
void
table_reader_prefetch_entry(const struct table_reader *reader, uint64_t hash);

/* Lets go of the bytes; the pin holds nothing afterwards. */
void table_pin_release(struct table_pin *pin);

/* All entries in order, tombstones included; to be closed by the caller. */
struct iterator *table_iterator_create(struct table_reader *reader);

bool table_reader_has_ranges(const struct table_reader *reader);

/* Adds all range tombstones to `into`, which the caller seals. */
enum status table_reader_ranges(struct table_reader *reader,
    struct range_set *into, struct error *err) MUST_CHECK;

/* Borrowed until the reader is closed. */
const struct table_summary *
table_reader_summary(const struct table_reader *reader);

/*
 * Reads the whole file and checks every checksum, the order of the keys, and
 * that both indexes and the summary agree with the entries.
 */
enum status
table_reader_verify(struct table_reader *reader, struct error *err) MUST_CHECK;

#endif
