#include "common/lsm/view/view.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/merge.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/table_reader.h"
#include "common/lsm/view/view_private.h"
#include "common/os/bus_guard.h"

/* One guarded opening of a memtable. */
struct view_opening {
	struct view *view;
	const struct view_sources *sources;
	struct view_file *file;
};

static void description_copy(
    struct view_description *into, const struct view_description *from);
static enum status open_memtables(
    struct view *view, const struct view_sources *sources, struct error *err);
static enum status open_tables(
    struct view *view, const struct view_sources *sources, struct error *err);
static enum status arrange_tables(struct view *view, struct error *err);
static enum status gather_table_ranges(void *context, struct error *err);
static void file_release(struct view_file *file);

enum status
view_open(const struct view_description *description,
    const struct view_sources *sources, struct view **out, struct error *err)
{
	struct view *view = mem_new(sizeof(*view));

	*out = NULL;
	view->owners = 1;
	description_copy(&view->description, description);
	if (open_memtables(view, sources, err) != STATUS_OK ||
	    open_tables(view, sources, err) != STATUS_OK ||
	    arrange_tables(view, err) != STATUS_OK ||
	    bus_guard_run(gather_table_ranges, view, err) != STATUS_OK)
		goto fail;
	*out = view;
	return STATUS_OK;
fail:
	view_close(view);
	return err->code;
}

struct view *
view_retain(struct view *view)
{
	view->owners++;
	return view;
}

void
view_close(struct view *view)
{
	if (view == NULL || --view->owners > 0)
		return;
	table_pin_release(&view->pin);
	view_scan_free(view->spare_scan);
	for (size_t i = 0; i < view->description.memtable_count; i++)
		file_release(view->memtable_files[i]);
	for (size_t i = 0; i < view->description.table_count; i++)
		file_release(view->table_files[i]);
	range_set_deinit(&view->ranges);
	buffer_deinit(&view->value);
	mem_free(view->memtables);
	mem_free(view->tables);
	mem_free(view->starts);
	mem_free(view->memtable_files);
	mem_free(view->table_files);
	mem_free(view->by_number);
	view_description_deinit(&view->description);
	mem_free(view);
}

const struct view_description *
view_describe(const struct view *view)
{
	return &view->description;
}

struct iterator *
view_iterator_create(
    struct view *view, uint64_t sequence_max, const struct range_set *shadows)
{
	size_t capacity =
	    view->description.memtable_count + view->description.table_count;
	struct iterator **children =
	    mem_new_array(capacity + 1, sizeof(*children));
	struct iterator *merged;
	size_t count = 0;

	for (size_t i = 0; i < view->description.memtable_count; i++)
		children[count++] =
		    memtable_iterator_create(view->memtables[i], sequence_max);
	for (size_t i = 0; i < view->levels[0].count; i++) {
		/* The numbers of level 0 are each for a run of its own. */
		struct table_run one = table_run_of(
		    &view->levels[0].tables[i], 1, &view->starts[i]);

		children[count++] = table_run_iterator_create(one, shadows);
	}
	for (unsigned level = 1; level < VIEW_LEVELS_MAX; level++) {
		if (view->levels[level].count > 0)
			children[count++] = table_run_iterator_create(
			    view->levels[level], shadows);
	}
	merged = merge_iterator_create(children, count);
	mem_free(children);
	return merged;
}

/* Memtables come first, and nothing else changes. */
void
view_iterator_renew(
    struct view *view, struct iterator *it, uint64_t sequence_max)
{
	size_t count = view->description.memtable_count + view->levels[0].count;

	for (unsigned level = 1; level < VIEW_LEVELS_MAX; level++)
		count += view->levels[level].count > 0 ? 1 : 0;
	for (size_t i = 0; i < view->description.memtable_count; i++)
		memtable_iterator_renew(
		    merge_iterator_child(it, count, i), sequence_max);
}

enum status
view_ranges(struct view *view, uint64_t sequence_max, struct range_set *into,
    struct error *err)
{
	struct range_tombstone range;
	size_t index = 0;

