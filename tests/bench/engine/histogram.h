/*
 * histogram - how long operations took, to within 3 %.
 *
 * Threads  None inside: each thread fills one of its own, and they are added
 *          up when it has ended.
 */
#ifndef TESTS_BENCH_ENGINE_HISTOGRAM_H
#define TESTS_BENCH_ENGINE_HISTOGRAM_H

#include <stdint.h>

/* Of each power of two there are so many parts. */
#define HISTOGRAM_PARTS 32u
#define HISTOGRAM_BUCKETS (HISTOGRAM_PARTS * 36u)

/* Zeroed: empty. */
struct histogram {
	uint64_t count;
	uint64_t max_ns;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* What this share (0 to 1) of the operations took at most; 0 if empty. */
uint64_t histogram_quantile_ns(const struct histogram *histogram, double share);

#endif
