#include "common/lsm/record/merge.h"

#include <endian.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/record/iterator.h"

/*
 * What keys have in common in front is left out of the digests. It is taken
 * so much shorter than it was found, or a few steps later it would be wrong.
 */
#define PREFIX_SLACK 3
#define PREFIX_BYTES_MAX 64
#define DIGEST_BYTES 8

/* A child that stands on an entry. */
struct merge_slot {
	uint64_t digest; /* of the key: the bytes behind the prefix, a number */
	struct iterator *child;
	size_t rank; /* of the child, as it was given */
};

struct merge_iterator {
	struct iterator base;
	struct iterator **children;
	size_t child_count;
	struct merge_slot *heap; /* the least entry on top */
	size_t heap_count;
	/* All keys in the heap begin with the prefix. */
	size_t prefix_size;
	uint8_t prefix[PREFIX_BYTES_MAX];
};

/* Shorter keys are filled up with zeroes, which keeps the order. */
static inline uint64_t
digest_of(struct slice key, size_t prefix_size)
{
	uint64_t digest = 0;

	if (LIKELY(key.size >= prefix_size + DIGEST_BYTES))
		memcpy(&digest, key.data + prefix_size, DIGEST_BYTES);
	else if (key.size > prefix_size)
		memcpy(&digest, key.data + prefix_size, key.size - prefix_size);
	return be64toh(digest);
}

/* Compares words, the last of which may overlap the one before. */
static inline bool
has_prefix(const struct merge_iterator *merge, struct slice key)
{
	size_t size = merge->prefix_size;

	if (key.size < size)
		return false;
	if (size < sizeof(uint64_t))
		return size == 0 || memcmp(key.data, merge->prefix, size) == 0;
	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		size_t at =
		    size - i < sizeof(uint64_t) ? size - sizeof(uint64_t) : i;

		if (memcmp(key.data + at, merge->prefix + at,
			sizeof(uint64_t)) != 0)
			return false;
	}
	return true;
}

/* Finds the prefix of the keys in the heap, and their digests behind it. */
static void
set_prefix(struct merge_iterator *merge)
{
	struct slice first;
	size_t size;

	if (merge->heap_count == 0)
		return;
	first = merge->heap[0].child->entry.key;
	size = first.size < PREFIX_BYTES_MAX ? first.size : PREFIX_BYTES_MAX;
	for (size_t i = 1; i < merge->heap_count; i++) {
		struct slice key = merge->heap[i].child->entry.key;
		size_t same = 0;

		while (same < size && same < key.size &&
		    key.data[same] == first.data[same])
			same++;
		size = same;
	}
	size = size > PREFIX_SLACK ? size - PREFIX_SLACK : 0;
	merge->prefix_size = size;
	if (size > 0)
		memcpy(merge->prefix, first.data, size);
	for (size_t i = 0; i < merge->heap_count; i++)
		merge->heap[i].digest =
		    digest_of(merge->heap[i].child->entry.key, size);
}

static inline bool
same_key(const struct merge_slot *a, const struct merge_slot *b)
{
	return UNLIKELY(a->digest == b->digest) &&
	    slice_equal(a->child->entry.key, b->child->entry.key);
}

/* The same for keys that their digests do not tell apart. */
static bool __attribute__((noinline))
before_in_full(const struct merge_slot *a, const struct merge_slot *b)
{
	const struct entry *x = &a->child->entry;
	const struct entry *y = &b->child->entry;
	int order = slice_compare(x->key, y->key);

	if (order != 0)
		return order < 0;
	if (x->sequence != y->sequence)
		return x->sequence > y->sequence;
	return a->rank < b->rank;
}

/* True if `a` is yielded before `b`: by key, then the newer one first. */
static inline bool
before(const struct merge_slot *a, const struct merge_slot *b)
{
	if (LIKELY(a->digest != b->digest))
		return a->digest < b->digest;
	return before_in_full(a, b);
}

