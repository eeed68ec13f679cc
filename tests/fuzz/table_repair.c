#include "tests/fuzz/table_repair.h"

#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/table/table_footer.h"

#define OFFSET_STORE_ID 8
#define OFFSET_FILE_SIZE 24
#define OFFSET_TAIL 32
#define OFFSET_TAIL_CHECKSUM 48
#define OFFSET_CHECKSUM 144
#define OFFSET_VERSION 152
#define OFFSET_FOOTER_BYTES 156
#define OFFSET_MAGIC 160

static void
seal_footer(uint8_t *footer)
{
	u64_store(footer + OFFSET_CHECKSUM,
	    checksum64(slice_of(footer, OFFSET_CHECKSUM),
		table_seed(u64_load(footer), TABLE_SEED_FOOTER, 0)));
}

void
table_repair_footer(
    uint8_t *footer, uint64_t size, uint64_t number, const uint8_t *store_id)
{
	uint64_t tail_size = u64_load(footer + OFFSET_TAIL + 8);

	u64_store(footer, number);
	memcpy(footer + OFFSET_STORE_ID, store_id, TABLE_STORE_ID_BYTES);
	u64_store(footer + OFFSET_FILE_SIZE, size);
	if (tail_size <= size - TABLE_FOOTER_BYTES)
		u64_store(footer + OFFSET_TAIL,
		    size - TABLE_FOOTER_BYTES - tail_size);
	u32_store(footer + OFFSET_VERSION, TABLE_FORMAT_VERSION);
	u32_store(footer + OFFSET_FOOTER_BYTES, TABLE_FOOTER_BYTES);
	u64_store(footer + OFFSET_MAGIC, TABLE_MAGIC);
	seal_footer(footer);
}

static void
repair_blocks(uint8_t *bytes, const struct table_footer *footer)
{
	struct table_extent records = footer->sections[TABLE_SECTION_BLOCKS];
	uint64_t end = footer->sections[0].offset;

	for (uint64_t i = 0; i < records.size / TABLE_BLOCK_RECORD_BYTES; i++) {
		const uint8_t *record =
		    bytes + records.offset + i * TABLE_BLOCK_RECORD_BYTES;
		uint64_t offset = u64_load(record);
		uint64_t stored = u32_load(record + 8);

		if (offset <= end &&
		    stored + TABLE_BLOCK_TRAILER_BYTES <= end - offset)
			u32_store(bytes + offset + stored + 4,
			    checksum32(
				slice_of(bytes + offset, (size_t)stored + 4),
				table_seed(
				    footer->number, TABLE_SEED_BLOCK, i)));
	}
}

static void
repair_sections(uint8_t *bytes, const struct table_footer *footer)
{
	uint8_t *tail = bytes + footer->tail.offset;
	uint64_t pieces = 0;
	uint64_t room;
	uint8_t *checksum;

	if (footer->tail.size < 4 || u32_load(tail) > footer->tail.size - 4)
		return;
	checksum = tail + 4 + u32_load(tail);
	room = (footer->tail.size - 4 - u32_load(tail)) / 4;
	for (unsigned id = 0; id < TABLE_SECTION_COUNT; id++)
		pieces += table_piece_count(footer->sections[id].size);
	if (pieces > room)
		return;
	for (unsigned id = 0; id < TABLE_SECTION_COUNT; id++) {
		struct table_extent extent = footer->sections[id];

		for (uint64_t at = 0; at < extent.size;
		     at += TABLE_PIECE_BYTES, checksum += 4) {
			uint64_t left = extent.size - at;
			size_t piece = left < TABLE_PIECE_BYTES
			    ? (size_t)left
			    : TABLE_PIECE_BYTES;

			u32_store(checksum,
			    checksum32(
				slice_of(bytes + extent.offset + at, piece),
				table_seed(footer->number, id,
				    at / TABLE_PIECE_BYTES)));
		}
	}
}

void
table_repair(
    uint8_t *bytes, size_t size, uint64_t number, const uint8_t *store_id)
{
	uint8_t *end = bytes + size - TABLE_FOOTER_BYTES;
	struct table_footer footer;
	struct error err;

	if (size < TABLE_FOOTER_BYTES)
		return;
	table_repair_footer(end, size, number, store_id);
	if (table_footer_decode(end, size, &footer, &err) != STATUS_OK)
		return;
	repair_blocks(bytes, &footer);
	repair_sections(bytes, &footer);
	u64_store(end + OFFSET_TAIL_CHECKSUM,
	    checksum64(
		slice_of(bytes + footer.tail.offset, (size_t)footer.tail.size),
		table_seed(number, TABLE_SEED_TAIL, 0)));
	seal_footer(end);
}
