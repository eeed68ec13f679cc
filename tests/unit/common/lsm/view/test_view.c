#include <stdlib.h>

#include "common/base/rng.h"
#include "common/lsm/view/view_scan.h"
#include "common/os/clock.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/unit/common/lsm/view/mini_store.h"

#define KEYS 160
#define STEPS 6000

static uint64_t manual_ms;

static uint64_t
manual_ns(const struct clock *clock)
{
	(void)clock;
	return manual_ms * 1000000;
}

static const struct clock manual_clock = {.monotonic_ns = manual_ns};

/* What the store should answer for each key, as a sorted array. */
struct model {
	struct {
		bool exists;
		uint64_t sequence;
		uint64_t deadline_ms;
	} entries[KEYS];
};

struct game {
	struct rng rng;
	struct scratch scratch;
	struct mini_store store;
	struct view_reader *reader;
	struct slice keys[KEYS]; /* sorted, owned */
	struct model newest;
	struct model published;
};

static int
compare_keys(const void *a, const void *b)
{
	const struct slice *x = a;
	const struct slice *y = b;

	return slice_compare(*x, *y);
}

/* Keys that differ early, behind 8 bytes, and behind 32. */
static void
make_keys(struct game *game)
{
	static const char *const prefixes[] = {"", "prefix--",
	    "a prefix that is longer than the bounds of a view", "\xff\xff"};

	for (size_t i = 0; i < KEYS; i++) {
		char text[80];
		int size = snprintf(text, sizeof(text), "%s%zu",
		    prefixes[i % 4], i * 7919 % 1000);

		if (i == 1)
			size = snprintf(text, sizeof(text), "prefix--");
		if (i == 2)
			text[size++] = '\0';
		game->keys[i] =
		    slice_of(mem_dup(text, (size_t)size), (size_t)size);
	}
	qsort(game->keys, KEYS, sizeof(game->keys[0]), compare_keys);
}

/* A value follows from its sequence: empty, small, or over a block. */
static struct slice
value_of(uint64_t sequence, uint8_t bytes[6000])
{
	size_t size = sequence % 7 == 0 ? 0
	    : sequence % 50 == 1        ? 6000
					: 8 + sequence % 100;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(sequence >> (i % 8 * 8));
	return slice_of(bytes, size);
}

static bool
is_alive(const struct game *game, size_t index, uint64_t now_ms)
{
	return game->published.entries[index].exists &&
	    (game->published.entries[index].deadline_ms == 0 ||
		game->published.entries[index].deadline_ms > now_ms);
}

static void
expect_entry(const struct game *game, size_t index, const struct entry *entry)
{
	uint8_t bytes[6000];

	CU_ASSERT_TRUE_FATAL(slice_equal(entry->key, game->keys[index]));
	CU_ASSERT_EQUAL_FATAL(
	    entry->sequence, game->published.entries[index].sequence);
	CU_ASSERT_EQUAL_FATAL(
	    entry->deadline_ms, game->published.entries[index].deadline_ms);
	CU_ASSERT_TRUE_FATAL(
	    slice_equal(entry->value, value_of(entry->sequence, bytes)));
}

static void
check_gets(struct game *game)
{
	struct entry entry;
	enum lookup found;
	struct error err;

	/* More than it takes, and without any effect on what is found. */
	view_reader_prefetch(game->reader, game->keys, KEYS);
	for (size_t i = 0; i < KEYS; i++) {
		ASSERT_OK(view_reader_get(game->reader, game->keys[i], &entry,
			      &found, &err),
		    &err);
		CU_ASSERT_EQUAL_FATAL(
		    found == LOOKUP_FOUND, is_alive(game, i, manual_ms));
		if (found == LOOKUP_FOUND)
			expect_entry(game, i, &entry);
	}
	ASSERT_OK(view_reader_get(game->reader, slice_of_string("never put"),
		      &entry, &found, &err),
	    &err);
	CU_ASSERT_EQUAL(found, LOOKUP_ABSENT);
}

