#include "common/lsm/table/table_reader_private.h"

#include <inttypes.h>

#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/table/block_codec.h"

/* Where a block lies and what is stored there. */
struct stored_block {
	const uint8_t *bytes;
	uint32_t stored_size;
	uint32_t raw_size;
};

/* Reads record `number`, whose piece has been checked, and its bounds. */
static inline bool
read_record(const struct table_reader *reader, uint64_t number,
    struct stored_block *out)
{
	const uint8_t *record = reader->sections[TABLE_SECTION_BLOCKS].data +
	    number * TABLE_BLOCK_RECORD_BYTES;
	uint64_t offset = u64_load(record);
	/* Blocks end where the sections begin. */
	uint64_t end = reader->footer.sections[0].offset;

	out->stored_size = u32_load(record + 8);
	out->raw_size = u32_load(record + 12);
	if (offset > end || out->stored_size > out->raw_size ||
	    out->raw_size > TABLE_BLOCK_RAW_BYTES_MAX ||
	    (uint64_t)out->stored_size + TABLE_BLOCK_TRAILER_BYTES >
		end - offset)
		return false;
	out->bytes = reader->map + offset;
	/* Offsets into the file lead nowhere in a compressed block. */
	return reader->seen_pages == NULL || out->stored_size == out->raw_size;
}

uint64_t
table_reader_block_offset(const struct table_reader *reader, uint64_t number)
{
	return u64_load(reader->sections[TABLE_SECTION_BLOCKS].data +
	    number * TABLE_BLOCK_RECORD_BYTES);
}

enum status
table_reader_block_error(uint64_t number, const char *what, struct error *err)
{
	return error_set(
	    err, STATUS_CORRUPT, "block %" PRIu64 ": %s", number, what);
}

/* Checks the stored bytes, and that the compression fits the sizes. */
static enum status
check_block(const struct table_reader *reader, uint64_t number,
    const struct stored_block *block, struct error *err)
{
	const uint8_t *trailer = block->bytes + block->stored_size;
	uint32_t compression = u32_load(trailer);

	if (checksum32(slice_of(block->bytes, block->stored_size + 4),
		table_seed(reader->footer.number, TABLE_SEED_BLOCK, number)) !=
	    u32_load(trailer + 4))
		return error_set(err, STATUS_CORRUPT,
		    "block %" PRIu64 " at offset %td: checksum mismatch",
		    number, block->bytes - reader->map);
	if (compression >= COMPRESSION_COUNT ||
	    (compression == COMPRESSION_NONE) !=
		(block->stored_size == block->raw_size))
		return table_reader_block_error(
		    number, "unknown compression", err);
	return STATUS_OK;
}

/*
 * Decompresses into a block that the pin owns from the start: should the read
 * be cut off by a jump (bus_guard), nothing is lost and nothing half-made is
 * in the cache.
 */
static enum status
decompress(struct table_reader *reader, uint64_t number,
    const struct stored_block *block, struct table_pin *pin, struct error *err)
{
	struct table_block *own = pin->block;

	if (own == NULL || own->cache != NULL ||
	    own->capacity < block->raw_size) {
		table_pin_release(pin);
		own = pin->block = table_block_create(block->raw_size);
	}
	own->size = block->raw_size;
	if (check_block(reader, number, block, err) != STATUS_OK)
		return err->code;
	if (!block_codec_decode(reader->codec,
		(enum compression)block->bytes[block->stored_size],
		slice_of(block->bytes, block->stored_size), own->data,
		own->size))
		return table_reader_block_error(
		    number, "cannot be decompressed", err);
	return STATUS_OK;
}

static enum status
load_compressed(struct table_reader *reader, uint64_t number,
    const struct stored_block *block, struct table_pin *pin, struct slice *raw,
    struct error *err)
{
	struct block_cache *cache = reader->cache;
	struct table_block *cached = NULL;

	if (cache != NULL)
		cached = block_cache_find(cache, reader->id, (uint32_t)number);
	if (cached != NULL) {
		table_pin_release(pin);
		pin->block = cached;
	} else {
		if (decompress(reader, number, block, pin, err) != STATUS_OK)
			return err->code;
		if (cache != NULL)
			block_cache_add(cache, pin->block, reader->id,
			    (uint32_t)number, &reader->cached);
	}
	*raw = slice_of(pin->block->data, pin->block->size);
	return STATUS_OK;
}

/* Reads and checks what the block table says of block `number`. */
static inline enum status
find_block(struct table_reader *reader, uint64_t number,
    struct stored_block *out, struct error *err)
{
	struct table_section *records = &reader->sections[TABLE_SECTION_BLOCKS];

	if (number >= reader->block_count)
		return table_reader_block_error(
		    number, "there are not so many", err);
	if (!table_section_touch(records, number * TABLE_BLOCK_RECORD_BYTES,
		TABLE_BLOCK_RECORD_BYTES))
		return table_section_error(records, err);
	if (!read_record(reader, number, out))
		return table_reader_block_error(
		    number, "its record makes no sense", err);
	return STATUS_OK;
}

