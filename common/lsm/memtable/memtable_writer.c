#include "common/lsm/memtable/memtable_writer.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_map.h"
#include "common/lsm/memtable/memtable_tiers.h"
#include "common/os/file.h"
#include "common/os/path.h"

#define PAGE_BYTES 4096

/* What a memtable spends on an entry of a new key, beside its bytes. */
#define ENTRY_OVERHEAD_BYTES                                              \
	(offsetof(struct memtable_node, key) +                            \
	    offsetof(struct memtable_version, bytes) + sizeof(uint64_t) + \
	    2 * (MEMTABLE_UNIT_BYTES - 1))
#define RANGE_OVERHEAD_BYTES \
	(offsetof(struct memtable_range, bytes) + MEMTABLE_UNIT_BYTES - 1)

/* One bucket for so many bytes: about one for each small entry. */
#define BUCKET_EVERY_BYTES 128

struct memtable_writer {
	uint8_t *base;
	size_t size_bytes;
	size_t low; /* where the free space begins */
	size_t used_fixed; /* bytes of header and buckets */
	struct memtable_header *header;
	_Atomic uint64_t *buckets;
	uint32_t newest_node;
	uint64_t first_sequence;
	struct memtable_tiers tiers;
	struct memtable_stats stats;
	struct memtable_reader reader;
};

static uint32_t
bucket_count_for(size_t size_bytes)
{
	uint32_t count = 1;

	while ((size_t)count * 2 <= size_bytes / BUCKET_EVERY_BYTES)
		count *= 2;
	return count;
}

static void
header_fill(struct memtable_header *header,
    const struct memtable_options *options, size_t size_bytes)
{
	header->magic = MEMTABLE_MAGIC;
	header->version = MEMTABLE_VERSION;
	header->shard = options->shard;
	header->number = options->number;
	memcpy(header->store_id, options->store_id, MEMTABLE_STORE_ID_BYTES);
	header->first_sequence = options->first_sequence;
	header->capacity_bytes = size_bytes;
	header->bucket_count = bucket_count_for(size_bytes);
	header->checksum = hash64(
	    slice_of(header, offsetof(struct memtable_header, checksum)));
}

/* A new file of zeroes at `path`, its space reserved, mapped to write. */
static enum status
map_new_file(struct file_system *fs, const char *path, size_t size_bytes,
    void **base, struct error *err)
{
	struct file *file;
	struct error ignored;

	*base = NULL;
	/* A name in use belongs to a dead one: leave it to who has it open. */
	if (path_remove(fs, path, err) != STATUS_OK ||
	    file_create(fs, path, &file, err) != STATUS_OK)
		return err->code;
	if (file_allocate(file, size_bytes, err) == STATUS_OK &&
	    file_map(file, size_bytes, true, base, err) == STATUS_OK) {
		file_close(file);
		file_populate(*base, size_bytes);
		return STATUS_OK;
	}
	file_close(file);
	/* The first error is the one to report. */
	if (path_remove(fs, path, &ignored) != STATUS_OK)
		error_wrap(err, "the file is left behind");
	return error_wrap(err, "memtable of %zu bytes", size_bytes);
}

enum status
memtable_writer_create(struct file_system *fs, const char *path,
    const struct memtable_options *options, struct memtable_writer **out,
    struct error *err)
{
	size_t size_bytes = (options->capacity_bytes + PAGE_BYTES - 1) &
	    ~(size_t)(PAGE_BYTES - 1);
	struct memtable_writer *writer;
	void *base;

	*out = NULL;
	CHECK(size_bytes >= MEMTABLE_CAPACITY_BYTES_MIN);
	CHECK(size_bytes <= MEMTABLE_CAPACITY_BYTES_MAX);
	if (map_new_file(fs, path, size_bytes, &base, err) != STATUS_OK)
		return err->code;
	header_fill(base, options, size_bytes);
	writer = mem_new(sizeof(*writer));
	writer->base = base;
	writer->size_bytes = size_bytes;
	writer->header = base;
	writer->buckets = (_Atomic uint64_t *)(writer->header + 1);
	writer->first_sequence = options->first_sequence;
	memtable_map_init(&writer->reader, base, size_bytes);
	writer->used_fixed = (size_t)writer->reader.first * MEMTABLE_UNIT_BYTES;
	writer->low = writer->used_fixed;
	memtable_tiers_init(&writer->tiers, base, size_bytes);
	*out = writer;
	return STATUS_OK;
}