/* Reads from one key to another in pages and by resuming new scans. */
static void
check_scan(struct game *game, size_t from, size_t to)
{
	struct slice start = from == 0 ? SLICE_EMPTY : game->keys[from];
	struct slice end = to == KEYS ? SLICE_EMPTY : game->keys[to];
	struct view_scan_limits limits = {
	    .entries_max = 1 + rng_below(&game->rng, 40),
	    .bytes_max = rng_below(&game->rng, 10000),
	    .steps_max = 1 + rng_below(&game->rng, 60)};
	struct view_scan_page page = {0};
	struct view_scan *scan;
	size_t index = from;
	struct error err;

	ASSERT_OK(
	    view_reader_scan(game->reader, start, end, &scan, &err), &err);
	while (!page.is_end) {
		ASSERT_OK(view_scan_read(scan, &limits, &page, &err), &err);
		CU_ASSERT_TRUE(page.count <= limits.entries_max);
		for (size_t i = 0; i < page.count; i++, index++) {
			while (index < to && !is_alive(game, index, manual_ms))
				index++;
			CU_ASSERT_TRUE_FATAL(index < to);
			expect_entry(game, index, &page.entries[i]);
		}
		if (!page.is_end && rng_below(&game->rng, 3) == 0) {
			struct view_scan *other;

			ASSERT_OK(
			    view_reader_scan(game->reader,
				view_scan_resume_key(scan), end, &other, &err),
			    &err);
			view_scan_close(scan);
			scan = other;
		}
	}
	while (index < to && !is_alive(game, index, manual_ms))
		index++;
	CU_ASSERT_EQUAL_FATAL(index, to);
	view_scan_close(scan);
}

static void
check_count(struct game *game)
{
	struct view_scan *scan;
	uint64_t count = 0;
	uint64_t expected = 0;
	bool is_end = false;
	struct error err;

	for (size_t i = 0; i < KEYS; i++)
		expected += is_alive(game, i, manual_ms);
	ASSERT_OK(view_reader_scan(
		      game->reader, SLICE_EMPTY, SLICE_EMPTY, &scan, &err),
	    &err);
	while (!is_end)
		ASSERT_OK(
		    view_scan_count(scan, 50, &count, &is_end, &err), &err);
	CU_ASSERT_EQUAL(count, expected);
	view_scan_close(scan);
}

/* The writing process's own way: its mappings, nothing hidden. */
static void
check_writer_view(struct game *game)
{
	struct mini_store *store = &game->store;
	struct memtable_reader *readers[MINI_MEMTABLES_MAX];
	struct view_sources sources = {.folders = mini_folders(store),
	    .memtables = readers,
	    .memtable_count = store->memtable_count};
	struct view_description description;
	struct view *view;
	struct error err;

	mini_describe(store, &description);
	memcpy(description.store_id, store->store_id, 16);
	for (size_t i = 0; i < store->memtable_count; i++)
		readers[i] = memtable_writer_reader(store->memtables[i]);
	ASSERT_OK(view_open(&description, &sources, &view, &err), &err);
	for (size_t i = 0; i < KEYS; i++) {
		struct memtable_query query = {
		    game->keys[i], hash64(game->keys[i]), UINT64_MAX};
		struct entry entry;
		enum lookup found;

		ASSERT_OK(view_get(view, &query, store->clock_ms, &entry,
			      &found, &err),
		    &err);
		CU_ASSERT_EQUAL_FATAL(found == LOOKUP_FOUND,
		    game->newest.entries[i].exists &&
			(game->newest.entries[i].deadline_ms == 0 ||
			    game->newest.entries[i].deadline_ms >
				store->clock_ms));
		if (found == LOOKUP_FOUND)
			CU_ASSERT_EQUAL(
			    entry.sequence, game->newest.entries[i].sequence);
	}
	view_close(view);
	view_description_deinit(&description);
}

static void
check_all(struct game *game)
{
	size_t from = rng_below(&game->rng, KEYS);
	struct error err;

	ASSERT_OK(view_reader_refresh(game->reader, &err), &err);
	CU_ASSERT_EQUAL(view_reader_now_ms(game->reader), manual_ms);
	check_gets(game);
	check_scan(game, 0, KEYS);
	check_scan(game, from, from + rng_below(&game->rng, KEYS - from + 1));
	check_count(game);
	check_writer_view(game);
}

