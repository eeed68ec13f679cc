#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/key_digest.h"
#include "common/lsm/record/merge.h"
#include "tests/support/suite.h"

#define CHILDREN_MAX 9
#define KEYS_MAX 200
#define TAKE_MAX 20

/* An iterator over numbers as keys, whose bytes die with each step. */
struct child {
	struct iterator base;
	const uint64_t *sequences; /* by key; 0: the child has not this key */
	size_t key_count;
	size_t at;
	/* A fresh piece of memory for each entry that is still shown. */
	uint8_t *keys[TAKE_MAX];
	size_t shown;
	long steps_left; /* until a call fails; negative: none does */
	bool *is_closed;
};

/*
 * Keys of different lengths, some a prefix of others, in numeric order. They
 * stand in groups: much is common to one group, little to two of them.
 */
static struct slice
key_of(size_t number, uint8_t bytes[16])
{
	size_t size = (size_t)snprintf((char *)bytes, 16, "k%08zu%s",
	    number / 2 % 20 + number / 40 * 10000000,
	    number % 2 == 0 ? "" : "x");

	return slice_of(bytes, size);
}

static void
child_forget(struct child *child)
{
	while (child->shown > 0)
		mem_free(child->keys[--child->shown]);
}

/* Shows one more entry; what was shown before stays. */
static enum status
child_show(struct child *child, struct error *err)
{
	uint8_t bytes[16];
	struct slice key;

	child->base.valid = false;
	if (child->steps_left == 0)
		return error_set(err, STATUS_IO, "the child fails");
	child->steps_left--;
	while (child->at < child->key_count && child->sequences[child->at] == 0)
		child->at++;
	if (child->at == child->key_count)
		return STATUS_OK;
	key = key_of(child->at, bytes);
	child->keys[child->shown] = mem_dup(key.data, key.size);
	child->base.entry =
	    (struct entry){.key = slice_of(child->keys[child->shown], key.size),
		.sequence = child->sequences[child->at],
		.kind = child->at % 3 == 0 ? ENTRY_TOMBSTONE : ENTRY_PUT};
	child->shown++;
	child->base.valid = true;
	return STATUS_OK;
}

static enum status
child_seek(struct iterator *it, struct slice key, struct error *err)
{
	struct child *child = (struct child *)it;
	uint8_t bytes[16];

	child_forget(child);
	child->at = 0;
	while (child->at < child->key_count &&
	    slice_compare(key_of(child->at, bytes), key) < 0)
		child->at++;
	return child_show(child, err);
}

/* Goes on up to the end of a "block" of seven numbers. */
static enum status
child_take(struct iterator *it, struct entry *out, size_t count_max,
    size_t *count, struct error *err)
{
	struct child *child = (struct child *)it;

	child_forget(child);
	do {
		child->at += child->at < child->key_count ? 1 : 0;
		if (child_show(child, err) != STATUS_OK)
			return err->code;
		if (it->valid)
			out[(*count)++] = it->entry;
	} while (it->valid && *count < count_max && child->at % 7 != 6 &&
	    child->shown < TAKE_MAX && child->steps_left != 0);
	/* The end is told by a call that shows nothing. */
	it->valid = it->valid || *count > 0;
	return STATUS_OK;
}

static enum status
child_next(struct iterator *it, struct error *err)
{
	struct child *child = (struct child *)it;

	child_forget(child);
	child->at++;
	return child_show(child, err);
}

static void
child_close(struct iterator *it)
{
	struct child *child = (struct child *)it;

	*child->is_closed = true;
	child_forget(child);
	mem_free(child);
}

static struct iterator *
child_create(const uint64_t *sequences, size_t key_count, bool *is_closed)
{
	static const struct iterator_ops one_by_one = {
	    child_seek, child_next, child_close, NULL, NULL};
	static const struct iterator_ops several = {
	    child_seek, child_next, child_close, NULL, child_take};
	struct child *child = mem_new(sizeof(*child));

	child->base.ops = (uintptr_t)is_closed / sizeof(*is_closed) % 2 == 0
	    ? &one_by_one
	    : &several;
	child->sequences = sequences;
	child->key_count = key_count;
	child->steps_left = -1;
	child->is_closed = is_closed;
	*is_closed = false;
	return &child->base;
}

