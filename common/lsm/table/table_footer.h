/*
 * table_footer - the last bytes of a table, which say where the rest is.
 */
#ifndef COMMON_LSM_TABLE_TABLE_FOOTER_H
#define COMMON_LSM_TABLE_TABLE_FOOTER_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/lsm/table/table_format.h"

struct table_extent {
	uint64_t offset;
	uint64_t size;
};

struct table_footer {
	uint64_t number;
	uint8_t store_id[TABLE_STORE_ID_BYTES];
	uint64_t file_size; /* the footer included */
	struct table_extent tail;
	uint64_t tail_checksum;
	struct table_extent sections[TABLE_SECTION_COUNT];
	uint32_t position_bits; /* of a locator */
	uint32_t common_prefix_size; /* of the separators */
};

/* Pieces of a section, each with a checksum in the tail. */
static inline uint64_t
table_piece_count(uint64_t section_size)
{
	return section_size / TABLE_PIECE_BYTES +
	    (section_size % TABLE_PIECE_BYTES != 0);
}

void table_footer_encode(
    const struct table_footer *footer, uint8_t out[TABLE_FOOTER_BYTES]);

/*
 * Reads the footer of a file of `file_size` bytes. On STATUS_OK every extent
 * lies in the file and the sizes fit together; STATUS_VERSION for a newer
 * format, STATUS_CORRUPT for anything else.
 */
enum status table_footer_decode(const uint8_t bytes[TABLE_FOOTER_BYTES],
    uint64_t file_size, struct table_footer *out, struct error *err) MUST_CHECK;

#endif
