#include "common/journal/journal_writer.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/journal/journal_helper.h"

#define GATHER_KEEP_BYTES_MAX ((size_t)4 << 20)
#define ZEROES_BYTES ((size_t)1 << 20)

/*
 * A mapped segment is handed to the disk in such pieces while it fills, so
 * that the sync at its end has little left to wait for.
 */
#define WRITE_OUT_BYTES ((uint64_t)4 << 20)

/*
 * A helper is asked as often, and for the pages of the next two pieces. To
 * wake it takes longer than many puts, so it should not be more often.
 */
#define PREFAULT_BYTES (2 * WRITE_OUT_BYTES)

/*
 * The page cache may keep a file in pieces of this size, each dirty and
 * written as a whole: one that is written before it is full is written twice.
 */
#define PIECE_BYTES ((uint64_t)2 << 20)

static void
leave_segment(struct journal_writer *writer)
{
	size_t size = (size_t)writer->header.size_bytes;

	if (writer->mapping != NULL && writer->helper != NULL) {
		journal_helper_leave(
		    writer->helper, writer->file, writer->mapping, size);
	} else {
		file_unmap(writer->mapping, size);
		file_close(writer->file);
	}
	writer->mapping = NULL;
	writer->file = NULL;
}

void
journal_writer_begin(struct journal_writer *writer, struct file *file,
    const struct journal_segment_header *header)
{
	CHECK(buffer_size(&writer->gather) == 0);
	CHECK(header->size_bytes % JOURNAL_PAGE_BYTES == 0);
	CHECK(header->size_bytes > 0 && header->size_bytes <= UINT32_MAX);
	leave_segment(writer);
	writer->file = file;
	writer->header = *header;
	writer->base.first_sequence = header->first_sequence;
	writer->base.seed = journal_segment_header_encode(
	    buffer_reserve(&writer->gather, JOURNAL_SEGMENT_HEADER_BYTES),
	    header);
	buffer_commit(&writer->gather, JOURNAL_SEGMENT_HEADER_BYTES);
	writer->end = JOURNAL_SEGMENT_HEADER_BYTES;
	writer->durable = 0;
	writer->written_out = 0;
}

/* Has the helper find the pages that will be written next. */
static void
prefault(struct journal_writer *writer)
{
	uint64_t start = writer->end & ~(WRITE_OUT_BYTES - 1);
	uint64_t end = start + PREFAULT_BYTES;

	if (writer->helper == NULL)
		return;
	if (start < writer->prefaulted)
		start = writer->prefaulted;
	if (end > writer->header.size_bytes)
		end = writer->header.size_bytes;
	if (start >= end)
		return;
	journal_helper_prefault(
	    writer->helper, writer->mapping + start, (size_t)(end - start));
	writer->prefaulted = end;
}

/* Has the disk begin with what is complete of it. */
static void
write_out(struct journal_writer *writer)
{
	uint64_t start = writer->written_out;
	uint64_t end = writer->end & ~(PIECE_BYTES - 1);

	if (end <= start)
		return;
	if (writer->helper != NULL)
		journal_helper_write_out(writer->helper, writer->file,
		    writer->mapping + start, start, end - start);
	else
		file_write_out(writer->file, start, end - start);
	writer->written_out = end;
}

enum status
journal_writer_map(struct journal_writer *writer, struct error *err)
{
	void *mapping;

	CHECK(writer->mapping == NULL);
	if (file_map(writer->file, (size_t)writer->header.size_bytes, true,
		&mapping, err) != STATUS_OK)
		return err->code;
	writer->mapping = mapping;
	writer->prefaulted = 0;
	prefault(writer);
	return STATUS_OK;
}

bool
journal_writer_fits(const struct journal_writer *writer, uint64_t payload_bytes)
{
	return JOURNAL_RECORD_HEADER_BYTES_MAX + payload_bytes <=
	    journal_writer_room(writer);
}

uint64_t
journal_writer_room(const struct journal_writer *writer)
{
	return writer->header.size_bytes - writer->end;
}

struct journal_position
journal_writer_position(
    const struct journal_writer *writer, uint64_t payload_bytes)
{
	CHECK(payload_bytes <= JOURNAL_PAYLOAD_BYTES_MAX);
	return (struct journal_position){writer->header.number,
	    (uint32_t)writer->end, (uint32_t)payload_bytes};
}

