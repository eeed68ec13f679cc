#include "common/lsm/table/table_reader.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/block_codec.h"
#include "common/lsm/table/point_index.h"
#include "common/lsm/table/table_block.h"
#include "common/lsm/table/table_reader_private.h"
#include "common/os/file.h"

static enum status open_file(struct table_reader *reader, struct file *file,
    uint64_t size_bytes, struct error *err);
static enum status check_identity(const struct table_reader *reader,
    uint64_t number, const uint8_t *store_id, struct error *err);
static enum status
open_tail(struct table_reader *reader, struct file *file, struct error *err);
static enum status get_at(struct table_reader *reader, uint32_t locator,
    struct slice key, struct table_pin *pin, struct entry *out,
    enum lookup *found, struct error *err);

enum status
table_reader_open(const char *path, uint64_t number, const uint8_t *store_id,
    uint64_t size_bytes, struct block_cache *cache, struct table_reader **out,
    struct error *err)
{
	struct table_reader *reader;
	struct file *file;

	*out = NULL;
	if (file_open(file_system_real(), path, &file, err) != STATUS_OK)
		return err->code;
	reader = mem_new(sizeof(*reader));
	reader->path = mem_dup_string(path);
	reader->codec = block_codec_create();
	reader->cache = cache;
	LIST_INIT(&reader->cached);
	if (cache != NULL)
		reader->id = block_cache_reader_id(cache);
	if (open_file(reader, file, size_bytes, err) != STATUS_OK ||
	    check_identity(reader, number, store_id, err) != STATUS_OK ||
	    open_tail(reader, file, err) != STATUS_OK) {
		table_reader_wrap(reader, err);
		goto fail;
	}
	/* The mapping keeps the file, and saves its descriptor. */
	file_close(file);
	*out = reader;
	return STATUS_OK;
fail:
	table_reader_close(reader);
	file_close(file);
	return err->code;
}

void
table_reader_close(struct table_reader *reader)
{
	if (reader == NULL)
		return;
	if (reader->cache != NULL)
		block_cache_forget(reader->cache, &reader->cached);
	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++)
		table_section_deinit(&reader->sections[i]);
	seek_index_deinit(&reader->seek_index);
	mem_free(reader->seen_blocks);
	mem_free(reader->seen_pages);
	table_summary_deinit(&reader->summary);
	buffer_deinit(&reader->tail);
	block_codec_close(reader->codec);
	file_unmap((void *)(uintptr_t)reader->map, reader->map_size);
	mem_free(reader->path);
	mem_free(reader);
}

enum status
table_reader_get(struct table_reader *reader, struct slice key, uint64_t hash,
    struct table_pin *pin, struct entry *out, enum lookup *found,
    struct error *err)
{
	struct table_section *index = &reader->sections[TABLE_SECTION_INDEX];
	uint64_t number = point_index_home(hash, reader->line_count);
	uint8_t fingerprint = point_index_fingerprint(hash);
	uint32_t mark = point_index_mark(hash);

	*found = LOOKUP_ABSENT;
	for (uint64_t i = 0; i < reader->line_count; i++) {
		const uint8_t *line = index->data + number * TABLE_LINE_BYTES;
		struct point_matches matches;
		unsigned slot;

		if (!table_section_touch(
			index, number * TABLE_LINE_BYTES, TABLE_LINE_BYTES)) {
			table_section_error(index, err);
			return table_reader_wrap(reader, err);
		}
		matches = point_index_match(line, fingerprint);
		while (point_index_next(&matches, &slot)) {
			if (get_at(reader, point_index_locator(line, slot), key,
				pin, out, found, err) != STATUS_OK)
				return table_reader_wrap(reader, err);
			if (*found == LOOKUP_FOUND)
				return STATUS_OK;
		}
		if (!point_index_overflowed(line, mark))
			return STATUS_OK;
		number = number + 1 == reader->line_count ? 0 : number + 1;
	}
	return STATUS_OK;
}

void
table_pin_release(struct table_pin *pin)
{
	table_block_release(pin->block);
	pin->block = NULL;
}

bool
table_reader_has_ranges(const struct table_reader *reader)
{
	return reader->summary.range_count > 0;
}

enum status
table_reader_ranges(
    struct table_reader *reader, struct range_set *into, struct error *err)
{
	if (table_reader_read_ranges(reader, into, err) != STATUS_OK)
		return table_reader_wrap(reader, err);
	return STATUS_OK;
}

const struct table_summary *
table_reader_summary(const struct table_reader *reader)
{
	return &reader->summary;
}

enum status
table_reader_read_ranges(
    struct table_reader *reader, struct range_set *into, struct error *err)
{
	struct table_section *section = &reader->sections[TABLE_SECTION_RANGES];
	struct slice bytes = slice_of(section->data, section->size);
	bool ok = true;

