#include "common/lsm/memtable/memtable_tiers.h"

#include <stdbool.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/record/key_digest.h"

/*
 * At each fourth node, but for the one that ends a tail, so many nodes are
 * merged where a merge is under way: for a node that comes, fourteen. A tier
 * needs one, so this suffices for all, and most of the time nothing is left.
 */
#define WORK_EVERY 4
#define WORK_NODES 64

/* With the one that a merge is just writing. */
#define KEPT_RUNS (MEMTABLE_TIER_RUNS_MAX + 1)

#define ORDER_BYTES_MAX \
	(offsetof(struct memtable_order, runs) + MEMTABLE_RUNS_MAX * 4)

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

void
memtable_tiers_init(struct memtable_tiers *tiers, uint8_t *base, size_t high)
{
	size_t count = 0;
	size_t nodes = MEMTABLE_TAIL_COUNT;

	for (uint32_t i = 0; i < MEMTABLE_KEPT_TIERS; i++) {
		count += nodes * KEPT_RUNS;
		nodes *= MEMTABLE_FAN_IN;
	}
	*tiers = (struct memtable_tiers){.base = base, .high = high};
	tiers->kept = mem_resize(NULL, count * sizeof(*tiers->kept));
	/* The pages are found here, and not in the middle of a put. */
	memset(tiers->kept, 0, count * sizeof(*tiers->kept));
}

void
memtable_tiers_deinit(struct memtable_tiers *tiers)
{
	mem_free(tiers->kept);
}

size_t
memtable_tiers_bytes(size_t key_count)
{
	size_t steps = key_count / MEMTABLE_TAIL_COUNT;
	size_t bytes = steps * memtable_round(ORDER_BYTES_MAX);
	size_t nodes = MEMTABLE_TAIL_COUNT;

	for (uint32_t tier = 0; steps > 0; tier++) {
		bytes += steps * memtable_run_bytes(nodes);
		nodes *= MEMTABLE_FAN_IN;
		steps /= MEMTABLE_FAN_IN;
	}
	return bytes;
}

