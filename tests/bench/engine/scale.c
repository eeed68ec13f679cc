#include "tests/bench/engine/scale.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/os/clock.h"
#include "common/os/path.h"
#include "tests/bench/engine/folder.h"
#include "tests/bench/engine/row.h"
#include "tests/bench/engine/usage.h"

#define BATCH_KEYS 1000
#define OPEN_ROUNDS 5
/* Enough reads to have touched all there is of the indexes. */
#define TOUCH_SECONDS 5

struct scale {
	const struct run_options *options;
	struct sample sample;
	char folder[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	void *store;
	void *reader;
};

static double
seconds_since(uint64_t begun_ns)
{
	return (double)(clock_monotonic_ns(&clock_system) - begun_ns) / 1e9;
}

static uint64_t
now_ns(void)
{
	return clock_monotonic_ns(&clock_system);
}

static void
open_store(struct scale *scale)
{
	struct store_options opening = scale->options->opening;

	folder_create_runtime(scale->runtime);
	opening.folder = scale->folder;
	opening.runtime = scale->runtime;
	opening.readers = 1;
	scale->store = scale->options->store->open(&opening);
}

static void
close_store(struct scale *scale)
{
	const struct store *store = scale->options->store;

	if (scale->reader != NULL)
		store->reader_close(scale->reader);
	scale->reader = NULL;
	store->close(scale->store);
	folder_remove(scale->runtime);
}

/* Looks up the key of a number, which must be there. */
static void
get(struct scale *scale, uint64_t number)
{
	const struct store *store = scale->options->store;
	uint8_t key[SAMPLE_KEY_BYTES];
	uint64_t touched = 0;
	size_t size;

	if (scale->reader == NULL)
		scale->reader = store->reader_open(scale->store);
	if (!store->get(
		scale->reader, sample_key(number, key), &size, &touched))
		store_die("key %" PRIu64 " is gone", number);
}

static void
fill(struct scale *scale, uint64_t keys)
{
	static uint8_t bytes[BATCH_KEYS][SAMPLE_KEY_BYTES];
	struct slice names[BATCH_KEYS];
	struct slice values[BATCH_KEYS];
	size_t count = 0;

	for (uint64_t i = 0; i < keys; i++) {
		names[count] = sample_key(i, bytes[count]);
		values[count] = sample_value(&scale->sample, i, 0);
		if (++count < BATCH_KEYS && i + 1 < keys)
			continue;
		scale->options->store->put_many(
		    scale->store, names, values, count);
		count = 0;
	}
}

/* Runs in a process of its own, which must succeed. */
static void
in_child(struct scale *scale, void (*run)(struct scale *scale))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		store_die("fork: %s", strerror(errno));
	if (pid == 0) {
		run(scale);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0)
		store_die("filling failed");
}

static void
fill_and_settle(struct scale *scale)
{
	open_store(scale);
	fill(scale, scale->options->keys);
	scale->options->store->settle(scale->store);
	close_store(scale);
}

/* Half a memtable, in the log and in memory, when the process ends. */
static uint64_t
log_puts(const struct run_options *options)
{
	return options->opening.memtable_bytes / 2 /
	    (SAMPLE_KEY_BYTES + options->value_bytes);
}

static void
fill_and_die(struct scale *scale)
{
	open_store(scale);
	fill(scale, log_puts(scale->options));
}

static int
compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

/* The median of a few rounds, in seconds. */
static double
time_open(struct scale *scale)
{
	double seconds[OPEN_ROUNDS];

	for (unsigned i = 0; i < OPEN_ROUNDS; i++) {
		uint64_t begun_ns = now_ns();

		open_store(scale);
		seconds[i] = seconds_since(begun_ns);
		close_store(scale);
	}
	qsort(seconds, OPEN_ROUNDS, sizeof(seconds[0]), compare);
	return seconds[OPEN_ROUNDS / 2];
}

