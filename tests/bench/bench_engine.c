/*
 * bench_engine - the engine as a library: writes, then reads, in one process.
 *
 *     bench_engine FOLDER [KEYS] [VALUE BYTES] [none|lz4]
 *
 * Prints a line for each row: thousands of operations a second, and the CPU
 * of this process (all its threads) per operation. Rows are those of
 * LevelDB's db_bench; keys are sixteen digits in the order of a permutation.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/command/batch.h"
#include "common/lsm/view/view_reader.h"
#include "common/lsm/view/view_scan.h"
#include "common/os/path.h"
#include "storaged/engine.h"

/* Puts in a batch: what a busy frontend gathers. */
#define BATCH_PUTS 64

struct bench {
	struct engine *engine;
	struct batch_builder builder;
	struct batch_origin origin;
	struct buffer reply;
	uint64_t keys;
	size_t value_bytes;
	uint8_t *value;
};

struct timing {
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

static struct timing
now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (struct timing){clock_monotonic_ns(&clock_system),
	    (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
		    1000000000u +
		(uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) *
		    1000u};
}

static void
row(const char *name, struct timing begin, uint64_t operations)
{
	struct timing end = now();

	printf("%-24s %9.1f k/s %8.2f us CPU\n", name,
	    (double)operations * 1e6 / (double)(end.wall_ns - begin.wall_ns),
	    (double)(end.cpu_ns - begin.cpu_ns) / (double)operations / 1e3);
	fflush(stdout);
}

static void
must(enum status status, const struct error *err)
{
	if (status == STATUS_OK)
		return;
	fprintf(stderr, "bench_engine: %s\n", err->text);
	exit(1);
}

static struct slice
key_of(uint64_t number, char out[24])
{
	snprintf(out, 24, "%016" PRIu64, number);
	return slice_of(out, 16);
}

/* The number at `place` of a permutation of 0 .. keys - 1. */
static uint64_t
permuted(uint64_t place, uint64_t keys)
{
	return place * 2654435761u % keys;
}

static void
send(struct bench *bench)
{
	struct engine_request request = {.reply = bench->reply};
	struct slice bytes;
	struct error err;
	uint32_t delay_us = engine_delay_us(bench->engine);

	buffer_clear(&request.reply, 1 << 20);
	bytes = batch_builder_finish(&bench->builder, &bench->origin, 0);
	request.batch = (uint8_t *)(uintptr_t)bytes.data;
	request.batch_size = bytes.size;
	if (delay_us > 0)
		usleep(delay_us);
	do {
		must(engine_tick(bench->engine, &err), &err);
		request.status = STATUS_OK;
		must(engine_write(bench->engine, &request, 1, &err), &err);
		if (request.status == STATUS_BUSY)
			usleep(1000);
	} while (request.status == STATUS_BUSY);
	must(request.status, &request.error);
	bench->reply = request.reply;
	bench->origin.answered = bench->origin.number++;
	batch_builder_reset(&bench->builder);
}

static void
fill(struct bench *bench, const char *name, bool random, size_t batch_puts)
{
	struct timing begin = now();
	char key[24];

	for (uint64_t i = 0; i < bench->keys; i++) {
		struct command put = {
		    .op = COMMAND_PUT,
		    .key = key_of(random ? permuted(i, bench->keys) : i, key),
		    .value =
			slice_of(bench->value + i % 1000, bench->value_bytes),
		};

		CHECK(batch_builder_add(&bench->builder, &put));
		batch_builder_end_group(&bench->builder);
		if ((i + 1) % batch_puts == 0 || i + 1 == bench->keys)
			send(bench);
	}
	row(name, begin, bench->keys);
}

static void
read_random(struct bench *bench, struct view_reader *reader, bool missing)
{
	struct rng rng = rng_seeded(1);
	struct timing begin = now();
	uint64_t count = bench->keys;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count; i++) {
		char key[24];
		struct entry entry;
		enum lookup found;
		struct error err;

		key_of(rng_below(&rng, bench->keys), key);
		if (missing)
			key[15] = 'x';
		must(view_reader_refresh(reader, &err), &err);
		must(view_reader_get(
			 reader, slice_of(key, 16), &entry, &found, &err),
		    &err);
		CHECK((found == LOOKUP_FOUND) == !missing);
		if (!missing)
			sum += entry.value.data[0] +
			    entry.value.data[entry.value.size - 1];
	}
	row(missing ? "readmissing" : "readrandom", begin, count);
	CHECK(missing || sum > 0);
}

