#include "common/lsm/table/block_pack.h"

#include <string.h>

#include "common/base/check.h"
#include "common/lsm/table/table_block.h"

/* Count of the entries, bits of a sequence, least sequence. */
#define HEADER_BYTES 11
/* Of each entry: flags, size of the value, size of the key. */
#define SHAPE_BYTES 7
#define SHARED_MAX 255
#define BITS_MAX 56

/* Where each kind of bytes begins. */
struct columns {
	uint32_t count;
	uint32_t bits;
	uint64_t least;
	const uint8_t *sequences;
	const uint8_t *shapes;
	const uint8_t *deadlines;
	const uint8_t *shared;
	const uint8_t *keys;
	const uint8_t *values;
};

/* Entry `index`, which the caller knows to be well-formed. */
static void
read_entry(const struct block_view *view, uint32_t index, struct entry *out)
{
	uint32_t next;

	CHECK(block_entry_read(view->data, view->entries_size,
	    block_view_position(view, index), out, &next));
}

/* Writes the header and the sequences; returns where they end. */
static uint8_t *
pack_sequences(const struct block_view *view, uint8_t *out)
{
	uint64_t least = UINT64_MAX;
	uint64_t greatest = 0;
	uint32_t bits = 0;
	struct entry entry;
	size_t size;

	for (uint32_t i = 0; i < view->count; i++) {
		read_entry(view, i, &entry);
		least = entry.sequence < least ? entry.sequence : least;
		greatest =
		    entry.sequence > greatest ? entry.sequence : greatest;
	}
	while ((greatest - least) >> bits != 0)
		bits++;
	u16_store(out, (uint16_t)view->count);
	out[2] = (uint8_t)bits;
	u64_store(out + 3, least);
	out += HEADER_BYTES;
	size = ((size_t)view->count * bits + 7) / 8;
	/* The last may be written across what follows, which comes later. */
	memset(out, 0, size + 8);
	for (uint32_t i = 0; i < view->count; i++) {
		uint8_t *place = out + (size_t)i * bits / 8;

		read_entry(view, i, &entry);
		u64_store(place,
		    u64_load(place) |
			(entry.sequence - least) << (size_t)i * bits % 8);
	}
	return out + size;
}

static size_t
shared_size(struct slice before, struct slice key)
{
	size_t max = before.size < key.size ? before.size : key.size;
	size_t size = 0;

	max = max < SHARED_MAX ? max : SHARED_MAX;
	while (size < max && before.data[size] == key.data[size])
		size++;
	return size;
}

static uint8_t *
append(uint8_t *out, const uint8_t *bytes, size_t size)
{
	if (size > 0)
		memcpy(out, bytes, size);
	return out + size;
}

size_t
block_pack(const struct block_view *view, size_t raw_size, uint8_t *out)
{
	uint8_t *at = pack_sequences(view, out);
	struct slice before = SLICE_EMPTY;
	struct entry entry;
	uint8_t *shared;

	for (uint32_t i = 0; i < view->count; i++) {
		const uint8_t *raw = view->data + block_view_position(view, i);

		*at++ = raw[0];
		at = append(at, raw + 8, SHAPE_BYTES - 1);
	}
	for (uint32_t i = 0; i < view->count; i++) {
		const uint8_t *raw = view->data + block_view_position(view, i);

		if ((raw[0] & TABLE_TAG_DEADLINE) != 0)
			at = append(at, raw + TABLE_ENTRY_HEADER_BYTES,
			    TABLE_ENTRY_DEADLINE_BYTES);
	}
	shared = at;
	at += view->count;
	for (uint32_t i = 0; i < view->count; i++) {
		size_t size;

		read_entry(view, i, &entry);
		size = shared_size(before, entry.key);
		shared[i] = (uint8_t)size;
		at = append(at, entry.key.data + size, entry.key.size - size);
		before = entry.key;
	}
	for (uint32_t i = 0; i < view->count; i++) {
		read_entry(view, i, &entry);
		at = append(at, entry.value.data, entry.value.size);
	}
	CHECK((size_t)(at - out) <= raw_size + BLOCK_PACK_BYTES_MORE);
	return (size_t)(at - out);
}

/* The size of an entry in the raw bytes. */
static uint64_t
entry_size(const uint8_t *shape)
{
	uint64_t size = TABLE_ENTRY_HEADER_BYTES;

	if ((shape[0] & TABLE_TAG_DEADLINE) != 0)
		size += TABLE_ENTRY_DEADLINE_BYTES;
	size += u32_load(shape + 1);
	size += u16_load(shape + 5);
	return (size + TABLE_ENTRY_ALIGN - 1) &
	    ~(uint64_t)(TABLE_ENTRY_ALIGN - 1);
}

