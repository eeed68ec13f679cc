/*
 * manual_clock - a clock that only the test moves.
 *
 * Threads  None; for code that runs on the test's thread.
 */
#ifndef TESTS_SUPPORT_MANUAL_CLOCK_H
#define TESTS_SUPPORT_MANUAL_CLOCK_H

#include "common/os/clock.h"

struct manual_clock {
	struct clock clock; /* to give to the code under test */
	uint64_t now_ms; /* the wall clock; moves with the other */
	uint64_t since_boot_ms;
};

void manual_clock_init(struct manual_clock *clock, uint64_t now_ms);

/* Lets time pass. */
void manual_clock_advance(struct manual_clock *clock, uint64_t ms);

#endif