static void
play_put(struct game *game)
{
	size_t index = rng_below(&game->rng, KEYS);
	uint64_t deadline_ms = rng_below(&game->rng, 4) == 0
	    ? manual_ms + 1 + rng_below(&game->rng, 200)
	    : 0;
	uint8_t bytes[6000];

	mini_put(&game->store, game->keys[index],
	    value_of(game->store.sequence + 1, bytes), deadline_ms);
	game->newest.entries[index].exists = true;
	game->newest.entries[index].sequence = game->store.sequence;
	game->newest.entries[index].deadline_ms = deadline_ms;
}

static void
play_delete_range(struct game *game)
{
	size_t from = rng_below(&game->rng, KEYS);
	size_t to = from + 1 + rng_below(&game->rng, 12);

	/* Now and then everything, which is a range without an end. */
	if (rng_below(&game->rng, 10) == 0) {
		from = rng_below(&game->rng, 2) * from;
		to = KEYS;
	}
	if (to > KEYS)
		to = KEYS;
	mini_delete_range(&game->store, game->keys[from],
	    to == KEYS ? SLICE_EMPTY : game->keys[to]);
	for (size_t i = from; i < to; i++)
		game->newest.entries[i].exists = false;
}

static void
play_publish(struct game *game)
{
	game->store.clock_ms = manual_ms;
	mini_publish_sequence(&game->store);
	game->published = game->newest;
}

static void
play_step(struct game *game)
{
	struct mini_store *store = &game->store;
	uint64_t dice = rng_below(&game->rng, 1000);

	if (dice < 600) {
		play_put(game);
	} else if (dice < 750) {
		size_t index = rng_below(&game->rng, KEYS);

		mini_delete(store, game->keys[index]);
		game->newest.entries[index].exists = false;
	} else if (dice < 760) {
		play_delete_range(game);
	} else if (dice < 900) {
		play_publish(game);
	} else if (dice < 930) {
		manual_ms += rng_below(&game->rng, 50);
	} else if (dice < 955 && store->memtable_count < 10) {
		mini_add_memtable(store);
		mini_publish_view(store);
	} else if (dice < 980 && store->memtable_count > 1) {
		play_publish(game);
		mini_flush(store);
	} else if (dice < 985) {
		play_publish(game);
		mini_compact(store, dice < 983 ? 1 : 2);
	} else {
		check_all(game);
	}
}

static void
play(uint64_t seed, enum compression compression)
{
	struct game *game = mem_new(sizeof(*game));

	game->rng = rng_seeded(seed);
	manual_ms = 1000000;
	scratch_init(&game->scratch);
	make_keys(game);
	mini_open(&game->store, game->scratch.path);
	game->store.compression = compression;
	game->store.table_entries = 1 + rng_below(&game->rng, 40);
	game->store.clock_ms = manual_ms;
	mini_publish_view(&game->store);
	game->reader = mini_reader(&game->store, &manual_clock);
	for (int step = 0; step < STEPS; step++)
		play_step(game);
	play_publish(game);
	check_all(game);
	view_reader_close(game->reader);
	mini_close(&game->store);
	for (size_t i = 0; i < KEYS; i++)
		mem_free((void *)(uintptr_t)game->keys[i].data);
	scratch_deinit(&game->scratch);
	mem_free(game);
}

static void
reads_agree_with_a_sorted_array(void)
{
	play(suite_seed(), COMPRESSION_NONE);
	play(suite_seed() + 1, COMPRESSION_NONE);
}

static void
reads_of_compressed_tables_agree_with_a_sorted_array(void)
{
	play(suite_seed() + 2, COMPRESSION_LZ4);
}

static void
prefix_ends_where_its_keys_do(void)
{
	static const struct {
		const char *prefix;
		const char *end;
	} cases[] = {{"", ""}, {"a", "b"}, {"ab\xff", "ac"}, {"\xff\xff", ""},
	    {"\xff\x01", "\xff\x02"}};

	for (size_t i = 0; i < SUITE_COUNT(cases); i++) {
		struct buffer end = {0};

		view_scan_prefix_end(slice_of_string(cases[i].prefix), &end);
		CU_ASSERT_TRUE(slice_equal(
		    buffer_slice(&end), slice_of_string(cases[i].end)));
		buffer_deinit(&end);
	}
}

