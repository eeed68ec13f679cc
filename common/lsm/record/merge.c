#include "common/lsm/record/merge.h"

#include <stdint.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/key_digest.h"

/*
 * What keys have in common in front is left out of the digests. It is taken
 * so much shorter than it was found, or a few steps later it would be wrong.
 */
#define PREFIX_SLACK 3
#define PREFIX_BYTES_MAX 64
#define SLOT_NONE UINT32_MAX
#define TIED_KEY_KEEP_BYTES 4096

/*
 * As many entries are taken from a child at a time; fewer at first, since
 * most walks are short.
 */
#define TAKE_MAX 16
#define TAKE_FIRST 4

/* A child that stood on an entry when the merge was sought. */
struct merge_slot {
	struct iterator *child;
	size_t rank; /* of the child, as it was given */
	bool is_tied; /* another child was met that stands on the same key */
	/* What was taken from the child; it stands on the entry `at`. */
	size_t at;
	size_t count; /* 0: it came to its end */
	size_t take; /* so many are taken next */
	uint64_t digests[TAKE_MAX]; /* of the keys */
	struct entry entries[TAKE_MAX];
};

/*
 * A tree of losers: the leaf of slot i is node slot_count + i, the parent of
 * node n is n / 2. In each inner node stands who lost the comparison there;
 * who lost none stands in node 0. When that one has moved on, it is compared
 * with the losers on its way up, and there are no others to look at. Who wins
 * a comparison nobody can foretell, so the steps take no branches.
 *
 * Children that came to their end stay, behind all others.
 */
struct merge_iterator {
	struct iterator base;
	struct iterator **children;
	size_t child_count;
	struct merge_slot *slots;
	size_t slot_count;
	/* As many nodes: who stands there, and the digest of its key. */
	uint64_t *digests;
	uint32_t *nodes;
	struct buffer last_key; /* where others stand on it too */
	/* All keys that were taken begin with the prefix. */
	size_t prefix_size;
	uint8_t prefix[PREFIX_BYTES_MAX];
};

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

/* Cuts `size` down to what `key` has in common with `first`. */
static size_t
common_size(struct slice first, size_t size, struct slice key)
{
	size_t same = 0;

	while (same < size && same < key.size &&
	    key.data[same] == first.data[same])
		same++;
	return same;
}

/*
 * Finds the prefix of the keys in the slots. They ascend in each: what the
 * ends have in common, all have.
 */
static void
find_prefix(struct merge_iterator *merge)
{
	struct slice first = SLICE_EMPTY;
	size_t size = SIZE_MAX;

	for (size_t i = 0; i < merge->slot_count; i++) {
		const struct merge_slot *slot = &merge->slots[i];
		struct slice key;

		if (slot->count == 0)
			continue;
		key = slot->entries[slot->at].key;
		if (size == SIZE_MAX) {
			first = key;
			size = key.size < PREFIX_BYTES_MAX ? key.size
							   : PREFIX_BYTES_MAX;
		}
		size = common_size(first, size, key);
		size = common_size(
		    first, size, slot->entries[slot->count - 1].key);
	}
	if (size == SIZE_MAX || size <= PREFIX_SLACK)
		size = 0;
	else
		size -= PREFIX_SLACK;
	merge->prefix_size = size;
	if (size > 0)
		memcpy(merge->prefix, first.data, size);
}

static inline void
set_digests(const struct merge_iterator *merge, struct merge_slot *slot)
{
	for (size_t i = slot->at; i < slot->count; i++)
		slot->digests[i] =
		    key_digest(slot->entries[i].key, merge->prefix_size);
}

/*
 * True if slot `a` is yielded before slot `b`, where their digests do not tell:
 * by key, then the newer one first.
 */
static bool __attribute__((noinline))
before_in_full(struct merge_iterator *merge, uint32_t a, uint32_t b)
{
	struct merge_slot *x = &merge->slots[a];
	struct merge_slot *y = &merge->slots[b];
	const struct entry *x_entry = &x->entries[x->at];
	const struct entry *y_entry = &y->entries[y->at];
	int order;

	if (x->count == 0 || y->count == 0)
		return x->count > 0;
	order = slice_compare(x_entry->key, y_entry->key);
	if (order != 0)
		return order < 0;
	x->is_tied = true;
	y->is_tied = true;
	if (x_entry->sequence != y_entry->sequence)
		return x_entry->sequence > y_entry->sequence;
	return x->rank < y->rank;
}

