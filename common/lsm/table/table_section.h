/*
 * table_section - a mapped section that is checked as it is touched.
 *
 * A section has a checksum for each piece of TABLE_PIECE_BYTES. A piece is
 * checked once, before the first byte of it is believed, so that opening a
 * large table reads little.
 *
 * Ownership  The section owns its map of seen pieces, and borrows the rest.
 */
#ifndef COMMON_LSM_TABLE_TABLE_SECTION_H
#define COMMON_LSM_TABLE_TABLE_SECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/lsm/table/table_format.h"

struct table_section {
	const uint8_t *data;
	uint64_t size;
	const uint8_t *checksums; /* 32 bits for each piece */
	uint64_t *seen; /* a bit for each piece that was found intact */
	uint64_t table_number;
	enum table_section_id id;
};

void table_section_init(struct table_section *section, enum table_section_id id,
    uint64_t table_number, struct slice bytes, const uint8_t *checksums);
void table_section_deinit(struct table_section *section);

/* Checks every piece that `size` bytes from `offset` lie in; they must fit. */
bool table_section_check(
    struct table_section *section, uint64_t offset, uint64_t size) MUST_CHECK;

/*
 * True if the record of `size` bytes at `offset`, which lies in one piece,
 * can be believed.
 */
static inline bool MUST_CHECK
table_section_touch(
    struct table_section *section, uint64_t offset, uint64_t size)
{
	uint64_t piece = offset / TABLE_PIECE_BYTES;

	if (LIKELY((section->seen[piece / 64] >> (piece % 64) & 1) != 0))
		return true;
	return table_section_check(section, offset, size);
}

/* STATUS_CORRUPT, naming the section. */
enum status
table_section_error(const struct table_section *section, struct error *err);

#endif