	if (!table_section_check(section, 0, section->size))
		return table_section_error(section, err);
	for (uint64_t i = 0; ok && i < reader->summary.range_count; i++) {
		struct range_tombstone range;
		uint32_t start_size = 0;
		uint32_t end_size = 0;

		ok = u64_take(&bytes, &range.sequence) &&
		    u32_take(&bytes, &start_size) &&
		    u32_take(&bytes, &end_size) &&
		    bytes_take(&bytes, start_size, &range.start) &&
		    bytes_take(&bytes, end_size, &range.end) &&
		    start_size <= TABLE_KEY_BYTES_MAX &&
		    end_size <= TABLE_KEY_BYTES_MAX && range.sequence > 0 &&
		    range.sequence <= TABLE_SEQUENCE_MAX;
		if (ok)
			range_set_add(into, &range);
	}
	if (ok && bytes.size == 0)
		return STATUS_OK;
	return error_set(err, STATUS_CORRUPT, "malformed range tombstones");
}

enum status
table_reader_wrap(const struct table_reader *reader, struct error *err)
{
	return error_wrap(err, "table %s", reader->path);
}

/* Reads bytes that must be there. */
static enum status
read_exactly(struct file *file, uint64_t offset, void *bytes, size_t size,
    struct error *err)
{
	size_t got;

	if (file_read_at(file, offset, bytes, size, &got, err) != STATUS_OK)
		return err->code;
	if (got != size)
		return error_set(err, STATUS_CORRUPT,
		    "ends within %zu bytes at %" PRIu64, size, offset);
	return STATUS_OK;
}

/* Reads the footer and maps the file. */
static enum status
open_file(struct table_reader *reader, struct file *file, uint64_t size_bytes,
    struct error *err)
{
	uint8_t footer[TABLE_FOOTER_BYTES];
	uint64_t size;
	void *map;

	if (file_size(file, &size, err) != STATUS_OK)
		return err->code;
	if (size_bytes != 0 && size != size_bytes)
		return error_set(err, STATUS_CORRUPT,
		    "%" PRIu64 " bytes long, expected %" PRIu64, size,
		    size_bytes);
	if (size < TABLE_FOOTER_BYTES)
		return error_set(err, STATUS_CORRUPT,
		    "%" PRIu64 " bytes are no table", size);
	if (read_exactly(file, size - TABLE_FOOTER_BYTES, footer,
		TABLE_FOOTER_BYTES, err) != STATUS_OK ||
	    table_footer_decode(footer, size, &reader->footer, err) !=
		STATUS_OK ||
	    file_map(file, (size_t)size, false, &map, err) != STATUS_OK)
		return err->code;
	reader->map = map;
	reader->map_size = (size_t)size;
	return STATUS_OK;
}

static enum status
check_identity(const struct table_reader *reader, uint64_t number,
    const uint8_t *store_id, struct error *err)
{
	if (memcmp(reader->footer.store_id, store_id, TABLE_STORE_ID_BYTES) !=
	    0)
		return error_set(
		    err, STATUS_INVALID, "it belongs to another store");
	if (reader->footer.number != number)
		return error_set(err, STATUS_INVALID,
		    "it is number %" PRIu64 ", expected %" PRIu64,
		    reader->footer.number, number);
	return STATUS_OK;
}

/* Lays out the sections of a file whose tail has been checked. */
static void
open_sections(struct table_reader *reader, const uint8_t *checksums)
{
	const struct table_footer *footer = &reader->footer;

	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++) {
		struct table_extent extent = footer->sections[i];

		table_section_init(&reader->sections[i],
		    (enum table_section_id)i, footer->number,
		    slice_of(reader->map + extent.offset, (size_t)extent.size),
		    checksums);
		checksums += 4 * table_piece_count(extent.size);
	}
	reader->seek_index =
	    (struct seek_index){&reader->sections[TABLE_SECTION_SEPARATORS],
		&reader->sections[TABLE_SECTION_KEYS],
		footer->common_prefix_size, NULL, 0, false};
	reader->block_count = footer->sections[TABLE_SECTION_BLOCKS].size /
	    TABLE_BLOCK_RECORD_BYTES;
	reader->line_count =
	    footer->sections[TABLE_SECTION_INDEX].size / TABLE_LINE_BYTES;
	reader->seen_blocks = mem_new_array(reader->block_count / 64 + 1, 8);
	if (footer->position_bits == 0)
		reader->seen_pages = mem_new_array(
		    footer->sections[0].offset / TABLE_READER_PAGE_BYTES / 64 +
			1,
		    8);
}

