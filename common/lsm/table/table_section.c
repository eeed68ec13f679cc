#include "common/lsm/table/table_section.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/table/table_footer.h"

static const char *const names[TABLE_SECTION_COUNT] = {
    [TABLE_SECTION_RANGES] = "range tombstones",
    [TABLE_SECTION_KEYS] = "separator keys",
    [TABLE_SECTION_SEPARATORS] = "separators",
    [TABLE_SECTION_BLOCKS] = "block table",
    [TABLE_SECTION_INDEX] = "point index",
};

void
table_section_init(struct table_section *section, enum table_section_id id,
    uint64_t table_number, struct slice bytes, const uint8_t *checksums)
{
	section->data = bytes.data;
	section->size = bytes.size;
	section->checksums = checksums;
	section->seen =
	    mem_new_array(table_piece_count(bytes.size) / 64 + 1, 8);
	section->table_number = table_number;
	section->id = id;
}

void
table_section_deinit(struct table_section *section)
{
	mem_free(section->seen);
	section->seen = NULL;
}

static bool
piece_is_intact(const struct table_section *section, uint64_t piece)
{
	uint64_t offset = piece * TABLE_PIECE_BYTES;
	uint64_t size = section->size - offset;

	if (size > TABLE_PIECE_BYTES)
		size = TABLE_PIECE_BYTES;
	return checksum32(slice_of(section->data + offset, (size_t)size),
		   table_seed(section->table_number, section->id, piece)) ==
	    u32_load(section->checksums + 4 * piece);
}

bool
table_section_check(
    struct table_section *section, uint64_t offset, uint64_t size)
{
	CHECK(size <= section->size);
	CHECK(offset <= section->size - size);
	if (size == 0)
		return true;
	for (uint64_t piece = offset / TABLE_PIECE_BYTES;
	     piece <= (offset + size - 1) / TABLE_PIECE_BYTES; piece++) {
		uint64_t bit = UINT64_C(1) << (piece % 64);

		if ((section->seen[piece / 64] & bit) != 0)
			continue;
		if (!piece_is_intact(section, piece))
			return false;
		section->seen[piece / 64] |= bit;
	}
	return true;
}

enum status
table_section_error(const struct table_section *section, struct error *err)
{
	return error_set(
	    err, STATUS_CORRUPT, "%s: checksum mismatch", names[section->id]);
}
