/*
 * What a crash can leave, and what it cannot, decides here. A segment is
 * synced before the next one gets its name, and its own header is synced
 * before anything in it is called written. Each record says how much of its
 * segment was on disk when it was written. So where a record is missing or
 * damaged,
 *   - in the last segment, with nothing intact behind it but records that
 *     say it was not yet on disk: it never was; the journal ends there;
 *   - with an intact record behind it that says it was on disk, or with a
 *     later segment: the disk lost it. If everything that is lost is at or
 *     below the recovery point, nobody needs it; else we refuse.
 * What is read of the last segment goes to a fresh file: after a failed sync
 * the kernel shows bytes that are not on disk and calls them clean.
 */
#include "common/journal/journal_recovery.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/journal/journal_directory.h"
#include "common/journal/journal_reader.h"
#include "common/os/file.h"

struct recovery {
	const struct journal_options *options;
	uint64_t after_sequence;
	journal_on_record *on_record;
	void *context;
	struct journal_recovery *report;
	struct journal_recovered *recovered; /* NULL: only reading */
	struct journal_directory directory;
	size_t start; /* the first file that is needed */
	uint64_t expected; /* the next sequence */
	/* Of the file being read: */
	const struct journal_file *file;
	char path[PATH_BYTES_MAX];
	bool is_tail; /* the last one with a header */
};

static enum status
lost(const char *path, uint64_t offset, const char *why, struct error *err)
{
	return error_set(err, STATUS_CORRUPT,
	    "%s: damaged at offset %" PRIu64 ": %s", path, offset, why);
}

/* Opens a fresh file for the tail, under a passing name. */
static enum status
begin_tail(struct recovery *recovery, uint64_t first_sequence,
    uint64_t size_bytes, struct error *err)
{
	const struct journal_options *options = recovery->options;
	struct journal_segment_header header = {
	    .version = JOURNAL_FORMAT_VERSION,
	    .shard = options->shard,
	    .number = recovery->file == NULL ? 1 : recovery->file->number,
	    .first_sequence = first_sequence,
	    .size_bytes = size_bytes,
	};
	char path[PATH_BYTES_MAX + 4];
	struct file *file;

	memcpy(header.store_id, options->store_id, sizeof(header.store_id));
	journal_segment_path(recovery->path, options, header.number);
	snprintf(path, sizeof(path), "%s.new", recovery->path);
	if (file_create(options->fs, path, &file, err) != STATUS_OK)
		return err->code;
	journal_writer_begin(&recovery->recovered->tail, file, &header);
	return STATUS_OK;
}

/*
 * A kept record of the last segment goes to the fresh file. That gets its
 * name only when all of it is on disk, so each record may say that what
 * stands before it is.
 */
static enum status
keep(struct recovery *recovery, const struct journal_found *found,
    struct error *err)
{
	struct journal_writer *tail = &recovery->recovered->tail;
	uint64_t size = recovery->options->segment_bytes;

	if (recovery->file->header.size_bytes > size)
		size = recovery->file->header.size_bytes;
	if (tail->file == NULL &&
	    begin_tail(recovery, found->record.first_sequence, size, err) !=
		STATUS_OK)
		return err->code;
	/* Its header gets shorter, if anything: nothing before is unsynced. */
	if (journal_record_bytes(&found->record) > journal_writer_room(tail))
		return lost(recovery->path, found->offset,
		    "it holds more than its header says", err);
	recovery->report->position =
	    journal_writer_position(tail, found->payload.size);
	journal_writer_append(tail, found->record.first_sequence,
	    found->record.count, found->payload, tail->end);
	if (buffer_size(&tail->gather) < (size_t)1 << 20)
		return STATUS_OK;
	return journal_writer_flush(tail, err);
}

static enum status
take(struct recovery *recovery, const struct journal_found *found,
    struct error *err)
{
	struct journal_recovery *report = recovery->report;
	uint64_t last = journal_record_last(&found->record);

	recovery->expected = last + 1;
	if (last <= recovery->after_sequence)
		return STATUS_OK;
	report->record_count++;
	report->payload_bytes += found->payload.size;
	report->position = (struct journal_position){recovery->file->number,
	    (uint32_t)found->offset, found->record.payload_bytes};
	/* First, so that the position is the one in the fresh file. */
	if (recovery->is_tail && recovery->recovered != NULL &&
	    keep(recovery, found, err) != STATUS_OK)
		return err->code;
	if (recovery->on_record(recovery->context, found->record.first_sequence,
		found->record.count, found->payload, err) != STATUS_OK)
		return error_wrap(err, "%s: record at offset %" PRIu64,
		    recovery->path, found->offset);
	return STATUS_OK;
}

