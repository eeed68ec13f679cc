/*
 * bench_view - what reading through a view costs, in nanoseconds of CPU.
 *
 *	bench_view [KEYS [VALUE BYTES [FIGURE]]]     (2000000, 100, all)
 *
 * All keys, 16 decimal digits, lie in tables of level 2 with 100000 keys
 * each; above them are two tables of level 0 and two memtables of 30000 keys
 * each, chosen at random. Each figure is the median of some rounds, through
 * a reader of its own, as in a frontend, and with everything in memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/rng.h"
#include "common/lsm/view/view_scan.h"
#include "common/os/clock.h"
#include "tests/support/scratch.h"
#include "tests/unit/common/lsm/view/mini_store.h"

#define ROUNDS 5
#define KEY_BYTES 16
#define TABLE_KEYS 100000
#define UPPER_KEYS 30000
#define OPERATIONS 500000
#define SCANS 5000
#define SCAN_KEYS 100
#define GROUP_KEYS 16

enum figure {
	REFRESH,
	GET_NEWEST,
	GET_ANY,
	GET_REFRESHED,
	GET_GROUP,
	MISSING,
	SCAN,
	FIGURES
};

static const char *const names[FIGURES] = {
    "refresh, nothing changed",
    "get of a key in the newest memtable",
    "get of any key",
    "refresh and get of any key",
    "get of any key, 16 told beforehand",
    "get of a missing key",
    "scan of 100 from any key",
};

struct bench {
	size_t key_count;
	size_t value_bytes;
	struct mini_store store;
	struct view_reader *reader;
	struct rng rng;
	uint64_t newest[UPPER_KEYS]; /* in the newest memtable */
	double figures[FIGURES][ROUNDS];
	uint64_t touched; /* so that no read is optimised away */
};

/* Of this process: other load on the machine is not counted. */
static uint64_t
cpu_ns(void)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct slice
key_of(uint64_t number, uint8_t bytes[KEY_BYTES + 1])
{
	bytes[KEY_BYTES] = 'x';
	for (int i = KEY_BYTES - 1; i >= 0; i--, number /= 10)
		bytes[i] = (uint8_t)('0' + number % 10);
	return slice_of(bytes, KEY_BYTES);
}

static void
build_last_level(struct bench *bench)
{
	struct mini_store *store = &bench->store;
	uint8_t *value = mem_new(bench->value_bytes);
	struct table_builder *builder = NULL;
	uint8_t bytes[KEY_BYTES + 1];
	struct error err;

	for (size_t i = 0; i < bench->key_count; i++) {
		struct entry entry = {key_of(i, bytes),
		    slice_of(value, bench->value_bytes), ++store->sequence, 0,
		    ENTRY_PUT};

		if (builder == NULL)
			builder = mini_table_begin(store);
		mini_must(table_builder_add(builder, &entry, &err), &err);
		if ((i + 1) % TABLE_KEYS == 0 || i + 1 == bench->key_count) {
			mini_table_end(store, builder, 2, store->table_count);
			builder = NULL;
		}
	}
	mem_free(value);
}

static void
build_memtable(struct bench *bench)
{
	uint8_t *value = mem_new(bench->value_bytes);
	uint8_t bytes[KEY_BYTES + 1];

	for (size_t i = 0; i < UPPER_KEYS; i++) {
		bench->newest[i] = rng_below(&bench->rng, bench->key_count);
		mini_put(&bench->store, key_of(bench->newest[i], bytes),
		    slice_of(value, bench->value_bytes), 0);
	}
	mini_publish_sequence(&bench->store);
	mem_free(value);
}

static void
build(struct bench *bench, const char *root)
{
	struct mini_store *store = &bench->store;

	mini_open(store, root);
	store->memtable_bytes = memtable_capacity_for(2 * UPPER_KEYS,
	    2 * UPPER_KEYS * (KEY_BYTES + bench->value_bytes), 1);
	build_last_level(bench);
	mini_publish_view(store);
	mini_publish_sequence(store);
	for (int i = 0; i < 4; i++) {
		mini_add_memtable(store);
		mini_publish_view(store);
		build_memtable(bench);
	}
	mini_flush(store); /* the empty first one */
	mini_flush(store);
	mini_flush(store);
	bench->reader = mini_reader(store, &clock_system);
}