static void
next_view_opens_only_what_is_new(void)
{
	struct scratch scratch;
	struct mini_store *store = mem_new(sizeof(*store));
	struct view_description description;
	struct view_sources sources;
	struct view *first;
	struct view *second;
	struct error err;

	scratch_init(&scratch);
	mini_open(store, scratch.path);
	mini_publish_view(store);
	mini_put(store, slice_of_string("a"), slice_of_string("1"), 0);
	mini_publish_sequence(store);
	mini_add_memtable(store);
	mini_flush(store);
	mini_describe(store, &description);
	memcpy(description.store_id, store->store_id, 16);
	sources = (struct view_sources){.folders = mini_folders(store)};
	ASSERT_OK(view_open(&description, &sources, &first, &err), &err);
	/* Without any file under its name, all must come from the first. */
	sources.folders = (struct view_folders){"/nowhere", "/nowhere"};
	CU_ASSERT_EQUAL(
	    view_open(&description, &sources, &second, &err), STATUS_NOT_FOUND);
	CU_ASSERT_PTR_NULL(second);
	sources.previous = first;
	ASSERT_OK(view_open(&description, &sources, &second, &err), &err);
	view_close(first);
	for (int i = 0; i < 2; i++) {
		struct slice key = slice_of_string(i == 0 ? "a" : "b");
		struct memtable_query query = {key, hash64(key), UINT64_MAX};
		struct entry entry;
		enum lookup found;

		ASSERT_OK(
		    view_get(second, &query, 0, &entry, &found, &err), &err);
		CU_ASSERT_EQUAL(found, i == 0 ? LOOKUP_FOUND : LOOKUP_ABSENT);
	}
	/* Another incarnation's memtables are never taken for ours. */
	description.incarnation++;
	sources.previous = second;
	CU_ASSERT_EQUAL(
	    view_open(&description, &sources, &first, &err), STATUS_NOT_FOUND);
	view_close(second);
	view_description_deinit(&description);
	mini_close(store);
	mem_free(store);
	scratch_deinit(&scratch);
}

static void
tables_of_a_level_that_overlap_are_refused(void)
{
	struct scratch scratch;
	struct mini_store *store = mem_new(sizeof(*store));
	struct view_description description = {.number = 1};
	struct view_sources sources;
	struct view *view;
	struct error err;

	scratch_init(&scratch);
	mini_open(store, scratch.path);
	mini_publish_view(store);
	for (int i = 0; i < 2; i++) {
		char key[64];

		snprintf(
		    key, sizeof(key), "the first thirty-two bytes alike %d", i);
		mini_put(store, slice_of_string(key), SLICE_EMPTY, 0);
		mini_publish_sequence(store);
		mini_add_memtable(store);
		mini_flush(store);
	}
	memcpy(description.store_id, store->store_id, 16);
	store->tables[0].level = 1;
	store->tables[1].level = 1;
	view_description_add_table(&description, &store->tables[0]);
	view_description_add_table(&description, &store->tables[1]);
	sources = (struct view_sources){.folders = mini_folders(store)};
	CU_ASSERT_EQUAL(
	    view_open(&description, &sources, &view, &err), STATUS_CORRUPT);
	description.tables[0] = store->tables[1];
	description.tables[1] = store->tables[0];
	ASSERT_OK(view_open(&description, &sources, &view, &err), &err);
	view_close(view);
	view_description_deinit(&description);
	mini_close(store);
	mem_free(store);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(reads_agree_with_a_sorted_array),
	    SUITE_CASE(reads_of_compressed_tables_agree_with_a_sorted_array),
	    SUITE_CASE(prefix_ends_where_its_keys_do),
	    SUITE_CASE(next_view_opens_only_what_is_new),
	    SUITE_CASE(tables_of_a_level_that_overlap_are_refused),
	};

	return suite_run("view", cases, SUITE_COUNT(cases), argc, argv);
}
