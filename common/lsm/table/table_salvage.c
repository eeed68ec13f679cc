#include "common/lsm/table/table_salvage.h"

#include <string.h>

#include "common/base/buffer.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/table/block_codec.h"
#include "common/lsm/table/table_block.h"
#include "common/lsm/table/table_footer.h"
#include "common/os/file.h"

#define FILE_BYTES_MAX ((size_t)16 << 30)

struct salvage {
	const struct table_salvage_options *options;
	struct table_salvage_report *report;
	struct slice file;
	struct table_footer footer;
	bool has_footer;
	struct slice checksums; /* of pieces; empty if the tail is damaged */
	uint64_t end; /* of the blocks; of the file if that is not known */
	uint64_t block_count; /* 0: not known */
	struct block_codec *codec;
	uint8_t *raw; /* of a compressed block */
	struct buffer last_key;
	bool in_gap;
};

/* Where a block lies. */
struct place {
	uint64_t offset;
	uint32_t stored;
	uint32_t raw;
};

/* Finds out how much of the map of the file can be believed. */
static void
read_map(struct salvage *salvage)
{
	struct slice tail;
	struct slice summary;
	uint32_t summary_size;
	struct error ignored;

	salvage->end = salvage->file.size;
	if (salvage->file.size < TABLE_FOOTER_BYTES ||
	    table_footer_decode(
		salvage->file.data + salvage->file.size - TABLE_FOOTER_BYTES,
		salvage->file.size, &salvage->footer, &ignored) != STATUS_OK ||
	    salvage->footer.number != salvage->options->number)
		return;
	salvage->has_footer = true;
	salvage->end = salvage->footer.sections[0].offset;
	salvage->block_count =
	    salvage->footer.sections[TABLE_SECTION_BLOCKS].size /
	    TABLE_BLOCK_RECORD_BYTES;
	tail = slice_of(salvage->file.data + salvage->footer.tail.offset,
	    (size_t)salvage->footer.tail.size);
	if (checksum64(tail,
		table_seed(salvage->options->number, TABLE_SEED_TAIL, 0)) ==
		salvage->footer.tail_checksum &&
	    u32_take(&tail, &summary_size) &&
	    bytes_take(&tail, summary_size, &summary))
		salvage->checksums = tail;
}

/* Whether piece `piece` of a section is as it was written. */
static bool
piece_is_intact(const struct salvage *salvage, unsigned section, uint64_t piece)
{
	struct table_extent extent = salvage->footer.sections[section];
	uint64_t offset = piece * TABLE_PIECE_BYTES;
	uint64_t index = piece;
	uint64_t size;

	for (unsigned i = 0; i < section; i++)
		index += table_piece_count(salvage->footer.sections[i].size);
	if (!salvage->has_footer || offset >= extent.size ||
	    4 * (index + 1) > salvage->checksums.size)
		return false;
	size = extent.size - offset;
	if (size > TABLE_PIECE_BYTES)
		size = TABLE_PIECE_BYTES;
	return checksum32(slice_of(salvage->file.data + extent.offset + offset,
			      (size_t)size),
		   table_seed(salvage->options->number, section, piece)) ==
	    u32_load(salvage->checksums.data + 4 * index);
}

static bool
block_is_intact(
    const struct salvage *salvage, uint64_t number, const struct place *place)
{
	const uint8_t *bytes = salvage->file.data + place->offset;

	return checksum32(slice_of(bytes, (size_t)place->stored + 4),
		   table_seed(salvage->options->number, TABLE_SEED_BLOCK,
		       number)) == u32_load(bytes + place->stored + 4);
}

/* What the block table says of block `number`, if it can be believed. */
static bool
place_by_table(
    const struct salvage *salvage, uint64_t number, struct place *out)
{
	uint64_t offset = number * TABLE_BLOCK_RECORD_BYTES;
	const uint8_t *record;

	if (number >= salvage->block_count ||
	    !piece_is_intact(
		salvage, TABLE_SECTION_BLOCKS, offset / TABLE_PIECE_BYTES))
		return false;
	record = salvage->file.data +
	    salvage->footer.sections[TABLE_SECTION_BLOCKS].offset + offset;
	out->offset = u64_load(record);
	out->stored = u32_load(record + 8);
	out->raw = u32_load(record + 12);
	return out->offset <= salvage->end && out->stored <= out->raw &&
	    out->raw <= TABLE_BLOCK_RAW_BYTES_MAX &&
	    (uint64_t)out->stored + TABLE_BLOCK_TRAILER_BYTES <=
	    salvage->end - out->offset;
}

/*
 * An uncompressed block that begins at `offset`: its last bytes say how many
 * entries it has, the first of them begins at 0, and the checksum is right.
 * What does not look so is not worth a checksum.
 */
static bool
place_by_shape(const struct salvage *salvage, uint64_t number, uint64_t offset,
    struct place *out)
{
	const uint8_t *bytes = salvage->file.data + offset;
	uint64_t left = salvage->end - offset;

	*out = (struct place){.offset = offset};
	for (uint64_t size = TABLE_ENTRY_HEADER_BYTES + 4;
	     size + TABLE_BLOCK_TRAILER_BYTES <= left &&
	     size <= TABLE_BLOCK_RAW_BYTES_MAX;
	     size++) {
		size_t count;
		size_t array;

		if (size % 4 != 0 || u32_load(bytes + size) != COMPRESSION_NONE)
			continue;
		count = u16_load(bytes + size - 2);
		array = table_block_array_size(count);
		if (count == 0 || array > size ||
		    u16_load(bytes + size - array) != 0)
			continue;
		out->stored = out->raw = (uint32_t)size;
		if (block_is_intact(salvage, number, out))
			return true;
	}
	return false;
}

