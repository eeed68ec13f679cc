/* repair_journal - how much of a journal can be kept, and from where. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/command/batch.h"
#include "common/journal/journal.h"
#include "common/journal/journal_format.h"
#include "common/os/file.h"
#include "storaged/apply/apply.h"
#include "storaged/inspect/repair_state.h"

#define SEGMENT_BYTES ((uint64_t)16 << 20)

/* Sequences below which others may have been given out without a trace. */
#define SEQUENCES_UNKNOWN (1u << 20)

static struct journal_options
journal_options(const struct repair *repair, const char *directory)
{
	return (struct journal_options){
	    .fs = file_system_real(),
	    .directory = directory,
	    .store_id = repair->folder->store_id,
	    .segment_bytes = SEGMENT_BYTES,
	};
}

/* A batch that recovery would take: as engine_open.c judges it. */
static enum status
check_batch(uint64_t first_sequence, uint32_t count, uint64_t expected,
    struct slice payload, struct batch *batch, struct error *err)
{
	if (batch_decode(payload, batch, err) == STATUS_OK &&
	    batch->command_count + 1 == count && first_sequence == expected)
		return STATUS_OK;
	return error_set(err, STATUS_CORRUPT,
	    "the record of sequence %" PRIu64
	    " is no batch that follows %" PRIu64,
	    first_sequence, expected - 1);
}

static enum status
on_kept(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct repair *repair = context;
	struct batch batch;

	if (check_batch(first_sequence, count, repair->journal_last + 1,
		payload, &batch, err) != STATUS_OK)
		return err->code;
	repair->journal_last += count;
	return STATUS_OK;
}

void
repair_read_journal(struct repair *repair)
{
	struct journal_options options =
	    journal_options(repair, repair->folder->journal_directory);
	struct journal_recovery recovery;
	uint64_t after = repair->catalog.recovery.sequence;

	repair->journal_last = after;
	repair->journal_is_damaged =
	    journal_read(&options, after, on_kept, repair, &recovery,
		&repair->journal_damage) != STATUS_OK;
	if (!repair->journal_is_damaged)
		return;
	repair_say(repair, DB_REPAIR_DAMAGE, "%s", repair->journal_damage.text);
	repair_say(repair, DB_REPAIR_DO,
	    "keep the journal's %" PRIu64 " records up to sequence %" PRIu64,
	    recovery.record_count, repair->journal_last);
	repair_say(repair, DB_REPAIR_LOSE,
	    "every write after sequence %" PRIu64
	    ", answered ones included; these sequences are given out again",
	    repair->journal_last);
}

struct copying {
	struct repair *repair;
	struct journal *journal;
	uint64_t last;
};

static enum status
on_copied(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct copying *copying = context;

	/* Not beyond what was judged to be good. */
	if (copying->last >= copying->repair->journal_last)
		return error_set(err, STATUS_SHUTDOWN, "enough");
	copying->last = first_sequence + count - 1;
	return journal_append(
	    copying->journal, first_sequence, count, payload, err);
}

static enum status
no_record(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	(void)context;
	(void)count;
	(void)payload;
	return error_set(err, STATUS_CONFLICT,
	    "the new journal has a record already, of sequence %" PRIu64,
	    first_sequence);
}

static enum status
move_segment(void *context, const char *name, struct error *err)
{
	struct repair *repair = context;
	char path[PATH_BYTES_MAX];

	path_join(path, repair->folder->journal_directory, name);
	return repair_move_away(repair, path, err);
}

/* Appends the kept records of the old journal to a new one. */
static enum status
copy_records(struct repair *repair, const char *old, struct error *err)
{
	struct journal_options from = journal_options(repair, old);
	struct journal_options to =
	    journal_options(repair, repair->folder->journal_directory);
	struct copying copying = {
	    .repair = repair, .last = repair->catalog.recovery.sequence};
	struct journal_recovery recovery;
	struct error ended;
	enum status status;

	status = journal_open(&to, copying.last, no_record, NULL, &recovery,
	    &copying.journal, err);
	if (status != STATUS_OK)
		return status;
	/* It ends where it ended before: that is the damage. */
	(void)!journal_read(
	    &from, copying.last, on_copied, &copying, &recovery, &ended);
	if (copying.last != repair->journal_last)
		status = error_set(err, STATUS_CORRUPT,
		    "copied up to sequence %" PRIu64 " of %" PRIu64 ": %s",
		    copying.last, repair->journal_last, ended.text);
	if (status == STATUS_OK)
		status = journal_commit(copying.journal, true, err);
	journal_close(copying.journal);
	return status;
}

enum status
repair_rewrite_journal(struct repair *repair, struct error *err)
{
	const char *directory = repair->folder->journal_directory;
	char old[PATH_BYTES_MAX];

	if (directory_list(directory, move_segment, repair, err) != STATUS_OK ||
	    directory_sync(file_system_real(), directory, err) != STATUS_OK)
		return err->code;
	/* Only moving has given the folder its name. */
	path_join(old, repair->lost_folder,
	    data_folder_short(repair->folder, directory));
	if (copy_records(repair, old, err) != STATUS_OK)
		return error_wrap(err, "new journal");
	return STATUS_OK;
}

/* What the journal says about the time before it. */
struct survey {
	uint64_t after; /* looked for from here on */
	bool any; /* record was seen */
	uint64_t point; /* the end of the batch that the tables end in */
	uint64_t clock_ms;
	struct survey_writer {
		uint8_t id[WRITER_ID_BYTES];
		uint64_t last; /* applied before the point */
	} * writers;
	size_t writer_count;
};

/*
 * The first batch behind the point of a writer says how far he was. One that
 * is just registering is nobody yet.
 */
