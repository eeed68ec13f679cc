#include "common/journal/journal_reader.h"

#include "common/base/check.h"
#include "common/codec/integer.h"

#define WINDOW_BYTES ((size_t)1 << 20)

enum status
journal_reader_init(struct journal_reader *reader, struct file *file,
    uint64_t seed, struct error *err)
{
	*reader = (struct journal_reader){.file = file, .seed = seed};
	return file_size(file, &reader->size_bytes, err);
}

void
journal_reader_deinit(struct journal_reader *reader)
{
	buffer_deinit(&reader->window);
}

/*
 * Bytes from `offset` on: all that the window has, at least `size` unless the
 * file ends before.
 */
static enum status
look(struct journal_reader *reader, uint64_t offset, size_t size,
    struct slice *out, struct error *err)
{
	uint64_t left =
	    offset < reader->size_bytes ? reader->size_bytes - offset : 0;
	uint64_t held = buffer_size(&reader->window);
	uint64_t skip = offset - reader->window_offset;
	size_t got;

	*out = SLICE_EMPTY;
	if (size > left)
		size = (size_t)left;
	if (offset < reader->window_offset || skip > held ||
	    held - skip < size) {
		size_t wanted = size > WINDOW_BYTES ? size : WINDOW_BYTES;

		if (wanted > left)
			wanted = (size_t)left;
		buffer_clear(&reader->window, SIZE_MAX);
		if (file_read_at(reader->file, offset,
			buffer_reserve(&reader->window, wanted), wanted, &got,
			err) != STATUS_OK)
			return err->code;
		buffer_commit(&reader->window, got);
		reader->window_offset = offset;
		held = got;
		skip = 0;
	}
	*out = slice_of(reader->window.data + reader->window.start + skip,
	    (size_t)(held - skip));
	return STATUS_OK;
}

enum status
journal_reader_at(struct journal_reader *reader, uint64_t offset,
    struct journal_found *found, struct error *err)
{
	struct slice bytes;
	size_t size;

	found->place = JOURNAL_PLACE_NONE;
	found->offset = offset;
	found->payload = SLICE_EMPTY;
	if (look(reader, offset, JOURNAL_RECORD_HEADER_BYTES, &bytes, err) !=
	    STATUS_OK)
		return err->code;
	if (bytes.size < JOURNAL_RECORD_HEADER_BYTES ||
	    !journal_record_header_decode(
		bytes.data, reader->seed, offset, &found->record))
		return STATUS_OK;
	found->place = JOURNAL_PLACE_HEADER;
	if (found->record.payload_bytes >
	    reader->size_bytes - offset - JOURNAL_RECORD_HEADER_BYTES)
		return STATUS_OK;
	size = JOURNAL_RECORD_HEADER_BYTES + found->record.payload_bytes;
	if (look(reader, offset, size, &bytes, err) != STATUS_OK)
		return err->code;
	if (bytes.size < size) /* the file shrank under us */
		return STATUS_OK;
	found->payload = slice_of(bytes.data + JOURNAL_RECORD_HEADER_BYTES,
	    found->record.payload_bytes);
	if (journal_record_payload_is_intact(
		&found->record, found->payload, reader->seed, offset))
		found->place = JOURNAL_PLACE_INTACT;
	return STATUS_OK;
}

/*
 * The next place in `bytes` whose header is intact, as an offset into them;
 * else the first at which no whole header is left.
 */
static size_t
next_header(const struct journal_reader *reader, uint64_t offset,
    struct slice bytes, bool *hit)
{
	struct journal_record_header record;
	size_t i = 0;

	*hit = false;
	for (; i + JOURNAL_RECORD_HEADER_BYTES <= bytes.size; i += 8) {
		/* Zeroes are most of what a fresh segment holds. */
		if (u64_load(bytes.data + i) == 0 ||
		    u32_load(bytes.data + i) > reader->size_bytes)
			continue;
		*hit = journal_record_header_decode(
		    bytes.data + i, reader->seed, offset + i, &record);
		if (*hit)
			break;
	}
	return i;
}

enum status
journal_reader_scan(struct journal_reader *reader, uint64_t offset,
    struct journal_found *found, struct error *err)
{
	CHECK(offset % 8 == 0);
	found->place = JOURNAL_PLACE_NONE;
	found->offset = offset;
	while (offset + JOURNAL_RECORD_HEADER_BYTES <= reader->size_bytes) {
		struct slice bytes;
		bool hit;

		if (look(reader, offset, JOURNAL_RECORD_HEADER_BYTES, &bytes,
			err) != STATUS_OK)
			return err->code;
		if (bytes.size < JOURNAL_RECORD_HEADER_BYTES)
			break;
		offset += next_header(reader, offset, bytes, &hit);
		if (!hit)
			continue;
		if (journal_reader_at(reader, offset, found, err) != STATUS_OK)
			return err->code;
		if (found->place == JOURNAL_PLACE_INTACT)
			return STATUS_OK;
		offset += 8;
	}
	found->place = JOURNAL_PLACE_NONE;
	return STATUS_OK;
}

enum status
journal_reader_has_residue(struct journal_reader *reader, uint64_t offset,
    bool *residue, struct error *err)
{
	size_t size = (size_t)(offset % JOURNAL_PAGE_BYTES);
	struct slice bytes;

	*residue = false;
	if (size == 0)
		return STATUS_OK;
	size = JOURNAL_PAGE_BYTES - size;
	if (look(reader, offset, size, &bytes, err) != STATUS_OK)
		return err->code;
	for (size_t i = 0; i < size && i < bytes.size; i++)
		*residue = *residue || bytes.data[i] != 0;
	return STATUS_OK;
}
