#include "common/lsm/view/table_run.h"

#include <endian.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/table_reader.h"

struct run_iterator {
	struct iterator base;
	struct table_run run;
	const struct range_set *shadows; /* borrowed; NULL: none */
	struct iterator *child; /* over tables[index]; NULL: none yet */
	size_t index;
	/*
	 * Behind the last key looked up in `shadows` up to shadow.end lies
	 * one piece; its sequence is 0 where nothing is deleted.
	 */
	struct range_tombstone shadow;
	bool has_shadow;
};

static enum status
run_seek(struct iterator *it, struct slice key, struct error *err);
static enum status run_next(struct iterator *it, struct error *err);
static void run_close(struct iterator *it);
static enum status settle(struct run_iterator *run, struct error *err);
static size_t behind_shadow(const struct run_iterator *run);
static bool is_shadowed(struct run_iterator *run, struct slice key);
static enum status place(struct run_iterator *run, size_t index,
    struct slice key, struct error *err);

uint64_t
table_run_prefix(struct slice key)
{
	uint64_t prefix = 0;

	if (LIKELY(key.size >= sizeof(prefix)))
		memcpy(&prefix, key.data, sizeof(prefix));
	else if (key.size > 0)
		memcpy(&prefix, key.data, key.size);
	return be64toh(prefix);
}

struct table_slot
table_slot_of(struct table_reader *reader)
{
	const struct table_summary *summary = table_reader_summary(reader);

	return (struct table_slot){
	    table_run_prefix(buffer_slice(&summary->first_key)),
	    summary->last_unbounded
		? UINT64_MAX
		: table_run_prefix(buffer_slice(&summary->last_key)),
	    reader, summary};
}

size_t
table_run_find(const struct table_run *run, struct slice key, uint64_t prefix)
{
	size_t low = 0;
	size_t high = run->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct table_slot *slot = &run->tables[middle];
		bool starts_before = slot->first_prefix < prefix;

		/* Equal prefixes say nothing: only the whole keys do. */
		if (slot->first_prefix == prefix)
			starts_before =
			    slice_compare(
				buffer_slice(&slot->summary->first_key), key) <=
			    0;
		if (starts_before)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? run->count : low - 1;
}

struct iterator *
table_run_iterator_create(struct table_run run, const struct range_set *shadows)
{
	static const struct iterator_ops ops = {
	    .seek = run_seek,
	    .next = run_next,
	    .close = run_close,
	};
	struct run_iterator *it = mem_new(sizeof(*it));

	it->base.ops = &ops;
	it->run = run;
	it->shadows = shadows;
	return &it->base;
}

static enum status
run_seek(struct iterator *it, struct slice key, struct error *err)
{
	struct run_iterator *run = (struct run_iterator *)it;
	size_t index = table_run_find(&run->run, key, table_run_prefix(key));

	it->valid = false;
	run->has_shadow = false;
	if (index == run->run.count)
		index = 0;
	if (place(run, index, key, err) != STATUS_OK)
		return err->code;
	return settle(run, err);
}

static enum status
run_next(struct iterator *it, struct error *err)
{
	struct run_iterator *run = (struct run_iterator *)it;

	CHECK(it->valid);
	it->valid = false;
	if (iterator_next(run->child, err) != STATUS_OK)
		return err->code;
	return settle(run, err);
}

static void
run_close(struct iterator *it)
{
	struct run_iterator *run = (struct run_iterator *)it;

	iterator_close(run->child);
	mem_free(run);
}

/* Goes on from where the child stands to an entry that is to be shown. */
static enum status
settle(struct run_iterator *run, struct error *err)
{
	for (;;) {
		size_t index = run->index;
		struct slice key = SLICE_EMPTY;

		if (index >= run->run.count)
			return STATUS_OK;
		if (run->child->valid) {
			if (!is_shadowed(run, run->child->entry.key))
				break;
			key = run->shadow.end;
			index = behind_shadow(run);
		} else {
			index++;
		}
		if (place(run, index, key, err) != STATUS_OK)
			return err->code;
	}
	run->base.valid = true;
	run->base.entry = run->child->entry;
	return STATUS_OK;
}

/* The table to go on in: that which holds the end of the shadow, if any. */
static size_t
behind_shadow(const struct run_iterator *run)
{
	const struct slice end = run->shadow.end;
	size_t index = run->index;

	if (end.size > 0) {
		index = table_run_find(&run->run, end, table_run_prefix(end));
		CHECK(index >= run->index);
		CHECK(index < run->run.count);
		return index;
	}
	/* The shadow has no end, but later tables may be newer than it. */
	do
		index++;
	while (index < run->run.count &&
	    run->run.tables[index].summary->sequence_max <
		run->shadow.sequence);
	return index;
}

/*
 * True if a range tombstone that holds `key` is newer than all of the table
 * that the iterator is in; then run->shadow is it.
 */
static bool
is_shadowed(struct run_iterator *run, struct slice key)
{
	const struct table_summary *summary;

	if (run->shadows == NULL)
		return false;
	if (!run->has_shadow ||
	    (run->shadow.end.size > 0 &&
		slice_compare(key, run->shadow.end) >= 0)) {
		range_set_find(run->shadows, key, &run->shadow);
		run->has_shadow = true;
	}
	summary = run->run.tables[run->index].summary;
	return run->shadow.sequence > summary->sequence_max;
}

/* Stands the child on the first entry of a table from `key` on. */
static enum status
place(
    struct run_iterator *run, size_t index, struct slice key, struct error *err)
{
	if (run->child != NULL && index != run->index) {
		iterator_close(run->child);
		run->child = NULL;
	}
	run->index = index;
	if (index >= run->run.count)
		return STATUS_OK;
	if (run->child == NULL)
		run->child =
		    table_iterator_create(run->run.tables[index].reader);
	return iterator_seek(run->child, key, err);
}
