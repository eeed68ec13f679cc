/*
 * rng - seeded pseudo-random numbers (splitmix64), for tests and for jitter.
 *
 * Not for secrets and not for identities: those come from the operating
 * system (common/os/random).
 */
#ifndef COMMON_BASE_RNG_H
#define COMMON_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline struct rng
rng_seeded(uint64_t seed)
{
	return (struct rng){seed};
}

static inline uint64_t
rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A number below `limit`, which is greater than 0. */
static inline uint64_t
rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

#endif
