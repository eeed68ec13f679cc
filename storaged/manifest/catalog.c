#include "storaged/manifest/catalog.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"

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

/* Where `table` belongs: by age on level 0, by key below. */
static size_t
place_of(const struct level *level, const struct table_file *table)
{
	size_t place = 0;

	while (place < level->count) {
		const struct table_file *other = level->tables[place];

		if (table->level == 0) {
			if (other->summary.sequence_max <
			    table->summary.sequence_max)
				break;
		} else if (slice_compare(table_file_first_key(table),
			       table_file_first_key(other)) < 0) {
			break;
		}
		place++;
	}
	return place;
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
