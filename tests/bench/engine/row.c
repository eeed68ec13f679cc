#include "tests/bench/engine/row.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/os/clock.h"
#include "common/os/path.h"
#include "tests/bench/engine/folder.h"
#include "tests/bench/engine/scale.h"
#include "tests/bench/engine/usage.h"
#include "tests/bench/engine/worker.h"

/* Keys that are looked up after a store was filled. */
#define VERIFY_COUNT 2000

static const struct row rows[] = {
    {.name = "fillseq",
	.writers = 1,
	.order = ROW_ORDER_ASCENDING,
	.fresh = true},
    {.name = "fillrandom",
	.writers = 1,
	.order = ROW_ORDER_PERMUTED,
	.fresh = true,
	.keep = true},
    {.name = "overwrite", .writers = 1, .order = ROW_ORDER_RANDOM},
    {.name = "readrandom", .readers = 1, .seconds = 3},
    {.name = "readrandom2", .readers = 2, .seconds = 3},
    {.name = "readmissing",
	.readers = 1,
	.read = ROW_READ_MISSING,
	.seconds = 3},
    {.name = "scan100", .readers = 1, .read = ROW_READ_SCAN, .seconds = 3},
    {.name = "readwhilewriting",
	.readers = 1,
	.writers = 1,
	.order = ROW_ORDER_RANDOM,
	.seconds = 5},
    {.name = "sync1",
	.writers = 1,
	.order = ROW_ORDER_RANDOM,
	.sync = true,
	.fresh = true,
	.seconds = 3},
    {.name = "sync2",
	.writers = 2,
	.order = ROW_ORDER_RANDOM,
	.sync = true,
	.fresh = true,
	.seconds = 3},
    {.name = "sync8",
	.writers = 8,
	.order = ROW_ORDER_RANDOM,
	.sync = true,
	.fresh = true,
	.seconds = 3},
    {.name = "sustain",
	.writers = 1,
	.order = ROW_ORDER_RANDOM,
	.fresh = true,
	.seconds = 60},
    {.name = "sustain-sync8",
	.writers = 8,
	.order = ROW_ORDER_RANDOM,
	.sync = true,
	.fresh = true,
	.seconds = 60},
    {.name = "open", .special = scale_open},
    {.name = "recover", .special = scale_recover},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

struct run {
	const struct run_options *options;
	const struct row *row;
	struct sample sample;
	char folder[PATH_BYTES_MAX]; /* of the store */
	char runtime[PATH_BYTES_MAX];
	void *store;
	struct worker *workers; /* the writers, then the readers */
	unsigned count;
	struct trace *trace;
	double open_seconds;
	double settle_seconds;
	uint64_t cpu_ns;
	uint64_t settle_cpu_ns;
	uint64_t written_bytes; /* settling included */
	uint64_t disk_bytes;
	uint64_t fixed_bytes; /* of these */
	struct usage_memory memory;
};

const struct row *
row_find(const char *name)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

void
row_list(void)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		printf("%s\n", rows[i].name);
}

void
row_store_path(const struct run_options *options, char *out, const char *suffix)
{
	char name[128];

	snprintf(name, sizeof(name), "%s-%s-%" PRIu64 "x%zu%s",
	    options->store->name, options->opening.compress ? "lz4" : "none",
	    options->keys, options->value_bytes, suffix);
	path_join(out, options->folder, name);
}

static double
seconds_since(uint64_t begun_ns)
{
	return (double)(clock_monotonic_ns(&clock_system) - begun_ns) / 1e9;
}

/* Loads the store in a process of its own, if there is none. */
static void
load(const struct run_options *options)
{
	struct run_options loading = *options;
	char loaded[PATH_BYTES_MAX];
	int status;
	pid_t pid;

	row_store_path(options, loaded, ".loaded");
	if (folder_has(loaded))
		return;
	fprintf(stderr, "loading %s\n", options->store->name);
	loading.row = row_find("fillrandom");
	loading.quiet = true;
	loading.operations = 0;
	loading.seconds = 0;
	loading.rate = 0;
	loading.trace = NULL;
	pid = fork();
	if (pid < 0)
		store_die("fork: %s", strerror(errno));
	if (pid == 0) {
		row_run(&loading);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0)
		store_die("loading failed");
}

static void
open_store(struct run *run)
{
	struct store_options opening = run->options->opening;
	uint64_t begun_ns = clock_monotonic_ns(&clock_system);

	folder_create(run->folder);
	folder_create_runtime(run->runtime);
	opening.folder = run->folder;
	opening.runtime = run->runtime;
	opening.sync = run->row->sync;
	opening.readers = run->row->readers;
	run->store = run->options->store->open(&opening);
	run->open_seconds = seconds_since(begun_ns);
}

