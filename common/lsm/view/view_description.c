#include "common/lsm/view/view_description.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"

#define LIST_CAPACITY_MIN 8

static void table_encode(const struct view_table *table, uint8_t *bytes);
static bool table_decode(const uint8_t *bytes, struct view_table *out);
static bool
bound_decode(const uint8_t *bytes, uint16_t key_size, struct view_bound *out);
static bool table_may_follow(
    const struct view_table *before, const struct view_table *table);
static enum status header_decode(
    struct slice bytes, struct view_description *out, struct error *err);

void
view_description_add_memtable(
    struct view_description *description, uint64_t number)
{
	size_t count = description->memtable_count;

	CHECK(number > 0);
	CHECK(count < VIEW_MEMTABLES_MAX);
	CHECK(count == 0 || number < description->memtables[count - 1]);
	if (count == description->memtable_capacity) {
		description->memtable_capacity =
		    count == 0 ? LIST_CAPACITY_MIN : count * 2;
		description->memtables = mem_resize(description->memtables,
		    description->memtable_capacity * sizeof(uint64_t));
	}
	description->memtables[description->memtable_count++] = number;
}

void
view_description_add_table(
    struct view_description *description, const struct view_table *table)
{
	size_t count = description->table_count;

	CHECK(table->number > 0);
	CHECK(table->level < VIEW_LEVELS_MAX);
	CHECK(count < VIEW_TABLES_MAX);
	CHECK(count == 0 ||
	    table_may_follow(&description->tables[count - 1], table));
	if (count == description->table_capacity) {
		description->table_capacity =
		    count == 0 ? LIST_CAPACITY_MIN : count * 2;
		description->tables = mem_resize(description->tables,
		    description->table_capacity * sizeof(*table));
	}
	description->tables[description->table_count++] = *table;
}

struct view_bound
view_bound_of(struct slice key)
{
	struct view_bound bound = {0};

	CHECK(key.size <= UINT16_MAX);
	bound.key_size = (uint16_t)key.size;
	if (key.size > VIEW_BOUND_BYTES)
		key.size = VIEW_BOUND_BYTES;
	if (key.size > 0)
		memcpy(bound.bytes, key.data, key.size);
	return bound;
}

struct slice
view_bound_slice(const struct view_bound *bound)
{
	return slice_of(bound->bytes,
	    bound->key_size < VIEW_BOUND_BYTES ? bound->key_size
					       : VIEW_BOUND_BYTES);
}

size_t
view_description_size(size_t memtable_count, size_t table_count)
{
	return VIEW_HEADER_BYTES + memtable_count * VIEW_MEMTABLE_BYTES +
	    table_count * VIEW_TABLE_BYTES + VIEW_CHECKSUM_BYTES;
}

void
view_description_encode(
    const struct view_description *description, struct buffer *out)
{
	size_t size = view_description_size(
	    description->memtable_count, description->table_count);
	uint8_t *bytes = buffer_reserve(out, size);
	uint8_t *place = bytes + VIEW_HEADER_BYTES;

	CHECK(description->number > 0);
	u64_store(bytes, VIEW_MAGIC);
	u32_store(bytes + 8, VIEW_VERSION);
	u32_store(bytes + 12, description->shard);
	memcpy(bytes + 16, description->store_id, VIEW_STORE_ID_BYTES);
	u64_store(bytes + 32, description->number);
	u64_store(bytes + 40, description->incarnation);
	u64_store(bytes + 48, description->first_sequence);
	u64_store(bytes + 56, description->store_clock_ms);
	u64_store(bytes + 64, description->applied_index);
	u32_store(bytes + 72, (uint32_t)description->memtable_count);
	u32_store(bytes + 76, (uint32_t)description->table_count);
	u64_store(bytes + 80, size);
	for (size_t i = 0; i < description->memtable_count; i++) {
		u64_store(place, description->memtables[i]);
		place += VIEW_MEMTABLE_BYTES;
	}
	for (size_t i = 0; i < description->table_count; i++) {
		table_encode(&description->tables[i], place);
		place += VIEW_TABLE_BYTES;
	}
	u64_store(place,
	    checksum64(slice_of(bytes, size - VIEW_CHECKSUM_BYTES),
		description->number));
	buffer_commit(out, size);
}

enum status
view_description_decode(
    struct slice bytes, struct view_description *out, struct error *err)
{
	const uint8_t *place = bytes.data + VIEW_HEADER_BYTES;
	size_t memtable_count;
	size_t table_count;

	CHECK(out->memtables == NULL);
	CHECK(out->tables == NULL);
	if (header_decode(bytes, out, err) != STATUS_OK)
		return err->code;
	memtable_count = u32_load(bytes.data + 72);
	table_count = u32_load(bytes.data + 76);
	for (size_t i = 0; i < memtable_count; i++) {
		uint64_t number = u64_load(place);

		if (number == 0 || (i > 0 && number >= out->memtables[i - 1]))
			return error_set(err, STATUS_CORRUPT,
			    "memtable %zu of %zu is out of order", i,
			    memtable_count);
		view_description_add_memtable(out, number);
		place += VIEW_MEMTABLE_BYTES;
	}
	for (size_t i = 0; i < table_count; i++) {
		struct view_table table;

		if (!table_decode(place, &table))
			return error_set(err, STATUS_CORRUPT,
			    "table %zu of %zu is malformed", i, table_count);
		if (i > 0 && !table_may_follow(&out->tables[i - 1], &table))
			return error_set(err, STATUS_CORRUPT,
			    "table %zu of %zu is out of order", i, table_count);
		view_description_add_table(out, &table);
		place += VIEW_TABLE_BYTES;
	}
	return STATUS_OK;
}

