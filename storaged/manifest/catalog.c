#include "storaged/manifest/catalog.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/view/view.h"
#include "common/lsm/view/view_description.h"

void
catalog_deinit(struct catalog *catalog)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		struct level *level = &catalog->levels[i];

		for (size_t t = 0; t < level->count; t++)
			table_file_close(level->tables[t]);
		mem_free(level->tables);
	}
	buffer_deinit(&catalog->recovery.writers);
	*catalog = (struct catalog){0};
}

void
catalog_copy(struct catalog *into, const struct catalog *from)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &from->levels[i];

		for (size_t t = 0; t < level->count; t++) {
			const struct table_file *table = level->tables[t];
			struct table_summary summary;

			table_summary_copy(&summary, &table->summary);
			catalog_add(into,
			    table_file_create(&summary, table->compression, i));
		}
	}
	into->recovery = from->recovery;
	into->recovery.writers = (struct buffer){0};
	buffer_append_slice(
	    &into->recovery.writers, buffer_slice(&from->recovery.writers));
	into->number_ceiling = from->number_ceiling;
}

/* True if `a` stands before `b`: by age on level 0, by key below. */
static bool
stands_before(const struct table_file *a, const struct table_file *b)
{
	if (a->level == 0)
		return a->summary.sequence_max >= b->summary.sequence_max;
	return slice_compare(
		   table_file_first_key(a), table_file_first_key(b)) <= 0;
}

/* Where `table` belongs, behind its equals. */
static size_t
place_of(const struct level *level, const struct table_file *table)
{
	size_t low = 0;
	size_t high = level->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (stands_before(level->tables[middle], table))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
catalog_add(struct catalog *catalog, struct table_file *table)
{
	struct level *level;
	size_t place;

	CHECK(table->level < LEVEL_COUNT);
	level = &catalog->levels[table->level];
	place = place_of(level, table);
	if (level->count == level->capacity) {
		level->capacity = level->capacity * 2 + 8;
		level->tables = mem_resize(
		    level->tables, level->capacity * sizeof(*level->tables));
	}
	memmove(level->tables + place + 1, level->tables + place,
	    (level->count - place) * sizeof(*level->tables));
	level->tables[place] = table;
	level->count++;
	level->bytes += table->summary.size_bytes;
}

size_t
level_first_behind(const struct level *level, struct slice key)
{
	size_t low = 0;
	size_t high = level->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table_file_ends_before(level->tables[middle], key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct table_file *
catalog_find(const struct catalog *catalog, uint64_t number)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		for (size_t t = 0; t < catalog->levels[i].count; t++) {
			if (catalog->levels[i].tables[t]->summary.number ==
			    number)
				return catalog->levels[i].tables[t];
		}
	}
	return NULL;
}

struct table_file *
catalog_remove(struct catalog *catalog, uint64_t number)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		struct level *level = &catalog->levels[i];

		for (size_t t = 0; t < level->count; t++) {
			struct table_file *table = level->tables[t];

			if (table->summary.number != number)
				continue;
			level->count--;
			level->bytes -= table->summary.size_bytes;
			memmove(level->tables + t, level->tables + t + 1,
			    (level->count - t) * sizeof(*level->tables));
			return table;
		}
	}
	return NULL;
}

void
catalog_describe(
    const struct catalog *catalog, struct view_description *description)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = 0; t < level->count; t++) {
			struct view_table table =
			    view_table_of(&level->tables[t]->summary, i);

			view_description_add_table(description, &table);
		}
	}
}

size_t
catalog_table_count(const struct catalog *catalog)
{
	size_t count = 0;

	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		count += catalog->levels[i].count;
	return count;
}

uint64_t
catalog_bytes(const struct catalog *catalog)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		bytes += catalog->levels[i].bytes;
	return bytes;
}

static enum status
verify_level(const struct catalog *catalog, unsigned number, struct error *err)
{
	const struct level *level = &catalog->levels[number];

	for (size_t t = 0; t < level->count; t++) {
		const struct table_file *table = level->tables[t];

		if (table->summary.sequence_max > catalog->recovery.sequence)
			return error_set(err, STATUS_CORRUPT,
			    "table %016" PRIx64 " holds sequence %" PRIu64
			    " beyond the recovery point %" PRIu64,
			    table->summary.number, table->summary.sequence_max,
			    catalog->recovery.sequence);
		if (number > 0 && t > 0 &&
		    table_file_overlaps(level->tables[t - 1], table))
			return error_set(err, STATUS_CORRUPT,
			    "tables %016" PRIx64 " and %016" PRIx64
			    " overlap on level %u",
			    level->tables[t - 1]->summary.number,
			    table->summary.number, number);
	}
	return STATUS_OK;
}

enum status
catalog_verify(const struct catalog *catalog, struct error *err)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		if (verify_level(catalog, i, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}
