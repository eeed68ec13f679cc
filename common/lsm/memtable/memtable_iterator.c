#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/memtable/memtable_map.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/record/iterator.h"

#define CURSORS_MAX (MEMTABLE_RUNS_MAX + 1)

/* A place in one run, or in the sorted tail. */
struct cursor {
	uint64_t digest; /* of the key, behind the iterator's prefix */
	struct slice key;
	const uint32_t *at;
	const uint32_t *end;
};

/* A run, checked: `nodes` to `nodes + count` lies within the mapping. */
struct run_view {
	const uint64_t *fences; /* NULL: the tail, which has none */
	const uint32_t *nodes;
	uint32_t count;
	uint32_t prefix_size;
};

struct memtable_iterator {
	struct iterator base;
	const struct memtable_reader *map;
	uint64_t sequence_max;
	bool is_damaged;
	size_t prefix_size; /* in common to all keys */
	uint64_t shown; /* digest of base.entry.key */
	uint32_t run_count;
	uint32_t cursor_count;
	uint32_t tail[MEMTABLE_TAIL_COUNT];
	struct run_view runs[CURSORS_MAX];
	struct cursor cursors[CURSORS_MAX]; /* a heap, the least key on top */
};

static enum status __attribute__((noinline, cold))
damaged(struct memtable_iterator *it, struct error *err)
{
	it->base.valid = false;
	return error_set(err, STATUS_CORRUPT,
	    "memtable %" PRIu64 ": its order is damaged", it->map->number);
}

/* Fills in *view for the run at `offset`. */
static bool
run_open(
    const struct memtable_reader *map, uint32_t offset, struct run_view *view)
{
	const struct memtable_run *run = memtable_map_at(map, offset);

	if (run == NULL || run->count == 0 ||
	    run->count % MEMTABLE_FENCE_EVERY != 0 ||
	    !memtable_map_holds(
		map, (const uint8_t *)run, memtable_run_bytes(run->count)))
		return false;
	view->fences = run->fences;
	view->nodes =
	    (const uint32_t *)(run->fences + run->count / MEMTABLE_FENCE_EVERY);
	view->count = run->count;
	view->prefix_size = run->prefix_size;
	return true;
}

/* Opens the runs of the order at `offset`; *covered is its newest node. */
static bool
order_open(struct memtable_iterator *it, uint32_t offset, uint32_t *covered)
{
	const struct memtable_order *order = memtable_map_at(it->map, offset);

	if (order == NULL || order->run_count > MEMTABLE_RUNS_MAX ||
	    !memtable_map_holds(it->map, (const uint8_t *)order,
		offsetof(struct memtable_order, runs) +
		    order->run_count * sizeof(order->runs[0])))
		return false;
	for (uint32_t i = 0; i < order->run_count; i++) {
		if (!run_open(it->map, order->runs[i], &it->runs[i]))
			return false;
	}
	it->run_count = order->run_count;
	it->prefix_size = order->prefix_size;
	*covered = order->newest_covered;
	return true;
}

/* Puts the tail's nodes in the order of their keys. */
static void
tail_sort(struct memtable_iterator *it, struct slice *keys, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		struct slice key = keys[i];
		uint32_t node = it->tail[i];
		uint32_t to = i;

		for (; to > 0 && slice_compare(key, keys[to - 1]) < 0; to--) {
			keys[to] = keys[to - 1];
			it->tail[to] = it->tail[to - 1];
		}
		keys[to] = key;
		it->tail[to] = node;
	}
}

