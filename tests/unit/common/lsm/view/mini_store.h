/*
 * mini_store - the least store that can publish views: memtables that are
 * rotated and flushed, tables in three levels, no journal and no manifest.
 *
 * What an engine does right is done here in the simplest way, so that tests
 * of the reading side have something real to read.
 *
 * Failure    Any aborts the test.
 */
#ifndef TESTS_UNIT_COMMON_LSM_VIEW_MINI_STORE_H
#define TESTS_UNIT_COMMON_LSM_VIEW_MINI_STORE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/table_builder.h"
#include "common/lsm/view/control.h"
#include "common/lsm/view/view.h"
#include "common/lsm/view/view_description.h"
#include "common/lsm/view/view_publisher.h"
#include "common/lsm/view/view_reader.h"
#include "common/os/bus_guard.h"
#include "common/os/path.h"

#define MINI_MEMTABLES_MAX 64
#define MINI_TABLES_MAX 4096
#define MINI_MEMTABLE_BYTES (1u << 20)

struct mini_store {
	char runtime[PATH_BYTES_MAX];
	char data[PATH_BYTES_MAX];
	char shard_runtime[PATH_BYTES_MAX];
	char tables_folder[PATH_BYTES_MAX];
	uint8_t store_id[16];
	struct view_publisher *publisher;
	uint64_t sequence; /* the last one given out */
	uint64_t clock_ms;
	uint64_t memtable_number;
	uint64_t table_number;
	size_t memtable_bytes;
	size_t table_entries; /* at which a compaction begins a new table */
	enum compression compression;
	struct memtable_writer *memtables[MINI_MEMTABLES_MAX]; /* new first */
	size_t memtable_count;
	struct view_table tables[MINI_TABLES_MAX]; /* in a view's order */
	size_t table_count;
};

static inline void
mini_must(enum status status, const struct error *err)
{
	if (status != STATUS_OK)
		fprintf(stderr, "mini_store: %s\n", err->text);
	CHECK(status == STATUS_OK);
}

static inline struct view_folders
mini_folders(const struct mini_store *store)
{
	return (struct view_folders){
	    store->shard_runtime, store->tables_folder};
}

static inline struct view_reader *
mini_reader(const struct mini_store *store, const struct clock *clock)
{
	struct view_reader_options options = {
	    .runtime_directory = store->runtime,
	    .data_directory = store->data,
	    .clock = clock,
	    .cache_bytes = 1u << 20};

	return view_reader_create(&options);
}

/* What the next view consists of. */
static inline void
mini_describe(
    const struct mini_store *store, struct view_description *description)
{
	*description =
	    (struct view_description){.first_sequence = store->sequence + 1,
		.store_clock_ms = store->clock_ms};
	for (size_t i = 0; i < store->memtable_count; i++)
		view_description_add_memtable(
		    description, memtable_writer_number(store->memtables[i]));
	for (size_t i = 0; i < store->table_count; i++)
		view_description_add_table(description, &store->tables[i]);
}

static inline void
mini_publish_view(struct mini_store *store)
{
	struct view_description description;
	struct error err;

	mini_describe(store, &description);
	mini_must(
	    view_publisher_publish(store->publisher, &description, &err), &err);
	view_description_deinit(&description);
}

static inline void
mini_publish_sequence(struct mini_store *store)
{
	view_publisher_publish_sequence(
	    store->publisher, store->sequence, store->clock_ms);
}

/* A new memtable in front of the others. Publishes nothing. */
static inline void
mini_add_memtable(struct mini_store *store)
{
	struct memtable_options options = {.number = ++store->memtable_number,
	    .store_id = store->store_id,
	    .first_sequence = store->sequence + 1,
	    .capacity_bytes = store->memtable_bytes};
	char path[PATH_BYTES_MAX];
	struct error err;

	CHECK(store->memtable_count < MINI_MEMTABLES_MAX);
	memmove(store->memtables + 1, store->memtables,
	    store->memtable_count * sizeof(store->memtables[0]));
	view_path_memtable(path, store->shard_runtime, options.number);
	mini_must(memtable_writer_create(file_system_real(), path, &options,
		      &store->memtables[0], &err),
	    &err);
	store->memtable_count++;
}

