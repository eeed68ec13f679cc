#include "common/lsm/table/table_builder.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/table/block_codec.h"
#include "common/lsm/table/point_index.h"
#include "common/lsm/table/seek_index.h"
#include "common/lsm/table/table_block.h"
#include "common/lsm/table/table_footer.h"
#include "common/os/file.h"

/*
 * Finished bytes are written in whole runs of this size: a huge page, which
 * the page cache then holds, and mappings show, as one where the file system
 * can. A lookup spends much of its time on finding out where pages are.
 */
#define WRITE_BYTES (2u << 20)
#define INDEX_CAPACITY_MIN 1024

struct table_builder {
	struct file *file; /* owned */
	struct block_codec *codec; /* owned */
	struct error failure; /* STATUS_OK while the file can be trusted */
	struct table_footer footer; /* filled as its parts become known */
	enum compression compression;
	size_t block_bytes;
	bool is_finished;

	/*
	 * Bytes from `written` of the file on. The last of them, from
	 * block_start on, are the raw entries of the block in progress.
	 */
	struct buffer out;
	uint64_t written;
	size_t block_start;
	uint16_t *positions; /* of those entries, in units of four bytes */
	size_t position_count;
	uint8_t *scratch; /* a block's compressed bytes */
	size_t scratch_capacity;

	struct buffer blocks; /* the block table */
	struct seek_index_builder separators;
	uint64_t *hashes; /* of each entry */
	uint32_t *locators;
	size_t index_capacity;
	struct buffer ranges;
	struct buffer range_first; /* bounds over the ranges alone */
	struct buffer range_last;
	struct buffer checksums; /* of the pieces of all sections so far */
	struct table_summary summary;
	struct deadline_gatherer *deadlines; /* owned; NULL before the first */
	uint64_t clock_ms;
	size_t last_key_size;
	uint8_t last_key[TABLE_KEY_BYTES_MAX];
};

static enum status
finish_block(struct table_builder *builder, struct error *err);
static enum status start_block(
    struct table_builder *builder, struct slice first_key, struct error *err);
static void
note_entry(struct table_builder *builder, const struct entry *entry);
static void merge_bounds(struct table_builder *builder);
static enum status
write_sections(struct table_builder *builder, struct error *err);
static enum status write_end(struct table_builder *builder, struct error *err);

/* Keeps the failure in `err`, so that nothing more is written to the file. */
static enum status
poison(struct table_builder *builder, const struct error *err)
{
	return error_copy(&builder->failure, err);
}

static uint64_t
block_count(const struct table_builder *builder)
{
	return buffer_size(&builder->blocks) / TABLE_BLOCK_RECORD_BYTES;
}

static uint32_t
bits_for(size_t greatest)
{
	uint32_t bits = 1;

	while (greatest >> bits != 0)
		bits++;
	return bits;
}

enum status
table_builder_create(struct file_system *fs, const char *path,
    const struct table_options *options, struct table_builder **out,
    struct error *err)
{
	size_t block_bytes = options->block_bytes;
	struct table_builder *builder;
	struct file *file;

	if (block_bytes == 0)
		block_bytes = options->compression == COMPRESSION_NONE
		    ? TABLE_BLOCK_BYTES_DEFAULT
		    : TABLE_BLOCK_BYTES_COMPRESSED;
	CHECK(block_bytes >= TABLE_BLOCK_BYTES_MIN);
	CHECK(block_bytes <= TABLE_BLOCK_BYTES_MAX);
	CHECK((unsigned)options->compression < COMPRESSION_COUNT);
	*out = NULL;
	if (file_create_new(fs, path, &file, err) != STATUS_OK)
		return error_wrap(err, "build table");
	builder = mem_new(sizeof(*builder));
	builder->file = file;
	builder->codec = block_codec_create();
	builder->compression = options->compression;
	builder->block_bytes = block_bytes;
	builder->clock_ms = options->clock_ms;
	builder->footer.number = options->number;
	memcpy(
	    builder->footer.store_id, options->store_id, TABLE_STORE_ID_BYTES);
	if (options->compression != COMPRESSION_NONE)
		builder->footer.position_bits =
		    bits_for((block_bytes - 1) / TABLE_ENTRY_ALIGN);
	builder->positions = mem_new_array(
	    block_bytes / TABLE_ENTRY_HEADER_BYTES + 1, sizeof(uint16_t));
	builder->summary.number = options->number;
	*out = builder;
	return STATUS_OK;
}