void
memtable_writer_close(struct memtable_writer *writer)
{
	if (writer == NULL)
		return;
	file_unmap(writer->base, writer->size_bytes);
	memtable_tiers_deinit(&writer->tiers);
	mem_free(writer);
}

bool
memtable_writer_fits(const struct memtable_writer *writer, size_t entries,
    size_t bytes, size_t ranges)
{
	/* What merges are yet to write is as good as taken. */
	size_t free_bytes =
	    writer->tiers.high - writer->low - writer->tiers.due_bytes;
	size_t keys = writer->stats.key_count;

	if (writer->stats.range_count > 0 &&
	    writer->stats.range_count + ranges > MEMTABLE_RANGES_MAX)
		return false;
	/* Each of the terms alone first: no sum of them can overflow then. */
	if (entries > free_bytes || bytes > free_bytes || ranges > free_bytes)
		return false;
	return bytes + entries * ENTRY_OVERHEAD_BYTES +
	    ranges * RANGE_OVERHEAD_BYTES +
	    memtable_tiers_bytes(keys + entries) - memtable_tiers_bytes(keys) <=
	    free_bytes;
}

size_t
memtable_capacity_for(size_t entries, size_t bytes, size_t ranges)
{
	size_t needed = sizeof(struct memtable_header) + bytes +
	    entries * ENTRY_OVERHEAD_BYTES + ranges * RANGE_OVERHEAD_BYTES +
	    memtable_tiers_bytes(entries);

	/* Of all bytes, the buckets take one in sixteen at most. */
	needed += needed / 15 + PAGE_BYTES;
	needed -= needed % PAGE_BYTES;
	return needed > MEMTABLE_CAPACITY_BYTES_MIN
	    ? needed
	    : MEMTABLE_CAPACITY_BYTES_MIN;
}

/* Takes `size` bytes off the free space at its lower end. */
static uint32_t
take_space(struct memtable_writer *writer, size_t size)
{
	size_t offset = writer->low;

	size = memtable_round(size);
	CHECK(writer->tiers.high - offset >= size);
	writer->low = offset + size;
	return (uint32_t)(offset / MEMTABLE_UNIT_BYTES);
}

static void *
at(const struct memtable_writer *writer, uint32_t offset)
{
	return writer->base + (size_t)offset * MEMTABLE_UNIT_BYTES;
}

/* Sequences ascend over entries and ranges alike. */
static void
sequence_take(struct memtable_writer *writer, uint64_t sequence)
{
	struct memtable_stats *stats = &writer->stats;

	CHECK(sequence >= writer->first_sequence);
	CHECK(sequence > stats->sequence_max);
	CHECK(sequence < UINT64_C(1) << (64 - MEMTABLE_TAG_SEQUENCE_SHIFT));
	if (stats->sequence_min == 0)
		stats->sequence_min = sequence;
	stats->sequence_max = sequence;
}

static void
deadline_take(struct memtable_stats *stats, uint64_t deadline_ms)
{
	if (stats->deadline_min == 0 || deadline_ms < stats->deadline_min)
		stats->deadline_min = deadline_ms;
	if (deadline_ms > stats->deadline_max)
		stats->deadline_max = deadline_ms;
}

/* Writes a version that leads on to `older`. */
static uint32_t
version_write(
    struct memtable_writer *writer, const struct entry *entry, uint32_t older)
{
	size_t deadline_size =
	    entry->deadline_ms == 0 ? 0 : sizeof(entry->deadline_ms);
	uint32_t offset = take_space(writer,
	    offsetof(struct memtable_version, bytes) + deadline_size +
		entry->value.size);
	struct memtable_version *version = at(writer, offset);

	version->tag = entry->sequence << MEMTABLE_TAG_SEQUENCE_SHIFT |
	    (uint64_t)entry->kind |
	    (deadline_size > 0 ? MEMTABLE_TAG_DEADLINE : 0);
	version->older = older;
	version->value_size = (uint32_t)entry->value.size;
	if (deadline_size > 0) {
		memcpy(version->bytes, &entry->deadline_ms, deadline_size);
		deadline_take(&writer->stats, entry->deadline_ms);
	}
	if (entry->value.size > 0)
		memcpy(version->bytes + deadline_size, entry->value.data,
		    entry->value.size);
	return offset;
}

