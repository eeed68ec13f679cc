#include "tests/bench/engine/worker.h"

#include <time.h>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/os/clock.h"
#include "tests/bench/engine/usage.h"

/* Of so many reads one is timed. */
#define READS_PER_LOOK 8
/* Shorter waits are made up for by later ones. */
#define PACE_NS_MIN 50000

static uint64_t
now_ns(void)
{
	return clock_monotonic_ns(&clock_system);
}

/* The number of the key whose turn it is. */
static uint64_t
pick(const struct worker *worker, struct rng *rng, uint64_t i)
{
	const struct sample *sample = worker->sample;
	uint64_t place = (i * worker->count + worker->number) % sample->keys;

	switch (worker->options->row->order) {
	case ROW_ORDER_ASCENDING:
		return place;
	case ROW_ORDER_PERMUTED:
		return sample_permuted(sample, place);
	case ROW_ORDER_RANDOM:
		break;
	}
	return rng_below(rng, sample->keys);
}

/* Waits until it is time for operation `i`; returns the time then. */
static uint64_t
pace(struct worker *worker, uint64_t i, uint64_t time_ns)
{
	uint64_t due_ns =
	    worker->begun_ns + (uint64_t)((double)i * 1e9 / worker->rate);

	if (time_ns < due_ns + PACE_NS_MIN && due_ns < time_ns + PACE_NS_MIN)
		return time_ns;
	if (due_ns > time_ns) {
		uint64_t wait_ns = due_ns - time_ns;
		const struct timespec wait = {(time_t)(wait_ns / 1000000000u),
		    (long)(wait_ns % 1000000000u)};

		nanosleep(&wait, NULL);
		return now_ns();
	}
	if (time_ns - due_ns > worker->behind_ns_max)
		worker->behind_ns_max = time_ns - due_ns;
	return time_ns;
}

static void
write_keys(struct worker *worker)
{
	const struct store *store = worker->options->store;
	struct rng rng = rng_seeded(7 + worker->number + 100 * worker->salt);
	uint64_t time_ns = worker->begun_ns;

	for (uint64_t i = 0;; i++) {
		uint8_t key[SAMPLE_KEY_BYTES];
		uint64_t number;
		uint64_t end_ns;

		if ((worker->operations_max > 0 &&
			i == worker->operations_max) ||
		    (worker->until_ns > 0 && time_ns >= worker->until_ns))
			break;
		if (worker->rate > 0)
			time_ns = pace(worker, i, time_ns);
		number = pick(worker, &rng, i);
		store->put(worker->store, worker->number,
		    sample_key(number, key),
		    sample_value(worker->sample, number, worker->salt));
		end_ns = now_ns();
		histogram_add(&worker->latencies, end_ns - time_ns);
		if (worker->trace != NULL)
			trace_add(worker->trace, end_ns, end_ns - time_ns);
		time_ns = end_ns;
		worker->done++;
	}
	worker->ended_ns = time_ns;
}

static void
read_one(struct worker *worker, struct rng *rng, uint64_t *touched)
{
	const struct store *store = worker->options->store;
	enum row_read kind = worker->options->row->read;
	uint64_t number = rng_below(rng, worker->sample->keys);
	uint8_t bytes[SAMPLE_KEY_BYTES];
	struct slice key = sample_key(number, bytes);
	size_t size = 0;

	if (kind == ROW_READ_SCAN) {
		uint64_t left = worker->sample->keys - number;

		if (store->scan(worker->reader, key, ROW_SCAN_COUNT, touched) !=
		    (left < ROW_SCAN_COUNT ? left : ROW_SCAN_COUNT))
			store_die("a scan has found too few keys");
		return;
	}
	if (kind == ROW_READ_MISSING)
		bytes[SAMPLE_KEY_BYTES - 1] = 'x';
	if (store->get(worker->reader, key, &size, touched) !=
	    (kind == ROW_READ_PRESENT))
		store_die("a key is not as it was written");
	if (kind == ROW_READ_PRESENT && size != worker->sample->value_bytes)
		store_die("a value has another size than was written");
}

static void
read_keys(struct worker *worker)
{
	struct rng rng = rng_seeded(11 + worker->number + 100 * worker->salt);
	uint64_t touched = 0;
	uint64_t end_ns = worker->begun_ns;

	while (end_ns < worker->until_ns) {
		uint64_t begun_ns = now_ns();

		read_one(worker, &rng, &touched);
		end_ns = now_ns();
		histogram_add(&worker->latencies, end_ns - begun_ns);
		for (unsigned i = 1; i < READS_PER_LOOK; i++)
			read_one(worker, &rng, &touched);
		worker->done += READS_PER_LOOK;
	}
	worker->ended_ns = now_ns();
	/* What was read must not seem needless. */
	CHECK(touched != UINT64_MAX);
}

static void *
work(void *argument)
{
	struct worker *worker = argument;
	uint64_t cpu_ns = usage_thread_cpu_ns();

	worker->begun_ns = now_ns();
	if (worker->reader != NULL)
		read_keys(worker);
	else
		write_keys(worker);
	worker->cpu_ns = usage_thread_cpu_ns() - cpu_ns;
	return NULL;
}

void
workers_run(struct worker *workers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		CHECK(pthread_create(
			  &workers[i].thread, NULL, work, &workers[i]) == 0);
	for (unsigned i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
}
