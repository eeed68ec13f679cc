#include "storaged/inspect/offline_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/command/batch.h"
#include "common/journal/journal.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/view/view.h"
#include "common/lsm/view/view_description.h"
#include "common/os/bus_guard.h"
#include "storaged/apply/apply.h"
#include "storaged/inspect/data_folder.h"
#include "storaged/manifest/catalog.h"
#include "storaged/manifest/manifest.h"

#define CAPACITY_BYTES_FIRST ((size_t)8 << 20)
#define CAPACITY_BYTES_MAX ((size_t)1 << 30)

struct offline_store {
	struct data_folder *folder; /* borrowed */
	struct catalog catalog;
	struct apply *apply;
	struct apply_store store;
	struct memtable_writer **memtables; /* oldest first */
	size_t memtable_count;
	size_t capacity_bytes; /* of the next memtable */
	struct view *view;
	uint64_t sequence;
};

static struct view_description
describe(const struct offline_store *store)
{
	struct view_description description = {.number = 1};

	memcpy(
	    description.store_id, store->folder->store_id, VIEW_STORE_ID_BYTES);
	for (size_t i = store->memtable_count; i-- > 0;)
		view_description_add_memtable(
		    &description, memtable_writer_number(store->memtables[i]));
	catalog_describe(&store->catalog, &description);
	return description;
}

static enum status
renew_view(struct offline_store *store, struct error *err)
{
	struct memtable_reader **readers =
	    mem_new_array(store->memtable_count + 1, sizeof(*readers));
	struct view_description description = describe(store);
	struct view_sources sources = {
	    .folders = {"", store->folder->tables_directory},
	    .previous = store->view,
	    .memtables = readers,
	    .memtable_count = store->memtable_count,
	};
	struct view *view;

	for (size_t i = 0; i < store->memtable_count; i++)
		readers[i] = memtable_writer_reader(store->memtables[i]);
	if (view_open(&description, &sources, &view, err) == STATUS_OK) {
		view_close(store->view);
		store->view = view;
		err->code = STATUS_OK;
	}
	view_description_deinit(&description);
	mem_free(readers);
	return err->code;
}