/* Notes where the point index is to find the entry at `position`. */
static void
note_place(struct table_builder *builder, struct slice key, size_t position)
{
	uint64_t index = builder->summary.entry_count;
	uint32_t bits = builder->footer.position_bits;
	uint64_t locator;

	if (index == builder->index_capacity) {
		size_t capacity = builder->index_capacity * 2;

		if (capacity < INDEX_CAPACITY_MIN)
			capacity = INDEX_CAPACITY_MIN;
		builder->hashes =
		    mem_resize(builder->hashes, capacity * sizeof(uint64_t));
		builder->locators =
		    mem_resize(builder->locators, capacity * sizeof(uint32_t));
		builder->index_capacity = capacity;
	}
	locator = bits == 0
	    ? (builder->written + builder->block_start + position) /
		TABLE_ENTRY_ALIGN
	    : block_count(builder) << bits | position / TABLE_ENTRY_ALIGN;
	CHECK(locator <= UINT32_MAX);
	builder->hashes[index] = hash64(key);
	builder->locators[index] = (uint32_t)locator;
	builder->positions[builder->position_count++] =
	    (uint16_t)(position / TABLE_ENTRY_ALIGN);
}

enum status
table_builder_add(
    struct table_builder *builder, const struct entry *entry, struct error *err)
{
	struct slice last = slice_of(builder->last_key, builder->last_key_size);
	size_t size = block_entry_size(entry);
	size_t position;

	CHECK(!builder->is_finished);
	CHECK(entry->key.size > 0 && entry->key.size <= TABLE_KEY_BYTES_MAX);
	CHECK(entry->value.size <= TABLE_VALUE_BYTES_MAX);
	CHECK(entry->sequence > 0 && entry->sequence <= TABLE_SEQUENCE_MAX);
	CHECK(slice_compare(last, entry->key) < 0);
	if (builder->failure.code != STATUS_OK)
		return error_copy(err, &builder->failure);
	/* A block holds what fits, or one entry that alone does not. */
	position = builder->out.end - builder->block_start;
	if (builder->position_count > 0 &&
	    position + size +
		    table_block_array_size(builder->position_count + 1) >
		builder->block_bytes &&
	    finish_block(builder, err) != STATUS_OK)
		return poison(builder, err);
	if (builder->position_count == 0) {
		if (start_block(builder, entry->key, err) != STATUS_OK)
			return poison(builder, err);
		position = 0;
	}
	note_place(builder, entry->key, position);
	block_entry_write(buffer_reserve(&builder->out, size), entry);
	buffer_commit(&builder->out, size);
	note_entry(builder, entry);
	return STATUS_OK;
}

static void
replace(struct buffer *buffer, struct slice bytes)
{
	buffer_clear(buffer, SIZE_MAX);
	buffer_append_slice(buffer, bytes);
}

enum status
table_builder_add_range(struct table_builder *builder,
    const struct range_tombstone *range, struct error *err)
{
	struct table_summary *summary = &builder->summary;
	struct slice last = range->end.size > 0 ? range->end : range->start;
	uint8_t *record;

	CHECK(!builder->is_finished);
	CHECK(range->start.size <= TABLE_KEY_BYTES_MAX);
	CHECK(range->end.size <= TABLE_KEY_BYTES_MAX);
	CHECK(range->sequence > 0 && range->sequence <= TABLE_SEQUENCE_MAX);
	if (builder->failure.code != STATUS_OK)
		return error_copy(err, &builder->failure);
	if (range->end.size > 0 && slice_compare(range->start, range->end) >= 0)
		return STATUS_OK;
	record = buffer_reserve(&builder->ranges, TABLE_RANGE_HEADER_BYTES);
	u64_store(record, range->sequence);
	u32_store(record + 8, (uint32_t)range->start.size);
	u32_store(record + 12, (uint32_t)range->end.size);
	buffer_commit(&builder->ranges, TABLE_RANGE_HEADER_BYTES);
	buffer_append_slice(&builder->ranges, range->start);
	buffer_append_slice(&builder->ranges, range->end);
	if (summary->range_count == 0 ||
	    slice_compare(range->start, buffer_slice(&builder->range_first)) <
		0)
		replace(&builder->range_first, range->start);
	if (summary->range_count == 0 ||
	    slice_compare(last, buffer_slice(&builder->range_last)) > 0)
		replace(&builder->range_last, last);
	if (range->end.size == 0)
		summary->last_unbounded = true;
	table_summary_note_sequence(summary, range->sequence);
	summary->range_count++;
	return STATUS_OK;
}

