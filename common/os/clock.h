/*
 * clock - time as a seam, so that tests own it.
 *
 * Threads  The system clock may be read from any thread.
 */
#ifndef COMMON_OS_CLOCK_H
#define COMMON_OS_CLOCK_H

#include <stdint.h>

struct clock {
	/* Milliseconds since 1970 by the wall clock; may jump. */
	uint64_t (*wall_ms)(const struct clock *clock);
	/*
	 * Nanoseconds since boot, time asleep included; never goes back and
	 * is the same in every process.
	 */
	uint64_t (*monotonic_ns)(const struct clock *clock);
};

/* The clock of the operating system. */
extern const struct clock clock_system;

static inline uint64_t
clock_wall_ms(const struct clock *clock)
{
	return clock->wall_ms(clock);
}

static inline uint64_t
clock_monotonic_ns(const struct clock *clock)
{
	return clock->monotonic_ns(clock);
}

static inline uint64_t
clock_monotonic_ms(const struct clock *clock)
{
	return clock->monotonic_ns(clock) / 1000000;
}

#endif
