#include "common/lsm/record/range_set.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/* Ranges that cover the place where the sealing sweep stands, newest on top. */
struct sweep {
	const struct range_tombstone **heap;
	size_t count;
};

static int
compare_starts(const void *a, const void *b)
{
	const struct range_tombstone *x = a;
	const struct range_tombstone *y = b;

	return slice_compare(x->start, y->start);
}

static int
compare_slices(const void *a, const void *b)
{
	const struct slice *x = a;
	const struct slice *y = b;

	return slice_compare(*x, *y);
}

void
range_set_add(struct range_set *set, const struct range_tombstone *range)
{
	CHECK(range->sequence > 0);
	if (range->end.size > 0 && slice_compare(range->start, range->end) >= 0)
		return;
	if (set->range_count == set->range_capacity) {
		set->range_capacity =
		    set->range_capacity == 0 ? 8 : 2 * set->range_capacity;
		set->ranges = mem_resize(
		    set->ranges, set->range_capacity * sizeof(set->ranges[0]));
	}
	set->ranges[set->range_count++] =
	    (struct range_tombstone){arena_dup(&set->arena, range->start),
		arena_dup(&set->arena, range->end), range->sequence};
	set->is_unsealed = true;
}

static void
sweep_push(struct sweep *sweep, const struct range_tombstone *range)
{
	size_t index = sweep->count++;

	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (sweep->heap[parent]->sequence >= range->sequence)
			break;
		sweep->heap[index] = sweep->heap[parent];
		index = parent;
	}
	sweep->heap[index] = range;
}

static void
sweep_pop(struct sweep *sweep)
{
	const struct range_tombstone *last = sweep->heap[--sweep->count];
	size_t index = 0;

	for (;;) {
		size_t greater = 2 * index + 1;

		if (greater >= sweep->count)
			break;
		if (greater + 1 < sweep->count &&
		    sweep->heap[greater + 1]->sequence >
			sweep->heap[greater]->sequence)
			greater++;
		if (sweep->heap[greater]->sequence <= last->sequence)
			break;
		sweep->heap[index] = sweep->heap[greater];
		index = greater;
	}
	sweep->heap[index] = last;
}

/* All starts and ends, sorted. */
static size_t
sort_bounds(const struct range_set *set, struct slice *bounds)
{
	size_t count = 0;

	for (size_t i = 0; i < set->range_count; i++) {
		bounds[count++] = set->ranges[i].start;
		if (set->ranges[i].end.size > 0)
			bounds[count++] = set->ranges[i].end;
	}
	qsort(bounds, count, sizeof(bounds[0]), compare_slices);
	return count;
}

static void
add_piece(struct range_set *set, struct slice start, uint64_t sequence)
{
	uint64_t before = set->piece_count == 0
	    ? 0
	    : set->pieces[set->piece_count - 1].sequence;

	if (sequence != before)
		set->pieces[set->piece_count++] =
		    (struct range_piece){start, sequence};
}

void
range_set_seal(struct range_set *set)
{
	struct sweep sweep = {0};
	struct slice *bounds;
	size_t bound_count;
	size_t started = 0;

	if (!set->is_unsealed)
		return;
	bounds = mem_new_array(2 * set->range_count, sizeof(bounds[0]));
	sweep.heap = mem_new_array(set->range_count, sizeof(sweep.heap[0]));
	set->pieces = mem_resize(
	    set->pieces, 2 * set->range_count * sizeof(set->pieces[0]));
	set->piece_count = 0;
	qsort(set->ranges, set->range_count, sizeof(set->ranges[0]),
	    compare_starts);
	bound_count = sort_bounds(set, bounds);
	for (size_t i = 0; i < bound_count; i++) {
		while (started < set->range_count &&
		    slice_compare(set->ranges[started].start, bounds[i]) <= 0)
			sweep_push(&sweep, &set->ranges[started++]);
		/* One that has ended below a newer one waits for its turn. */
		while (sweep.count > 0 && sweep.heap[0]->end.size > 0 &&
		    slice_compare(sweep.heap[0]->end, bounds[i]) <= 0)
			sweep_pop(&sweep);
		add_piece(set, bounds[i],
		    sweep.count == 0 ? 0 : sweep.heap[0]->sequence);
	}
	mem_free(bounds);
	mem_free(sweep.heap);
	set->is_unsealed = false;
}

/* How many pieces start at or before the key. */
static size_t
pieces_until(const struct range_set *set, struct slice key)
{
	size_t low = 0;
	size_t high = set->piece_count;

	CHECK(!set->is_unsealed);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slice_compare(set->pieces[middle].start, key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t
range_set_cover(const struct range_set *set, struct slice key)
{
	size_t count = pieces_until(set, key);

	return count == 0 ? 0 : set->pieces[count - 1].sequence;
}

void
range_set_find(
    const struct range_set *set, struct slice key, struct range_tombstone *out)
{
	size_t count = pieces_until(set, key);

	*out = (struct range_tombstone){0};
	if (count > 0) {
		out->start = set->pieces[count - 1].start;
		out->sequence = set->pieces[count - 1].sequence;
	}
	if (count < set->piece_count)
		out->end = set->pieces[count].start;
}

bool
range_set_next(
    const struct range_set *set, size_t *index, struct range_tombstone *out)
{
	CHECK(!set->is_unsealed);
	for (; *index < set->piece_count; (*index)++) {
		const struct range_piece *piece = &set->pieces[*index];

		if (piece->sequence == 0)
			continue;
		out->start = piece->start;
		out->end = *index + 1 < set->piece_count ? piece[1].start
							 : SLICE_EMPTY;
		out->sequence = piece->sequence;
		(*index)++;
		return true;
	}
	return false;
}

void
range_set_deinit(struct range_set *set)
{
	arena_deinit(&set->arena);
	mem_free(set->ranges);
	mem_free(set->pieces);
	*set = (struct range_set){0};
}
