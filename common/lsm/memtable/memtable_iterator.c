#include <inttypes.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/memtable/memtable_map.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/key_digest.h"

/* How many nodes ahead of its turn a key is fetched from memory. */
#define PREFETCH_COUNT 4

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

/* A search in a run on its way: nodes, or fences, `low` to `low + size`. */
struct search {
	uint64_t digest;
	uint32_t low;
	uint32_t size;
};

struct memtable_iterator {
	struct iterator base;
	const struct memtable_reader *map;
	uint64_t sequence_max;
	bool is_damaged;
	uint32_t covered; /* the newest node that the order covers */
	size_t covered_prefix_size; /* in common to all keys it covers */
	size_t prefix_size; /* in common to all keys */
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

/* Opens the runs of the order at `offset`. */
static bool
order_open(struct memtable_iterator *it, uint32_t offset)
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
	it->covered_prefix_size = order->prefix_size;
	it->covered = order->newest_covered;
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

/* Collects the nodes newer than those covered, up to `newest`, as one run. */
static bool
tail_open(struct memtable_iterator *it, uint32_t newest)
{
	uint32_t covered = it->covered;
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

/* How `key` stands to all keys that begin with `prefix`. */
static int
prefix_compare(struct slice key, struct slice prefix)
{
	if (key.size > prefix.size)
		key.size = prefix.size;
	return slice_compare(key, prefix);
}

/*
 * Starts a search in `run`: over all its fences, or over no fences at one end
 * of the run when `key` lies outside of the run's prefix. `covered` is how it
 * stands to the prefix that all runs share, and mostly all there is to know.
 */
static bool
search_start(const struct memtable_iterator *it, const struct run_view *run,
    struct slice key, int covered, struct search *search)
{
	struct slice first;

	if (covered == 0 && run->prefix_size > it->covered_prefix_size) {
		if (!memtable_map_key(it->map, run->nodes[0], &first) ||
		    first.size < run->prefix_size)
			return false;
		first.size = run->prefix_size;
		covered = prefix_compare(key, first);
	}
	search->digest = key_digest(key, run->prefix_size);
	search->low = covered <= 0 ? 0 : run->count / MEMTABLE_FENCE_EVERY;
	search->size = covered == 0 ? run->count / MEMTABLE_FENCE_EVERY : 0;
	return true;
}

/*
 * Finds in each run the first fence with a digest not less than the key's.
 * The searches go on in turn, a step each: they do not depend on one another,
 * so that the processor waits for the memory of all of them at once.
 */
static void
search_fences(const struct memtable_iterator *it, struct search *searches)
{
	bool is_open = true;

	while (is_open) {
		is_open = false;
		for (uint32_t i = 0; i < it->run_count; i++) {
			struct search *search = &searches[i];
			uint32_t half = (search->size + 1) / 2;
			bool is_less;

			if (search->size == 0)
				continue;
			is_less = it->runs[i].fences[search->low + half - 1] <
			    search->digest;
			search->low += is_less ? half : 0;
			search->size = is_less ? search->size - half : half - 1;
			is_open |= search->size > 0;
		}
	}
}

/* Goes on from fences to the nodes that they leave, and fetches these. */
static void
search_nodes(const struct memtable_iterator *it, const struct run_view *run,
    struct search *search)
{
	uint32_t fence_count = run->count / MEMTABLE_FENCE_EVERY;
	uint32_t fence = search->low;
	uint32_t high;

	search->low = fence == 0 ? 0 : (fence - 1) * MEMTABLE_FENCE_EVERY + 1;
	/* Keys with the same digest may go on over many fences. */
	while (fence < fence_count && run->fences[fence] == search->digest)
		fence++;
	high = fence == fence_count ? run->count : fence * MEMTABLE_FENCE_EVERY;
	search->size = high - search->low;
	if (search->size > MEMTABLE_FENCE_EVERY)
		return;
	for (uint32_t i = search->low; i <= high && i < run->count; i++)
		__builtin_prefetch(memtable_map_at(it->map, run->nodes[i]));
}

/* Ends a search: places a cursor on the first node with a key >= `key`. */
static bool
search_end(const struct memtable_iterator *it, const struct run_view *run,
    const struct search *search, struct slice key, struct cursor *cursor)
{
	uint32_t low = search->low;
	uint32_t high = low + search->size;

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

/* Finds in all runs where the first key >= `key` is. */
static bool
search_runs(const struct memtable_iterator *it, struct slice key,
    struct search *searches)
{
	int covered = 0;
	struct slice prefix;

	if (it->covered != 0) {
		if (!memtable_map_key(it->map, it->covered, &prefix) ||
		    prefix.size < it->covered_prefix_size)
			return false;
		prefix.size = it->covered_prefix_size;
		covered = prefix_compare(key, prefix);
	}
	for (uint32_t i = 0; i < it->run_count; i++) {
		const struct run_view *run = &it->runs[i];

		searches[i] = (struct search){0};
		if (run->fences != NULL &&
		    !search_start(it, run, key, covered, &searches[i]))
			return false;
	}
	search_fences(it, searches);
	for (uint32_t i = 0; i < it->run_count; i++) {
		const struct run_view *run = &it->runs[i];

		if (run->fences != NULL)
			search_nodes(it, run, &searches[i]);
		else
			searches[i].size = run->count;
	}
	return true;
}

/* Reads the key under a cursor that is not at its end. */
static bool
cursor_load(const struct memtable_iterator *it, struct cursor *cursor)
{
	if (UNLIKELY(!memtable_map_key(it->map, *cursor->at, &cursor->key)))
		return false;
	cursor->digest = key_digest(cursor->key, it->prefix_size);
	if (cursor->end - cursor->at > PREFETCH_COUNT) {
		const uint8_t *later =
		    memtable_map_at(it->map, cursor->at[PREFETCH_COUNT]);

		/* A small entry mostly begins a second line. */
		if (LIKELY(later != NULL)) {
			__builtin_prefetch(later);
			__builtin_prefetch(later + MEMTABLE_LINE_BYTES);
		}
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
 * must lie behind `last`: an order that goes backwards would make a table
 * that nobody can search.
 */
static enum status
show(struct memtable_iterator *it, struct slice last, struct error *err)
{
	bool visible = false;

	it->base.valid = false;
	while (it->cursor_count > 0) {
		const struct cursor *top = &it->cursors[0];

		if (!memtable_map_version(it->map,
			memtable_map_at(it->map, *top->at), it->sequence_max,
			&it->base.entry, &visible))
			return damaged(it, err);
		if (visible && slice_compare(top->key, last) <= 0)
			return damaged(it, err);
		if (visible) {
			it->base.entry.key = top->key;
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
	struct search searches[CURSORS_MAX];

	it->cursor_count = 0;
	if (it->is_damaged || !search_runs(it, key, searches))
		return damaged(it, err);
	for (uint32_t i = 0; i < it->run_count; i++) {
		struct cursor *cursor = &it->cursors[it->cursor_count];

		if (!search_end(it, &it->runs[i], &searches[i], key, cursor))
			return damaged(it, err);
		if (cursor->at == cursor->end)
			continue;
		if (!cursor_load(it, cursor))
			return damaged(it, err);
		it->cursor_count++;
	}
	for (uint32_t i = it->cursor_count / 2; i-- > 0;)
		sink(it, i);
	return show(it, SLICE_EMPTY, err);
}

static enum status
memtable_next(struct iterator *base, struct error *err)
{
	struct memtable_iterator *it = (struct memtable_iterator *)base;
	struct slice last = base->entry.key;

	CHECK(base->valid);
	if (!step(it))
		return damaged(it, err);
	return show(it, last, err);
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

	it->base = (struct iterator){.ops = &ops};
	it->map = reader;
	memtable_iterator_renew(&it->base, sequence_max);
	return &it->base;
}

void
memtable_iterator_renew(struct iterator *base, uint64_t sequence_max)
{
	struct memtable_iterator *it = (struct memtable_iterator *)base;
	uint32_t newest;
	uint32_t order;

	base->valid = false;
	it->sequence_max = sequence_max;
	it->covered = 0;
	it->covered_prefix_size = 0;
	it->prefix_size = 0;
	it->run_count = 0;
	it->cursor_count = 0;
	it->is_damaged = false;
	/* In this turn; memtable_reader.h says why. */
	newest = atomic_load_explicit(
	    &it->map->header->newest_node, memory_order_acquire);
	order =
	    atomic_load_explicit(&it->map->header->order, memory_order_acquire);
	if ((order != 0 && !order_open(it, order)) || !tail_open(it, newest))
		it->is_damaged = true;
}
