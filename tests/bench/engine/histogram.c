#include "tests/bench/engine/histogram.h"

#include <stddef.h>

#define PARTS_BITS 5u

_Static_assert(1u << PARTS_BITS == HISTOGRAM_PARTS, "bits of the parts");

void
histogram_add(struct histogram *histogram, uint64_t ns)
{
	unsigned shift = 0;
	size_t bucket;

	if (ns >= HISTOGRAM_PARTS)
		shift = 63u - PARTS_BITS - (unsigned)__builtin_clzll(ns);
	/* The leading bit counts as one more part of the power below. */
	bucket = (size_t)shift * HISTOGRAM_PARTS + (size_t)(ns >> shift);
	if (bucket >= HISTOGRAM_BUCKETS)
		bucket = HISTOGRAM_BUCKETS - 1;
	histogram->buckets[bucket]++;
	histogram->count++;
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

/* The greatest time that is counted in a bucket. */
static uint64_t
bucket_end_ns(size_t bucket)
{
	size_t shift = bucket / HISTOGRAM_PARTS;

	/* Parts of a power are 32 to 63; below the first there are 0 to 31. */
	if (shift > 0)
		shift--;
	return ((uint64_t)(bucket - shift * HISTOGRAM_PARTS + 1) << shift) - 1;
}

uint64_t
histogram_quantile_ns(const struct histogram *histogram, double share)
{
	double wanted = share * (double)histogram->count;
	uint64_t seen = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen > 0 && (double)seen >= wanted)
			return bucket_end_ns(i) < histogram->max_ns
			    ? bucket_end_ns(i)
			    : histogram->max_ns;
	}
	return histogram->max_ns;
}
