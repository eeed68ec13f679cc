#include "common/os/clock.h"

#include <time.h>

#include "common/base/check.h"

static uint64_t
read_ns(clockid_t id)
{
	struct timespec now;

	CHECK(clock_gettime(id, &now) == 0);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t
system_wall_ms(const struct clock *clock)
{
	(void)clock;
	return read_ns(CLOCK_REALTIME) / 1000000;
}

static uint64_t
system_monotonic_ns(const struct clock *clock)
{
	(void)clock;
	return read_ns(CLOCK_BOOTTIME);
}

const struct clock clock_system = {system_wall_ms, system_monotonic_ns};
