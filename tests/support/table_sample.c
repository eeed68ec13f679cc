#include "tests/support/table_sample.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"

/* A value that compresses well. */
#define WORD_32 "abababababababababcdcdcdcdcdcdcd"
#define WORD_128 WORD_32 WORD_32 WORD_32 WORD_32

const uint8_t sample_store_id[16] = "a store of tests";

/* Bytes that compress to about half. */
static struct slice
random_bytes(struct arena *arena, struct rng *rng, size_t size)
{
	uint8_t *bytes = arena_new(arena, size + 1);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (i / 8) % 2 == 0 ? (uint8_t)rng_next(rng) : 'x';
	return slice_of(bytes, size);
}

/* Shapes: short and binary, decimal, with a long prefix in common, any. */
static struct slice
random_key(struct arena *arena, struct rng *rng, unsigned shape)
{
	char text[128];
	int size = 0;

	switch (shape) {
	case 0:
		return random_bytes(arena, rng, 1 + rng_below(rng, 3));
	case 1:
		size = snprintf(text, sizeof(text), "%016llu",
		    (unsigned long long)rng_below(rng, 100000));
		break;
	case 2:
		size = snprintf(text, sizeof(text),
		    "tenant/one/of/many/with/a/long/name/%llu/%c",
		    (unsigned long long)rng_below(rng, 5000),
		    "\0abz"[rng_below(rng, 4)]);
		break;
	default:
		return random_bytes(arena, rng,
		    1 + rng_below(rng, rng_below(rng, 50) == 0 ? 65535 : 40));
	}
	return arena_dup(arena, slice_of(text, (size_t)size));
}

