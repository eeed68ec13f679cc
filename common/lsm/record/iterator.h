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

/* Goes one entry on; the iterator must be valid. */
static inline enum status MUST_CHECK
iterator_next(struct iterator *it, struct error *err)
{
	return it->ops->next(it, err);
}

/* Frees the iterator. NULL is allowed. */
static inline void
iterator_close(struct iterator *it)
{
	if (it != NULL)
		it->ops->close(it);
}

#endif
