/* repair_tables - what is left of tables, and a catalog made from them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/merge.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/table_builder.h"
#include "common/lsm/table/table_reader.h"
#include "common/lsm/table/table_salvage.h"
#include "common/os/bus_guard.h"
#include "storaged/compaction/rewrite.h"
#include "storaged/inspect/repair_state.h"

/* Numbers below which others may have been used, of which nothing is known. */
#define NUMBERS_UNKNOWN (1u << 21)
#define TABLE_BYTES_MAX ((uint64_t)64 << 20)

static enum status
verify_guarded(void *context, struct error *err)
{
	return table_reader_verify(context, err);
}

/* Opens and verifies; `size_bytes` 0: whatever size. */
static enum status
open_sound(struct repair *repair, uint64_t number, uint64_t size_bytes,
    struct table_reader **out, struct error *err)
{
	char path[PATH_BYTES_MAX];

	table_file_path(path, repair->folder->shard_directory, number);
	if (table_reader_open(path, number, repair->folder->store_id,
		size_bytes, NULL, out, err) != STATUS_OK)
		return err->code;
	if (bus_guard_run(verify_guarded, *out, err) == STATUS_OK)
		return STATUS_OK;
	table_reader_close(*out);
	*out = NULL;
	return err->code;
}

static void
replace_table(struct repair *repair, uint64_t number)
{
	repair->replaced = mem_resize(repair->replaced,
	    (repair->replaced_count + 1) * sizeof(*repair->replaced));
	repair->replaced[repair->replaced_count++] = number;
	repair->manifest_changes = true;
}

/* A table being salvaged. */
struct rescue {
	struct repair *repair;
	uint64_t number;
	struct table_builder *builder; /* NULL: only counting */
	uint64_t entry_count;
	uint64_t range_count;
	struct buffer last_key;
	bool in_gap;
};

static void
say_gap(const struct rescue *rescue, const struct slice *next)
{
	char after[REPAIR_KEY_TEXT_BYTES];
	char before[REPAIR_KEY_TEXT_BYTES];
	bool has_last = buffer_size(&rescue->last_key) > 0;

	repair_say(rescue->repair, DB_REPAIR_LOSE,
	    "table %016" PRIx64 ": what it had of the keys%s%s%s%s",
	    rescue->number, has_last ? " after " : "",
	    has_last ? repair_key_text(buffer_slice(&rescue->last_key), after)
		     : "",
	    next != NULL ? (has_last ? " and before " : " before ") : "",
	    next != NULL ? repair_key_text(*next, before) : "");
}

static enum status
on_entry(void *context, const struct entry *entry, struct error *err)
{
	struct rescue *rescue = context;

	if (rescue->in_gap)
		say_gap(rescue, &entry->key);
	rescue->in_gap = false;
	rescue->entry_count++;
	buffer_clear(&rescue->last_key, SIZE_MAX);
	buffer_append_slice(&rescue->last_key, entry->key);
	return rescue->builder == NULL
	    ? STATUS_OK
	    : table_builder_add(rescue->builder, entry, err);
}

static void
on_gap(void *context)
{
	struct rescue *rescue = context;

	rescue->in_gap = true;
}

static enum status
on_range(void *context, const struct range_tombstone *range, struct error *err)
{
	struct rescue *rescue = context;

	rescue->range_count++;
	return rescue->builder == NULL
	    ? STATUS_OK
	    : table_builder_add_range(rescue->builder, range, err);
}

static void
say_doubts(struct repair *repair, uint64_t number, bool ranges_lost)
{
	repair_say(repair, DB_REPAIR_DOUBT,
	    "of the keys that table %016" PRIx64
	    " has lost, older tables may show older values, or values that "
	    "had been deleted",
	    number);
	if (ranges_lost)
		repair_say(repair, DB_REPAIR_DOUBT,
		    "table %016" PRIx64
		    " may have lost deletions of whole ranges of keys",
		    number);
}

