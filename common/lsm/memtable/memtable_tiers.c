#include "common/lsm/memtable/memtable_tiers.h"

#include <stdbool.h>

#include "common/base/check.h"
#include "common/base/mem.h"

/* How many nodes ahead of its turn a key is fetched from memory. */
#define PREFETCH_COUNT 12

/* Of which tier the merge is put off, and how many runs meet in it. */
#define LATE_TIER 1
#define LATE_FAN_IN 16
#define FAN_IN 4

#define ORDER_BYTES_MAX \
	(offsetof(struct memtable_order, runs) + MEMTABLE_RUNS_MAX * 4)

/* A node while it is sorted. */
struct item {
	uint64_t digest;
	uint32_t node;
};

/* What a sort works with. */
struct sorting {
	const uint8_t *base;
	size_t prefix_size; /* in common to all keys */
	struct item *items;
	struct item *spare; /* as many again */
	size_t count;
};

static struct memtable_node *
node_at(const uint8_t *base, uint32_t offset)
{
	return (struct memtable_node *)(uintptr_t)(base +
	    (size_t)offset * MEMTABLE_UNIT_BYTES);
}

static struct slice
key_at(const uint8_t *base, uint32_t offset)
{
	const struct memtable_node *node = node_at(base, offset);

	return slice_of(node->key, node->key_size);
}

static bool
item_before(
    const struct sorting *sorting, const struct item *a, const struct item *b)
{
	if (LIKELY(a->digest != b->digest))
		return a->digest < b->digest;
	return slice_compare(key_at(sorting->base, a->node),
		   key_at(sorting->base, b->node)) < 0;
}

/*
 * How many runs of a tier become one of the next. A merge of 128 nodes takes
 * a few microseconds, one of 2048 over thirty, but falls on less than one put
 * in a thousand. Between the two there is none.
 */
static uint32_t
fan_in(uint32_t tier)
{
	return tier == LATE_TIER ? LATE_FAN_IN : FAN_IN;
}

void
memtable_tiers_init(struct memtable_tiers *tiers, uint8_t *base, size_t high)
{
	*tiers = (struct memtable_tiers){.base = base, .high = high};
}

size_t
memtable_tiers_bytes(size_t key_count)
{
	size_t steps = key_count / MEMTABLE_TAIL_COUNT;
	size_t bytes = steps * memtable_round(ORDER_BYTES_MAX);
	size_t nodes = MEMTABLE_TAIL_COUNT;

	/* Every fourth step, but for one in so many of these, ... a longer. */
	for (uint32_t tier = 0; steps > 0; tier++) {
		size_t longer = steps / fan_in(tier);

		bytes += (steps - longer) * memtable_run_bytes(nodes);
		nodes *= fan_in(tier);
		steps = longer;
	}
	return bytes;
}

/* Takes `size` bytes off the free space at its upper end. */
static uint32_t
take_space(struct memtable_tiers *tiers, size_t size, size_t low)
{
	size = memtable_round(size);
	CHECK(tiers->high - low >= size);
	tiers->high -= size;
	return (uint32_t)(tiers->high / MEMTABLE_UNIT_BYTES);
}

static const uint32_t *
run_nodes(const struct memtable_tiers *tiers, uint32_t offset, size_t count)
{
	const struct memtable_run *run =
	    (const struct memtable_run *)(tiers->base +
		(size_t)offset * MEMTABLE_UNIT_BYTES);

	return (const uint32_t *)(run->fences + count / MEMTABLE_FENCE_EVERY);
}

