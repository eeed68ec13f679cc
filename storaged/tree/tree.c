#include "storaged/tree/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/table/block_cache.h"
#include "common/lsm/view/view.h"
#include "common/lsm/view/view_description.h"
#include "common/lsm/view/view_path.h"
#include "common/lsm/view/view_publisher.h"
#include "common/os/file.h"
#include "common/os/path.h"
#include "storaged/background/sweeper.h"
#include "storaged/manifest/manifest.h"
#include "storaged/tree/table_trash.h"

/*
 * File numbers are used freely below a ceiling that the manifest holds, so
 * that a number given out before a crash is never given out after it.
 */
#define NUMBERS_AHEAD (1u << 20)
#define NUMBERS_LEFT_MIN (1u << 18)

/* The engine refuses writes long before so many wait to be flushed. */
#define TREE_MEMTABLES_MAX 256

struct tree {
	struct file_system *fs; /* borrowed */
	unsigned shard;
	uint8_t store_id[VIEW_STORE_ID_BYTES];
	char shard_directory[PATH_BYTES_MAX];
	char tables_directory[PATH_BYTES_MAX];
	char runtime_directory[PATH_BYTES_MAX];
	size_t memtable_bytes;
	uint64_t manifest_bytes_min;
	struct catalog catalog;
	struct manifest *manifest;
	_Atomic uint64_t next_number;
	struct memtable_writer *active;
	struct frozen_memtable *frozen; /* oldest first */
	size_t frozen_count;
	struct memtable_writer *spare;
	struct memtable_writer *unflushed; /* of a flush that got stuck */
	struct sweeper *sweeper;
	struct table_trash trash;
	struct block_cache *cache;
	struct view *view; /* what this process itself reads in */
	struct view_publisher *publisher;
	bool live; /* readers have a view of this incarnation */
	uint64_t first_sequence; /* of the active memtable */
	uint64_t store_clock_ms;
};

static void
memtable_path(
    const struct tree *tree, char out[PATH_BYTES_MAX], uint64_t number)
{
	view_path_memtable(out, tree->runtime_directory, number);
}

void
tree_close(struct tree *tree)
{
	if (tree == NULL)
		return;
	view_close(tree->view);
	memtable_writer_close(tree->active);
	memtable_writer_close(tree->spare);
	memtable_writer_close(tree->unflushed);
	for (size_t i = 0; i < tree->frozen_count; i++) {
		memtable_writer_close(tree->frozen[i].memtable);
		buffer_deinit(&tree->frozen[i].point.writers);
	}
	mem_free(tree->frozen);
	view_publisher_close(tree->publisher);
	block_cache_close(tree->cache);
	manifest_close(tree->manifest);
	table_trash_deinit(&tree->trash);
	sweeper_close(tree->sweeper);
	catalog_deinit(&tree->catalog);
	mem_free(tree);
}

const struct catalog *
tree_catalog(const struct tree *tree)
{
	return &tree->catalog;
}

struct control *
tree_control(const struct tree *tree)
{
	return view_publisher_control(tree->publisher);
}

struct table_trash *
tree_trash(struct tree *tree)
{
	return &tree->trash;
}

_Atomic uint64_t *
tree_next_number(struct tree *tree)
{
	return &tree->next_number;
}

static struct view_description
describe(const struct tree *tree)
{
	struct view_description description = {
	    .shard = tree->shard,
	    .first_sequence = tree->active == NULL ? 0 : tree->first_sequence,
	    .store_clock_ms = tree->store_clock_ms,
	    .applied_index = tree->catalog.recovery.applied_index,
	};

	memcpy(description.store_id, tree->store_id, VIEW_STORE_ID_BYTES);
	if (tree->active != NULL)
		view_description_add_memtable(
		    &description, memtable_writer_number(tree->active));
	for (size_t i = tree->frozen_count; i-- > 0;)
		view_description_add_memtable(&description,
		    memtable_writer_number(tree->frozen[i].memtable));
	catalog_describe(&tree->catalog, &description);
	return description;
}

