/*
 * table_format - the layout of a table's bytes, for its writer and readers.
 *
 * The prose stands in storaged/FORMAT.md, "Table".
 */
#ifndef COMMON_LSM_TABLE_TABLE_FORMAT_H
#define COMMON_LSM_TABLE_TABLE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "common/command/limits.h"

#define TABLE_FORMAT_VERSION 1
#define TABLE_MAGIC 0x0a454c4241544b56u /* "VKTABLE\n" in the file */
#define TABLE_STORE_ID_BYTES 16
#define TABLE_KEY_BYTES_MAX KEY_BYTES_MAX
#define TABLE_VALUE_BYTES_MAX VALUE_BYTES_MAX

/* An entry: tag, value size, key size, deadline if any, key, value, zeroes. */
#define TABLE_ENTRY_ALIGN 4
#define TABLE_ENTRY_HEADER_BYTES 14
#define TABLE_ENTRY_DEADLINE_BYTES 8
#define TABLE_TAG_KIND_MASK 0x03u
#define TABLE_TAG_DEADLINE 0x04u
#define TABLE_TAG_UNUSED_MASK 0xf8u
#define TABLE_TAG_SEQUENCE_SHIFT 8
#define TABLE_SEQUENCE_MAX ((UINT64_C(1) << 56) - 1)

/* No block holds more: one entry of the greatest size, its place, a count. */
#define TABLE_BLOCK_RAW_BYTES_MAX                                \
	(TABLE_ENTRY_HEADER_BYTES + TABLE_ENTRY_DEADLINE_BYTES + \
	    TABLE_KEY_BYTES_MAX + TABLE_VALUE_BYTES_MAX + 3 + 4)

/*
 * Bytes of the array behind the entries of a block: their places, two zeroes
 * where needed, their count. So a block's size is a multiple of four.
 */
static inline size_t
table_block_array_size(size_t count)
{
	return (2 * count + 2 + 3) & ~(size_t)3;
}

/* Behind the stored bytes of a block: compression, three zeroes, checksum. */
#define TABLE_BLOCK_TRAILER_BYTES 8

/* A record of the block table: file offset, stored size, raw size. */
#define TABLE_BLOCK_RECORD_BYTES 16

/* A separator: first 8 bytes as a number, offset and size in the keys. */
#define TABLE_SEPARATOR_BYTES 16

/* A line of the point index: 12 fingerprints, overflow marks, locators. */
#define TABLE_LINE_BYTES 64
#define TABLE_LINE_SLOTS 12
#define TABLE_LINE_MARKS_OFFSET 12
#define TABLE_LINE_LOCATORS_OFFSET 16

/*
 * Entries of a line on average. Where blocks are compressed, space is what the
 * store is after: lines are fuller, and more keys lie in the next one.
 */
static inline unsigned
table_line_load(uint32_t position_bits)
{
	return position_bits == 0 ? 8 : 10;
}

/* A range tombstone: sequence, two sizes; then start and end. */
#define TABLE_RANGE_HEADER_BYTES 16

/* Sections begin at multiples of this; pieces are counted from there. */
#define TABLE_SECTION_ALIGN 64
#define TABLE_PIECE_BYTES 4096

/* In the order of the file. The numbers go into the seeds of checksums. */
enum table_section_id {
	TABLE_SECTION_RANGES = 0,
	TABLE_SECTION_KEYS = 1,
	TABLE_SECTION_SEPARATORS = 2,
	TABLE_SECTION_BLOCKS = 3,
	TABLE_SECTION_INDEX = 4,
};
#define TABLE_SECTION_COUNT 5

/* What a checksum is of, beside the sections. */
#define TABLE_SEED_BLOCK 5
#define TABLE_SEED_TAIL 6
#define TABLE_SEED_FOOTER 7

#define TABLE_FOOTER_BYTES 168

/*
 * The seed of a checksum: bytes of another table, or of another place in this
 * one, never pass for these.
 */
static inline uint64_t
table_seed(uint64_t number, unsigned what, uint64_t index)
{
	return number * UINT64_C(0x9e3779b97f4a7c15) + ((uint64_t)what << 40) +
	    index;
}

#endif
