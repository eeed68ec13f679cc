/*
 * store - an engine under measurement, as a table of functions.
 *
 * The same workload runs over each of them. An engine is left out of the
 * program when its headers were not there to build with; its name then finds
 * nothing.
 *
 * Failure  No function returns one: what fails prints why and ends the
 *          program, since a figure from a store in trouble is worth nothing.
 * Threads  put() from up to BENCH_THREADS_MAX threads at once, each with a
 *          number of its own; a reader belongs to one thread.
 */
#ifndef TESTS_BENCH_ENGINE_STORE_H
#define TESTS_BENCH_ENGINE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

#define BENCH_THREADS_MAX 64

struct store_options {
	const char *folder; /* exists; the store's alone */
	const char *runtime; /* a folder in memory, for our memtables */
	bool compress; /* LZ4; LevelDB's own is Snappy, LMDB has none */
	bool sync; /* every put is on disk before it returns */
	size_t memtable_bytes;
	size_t cache_bytes; /* of blocks, for all readers together */
	unsigned readers; /* how many there will be */
};

struct store {
	const char *name;
	/* Opens the store in the folder, creating it where there is none. */
	void *(*open)(const struct store_options *options);
	void (*put)(
	    void *store, unsigned thread, struct slice key, struct slice value);
	/* Puts one after the other in one batch; NULL where nobody needs it. */
	void (*put_many)(void *store, const struct slice *keys,
	    const struct slice *values, size_t count);
	/* NULL: the store is its own reader, for any thread. */
	void *(*reader_open)(void *store);
	/*
	 * Looks for a key in the state of this moment; false if it is absent.
	 * Adds bytes of the value to *touched, so that it has been there.
	 */
	bool (*get)(void *reader, struct slice key, size_t *value_bytes,
	    uint64_t *touched);
	/* The same for up to `count` entries from a key on; their number. */
	size_t (*scan)(
	    void *reader, struct slice start, size_t count, uint64_t *touched);
	void (*reader_close)(void *reader); /* NULL as reader_open */
	/* Returns when all is in its final place and nothing is under way. */
	void (*settle)(void *store);
	/* One line on what the engine holds, for people; may be NULL. */
	void (*describe)(void *store, char *out, size_t size);
	void (*close)(void *store);
};

/* What goes into `touched` for a key or value, which is not empty. */
static inline uint64_t
store_touch(const void *bytes, size_t size)
{
	const uint8_t *data = bytes;

	return (uint64_t)data[0] + data[size - 1];
}

extern const struct store store_ours;
/* Those whose headers are missing are, too, which `weak` allows. */
extern const struct store store_rocksdb __attribute__((weak));
extern const struct store store_leveldb __attribute__((weak));
extern const struct store store_lmdb __attribute__((weak));

/* A reader of the store, opened if it has such. */
void *store_reader_open(const struct store *store, void *opened);
void store_reader_close(const struct store *store, void *reader);

/*
 * Describes a store by its tables on seven levels: "tables 1/2/3/0/0/0/0".
 * `property` gives the text of a property, from malloc(), or NULL; `engine` is
 * the word before its name.
 */
void store_describe_levels(void *opened,
    char *(*property)(void *opened, const char *name), const char *engine,
    char *out, size_t size);

/* NULL if there is none of this name, or it was left out. */
const struct store *store_find(const char *name);

/* Prints which engines this program has, and which were left out. */
void store_list(void);

/* Prints a message as printf() and ends the program. */
void store_die(const char *format, ...) __attribute__((format(printf, 1, 2)))
__attribute__((noreturn));

#endif