/*
 * Makes the view of what is current now: opens it for this process, and once
 * live publishes it to the readers.
 */
static enum status
renew_view(struct tree *tree, struct error *err)
{
	struct memtable_reader *readers[TREE_MEMTABLES_MAX];
	struct view_description description = describe(tree);
	struct view_sources sources = {
	    .folders = {tree->runtime_directory, tree->tables_directory},
	    .cache = tree->cache,
	    .previous = tree->view,
	    .memtables = readers,
	};
	struct view *view = NULL;
	enum status status = STATUS_OK;

	if (tree->active != NULL)
		readers[sources.memtable_count++] =
		    memtable_writer_reader(tree->active);
	for (size_t i = 0; i < tree->frozen_count; i++)
		readers[sources.memtable_count++] =
		    memtable_writer_reader(tree->frozen[i].memtable);
	if (tree->live)
		status =
		    view_publisher_publish(tree->publisher, &description, err);
	if (status == STATUS_OK)
		status = view_open(&description, &sources, &view, err);
	if (status == STATUS_OK) {
		view_close(tree->view);
		tree->view = view;
	} else {
		error_wrap(err, "view");
	}
	view_description_deinit(&description);
	return status;
}

/*
 * Before anything is changed that readers have to be told of: from then on it
 * cannot be that there is no space to tell them.
 */
static enum status
reserve_view(struct tree *tree, size_t more_tables, struct error *err)
{
	if (!tree->live)
		return STATUS_OK;
	return view_publisher_reserve(tree->publisher, tree->frozen_count + 2,
	    catalog_table_count(&tree->catalog) + more_tables, err);
}

enum status
tree_reserve_view(struct tree *tree, struct error *err)
{
	return reserve_view(tree, 1, err);
}

/* Makes sure that enough numbers lie below the durable ceiling. */
static enum status
reserve_numbers(struct tree *tree, struct error *err)
{
	uint64_t next = atomic_load(&tree->next_number);
	struct edit edit = {.number_ceiling = next + NUMBERS_AHEAD};

	enum status status;

	if (tree->catalog.number_ceiling > next + NUMBERS_LEFT_MIN)
		return STATUS_OK;
	status = manifest_append(tree->manifest, &edit, err);
	if (status == STATUS_OK)
		tree->catalog.number_ceiling = edit.number_ceiling;
	/* Without space for it there are still many numbers left. */
	if (status == STATUS_NO_SPACE &&
	    tree->catalog.number_ceiling > next + NUMBERS_LEFT_MIN / 2)
		return STATUS_OK;
	return status;
}

enum status
tree_open(
    const struct tree_options *options, struct tree **out, struct error *err)
{
	struct tree *tree = mem_new(sizeof(*tree));
	uint64_t number;

	*out = NULL;
	tree->fs = options->fs;
	tree->shard = options->shard;
	tree->memtable_bytes = options->memtable_bytes;
	tree->manifest_bytes_min = options->manifest_bytes_min;
	memcpy(tree->store_id, options->store_id, sizeof(tree->store_id));
	snprintf(tree->shard_directory, sizeof(tree->shard_directory), "%s",
	    options->shard_directory);
	snprintf(tree->runtime_directory, sizeof(tree->runtime_directory), "%s",
	    options->runtime_directory);
	path_join(tree->tables_directory, options->shard_directory, "tables");
	tree->sweeper = sweeper_create(tree->fs, options->threads);
	tree->trash = (struct table_trash){
	    .sweeper = tree->sweeper, .shard_directory = tree->shard_directory};
	tree->cache = block_cache_create(options->cache_bytes);
	if (directory_create(tree->fs, tree->tables_directory, 0750, err) !=
		STATUS_OK ||
	    directory_sync(tree->fs, tree->shard_directory, err) != STATUS_OK ||
	    manifest_open(tree->fs, tree->shard_directory, tree->store_id,
		&tree->catalog, &tree->manifest, err) != STATUS_OK)
		goto fail;
	if (view_publisher_open(tree->fs, tree->runtime_directory, tree->shard,
		tree->store_id, &tree->publisher, err) != STATUS_OK)
		goto fail;
	number = view_publisher_memtable_number_max(tree->publisher) + 1;
	if (number < tree->catalog.number_ceiling)
		number = tree->catalog.number_ceiling;
	atomic_init(&tree->next_number, number);
	tree->store_clock_ms = tree->catalog.recovery.clock_ms;
	if (reserve_numbers(tree, err) != STATUS_OK ||
	    renew_view(tree, err) != STATUS_OK)
		goto fail;
	*out = tree;
	return STATUS_OK;
fail:
	tree_close(tree);
	return err->code;
}