static void
make_workers(struct run *run)
{
	const struct run_options *options = run->options;
	const struct row *row = run->row;
	double seconds = options->seconds > 0 ? options->seconds : row->seconds;
	uint64_t operations = options->operations;

	if (operations == 0 && seconds <= 0)
		operations = options->keys;
	run->count = row->writers + row->readers;
	run->workers = mem_new_array(run->count, sizeof(*run->workers));
	if (options->trace != NULL)
		run->trace = trace_create(seconds);
	for (unsigned i = 0; i < run->count; i++) {
		struct worker *worker = &run->workers[i];
		bool writes = i < row->writers;

		*worker = (struct worker){
		    .options = options,
		    .sample = &run->sample,
		    .store = run->store,
		    .number = writes ? i : i - row->writers,
		    .count = writes ? row->writers : row->readers,
		    .salt = row->fresh ? 0 : 1,
		};
		if (!writes) {
			worker->reader =
			    store_reader_open(options->store, run->store);
			continue;
		}
		worker->trace = run->trace;
		worker->operations_max = operations / row->writers;
		worker->rate = options->rate / row->writers;
	}
}

static void
set_end(struct run *run, double seconds)
{
	uint64_t now_ns = clock_monotonic_ns(&clock_system);

	for (unsigned i = 0; i < run->count; i++)
		run->workers[i].until_ns =
		    seconds <= 0 ? 0 : now_ns + (uint64_t)(seconds * 1e9);
}

/*
 * Lets the readers read for a while, so that what they need is at hand; or
 * writers that sync write, so that a new store has made its files.
 */
static void
warm(struct run *run)
{
	unsigned first = run->row->readers > 0 ? run->row->writers : 0;

	if ((run->row->readers == 0 && !run->row->sync) ||
	    run->options->warm_seconds <= 0)
		return;
	set_end(run, run->options->warm_seconds);
	workers_run(run->workers + first, run->count - first);
	for (unsigned i = first; i < run->count; i++) {
		struct worker *worker = &run->workers[i];

		worker->done = 0;
		worker->salt++;
		worker->latencies = (struct histogram){0};
	}
}

static void
measure(struct run *run)
{
	const struct run_options *options = run->options;
	uint64_t written_bytes = usage_written_bytes();
	uint64_t cpu_ns = usage_cpu_ns();
	uint64_t begun_ns;

	set_end(
	    run, options->seconds > 0 ? options->seconds : run->row->seconds);
	workers_run(run->workers, run->count);
	run->cpu_ns = usage_cpu_ns() - cpu_ns;
	if (run->row->writers > 0) {
		cpu_ns = usage_cpu_ns();
		begun_ns = clock_monotonic_ns(&clock_system);
		options->store->settle(run->store);
		run->settle_seconds = seconds_since(begun_ns);
		run->settle_cpu_ns = usage_cpu_ns() - cpu_ns;
	}
	run->written_bytes = usage_written_bytes() - written_bytes;
}

/* A store that has lost something gives no figure. */
static void
verify(struct run *run)
{
	const struct store *store = run->options->store;
	struct rng rng = rng_seeded(5);
	void *reader;

	if (!run->row->keep || run->workers[0].done < run->options->keys)
		return;
	reader = store_reader_open(store, run->store);
	for (unsigned i = 0; i < VERIFY_COUNT; i++) {
		uint64_t number = rng_below(&rng, run->options->keys);
		struct slice value = sample_value(&run->sample, number, 0);
		uint8_t key[SAMPLE_KEY_BYTES];
		uint64_t touched = 0;
		size_t size = 0;

		if (!store->get(
			reader, sample_key(number, key), &size, &touched) ||
		    size != value.size ||
		    touched != store_touch(value.data, value.size))
			store_die(
			    "key %" PRIu64 " is not as it was written", number);
	}
	store_reader_close(store, reader);
}

static void
close_store(struct run *run)
{
	const struct run_options *options = run->options;

	for (unsigned i = run->row->writers; i < run->count; i++)
		store_reader_close(options->store, run->workers[i].reader);
	options->store->close(run->store);
	folder_remove(run->runtime);
}

static double
us(uint64_t ns, uint64_t count)
{
	return count == 0 ? 0 : (double)ns / 1e3 / (double)count;
}

static double
mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

struct side {
	const char *name;
	struct worker sum;
	double seconds;
};

static struct side
add_up(const struct run *run, bool writes)
{
	struct side side = {.name = writes ? "write" : "read"};
	uint64_t begun_ns = UINT64_MAX;
	uint64_t ended_ns = 0;

	for (unsigned i = 0; i < run->count; i++) {
		const struct worker *worker = &run->workers[i];

		if ((worker->reader == NULL) != writes)
			continue;
		side.sum.done += worker->done;
		side.sum.cpu_ns += worker->cpu_ns;
		if (worker->behind_ns_max > side.sum.behind_ns_max)
			side.sum.behind_ns_max = worker->behind_ns_max;
		histogram_merge(&side.sum.latencies, &worker->latencies);
		if (worker->begun_ns < begun_ns)
			begun_ns = worker->begun_ns;
		if (worker->ended_ns > ended_ns)
			ended_ns = worker->ended_ns;
	}
	side.seconds = (double)(ended_ns - begun_ns) / 1e9;
	return side;
}

