#include "common/lsm/table/table_footer.h"

#include <inttypes.h>
#include <stdbool.h>

#include "common/codec/checksum.h"
#include "common/codec/integer.h"

#define OFFSET_STORE_ID 8
#define OFFSET_FILE_SIZE 24
#define OFFSET_TAIL 32
#define OFFSET_TAIL_CHECKSUM 48
#define OFFSET_SECTIONS 56
#define OFFSET_POSITION_BITS 136
#define OFFSET_COMMON_PREFIX 140
#define OFFSET_CHECKSUM 144
#define OFFSET_VERSION 152
#define OFFSET_FOOTER_BYTES 156
#define OFFSET_MAGIC 160

static void
extent_store(uint8_t *bytes, struct table_extent extent)
{
	u64_store(bytes, extent.offset);
	u64_store(bytes + 8, extent.size);
}

static struct table_extent
extent_load(const uint8_t *bytes)
{
	return (struct table_extent){u64_load(bytes), u64_load(bytes + 8)};
}

static uint64_t
checksum_of(const uint8_t *bytes)
{
	return checksum64(slice_of(bytes, OFFSET_CHECKSUM),
	    table_seed(u64_load(bytes), TABLE_SEED_FOOTER, 0));
}

void
table_footer_encode(
    const struct table_footer *footer, uint8_t out[TABLE_FOOTER_BYTES])
{
	u64_store(out, footer->number);
	memcpy(out + OFFSET_STORE_ID, footer->store_id, TABLE_STORE_ID_BYTES);
	u64_store(out + OFFSET_FILE_SIZE, footer->file_size);
	extent_store(out + OFFSET_TAIL, footer->tail);
	u64_store(out + OFFSET_TAIL_CHECKSUM, footer->tail_checksum);
	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++)
		extent_store(
		    out + OFFSET_SECTIONS + 16 * i, footer->sections[i]);
	u32_store(out + OFFSET_POSITION_BITS, footer->position_bits);
	u32_store(out + OFFSET_COMMON_PREFIX, footer->common_prefix_size);
	u64_store(out + OFFSET_CHECKSUM, checksum_of(out));
	u32_store(out + OFFSET_VERSION, TABLE_FORMAT_VERSION);
	u32_store(out + OFFSET_FOOTER_BYTES, TABLE_FOOTER_BYTES);
	u64_store(out + OFFSET_MAGIC, TABLE_MAGIC);
}

/* Sections in order, aligned, within what the tail and the footer leave. */
static bool
extents_fit(const struct table_footer *footer)
{
	uint64_t end = 0;

	if (footer->tail.size > footer->file_size - TABLE_FOOTER_BYTES ||
	    footer->tail.offset !=
		footer->file_size - TABLE_FOOTER_BYTES - footer->tail.size)
		return false;
	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++) {
		struct table_extent extent = footer->sections[i];

		if (extent.offset % TABLE_SECTION_ALIGN != 0 ||
		    extent.offset < end ||
		    extent.offset > footer->tail.offset ||
		    extent.size > footer->tail.offset - extent.offset)
			return false;
		end = extent.offset + extent.size;
	}
	return true;
}

static bool
sizes_agree(const struct table_footer *footer)
{
	uint64_t blocks = footer->sections[TABLE_SECTION_BLOCKS].size;
	uint64_t separators = footer->sections[TABLE_SECTION_SEPARATORS].size;
	uint64_t lines = footer->sections[TABLE_SECTION_INDEX].size;
	uint64_t pieces = 0;

	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++)
		pieces += table_piece_count(footer->sections[i].size);
	return blocks % TABLE_BLOCK_RECORD_BYTES == 0 &&
	    separators % TABLE_SEPARATOR_BYTES == 0 &&
	    separators / TABLE_SEPARATOR_BYTES ==
	    (blocks == 0 ? 0 : blocks / TABLE_BLOCK_RECORD_BYTES - 1) &&
	    lines % TABLE_LINE_BYTES == 0 && (lines == 0) == (blocks == 0) &&
	    lines / TABLE_LINE_BYTES <= UINT32_MAX &&
	    footer->position_bits < 32 &&
	    footer->common_prefix_size <=
	    footer->sections[TABLE_SECTION_KEYS].size &&
	    footer->tail.size >= pieces * 4;
}

enum status
table_footer_decode(const uint8_t bytes[TABLE_FOOTER_BYTES], uint64_t file_size,
    struct table_footer *out, struct error *err)
{
	uint32_t version = u32_load(bytes + OFFSET_VERSION);

	if (u64_load(bytes + OFFSET_MAGIC) != TABLE_MAGIC)
		return error_set(
		    err, STATUS_CORRUPT, "no footer of a table at its end");
	/* What stands before may mean something else in another version. */
	if (version > TABLE_FORMAT_VERSION)
		return error_set(err, STATUS_VERSION,
		    "format version %" PRIu32 ", this build knows %d", version,
		    TABLE_FORMAT_VERSION);
	if (version != TABLE_FORMAT_VERSION ||
	    u32_load(bytes + OFFSET_FOOTER_BYTES) != TABLE_FOOTER_BYTES ||
	    u64_load(bytes + OFFSET_CHECKSUM) != checksum_of(bytes))
		return error_set(
		    err, STATUS_CORRUPT, "footer: checksum mismatch");
	out->number = u64_load(bytes);
	memcpy(out->store_id, bytes + OFFSET_STORE_ID, TABLE_STORE_ID_BYTES);
	out->file_size = u64_load(bytes + OFFSET_FILE_SIZE);
	out->tail = extent_load(bytes + OFFSET_TAIL);
	out->tail_checksum = u64_load(bytes + OFFSET_TAIL_CHECKSUM);
	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++)
		out->sections[i] =
		    extent_load(bytes + OFFSET_SECTIONS + 16 * i);
	out->position_bits = u32_load(bytes + OFFSET_POSITION_BITS);
	out->common_prefix_size = u32_load(bytes + OFFSET_COMMON_PREFIX);
	if (out->file_size != file_size)
		return error_set(err, STATUS_CORRUPT,
		    "%" PRIu64 " bytes long, written with %" PRIu64, file_size,
		    out->file_size);
	if (!extents_fit(out) || !sizes_agree(out))
		return error_set(
		    err, STATUS_CORRUPT, "footer: sections do not fit");
	return STATUS_OK;
}