/* See table_reader_fetch(). An average entry may begin late in a line. */
static uint32_t
fetch_bytes(const struct table_summary *summary)
{
	uint64_t average = summary->entry_count == 0
	    ? 0
	    : summary->raw_bytes / summary->entry_count;

	return average < TABLE_READER_FETCH_BYTES_MAX
	    ? (uint32_t)average
	    : TABLE_READER_FETCH_BYTES_MAX;
}

/* Reads and checks the tail: the summary and the sections' checksums. */
static enum status
open_tail(struct table_reader *reader, struct file *file, struct error *err)
{
	const struct table_footer *footer = &reader->footer;
	size_t size = (size_t)footer->tail.size;
	uint64_t pieces = 0;
	struct slice bytes;
	struct slice summary;
	uint32_t summary_size;

	if (read_exactly(file, footer->tail.offset,
		buffer_reserve(&reader->tail, size), size, err) != STATUS_OK)
		return err->code;
	buffer_commit(&reader->tail, size);
	bytes = buffer_slice(&reader->tail);
	if (checksum64(bytes, table_seed(footer->number, TABLE_SEED_TAIL, 0)) !=
	    footer->tail_checksum)
		return error_set(
		    err, STATUS_CORRUPT, "tail: checksum mismatch");
	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++)
		pieces += table_piece_count(footer->sections[i].size);
	if (!u32_take(&bytes, &summary_size) ||
	    !bytes_take(&bytes, summary_size, &summary) ||
	    bytes.size != 4 * pieces)
		return error_set(
		    err, STATUS_CORRUPT, "tail: sizes do not agree");
	if (table_summary_decode(summary, &reader->summary, err) != STATUS_OK)
		return err->code;
	reader->summary.number = footer->number;
	reader->summary.size_bytes = footer->file_size;
	reader->fetch_bytes = fetch_bytes(&reader->summary);
	open_sections(reader, bytes.data);
	/*
	 * Lookups come from anywhere: reading ahead around each would bring in
	 * many pages for one entry. Iterators ask for what they will need.
	 */
	(void)madvise(
	    (void *)(uintptr_t)reader->map, reader->map_size, MADV_RANDOM);
	return STATUS_OK;
}

/* Finds the entry that an offset in the file leads to. */
static enum status
get_at_offset(struct table_reader *reader, uint64_t offset, struct entry *out,
    struct error *err)
{
	uint64_t end = reader->footer.sections[0].offset;
	uint64_t page = offset / TABLE_READER_PAGE_BYTES;
	const uint8_t *bytes = reader->map + offset;
	uint32_t next;

	if (UNLIKELY(offset >= end))
		return error_set(err, STATUS_CORRUPT, "locator out of bounds");
	table_reader_fetch(reader, bytes);
	if (UNLIKELY((reader->seen_pages[page / 64] >> (page % 64) & 1) == 0)) {
		if (table_reader_check_place(reader, offset, err) != STATUS_OK)
			return err->code;
	} else if (UNLIKELY(reader->cold_left > 0)) {
		table_reader_bring_entry(reader, offset);
	}
	end -= offset;
	if (!block_entry_read(bytes,
		end < TABLE_BLOCK_RAW_BYTES_MAX ? (uint32_t)end
						: TABLE_BLOCK_RAW_BYTES_MAX,
		0, out, &next))
		return error_set(
		    err, STATUS_CORRUPT, "malformed entry at %" PRIu64, offset);
	return STATUS_OK;
}

/* Finds the entry that a block and a position in it lead to. */
static enum status
get_in_block(struct table_reader *reader, uint32_t locator,
    struct table_pin *pin, struct entry *out, struct error *err)
{
	uint32_t bits = reader->footer.position_bits;
	uint64_t number = locator >> bits;
	uint32_t position =
	    (locator & ((UINT32_C(1) << bits) - 1)) * TABLE_ENTRY_ALIGN;
	struct slice raw;
	uint32_t next;

	if (table_reader_block(reader, number, pin, &raw, err) != STATUS_OK)
		return err->code;
	/*
	 * Where the entries end stands at the end of the block, on another
	 * cache line; the block's own end bounds the entry as well.
	 */
	if (!block_entry_read(
		raw.data, (uint32_t)raw.size, position, out, &next))
		return table_reader_block_error(number, "malformed entry", err);
	return STATUS_OK;
}

/* Looks at the entry at `locator`, which may be one of another key. */
static enum status
get_at(struct table_reader *reader, uint32_t locator, struct slice key,
    struct table_pin *pin, struct entry *out, enum lookup *found,
    struct error *err)
{
	enum status status = reader->seen_pages != NULL
	    ? get_at_offset(
		  reader, (uint64_t)locator * TABLE_ENTRY_ALIGN, out, err)
	    : get_in_block(reader, locator, pin, out, err);

	if (status == STATUS_OK && slice_equal(out->key, key))
		*found = LOOKUP_FOUND;
	return status;
}