uint64_t
table_builder_size_bytes(const struct table_builder *builder)
{
	return builder->written + buffer_size(&builder->out) +
	    builder->summary.entry_count * TABLE_LINE_BYTES /
	    table_line_load(builder->footer.position_bits) +
	    block_count(builder) *
	    (TABLE_BLOCK_RECORD_BYTES + TABLE_SEPARATOR_BYTES) +
	    buffer_size(&builder->separators.keys) +
	    buffer_size(&builder->ranges) + TABLE_FOOTER_BYTES;
}

enum status
table_builder_finish(
    struct table_builder *builder, struct table_summary *out, struct error *err)
{
	CHECK(!builder->is_finished);
	if (builder->failure.code != STATUS_OK)
		return error_copy(err, &builder->failure);
	if (builder->position_count > 0 &&
	    finish_block(builder, err) != STATUS_OK)
		return poison(builder, err);
	merge_bounds(builder);
	if (write_sections(builder, err) != STATUS_OK ||
	    write_end(builder, err) != STATUS_OK ||
	    file_sync(builder->file, err) != STATUS_OK)
		return poison(builder, err);
	builder->is_finished = true;
	table_summary_copy(out, &builder->summary);
	return STATUS_OK;
}

void
table_builder_close(struct table_builder *builder)
{
	if (builder == NULL)
		return;
	file_close(builder->file);
	block_codec_close(builder->codec);
	buffer_deinit(&builder->out);
	mem_free(builder->positions);
	mem_free(builder->scratch);
	buffer_deinit(&builder->blocks);
	seek_index_builder_deinit(&builder->separators);
	mem_free(builder->hashes);
	mem_free(builder->locators);
	buffer_deinit(&builder->ranges);
	buffer_deinit(&builder->range_first);
	buffer_deinit(&builder->range_last);
	buffer_deinit(&builder->checksums);
	table_summary_deinit(&builder->summary);
	deadline_gatherer_close(builder->deadlines);
	mem_free(builder);
}

/* Writes the first `size` bytes gathered; no block may be in progress. */
static enum status
flush(struct table_builder *builder, size_t size, struct error *err)
{
	struct buffer *out = &builder->out;

	if (file_write_at(builder->file, builder->written,
		slice_of(out->data, size), err) != STATUS_OK)
		return error_wrap(err, "build table");
	/* The disk works meanwhile: the sync at the end has little to do. */
	file_write_out(builder->file, builder->written, size);
	builder->written += size;
	memmove(out->data, out->data + size, out->end - size);
	out->end -= size;
	builder->block_start = out->end;
	return STATUS_OK;
}

static enum status
flush_runs(struct table_builder *builder, struct error *err)
{
	size_t size = buffer_size(&builder->out);

	return size < WRITE_BYTES
	    ? STATUS_OK
	    : flush(builder, size - size % WRITE_BYTES, err);
}

/*
 * Compresses the block in progress where that saves an eighth of it: less is
 * not worth the time that every reader will spend.
 */
static enum compression
compress_block(struct table_builder *builder, size_t raw_size)
{
	uint8_t *raw = builder->out.data + builder->block_start;
	size_t capacity = raw_size - raw_size / 8;
	size_t size;

	if (builder->compression == COMPRESSION_NONE)
		return COMPRESSION_NONE;
	if (builder->scratch_capacity < capacity) {
		builder->scratch = mem_resize(builder->scratch, capacity);
		builder->scratch_capacity = capacity;
	}
	size = block_codec_encode(builder->codec, builder->compression,
	    slice_of(raw, raw_size), builder->scratch, capacity);
	if (size == 0 || size == raw_size)
		return COMPRESSION_NONE;
	memcpy(raw, builder->scratch, size);
	builder->out.end = builder->block_start + size;
	return builder->compression;
}