bool
tree_fits(const struct tree *tree, size_t entries, size_t bytes, size_t ranges)
{
	return tree->active != NULL &&
	    memtable_writer_fits(tree->active, entries, bytes, ranges);
}

enum status
tree_check_space(struct file_system *fs, const char *runtime_directory,
    size_t bytes, struct error *err)
{
	struct directory_space space;

	if (directory_space(fs, runtime_directory, &space, err) != STATUS_OK)
		return err->code;
	if (space.free_bytes < bytes + TREE_VIEWS_BYTES)
		return error_set(err, STATUS_NO_SPACE,
		    "%s has %" PRIu64 " bytes left; the next memtable takes"
		    " %zu and leaves %u to views: free some",
		    runtime_directory, space.free_bytes, bytes,
		    TREE_VIEWS_BYTES);
	return STATUS_OK;
}

static enum status
make_memtable(struct tree *tree, uint64_t first_sequence, size_t need,
    struct memtable_writer **out, struct error *err)
{
	char path[PATH_BYTES_MAX];
	struct memtable_options options = {
	    .number = atomic_fetch_add(&tree->next_number, 1),
	    .store_id = tree->store_id,
	    .shard = tree->shard,
	    .first_sequence = first_sequence,
	    .capacity_bytes =
		need > tree->memtable_bytes ? need : tree->memtable_bytes,
	};

	if (tree_check_space(tree->fs, tree->runtime_directory,
		options.capacity_bytes, err) != STATUS_OK)
		return err->code;
	memtable_path(tree, path, options.number);
	return memtable_writer_create(tree->fs, path, &options, out, err);
}

static void
discard_memtable(struct tree *tree, struct memtable_writer *memtable)
{
	char path[PATH_BYTES_MAX];

	memtable_path(tree, path, memtable_writer_number(memtable));
	sweeper_add(tree->sweeper, memtable, path);
}

static void
freeze(struct tree *tree, struct recovery_point *point)
{
	struct frozen_memtable *frozen;

	tree->frozen = mem_resize(
	    tree->frozen, (tree->frozen_count + 1) * sizeof(*tree->frozen));
	frozen = &tree->frozen[tree->frozen_count++];
	frozen->memtable = tree->active;
	frozen->point = *point;
	point->writers = (struct buffer){0};
	tree->active = NULL;
}

enum status
tree_rotate(struct tree *tree, struct recovery_point *point, size_t entries,
    size_t bytes, size_t ranges, struct error *err)
{
	uint64_t first_sequence = point->sequence + 1;

	CHECK(tree->frozen_count + 2 <= TREE_MEMTABLES_MAX);
	if (reserve_view(tree, 0, err) != STATUS_OK ||
	    reserve_numbers(tree, err) != STATUS_OK) {
		buffer_deinit(&point->writers);
		return err->code;
	}
	tree->first_sequence = first_sequence;
	if (tree->active != NULL)
		freeze(tree, point);
	buffer_deinit(&point->writers);
	if (tree->spare != NULL &&
	    memtable_writer_fits(tree->spare, entries, bytes, ranges)) {
		tree->active = tree->spare;
		tree->spare = NULL;
		return renew_view(tree, err);
	}
	if (tree->spare != NULL)
		discard_memtable(tree, tree->spare);
	tree->spare = NULL;
	if (make_memtable(tree, first_sequence,
		memtable_capacity_for(entries, bytes, ranges), &tree->active,
		err) != STATUS_OK)
		return err->code;
	return renew_view(tree, err);
}