	for (size_t i = 0; i < view->description.memtable_count; i++) {
		if (memtable_reader_has_ranges(view->memtables[i]) &&
		    memtable_reader_ranges(view->memtables[i], sequence_max,
			into, err) != STATUS_OK)
			return err->code;
	}
	while (range_set_next(&view->ranges, &index, &range))
		range_set_add(into, &range);
	range_set_seal(into);
	return STATUS_OK;
}

struct view_size
view_level_size(const struct view *view, unsigned level)
{
	struct view_size size = {0};

	CHECK(level < VIEW_LEVELS_MAX);
	size.table_count = view->levels[level].count;
	for (size_t i = 0; i < view->levels[level].count; i++) {
		const struct table_summary *summary =
		    view->levels[level].tables[i].summary;

		size.table_bytes += summary->size_bytes;
		size.entry_count += summary->entry_count;
		size.tombstone_count += summary->tombstone_count;
	}
	return size;
}

struct view_table
view_table_of(const struct table_summary *summary, unsigned level)
{
	CHECK(level < VIEW_LEVELS_MAX);
	return (struct view_table){.number = summary->number,
	    .size_bytes = summary->size_bytes,
	    .sequence_min = summary->sequence_min,
	    .sequence_max = summary->sequence_max,
	    .deadline_min_ms = summary->deadline_min,
	    .first = view_bound_of(buffer_slice(&summary->first_key)),
	    .last = view_bound_of(buffer_slice(&summary->last_key)),
	    .level = (uint8_t)level,
	    .last_unbounded = summary->last_unbounded,
	    .has_ranges = summary->range_count > 0};
}

static void
description_copy(
    struct view_description *into, const struct view_description *from)
{
	*into = *from;
	into->memtables =
	    mem_dup(from->memtables, from->memtable_count * sizeof(uint64_t));
	into->memtable_capacity = from->memtable_count;
	into->tables = mem_dup(
	    from->tables, from->table_count * sizeof(struct view_table));
	into->table_capacity = from->table_count;
}

/* The memtable of this number, retained; NULL if `previous` has none. */
static struct view_file *
share_memtable(
    const struct view *view, const struct view *previous, uint64_t number)
{
	/*
	 * Numbers should never come again, but nothing durable guards those
	 * of memtables: the incarnation does.
	 */
	if (previous == NULL ||
	    previous->description.incarnation != view->description.incarnation)
		return NULL;
	for (size_t i = 0; i < previous->description.memtable_count; i++) {
		struct view_file *file = previous->memtable_files[i];

		if (file->number == number) {
			file->owners++;
			return file;
		}
	}
	return NULL;
}

static enum status
open_memtable_guarded(void *context, struct error *err)
{
	struct view_opening *opening = context;
	struct view_description *description = &opening->view->description;
	char path[PATH_BYTES_MAX];

	view_path_memtable(
	    path, opening->sources->folders.runtime, opening->file->number);
	return memtable_reader_open(path, opening->file->number,
	    description->store_id, &opening->file->memtable, err);
}

static enum status
open_memtable(struct view *view, const struct view_sources *sources,
    size_t index, struct error *err)
{
	uint64_t number = view->description.memtables[index];
	struct view_file *file =
	    share_memtable(view, sources->previous, number);
	struct view_opening opening = {view, sources, file};

	if (file == NULL) {
		file = mem_new(sizeof(*file));
		file->owners = 1;
		file->number = number;
	}
	view->memtable_files[index] = file;
	opening.file = file;
	for (size_t i = 0;
	     file->memtable == NULL && i < sources->memtable_count; i++) {
		if (memtable_reader_number(sources->memtables[i]) == number) {
			file->memtable = sources->memtables[i];
			file->is_borrowed = true;
		}
	}
	if (file->memtable == NULL &&
	    bus_guard_run(open_memtable_guarded, &opening, err) != STATUS_OK)
		return err->code;
	view->memtables[index] = file->memtable;
	return STATUS_OK;
}

/* The order of what view_close() needs: the arrays first, then their files. */
static enum status
open_memtables(
    struct view *view, const struct view_sources *sources, struct error *err)
{
	size_t count = view->description.memtable_count;

