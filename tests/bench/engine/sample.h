/*
 * sample - the keys and values that all engines are given.
 *
 * Keys are sixteen decimal digits of a number below the number of keys. A
 * value follows from its number and a salt, so that readers can tell whether
 * they got the right one; half of its bytes repeat what stands before them,
 * which is what compression is to find.
 *
 * Threads  A sample does not change once made.
 */
#ifndef TESTS_BENCH_ENGINE_SAMPLE_H
#define TESTS_BENCH_ENGINE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

#define SAMPLE_KEY_BYTES 16

struct sample {
	uint64_t keys;
	size_t value_bytes;
	uint8_t *pool;
	uint64_t pool_places;
	unsigned half_bits; /* of the permutation: see sample_permuted() */
};

void sample_init(struct sample *sample, uint64_t keys, size_t value_bytes);
void sample_deinit(struct sample *sample);

/* Writes the key of a number into `out`. */
struct slice sample_key(uint64_t number, uint8_t out[SAMPLE_KEY_BYTES]);

struct slice
sample_value(const struct sample *sample, uint64_t number, uint64_t salt);

/* The number at `place` of a random-looking permutation of 0 .. keys - 1. */
uint64_t sample_permuted(const struct sample *sample, uint64_t place);

#endif