/* Makes a folder in memory, where there is one, else with passing files. */
static enum status
make_folder(char path[PATH_BYTES_MAX], struct error *err)
{
	const char *temporary = getenv("TMPDIR");

	if (access("/dev/shm", W_OK | X_OK) == 0)
		temporary = "/dev/shm";
	snprintf(path, PATH_BYTES_MAX, "%.900s/kvctl-XXXXXX",
	    temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp");
	if (mkdtemp(path) == NULL)
		return error_set_errno(err, errno, "create folder %s", path);
	return STATUS_OK;
}

/* A memtable whose file has no name any more: it goes with the process. */
static enum status
add_memtable(struct offline_store *store, size_t need, struct error *err)
{
	struct memtable_options options = {
	    .number = store->memtable_count + 1,
	    .store_id = store->folder->store_id,
	    .first_sequence = store->sequence + 1,
	    .capacity_bytes = store->capacity_bytes,
	};
	struct memtable_writer *made;
	char folder[PATH_BYTES_MAX];
	char path[PATH_BYTES_MAX];
	enum status status;

	if (options.capacity_bytes < need)
		options.capacity_bytes = need;
	if (store->capacity_bytes < CAPACITY_BYTES_MAX)
		store->capacity_bytes *= 2;
	if (make_folder(folder, err) != STATUS_OK)
		return err->code;
	path_join(path, folder, "memtable");
	status = memtable_writer_create(
	    file_system_real(), path, &options, &made, err);
	(void)unlink(path);
	(void)rmdir(folder);
	if (status != STATUS_OK)
		return status;
	store->memtables = mem_resize(store->memtables,
	    (store->memtable_count + 1) * sizeof(struct memtable_writer *));
	store->memtables[store->memtable_count++] = made;
	return renew_view(store, err);
}

static enum status
store_get(void *context, const struct apply_key *key, struct entry *out,
    bool *found, struct error *err)
{
	struct offline_store *store = context;
	struct memtable_query query = {
	    .key = key->key,
	    .hash = key->hash,
	    .sequence_max = UINT64_MAX,
	};
	enum lookup lookup;
	enum status status =
	    view_get(store->view, &query, key->now_ms, out, &lookup, err);

	*found = status == STATUS_OK && lookup == LOOKUP_FOUND;
	return status;
}

static enum status
store_reserve(void *context, const struct apply_need *need, struct error *err)
{
	struct offline_store *store = context;

	if (store->memtable_count > 0 &&
	    memtable_writer_fits(store->memtables[store->memtable_count - 1],
		need->entries, need->bytes, need->ranges))
		return STATUS_OK;
	return add_memtable(store,
	    memtable_capacity_for(need->entries, need->bytes, need->ranges),
	    err);
}

static void
store_put(void *context, const struct entry *entry, uint64_t hash)
{
	struct offline_store *store = context;

	memtable_writer_add(
	    store->memtables[store->memtable_count - 1], entry, hash);
}

static void
store_delete_range(void *context, const struct range_tombstone *range)
{
	struct offline_store *store = context;

	memtable_writer_add_range(
	    store->memtables[store->memtable_count - 1], range);
}

static enum status
on_record(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct offline_store *store = context;
	struct apply_result result;
	struct batch batch;

	if (batch_decode(payload, &batch, err) != STATUS_OK)
		return err->code;
	if (batch.command_count + 1 != count ||
	    first_sequence != store->sequence + 1)
		return error_set(err, STATUS_CORRUPT,
		    "the batch of sequence %" PRIu64
		    " does not follow %" PRIu64,
		    first_sequence, store->sequence);
	if (apply_batch(store->apply, &batch, first_sequence, &store->store,
		&result, err) != STATUS_OK)
		return err->code;
	store->sequence += count;
	return STATUS_OK;
}

static enum status
load(struct offline_store *store, struct error *err)
{
	struct data_folder *folder = store->folder;
	struct journal_options journal = {
	    .fs = file_system_real(),
	    .directory = folder->journal_directory,
	    .store_id = folder->store_id,
	};
	struct journal_recovery recovery;
	uint64_t number;
	enum status status;

	if (folder->identity.code != STATUS_OK)
		return error_copy(err, &folder->identity);
	status = manifest_read(file_system_real(), folder->shard_directory,
	    folder->store_id, &store->catalog, &number, err);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	store->sequence = store->catalog.recovery.sequence;
	if (store->sequence == 0)
		store->apply = apply_create();
	else if (apply_decode(buffer_slice(&store->catalog.recovery.writers),
		     &store->apply, err) != STATUS_OK)
		return error_wrap(err, "recovery point");
	if (renew_view(store, err) != STATUS_OK)
		return err->code;
	return journal_read(
	    &journal, store->sequence, on_record, store, &recovery, err);
}

enum status
offline_store_open(
    struct data_folder *folder, struct offline_store **out, struct error *err)
{
	struct offline_store *store = mem_new(sizeof(*store));

	*out = NULL;
	bus_guard_install();
	store->folder = folder;
	store->capacity_bytes = CAPACITY_BYTES_FIRST;
	store->store = (struct apply_store){
	    .context = store,
	    .get = store_get,
	    .reserve = store_reserve,
	    .put = store_put,
	    .delete_range = store_delete_range,
	};
	if (load(store, err) != STATUS_OK) {
		offline_store_close(store);
		return err->code;
	}
	*out = store;
	return STATUS_OK;
}

void
offline_store_close(struct offline_store *store)
{
	if (store == NULL)
		return;
	view_close(store->view);
	for (size_t i = 0; i < store->memtable_count; i++)
		memtable_writer_close(store->memtables[i]);
	mem_free(store->memtables);
	apply_close(store->apply);
	catalog_deinit(&store->catalog);
	mem_free(store);
}

struct view *
offline_store_view(const struct offline_store *store)
{
	return store->view;
}

const struct catalog *
offline_store_catalog(const struct offline_store *store)
{
	return &store->catalog;
}

size_t
offline_store_memtable_count(const struct offline_store *store)
{
	return store->memtable_count;
}

struct memtable_reader *
offline_store_memtable(const struct offline_store *store, size_t index)
{
	return memtable_writer_reader(
	    store->memtables[store->memtable_count - 1 - index]);
}

uint64_t
offline_store_clock_ms(const struct offline_store *store)
{
	return apply_clock_ms(store->apply);
}