/*
 * Writes the rest of table `number` into a new one, or finds out how much
 * that would be. *out is NULL where nothing is left (or nothing is written).
 */
static enum status
salvage(struct repair *repair, uint64_t number, enum compression compression,
    unsigned level, struct table_file **out, struct error *err)
{
	struct rescue rescue = {.repair = repair, .number = number};
	char path[PATH_BYTES_MAX];
	char new_path[PATH_BYTES_MAX];
	struct table_options options = {
	    .number = atomic_fetch_add(&repair->next_number, 1),
	    .store_id = repair->folder->store_id,
	    .compression = compression,
	};
	struct table_salvage_options salvage_options = {
	    .path = path,
	    .number = number,
	    .on_entry = on_entry,
	    .on_gap = on_gap,
	    .on_range = on_range,
	    .context = &rescue,
	};
	struct table_salvage_report found;
	struct table_summary summary;
	enum status status = STATUS_OK;

	*out = NULL;
	table_file_path(path, repair->folder->shard_directory, number);
	table_file_path(
	    new_path, repair->folder->shard_directory, options.number);
	if (repair->options->apply)
		status = table_builder_create(file_system_real(), new_path,
		    &options, &rescue.builder, err);
	if (status == STATUS_OK)
		status = table_salvage(&salvage_options, &found, err);
	if (status == STATUS_OK && rescue.in_gap)
		say_gap(&rescue, NULL);
	if (status == STATUS_OK && rescue.builder != NULL &&
	    rescue.entry_count + rescue.range_count > 0) {
		status = table_builder_finish(rescue.builder, &summary, err);
		if (status == STATUS_OK)
			*out = table_file_create(&summary, compression, level);
	}
	table_builder_close(rescue.builder);
	buffer_deinit(&rescue.last_key);
	if (*out == NULL && repair->options->apply)
		(void)!path_remove(
		    file_system_real(), new_path, &(struct error){0});
	if (status != STATUS_OK)
		return error_wrap(err, "salvage table %016" PRIx64, number);
	repair_say(repair, DB_REPAIR_DO,
	    "keep %" PRIu64 " entries and %" PRIu64
	    " range deletions of table %016" PRIx64 " in a new table",
	    rescue.entry_count, rescue.range_count, number);
	say_doubts(repair, number, found.ranges_lost);
	return STATUS_OK;
}

static void
say_missing(struct repair *repair, const struct table_file *table)
{
	char first[REPAIR_KEY_TEXT_BYTES];
	char last[REPAIR_KEY_TEXT_BYTES];

	repair_say(repair, DB_REPAIR_DAMAGE,
	    "table %016" PRIx64 ": the file is missing", table->summary.number);
	repair_say(repair, DB_REPAIR_LOSE,
	    "table %016" PRIx64 ": all %" PRIu64
	    " entries, with keys from %s to %s",
	    table->summary.number, table->summary.entry_count,
	    repair_key_text(table_file_first_key(table), first),
	    repair_key_text(table_file_last_key(table), last));
	say_doubts(
	    repair, table->summary.number, table->summary.range_count > 0);
}

/* Looks at one table of the catalog; *keep says whether it stays as it is. */
static enum status
judge_table(struct repair *repair, const struct table_file *table, bool *keep,
    struct table_file **instead, struct error *err)
{
	uint64_t number = table->summary.number;
	struct table_reader *reader;
	char path[PATH_BYTES_MAX];
	struct error found;