static void
print_write(const struct run *run, const struct side *side)
{
	double data = (double)side->sum.done *
	    (double)(SAMPLE_KEY_BYTES + run->options->value_bytes);

	printf(" settle_seconds=%.2f settled_ops_per_s=%.0f"
	       " settled_cpu_us=%.3f write_amp=%.2f behind_ms=%.1f",
	    run->settle_seconds,
	    (double)side->sum.done / (side->seconds + run->settle_seconds),
	    us(run->cpu_ns + run->settle_cpu_ns, side->sum.done),
	    (double)run->written_bytes / data,
	    (double)side->sum.behind_ns_max / 1e6);
}

static void
print_side(const struct run *run, bool writes, const char *described)
{
	const struct run_options *options = run->options;
	struct side side = add_up(run, writes);
	const struct histogram *latencies = &side.sum.latencies;
	uint64_t entry_bytes = SAMPLE_KEY_BYTES + options->value_bytes;
	/* A store that was given only some of its keys holds less. */
	uint64_t held = run->row->fresh && side.sum.done < options->keys
	    ? side.sum.done
	    : options->keys;

	printf("result store=%s row=%s side=%s compression=%s keys=%" PRIu64
	       " value=%zu ops=%" PRIu64 " seconds=%.3f ops_per_s=%.0f"
	       " p50_us=%.2f p99_us=%.2f p999_us=%.2f max_us=%.1f"
	       " cpu_us=%.3f caller_cpu_us=%.3f",
	    options->store->name, run->row->name, side.name,
	    options->opening.compress ? "lz4" : "none", options->keys,
	    options->value_bytes, side.sum.done, side.seconds,
	    (double)side.sum.done / side.seconds,
	    us(histogram_quantile_ns(latencies, 0.5), 1),
	    us(histogram_quantile_ns(latencies, 0.99), 1),
	    us(histogram_quantile_ns(latencies, 0.999), 1),
	    us(latencies->max_ns, 1), us(run->cpu_ns, side.sum.done),
	    us(side.sum.cpu_ns, side.sum.done));
	if (writes)
		print_write(run, &side);
	printf(
	    " space_amp=%.3f fixed_mib=%.1f memory_mib=%.1f anonymous_mib=%.1f"
	    " runtime_mib=%.1f resident_peak_mib=%.1f open_ms=%.1f %s\n",
	    (double)run->disk_bytes / (double)(held * entry_bytes),
	    mib(run->fixed_bytes), mib(run->memory.own_bytes),
	    mib(run->memory.anonymous_bytes), mib(run->memory.runtime_bytes),
	    mib(run->memory.resident_peak_bytes), run->open_seconds * 1e3,
	    described);
}

static void
finish(struct run *run, const char *described)
{
	const struct run_options *options = run->options;
	char loaded[PATH_BYTES_MAX];

	if (!options->quiet && run->row->writers > 0)
		print_side(run, true, described);
	if (!options->quiet && run->row->readers > 0)
		print_side(run, false, described);
	if (run->trace != NULL)
		trace_write(run->trace, options->trace);
	row_store_path(options, loaded, ".loaded");
	if (run->row->fresh && !run->row->keep)
		folder_remove(run->folder);
	else if (run->row->keep && run->workers[0].done >= options->keys)
		folder_mark(loaded);
	trace_close(run->trace);
	mem_free(run->workers);
	sample_deinit(&run->sample);
}

void
row_run(const struct run_options *options)
{
	struct run *run;
	char described[256] = "";
	char loaded[PATH_BYTES_MAX];

	if (options->row->special != NULL) {
		options->row->special(options);
		return;
	}
	run = mem_new(sizeof(*run));
	run->options = options;
	run->row = options->row;
	row_store_path(options, run->folder,
	    run->row->fresh && !run->row->keep ? "-fresh" : "");
	row_store_path(options, loaded, ".loaded");
	if (run->row->fresh) {
		if (run->row->keep)
			unlink(loaded);
		folder_remove(run->folder);
	} else {
		load(options);
	}
	sample_init(&run->sample, options->keys, options->value_bytes);
	if (!run->row->fresh && !options->cold)
		folder_read(run->folder);
	open_store(run);
	/* Some engines leave work for when nobody writes, as now. */
	if (!run->row->fresh)
		options->store->settle(run->store);
	make_workers(run);
	warm(run);
	usage_watch_start(run->runtime);
	measure(run);
	usage_watch_stop(&run->memory);
	verify(run);
	if (options->store->describe != NULL)
		options->store->describe(
		    run->store, described, sizeof(described));
	run->disk_bytes = usage_folder_bytes(run->folder, &run->fixed_bytes);
	close_store(run);
	finish(run, described);
	mem_free(run);
}