static enum status
finish_block(struct table_builder *builder, struct error *err)
{
	uint64_t number = block_count(builder);
	size_t array_size = table_block_array_size(builder->position_count);
	enum compression compression;
	size_t raw_size;
	size_t stored_size;
	uint8_t *place;

	place = buffer_reserve(&builder->out, array_size);
	memset(place + array_size - 4, 0, 4);
	for (size_t i = 0; i < builder->position_count; i++)
		u16_store(place + 2 * i, builder->positions[i]);
	u16_store(place + array_size - 2, (uint16_t)builder->position_count);
	buffer_commit(&builder->out, array_size);
	raw_size = builder->out.end - builder->block_start;
	compression = compress_block(builder, raw_size);
	stored_size = builder->out.end - builder->block_start;

	place = buffer_reserve(&builder->out, TABLE_BLOCK_TRAILER_BYTES);
	u32_store(place, (uint32_t)compression);
	u32_store(place + 4,
	    checksum32(slice_of(place - stored_size, stored_size + 4),
		table_seed(builder->footer.number, TABLE_SEED_BLOCK, number)));
	buffer_commit(&builder->out, TABLE_BLOCK_TRAILER_BYTES);

	place = buffer_reserve(&builder->blocks, TABLE_BLOCK_RECORD_BYTES);
	u64_store(place, builder->written + builder->block_start);
	u32_store(place + 8, (uint32_t)stored_size);
	u32_store(place + 12, (uint32_t)raw_size);
	buffer_commit(&builder->blocks, TABLE_BLOCK_RECORD_BYTES);
	builder->summary.raw_bytes += raw_size;
	builder->position_count = 0;
	builder->block_start = builder->out.end;
	return flush_runs(builder, err);
}

static enum status
start_block(
    struct table_builder *builder, struct slice first_key, struct error *err)
{
	uint32_t bits = builder->footer.position_bits;
	uint64_t number = block_count(builder);
	/* A greater locator than any in the block. */
	uint64_t limit = bits == 0
	    ? (builder->written + builder->block_start + builder->block_bytes) /
		TABLE_ENTRY_ALIGN
	    : (number + 1) << bits;

	if (limit > UINT32_MAX ||
	    (number > 0 &&
		!seek_index_add(&builder->separators,
		    slice_of(builder->last_key, builder->last_key_size),
		    first_key)))
		return error_set(err, STATUS_INVALID,
		    "build table: %s: too large", file_path(builder->file));
	return STATUS_OK;
}

static void
note_deadline(struct table_builder *builder, const struct entry *entry)
{
	table_summary_note_deadline(&builder->summary, entry->deadline_ms);
	if (builder->deadlines == NULL)
		builder->deadlines =
		    deadline_gatherer_create(builder->clock_ms);
	deadline_gatherer_add(
	    builder->deadlines, entry->deadline_ms, block_entry_size(entry));
}

/* Takes an entry into the summary. */
static void
note_entry(struct table_builder *builder, const struct entry *entry)
{
	struct table_summary *summary = &builder->summary;

	if (summary->entry_count++ == 0)
		buffer_append_slice(&summary->first_key, entry->key);
	memcpy(builder->last_key, entry->key.data, entry->key.size);
	builder->last_key_size = entry->key.size;
	table_summary_note_sequence(summary, entry->sequence);
	if (entry->kind == ENTRY_TOMBSTONE)
		summary->tombstone_count++;
	else if (entry->deadline_ms != 0)
		note_deadline(builder, entry);
}

/* The bounds of the entries become those of everything. */
static void
merge_bounds(struct table_builder *builder)
{
	struct table_summary *summary = &builder->summary;
	struct slice last = slice_of(builder->last_key, builder->last_key_size);
	bool has_entries = summary->entry_count > 0;

	if (builder->deadlines != NULL)
		summary->deadlines =
		    deadline_gatherer_finish(builder->deadlines);
	summary->every_entry_expires =
	    has_entries && summary->expiring_count == summary->entry_count;
	buffer_append_slice(&summary->last_key, last);
	if (summary->range_count == 0)
		return;
	if (!has_entries ||
	    slice_compare(buffer_slice(&builder->range_first),
		buffer_slice(&summary->first_key)) < 0)
		replace(
		    &summary->first_key, buffer_slice(&builder->range_first));
	if (!has_entries ||
	    slice_compare(buffer_slice(&builder->range_last), last) > 0) {
		replace(&summary->last_key, buffer_slice(&builder->range_last));
		summary->last_is_exclusive = !summary->last_unbounded;
	}
}

