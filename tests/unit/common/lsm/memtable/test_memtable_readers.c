/*
 * Readers beside the writer, as threads over one mapping (where a race
 * detector sees them) and as processes with mappings of their own. What is
 * written follows from the sequence alone, so that a reader can compute each
 * answer for the sequence that it was told.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/iterator.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define KEY_COUNT 40009 /* a prime, so that the stride meets all keys */
#define STRIDE 12345
#define STRIDE_INVERSE 24148 /* times the stride is 1, modulo the keys */
#define SEQUENCE_COUNT 100000
#define RANGE_EVERY 1000
#define READERS 3

static const uint8_t store_id[16] = "0123456789abcdef";

/* What the writer tells its readers. */
struct shared {
	_Atomic uint64_t published;
};

struct reading {
	const struct memtable_reader *reader;
	struct shared *shared;
	uint64_t seed;
	size_t wrong; /* answers that are not as they should be */
	size_t rounds;
};

static uint64_t
key_number(uint64_t sequence)
{
	return sequence * STRIDE % KEY_COUNT;
}

static struct slice
key_of(uint64_t number, uint8_t bytes[16])
{
	return slice_of(bytes,
	    (size_t)snprintf(
		(char *)bytes, 16, "k%06u", (unsigned)(number % 1000000)));
}

static bool
is_range(uint64_t sequence)
{
	return sequence % RANGE_EVERY == 0;
}

/* 8 bytes that nobody else has, and a size that varies. */
static struct slice
value_of(uint64_t sequence, uint8_t bytes[64])
{
	memset(bytes, (int)(sequence % 251), 64);
	u64_store(bytes, sequence * UINT64_C(0x9e3779b97f4a7c15));
	return slice_of(bytes, 8 + sequence % 57);
}

static void
write_sequence(struct memtable_writer *writer, uint64_t sequence)
{
	uint8_t key[16];
	uint8_t value[64];
	struct entry entry = {.key = key_of(key_number(sequence), key),
	    .value = value_of(sequence, value),
	    .sequence = sequence,
	    .kind = ENTRY_PUT};

	if (is_range(sequence))
		memtable_writer_add_range(writer,
		    &(struct range_tombstone){
			entry.key, SLICE_EMPTY, sequence});
	else
		memtable_writer_add(writer, &entry, hash64(entry.key));
}

/* The last sequence up to `sequence_max` that wrote key `number`; or 0. */
static uint64_t
newest_of(uint64_t number, uint64_t sequence_max)
{
	uint64_t first = number * STRIDE_INVERSE % KEY_COUNT;
	uint64_t newest;

	if (first > sequence_max)
		return 0;
	newest = sequence_max - (sequence_max - first) % KEY_COUNT;
	while (newest > KEY_COUNT && is_range(newest))
		newest -= KEY_COUNT;
	return is_range(newest) ? 0 : newest;
}

static bool
is_right(const struct entry *entry, uint64_t number, uint64_t sequence)
{
	uint8_t key[16];
	uint8_t value[64];

	return entry->sequence == sequence && entry->kind == ENTRY_PUT &&
	    slice_equal(entry->key, key_of(number, key)) &&
	    slice_equal(entry->value, value_of(sequence, value));
}

static bool
check_get(struct reading *reading, uint64_t number, uint64_t sequence_max)
{
	uint8_t bytes[16];
	struct slice key = key_of(number, bytes);
	struct memtable_query query = {key, hash64(key), sequence_max};
	struct entry entry;
	enum lookup found;
	struct error err;

	if (memtable_reader_get(
		reading->reader, &query, &entry, &found, &err) != STATUS_OK)
		return false;
	if (found == LOOKUP_ABSENT)
		return newest_of(number, sequence_max) == 0;
	return is_right(&entry, number, newest_of(number, sequence_max));
}

static bool
check_cover(struct reading *reading, uint64_t number, uint64_t sequence_max)
{
	uint64_t expected = sequence_max - sequence_max % RANGE_EVERY;
	uint8_t bytes[16];
	uint64_t cover;
	struct error err;

	while (expected > 0 && key_number(expected) > number)
		expected -= RANGE_EVERY;
	return memtable_reader_cover(reading->reader, key_of(number, bytes),
		   sequence_max, &cover, &err) == STATUS_OK &&
	    cover == expected;
}

/* Up to `count` entries from key `number` on. */
static bool
check_scan(struct reading *reading, uint64_t number, uint64_t sequence_max,
    size_t count)
{
	struct iterator *it =
	    memtable_iterator_create(reading->reader, sequence_max);
	uint8_t bytes[16];
	struct error err;
	bool is_good =
	    iterator_seek(it, key_of(number, bytes), &err) == STATUS_OK;

	while (is_good && count-- > 0) {
		while (
		    number < KEY_COUNT && newest_of(number, sequence_max) == 0)
			number++;
		is_good = it->valid == (number < KEY_COUNT);
		if (!is_good || !it->valid)
			break;
		is_good = is_right(&it->entry, number,
			      newest_of(number, sequence_max)) &&
		    iterator_next(it, &err) == STATUS_OK;
		number++;
	}
	iterator_close(it);
	return is_good;
}

