/*
 * trace - latencies over time: a histogram for each tenth of a second.
 *
 * Threads  Locked within.
 */
#ifndef TESTS_BENCH_ENGINE_TRACE_H
#define TESTS_BENCH_ENGINE_TRACE_H

#include <stdint.h>

struct trace;

/* For so long from now; what comes later counts as the last part. */
struct trace *trace_create(double seconds);

void trace_add(struct trace *trace, uint64_t end_ns, uint64_t took_ns);

/* Lines `second,operations,p50_us,p99_us,max_us`, with a line of names. */
void trace_write(const struct trace *trace, const char *path);

void trace_close(struct trace *trace);

#endif
