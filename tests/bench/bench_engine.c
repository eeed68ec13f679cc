/*
 * bench_engine - one row of the engines' table: one workload over one store.
 *
 *     bench_engine --store=ours --row=readrandom --keys=2000000 FOLDER
 *
 * Prints `result` lines. Stores stay below FOLDER, so that a row which needs a
 * loaded one finds it there the next time. tests/bench/README.md has the
 * options, the rows and how to read the figures; bench_engine.py runs many of
 * these in turn and makes a table of them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/engine/folder.h"
#include "tests/bench/engine/row.h"

#define MIB ((size_t)1 << 20)

enum option_number {
	OPTION_STORE = 256,
	OPTION_ROW,
	OPTION_KEYS,
	OPTION_VALUE,
	OPTION_COMPRESSION,
	OPTION_OPERATIONS,
	OPTION_SECONDS,
	OPTION_WARM,
	OPTION_RATE,
	OPTION_MEMTABLE,
	OPTION_CACHE,
	OPTION_TRACE,
	OPTION_COLD,
	OPTION_LIST,
};

static const struct option names[] = {
    {"store", required_argument, NULL, OPTION_STORE},
    {"row", required_argument, NULL, OPTION_ROW},
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"value", required_argument, NULL, OPTION_VALUE},
    {"compression", required_argument, NULL, OPTION_COMPRESSION},
    {"operations", required_argument, NULL, OPTION_OPERATIONS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"warm", required_argument, NULL, OPTION_WARM},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"memtable", required_argument, NULL, OPTION_MEMTABLE},
    {"cache", required_argument, NULL, OPTION_CACHE},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"cold", no_argument, NULL, OPTION_COLD},
    {"list", no_argument, NULL, OPTION_LIST},
    {0},
};

static void
usage(void)
{
	fprintf(stderr,
	    "usage: bench_engine --store=NAME --row=NAME [--keys=N] "
	    "[--value=BYTES]\n"
	    "    [--compression=none|lz4] [--operations=N] [--seconds=S] "
	    "[--warm=S]\n"
	    "    [--rate=OPS] [--memtable=MIB] [--cache=MIB] [--trace=FILE] "
	    "[--cold] FOLDER\n"
	    "       bench_engine --list\n");
	exit(64);
}

static uint64_t
number(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0')
		store_die("'%s' is no number", text);
	return value;
}

static double
fraction(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || value < 0)
		store_die("'%s' is no number", text);
	return value;
}

static void
set_compression(struct run_options *run, const char *text)
{
	run->opening.compress = strcmp(text, "lz4") == 0;
	if (!run->opening.compress && strcmp(text, "none") != 0)
		store_die("compression is none or lz4, not '%s'", text);
}

static void
set_store(struct run_options *run, const char *text)
{
	run->store = store_find(text);
	if (run->store == NULL)
		store_die("'%s' is none of the stores in this program; "
			  "--list shows them",
		    text);
}

static void
set_row(struct run_options *run, const char *text)
{
	run->row = row_find(text);
	if (run->row == NULL)
		store_die("'%s' is no row; --list shows them", text);
}

static void
list(void)
{
	printf("stores:\n");
	store_list();
	printf("rows:\n");
	row_list();
	exit(0);
}

static void
take(struct run_options *run, int option, const char *text)
{
	switch (option) {
	case OPTION_STORE:
		set_store(run, text);
		break;
	case OPTION_ROW:
		set_row(run, text);
		break;
	case OPTION_KEYS:
		run->keys = number(text);
		break;
	case OPTION_VALUE:
		run->value_bytes = number(text);
		break;
	case OPTION_COMPRESSION:
		set_compression(run, text);
		break;
	case OPTION_OPERATIONS:
		run->operations = number(text);
		break;
	case OPTION_SECONDS:
		run->seconds = fraction(text);
		break;
	case OPTION_WARM:
		run->warm_seconds = fraction(text);
		break;
	case OPTION_RATE:
		run->rate = fraction(text);
		break;
	case OPTION_MEMTABLE:
		run->opening.memtable_bytes = number(text) * MIB;
		break;
	case OPTION_CACHE:
		run->opening.cache_bytes = number(text) * MIB;
		break;
	case OPTION_TRACE:
		run->trace = text;
		break;
	case OPTION_COLD:
		run->cold = true;
		break;
	case OPTION_LIST:
		list();
		break;
	default:
		usage();
	}
}

int
main(int argc, char **argv)
{
	struct run_options run = {
	    .keys = 5000000,
	    .value_bytes = 100,
	    .warm_seconds = 3,
	    .opening = {.memtable_bytes = 64 * MIB, .cache_bytes = 512 * MIB},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		take(&run, option, optarg);
	if (optind + 1 != argc || run.store == NULL || run.row == NULL ||
	    run.keys == 0 || run.value_bytes == 0)
		usage();
	run.folder = argv[optind];
	folder_create(run.folder);
	row_run(&run);
	return 0;
}