static void
note_writer(struct survey *survey, const struct batch *batch)
{
	if (batch->kind == BATCH_TICK)
		return;
	for (size_t i = 0; i < survey->writer_count; i++) {
		if (memcmp(survey->writers[i].id, batch->origin.writer,
			WRITER_ID_BYTES) == 0)
			return;
	}
	survey->writers = mem_resize(survey->writers,
	    (survey->writer_count + 1) * sizeof(*survey->writers));
	memcpy(survey->writers[survey->writer_count].id, batch->origin.writer,
	    WRITER_ID_BYTES);
	/* UINT64_MAX: registers here, so it is not to be made known. */
	survey->writers[survey->writer_count++].last =
	    batch->kind == BATCH_REGISTRATION ? UINT64_MAX
					      : batch->origin.number - 1;
}

static enum status
on_surveyed(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct survey *survey = context;
	struct batch batch;

	if (batch_decode(payload, &batch, err) != STATUS_OK)
		return err->code;
	if (!survey->any) {
		survey->any = true;
		survey->clock_ms = batch.stamp_ms;
		survey->point = first_sequence - 1;
		/* A batch lies in one memtable: this one is in the tables. */
		if (first_sequence <= survey->after) {
			survey->point = first_sequence + count - 1;
			return STATUS_OK;
		}
	}
	note_writer(survey, &batch);
	return STATUS_OK;
}

struct first_segment {
	const struct repair *repair;
	uint64_t first_sequence; /* UINT64_MAX: there is none */
};

static enum status
on_segment_name(void *context, const char *name, struct error *err)
{
	struct first_segment *first = context;
	uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES];
	struct journal_segment_header header;
	char path[PATH_BYTES_MAX];
	struct file *file;
	uint64_t seed;
	size_t got;

	if (strlen(name) != 20 || strcmp(name + 16, ".log") != 0)
		return STATUS_OK;
	path_join(path, first->repair->folder->journal_directory, name);
	if (file_open(file_system_real(), path, &file, err) != STATUS_OK)
		return err->code;
	if (file_read_at(file, 0, bytes, sizeof(bytes), &got, err) ==
		STATUS_OK &&
	    got == sizeof(bytes) &&
	    journal_segment_header_decode(bytes, &header, &seed) &&
	    header.first_sequence < first->first_sequence)
		first->first_sequence = header.first_sequence;
	file_close(file);
	return STATUS_OK;
}

/* The state of applying as FORMAT.md, "Applied state", has it. */
static void
encode_state(const struct survey *survey, struct buffer *out)
{
	uint8_t bytes[8] = {1};
	size_t place;
	uint32_t count = 0;

	buffer_append(out, bytes, 8);
	u64_store(bytes, survey->clock_ms);
	buffer_append(out, bytes, 8);
	place = buffer_size(out);
	buffer_append(out, bytes, 4);
	for (size_t i = 0; i < survey->writer_count; i++) {
		const struct survey_writer *writer = &survey->writers[i];

		if (writer->last == UINT64_MAX)
			continue;
		count++;
		buffer_append(out, writer->id, WRITER_ID_BYTES);
		u64_store(bytes, writer->last);
		buffer_append(out, bytes, 8);
		buffer_append(out, bytes, 8);
		u64_store(bytes, survey->clock_ms);
		buffer_append(out, bytes, 8);
	}
	u32_store(out->data + out->start + place, count);
}

/*
 * Tables hold everything up to the recovery point, and segments go only when
 * they are behind it: so it lies at or behind the last sequence of a table,
 * and not behind the first sequence that the journal still has.
 */
enum status
repair_find_point(struct repair *repair, struct error *err)
{
	struct recovery_point *point = &repair->catalog.recovery;
	struct first_segment first = {repair, UINT64_MAX};
	struct journal_options options =
	    journal_options(repair, repair->folder->journal_directory);
	struct journal_recovery recovery;
	struct survey survey = {0};
	struct apply *apply;
	uint64_t in_tables = 0;
	struct error ended;

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < repair->catalog.levels[i].count; t++) {
			const struct table_file *table =
			    repair->catalog.levels[i].tables[t];

			if (table->summary.sequence_max > in_tables)
				in_tables = table->summary.sequence_max;
		}
	}
	if (path_exists(options.directory) &&
	    directory_list(options.directory, on_segment_name, &first, err) !=
		STATUS_OK)
		return err->code;
	survey.after = in_tables;
	if (first.first_sequence == UINT64_MAX) {
		survey.point = in_tables + SEQUENCES_UNKNOWN;
	} else {
		if (first.first_sequence > in_tables + 1) {
			survey.after = first.first_sequence - 1;
			repair_say(repair, DB_REPAIR_DOUBT,
			    "the tables end at sequence %" PRIu64
			    " and the journal begins at %" PRIu64
			    ": if a table is missing, what was between them "
			    "is lost",
			    in_tables, first.first_sequence);
		}
		survey.point = survey.after;
		(void)!journal_read(&options, survey.after, on_surveyed,
		    &survey, &recovery, &ended);
	}
	point->sequence = survey.point;
	point->clock_ms = survey.clock_ms;
	encode_state(&survey, &point->writers);
	mem_free(survey.writers);
	if (apply_decode(buffer_slice(&point->writers), &apply, err) !=
	    STATUS_OK)
		return error_wrap(err, "state at the recovery point");
	apply_close(apply);
	repair_say(repair, DB_REPAIR_DO,
	    "set the recovery point to sequence %" PRIu64, point->sequence);
	repair_say(repair, DB_REPAIR_DOUBT,
	    "answers to writes before it are forgotten: a client that asks "
	    "again is told that the outcome is unknown");
	return STATUS_OK;
}
