/*
 * write_set - what a batch is going to write, found again by key.
 *
 * Commands must see what those before them in the batch did, though nothing of
 * it is in the store yet; and what a failed group did must be undone.
 *
 * Ownership  Keys and values are borrowed; copies of values that would not
 *            last are the set's, until it is emptied.
 * Threads    None inside.
 */
#ifndef STORAGED_APPLY_WRITE_SET_H
#define STORAGED_APPLY_WRITE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/lsm/record/entry.h"

struct apply_need;
struct apply_store;

struct write_set;

struct write_set *write_set_create(void);
void write_set_close(struct write_set *set);

/* Empties the set and readies it for up to `write_count_max` writes. */
void write_set_reset(struct write_set *set, size_t write_count_max);

/* Adds a write; its sequence is greater than those of all before. */
void
write_set_add(struct write_set *set, const struct entry *entry, uint64_t hash);
void
write_set_add_range(struct write_set *set, const struct range_tombstone *range);

/* Memory of the set's for a copy of `bytes`. */
struct slice write_set_dup(struct write_set *set, struct slice bytes);

/*
 * What the set says of a key: FOUND, maybe a tombstone; ABSENT if the store
 * has to be asked.
 */
enum lookup write_set_find(const struct write_set *set, struct slice key,
    uint64_t hash, struct entry *out);

/* Writes so far; removing all behind such a number undoes them. */
size_t write_set_size(const struct write_set *set);
void write_set_undo(struct write_set *set, size_t size);

/* What it takes to emit the set, and to do so in the order added. */
struct apply_need write_set_need(const struct write_set *set);
void
write_set_emit(const struct write_set *set, const struct apply_store *store);

#endif
