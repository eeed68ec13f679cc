#include "common/lsm/table/table_scrub.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/mem.h"
#include "common/base/slice.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/table/table_footer.h"
#include "common/os/direct_file.h"

#define WINDOW_BYTES ((uint64_t)256 << 10)

struct table_scrub {
	struct file_system *fs;
	char *path;
	uint64_t number;
	uint8_t store_id[TABLE_STORE_ID_BYTES];
	uint64_t size_bytes;
	struct direct_file *file; /* NULL: not begun */
	struct table_footer footer;
	struct buffer checksums; /* of all pieces, section after section */
	struct buffer blocks; /* the block table */
	uint8_t *window;
	uint64_t window_capacity;
	uint64_t window_offset;
	uint64_t window_size;
	uint64_t read_bytes;
	uint64_t next_block;
	unsigned next_section;
	uint64_t next_piece;
	uint64_t pieces_before; /* in the sections before that */
};

struct table_scrub *
table_scrub_create(const struct table_scrub_options *options)
{
	struct table_scrub *scrub = mem_new(sizeof(*scrub));

	scrub->fs = options->fs;
	scrub->path = mem_dup_string(options->path);
	scrub->number = options->number;
	memcpy(scrub->store_id, options->store_id, TABLE_STORE_ID_BYTES);
	scrub->size_bytes = options->size_bytes;
	return scrub;
}

void
table_scrub_close(struct table_scrub *scrub)
{
	if (scrub == NULL)
		return;
	direct_file_close(scrub->file);
	direct_file_free(scrub->window);
	buffer_deinit(&scrub->checksums);
	buffer_deinit(&scrub->blocks);
	mem_free(scrub->path);
	mem_free(scrub);
}

uint64_t
table_scrub_bytes(const struct table_scrub *scrub)
{
	return scrub->read_bytes;
}

static enum status
damaged(const struct table_scrub *scrub, uint64_t offset, const char *what,
    struct error *err)
{
	return error_set(err, STATUS_CORRUPT,
	    "table %s: damaged at offset %" PRIu64 ": %s", scrub->path, offset,
	    what);
}

/* The bytes from `offset`, which must be there; borrowed until the next. */
static enum status
look(struct table_scrub *scrub, uint64_t offset, uint64_t size,
    struct slice *out, struct error *err)
{
	uint64_t first = offset / DIRECT_FILE_ALIGN * DIRECT_FILE_ALIGN;
	uint64_t wanted = offset + size - first;
	size_t got;

	if (offset < scrub->window_offset ||
	    offset + size > scrub->window_offset + scrub->window_size) {
		if (wanted < WINDOW_BYTES)
			wanted = WINDOW_BYTES;
		wanted = (wanted + DIRECT_FILE_ALIGN - 1) / DIRECT_FILE_ALIGN *
		    DIRECT_FILE_ALIGN;
		if (wanted > scrub->window_capacity) {
			direct_file_free(scrub->window);
			scrub->window = direct_file_allocate((size_t)wanted);
			scrub->window_capacity = wanted;
		}
		scrub->window_size = 0;
		if (direct_file_read(scrub->file, first, scrub->window,
			(size_t)wanted, &got, err) != STATUS_OK)
			return err->code;
		scrub->window_offset = first;
		scrub->window_size = got;
		scrub->read_bytes += got;
		if (offset + size > first + got)
			return damaged(
			    scrub, first + got, "the file ends there", err);
	}
	*out = slice_of(
	    scrub->window + (offset - scrub->window_offset), (size_t)size);
	return STATUS_OK;
}

static enum status
read_footer(struct table_scrub *scrub, struct error *err)
{
	uint64_t offset = scrub->size_bytes - TABLE_FOOTER_BYTES;
	struct error cause;
	struct slice bytes = SLICE_EMPTY;

	if (scrub->size_bytes < TABLE_FOOTER_BYTES)
		return damaged(scrub, 0, "too short for a table", err);
	if (look(scrub, offset, TABLE_FOOTER_BYTES, &bytes, err) != STATUS_OK)
		return err->code;
	if (table_footer_decode(bytes.data, scrub->size_bytes, &scrub->footer,
		&cause) != STATUS_OK)
		return damaged(scrub, offset, cause.text, err);
	if (scrub->footer.number != scrub->number ||
	    memcmp(scrub->footer.store_id, scrub->store_id,
		TABLE_STORE_ID_BYTES) != 0)
		return damaged(scrub, offset, "it is another table's", err);
	return STATUS_OK;
}

/* Reads the tail and keeps the checksums of the pieces. */
static enum status
read_tail(struct table_scrub *scrub, struct error *err)
{
	const struct table_footer *footer = &scrub->footer;
	uint64_t offset = footer->tail.offset;
	uint64_t pieces = 0;
	struct slice bytes;
	struct slice summary;
	uint32_t summary_size;

	if (look(scrub, offset, footer->tail.size, &bytes, err) != STATUS_OK)
		return err->code;
	if (checksum64(bytes, table_seed(scrub->number, TABLE_SEED_TAIL, 0)) !=
	    footer->tail_checksum)
		return damaged(scrub, offset, "tail: checksum mismatch", err);
	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++)
		pieces += table_piece_count(footer->sections[i].size);
	if (!u32_take(&bytes, &summary_size) ||
	    !bytes_take(&bytes, summary_size, &summary) ||
	    bytes.size != 4 * pieces)
		return damaged(scrub, offset, "tail: sizes", err);
	buffer_append_slice(&scrub->checksums, bytes);
	return STATUS_OK;
}

