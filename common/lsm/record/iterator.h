/*
 * iterator - entries in the order of their keys, from any source.
 *
 * An iterator starts out nowhere (not valid); a seek places it. While `valid`
 * is true, `entry` is the one it stands on; after STATUS_OK without `valid`
 * it is behind the last entry.
 *
 * Failure    A failed seek or next leaves the iterator not valid; it may be
 *            sought again.
 * Ownership  The entry and its bytes are borrowed until the next call on the
 *            iterator. Whoever created an iterator closes it.
 * Threads    None inside; one iterator belongs to one thread.
 */
#ifndef COMMON_LSM_RECORD_ITERATOR_H
#define COMMON_LSM_RECORD_ITERATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/attributes.h"
#include "common/base/status.h"
#include "common/lsm/record/entry.h"

struct iterator;

/* What a source provides. Its own struct has a struct iterator in front. */
struct iterator_ops {
	enum status (*seek)(
	    struct iterator *it, struct slice key, struct error *err);
	enum status (*next)(struct iterator *it, struct error *err);
	void (*close)(struct iterator *it);
	/* May be NULL: there is nothing to be done ahead of a seek. */
	bool (*approach)(struct iterator *it, struct slice key);
	/* May be NULL: entries come one by one. */
	enum status (*take)(struct iterator *it, struct entry *out,
	    size_t count_max, size_t *count, struct error *err);
};

struct iterator {
	const struct iterator_ops *ops;
	bool valid;
	struct entry entry;
};

/* Goes to the first entry with a key >= `key`; the empty key is the first. */
static inline enum status MUST_CHECK
iterator_seek(struct iterator *it, struct slice key, struct error *err)
{
	return it->ops->seek(it, key, err);
}

/*
 * Goes a step towards the seek of `key`, which must come next, up to where it
 * would wait for memory; false once there are no more steps. So who seeks in
 * several iterators waits for the memory of all at once. What fails on the
 * way, the seek will tell.
 */
static inline bool
iterator_approach(struct iterator *it, struct slice key)
{
	return it->ops->approach != NULL && it->ops->approach(it, key);
}

/* Goes one entry on; the iterator must be valid. */
static inline enum status MUST_CHECK
iterator_next(struct iterator *it, struct error *err)
{
	return it->ops->next(it, err);
}

/*
 * Goes from one to `count_max` entries on, as many as are at hand, and shows
 * them all in `out`: they are borrowed until the next call. *count is 0 at the
 * end. Afterwards the iterator stands on the last, but its `entry` is void;
 * a next, a seek or another take may follow.
 */
static inline enum status MUST_CHECK
iterator_take(struct iterator *it, struct entry *out, size_t count_max,
    size_t *count, struct error *err)
{
	*count = 0;
	if (it->ops->take != NULL)
		return it->ops->take(it, out, count_max, count, err);
	if (it->ops->next(it, err) != STATUS_OK)
		return err->code;
	if (it->valid) {
		*out = it->entry;
		*count = 1;
	}
	return STATUS_OK;
}

/* Frees the iterator. NULL is allowed. */
static inline void
iterator_close(struct iterator *it)
{
	if (it != NULL)
		it->ops->close(it);
}

#endif