static void
scan_random(struct bench *bench, struct view_reader *reader)
{
	const struct view_scan_limits limits = {
	    .entries_max = 100, .bytes_max = 1 << 20, .steps_max = 1000};
	struct rng rng = rng_seeded(2);
	struct timing begin = now();
	uint64_t count = bench->keys / 20;

	for (uint64_t i = 0; i < count; i++) {
		struct view_scan *scan;
		struct view_scan_page page;
		struct error err;
		char key[24];

		must(view_reader_refresh(reader, &err), &err);
		must(view_reader_scan(reader,
			 key_of(rng_below(&rng, bench->keys), key), SLICE_EMPTY,
			 &scan, &err),
		    &err);
		must(view_scan_read(scan, &limits, &page, &err), &err);
		view_scan_close(scan);
	}
	row("scan of 100", begin, count);
}

int
main(int argc, char **argv)
{
	struct engine_options options = {
	    .store_id = {1},
	    .memtable_bytes = 64 << 20,
	    .sync = ENGINE_SYNC_NEVER,
	};
	struct bench bench = {.keys = 2000000, .value_bytes = 100};
	struct view_reader_options reading = {
	    .clock = &clock_system, .cache_bytes = 256 << 20};
	struct view_reader *reader;
	struct engine_status status;
	struct rng rng = rng_seeded(3);
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	struct timing begin;
	struct error err;

	if (argc < 2) {
		fprintf(stderr,
		    "usage: bench_engine FOLDER [KEYS] "
		    "[VALUE BYTES] [none|lz4]\n");
		return 64;
	}
	if (argc > 2)
		bench.keys = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		bench.value_bytes = strtoull(argv[3], NULL, 10);
	for (unsigned i = 1;
	     argc > 4 && strcmp(argv[4], "lz4") == 0 && i < ENGINE_LEVEL_COUNT;
	     i++)
		options.compression[i] = COMPRESSION_LZ4;
	bench.value = malloc(bench.value_bytes + 1000);
	for (size_t i = 0; i < bench.value_bytes + 1000; i++)
		bench.value[i] = (uint8_t)(i % 2 ? 'a' : rng_next(&rng));
	path_join(data, argv[1], "data");
	snprintf(
	    runtime, sizeof(runtime), "/dev/shm/kvstore-bench-%d", getpid());
	must(directory_create(file_system_real(), data, 0700, &err), &err);
	must(directory_create(file_system_real(), runtime, 0700, &err), &err);
	options.data_directory = reading.data_directory = data;
	options.runtime_directory = reading.runtime_directory = runtime;
	must(engine_open(&options, &bench.engine, &err), &err);
	bench.origin.writer[0] = 1;
	send(&bench);
	bench.origin.number = 1;
	fill(&bench, "fillrandom", true, BATCH_PUTS);
	begin = now();
	must(engine_settle(bench.engine, &err), &err);
	row("  time to settle", begin, bench.keys);
	engine_status(bench.engine, &status);
	printf("  tables %zu, %.1f bytes on disk per byte of data\n",
	    status.table_count,
	    (double)status.table_bytes /
		(double)(bench.keys * (16 + bench.value_bytes)));
	reader = view_reader_create(&reading);
	read_random(&bench, reader, false);
	read_random(&bench, reader, true);
	scan_random(&bench, reader);
	fill(&bench, "overwrite", true, BATCH_PUTS);
	fill(&bench, "overwrite, one a batch", true, 1);
	read_random(&bench, reader, false);
	view_reader_close(reader);
	must(engine_close(bench.engine, &err), &err);
	return 0;
}
