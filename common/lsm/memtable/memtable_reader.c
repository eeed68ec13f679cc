#include "common/lsm/memtable/memtable_reader.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_map.h"
#include "common/lsm/record/range_set.h"
#include "common/os/file.h"

/* Out of the way of the lookups, which are to stay small. */
static enum status __attribute__((noinline, cold)) damaged(
    const struct memtable_reader *reader, const char *what, struct error *err)
{
	return error_set(err, STATUS_CORRUPT, "memtable %" PRIu64 ": %s",
	    reader->number, what);
}

/* Judges the header against the file's size and what the caller expects. */
static enum status
header_verify(const struct memtable_header *header, uint64_t size_bytes,
    uint64_t number, const uint8_t *store_id, struct error *err)
{
	const uint64_t buckets_max = size_bytes / sizeof(uint64_t);

	if (header->magic != MEMTABLE_MAGIC)
		return error_set(err, STATUS_CORRUPT, "it is no memtable");
	if (header->version != MEMTABLE_VERSION)
		return error_set(err, STATUS_VERSION,
		    "its format is version %" PRIu32 ", this program's is %d",
		    header->version, MEMTABLE_VERSION);
	if (header->checksum !=
	    hash64(
		slice_of(header, offsetof(struct memtable_header, checksum))))
		return error_set(err, STATUS_CORRUPT, "header: checksum");
	if (header->number != number)
		return error_set(err, STATUS_CORRUPT,
		    "it is number %" PRIu64 ", not %" PRIu64, header->number,
		    number);
	if (memcmp(header->store_id, store_id, MEMTABLE_STORE_ID_BYTES) != 0)
		return error_set(err, STATUS_CORRUPT, "it is another store's");
	if (header->capacity_bytes != size_bytes || header->bucket_count == 0 ||
	    (header->bucket_count & (header->bucket_count - 1)) != 0 ||
	    header->bucket_count > buckets_max / 2)
		return error_set(err, STATUS_CORRUPT, "header: sizes");
	return STATUS_OK;
}

void
memtable_map_init(
    struct memtable_reader *map, const void *base, size_t size_bytes)
{
	const struct memtable_header *header = base;
	size_t fixed =
	    sizeof(*header) + header->bucket_count * sizeof(map->buckets[0]);

	map->base = base;
	map->header = header;
	map->size_bytes = size_bytes;
	map->number = header->number;
	map->bucket_mask = header->bucket_count - 1;
	map->buckets = (const _Atomic uint64_t *)(header + 1);
	map->first = (uint32_t)(memtable_round(fixed) / MEMTABLE_UNIT_BYTES);
	map->span = (uint32_t)(size_bytes / MEMTABLE_UNIT_BYTES) -
	    MEMTABLE_FIXED_UNITS_MAX + 1 - map->first;
}

enum status
memtable_reader_open(const char *path, uint64_t number, const uint8_t *store_id,
    struct memtable_reader **out, struct error *err)
{
	struct file *file;
	uint64_t size_bytes;
	void *base = NULL;

	*out = NULL;
	if (file_open(file_system_real(), path, &file, err) != STATUS_OK)
		return err->code;
	if (file_size(file, &size_bytes, err) != STATUS_OK)
		goto fail;
	if (size_bytes < MEMTABLE_CAPACITY_BYTES_MIN ||
	    size_bytes > MEMTABLE_CAPACITY_BYTES_MAX ||
	    size_bytes % MEMTABLE_UNIT_BYTES != 0) {
		error_set(err, STATUS_CORRUPT,
		    "memtable %s: no memtable has %" PRIu64 " bytes", path,
		    size_bytes);
		goto fail;
	}
	if (file_map(file, size_bytes, false, &base, err) != STATUS_OK)
		goto fail;
	if (header_verify(base, size_bytes, number, store_id, err) !=
	    STATUS_OK) {
		error_wrap(err, "memtable %s", path);
		goto fail;
	}
	file_close(file);
	*out = mem_new(sizeof(**out));
	memtable_map_init(*out, base, size_bytes);
	return STATUS_OK;
fail:
	file_unmap(base, base == NULL ? 0 : size_bytes);
	file_close(file);
	return err->code;
}

void
memtable_reader_close(struct memtable_reader *reader)
{
	if (reader == NULL)
		return;
	file_unmap((void *)(uintptr_t)reader->base, reader->size_bytes);
	mem_free(reader);
}

