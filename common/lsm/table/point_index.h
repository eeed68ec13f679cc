/*
 * point_index - from the hash of a key to the place of its entry.
 *
 * A line is one cache line: twelve slots, each a fingerprint of 8 bits and a
 * locator of 32 (block and position). A key belongs to one line by the upper
 * half of its hash; when that is full it goes to the next that is not, and
 * leaves a mark, one of 32 by its hash, in every line that it passes. So a
 * lookup reads one line, and nearly always knows there that a key is absent.
 */
#ifndef COMMON_LSM_TABLE_POINT_INDEX_H
#define COMMON_LSM_TABLE_POINT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/codec/integer.h"
#include "common/lsm/table/table_format.h"

/* Lines for `count` entries, with `load` of them in a line on average. */
uint64_t point_index_line_count(size_t count, unsigned load);

/* Fills `lines`, which are zeroes, with one slot for each of `count` keys. */
void point_index_fill(uint8_t *lines, uint64_t line_count,
    const uint64_t *hashes, const uint32_t *locators, size_t count);

/* The line that a key belongs to. */
static inline uint64_t
point_index_home(uint64_t hash, uint64_t line_count)
{
	return ((hash >> 32) * line_count) >> 32;
}

/* Never 0: that is an empty slot. */
static inline uint8_t
point_index_fingerprint(uint64_t hash)
{
	uint8_t low = (uint8_t)hash;

	return low == 0 ? 1 : low;
}

static inline uint32_t
point_index_mark(uint64_t hash)
{
	return UINT32_C(1) << (hash >> 8 & 31);
}

/* The slots that a fingerprint stands in, a bit each: slot n is bit 8n + 7. */
struct point_matches {
	uint64_t slots_0_to_7;
	uint64_t slots_8_to_11;
};

/* The top bit of each byte of `bytes` that is zero. */
static inline uint64_t
point_index_zero_bytes(uint64_t bytes)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);

	return ~(((bytes & low) + low) | bytes | low);
}

static inline struct point_matches
point_index_match(const uint8_t *line, uint8_t fingerprint)
{
	uint64_t pattern = fingerprint * UINT64_C(0x0101010101010101);

	return (struct point_matches){
	    point_index_zero_bytes(u64_load(line) ^ pattern),
	    point_index_zero_bytes(
		(u32_load(line + 8) ^ pattern) | UINT64_C(0xffffffff00000000)),
	};
}

/* Takes the next slot out of `matches`; false when there is none. */
static inline bool
point_index_next(struct point_matches *matches, unsigned *slot)
{
	if (matches->slots_0_to_7 != 0) {
		*slot = (unsigned)__builtin_ctzll(matches->slots_0_to_7) / 8;
		matches->slots_0_to_7 &= matches->slots_0_to_7 - 1;
		return true;
	}
	if (matches->slots_8_to_11 != 0) {
		*slot =
		    8 + (unsigned)__builtin_ctzll(matches->slots_8_to_11) / 8;
		matches->slots_8_to_11 &= matches->slots_8_to_11 - 1;
		return true;
	}
	return false;
}

static inline uint32_t
point_index_locator(const uint8_t *line, unsigned slot)
{
	return u32_load(line + TABLE_LINE_LOCATORS_OFFSET + 4 * slot);
}

static inline bool
point_index_overflowed(const uint8_t *line, uint32_t mark)
{
	return (u32_load(line + TABLE_LINE_MARKS_OFFSET) & mark) != 0;
}

#endif