/* Collects the nodes from `newest` back to `covered`, as one more run. */
static bool
tail_open(struct memtable_iterator *it, uint32_t newest, uint32_t covered)
{
	struct slice keys[MEMTABLE_TAIL_COUNT];
	struct slice key;
	uint32_t count = 0;

	if (newest <= covered)
		return true;
	if (!memtable_map_key(it->map, newest, &key))
		return false;
	if (covered == 0)
		it->prefix_size = key.size;
	else if (!memtable_map_key(it->map, covered, &key))
		return false;
	for (uint32_t node = newest; node > covered; count++) {
		const struct memtable_node *bytes;

		if (count == MEMTABLE_TAIL_COUNT ||
		    !memtable_map_key(it->map, node, &keys[count]))
			return false;
		it->prefix_size =
		    memtable_common_prefix(key, keys[count], it->prefix_size);
		it->tail[count] = node;
		bytes = memtable_map_at(it->map, node);
		if (bytes->previous >= node || bytes->previous < covered)
			return false;
		node = bytes->previous;
	}
	tail_sort(it, keys, count);
	it->runs[it->run_count++] = (struct run_view){NULL, it->tail, count, 0};
	return true;
}

/* Narrows [*low, *high) to where the first key >= `key` is, by the fences. */
static bool
fence_search(const struct memtable_iterator *it, const struct run_view *run,
    struct slice key, uint32_t *low, uint32_t *high)
{
	uint32_t fence_low = 0;
	uint32_t fence_high = run->count / MEMTABLE_FENCE_EVERY;
	uint32_t after = fence_high;
	uint64_t digest;
	struct slice first;
	int order;

	if (!memtable_map_key(it->map, run->nodes[0], &first) ||
	    first.size < run->prefix_size)
		return false;
	first.size = run->prefix_size;
	order = slice_compare(
	    slice_of(key.data, key.size < first.size ? key.size : first.size),
	    first);
	if (order != 0) {
		*low = *high = order < 0 ? 0 : run->count;
		return true;
	}
	digest = memtable_digest(key, run->prefix_size);
	while (fence_low < fence_high) {
		uint32_t middle = fence_low + (fence_high - fence_low) / 2;

		if (run->fences[middle] < digest)
			fence_low = middle + 1;
		else
			fence_high = middle;
	}
	fence_high = fence_low;
	while (fence_high < after && run->fences[fence_high] == digest)
		fence_high++;
	*low = fence_low == 0 ? 0 : (fence_low - 1) * MEMTABLE_FENCE_EVERY + 1;
	*high = fence_high == after ? run->count
				    : fence_high * MEMTABLE_FENCE_EVERY;
	return true;
}

/* Places a cursor on the first node of `run` with a key >= `key`. */
static bool
run_seek(const struct memtable_iterator *it, const struct run_view *run,
    struct slice key, struct cursor *cursor)
{
	uint32_t low = 0;
	uint32_t high = run->count;

	if (key.size == 0)
		high = 0;
	else if (run->fences != NULL &&
	    !fence_search(it, run, key, &low, &high))
		return false;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct slice at;