/* Reads until all is written, each time at the sequence published then. */
static void *
read_along(void *context)
{
	struct reading *reading = context;
	struct rng rng = rng_seeded(reading->seed);
	uint64_t sequence_max = 0;

	while (sequence_max < SEQUENCE_COUNT) {
		sequence_max = atomic_load_explicit(
		    &reading->shared->published, memory_order_acquire);
		for (int i = 0; i < 50; i++) {
			uint64_t number = rng_below(&rng, KEY_COUNT);

			reading->wrong +=
			    !check_get(reading, number, sequence_max);
			reading->wrong +=
			    !check_cover(reading, number, sequence_max);
		}
		reading->wrong += !check_scan(
		    reading, rng_below(&rng, KEY_COUNT), sequence_max, 40);
		if (reading->rounds % 16 == 0)
			reading->wrong +=
			    !check_scan(reading, 0, sequence_max, SIZE_MAX);
		reading->rounds++;
	}
	return NULL;
}

/* Writes all in batches of a few, publishing after each. */
static void
write_along(struct memtable_writer *writer, struct shared *shared)
{
	struct rng rng = rng_seeded(suite_seed());
	uint64_t sequence = 0;

	while (sequence < SEQUENCE_COUNT) {
		uint64_t count = 1 + rng_below(&rng, 20);

		for (; count > 0 && sequence < SEQUENCE_COUNT; count--)
			write_sequence(writer, ++sequence);
		atomic_store_explicit(
		    &shared->published, sequence, memory_order_release);
	}
}

static struct memtable_writer *
create(const struct scratch *scratch)
{
	struct memtable_options options = {7, store_id, 0, 1, 16u << 20};
	struct memtable_writer *writer;
	struct error err;

	ASSERT_OK(memtable_writer_create(file_system_real(),
		      scratch_path(scratch, "m"), &options, &writer, &err),
	    &err);
	return writer;
}

static void
threads_read_beside_the_writer(void)
{
	struct shared shared = {0};
	struct reading readings[READERS] = {0};
	pthread_t threads[READERS];
	struct scratch scratch;
	struct memtable_writer *writer;

	scratch_init(&scratch);
	writer = create(&scratch);
	for (size_t i = 0; i < READERS; i++) {
		readings[i] =
		    (struct reading){.reader = memtable_writer_reader(writer),
			.shared = &shared,
			.seed = suite_seed() + i};
		CU_ASSERT_EQUAL_FATAL(
		    pthread_create(&threads[i], NULL, read_along, &readings[i]),
		    0);
	}
	write_along(writer, &shared);
	for (size_t i = 0; i < READERS; i++) {
		CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
		CU_ASSERT_EQUAL(readings[i].wrong, 0);
		CU_ASSERT_TRUE(readings[i].rounds > 0);
	}
	memtable_writer_close(writer);
	scratch_deinit(&scratch);
}

/* A reading process: 0 when all answers were right. */
static int
read_in_process(const char *path, struct shared *shared, uint64_t seed)
{
	struct reading reading = {.shared = shared, .seed = seed};
	struct memtable_reader *reader;
	struct error err;

	if (memtable_reader_open(path, 7, store_id, &reader, &err) != STATUS_OK)
		return 2;
	reading.reader = reader;
	read_along(&reading);
	memtable_reader_close(reader);
	return reading.wrong > 0;
}

static void
processes_read_beside_the_writer(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t children[READERS];
	struct scratch scratch;
	struct memtable_writer *writer;

	CU_ASSERT_TRUE_FATAL(shared != MAP_FAILED);
	scratch_init(&scratch);
	writer = create(&scratch);
	fflush(NULL);
	for (size_t i = 0; i < READERS; i++) {
		children[i] = fork();
		CU_ASSERT_TRUE_FATAL(children[i] >= 0);
		if (children[i] == 0)
			_exit(read_in_process(scratch_path(&scratch, "m"),
			    shared, suite_seed() + i));
	}
	write_along(writer, shared);
	for (size_t i = 0; i < READERS; i++) {
		int state;

		CU_ASSERT_EQUAL(waitpid(children[i], &state, 0), children[i]);
		CU_ASSERT_TRUE(WIFEXITED(state));
		CU_ASSERT_EQUAL(WEXITSTATUS(state), 0);
	}
	memtable_writer_close(writer);
	munmap(shared, sizeof(*shared));
	scratch_deinit(&scratch);
}

static void
open_reader_outlives_the_file_and_its_writer(void)
{
	struct shared shared = {0};
	struct reading reading = {.shared = &shared, .seed = suite_seed()};
	struct scratch scratch;
	struct memtable_writer *writer;
	struct memtable_reader *reader;
	struct error err;

	scratch_init(&scratch);
	writer = create(&scratch);
	ASSERT_OK(memtable_reader_open(
		      scratch_path(&scratch, "m"), 7, store_id, &reader, &err),
	    &err);
	write_along(writer, &shared);
	/* A new one under the old name leaves the old one alone. */
	memtable_writer_close(writer);
	writer = create(&scratch);
	write_sequence(writer, 1);
	memtable_writer_close(writer);
	ASSERT_OK(
	    path_remove(file_system_real(), scratch_path(&scratch, "m"), &err),
	    &err);
	reading.reader = reader;
	read_along(&reading);
	CU_ASSERT_EQUAL(reading.wrong, 0);
	memtable_reader_close(reader);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(processes_read_beside_the_writer),
	    SUITE_CASE(threads_read_beside_the_writer),
	    SUITE_CASE(open_reader_outlives_the_file_and_its_writer),
	};

	return suite_run(
	    "memtable_readers", cases, SUITE_COUNT(cases), argc, argv);
}