bool
tree_has_room(
    const struct tree *tree, size_t entries, size_t bytes, size_t ranges)
{
	return tree_fits(tree, entries, bytes, ranges) ||
	    (tree->spare != NULL &&
		memtable_writer_fits(tree->spare, entries, bytes, ranges));
}

enum status
tree_make_room(struct tree *tree, size_t entries, size_t bytes, size_t ranges,
    struct error *err)
{
	struct memtable_writer *made;

	if (tree_reserve_view(tree, err) != STATUS_OK)
		return err->code;
	if (tree_has_room(tree, entries, bytes, ranges))
		return STATUS_OK;
	if (make_memtable(tree, 1,
		memtable_capacity_for(entries, bytes, ranges), &made,
		err) != STATUS_OK)
		return err->code;
	if (tree->spare != NULL)
		discard_memtable(tree, tree->spare);
	tree->spare = made;
	return STATUS_OK;
}

bool
tree_wants_spare(const struct tree *tree)
{
	return tree->spare == NULL;
}

void
tree_give_spare(struct tree *tree, struct memtable_writer *spare)
{
	/*
	 * Numbers tell which memtable is newer: one that was numbered before
	 * the active memtable cannot follow it. Another one may have been made
	 * in the meantime, for a batch that could not wait.
	 */
	if (tree->spare != NULL ||
	    (tree->active != NULL &&
		memtable_writer_number(spare) <
		    memtable_writer_number(tree->active)))
		discard_memtable(tree, spare);
	else
		tree->spare = spare;
}

void
tree_add(struct tree *tree, const struct entry *entry, uint64_t hash)
{
	memtable_writer_add(tree->active, entry, hash);
}

void
tree_add_range(struct tree *tree, const struct range_tombstone *range)
{
	memtable_writer_add_range(tree->active, range);
}

const struct frozen_memtable *
tree_oldest_frozen(const struct tree *tree)
{
	return tree->frozen_count == 0 ? NULL : &tree->frozen[0];
}

size_t
tree_frozen_count(const struct tree *tree)
{
	return tree->frozen_count;
}

uint64_t
tree_frozen_sequence(const struct tree *tree)
{
	return tree->frozen_count == 0
	    ? tree->catalog.recovery.sequence
	    : tree->frozen[tree->frozen_count - 1].point.sequence;
}

const struct memtable_stats *
tree_active_stats(const struct tree *tree)
{
	return tree->active == NULL ? NULL
				    : memtable_writer_stats(tree->active);
}

/*
 * Of tables that did not get into the manifest. After a failed append nobody
 * knows whether the edit is on disk, so the files stay: recovery keeps those
 * that the manifest names. Only where there was no space nothing was written.
 */
static void
close_tables(struct tree *tree, struct table_file **tables, size_t count,
    enum status status)
{
	for (size_t i = 0; i < count; i++) {
		if (status == STATUS_NO_SPACE)
			table_trash_drop(
			    &tree->trash, tables[i]->summary.number);
		table_file_close(tables[i]);
	}
}

static enum status
append_edit(struct tree *tree, const struct edit *edit, struct error *err)
{
	if (reserve_view(tree, edit->added_count, err) != STATUS_OK)
		return err->code;
	if (manifest_append(tree->manifest, edit, err) != STATUS_OK)
		return error_wrap(err, "manifest");
	return STATUS_OK;
}

static enum status
renew_manifest(struct tree *tree, struct error *err)
{
	if (!manifest_wants_renewal(tree->manifest, tree->manifest_bytes_min))
		return STATUS_OK;
	/* Where there is no space now, the next change tries again. */
	if (manifest_renew(tree->manifest, &tree->catalog, err) != STATUS_OK &&
	    err->code != STATUS_NO_SPACE)
		return error_wrap(err, "manifest");
	return STATUS_OK;
}

