/*
 * table_sample - tables for tests: random content and the files made of it.
 */
#ifndef TESTS_SUPPORT_TABLE_SAMPLE_H
#define TESTS_SUPPORT_TABLE_SAMPLE_H

#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/rng.h"
#include "common/lsm/record/entry.h"
#include "common/lsm/table/table_builder.h"
#include "common/lsm/table/table_summary.h"

#define SAMPLE_NUMBER 7

struct sample {
	struct arena arena; /* all keys and values */
	struct entry *entries; /* keys ascend */
	size_t count;
	struct range_tombstone *ranges;
	size_t range_count;
};

extern const uint8_t sample_store_id[16];

/* Random entries and ranges; keys of one of several shapes. */
void sample_init_random(struct sample *sample, struct rng *rng,
    size_t count_max, size_t value_bytes_max);

/* A few entries of every kind and two ranges, always the same. */
void sample_init_small(struct sample *sample);

void sample_deinit(struct sample *sample);

/* The options that all tests share. */
struct table_options
sample_options(enum compression compression, size_t block_bytes);

/* Builds the file; the first failure is returned. */
enum status sample_build(const struct sample *sample, struct file_system *fs,
    const char *path, const struct table_options *options,
    struct table_summary *summary, struct error *err) MUST_CHECK;

/* The place of the first entry whose key is >= `key`. */
size_t sample_find(const struct sample *sample, struct slice key);

/* The greatest sequence of a range that holds `key`, 0 if none does. */
uint64_t sample_cover(const struct sample *sample, struct slice key);

/* True if both say the same of the same key. */
bool sample_entry_equal(const struct entry *a, const struct entry *b);

#endif
