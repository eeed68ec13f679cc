#include "common/journal/journal.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/journal/journal_directory.h"
#include "common/journal/journal_helper.h"
#include "common/journal/journal_recovery.h"
#include "common/journal/journal_writer.h"
#include "common/os/file.h"

struct journal_spare {
	char path[PATH_BYTES_MAX];
};

struct journal {
	struct journal_options options;
	struct journal_writer writer; /* the current segment */
	struct journal_helper *helper; /* owned; NULL: there is none */
	uint64_t last_sequence;
	struct journal_position last_position; /* zeroed: nothing appended */
	struct journal_segment *segments; /* before it, oldest first */
	size_t segment_count;
	struct journal_spare **spares; /* owned; the first is used next */
	size_t spare_count;
	struct error failure; /* STATUS_OK while the files can be trusted */
};

static void
check_options(const struct journal_options *options)
{
	CHECK(options->segment_bytes >= JOURNAL_SEGMENT_BYTES_MIN);
	CHECK(options->segment_bytes <= JOURNAL_SEGMENT_BYTES_MAX);
	CHECK(options->segment_bytes % JOURNAL_PAGE_BYTES == 0);
}

enum status
journal_open(const struct journal_options *options, uint64_t after_sequence,
    journal_on_record *on_record, void *context,
    struct journal_recovery *report, struct journal **out, struct error *err)
{
	struct journal_recovered recovered = {0};
	struct journal *journal = mem_new(sizeof(*journal));
	enum status status;

	check_options(options);
	*out = NULL;
	journal->options = *options;
	status = journal_recover(options, after_sequence, on_record, context,
	    report, &recovered, err);
	journal->writer = recovered.tail;
	journal->segments = recovered.segments;
	journal->segment_count = recovered.segment_count;
	journal->last_sequence = recovered.last_sequence;
	if (status == STATUS_OK && options->mapped && options->helped)
		journal->helper = journal_helper_create(options->fs);
	journal->writer.helper = journal->helper;
	if (status == STATUS_OK && options->mapped)
		status = journal_writer_map(&journal->writer, err);
	if (status != STATUS_OK) {
		journal_close(journal);
		return error_wrap(err, "open journal");
	}
	*out = journal;
	return STATUS_OK;
}

void
journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	journal_writer_deinit(&journal->writer);
	journal_helper_close(journal->helper);
	for (size_t i = 0; i < journal->spare_count; i++)
		journal_spare_close(journal->spares[i]);
	mem_free(journal->spares);
	mem_free(journal->segments);
	mem_free(journal);
}

/*
 * After a failed write or sync the disk may hold any of it, and a later sync
 * that succeeds would not say so. Recovery finds out, from the files alone.
 */
static enum status
poison(struct journal *journal, struct error *err)
{
	error_wrap(err, "journal");
	/* NO_SPACE says that nothing has happened and all goes on. */
	if (err->code == STATUS_NO_SPACE)
		err->code = STATUS_IO;
	return error_copy(&journal->failure, err);
}

static enum status
flush_and_sync(struct journal *journal, struct error *err)
{
	if (journal_writer_flush(&journal->writer, err) != STATUS_OK)
		return err->code;
	if (journal->writer.durable == journal->writer.end)
		return STATUS_OK;
	return journal_writer_sync(&journal->writer, err);
}

/* Gives the first spare the name of a segment. */
static enum status
use_spare(struct journal *journal, const char *path, struct file **out,
    struct error *err)
{
	struct file_system *fs = journal->options.fs;
	struct journal_spare *spare = journal->spares[0];

	if (path_rename(fs, spare->path, path, err) != STATUS_OK)
		return err->code;
	journal->spare_count--;
	memmove(journal->spares, journal->spares + 1,
	    journal->spare_count * sizeof(*journal->spares));
	journal_spare_close(spare);
	return file_open_writable(fs, path, out, err);
}

static enum status
create_segment(struct journal *journal, const char *path, uint64_t size_bytes,
    struct file **out, struct error *err)
{
	struct error ignored;

