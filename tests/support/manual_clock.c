#include "tests/support/manual_clock.h"

static uint64_t
wall_ms(const struct clock *clock)
{
	return ((const struct manual_clock *)clock)->now_ms;
}

static uint64_t
monotonic_ns(const struct clock *clock)
{
	return ((const struct manual_clock *)clock)->since_boot_ms * 1000000;
}

void
manual_clock_init(struct manual_clock *clock, uint64_t now_ms)
{
	clock->clock = (struct clock){wall_ms, monotonic_ns};
	clock->now_ms = now_ms;
	clock->since_boot_ms = 1000;
}

void
manual_clock_advance(struct manual_clock *clock, uint64_t ms)
{
	clock->now_ms += ms;
	clock->since_boot_ms += ms;
}