/* Finds the columns; false unless they are the packed bytes and fill `raw`. */
static bool
find_columns(struct slice packed, size_t raw_size, struct columns *out)
{
	uint64_t deadline_bytes = 0;
	uint64_t key_bytes = 0;
	uint64_t value_bytes = 0;
	uint64_t raw_bytes = 0;
	uint64_t offset;

	if (packed.size < HEADER_BYTES)
		return false;
	out->count = u16_load(packed.data);
	out->bits = packed.data[2];
	out->least = u64_load(packed.data + 3);
	if (out->count == 0 || out->bits > BITS_MAX)
		return false;
	out->sequences = packed.data + HEADER_BYTES;
	offset = HEADER_BYTES + ((uint64_t)out->count * out->bits + 7) / 8;
	/* Shapes and shared sizes: eight bytes for each entry at least. */
	if (offset + (SHAPE_BYTES + 1) * (uint64_t)out->count > packed.size)
		return false;
	out->shapes = packed.data + offset;
	for (uint32_t i = 0; i < out->count; i++) {
		const uint8_t *shape = out->shapes + (size_t)i * SHAPE_BYTES;

		if ((shape[0] & TABLE_TAG_DEADLINE) != 0)
			deadline_bytes += TABLE_ENTRY_DEADLINE_BYTES;
		value_bytes += u32_load(shape + 1);
		key_bytes += u16_load(shape + 5);
		raw_bytes += entry_size(shape);
	}
	offset += (uint64_t)out->count * SHAPE_BYTES;
	if (offset + deadline_bytes + out->count > packed.size ||
	    raw_bytes + table_block_array_size(out->count) != raw_size)
		return false;
	out->deadlines = packed.data + offset;
	out->shared = out->deadlines + deadline_bytes;
	offset += deadline_bytes + out->count;
	for (uint32_t i = 0, before = 0; i < out->count; i++) {
		const uint8_t *shape = out->shapes + (size_t)i * SHAPE_BYTES;
		uint32_t size = u16_load(shape + 5);

		if (out->shared[i] > size || out->shared[i] > before)
			return false;
		key_bytes -= out->shared[i];
		before = size;
	}
	if (offset + key_bytes + value_bytes != packed.size)
		return false;
	out->keys = packed.data + offset;
	out->values = out->keys + key_bytes;
	return true;
}

/* Eight bytes follow the last sequence: see find_columns(). */
static uint64_t
sequence_of(const struct columns *columns, uint32_t index)
{
	size_t bit = (size_t)index * columns->bits;

	return columns->least +
	    (u64_load(columns->sequences + bit / 8) >> bit % 8 &
		((UINT64_C(1) << columns->bits) - 1));
}

bool
block_unpack(struct slice packed, uint8_t *raw, size_t raw_size)
{
	struct columns columns;
	const uint8_t *key_before = NULL;
	uint8_t *places;
	uint8_t *at = raw;

	if (!find_columns(packed, raw_size, &columns))
		return false;
	places = raw + raw_size - table_block_array_size(columns.count);
	memset(raw + raw_size - 4, 0, 4);
	for (uint32_t i = 0; i < columns.count; i++) {
		const uint8_t *shape = columns.shapes + (size_t)i * SHAPE_BYTES;
		size_t place = (size_t)(at - raw) / TABLE_ENTRY_ALIGN;
		size_t value_size = u32_load(shape + 1);
		size_t key_size = u16_load(shape + 5);
		size_t shared = columns.shared[i];
		uint8_t *end = at + entry_size(shape);

		if (place > UINT16_MAX)
			return false;
		u16_store(places + 2 * (size_t)i, (uint16_t)place);
		u64_store(at,
		    sequence_of(&columns, i) << TABLE_TAG_SEQUENCE_SHIFT |
			shape[0]);
		memcpy(at + 8, shape + 1, SHAPE_BYTES - 1);
		at += TABLE_ENTRY_HEADER_BYTES;
		if ((shape[0] & TABLE_TAG_DEADLINE) != 0) {
			at = append(
			    at, columns.deadlines, TABLE_ENTRY_DEADLINE_BYTES);
			columns.deadlines += TABLE_ENTRY_DEADLINE_BYTES;
		}
		append(at, key_before, shared);
		append(at + shared, columns.keys, key_size - shared);
		columns.keys += key_size - shared;
		key_before = at;
		at = append(at + key_size, columns.values, value_size);
		columns.values += value_size;
		while (at < end)
			*at++ = 0;
	}
	u16_store(raw + raw_size - 2, (uint16_t)columns.count);
	return true;
}
