/*
 * entry_program - entries and range tombstones made of a fuzzer's input.
 *
 * Ownership  All bytes are the struct's own.
 */
#ifndef TESTS_FUZZ_ENTRY_PROGRAM_H
#define TESTS_FUZZ_ENTRY_PROGRAM_H

#include "common/base/arena.h"
#include "common/lsm/record/entry.h"

struct entry_program {
	struct arena arena;
	struct entry *entries; /* sequences ascend */
	size_t count;
	struct range_tombstone *ranges; /* sequences differ from all others */
	size_t range_count;
};

/* Takes up to `count_max` entries and some ranges off `input`. */
void entry_program_take(
    struct entry_program *out, struct slice *input, size_t count_max);

/* Sorts by key and keeps the newest entry of each. */
void entry_program_settle(struct entry_program *entries);

/* Whether all fields are the same. */
bool entry_program_same(const struct entry *a, const struct entry *b);

void entry_program_deinit(struct entry_program *entries);

#endif