void
table_reader_fetch_block(
    const struct table_reader *reader, const struct seek_place *place)
{
	struct stored_block block;
	uint64_t guess;

	if (place->block >= reader->block_count ||
	    !read_record(reader, place->block, &block))
		return;
	guess = (uint64_t)block.raw_size * place->share >> 16;
	__builtin_prefetch(block.bytes + block.raw_size - 2);
	__builtin_prefetch(block.bytes + guess);
	if (guess > reader->fetch_bytes)
		table_reader_fetch(
		    reader, block.bytes + guess - reader->fetch_bytes);
	table_reader_fetch(reader, block.bytes + guess);
}

void
table_reader_fetch_end(const struct table_reader *reader, uint64_t number)
{
	struct stored_block block;

	if (number < reader->block_count && read_record(reader, number, &block))
		__builtin_prefetch(block.bytes + block.raw_size - 2);
}

enum status
table_reader_block(struct table_reader *reader, uint64_t number,
    struct table_pin *pin, struct slice *raw, struct error *err)
{
	uint64_t bit = UINT64_C(1) << (number % 64);
	struct stored_block block = {0};

	if (find_block(reader, number, &block, err) != STATUS_OK)
		return err->code;
	if (block.stored_size != block.raw_size)
		return load_compressed(reader, number, &block, pin, raw, err);
	if (UNLIKELY((reader->seen_blocks[number / 64] & bit) == 0)) {
		if (check_block(reader, number, &block, err) != STATUS_OK)
			return err->code;
		reader->seen_blocks[number / 64] |= bit;
	}
	*raw = slice_of(block.bytes, block.raw_size);
	return STATUS_OK;
}

enum status
table_reader_block_afresh(struct table_reader *reader, uint64_t number,
    struct table_pin *pin, struct slice *raw, struct error *err)
{
	struct stored_block block = {0};

	if (find_block(reader, number, &block, err) != STATUS_OK)
		return err->code;
	if (block.stored_size == block.raw_size) {
		*raw = slice_of(block.bytes, block.raw_size);
		return check_block(reader, number, &block, err);
	}
	if (decompress(reader, number, &block, pin, err) != STATUS_OK)
		return err->code;
	*raw = slice_of(pin->block->data, pin->block->size);
	return STATUS_OK;
}

/* Whether an uncompressed block has been found intact. */
static bool
is_seen(const struct table_reader *reader, uint64_t number)
{
	return (reader->seen_blocks[number / 64] >> (number % 64) & 1) != 0;
}

/* The last block that begins at or before `offset` of the file. */
static enum status
block_at(struct table_reader *reader, uint64_t offset, uint64_t *number,
    struct error *err)
{
	uint64_t low = 0;
	uint64_t high = reader->block_count;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		struct stored_block block = {0};

		if (find_block(reader, middle, &block, err) != STATUS_OK)
			return err->code;
		if (block.bytes <= reader->map + offset)
			low = middle;
		else
			high = middle;
	}
	*number = low;
	return STATUS_OK;
}

enum status
table_reader_check_place(
    struct table_reader *reader, uint64_t offset, struct error *err)
{
	uint64_t page = offset / TABLE_READER_PAGE_BYTES;
	const uint8_t *page_start =
	    reader->map + page * TABLE_READER_PAGE_BYTES;
	struct table_pin none = {0};
	struct stored_block block = {0};
	struct error ignored;
	struct slice raw;
	uint64_t number = 0;
	bool all = true;
	bool is_cold;

	if (block_at(reader, offset, &number, err) != STATUS_OK ||
	    find_block(reader, number, &block, err) != STATUS_OK)
		return err->code;
	if (!is_seen(reader, number))
		table_reader_bring(reader,
		    (uint64_t)(block.bytes - reader->map),
		    (uint64_t)block.stored_size + TABLE_BLOCK_TRAILER_BYTES);
	else if (reader->cold_left > 0)
		table_reader_bring_entry(reader, offset);
	if (table_reader_block(reader, number, &none, &raw, err) != STATUS_OK)
		return err->code;
	is_cold = reader->cold_left > 0;
	for (uint64_t i = number; all && raw.data > page_start && i > 0; i--)
		all = (!is_cold || is_seen(reader, i - 1)) &&
		    table_reader_block(reader, i - 1, &none, &raw, &ignored) ==
			STATUS_OK;
	for (uint64_t i = number + 1; all && i < reader->block_count; i++) {
		all = find_block(reader, i, &block, &ignored) == STATUS_OK;
		if (!all || block.bytes >= page_start + TABLE_READER_PAGE_BYTES)
			break;
		all = (!is_cold || is_seen(reader, i)) &&
		    table_reader_block(reader, i, &none, &raw, &ignored) ==
			STATUS_OK;
	}
	if (all)
		reader->seen_pages[page / 64] |= UINT64_C(1) << (page % 64);
	return STATUS_OK;
}
