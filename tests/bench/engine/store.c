#include "tests/bench/engine/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const struct store *store;
} stores[] = {
    {"ours", &store_ours},
    {"rocksdb", &store_rocksdb},
    {"leveldb", &store_leveldb},
    {"lmdb", &store_lmdb},
};
#define STORE_COUNT (sizeof(stores) / sizeof(stores[0]))

const struct store *
store_find(const char *name)
{
	for (size_t i = 0; i < STORE_COUNT; i++) {
		if (strcmp(stores[i].name, name) == 0)
			return stores[i].store;
	}
	return NULL;
}

void
store_list(void)
{
	for (size_t i = 0; i < STORE_COUNT; i++)
		printf("%s %s\n", stores[i].name,
		    stores[i].store == NULL ? "left-out" : "built");
}

void
store_die(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fputs("bench_engine: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_Exit(1);
}
