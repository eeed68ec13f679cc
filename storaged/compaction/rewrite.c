#include "storaged/compaction/rewrite.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/os/bus_guard.h"
#include "common/os/path.h"

/* Written between two looks at what the disk has left. */
#define SPACE_CHECK_BYTES (1u << 20)

struct rewrite {
	const struct rewrite_options *options;
	struct iterator *entries;
	const atomic_bool *stop;
	const struct range_set *ranges;
	struct older_tables *older;
	struct rewrite_result *result;
	struct table_builder *builder; /* of the table under way, or NULL */
	uint64_t number; /* of that table */
	size_t unchecked_bytes; /* written since the last look at the disk */
	size_t range_index;
	bool has_range;
	struct range_tombstone range; /* the next piece not yet written */
	struct buffer cut; /* where `range` begins if some of it is written */
};

/* Keys are asked for in ascending order, so the cursors only go forward. */
static bool
older_may_hold(struct older_tables *older, struct slice key)
{
	if (older->any_key)
		return true;
	for (size_t run = 0; run < LEVEL_COUNT; run++) {
		size_t *cursor = &older->cursors[run];

		while (*cursor < older->counts[run] &&
		    table_file_ends_before(older->runs[run][*cursor], key))
			(*cursor)++;
		if (*cursor < older->counts[run] &&
		    table_file_may_hold(older->runs[run][*cursor], key))
			return true;
	}
	return false;
}

static bool
older_may_overlap(
    const struct older_tables *older, const struct range_tombstone *range)
{
	if (older->any_key)
		return true;
	for (size_t run = 0; run < LEVEL_COUNT; run++) {
		for (size_t t = 0; t < older->counts[run]; t++) {
			const struct table_file *table = older->runs[run][t];

			if (!table_file_ends_before(table, range->start) &&
			    (range->end.size == 0 ||
				slice_compare(table_file_first_key(table),
				    range->end) < 0))
				return true;
		}
	}
	return false;
}

/* True for what stays where it is and is read for what it hides alone. */
static bool
only_hides(const struct rewrite *rewrite, uint64_t sequence)
{
	return rewrite->options->hidden_above > 0 &&
	    sequence > rewrite->options->hidden_above;
}

static void
next_range(struct rewrite *rewrite)
{
	do {
		rewrite->has_range = range_set_next(
		    rewrite->ranges, &rewrite->range_index, &rewrite->range);
	} while (rewrite->has_range &&
	    (only_hides(rewrite, rewrite->range.sequence) ||
		!older_may_overlap(rewrite->older, &rewrite->range)));
}

static enum status
begin_table(struct rewrite *rewrite, struct error *err)
{
	const struct rewrite_options *options = rewrite->options;
	char path[PATH_BYTES_MAX];
	struct table_options table = {
	    .number = atomic_fetch_add(options->next_number, 1),
	    .store_id = options->store_id,
	    .compression = options->compression,
	    .block_bytes = options->block_bytes,
	    .clock_ms = options->clock_ms,
	};

	if (rewrite->builder != NULL)
		return STATUS_OK;
	table_file_path(path, options->shard_directory, table.number);
	rewrite->number = table.number;
	return table_builder_create(
	    options->fs, path, &table, &rewrite->builder, err);
}

/*
 * Writes the range tombstones that begin before `bound` to the table under
 * way, cut off at it, so that tables of one level stay disjoint. An empty
 * bound is the end of all keys.
 */
static enum status
write_ranges(struct rewrite *rewrite, struct slice bound, struct error *err)
{
	while (rewrite->has_range &&
	    (bound.size == 0 ||
		slice_compare(rewrite->range.start, bound) < 0)) {
		struct range_tombstone piece = rewrite->range;
		bool cut = bound.size > 0 &&
		    (piece.end.size == 0 ||
			slice_compare(bound, piece.end) < 0);

		if (begin_table(rewrite, err) != STATUS_OK)
			return err->code;
		if (cut)
			piece.end = bound;
		if (table_builder_add_range(rewrite->builder, &piece, err) !=
		    STATUS_OK)
			return err->code;
		if (cut) {
			/* The bound is the iterator's, and it moves on. */
			buffer_clear(&rewrite->cut, SIZE_MAX);
			buffer_append_slice(&rewrite->cut, bound);
			rewrite->range.start = buffer_slice(&rewrite->cut);
			break;
		}
		next_range(rewrite);
	}
	return STATUS_OK;
}

static enum status
finish_table(struct rewrite *rewrite, struct error *err)
{
	struct rewrite_result *result = rewrite->result;
	struct table_summary summary = {0};

	if (rewrite->builder == NULL)
		return STATUS_OK;
	if (table_builder_finish(rewrite->builder, &summary, err) != STATUS_OK)
		return err->code;
	table_builder_close(rewrite->builder);
	rewrite->builder = NULL;
	result->written_bytes += summary.size_bytes;
	if (result->count == result->capacity) {
		result->capacity = result->capacity * 2 + 8;
		result->tables = mem_resize(
		    result->tables, result->capacity * sizeof(*result->tables));
	}
	result->tables[result->count++] = table_file_create(
	    &summary, rewrite->options->compression, rewrite->options->level);
	return STATUS_OK;
}