/* Reads on from *offset while records are intact; *offset is where not. */
static enum status
read_run(struct recovery *recovery, struct journal_reader *reader,
    struct journal_found *found, uint64_t *offset, struct error *err)
{
	for (;;) {
		uint64_t first;

		if (journal_reader_at(reader, *offset, found, err) != STATUS_OK)
			return err->code;
		if (found->place != JOURNAL_PLACE_INTACT)
			return STATUS_OK;
		first = found->record.first_sequence;
		if (first < recovery->expected ||
		    (first > recovery->expected &&
			first > recovery->after_sequence + 1))
			return lost(recovery->path, *offset,
			    "the sequences do not follow on", err);
		if (take(recovery, found, err) != STATUS_OK)
			return err->code;
		*offset += journal_record_bytes(&found->record);
	}
}

static void
report_torn(struct recovery *recovery, uint64_t offset)
{
	recovery->report->torn = true;
	recovery->report->torn_offset = offset;
	snprintf(recovery->report->torn_path,
	    sizeof(recovery->report->torn_path), "%s", recovery->path);
}

/*
 * Reading stopped at `damage`. Finds where it can go on, if all that is
 * missing is below the recovery point: *offset is there then. Otherwise
 * *offset is `damage`, and the journal ends there or is refused.
 */
static enum status
pass_damage(struct recovery *recovery, struct journal_reader *reader,
    uint64_t damage, uint64_t *offset, struct error *err)
{
	uint64_t next = damage + 1;

	*offset = damage;
	for (;;) {
		struct journal_found found;

		if (journal_reader_scan(reader, next, &found, err) != STATUS_OK)
			return err->code;
		if (found.place != JOURNAL_PLACE_INTACT)
			return STATUS_OK;
		if (found.record.first_sequence >= recovery->expected &&
		    found.record.first_sequence <=
			recovery->after_sequence + 1) {
			*offset = found.offset;
			return STATUS_OK;
		}
		if (found.record.durable_bytes > damage || !recovery->is_tail)
			return lost(recovery->path, damage,
			    "an intact record follows", err);
		report_torn(recovery, damage);
		next = found.offset + journal_record_bytes(&found.record);
	}
}

/* Whether the last segment ends at `offset` as no clean one does. */
static enum status
check_torn(struct recovery *recovery, struct journal_reader *reader,
    const struct journal_found *found, uint64_t offset, struct error *err)
{
	bool residue;

	if (journal_reader_has_residue(reader, offset, &residue, err) !=
	    STATUS_OK)
		return err->code;
	if (residue || found->place == JOURNAL_PLACE_HEADER ||
	    reader->size_bytes < recovery->file->header.size_bytes)
		report_torn(recovery, offset);
	return STATUS_OK;
}

/*
 * Whether the next segment says that this one ends here. One without a header
 * says nothing, and is refused in its turn.
 */
static bool
next_follows_on(const struct recovery *recovery)
{
	const struct journal_file *next = recovery->file + 1;

	return !recovery->is_tail &&
	    (!next->intact ||
		next->header.first_sequence == recovery->expected);
}

static enum status
read_records(
    struct recovery *recovery, struct journal_reader *reader, struct error *err)
{
	uint64_t offset = JOURNAL_SEGMENT_HEADER_BYTES;

	for (;;) {
		struct journal_found found;
		uint64_t stop;

		if (read_run(recovery, reader, &found, &offset, err) !=
		    STATUS_OK)
			return err->code;
		if (next_follows_on(recovery))
			return STATUS_OK;
		stop = offset;
		if (pass_damage(recovery, reader, stop, &offset, err) !=
		    STATUS_OK)
			return err->code;
		if (offset > stop)
			continue;
		if (recovery->is_tail)
			return check_torn(recovery, reader, &found, stop, err);
		return lost(recovery->path, stop,
		    "records are missing before the next segment", err);
	}
}

static enum status
read_segment(struct recovery *recovery, struct error *err)
{
	struct journal_reader reader = {0};
	struct file *opened;
	enum status status;

	if (file_open(recovery->options->fs, recovery->path, &opened, err) !=
	    STATUS_OK)
		return err->code;
	recovery->report->segment_count++;
	status = journal_reader_init(&reader, opened,
	    &(struct journal_base){
		recovery->file->seed, recovery->file->header.first_sequence},
	    err);
	if (status == STATUS_OK)
		status = read_records(recovery, &reader, err);
	journal_reader_deinit(&reader);
	file_close(opened);
	return status;
}

/*
 * The last file has no header: its name was given, and then either nothing
 * of it reached the disk, or damage hit the header. It had to be the one that
 * follows on, so its seed is known; a record that says that something of
 * this segment was on disk contradicts the first.
 */