/* The bytes that the tail and the last `run_count` runs have in common. */
static size_t
common_prefix(const struct memtable_tiers *tiers, uint32_t run_count)
{
	struct slice key = key_at(tiers->base, tiers->tail[0]);
	size_t size = key.size;

	for (size_t i = 1; i < MEMTABLE_TAIL_COUNT; i++)
		size = memtable_common_prefix(
		    key, key_at(tiers->base, tiers->tail[i]), size);
	for (uint32_t i = tiers->run_count - run_count; i < tiers->run_count;
	     i++) {
		const struct memtable_tier_run *run = &tiers->runs[i];

		size = size < run->prefix_size ? size : run->prefix_size;
		size = memtable_common_prefix(key,
		    key_at(tiers->base,
			run_nodes(tiers, run->offset, run->count)[0]),
		    size);
	}
	return size;
}

/* Appends `count` nodes to the items, in their order. */
static void
load_items(struct sorting *sorting, const uint32_t *nodes, size_t count)
{
	struct item *items = sorting->items + sorting->count;

	for (size_t i = 0; i < count; i++) {
		if (i + PREFETCH_COUNT < count)
			__builtin_prefetch(
			    node_at(sorting->base, nodes[i + PREFETCH_COUNT])
				->key);
		items[i].digest = memtable_digest(
		    key_at(sorting->base, nodes[i]), sorting->prefix_size);
		items[i].node = nodes[i];
	}
	sorting->count += count;
}

static void
sort_items(const struct sorting *sorting)
{
	struct item *items = sorting->items;

	for (size_t i = 1; i < sorting->count; i++) {
		struct item moving = items[i];
		size_t to = i;

		for (; to > 0 && item_before(sorting, &moving, &items[to - 1]);
		     to--)
			items[to] = items[to - 1];
		items[to] = moving;
	}
}

/* Merges two sorted neighbours of `count` items each at `from` into `to`. */
static void
merge_pair(const struct sorting *sorting, const struct item *from, size_t count,
    struct item *to)
{
	const struct item *a = from;
	const struct item *a_end = from + count;
	const struct item *b = a_end;
	const struct item *b_end = b + count;

	while (a < a_end && b < b_end) {
		bool take_b = item_before(sorting, b, a);
		const struct item *taken = take_b ? b : a;

		*to++ = *taken;
		a += !take_b;
		b += take_b;
	}
	memcpy(to, a, (size_t)(a_end - a) * sizeof(*a));
	memcpy(to + (a_end - a), b, (size_t)(b_end - b) * sizeof(*b));
}

/* Merges the four neighbours of `count` items each that begin at `at`. */
static void
merge_four(const struct sorting *sorting, size_t at, size_t count)
{
	struct item *items = sorting->items + at;
	struct item *spare = sorting->spare + at;

	merge_pair(sorting, items, count, spare);
	merge_pair(sorting, items + 2 * count, count, spare + 2 * count);
	merge_pair(sorting, spare, 2 * count, items);
}

/*
 * The items are the sorted tail, three runs of its size, fifteen of four times
 * that, three of sixteen times those, and so on: what is sorted so far is
 * always as long as each of the runs that come next.
 */
static void
merge_items(const struct sorting *sorting)
{
	size_t size = MEMTABLE_TAIL_COUNT;

	for (uint32_t tier = 0; size < sorting->count; tier++) {
		size_t whole = size * fan_in(tier);

		for (; size < whole; size *= 4) {
			for (size_t at = 0; at < whole; at += 4 * size)
				merge_four(sorting, at, size);
		}
	}
}

static struct memtable_tier_run
write_run(
    struct memtable_tiers *tiers, const struct sorting *sorting, size_t low)
{
	size_t fence_count = sorting->count / MEMTABLE_FENCE_EVERY;
	uint32_t offset =
	    take_space(tiers, memtable_run_bytes(sorting->count), low);
	struct memtable_run *run = (struct memtable_run *)(tiers->base +
	    (size_t)offset * MEMTABLE_UNIT_BYTES);
	uint32_t *nodes = (uint32_t *)(run->fences + fence_count);

