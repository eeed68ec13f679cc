/*
 * merge - several iterators as one, each key once in its newest version.
 *
 * Yields tombstones too, and knows nothing of expiry or range tombstones:
 * its user decides what an entry means.
 *
 * Failure    The first failing child's error is passed on as it is.
 * Ownership  The merge iterator owns its children and closes them.
 */
#ifndef COMMON_LSM_RECORD_MERGE_H
#define COMMON_LSM_RECORD_MERGE_H

#include <stddef.h>

struct iterator;

/*
 * Takes the `count` children (0 is fine; the array stays the caller's), each
 * of which yields a key at most once. Where several hold a key, the entry
 * with the greatest sequence is yielded, and of equals the one of the child
 * that stands first.
 */
struct iterator *
merge_iterator_create(struct iterator *const *children, size_t count);

/* One of the children that were given, borrowed; with a single one, `it`. */
struct iterator *
merge_iterator_child(struct iterator *it, size_t count, size_t index);

#endif
