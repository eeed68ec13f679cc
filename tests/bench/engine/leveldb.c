/* LevelDB through its C interface, with options as README.md has them. */
#include <leveldb/c.h>
#include <time.h>

#include "common/base/mem.h"
#include "common/os/clock.h"
#include "tests/bench/engine/store.h"
#include "tests/bench/engine/usage.h"

struct peer {
	leveldb_t *db;
	leveldb_options_t *options;
	leveldb_writeoptions_t *write;
	leveldb_readoptions_t *read;
	leveldb_cache_t *cache;
	leveldb_filterpolicy_t *filter;
};

static void
must(char *error)
{
	if (error != NULL)
		store_die("leveldb: %s", error);
}

static void *
peer_open(const struct store_options *options)
{
	struct peer *peer = mem_new(sizeof(*peer));
	leveldb_options_t *set = leveldb_options_create();
	char *error = NULL;

	peer->options = set;
	peer->cache = leveldb_cache_create_lru(options->cache_bytes);
	peer->filter = leveldb_filterpolicy_create_bloom(10);
	leveldb_options_set_create_if_missing(set, 1);
	leveldb_options_set_write_buffer_size(set, options->memtable_bytes);
	leveldb_options_set_max_file_size(set, options->memtable_bytes / 2);
	leveldb_options_set_filter_policy(set, peer->filter);
	leveldb_options_set_cache(set, peer->cache);
	leveldb_options_set_compression(set,
	    options->compress ? leveldb_snappy_compression
			      : leveldb_no_compression);
	peer->write = leveldb_writeoptions_create();
	leveldb_writeoptions_set_sync(peer->write, options->sync);
	peer->read = leveldb_readoptions_create();
	peer->db = leveldb_open(set, options->folder, &error);
	must(error);
	return peer;
}

static void
peer_put(void *store, unsigned thread, struct slice key, struct slice value)
{
	struct peer *peer = store;
	char *error = NULL;

	leveldb_put(peer->db, peer->write, (const char *)key.data, key.size,
	    (const char *)value.data, value.size, &error);
	must(error);
}

static bool
peer_get(void *reader, struct slice key, size_t *value_bytes, uint64_t *touched)
{
	struct peer *peer = reader;
	char *error = NULL;
	char *value = leveldb_get(peer->db, peer->read, (const char *)key.data,
	    key.size, value_bytes, &error);

	must(error);
	if (value == NULL)
		return false;
	*touched += store_touch(value, *value_bytes);
	leveldb_free(value);
	return true;
}

static size_t
peer_scan(void *reader, struct slice start, size_t count, uint64_t *touched)
{
	struct peer *peer = reader;
	leveldb_iterator_t *iterator =
	    leveldb_create_iterator(peer->db, peer->read);
	size_t seen = 0;

	leveldb_iter_seek(iterator, (const char *)start.data, start.size);
	while (seen < count && leveldb_iter_valid(iterator)) {
		size_t key_bytes;
		size_t value_bytes;
		const char *key = leveldb_iter_key(iterator, &key_bytes);
		const char *value = leveldb_iter_value(iterator, &value_bytes);

		*touched += store_touch(key, key_bytes);
		*touched += store_touch(value, value_bytes);
		seen++;
		leveldb_iter_next(iterator);
	}
	leveldb_iter_destroy(iterator);
	return seen;
}

/*
 * LevelDB does not tell when it has nothing left to do. A range behind all
 * keys has it flush its memtable and compact nothing; then its background
 * thread is done when it has not used the CPU for a while.
 */
static void
peer_settle(void *store)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct peer *peer = store;
	unsigned quiet = 0;

	leveldb_compact_range(peer->db, "~", 1, "~~", 2);
	while (quiet < 5) {
		uint64_t before_ns = usage_cpu_ns();

		nanosleep(&pause, NULL);
		quiet = usage_cpu_ns() - before_ns < 1000000 ? quiet + 1 : 0;
	}
}

static char *
peer_property(void *store, const char *name)
{
	struct peer *peer = store;

	return leveldb_property_value(peer->db, name);
}

static void
peer_describe(void *store, char *out, size_t size)
{
	store_describe_levels(store, peer_property, "leveldb", out, size);
}

static void
peer_close(void *store)
{
	struct peer *peer = store;

	leveldb_close(peer->db);
	leveldb_readoptions_destroy(peer->read);
	leveldb_writeoptions_destroy(peer->write);
	leveldb_options_destroy(peer->options);
	leveldb_cache_destroy(peer->cache);
	leveldb_filterpolicy_destroy(peer->filter);
	mem_free(peer);
}

const struct store store_leveldb = {
    .name = "leveldb",
    .open = peer_open,
    .put = peer_put,
    .get = peer_get,
    .scan = peer_scan,
    .settle = peer_settle,
    .describe = peer_describe,
    .close = peer_close,
};