static enum status
check_headless(struct recovery *recovery, struct error *err)
{
	struct journal_segment_header header = {
	    .version = JOURNAL_FORMAT_VERSION,
	    .shard = recovery->options->shard,
	    .number = recovery->file->number,
	    .first_sequence = recovery->expected,
	    .size_bytes = recovery->file->size_bytes,
	};
	uint64_t offset = JOURNAL_SEGMENT_HEADER_BYTES;
	uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES];
	struct journal_base base = {.first_sequence = header.first_sequence};
	struct journal_reader reader = {0};
	struct journal_found found = {.place = JOURNAL_PLACE_INTACT};
	struct file *opened;
	enum status status;

	memcpy(header.store_id, recovery->options->store_id,
	    sizeof(header.store_id));
	/* It did not get its space yet, or lost what it had: who knows? */
	if (header.size_bytes < recovery->options->segment_bytes)
		report_torn(recovery, 0);
	if (file_open(recovery->options->fs, recovery->path, &opened, err) !=
	    STATUS_OK)
		return err->code;
	base.seed = journal_segment_header_encode(bytes, &header);
	status = journal_reader_init(&reader, opened, &base, err);
	while (status == STATUS_OK && found.place == JOURNAL_PLACE_INTACT) {
		status = journal_reader_at(&reader, offset, &found, err);
		if (status != STATUS_OK || found.place != JOURNAL_PLACE_INTACT)
			break;
		report_torn(recovery, 0);
		if (found.record.durable_bytes > 0)
			status = lost(recovery->path, 0,
			    "the header, and intact records follow", err);
		offset += journal_record_bytes(&found.record);
	}
	journal_reader_deinit(&reader);
	file_close(opened);
	return status;
}

/* The first file needed: the last that begins at or below what is next. */
static enum status
find_start(struct recovery *recovery, size_t *tail, struct error *err)
{
	const struct journal_directory *directory = &recovery->directory;
	bool found = false;

	for (size_t i = 0; i < directory->file_count; i++) {
		const struct journal_file *file = &directory->files[i];

		if (!file->intact)
			continue;
		*tail = i;
		if (file->header.first_sequence <=
		    recovery->after_sequence + 1) {
			recovery->start = i;
			found = true;
		}
	}
	if (found)
		return STATUS_OK;
	/* The first segment's header is on disk before it has its name. */
	journal_segment_path(
	    recovery->path, recovery->options, directory->files[0].number);
	if (!directory->files[0].intact)
		return lost(recovery->path, 0, "no intact header", err);
	return error_set(err, STATUS_CORRUPT,
	    "%s: offset 0: it begins at sequence %" PRIu64
	    ", and the records from %" PRIu64 " on are missing",
	    recovery->path, directory->files[0].header.first_sequence,
	    recovery->after_sequence + 1);
}

static void
go_to_file(struct recovery *recovery, size_t i, size_t tail)
{
	recovery->file = &recovery->directory.files[i];
	recovery->is_tail = i == tail;
	journal_segment_path(
	    recovery->path, recovery->options, recovery->file->number);
}

static void
add_segment(struct recovery *recovery)
{
	struct journal_recovered *recovered = recovery->recovered;

	recovered->segments = mem_resize(recovered->segments,
	    (recovered->segment_count + 1) * sizeof(*recovered->segments));
	recovered->segments[recovered->segment_count++] =
	    (struct journal_segment){
		.number = recovery->file->number,
		.last_sequence = recovery->expected - 1,
		.size_bytes = recovery->file->header.size_bytes,
	    };
}

/* Reads all that is needed, and leaves recovery->file at the tail. */
static enum status
read_all(struct recovery *recovery, struct error *err)
{
	const struct journal_directory *directory = &recovery->directory;
	size_t tail = 0;

	if (find_start(recovery, &tail, err) != STATUS_OK)
		return err->code;
	recovery->expected =
	    directory->files[recovery->start].header.first_sequence;
	for (size_t i = recovery->start; i <= tail; i++) {
		go_to_file(recovery, i, tail);
		if (!recovery->file->intact)
			return lost(recovery->path, 0,
			    "no intact header, and a later segment follows",
			    err);
		if (read_segment(recovery, err) != STATUS_OK)
			return err->code;
		if (!recovery->is_tail && recovery->recovered != NULL)
			add_segment(recovery);
	}
	if (tail + 1 < directory->file_count) {
		if (recovery->report->torn)
			return lost(recovery->path,
			    recovery->report->torn_offset,
			    "a later segment follows", err);
		go_to_file(recovery, tail + 1, tail);
		if (tail + 2 < directory->file_count)
			return lost(recovery->path, 0,
			    "no intact header, and a later segment follows",
			    err);
		if (check_headless(recovery, err) != STATUS_OK)
			return err->code;
	}
	go_to_file(recovery, tail, tail);
	return STATUS_OK;
}