/* Lets the slot at `index` sink to where the heap is in order again. */
static void
sink(struct merge_iterator *merge, size_t index)
{
	struct merge_slot *heap = merge->heap;
	struct merge_slot moving = heap[index];

	for (;;) {
		size_t lesser = 2 * index + 1;

		if (lesser >= merge->heap_count)
			break;
		if (lesser + 1 < merge->heap_count &&
		    before(&heap[lesser + 1], &heap[lesser]))
			lesser++;
		if (!before(&heap[lesser], &moving))
			break;
		heap[index] = heap[lesser];
		index = lesser;
	}
	heap[index] = moving;
}

/* Moves the child at `index` one entry on and restores the heap. */
static enum status
advance(struct merge_iterator *merge, size_t index, struct error *err)
{
	struct merge_slot *slot = &merge->heap[index];

	if (iterator_next(slot->child, err) != STATUS_OK)
		return err->code;
	if (slot->child->valid) {
		struct slice key = slot->child->entry.key;

		slot->digest = digest_of(key, merge->prefix_size);
		if (UNLIKELY(!has_prefix(merge, key)))
			set_prefix(merge);
	} else {
		*slot = merge->heap[--merge->heap_count];
	}
	if (index < merge->heap_count)
		sink(merge, index);
	return STATUS_OK;
}

static void
show_top(struct merge_iterator *merge)
{
	merge->base.valid = merge->heap_count > 0;
	if (merge->base.valid)
		merge->base.entry = merge->heap[0].child->entry;
}

static enum status
merge_seek(struct iterator *it, struct slice key, struct error *err)
{
	struct merge_iterator *merge = (struct merge_iterator *)it;

	it->valid = false;
	merge->heap_count = 0;
	for (size_t i = 0; i < merge->child_count; i++) {
		struct iterator *child = merge->children[i];

		if (iterator_seek(child, key, err) != STATUS_OK)
			return err->code;
		if (child->valid)
			merge->heap[merge->heap_count++] =
			    (struct merge_slot){0, child, i};
	}
	set_prefix(merge);
	for (size_t i = merge->heap_count / 2; i-- > 0;)
		sink(merge, i);
	show_top(merge);
	return STATUS_OK;
}

static enum status
merge_next(struct iterator *it, struct error *err)
{
	struct merge_iterator *merge = (struct merge_iterator *)it;
	struct merge_slot *heap = merge->heap;

	CHECK(it->valid);
	it->valid = false;
	/*
	 * Older versions of the key just yielded stand right below the top.
	 * They go first, while the top still holds the key to compare with:
	 * its bytes may die when its child moves on.
	 */
	for (size_t i = 1; i <= 2 && i < merge->heap_count;) {
		if (!same_key(&heap[0], &heap[i]))
			i++;
		else if (advance(merge, i, err) != STATUS_OK)
			return err->code;
	}
	if (advance(merge, 0, err) != STATUS_OK)
		return err->code;
	show_top(merge);
	return STATUS_OK;
}

static void
merge_close(struct iterator *it)
{
	struct merge_iterator *merge = (struct merge_iterator *)it;

	for (size_t i = 0; i < merge->child_count; i++)
		iterator_close(merge->children[i]);
	mem_free(merge->children);
	mem_free(merge->heap);
	mem_free(merge);
}

struct iterator *
merge_iterator_create(struct iterator *const *children, size_t count)
{
	static const struct iterator_ops ops = {
	    .seek = merge_seek,
	    .next = merge_next,
	    .close = merge_close,
	};
	struct merge_iterator *merge;

	if (count == 1)
		return children[0];
	merge = mem_new(sizeof(*merge));
	merge->base.ops = &ops;
	merge->children = mem_dup(children, count * sizeof(struct iterator *));
	merge->child_count = count;
	merge->heap = mem_new_array(count, sizeof(struct merge_slot));
	return &merge->base;
}
