#include "common/journal/journal_reader.h"

#include "common/base/check.h"
#include "common/codec/integer.h"

#define WINDOW_BYTES ((size_t)1 << 20)

enum status
journal_reader_init(struct journal_reader *reader, struct file *file,
    const struct journal_base *base, struct error *err)
{
	*reader = (struct journal_reader){.file = file, .base = *base};
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
	if (look(reader, offset, JOURNAL_RECORD_HEADER_BYTES_MAX, &bytes,
		err) != STATUS_OK)
		return err->code;
	if (!journal_record_header_decode(
		bytes, &reader->base, offset, &found->record))
		return STATUS_OK;
	found->place = JOURNAL_PLACE_HEADER;
	if (journal_record_bytes(&found->record) > reader->size_bytes - offset)
		return STATUS_OK;
	size = (size_t)journal_record_bytes(&found->record);
	if (look(reader, offset, size, &bytes, err) != STATUS_OK)
		return err->code;
	if (bytes.size < size) /* the file shrank under us */
		return STATUS_OK;
	found->payload = slice_of(bytes.data + found->record.header_bytes,
	    found->record.payload_bytes);
	if (journal_record_payload_is_intact(&found->record, found->payload))
		found->place = JOURNAL_PLACE_INTACT;
	return STATUS_OK;
}

/*
 * The next place in `bytes` whose header is intact, as an offset into them;
 * else the first at which one could begin that `bytes` do not hold wholly:
 * their end, if they are `last` of the file.
 */
static size_t
next_header(const struct journal_reader *reader, uint64_t offset,
    struct slice bytes, bool last, bool *hit)
{
	size_t end = last ? bytes.size
			  : bytes.size - (JOURNAL_RECORD_HEADER_BYTES_MAX - 1);
	struct journal_record_header record;
	size_t i = 0;

	*hit = false;
	while (i < end) {
		struct slice rest = slice_of(bytes.data + i, bytes.size - i);

		/* Zeroes are most of what a fresh segment holds. */
		if (rest.size >= 8 && u64_load(rest.data) == 0) {
			i += 8;
			continue;
		}
		*hit = journal_record_header_decode(
			   rest, &reader->base, offset + i, &record) &&
		    journal_record_bytes(&record) <=
			reader->size_bytes - offset - i;
		if (*hit)
			break;
		i++;
	}
	return i;
}

enum status
journal_reader_scan(struct journal_reader *reader, uint64_t offset,
    struct journal_found *found, struct error *err)
{
	while (offset < reader->size_bytes) {
		struct slice bytes;
		bool last;
		bool hit;

		if (look(reader, offset, JOURNAL_RECORD_HEADER_BYTES_MAX,
			&bytes, err) != STATUS_OK)
			return err->code;
		last = bytes.size < JOURNAL_RECORD_HEADER_BYTES_MAX ||
		    bytes.size >= reader->size_bytes - offset;
		if (bytes.size == 0) /* the file shrank under us */
			break;
		offset += next_header(reader, offset, bytes, last, &hit);
		if (!hit)
			continue;
		if (journal_reader_at(reader, offset, found, err) != STATUS_OK)
			return err->code;
		if (found->place == JOURNAL_PLACE_INTACT)
			return STATUS_OK;
		offset++;
	}
	found->place = JOURNAL_PLACE_NONE;
	found->offset = offset;
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