/* Its space must be there before it is mapped. */
static enum status
fill_tail(struct journal_writer *tail, const struct journal_options *options,
    struct error *err)
{
	return options->mapped
	    ? file_allocate(tail->file, tail->header.size_bytes, err)
	    : journal_writer_fill(tail, err);
}

/* Makes the fresh tail the real one, durably. */
static enum status
finish_tail(struct recovery *recovery, struct error *err)
{
	const struct journal_options *options = recovery->options;
	struct journal_writer *tail = &recovery->recovered->tail;
	struct file *file;

	if (tail->file == NULL &&
	    begin_tail(recovery, recovery->expected, options->segment_bytes,
		err) != STATUS_OK)
		return err->code;
	if (journal_writer_flush(tail, err) != STATUS_OK ||
	    fill_tail(tail, options, err) != STATUS_OK ||
	    journal_writer_sync(tail, err) != STATUS_OK ||
	    path_rename(options->fs, file_path(tail->file), recovery->path,
		err) != STATUS_OK ||
	    directory_sync(options->fs, options->directory, err) != STATUS_OK)
		return err->code;
	/* From here on errors shall name the file by its name. */
	if (file_open_writable(options->fs, recovery->path, &file, err) !=
	    STATUS_OK)
		return err->code;
	file_close(tail->file);
	tail->file = file;
	return STATUS_OK;
}

/* Removes segments by their place among the files. */
static enum status
remove_segments(
    struct recovery *recovery, size_t first, size_t end, struct error *err)
{
	char path[PATH_BYTES_MAX];

	for (size_t i = first; i < end; i++) {
		journal_segment_path(path, recovery->options,
		    recovery->directory.files[i].number);
		if (path_remove(recovery->options->fs, path, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

/*
 * Removes spares and what was never finished, before the fresh tail is
 * begun: on a full disk that is the space for it.
 */
static enum status
remove_leftovers(struct recovery *recovery, struct error *err)
{
	const struct journal_directory *directory = &recovery->directory;

	for (size_t i = 0; i < directory->leftover_count; i++) {
		if (path_remove(recovery->options->fs, directory->leftovers[i],
			err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

/* The place of the first file behind the tail's. */
static size_t
behind_tail(const struct recovery *recovery)
{
	return recovery->file == NULL
	    ? 0
	    : (size_t)(recovery->file - recovery->directory.files) + 1;
}

enum status
journal_recover(const struct journal_options *options, uint64_t after_sequence,
    journal_on_record *on_record, void *context,
    struct journal_recovery *report, struct journal_recovered *recovered,
    struct error *err)
{
	struct recovery recovery = {
	    .options = options,
	    .after_sequence = after_sequence,
	    .on_record = on_record,
	    .context = context,
	    .report = report,
	    .recovered = recovered,
	};
	enum status status;

	*report = (struct journal_recovery){0};
	status = journal_directory_read(&recovery.directory, options, err);
	if (status == STATUS_OK)
		status = remove_leftovers(&recovery, err);
	if (status == STATUS_OK && recovery.directory.file_count > 0)
		status = read_all(&recovery, err);
	/* Nobody needs what lies before the recovery point. */
	if (status == STATUS_OK)
		status = remove_segments(&recovery, 0, recovery.start, err);
	/*
	 * Behind the tail is at most a name whose file holds nothing. It must
	 * be gone for good before the tail grows again: a torn tail with a
	 * later segment is refused. The folder is synced with the fresh tail.
	 */
	if (status == STATUS_OK)
		status = remove_segments(&recovery, behind_tail(&recovery),
		    recovery.directory.file_count, err);
	if (recovery.expected <= after_sequence)
		recovery.expected = after_sequence + 1;
	if (status == STATUS_OK)
		status = finish_tail(&recovery, err);
	recovered->last_sequence = recovery.expected - 1;
	journal_directory_deinit(&recovery.directory);
	return status;
}

enum status
journal_read(const struct journal_options *options, uint64_t after_sequence,
    journal_on_record *on_record, void *context,
    struct journal_recovery *report, struct error *err)
{
	struct recovery recovery = {
	    .options = options,
	    .after_sequence = after_sequence,
	    .on_record = on_record,
	    .context = context,
	    .report = report,
	};
	enum status status;

	*report = (struct journal_recovery){0};
	if (!path_exists(options->directory))
		return STATUS_OK;
	status = journal_directory_read(&recovery.directory, options, err);
	if (status == STATUS_OK && recovery.directory.file_count > 0)
		status = read_all(&recovery, err);
	journal_directory_deinit(&recovery.directory);
	return status;
}