	if (file_create(journal->options.fs, path, out, err) != STATUS_OK)
		return err->code;
	/* Reserved, not written: a change of segment must not take long. */
	if (file_allocate(*out, size_bytes, err) == STATUS_OK)
		return STATUS_OK;
	file_close(*out);
	/* What stays of it has no header, and recovery passes it over. */
	(void)!path_remove(journal->options.fs, path, &ignored);
	return err->code;
}

static void
retire_segment(struct journal *journal)
{
	size_t count = journal->segment_count++;

	journal->segments = mem_resize(
	    journal->segments, (count + 1) * sizeof(*journal->segments));
	journal->segments[count] = (struct journal_segment){
	    .number = journal->writer.header.number,
	    .last_sequence = journal->last_sequence,
	    .size_bytes = journal->writer.header.size_bytes,
	};
}

/*
 * Goes to a segment that has room for the payload. All of the old one is on
 * disk before the new one has its name, in every mode: recovery relies on it.
 */
static enum status
change_segment(struct journal *journal, size_t payload_bytes, struct error *err)
{
	const struct journal_options *options = &journal->options;
	struct journal_segment_header header = journal->writer.header;
	uint64_t wanted = JOURNAL_SEGMENT_HEADER_BYTES +
	    JOURNAL_RECORD_HEADER_BYTES_MAX + payload_bytes;
	char path[PATH_BYTES_MAX];
	struct file *file;
	enum status status;

	if (flush_and_sync(journal, err) != STATUS_OK)
		return poison(journal, err);
	header.number++;
	header.first_sequence = journal->last_sequence + 1;
	header.size_bytes = options->segment_bytes;
	if (wanted > header.size_bytes)
		header.size_bytes = (wanted + JOURNAL_PAGE_BYTES - 1) /
		    JOURNAL_PAGE_BYTES * JOURNAL_PAGE_BYTES;
	journal_segment_path(path, options, header.number);
	if (journal->spare_count > 0 &&
	    header.size_bytes == options->segment_bytes)
		status = use_spare(journal, path, &file, err);
	else
		status = create_segment(
		    journal, path, header.size_bytes, &file, err);
	if (status == STATUS_NO_SPACE)
		return error_wrap(err, "no next segment");
	if (status != STATUS_OK)
		return poison(journal, err);
	if (directory_sync(options->fs, options->directory, err) != STATUS_OK) {
		file_close(file);
		return poison(journal, err);
	}
	retire_segment(journal);
	journal_writer_begin(&journal->writer, file, &header);
	return options->mapped ? journal_writer_map(&journal->writer, err)
			       : STATUS_OK;
}

enum status
journal_append(struct journal *journal, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	CHECK(first_sequence == journal->last_sequence + 1);
	CHECK(count > 0);
	CHECK(payload.size > 0 && payload.size <= JOURNAL_PAYLOAD_BYTES_MAX);
	if (journal->failure.code != STATUS_OK)
		return error_copy(err, &journal->failure);
	if (!journal_writer_fits(&journal->writer, payload.size) &&
	    change_segment(journal, payload.size, err) != STATUS_OK)
		return err->code;
	journal->last_position =
	    journal_writer_position(&journal->writer, payload.size);
	journal_writer_append(&journal->writer, first_sequence, count, payload,
	    journal->writer.durable);
	journal->last_sequence = first_sequence + count - 1;
	return STATUS_OK;
}

enum status
journal_commit(struct journal *journal, bool sync, struct error *err)
{
	/*
	 * A segment's header is on disk before anything in it counts as
	 * written, so that the lowest segment always has one.
	 */
	bool begins = journal->writer.durable == 0;
	enum status status;

	if (journal->failure.code != STATUS_OK)
		return error_copy(err, &journal->failure);
	if (sync || begins)
		status = flush_and_sync(journal, err);
	else
		status = journal_writer_flush(&journal->writer, err);
	return status == STATUS_OK ? STATUS_OK : poison(journal, err);
}

