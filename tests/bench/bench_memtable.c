/*
 * bench_memtable - what a memtable costs, in nanoseconds per operation.
 *
 *	bench_memtable [KEYS [VALUE BYTES]]     (500000 and 100)
 *
 * Keys are a permutation of 0 .. KEYS-1 in 16 decimal digits; missing ones
 * have a letter behind. Each figure is the median of some rounds, each with
 * a memtable of its own. Reads go through a mapping of their own, as in a
 * frontend.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/iterator.h"
#include "common/os/clock.h"
#include "common/os/path.h"

#define ROUNDS 5
#define KEY_BYTES 16

enum figure {
	INSERT,
	LONGEST, /* of 32 inserts, in which the order grows once */
	OVERWRITE,
	GET,
	MISSING,
	SEEK,
	SCAN,
	WHOLE,
	FIGURES
};

struct bench {
	size_t key_count;
	size_t value_bytes;
	uint64_t *order; /* a permutation of the keys */
	struct rng rng;
	double figures[FIGURES][ROUNDS];
	int round;
	uint64_t started_ns;
	uint64_t touched; /* so that no read is optimised away */
};

static struct slice
key_of(uint64_t number, uint8_t bytes[KEY_BYTES])
{
	for (int i = KEY_BYTES - 1; i >= 0; i--, number /= 10)
		bytes[i] = (uint8_t)('0' + number % 10);
	return slice_of(bytes, KEY_BYTES);
}

static void
permute(struct bench *bench)
{
	for (size_t i = 0; i < bench->key_count; i++)
		bench->order[i] = i;
	for (size_t i = bench->key_count - 1; i > 0; i--) {
		size_t other = rng_below(&bench->rng, i + 1);
		uint64_t number = bench->order[i];

		bench->order[i] = bench->order[other];
		bench->order[other] = number;
	}
}

static void
start(struct bench *bench)
{
	bench->started_ns = clock_monotonic_ns(&clock_system);
}

static void
stop(struct bench *bench, enum figure figure, size_t operations)
{
	bench->figures[figure][bench->round] =
	    (double)(clock_monotonic_ns(&clock_system) - bench->started_ns) /
	    (double)operations;
}

/* Adds a version of each key. */
static void
run_writes(struct bench *bench, struct memtable_writer *writer,
    enum figure figure, uint64_t sequence)
{
	uint8_t *value = mem_new(bench->value_bytes + 1);
	uint8_t bytes[KEY_BYTES];
	uint64_t longest_ns = 0;
	uint64_t last_ns;

	start(bench);
	last_ns = bench->started_ns;
	for (size_t i = 0; i < bench->key_count; i++) {
		uint64_t now_ns;
		struct entry entry = {.key = key_of(bench->order[i], bytes),
		    .value = slice_of(value, bench->value_bytes),
		    .sequence = sequence + i,
		    .kind = ENTRY_PUT};

		memtable_writer_add(writer, &entry, hash64(entry.key));
		if (i % 32 != 31)
			continue;
		now_ns = clock_monotonic_ns(&clock_system);
		if (now_ns - last_ns > longest_ns)
			longest_ns = now_ns - last_ns;
		last_ns = now_ns;
	}
	stop(bench, figure, bench->key_count);
	if (figure == INSERT)
		bench->figures[LONGEST][bench->round] = (double)longest_ns;
	mem_free(value);
}

static void
run_gets(struct bench *bench, const struct memtable_reader *reader,
    enum figure figure)
{
	uint8_t bytes[KEY_BYTES];
	struct entry entry;
	enum lookup found;
	struct error err;

	start(bench);
	for (size_t i = 0; i < bench->key_count; i++) {
		struct memtable_query query = {
		    .key =
			key_of(rng_below(&bench->rng, bench->key_count), bytes),
		    .sequence_max = UINT64_MAX};

		if (figure == MISSING)
			bytes[KEY_BYTES - 1] = 'x';
		query.hash = hash64(query.key);
		CHECK(memtable_reader_get(
			  reader, &query, &entry, &found, &err) == STATUS_OK);
		CHECK((found == LOOKUP_FOUND) == (figure == GET));
		if (found == LOOKUP_FOUND && entry.value.size > 0)
			bench->touched += entry.value.data[0];
	}
	stop(bench, figure, bench->key_count);
}

