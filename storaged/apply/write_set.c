#include "storaged/apply/write_set.h"

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/command/limits.h"
#include "storaged/apply/apply.h"

/* Writes for which the memory is kept when the set is emptied. */
#define KEEP_WRITES_MAX 16384u
#define WRITES_MIN 64u

#define NO_WRITE UINT32_MAX

struct write {
	struct entry entry; /* of a range: start, end and sequence */
	uint64_t hash;
	uint32_t previous; /* the one before it in its bucket */
	bool is_range;
};

struct write_set {
	struct write *writes;
	uint32_t *buckets; /* the newest write of each; twice as many */
	size_t capacity; /* of writes; a power of two */
	size_t bucket_mask;
	size_t count;
	uint32_t ranges[BATCH_RANGES_MAX]; /* which of the writes are */
	size_t range_count;
	struct arena copies;
};

struct write_set *
write_set_create(void)
{
	return mem_new(sizeof(struct write_set));
}

static void
free_writes(struct write_set *set)
{
	mem_free(set->writes);
	mem_free(set->buckets);
	set->writes = NULL;
	set->buckets = NULL;
	set->capacity = 0;
}

void
write_set_close(struct write_set *set)
{
	if (set == NULL)
		return;
	free_writes(set);
	arena_deinit(&set->copies);
	mem_free(set);
}

void
write_set_reset(struct write_set *set, size_t write_count_max)
{
	size_t capacity = WRITES_MIN;

	arena_deinit(&set->copies);
	set->count = 0;
	set->range_count = 0;
	if (set->capacity > KEEP_WRITES_MAX)
		free_writes(set);
	if (write_count_max == 0)
		return;
	while (capacity < write_count_max)
		capacity *= 2;
	if (capacity > set->capacity) {
		free_writes(set);
		set->writes = mem_resize(NULL, capacity * sizeof(*set->writes));
		set->buckets =
		    mem_resize(NULL, 2 * capacity * sizeof(*set->buckets));
		set->capacity = capacity;
	}
	/* Only as many buckets as this batch needs have to be cleared. */
	set->bucket_mask = 2 * capacity - 1;
	memset(set->buckets, 0xff, 2 * capacity * sizeof(*set->buckets));
}

static uint32_t *
bucket_of(const struct write_set *set, uint64_t hash)
{
	return &set->buckets[hash & set->bucket_mask];
}

void
write_set_add(struct write_set *set, const struct entry *entry, uint64_t hash)
{
	uint32_t *bucket = bucket_of(set, hash);

	CHECK(set->count < set->capacity);
	set->writes[set->count] = (struct write){
	    .entry = *entry,
	    .hash = hash,
	    .previous = *bucket,
	};
	*bucket = (uint32_t)set->count++;
}

void
write_set_add_range(struct write_set *set, const struct range_tombstone *range)
{
	CHECK(set->count < set->capacity);
	CHECK(set->range_count < BATCH_RANGES_MAX);
	set->ranges[set->range_count++] = (uint32_t)set->count;
	set->writes[set->count++] = (struct write){
	    .entry = {.key = range->start,
		.value = range->end,
		.sequence = range->sequence},
	    .is_range = true,
	};
}

static struct range_tombstone
range_of(const struct write *write)
{
	return (struct range_tombstone){
	    .start = write->entry.key,
	    .end = write->entry.value,
	    .sequence = write->entry.sequence,
	};
}

struct slice
write_set_dup(struct write_set *set, struct slice bytes)
{
	return arena_dup(&set->copies, bytes);
}

/* The newest range over `key`; its sequence, or 0 if there is none. */
static uint64_t
cover(const struct write_set *set, struct slice key)
{
	for (size_t i = set->range_count; i > 0; i--) {
		struct range_tombstone range =
		    range_of(&set->writes[set->ranges[i - 1]]);

		if (range_tombstone_holds(&range, key))
			return range.sequence;
	}
	return 0;
}

enum lookup
write_set_find(const struct write_set *set, struct slice key, uint64_t hash,
    struct entry *out)
{
	uint64_t covered = cover(set, key);
	uint32_t at = *bucket_of(set, hash);

	while (at != NO_WRITE &&
	    (set->writes[at].hash != hash ||
		!slice_equal(set->writes[at].entry.key, key)))
		at = set->writes[at].previous;
	if (at != NO_WRITE && set->writes[at].entry.sequence > covered) {
		*out = set->writes[at].entry;
		return LOOKUP_FOUND;
	}
	if (covered == 0)
		return LOOKUP_ABSENT;
	*out = (struct entry){
	    .key = key, .sequence = covered, .kind = ENTRY_TOMBSTONE};
	return LOOKUP_FOUND;
}

size_t
write_set_size(const struct write_set *set)
{
	return set->count;
}

void
write_set_undo(struct write_set *set, size_t size)
{
	CHECK(size <= set->count);
	while (set->count > size) {
		const struct write *write = &set->writes[--set->count];

		if (write->is_range)
			set->range_count--;
		else
			*bucket_of(set, write->hash) = write->previous;
	}
}

struct apply_need
write_set_need(const struct write_set *set)
{
	struct apply_need need = {
	    .entries = set->count - set->range_count,
	    .ranges = set->range_count,
	};

	for (size_t i = 0; i < set->count; i++) {
		const struct write *write = &set->writes[i];

		if (!write->is_range)
			need.bytes +=
			    write->entry.key.size + write->entry.value.size;
	}
	return need;
}

void
write_set_emit(const struct write_set *set, const struct apply_store *store)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct write *write = &set->writes[i];

		if (write->is_range) {
			struct range_tombstone range = range_of(write);

			store->delete_range(store->context, &range);
		} else {
			store->put(store->context, &write->entry, write->hash);
		}
	}
}