static void
note_gap(struct salvage *salvage, uint64_t blocks)
{
	salvage->report->lost_blocks += blocks;
	if (!salvage->in_gap)
		salvage->options->on_gap(salvage->options->context);
	salvage->in_gap = true;
}

/* Gives out the entries of raw bytes that a checksum vouches for. */
static enum status
give_block(struct salvage *salvage, struct slice raw, struct error *err)
{
	struct block_view view;
	struct entry entry;
	uint32_t next;

	if (!block_view_open(raw, &view)) {
		note_gap(salvage, 1);
		return STATUS_OK;
	}
	salvage->report->intact_blocks++;
	for (uint32_t i = 0; i < view.count; i++) {
		if (!block_entry_read(view.data, view.entries_size,
			block_view_position(&view, i), &entry, &next) ||
		    slice_compare(
			buffer_slice(&salvage->last_key), entry.key) >= 0) {
			note_gap(salvage, 0);
			return STATUS_OK;
		}
		salvage->in_gap = false;
		if (salvage->options->on_entry(
			salvage->options->context, &entry, err) != STATUS_OK)
			return err->code;
		buffer_clear(&salvage->last_key, SIZE_MAX);
		buffer_append_slice(&salvage->last_key, entry.key);
	}
	return STATUS_OK;
}

static enum status
salvage_block(struct salvage *salvage, uint64_t number,
    const struct place *place, struct error *err)
{
	const uint8_t *bytes = salvage->file.data + place->offset;
	uint32_t compression = u32_load(bytes + place->stored);
	struct slice raw = slice_of(bytes, place->stored);

	if (!block_is_intact(salvage, number, place) ||
	    compression >= COMPRESSION_COUNT) {
		note_gap(salvage, 1);
		return STATUS_OK;
	}
	if (compression != COMPRESSION_NONE) {
		salvage->raw = mem_resize(salvage->raw, place->raw);
		if (!block_codec_decode(salvage->codec,
			(enum compression)compression, raw, salvage->raw,
			place->raw)) {
			note_gap(salvage, 1);
			return STATUS_OK;
		}
		raw = slice_of(salvage->raw, place->raw);
	}
	return give_block(salvage, raw, err);
}

static enum status
salvage_blocks(struct salvage *salvage, struct error *err)
{
	uint64_t offset = 0;
	uint64_t number = 0;

	while (offset < salvage->end &&
	    (salvage->block_count == 0 || number < salvage->block_count)) {
		struct place place;

		if (!place_by_table(salvage, number, &place) &&
		    !place_by_shape(salvage, number, offset, &place)) {
			/* On with the next that the block table knows. */
			uint64_t next = number + 1;

			while (next < salvage->block_count &&
			    !place_by_table(salvage, next, &place))
				next++;
			if (next >= salvage->block_count) {
				salvage->report->end_unknown = true;
				note_gap(salvage, 0);
				return STATUS_OK;
			}
			note_gap(salvage, next - number);
			number = next;
		}
		if (salvage_block(salvage, number, &place, err) != STATUS_OK)
			return err->code;
		offset =
		    place.offset + place.stored + TABLE_BLOCK_TRAILER_BYTES;
		number++;
	}
	return STATUS_OK;
}

static enum status
salvage_ranges(struct salvage *salvage, struct error *err)
{
	struct table_extent extent =
	    salvage->footer.sections[TABLE_SECTION_RANGES];
	struct slice bytes;

	salvage->report->ranges_lost = true;
	if (!salvage->has_footer)
		return STATUS_OK;
	for (uint64_t i = 0; i < table_piece_count(extent.size); i++) {
		if (!piece_is_intact(salvage, TABLE_SECTION_RANGES, i))
			return STATUS_OK;
	}
	salvage->report->ranges_lost = false;
	bytes =
	    slice_of(salvage->file.data + extent.offset, (size_t)extent.size);
	while (bytes.size > 0) {
		struct range_tombstone range;
		uint32_t start_size;
		uint32_t end_size;

		if (!u64_take(&bytes, &range.sequence) ||
		    !u32_take(&bytes, &start_size) ||
		    !u32_take(&bytes, &end_size) ||
		    !bytes_take(&bytes, start_size, &range.start) ||
		    !bytes_take(&bytes, end_size, &range.end)) {
			salvage->report->ranges_lost = true;
			return STATUS_OK;
		}
		if (salvage->options->on_range(
			salvage->options->context, &range, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

enum status
table_salvage(const struct table_salvage_options *options,
    struct table_salvage_report *out, struct error *err)
{
	struct salvage salvage = {.options = options, .report = out};
	struct buffer content = {0};
	enum status status;

	*out = (struct table_salvage_report){0};
	status = file_read_whole(
	    file_system_real(), options->path, FILE_BYTES_MAX, &content, err);
	if (status == STATUS_OK) {
		salvage.file = buffer_slice(&content);
		salvage.codec = block_codec_create();
		read_map(&salvage);
		status = salvage_blocks(&salvage, err);
		if (status == STATUS_OK)
			status = salvage_ranges(&salvage, err);
		block_codec_close(salvage.codec);
	}
	mem_free(salvage.raw);
	buffer_deinit(&salvage.last_key);
	buffer_deinit(&content);
	return status;
}