	view->memtables = mem_new_array(count + 1, sizeof(*view->memtables));
	view->memtable_files =
	    mem_new_array(count + 1, sizeof(*view->memtable_files));
	view->table_files = mem_new_array(
	    view->description.table_count + 1, sizeof(*view->table_files));
	for (size_t i = 0; i < count; i++) {
		if (open_memtable(view, sources, i, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

static int
compare_numbers(const void *a, const void *b)
{
	const struct view_file *const *x = a;
	const struct view_file *const *y = b;

	return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

/* The table of this number, retained; NULL if `previous` has none. */
static struct view_file *
share_table(const struct view *previous, uint64_t number)
{
	struct view_file wanted = {.number = number};
	const struct view_file *key = &wanted;
	struct view_file **found;

	if (previous == NULL || previous->description.table_count == 0)
		return NULL;
	found = bsearch(&key, previous->by_number,
	    previous->description.table_count, sizeof(*found), compare_numbers);
	if (found == NULL)
		return NULL;
	(*found)->owners++;
	return *found;
}

static enum status
open_tables(
    struct view *view, const struct view_sources *sources, struct error *err)
{
	const struct view_description *description = &view->description;
	char path[PATH_BYTES_MAX];

	for (size_t i = 0; i < description->table_count; i++) {
		const struct view_table *table = &description->tables[i];
		struct view_file *file =
		    share_table(sources->previous, table->number);

		if (file == NULL) {
			file = mem_new(sizeof(*file));
			file->owners = 1;
			file->number = table->number;
		}
		view->table_files[i] = file;
		view_path_table(path, sources->folders.tables, table->number);
		if (file->table == NULL &&
		    table_reader_open(path, table->number,
			description->store_id, table->size_bytes,
			sources->cache, &file->table, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

/* True if two tables of a deep level stand in the order of their keys. */
static bool
in_order(const struct table_summary *a, const struct table_summary *b)
{
	int order = slice_compare(
	    buffer_slice(&a->last_key), buffer_slice(&b->first_key));

	return !a->last_unbounded &&
	    (order < 0 || (order == 0 && a->last_is_exclusive));
}

static enum status
arrange_tables(struct view *view, struct error *err)
{
	size_t count = view->description.table_count;

	view->tables = mem_new_array(count + 1, sizeof(*view->tables));
	view->starts = mem_new_array(count + 1, sizeof(*view->starts));
	view->by_number =
	    mem_dup(view->table_files, (count + 1) * sizeof(*view->by_number));
	qsort(
	    view->by_number, count, sizeof(*view->by_number), compare_numbers);
	for (size_t i = 0; i < count; i++) {
		unsigned level = view->description.tables[i].level;
		struct table_run *run = &view->levels[level];

		view->tables[i] = table_slot_of(view->table_files[i]->table);
		view->level_count = level + 1;
		if (run->count++ == 0)
			run->tables = &view->tables[i];
		/* The description knows only cut keys, so it cannot tell. */
		else if (level > 0 &&
		    !in_order(
			view->tables[i - 1].summary, view->tables[i].summary))
			return error_set(err, STATUS_CORRUPT,
			    "level %u: table %llx does not lie behind %llx",
			    level,
			    (unsigned long long)view->description.tables[i]
				.number,
			    (unsigned long long)view->description.tables[i - 1]
				.number);
	}
	for (unsigned level = 1; level < view->level_count; level++) {
		const struct table_run *run = &view->levels[level];

		if (run->count > 0)
			view->levels[level] =
			    table_run_of(run->tables, run->count,
				view->starts + (run->tables - view->tables));
	}
	return STATUS_OK;
}

static enum status
gather_table_ranges(void *context, struct error *err)
{
	struct view *view = context;

	for (size_t i = 0; i < view->description.table_count; i++) {
		struct table_reader *reader = view->tables[i].reader;

		if (table_reader_has_ranges(reader) &&
		    table_reader_ranges(reader, &view->ranges, err) !=
			STATUS_OK)
			return err->code;
	}
	range_set_seal(&view->ranges);
	view->has_ranges = !range_set_is_empty(&view->ranges);
	return STATUS_OK;
}

/* Takes half-built ones and NULL, as a failed opening leaves them. */
static void
file_release(struct view_file *file)
{
	if (file == NULL || --file->owners > 0)
		return;
	if (!file->is_borrowed)
		memtable_reader_close(file->memtable);
	table_reader_close(file->table);
	mem_free(file);
}
