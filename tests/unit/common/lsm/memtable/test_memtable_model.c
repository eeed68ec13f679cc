/*
 * A memtable beside the plain list of all that was added to it. Keys come
 * from a small set with long common prefixes, keys that are prefixes of
 * others, and zero bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/codec/checksum.h"
#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/memtable/memtable_writer.h"
#include "common/lsm/record/iterator.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

struct model {
	struct scratch scratch;
	struct rng rng;
	struct memtable_writer *writer;
	struct memtable_reader *reader; /* by the file */
	struct slice *keys; /* the set, sorted */
	size_t key_count;
	struct model_version *versions; /* in the order added */
	size_t version_count;
	size_t version_capacity;
	uint64_t sequence; /* the last one used */
};

struct model_version {
	size_t key;
	struct entry entry;
};

static const uint8_t model_store_id[16] = "0123456789abcdef";

static int
compare_keys(const void *a, const void *b)
{
	return slice_compare(
	    *(const struct slice *)a, *(const struct slice *)b);
}

static struct slice
random_key(struct model *model)
{
	static const char *const prefixes[] = {"", "user:0000000000", "a", "\0",
	    "a long name of a tenant/collection/", "\xff\xff"};
	const char *prefix = prefixes[rng_below(&model->rng, 6)];
	uint8_t bytes[80] = {0};
	size_t size = strlen(prefix);
	size_t more = 1 + rng_below(&model->rng, 12);

	memcpy(bytes, prefix, size);
	for (size_t i = 0; i < more; i++)
		bytes[size++] = (uint8_t)(rng_below(&model->rng, 3) == 0
			? rng_below(&model->rng, 256)
			: rng_below(&model->rng, 3));
	return slice_of(mem_dup(bytes, size), size);
}

static void
model_init(
    struct model *model, uint64_t seed, size_t capacity_bytes, size_t key_count)
{
	struct memtable_options options = {
	    7, model_store_id, 3, 1, capacity_bytes};
	struct error err;

	*model = (struct model){.rng = rng_seeded(seed)};
	scratch_init(&model->scratch);
	ASSERT_OK(memtable_writer_create(file_system_real(),
		      scratch_path(&model->scratch, "m"), &options,
		      &model->writer, &err),
	    &err);
	ASSERT_OK(memtable_reader_open(scratch_path(&model->scratch, "m"), 7,
		      model_store_id, &model->reader, &err),
	    &err);
	model->keys = mem_new_array(key_count, sizeof(model->keys[0]));
	for (size_t i = 0; i < key_count; i++)
		model->keys[i] = random_key(model);
	qsort(model->keys, key_count, sizeof(model->keys[0]), compare_keys);
	for (size_t i = 0; i < key_count; i++) {
		size_t last = model->key_count;

		if (last > 0 &&
		    slice_equal(model->keys[last - 1], model->keys[i]))
			mem_free((void *)(uintptr_t)model->keys[i].data);
		else
			model->keys[model->key_count++] = model->keys[i];
	}
}

static struct slice
random_value(struct model *model)
{
	static const size_t sizes[] = {1, 16, 200, 4000};
	size_t size = rng_below(&model->rng, sizes[rng_below(&model->rng, 4)]);
	uint8_t *bytes = mem_new(size + 1);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)rng_next(&model->rng);
	return slice_of(bytes, size);
}

static bool
model_add(struct model *model)
{
	struct model_version version = {
	    .key = rng_below(&model->rng, model->key_count)};
	struct entry *entry = &version.entry;

	entry->key = model->keys[version.key];
	entry->kind = ENTRY_PUT;
	if (rng_below(&model->rng, 5) == 0) {
		entry->kind = ENTRY_TOMBSTONE;
		entry->value = slice_of(mem_new(1), 0);
	} else {
		entry->value = random_value(model);
	}
	if (rng_below(&model->rng, 3) == 0)
		entry->deadline_ms = 1 + rng_next(&model->rng) / 2;
	entry->sequence = model->sequence + 1 + rng_below(&model->rng, 3);
	if (!memtable_writer_fits(
		model->writer, 1, entry->key.size + entry->value.size, 0)) {
		mem_free((void *)(uintptr_t)entry->value.data);
		return false;
	}
	model->sequence = entry->sequence;
	memtable_writer_add(model->writer, entry, hash64(entry->key));
	if (model->version_count == model->version_capacity) {
		model->version_capacity = 2 * model->version_capacity + 64;
		model->versions = mem_resize(model->versions,
		    model->version_capacity * sizeof(model->versions[0]));
	}
	model->versions[model->version_count++] = version;
	return true;
}