static int
compare_entries(const void *a, const void *b)
{
	return slice_compare(
	    ((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static struct entry
random_entry(struct sample *sample, struct rng *rng, unsigned shape,
    size_t value_bytes_max)
{
	struct entry entry = {.kind = ENTRY_PUT};

	entry.key = random_key(&sample->arena, rng, shape);
	entry.sequence = 1 + rng_below(rng, UINT64_C(1) << 40);
	if (rng_below(rng, 6) == 0) {
		entry.kind = ENTRY_TOMBSTONE;
		return entry;
	}
	if (rng_below(rng, 3) == 0)
		entry.deadline_ms = 1 + rng_below(rng, UINT64_MAX - 1);
	if (rng_below(rng, 10) != 0)
		entry.value = random_bytes(&sample->arena, rng,
		    rng_below(
			rng, rng_below(rng, 30) == 0 ? value_bytes_max : 120));
	return entry;
}

void
sample_init_random(struct sample *sample, struct rng *rng, size_t count_max,
    size_t value_bytes_max)
{
	unsigned shape = (unsigned)rng_below(rng, 4);
	size_t count = rng_below(rng, count_max + 1);
	size_t kept = 0;

	*sample = (struct sample){0};
	sample->entries = mem_new_array(count + 1, sizeof(struct entry));
	for (size_t i = 0; i < count; i++)
		sample->entries[i] =
		    random_entry(sample, rng, shape, value_bytes_max);
	qsort(sample->entries, count, sizeof(struct entry), compare_entries);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 ||
		    slice_compare(sample->entries[kept - 1].key,
			sample->entries[i].key) < 0)
			sample->entries[kept++] = sample->entries[i];
	}
	sample->count = kept;
	sample->range_count = rng_below(rng, 3) * rng_below(rng, 6);
	sample->ranges = mem_new_array(
	    sample->range_count + 1, sizeof(struct range_tombstone));
	for (size_t i = 0; i < sample->range_count; i++) {
		struct range_tombstone *range = &sample->ranges[i];

		range->start = random_key(&sample->arena, rng, shape);
		range->end = random_key(&sample->arena, rng, shape);
		if (slice_compare(range->start, range->end) > 0) {
			struct slice start = range->end;

			range->end = range->start;
			range->start = start;
		}
		if (slice_equal(range->start, range->end) ||
		    rng_below(rng, 8) == 0)
			range->end = SLICE_EMPTY;
		if (rng_below(rng, 8) == 0)
			range->start = SLICE_EMPTY;
		range->sequence = 1 + rng_below(rng, UINT64_C(1) << 40);
	}
}

void
sample_init_small(struct sample *sample)
{
	static const char word[] = WORD_128 WORD_128 WORD_128;
	static const struct entry fixed[] = {
	    {{(const uint8_t *)"\0", 1}, {NULL, 0}, 1, 0, ENTRY_PUT},
	    {{(const uint8_t *)"apple", 5}, {(const uint8_t *)"red", 3}, 2, 0,
		ENTRY_PUT},
	    {{(const uint8_t *)"apple/1", 7}, {(const uint8_t *)word, 64}, 900,
		1700000000000, ENTRY_PUT},
	    {{(const uint8_t *)"banana", 6}, {NULL, 0}, 17, 0, ENTRY_TOMBSTONE},
	    {{(const uint8_t *)"cherry", 6}, {(const uint8_t *)word, 384}, 5, 1,
		ENTRY_PUT},
	    {{(const uint8_t *)word, 64}, {(const uint8_t *)word, 200}, 8, 0,
		ENTRY_PUT},
	    {{(const uint8_t *)"\xff\xfe", 2}, {(const uint8_t *)"\0\1", 2},
		1234567890123, 0, ENTRY_PUT},
	};
	static const struct range_tombstone ranges[] = {
	    {{(const uint8_t *)"b", 1}, {(const uint8_t *)"c", 1}, 21},
	    {{(const uint8_t *)"bb", 2}, {(const uint8_t *)"zz", 2}, 4},
	};

	*sample = (struct sample){0};
	sample->entries = mem_dup(fixed, sizeof(fixed));
	sample->count = sizeof(fixed) / sizeof(fixed[0]);
	qsort(sample->entries, sample->count, sizeof(struct entry),
	    compare_entries);
	sample->ranges = mem_dup(ranges, sizeof(ranges));
	sample->range_count = 2;
}

void
sample_deinit(struct sample *sample)
{
	arena_deinit(&sample->arena);
	mem_free(sample->entries);
	mem_free(sample->ranges);
}

struct table_options
sample_options(enum compression compression, size_t block_bytes)
{
	return (struct table_options){
	    SAMPLE_NUMBER, sample_store_id, compression, block_bytes, 0};
}

enum status
sample_build(const struct sample *sample, struct file_system *fs,
    const char *path, const struct table_options *options,
    struct table_summary *summary, struct error *err)
{
	struct table_builder *builder;

	if (table_builder_create(fs, path, options, &builder, err) != STATUS_OK)
		return err->code;
	for (size_t i = 0; i < sample->count; i++) {
		if (table_builder_add(builder, &sample->entries[i], err) !=
		    STATUS_OK)
			goto fail;
	}
	for (size_t i = 0; i < sample->range_count; i++) {
		if (table_builder_add_range(builder, &sample->ranges[i], err) !=
		    STATUS_OK)
			goto fail;
	}
	if (table_builder_finish(builder, summary, err) != STATUS_OK)
		goto fail;
	table_builder_close(builder);
	return STATUS_OK;
fail:
	table_builder_close(builder);
	return err->code;
}

size_t
sample_find(const struct sample *sample, struct slice key)
{
	size_t low = 0;
	size_t high = sample->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (slice_compare(sample->entries[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t
sample_cover(const struct sample *sample, struct slice key)
{
	uint64_t sequence = 0;

	for (size_t i = 0; i < sample->range_count; i++) {
		const struct range_tombstone *range = &sample->ranges[i];

		if (range_tombstone_holds(range, key) &&
		    range->sequence > sequence)
			sequence = range->sequence;
	}
	return sequence;
}

bool
sample_entry_equal(const struct entry *a, const struct entry *b)
{
	return slice_equal(a->key, b->key) && slice_equal(a->value, b->value) &&
	    a->sequence == b->sequence && a->deadline_ms == b->deadline_ms &&
	    a->kind == b->kind;
}