static void
get(struct bench *bench, struct slice key, bool exists)
{
	struct entry entry;
	enum lookup found;
	struct error err;

	mini_must(
	    view_reader_get(bench->reader, key, &entry, &found, &err), &err);
	CHECK((found == LOOKUP_FOUND) == exists);
	if (exists)
		bench->touched += entry.value.data[0];
}

static void
get_group(struct bench *bench)
{
	uint8_t bytes[GROUP_KEYS][KEY_BYTES + 1];
	struct slice keys[GROUP_KEYS];

	for (size_t i = 0; i < GROUP_KEYS; i++)
		keys[i] =
		    key_of(rng_below(&bench->rng, bench->key_count), bytes[i]);
	view_reader_prefetch(bench->reader, keys, GROUP_KEYS);
	for (size_t i = 0; i < GROUP_KEYS; i++)
		get(bench, keys[i], true);
}

static void
refresh(struct bench *bench)
{
	struct error err;

	mini_must(view_reader_refresh(bench->reader, &err), &err);
}

static void
scan(struct bench *bench, struct slice start)
{
	struct view_scan_limits limits = {
	    SCAN_KEYS, 1u << 20, VIEW_SCAN_STEPS_DEFAULT, false};
	struct view_scan_page page;
	struct view_scan *scan;
	struct error err;

	mini_must(
	    view_reader_scan(bench->reader, start, SLICE_EMPTY, &scan, &err),
	    &err);
	mini_must(view_scan_read(scan, &limits, &page, &err), &err);
	bench->touched += page.count;
	view_scan_close(scan);
}

static void
operate(struct bench *bench, enum figure figure)
{
	uint8_t bytes[KEY_BYTES + 1];
	uint64_t any = rng_below(&bench->rng, bench->key_count);

	switch (figure) {
	case REFRESH:
		refresh(bench);
		break;
	case GET_NEWEST:
		get(bench, key_of(bench->newest[any % UPPER_KEYS], bytes),
		    true);
		break;
	case GET_REFRESHED:
		refresh(bench);
		get(bench, key_of(any, bytes), true);
		break;
	case GET_GROUP:
		get_group(bench);
		break;
	case GET_ANY:
		get(bench, key_of(any, bytes), true);
		break;
	case MISSING:
		key_of(any, bytes);
		get(bench, slice_of(bytes, KEY_BYTES + 1), false);
		break;
	case SCAN:
		scan(bench, key_of(any, bytes));
		break;
	case FIGURES:
		break;
	}
}

static int
compare_figures(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

int
main(int argc, char **argv)
{
	struct bench *bench = mem_new(sizeof(*bench));
	long only = argc > 3 ? strtol(argv[3], NULL, 10) : -1;
	struct scratch scratch;

	bench->key_count = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
	bench->value_bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
	CHECK(bench->key_count > 0);
	CHECK(bench->value_bytes > 0);
	bench->rng = rng_seeded(1);
	scratch_init(&scratch);
	build(bench, scratch.path);
	refresh(bench);
	for (int round = -1; round < ROUNDS; round++) {
		for (enum figure figure = 0; figure < FIGURES; figure++) {
			size_t count = figure == SCAN ? SCANS : OPERATIONS;
			size_t step = figure == GET_GROUP ? GROUP_KEYS : 1;
			uint64_t start = cpu_ns();
			uint64_t took;

			if (only >= 0 && (enum figure)only != figure)
				continue;
			for (size_t i = 0; i < count; i += step)
				operate(bench, figure);
			took = cpu_ns() - start;
			/* The first round only warms up. */
			if (round >= 0)
				bench->figures[figure][round] =
				    (double)took / (double)count;
		}
	}
	for (enum figure figure = 0; figure < FIGURES; figure++) {
		qsort(bench->figures[figure], ROUNDS, sizeof(double),
		    compare_figures);
		printf("%-40s %8.1f ns\n", names[figure],
		    bench->figures[figure][ROUNDS / 2]);
	}
	printf("(%" PRIu64 ")\n", bench->touched);
	view_reader_close(bench->reader);
	mini_close(&bench->store);
	scratch_deinit(&scratch);
	mem_free(bench);
	return 0;
}