/* Piece `piece` of a section, after `before` pieces of those before it. */
static enum status
check_piece(struct table_scrub *scrub, unsigned section, uint64_t piece,
    uint64_t before, struct slice *bytes, struct error *err)
{
	struct table_extent extent = scrub->footer.sections[section];
	uint64_t offset = piece * TABLE_PIECE_BYTES;
	uint64_t size = extent.size - offset;

	if (size > TABLE_PIECE_BYTES)
		size = TABLE_PIECE_BYTES;
	if (look(scrub, extent.offset + offset, size, bytes, err) != STATUS_OK)
		return err->code;
	if (checksum32(*bytes, table_seed(scrub->number, section, piece)) !=
	    u32_load(scrub->checksums.data + scrub->checksums.start +
		4 * (before + piece)))
		return damaged(scrub, extent.offset + offset,
		    "index: checksum mismatch", err);
	return STATUS_OK;
}

static enum status
read_block_table(struct table_scrub *scrub, struct error *err)
{
	const struct table_extent *sections = scrub->footer.sections;
	uint64_t before = 0;
	uint64_t pieces =
	    table_piece_count(sections[TABLE_SECTION_BLOCKS].size);

	for (unsigned i = 0; i < TABLE_SECTION_BLOCKS; i++)
		before += table_piece_count(sections[i].size);
	for (uint64_t i = 0; i < pieces; i++) {
		struct slice bytes;

		if (check_piece(scrub, TABLE_SECTION_BLOCKS, i, before, &bytes,
			err) != STATUS_OK)
			return err->code;
		buffer_append_slice(&scrub->blocks, bytes);
	}
	return STATUS_OK;
}

static enum status
begin(struct table_scrub *scrub, struct error *err)
{
	if (direct_file_open(scrub->fs, scrub->path, &scrub->file, err) !=
		STATUS_OK ||
	    read_footer(scrub, err) != STATUS_OK ||
	    read_tail(scrub, err) != STATUS_OK)
		return err->code;
	return read_block_table(scrub, err);
}

static enum status
check_block(struct table_scrub *scrub, uint64_t number, struct error *err)
{
	const uint8_t *record = scrub->blocks.data + scrub->blocks.start +
	    number * TABLE_BLOCK_RECORD_BYTES;
	uint64_t offset = u64_load(record);
	uint64_t stored = u32_load(record + 8);
	uint64_t end = scrub->footer.sections[0].offset;
	struct slice bytes;

	if (offset > end || stored > TABLE_BLOCK_RAW_BYTES_MAX ||
	    stored + TABLE_BLOCK_TRAILER_BYTES > end - offset)
		return damaged(scrub, offset, "no block can lie there", err);
	if (look(scrub, offset, stored + TABLE_BLOCK_TRAILER_BYTES, &bytes,
		err) != STATUS_OK)
		return err->code;
	if (checksum32(slice_of(bytes.data, (size_t)stored + 4),
		table_seed(scrub->number, TABLE_SEED_BLOCK, number)) !=
	    u32_load(bytes.data + stored + 4))
		return damaged(scrub, offset, "block: checksum mismatch", err);
	return STATUS_OK;
}

/* The next piece of a section; false in *more behind the last. */
static enum status
check_sections(struct table_scrub *scrub, bool *more, struct error *err)
{
	struct slice bytes;
	uint64_t pieces;

	for (; scrub->next_section < TABLE_SECTION_COUNT;
	     scrub->next_section++) {
		pieces = table_piece_count(
		    scrub->footer.sections[scrub->next_section].size);
		if (scrub->next_piece < pieces)
			return check_piece(scrub, scrub->next_section,
			    scrub->next_piece++, scrub->pieces_before, &bytes,
			    err);
		scrub->pieces_before += pieces;
		scrub->next_piece = 0;
	}
	*more = false;
	return STATUS_OK;
}

enum status
table_scrub_step(struct table_scrub *scrub, size_t bytes_max, bool *is_done,
    struct error *err)
{
	uint64_t until = scrub->read_bytes + bytes_max;
	bool more = true;

	*is_done = false;
	if (scrub->file == NULL && begin(scrub, err) != STATUS_OK)
		return err->code;
	do {
		if (scrub->next_block <
		    buffer_size(&scrub->blocks) / TABLE_BLOCK_RECORD_BYTES) {
			if (check_block(scrub, scrub->next_block++, err) !=
			    STATUS_OK)
				return err->code;
		} else if (check_sections(scrub, &more, err) != STATUS_OK) {
			return err->code;
		}
	} while (more && scrub->read_bytes < until);
	*is_done = !more;
	return STATUS_OK;
}