/* Opens the folders below `root`, made if missing, as a new incarnation. */
static inline void
mini_open(struct mini_store *store, const char *root)
{
	struct file_system *fs = file_system_real();
	char shard_data[PATH_BYTES_MAX];
	struct error err;

	memset(store, 0, sizeof(*store));
	memset(store->store_id, 0x5a, sizeof(store->store_id));
	store->memtable_bytes = MINI_MEMTABLE_BYTES;
	store->table_entries = 64;
	path_join(store->runtime, root, "runtime");
	path_join(store->data, root, "data");
	path_join(store->shard_runtime, store->runtime, "shard-0");
	path_join(shard_data, store->data, "shard-0");
	path_join(store->tables_folder, shard_data, "tables");
	mini_must(directory_create(fs, store->runtime, 0750, &err), &err);
	mini_must(directory_create(fs, store->data, 0750, &err), &err);
	mini_must(directory_create(fs, store->shard_runtime, 0750, &err), &err);
	mini_must(directory_create(fs, shard_data, 0750, &err), &err);
	mini_must(directory_create(fs, store->tables_folder, 0750, &err), &err);
	bus_guard_install();
	mini_must(view_publisher_open(fs, store->shard_runtime, 0,
		      store->store_id, &store->publisher, &err),
	    &err);
	store->memtable_number =
	    view_publisher_memtable_number_max(store->publisher);
	mini_add_memtable(store);
}

static inline void
mini_close(struct mini_store *store)
{
	for (size_t i = 0; i < store->memtable_count; i++)
		memtable_writer_close(store->memtables[i]);
	view_publisher_close(store->publisher);
}

/* A full memtable is rotated, as an engine would do before the batch. */
static inline void
mini_make_room(struct mini_store *store, size_t bytes)
{
	if (memtable_writer_fits(store->memtables[0], 1, bytes, 1))
		return;
	mini_add_memtable(store);
	mini_publish_view(store);
}

static inline uint64_t
mini_add(struct mini_store *store, enum entry_kind kind, struct slice key,
    struct slice value, uint64_t deadline_ms)
{
	struct entry entry = {key, value, 0, deadline_ms, kind};

	mini_make_room(store, key.size + value.size);
	entry.sequence = ++store->sequence;
	memtable_writer_add(store->memtables[0], &entry, hash64(key));
	return entry.sequence;
}

static inline uint64_t
mini_put(struct mini_store *store, struct slice key, struct slice value,
    uint64_t deadline_ms)
{
	return mini_add(store, ENTRY_PUT, key, value, deadline_ms);
}

static inline uint64_t
mini_delete(struct mini_store *store, struct slice key)
{
	return mini_add(store, ENTRY_TOMBSTONE, key, SLICE_EMPTY, 0);
}

static inline uint64_t
mini_delete_range(
    struct mini_store *store, struct slice start, struct slice end)
{
	struct range_tombstone range = {start, end, 0};

	mini_make_room(store, start.size + end.size);
	range.sequence = ++store->sequence;
	memtable_writer_add_range(store->memtables[0], &range);
	return range.sequence;
}

static inline struct table_builder *
mini_table_begin(struct mini_store *store)
{
	struct table_options options = {.number = ++store->table_number,
	    .store_id = store->store_id,
	    .compression = store->compression};
	struct table_builder *builder;
	char path[PATH_BYTES_MAX];
	struct error err;

	view_path_table(path, store->tables_folder, options.number);
	mini_must(table_builder_create(
		      file_system_real(), path, &options, &builder, &err),
	    &err);
	return builder;
}

/* Lists the table at `index`. */
static inline void
mini_table_end(struct mini_store *store, struct table_builder *builder,
    unsigned level, size_t index)
{
	struct table_summary summary;
	struct error err;

	CHECK(store->table_count < MINI_TABLES_MAX);
	mini_must(table_builder_finish(builder, &summary, &err), &err);
	table_builder_close(builder);
	memmove(store->tables + index + 1, store->tables + index,
	    (store->table_count - index) * sizeof(store->tables[0]));
	store->tables[index] = view_table_of(&summary, level);
	store->table_count++;
	table_summary_deinit(&summary);
}

/* Writes the oldest memtable, which must not be the only one, to level 0. */
static inline void
mini_flush(struct mini_store *store)
{
	struct memtable_writer *oldest =
	    store->memtables[store->memtable_count - 1];
	struct memtable_reader *reader = memtable_writer_reader(oldest);
	struct iterator *it = memtable_iterator_create(reader, UINT64_MAX);
	struct range_set ranges = {0};
	struct range_tombstone range;
	struct table_builder *builder;
	struct control_state state;
	char path[PATH_BYTES_MAX];
	size_t index = 0;
	struct error err;

	CHECK(store->memtable_count > 1);
	control_load(view_publisher_control(store->publisher), &state);
	CHECK(memtable_writer_stats(oldest)->sequence_max <=
	    state.published_sequence);
	mini_must(
	    memtable_reader_ranges(reader, UINT64_MAX, &ranges, &err), &err);
	range_set_seal(&ranges);
	mini_must(iterator_seek(it, SLICE_EMPTY, &err), &err);
	if (it->valid || !range_set_is_empty(&ranges)) {
		builder = mini_table_begin(store);
		while (it->valid) {
			mini_must(
			    table_builder_add(builder, &it->entry, &err), &err);
			mini_must(iterator_next(it, &err), &err);
		}
		while (range_set_next(&ranges, &index, &range))
			mini_must(
			    table_builder_add_range(builder, &range, &err),
			    &err);
		mini_table_end(store, builder, 0, 0);
	}
	iterator_close(it);
	range_set_deinit(&ranges);
	store->memtable_count--;
	mini_publish_view(store);
	view_path_memtable(
	    path, store->shard_runtime, memtable_writer_number(oldest));
	mini_must(path_remove(file_system_real(), path, &err), &err);
	memtable_writer_close(oldest);
}