void
journal_writer_append(struct journal_writer *writer, uint64_t first_sequence,
    uint32_t count, struct slice payload, uint64_t durable_bytes)
{
	struct journal_record_header record = {
	    .count = count,
	    .first_sequence = first_sequence,
	    .durable_bytes = (uint32_t)durable_bytes,
	};
	uint8_t *bytes = buffer_reserve(
	    &writer->gather, JOURNAL_RECORD_HEADER_BYTES_MAX + payload.size);
	size_t size = journal_record_header_encode(
	    bytes, &record, payload, &writer->base, writer->end);

	CHECK(size + payload.size <= journal_writer_room(writer));
	memcpy(bytes + size, payload.data, payload.size);
	buffer_commit(&writer->gather, size + payload.size);
	writer->end += size + payload.size;
}

/* Fills up what is gathered with zeroes to the end of its last page. */
static void
pad_page(struct journal_writer *writer)
{
	size_t rest = (size_t)(writer->end % JOURNAL_PAGE_BYTES);
	size_t pad = rest == 0 ? 0 : JOURNAL_PAGE_BYTES - rest;

	memset(buffer_reserve(&writer->gather, pad), 0, pad);
	buffer_commit(&writer->gather, pad);
}

static enum status
flush_mapped(struct journal_writer *writer, struct error *err)
{
	uint64_t start = writer->end - buffer_size(&writer->gather);
	struct slice bytes;

	/*
	 * Zeroes behind the last record, as with whole pages; in a page that
	 * was begun before they are there already.
	 */
	if (start % JOURNAL_PAGE_BYTES == 0 ||
	    start / JOURNAL_PAGE_BYTES != writer->end / JOURNAL_PAGE_BYTES)
		pad_page(writer);
	bytes = buffer_slice(&writer->gather);
	if (file_write_mapped(
		writer->file, writer->mapping, start, bytes, err) != STATUS_OK)
		return err->code;
	buffer_clear(&writer->gather, GATHER_KEEP_BYTES_MAX);
	if (writer->end - writer->written_out >= WRITE_OUT_BYTES) {
		prefault(writer);
		write_out(writer);
	}
	return STATUS_OK;
}

enum status
journal_writer_flush(struct journal_writer *writer, struct error *err)
{
	size_t size = buffer_size(&writer->gather);

	if (size == 0)
		return STATUS_OK;
	if (writer->mapping != NULL)
		return flush_mapped(writer, err);
	/*
	 * Whole pages: the kernel then need not read the old bytes of a page
	 * in a recycled segment, and behind the last record stand zeroes, so
	 * that recovery can tell a clean end from a torn one.
	 */
	pad_page(writer);
	if (file_write_at(writer->file, writer->end - size,
		buffer_slice(&writer->gather), err) != STATUS_OK)
		return err->code;
	buffer_clear(&writer->gather, GATHER_KEEP_BYTES_MAX);
	return STATUS_OK;
}

enum status
journal_writer_sync(struct journal_writer *writer, struct error *err)
{
	CHECK(buffer_size(&writer->gather) == 0);
	if (file_sync(writer->file, err) != STATUS_OK)
		return err->code;
	writer->durable = writer->end;
	return STATUS_OK;
}

enum status
journal_writer_fill(struct journal_writer *writer, struct error *err)
{
	CHECK(buffer_size(&writer->gather) == 0);
	return journal_write_zeroes(
	    writer->file, writer->end, writer->header.size_bytes, false, err);
}

enum status
journal_write_zeroes(struct file *file, uint64_t start, uint64_t end, bool sync,
    struct error *err)
{
	uint8_t *zeroes = mem_new(ZEROES_BYTES);
	enum status status = STATUS_OK;

	while (start < end && status == STATUS_OK) {
		uint64_t size = end - start;

		size = size < ZEROES_BYTES ? size : ZEROES_BYTES;
		status = file_write_at(
		    file, start, slice_of(zeroes, (size_t)size), err);
		if (status == STATUS_OK && sync)
			status = file_sync(file, err);
		start += size;
	}
	mem_free(zeroes);
	return status;
}

void
journal_writer_deinit(struct journal_writer *writer)
{
	leave_segment(writer);
	buffer_deinit(&writer->gather);
	*writer = (struct journal_writer){0};
}
