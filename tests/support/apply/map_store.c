#include "tests/support/apply/map_store.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"

struct map_record {
	struct buffer key;
	struct buffer value;
	uint64_t sequence;
	uint64_t deadline_ms;
};

static void
drop_record(struct map_store *map, size_t at)
{
	buffer_deinit(&map->records[at].key);
	buffer_deinit(&map->records[at].value);
	map->records[at] = map->records[--map->record_count];
}

static struct map_record *
find_record(struct map_store *map, struct slice key)
{
	for (size_t i = 0; i < map->record_count; i++) {
		if (slice_equal(buffer_slice(&map->records[i].key), key))
			return &map->records[i];
	}
	return NULL;
}

static struct map_record *
add_record(struct map_store *map, struct slice key)
{
	struct map_record *record = find_record(map, key);

	if (record != NULL)
		return record;
	if (map->record_count == map->record_capacity) {
		map->record_capacity = 2 * map->record_capacity + 16;
		map->records = mem_resize(
		    map->records, map->record_capacity * sizeof(*map->records));
	}
	record = &map->records[map->record_count++];
	*record = (struct map_record){0};
	buffer_append_slice(&record->key, key);
	return record;
}

static bool
fails(struct map_store *map)
{
	return map->fail_in > 0 && --map->fail_in == 0;
}

bool
map_store_find(
    struct map_store *map, struct slice key, uint64_t now_ms, struct entry *out)
{
	struct map_record *record = find_record(map, key);

	if (record == NULL)
		return false;
	*out = (struct entry){
	    .key = buffer_slice(&record->key),
	    .value = buffer_slice(&record->value),
	    .sequence = record->sequence,
	    .deadline_ms = record->deadline_ms,
	    .kind = ENTRY_PUT,
	};
	return !entry_is_expired(out, now_ms);
}

static enum status
on_get(void *context, const struct apply_key *key, struct entry *out,
    bool *found, struct error *err)
{
	struct map_store *map = context;

	CHECK(key->hash == hash64(key->key));
	map->get_count++;
	mem_free(map->lent);
	map->lent = NULL;
	if (fails(map))
		return error_set(err, STATUS_IO, "a read that fails");
	*found = map_store_find(map, key->key, key->now_ms, out);
	if (*found) {
		map->lent = mem_dup(out->value.data, out->value.size);
		out->value.data = map->lent;
	}
	return STATUS_OK;
}

static enum status
on_reserve(void *context, const struct apply_need *need, struct error *err)
{
	struct map_store *map = context;

	map->reserve_count++;
	if (fails(map))
		return error_set(err, STATUS_NO_SPACE, "no room");
	map->reserved = *need;
	return STATUS_OK;
}

static void
on_put(void *context, const struct entry *entry, uint64_t hash)
{
	struct map_store *map = context;
	size_t bytes = entry->key.size + entry->value.size;
	struct map_record *record;

	CHECK(hash == hash64(entry->key));
	CHECK(entry->sequence > map->last_sequence);
	CHECK(map->reserved.entries > 0);
	CHECK(map->reserved.bytes >= bytes);
	map->reserved.entries--;
	map->reserved.bytes -= bytes;
	map->last_sequence = entry->sequence;
	record = add_record(map, entry->key);
	if (entry->kind == ENTRY_TOMBSTONE) {
		CHECK(entry->value.size == 0);
		CHECK(entry->deadline_ms == 0);
		drop_record(map, (size_t)(record - map->records));
		return;
	}
	buffer_clear(&record->value, SIZE_MAX);
	buffer_append_slice(&record->value, entry->value);
	record->sequence = entry->sequence;
	record->deadline_ms = entry->deadline_ms;
}

static void
on_delete_range(void *context, const struct range_tombstone *range)
{
	struct map_store *map = context;

	CHECK(range->sequence > map->last_sequence);
	CHECK(map->reserved.ranges > 0);
	map->reserved.ranges--;
	map->last_sequence = range->sequence;
	for (size_t i = map->record_count; i > 0; i--) {
		if (range_tombstone_holds(
			range, buffer_slice(&map->records[i - 1].key)))
			drop_record(map, i - 1);
	}
}

void
map_store_init(struct map_store *map)
{
	*map = (struct map_store){
	    .store = {.context = map,
		.get = on_get,
		.reserve = on_reserve,
		.put = on_put,
		.delete_range = on_delete_range},
	};
}

void
map_store_deinit(struct map_store *map)
{
	while (map->record_count > 0)
		drop_record(map, 0);
	mem_free(map->records);
	mem_free(map->lent);
}

void
map_store_purge(struct map_store *map, uint64_t now_ms)
{
	for (size_t i = map->record_count; i > 0; i--) {
		uint64_t deadline_ms = map->records[i - 1].deadline_ms;

		if (deadline_ms != 0 && deadline_ms <= now_ms)
			drop_record(map, i - 1);
	}
}

static int
compare_records(const void *a, const void *b)
{
	return slice_compare(buffer_slice(&((const struct map_record *)a)->key),
	    buffer_slice(&((const struct map_record *)b)->key));
}

void
map_store_dump(struct map_store *map, uint64_t now_ms, struct buffer *out)
{
	map_store_purge(map, now_ms);
	if (map->record_count > 0)
		qsort(map->records, map->record_count, sizeof(*map->records),
		    compare_records);
	for (size_t i = 0; i < map->record_count; i++) {
		const struct map_record *record = &map->records[i];
		uint64_t numbers[] = {buffer_size(&record->key),
		    buffer_size(&record->value), record->sequence,
		    record->deadline_ms};

		buffer_append(out, numbers, sizeof(numbers));
		buffer_append_slice(out, buffer_slice(&record->key));
		buffer_append_slice(out, buffer_slice(&record->value));
	}
}
