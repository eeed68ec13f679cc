/* RocksDB through its C interface, with options as README.md has them. */
#include <rocksdb/c.h>
#include <time.h>

#include "common/base/mem.h"
#include "tests/bench/engine/store.h"

struct peer {
	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_writeoptions_t *write;
	rocksdb_readoptions_t *read;
	rocksdb_cache_t *cache;
};

static void
must(char *error)
{
	if (error != NULL)
		store_die("rocksdb: %s", error);
}

static rocksdb_block_based_table_options_t *
table_options(struct peer *peer, size_t cache_bytes)
{
	rocksdb_block_based_table_options_t *table =
	    rocksdb_block_based_options_create();

	peer->cache = rocksdb_cache_create_lru(cache_bytes);
	rocksdb_block_based_options_set_block_cache(table, peer->cache);
	rocksdb_block_based_options_set_filter_policy(
	    table, rocksdb_filterpolicy_create_bloom_full(10));
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
	rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(
	    table, 1);
	return table;
}

static void *
peer_open(const struct store_options *options)
{
	struct peer *peer = mem_new(sizeof(*peer));
	rocksdb_options_t *set = rocksdb_options_create();
	char *error = NULL;

	peer->options = set;
	rocksdb_options_set_create_if_missing(set, 1);
	rocksdb_options_set_write_buffer_size(set, options->memtable_bytes);
	rocksdb_options_set_max_write_buffer_number(set, 3);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(set, 1);
	rocksdb_options_set_bytes_per_sync(set, 1 << 20);
	rocksdb_options_set_max_background_jobs(set, 2);
	rocksdb_options_set_compression(set,
	    options->compress ? rocksdb_lz4_compression
			      : rocksdb_no_compression);
	rocksdb_options_set_block_based_table_factory(
	    set, table_options(peer, options->cache_bytes));
	peer->write = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(peer->write, options->sync);
	peer->read = rocksdb_readoptions_create();
	peer->db = rocksdb_open(set, options->folder, &error);
	must(error);
	return peer;
}

static void
peer_put(void *store, unsigned thread, struct slice key, struct slice value)
{
	struct peer *peer = store;
	char *error = NULL;

	rocksdb_put(peer->db, peer->write, (const char *)key.data, key.size,
	    (const char *)value.data, value.size, &error);
	must(error);
}

static bool
peer_get(void *reader, struct slice key, size_t *value_bytes, uint64_t *touched)
{
	struct peer *peer = reader;
	rocksdb_pinnableslice_t *pinned;
	const char *value;
	char *error = NULL;

	pinned = rocksdb_get_pinned(
	    peer->db, peer->read, (const char *)key.data, key.size, &error);
	must(error);
	if (pinned == NULL)
		return false;
	value = rocksdb_pinnableslice_value(pinned, value_bytes);
	*touched += store_touch(value, *value_bytes);
	rocksdb_pinnableslice_destroy(pinned);
	return true;
}

static size_t
peer_scan(void *reader, struct slice start, size_t count, uint64_t *touched)
{
	struct peer *peer = reader;
	rocksdb_iterator_t *iterator =
	    rocksdb_create_iterator(peer->db, peer->read);
	size_t seen = 0;

	rocksdb_iter_seek(iterator, (const char *)start.data, start.size);
	while (seen < count && rocksdb_iter_valid(iterator)) {
		size_t key_bytes;
		size_t value_bytes;
		const char *key = rocksdb_iter_key(iterator, &key_bytes);
		const char *value = rocksdb_iter_value(iterator, &value_bytes);

		*touched += store_touch(key, key_bytes);
		*touched += store_touch(value, value_bytes);
		seen++;
		rocksdb_iter_next(iterator);
	}
	rocksdb_iter_destroy(iterator);
	return seen;
}

static uint64_t
property(const struct peer *peer, const char *name)
{
	uint64_t value = 0;

	if (rocksdb_property_int(peer->db, name, &value) != 0)
		store_die("rocksdb: no property %s", name);
	return value;
}

static void
peer_settle(void *store)
{
	struct peer *peer = store;
	rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
	const struct timespec pause = {.tv_nsec = 5000000};
	char *error = NULL;

	rocksdb_flushoptions_set_wait(flush, 1);
	rocksdb_flush(peer->db, flush, &error);
	must(error);
	rocksdb_flushoptions_destroy(flush);
	while (property(peer, "rocksdb.mem-table-flush-pending") > 0 ||
	    property(peer, "rocksdb.num-running-flushes") > 0 ||
	    property(peer, "rocksdb.compaction-pending") > 0 ||
	    property(peer, "rocksdb.num-running-compactions") > 0)
		nanosleep(&pause, NULL);
}

static char *
peer_property(void *store, const char *name)
{
	struct peer *peer = store;

	return rocksdb_property_value(peer->db, name);
}

static void
peer_describe(void *store, char *out, size_t size)
{
	store_describe_levels(store, peer_property, "rocksdb", out, size);
}

static void
peer_close(void *store)
{
	struct peer *peer = store;

	rocksdb_close(peer->db);
	rocksdb_readoptions_destroy(peer->read);
	rocksdb_writeoptions_destroy(peer->write);
	rocksdb_options_destroy(peer->options);
	rocksdb_cache_destroy(peer->cache);
	mem_free(peer);
}

const struct store store_rocksdb = {
    .name = "rocksdb",
    .open = peer_open,
    .put = peer_put,
    .get = peer_get,
    .scan = peer_scan,
    .settle = peer_settle,
    .describe = peer_describe,
    .close = peer_close,
};
