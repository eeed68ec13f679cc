#include "tests/bench/engine/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/os/clock.h"
#include "tests/bench/engine/histogram.h"
#include "tests/bench/engine/store.h"

#define PART_NS 100000000u

struct trace {
	pthread_mutex_t mutex; /* of the parts */
	uint64_t begun_ns;
	size_t count;
	struct histogram *parts;
};

struct trace *
trace_create(double seconds)
{
	struct trace *trace = mem_new(sizeof(*trace));

	pthread_mutex_init(&trace->mutex, NULL);
	trace->count = (size_t)(seconds * 1e9 / PART_NS) + 20;
	trace->parts = mem_new_array(trace->count, sizeof(*trace->parts));
	trace->begun_ns = clock_monotonic_ns(&clock_system);
	return trace;
}

void
trace_add(struct trace *trace, uint64_t end_ns, uint64_t took_ns)
{
	size_t part = (size_t)((end_ns - trace->begun_ns) / PART_NS);

	if (part >= trace->count)
		part = trace->count - 1;
	pthread_mutex_lock(&trace->mutex);
	histogram_add(&trace->parts[part], took_ns);
	pthread_mutex_unlock(&trace->mutex);
}

static double
us(uint64_t ns)
{
	return (double)ns / 1e3;
}

void
trace_write(const struct trace *trace, const char *path)
{
	FILE *file = fopen(path, "we");
	size_t count = trace->count;

	if (file == NULL)
		store_die("%s: %s", path, strerror(errno));
	while (count > 0 && trace->parts[count - 1].count == 0)
		count--;
	fprintf(file, "second,operations,p50_us,p99_us,max_us\n");
	for (size_t i = 0; i < count; i++) {
		const struct histogram *part = &trace->parts[i];

		fprintf(file, "%.1f,%" PRIu64 ",%.2f,%.2f,%.2f\n",
		    (double)i * PART_NS / 1e9, part->count,
		    us(histogram_quantile_ns(part, 0.5)),
		    us(histogram_quantile_ns(part, 0.99)), us(part->max_ns));
	}
	if (fclose(file) != 0)
		store_die("%s: %s", path, strerror(errno));
}

void
trace_close(struct trace *trace)
{
	if (trace == NULL)
		return;
	mem_free(trace->parts);
	mem_free(trace);
}
