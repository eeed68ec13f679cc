/*
 * row - one row of the table: a workload run over one store.
 *
 * Prints a line `result name=value ...` for each side that the workload has
 * (read, write). README.md says what the values mean.
 */
#ifndef TESTS_BENCH_ENGINE_ROW_H
#define TESTS_BENCH_ENGINE_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/engine/sample.h"
#include "tests/bench/engine/store.h"

enum row_order {
	ROW_ORDER_ASCENDING, /* each key once */
	ROW_ORDER_PERMUTED, /* each key once */
	ROW_ORDER_RANDOM, /* any key at any time */
};

enum row_read {
	ROW_READ_PRESENT,
	ROW_READ_MISSING,
	ROW_READ_SCAN,
};

#define ROW_SCAN_COUNT 100

struct run_options;

struct row {
	const char *name;
	unsigned writers;
	unsigned readers;
	enum row_order order;
	enum row_read read;
	bool sync;
	bool fresh; /* begins with an empty store; else with a loaded one */
	bool keep; /* the store that it leaves is a loaded one */
	double seconds; /* 0: until each key has had its turn */
	/* Runs the row instead, if not NULL. */
	void (*special)(const struct run_options *options);
};

struct run_options {
	const struct store *store;
	const struct row *row;
	struct store_options opening; /* all but the folder */
	const char *folder; /* of all stores; exists */
	const char *trace; /* a file for latencies over time; NULL: none */
	uint64_t keys;
	size_t value_bytes;
	uint64_t operations; /* of all writers together; 0: the row's */
	double seconds; /* 0: the row's */
	double warm_seconds; /* of reading before it counts */
	double rate; /* puts a second at most; 0: as they can */
	bool cold; /* the page cache is as it is */
	bool quiet; /* prints nothing */
};

/* NULL if there is none of this name. */
const struct row *row_find(const char *name);
void row_list(void);

/* Runs the row, loading the store first where there is none. */
void row_run(const struct run_options *options);

/* Where the row's store lies. */
void row_store_path(
    const struct run_options *options, char *out, const char *suffix);

#endif