/*
 * Carries a slot from its leaf up to the top, or to the first place that
 * nobody has taken yet.
 */
static inline void
rise(struct merge_iterator *merge, uint32_t slot, uint64_t digest)
{
	size_t at = (merge->slot_count + slot) / 2;

	for (; at > 0; at /= 2) {
		uint32_t other = merge->nodes[at];
		uint64_t other_digest = merge->digests[at];
		bool is_before = other_digest < digest;

		if (UNLIKELY(other == SLOT_NONE))
			break;
		if (UNLIKELY(other_digest == digest))
			is_before = before_in_full(merge, other, slot);
		merge->nodes[at] = is_before ? slot : other;
		slot = is_before ? other : slot;
		merge->digests[at] = is_before ? digest : other_digest;
		digest = is_before ? other_digest : digest;
	}
	merge->nodes[at] = slot;
	merge->digests[at] = digest;
}

/* Compares all slots anew. */
static void
rebuild(struct merge_iterator *merge)
{
	find_prefix(merge);
	for (uint32_t i = 0; i < merge->slot_count; i++)
		merge->nodes[i] = SLOT_NONE;
	for (uint32_t i = 0; i < merge->slot_count; i++) {
		struct merge_slot *slot = &merge->slots[i];
		uint64_t digest = UINT64_MAX;

		set_digests(merge, slot);
		if (slot->count > 0)
			digest = slot->digests[slot->at];
		rise(merge, i, digest);
	}
}

/* Takes what comes next from the slot's child, which has nothing left here. */
static enum status __attribute__((noinline))
refill(struct merge_iterator *merge, uint32_t index, struct error *err)
{
	struct merge_slot *slot = &merge->slots[index];

	slot->at = 0;
	slot->count = 0;
	if (iterator_take(slot->child, slot->entries, slot->take, &slot->count,
		err) != STATUS_OK)
		return err->code;
	if (slot->take < TAKE_MAX)
		slot->take *= 2;
	if (slot->count == 0) {
		rise(merge, index, UINT64_MAX);
		return STATUS_OK;
	}
	/* Without the prefix no digest is right: all are compared anew. */
	if (UNLIKELY(!has_prefix(merge, slot->entries[0].key) ||
		!has_prefix(merge, slot->entries[slot->count - 1].key))) {
		rebuild(merge);
		return STATUS_OK;
	}
	set_digests(merge, slot);
	rise(merge, index, slot->digests[0]);
	return STATUS_OK;
}

static inline struct merge_slot *
top_slot(const struct merge_iterator *merge)
{
	return &merge->slots[merge->nodes[0]];
}

/* Moves the slot on top one entry on, and puts the least there. */
static inline enum status
advance(struct merge_iterator *merge, struct error *err)
{
	struct merge_slot *slot = top_slot(merge);

	slot->is_tied = false;
	slot->at++;
	if (UNLIKELY(slot->at >= slot->count))
		return refill(merge, merge->nodes[0], err);
	rise(merge, merge->nodes[0], slot->digests[slot->at]);
	return STATUS_OK;
}

static bool
merge_approach(struct iterator *it, struct slice key)
{
	struct merge_iterator *merge = (struct merge_iterator *)it;
	bool has_more = false;

	for (size_t i = 0; i < merge->child_count; i++)
		has_more |= iterator_approach(merge->children[i], key);
	return has_more;
}

static enum status
merge_seek(struct iterator *it, struct slice key, struct error *err)
{
	struct merge_iterator *merge = (struct merge_iterator *)it;

	it->valid = false;
	merge->slot_count = 0;
	while (merge_approach(it, key))
		;
	for (size_t i = 0; i < merge->child_count; i++) {
		struct iterator *child = merge->children[i];

		if (iterator_seek(child, key, err) != STATUS_OK)
			return err->code;
		if (child->valid) {
			struct merge_slot *slot =
			    &merge->slots[merge->slot_count++];

			slot->child = child;
			slot->rank = i;
			slot->is_tied = false;
			slot->at = 0;
			slot->count = 1;
			slot->take = TAKE_FIRST;
			slot->entries[0] = child->entry;
		}
	}
	if (merge->slot_count > 0)
		rebuild(merge);
	if (merge->slot_count > 0) {
		it->entry = top_slot(merge)->entries[0];
		it->valid = true;
	}
	return STATUS_OK;
}

