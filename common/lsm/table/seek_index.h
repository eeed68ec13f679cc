/*
 * seek_index - from a key to the block where an ordered walk begins.
 *
 * Between two neighbouring blocks stands a separator: greater than all keys
 * of the one, not greater than any of the other, and as short as can be. What
 * all separators have in common is stored once, and the next eight bytes of
 * each stand as a number beside it, so that a search hardly reads any keys.
 *
 * Even so it would wait for memory some ten times on end. So every sixteenth
 * number is gathered as a fence once a reader searches again: fences lie
 * close together, and the separators between two of them come at once.
 */
#ifndef COMMON_LSM_TABLE_SEEK_INDEX_H
#define COMMON_LSM_TABLE_SEEK_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/attributes.h"
#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

struct table_section;

/* A zeroed one has no separators. */
struct seek_index_builder {
	struct buffer keys; /* whole separators, one behind the other */
	struct buffer sizes; /* of each, 32 bits */
};

/*
 * Adds the separator between two blocks; false, and nothing is added, when
 * the index would be too large.
 */
bool seek_index_add(struct seek_index_builder *builder, struct slice last_key,
    struct slice first_key) MUST_CHECK;

/* Writes both sections; returns the size of what all have in common. */
uint32_t seek_index_finish(const struct seek_index_builder *builder,
    struct buffer *separators, struct buffer *keys);

void seek_index_builder_deinit(struct seek_index_builder *builder);

struct seek_index {
	struct table_section *separators; /* borrowed */
	struct table_section *keys; /* borrowed */
	uint32_t common_prefix_size; /* at most the size of the keys */
	/* Every so many separators' numbers: unchecked, mere hints. */
	uint64_t *fences;
	uint64_t fence_count; /* 0: not gathered */
	bool was_searched;
};

/* Separators `low` up to `high`, around the place of a key: a mere hint. */
struct seek_range {
	uint64_t low;
	uint64_t high;
	uint64_t guess; /* the place, more or less */
};

/* Frees the fences. */
void seek_index_deinit(struct seek_index *index);

/* Where a key belongs. */
struct seek_place {
	uint64_t block; /* the number of separators <= the key */
	/*
	 * How much of the block probably lies before the key, in 65536ths:
	 * a guess from the separators around it.
	 */
	uint32_t share;
};

/*
 * Finds out where the place of `key` may be, and lets the separators there
 * come from memory. Must be guarded like a search.
 */
void seek_index_narrow(
    struct seek_index *index, struct slice key, struct seek_range *out);

/* Lets records around the one at `index` come from memory: a mere hint. */
void seek_index_fetch(
    const struct table_section *section, uint64_t index, size_t record_bytes);

/*
 * Finds the place of `key`. Looks in `range` first; one that is wrong costs
 * time and nothing else, and NULL is allowed.
 */
enum status seek_index_find(const struct seek_index *index, struct slice key,
    const struct seek_range *range, struct seek_place *place,
    struct error *err) MUST_CHECK;

#endif