		if (!memtable_map_key(it->map, run->nodes[middle], &at))
			return false;
		if (slice_compare(at, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	cursor->at = run->nodes + low;
	cursor->end = run->nodes + run->count;
	return true;
}

/* Reads the key under a cursor that is not at its end. */
static bool
cursor_load(const struct memtable_iterator *it, struct cursor *cursor)
{
	if (UNLIKELY(!memtable_map_key(it->map, *cursor->at, &cursor->key)))
		return false;
	cursor->digest = memtable_digest(cursor->key, it->prefix_size);
	if (cursor->at + 1 < cursor->end) {
		const struct memtable_node *next =
		    memtable_map_at(it->map, cursor->at[1]);

		__builtin_prefetch(next);
	}
	return true;
}

static bool
cursor_before(const struct cursor *a, const struct cursor *b)
{
	if (LIKELY(a->digest != b->digest))
		return a->digest < b->digest;
	return slice_compare(a->key, b->key) < 0;
}

/* Lets the cursor at `index` sink to where the heap is in order again. */
static void
sink(struct memtable_iterator *it, uint32_t index)
{
	struct cursor *heap = it->cursors;
	struct cursor moving = heap[index];

	for (;;) {
		uint32_t lesser = 2 * index + 1;

		if (lesser >= it->cursor_count)
			break;
		if (lesser + 1 < it->cursor_count &&
		    cursor_before(&heap[lesser + 1], &heap[lesser]))
			lesser++;
		if (!cursor_before(&heap[lesser], &moving))
			break;
		heap[index] = heap[lesser];
		index = lesser;
	}
	heap[index] = moving;
}

/* Moves the top cursor one node on. */
static bool
step(struct memtable_iterator *it)
{
	struct cursor *top = &it->cursors[0];

	top->at++;
	if (top->at == top->end)
		*top = it->cursors[--it->cursor_count];
	else if (!cursor_load(it, top))
		return false;
	if (it->cursor_count > 1)
		sink(it, 0);
	return true;
}

/*
 * Shows the first entry, from the top cursor on, that may be seen. Its key
 * must lie behind `shown`, if that is given: an order that goes backwards
 * would make a table that nobody can search.
 */
static enum status
show(struct memtable_iterator *it, const struct slice *shown, struct error *err)
{
	it->base.valid = false;
	while (it->cursor_count > 0) {
		const struct cursor *top = &it->cursors[0];
		const struct memtable_node *node =
		    memtable_map_at(it->map, *top->at);
		bool visible;

		if (shown != NULL &&
		    (top->digest < it->shown ||
			(top->digest == it->shown &&
			    slice_compare(top->key, *shown) <= 0)))
			return damaged(it, err);
		if (!memtable_map_version(it->map, node, it->sequence_max,
			&it->base.entry, &visible))
			return damaged(it, err);
		if (visible) {
			it->base.entry.key = top->key;
			it->shown = top->digest;
			it->base.valid = true;
			break;
		}
		if (!step(it))
			return damaged(it, err);
	}
	return STATUS_OK;
}

static enum status
memtable_seek(struct iterator *base, struct slice key, struct error *err)
{
	struct memtable_iterator *it = (struct memtable_iterator *)base;

	it->cursor_count = 0;
	if (it->is_damaged)
		return damaged(it, err);
	for (uint32_t i = 0; i < it->run_count; i++) {
		struct cursor *cursor = &it->cursors[it->cursor_count];

		if (!run_seek(it, &it->runs[i], key, cursor))
			return damaged(it, err);
		if (cursor->at == cursor->end)
			continue;
		if (!cursor_load(it, cursor))
			return damaged(it, err);
		it->cursor_count++;
	}
	for (uint32_t i = it->cursor_count / 2; i-- > 0;)
		sink(it, i);
	return show(it, NULL, err);
}

static enum status
memtable_next(struct iterator *base, struct error *err)
{
	struct memtable_iterator *it = (struct memtable_iterator *)base;
	struct slice shown = base->entry.key;

	CHECK(base->valid);
	if (!step(it))
		return damaged(it, err);
	return show(it, &shown, err);
}

static void
memtable_close(struct iterator *base)
{
	mem_free(base);
}

struct iterator *
memtable_iterator_create(
    const struct memtable_reader *reader, uint64_t sequence_max)
{
	static const struct iterator_ops ops = {
	    .seek = memtable_seek,
	    .next = memtable_next,
	    .close = memtable_close,
	};
	struct memtable_iterator *it = mem_resize(NULL, sizeof(*it));
	uint32_t newest;
	uint32_t order;
	uint32_t covered = 0;

	it->base = (struct iterator){.ops = &ops};
	it->map = reader;
	it->sequence_max = sequence_max;
	it->prefix_size = 0;
	it->run_count = 0;
	it->cursor_count = 0;
	it->is_damaged = false;
	/* In this turn; memtable_reader.h says why. */
	newest = atomic_load_explicit(
	    &reader->header->newest_node, memory_order_acquire);
	order =
	    atomic_load_explicit(&reader->header->order, memory_order_acquire);
	if ((order != 0 && !order_open(it, order, &covered)) ||
	    !tail_open(it, newest, covered))
		it->is_damaged = true;
	return &it->base;
}
