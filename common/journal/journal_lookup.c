#include "common/journal/journal_lookup.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/journal/journal_directory.h"
#include "common/journal/journal_format.h"
#include "common/os/file.h"

#define KEEP_BYTES_MAX ((size_t)1 << 20)

/* A zeroed one is free: segments are numbered from 1. */
struct open_segment {
	uint64_t number;
	struct file *file; /* owned */
	struct journal_base base;
	uint64_t used; /* greater: later */
};

struct journal_lookup {
	struct journal_options options;
	struct open_segment segments[JOURNAL_LOOKUP_FILES_MAX];
	uint64_t uses;
	struct buffer record;
};

struct journal_lookup *
journal_lookup_create(const struct journal_options *options)
{
	struct journal_lookup *lookup = mem_new(sizeof(*lookup));

	lookup->options = *options;
	return lookup;
}

static void
close_segment(struct open_segment *segment)
{
	file_close(segment->file);
	*segment = (struct open_segment){0};
}

static enum status
read_base(const struct journal_options *options, uint64_t number,
    struct file *file, struct journal_base *base, struct error *err)
{
	uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES];
	struct journal_segment_header header;
	size_t got;

	if (file_read_at(file, 0, bytes, sizeof(bytes), &got, err) != STATUS_OK)
		return err->code;
	if (got < sizeof(bytes) ||
	    !journal_segment_header_decode(bytes, &header, &base->seed) ||
	    header.number != number ||
	    memcmp(header.store_id, options->store_id,
		sizeof(header.store_id)) != 0)
		return error_set(err, STATUS_CORRUPT,
		    "%s: damaged at offset 0: no intact header",
		    file_path(file));
	base->first_sequence = header.first_sequence;
	return STATUS_OK;
}

/* The place of the segment that was asked for longest ago, free now. */
static struct open_segment *
make_place(struct journal_lookup *lookup)
{
	struct open_segment *oldest = &lookup->segments[0];

	for (size_t i = 1; i < JOURNAL_LOOKUP_FILES_MAX; i++) {
		if (lookup->segments[i].used < oldest->used)
			oldest = &lookup->segments[i];
	}
	close_segment(oldest);
	return oldest;
}

static enum status
open_segment(struct journal_lookup *lookup, uint64_t number,
    struct open_segment **out, struct error *err)
{
	char path[PATH_BYTES_MAX];
	struct open_segment *place;
	struct journal_base base;
	struct file *file;

	journal_segment_path(path, &lookup->options, number);
	if (file_open(lookup->options.fs, path, &file, err) != STATUS_OK) {
		if (err->code == STATUS_NOT_FOUND)
			err->code = STATUS_CORRUPT;
		return err->code;
	}
	if (read_base(&lookup->options, number, file, &base, err) !=
	    STATUS_OK) {
		file_close(file);
		return err->code;
	}
	place = make_place(lookup);
	*place =
	    (struct open_segment){.number = number, .file = file, .base = base};
	*out = place;
	return STATUS_OK;
}

static enum status
find_segment(struct journal_lookup *lookup, uint64_t number,
    struct open_segment **out, struct error *err)
{
	*out = NULL;
	for (size_t i = 0; i < JOURNAL_LOOKUP_FILES_MAX; i++) {
		if (lookup->segments[i].number == number)
			*out = &lookup->segments[i];
	}
	if (*out == NULL && open_segment(lookup, number, out, err) != STATUS_OK)
		return err->code;
	(*out)->used = ++lookup->uses;
	return STATUS_OK;
}

/* Takes the payload out of the bytes that stand at the position. */
static bool
take_record(const struct open_segment *segment,
    const struct journal_position *position, struct slice bytes,
    struct slice *payload)
{
	struct journal_record_header record;

	if (!journal_record_header_decode(
		bytes, &segment->base, position->offset, &record) ||
	    record.payload_bytes != position->payload_bytes ||
	    journal_record_bytes(&record) > bytes.size)
		return false;
	*payload =
	    slice_of(bytes.data + record.header_bytes, record.payload_bytes);
	return journal_record_payload_is_intact(&record, *payload);
}

enum status
journal_lookup_read(struct journal_lookup *lookup,
    const struct journal_position *position, struct slice *payload,
    struct error *err)
{
	size_t size =
	    JOURNAL_RECORD_HEADER_BYTES_MAX + (size_t)position->payload_bytes;
	struct open_segment *segment;
	size_t got;

	CHECK(position->segment > 0 && position->payload_bytes > 0);
	if (find_segment(lookup, position->segment, &segment, err) != STATUS_OK)
		return error_wrap(err, "journal");
	buffer_clear(&lookup->record, KEEP_BYTES_MAX);
	if (file_read_at(segment->file, position->offset,
		buffer_reserve(&lookup->record, size), size, &got,
		err) != STATUS_OK)
		return error_wrap(err, "journal");
	buffer_commit(&lookup->record, got);
	if (take_record(
		segment, position, buffer_slice(&lookup->record), payload))
		return STATUS_OK;
	return error_set(err, STATUS_CORRUPT,
	    "journal: %s: damaged at offset %" PRIu32
	    ": no intact record where one was written",
	    file_path(segment->file), position->offset);
}

void
journal_lookup_forget(struct journal_lookup *lookup, uint64_t segment)
{
	for (size_t i = 0; i < JOURNAL_LOOKUP_FILES_MAX; i++) {
		if (lookup->segments[i].number < segment)
			close_segment(&lookup->segments[i]);
	}
}

void
journal_lookup_close(struct journal_lookup *lookup)
{
	if (lookup == NULL)
		return;
	journal_lookup_forget(lookup, UINT64_MAX);
	buffer_deinit(&lookup->record);
	mem_free(lookup);
}
