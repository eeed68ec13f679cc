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

static size_t count_not_behind(
    const struct table_run *run, size_t low, uint64_t prefix, struct slice key);
static enum status
run_seek(struct iterator *it, struct slice key, struct error *err);
static enum status run_next(struct iterator *it, struct error *err);
static enum status run_take(struct iterator *it, struct entry *out,
    size_t count_max, size_t *count, struct error *err);
static void run_close(struct iterator *it);
static bool run_approach(struct iterator *it, struct slice key);
static void stand_in(struct run_iterator *run, size_t index);
static enum status settle(struct run_iterator *run, struct error *err);
static size_t behind_shadow(const struct run_iterator *run);
static bool is_shadowed(struct run_iterator *run, struct slice key);
static enum status place(struct run_iterator *run, size_t index,
    struct slice key, struct error *err);

static inline struct slice
first_key(const struct table_run *run, size_t index)
{
	return buffer_slice(&run->tables[index].summary->first_key);
}

/* What follows in a key that begins as all first keys do. */
static inline struct slice
rest_of(struct slice key, const struct table_run *run)
{
	return slice_of(
	    key.data + run->shared.size, key.size - run->shared.size);
}

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

/* How many bytes both begin with. */
static size_t
shared_size(struct slice a, struct slice b)
{
	size_t size = 0;

	while (size < a.size && size < b.size && a.data[size] == b.data[size])
		size++;
	return size;
}

struct table_run
table_run_of(const struct table_slot *tables, size_t count, uint64_t *starts)
{
	struct table_run run = {.tables = tables, .count = count};

	if (count == 0)
		return run;
	run.starts = starts;
	run.shared = first_key(&run, 0);
	run.shared.size = shared_size(run.shared, first_key(&run, count - 1));
	for (size_t i = 0; i < count; i++)
		starts[i] = table_run_prefix(rest_of(first_key(&run, i), &run));
	return run;
}

/* How many of the `count` ascending numbers are less; takes no branches. */
static size_t
count_less(const uint64_t *numbers, size_t count, uint64_t number)
{
	const uint64_t *base = numbers;

	if (count == 0)
		return 0;
	while (count > 1) {
		size_t half = count / 2;

		base += base[half - 1] < number ? half : 0;
		count -= half;
	}
	return (size_t)(base - numbers) + (*base < number);
}

size_t
table_run_find(const struct table_run *run, struct slice key)
{
	size_t common =
	    key.size < run->shared.size ? key.size : run->shared.size;
	int order =
	    common == 0 ? 0 : memcmp(key.data, run->shared.data, common);
	uint64_t prefix;
	size_t low;

	if (order < 0 || (order == 0 && key.size < run->shared.size))
		return run->count;
	if (order > 0)
		return run->count - 1;
	prefix = table_run_prefix(rest_of(key, run));
	low = count_less(run->starts, run->count, prefix);
	/* Equal numbers say nothing: only the whole keys do. */
	if (low < run->count && run->starts[low] == prefix)
		low += count_not_behind(run, low, prefix, key);
	return low == 0 ? run->count : low - 1;
}

/* Of the tables from `low` on with this start, how many begin by `key`. */
static size_t
count_not_behind(
    const struct table_run *run, size_t low, uint64_t prefix, struct slice key)
{
	size_t from = low;
	size_t to = prefix == UINT64_MAX
	    ? run->count
	    : low + count_less(run->starts + low, run->count - low, prefix + 1);

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (slice_compare(first_key(run, middle), key) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from - low;
}

struct iterator *
table_run_iterator_create(struct table_run run, const struct range_set *shadows)
{
	static const struct iterator_ops ops = {
	    .seek = run_seek,
	    .next = run_next,
	    .close = run_close,
	    .approach = run_approach,
	    .take = run_take,
	};
	struct run_iterator *it;

	/* There is nothing to be done that the table's own does not do. */
	if (run.count == 1 && shadows == NULL)
		return table_iterator_create(run.tables[0].reader);
	it = mem_new(sizeof(*it));
	it->base.ops = &ops;
	it->run = run;
	it->shadows = shadows;
	return &it->base;
}

static enum status
run_seek(struct iterator *it, struct slice key, struct error *err)
{
	struct run_iterator *run = (struct run_iterator *)it;
	size_t index = table_run_find(&run->run, key);

	it->valid = false;
	run->has_shadow = false;
	if (index == run->run.count)
		index = 0;
	if (place(run, index, key, err) != STATUS_OK)
		return err->code;
	return settle(run, err);
}

static bool
run_approach(struct iterator *it, struct slice key)
{
	struct run_iterator *run = (struct run_iterator *)it;
	size_t index = table_run_find(&run->run, key);

	stand_in(run, index == run->run.count ? 0 : index);
	return iterator_approach(run->child, key);
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

/* What may be shadowed is looked at one by one. */
static enum status
run_take(struct iterator *it, struct entry *out, size_t count_max,
    size_t *count, struct error *err)
{
	struct run_iterator *run = (struct run_iterator *)it;

	CHECK(it->valid);
	if (run->shadows == NULL) {
		if (iterator_take(run->child, out, count_max, count, err) !=
		    STATUS_OK)
			return err->code;
		if (*count > 0)
			return STATUS_OK;
		it->valid = false;
		if (settle(run, err) != STATUS_OK)
			return err->code;
	} else if (run_next(it, err) != STATUS_OK) {
		return err->code;
	}
	if (it->valid) {
		*out = it->entry;
		*count = 1;
	}
	return STATUS_OK;
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
		index = table_run_find(&run->run, end);
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

/* Makes the child one over the table at `index`, if there is one. */
static void
stand_in(struct run_iterator *run, size_t index)
{
	if (run->child != NULL && index != run->index) {
		iterator_close(run->child);
		run->child = NULL;
	}
	run->index = index;
	if (index < run->run.count && run->child == NULL)
		run->child =
		    table_iterator_create(run->run.tables[index].reader);
}

/* Stands the child on the first entry of a table from `key` on. */
static enum status
place(
    struct run_iterator *run, size_t index, struct slice key, struct error *err)
{
	stand_in(run, index);
	if (index >= run->run.count)
		return STATUS_OK;
	return iterator_seek(run->child, key, err);
}