enum status
tree_install_flush(struct tree *tree, struct table_file **tables, size_t count,
    struct error *err)
{
	struct frozen_memtable flushed = tree->frozen[0];
	struct edit edit = {
	    .added = tables,
	    .added_count = count,
	    .recovery = &flushed.point,
	};

	CHECK(tree->frozen_count > 0);
	if (append_edit(tree, &edit, err) != STATUS_OK) {
		close_tables(tree, tables, count, err->code);
		return err->code;
	}
	for (size_t i = 0; i < count; i++)
		catalog_add(&tree->catalog, tables[i]);
	buffer_deinit(&tree->catalog.recovery.writers);
	tree->catalog.recovery = flushed.point;
	tree->frozen_count--;
	memmove(tree->frozen, tree->frozen + 1,
	    tree->frozen_count * sizeof(*tree->frozen));
	if (renew_view(tree, err) != STATUS_OK) {
		/* The view before this one still reads in it. */
		tree->unflushed = flushed.memtable;
		return err->code;
	}
	discard_memtable(tree, flushed.memtable);
	return renew_manifest(tree, err);
}

enum status
tree_install_tables(struct tree *tree, struct table_file *const *removed,
    size_t removed_count, struct table_file **added, size_t added_count,
    struct error *err)
{
	uint64_t *numbers = mem_new_array(removed_count, sizeof(*numbers));
	struct edit edit = {
	    .added = added,
	    .added_count = added_count,
	    .removed = numbers,
	    .removed_count = removed_count,
	};
	enum status status;

	for (size_t i = 0; i < removed_count; i++)
		numbers[i] = removed[i]->summary.number;
	status = append_edit(tree, &edit, err);
	if (status != STATUS_OK) {
		close_tables(tree, added, added_count, status);
	} else {
		for (size_t i = 0; i < removed_count; i++)
			table_file_close(
			    catalog_remove(&tree->catalog, numbers[i]));
		for (size_t i = 0; i < added_count; i++)
			catalog_add(&tree->catalog, added[i]);
		status = renew_view(tree, err);
	}
	for (size_t i = 0; status == STATUS_OK && i < removed_count; i++)
		table_trash_drop(&tree->trash, numbers[i]);
	mem_free(numbers);
	return status == STATUS_OK ? renew_manifest(tree, err) : status;
}

enum status
tree_install_move(struct tree *tree, struct table_file *const *tables,
    size_t count, unsigned level, struct error *err)
{
	uint64_t *numbers = mem_new_array(count, sizeof(*numbers));
	struct table_file **moved = mem_new_array(count, sizeof(*moved));
	struct edit edit = {
	    .added = moved,
	    .added_count = count,
	    .removed = numbers,
	    .removed_count = count,
	};
	unsigned before = tables[0]->level;
	enum status status;

	for (size_t i = 0; i < count; i++) {
		numbers[i] = tables[i]->summary.number;
		moved[i] = catalog_remove(&tree->catalog, numbers[i]);
		moved[i]->level = level;
	}
	status = append_edit(tree, &edit, err);
	for (size_t i = 0; i < count; i++) {
		if (status != STATUS_OK)
			moved[i]->level = before;
		catalog_add(&tree->catalog, moved[i]);
	}
	if (status == STATUS_OK)
		status = renew_view(tree, err);
	mem_free(moved);
	mem_free(numbers);
	return status;
}

/* True if [least, most], if there is such a span, meets (after, until]. */
static bool
spans_meet(uint64_t least, uint64_t most, uint64_t after, uint64_t until)
{
	return least != 0 && least <= until && most > after;
}