	*keep = false;
	*instead = NULL;
	table_file_path(path, repair->folder->shard_directory, number);
	if (!path_exists(path)) {
		say_missing(repair, table);
		repair->manifest_changes = true;
		return STATUS_OK;
	}
	if (open_sound(repair, number, 0, &reader, &found) == STATUS_OK) {
		*keep = table_summary_equal(
		    &table->summary, table_reader_summary(reader));
		table_reader_close(reader);
		if (*keep)
			return STATUS_OK;
		error_set(&found, STATUS_CORRUPT,
		    "table %016" PRIx64 ": it is not what the manifest says",
		    number);
	}
	repair_say(repair, DB_REPAIR_DAMAGE, "%s", found.text);
	if (salvage(repair, number, table->compression, table->level, instead,
		err) != STATUS_OK)
		return err->code;
	replace_table(repair, number);
	return STATUS_OK;
}

enum status
repair_tables(struct repair *repair, struct error *err)
{
	struct catalog old = repair->catalog;
	enum status status = STATUS_OK;

	atomic_init(&repair->next_number, old.number_ceiling);
	repair->catalog = (struct catalog){
	    .recovery = old.recovery, .number_ceiling = old.number_ceiling};
	old.recovery.writers = (struct buffer){0};
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < old.levels[i].count; t++) {
			struct table_file *table = old.levels[i].tables[t];
			struct table_file *instead = NULL;
			bool keep = false;

			old.levels[i].tables[t] = NULL;
			if (status == STATUS_OK)
				status = judge_table(
				    repair, table, &keep, &instead, err);
			if (instead != NULL)
				catalog_add(&repair->catalog, instead);
			if (keep)
				catalog_add(&repair->catalog, table);
			else
				table_file_close(table);
		}
	}
	catalog_deinit(&old);
	repair->catalog.number_ceiling =
	    atomic_load(&repair->next_number) + NUMBERS_UNKNOWN;
	return status;
}

struct gathering {
	uint64_t *numbers;
	size_t count;
};

static enum status
on_name(void *context, const char *name, struct error *err)
{
	struct gathering *gathering = context;
	unsigned long long number;
	char again[32];

	(void)err;
	if (sscanf(name, "%16llx", &number) != 1)
		return STATUS_OK;
	snprintf(again, sizeof(again), "%016llx.sst", number);
	if (strcmp(again, name) != 0)
		return STATUS_OK;
	gathering->numbers = mem_resize(gathering->numbers,
	    (gathering->count + 1) * sizeof(*gathering->numbers));
	gathering->numbers[gathering->count++] = number;
	return STATUS_OK;
}

/* Takes table `number` as it is, or what can be salvaged of it. */
static enum status
gather_table(struct repair *repair, uint64_t number, struct error *err)
{
	struct table_file *table = NULL;
	struct table_summary summary;
	struct table_reader *reader;
	struct error found;

	if (open_sound(repair, number, 0, &reader, &found) == STATUS_OK) {
		table_summary_copy(&summary, table_reader_summary(reader));
		table = table_file_create(&summary, COMPRESSION_NONE, 1);
		table_reader_close(reader);
	} else if (found.code == STATUS_INVALID) {
		repair_say(repair, DB_REPAIR_DAMAGE, "%s", found.text);
		return STATUS_OK;
	} else {
		repair_say(repair, DB_REPAIR_DAMAGE, "%s", found.text);
		if (salvage(repair, number, COMPRESSION_NONE, 1, &table, err) !=
		    STATUS_OK)
			return err->code;
		replace_table(repair, number);
	}
	if (table != NULL)
		catalog_add(&repair->catalog, table);
	return STATUS_OK;
}

static bool
overlaps(const struct level *level)
{
	for (size_t t = 1; t < level->count; t++) {
		if (table_file_overlaps(level->tables[t - 1], level->tables[t]))
			return true;
	}
	return false;
}