static struct memtable_node *
node_find(const struct memtable_writer *writer, uint32_t head, struct slice key,
    uint64_t hash)
{
	while (head != 0) {
		struct memtable_node *node = at(writer, head);

		if (node->hash == (uint32_t)(hash >> 32) &&
		    slice_equal(slice_of(node->key, node->key_size), key))
			return node;
		head = node->next;
	}
	return NULL;
}

/* Adds a node with one version and makes it known to readers. */
static void
node_add(struct memtable_writer *writer, const struct entry *entry,
    uint64_t hash, _Atomic uint64_t *bucket)
{
	uint32_t offset = take_space(
	    writer, offsetof(struct memtable_node, key) + entry->key.size);
	struct memtable_node *node = at(writer, offset);
	uint64_t before = atomic_load_explicit(bucket, memory_order_relaxed);
	uint64_t marks = (before >> 32 << 32) | memtable_bucket_mark(hash);

	node->next = (uint32_t)before;
	node->previous = writer->newest_node;
	node->hash = (uint32_t)(hash >> 32);
	node->key_size = (uint32_t)entry->key.size;
	memcpy(node->key, entry->key.data, entry->key.size);
	atomic_store_explicit(&node->newest, version_write(writer, entry, 0),
	    memory_order_relaxed);
	atomic_store_explicit(bucket, marks | offset, memory_order_release);
	atomic_store_explicit(
	    &writer->header->newest_node, offset, memory_order_release);
	writer->newest_node = offset;
	writer->stats.key_count++;
	memtable_tiers_add(&writer->tiers, offset, writer->low);
}

void
memtable_writer_add(
    struct memtable_writer *writer, const struct entry *entry, uint64_t hash)
{
	_Atomic uint64_t *bucket =
	    &writer->buckets[hash & writer->reader.bucket_mask];
	struct memtable_node *node;

	CHECK(entry->key.size > 0);
	CHECK(entry->key.size <= MEMTABLE_KEY_BYTES_MAX);
	CHECK(entry->value.size <= MEMTABLE_VALUE_BYTES_MAX);
	CHECK(entry->kind == ENTRY_PUT || entry->kind == ENTRY_TOMBSTONE);
	CHECK_SLOW(hash == hash64(entry->key));
	sequence_take(writer, entry->sequence);
	node = node_find(
	    writer, memtable_map_head(&writer->reader, hash), entry->key, hash);
	if (node == NULL)
		node_add(writer, entry, hash, bucket);
	else
		atomic_store_explicit(&node->newest,
		    version_write(writer, entry,
			atomic_load_explicit(
			    &node->newest, memory_order_relaxed)),
		    memory_order_release);
	writer->stats.version_count++;
}

void
memtable_writer_add_range(
    struct memtable_writer *writer, const struct range_tombstone *tombstone)
{
	_Atomic uint32_t *newest = &writer->header->newest_range;
	struct slice start = tombstone->start;
	struct slice end = tombstone->end;
	struct memtable_range *range;
	uint32_t offset;

	CHECK(start.size <= MEMTABLE_KEY_BYTES_MAX);
	CHECK(end.size <= MEMTABLE_KEY_BYTES_MAX);
	sequence_take(writer, tombstone->sequence);
	offset = take_space(writer,
	    offsetof(struct memtable_range, bytes) + start.size + end.size);
	range = at(writer, offset);
	range->sequence = tombstone->sequence;
	range->previous = atomic_load_explicit(newest, memory_order_relaxed);
	range->start_size = (uint32_t)start.size;
	range->end_size = (uint32_t)end.size;
	if (start.size > 0)
		memcpy(range->bytes, start.data, start.size);
	if (end.size > 0)
		memcpy(range->bytes + start.size, end.data, end.size);
	atomic_store_explicit(newest, offset, memory_order_release);
	writer->stats.range_count++;
}

struct memtable_reader *
memtable_writer_reader(struct memtable_writer *writer)
{
	return &writer->reader;
}

const struct memtable_stats *
memtable_writer_stats(struct memtable_writer *writer)
{
	writer->stats.free_bytes =
	    writer->tiers.high - writer->low - writer->tiers.due_bytes;
	writer->stats.used_bytes =
	    writer->size_bytes - writer->used_fixed - writer->stats.free_bytes;
	return &writer->stats;
}

uint64_t
memtable_writer_number(const struct memtable_writer *writer)
{
	return writer->reader.number;
}