static void
assert_same(const struct entry *a, const struct entry *b)
{
	CU_ASSERT_TRUE_FATAL(slice_equal(a->key, b->key));
	CU_ASSERT_TRUE_FATAL(slice_equal(a->value, b->value));
	CU_ASSERT_EQUAL_FATAL(a->sequence, b->sequence);
	CU_ASSERT_EQUAL_FATAL(a->deadline_ms, b->deadline_ms);
	CU_ASSERT_EQUAL_FATAL(a->kind, b->kind);
}

/* Asserts that `it` stands on the first key from `index` on that is there. */
static size_t
assert_stands_at(const struct model *model, struct iterator *it,
    const struct entry *const *newest, size_t index)
{
	while (index < model->key_count && newest[index] == NULL)
		index++;
	CU_ASSERT_EQUAL_FATAL(it->valid, index < model->key_count);
	if (it->valid)
		assert_same(&it->entry, newest[index]);
	return index;
}

static void
compare_iteration(struct model *model, uint64_t sequence_max,
    const struct entry *const *newest)
{
	struct iterator *it =
	    memtable_iterator_create(model->reader, sequence_max);
	struct error err;
	size_t index = 0;

	ASSERT_OK(iterator_seek(it, SLICE_EMPTY, &err), &err);
	while ((index = assert_stands_at(model, it, newest, index)) <
	    model->key_count) {
		ASSERT_OK(iterator_next(it, &err), &err);
		index++;
	}
	for (int i = 0; i < 20; i++) {
		struct slice sought = random_key(model);

		ASSERT_OK(iterator_seek(it, sought, &err), &err);
		for (index = 0; index < model->key_count &&
		     slice_compare(model->keys[index], sought) < 0;)
			index++;
		for (int steps = 0; steps < 10; steps++) {
			index = assert_stands_at(model, it, newest, index);
			if (index == model->key_count)
				break;
			ASSERT_OK(iterator_next(it, &err), &err);
			index++;
		}
		mem_free((void *)(uintptr_t)sought.data);
	}
	iterator_close(it);
}

static void
model_compare(struct model *model, uint64_t sequence_max)
{
	const struct entry **newest =
	    mem_new_array(model->key_count, sizeof(*newest));
	struct entry entry;
	enum lookup found;
	struct error err;

	for (size_t i = 0; i < model->version_count; i++) {
		const struct model_version *version = &model->versions[i];

		if (version->entry.sequence <= sequence_max)
			newest[version->key] = &version->entry;
	}
	for (size_t i = 0; i < model->key_count; i++) {
		struct memtable_query query = {
		    model->keys[i], hash64(model->keys[i]), sequence_max};

		ASSERT_OK(memtable_reader_get(
			      model->reader, &query, &entry, &found, &err),
		    &err);
		CU_ASSERT_EQUAL_FATAL(found == LOOKUP_FOUND, newest[i] != NULL);
		if (newest[i] != NULL)
			assert_same(&entry, newest[i]);
	}
	compare_iteration(model, sequence_max, newest);
	mem_free(newest);
}

static void
model_deinit(struct model *model)
{
	memtable_reader_close(model->reader);
	memtable_writer_close(model->writer);
	for (size_t i = 0; i < model->key_count; i++)
		mem_free((void *)(uintptr_t)model->keys[i].data);
	for (size_t i = 0; i < model->version_count; i++)
		mem_free(
		    (void *)(uintptr_t)model->versions[i].entry.value.data);
	mem_free(model->keys);
	mem_free(model->versions);
	scratch_deinit(&model->scratch);
}

static void
random_entries_read_as_the_sorted_model_at_any_sequence(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (size_t round = 0; round < 12; round++) {
		static const size_t key_counts[] = {1, 20, 500, 6000};
		struct model model;
		size_t entries = rng_below(&rng, 1 + round * 800);

		model_init(
		    &model, rng_next(&rng), 8u << 20, key_counts[round % 4]);
		model_compare(&model, UINT64_MAX);
		for (size_t i = 0; i < entries; i++) {
			if (!model_add(&model))
				break;
			if (rng_below(&rng, 600) == 0)
				model_compare(&model,
				    rng_below(&rng, model.sequence + 1));
		}
		model_compare(&model, UINT64_MAX);
		model_compare(&model, model.sequence);
		model_compare(&model, 0);
		CU_ASSERT_EQUAL(
		    memtable_writer_stats(model.writer)->version_count,
		    model.version_count);
		model_deinit(&model);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(random_entries_read_as_the_sorted_model_at_any_sequence),
	};

	return suite_run(
	    "memtable_model", cases, SUITE_COUNT(cases), argc, argv);
}
