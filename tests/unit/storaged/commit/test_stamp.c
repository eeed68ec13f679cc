#include <stdio.h>

#include "common/base/rng.h"
#include "storaged/commit/admission.h"
#include "storaged/commit/stamp.h"
#include "tests/support/suite.h"

#define HOUR_MS 3600000u

static void
stamp_follows_the_wall_clock(void)
{
	struct stamp stamp = stamp_start(0, 1000000, 50);

	CU_ASSERT_EQUAL(stamp_next(&stamp, 1000010, 60), 1000010);
	/* Small corrections in both directions. */
	CU_ASSERT_EQUAL(stamp_next(&stamp, 1000510, 70), 1000510);
	CU_ASSERT_EQUAL(stamp_next(&stamp, 1000400, 80), 1000510);
	CU_ASSERT_EQUAL(stamp_next(&stamp, 1000700, 380), 1000700);
	CU_ASSERT_FALSE(stamp.slewing);
}

static void
stamp_begins_no_earlier_than_the_store_clock(void)
{
	struct stamp stamp = stamp_start(5000, 1000, 0);

	CU_ASSERT_EQUAL(stamp.last_ms, 5000);
	CU_ASSERT_TRUE(stamp_next(&stamp, 1001, 1) >= 5000);
}

static void
jump_ahead_is_believed_only_slowly(void)
{
	struct stamp stamp = stamp_start(0, HOUR_MS, 0);
	uint64_t after_second;
	uint64_t monotonic;

	after_second = stamp_next(&stamp, 2 * HOUR_MS + 1000, 1000);
	CU_ASSERT_TRUE(stamp.slewing);
	CU_ASSERT_EQUAL(
	    after_second, HOUR_MS + 1000 + 1000 / STAMP_SLEW_DIVISOR);
	/* In the end they meet. */
	for (monotonic = 1000; monotonic < 10 * HOUR_MS; monotonic += 1000)
		(void)stamp_next(&stamp, 2 * HOUR_MS + monotonic, monotonic);
	CU_ASSERT_FALSE(stamp.slewing);
	CU_ASSERT_EQUAL(stamp.last_ms, 2 * HOUR_MS + monotonic - 1000);
}

static void
stamp_never_goes_back_whatever_the_wall_clock_does(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct stamp stamp = stamp_start(0, 1000000000, 0);
	uint64_t last = 0;
	uint64_t monotonic = 0;

	for (int i = 0; i < 100000; i++) {
		uint64_t next;

		monotonic += rng_below(&rng, 50);
		next = stamp_next(&stamp,
		    1000000000 - 5 * HOUR_MS + monotonic +
			rng_below(&rng, 10 * HOUR_MS),
		    monotonic);
		CU_ASSERT_TRUE_FATAL(next >= last);
		/* Nor ahead of elapsed time by more than slew and steps. */
		CU_ASSERT_TRUE_FATAL(next <= 1000000000 + monotonic * 9 / 8 +
			(uint64_t)(i + 1) * STAMP_JUMP_MS_MAX);
		last = next;
	}
}

static void
delay_grows_smoothly_and_only_when_half_full(void)
{
	struct admission_load load = {.frozen_count_max = 100,
	    .level0_count_max = 24,
	    .debt_bytes_max = 1000};
	uint32_t last = 0;

	load.frozen_count = 50;
	load.level0_count = 12;
	load.debt_bytes = 500;
	CU_ASSERT_EQUAL(admission_delay_us(&load), 0);
	for (load.frozen_count = 51; load.frozen_count < 100;
	     load.frozen_count++) {
		uint32_t delay = admission_delay_us(&load);

		CU_ASSERT_TRUE(delay > last);
		CU_ASSERT_TRUE(delay - last < ADMISSION_DELAY_US_MAX / 10);
		CU_ASSERT_FALSE(admission_refuses(&load));
		last = delay;
	}
	CU_ASSERT_TRUE(admission_refuses(&load));
	load.frozen_count = 0;
	load.debt_bytes = 5000;
	CU_ASSERT_EQUAL(admission_delay_us(&load), ADMISSION_DELAY_US_MAX);
	CU_ASSERT_FALSE(admission_refuses(&load));
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(stamp_follows_the_wall_clock),
	    SUITE_CASE(stamp_begins_no_earlier_than_the_store_clock),
	    SUITE_CASE(jump_ahead_is_believed_only_slowly),
	    SUITE_CASE(stamp_never_goes_back_whatever_the_wall_clock_does),
	    SUITE_CASE(delay_grows_smoothly_and_only_when_half_full),
	};

	return suite_run("stamp", cases, SUITE_COUNT(cases), argc, argv);
}