bool
tree_has_deadline(const struct tree *tree, uint64_t after_ms, uint64_t until_ms)
{
	const struct memtable_stats *stats = tree_active_stats(tree);

	if (stats != NULL &&
	    spans_meet(
		stats->deadline_min, stats->deadline_max, after_ms, until_ms))
		return true;
	for (size_t i = 0; i < tree->frozen_count; i++) {
		stats = memtable_writer_stats(tree->frozen[i].memtable);
		if (spans_meet(stats->deadline_min, stats->deadline_max,
			after_ms, until_ms))
			return true;
	}
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &tree->catalog.levels[i];

		for (size_t t = 0; t < level->count; t++) {
			const struct table_summary *summary =
			    &level->tables[t]->summary;

			if (spans_meet(summary->deadline_min,
				summary->deadline_max, after_ms, until_ms))
				return true;
		}
	}
	return false;
}

uint64_t
tree_memtable_bytes(const struct tree *tree)
{
	const struct memtable_stats *stats = tree_active_stats(tree);
	uint64_t bytes = stats == NULL ? 0 : stats->used_bytes;

	for (size_t i = 0; i < tree->frozen_count; i++)
		bytes +=
		    memtable_writer_stats(tree->frozen[i].memtable)->used_bytes;
	return bytes;
}

struct sweep {
	struct tree *tree;
	uint64_t *numbers; /* of the current tables, ascending */
	size_t count;
};

static int
compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

static enum status
sweep_table(void *context, const char *name, struct error *err)
{
	const struct sweep *sweep = context;
	unsigned long long parsed;
	uint64_t number;
	int used = 0;
	char path[PATH_BYTES_MAX];

	if (sscanf(name, "%16llx.sst%n", &parsed, &used) != 1 || used == 0 ||
	    name[used] != '\0')
		return STATUS_OK;
	number = parsed;
	if (sweep->count > 0 &&
	    bsearch(&number, sweep->numbers, sweep->count, sizeof(number),
		compare_numbers) != NULL)
		return STATUS_OK;
	path_join(path, sweep->tree->tables_directory, name);
	return path_remove(sweep->tree->fs, path, err);
}

/* Removes table files that the manifest does not name: of unfinished jobs. */
static enum status
sweep_tables(struct tree *tree, struct error *err)
{
	struct sweep sweep = {
	    .tree = tree,
	    .numbers = mem_new_array(
		catalog_table_count(&tree->catalog), sizeof(uint64_t)),
	};
	enum status status;

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &tree->catalog.levels[i];

		for (size_t t = 0; t < level->count; t++)
			sweep.numbers[sweep.count++] =
			    level->tables[t]->summary.number;
	}
	if (sweep.count > 0)
		qsort(sweep.numbers, sweep.count, sizeof(*sweep.numbers),
		    compare_numbers);
	status =
	    directory_list(tree->tables_directory, sweep_table, &sweep, err);
	mem_free(sweep.numbers);
	return status;
}

enum status
tree_go_live(struct tree *tree, uint64_t sequence, uint64_t store_clock_ms,
    struct error *err)
{
	uint64_t shown = control_published_sequence(tree_control(tree));

	if (sequence < shown)
		return error_set(err, STATUS_CORRUPT,
		    "recovered up to sequence %" PRIu64
		    ", but readers have been shown %" PRIu64,
		    sequence, shown);
	tree->live = true;
	tree->store_clock_ms = store_clock_ms;
	if (renew_view(tree, err) != STATUS_OK)
		return err->code;
	tree_publish(tree, sequence, store_clock_ms);
	/* Only now does no reader depend on what was there before. */
	if (view_publisher_sweep(tree->publisher, err) != STATUS_OK)
		return err->code;
	return sweep_tables(tree, err);
}

void
tree_publish(struct tree *tree, uint64_t sequence, uint64_t store_clock_ms)
{
	tree->store_clock_ms = store_clock_ms;
	view_publisher_publish_sequence(
	    tree->publisher, sequence, store_clock_ms);
}

enum status
tree_get(struct tree *tree, const struct memtable_query *query, uint64_t now_ms,
    struct entry *out, bool *found, struct error *err)
{
	enum lookup lookup;
	enum status status =
	    view_get(tree->view, query, now_ms, out, &lookup, err);

	*found = status == STATUS_OK && lookup == LOOKUP_FOUND;
	return status;
}