/* `scans` scans of `length` entries from random keys on. */
static void
run_scans(struct bench *bench, const struct memtable_reader *reader,
    enum figure figure, size_t scans, size_t length)
{
	uint8_t bytes[KEY_BYTES];
	struct error err;

	start(bench);
	for (size_t i = 0; i < scans; i++) {
		struct iterator *it =
		    memtable_iterator_create(reader, UINT64_MAX);
		struct slice key =
		    key_of(rng_below(&bench->rng, bench->key_count), bytes);

		CHECK(iterator_seek(it, scans == 1 ? SLICE_EMPTY : key, &err) ==
		    STATUS_OK);
		for (size_t j = 0; j < length && it->valid; j++) {
			bench->touched += it->entry.key.data[0];
			if (it->entry.value.size > 0)
				bench->touched += it->entry.value.data[0];
			CHECK(iterator_next(it, &err) == STATUS_OK);
		}
		iterator_close(it);
	}
	stop(bench, figure, figure == WHOLE ? length : scans);
}

static void
run_round(struct bench *bench, const char *path)
{
	static const uint8_t store_id[16] = "bench";
	size_t bytes = bench->key_count * (KEY_BYTES + bench->value_bytes);
	struct memtable_options options = {1, store_id, 0, 1,
	    memtable_capacity_for(2 * bench->key_count, 2 * bytes, 0)};
	struct memtable_writer *writer;
	struct memtable_reader *reader;
	struct error err;

	permute(bench);
	CHECK(memtable_writer_create(file_system_real(), path, &options,
		  &writer, &err) == STATUS_OK);
	CHECK(memtable_reader_open(path, 1, store_id, &reader, &err) ==
	    STATUS_OK);
	run_writes(bench, writer, INSERT, 1);
	printf("round %d: %.1f bytes in memory per entry\n", bench->round,
	    (double)memtable_writer_stats(writer)->used_bytes /
		(double)bench->key_count);
	run_gets(bench, reader, GET);
	run_gets(bench, reader, MISSING);
	run_scans(bench, reader, SEEK, 20000, 1);
	run_scans(bench, reader, SCAN, 20000, 100);
	run_scans(bench, reader, WHOLE, 1, bench->key_count);
	permute(bench);
	run_writes(bench, writer, OVERWRITE, 1 + bench->key_count);
	memtable_reader_close(reader);
	memtable_writer_close(writer);
	CHECK(path_remove(file_system_real(), path, &err) == STATUS_OK);
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	static const char *const names[FIGURES] = {"insert",
	    "longest of 32 inserts", "overwrite", "get", "missing", "seek",
	    "scan of 100", "whole scan, per entry"};
	struct bench bench = {.key_count = 500000, .value_bytes = 100};

	if (argc > 1)
		bench.key_count = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		bench.value_bytes = strtoul(argv[2], NULL, 10);
	CHECK(bench.key_count > 0);
	bench.rng = rng_seeded(1);
	bench.order = mem_new_array(bench.key_count, sizeof(bench.order[0]));
	for (; bench.round < ROUNDS; bench.round++)
		run_round(&bench, "/dev/shm/kvstore-bench-memtable");
	for (int i = 0; i < FIGURES; i++) {
		qsort(
		    bench.figures[i], ROUNDS, sizeof(double), compare_doubles);
		printf("%-24s %8.0f ns   (%.0f to %.0f)\n", names[i],
		    bench.figures[i][ROUNDS / 2], bench.figures[i][0],
		    bench.figures[i][ROUNDS - 1]);
	}
	mem_free(bench.order);
	return bench.touched == 0;
}