/* What `count` children hold: sequences[child][key]. */
struct case_data {
	uint64_t sequences[CHILDREN_MAX][KEYS_MAX];
	bool is_closed[CHILDREN_MAX];
	size_t count;
	size_t key_count;
};

static struct iterator *
random_case(struct rng *rng, struct case_data *data)
{
	struct iterator *children[CHILDREN_MAX];
	uint64_t density = 1 + rng_below(rng, 6);

	data->count = rng_below(rng, CHILDREN_MAX + 1);
	data->key_count = rng_below(rng, KEYS_MAX + 1);
	for (size_t i = 0; i < data->count; i++) {
		for (size_t key = 0; key < data->key_count; key++)
			data->sequences[i][key] = rng_below(rng, density) == 0
			    ? 1 + rng_below(rng, 1000)
			    : 0;
		children[i] = child_create(
		    data->sequences[i], data->key_count, &data->is_closed[i]);
	}
	return merge_iterator_create(children, data->count);
}

static uint64_t
newest(const struct case_data *data, size_t key)
{
	uint64_t greatest = 0;

	for (size_t i = 0; i < data->count; i++) {
		if (data->sequences[i][key] > greatest)
			greatest = data->sequences[i][key];
	}
	return greatest;
}

/* Asserts that `it` yields all that is there from key `at` on. */
static void
assert_yields_from(const struct case_data *data, struct iterator *it, size_t at)
{
	uint8_t bytes[16];
	struct error err;

	for (; at < data->key_count; at++) {
		if (newest(data, at) == 0)
			continue;
		CU_ASSERT_TRUE_FATAL(it->valid);
		CU_ASSERT_TRUE_FATAL(
		    slice_equal(it->entry.key, key_of(at, bytes)));
		CU_ASSERT_EQUAL_FATAL(it->entry.sequence, newest(data, at));
		ASSERT_OK(iterator_next(it, &err), &err);
	}
	CU_ASSERT_FALSE_FATAL(it->valid);
}

/* The same, by as many entries at a time as the merge gives. */
static void
assert_gives_from(const struct case_data *data, struct iterator *it, size_t at,
    struct rng *rng)
{
	struct entry taken[TAKE_MAX];
	size_t count = 0;
	size_t used = 0;
	uint8_t bytes[16];
	struct error err;

	if (it->valid)
		taken[count++] = it->entry;
	for (; at < data->key_count; at++) {
		if (newest(data, at) == 0)
			continue;
		if (used == count) {
			used = 0;
			ASSERT_OK(
			    iterator_take(it, taken,
				1 + rng_below(rng, TAKE_MAX), &count, &err),
			    &err);
		}
		CU_ASSERT_TRUE_FATAL(used < count);
		CU_ASSERT_TRUE_FATAL(
		    slice_equal(taken[used].key, key_of(at, bytes)));
		CU_ASSERT_EQUAL_FATAL(taken[used].sequence, newest(data, at));
		used++;
	}
	CU_ASSERT_EQUAL_FATAL(used, count);
	if (it->valid) {
		ASSERT_OK(
		    iterator_take(it, taken, TAKE_MAX, &count, &err), &err);
		CU_ASSERT_EQUAL_FATAL(count, 0);
	}
}

