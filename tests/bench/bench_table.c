/*
 * bench_table - what a table costs: building, lookups and ordered walks.
 *
 *	bench_table [FOLDER [KEYS [VALUE BYTES]]]     (/tmp, 2000000 and 100)
 *
 * Keys are even numbers in 16 decimal digits, missing ones odd; half of each
 * value compresses. Each figure is the median of some rounds over one table
 * that lies in the page cache. The build is shown without its final sync and
 * with it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/table/block_cache.h"
#include "common/lsm/table/table_builder.h"
#include "common/lsm/table/table_reader.h"
#include "common/os/bus_guard.h"
#include "common/os/clock.h"
#include "common/os/file_system.h"
#include "common/os/path.h"

#define ROUNDS 5
#define KEY_BYTES 16
#define VALUE_BYTES_MAX 65536
#define LOOKUPS 1000000
#define SCANS 20000
#define SCAN_LENGTH 100

enum figure {
	BUILD, /* ns an entry, without the sync */
	BUILD_SYNCED,
	BUILD_RATE, /* MB of keys and values a second */
	HIT, /* ns */
	HIT_GUARDED,
	MISS,
	SEEK,
	SCAN, /* ns for SCAN_LENGTH entries, the seek included */
	WALK, /* ns an entry over the whole table */
	FILE_MB,
	FIGURES
};

static const char *const labels[FIGURES] = {
    "build, ns an entry",
    "build and sync, ns an entry",
    "build, MB/s",
    "get, hit, ns",
    "get, hit, in a bus_guard, ns",
    "get, miss, ns",
    "seek, ns",
    "scan of 100, ns",
    "walk, ns an entry",
    "file, MB",
};

static const uint8_t store_id[16];

struct bench {
	char path[PATH_BYTES_MAX];
	uint64_t key_count;
	size_t value_bytes;
	uint8_t *value_bytes_pool;
	struct rng rng;
	struct table_reader *reader;
	struct table_pin pin;
	uint64_t touched; /* so that no read is optimised away */
	double figures[FIGURES][ROUNDS];
	int round;
};

static uint64_t
now_ns(void)
{
	return clock_monotonic_ns(&clock_system);
}

static void
must(enum status status, const struct error *err)
{
	if (status == STATUS_OK)
		return;
	fprintf(stderr, "bench_table: %s\n", err->text);
	exit(EXIT_FAILURE);
}

static void
note(struct bench *bench, enum figure figure, uint64_t started, uint64_t count)
{
	bench->figures[figure][bench->round] =
	    (double)(now_ns() - started) / (double)count;
}

static struct slice
key_of(uint64_t number, uint8_t bytes[KEY_BYTES])
{
	for (int i = KEY_BYTES - 1; i >= 0; i--, number /= 10)
		bytes[i] = (uint8_t)('0' + number % 10);
	return slice_of(bytes, KEY_BYTES);
}

static int
sync_nothing(struct file_system *fs, int fd)
{
	return 0;
}

static void
build(struct bench *bench, enum compression compression, bool sync)
{
	struct file_system fs = *file_system_real();
	struct table_options options = {
	    .number = 1, .store_id = store_id, .compression = compression};
	struct table_builder *builder;
	struct table_summary summary;
	uint8_t key[KEY_BYTES];
	uint64_t started;
	struct error err;

	if (!sync)
		fs.fdatasync = sync_nothing;
	must(path_remove(&fs, bench->path, &err), &err);
	started = now_ns();
	must(table_builder_create(&fs, bench->path, &options, &builder, &err),
	    &err);
	for (uint64_t i = 0; i < bench->key_count; i++) {
		struct entry entry = {key_of(2 * i, key),
		    slice_of(bench->value_bytes_pool + i * 50 % VALUE_BYTES_MAX,
			bench->value_bytes),
		    i + 1, 0, ENTRY_PUT};

		must(table_builder_add(builder, &entry, &err), &err);
	}
	must(table_builder_finish(builder, &summary, &err), &err);
	note(bench, sync ? BUILD_SYNCED : BUILD, started, bench->key_count);
	bench->figures[FILE_MB][bench->round] =
	    (double)summary.size_bytes / 1e6;
	table_summary_deinit(&summary);
	table_builder_close(builder);
}

struct lookup_request {
	struct bench *bench;
	uint64_t number;
};

static enum status
look_up(void *context, struct error *err)
{
	struct lookup_request *request = context;
	struct bench *bench = request->bench;
	uint8_t bytes[KEY_BYTES];
	struct slice key = key_of(request->number, bytes);
	enum lookup found;
	struct entry entry;

	if (table_reader_get(bench->reader, key, hash64(key), &bench->pin,
		&entry, &found, err) != STATUS_OK)
		return err->code;
	CHECK((found == LOOKUP_FOUND) == (request->number % 2 == 0));
	if (found == LOOKUP_FOUND)
		bench->touched += entry.value.data[entry.value.size / 2];
	return STATUS_OK;
}

