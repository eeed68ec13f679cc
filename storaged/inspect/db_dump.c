#include "storaged/inspect/db_dump.h"

#include <stdio.h>

#include "common/base/buffer.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/table_reader.h"
#include "common/lsm/view/view_scan.h"
#include "common/os/bus_guard.h"
#include "storaged/inspect/data_folder.h"
#include "storaged/inspect/offline_store.h"
#include "storaged/manifest/catalog.h"

struct dump {
	const struct db_dump_options *options;
	struct data_folder *folder;
	struct offline_store *store;
	struct buffer start; /* of keys shown */
	struct buffer end;
	uint64_t count;
	bool ended; /* the limit, or the callback */
	/* Raw: where the entries under way come from. */
	char source[64];
	unsigned level;
	struct iterator *iterator;
	bool started;
	struct buffer key; /* copies: the callback runs outside the guard */
	struct buffer value;
	struct entry entry;
};

/* The bounds that prefix, start and end give together. */
static void
set_bounds(struct dump *dump)
{
	const struct db_dump_options *options = dump->options;

	buffer_append_slice(&dump->start,
	    slice_compare(options->start, options->prefix) > 0
		? options->start
		: options->prefix);
	view_scan_prefix_end(options->prefix, &dump->end);
	if (options->end.size > 0 &&
	    (buffer_size(&dump->end) == 0 ||
		slice_compare(options->end, buffer_slice(&dump->end)) < 0)) {
		buffer_clear(&dump->end, SIZE_MAX);
		buffer_append_slice(&dump->end, options->end);
	}
}

static void
show(struct dump *dump, const struct db_dump_entry *entry)
{
	const struct db_dump_options *options = dump->options;

	dump->ended = !options->on_entry(options->context, entry) ||
	    ++dump->count == options->limit;
}

static void
show_entry(struct dump *dump, const struct entry *entry)
{
	struct db_dump_entry shown = {
	    .kind = entry->kind == ENTRY_PUT ? DB_DUMP_PUT : DB_DUMP_TOMBSTONE,
	    .key = entry->key,
	    .value = entry->value,
	    .sequence = entry->sequence,
	    .deadline_ms = entry->deadline_ms,
	    .source = dump->source,
	    .level = dump->level,
	};

	show(dump, &shown);
}

static enum status
dump_live(struct dump *dump, struct error *err)
{
	static const struct view_scan_limits limits = {
	    .entries_max = 1000, .bytes_max = 8 << 20, .steps_max = 10000};
	uint64_t clock_ms = offline_store_clock_ms(dump->store);
	struct view_scan_options options = {
	    .start = buffer_slice(&dump->start),
	    .end = buffer_slice(&dump->end),
	    .sequence_max = UINT64_MAX,
	    .now_ms = dump->options->now_ms > clock_ms ? dump->options->now_ms
						       : clock_ms,
	};
	struct view_scan *scan =
	    view_scan_create(offline_store_view(dump->store), &options);
	struct view_scan_page page = {0};
	enum status status = STATUS_OK;

	while (status == STATUS_OK && !page.is_end && !dump->ended) {
		status = view_scan_read(scan, &limits, &page, err);
		for (size_t i = 0;
		     status == STATUS_OK && i < page.count && !dump->ended; i++)
			show_entry(dump, &page.entries[i]);
	}
	view_scan_close(scan);
	return status;
}

/* Goes on by one entry and copies it. */
static enum status
step_guarded(void *context, struct error *err)
{
	struct dump *dump = context;
	struct iterator *iterator = dump->iterator;
	enum status status = dump->started
	    ? iterator_next(iterator, err)
	    : iterator_seek(iterator, buffer_slice(&dump->start), err);

	dump->started = true;
	if (status != STATUS_OK || !iterator->valid)
		return status;
	dump->entry = iterator->entry;
	buffer_clear(&dump->key, SIZE_MAX);
	buffer_clear(&dump->value, SIZE_MAX);
	buffer_append_slice(&dump->key, iterator->entry.key);
	buffer_append_slice(&dump->value, iterator->entry.value);
	return STATUS_OK;
}

