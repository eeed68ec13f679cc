#include "storaged/compaction/compaction.h"

#include <inttypes.h>

#include "common/base/mem.h"
#include "common/lsm/record/merge.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/bus_guard.h"
#include "common/os/path.h"

struct compaction {
	const struct rewrite_options *options;
	struct table_file *const *inputs;
	size_t count;
	struct table_reader **readers;
	struct range_set ranges;
	struct iterator *entries; /* of read_through() */
};

/* Runs inside a bus guard. */
static enum status
open_inputs(void *context, struct error *err)
{
	struct compaction *compaction = context;

	for (size_t i = 0; i < compaction->count; i++) {
		const struct table_summary *summary =
		    &compaction->inputs[i]->summary;
		struct table_reader *reader;
		char path[PATH_BYTES_MAX];

		table_file_path(path, compaction->options->shard_directory,
		    summary->number);
		if (table_reader_open(path, summary->number,
			compaction->options->store_id, summary->size_bytes,
			NULL, &reader, err) != STATUS_OK)
			return err->code;
		compaction->readers[i] = reader;
		if (table_reader_ranges(reader, &compaction->ranges, err) !=
		    STATUS_OK)
			return err->code;
	}
	range_set_seal(&compaction->ranges);
	return STATUS_OK;
}

/* True if one range tombstone hides everything in `table`. */
static bool
is_covered(const struct range_set *ranges, const struct table_file *table)
{
	struct range_tombstone range;
	size_t index = 0;

	while (range_set_next(ranges, &index, &range)) {
		if (range.sequence > table->summary.sequence_max &&
		    range_tombstone_holds(
			&range, table_file_first_key(table)) &&
		    (range.end.size == 0 ||
			(!table->summary.last_unbounded &&
			    range_tombstone_holds(
				&range, table_file_last_key(table)))))
			return true;
	}
	return false;
}

static struct iterator *
merge_inputs(const struct compaction *compaction)
{
	struct iterator **children =
	    mem_new_array(compaction->count, sizeof(*children));
	struct iterator *merged;
	size_t count = 0;

	for (size_t i = 0; i < compaction->count; i++) {
		if (!is_covered(&compaction->ranges, compaction->inputs[i]))
			children[count++] =
			    table_iterator_create(compaction->readers[i]);
	}
	merged = merge_iterator_create(children, count);
	mem_free(children);
	return merged;
}

enum status
compaction_run(const struct rewrite_options *options,
    struct table_file *const *inputs, size_t count, struct older_tables *older,
    const atomic_bool *stop, struct rewrite_result *result, struct error *err)
{
	struct compaction compaction = {
	    .options = options,
	    .inputs = inputs,
	    .count = count,
	    .readers = mem_new_array(count, sizeof(struct table_reader *)),
	};
	enum status status = bus_guard_run(open_inputs, &compaction, err);

	*result = (struct rewrite_result){0};
	if (status == STATUS_OK) {
		struct iterator *merged = merge_inputs(&compaction);

		status = rewrite_run(options, merged, &compaction.ranges, older,
		    stop, result, err);
		iterator_close(merged);
	}
	for (size_t i = 0; i < count; i++)
		table_reader_close(compaction.readers[i]);
	mem_free(compaction.readers);
	range_set_deinit(&compaction.ranges);
	return status;
}

/* Runs inside a bus guard: what it acquires hangs on `compaction`. */
static enum status
read_through(void *context, struct error *err)
{
	struct compaction *compaction = context;
	enum status status;

	if (open_inputs(compaction, err) != STATUS_OK)
		return err->code;
	compaction->entries = table_iterator_create(compaction->readers[0]);
	status = iterator_seek(compaction->entries, SLICE_EMPTY, err);
	while (status == STATUS_OK && compaction->entries->valid)
		status = iterator_next(compaction->entries, err);
	return status;
}

struct error *
compaction_find_damage(const struct rewrite_options *options,
    struct table_file *const *inputs, size_t count)
{
	struct error *errors = mem_new_array(count, sizeof(*errors));

	for (size_t i = 0; i < count; i++) {
		struct table_reader *reader = NULL;
		struct compaction compaction = {
		    .options = options,
		    .inputs = &inputs[i],
		    .count = 1,
		    .readers = &reader,
		};

		errors[i].code =
		    bus_guard_run(read_through, &compaction, &errors[i]);
		iterator_close(compaction.entries);
		table_reader_close(reader);
		range_set_deinit(&compaction.ranges);
	}
	return errors;
}
