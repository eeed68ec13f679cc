/*
 * worker - threads that put, get or scan, and how long each operation took.
 *
 * Puts are timed one by one. Of reads one in eight is, since looking at the
 * clock takes as long as a good part of a read.
 */
#ifndef TESTS_BENCH_ENGINE_WORKER_H
#define TESTS_BENCH_ENGINE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/bench/engine/histogram.h"
#include "tests/bench/engine/row.h"
#include "tests/bench/engine/trace.h"

struct worker {
	const struct run_options *options;
	const struct sample *sample;
	void *store;
	void *reader; /* NULL: writes */
	struct trace *trace; /* NULL: none */
	unsigned number; /* among those of its side */
	unsigned count; /* of those */
	uint64_t salt; /* of the values */
	uint64_t operations_max; /* of this one; 0: none */
	uint64_t until_ns; /* 0: none */
	double rate; /* of this one; 0: none */

	uint64_t done;
	uint64_t begun_ns;
	uint64_t ended_ns;
	uint64_t cpu_ns;
	uint64_t behind_ns_max; /* what it was late by, at the given rate */
	struct histogram latencies;
	pthread_t thread;
};

/* Runs them all at once and returns when the last is done. */
void workers_run(struct worker *workers, unsigned count);

#endif