enum status
memtable_reader_get(const struct memtable_reader *reader,
    const struct memtable_query *query, struct entry *out, enum lookup *found,
    struct error *err)
{
	uint32_t hash_high = (uint32_t)(query->hash >> 32);
	uint32_t offset = memtable_map_head(reader, query->hash);
	const struct memtable_node *node;
	bool visible;

	*found = LOOKUP_ABSENT;
	for (;; offset = node->next) {
		if (offset == 0)
			return STATUS_OK;
		node = memtable_map_at(reader, offset);
		if (UNLIKELY(node == NULL))
			return damaged(reader, "a node out of bounds", err);
		/* Mostly the first version's start, a line further on. */
		__builtin_prefetch((const uint8_t *)node + MEMTABLE_LINE_BYTES);
		if (node->hash == hash_high &&
		    node->key_size == query->key.size &&
		    memtable_map_key(reader, offset, &out->key) &&
		    memcmp(node->key, query->key.data, query->key.size) == 0)
			break;
		if (UNLIKELY(node->next >= offset))
			return damaged(reader, "a chain of nodes", err);
	}
	if (UNLIKELY(!memtable_map_version(
		reader, node, query->sequence_max, out, &visible)))
		return damaged(reader, "a chain of versions", err);
	if (visible)
		*found = LOOKUP_FOUND;
	return STATUS_OK;
}

void
memtable_reader_prefetch(const struct memtable_reader *reader, uint64_t hash)
{
	__builtin_prefetch(
	    (const void *)&reader->buckets[hash & reader->bucket_mask]);
}

void
memtable_reader_prefetch_node(
    const struct memtable_reader *reader, uint64_t hash)
{
	const uint8_t *node =
	    memtable_map_at(reader, memtable_map_head(reader, hash));

	if (node == NULL)
		return;
	__builtin_prefetch(node);
	__builtin_prefetch(node + MEMTABLE_LINE_BYTES);
}

bool
memtable_reader_has_ranges(const struct memtable_reader *reader)
{
	return atomic_load_explicit(
		   &reader->header->newest_range, memory_order_acquire) != 0;
}

/* Reads the range tombstone at *offset, and moves *offset to the one before. */
static bool
range_take(const struct memtable_reader *reader, uint32_t *offset,
    struct range_tombstone *out)
{
	const struct memtable_range *range = memtable_map_at(reader, *offset);
	size_t start_size;
	size_t end_size;

	if (range == NULL || range->previous >= *offset)
		return false;
	*offset = range->previous;
	start_size = range->start_size;
	end_size = range->end_size;
	out->start = slice_of(range->bytes, start_size);
	out->end = slice_of(range->bytes + start_size, end_size);
	out->sequence = range->sequence;
	return out->sequence > 0 && start_size <= MEMTABLE_KEY_BYTES_MAX &&
	    end_size <= MEMTABLE_KEY_BYTES_MAX &&
	    memtable_map_holds(reader, range->bytes, start_size + end_size);
}

enum status
memtable_reader_cover(const struct memtable_reader *reader, struct slice key,
    uint64_t sequence_max, uint64_t *cover, struct error *err)
{
	uint32_t offset = atomic_load_explicit(
	    &reader->header->newest_range, memory_order_acquire);
	struct range_tombstone range;

	*cover = 0;
	while (offset != 0) {
		if (!range_take(reader, &offset, &range))
			return damaged(reader, "a range tombstone", err);
		/* The newest come first, so the first that fits is it. */
		if (range.sequence <= sequence_max &&
		    range_tombstone_holds(&range, key)) {
			*cover = range.sequence;
			break;
		}
	}
	return STATUS_OK;
}

enum status
memtable_reader_ranges(const struct memtable_reader *reader,
    uint64_t sequence_max, struct range_set *into, struct error *err)
{
	uint32_t offset = atomic_load_explicit(
	    &reader->header->newest_range, memory_order_acquire);
	struct range_tombstone range;

	while (offset != 0) {
		if (!range_take(reader, &offset, &range))
			return damaged(reader, "a range tombstone", err);
		if (range.sequence <= sequence_max)
			range_set_add(into, &range);
	}
	return STATUS_OK;
}

uint64_t
memtable_reader_number(const struct memtable_reader *reader)
{
	return reader->number;
}