/* Pages of files that lookups of absent keys bring in: the indexes. */
static uint64_t
touch_indexes(struct scale *scale)
{
	const struct store *store = scale->options->store;
	struct rng rng = rng_seeded(9);
	struct usage_memory before;
	struct usage_memory after;
	uint64_t begun_ns = now_ns();

	usage_memory(scale->runtime, &before);
	while (seconds_since(begun_ns) < TOUCH_SECONDS) {
		uint64_t number = rng_below(&rng, scale->options->keys);
		uint8_t bytes[SAMPLE_KEY_BYTES];
		struct slice key = sample_key(number, bytes);
		uint64_t touched = 0;
		size_t size;

		bytes[SAMPLE_KEY_BYTES - 1] = 'x';
		if (store->get(scale->reader, key, &size, &touched))
			store_die("a key is there that was never put");
	}
	usage_memory(scale->runtime, &after);
	return after.mapped_bytes - before.mapped_bytes;
}

static double
mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void
prepare(
    struct scale *scale, const struct run_options *options, const char *suffix)
{
	if (options->store->put_many == NULL)
		store_die("%s has no way to put many keys in a call",
		    options->store->name);
	*scale = (struct scale){.options = options};
	row_store_path(options, scale->folder, suffix);
	folder_remove(scale->folder);
	folder_create(scale->folder);
	sample_init(&scale->sample, options->keys, options->value_bytes);
}

static void
print_begin(const struct run_options *options, const char *row)
{
	printf("result store=%s row=%s side=open compression=%s keys=%" PRIu64
	       " value=%zu",
	    options->store->name, row,
	    options->opening.compress ? "lz4" : "none", options->keys,
	    options->value_bytes);
}

void
scale_open(const struct run_options *options)
{
	struct usage_memory memory;
	struct scale scale;
	double fill_seconds;
	double open_seconds;
	double cold_seconds;
	double first_seconds;
	uint64_t index_bytes;
	uint64_t fixed_bytes;
	uint64_t begun_ns = now_ns();

	prepare(&scale, options, "-scale");
	in_child(&scale, fill_and_settle);
	fill_seconds = seconds_since(begun_ns);
	open_seconds = time_open(&scale);
	folder_forget(scale.folder);
	begun_ns = now_ns();
	open_store(&scale);
	cold_seconds = seconds_since(begun_ns);
	usage_memory(scale.runtime, &memory);
	begun_ns = now_ns();
	get(&scale, options->keys / 2);
	first_seconds = seconds_since(begun_ns);
	index_bytes = touch_indexes(&scale);
	print_begin(options, "open");
	printf(" ops=%" PRIu64 " seconds=%.2f ops_per_s=%.0f open_ms=%.2f"
	       " cold_ms=%.2f first_us=%.0f disk_mib=%.1f anonymous_mib=%.2f"
	       " runtime_mib=%.1f index_mib=%.1f\n",
	    options->keys, fill_seconds, (double)options->keys / fill_seconds,
	    open_seconds * 1e3, cold_seconds * 1e3, first_seconds * 1e6,
	    mib(usage_folder_bytes(scale.folder, &fixed_bytes)),
	    mib(memory.anonymous_bytes), mib(memory.runtime_bytes),
	    mib(index_bytes));
	close_store(&scale);
	folder_remove(scale.folder);
	sample_deinit(&scale.sample);
}

void
scale_recover(const struct run_options *options)
{
	uint64_t puts = log_puts(options);
	struct scale scale;
	double seconds;
	uint64_t begun_ns;

	prepare(&scale, options, "-recover");
	in_child(&scale, fill_and_die);
	begun_ns = now_ns();
	open_store(&scale);
	seconds = seconds_since(begun_ns);
	get(&scale, puts - 1);
	print_begin(options, "recover");
	printf(" ops=%" PRIu64 " seconds=%.3f ops_per_s=%.0f open_ms=%.1f"
	       " data_mib=%.1f\n",
	    puts, seconds, (double)puts / seconds, seconds * 1e3,
	    mib(puts * (SAMPLE_KEY_BYTES + options->value_bytes)));
	close_store(&scale);
	folder_remove(scale.folder);
	sample_deinit(&scale.sample);
}