/* Writes one section at the next place for one, and notes its checksums. */
static enum status
write_section(struct table_builder *builder, enum table_section_id id,
    struct slice bytes, struct error *err)
{
	uint64_t end = builder->written + buffer_size(&builder->out);
	size_t padding = (size_t)(-end % TABLE_SECTION_ALIGN);
	uint64_t count = table_piece_count(bytes.size);

	memset(buffer_reserve(&builder->out, padding), 0, padding);
	buffer_commit(&builder->out, padding);
	builder->footer.sections[id] =
	    (struct table_extent){end + padding, bytes.size};
	for (uint64_t i = 0; i < count; i++) {
		size_t offset = (size_t)i * TABLE_PIECE_BYTES;
		size_t size = bytes.size - offset;
		uint8_t *place = buffer_reserve(&builder->checksums, 4);

		if (size > TABLE_PIECE_BYTES)
			size = TABLE_PIECE_BYTES;
		u32_store(place,
		    checksum32(slice_of(bytes.data + offset, size),
			table_seed(builder->footer.number, id, i)));
		buffer_commit(&builder->checksums, 4);
	}
	while (bytes.size > 0) {
		size_t size =
		    bytes.size < WRITE_BYTES ? bytes.size : WRITE_BYTES;

		buffer_append(&builder->out, bytes.data, size);
		bytes = slice_of(bytes.data + size, bytes.size - size);
		if (flush_runs(builder, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

static enum status
write_sections(struct table_builder *builder, struct error *err)
{
	uint64_t entry_count = builder->summary.entry_count;
	uint64_t line_count = point_index_line_count(
	    entry_count, table_line_load(builder->footer.position_bits));
	size_t lines_size = (size_t)line_count * TABLE_LINE_BYTES;
	uint8_t *lines = mem_new(lines_size + 1);
	struct buffer separators = {0};
	struct buffer keys = {0};
	enum status status;

	point_index_fill(
	    lines, line_count, builder->hashes, builder->locators, entry_count);
	builder->footer.common_prefix_size =
	    seek_index_finish(&builder->separators, &separators, &keys);
	if ((status = write_section(builder, TABLE_SECTION_RANGES,
		 buffer_slice(&builder->ranges), err)) == STATUS_OK &&
	    (status = write_section(builder, TABLE_SECTION_KEYS,
		 buffer_slice(&keys), err)) == STATUS_OK &&
	    (status = write_section(builder, TABLE_SECTION_SEPARATORS,
		 buffer_slice(&separators), err)) == STATUS_OK &&
	    (status = write_section(builder, TABLE_SECTION_BLOCKS,
		 buffer_slice(&builder->blocks), err)) == STATUS_OK)
		status = write_section(builder, TABLE_SECTION_INDEX,
		    slice_of(lines, lines_size), err);
	mem_free(lines);
	buffer_deinit(&separators);
	buffer_deinit(&keys);
	return status;
}

/* Writes the tail and the footer. */
static enum status
write_end(struct table_builder *builder, struct error *err)
{
	struct table_footer *footer = &builder->footer;
	struct buffer tail = {0};

	buffer_reserve(&tail, 4);
	buffer_commit(&tail, 4);
	table_summary_encode(&builder->summary, &tail);
	u32_store(tail.data, (uint32_t)(buffer_size(&tail) - 4));
	buffer_append_slice(&tail, buffer_slice(&builder->checksums));
	footer->tail.offset = builder->written + buffer_size(&builder->out);
	footer->tail.size = buffer_size(&tail);
	footer->tail_checksum = checksum64(buffer_slice(&tail),
	    table_seed(footer->number, TABLE_SEED_TAIL, 0));
	footer->file_size =
	    footer->tail.offset + footer->tail.size + TABLE_FOOTER_BYTES;
	builder->summary.size_bytes = footer->file_size;
	buffer_append_slice(&builder->out, buffer_slice(&tail));
	buffer_deinit(&tail);
	table_footer_encode(
	    footer, buffer_reserve(&builder->out, TABLE_FOOTER_BYTES));
	buffer_commit(&builder->out, TABLE_FOOTER_BYTES);
	return flush(builder, buffer_size(&builder->out), err);
}
