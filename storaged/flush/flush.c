#include "storaged/flush/flush.h"

enum status
flush_memtable(const struct rewrite_options *options,
    const struct memtable_reader *memtable, struct rewrite_result *result,
    struct error *err)
{
	/*
	 * Tombstones stay: the tables below may change while this runs, so
	 * whether they hold a key is for a compaction to say.
	 */
	struct older_tables older = {.any_key = true};
	struct range_set ranges = {0};
	struct iterator *entries;
	enum status status;

	*result = (struct rewrite_result){0};
	status = memtable_reader_ranges(memtable, UINT64_MAX, &ranges, err);
	if (status == STATUS_OK) {
		range_set_seal(&ranges);
		entries = memtable_iterator_create(memtable, UINT64_MAX);
		status = rewrite_run(
		    options, entries, &ranges, &older, NULL, result, err);
		iterator_close(entries);
	}
	range_set_deinit(&ranges);
	return status;
}