	run->count = (uint32_t)sorting->count;
	run->prefix_size = (uint32_t)sorting->prefix_size;
	for (size_t i = 0; i < fence_count; i++)
		run->fences[i] =
		    sorting->items[i * MEMTABLE_FENCE_EVERY].digest;
	for (size_t i = 0; i < sorting->count; i++)
		nodes[i] = sorting->items[i].node;
	return (struct memtable_tier_run){
	    offset, run->count, sorting->prefix_size};
}

/* Sorts the tail and the last `run_count` runs into one run. */
static void
sort_step(struct memtable_tiers *tiers, uint32_t run_count, size_t low)
{
	struct sorting sorting = {.base = tiers->base};
	size_t count = MEMTABLE_TAIL_COUNT;
	uint32_t kept = tiers->run_count - run_count;

	for (uint32_t i = kept; i < tiers->run_count; i++)
		count += tiers->runs[i].count;
	sorting.prefix_size = common_prefix(tiers, run_count);
	sorting.items = mem_resize(NULL, 2 * count * sizeof(struct item));
	sorting.spare = sorting.items + count;
	load_items(&sorting, tiers->tail, MEMTABLE_TAIL_COUNT);
	sort_items(&sorting);
	for (uint32_t i = tiers->run_count; i-- > kept;)
		load_items(&sorting,
		    run_nodes(
			tiers, tiers->runs[i].offset, tiers->runs[i].count),
		    tiers->runs[i].count);
	merge_items(&sorting);
	tiers->runs[kept] = write_run(tiers, &sorting, low);
	tiers->run_count = kept + 1;
	mem_free(sorting.items);
}

/* Takes the tail into what is known of all keys, without a look at others. */
static void
note_prefix(struct memtable_tiers *tiers)
{
	struct slice key;

	if (tiers->any == 0) {
		tiers->any = tiers->tail[0];
		tiers->prefix_size = key_at(tiers->base, tiers->any).size;
	}
	key = key_at(tiers->base, tiers->any);
	for (size_t i = 0; i < MEMTABLE_TAIL_COUNT; i++)
		tiers->prefix_size = memtable_common_prefix(key,
		    key_at(tiers->base, tiers->tail[i]), tiers->prefix_size);
}

/* Lets readers see the runs that hold now. */
static void
publish_order(struct memtable_tiers *tiers, size_t low)
{
	struct memtable_header *header = (struct memtable_header *)tiers->base;
	uint32_t offset = take_space(tiers,
	    offsetof(struct memtable_order, runs) + tiers->run_count * 4, low);
	struct memtable_order *order = (struct memtable_order *)(tiers->base +
	    (size_t)offset * MEMTABLE_UNIT_BYTES);

	for (uint32_t i = 0; i < tiers->run_count; i++)
		order->runs[i] = tiers->runs[i].offset;
	order->newest_covered = tiers->tail[MEMTABLE_TAIL_COUNT - 1];
	order->covered_count = (uint32_t)tiers->sorted_count;
	order->prefix_size = (uint32_t)tiers->prefix_size;
	order->run_count = tiers->run_count;
	atomic_store_explicit(&header->order, offset, memory_order_release);
}

void
memtable_tiers_add(struct memtable_tiers *tiers, uint32_t node, size_t low)
{
	uint64_t step;
	uint32_t run_count = 0;
	uint32_t tier = 0;

	tiers->tail[tiers->tail_count++] = node;
	if (tiers->tail_count < MEMTABLE_TAIL_COUNT)
		return;
	tiers->sorted_count += MEMTABLE_TAIL_COUNT;
	/* All runs but one of each size that so many would now stand of. */
	for (step = tiers->sorted_count / MEMTABLE_TAIL_COUNT;
	     step % fan_in(tier) == 0; step /= fan_in(tier++))
		run_count += fan_in(tier) - 1;
	sort_step(tiers, run_count, low);
	CHECK(tiers->run_count < MEMTABLE_RUNS_MAX);
	note_prefix(tiers);
	publish_order(tiers, low);
	tiers->tail_count = 0;
}