static void
get_many(struct bench *bench, enum figure figure)
{
	uint64_t started = now_ns();
	struct error err;

	for (int i = 0; i < LOOKUPS; i++) {
		struct lookup_request request = {bench,
		    2 * rng_below(&bench->rng, bench->key_count) +
			(figure == MISS)};

		if (figure == HIT_GUARDED)
			must(bus_guard_run(look_up, &request, &err), &err);
		else
			must(look_up(&request, &err), &err);
	}
	note(bench, figure, started, LOOKUPS);
}

static void
scan_many(struct bench *bench, struct iterator *it, enum figure figure)
{
	uint64_t started = now_ns();
	struct error err;

	for (int i = 0; i < SCANS; i++) {
		uint8_t bytes[KEY_BYTES];
		uint64_t number =
		    rng_below(&bench->rng, 2 * bench->key_count - 1);

		must(iterator_seek(it, key_of(number, bytes), &err), &err);
		for (int n = 0; figure == SCAN && it->valid && n < SCAN_LENGTH;
		     n++) {
			bench->touched += it->entry.value.size;
			must(iterator_next(it, &err), &err);
		}
	}
	note(bench, figure, started, SCANS);
}

static void
walk(struct bench *bench, struct iterator *it)
{
	uint64_t started = now_ns();
	uint64_t count = 0;
	struct error err;

	must(iterator_seek(it, SLICE_EMPTY, &err), &err);
	while (it->valid) {
		bench->touched += it->entry.value.data[0];
		count++;
		must(iterator_next(it, &err), &err);
	}
	CHECK(count == bench->key_count);
	note(bench, WALK, started, count);
}

static int
compare_figures(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print(struct bench *bench)
{
	for (int i = 0; i < FIGURES; i++) {
		double *figures = bench->figures[i];

		qsort(figures, ROUNDS, sizeof(double), compare_figures);
		printf("  %-30s %10.1f   (%.1f .. %.1f)\n", labels[i],
		    figures[ROUNDS / 2], figures[0], figures[ROUNDS - 1]);
	}
}

static void
run(struct bench *bench, enum compression compression)
{
	struct block_cache *cache = block_cache_create(512u << 20);
	size_t bytes =
	    (size_t)bench->key_count * (KEY_BYTES + bench->value_bytes);

	for (bench->round = 0; bench->round < ROUNDS; bench->round++) {
		struct iterator *it;
		struct error err;

		build(bench, compression, true);
		build(bench, compression, false);
		bench->figures[BUILD_RATE][bench->round] = (double)bytes * 1e3 /
		    (double)bench->key_count /
		    bench->figures[BUILD][bench->round];
		must(table_reader_open(bench->path, 1, store_id, 0, cache,
			 &bench->reader, &err),
		    &err);
		it = table_iterator_create(bench->reader);
		walk(bench, it);
		get_many(bench, HIT);
		get_many(bench, HIT);
		get_many(bench, HIT_GUARDED);
		get_many(bench, MISS);
		scan_many(bench, it, SEEK);
		scan_many(bench, it, SCAN);
		walk(bench, it);
		iterator_close(it);
		table_pin_release(&bench->pin);
		table_reader_close(bench->reader);
	}
	printf("%s, %" PRIu64 " keys of 16 bytes, values of %zu\n",
	    compression_name(compression), bench->key_count,
	    bench->value_bytes);
	print(bench);
	block_cache_close(cache);
}

int
main(int argc, char **argv)
{
	struct bench *bench = mem_new(sizeof(*bench));

	path_join(bench->path, argc > 1 ? argv[1] : "/tmp", "bench_table.sst");
	bench->key_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000;
	bench->value_bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 100;
	bench->rng = rng_seeded(1);
	bench->value_bytes_pool =
	    mem_new(VALUE_BYTES_MAX + bench->value_bytes + 1);
	for (size_t i = 0; i < VALUE_BYTES_MAX + bench->value_bytes; i++)
		bench->value_bytes_pool[i] =
		    i / 8 % 2 == 0 ? (uint8_t)rng_next(&bench->rng) : 'x';
	bus_guard_install();
	run(bench, COMPRESSION_NONE);
	run(bench, COMPRESSION_LZ4);
	run(bench, COMPRESSION_ZSTD);
	(void)unlink(bench->path);
	mem_free(bench->value_bytes_pool);
	mem_free(bench);
	return EXIT_SUCCESS;
}
