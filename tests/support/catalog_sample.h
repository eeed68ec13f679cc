/*
 * catalog_sample - tables that are in a catalog and nowhere else, for what
 * decides by numbers and bounds alone.
 */
#ifndef TESTS_SUPPORT_CATALOG_SAMPLE_H
#define TESTS_SUPPORT_CATALOG_SAMPLE_H

#include "storaged/manifest/catalog.h"
#include "storaged/manifest/table_file.h"

#define SAMPLE_TABLE_ENTRIES 100

/*
 * Adds a table of SAMPLE_TABLE_ENTRIES entries, newer than all before it.
 * `numbers` is what else there is to say of it.
 */
static inline struct table_file *
catalog_sample_add(struct catalog *catalog, unsigned level, const char *first,
    const char *last, struct table_summary numbers)
{
	static uint64_t last_number;
	struct table_file *table;

	numbers.number = ++last_number;
	numbers.sequence_max = last_number + 1;
	numbers.entry_count = SAMPLE_TABLE_ENTRIES;
	buffer_append_slice(&numbers.first_key, slice_of_string(first));
	buffer_append_slice(&numbers.last_key, slice_of_string(last));
	table = table_file_create(&numbers, COMPRESSION_NONE, level);
	catalog_add(catalog, table);
	return table;
}

#endif
