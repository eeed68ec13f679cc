/*
 * table_block - entries packed into the raw bytes of one block.
 *
 * Reading checks every size against the block's bounds: a block whose
 * checksum is right may still have been written wrong.
 */
#ifndef COMMON_LSM_TABLE_TABLE_BLOCK_H
#define COMMON_LSM_TABLE_TABLE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"
#include "common/codec/integer.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/table/table_format.h"

/* The raw bytes of a block, and where in them the entries end. */
struct block_view {
	const uint8_t *data;
	uint32_t entries_size;
	uint32_t count;
};

/* Bytes that `entry` takes in a block, without its place in the array. */
size_t block_entry_size(const struct entry *entry);

/* Writes `entry` into block_entry_size() bytes. */
void block_entry_write(uint8_t *out, const struct entry *entry);

/* Finds the entries in raw bytes; false if there cannot be any. */
bool block_view_open(struct slice raw, struct block_view *out) MUST_CHECK;

/*
 * The number of the first entry whose key is >= `key`, view->count if there is
 * none; its position goes to *position. The search begins where `share`
 * 65536ths of the entries lie before it. False if the block is malformed.
 */
bool block_view_seek(const struct block_view *view, struct slice key,
    uint32_t share, uint32_t *index, uint32_t *position) MUST_CHECK;

/* Where entry `index` begins. */
static inline uint32_t
block_view_position(const struct block_view *view, uint32_t index)
{
	return (uint32_t)u16_load(view->data + view->entries_size + 2 * index) *
	    TABLE_ENTRY_ALIGN;
}

/*
 * Reads the entry at `position` of bytes of which `size` may be entries, and
 * sets *next to where the following one begins. False if it is malformed.
 */
static inline bool MUST_CHECK
block_entry_read(const uint8_t *data, uint32_t size, uint32_t position,
    struct entry *out, uint32_t *next)
{
	const uint8_t *bytes = data + position;
	uint64_t header = TABLE_ENTRY_HEADER_BYTES;
	uint64_t end;
	uint64_t tag;
	uint32_t value_size;
	uint16_t key_size;

	if (UNLIKELY(position > size || size - position < header))
		return false;
	tag = u64_load(bytes);
	value_size = u32_load(bytes + 8);
	key_size = u16_load(bytes + 12);
	header +=
	    (tag & TABLE_TAG_DEADLINE) != 0 ? TABLE_ENTRY_DEADLINE_BYTES : 0;
	end = position + header + key_size + value_size;
	if (UNLIKELY(end > size || (tag & TABLE_TAG_UNUSED_MASK) != 0 ||
		key_size == 0 || value_size > TABLE_VALUE_BYTES_MAX ||
		tag >> TABLE_TAG_SEQUENCE_SHIFT == 0))
		return false;
	out->key = slice_of(bytes + header, key_size);
	out->value = slice_of(bytes + header + key_size, value_size);
	out->sequence = tag >> TABLE_TAG_SEQUENCE_SHIFT;
	out->deadline_ms = (tag & TABLE_TAG_DEADLINE) != 0
	    ? u64_load(bytes + TABLE_ENTRY_HEADER_BYTES)
	    : 0;
	out->kind = (enum entry_kind)(tag & TABLE_TAG_KIND_MASK);
	*next = (uint32_t)((end + TABLE_ENTRY_ALIGN - 1) &
	    ~(uint64_t)(TABLE_ENTRY_ALIGN - 1));
	return LIKELY(out->kind == ENTRY_PUT || out->kind == ENTRY_TOMBSTONE);
}

#endif
