/* LMDB: one transaction a put, and a renewed one a read. */
#include <lmdb.h>

#include "common/base/mem.h"
#include "tests/bench/engine/store.h"

#define MAP_BYTES ((size_t)256 << 30)

struct peer {
	MDB_env *env;
	MDB_dbi dbi;
};

struct peer_reader {
	struct peer *peer;
	MDB_txn *txn; /* reset between reads */
	MDB_cursor *cursor;
};

static void
must(int code)
{
	if (code != 0)
		store_die("lmdb: %s", mdb_strerror(code));
}

static void *
peer_open(const struct store_options *options)
{
	struct peer *peer = mem_new(sizeof(*peer));
	unsigned flags = MDB_NORDAHEAD | MDB_NOTLS;
	MDB_txn *txn;

	must(mdb_env_create(&peer->env));
	must(mdb_env_set_mapsize(peer->env, MAP_BYTES));
	must(mdb_env_open(peer->env, options->folder,
	    options->sync ? flags : flags | MDB_NOSYNC, 0600));
	must(mdb_txn_begin(peer->env, NULL, 0, &txn));
	must(mdb_dbi_open(txn, NULL, 0, &peer->dbi));
	must(mdb_txn_commit(txn));
	return peer;
}

static MDB_val
val(struct slice slice)
{
	return (MDB_val){slice.size, (void *)(uintptr_t)slice.data};
}

static void
peer_put(void *store, unsigned thread, struct slice key, struct slice value)
{
	struct peer *peer = store;
	MDB_val key_val = val(key);
	MDB_val value_val = val(value);
	MDB_txn *txn;

	must(mdb_txn_begin(peer->env, NULL, 0, &txn));
	must(mdb_put(txn, peer->dbi, &key_val, &value_val, 0));
	must(mdb_txn_commit(txn));
}

static void *
peer_reader_open(void *store)
{
	struct peer_reader *reader = mem_new(sizeof(*reader));

	reader->peer = store;
	must(mdb_txn_begin(reader->peer->env, NULL, MDB_RDONLY, &reader->txn));
	must(mdb_cursor_open(reader->txn, reader->peer->dbi, &reader->cursor));
	mdb_txn_reset(reader->txn);
	return reader;
}

static bool
peer_get(
    void *pointer, struct slice key, size_t *value_bytes, uint64_t *touched)
{
	struct peer_reader *reader = pointer;
	MDB_val key_val = val(key);
	MDB_val value;
	int code;

	must(mdb_txn_renew(reader->txn));
	code = mdb_get(reader->txn, reader->peer->dbi, &key_val, &value);
	if (code == 0) {
		*value_bytes = value.mv_size;
		*touched += store_touch(value.mv_data, value.mv_size);
	} else if (code != MDB_NOTFOUND) {
		must(code);
	}
	mdb_txn_reset(reader->txn);
	return code == 0;
}

static size_t
peer_scan(void *pointer, struct slice start, size_t count, uint64_t *touched)
{
	struct peer_reader *reader = pointer;
	MDB_val key = val(start);
	MDB_val value;
	size_t seen = 0;
	int code;

	must(mdb_txn_renew(reader->txn));
	must(mdb_cursor_renew(reader->txn, reader->cursor));
	code = mdb_cursor_get(reader->cursor, &key, &value, MDB_SET_RANGE);
	while (code == 0 && seen < count) {
		*touched += store_touch(key.mv_data, key.mv_size);
		*touched += store_touch(value.mv_data, value.mv_size);
		seen++;
		code = mdb_cursor_get(reader->cursor, &key, &value, MDB_NEXT);
	}
	if (code != MDB_NOTFOUND)
		must(code);
	mdb_txn_reset(reader->txn);
	return seen;
}

static void
peer_reader_close(void *pointer)
{
	struct peer_reader *reader = pointer;

	mdb_cursor_close(reader->cursor);
	mdb_txn_abort(reader->txn);
	mem_free(reader);
}

/* All that there is to do is what NOSYNC has left undone. */
static void
peer_settle(void *store)
{
	struct peer *peer = store;

	must(mdb_env_sync(peer->env, 1));
}

static void
peer_close(void *store)
{
	struct peer *peer = store;

	mdb_env_close(peer->env);
	mem_free(peer);
}

const struct store store_lmdb = {
    .name = "lmdb",
    .open = peer_open,
    .put = peer_put,
    .reader_open = peer_reader_open,
    .get = peer_get,
    .scan = peer_scan,
    .reader_close = peer_reader_close,
    .settle = peer_settle,
    .close = peer_close,
};