void
view_description_deinit(struct view_description *description)
{
	mem_free(description->memtables);
	mem_free(description->tables);
	memset(description, 0, sizeof(*description));
}

static void
table_encode(const struct view_table *table, uint8_t *bytes)
{
	unsigned flags = 0;

	if (table->last_unbounded)
		flags |= VIEW_TABLE_LAST_UNBOUNDED;
	if (table->has_ranges)
		flags |= VIEW_TABLE_HAS_RANGES;
	u64_store(bytes, table->number);
	u64_store(bytes + 8, table->size_bytes);
	u64_store(bytes + 16, table->sequence_min);
	u64_store(bytes + 24, table->sequence_max);
	u64_store(bytes + 32, table->deadline_min_ms);
	bytes[40] = table->level;
	bytes[41] = (uint8_t)flags;
	u16_store(bytes + 42, table->first.key_size);
	u16_store(bytes + 44, table->last.key_size);
	u16_store(bytes + 46, 0);
	memcpy(bytes + 48, table->first.bytes, VIEW_BOUND_BYTES);
	memcpy(bytes + 80, table->last.bytes, VIEW_BOUND_BYTES);
}

static bool
table_decode(const uint8_t *bytes, struct view_table *out)
{
	unsigned flags = bytes[41];

	memset(out, 0, sizeof(*out));
	out->number = u64_load(bytes);
	out->size_bytes = u64_load(bytes + 8);
	out->sequence_min = u64_load(bytes + 16);
	out->sequence_max = u64_load(bytes + 24);
	out->deadline_min_ms = u64_load(bytes + 32);
	out->level = bytes[40];
	out->last_unbounded = (flags & VIEW_TABLE_LAST_UNBOUNDED) != 0;
	out->has_ranges = (flags & VIEW_TABLE_HAS_RANGES) != 0;
	return out->number > 0 && out->level < VIEW_LEVELS_MAX &&
	    (flags & ~(VIEW_TABLE_LAST_UNBOUNDED | VIEW_TABLE_HAS_RANGES)) ==
	    0 &&
	    u16_load(bytes + 46) == 0 &&
	    bound_decode(bytes + 48, u16_load(bytes + 42), &out->first) &&
	    bound_decode(bytes + 80, u16_load(bytes + 44), &out->last);
}

/* False unless what lies behind a short key is zero: one key, one encoding. */
static bool
bound_decode(const uint8_t *bytes, uint16_t key_size, struct view_bound *out)
{
	out->key_size = key_size;
	memcpy(out->bytes, bytes, VIEW_BOUND_BYTES);
	for (size_t i = key_size; i < VIEW_BOUND_BYTES; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/*
 * True if the order of levels and keys allows `table` right behind `before`.
 * Cut bounds may be equal where the whole keys differ.
 */
static bool
table_may_follow(
    const struct view_table *before, const struct view_table *table)
{
	if (table->level != before->level)
		return table->level > before->level;
	if (table->level == 0)
		return true;
	return !before->last_unbounded &&
	    slice_compare(view_bound_slice(&before->last),
		view_bound_slice(&table->first)) <= 0;
}

/* The plain fields; leaves nothing about the size of `bytes` unchecked. */
static enum status
header_decode(
    struct slice bytes, struct view_description *out, struct error *err)
{
	uint64_t memtable_count;
	uint64_t table_count;

	if (bytes.size < VIEW_HEADER_BYTES + VIEW_CHECKSUM_BYTES)
		return error_set(err, STATUS_CORRUPT,
		    "%zu bytes are too few for a view", bytes.size);
	if (u64_load(bytes.data) != VIEW_MAGIC)
		return error_set(err, STATUS_CORRUPT, "not a view");
	if (u32_load(bytes.data + 8) != VIEW_VERSION)
		return error_set(err, STATUS_VERSION,
		    "format %u, this program knows %u",
		    u32_load(bytes.data + 8), VIEW_VERSION);
	out->number = u64_load(bytes.data + 32);
	if (u64_load(bytes.data + bytes.size - VIEW_CHECKSUM_BYTES) !=
	    checksum64(slice_of(bytes.data, bytes.size - VIEW_CHECKSUM_BYTES),
		out->number))
		return error_set(err, STATUS_CORRUPT, "checksum mismatch");
	out->shard = u32_load(bytes.data + 12);
	memcpy(out->store_id, bytes.data + 16, VIEW_STORE_ID_BYTES);
	out->incarnation = u64_load(bytes.data + 40);
	out->first_sequence = u64_load(bytes.data + 48);
	out->store_clock_ms = u64_load(bytes.data + 56);
	out->applied_index = u64_load(bytes.data + 64);
	memtable_count = u32_load(bytes.data + 72);
	table_count = u32_load(bytes.data + 76);
	if (out->number == 0 || memtable_count > VIEW_MEMTABLES_MAX ||
	    table_count > VIEW_TABLES_MAX ||
	    u64_load(bytes.data + 80) != bytes.size ||
	    bytes.size !=
		VIEW_HEADER_BYTES + memtable_count * VIEW_MEMTABLE_BYTES +
		    table_count * VIEW_TABLE_BYTES + VIEW_CHECKSUM_BYTES)
		return error_set(
		    err, STATUS_CORRUPT, "counts disagree with the size");
	return STATUS_OK;
}
