#include "tests/support/memory/memory_store.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/command/batch.h"
#include "common/lsm/record/entry.h"
#include "storaged/apply/apply.h"

struct memory_store {
	struct entry *entries; /* sorted; keys and values are owned */
	size_t count;
	size_t capacity;
	struct apply *apply;
	struct batch_origin origin;
	uint64_t sequence;
	uint64_t now_ms;
	size_t steps_max;
	enum status failing;
	struct buffer reply;
};

/* Where the key is, or would be. */
static size_t
place_of(const struct memory_store *store, struct slice key)
{
	size_t low = 0;
	size_t high = store->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (slice_compare(store->entries[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
is_at(const struct memory_store *store, size_t place, struct slice key)
{
	return place < store->count &&
	    slice_equal(store->entries[place].key, key);
}

static struct slice
copy(struct slice bytes)
{
	return slice_of(mem_dup(bytes.data, bytes.size), bytes.size);
}

static void
drop(struct memory_store *store, size_t place)
{
	mem_free((void *)(uintptr_t)store->entries[place].key.data);
	mem_free((void *)(uintptr_t)store->entries[place].value.data);
}

static void
remove_at(struct memory_store *store, size_t place)
{
	drop(store, place);
	store->count--;
	memmove(&store->entries[place], &store->entries[place + 1],
	    (store->count - place) * sizeof(*store->entries));
}

static void
set(struct memory_store *store, const struct entry *entry)
{
	size_t place = place_of(store, entry->key);

	if (is_at(store, place, entry->key)) {
		if (entry->kind == ENTRY_TOMBSTONE) {
			remove_at(store, place);
			return;
		}
		drop(store, place);
	} else if (entry->kind == ENTRY_TOMBSTONE) {
		return;
	} else {
		if (store->count == store->capacity) {
			store->capacity = 2 * store->capacity + 16;
			store->entries = mem_resize(store->entries,
			    store->capacity * sizeof(*store->entries));
		}
		memmove(&store->entries[place + 1], &store->entries[place],
		    (store->count - place) * sizeof(*store->entries));
		store->count++;
	}
	store->entries[place] = *entry;
	store->entries[place].key = copy(entry->key);
	store->entries[place].value = copy(entry->value);
}

static enum status
apply_get(void *context, const struct apply_key *key, struct entry *out,
    bool *found, struct error *err)
{
	struct memory_store *store = context;
	size_t place = place_of(store, key->key);

	(void)err;
	*found = is_at(store, place, key->key) &&
	    !entry_is_expired(&store->entries[place], key->now_ms);
	if (*found)
		*out = store->entries[place];
	return STATUS_OK;
}

static enum status
apply_reserve(void *context, const struct apply_need *need, struct error *err)
{
	(void)context;
	(void)need;
	(void)err;
	return STATUS_OK;
}

static void
apply_put(void *context, const struct entry *entry, uint64_t hash)
{
	(void)hash;
	set(context, entry);
}

static void
apply_delete_range(void *context, const struct range_tombstone *range)
{
	struct memory_store *store = context;

	for (size_t i = store->count; i > 0; i--)
		if (range_tombstone_holds(range, store->entries[i - 1].key))
			remove_at(store, i - 1);
}

static const struct apply_store apply_table = {
    .get = apply_get,
    .reserve = apply_reserve,
    .put = apply_put,
    .delete_range = apply_delete_range,
};

static void
run_batch(struct memory_store *store, struct batch_builder *builder)
{
	struct apply_store table = apply_table;
	struct apply_result result;
	struct batch batch;
	struct error err;

	table.context = store;
	CHECK(batch_decode(
		  batch_builder_finish(builder, &store->origin, store->now_ms),
		  &batch, &err) == STATUS_OK);
	CHECK(apply_batch(store->apply, &batch, store->sequence, &table,
		  &result, &err) == STATUS_OK);
	CHECK(result.verdict == WRITERS_NEW);
	store->sequence += batch.command_count + 1;
	store->origin.answered = store->origin.number;
	store->origin.number++;
	buffer_clear(&store->reply, SIZE_MAX);
	buffer_append_slice(&store->reply, result.reply);
	batch_builder_reset(builder);
}

struct memory_store *
memory_store_create(void)
{
	struct memory_store *store = mem_new(sizeof(*store));
	struct batch_builder registration = {0};

	store->apply = apply_create();
	store->sequence = 1;
	store->now_ms = 1000000;
	store->steps_max = SIZE_MAX;
	store->origin.writer[0] = 1;
	run_batch(store, &registration);
	batch_builder_deinit(&registration);
	return store;
}

void
memory_store_close(struct memory_store *store)
{
	while (store->count > 0)
		remove_at(store, store->count - 1);
	mem_free(store->entries);
	apply_close(store->apply);
	buffer_deinit(&store->reply);
	mem_free(store);
}

void
memory_store_set_now(struct memory_store *store, uint64_t now_ms)
{
	store->now_ms = now_ms;
}

void
memory_store_fail(struct memory_store *store, enum status status)
{
	store->failing = status;
}

void
memory_store_set_steps(struct memory_store *store, size_t steps_max)
{
	store->steps_max = steps_max;
}

void
memory_store_put(
    struct memory_store *store, struct slice key, struct slice value)
{
	set(store,
	    &(struct entry){.key = key,
		.value = value,
		.sequence = store->sequence++,
		.kind = ENTRY_PUT});
}

struct reply
memory_store_write(struct memory_store *store, struct batch_builder *batch)
{
	struct reply reply;
	struct error err;

	run_batch(store, batch);
	CHECK(reply_decode(buffer_slice(&store->reply), &reply, &err) ==
	    STATUS_OK);
	return reply;
}

static enum status
failing(const struct memory_store *store, struct error *err)
{
	if (store->failing == STATUS_OK)
		return STATUS_OK;
	return error_set(err, store->failing, "made to fail");
}

static struct tcp_entry
shown(const struct memory_store *store, const struct entry *entry)
{
	return (struct tcp_entry){
	    .key = entry->key,
	    .value = entry->value,
	    .sequence = entry->sequence,
	    .ttl_ms = entry->deadline_ms == 0
		? 0
		: entry->deadline_ms - store->now_ms,
	};
}

static enum status
read_get(void *context, struct slice key, struct tcp_entry *out, bool *found,
    struct error *err)
{
	struct memory_store *store = context;
	size_t place = place_of(store, key);

	*found = is_at(store, place, key) &&
	    !entry_is_expired(&store->entries[place], store->now_ms);
	if (*found)
		*out = shown(store, &store->entries[place]);
	return failing(store, err);
}

static enum status
read_scan(void *context, const struct tcp_range *range,
    void (*on_entry)(void *visitor, const struct tcp_entry *entry),
    void *visitor, struct buffer *resume, bool *is_end, struct error *err)
{
	struct memory_store *store = context;
	size_t steps = range->steps_max < store->steps_max ? range->steps_max
							   : store->steps_max;
	size_t entries = 0;
	size_t bytes = 0;

	for (size_t place = place_of(store, range->start);; place++) {
		const struct entry *entry = &store->entries[place];
		struct tcp_entry out;

		*is_end = place == store->count ||
		    (range->end.size > 0 &&
			slice_compare(entry->key, range->end) >= 0);
		if (*is_end)
			break;
		if (steps-- == 0 || entries == range->entries_max ||
		    bytes > range->bytes_max) {
			buffer_append_slice(resume, entry->key);
			break;
		}
		if (entry_is_expired(entry, store->now_ms))
			continue;
		out = shown(store, entry);
		if (range->keys_only)
			out.value = SLICE_EMPTY;
		entries++;
		bytes += out.key.size + out.value.size;
		on_entry(visitor, &out);
	}
	return failing(store, err);
}

static void
count_entry(void *visitor, const struct tcp_entry *entry)
{
	(void)entry;
	++*(uint64_t *)visitor;
}

static enum status
read_count(void *context, const struct tcp_range *range, uint64_t *count,
    struct buffer *resume, bool *is_end, struct error *err)
{
	return read_scan(
	    context, range, count_entry, count, resume, is_end, err);
}

static uint64_t
read_estimate(void *context)
{
	return ((const struct memory_store *)context)->count;
}

struct tcp_store
memory_store_reads(struct memory_store *store)
{
	return (struct tcp_store){
	    .context = store,
	    .get = read_get,
	    .scan = read_scan,
	    .count = read_count,
	    .estimate = read_estimate,
	};
}