/* The bytes of the merges for which step `steps` makes the last nodes. */
static size_t
due_bytes(size_t steps)
{
	size_t nodes = MEMTABLE_TAIL_COUNT;
	size_t bytes = 0;

	for (uint32_t tier = 0; steps % MEMTABLE_FAN_IN == 0; tier++) {
		nodes *= MEMTABLE_FAN_IN;
		steps /= MEMTABLE_FAN_IN;
		bytes += memtable_run_bytes(nodes);
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

static struct memtable_run *
run_at(const struct memtable_tiers *tiers, uint32_t offset)
{
	return (struct memtable_run *)(tiers->base +
	    (size_t)offset * MEMTABLE_UNIT_BYTES);
}

static uint32_t *
run_nodes(struct memtable_run *run)
{
	return (uint32_t *)(run->fences + run->count / MEMTABLE_FENCE_EVERY);
}

/* The place for the digests of a tier's next run; NULL if none are kept. */
static uint64_t *
kept_next(struct memtable_tiers *tiers, uint32_t number, uint32_t count)
{
	uint64_t *kept = tiers->kept;
	size_t nodes = MEMTABLE_TAIL_COUNT;
	uint64_t made;

	CHECK(number < MEMTABLE_TIERS_MAX);
	made = tiers->tiers[number].made_count++;
	if (number >= MEMTABLE_KEPT_TIERS)
		return NULL;
	for (uint32_t i = 0; i < number; i++) {
		kept += nodes * KEPT_RUNS;
		nodes *= MEMTABLE_FAN_IN;
	}
	CHECK_SLOW(nodes == count);
	return kept + made % KEPT_RUNS * count;
}

/* A run of a tier whose fences and nodes are yet to be written. */
static struct memtable_tier_run
run_create(struct memtable_tiers *tiers, uint32_t number, uint32_t count,
    size_t prefix_size, size_t low)
{
	uint32_t offset = take_space(tiers, memtable_run_bytes(count), low);
	struct memtable_run *run = run_at(tiers, offset);

	run->count = count;
	run->prefix_size = (uint32_t)prefix_size;
	return (struct memtable_tier_run){
	    offset, count, prefix_size, kept_next(tiers, number, count)};
}

/* Writes the node at `place` of a run. */
static void
run_put(struct memtable_run *run, uint32_t *nodes, uint64_t *kept,
    uint32_t place, uint64_t digest, uint32_t node)
{
	if (place % MEMTABLE_FENCE_EVERY == 0)
		run->fences[place / MEMTABLE_FENCE_EVERY] = digest;
	if (kept != NULL)
		kept[place] = digest;
	nodes[place] = node;
}

/* Loads the next digests of a source of which none are kept. */
static void
source_load(const struct memtable_tiers *tiers, struct memtable_source *source,
    size_t prefix_size)
{
	const uint32_t *at = source->at;
	const uint32_t *end = at + MEMTABLE_SOURCE_DIGESTS;

	/* All of the next ones are wanted a while later. */
	if (end < source->end) {
		for (size_t i = 0; i < MEMTABLE_SOURCE_DIGESTS; i++)
			__builtin_prefetch(node_at(tiers->base, end[i])->key);
	}
	for (size_t i = 0; i < MEMTABLE_SOURCE_DIGESTS; i++)
		source->loaded[i] =
		    key_digest(key_at(tiers->base, at[i]), prefix_size);
	source->digest = source->loaded;
	source->known_end = end;
}

static void
source_open(const struct memtable_tiers *tiers, struct memtable_source *source,
    const struct memtable_tier_run *from, size_t prefix_size)
{
	struct memtable_run *run = run_at(tiers, from->offset);
	size_t more = from->prefix_size - prefix_size;

	source->at = run_nodes(run);
	source->end = source->at + run->count;
	source->high = 0;
	source->half_shift = 0;
	if (from->digests == NULL) {
		source_load(tiers, source, prefix_size);
		return;
	}
	source->digest = from->digests;
	source->known_end = source->end;
	source->half_shift = 4 * (unsigned)(more < 8 ? more : 8);
	/* The bits in front, which are those of all keys in the run. */
	source->high =
	    key_digest(key_at(tiers->base, *source->at), prefix_size) &
	    ~(UINT64_MAX >> source->half_shift >> source->half_shift);
}

/*
 * The digest of what a source has next. Where the run's prefix is longer than
 * the output's, what lies between them moves in from the left. (In two halves,
 * since a shift by all 64 bits at once means nothing.)
 */
static uint64_t
source_digest(const struct memtable_source *source)
{
	return source->high |
	    (*source->digest >> source->half_shift >> source->half_shift);
}

/* Puts a source with this digest next in its place before `count` others. */
static void
turn_place(const struct memtable_tiers *tiers, struct memtable_merge *merge,
    struct memtable_turn turn, uint32_t count)
{
	struct memtable_turn *turns = merge->turns;
	uint32_t to = 0;

	for (; to < count; to++) {
		const struct memtable_turn *next = &turns[to + 1];

		if (UNLIKELY(next->digest == turn.digest)
			? slice_compare(key_at(tiers->base,
					    *merge->sources[next->source].at),
			      key_at(tiers->base,
				  *merge->sources[turn.source].at)) > 0
			: next->digest > turn.digest)
			break;
		turns[to] = *next;
	}
	turns[to] = turn;
}

/* Takes the first source to its next node, and to its place again. */
static void
turn_next(const struct memtable_tiers *tiers, struct memtable_merge *merge)
{
	struct memtable_turn turn = merge->turns[0];
	struct memtable_source *source = &merge->sources[turn.source];

	source->at++;
	source->digest++;
	if (source->at == source->end) {
		merge->turn_count--;
		memmove(merge->turns, merge->turns + 1,
		    merge->turn_count * sizeof(turn));
		return;
	}
	if (source->at == source->known_end)
		source_load(tiers, source, merge->output.prefix_size);
	turn.digest = source_digest(source);
	turn_place(tiers, merge, turn, merge->turn_count - 1);
}

/* Begins to merge the runs of a tier, which are enough for it. */
static void
merge_begin(struct memtable_tiers *tiers, uint32_t number, size_t low)
{
	struct memtable_tier *tier = &tiers->tiers[number];
	struct memtable_merge *merge = &tier->merge;
	size_t prefix_size = tier->runs[0].prefix_size;
	struct slice key = key_at(
	    tiers->base, *run_nodes(run_at(tiers, tier->runs[0].offset)));

	for (uint32_t i = 1; i < MEMTABLE_FAN_IN; i++) {
		struct memtable_tier_run *run = &tier->runs[i];

		if (run->prefix_size < prefix_size)
			prefix_size = run->prefix_size;
		prefix_size = memtable_common_prefix(key,
		    key_at(tiers->base, *run_nodes(run_at(tiers, run->offset))),
		    prefix_size);
	}
	merge->output = run_create(tiers, number + 1,
	    MEMTABLE_FAN_IN * tier->runs[0].count, prefix_size, low);
	tiers->due_bytes -= memtable_run_bytes(merge->output.count);
	merge->done = 0;
	merge->turn_count = MEMTABLE_FAN_IN;
	for (uint32_t i = MEMTABLE_FAN_IN; i-- > 0;) {
		struct memtable_source *source = &merge->sources[i];

		source_open(tiers, source, &tier->runs[i], prefix_size);
		memmove(merge->turns + 1, merge->turns,
		    (MEMTABLE_FAN_IN - 1 - i) * sizeof(merge->turns[0]));
		turn_place(tiers, merge,
		    (struct memtable_turn){source_digest(source), i},
		    MEMTABLE_FAN_IN - 1 - i);
	}
	tiers->merge_count++;
}

/* Merges up to `count_max` nodes; returns how many. */
static uint32_t
merge_some(const struct memtable_tiers *tiers, struct memtable_merge *merge,
    uint32_t count_max)
{
	struct memtable_run *run = run_at(tiers, merge->output.offset);
	uint32_t *nodes = run_nodes(run);
	uint32_t begin = merge->done;
	uint32_t end = run->count;

	if (end - begin > count_max)
		end = begin + count_max;
	for (uint32_t i = begin; i < end; i++) {
		const struct memtable_turn *first = &merge->turns[0];

		run_put(run, nodes, merge->output.digests, i, first->digest,
		    *merge->sources[first->source].at);
		turn_next(tiers, merge);
	}
	merge->done = end;
	return end - begin;
}

/* Adds a run to a tier, and begins to merge when there are enough. */
static void
tier_add(struct memtable_tiers *tiers, uint32_t number,
    const struct memtable_tier_run *run, size_t low)
{
	struct memtable_tier *tier;

	tier = &tiers->tiers[number];
	CHECK(tier->run_count < MEMTABLE_TIER_RUNS_MAX);
	tier->runs[tier->run_count++] = *run;
	if (tier->merge.turn_count == 0 && tier->run_count == MEMTABLE_FAN_IN)
		merge_begin(tiers, number, low);
}

/* The first runs of a tier are now one of the next. */
static void
merge_end(struct memtable_tiers *tiers, uint32_t number, size_t low)
{
	struct memtable_tier *tier = &tiers->tiers[number];

	tiers->merge_count--;
	tier->run_count -= MEMTABLE_FAN_IN;
	memmove(tier->runs, tier->runs + MEMTABLE_FAN_IN,
	    tier->run_count * sizeof(tier->runs[0]));
	tier_add(tiers, number + 1, &tier->merge.output, low);
	if (tier->run_count >= MEMTABLE_FAN_IN)
		merge_begin(tiers, number, low);
}

/* Short merges first: the next of their tier comes soonest. */
static void
work(struct memtable_tiers *tiers, size_t low)
{
	uint32_t left = WORK_NODES;

	for (uint32_t i = 0;
	     left > 0 && tiers->merge_count > 0 && i < MEMTABLE_TIERS_MAX;
	     i++) {
		struct memtable_merge *merge = &tiers->tiers[i].merge;

		if (merge->turn_count == 0)
			continue;
		left -= merge_some(tiers, merge, left);
		if (merge->turn_count == 0)
			merge_end(tiers, i, low);
	}
}

/* Takes a node into the tail, which is kept in the order of the keys. */
static void
tail_add(struct memtable_tiers *tiers, uint32_t node)
{
	struct memtable_item *tail = tiers->tail;
	struct slice key = key_at(tiers->base, node);
	size_t prefix_size = key.size;
	uint64_t digest;
	uint32_t to = tiers->tail_count++;

	if (to > 0)
		prefix_size = memtable_common_prefix(key,
		    key_at(tiers->base, tail[0].node), tiers->tail_prefix_size);
	/* What all have in common gets less a few times, and early. */
	for (uint32_t i = 0; prefix_size < tiers->tail_prefix_size && i < to;
	     i++)
		tail[i].digest =
		    key_digest(key_at(tiers->base, tail[i].node), prefix_size);
	tiers->tail_prefix_size = prefix_size;
	digest = key_digest(key, prefix_size);
	for (; to > 0; to--) {
		const struct memtable_item *before = &tail[to - 1];

		if (before->digest < digest ||
		    (before->digest == digest &&
			slice_compare(key_at(tiers->base, before->node), key) <
			    0))
			break;
		tail[to] = *before;
	}
	tail[to] = (struct memtable_item){digest, node};
}

/* Makes a run of the tail. */
static void
tail_write(struct memtable_tiers *tiers, size_t low)
{
	struct memtable_tier_run made = run_create(
	    tiers, 0, MEMTABLE_TAIL_COUNT, tiers->tail_prefix_size, low);
	struct memtable_run *run = run_at(tiers, made.offset);
	uint32_t *nodes = run_nodes(run);

	for (uint32_t i = 0; i < MEMTABLE_TAIL_COUNT; i++)
		run_put(run, nodes, made.digests, i, tiers->tail[i].digest,
		    tiers->tail[i].node);
	tiers->tail_count = 0;
	tier_add(tiers, 0, &made, low);
}

/* Takes the tail into what is known of all keys, without a look at others. */
static void
note_prefix(struct memtable_tiers *tiers)
{
	uint32_t node = tiers->tail[0].node;

	if (tiers->any == 0) {
		tiers->any = node;
		tiers->prefix_size = tiers->tail_prefix_size;
	}
	if (tiers->tail_prefix_size < tiers->prefix_size)
		tiers->prefix_size = tiers->tail_prefix_size;
	tiers->prefix_size =
	    memtable_common_prefix(key_at(tiers->base, tiers->any),
		key_at(tiers->base, node), tiers->prefix_size);
}

/* Lets readers see the runs that hold now; `newest` is in the last of them. */
static void
publish_order(struct memtable_tiers *tiers, uint32_t newest, size_t low)
{
	struct memtable_header *header = (struct memtable_header *)tiers->base;
	struct memtable_order *order;
	uint32_t run_count = 0;
	uint32_t offset;

	for (uint32_t i = 0; i < MEMTABLE_TIERS_MAX; i++)
		run_count += tiers->tiers[i].run_count;
	CHECK(run_count <= MEMTABLE_RUNS_MAX);
	offset = take_space(
	    tiers, offsetof(struct memtable_order, runs) + run_count * 4, low);
	order = (struct memtable_order *)(tiers->base +
	    (size_t)offset * MEMTABLE_UNIT_BYTES);
	order->run_count = 0;
	for (uint32_t i = MEMTABLE_TIERS_MAX; i-- > 0;) {
		const struct memtable_tier *tier = &tiers->tiers[i];

		for (uint32_t j = 0; j < tier->run_count; j++)
			order->runs[order->run_count++] = tier->runs[j].offset;
	}
	order->newest_covered = newest;
	order->covered_count = (uint32_t)tiers->sorted_count;
	order->prefix_size = (uint32_t)tiers->prefix_size;
	atomic_store_explicit(&header->order, offset, memory_order_release);
}

void
memtable_tiers_add(struct memtable_tiers *tiers, uint32_t node, size_t low)
{
	tail_add(tiers, node);
	if (tiers->tail_count == MEMTABLE_TAIL_COUNT) {
		tiers->sorted_count += MEMTABLE_TAIL_COUNT;
		tiers->due_bytes +=
		    due_bytes(tiers->sorted_count / MEMTABLE_TAIL_COUNT);
		note_prefix(tiers);
		tail_write(tiers, low);
		publish_order(tiers, node, low);
	} else if (tiers->tail_count % WORK_EVERY == 0) {
		work(tiers, low);
	}
}
