#include "tests/bench/engine/sample.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"

/* Random bytes and the same once more: LZ4 and Snappy find the second half. */
#define PIECE_BYTES 100u
#define POOL_PIECES 20000u

void
sample_init(struct sample *sample, uint64_t keys, size_t value_bytes)
{
	size_t pieces = POOL_PIECES + value_bytes / PIECE_BYTES + 1;
	struct rng rng = rng_seeded(3);

	*sample = (struct sample){
	    .keys = keys,
	    .value_bytes = value_bytes,
	    .pool = mem_new(pieces * PIECE_BYTES),
	    .pool_places = POOL_PIECES,
	};
	for (size_t i = 0; i < pieces; i++) {
		uint8_t *piece = sample->pool + i * PIECE_BYTES;

		for (size_t j = 0; j < PIECE_BYTES / 2; j++)
			piece[j] = (uint8_t)rng_next(&rng);
		memcpy(piece + PIECE_BYTES / 2, piece, PIECE_BYTES / 2);
	}
	sample->half_bits = 1;
	while ((uint64_t)1 << (2 * sample->half_bits) < keys)
		sample->half_bits++;
}

void
sample_deinit(struct sample *sample)
{
	mem_free(sample->pool);
}

struct slice
sample_key(uint64_t number, uint8_t out[SAMPLE_KEY_BYTES])
{
	for (unsigned i = SAMPLE_KEY_BYTES; i > 0; i -= 2) {
		unsigned pair = (unsigned)(number % 100);

		out[i - 1] = (uint8_t)('0' + pair % 10);
		out[i - 2] = (uint8_t)('0' + pair / 10);
		number /= 100;
	}
	return slice_of(out, SAMPLE_KEY_BYTES);
}

static uint64_t
mix(uint64_t number)
{
	return rng_next(&(struct rng){number});
}

struct slice
sample_value(const struct sample *sample, uint64_t number, uint64_t salt)
{
	uint64_t place = mix(number + (salt << 40)) % sample->pool_places;

	return slice_of(
	    sample->pool + place * PIECE_BYTES, sample->value_bytes);
}

/*
 * Four rounds of a Feistel network permute the numbers of twice `half_bits`;
 * those that are no key are sent through again until they are one, which
 * leaves a permutation of the keys and takes two rounds on average.
 */
uint64_t
sample_permuted(const struct sample *sample, uint64_t place)
{
	uint64_t mask = ((uint64_t)1 << sample->half_bits) - 1;

	do {
		uint64_t left = place >> sample->half_bits;
		uint64_t right = place & mask;

		for (uint64_t round = 1; round <= 4; round++) {
			uint64_t next = left ^
			    (((right + (round << 32)) * 0x9e3779b97f4a7c15u) >>
				(64 - sample->half_bits));

			left = right;
			right = next;
		}
		place = left << sample->half_bits | right;
	} while (place >= sample->keys);
	return place;
}
