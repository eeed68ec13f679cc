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

void *
store_reader_open(const struct store *store, void *opened)
{
	return store->reader_open == NULL ? opened : store->reader_open(opened);
}

void
store_reader_close(const struct store *store, void *reader)
{
	if (store->reader_close != NULL)
		store->reader_close(reader);
}

void
store_describe_levels(void *opened,
    char *(*property)(void *opened, const char *name), const char *engine,
    char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "tables");

	for (unsigned i = 0; i < 7 && used < size; i++) {
		char name[64];
		char *count;

		snprintf(
		    name, sizeof(name), "%s.num-files-at-level%u", engine, i);
		count = property(opened, name);
		used += (size_t)snprintf(out + used, size - used, "%c%s",
		    i == 0 ? ' ' : '/', count == NULL ? "?" : count);
		free(count);
	}
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