/* Reads all tables of the level as one and writes it as disjoint tables. */
static enum status
merge_level(struct repair *repair, struct level *level,
    struct rewrite_result *result, struct error *err)
{
	struct rewrite_options options = {
	    .fs = file_system_real(),
	    .shard_directory = repair->folder->shard_directory,
	    .store_id = repair->folder->store_id,
	    .next_number = &repair->next_number,
	    .table_bytes_max = TABLE_BYTES_MAX,
	    .level = 1,
	};
	struct older_tables older = {.any_key = true};
	struct table_reader **readers =
	    mem_new_array(level->count, sizeof(struct table_reader *));
	struct iterator **children =
	    mem_new_array(level->count, sizeof(struct iterator *));
	struct range_set ranges = {0};
	size_t count = 0;
	enum status status = STATUS_OK;

	for (size_t t = 0; t < level->count && status == STATUS_OK; t++) {
		status = open_sound(repair, level->tables[t]->summary.number, 0,
		    &readers[t], err);
		if (status == STATUS_OK)
			status = table_reader_ranges(readers[t], &ranges, err);
		if (status == STATUS_OK)
			children[count++] = table_iterator_create(readers[t]);
	}
	range_set_seal(&ranges);
	if (status == STATUS_OK) {
		struct iterator *merged =
		    merge_iterator_create(children, count);

		status = rewrite_run(
		    &options, merged, &ranges, &older, NULL, result, err);
		iterator_close(merged);
	} else {
		for (size_t i = 0; i < count; i++)
			iterator_close(children[i]);
	}
	range_set_deinit(&ranges);
	for (size_t t = 0; t < level->count; t++)
		table_reader_close(readers[t]);
	mem_free(readers);
	mem_free(children);
	return status;
}

/*
 * Which level a table was on is lost with the manifest, and with it which of
 * two that overlap is the newer: a table's sequences are no order, since
 * compaction mixes old and new. The entries' own are, so all are merged.
 */
static enum status
make_disjoint(struct repair *repair, struct error *err)
{
	struct level *level = &repair->catalog.levels[1];
	struct rewrite_result result = {0};

	if (!overlaps(level))
		return STATUS_OK;
	repair_say(repair, DB_REPAIR_DO,
	    "merge the %zu tables into new ones, by the sequences of their "
	    "entries",
	    level->count);
	if (!repair->options->apply)
		return STATUS_OK;
	if (merge_level(repair, level, &result, err) != STATUS_OK)
		return err->code;
	while (level->count > 0) {
		uint64_t number = level->tables[0]->summary.number;

		replace_table(repair, number);
		table_file_close(catalog_remove(&repair->catalog, number));
	}
	for (size_t i = 0; i < result.count; i++)
		catalog_add(&repair->catalog, result.tables[i]);
	result.count = 0;
	rewrite_result_deinit(&result);
	return STATUS_OK;
}

enum status
repair_gather_tables(struct repair *repair, struct error *err)
{
	struct gathering gathering = {0};
	uint64_t greatest = 0;
	enum status status = STATUS_OK;

	repair->manifest_changes = true;
	if (path_exists(repair->folder->tables_directory))
		status = directory_list(
		    repair->folder->tables_directory, on_name, &gathering, err);
	for (size_t i = 0; i < gathering.count; i++) {
		if (gathering.numbers[i] > greatest)
			greatest = gathering.numbers[i];
	}
	atomic_init(&repair->next_number, greatest + NUMBERS_UNKNOWN);
	for (size_t i = 0; status == STATUS_OK && i < gathering.count; i++)
		status = gather_table(repair, gathering.numbers[i], err);
	mem_free(gathering.numbers);
	if (status == STATUS_OK) {
		repair_say(repair, DB_REPAIR_DO,
		    "make a manifest from the %zu tables that are there",
		    repair->catalog.levels[1].count);
		if (gathering.count > 0)
			repair_say(repair, DB_REPAIR_DOUBT,
			    "if some of these tables had been replaced by a "
			    "compaction and not yet removed, or one has gone "
			    "missing, deleted keys and older values may "
			    "come back");
		status = make_disjoint(repair, err);
	}
	repair->catalog.number_ceiling =
	    atomic_load(&repair->next_number) + NUMBERS_UNKNOWN;
	return status;
}