static void
add_spare(struct journal *journal, struct journal_spare *spare)
{
	journal->spares = mem_resize(journal->spares,
	    (journal->spare_count + 1) * sizeof(*journal->spares));
	journal->spares[journal->spare_count++] = spare;
}

enum status
journal_release(struct journal *journal, uint64_t sequence, struct error *err)
{
	const struct journal_options *options = &journal->options;
	size_t count = journal->segment_count;

	if (journal->failure.code != STATUS_OK)
		return error_copy(err, &journal->failure);
	/* Some segment that begins the journal must have its header on disk. */
	if (journal->writer.durable == 0 && count > 0)
		count--;
	while (count > 0 && journal->segments[0].last_sequence <= sequence) {
		const struct journal_segment *segment = &journal->segments[0];
		char path[PATH_BYTES_MAX];

		journal_segment_path(path, options, segment->number);
		if (segment->size_bytes == options->segment_bytes &&
		    journal->spare_count < options->spares_max) {
			struct journal_spare *spare = mem_new(sizeof(*spare));

			/* It keeps its name until it is used. */
			snprintf(spare->path, sizeof(spare->path), "%s", path);
			add_spare(journal, spare);
		} else if (journal->helper != NULL) {
			journal_helper_remove(journal->helper, path);
		} else if (path_remove(options->fs, path, err) != STATUS_OK) {
			return error_wrap(err, "journal");
		}
		count--;
		journal->segment_count--;
		memmove(journal->segments, journal->segments + 1,
		    journal->segment_count * sizeof(*journal->segments));
	}
	return STATUS_OK;
}

bool
journal_wants_spare(const struct journal *journal)
{
	return journal->spare_count == 0;
}

enum status
journal_spare_prepare(const struct journal_options *options,
    struct journal_spare **out, struct error *err)
{
	struct journal_spare *spare = mem_new(sizeof(*spare));
	struct error more;
	struct file *file;

	check_options(options);
	*out = NULL;
	journal_spare_path(spare->path, options);
	if (file_create(options->fs, spare->path, &file, err) != STATUS_OK)
		goto fail;
	/* The space in one piece, and known to be there. */
	if (file_allocate(file, options->segment_bytes, err) != STATUS_OK ||
	    (!options->mapped &&
		journal_write_zeroes(
		    file, 0, options->segment_bytes, true, err) != STATUS_OK)) {
		file_close(file);
		if (path_remove(options->fs, spare->path, &more) != STATUS_OK)
			error_wrap(err, "%s stays behind", spare->path);
		goto fail;
	}
	file_close(file);
	*out = spare;
	return STATUS_OK;
fail:
	journal_spare_close(spare);
	return error_wrap(err, "journal: prepare a segment");
}

void
journal_spare_give(struct journal *journal, struct journal_spare *spare)
{
	add_spare(journal, spare);
}

void
journal_spares_keep(struct journal *journal, size_t count)
{
	while (journal->spare_count > count) {
		struct journal_spare *spare =
		    journal->spares[--journal->spare_count];
		struct error ignored;

		/* One that stays is removed by the next recovery. */
		(void)!path_remove(journal->options.fs, spare->path, &ignored);
		journal_spare_close(spare);
	}
}

void
journal_spare_close(struct journal_spare *spare)
{
	mem_free(spare);
}

uint64_t
journal_last_sequence(const struct journal *journal)
{
	return journal->last_sequence;
}

struct journal_position
journal_last_position(const struct journal *journal)
{
	CHECK(journal->last_position.segment > 0);
	return journal->last_position;
}

uint64_t
journal_size_bytes(const struct journal *journal)
{
	uint64_t size = journal->writer.header.size_bytes;

	for (size_t i = 0; i < journal->segment_count; i++)
		size += journal->segments[i].size_bytes;
	return size;
}

unsigned
journal_segment_count(const struct journal *journal)
{
	return (unsigned)journal->segment_count + 1;
}