/* Everything of one source. */
static enum status
dump_source(struct dump *dump, struct iterator *iterator,
    struct range_set *ranges, struct error *err)
{
	struct slice end = buffer_slice(&dump->end);

	for (size_t i = 0; i < ranges->range_count && !dump->ended; i++) {
		struct db_dump_entry shown = {
		    .kind = DB_DUMP_RANGE,
		    .key = ranges->ranges[i].start,
		    .value = ranges->ranges[i].end,
		    .sequence = ranges->ranges[i].sequence,
		    .source = dump->source,
		    .level = dump->level,
		};

		show(dump, &shown);
	}
	dump->iterator = iterator;
	dump->started = false;
	while (!dump->ended) {
		if (bus_guard_run(step_guarded, dump, err) != STATUS_OK)
			return err->code;
		if (!iterator->valid)
			break;
		dump->entry.key = buffer_slice(&dump->key);
		dump->entry.value = buffer_slice(&dump->value);
		if (end.size > 0 && slice_compare(dump->entry.key, end) >= 0)
			break;
		show_entry(dump, &dump->entry);
	}
	return STATUS_OK;
}

static enum status
dump_memtable(
    struct dump *dump, struct memtable_reader *memtable, struct error *err)
{
	struct range_set ranges = {0};
	struct iterator *iterator =
	    memtable_iterator_create(memtable, UINT64_MAX);
	enum status status =
	    memtable_reader_ranges(memtable, UINT64_MAX, &ranges, err);

	snprintf(dump->source, sizeof(dump->source), "journal");
	dump->level = 0;
	if (status == STATUS_OK)
		status = dump_source(dump, iterator, &ranges, err);
	iterator_close(iterator);
	range_set_deinit(&ranges);
	return status;
}

struct ranges_request {
	struct table_reader *reader;
	struct range_set *ranges;
};

static enum status
ranges_guarded(void *context, struct error *err)
{
	struct ranges_request *request = context;

	return table_reader_ranges(request->reader, request->ranges, err);
}

static enum status
dump_table(struct dump *dump, const struct table_file *table, struct error *err)
{
	struct range_set ranges = {0};
	struct ranges_request request = {.ranges = &ranges};
	struct iterator *iterator;
	char path[PATH_BYTES_MAX];
	enum status status;

	table_file_path(
	    path, dump->folder->shard_directory, table->summary.number);
	snprintf(dump->source, sizeof(dump->source), "%s",
	    data_folder_short(dump->folder, path));
	dump->level = table->level;
	if (table_reader_open(path, table->summary.number,
		dump->folder->store_id, table->summary.size_bytes, NULL,
		&request.reader, err) != STATUS_OK)
		return err->code;
	iterator = table_iterator_create(request.reader);
	status = bus_guard_run(ranges_guarded, &request, err);
	if (status == STATUS_OK)
		status = dump_source(dump, iterator, &ranges, err);
	iterator_close(iterator);
	table_reader_close(request.reader);
	range_set_deinit(&ranges);
	return status;
}

static enum status
dump_raw(struct dump *dump, struct error *err)
{
	const struct catalog *catalog = offline_store_catalog(dump->store);

	for (size_t i = 0;
	     i < offline_store_memtable_count(dump->store) && !dump->ended; i++)
		if (dump_memtable(dump, offline_store_memtable(dump->store, i),
			err) != STATUS_OK)
			return err->code;
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = 0; t < level->count && !dump->ended; t++)
			if (dump_table(dump, level->tables[t], err) !=
			    STATUS_OK)
				return err->code;
	}
	return STATUS_OK;
}

enum status
db_dump_run(struct data_folder *folder, const struct db_dump_options *options,
    struct error *err)
{
	struct dump dump = {.options = options, .folder = folder};
	enum status status = offline_store_open(folder, &dump.store, err);

	if (status != STATUS_OK)
		return status;
	set_bounds(&dump);
	status = options->raw ? dump_raw(&dump, err) : dump_live(&dump, err);
	offline_store_close(dump.store);
	buffer_deinit(&dump.start);
	buffer_deinit(&dump.end);
	buffer_deinit(&dump.key);
	buffer_deinit(&dump.value);
	return status;
}
