#include "storaged/manifest/table_file.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/check.h"
#include "common/base/mem.h"

struct table_file *
table_file_create(
    struct table_summary *summary, enum compression compression, unsigned level)
{
	struct table_file *table = mem_new(sizeof(*table));

	table->summary = *summary;
	table->compression = compression;
	table->level = level;
	*summary = (struct table_summary){0};
	return table;
}

void
table_file_close(struct table_file *table)
{
	if (table == NULL)
		return;
	table_summary_deinit(&table->summary);
	mem_free(table);
}

struct slice
table_file_first_key(const struct table_file *table)
{
	return buffer_slice(&table->summary.first_key);
}

struct slice
table_file_last_key(const struct table_file *table)
{
	return buffer_slice(&table->summary.last_key);
}

bool
table_file_ends_before(const struct table_file *table, struct slice key)
{
	int order;

	if (table->summary.last_unbounded)
		return false;
	order = slice_compare(table_file_last_key(table), key);
	return order < 0 || (order == 0 && table->summary.last_is_exclusive);
}

bool
table_file_may_hold(const struct table_file *table, struct slice key)
{
	return slice_compare(table_file_first_key(table), key) <= 0 &&
	    !table_file_ends_before(table, key);
}

bool
table_file_overlaps(const struct table_file *a, const struct table_file *b)
{
	return !table_file_ends_before(a, table_file_first_key(b)) &&
	    !table_file_ends_before(b, table_file_first_key(a));
}

void
table_file_path(
    char out[PATH_BYTES_MAX], const char *shard_directory, uint64_t number)
{
	int size = snprintf(out, PATH_BYTES_MAX, "%s/tables/%016" PRIx64 ".sst",
	    shard_directory, number);

	CHECK(size > 0 && size < PATH_BYTES_MAX);
}