/* What others have to write must not fail for what a compaction writes. */
static enum status
check_space(struct rewrite *rewrite, size_t bytes, struct error *err)
{
	const struct rewrite_options *options = rewrite->options;
	struct directory_space space;

	rewrite->unchecked_bytes += bytes;
	if (options->disk_left_min == 0 ||
	    (rewrite->builder != NULL &&
		rewrite->unchecked_bytes < SPACE_CHECK_BYTES))
		return STATUS_OK;
	rewrite->unchecked_bytes = 0;
	if (directory_space(options->fs, options->shard_directory, &space,
		err) != STATUS_OK)
		return err->code;
	if (space.free_bytes < options->disk_left_min)
		return error_set(err, STATUS_NO_SPACE,
		    "%s has %" PRIu64 " bytes left, %" PRIu64
		    " are kept for writes",
		    options->shard_directory, space.free_bytes,
		    options->disk_left_min);
	return STATUS_OK;
}

static enum status
write_entry(
    struct rewrite *rewrite, const struct entry *entry, struct error *err)
{
	if (check_space(rewrite, entry->key.size + entry->value.size, err) !=
	    STATUS_OK)
		return err->code;
	if (rewrite->builder != NULL &&
	    table_builder_size_bytes(rewrite->builder) >=
		rewrite->options->table_bytes_max) {
		if (write_ranges(rewrite, entry->key, err) != STATUS_OK ||
		    finish_table(rewrite, err) != STATUS_OK)
			return err->code;
	}
	if (begin_table(rewrite, err) != STATUS_OK)
		return err->code;
	return table_builder_add(rewrite->builder, entry, err);
}

/* True if `entry` must go on; may turn it into a tombstone. */
static bool
is_kept(struct rewrite *rewrite, struct entry *entry)
{
	bool has_expired = entry->kind == ENTRY_PUT &&
	    entry_is_expired(entry, rewrite->options->clock_ms);

	if (only_hides(rewrite, entry->sequence) ||
	    entry->sequence < range_set_cover(rewrite->ranges, entry->key))
		return false;
	if (has_expired) {
		rewrite->result->expired_entries++;
		entry->kind = ENTRY_TOMBSTONE;
		entry->value = SLICE_EMPTY;
		entry->deadline_ms = 0;
	}
	if (entry->kind == ENTRY_PUT ||
	    older_may_hold(rewrite->older, entry->key))
		return true;
	if (!has_expired)
		rewrite->result->dropped_tombstones++;
	return false;
}

/* Runs inside a bus guard: all that it acquires hangs on `rewrite`. */
static enum status
run(void *context, struct error *err)
{
	struct rewrite *rewrite = context;
	struct rewrite_result *result = rewrite->result;
	struct iterator *entries = rewrite->entries;
	enum status status = iterator_seek(entries, SLICE_EMPTY, err);

	next_range(rewrite);
	while (status == STATUS_OK && entries->valid) {
		struct entry entry = entries->entry;

		/* Entries may have 16 MiB: each is worth a look. */
		if (rewrite->stop != NULL &&
		    atomic_load_explicit(rewrite->stop, memory_order_relaxed))
			return error_set(err, STATUS_SHUTDOWN, "stopping");
		result->read_entries++;
		if (is_kept(rewrite, &entry))
			status = write_entry(rewrite, &entry, err);
		else
			result->dropped_entries++;
		if (status == STATUS_OK)
			status = iterator_next(entries, err);
	}
	if (status != STATUS_OK ||
	    write_ranges(rewrite, SLICE_EMPTY, err) != STATUS_OK ||
	    finish_table(rewrite, err) != STATUS_OK)
		return err->code;
	return STATUS_OK;
}

static void
remove_table(const struct rewrite_options *options, uint64_t number)
{
	char path[PATH_BYTES_MAX];
	struct error ignored;

	table_file_path(path, options->shard_directory, number);
	/* Recovery removes tables that no manifest names. */
	(void)!path_remove(options->fs, path, &ignored);
}

/* Also the table under way: it may be what has filled the disk. */
static void
remove_tables(struct rewrite *rewrite)
{
	struct rewrite_result *result = rewrite->result;

	for (size_t i = 0; i < result->count; i++)
		remove_table(
		    rewrite->options, result->tables[i]->summary.number);
	if (rewrite->builder != NULL)
		remove_table(rewrite->options, rewrite->number);
}

enum status
rewrite_run(const struct rewrite_options *options, struct iterator *entries,
    const struct range_set *ranges, struct older_tables *older,
    const atomic_bool *stop, struct rewrite_result *result, struct error *err)
{
	struct rewrite rewrite = {
	    .options = options,
	    .entries = entries,
	    .stop = stop,
	    .ranges = ranges,
	    .older = older,
	    .result = result,
	};
	char directory[PATH_BYTES_MAX];
	enum status status;

	*result = (struct rewrite_result){0};
	status = bus_guard_run(run, &rewrite, err);
	buffer_deinit(&rewrite.cut);
	if (status == STATUS_OK && result->count > 0) {
		path_join(directory, options->shard_directory, "tables");
		status = directory_sync(options->fs, directory, err);
	}
	if (status != STATUS_OK) {
		remove_tables(&rewrite);
		rewrite_result_deinit(result);
	}
	table_builder_close(rewrite.builder);
	return status;
}

void
rewrite_result_deinit(struct rewrite_result *result)
{
	for (size_t i = 0; i < result->count; i++)
		table_file_close(result->tables[i]);
	mem_free(result->tables);
	*result = (struct rewrite_result){0};
}