/*
 * Older versions of the key on top come right behind it, and are passed over.
 * Its bytes may die when its child moves on, so it is copied.
 */
static enum status __attribute__((noinline))
pass_tied(struct merge_iterator *merge, struct error *err)
{
	const struct merge_slot *top = top_slot(merge);

	buffer_clear(&merge->last_key, TIED_KEY_KEEP_BYTES);
	buffer_append_slice(&merge->last_key, top->entries[top->at].key);
	do {
		if (advance(merge, err) != STATUS_OK)
			return err->code;
		top = top_slot(merge);
	} while (top->count > 0 &&
	    slice_equal(
		top->entries[top->at].key, buffer_slice(&merge->last_key)));
	return STATUS_OK;
}

/*
 * The first entry may make its child give up what it has shown. For those
 * behind it no child moves on, so that all stay.
 */
static enum status
merge_take(struct iterator *it, struct entry *out, size_t count_max,
    size_t *count, struct error *err)
{
	struct merge_iterator *merge = (struct merge_iterator *)it;
	const struct merge_slot *top;
	size_t taken = 0;

	CHECK(it->valid);
	it->valid = false;
	/*
	 * If another child stands on the same key, then one that does was
	 * compared with this: whoever it lost to before has that key too.
	 */
	if (UNLIKELY(top_slot(merge)->is_tied)) {
		if (pass_tied(merge, err) != STATUS_OK)
			return err->code;
	} else if (advance(merge, err) != STATUS_OK) {
		return err->code;
	}
	top = top_slot(merge);
	if (top->count == 0)
		return STATUS_OK;
	out[taken++] = top->entries[top->at];
	while (taken < count_max && !top->is_tied && top->at + 1 < top->count) {
		(void)!advance(merge, err);
		top = top_slot(merge);
		out[taken++] = top->entries[top->at];
	}
	it->valid = true;
	*count = taken;
	return STATUS_OK;
}

static enum status
merge_next(struct iterator *it, struct error *err)
{
	size_t count = 0;

	return merge_take(it, &it->entry, 1, &count, err);
}

static void
merge_close(struct iterator *it)
{
	struct merge_iterator *merge = (struct merge_iterator *)it;

	for (size_t i = 0; i < merge->child_count; i++)
		iterator_close(merge->children[i]);
	mem_free(merge->children);
	mem_free(merge->slots);
	mem_free(merge->digests);
	mem_free(merge->nodes);
	buffer_deinit(&merge->last_key);
	mem_free(merge);
}

struct iterator *
merge_iterator_create(struct iterator *const *children, size_t count)
{
	static const struct iterator_ops ops = {
	    .seek = merge_seek,
	    .next = merge_next,
	    .close = merge_close,
	    .approach = merge_approach,
	    .take = merge_take,
	};
	struct merge_iterator *merge;

	if (count == 1)
		return children[0];
	merge = mem_new(sizeof(*merge));
	merge->base.ops = &ops;
	merge->children = mem_dup(children, count * sizeof(struct iterator *));
	merge->child_count = count;
	/* Not filled with zeroes: a slot is set when it is used. */
	if (count > 0)
		merge->slots =
		    mem_resize(NULL, count * sizeof(struct merge_slot));
	merge->digests = mem_new_array(count, sizeof(uint64_t));
	merge->nodes = mem_new_array(count, sizeof(uint32_t));
	return &merge->base;
}

struct iterator *
merge_iterator_child(struct iterator *it, size_t count, size_t index)
{
	const struct merge_iterator *merge = (struct merge_iterator *)it;

	CHECK(index < count);
	if (count == 1)
		return it;
	CHECK(merge->child_count == count);
	return merge->children[index];
}