/* The part of all range tombstones that lies in [start, end). */
static inline void
mini_add_ranges(struct table_builder *builder, const struct range_set *ranges,
    struct slice start, struct slice end)
{
	struct range_tombstone range;
	size_t index = 0;
	struct error err;

	while (range_set_next(ranges, &index, &range)) {
		if (slice_compare(range.start, start) < 0)
			range.start = start;
		if (end.size > 0 &&
		    (range.end.size == 0 || slice_compare(range.end, end) > 0))
			range.end = end;
		if (range.end.size == 0 ||
		    slice_compare(range.start, range.end) < 0)
			mini_must(
			    table_builder_add_range(builder, &range, &err),
			    &err);
	}
}

/* Writes what `it` yields as tables of `level`, listed from `index` on. */
static inline void
mini_write_level(struct mini_store *store, struct iterator *it,
    const struct range_set *ranges, unsigned level, size_t index)
{
	bool is_last = level == 2;
	struct table_builder *builder = NULL;
	struct buffer start = {0};
	size_t count = 0;
	struct error err;

	for (; it->valid; mini_must(iterator_next(it, &err), &err)) {
		struct entry *entry = &it->entry;

		if (entry->sequence <= range_set_cover(ranges, entry->key) ||
		    (is_last &&
			(entry->kind == ENTRY_TOMBSTONE ||
			    entry_is_expired(entry, store->clock_ms))))
			continue;
		if (builder != NULL && ++count % store->table_entries == 0) {
			if (!is_last)
				mini_add_ranges(builder, ranges,
				    buffer_slice(&start), entry->key);
			mini_table_end(store, builder, level, index++);
			builder = NULL;
			buffer_clear(&start, SIZE_MAX);
			buffer_append_slice(&start, entry->key);
		}
		if (builder == NULL)
			builder = mini_table_begin(store);
		mini_must(table_builder_add(builder, entry, &err), &err);
	}
	if (!is_last && !range_set_is_empty(ranges)) {
		if (builder == NULL)
			builder = mini_table_begin(store);
		mini_add_ranges(
		    builder, ranges, buffer_slice(&start), SLICE_EMPTY);
	}
	if (builder != NULL)
		mini_table_end(store, builder, level, index);
	buffer_deinit(&start);
}

/*
 * Merges all tables down to `level` into it: 1 keeps what deletes, 2 is the
 * last level and does not.
 */
static inline void
mini_compact(struct mini_store *store, unsigned level)
{
	struct view_description description = {.number = 1};
	struct view_sources sources = {.folders = mini_folders(store)};
	struct view_table old[MINI_TABLES_MAX];
	struct range_set ranges = {0};
	size_t old_count = 0;
	struct iterator *it;
	struct view *view;
	struct error err;

	memcpy(description.store_id, store->store_id, sizeof(store->store_id));
	while (old_count < store->table_count &&
	    store->tables[old_count].level <= level) {
		old[old_count] = store->tables[old_count];
		view_description_add_table(&description, &old[old_count++]);
	}
	mini_must(view_open(&description, &sources, &view, &err), &err);
	mini_must(view_ranges(view, UINT64_MAX, &ranges, &err), &err);
	it = view_iterator_create(view, UINT64_MAX, NULL);
	mini_must(iterator_seek(it, SLICE_EMPTY, &err), &err);
	store->table_count -= old_count;
	memmove(store->tables, store->tables + old_count,
	    store->table_count * sizeof(store->tables[0]));
	mini_write_level(store, it, &ranges, level, 0);
	iterator_close(it);
	range_set_deinit(&ranges);
	view_close(view);
	view_description_deinit(&description);
	mini_publish_view(store);
	for (size_t i = 0; i < old_count; i++) {
		char path[PATH_BYTES_MAX];

		view_path_table(path, store->tables_folder, old[i].number);
		mini_must(path_remove(file_system_real(), path, &err), &err);
	}
}

#endif