static void
random_children_merge_as_the_sorted_array(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct case_data *data = mem_new(sizeof(*data));
	struct error err;

	for (int round = 0; round < 300; round++) {
		struct iterator *it = random_case(&rng, data);

		ASSERT_OK(iterator_seek(it, SLICE_EMPTY, &err), &err);
		assert_yields_from(data, it, 0);
		for (int i = 0; i < 4; i++) {
			size_t at = rng_below(&rng, KEYS_MAX + 1);
			uint8_t bytes[16];

			ASSERT_OK(
			    iterator_seek(it, key_of(at, bytes), &err), &err);
			if (i % 2 == 0)
				assert_yields_from(data, it, at);
			else
				assert_gives_from(data, it, at, &rng);
		}
		iterator_close(it);
		for (size_t i = 0; i < data->count; i++)
			CU_ASSERT_TRUE(data->is_closed[i]);
	}
	mem_free(data);
}

static void
failing_child_fails_the_merge_which_can_be_sought_again(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct case_data *data = mem_new(sizeof(*data));
	struct error err;

	for (int round = 0; round < 300; round++) {
		struct iterator *children[2];
		struct iterator *it;
		enum status status;

		data->count = 2;
		data->key_count = 50;
		for (size_t i = 0; i < 2; i++) {
			for (size_t key = 0; key < 50; key++)
				data->sequences[i][key] = rng_below(&rng, 9);
			children[i] = child_create(
			    data->sequences[i], 50, &data->is_closed[i]);
		}
		((struct child *)children[round % 2])->steps_left =
		    (long)rng_below(&rng, 30);
		it = merge_iterator_create(children, 2);
		status = iterator_seek(it, SLICE_EMPTY, &err);
		while (status == STATUS_OK && it->valid)
			status = iterator_next(it, &err);
		CU_ASSERT_EQUAL_FATAL(status, STATUS_IO);
		CU_ASSERT_FALSE_FATAL(it->valid);
		CU_ASSERT_STRING_EQUAL(err.text, "the child fails");
		((struct child *)children[round % 2])->steps_left = -1;
		ASSERT_OK(iterator_seek(it, SLICE_EMPTY, &err), &err);
		assert_yields_from(data, it, 0);
		iterator_close(it);
	}
	mem_free(data);
}

static void
of_equal_sequences_the_first_child_is_yielded(void)
{
	static const uint64_t sequences[1] = {5};
	bool is_closed[3];
	struct iterator *children[3];
	struct iterator *it;
	struct error err;

	for (size_t i = 0; i < 3; i++)
		children[i] = child_create(sequences, 1, &is_closed[i]);
	it = merge_iterator_create(children, 3);
	ASSERT_OK(iterator_seek(it, SLICE_EMPTY, &err), &err);
	CU_ASSERT_TRUE_FATAL(it->valid);
	CU_ASSERT_PTR_EQUAL(it->entry.key.data, children[0]->entry.key.data);
	ASSERT_OK(iterator_next(it, &err), &err);
	CU_ASSERT_FALSE(it->valid);
	iterator_close(it);
}

static void
digests_are_the_bytes_behind_the_prefix(void)
{
	static const uint8_t bytes[20] = {0xff, 1, 2, 0x80, 4, 5, 6, 7, 8, 0,
	    10, 11, 12, 0xfe, 14, 15, 16, 17, 18, 19};

	for (size_t size = 0; size <= sizeof(bytes); size++) {
		/* Its own memory, so that reading past either end is seen. */
		uint8_t *key = mem_resize(NULL, size + 1);

		memcpy(key + 1, bytes, size);
		key[0] = 0xaa;
		for (size_t prefix = 0; prefix <= size + 2; prefix++) {
			uint64_t digest = 0;

			for (size_t i = prefix; i < prefix + 8; i++)
				digest =
				    digest << 8 | (i < size ? bytes[i] : 0);
			CU_ASSERT_EQUAL(
			    key_digest(slice_of(key + 1, size), prefix),
			    digest);
		}
		mem_free(key);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(random_children_merge_as_the_sorted_array),
	    SUITE_CASE(failing_child_fails_the_merge_which_can_be_sought_again),
	    SUITE_CASE(of_equal_sequences_the_first_child_is_yielded),
	    SUITE_CASE(digests_are_the_bytes_behind_the_prefix),
	};

	return suite_run("merge", cases, SUITE_COUNT(cases), argc, argv);
}
